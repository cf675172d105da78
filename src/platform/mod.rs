//! Platforms: the ports that each of them fills; `crate::outbound` lists them.
//! Nothing here knows a platform's words; each folder keeps its own.
//! Enter at [`Hooks`] (what comes in) and [`Courier`] (what goes out).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub mod amocrm;
pub mod check;
pub mod entry;
pub mod fault;
pub mod getcourse;
pub mod http;
pub mod look_back;
pub mod mail;
pub mod marker;
pub mod post;
pub mod reference;
pub mod telephony;
pub mod tokens;
mod verified;

pub use fault::Fault;
pub use look_back::LookBack;
pub use verified::Verified;

pub use crate::request::RawRequest;

use crate::process::{At, Command, CommandId};
use crate::request::IdempotencyKey;
use crate::signal::{Consent, Signal};

/// A request that is not authentic: refused and counted, its body is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not authentic: {0}")]
pub struct Refused(pub &'static str);

/// Authentic but unusable: kept, answered as success, a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be decoded: {0}")]
pub struct Undecodable(pub String);

/// What the platform expects to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: Vec::new() }
    }
}

/// What is done with a verified request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// Keep it under this key, then answer.
    Keep(IdempotencyKey),
    /// An empty probe of a cabinet's «check» button: answer, keep nothing.
    Probe,
}

/// The way in of one platform of one school. Pure: no clock, no network.
pub trait Hooks: Send + Sync {
    /// Largest body that is read, bytes.
    fn body_bytes_max(&self) -> usize;

    /// Is it authentic, and what is done with it? The path's secret has already been compared. One
    /// method, because both answers need the body parsed. Called by [`Verified::check`] only.
    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused>;

    /// The answer for an accepted (or repeated) request.
    fn answer(&self, request: &Verified) -> Answer;

    /// A stored request in our words. `at` is when it was accepted.
    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable>;

    /// A request that a look back found ([`LookBack`]). No request from outside comes here, so that
    /// what it says has been read at the platform itself.
    fn decode_found(&self, request: &RawRequest, at: At) -> Result<Vec<Signal>, Undecodable>;
}

/// Whether a delivery is tried for the first time or may have been done already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    First,
    /// Look for the result before doing it again.
    MayBeDone,
}

/// What came of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// Index entries that are now known: our id → the platform's, and back.
    pub links: Vec<(String, String)>,
    /// What the answer said besides, for intake (a read-back order, for example).
    pub signals: Vec<Signal>,
}

/// What came of going on with a mirror.
#[derive(Debug, Clone, PartialEq)]
pub struct Mirroring {
    /// What was read, for intake.
    pub read: Option<Signal>,
    /// When to go on.
    pub next: At,
}

/// Reads what is known of our ids at the platform: index entries of the school.
#[async_trait]
pub trait Links: Send + Sync {
    /// `Err` when the store does not answer; the delivery is then tried later.
    async fn find(&self, key: &str) -> Result<Option<String>, Fault>;

    /// Several at once, in the order of the keys; the index answers in one read.
    async fn find_all(&self, keys: &[String]) -> Result<Vec<Option<String>>, Fault> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.find(key).await?);
        }
        Ok(found)
    }
}

/// How many lanes of an account may be on their way at once. The budget is the real limit; this
/// bounds how much waits for turns and answers, and is what batches form from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Whose requests go together with others.
    pub together: usize,
    /// Whose requests go alone: each of them keeps those behind it waiting for a whole turn.
    pub alone: usize,
    /// Besides those, for what has to do with money: never kept out by full flights.
    pub money: usize,
}

/// The way out to one platform account of one school.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Carries one command out. Safe to repeat with [`Try::MayBeDone`]; where the platform offers
    /// nothing to look up, that try answers `Never` and a person looks.
    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault>;

    /// The command has left the outbox: settled, given up or revoked. Drop what is remembered about it.
    fn forget(&self, _command: &CommandId) {}

    /// How many lanes may be on their way here. No default: a courier around another passes the inner one's on.
    fn room(&self) -> Room;

    /// Takes a consent that an administrator gave on the platform's page.
    async fn consent(&self, _consent: &Consent) -> Result<(), Fault> {
        Err(Fault::never("this platform knows no consent"))
    }

    /// Work of its own that recurs: token refresh, subscription check. Answers when to come back.
    async fn chore(&self, now: At) -> Result<At, Fault>;

    /// Goes on with the mirror of the platform's people, one page at a time; `None` where there is
    /// no mirror.
    async fn mirror(&self, _links: &dyn Links, _now: At) -> Result<Option<Mirroring>, Fault> {
        Ok(None)
    }
}
