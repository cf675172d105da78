//! Mango Office: calls, their results, and their starts.
//! Never decides what a call was.
//! Enter at [`MangoHooks`], [`MangoClient`] and [`MangoStatistics`].

pub mod client;
pub mod code;
pub mod decode;
pub mod hooks;
pub mod look_back;
pub mod settings;
pub mod wire;

pub use client::MangoClient;
pub use hooks::MangoHooks;
pub use look_back::MangoStatistics;
pub use settings::Settings;
