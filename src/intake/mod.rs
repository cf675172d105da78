//! From accepted requests to committed decisions: decode, correlate, step, commit.
//! Never calls a platform. Enter at [`signal`].

pub mod signal;
