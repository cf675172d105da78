//! What an order waits for. It is in exactly one state; the data of a state are its fields and end with it.
//! Changed only by `Decision::go`, a hold and its release. Enter at [`Wait`].

use serde::{Deserialize, Serialize};

use super::timers::Timers;
use super::value::*;

/// The state of an order. Its timers and tasks are listed in the table of sections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Wait {
    /// Known by name only: facts have not come yet. `asked` counts the reads from GetCourse.
    Unseen {
        asked: u32,
    },
    /// Self-payment pause (L2).
    Pause,
    /// Not assigned yet (L9).
    FreePool,
    /// Waiting for a phone number (L11).
    PhoneAsked {
        step: PhoneStep,
    },
    /// Attempts by the ladder (D2).
    Dialling,
    /// Only the manager's answer to «Что дальше?» (L13).
    Asking,
    /// A call-back at a promised time (D5).
    CallBack,
    /// A promised payment (P1).
    Promised,
    /// Partly paid, the plan runs (L5).
    PartPaid,
    /// A named date: doubt, own try, instalment, long cycle, special terms.
    FollowUp(FollowUp),
    /// The last message (D3).
    GivingUp {
        letter: LastLetter,
    },
    /// The head decides about a refund (L16).
    Refund(Box<Refund>),
    Ended(End),
    /// A payment was reported but not read back yet: the state and its timers are held (L4).
    Held(Box<Held>),
}

impl Wait {
    /// A change to this state closes nothing: it only sets a date.
    pub fn keeps_all(&self) -> bool {
        let beside = [FollowUpKind::MoneyGone, FollowUpKind::NotAsked];
        matches!(self, Self::FollowUp(date) if beside.contains(&date.what))
    }

    /// The name in records and scenarios.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unseen { .. } => "unseen",
            Self::Pause => "pause",
            Self::FreePool => "free_pool",
            Self::PhoneAsked { .. } => "phone_asked",
            Self::Dialling => "dialling",
            Self::Asking => "asking",
            Self::CallBack => "call_back",
            Self::Promised => "promised",
            Self::PartPaid => "part_paid",
            Self::FollowUp(_) => "follow_up",
            Self::GivingUp { .. } => "giving_up",
            Self::Refund(_) => "refund",
            Self::Ended(_) => "ended",
            Self::Held(_) => "held",
        }
    }
}

/// The progress of asking for a phone (L11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneStep {
    /// The first letter and the first task are out.
    Asked,
    /// «Отложен».
    Postponed,
    /// The last task, then the order is cancelled.
    Last,
}

/// The last message of a round (D3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastLetter {
    /// Waiting for the hours in which letters may be sent (D13).
    Waits,
    Sent,
}

/// The purpose of the named date (L13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    pub what: FollowUpKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The named day, if it is farther than the timer reaches (L14).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<At>,
}

impl FollowUp {
    pub fn new(what: FollowUpKind) -> Self {
        Self { what, why: None, until: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpKind {
    /// «Сомневается»: contact the client.
    Doubt,
    /// The client tries to pay without help.
    OwnTry,
    /// A talk about another order: call about this one later.
    CallLater,
    /// «Что дальше?» is switched off: call later instead.
    NotAsked,
    /// «Оплачено»: check the payment.
    CheckPayment,
    Instalment,
    LongCycle,
    /// «Особые условия»: the head decides.
    Special,
    /// A refusal after a payment: the head decides (R2).
    RefusedWithMoney,
    /// The paid sum fell to nothing; only in records of older versions, now [`Wait::Refund`].
    MoneyGone,
}

/// A state that is held while a payment is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub state: Wait,
    #[serde(default, skip_serializing_if = "Timers::is_empty")]
    pub timers: Timers,
    /// A pending call task was revoked: if there was no payment, the attempt is made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub call_was_revoked: bool,
    /// How often the order was read again.
    #[serde(default)]
    pub asked: u32,
    /// What was reported, where a person confirms it and not GetCourse (L4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<ToldPayment>,
}

/// A payment on the word of a webhook alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldPayment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// A refund that is not decided yet, and the state to which the order returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub from: Wait,
    /// The timers of that state, held meanwhile.
    #[serde(default, skip_serializing_if = "Timers::is_empty")]
    pub timers: Timers,
    /// The last sum that was confirmed before it fell.
    pub before: Money,
    pub now: Money,
    /// How often the head was asked.
    #[serde(default)]
    pub asked: u32,
}

/// How the order ended. Heads see each end separately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    Won {
        at: At,
    },
    Refused {
        at: At,
        reason: RefusalReason,
    },
    NotReached {
        at: At,
    },
    /// No phone could be had (L11).
    NoPhone {
        at: At,
    },
    Cancelled {
        at: At,
    },
    /// Paid, and the money was given back (L16).
    Refunded {
        at: At,
    },
    /// «Ложный»: excluded from all reports.
    False {
        at: At,
    },
    Duplicate {
        at: At,
        of: OrderId,
    },
}

impl End {
    pub fn at(&self) -> At {
        match self {
            Self::Won { at }
            | Self::Refused { at, .. }
            | Self::NotReached { at }
            | Self::NoPhone { at }
            | Self::Cancelled { at }
            | Self::Refunded { at }
            | Self::False { at }
            | Self::Duplicate { at, .. } => *at,
        }
    }
}
