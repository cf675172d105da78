//! «Дозваниваемся за 3 дня»: rounds of attempts, and what counts as one (D1–D3, D11–D13).
//! The time of the next attempt is computed in `ladder`. Enter at [`start`], [`attempt`],
//! [`not_reached`].

use chrono::TimeDelta;

use crate::message::phrase::{dialling, result, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::call_task::{self, Call};
use crate::process::case::Round;
use crate::process::command::TaskKind;
use crate::process::decision::{Class, Decision, Heard, PlannedCall, Request, Row, Section, Tasks, Whose};
use crate::process::event::Outcome;
use crate::process::ladder::{self, Rung};
use crate::process::moment::Moment;
use crate::process::state::{LastLetter, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "dialling",
    rules: &["D1", "D2", "D11", "D12", "D13"],
    timers: &[Row {
        timer: Timer::Attempt,
        class: Class::Step,
        lives: |order| *order.state() == Wait::Dialling,
        fires: attempt,
    }],
    // The task of a promised call is the first task of the round that begins with it. A talk before that
    // time does not close it (D5).
    tasks: &[Tasks {
        whose: Whose::Kind(TaskKind::Call),
        stays: |from, to| {
            let promised = matches!(from, Wait::CallBack | Wait::Promised);
            *to == Wait::Dialling || (promised && *to == Wait::Asking) || to.keeps_all()
        },
    }],
    enters: |d, request| {
        match request {
            Request::Round { task, why } => start(d, task.clone(), why.clone()),
            Request::PromisedRound { call } => promised_round(d, call.as_ref()),
            Request::CallAtOnce { due, why } => call_at_once(d, *due, why.as_deref()),
            Request::Attempt => attempt(d),
            Request::NotReached { outcome, at } => not_reached(d, *outcome, *at),
            Request::CallFailed => failed(d),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// Starts a new round (D1, P2). `task` is the text of its first task; `None` for the usual one.
fn start(d: &mut Decision, task: Option<TextId>, why: Option<String>) {
    d.end_calls(&result::new_round());
    d.request(Request::RoundBegins);
    new_round(d, task);
    d.case.order.round.why = why.filter(|why| !why.is_empty());
    let rung = ladder::first(d, d.now);
    plan(d, rung);
}

/// Resets the counters of a round; the caller sets its first attempt.
fn new_round(d: &mut Decision, task: Option<TextId>) {
    let number = d.case.order.round.number + 1;
    d.case.order.round = Round { number, task, ..Round::default() };
    d.go(Wait::Dialling, &result::new_round());
}

/// D5: a round whose first attempt is the promised call.
fn promised_round(d: &mut Decision, call: Option<&PlannedCall>) {
    new_round(d, Some(TextId::TaskCallBack));
    let today = d.now.with_timezone(&d.zone()).date_naive().to_string();
    d.case.order.round.days.insert(today);
    if let Some(call) = call {
        call_task::make(d, Call::back(call.due, call.time, call.why.as_deref()));
        fall_back(d, call.due);
    }
}

/// D11: a call-back to a client who called. If the order was waiting, the wait ends, and the call-back is
/// the first attempt.
fn call_at_once(d: &mut Decision, due: At, why: Option<&str>) {
    if matches!(d.state(), Wait::Pause | Wait::GivingUp { .. }) || cut("D5.missed_call") {
        new_round(d, Some(TextId::TaskMissedCall));
        d.case.order.round.why = why.map(str::to_owned);
    }
    let (text, script) = (TextId::TaskMissedCall, TextId::ScriptCallBack);
    call_task::make(d, Call { text, script, due, time: d.now, why, to: None });
    d.case.order.round.planned = false;
    fall_back(d, due);
}

fn plan(d: &mut Decision, rung: Rung) {
    let round = &mut d.case.order.round;
    (round.day, round.step, round.planned, round.closed) = (rung.day, rung.step, true, 0);
    d.set(Timer::Attempt, rung.at);
    d.say("D2", dialling::planned(rung.at));
}

/// An attempt is due (D1, D2): a call task with the script, due now. The permitted hours are checked again
/// (D13), because a wake may be late.
fn attempt(d: &mut Decision) {
    if *d.state() != Wait::Dialling {
        return;
    }
    let calls = d.calls();
    let opens = calls.next(d.now);
    if opens > d.now {
        let at = d.spread(Timer::Attempt, opens);
        d.set(Timer::Attempt, at);
        d.say("D13", dialling::closed_hours());
        return;
    }
    if d.case.client.phone().is_none() && d.figures().arrival.ask_phone {
        d.request(Request::AskPhone { why: why::nowhere_to_call() });
        return;
    }
    let today = d.now.with_timezone(&calls.zone).date_naive().to_string();
    d.case.order.round.days.insert(today);
    d.case.order.round.started_at.get_or_insert(d.now);
    let planned = std::mem::take(&mut d.case.order.round.planned) && !cut("K10.one_task");
    match d.call_task() {
        Some(open) if planned => call_task::is_due(d, &open),
        Some(open) => missed_attempt(d, &open),
        None => call_task::of_attempt(d),
    }
    d.stage(Stage::Dialling, None);
    // A route may give its first task more time (G6).
    let due = d.case.order.call_task().map_or(d.now, |(_, task)| task.due);
    fall_back(d, due.max(d.now));
}

/// L15: no call was made for the last attempt; the ladder continues with the same task.
fn missed_attempt(d: &mut Decision, open: &TaskId) {
    let (day, step) = (d.case.order.round.day, d.case.order.round.step);
    let gap = TimeDelta::minutes(i64::from(d.figures().dialling.gap_minutes));
    let rung = ladder::after(d, day, step, d.now - gap);
    (d.case.order.round.day, d.case.order.round.step) = (rung.day, rung.step);
    if gives_up(d, d.now) {
        give_up(d);
        return;
    }
    // Every attempt starts with the order's own manager.
    let held_by = d.case.order.tasks.get(open).map(|task| task.responsible.clone());
    let own = d.case.order.responsible.clone().filter(|own| held_by.as_ref() != Some(own));
    d.move_task(open, Some(d.now), own);
    d.say("L15", dialling::no_call());
}

/// If nobody calls, the ladder still continues after the task has been escalated (L14, L15).
fn fall_back(d: &mut Decision, due: At) {
    if *d.state() != Wait::Dialling {
        return;
    }
    let figures = d.figures();
    let late = d.team().add_minutes(due, figures.dialling.task_minutes + figures.task.escalate_minutes);
    let rung = ladder::after(d, d.case.order.round.day, d.case.order.round.step, late);
    d.set(Timer::Attempt, rung.at);
}

/// D2, D3: an attempt that did not reach the client.
fn not_reached(d: &mut Decision, outcome: Outcome, at: At) {
    d.request(Request::CallBegun);
    let order = &mut d.case.order;
    order.attempts += 1;
    order.round.attempts += 1;
    order.round.started_at.get_or_insert(at);
    order.round.last_attempt_at = Some(at);
    order.round.last_outcome = Some(outcome);
    let number = order.round.attempts;
    d.moment(Moment::NotReached { outcome, attempt: number });
    d.say("D2", dialling::attempt(number, outcome.said_of_attempt()));
    if *d.state() == Wait::CallBack {
        d.request(Request::Restore);
        return;
    }
    // A manual call before the planned time does not move the planned attempt.
    let order = &d.case.order;
    let revoked = order.held().is_some_and(|held| held.call_was_revoked);
    let is_planned = (order.call_task().is_none() && !revoked) || order.call_is_ahead();
    let planned = d.at(Timer::Attempt).filter(|_| is_planned && !cut("D10.plan_stands"));
    // Nor does a task that waits for the check of a payment come back: the attempt is made.
    match cut("L4.attempt_counts") {
        false => d.end_calls(&result::not_reached(outcome.said_of_attempt())),
        true => d.close_tasks_where(|task| task.kind == TaskKind::Call, &result::not_reached("")),
    }
    if *d.state() == Wait::Dialling {
        next(d, at, planned);
    }
}

/// Plans the next attempt, or ends the round (D3).
fn next(d: &mut Decision, last: At, planned: Option<At>) {
    let calls = d.calls();
    if calls.is_open(last) {
        let day = last.with_timezone(&calls.zone).date_naive().to_string();
        d.case.order.round.days.insert(day);
    }
    let gap = TimeDelta::minutes(i64::from(d.figures().dialling.gap_minutes));
    if let Some(planned) = planned.filter(|at| *at >= last + gap) {
        d.say("D2", dialling::off_plan(planned));
        return;
    }
    let rung = ladder::after(d, d.case.order.round.day, d.case.order.round.step, last);
    match gives_up(d, rung.at) {
        true => give_up(d),
        false => plan(d, rung),
    }
}

/// D3: enough attempts were made on enough days with permitted hours, and the next attempt would need
/// another day.
fn gives_up(d: &Decision, next: At) -> bool {
    let figures = &d.figures().dialling;
    let round = &d.case.order.round;
    let day = next.with_timezone(&d.zone()).date_naive().to_string();
    let days = round.days.iter().filter(|have| **have != day).count();
    days >= figures.days as usize && round.attempts >= figures.attempts_min
}

fn give_up(d: &mut Decision) {
    let result = &result::dialling_over();
    d.end_calls(result);
    d.go(Wait::GivingUp { letter: LastLetter::Waits }, result);
    d.request(Request::LastLetter);
}

/// D12: the manager's leg or the provider failed. This is no attempt; the same task is due a little later.
fn failed(d: &mut Decision) {
    d.say("D12", dialling::our_failure());
    let again = d.now + TimeDelta::minutes(i64::from(d.figures().dialling.failed_retry_minutes));
    if let Some(open) = d.call_task().filter(|_| !d.case.order.call_is_ahead()) {
        d.move_task(&open, Some(again), None);
    }
}
