//! From accepted requests to committed decisions: decode, correlate, step, commit.
//! Never calls a platform. Enter at [`signal`].

pub mod calls;
pub mod contact;
pub mod signal;
