//! A missing or wrong phone number: the client is asked for it, and dialling starts when it arrives (L11,
//! L12, Q1, Q3). Numbers are parsed in `number`. Enter at [`ask_for`], [`arrived`], [`check_again`].

use chrono::TimeDelta;

use crate::message::phrase::{Phrase, phone, result, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::command::{TaskKind, Urgency};
use crate::process::decision::{Class, Decision, Draft, Heard, NewTask, Request, Row, Section, Tasks, Whose};
use crate::process::state::{End, PhoneStep, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;

const TASKS: &[TextId] = &[TextId::TaskPhone, TextId::TaskPhoneCheck, TextId::TaskPhoneLast];

pub const SECTION: Section = Section {
    name: "phone",
    rules: &["L11", "L12", "Q1", "Q3"],
    timers: &[Row {
        timer: Timer::PhoneCheck,
        class: Class::Date,
        lives: |order| matches!(order.state(), Wait::PhoneAsked { .. }),
        fires: check_again,
    }],
    // A talk by other means or a partial payment does not bring the number.
    tasks: &[Tasks {
        whose: Whose::Texts(TASKS),
        stays: |_, to| {
            matches!(to, Wait::PhoneAsked { .. } | Wait::Asking | Wait::PartPaid) || to.keeps_all()
        },
    }],
    enters: |d, request| {
        match request {
            Request::AskPhone { why } => ask_for(d, why.clone()),
            Request::NumberArrived => arrived(d),
            Request::WrongNumber { number } => wrong_number(d, number.as_ref()),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// L11: «Не подтверждён», a message on every other channel, a task; the next check is after five days.
fn ask_for(d: &mut Decision, why: Phrase) {
    let result = &result::number_unfit();
    if d.at(Timer::PhoneCheck).is_some() {
        return;
    }
    d.end_calls(result);
    d.close_question(result);
    d.drop_promise();
    d.go(Wait::PhoneAsked { step: PhoneStep::Asked }, result);
    let held = d.case.order.is_held();
    let client = d.vars(None).client;
    let letter = (!held).then(|| d.draft(TextId::ConfirmPhone, |_| {}));
    let leaves = letter.as_ref().is_some_and(Draft::leaves);
    let (typed, bad, email) = (client.phone_typed.as_str(), client.phone_bad, !client.email.is_empty());
    let held = held || matches!(letter, Some(Draft::Held(..)));
    d.turn("L11", phone::asked(typed, bad, leaves, held, email));
    d.status(Status::NotConfirmed, None);
    if let Some(letter) = letter {
        d.post("L11", letter);
    }
    let (due, why) = (d.work_minutes(60), d.words(&why));
    d.task(NewTask { why: &why, ..NewTask::new(TaskKind::Do, TextId::TaskPhone, due) });
    let look = d.now + TimeDelta::days(i64::from(d.figures().phone.check_days));
    d.set(Timer::PhoneCheck, d.team().next(look));
}

/// L11: the next check: a task to check the contacts, «Отложен», the last task, «Отменён».
fn check_again(d: &mut Decision) {
    let Wait::PhoneAsked { step } = *d.state() else { return };
    let figures = &d.figures().phone;
    let (step, text, at) = match step {
        PhoneStep::Asked => {
            let back = d.now + TimeDelta::days(i64::from(figures.postponed_days));
            d.status(Status::Postponed, None);
            (PhoneStep::Postponed, TextId::TaskPhoneCheck, d.team().next(back))
        }
        PhoneStep::Postponed => {
            (PhoneStep::Last, TextId::TaskPhoneLast, d.work_days(figures.last_days.max(1)))
        }
        PhoneStep::Last => {
            d.end(End::NoPhone { at: d.now }, &result::number_missing());
            d.stage(Stage::Lost, None);
            d.status(Status::Cancelled, Some(d.words(&result::no_number())));
            d.turn("L11", phone::never_came());
            return;
        }
    };
    d.close_tasks_where(|task| TASKS.contains(&task.text), &result::number_missing());
    d.stay(Wait::PhoneAsked { step });
    let due = d.work_minutes(60);
    d.task(NewTask::new(TaskKind::Do, text, due));
    d.set(Timer::PhoneCheck, at);
    d.turn("L11", phone::still_missing());
}

/// L11: a number starts dialling whenever it arrives.
fn arrived(d: &mut Decision) {
    let asked = matches!(d.state(), Wait::PhoneAsked { .. }) && !cut("L11.number_arrives");
    if !asked || d.case.client.phone().is_none() {
        return;
    }
    d.urgent(Urgency::Hot, |d| {
        d.close_tasks_where(|task| TASKS.contains(&task.text), &result::number_came());
        d.turn("L11", phone::came());
        if matches!(d.case.order.status, Some(Status::NotConfirmed | Status::Postponed)) {
            d.status(Status::InWork, None);
        }
        d.request(Request::Round { task: None, why: None });
    });
}

/// L11: the dialled number is invalid or belongs to somebody else: tries the next one, or asks for one.
fn wrong_number(d: &mut Decision, number: Option<&String>) {
    let wrong = number.filter(|number| d.case.client.phones.contains(number));
    let wrong = wrong.cloned().or_else(|| d.case.client.phone().cloned());
    if let Some(wrong) = wrong.filter(|_| !cut("L11.wrong_number")) {
        d.case.client.bad.insert(wrong);
    }
    if d.case.client.phone().is_none() && d.figures().arrival.ask_phone {
        ask_for(d, why::number_wrong());
        return;
    }
    d.turn("L11", phone::next_number());
    d.request(Request::Round { task: None, why: None });
}
