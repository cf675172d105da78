//! Sipuni: calls, their results, and their starts.
//! Never verifies an event by a signature, for Sipuni signs none: only who knows the secret in the
//! path is believed.
//! Enter at [`SipuniHooks`] and [`SipuniClient`].

pub mod client;
pub mod decode;
pub mod hooks;
pub mod settings;
pub mod wire;

pub use client::SipuniClient;
pub use hooks::SipuniHooks;
pub use settings::Settings;

/// The name under which a call start of ours is known once Sipuni has answered with its id.
pub fn callback_key(id: &str) -> String {
    format!("sipuni:callback:{id}")
}
