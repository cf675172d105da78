//! dozvon: a webhook bridge between GetCourse, amoCRM and cloud telephony.
//! ARCHITECTURE.md has the map; the road begins in `http` and the decisions are in `process`.

pub mod app;
pub mod away;
#[cfg(feature = "sandbox")]
pub mod bench;
pub mod bounded;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "sandbox")]
pub mod demo;
pub mod discover;
pub mod email;
#[cfg(test)]
mod fuzz_tests;
pub mod http;
pub mod instance;
pub mod intake;
pub mod interrupt;
pub mod json;
pub mod link;
pub mod notify;
pub mod out;
pub mod outbound;
pub mod panics;
pub mod peer;
pub mod person;
pub mod platform;
pub mod platforms;
pub mod private;
pub mod progress;
pub mod reload;
pub mod repeats;
pub mod request;
pub mod schools;
pub mod secret;
pub mod signal;
pub mod spool;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod tokens;
pub mod trouble;
pub mod worker;

pub use dozvon_core::{message, problem, process};
#[cfg(feature = "sandbox")]
pub use dozvon_sandbox as sandbox;
