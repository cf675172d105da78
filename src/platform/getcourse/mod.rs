//! GetCourse: orders, payments and the people who made them.

pub mod settings;

pub use settings::Settings;
