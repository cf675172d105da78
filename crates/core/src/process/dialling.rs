//! «Дозваниваемся за 3 дня»: rounds of attempts, what counts as one, when it is given up
//! (D1–D3, D12, D13).
//! Never says when the next attempt is: that is `ladder`. Enter at [`start`], [`attempt`],
//! [`not_reached`].

use chrono::TimeDelta;

use super::case::{End, Phase, Round};
use super::command::{TaskKind, Urgency};
use super::decision::{Decision, NewTask};
use super::event::Outcome;
use super::ladder::{self, Rung};
use super::timers::Timer;
use super::value::*;
use super::{arrival, desk, phone};

/// A new round, from now on (D1, P2). `task` names the text of its first task; empty is the usual.
pub(super) fn start(d: &mut Decision, task: &str) {
    stop(d, "Новый круг звонков");
    d.stop_many(&[Timer::SelfPay, Timer::AskNext, Timer::FollowUp]);
    new_round(d, task);
    let rung = ladder::first(d, d.now);
    plan(d, rung);
}

/// The bookkeeping of a new round; the caller sets its first attempt.
pub(super) fn new_round(d: &mut Decision, task: &str) {
    let number = d.case.order.round.number + 1;
    d.case.order.round = Round { number, task: task.to_owned(), ..Round::default() };
    d.case.order.notes.remove(WHY);
    d.case.order.phase = Phase::Dialling;
}

/// Dialling stops: no further attempt, no call task (L4, L5, L11, L13).
pub(super) fn stop(d: &mut Decision, why: &str) {
    d.stop_many(&[Timer::Attempt, Timer::GiveUp]);
    d.case.order.notes.remove("give_up");
    d.case.order.notes.remove("call_revoked");
    d.close_tasks(TaskKind::Call, why);
}

/// Why this round is called, for its first task.
pub(super) fn because(d: &mut Decision, why: Option<String>) {
    if let Some(why) = why.filter(|why| !why.is_empty()) {
        d.case.order.notes.insert(WHY.to_owned(), why);
    }
}

/// Where the order keeps why its round is called.
const WHY: &str = "round_why";

fn plan(d: &mut Decision, rung: Rung) {
    let round = &mut d.case.order.round;
    (round.day, round.step) = (rung.day, rung.step);
    d.set(Timer::Attempt, rung.at);
    let time = super::calendar::say_time(rung.at, d.process.zone);
    d.say("D2", format!("Следующая попытка: {time}."));
}

/// The time of an attempt has come (D1, D2): a call task, with the script, due now. D13: looked at
/// again, because a wake may be late.
pub(super) fn attempt(d: &mut Decision) {
    if d.case.order.phase != Phase::Dialling {
        return;
    }
    let calls = d.calls();
    let opens = calls.next(d.now);
    if opens > d.now {
        let at = d.spread(Timer::Attempt, opens);
        d.set(Timer::Attempt, at);
        d.say("D13", "Сейчас клиенту звонить нельзя: попытка переносится на ближайшее открытие.");
        return;
    }
    if d.case.client.phone().is_none() && d.process.figures.arrival.ask_phone {
        phone::ask_for(d, "Звонить некуда");
        return;
    }
    let today = d.now.with_timezone(&calls.zone).date_naive().to_string();
    d.case.order.round.days.insert(today);
    d.case.order.round.started_at.get_or_insert(d.now);
    match d.case.order.call_task().map(|(id, _)| id.clone()) {
        Some(open) => missed_attempt(d, &open),
        None => call_task(d),
    }
    d.stage(Stage::Dialling, None);
    fall_back(d, d.now);
}

/// L15: the task of the last attempt got no call; the ladder goes on with the same task.
fn missed_attempt(d: &mut Decision, open: &TaskId) {
    let (day, step) = (d.case.order.round.day, d.case.order.round.step);
    let gap = TimeDelta::minutes(i64::from(d.process.figures.dialling.gap_minutes));
    let rung = ladder::after(d, day, step, d.now - gap);
    (d.case.order.round.day, d.case.order.round.step) = (rung.day, rung.step);
    if gives_up(d, d.now) {
        give_up(d);
        return;
    }
    // Every attempt begins with the order's own manager.
    let held_by = d.case.order.tasks.get(open).map(|task| task.responsible.clone());
    let own = d.case.order.responsible.clone().filter(|own| held_by.as_ref() != Some(own));
    d.move_task(open, Some(d.now), own);
    d.say("L15", "По прошлой задаче звонка не было: она перенесена на новую попытку.");
}

/// If nobody calls, the ladder still goes on: after the task has been escalated (L14, L15).
pub(super) fn fall_back(d: &mut Decision, due: At) {
    if d.case.order.phase != Phase::Dialling {
        return;
    }
    let figures = &d.process.figures;
    let late = d.team().add_minutes(due, figures.dialling.task_minutes + figures.task.escalate_minutes);
    let rung = ladder::after(d, d.case.order.round.day, d.case.order.round.step, late);
    d.set(Timer::Attempt, rung.at);
}

/// D1, L12: «Позвонить» with the script; an unconfirmed phone gets the checking script.
fn call_task(d: &mut Decision) {
    if d.case.order.responsible.is_none()
        && let Some(manager) = desk::queue(d)
    {
        desk::give(d, &manager);
        desk::announce(d, &manager);
    }
    let first = d.case.order.attempts == 0 && d.case.order.talks == 0;
    let unconfirmed =
        d.process.figures.phone.check_unconfirmed && d.case.client.phone_confirmed == Some(false);
    let own = d.process.route(&d.case.order.route).and_then(|route| route.task.clone());
    let of_round = Some(d.case.order.round.task.clone());
    let of_round = of_round.filter(|text| !text.is_empty() && d.case.order.round.attempts == 0);
    let (text, script) = match of_round {
        Some(text) if text == "task_unpaid_promise" => (text, "script_unpaid_promise"),
        Some(text) => (text, "script_call_back"),
        None if first && unconfirmed => ("task_check_contacts".to_owned(), "script_check_contacts"),
        None if first => (own.unwrap_or_else(|| "task_first_call".to_owned()), "script_first_call"),
        None => ("task_call".to_owned(), "script_first_call"),
    };
    d.urgency = if first { Urgency::Hot } else { Urgency::Usual };
    let last = d.case.order.round.last_outcome.map(|outcome| outcome.label().to_owned());
    let why = d.case.order.notes.remove(WHY).or(last);
    make_call_task(d, &text, script, d.now, d.now, why.as_deref());
    d.urgency = Urgency::Usual;
    let number = d.case.order.round.attempts + 1;
    d.say(if first { "D1" } else { "D2" }, format!("Задача «Позвонить», попытка {number}."));
    if text == "task_check_contacts" {
        d.say("L12", "Телефон не подтверждён: в приоритете, со скриптом проверки контактов.");
    }
}

/// The one open call task of an order: made, or the open one moved (never two). `time` is the
/// moment that its text speaks of. The texts bring their scripts themselves.
pub(super) fn make_call_task(
    d: &mut Decision,
    text: &str,
    script: &str,
    due: At,
    time: At,
    why: Option<&str>,
) {
    if let Some((open, planned)) = d.case.order.call_task().map(|(id, task)| (id.clone(), task.due)) {
        // A deadline that stands already is left alone: writing it when it has come makes the CRM move it on.
        if planned != due {
            d.move_task(&open, Some(due), None);
        }
        return;
    }
    let mut more = String::new();
    if d.case.client.email_is_bad() {
        more = d.process.texts.render(script, &d.vars(None)).body;
        more.push_str("\n\nПочта клиента не принимает письма: уточните адрес.");
    }
    d.task(NewTask {
        minutes: d.process.figures.dialling.task_minutes,
        time: Some(time),
        why: why.unwrap_or_default(),
        more,
        ..NewTask::new(TaskKind::Call, text, due)
    });
}

/// D2, D3: an attempt that did not reach the client.
pub(super) fn not_reached(d: &mut Decision, outcome: Outcome, at: At) {
    super::promise::call_back_begun(d);
    let order = &mut d.case.order;
    order.attempts += 1;
    order.round.attempts += 1;
    order.round.started_at.get_or_insert(at);
    order.round.last_attempt_at = Some(at);
    order.round.last_outcome = Some(outcome);
    let number = order.round.attempts;
    d.say("D2", format!("Попытка {number}: {}.", outcome.label()));
    if d.case.order.phase == Phase::CallBack {
        super::promise::restore(d);
        return;
    }
    // A call made by hand before its time leaves the planned attempt where it is.
    let planned = d.at(Timer::Attempt).filter(|_| d.case.order.call_task().is_none());
    d.close_tasks(TaskKind::Call, &format!("Не дозвонились: {}", outcome.label()));
    if d.case.order.phase == Phase::Dialling {
        next(d, at, planned);
    }
}

/// The next rung, or the end of the round (D3).
fn next(d: &mut Decision, last: At, planned: Option<At>) {
    let calls = d.calls();
    if calls.is_open(last) {
        let day = last.with_timezone(&calls.zone).date_naive().to_string();
        d.case.order.round.days.insert(day);
    }
    let gap = TimeDelta::minutes(i64::from(d.process.figures.dialling.gap_minutes));
    if let Some(planned) = planned.filter(|at| *at >= last + gap) {
        let time = super::calendar::say_time(planned, d.process.zone);
        d.say("D2", format!("Звонок вне плана; следующая попытка по плану: {time}."));
        return;
    }
    let rung = ladder::after(d, d.case.order.round.day, d.case.order.round.step, last);
    match gives_up(d, rung.at) {
        true => give_up(d),
        false => plan(d, rung),
    }
}

/// D3: enough days on which calling was permitted and enough attempts, and the next attempt would
/// need one more day.
fn gives_up(d: &Decision, next: At) -> bool {
    let figures = &d.process.figures.dialling;
    let round = &d.case.order.round;
    let day = next.with_timezone(&d.zone()).date_naive().to_string();
    let days = round.days.iter().filter(|have| **have != day).count();
    days >= figures.days as usize && round.attempts >= figures.attempts_min
}

/// D3: the last message with the link, then a day to answer it.
fn give_up(d: &mut Decision) {
    stop(d, "Дозвон закончен");
    d.case.order.phase = Phase::GivingUp;
    let opens = d.letters_open_at(d.now);
    if opens > d.now {
        d.case.order.notes.insert("give_up".to_owned(), "letter".to_owned());
        d.set(Timer::GiveUp, opens);
        d.say("D13", "Последнее сообщение уйдёт в разрешённые часы.");
        return;
    }
    let (days, attempts) = (d.case.order.round.days.len(), d.case.order.round.attempts);
    d.turn("D3", format!("Не дозвонились: дней {days}, попыток {attempts}. Последнее сообщение клиенту."));
    d.letter("D3", "not_reached");
    let hours = TimeDelta::hours(i64::from(d.process.figures.dialling.give_up_hours));
    d.set(Timer::GiveUp, d.now + hours);
}

/// D3: nobody answered: cancelled as «не дозвонились», or kept «Отложен» where the school wants it.
pub(super) fn gave_up(d: &mut Decision) {
    if d.case.order.phase != Phase::GivingUp {
        return;
    }
    if d.case.order.notes.remove("give_up").is_some() {
        give_up(d);
        return;
    }
    let postpones = d.process.figures.dialling.give_up_postpones;
    let reason = RefusalReason::NotReached;
    d.end(End::NotReached { at: d.now }, "Не дозвонились");
    d.stage(Stage::Lost, Some(reason));
    match postpones {
        true => d.status(Status::Postponed, None),
        false => d.status(Status::Cancelled, Some(reason.label().to_owned())),
    }
    let kept = if postpones {
        "оставлен отложенным, его ещё можно оплатить"
    } else {
        "отменён"
    };
    d.turn("D3", format!("Не дозвонились: заказ {kept}."));
    if d.process.figures.refusal.revival {
        arrival::linked_lead(d, LeadRole::Revival, "D3");
    }
}

/// D12: our own leg or the provider failed: no attempt; the same task, a little later.
pub(super) fn failed(d: &mut Decision) {
    d.say("D12", "Сбой на нашей стороне: это не попытка, звонок повторяется.");
    let again = d.now + TimeDelta::minutes(i64::from(d.process.figures.dialling.failed_retry_minutes));
    if let Some(open) = d.case.order.call_task().map(|(id, _)| id.clone()) {
        d.move_task(&open, Some(again), None);
    }
}

/// A talk with this client about another order: this ladder waits (design, «Call → order»).
pub(super) fn sibling_talked(d: &mut Decision) {
    if !matches!(d.case.order.phase, Phase::Dialling | Phase::Pause | Phase::GivingUp) {
        return;
    }
    stop(d, "С клиентом поговорили по другому заказу");
    d.stop(Timer::SelfPay);
    d.case.order.phase = Phase::FollowUp;
    d.case.order.notes.insert("follow_up".to_owned(), "task_call".to_owned());
    let at = d.work_days(d.process.figures.talk.follow_up_days.clamp(1, 3));
    d.set(Timer::FollowUp, at);
    d.turn("D12", "С клиентом поговорили по другому заказу: звонки по этому остановлены.");
}
