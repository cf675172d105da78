//! What happened in a step: moments, on which rules, ladders and measures will hang, and the lines of the
//! journal, for people.
//! Never decides anything; a step notes both in order. Enter at [`Moment`].

use serde::{Deserialize, Serialize};

use super::event::Outcome;
use super::state::Wait;
use super::value::*;
use crate::message::text::TextId;

/// Why something was decided, in the words of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The rule's id in the process, for example `D2`.
    pub rule: String,
    /// Russian, for people.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// One state was left for the next.
    Left {
        from: Wait,
        to: Wait,
    },
    /// The order came in: the first facts, or a call of an unknown person.
    Arrived,
    /// Somebody has it now (L9).
    Taken {
        manager: ManagerId,
    },
    /// It changed hands (L10).
    HandedOver {
        manager: ManagerId,
    },
    /// A call did not reach the client and was counted (D3).
    NotReached {
        outcome: Outcome,
        attempt: u32,
    },
    /// The client called and got nobody (D11).
    Missed,
    Talked {
        seconds: u32,
    },
    /// The client gave a time or a day (D5, P1).
    Promised {
        at: At,
    },
    /// The promised call was made, or the promised payment came.
    PromiseKept,
    /// The promised day has passed without money (P2).
    PromiseBroken,
    /// Money came and is confirmed; `part` counts the payments.
    Paid {
        part: u32,
    },
    /// The next part did not come in time (L5).
    PartMissed,
    /// A letter was asked for.
    Letter {
        text: TextId,
    },
    TaskLate {
        task: TaskId,
    },
    TaskEscalated {
        task: TaskId,
    },
    /// A deadline moved by hand was put back (L15).
    PutBack {
        task: TaskId,
    },
    /// The last resort of L14 was needed.
    Repaired,
}
