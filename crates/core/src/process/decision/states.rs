//! Verbs of a decision: changes of state, and the timers. There is one function for a change of state; it
//! stops and closes what belongs to the old state, by the table of sections. Never names those timers and
//! tasks. Enter at [`Decision::go`].

use super::{Decision, Tasks, Whose};
use crate::message::phrase::{Phrase, result};
use crate::mutant::cut;
use crate::process::case::Promise;
use crate::process::command::{AskKind, TaskKind};
use crate::process::moment::Moment;
use crate::process::state::{End, Held, Wait};
use crate::process::timers::{Timer, Timers};
use crate::process::value::*;

impl Decision<'_> {
    pub fn state(&self) -> &Wait {
        self.case.order.state()
    }

    /// Changes the state; nothing else does. `result` is written into the tasks that close.
    pub fn go(&mut self, to: Wait, result: &Phrase) {
        let from = self.state().clone();
        self.close_bound(|tasks| !(tasks.stays)(&from, &to), result);
        self.stay(to.clone());
        self.moment(Moment::Left { from, to });
        self.stop_strays();
    }

    /// Changes the data of a state; nothing of it closes.
    pub fn stay(&mut self, with: Wait) {
        match &mut self.case.order.wait {
            Wait::Held(held) => held.state = with,
            wait => *wait = with,
        }
    }

    /// Returns to a state that was held, with its timers.
    pub fn go_back(&mut self, to: Wait, timers: &Timers, result: &Phrase) {
        self.go(to, result);
        for (timer, at) in timers.iter() {
            self.set(timer, at);
        }
        self.stop_strays();
    }

    /// Closes tasks that belong to states, section by section.
    fn close_bound(&mut self, closes: impl Fn(&Tasks) -> bool, result: &Phrase) {
        for tasks in self.sections.iter().flat_map(|section| section.tasks).filter(|tasks| closes(tasks)) {
            match &tasks.whose {
                Whose::Kind(TaskKind::Call) => self.end_calls(result),
                Whose::Kind(kind) => self.close_tasks_where(|task| task.kind == *kind, result),
                Whose::Texts(texts) => {
                    self.close_tasks_where(|task| texts.contains(&task.text) && !task.kept, result);
                }
            }
        }
    }

    /// Stops every timer whose condition no longer holds.
    fn stop_strays(&mut self) {
        for row in self.sections.iter().flat_map(|section| section.timers) {
            if !(row.lives)(&self.case.order) {
                self.stop(row.timer);
            }
        }
    }

    /// No call is wanted now: the call task closes, and none comes back after a hold (L4, L11, L13).
    pub fn end_calls(&mut self, result: &Phrase) {
        if let Wait::Held(held) = &mut self.case.order.wait {
            held.call_was_revoked = false;
        }
        self.close_tasks_where(|task| task.kind == TaskKind::Call, result);
    }

    /// The question is answered, or no longer asked (L13).
    pub fn close_question(&mut self, result: &Phrase) {
        self.case.order.question.open = false;
        self.close_tasks_where(|task| task.kind == TaskKind::Ask, result);
        self.stop_strays();
    }

    /// The question stands from here on.
    pub fn open_question(&mut self) {
        self.case.order.question.open = true;
    }

    pub fn promise(&mut self, promise: Promise) {
        let (Promise::CallBack { at, .. } | Promise::Pay { day: at, .. }) = promise;
        self.case.order.promise = Some(promise);
        self.moment(Moment::Promised { at });
    }

    /// A promise is over: kept, replaced, or past.
    pub fn drop_promise(&mut self) {
        self.case.order.promise = None;
        self.stop_strays();
    }

    /// The manager's answer is accepted (L13): everything open until now is closed.
    pub fn answered(&mut self, to: Wait, said: Phrase) {
        let result = &result::answer_came();
        self.case.order.unread = None;
        self.close_question(result);
        self.drop_promise();
        self.close_bound(|_| true, result);
        self.go(to, result);
        self.turn("L13", said);
    }

    /// A payment is reported: the state and its timers are held until it is confirmed (L4).
    pub fn hold(&mut self, call_was_revoked: bool) {
        let order = &mut self.case.order;
        let state = std::mem::replace(&mut order.wait, Wait::Asking);
        let timers = std::mem::take(&mut order.timers);
        order.wait = Wait::Held(Box::new(Held { state, timers, call_was_revoked, asked: 0, told: None }));
    }

    /// The hold ends: the order returns to its state. Returns what was held.
    pub fn release(&mut self) -> Option<Held> {
        let order = &mut self.case.order;
        match std::mem::replace(&mut order.wait, Wait::Asking) {
            Wait::Held(held) => {
                order.wait = held.state.clone();
                self.stop_strays();
                for (timer, at) in held.timers.iter() {
                    self.case.order.timers.set(timer, at);
                }
                Some(*held)
            }
            wait => {
                order.wait = wait;
                None
            }
        }
    }

    /// The order has ended: nothing is pending any more (L4, L6). What closes the lead and the
    /// order outside is asked for by the section, after this.
    pub fn end(&mut self, end: End, result: &Phrase) {
        let order = &mut self.case.order;
        if let (true, Some(manager)) = (order.is_open(), &order.responsible) {
            self.case.desks.release(manager);
        }
        let from = order.state().clone();
        order.timers.stop_all();
        (order.promise, order.plan) = (None, None);
        order.question.open = false;
        order.wait = Wait::Ended(end);
        let to = order.wait.clone();
        self.moment(Moment::Left { from, to });
        self.revoke_where(|pending| {
            matches!(
                pending.ask,
                AskKind::CreateTask
                    | AskKind::MoveTask
                    | AskKind::SendLetter
                    | AskKind::SetStage
                    | AskKind::SetStatus
                    | AskKind::ReadBack
                    | AskKind::StartCall
            )
        });
        self.close_tasks_where(|_| !cut("L4.tasks_close"), result);
    }

    /// Sets a timer; while a payment is unconfirmed, every timer except its own check is held.
    pub fn set(&mut self, timer: Timer, at: At) {
        let order = &mut self.case.order;
        match &mut order.wait {
            Wait::Held(held) if timer != Timer::ConfirmPayment => held.timers.set(timer, at),
            _ => order.timers.set(timer, at),
        }
    }

    /// When a timer will fire, also if it is held.
    pub fn at(&self, timer: Timer) -> Option<At> {
        self.case.order.at(timer)
    }

    pub fn stop(&mut self, timer: Timer) {
        let order = &mut self.case.order;
        order.timers.stop(timer);
        if let Wait::Held(held) = &mut order.wait {
            held.timers.stop(timer);
        }
    }
}
