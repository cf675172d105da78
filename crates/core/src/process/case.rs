//! What one decision may look at and change: the order, its client, the managers' desks.
//! Never knows how it is stored; absent fields keep the stored form small.
//! Enter at [`Case`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::command::{AskKind, TaskKind};
use super::event::{Author, Outcome};
use super::timers::{Timer, Timers};
use super::value::*;
use crate::message::text::TextId;

pub use super::client::{Client, OrderBrief};
pub use super::desks::{Desk, Desks};
pub use super::state::{End, FollowUp, FollowUpKind, Held, LastLetter, PhoneStep, Wait};

#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub order: Order,
    pub client: Client,
    pub desks: Desks,
}

impl Case {
    /// A case of an order that is heard of for the first time.
    pub fn new(order: OrderId, client: Client, desks: Desks, now: At) -> Self {
        let order = Order::new(order, client.id.clone(), now);
        Self { order, client, desks }
    }

    /// Open orders of the same client for one of the same offers (L7).
    pub fn rivals(&self) -> Vec<OrderId> {
        let order = &self.order;
        let same = |brief: &OrderBrief| brief.offers.iter().any(|offer| order.offers.contains(offer));
        let all = self.client.orders.iter();
        let rivals = all.filter(|(id, brief)| *id != &order.id && brief.open && same(brief));
        rivals.map(|(id, _)| id.clone()).collect()
    }
}

/// One order on its way. Everything that a decision depends on stands here: its state, and what outlives
/// a state. Read through `stored`, which also knows the form of the first version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Order {
    pub id: OrderId,
    pub client: ClientId,
    /// When it first came to us.
    pub seen_at: At,
    /// Route in the school's file; empty until the first facts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// Read by [`Order::state`], changed by `Decision::go`.
    pub(super) wait: Wait,
    #[serde(default)]
    pub timers: Timers,
    /// Counter of commands and tasks: gives each its id.
    #[serde(default)]
    pub issued: u32,

    // What GetCourse says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gc_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// As it is, or as we have asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What GetCourse said last: only a change of it is news.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_link: Option<String>,
    /// Payments counted so far (L5).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parts_paid: u32,

    // What the CRM holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    /// When the responsible was last set, by us or by a person: what the CRM shows from before
    /// that is stale (L10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible_at: Option<At>,
    /// The manager that GetCourse showed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gc_manager: Option<ManagerId>,
    /// The source's facts, for names and fields of leads: utm, page, form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source: BTreeMap<String, String>,
    /// When somebody took it (L9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<At>,
    /// Roles that have a lead (asked for or made), with the furthest stage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leads: BTreeMap<LeadRole, Stage>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<TaskId, Task>,

    // Dialling, talks, promises.
    #[serde(default)]
    pub round: Round,
    /// Attempts and talks over all rounds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub talks: u32,
    /// Calls already counted, newest last, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<SeenCall>,
    /// Outlives the state: nothing but the client's word or a payment moves it (D5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    /// «Что дальше?»: it may be open beside a promise or a date (L13).
    #[serde(default, skip_serializing_if = "Question::is_none")]
    pub question: Question,
    /// The payment plan: it runs on whatever is talked about meanwhile (L5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// When the last answer of a manager was taken: the first wins for a minute (L13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<At>,
    /// How far the bridge has come with starting the open call task's call (D9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<CallStart>,
    /// Letters already sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub letters: BTreeMap<TextId, Sent>,

    /// Commands issued and not yet settled: what a payment may still revoke.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsent: BTreeMap<CommandId, Pending>,
    /// Creations of tasks that were revoked but may have been on their way: a receipt for one of
    /// them means that the task stands and has to be closed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked: BTreeMap<CommandId, TaskId>,
    /// Deadlines put back, and other things counted for the head.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub put_back: u32,
    /// How often the last resort of L14 was needed. Stays 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repairs: u32,
    /// How often a task or a lead could not be made in a row (L14).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// The lead was closed as won by hand once: the payment was looked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub won_by_hand: bool,
    /// The lead was deleted by hand once: it was made anew.
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
            left: None,
            payment_link: None,
            parts_paid: 0,
            responsible: None,
            responsible_at: None,
            gc_manager: None,
            source: BTreeMap::new(),
            taken_at: None,
            leads: BTreeMap::new(),
            tasks: BTreeMap::new(),
            round: Round::default(),
            attempts: 0,
            talks: 0,
            calls: Vec::new(),
            promise: None,
            question: Question::default(),
            plan: None,
            answered_at: None,
            start: None,
            letters: BTreeMap::new(),
            unsent: BTreeMap::new(),
            revoked: BTreeMap::new(),
            put_back: 0,
            repairs: 0,
            failures: 0,
            won_by_hand: false,
            lead_deleted: false,
        }
    }

    /// What it waits for; while a payment is not confirmed, what it goes back to.
    pub fn state(&self) -> &Wait {
        match &self.wait {
            Wait::Held(held) => &held.state,
            wait => wait,
        }
    }

    /// A payment was said but is not read back yet.
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

    /// Neither won, lost nor found false.
    pub fn is_open(&self) -> bool {
        self.end().is_none()
    }

    pub fn is_unseen(&self) -> bool {
        matches!(self.state(), Wait::Unseen { .. })
    }

    pub fn is_won(&self) -> bool {
        matches!(self.end(), Some(End::Won { .. }))
    }

    /// An answer to «Что дальше?» is awaited before anything else, be it over a date that stands.
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

    /// When a timer is to fire, also one that stands aside.
    pub fn at(&self, timer: Timer) -> Option<At> {
        self.timers.at(timer).or_else(|| self.held().and_then(|held| held.timers.at(timer)))
    }

    /// Money has come in, in part or in full.
    pub fn has_money(&self) -> bool {
        self.parts_paid > 0 || self.paid.as_ref().is_some_and(|paid| paid.minor > 0)
    }

    /// When the client made it, as far as is known.
    pub fn made_at(&self) -> At {
        self.created_at.unwrap_or(self.seen_at).min(self.seen_at)
    }

    /// The open task «Позвонить»: there is never more than one.
    pub fn call_task(&self) -> Option<(&TaskId, &Task)> {
        self.tasks.iter().find(|(_, task)| task.kind == TaskKind::Call)
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
    /// The first attempt's or task's time in this round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempt_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<Outcome>,
    /// Client's calendar days, `YYYY-MM-DD`, on which calling was permitted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub days: BTreeSet<String>,
    /// The rung of the ladder that comes next or is under way: day, step.
    pub day: u32,
    pub step: u32,
    /// When a manager's word was counted as an attempt (D10): the provider's record of the same
    /// call is not counted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_word: Option<At>,
    /// Tasks of this round that lay until they were escalated (L15).
    pub missed: u32,
    /// Text of this round's first task; none takes the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TextId>,
    /// Why this round is called, for its next task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenCall {
    pub call: String,
    pub outcome: Outcome,
    pub talk_seconds: u32,
    pub at: At,
}

/// A promise of the client: nothing but he or a payment moves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "promise", rename_all = "snake_case")]
pub enum Promise {
    CallBack { at: At, why: Option<String> },
    Pay { day: At, why: Option<String> },
}

/// «Что дальше?» and how patiently it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Question {
    /// It is asked and not answered yet.
    pub open: bool,
    /// How often it was asked in a row without an answer, since the last talk or answer.
    pub unanswered: u32,
}

impl Question {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The plan of a partly paid order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// When the next part is due.
    pub due: At,
}

/// A letter that went to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub times: u32,
    /// The day of the last one and a hash of its words: nobody gets the same words twice in a day.
    #[serde(default)]
    pub last: String,
}

/// An open task of this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub kind: TaskKind,
    pub due: At,
    pub responsible: ManagerId,
    /// The text it was made from says what it is for.
    pub text: TextId,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reminded: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalated: bool,
    /// Belongs to no state, though others with this text do: it stays until it is done or the order ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The task that this one reminds of; it goes when that one goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<TaskId>,
}

/// A call that the bridge starts for one attempt (D9): waiting for the manager, under way, or left
/// to him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStart {
    /// Task, round and rung: each has one start.
    pub attempt: String,
    /// The manager was on the phone: when to look again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<UnderWay>,
}

/// A start that was asked for and whose call has no result yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    pub command: CommandId,
    pub manager: ManagerId,
    pub at: At,
}

/// What an unsent command is, so that a later step knows what it may revoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub ask: AskKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<TextId>,
    /// The address of the letter: a bounce is said of it, whatever has come since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The lead's role, where the command makes a lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<LeadRole>,
}
