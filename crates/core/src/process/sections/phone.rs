//! A missing or wrong phone number: the client is asked for it, and dialling starts when it arrives (L11,
//! L12, Q1, Q3). Numbers are parsed in `number`. Enter at [`ask_for`], [`arrived`], [`check_again`].

use chrono::TimeDelta;

use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::command::{TaskKind, Urgency};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section, Tasks, Whose};
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
            Request::AskPhone { why } => ask_for(d, why),
            Request::NumberArrived => arrived(d),
            Request::WrongNumber { number } => wrong_number(d, number.as_ref()),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// L11: «Не подтверждён», a message on every other channel, a task; the next check is after five days.
fn ask_for(d: &mut Decision, why: &str) {
    const RESULT: &str = "Номер не подходит";
    if d.at(Timer::PhoneCheck).is_some() {
        return;
    }
    d.end_calls(RESULT);
    d.close_question(RESULT);
    d.drop_promise();
    d.go(Wait::PhoneAsked { step: PhoneStep::Asked }, RESULT);
    let by_letter = !d.case.order.is_held();
    let said = asked(d, by_letter);
    d.turn("L11", said);
    d.status(Status::NotConfirmed, None);
    if by_letter {
        d.letter("L11", TextId::ConfirmPhone);
    }
    let due = d.work_minutes(60);
    d.task(NewTask { why, ..NewTask::new(TaskKind::Do, TextId::TaskPhone, due) });
    let look = d.now + TimeDelta::days(i64::from(d.figures().phone.check_days));
    d.set(Timer::PhoneCheck, d.team().next(look));
}

/// What is missing, and what is done about it: no letter is claimed that is not decided.
fn asked(d: &Decision, by_letter: bool) -> String {
    let client = d.vars(None).client;
    let missing = match (client.phone_typed.as_str(), client.phone_bad.as_str()) {
        ("", "") => "Телефона нет.".to_owned(),
        ("", bad) => format!("По номеру {bad} связаться нельзя."),
        (typed, _) => format!("Телефона нет (указано «{typed}»)."),
    };
    let done = match by_letter {
        true => d.by_letter("Отправили клиенту письмо", "Почты у клиента тоже нет"),
        false => "Письма клиенту пока не отправляли",
    };
    format!("{missing} {done}, менеджеру поставили задачу.")
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
            d.end(End::NoPhone { at: d.now }, "Номер так и не получен");
            d.stage(Stage::Lost, None);
            d.status(Status::Cancelled, Some("нет телефона".to_owned()));
            d.turn("L11", "Номер так и не получен: заказ отменён.");
            return;
        }
    };
    d.close_tasks_where(|task| TASKS.contains(&task.text), "Номера пока нет");
    d.stay(Wait::PhoneAsked { step });
    let due = d.work_minutes(60);
    d.task(NewTask::new(TaskKind::Do, text, due));
    d.set(Timer::PhoneCheck, at);
    d.turn("L11", "Телефона всё ещё нет: менеджеру задача проверить.");
}

/// L11: a number starts dialling whenever it arrives.
fn arrived(d: &mut Decision) {
    let asked = matches!(d.state(), Wait::PhoneAsked { .. }) && !cut("L11.number_arrives");
    if !asked || d.case.client.phone().is_none() {
        return;
    }
    d.urgent(Urgency::Hot, |d| {
        d.close_tasks_where(|task| TASKS.contains(&task.text), "Номер получен");
        d.turn("L11", "Номер получен: начинаем дозвон.");
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
        ask_for(d, "Номер неверный");
        return;
    }
    d.turn("L11", "Номер неверный: звоним по другому номеру клиента.");
    d.request(Request::Round { task: None, why: None });
}
