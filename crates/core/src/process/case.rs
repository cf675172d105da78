//! The data that one decision may read and change: the order, its client, the managers' desks.
//! Absent fields are not written, which keeps the stored form small. Enter at [`Case`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::command::TaskKind;
use super::event::{Author, OrderFacts, Outcome, Unusable};
use super::timers::{Timer, Timers};
use super::value::*;
use crate::message::text::TextId;

pub use super::client::{Client, OrderBrief, SumChange};
pub use super::desks::{Desk, Desks};
pub use super::meters::Meters;
pub use super::open::{
    CallStart, Doubted, Former, NextShown, OwnMove, Pending, Refused, Task, TaskSaid, ToldChange, UnderWay,
};
pub use super::state::{End, FollowUp, FollowUpKind, Held, LastLetter, PhoneStep, Refund, Wait};

#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub order: Order,
    pub client: Client,
    pub desks: Desks,
    pub meters: Meters,
}

impl Case {
    /// The case of a new order.
    pub fn new(order: OrderId, client: Client, desks: Desks, now: At) -> Self {
        let order = Order::new(order, client.id.clone(), now);
        Self { order, client, desks, meters: Meters::default() }
    }

    /// Open orders of the same client for at least one of the same offers (L7).
    pub fn rivals(&self) -> Vec<OrderId> {
        let order = &self.order;
        let same = |brief: &OrderBrief| brief.offers.iter().any(|offer| order.offers.contains(offer));
        let all = self.client.orders.iter();
        let rivals = all.filter(|(id, brief)| *id != &order.id && brief.open && same(brief));
        rivals.map(|(id, _)| id.clone()).collect()
    }
}

/// One order: everything that a decision depends on, that is its state and the data that outlive a state.
/// Read through `stored`, which also reads the form of the first version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Order {
    pub id: OrderId,
    pub client: ClientId,
    /// When it was first seen.
    pub seen_at: At,
    /// Route in the school's file; empty until the first facts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// The sales pipeline in which its lead is made; `None` is the usual one. A later route does not change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    /// Values of the school's dictionaries that its first route set (G10).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Its lead was made before all that decides it was known, and nobody has acted on it (G10).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_early: bool,
    /// The first report, without its person, until what it lacks is read back (G10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Box<OrderFacts>>,
    /// Read by [`Order::state`], changed by `Decision::go`.
    pub(super) wait: Wait,
    #[serde(default)]
    pub timers: Timers,
    /// Counter of commands and tasks, for their ids.
    #[serde(default)]
    pub issued: u32,

    // GetCourse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gc_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// The status as reported or as requested by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The last status that GetCourse reported; only a different one is a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_status: Option<Status>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
    /// When that sum was told or read: an older report takes none of it back (L16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_link: Option<String>,
    /// An unconfirmed report of a smaller sum, which is being read back (L16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubted: Option<Doubted>,
    /// What only a report tells, and is being read (L6, G2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_change: Option<ToldChange>,
    /// A report alone says that it is the older one of two: it is being read before the younger is folded (L7).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fold_waits: bool,
    /// What people were told of, once, because nobody can use it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unusable: BTreeSet<Unusable>,
    /// Money was given back: the lead's price is what is paid (L16).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_refunded: bool,
    /// The last change of the paid sum, until it is known to be money of a sister order (L16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_change: Option<SumChange>,
    /// Payments counted so far (L5).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parts_paid: u32,

    // The CRM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    /// When the responsible was last set, by us or by a person: older states of the lead are outdated (L10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible_at: Option<At>,
    /// The responsible before him: the webhook of our own earlier write may come late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Former>,
    /// The manager in GetCourse's last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gc_manager: Option<ManagerId>,
    /// The facts of the source, for names and fields of leads: utm, page, form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source: BTreeMap<String, String>,
    /// When a manager took it (L9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<At>,
    /// Roles with a lead (requested or created), with the furthest stage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leads: BTreeMap<LeadRole, Stage>,
    /// Our own last moves of the sales lead: the CRM shows them later, and they are no answer of a person (F20).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_moves: Vec<OwnMove>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<TaskId, Task>,

    // Dialling, talks, promises.
    #[serde(default)]
    pub round: Round,
    /// Attempts and talks of all rounds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub talks: u32,
    /// Calls already counted, the newest last; the number is limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<SeenCall>,
    /// Independent of the state: only the client, through a manager, or a payment changes it (D5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    /// «Что дальше?»: it may be open beside a promise or a date (L13).
    #[serde(default, skip_serializing_if = "Question::is_none")]
    pub question: Question,
    /// The payment plan; it continues in any state (L5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// When a manager's last accepted answer was given: for one minute the first one wins (L13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<At>,
    /// What a call task was closed with and nobody understood, in a sentence for the next one (F25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// The progress of starting the call of the open call task (D9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<CallStart>,
    /// Its lead says that a call was not started because the team does not work: once is enough (D9).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_off_hours_said: bool,
    /// What the lead shows of its next step (K10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_shown: Option<NextShown>,
    /// Letters already sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub letters: BTreeMap<TextId, Sent>,

    /// Commands that are issued and not settled: a payment may still revoke them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsent: BTreeMap<CommandId, Pending>,
    /// Revoked task creations that may have been in flight: a receipt for one of them means that the task
    /// exists and has to be closed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked: BTreeMap<CommandId, TaskId>,
    /// Leads and tasks that a platform refused: a person may have them made after all, and then their receipts
    /// count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<CommandId, Refused>,
    /// Restored deadlines, and other counts for the head.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub put_back: u32,
    /// How often the last resort of L14 was needed. Stays 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repairs: u32,
    /// Consecutive failures to create a task or a lead (L14).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// The statuses that GetCourse refused: the lead says so once of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses_refused: Vec<Status>,
    /// GetCourse has no such order, and the head was told so (L14).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// A person closed the lead as won once, and the payment was checked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub won_by_hand: bool,
    /// A person deleted the lead once, and it was created again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lead_deleted: bool,
}

impl Order {
    pub fn new(id: OrderId, client: ClientId, now: At) -> Self {
        Self {
            id,
            client,
            seen_at: now,
            route: String::new(),
            pipeline: None,
            set: BTreeMap::new(),
            is_early: false,
            told: None,
            wait: Wait::Unseen { asked: 0 },
            timers: Timers::default(),
            issued: 0,
            gc_id: None,
            number: None,
            created_at: None,
            author: None,
            status: None,
            said_status: None,
            offers: Vec::new(),
            positions: None,
            cost: None,
            paid: None,
            paid_at: None,
            left: None,
            payment_link: None,
            doubted: None,
            told_change: None,
            fold_waits: false,
            unusable: BTreeSet::new(),
            was_refunded: false,
            sum_change: None,
            parts_paid: 0,
            responsible: None,
            responsible_at: None,
            former: None,
            gc_manager: None,
            source: BTreeMap::new(),
            taken_at: None,
            leads: BTreeMap::new(),
            own_moves: Vec::new(),
            tasks: BTreeMap::new(),
            round: Round::default(),
            attempts: 0,
            talks: 0,
            calls: Vec::new(),
            promise: None,
            question: Question::default(),
            plan: None,
            answered_at: None,
            unread: None,
            start: None,
            is_off_hours_said: false,
            next_shown: None,
            letters: BTreeMap::new(),
            unsent: BTreeMap::new(),
            revoked: BTreeMap::new(),
            refused: BTreeMap::new(),
            put_back: 0,
            repairs: 0,
            failures: 0,
            statuses_refused: Vec::new(),
            gone: false,
            won_by_hand: false,
            lead_deleted: false,
        }
    }

    /// What the order waits for; while a payment is unconfirmed, the state to which it returns.
    pub fn state(&self) -> &Wait {
        match &self.wait {
            Wait::Held(held) => &held.state,
            wait => wait,
        }
    }

    /// A payment was reported and has not been read back.
    pub fn held(&self) -> Option<&Held> {
        match &self.wait {
            Wait::Held(held) => Some(held),
            _ => None,
        }
    }

    pub fn is_held(&self) -> bool {
        self.held().is_some()
    }

    pub fn end(&self) -> Option<&End> {
        match self.state() {
            Wait::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Something is known of where it came from.
    pub fn has_source(&self) -> bool {
        self.source.values().any(|value| !value.is_empty())
    }

    /// The order has not ended.
    pub fn is_open(&self) -> bool {
        self.end().is_none()
    }

    pub fn is_unseen(&self) -> bool {
        matches!(self.state(), Wait::Unseen { .. })
    }

    pub fn is_won(&self) -> bool {
        matches!(self.end(), Some(End::Won { .. }))
    }

    /// An answer to «Что дальше?» is awaited first, even if a date has been agreed.
    pub fn is_asked(&self) -> bool {
        match self.state() {
            Wait::Asking => true,
            Wait::FollowUp(date) => match date.what {
                FollowUpKind::NotAsked => true,
                FollowUpKind::CallLater | FollowUpKind::MoneyGone => false,
                _ => self.question.open,
            },
            _ => false,
        }
    }

    /// When a timer is due, also if it is suspended.
    pub fn at(&self, timer: Timer) -> Option<At> {
        self.timers.at(timer).or_else(|| self.held().and_then(|held| held.timers.at(timer)))
    }

    /// The head decides about a refund (L16).
    pub fn refund(&self) -> Option<&Refund> {
        match self.state() {
            Wait::Refund(refund) => Some(refund),
            _ => None,
        }
    }

    /// Paid in part or in full.
    pub fn has_money(&self) -> bool {
        self.parts_paid > 0 || self.paid.as_ref().is_some_and(|paid| paid.minor > 0)
    }

    /// When the client made the order, if known.
    pub fn made_at(&self) -> At {
        self.created_at.unwrap_or(self.seen_at).min(self.seen_at)
    }

    /// The open task «Позвонить»; there is at most one.
    pub fn call_task(&self) -> Option<(&TaskId, &Task)> {
        self.tasks.iter().find(|(_, task)| task.kind == TaskKind::Call)
    }

    /// The open task «Позвонить» is for a planned attempt: its time has not come (K10).
    pub fn call_is_ahead(&self) -> bool {
        *self.state() == Wait::Dialling && self.round.planned && self.call_task().is_some()
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A round of dialling: since the last talk or promise (D3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Round {
    pub number: u32,
    pub attempts: u32,
    /// The time of the first attempt or task of this round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempt_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<Outcome>,
    /// Client's calendar days, `YYYY-MM-DD`, on which calling was permitted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub days: BTreeSet<String>,
    /// The next or present rung of the ladder: day, step.
    pub day: u32,
    pub step: u32,
    /// When a manager's report was counted as an attempt (D10): the provider's record of the same call is not
    /// counted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_word: Option<At>,
    /// Tasks of this round that were escalated (L15).
    pub missed: u32,
    /// Text of this round's first task; `None` for the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TextId>,
    /// The reason of this round, for its next task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The attempt's timer stands at a planned time: a call task that is open is for then (K10).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub planned: bool,
    /// How often people closed the task of the next attempt (K10).
    #[serde(skip_serializing_if = "is_zero")]
    pub closed: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenCall {
    pub call: String,
    pub outcome: Outcome,
    /// `None` if the length is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_seconds: Option<u32>,
    pub at: At,
}

/// A promise of the client; only the client or a payment changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "promise", rename_all = "snake_case")]
pub enum Promise {
    CallBack { at: At, why: Option<String> },
    Pay { day: At, why: Option<String> },
}

/// The question «Что дальше?» and how often it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Question {
    /// Asked and not answered.
    pub open: bool,
    /// How often it was asked without an answer since the last talk or answer.
    pub unanswered: u32,
    /// The day that was named for a call-back without a time: the time is asked for (D5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<At>,
}

impl Question {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The payment plan of a partly paid order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// When the next part is due.
    pub due: At,
}

/// A letter that was sent to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub times: u32,
    /// The day of the last one and a hash of its text: the same text is not sent twice a day.
    #[serde(default)]
    pub last: String,
    /// Nobody knows whether it arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
}
