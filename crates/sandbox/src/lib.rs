//! The sandbox: stand-ins of amoCRM, GetCourse, the telephony providers and a mail relay, and scripted people
//! who use them. It imports nothing from the other crates: it is written from the fact sheets alone, so that
//! it can contradict our clients. Enter at [`World`] for a pure state machine, at [`serve`] for the same
//! behind real sockets, at [`Setup`] for its configuration.

pub mod agenda;
pub mod amocrm;
pub mod calls;
mod exchanges;
pub mod faults;
mod form;
pub mod getcourse;
pub mod lines;
pub mod mail;
pub mod mango;
pub mod moment;
pub mod observe;
mod people;
mod remote_control;
pub mod rng;
pub mod script;
pub mod serve;
pub mod setup;
mod setup_check;
pub mod sipuni;
mod smtp;
pub mod telphin;
#[cfg(test)]
mod tests;
pub mod wire;
mod world;
pub mod zadarma;

pub use self::mail::{Letter, MailAnswer};
pub use self::observe::{Counters, Duplicate, marker};
pub use self::setup::Setup;
pub use self::wire::{Hook, Platform, WireAnswer, WireRequest};
pub use self::world::World;
