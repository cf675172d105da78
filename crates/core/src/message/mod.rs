//! Texts that people read: letters, tasks, scripts (M1, M2).
//! Never sends anything. Enter at [`library`].

pub mod head;
pub mod library;
mod sample;
mod template;
pub mod text;
pub mod vars;
