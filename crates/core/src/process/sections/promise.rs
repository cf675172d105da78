//! Promised times: a call-back at a time (D5), a payment on a day (P1, P2).
//! Never moves a promise by itself: only a manager's answer or a payment does.
//! Enter at [`call_back`], [`pay`].

use chrono::TimeDelta;

use crate::message::phrase::{Phrase, promise, result, why, word};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar::{at_local, say_day};
use crate::process::call_task::{self, Call};
use crate::process::case::{Order, Promise};
use crate::process::command::{TaskKind, Urgency};
use crate::process::decision::{Class, Decision, Heard, NewTask, PlannedCall, Request, Row, Section};
use crate::process::ladder;
use crate::process::moment::Moment;
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::*;
use crate::process::vars;

pub const SECTION: Section = Section {
    name: "promise",
    rules: &["D5", "P1", "P2"],
    // They last as long as the promise, in any state of the order.
    timers: &[
        Row { timer: Timer::CallBack, class: Class::Promised, lives: is_call_back, fires: call_back_due },
        Row {
            timer: Timer::CallBackReminder,
            class: Class::OfPromise,
            lives: is_call_back,
            fires: call_back_soon,
        },
        Row { timer: Timer::PromiseCheck, class: Class::OfPromise, lives: is_payment, fires: check },
        Row { timer: Timer::PromiseReminder, class: Class::OfPromise, lives: is_payment, fires: reminder },
        Row { timer: Timer::PromiseDue, class: Class::Date, lives: is_payment, fires: due },
    ],
    enters: |d, request| match request {
        Request::CallBackAt { at, why } => call_back(d, *at, why.as_deref()),
        Request::PayOn { day, why } => pay(d, *day, why.as_deref()),
        Request::CallBegun => {
            call_back_begun(d);
            Heard::Taken
        }
        Request::Restore => {
            restore(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

fn is_call_back(order: &Order) -> bool {
    matches!(order.promise, Some(Promise::CallBack { .. }))
}

fn is_payment(order: &Order) -> bool {
    matches!(order.promise, Some(Promise::Pay { .. }))
}

/// A later wake than this counts the promised time as missed.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// D5: plans everything around the promised time. A time in the past or outside the legal hours is refused
/// when entered, and the nearest permitted time is offered.
fn call_back(d: &mut Decision, at: Option<At>, why: Option<&str>) -> Heard {
    let Some(at) = at else {
        d.ask_again(&why::time_needed(why, d.wrong(why, word::no_time()), d.examples().time));
        return Heard::Refused;
    };
    let nearest = d.hard_hours().next(at.max(d.now));
    if nearest != at {
        let is_past = at < d.now;
        d.say("D5", promise::time_refused(at, is_past, nearest));
        d.ask_again(&why::time_refused(at, is_past, nearest));
        return Heard::Refused;
    }
    d.answered(Wait::CallBack, promise::call_back(at));
    tell_day_off(d, "D5", at);
    d.promise(Promise::CallBack { at, why: why.map(str::to_owned) });
    d.urgent(Urgency::Promise, |d| {
        call_task::make(d, Call::back(at, at, why));
        d.set(Timer::CallBack, at);
        let figures = &d.figures().dialling;
        let reminder = at - TimeDelta::minutes(i64::from(figures.reminder_minutes));
        if reminder > d.now && figures.reminder_minutes > 0 {
            d.set(Timer::CallBackReminder, reminder);
        }
        if figures.confirm_call_back {
            let zone = d.zone();
            let now = d.now;
            d.letter_with("D5", TextId::TimeConfirmed, |vars| vars::about(vars, at, zone, now));
        }
    });
    Heard::Taken
}

/// A day off that a person names is taken: the client asked for it. It is said, in case nobody thought of it.
fn tell_day_off(d: &mut Decision, rule: &str, at: At) {
    if d.is_day_off(at) {
        d.say(rule, promise::day_off(at));
    }
}

/// D5: reminds the manager five minutes before, with the client's reason.
fn call_back_soon(d: &mut Decision) {
    let Some(Promise::CallBack { at, why }) = d.case.order.promise.clone() else { return };
    let why = why.unwrap_or_default();
    d.urgent(Urgency::Promise, |d| {
        let new = NewTask::new(TaskKind::Do, TextId::TaskCallBackSoon, at);
        let about = d.call_task();
        let reminder = d.task(NewTask { why: &why, time: Some(at), ..new });
        // Lateness (L15) is watched for the call task, not for its reminder.
        d.unwatched(reminder, about);
        d.say("D5", promise::soon());
    });
}

/// D5: at the promised time the call becomes the first attempt of a new round.
fn call_back_due(d: &mut Decision) {
    let Some(Promise::CallBack { at, why }) = d.case.order.promise.clone() else { return };
    d.urgent(Urgency::Promise, |d| {
        d.say("D5", promise::due());
        d.close_question(&result::promised_call());
        // A late wake at night creates no call task; a wake that is a few moments late does not move the
        // promised time.
        let from = if d.now - at < SLACK { at } else { d.now };
        let due = d.hard_hours().next(from);
        begin(d, Some(PlannedCall { due, time: at, why }));
    });
}

/// A call shortly before or after the promised time counts as the promised call.
fn call_back_begun(d: &mut Decision) {
    let lead = TimeDelta::minutes(i64::from(d.figures().dialling.reminder_minutes.max(5)));
    let near = matches!(d.case.order.promise, Some(Promise::CallBack { at, .. }) if d.now >= at - lead);
    if near {
        d.moment(Moment::PromiseKept);
        begin(d, None);
    }
}

fn begin(d: &mut Decision, call: Option<PlannedCall>) {
    d.drop_promise();
    d.request(Request::PromisedRound { call });
}

/// P1: a promised payment: status, pause, reminder and the check on that day. The day is a day in the
/// school's time zone, as the manager said it; the hours are in the client's.
fn pay(d: &mut Decision, day: Option<At>, why: Option<&str>) -> Heard {
    let school = d.process.zone;
    let today = d.now.with_timezone(&school).date_naive();
    let Some(day) = day.filter(|day| day.with_timezone(&school).date_naive() >= today) else {
        d.ask_again(&why::pay_day_needed(why, d.wrong(why, word::no_day()), d.examples().day));
        return Heard::Refused;
    };
    d.answered(Wait::Promised, promise::pay(day));
    tell_day_off(d, "P1", day);
    d.promise(Promise::Pay { day, why: why.map(str::to_owned) });
    d.urgent(Urgency::Promise, |d| {
        d.stage(Stage::Promised, None);
        d.status(Status::PaymentWaiting, None);
        if !d.case.order.letters.contains_key(&TextId::ApplicationReceived) {
            // L3: the link is sent now if it has not been sent before.
            let now = d.now;
            d.letter_with("L3", TextId::WhereToPay, |vars| vars.day = say_day(day, school, now));
        }
    });
    promised_day(d, day.with_timezone(&school).date_naive());
    Heard::Taken
}

/// P1: the events of the promised day, in the client's permitted hours.
fn promised_day(d: &mut Decision, date: chrono::NaiveDate) {
    let figures = &d.figures().promise;
    let morning = at_local(date, u32::from(figures.reminder_at.minute), d.zone());
    let reminder = d.letters_open_at(morning);
    if figures.reminder && reminder > d.now {
        d.set(Timer::PromiseReminder, reminder);
    }
    let evening = evening_of(d, date);
    let check = evening - TimeDelta::hours(i64::from(figures.check_hours));
    if check > d.now {
        d.set(Timer::PromiseCheck, check);
    }
    let due = if evening > d.now { evening } else { d.calls().next(d.now + TimeDelta::hours(1)) };
    d.set(Timer::PromiseDue, d.spread(Timer::PromiseDue, due));
}

/// The start of the evening window of a day; if there is none, two hours before the permitted hours end.
fn evening_of(d: &Decision, date: chrono::NaiveDate) -> At {
    let from = ladder::named(d, "evening").map(|window| window.from.minute);
    let calls = d.figures().contact.calls;
    let minute = from.unwrap_or(calls.to.minute.saturating_sub(120));
    at_local(date, u32::from(minute), d.zone())
}

/// D5: a call task that was used for an earlier call returns to the promised time.
fn restore(d: &mut Decision) {
    let Some(Promise::CallBack { at, .. }) = d.case.order.promise else { return };
    let task = d.case.order.call_task().filter(|(_, task)| task.due != at).map(|(id, _)| id.clone());
    if let Some(task) = task.filter(|_| !cut("D11.restore")) {
        d.move_task(&task, Some(at), None);
        d.say("D5", promise::restored());
    }
}

/// P1: on the morning of the promised day the link is sent once more.
fn reminder(d: &mut Decision) {
    let Some(Promise::Pay { day, .. }) = d.case.order.promise else { return };
    if d.at(Timer::PromiseDue).is_some_and(|due| due <= d.now) {
        d.say("P1", promise::too_late_to_remind());
        return;
    }
    let opens = d.letters_open_at(d.now);
    if opens > d.now {
        d.set(Timer::PromiseReminder, opens);
        return;
    }
    d.urgent(Urgency::Promise, |d| {
        let (zone, now) = (d.process.zone, d.now);
        let letter = d.draft(TextId::PaymentReminder, |vars| vars.day = say_day(day, zone, now));
        d.turn("P1", promise::reminded(letter.leaves()));
        d.post("P1", letter);
    });
}

/// P1: two hours before the evening window the payment is looked up.
fn check(d: &mut Decision) {
    d.say("P1", promise::checked(d.can_read()));
    d.read_order();
}

/// P2: not paid by then: a call the same day starts a new round. The number of rounds is not limited.
fn due(d: &mut Decision) {
    let Some(Promise::Pay { why, .. }) = d.case.order.promise.clone() else { return };
    d.drop_promise();
    d.moment(Moment::PromiseBroken);
    if !d.figures().promise.redial {
        if *d.state() == Wait::Promised {
            d.go(Wait::Asking, &Phrase::NONE);
        }
        d.ask_again(&why::not_paid());
        return;
    }
    d.turn("P2", promise::not_paid());
    d.close_question(&result::new_round());
    d.request(Request::Round { task: Some(TextId::TaskUnpaidPromise), why });
}
