//! The free pool: the first manager to take an order gets it; if nobody does, the queue assigns it (L9, L8).
//! Never reassigns an order that has a responsible. Enter at [`take`] and [`out_of_pool`].

use crate::message::phrase::{Phrase, pool, why};
use crate::message::text::TextId;
use crate::process::assign;
use crate::process::command::{Ask, AskKind, TaskKind};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
use crate::process::moment::Moment;
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "pool",
    rules: &["L9"],
    timers: &[Row {
        timer: Timer::FreePool,
        class: Class::Step,
        lives: |order| *order.state() == Wait::FreePool,
        fires: pool_over,
    }],
    enters: |d, request| {
        match request {
            Request::Take { manager } => take(d, manager),
            Request::LeavePool { why } => out_of_pool(d, why.clone()),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// L9: nobody took it in time: the queue assigns it, and the head is informed.
fn pool_over(d: &mut Decision) {
    if *d.state() != Wait::FreePool || d.case.order.responsible.is_some() {
        return;
    }
    assign::give_by_queue(d, why::nobody_took());
    if let Some(head) = d.head() {
        let due = d.work_minutes(d.figures().task.escalate_minutes);
        let why = d.words(&why::nobody_took_in_time());
        d.task(NewTask {
            to: Some(head),
            why: &why,
            ..NewTask::new(TaskKind::Do, TextId::TaskEscalated, due)
        });
    }
    leave_pool(d);
}

/// L8: a client who contacts us gets a manager at once, by the queue.
fn out_of_pool(d: &mut Decision, why: Phrase) {
    if d.case.order.responsible.is_none() {
        assign::give_by_queue(d, why);
        leave_pool(d);
    }
}

/// The order has a responsible now: the pause continues, or dialling starts if it has ended.
fn leave_pool(d: &mut Decision) {
    if *d.state() != Wait::FreePool {
        return;
    }
    d.go(Wait::Pause, &Phrase::NONE);
    if d.at(Timer::SelfPay).is_none() {
        d.request(Request::Round { task: None, why: None });
    }
}

/// L9: a manager takes the order: status «В работе»; who and when is stored once.
fn take(d: &mut Decision, manager: &ManagerId) {
    if d.case.order.responsible.is_none() {
        assign::give(d, manager);
        assign::tell_crm(d, manager);
    }
    if d.case.order.taken_at.is_some() {
        return;
    }
    d.case.order.taken_at = Some(d.now);
    d.moment(Moment::Taken { manager: manager.clone() });
    let ours = d.case.order.responsible.clone().filter(|ours| d.case.order.gc_manager.as_ref() != Some(ours));
    if let Some(manager) = ours.filter(|_| !d.is_unsent(AskKind::SetOrderManager)) {
        d.getcourse(Ask::SetOrderManager { manager });
    }
    d.turn("L9", pool::taken(manager));
    if matches!(d.case.order.status, None | Some(Status::New)) {
        d.status(Status::InWork, None);
    }
    d.stage(Stage::InWork, None);
    leave_pool(d);
}
