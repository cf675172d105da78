//! Mango Office: calls and their results.

pub mod settings;

pub use settings::Settings;
