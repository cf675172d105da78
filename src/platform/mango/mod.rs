//! Mango Office: calls and their results.
//! Never starts a call yet; it only listens, and looks back.
//! Enter at [`MangoHooks`] and [`MangoLookBack`].

pub mod code;
pub mod decode;
pub mod hooks;
pub mod look_back;
pub mod settings;
pub mod wire;

pub use hooks::MangoHooks;
pub use look_back::MangoLookBack;
pub use settings::Settings;
