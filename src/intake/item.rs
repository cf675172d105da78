//! What an entry of the inbox means, and whom a wake is for.
//! Never touches a store. Enter at [`Inbound::read`] and [`Item`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::intake::envelope::Envelope;
use crate::intake::forget::{Mention, Scrub};
use crate::json;
use crate::process::{At, Event, OrderId};
use crate::signal::Signal;

/// An entry of the inbox, out of its bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// A request, not decoded yet.
    Request(Box<Envelope>),
    Item(Box<Item>),
}

/// What an entry of one line says it is; a request of the first version's form says nothing, or
/// `envelope`.
#[derive(Deserialize)]
struct Tag {
    item: Option<String>,
}

impl Inbound {
    /// A line of JSON with a body behind it is a request; JSON alone is an item, or a request of the first
    /// version's form.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let is_item = !bytes.contains(&b'\n')
            && serde_json::from_slice::<Tag>(bytes)?.item.is_some_and(|item| item != "envelope");
        if is_item {
            serde_json::from_slice(bytes).map(Self::Item)
        } else {
            Envelope::read(bytes).map(|envelope| Self::Request(Box::new(envelope)))
        }
    }
}

/// An entry of the inbox that is no request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
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
    /// `None` for a request, and for what cannot be read.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.contains(&b'\n') { None } else { serde_json::from_slice(bytes).ok() }
    }

    /// As the inbox keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::bytes(self)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_both_forms_and_items_are_told_apart() {
        let kind = |bytes: &[u8]| match Inbound::read(bytes) {
            Ok(Inbound::Request(envelope)) => String::from_utf8_lossy(&envelope.body).into_owned(),
            Ok(Inbound::Item(_)) => "item".to_owned(),
            Err(_) => "unreadable".to_owned(),
        };
        let head = r#""platform":"pbxa","at":"2026-11-18T11:06:40Z","method":"POST""#;
        assert_eq!(kind(format!("{{{head}}}\n{{\"item\":1}}").as_bytes()), "{\"item\":1}");
        assert_eq!(kind(format!(r#"{{{head},"body":"b25l"}}"#).as_bytes()), "one");
        assert_eq!(kind(format!(r#"{{"item":"envelope",{head},"body":"dHdv"}}"#).as_bytes()), "two");
        assert_eq!(kind(&Item::Retry { letter: "in-1".to_owned() }.to_bytes()), "item");
        for damaged in [&b""[..], b"{}", br#"{"item":"dance"}"#, b"\x01 no item", b"{}\n{}"] {
            assert_eq!(kind(damaged), "unreadable");
        }
    }

    #[test]
    fn a_member_is_read_as_it_was_written() {
        for member in [Member::Order("gc-1".into()), Member::Call("pbxa:a:b".to_owned()), Member::Canary] {
            assert_eq!(Member::read(&member.to_string()), Some(member));
        }
        assert_eq!(["chore:other", "canary", ""].map(Member::read), [None, None, None]);
    }
}
