//! Promised times: a call-back at a time (D5), a payment on a day (P1, P2).
//! Never moves a promise: only the client's word through a manager, or a payment, does.
//! Enter at [`call_back`], [`pay`].

use chrono::TimeDelta;

use super::calendar::{self, Opening};
use super::case::{Phase, Promise};
use super::command::{TaskKind, Urgency};
use super::decision::{Decision, NewTask};
use super::timers::Timer;
use super::value::*;
use super::{dialling, ladder, payment, talk};

/// A wake may come so late before the promised time counts as missed.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// D5: the schedule is rebuilt around the promised time. One outside the hard limits, or past, is
/// refused when entered, with the nearest possible one offered. Answers whether it was taken.
pub(super) fn call_back(d: &mut Decision, at: Option<At>, why: Option<&str>) -> bool {
    let Some(at) = at else {
        talk::ask_again(d, "Нужно время звонка");
        return false;
    };
    let nearest = hard_hours(d).next(at.max(d.now));
    if nearest != at {
        let zone = d.process.zone;
        let offered = calendar::say_time(nearest, zone);
        d.say("D5", format!("Обещанное время не подходит клиенту; ближайшее возможное: {offered}."));
        talk::ask_again(d, &format!("Это время не подходит, ближайшее возможное: {offered}"));
        return false;
    }
    talk::leave(d, &format!("Перезвонить: {}.", calendar::say_time(at, d.process.zone)));
    d.urgency = Urgency::Promise;
    d.case.order.phase = Phase::CallBack;
    d.case.order.promise = Some(Promise::CallBack { at, why: why.map(str::to_owned) });
    dialling::make_call_task(d, "task_call_back", "script_call_back", at, at, why);
    d.set(Timer::CallBack, at);
    let reminder = at - TimeDelta::minutes(i64::from(d.process.figures.dialling.reminder_minutes));
    if reminder > d.now && d.process.figures.dialling.reminder_minutes > 0 {
        d.set(Timer::CallBackReminder, reminder);
    }
    if d.process.figures.dialling.confirm_call_back {
        let zone = d.zone();
        d.letter_with("D5", "time_confirmed", |vars| vars.time = calendar::say_time(at, zone));
    }
    d.urgency = Urgency::Usual;
    true
}

/// D13: nothing but these limits a promised time: the client asked for it.
pub(super) fn hard_hours<'a>(d: &Decision<'a>) -> Opening<'a> {
    let hard = Some(d.process.figures.contact.hard);
    Opening { calendar: &d.process.calendar, zone: d.zone(), working: hard, off: hard }
}

/// D5: five minutes before, the manager is reminded, with the client's reason.
pub(super) fn call_back_soon(d: &mut Decision) {
    let Some(Promise::CallBack { at, why }) = d.case.order.promise.clone() else { return };
    let why = why.unwrap_or_default();
    d.urgency = Urgency::Promise;
    let soon = NewTask { why: &why, time: Some(at), ..NewTask::new(TaskKind::Do, "task_call_back_soon", at) };
    let about = d.case.order.call_task().map(|(id, _)| id.clone());
    let reminder = d.task(soon);
    if let Some(reminder) = reminder.and_then(|id| d.case.order.tasks.get_mut(&id)) {
        // The call task itself is watched, not its reminder.
        (reminder.about, reminder.reminded, reminder.escalated) = (about, true, true);
    }
    d.say("D5", "Скоро обещанный звонок: напоминаем менеджеру.");
    d.urgency = Urgency::Usual;
}

/// D5: the promised time: the call is the first attempt of a new round.
pub(super) fn call_back_due(d: &mut Decision) {
    let Some(Promise::CallBack { at, why }) = d.case.order.promise.clone() else { return };
    d.urgency = Urgency::Promise;
    d.say("D5", "Обещанное время звонка настало.");
    d.close_tasks(TaskKind::Ask, "Обещанный звонок");
    d.stop(Timer::AskNext);
    begin(d);
    // A wake that comes late, at night, does not send anybody to the phone; one that comes moments late
    // does not move what was promised.
    let from = if d.now - at < SLACK { at } else { d.now };
    let due = hard_hours(d).next(from);
    dialling::make_call_task(d, "task_call_back", "script_call_back", due, at, why.as_deref());
    dialling::fall_back(d, due);
    d.urgency = Urgency::Usual;
}

/// A call shortly before or after the promised time is the promised one.
pub(super) fn call_back_begun(d: &mut Decision) {
    let lead = TimeDelta::minutes(i64::from(d.process.figures.dialling.reminder_minutes.max(5)));
    let near = matches!(d.case.order.promise, Some(Promise::CallBack { at, .. }) if d.now >= at - lead);
    if near {
        begin(d);
    }
}

fn begin(d: &mut Decision) {
    d.stop_many(&[Timer::CallBack, Timer::CallBackReminder]);
    d.case.order.promise = None;
    dialling::new_round(d, "task_call_back");
    let today = d.now.with_timezone(&d.zone()).date_naive().to_string();
    d.case.order.round.days.insert(today);
}

/// P1: a promised payment: the status, the pause, the reminder and the check of the day. The day is
/// one of the school's calendar, as the manager said it; its hours are the client's.
pub(super) fn pay(d: &mut Decision, day: Option<At>, why: Option<&str>) -> bool {
    let school = d.process.zone;
    let today = d.now.with_timezone(&school).date_naive();
    let Some(day) = day.filter(|day| day.with_timezone(&school).date_naive() >= today) else {
        talk::ask_again(d, "Нужна дата оплаты, сегодня или позже");
        return false;
    };
    talk::leave(d, &format!("Обещал оплатить: {}.", calendar::say_day(day, school)));
    d.urgency = Urgency::Promise;
    d.case.order.phase = Phase::Promised;
    d.case.order.promise = Some(Promise::Pay { day, why: why.map(str::to_owned) });
    d.stage(Stage::Promised, None);
    d.status(Status::PaymentWaiting, None);
    if !d.case.order.letters.contains_key("application_received") {
        // L3: the link goes with the answer, where it has not gone before.
        d.letter("L3", "where_to_pay");
    }
    let (date, zone) = (day.with_timezone(&school).date_naive(), d.zone());
    let figures = &d.process.figures.promise;
    let reminder = d.letters_open_at(calendar::at_local(date, u32::from(figures.reminder_at.minute), zone));
    if figures.reminder && reminder > d.now {
        d.set(Timer::PromiseReminder, reminder);
    }
    let evening = evening_of(d, date);
    let check = evening - TimeDelta::hours(i64::from(figures.check_hours));
    if check > d.now {
        d.set(Timer::PromiseCheck, check);
    }
    let due = if evening > d.now { evening } else { d.calls().next(d.now + TimeDelta::hours(1)) };
    let due = d.spread(Timer::PromiseDue, due);
    d.set(Timer::PromiseDue, due);
    d.urgency = Urgency::Usual;
    true
}

/// The opening of the evening window of a day; where there is none, its last two hours of calls.
fn evening_of(d: &Decision, date: chrono::NaiveDate) -> At {
    let from = ladder::named(d, "evening").map(|window| window.from.minute);
    let calls = d.process.figures.contact.calls;
    let minute = from.unwrap_or(calls.to.minute.saturating_sub(120));
    calendar::at_local(date, u32::from(minute), d.zone())
}

/// D5: a call task that was used for something sooner goes back to the promised time.
pub(super) fn restore(d: &mut Decision) {
    let Some(Promise::CallBack { at, .. }) = d.case.order.promise else { return };
    let task = d.case.order.call_task().filter(|(_, task)| task.due != at).map(|(id, _)| id.clone());
    if let Some(task) = task {
        d.move_task(&task, Some(at), None);
        d.say("D5", "Задача звонка возвращена на обещанное время.");
    }
}

/// P1: the morning of the promised day: the link once more.
pub(super) fn reminder(d: &mut Decision) {
    let Some(Promise::Pay { .. }) = d.case.order.promise else { return };
    if d.at(Timer::PromiseDue).is_some_and(|due| due <= d.now) {
        d.say("P1", "Напоминание опоздало: обещанный день уже прошёл.");
        return;
    }
    let opens = d.letters_open_at(d.now);
    if opens > d.now {
        d.set(Timer::PromiseReminder, opens);
        return;
    }
    d.urgency = Urgency::Promise;
    d.turn("P1", "День обещанной оплаты: напоминание клиенту со ссылкой.");
    // No date in it: the text says «сегодня».
    d.letter("P1", "payment_reminder");
    d.urgency = Urgency::Usual;
}

/// P1: two hours before the evening window the payment is looked up.
pub(super) fn check(d: &mut Decision) {
    d.say("P1", "Проверяем обещанную оплату в GetCourse.");
    payment::ask_getcourse(d);
}

/// P2: not paid by then: a call the same day, a new round. Any number of rounds.
pub(super) fn due(d: &mut Decision) {
    let Some(Promise::Pay { why, .. }) = d.case.order.promise.clone() else { return };
    drop_promise(d);
    if !d.process.figures.promise.redial {
        talk::ask_again(d, "Обещанной оплаты нет");
        d.case.order.phase = Phase::Asking;
        return;
    }
    d.turn("P2", "Обещанной оплаты нет: новый круг звонков.");
    d.close_tasks(TaskKind::Ask, "Новый круг звонков");
    dialling::start(d, "task_unpaid_promise");
    dialling::because(d, why);
}

/// A promise is over: paid, replaced, or past.
pub(super) fn drop_promise(d: &mut Decision) {
    d.case.order.promise = None;
    d.stop_many(&[
        Timer::CallBack,
        Timer::CallBackReminder,
        Timer::PromiseReminder,
        Timer::PromiseCheck,
        Timer::PromiseDue,
    ]);
}
