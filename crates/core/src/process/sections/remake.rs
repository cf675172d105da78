//! Recreates what is missing in the CRM: a lead that a person deleted, a task that was refused (L6, L14).
//! Never repeats without a pause. Enter at [`on_gone`] and [`due`].

use crate::message::phrase::{Phrase, crm, guard, why};
use crate::message::text::TextId;
use crate::process::call_task::{self, Call};
use crate::process::command::TaskKind;
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
use crate::process::event::Event;
use crate::process::leads;
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "remake",
    rules: &["L14"],
    timers: &[Row { timer: Timer::Retry, class: Class::Repeat, lives: |order| order.is_open(), fires: due }],
    hears: |d, event| match event {
        Event::LeadGone { role } => {
            on_gone(d, *role);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// A person deleted the lead: an open order gets a new one; the second time only after a day.
fn on_gone(d: &mut Decision, role: LeadRole) {
    if d.case.order.leads.remove(&role).is_none() || role != LeadRole::Sales {
        return;
    }
    if d.case.order.call_is_ahead() {
        d.case.order.round.closed += 1;
    }
    d.case.order.tasks.clear();
    if std::mem::replace(&mut d.case.order.lead_deleted, true) {
        let again = d.work_days(1);
        d.set(Timer::Retry, again);
        d.say("L1", crm::deleted_again(again));
        return;
    }
    remake(d);
    d.turn("L1", crm::deleted());
}

/// Creates the lead again, with its open tasks.
fn remake(d: &mut Decision) {
    leads::make(d, &Phrase::NONE);
    match d.state() {
        // A planned attempt keeps its time (K10).
        Wait::Dialling if d.case.order.round.planned => {}
        Wait::Dialling => {
            d.request(Request::Attempt);
        }
        Wait::CallBack => call_back(d),
        Wait::PhoneAsked { .. } => {
            let due = d.work_minutes(60);
            d.task(NewTask::new(TaskKind::Do, TextId::TaskPhone, due));
        }
        _ if d.case.order.is_asked() => question(d, &why::lead_deleted()),
        _ => {}
    }
}

/// The pause is over: creates again what could not be created.
fn due(d: &mut Decision) {
    if d.case.order.is_unseen() {
        if !d.request(Request::AsTold) {
            d.request(Request::AskFacts);
        }
        return;
    }
    d.say("L14", guard::repeated());
    if !d.has_lead() {
        remake(d);
        return;
    }
    match d.state() {
        Wait::Dialling if d.call_task().is_none() && !d.case.order.round.planned => {
            d.request(Request::Attempt);
        }
        Wait::CallBack if d.call_task().is_none() => call_back(d),
        _ if d.case.order.is_asked() && !d.has_question_task() => question(d, &why::task_failed()),
        _ => {}
    }
}

fn question(d: &mut Decision, why: &Phrase) {
    d.request(Request::Question { text: TextId::TaskAskAgain, why: d.words(why) });
}

fn call_back(d: &mut Decision) {
    let due = d.at(Timer::CallBack).unwrap_or(d.now);
    call_task::make(d, Call::back(due, due, None));
}
