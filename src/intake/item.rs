//! What the store's bytes mean: envelopes, inbox items, keys of records.
//! Never touches a store. Enter at [`Item`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::intake::forget::{Mention, Scrub};
use crate::process::{At, Event, OrderId};
use crate::request::RawRequest;
use crate::signal::Signal;

/// A verified request, stored as received. What it says cannot be printed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Name of the platform's folder: `getcourse`, `amocrm`, `mango`.
    pub platform: String,
    pub at: At,
    pub method: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// Base64 of the body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Found by reconciliation, not delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found: bool,
}

/// An entry of the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
    /// A request, not decoded yet.
    Envelope(Box<Envelope>),
    /// A signal of a request that needs an entry of its own, or one that an answer brought.
    Signal {
        /// The place of the stored request, for the journal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<u64>,
        signal: Signal,
    },
    /// An event for an order that is already known.
    Event {
        /// As with a signal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<u64>,
        order: OrderId,
        event: Event,
    },
    /// A dead letter is to be tried again; asked by a person.
    Retry { letter: String },
    /// A person is to be forgotten; asked by a person.
    Erase { mention: Mention },
    /// What is left of an erasure.
    Scrub(Box<Scrub>),
    /// An ended order is past its time.
    Retire { order: OrderId, before: At },
}

impl Item {
    /// As the inbox keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Maps have text keys only, so that this cannot fail; an empty entry would be a dead letter.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Whom a wake is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Order(OrderId),
    /// A call whose final record may never come, by its key.
    Call(String),
    /// Always there: that it fires, and how late, says that the wheel turns.
    Canary,
}

impl Member {
    /// Out of the index; `None` for what this version knows nothing of.
    pub fn read(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("order", id) => Some(Self::Order(id.into())),
            ("call", call) => Some(Self::Call(call.to_owned())),
            ("chore", "canary") => Some(Self::Canary),
            _ => None,
        }
    }
}

/// As the index names it.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order:{id}"),
            Self::Call(call) => write!(f, "call:{call}"),
            Self::Canary => f.write_str("chore:canary"),
        }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request of {} at {}", self.method, self.platform, self.at)
    }
}

impl Envelope {
    /// A request as it is to be kept; delivered unless [`Self::found`] is set.
    pub fn of(platform: &str, request: &RawRequest, at: At) -> Self {
        use base64::Engine;
        Self {
            platform: platform.to_owned(),
            at,
            method: request.method.clone(),
            tail: request.tail.clone(),
            query: request.query.clone(),
            content_type: request.header("content-type").unwrap_or_default().to_owned(),
            body: base64::engine::general_purpose::STANDARD.encode(&request.body),
            found: false,
        }
    }

    /// As [`crate::store::Store::offer`] keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The request as its platform's decoder wants it.
    pub fn request(&self) -> RawRequest {
        use base64::Engine;
        let engine = base64::engine::general_purpose::STANDARD;
        RawRequest {
            method: self.method.clone(),
            tail: self.tail.clone(),
            query: self.query.clone(),
            headers: vec![("content-type".to_owned(), self.content_type.clone())],
            // Written by ourselves; bytes that do not decode show up as an empty body, which the
            // platform's decoder turns into a dead letter.
            body: engine.decode(&self.body).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_as_it_was_written() {
        for member in [Member::Order("gc-1".into()), Member::Call("mango:a:b".to_owned()), Member::Canary] {
            assert_eq!(Member::read(&member.to_string()), Some(member));
        }
        assert_eq!(["chore:other", "canary", ""].map(Member::read), [None, None, None]);
    }
}
