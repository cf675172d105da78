//! Telphin («Телфин.Офис»): calls, their results, and their starts.
//! Never verifies an event by a signature, for Telphin signs none: only who knows the secret in
//! the path is believed.
//! Enter at [`TelphinHooks`], [`TelphinClient`] and [`TelphinStatistics`].

pub mod client;
pub mod decode;
pub mod hooks;
pub mod look_back;
pub mod session;
pub mod settings;
pub mod wire;

pub use client::TelphinClient;
pub use hooks::TelphinHooks;
pub use look_back::TelphinStatistics;
pub use session::Session;
pub use settings::Settings;

/// The name under which a call start of ours is known once Telphin has answered with its id; its
/// events bring the id in either case.
pub fn callback_key(id: &str) -> String {
    format!("telphin:api:{}", id.to_lowercase())
}

/// The key of a conversation.
pub fn call_key(id: &str) -> String {
    format!("telphin:{}", id.to_lowercase())
}
