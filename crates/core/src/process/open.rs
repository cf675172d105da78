//! What an order has open outside: tasks, the start of a call, the note about its next step, commands that are
//! not settled or were refused. Absent fields are not written. Enter at [`Task`] and [`Pending`].

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::command::{AskKind, TaskKind};
use super::value::*;
use crate::message::text::TextId;

/// An open task of this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub kind: TaskKind,
    pub due: At,
    pub responsible: ManagerId,
    /// The text of the task, which identifies its purpose.
    pub text: TextId,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reminded: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalated: bool,
    /// This task belongs to no state, unlike others with this text: it stays until done or until the order
    /// ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The task of which this one reminds; both are closed together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<TaskId>,
    /// What we had written before the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Former>,
    /// What its text says beside the order's own facts, so that it can be written again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Box<TaskSaid>>,
}

/// What a task was given to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSaid {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<At>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub more: String,
}

/// What our own earlier write said, and when we replaced it: its webhook may come late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    pub manager: ManagerId,
    /// Of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<At>,
    pub at: At,
}

/// The earlier write may have been under way when it was replaced, and the CRM's clock is its own.
const UNDER_WAY: TimeDelta = TimeDelta::seconds(10);

impl Former {
    /// A change at this time is not later than our own earlier write.
    pub fn is_late(&self, at: Option<At>) -> bool {
        at.is_none_or(|at| at <= self.at + UNDER_WAY)
    }

    /// The CRM shows the earlier responsible as of then.
    pub fn is_echoed(&self, manager: &ManagerId, at: At) -> bool {
        self.manager == *manager && self.is_late(Some(at))
    }
}

/// The start of a call for one attempt (D9): waiting for the manager, in progress, or left to the manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStart {
    /// Task, round and rung: there is one start for each.
    pub attempt: String,
    /// The manager was on the phone: when to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<UnderWay>,
}

/// A requested start whose call has no result yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    pub command: CommandId,
    pub manager: ManagerId,
    pub at: At,
}

/// What a refused command would have made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "made", rename_all = "snake_case")]
pub enum Refused {
    /// The lead, with the furthest stage that the process wanted.
    Lead { role: LeadRole, stage: Stage },
    /// The task, and the state of the order to which it belonged.
    Task { id: TaskId, task: Task, state: String },
}

/// The content of an unsent command, so that a later step can revoke it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub ask: AskKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<TextId>,
    /// The address of the letter: a bounce applies to it, even if the client has a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The lead's role, if the command creates a lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<LeadRole>,
    /// A read of the buyer, which says nothing of a payment that is told later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads_person: bool,
    /// The status that it sets: the order may have another one when it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// A stage that we set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnMove {
    pub command: CommandId,
    pub stage: Stage,
    /// When its receipt came; until then it may still leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<At>,
}

impl OwnMove {
    /// More are not remembered.
    pub const MAX: usize = 6;
}

impl Pending {
    /// Of a command that nothing else is remembered of.
    pub fn new(ask: AskKind) -> Self {
        Self { ask, task: None, letter: None, to: None, role: None, reads_person: false, status: None }
    }
}

/// What the lead shows of its next step while no task does (K10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextShown {
    /// When it was last written.
    pub at: At,
    /// A digest of the words.
    pub words: u64,
    /// It is on top of the card now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The CRM refused to pin it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// An unconfirmed report of a refund: the same one is read back once (L16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// An end or another sum that a report alone tells (F104).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
}
