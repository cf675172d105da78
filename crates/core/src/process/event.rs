//! Events: everything that can happen to a case. Intake makes them from the platforms' signals, when it has
//! found the order. They contain our ids instead of a platform's wherever ours are known. Enter at [`Event`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::value::*;
use crate::message::phrase::{Phrase, word};

/// One thing that happened to one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The current state of an order in GetCourse: a new order, or any change.
    Order(Box<OrderFacts>),
    /// The current phone, e-mail or name of a person on some platform.
    Client(ClientFacts),
    /// A call has its final result.
    Call(CallResult),
    /// The current state of a lead of this order in the CRM.
    Lead(LeadChange),
    /// A person deleted a lead of this order in the CRM.
    LeadGone { role: LeadRole },
    /// The current state of a task of this order in the CRM.
    Task(TaskChange),
    /// A manager answered «Что дальше?» (L13), by a field, a stage or a task's result.
    Answer(Answer),
    /// The order's wake time has come; `step` fires the timers that are due.
    Wake,
    /// A command was executed.
    Receipt { command: CommandId },
    /// A command can never be executed; the order needs another next step.
    Undeliverable { command: CommandId, why: String },
    /// A message from another order of the same client.
    Sibling(News),
}

/// A message from one order of a client to another, through the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// A talk took place: dialling for the client's other orders stops (design, «Call → order»).
    Talked { order: OrderId, at: At },
    /// The other order of the same offer has been paid in full: this one ends (L7).
    Paid { order: OrderId },
    /// This order is an unpaid duplicate of `order`, which is kept (L7).
    DuplicateOf { order: OrderId },
    /// The younger unpaid duplicate `order` has been merged into this one (L7).
    DuplicateFound { order: OrderId },
    /// This order's money seems to have been moved to `order` (L16).
    MoneyWent { order: OrderId, sum: Money },
    /// Money of `order` seems to have been moved to this one (L16).
    MoneyCame { order: OrderId, sum: Money },
    /// A number or an address had joined this order to a client, and a person undid it (Q4).
    SetApart,
    /// `order` is another client's: it had been joined to this order's client (Q4).
    Left {
        order: OrderId,
        /// The number that people see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<String>,
    },
}

/// Who created an order: decides between the pause (L2) and the short path (L3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    Client,
    Manager,
}

/// Facts of an order; absent means «not reported», never «empty».
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderFacts {
    /// GetCourse's internal id: the key of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gc_id: Option<String>,
    /// The number that people see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Offer ids as text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<String>,
    /// What was ordered, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_link: Option<String>,
    /// The order's manager in the school's roster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerId>,
    /// The sales pipeline of a lead that a person made, if it is not the usual one (G9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    /// The facts of the source for the note (G5): utm, page, form, promocode. Empty: there is none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub source: BTreeMap<String, String>,
    /// True if read back from GetCourse, or trusted by the school's setting. Unconfirmed money stops dialling
    /// and letters but does not win the order (design, «Money without a signature»).
    pub confirmed: bool,
    /// Confirmed by the school's setting alone: a smaller sum or a refund is then only a hint (L16).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trusted: bool,
    /// When a report of it was received; absent if it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_at: Option<At>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unusable: BTreeSet<Unusable>,
    pub client: ClientFacts,
}

/// What a report carries and nobody can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unusable {
    /// A paid sum that is written so that it cannot be read.
    Paid,
    /// A manager whom no file of the school names.
    Manager,
}

/// An empty label says that there is none, and takes back nothing.
pub(super) fn add_labels(source: &mut BTreeMap<String, String>, told: &BTreeMap<String, String>) {
    for (name, value) in told {
        match value.is_empty() {
            true => drop(source.entry(name.clone()).or_default()),
            false => drop(source.insert(name.clone(), value.clone())),
        }
    }
}

impl OrderFacts {
    /// These facts, and what an earlier report said and they do not. Its money counts for itself: status, paid, left.
    pub fn over(self, earlier: &OrderFacts) -> Self {
        let mut source = earlier.source.clone();
        add_labels(&mut source, &self.source);
        Self {
            gc_id: self.gc_id.or_else(|| earlier.gc_id.clone()),
            number: self.number.or_else(|| earlier.number.clone()),
            created_at: self.created_at.or(earlier.created_at),
            author: self.author.or(earlier.author),
            offers: if self.offers.is_empty() { earlier.offers.clone() } else { self.offers },
            positions: self.positions.or_else(|| earlier.positions.clone()),
            cost: self.cost.or_else(|| earlier.cost.clone()),
            payment_link: self.payment_link.or_else(|| earlier.payment_link.clone()),
            manager: self.manager.or_else(|| earlier.manager.clone()),
            pipeline: self.pipeline.or(earlier.pipeline),
            source,
            ..self
        }
    }

    /// Read back, so that even less money than before counts (L16).
    pub fn is_read_back(&self) -> bool {
        self.confirmed && !self.trusted
    }
}

/// Numbers or addresses of one field of a contact that are looked at.
const CARRIED_MAX: usize = 30;

/// Facts of a person; absent means «not reported».
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientFacts {
    /// GetCourse's user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gc_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The parts of the name, where the platform has them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Lower-cased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What was typed in place of an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_typed: Option<String>,
    /// IANA zone from the card's own field (D13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// True when the phone is known to be confirmed (L12); absent is «not known».
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_confirmed: Option<bool>,
    /// The e-mail bounced, as reported by the mail server.
    pub email_bad: bool,
    /// Read in GetCourse or in the CRM: what is new of it counts. Otherwise it is somebody's word (F100).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
    /// Further numbers and addresses of a contact in the CRM: one that waits for a word is confirmed by it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub carries: BTreeSet<String>,
    /// A number or an address alone named the person: what differs from the record waits (F100).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// What named the person then (Q4).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub by: BTreeSet<SameWay>,
    /// Other persons with the same number or address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alike: Vec<Alike>,
}

impl ClientFacts {
    /// All numbers that can be called, the main one first.
    pub fn numbers(&self) -> impl Iterator<Item = &String> {
        self.phone.iter().flat_map(|phone| phone.e164.iter().chain(&phone.second))
    }

    /// The zone, if it is one.
    pub fn zone(&self) -> Option<&String> {
        self.zone.as_ref().filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok())
    }

    /// The further numbers (`PHONE`) or addresses (`EMAIL`) of a contact.
    pub fn carry<'a>(&mut self, code: &str, values: impl Iterator<Item = &'a str>) {
        let read = |value: &str| match code {
            "PHONE" => Phone::parse(value).e164,
            "EMAIL" => Some(value.to_lowercase()),
            _ => None,
        };
        let known = self.phone.iter().flat_map(|phone| phone.e164.iter().chain(&phone.second));
        let known: BTreeSet<String> = known.chain(&self.email).cloned().collect();
        self.carries.extend(values.take(CARRIED_MAX).filter_map(read).filter(|value| !known.contains(value)));
    }
}

/// Another person with the same number or address (F100).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alike {
    pub way: SameWay,
    pub client: ClientId,
    /// GetCourse's id of that person, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameWay {
    Phone,
    Email,
}

/// A call's outcome in the common model of the telephony sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Answered,
    NoAnswer,
    Busy,
    Rejected,
    Unreachable,
    InvalidNumber,
    Failed,
    Cancelled,
    Voicemail,
}

impl Outcome {
    /// For people, inside a sentence.
    pub(crate) fn said(self) -> Phrase {
        match self {
            Self::Answered => word::answered(),
            Self::NoAnswer => word::no_answer(),
            Self::Busy => word::busy(),
            Self::Rejected => word::rejected(),
            Self::Unreachable => word::unreachable(),
            Self::InvalidNumber => word::invalid_number(),
            Self::Failed => word::failed(),
            Self::Cancelled => word::cancelled(),
            Self::Voicemail => word::voicemail(),
        }
    }

    /// The same of an attempt that did not reach the client: its talk was too short (D12).
    pub(crate) fn said_of_attempt(self) -> Phrase {
        match self {
            Self::Answered => word::cut_off(),
            other => other.said(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Inbound,
    Outbound,
}

/// Who was reached: an attempt counts only if the client's number was dialled (D12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    Client,
    /// Our call-back's first leg failed: the client was never dialled.
    ManagerOnly,
    Nobody,
}

/// The final result of one call; a more exact one for the same `call` may follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallResult {
    /// `<provider>:<conversation key>`: one call, one attempt.
    pub call: String,
    pub direction: Direction,
    pub outcome: Outcome,
    pub reached: Reached,
    /// 0 if there was no talk; `None` if the length is unknown, which is a talk if it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_seconds: Option<u32>,
    pub started_at: At,
    pub ended_at: At,
    /// The client's number, E.164; absent when hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Our line that was called or shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The manager of the extension that took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerId>,
    /// Our command that started the call, if the provider reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Provider's key of the recording, if one is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// The state of a lead in the CRM. Only differences from our own last write are changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadChange {
    pub role: LeadRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The stage that the CRM showed before, at an earlier time; absent if it is the first one that it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Stage>,
    /// The sales pipeline of that stage, if it is not the usual one (G1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    /// The reason given for a lost lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    /// The manager whom the CRM names as the author. Only a hint: our own changes may have him too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ManagerId>,
    /// The time of the change, according to the CRM.
    pub at: At,
}

/// The state of a task in the CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskChange {
    pub task: TaskId,
    pub done: bool,
    /// The text of the result; empty if closed without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// An answer was read from the result; it came as an event of its own, before this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    /// Deleted in the CRM.
    #[serde(default)]
    pub gone: bool,
    /// The time of the change, according to the CRM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
}

/// A manager's answer to «Что дальше?» (L13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub kind: AnswerKind,
    /// The promised time or date, as an instant: of a day without a time, its beginning in the school's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// What of it was said.
    #[serde(default, skip_serializing_if = "Extent::is_moment")]
    pub extent: Extent,
    /// Why: free text of the manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ManagerId>,
    /// The lead's field that contained the answer; it is cleared after use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<u64>,
    /// When the CRM says that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<At>,
}

/// How much of a moment a person named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// A day and a time.
    #[default]
    Moment,
    /// A day without a time.
    Day,
    /// A time without a day: the moment is its next occurrence.
    TimeOfDay,
}

impl Extent {
    fn is_moment(&self) -> bool {
        *self == Self::Moment
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// «Перезвонить» at a time (D5).
    CallBack,
    /// «Обещал оплатить» with a date (P1).
    Promise,
    Instalment,
    LongCycle,
    /// «Сомневается»: materials now, a contact in 1–2 days.
    Doubt,
    /// «Особые условия»: a task to the head, due in a day.
    SpecialTerms,
    /// «Сам попробует оплатить», or the manager's own attempt: a date and a reason.
    OwnTry,
    Refusal,
    Duplicate,
    Mistake,
    WrongNumber,
    /// «Оплачено»: only causes a check of the payment.
    Paid,
    /// «Вернули»: the head's decision about a refund (L16).
    Returned,
    /// «Остаётся»: the client stays, nothing more is given back (L16).
    Stays,
    /// A choice of the answer's field that the school's file does not know; `why` contains it.
    Unclear,
    /// A task's result «дозвонился» for a call that telephony did not report (D10).
    Reached,
    /// A task's result «нет» for a call that telephony did not report (D10).
    NotReached,
}
