//! Commands that can never be carried out, and the last resort of L14: another next step for the order. Never
//! leaves an open order without a next step and never repeats without a pause. Enter at [`undeliverable`].

use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar::say_time;
use crate::process::case::{Pending, Refused};
use crate::process::command::{AskKind, BOUNCED, TaskKind};
use crate::process::decision::{Class, Decision, Heard, NewTask, Row, Section};
use crate::process::event::Event;
use crate::process::leads;
use crate::process::timers::Timer;
use crate::process::value::*;

/// Limit of refused commands that an order remembers.
const REFUSED_MAX: usize = 16;

pub const SECTION: Section = Section {
    name: "guard",
    rules: &["L14"],
    timers: &[Row { timer: Timer::Guard, class: Class::Step, lives: |order| order.is_open(), fires: due }],
    hears: |d, event| match event {
        Event::Undeliverable { command, why } => {
            undeliverable(d, command, why);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// A command can never be carried out (design, section 5): the order gets another next step.
fn undeliverable(d: &mut Decision, command: &CommandId, why: &str) {
    d.case.order.revoked.remove(command);
    let Some(pending) = d.case.order.unsent.remove(command) else {
        d.say("L14", "Команда уже не нужна: её неудача ничего не меняет.");
        return;
    };
    match pending.ask {
        AskKind::SendLetter => letter_failed(d, &pending, why),
        AskKind::CreateTask => {
            if let Some(id) = pending.task
                && let Some(task) = d.case.order.tasks.remove(&id)
            {
                let state = d.state().name().to_owned();
                refused(d, command, Refused::Task { id, task, state });
            }
            retry(d, "Задачу не удалось поставить в CRM");
        }
        AskKind::SaveLead => {
            if let Some(role) = pending.role
                && let Some(stage) = d.case.order.leads.remove(&role)
            {
                refused(d, command, Refused::Lead { role, stage });
            }
            retry(d, "Сделку не удалось завести в CRM");
        }
        AskKind::ReadOrder => d.say("L4", "Заказ не удалось прочитать в GetCourse: спросим позже."),
        AskKind::SetStatus => {
            d.turn("L14", "Статус в GetCourse не удалось сменить: проверьте его вручную.");
            tell_head(d, why);
        }
        other => d.say("L14", format!("Команду `{}` не удалось выполнить: идём дальше.", other.name())),
    }
}

/// Remembers what a person may still have made.
fn refused(d: &mut Decision, command: &CommandId, what: Refused) {
    let refused = &mut d.case.order.refused;
    refused.insert(command.clone(), what);
    while refused.len() > REFUSED_MAX {
        refused.pop_first();
    }
}

fn letter_failed(d: &mut Decision, pending: &Pending, why: &str) {
    let title = pending.letter.as_ref().map(TextId::title).unwrap_or_default();
    if why.starts_with(BOUNCED) {
        let bad = pending.to.clone().or_else(|| d.case.client.email().cloned());
        if let Some(bad) = bad.filter(|_| !cut("L11.bounced")) {
            d.case.client.bad.insert(bad);
        }
        // It may go again, to another address, and no text says that it went.
        if let Some(letter) = &pending.letter {
            d.case.order.letters.remove(letter);
        }
        d.say("L11", "Письмо не доставлено: адрес больше не используем, спросим новый в разговоре.");
        d.note(&format!("Письмо «{title}» не доставлено. Уточните почту клиента."));
    } else {
        // A server failure or an unknown outcome: the address may be right.
        d.say("M1", "Письмо не ушло или могло уйти не полностью: повторять его не будем.");
        d.note(&format!("Письмо «{title}» могло не дойти. Если оно важно, отправьте его сами."));
    }
}

/// The head is informed if the CRM works.
fn tell_head(d: &mut Decision, why: &str) {
    if d.has_task(TextId::TaskUndeliverable) || !d.case.order.is_open() || !d.has_lead() {
        return;
    }
    let due = d.work_minutes(60);
    let to = d.head();
    d.task(NewTask { to, why, ..NewTask::new(TaskKind::Do, TextId::TaskUndeliverable, due) });
}

/// The pause grows with each try, up to one working day.
fn retry(d: &mut Decision, what: &str) {
    if !d.case.order.is_open() || cut("L14.retry") {
        d.say("L14", format!("{what}; заказ уже закрыт."));
        return;
    }
    d.case.order.failures += 1;
    let at = match d.case.order.failures {
        1..=3 => d.work_minutes(60),
        _ => d.work_days(1),
    };
    d.set(Timer::Retry, at);
    let time = say_time(at, d.process.zone);
    d.say("L14", format!("{what}: повторим {time}."));
}

/// L14: the order had no next step: the head is informed, and the order is checked again.
fn due(d: &mut Decision) {
    if !d.has_task(TextId::TaskGuard) && d.has_lead() {
        let due = d.work_minutes(60);
        let to = d.head();
        d.task(NewTask { to, ..NewTask::new(TaskKind::Do, TextId::TaskGuard, due) });
    }
    if !d.has_lead() {
        leads::make(d);
    }
    d.set(Timer::Guard, d.work_days(1));
    d.say("L14", "Сторож: заказ остался без следующего шага, руководителю задача.");
}
