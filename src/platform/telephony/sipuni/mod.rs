//! Sipuni: calls, their results, and their starts.
//! Never verifies an event by a signature, for Sipuni signs none: only who knows the secret in the
//! path is believed.
//! Enter at [`SipuniHooks`], [`SipuniClient`] and [`SipuniStatistics`].

pub mod client;
pub mod decode;
pub mod hooks;
pub mod look_back;
pub mod settings;
mod table;
pub mod wire;

pub use client::SipuniClient;
pub use hooks::SipuniHooks;
pub use look_back::SipuniStatistics;
pub use settings::Settings;

/// The key of a call.
pub fn call_key(id: &str) -> String {
    format!("sipuni:{id}")
}

/// The name under which a call start of ours is known once Sipuni has answered with its id.
pub fn callback_key(id: &str) -> String {
    format!("sipuni:callback:{id}")
}
