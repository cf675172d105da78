//! What cannot be carried out, and the last resort (L14): another next step for the order.
//! Never gives up on an open order and never repeats without a pause. Enter at [`undeliverable`].

use super::case::Phase;
use super::command::{Ask, BOUNCED, TaskKind};
use super::decision::{Decision, NewTask};
use super::timers::Timer;
use super::value::*;
use super::{arrival, crm, dialling, feed, payment, start, talk};

/// A command can never be carried out (design, section 5): the order gets another next step.
pub(super) fn undeliverable(d: &mut Decision, command: &CommandId, why: &str) {
    d.case.order.revoked.remove(command);
    if start::failed(d, command) {
        return;
    }
    let Some(pending) = d.case.order.unsent.remove(command) else {
        d.say("L14", "Команда уже не нужна: её неудача ничего не меняет.");
        return;
    };
    match pending.ask.as_str() {
        "send_letter" => {
            let title = pending.letter.as_deref().map(feed::letter_title).unwrap_or_default().to_owned();
            if why.starts_with(BOUNCED) {
                if let Some(bad) = d.case.client.email().cloned() {
                    d.case.client.bad.insert(bad);
                }
                d.say("L11", "Письмо не доставлено: адрес больше не используем, спросим новый в разговоре.");
                d.note(&format!("Письмо «{title}» не доставлено. Уточните почту клиента."));
            } else {
                // A server's trouble, or a doubt: the address is not to blame.
                d.say("M1", "Письмо не ушло или могло уйти не полностью: повторять его не будем.");
                d.note(&format!("Письмо «{title}» могло не дойти. Если оно важно, отправьте его сами."));
            }
        }
        "create_task" => {
            if let Some(task) = &pending.task {
                d.case.order.tasks.remove(task);
            }
            retry(d, "Задачу не удалось поставить в CRM");
        }
        "save_lead" => {
            if let Some(role) = pending.role {
                d.case.order.leads.remove(&role);
            }
            retry(d, "Сделку не удалось завести в CRM");
        }
        "read_order" => d.say("L4", "Заказ не удалось прочитать в GetCourse: спросим позже."),
        "set_status" => {
            d.turn("L14", "Статус в GetCourse не удалось сменить: проверьте его вручную.");
            tell_head(d, why);
        }
        other => d.say("L14", format!("Команду `{other}` не удалось выполнить: идём дальше.")),
    }
}

/// Where the CRM works, the head hears of it.
fn tell_head(d: &mut Decision, why: &str) {
    let told = d.case.order.tasks.values().any(|task| task.text == "task_undeliverable");
    if told || !d.case.order.is_open() || !d.case.order.leads.contains_key(&LeadRole::Sales) {
        return;
    }
    let due = d.work_minutes(60);
    let to = d.head();
    d.task(NewTask { to, why, ..NewTask::new(TaskKind::Do, "task_undeliverable", due) });
}

/// Tried again ever more rarely, at most a working day later.
fn retry(d: &mut Decision, what: &str) {
    if !d.case.order.is_open() {
        d.say("L14", format!("{what}; заказ уже закрыт."));
        return;
    }
    let failed = d.case.order.notes.get("failed").and_then(|n| n.parse::<u32>().ok()).unwrap_or(0) + 1;
    d.case.order.notes.insert("failed".to_owned(), failed.to_string());
    let at = match failed {
        1..=3 => d.work_minutes(60),
        _ => d.work_days(1),
    };
    d.set(Timer::Retry, at);
    let time = super::calendar::say_time(at, d.process.zone);
    d.say("L14", format!("{what}: повторим {time}."));
}

/// The pause is over: what could not be made is made again.
pub(super) fn retry_due(d: &mut Decision) {
    if d.case.order.phase == Phase::Unseen {
        unseen(d);
        return;
    }
    d.say("L14", "Повторяем то, что не удалось.");
    if !d.case.order.leads.contains_key(&LeadRole::Sales) {
        crm::remake(d);
        return;
    }
    match d.case.order.phase {
        Phase::Dialling if d.case.order.call_task().is_none() => dialling::attempt(d),
        Phase::Asking if !d.case.order.tasks.values().any(|task| task.kind == TaskKind::Ask) => {
            talk::ask(d, "task_ask_again", "Задачу не удалось поставить");
        }
        Phase::CallBack if d.case.order.call_task().is_none() => {
            let due = d.at(Timer::CallBack).unwrap_or(d.now);
            dialling::make_call_task(d, "task_call_back", "script_call_back", due, due, None);
        }
        _ => {}
    }
}

/// Known by name only: GetCourse is asked, ever more rarely, what the order is.
pub(super) fn unseen(d: &mut Decision) {
    let order = &mut d.case.order;
    let known = order.id.as_str().strip_prefix("gc-").map(str::to_owned);
    order.gc_id = order.gc_id.take().or(known);
    let asked = order.notes.get("unseen").and_then(|n| n.parse::<u32>().ok()).unwrap_or(0) + 1;
    order.notes.insert("unseen".to_owned(), asked.to_string());
    payment::ask_getcourse(d);
    let minutes = 10_u32.saturating_mul(1 << asked.min(7));
    d.set(Timer::Retry, d.now + chrono::TimeDelta::minutes(i64::from(minutes)));
    d.say("L1", "О заказе известно только имя: спрашиваем GetCourse.");
}

/// L14: something was left without a next step; the head is told and it is looked at again.
pub(super) fn guard_due(d: &mut Decision) {
    let open = d.case.order.tasks.values().any(|task| task.text == "task_guard");
    if !open && d.case.order.leads.contains_key(&LeadRole::Sales) {
        let due = d.work_minutes(60);
        let to = d.head();
        d.task(NewTask { to, ..NewTask::new(TaskKind::Do, "task_guard", due) });
    }
    if !d.case.order.leads.contains_key(&LeadRole::Sales) {
        arrival::make_lead(d);
    }
    d.set(Timer::Guard, d.work_days(1));
    d.say("L14", "Сторож: заказ остался без следующего шага, руководителю задача.");
}

/// After the end only a few things still matter: a payment's check, the feed, cleared fields.
pub(super) fn nothing_left(d: &mut Decision) {
    d.say("L6", "Заказ закончен: событие ничего не меняет.");
}

/// An answer for an ended order: «оплачено» is still checked (L13), the field is cleared.
pub(super) fn answer_after_end(d: &mut Decision, answer: &super::event::Answer) {
    if let Some(field) = answer.field {
        d.ask(Ask::ClearField { role: LeadRole::Sales, field });
    }
    match answer.kind {
        super::event::AnswerKind::Paid => {
            d.say("L13", "Менеджер: оплачено. Проверяем оплату закрытого заказа.");
            payment::ask_getcourse(d);
        }
        _ => nothing_left(d),
    }
}
