//! E-mail over SMTP: the school's own letters.

pub mod settings;

pub use settings::Settings;
