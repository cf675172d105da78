//! amoCRM: leads, contacts, tasks and notes of the sales team. Incoming requests go through [`AmoHooks`]
//! (`webhook`), commands through [`AmoCourier`] (`deliver`). Facts about the platform come from amocrm.ru's
//! documentation, from its PHP client and from captured bodies; each is named where it is used. Enter at
//! [`PLATFORM`].

mod batch_writes;
pub mod brackets;
mod card;
pub mod check;
pub mod classify;
pub mod client;
pub mod compare;
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
mod unread;
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
pub use reconcile::AmoReconciler;
pub use settings::Settings;
pub use token::{LongLived, TokenSource};
pub use webhook::AmoHooks;
