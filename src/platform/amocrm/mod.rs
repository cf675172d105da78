//! amoCRM: leads, contacts, tasks and notes of the sales team.
//! The way in is [`AmoHooks`], the way out [`AmoCourier`]; the facts are those of amocrm.ru's
//! documentation, of its PHP client and of captured bodies, named where they are used.
//! Enter at [`PLATFORM`], at `webhook` for what comes in, at `deliver` for what goes out.

pub mod brackets;
mod card;
pub mod check;
pub mod client;
pub mod consent;
mod decode;
pub mod deliver;
pub mod discover;
mod entry;
pub mod found;
mod gather;
mod grant;
pub mod judge;
mod look;
pub mod look_back;
mod mend;
mod mirror;
mod numbers;
pub mod oauth;
pub mod seen;
pub mod settings;
pub mod subscription;
mod together;
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
pub use look_back::AmoLookBack;
pub use oauth::OauthTokens;
pub use settings::Settings;
pub use token::{LongLived, TokenSource};
pub use webhook::AmoHooks;
