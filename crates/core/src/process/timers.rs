//! Named deadlines of an order: each name at most once.
//! The table of sections states what each timer means. Enter at [`Timers::set`] and [`Timers::take_due`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::At;

/// The order of the variants is the order in which timers that are due together fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// A reported payment waits for its read-back: read GetCourse again.
    ConfirmPayment,
    /// The client's promised time (D5).
    CallBack,
    /// 5 min before the promised time (D5).
    CallBackReminder,
    /// Payment is checked 2 h before the evening window of the promised day (P1).
    PromiseCheck,
    /// Morning reminder with the link on the promised day (P1).
    PromiseReminder,
    /// End of the promised day: not paid → call task, new round (P2).
    PromiseDue,
    /// The self-payment pause ends (L2).
    SelfPay,
    /// The next attempt of the ladder (D2).
    Attempt,
    /// The last message was sent; the order ends a day later (D3).
    GiveUp,
    /// A talk took place, the answer is awaited (L13).
    AskNext,
    /// A task's deadline, then its reminder and escalation (L15).
    TaskLate,
    TaskEscalate,
    /// Not taken from the free pool in 10 min (L9).
    FreePool,
    /// The bridge starts the open call task's call (D9).
    StartCall,
    /// The first event of a started call is overdue (D9).
    StartSeen,
    /// The phone was asked for: the next check (L11).
    PhoneCheck,
    /// Payment plan: 3 days before, 1 day before, the day after (L5).
    PartReminder3,
    PartReminder1,
    PartMissed,
    /// The head has not decided about a refund: ask again (L16).
    RefundDue,
    /// A follow-up without a section of its own: doubt, own try, instalment, long cycle (L13).
    FollowUp,
    /// A command that failed, or facts that never came: try again.
    Retry,
    /// The next step has changed: the note about it is edited (K10).
    NextNote,
    /// Last resort (L14): the order was left without a next step.
    Guard,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timers(BTreeMap<Timer, At>);

impl Timers {
    /// Sets or moves a timer.
    pub fn set(&mut self, timer: Timer, at: At) {
        self.0.insert(timer, at);
    }

    pub fn stop(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    pub fn stop_all(&mut self) {
        self.0.clear();
    }

    pub fn at(&self, timer: Timer) -> Option<At> {
        self.0.get(&timer).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The earliest deadline.
    pub fn earliest(&self) -> Option<At> {
        self.0.values().min().copied()
    }

    /// Removes the first timer that is due at `now`; `None` if there is none.
    pub fn take_due(&mut self, now: At) -> Option<Timer> {
        let due = self.0.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).min()?;
        self.0.remove(&due);
        Some(due)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Timer, At)> + '_ {
        self.0.iter().map(|(timer, at)| (*timer, *at))
    }
}
