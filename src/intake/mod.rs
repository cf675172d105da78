//! From accepted requests to units of work: decode, correlate, step.
//! Never calls a platform and never commits. Enter at [`apply`]; `worker::inbox` drives it.

pub mod apply;
pub mod book;
pub mod calls;
pub mod correlate;
pub mod dial;
pub mod envelope;
pub mod forget;
mod hand;
pub mod item;
pub mod mirror;
pub mod shadow;
