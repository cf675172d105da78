//! Mango Office: calls and their results.
//! Never starts a call yet; it only listens.
//! Enter at [`MangoHooks`].

pub mod code;
pub mod decode;
pub mod hooks;
pub mod settings;
pub mod wire;

pub use hooks::MangoHooks;
pub use settings::Settings;
