//! From accepted requests to units of work: decode, correlate, step. Never calls a platform and never
//! commits. Enter at [`apply`]; `worker::inbox` calls it.

pub mod apply;
mod author;
pub mod book;
pub mod calls;
pub mod clean;
pub mod correlate;
mod crm_reads;
pub mod dial;
pub mod envelope;
pub mod forget;
pub mod identity;
pub mod item;
pub mod last_seen;
pub mod mirror;
pub mod split;
mod typed_in_crm;
