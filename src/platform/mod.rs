//! Platforms: the ports that each of them implements; `crate::platforms` lists them. Contains nothing
//! specific to a platform; that is in its own folder. Enter at [`Hooks`] (webhooks) and [`Courier`]
//! (commands).

use std::borrow::Cow;
use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub mod amocrm;
pub mod check;
pub mod entry;
#[cfg(any(test, feature = "sandbox"))]
pub mod fake;
pub mod fault;
pub mod getcourse;
pub mod http;
pub mod mail;
pub mod marker;
pub mod post;
pub mod reconcile;
pub mod reference;
pub mod survey;
pub mod telephony;
pub mod tokens;
mod verified;

pub use fault::Fault;
pub use reconcile::Reconciler;
pub use verified::Verified;

pub use crate::request::RawRequest;

use crate::bounded::{TooMuch, Unread};
use crate::process::{At, Command, CommandId, Order, OrderId, Urgency};
use crate::request::IdempotencyKey;
use crate::signal::{Consent, Signal};

/// A request that is not authentic, or that no platform sends: refused and counted; its body is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("not authentic: {0}")]
    Forged(Cow<'static, str>),
    /// Deeper or wider than any real one.
    #[error("larger than this platform's requests are: {0}")]
    TooMuch(#[from] TooMuch),
}

impl Refused {
    /// Which check failed, in English, without secrets.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Forged(why.into())
    }
}

/// Authentic but unusable: stored, answered as success, becomes a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be decoded: {0}")]
pub struct Undecodable(pub String);

impl From<TooMuch> for Undecodable {
    fn from(too_much: TooMuch) -> Self {
        Self(too_much.to_string())
    }
}

impl From<Unread> for Undecodable {
    fn from(unread: Unread) -> Self {
        Self(unread.to_string())
    }
}

/// The answer that the platform expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookAnswer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl HookAnswer {
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: Vec::new() }
    }
}

/// What to do with a verified request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// Store it under this idempotency key, then answer.
    Keep(IdempotencyKey),
    /// An empty probe of a cabinet's «check» button: answer, store nothing.
    Probe,
}

/// The hooks of one platform of one school. Pure: no clock, no network.
pub trait Hooks: Send + Sync {
    /// Largest accepted body, in bytes.
    fn body_bytes_max(&self) -> usize;

    /// Whether it is authentic, and what to do with it. The path's secret has already been compared. One
    /// method, because both answers need the parsed body. Called by [`Verified::check`] only.
    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused>;

    /// The answer for an accepted (or repeated) request.
    fn answer(&self, request: &Verified) -> HookAnswer;

    /// A stored request as signals. `at` is when it was accepted.
    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable>;

    /// What of a request is neither read nor known to be irrelevant: names of parameters, never values.
    fn unread(&self, _request: &RawRequest) -> Vec<String> {
        Vec::new()
    }

    /// What of the facts that the school's rules need (names of parameters) the address of a new order brings
    /// and lacks; `None` for any other request.
    fn lacks(&self, _request: &RawRequest, _needed: &BTreeSet<String>) -> Option<Lacks> {
        None
    }

    /// A request that reconciliation found ([`Reconciler`]). No request from outside gets here, so its
    /// content was read from the platform itself.
    fn decode_found(&self, request: &RawRequest, at: At) -> Result<Vec<Signal>, Undecodable>;
}

/// An address of a new order, compared with what the school's rules need: names, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacks {
    /// Its last word.
    pub address: String,
    pub brought: Vec<String>,
    pub lacking: Vec<String>,
}

/// Whether a delivery is tried for the first time or may have been done already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    First,
    /// Look up the result before doing it again.
    MayBeDone,
}

/// The result of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// New index entries: our id → the platform's, and back.
    pub links: Vec<(String, String)>,
    /// Further content of the answer, for intake (for example an order that was read back).
    pub signals: Vec<Signal>,
}

/// The result of one step of a mirror.
#[derive(Debug, Clone, PartialEq)]
pub struct Mirroring {
    /// The content that was read, for intake.
    pub read: Option<Signal>,
    /// When to continue.
    pub next: At,
}

/// Reads the platform's ids for ours: index entries of the school.
#[async_trait]
pub trait Links: Send + Sync {
    /// `Err` if the store does not answer; the delivery is then retried later.
    async fn find(&self, key: &str) -> Result<Option<String>, Fault>;

    /// Several at once, in the order of the keys; the index answers in one read.
    async fn find_all(&self, keys: &[String]) -> Result<Vec<Option<String>>, Fault> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.find(key).await?);
        }
        Ok(found)
    }

    /// The record of an order, for a courier that has to find without the index what was made for it; `None` if
    /// there is none.
    async fn order(&self, _: &OrderId) -> Result<Option<Order>, Fault> {
        Ok(None)
    }
}

/// How many lanes of an account may be in flight at once. The budget is the real limit; this bounds how many
/// deliveries wait for turns and answers. Batches form from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Lanes whose requests are sent in batches.
    pub together: usize,
    /// Lanes whose requests are sent alone: each of them takes a whole turn.
    pub alone: usize,
    /// Additional lanes for commands about money, so that full limits do not delay them.
    pub money: usize,
}

/// The courier to one platform account of one school.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Executes one command. Safe to repeat with [`Try::MayBeDone`]; if the platform offers no way to look up
    /// the result, that try returns `Never`, and a person has to check.
    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault>;

    /// Whether a delivery is marked as being sent only when its turn has come; see [`Courier::turn`].
    fn has_turns(&self) -> bool {
        false
    }

    /// Waits for the turn of one delivery. What cannot be looked up must not be marked while it waits: after a
    /// kill nobody could tell whether it had left.
    async fn turn(&self, _urgency: Urgency) -> Result<(), Fault> {
        Ok(())
    }

    /// The command has left the outbox: settled, given up or revoked. Drops what is remembered about it.
    fn forget(&self, _command: &CommandId) {}

    /// How many lanes may be on their way here. No default: a courier around another passes the inner one's
    /// on.
    fn room(&self) -> Room;

    /// Processes a consent that an administrator gave on the platform's page.
    async fn consent(&self, _consent: &Consent) -> Result<(), Fault> {
        Err(Fault::never("this platform knows no consent"))
    }

    /// Recurring maintenance: token refresh, subscription check. Returns when it is due next.
    async fn chore(&self, now: At) -> Result<At, Fault>;

    /// When the account's credential ends, if only a person can renew it.
    fn ends(&self) -> Option<At> {
        None
    }

    /// Continues the mirror of the platform's contacts, one page at a time; `None` if there is no mirror.
    async fn mirror(&self, _links: &dyn Links, _now: At) -> Result<Option<Mirroring>, Fault> {
        Ok(None)
    }
}
