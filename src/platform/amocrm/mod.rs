//! amoCRM: leads, contacts, tasks and notes of the sales team.
//! The way in is [`AmoHooks`], the way out [`AmoCourier`]; the facts are those of amocrm.ru's
//! documentation, of its PHP client and of captured bodies, named where they are used.
//! Enter at [`PLATFORM`], at `webhook` for what comes in, at `deliver` for what goes out.

mod batch_writes;
pub mod brackets;
mod card;
pub mod check;
pub mod classify;
pub mod client;
pub mod consent;
mod decode;
pub mod deliver;
pub mod discover;
mod drop_rejected;
mod entry;
mod grant;
mod mirror;
mod numbers;
pub mod oauth;
pub mod read_entities;
pub mod read_lead;
pub mod reconcile;
mod search;
pub mod settings;
mod shared_reads;
pub mod subscription;
pub mod token;
pub mod webhook;
mod wire;
mod words;

#[cfg(test)]
mod fake;

pub use client::AmoClient;
pub use consent::App;
pub use deliver::AmoCourier;
pub use entry::{PLATFORM, client};
pub use oauth::OauthTokens;
pub use reconcile::AmoLookBack;
pub use settings::Settings;
pub use token::{LongLived, TokenSource};
pub use webhook::AmoHooks;
