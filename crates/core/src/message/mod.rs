//! Texts that people read: letters, tasks, scripts, and short phrases (M1, M2).
//! Never sends anything. Enter at [`library`].

mod check;
pub mod condition;
pub mod head;
pub mod library;
pub mod outside;
pub mod phrase;
mod sample;
mod template;
pub mod text;
mod trials;
mod truth;
pub mod vars;
