//! The phone: asked for where it is missing or wrong, dialled as soon as it comes (L11, L12).
//! Never parses one: that is `number`. Enter at [`ask_for`], [`arrived`], [`check_again`].

use chrono::TimeDelta;

use super::case::{End, Phase};
use super::command::{TaskKind, Urgency};
use super::decision::{Decision, NewTask};
use super::dialling;
use super::timers::Timer;
use super::value::*;

/// How far the asking has come; kept in the order's notes.
const STAGE: &str = "phone_ask";

/// L11: «Не подтверждён», a message on every other channel, a task; a look after five days.
pub(super) fn ask_for(d: &mut Decision, why: &str) {
    if d.case.order.phase == Phase::PhoneAsked && d.at(Timer::PhoneCheck).is_some() {
        return;
    }
    dialling::stop(d, "Номер не подходит");
    d.close_tasks(TaskKind::Ask, "Номер не подходит");
    d.stop_many(&[Timer::SelfPay, Timer::AskNext, Timer::FollowUp]);
    super::promise::drop_promise(d);
    d.case.order.phase = Phase::PhoneAsked;
    d.case.order.notes.insert(STAGE.to_owned(), "asked".to_owned());
    d.turn("L11", format!("{why}: просим номер у клиента по почте, менеджеру задача."));
    d.status(Status::NotConfirmed, None);
    if !d.case.order.payment_unconfirmed {
        d.letter("L11", "confirm_phone");
    }
    let due = d.work_minutes(60);
    d.task(NewTask { why, ..NewTask::new(TaskKind::Do, "task_phone", due) });
    let look = d.now + TimeDelta::days(i64::from(d.process.figures.phone.check_days));
    d.set(Timer::PhoneCheck, d.team().next(look));
}

/// L11: the next look: a task to check, «Отложен», the last task, «Отменён».
pub(super) fn check_again(d: &mut Decision) {
    if d.case.order.phase != Phase::PhoneAsked {
        return;
    }
    let figures = &d.process.figures.phone;
    let (next, text, at) = match d.case.order.notes.get(STAGE).map(String::as_str) {
        Some("asked") => {
            let back = d.now + TimeDelta::days(i64::from(figures.postponed_days));
            d.status(Status::Postponed, None);
            ("postponed", "task_phone_check", d.team().next(back))
        }
        Some("postponed") => ("last", "task_phone_last", d.work_days(figures.last_days.max(1))),
        _ => {
            d.end(End::NoPhone { at: d.now }, "Номер так и не получен");
            d.stage(Stage::Lost, None);
            d.status(Status::Cancelled, Some("нет телефона".to_owned()));
            d.turn("L11", "Номер так и не получен: заказ отменён.");
            return;
        }
    };
    d.close_tasks_where(|task| task.text.starts_with("task_phone"), "Номера пока нет");
    d.case.order.notes.insert(STAGE.to_owned(), next.to_owned());
    let due = d.work_minutes(60);
    d.task(NewTask::new(TaskKind::Do, text, due));
    d.set(Timer::PhoneCheck, at);
    d.turn("L11", "Телефона всё ещё нет: менеджеру задача проверить.");
}

/// L11: a number that arrives at any point starts dialling.
pub(super) fn arrived(d: &mut Decision) {
    if d.case.order.phase != Phase::PhoneAsked || d.case.client.phone().is_none() {
        return;
    }
    d.urgency = Urgency::Hot;
    d.case.order.notes.remove(STAGE);
    d.stop(Timer::PhoneCheck);
    d.close_tasks_where(|task| task.text.starts_with("task_phone"), "Номер получен");
    d.turn("L11", "Номер получен: начинаем дозвон.");
    if matches!(d.case.order.status, Some(Status::NotConfirmed | Status::Postponed)) {
        d.status(Status::InWork, None);
    }
    dialling::start(d, "");
    d.urgency = Urgency::Usual;
}

/// L11: the number dialled is invalid or somebody else's: the next one, else it is asked for.
pub(super) fn wrong_number(d: &mut Decision, number: Option<&String>) {
    let wrong = number.filter(|number| d.case.client.phones.contains(number));
    let wrong = wrong.cloned().or_else(|| d.case.client.phone().cloned());
    if let Some(wrong) = wrong {
        d.case.client.bad.insert(wrong);
    }
    if d.case.client.phone().is_none() && d.process.figures.arrival.ask_phone {
        ask_for(d, "Номер неверный");
        return;
    }
    d.turn("L11", "Номер неверный: звоним по другому номеру клиента.");
    dialling::start(d, "");
}
