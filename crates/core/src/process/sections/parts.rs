//! Partial payments: each is counted once, and the next one is waited for by a plan (L5).
//! Never counts a repeated report as a payment. Enter at [`part`].

use chrono::TimeDelta;

use crate::message::phrase::{parts, result};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::assign;
use crate::process::calendar;
use crate::process::case::{Order, Plan, Promise};
use crate::process::command::{TaskKind, Urgency};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
use crate::process::moment::Moment;
use crate::process::money::{Before, PaymentState, minor};
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "parts",
    rules: &["L5"],
    timers: &[
        Row { timer: Timer::PartReminder3, class: Class::Step, lives: has_plan, fires: remind },
        Row { timer: Timer::PartReminder1, class: Class::Step, lives: has_plan, fires: remind },
        Row { timer: Timer::PartMissed, class: Class::Date, lives: has_plan, fires: missed },
    ],
    enters: |d, request| match request {
        Request::Settle { payment_state: PaymentState::Part, before } => {
            part(d, before);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

fn has_plan(order: &Order) -> bool {
    order.plan.is_some()
}

/// L5: stops dialling and starts the plan; counts each further part, but not a repeated report.
fn part(d: &mut Decision, before: &Before) {
    let gained = minor(&d.case.order.paid) - before.paid;
    if d.case.order.is_won() {
        return;
    }
    if gained <= 0 && !cut("L5.repeat") && (before.parts_paid > 0 || *d.state() == Wait::PartPaid) {
        if d.case.order.is_held() {
            d.request(Request::Resume);
        }
        return;
    }
    d.release();
    d.urgent(Urgency::Money, count);
    plan(d);
}

fn count(d: &mut Decision) {
    let result = &result::part_came();
    if !d.case.order.is_open() {
        reopen(d);
    }
    d.case.order.parts_paid += u32::from(!cut("L5.counted"));
    let part = d.case.order.parts_paid;
    d.moment(Moment::Paid { part });
    d.end_calls(result);
    d.close_question(result);
    if matches!(d.case.order.promise, Some(Promise::Pay { .. })) {
        d.moment(Moment::PromiseKept);
    }
    d.drop_promise();
    d.go(Wait::PartPaid, result);
    d.stage(Stage::PartPaid, None);
    let (paid, cost) = (d.case.order.paid.as_ref(), d.case.order.cost.as_ref());
    d.turn("L5", parts::part(part, paid.map(Money::text), cost.map(Money::text), next_part(d)));
}

fn reopen(d: &mut Decision) {
    d.say("L5", parts::reopened());
    if matches!(d.case.order.status, Some(Status::Cancelled | Status::False)) {
        d.case.order.status = Some(Status::PartPaid);
    }
    if let Some(manager) = d.case.order.responsible.take() {
        assign::give(d, &manager);
    }
}

fn next_part(d: &Decision) -> At {
    d.now + TimeDelta::days(i64::from(d.figures().payment.part_days.max(1)))
}

/// L5: the client is reminded 3 days and 1 day before the next payment; the day after a missed payment the
/// manager gets a task.
fn plan(d: &mut Decision) {
    let figures = d.figures();
    let due = next_part(d);
    let morning = |d: &Decision, at: At| {
        let day = at.with_timezone(&d.zone()).date_naive();
        let minute = u32::from(figures.promise.reminder_at.minute);
        d.letters_open_at(calendar::at_local(day, minute, d.zone()))
    };
    d.case.order.plan = Some(Plan { due });
    for (timer, days) in [(Timer::PartReminder3, 3), (Timer::PartReminder1, 1)] {
        let at = morning(d, due - TimeDelta::days(days));
        if figures.payment.part_reminders && at > d.now {
            d.set(timer, at);
        } else {
            d.stop(timer);
        }
    }
    d.set(Timer::PartMissed, d.team().next(morning(d, due + TimeDelta::days(1))));
}

/// L5: reminds the client of the next part.
fn remind(d: &mut Decision) {
    let opens = d.letters_open_at(d.now);
    if opens > d.now {
        d.set(Timer::PartReminder1, opens);
        return;
    }
    let due = d.case.order.plan.map(|plan| plan.due);
    let (zone, now) = (d.zone(), d.now);
    let letter = d.draft(TextId::PartReminder, |vars| {
        vars.day = due.map(|due| calendar::say_day(due, zone, now)).unwrap_or_default();
        vars.time.clone_from(&vars.day);
    });
    let said = parts::reminded(letter.leaves());
    d.post("L5", letter);
    d.say("L5", said);
}

/// L5: the day after a missed part the manager gets a task, repeated until a payment comes.
fn missed(d: &mut Decision) {
    d.moment(Moment::PartMissed);
    d.turn("L5", parts::missed());
    if !d.has_task(TextId::TaskPartMissed) {
        let due = d.work_minutes(60);
        d.task(NewTask::new(TaskKind::Do, TextId::TaskPartMissed, due));
    }
    d.set(Timer::PartMissed, d.work_days(3));
}
