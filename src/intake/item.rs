//! The content of inbox entries and of wakes, and their stored forms. Enter at [`Inbound::read`] and
//! [`Item`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::intake::envelope::Envelope;
use crate::intake::forget::{Mention, Scrub};
use crate::json;
use crate::process::{At, Event, OrderId};
use crate::signal::Signal;
use crate::store::key;

/// A parsed entry of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// A request, not decoded yet.
    Request(Box<Envelope>),
    Item(Box<Item>),
}

/// The tag of an entry of one line; a request in the form of the first version has none, or `envelope`.
#[derive(Deserialize)]
struct Tag {
    item: Option<String>,
}

impl Inbound {
    /// A line of JSON followed by a body is a request; JSON alone is an item, or a request in the form of the
    /// first version.
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

/// An entry of the inbox that is not a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
    /// A signal that needs an entry of its own: from a request, or from the answer to a command.
    Signal {
        /// The place of the stored request, for the journal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<u64>,
        signal: Signal,
    },
    /// An event for an order that is already known.
    Event {
        /// The place of the stored request, for the journal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<u64>,
        order: OrderId,
        event: Event,
    },
    /// A person requested the retry of a dead letter.
    Retry { letter: String },
    /// A person requested the erasure of somebody's data.
    Erase {
        mention: Mention,
        /// All that was received before has been worked off.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_last: bool,
    },
    /// An order that a number or an address joined to a client gets a client of its own (Q4).
    Split { order: OrderId },
    /// The remaining work of an erasure.
    Scrub(Box<Scrub>),
    /// An ended order is past its retention time.
    Retire { order: OrderId, before: At },
    /// What was past its time has been removed: the store's files are to be written without it.
    Tidy,
}

impl Item {
    /// `None` for a request, and if it cannot be read.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.contains(&b'\n') { None } else { serde_json::from_slice(bytes).ok() }
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::bytes(self)
    }
}

/// The owner of a wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Order(OrderId),
    /// A call whose final record may never arrive, by its key.
    Call(String),
    /// Always present: shows that the wheel works, and how late wakes fire.
    Canary,
}

impl Member {
    /// Parses the form in the index; `None` for kinds that this version does not know.
    pub fn read(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            _ if text == key::CANARY => Some(Self::Canary),
            ("order", id) => Some(Self::Order(id.into())),
            ("call", call) => Some(Self::Call(call.to_owned())),
            _ => None,
        }
    }
}

/// The form in the index.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order:{id}"),
            Self::Call(call) => write!(f, "call:{call}"),
            Self::Canary => f.write_str(key::CANARY),
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
