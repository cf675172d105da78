//! Refusals and other ends that are no payment (R1, R2, L6).
//! Never takes a refusal without a reason and never cancels an order that holds money.
//! Enter at [`refuse`], [`ended_outside`].

use super::arrival;
use super::case::{End, Phase};
use super::command::TaskKind;
use super::decision::{Decision, NewTask};
use super::talk;
use super::timers::Timer;
use super::value::*;

/// R1: a refusal needs a reason and a text; without them the manager is asked. Answers whether it
/// was taken.
pub(super) fn refuse(d: &mut Decision, reason: Option<RefusalReason>, why: Option<&str>) -> bool {
    let needs = d.process.figures.refusal.needs_reason;
    let Some(reason) = reason.or((!needs).then_some(RefusalReason::NotNow)) else {
        ask_reason(d, "Нужна причина отказа");
        return false;
    };
    if needs && why.is_none() {
        ask_reason(d, "Нужно пояснение к отказу");
        return false;
    }
    lose(d, reason, why);
    true
}

/// A lead closed as lost in the CRM: its reason is enough, there is no place for a text (R1).
pub(super) fn refused_in_crm(d: &mut Decision, reason: Option<RefusalReason>) {
    match reason {
        Some(reason) => lose(d, reason, None),
        None if d.process.figures.refusal.needs_reason => ask_reason(d, "Сделка закрыта без причины отказа"),
        None => lose(d, RefusalReason::NotNow, None),
    }
}

fn ask_reason(d: &mut Decision, why: &str) {
    d.turn("R1", format!("{why}: спрашиваем менеджера."));
    d.close_tasks(TaskKind::Ask, "Спрашиваем причину");
    super::dialling::stop(d, "Ждём причину отказа");
    d.stop(Timer::SelfPay);
    if !matches!(d.case.order.phase, Phase::CallBack | Phase::Promised) {
        d.case.order.phase = Phase::Asking;
    }
    talk::ask(d, "task_refusal_reason", why);
}

/// R2: the lead is lost with its reason, the order cancelled; revival gets a new linked lead.
fn lose(d: &mut Decision, reason: RefusalReason, why: Option<&str>) {
    if d.case.order.has_money() {
        talk::leave(d, "Отказ по заказу, за который есть деньги: решает руководитель.");
        let due = d.work_minutes(60);
        let to = d.head();
        let why = why.unwrap_or(reason.label());
        d.task(NewTask { to, why, ..NewTask::new(TaskKind::Do, "task_special", due) });
        d.case.order.phase = Phase::FollowUp;
        d.set(Timer::FollowUp, d.work_days(1));
        return;
    }
    let text = match why {
        Some(why) => format!("{}: {why}", reason.label()),
        None => reason.label().to_owned(),
    };
    d.end(End::Refused { at: d.now, reason }, "Отказ");
    d.stage(Stage::Lost, Some(reason));
    d.status(Status::Cancelled, Some(text.clone()));
    d.turn("R2", format!("Отказ, {text}. Сделка закрыта, заказ отменён."));
    if d.process.figures.refusal.revival {
        arrival::linked_lead(d, LeadRole::Revival, "R2");
    }
}

/// L6: cancelled or made false in GetCourse: the process ends; «Ложный» leaves every count.
pub(super) fn ended_outside(d: &mut Decision) -> bool {
    let (end, text) = match d.case.order.status {
        Some(Status::Cancelled) => (End::Cancelled { at: d.now }, "Заказ отменён в GetCourse"),
        Some(Status::False) => (End::False { at: d.now }, "Заказ отмечен ложным в GetCourse"),
        _ => return false,
    };
    d.end(end, text);
    d.stage(Stage::Lost, None);
    d.turn("L6", format!("{text}: процесс закончен."));
    true
}
