//! The unit of work: everything that one decision writes (records, wakes, deliveries, journal, dead letters,
//! index). Never writes anything itself. Enter at [`Unit`].

use serde::{Deserialize, Serialize};

use super::Seq;
use crate::process::{At, Command, CommandId, Line, OrderId};

/// A stored record; `version` counts its commits from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub version: u64,
    pub body: Vec<u8>,
}

/// A record's new body. `expect` is the version that was read; 0 means «must not exist yet».
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    pub key: String,
    pub expect: u64,
    pub body: Vec<u8>,
}

/// One wake in the index. `member` is the text of an `intake::item::Member`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    pub member: String,
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// A time promised to a client: read before all others.
    pub promised: bool,
}

/// A command on its way out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Place in the outbox; set by the store on `Add`, later ones compare greater.
    pub seq: u64,
    pub command: Command,
    pub created_at: At,
    #[serde(default)]
    pub state: DeliveryState,
    /// Number of tries so far.
    #[serde(default)]
    pub attempts: u32,
    /// The last fault, in English for engineers; never personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Place of the stored request that caused it: its answer is journalled with it (F35).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<u64>,
}

impl Delivery {
    pub fn id(&self) -> &CommandId {
        &self.command.id
    }

    pub fn is_leaving(&self) -> bool {
        self.state == DeliveryState::Sending
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    #[default]
    Waiting,
    /// The request may be leaving: after a crash it counts as `Unclear`.
    Sending,
    /// It may have been carried out: look before sending again.
    Unclear { not_before: At },
    /// Waits for the backoff.
    Later { not_before: At },
}

#[derive(Debug, Clone, PartialEq)]
pub enum DeliveryOp {
    /// A new delivery; `seq` is ignored and set by the store. One that is already pending under this id stays
    /// as it is: an id names one thing to do.
    Add(Delivery),
    /// Replace by the same id; a conflict if it no longer exists (revoked or settled).
    Update(Delivery),
    /// Remove it if it is still `Waiting` or `Later`; otherwise nothing happens.
    Revoke(CommandId),
    /// Settled; a conflict if it no longer exists.
    Remove(CommandId),
}

/// Why one step decided as it did, with the input that caused it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub at: At,
    pub order: OrderId,
    /// The input: `raw:<seq>` of a stored request, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub raw: String,
    /// The event itself, as JSON; enough to replay it.
    pub event: serde_json::Value,
    pub lines: Vec<Line>,
    /// The commands that were decided, `<id> <ask>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Hash of the configuration that was in use.
    pub config: String,
}

/// A failure that needs a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `in-<seq>` for an entry of the inbox, `out-<command>` for a delivery.
    pub id: String,
    pub at: At,
    /// What is wrong and what to do, in English, without personal data.
    pub why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The entry's or the delivery's own bytes, for the replay; empty where there is nothing to
    /// replay, or not any more.
    pub body: Vec<u8>,
    /// This letter stands for so many entries with one reason: too many to keep each.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub folded: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Clone, PartialEq)]
pub enum DeadOp {
    /// Becomes the newest letter, also if one with this id exists already.
    Bury(DeadLetter),
    /// Replace by the same id, in its place; a conflict if it does not exist.
    Update(DeadLetter),
    /// Remove it (replayed or dismissed); a conflict if it does not exist.
    Dig(String),
}

/// What to delete without a trace. If it is gone already, that is not a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// A record, if it still has the version that was read.
    Record {
        key: String,
        expect: u64,
    },
    Journal(OrderId),
    /// A stored request; one that still waits in the inbox stays.
    Raw(Seq),
}

/// The unit of work: all of it is applied, or none of it. A row of a list sees the effect of the rows before
/// it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unit {
    /// Entries that are done; a conflict if one is already gone.
    pub ack: Vec<Seq>,
    /// New entries: bytes of an `intake::item::Item` or an `intake::envelope::Envelope`.
    pub append: Vec<Vec<u8>>,
    pub put: Vec<Put>,
    /// Index entries: set, or removed with `None`.
    pub index: Vec<(String, Option<String>)>,
    /// Wakes: set or moved.
    pub wake: Vec<Wake>,
    /// Members whose wake is removed. Done before `wake`: a member in both keeps one.
    pub sleep: Vec<String>,
    pub deliveries: Vec<DeliveryOp>,
    pub journal: Vec<JournalEntry>,
    pub dead: Vec<DeadOp>,
    /// Done last.
    pub forget: Vec<Forget>,
    /// The time of the commit: stamps appended entries.
    pub at: At,
}

impl Unit {
    /// This unit followed by `next`, as one unit. Not for a unit that puts what this one forgets: forgetting
    /// comes last.
    pub fn then(mut self, next: Unit) -> Self {
        // Sleeps are done before wakes: a wake that `next` removes or moves must not be set.
        let is_changed = |member: &String| {
            next.sleep.contains(member) || next.wake.iter().any(|later| later.member == *member)
        };
        self.wake.retain(|wake| !is_changed(&wake.member));
        self.ack.extend(next.ack);
        self.append.extend(next.append);
        self.put.extend(next.put);
        self.index.extend(next.index);
        self.wake.extend(next.wake);
        self.sleep.extend(next.sleep);
        self.deliveries.extend(next.deliveries);
        self.journal.extend(next.journal);
        self.dead.extend(next.dead);
        self.forget.extend(next.forget);
        self.at = next.at;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_units_the_later_one_says_when_a_member_wakes() {
        let wake = |member: &str, at_ms| Wake { member: member.to_owned(), at_ms, promised: false };
        let first = Unit { wake: vec![wake("a", 1), wake("b", 1), wake("c", 1)], ..Unit::default() };
        let next = Unit { wake: vec![wake("a", 2)], sleep: vec!["b".to_owned()], ..Unit::default() };
        let both = first.then(next);
        assert_eq!(both.wake, [wake("c", 1), wake("a", 2)]);
        assert_eq!(both.sleep, ["b"]);
    }
}
