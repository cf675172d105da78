//! Texts that people read: letters, tasks, scripts (M1, M2).
//! Never sends anything. Enter at [`library`].

pub mod head;
pub mod library;
mod sample;
pub mod shipped;
mod template;
