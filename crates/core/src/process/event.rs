//! What can happen to a case. Platforms say it in [`crate::signal`] words, intake finds
//! the order that is meant and hands `step` one of these.
//! Never holds a platform's id where ours is known. Enter at [`Event`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::*;

/// One thing that happened to one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An order as GetCourse shows it now: the first sight of it, or a change of anything.
    Order(Box<OrderFacts>),
    /// A person's phone, e-mail or name as some platform shows it now.
    Client(ClientFacts),
    /// A call has its final result.
    Call(CallResult),
    /// A lead of this order as the CRM shows it now.
    Lead(LeadChange),
    /// A lead of this order is gone from the CRM (deleted by hand).
    LeadGone { role: LeadRole },
    /// A task of this order as the CRM shows it now.
    Task(TaskChange),
    /// A manager answered «Что дальше?» (L13), by a field, a stage or a task's result.
    Answer(Answer),
    /// The order's wake has come; `step` looks which timers are due.
    Wake,
    /// A command was carried out.
    Receipt { command: CommandId },
    /// A command can never be carried out; the order needs another next step.
    Undeliverable { command: CommandId, why: String },
    /// What another order of the same client has to say.
    Sibling(News),
}

/// Said by one order of a client to another, through the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// A talk took place: the other ladders of this client stop (design, «Call → order»).
    Talked { order: OrderId, at: At },
    /// The other order of the same offer has been paid in full: this one ends (L7).
    Paid { order: OrderId },
    /// This order is an unpaid double of `order`, which is the one that is kept (L7).
    DuplicateOf { order: OrderId },
    /// A younger unpaid double `order` has been folded into this one (L7).
    DuplicateFound { order: OrderId },
}

/// Who created an order: decides between the pause (L2) and the short path (L3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    Client,
    Manager,
}

/// An order's facts; absent means «not said», never «empty».
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
    /// What was ordered, in words.
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
    /// The facts of the source for the note (G5): utm, page, form, promocode.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub source: BTreeMap<String, String>,
    /// True when read back from GetCourse or trusted by the school's setting: money that is not
    /// confirmed stops dialling and letters, and wins nothing yet (design, «Money without a
    /// signature»).
    pub confirmed: bool,
    pub client: ClientFacts,
}

/// A person's facts; absent means «not said».
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientFacts {
    /// GetCourse's user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gc_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Lower-cased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// IANA zone from the card's own field (D13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// True when the phone is known to be confirmed (L12); absent is «not known».
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_confirmed: Option<bool>,
    /// The e-mail bounced (told by the mail server).
    pub email_bad: bool,
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
    /// In the words of the lead's feed.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "разговор",
            Self::NoAnswer => "нет ответа",
            Self::Busy => "занято",
            Self::Rejected => "сбросил",
            Self::Unreachable => "недоступен",
            Self::InvalidNumber => "неверный номер",
            Self::Failed => "сбой связи",
            Self::Cancelled => "менеджер отменил вызов",
            Self::Voicemail => "автоответчик",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Inbound,
    Outbound,
}

/// Who was reached: an attempt counts only where the client's side was dialled (D12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    Client,
    /// Our call-back's first leg failed: the client was never dialled.
    ManagerOnly,
    Nobody,
}

/// The final result of one call; a later, more exact one for the same `call` may follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallResult {
    /// `<provider>:<conversation key>`: one call, one attempt.
    pub call: String,
    pub direction: Direction,
    pub outcome: Outcome,
    pub reached: Reached,
    pub talk_seconds: u32,
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
    /// Our command that started the call, where the provider returns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Provider's key of the recording, if one is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// A lead as the CRM shows it; only what differs from our own last write is worth a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadChange {
    pub role: LeadRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    /// A reason given with a lost lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    /// When the CRM says that it changed.
    pub at: At,
}

/// A task as the CRM shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskChange {
    pub task: TaskId,
    pub done: bool,
    /// The result's text, empty when closed without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    /// Deleted in the CRM.
    #[serde(default)]
    pub gone: bool,
}

/// What a manager says is next (L13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub kind: AnswerKind,
    /// The promised time or date, already as an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// Why: free text of the manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ManagerId>,
    /// The lead's field that held it, to be cleared after use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<u64>,
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
    /// «Сомневается»: material and a touch in 1–2 days.
    Doubt,
    /// «Особые условия»: a task to the head, due in a day.
    SpecialTerms,
    /// «Сам попробует оплатить» / the manager's own try: date and why.
    OwnTry,
    Refusal,
    Duplicate,
    Mistake,
    WrongNumber,
    /// «Оплачено» only makes the bridge check the payment.
    Paid,
    /// A task's result «дозвонился» where telephony saw no call (D10).
    Reached,
    /// A task's result «нет» where telephony saw no call (D10).
    NotReached,
}
