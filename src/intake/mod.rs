//! From accepted requests to units of work: decode, correlate, step. Never calls a platform and never
//! commits. Enter at [`apply`]; `worker::inbox` calls it.

pub mod ahead;
pub mod apply;
pub mod book;
pub mod calls;
pub mod clean;
mod contacts;
pub mod correlate;
pub mod dial;
pub mod envelope;
pub mod forget;
pub mod identity;
pub mod item;
pub mod last_seen;
pub mod mirror;
mod read_back;
pub mod split;
mod typed_in_crm;
