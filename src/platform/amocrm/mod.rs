//! amoCRM: leads, contacts, tasks and notes of the sales team.

pub mod settings;

pub use settings::Settings;
