//! What happened in a step: moments, for rules and measures, and the lines of the journal, for people.
//! A step records both in order. Enter at [`Moment`].

use serde::{Deserialize, Serialize};

use super::event::Outcome;
use super::state::Wait;
use super::value::*;
use crate::message::text::TextId;

/// The reason of a decision, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The rule's id in the process, for example `D2`.
    pub rule: String,
    /// Russian, for people.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// The state changed.
    Left {
        from: Wait,
        to: Wait,
    },
    /// The order came in: the first facts, or a call of an unknown person.
    Arrived,
    /// A manager took it (L9).
    Taken {
        manager: ManagerId,
    },
    /// The responsible changed (L10).
    HandedOver {
        manager: ManagerId,
    },
    /// A call did not reach the client and was counted (D3).
    NotReached {
        outcome: Outcome,
        attempt: u32,
    },
    /// The client called and nobody answered (D11).
    Missed,
    Talked {
        seconds: Option<u32>,
    },
    /// The client promised a time or a day (D5, P1).
    Promised {
        at: At,
    },
    /// The promised call was made, or the promised payment came.
    PromiseKept,
    /// The promised day passed without a payment (P2).
    PromiseBroken,
    /// A confirmed payment; `part` counts the payments.
    Paid {
        part: u32,
    },
    /// The next part did not come in time (L5).
    PartMissed,
    /// A letter was requested.
    Letter {
        text: TextId,
    },
    TaskLate {
        task: TaskId,
    },
    TaskEscalated {
        task: TaskId,
    },
    /// A deadline that a manager moved was restored (L15).
    PutBack {
        task: TaskId,
    },
    /// The last resort of L14 was needed.
    Repaired,
}
