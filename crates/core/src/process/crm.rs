//! What people do by hand to the lead in the CRM: take it, hand it on, close it, delete it
//! (L6, L9, L10, K2, R1).
//! Never acts on an echo of our own writing. Enter at [`on_lead`].

use super::case::Phase;
use super::command::{Ask, TaskKind};
use super::decision::{Decision, NewTask};
use super::definition::Assign;
use super::event::LeadChange;
use super::timers::Timer;
use super::value::*;
use super::{arrival, desk, payment, refusal, task};

/// A lead as the CRM shows it now.
pub(super) fn on_lead(d: &mut Decision, change: &LeadChange) {
    if change.role != LeadRole::Sales {
        d.say("K2", "Изменение в связанной сделке: процесс заказа оно не меняет.");
        return;
    }
    let before = d.case.order.clone();
    if let Some(manager) = change.responsible.clone() {
        responsible(d, &manager, change.at);
    }
    if let Some(to) = change.stage {
        stage(d, to, change);
    }
    if d.case.order == before {
        d.say("K2", "В сделке ничего нового.");
    }
}

/// L9, L10: somebody takes the order, or it changes hands. An echo and an older picture are not news.
fn responsible(d: &mut Decision, manager: &ManagerId, at: At) {
    let order = &d.case.order;
    let echo = order.responsible.as_ref() == Some(manager);
    // The CRM's times have whole seconds.
    let stale = order.responsible_at.is_some_and(|set| at + chrono::TimeDelta::seconds(1) <= set)
        || order.unsent.values().any(|pending| pending.ask == "set_responsible");
    if echo || stale || d.process.manager(manager).is_none() {
        return;
    }
    let Some(first) = order.responsible.clone() else {
        arrival::take(d, manager);
        return;
    };
    if late_taker(d) {
        refuse_taker(d, &first, manager);
        return;
    }
    task::hand_over(d, manager);
    d.getcourse(Ask::SetOrderManager { manager: manager.clone() });
}

/// L9: a free order was just taken by another one: the first taker wins.
fn late_taker(d: &Decision) -> bool {
    let order = &d.case.order;
    let pool = d.process.route(&order.route).is_some_and(|route| route.responsible == Assign::FreePool);
    let window = chrono::TimeDelta::minutes(i64::from(d.process.figures.arrival.free_pool_minutes));
    pool && order.taken_at.is_some_and(|taken| d.now - taken <= window)
}

/// L9: … and the second is told.
fn refuse_taker(d: &mut Decision, first: &ManagerId, second: &ManagerId) {
    d.ask(Ask::SetResponsible { role: LeadRole::Sales, manager: first.clone() });
    d.case.order.responsible_at = Some(d.now);
    let name = desk::name(d, first);
    d.turn("L9", format!("Заказ уже взят раньше: остаётся {name}."));
    let due = d.work_minutes(60);
    let to = Some(second.clone());
    let why = format!("Заказ уже в работе: {name}.");
    let told = d.task(NewTask { to, why: &why, ..NewTask::new(TaskKind::Do, "task_already_taken", due) });
    if let Some(told) = told.and_then(|id| d.case.order.tasks.get_mut(&id)) {
        (told.reminded, told.escalated) = (true, true);
    }
}

/// K2: stages move forward only; the last two mean something.
fn stage(d: &mut Decision, to: Stage, change: &LeadChange) {
    let now = d.case.order.leads.get(&LeadRole::Sales).copied();
    match to {
        Stage::Lost if now == Some(Stage::Lost) && change.reason.is_none() => {}
        Stage::Lost => {
            d.case.order.leads.insert(LeadRole::Sales, Stage::Lost);
            refusal::refused_in_crm(d, change.reason);
        }
        Stage::Won => {
            let said = d.case.order.notes.insert("won_by_hand".to_owned(), String::new()).is_some();
            if said {
                return;
            }
            d.turn("L13", "Сделку закрыли как успешную вручную: проверяем оплату в GetCourse.");
            payment::ask_getcourse(d);
        }
        _ if now.is_some_and(|now| to <= now) => {
            if now != Some(to) && d.process.figures.feed.forward_only {
                d.say("K2", "Сделку вернули на прежний этап: процесс назад не идёт.");
            }
        }
        _ => {
            d.case.order.leads.insert(LeadRole::Sales, to);
            d.say("K2", "Менеджер передвинул сделку вперёд.");
            if to >= Stage::InWork
                && let Some(manager) = d.case.order.responsible.clone()
            {
                arrival::take(d, &manager);
            }
        }
    }
}

/// A lead deleted by hand: an open order is made one anew, the second time only after a day.
pub(super) fn on_gone(d: &mut Decision, role: LeadRole) {
    if d.case.order.leads.remove(&role).is_none() || role != LeadRole::Sales {
        return;
    }
    d.case.order.tasks.clear();
    let again = d.case.order.notes.insert("lead_gone".to_owned(), String::new()).is_some();
    if again {
        d.set(Timer::Retry, d.work_days(1));
        d.say("L1", "Сделку снова удалили вручную: заведём её завтра.");
        return;
    }
    remake(d);
    d.turn("L1", "Сделку удалили вручную, а заказ открыт: заводим её заново.");
}

/// The lead anew, with what was open in it.
pub(super) fn remake(d: &mut Decision) {
    arrival::make_lead(d);
    match d.case.order.phase {
        Phase::Asking => super::talk::ask(d, "task_ask_again", "Сделку удалили вручную"),
        Phase::Dialling => super::dialling::attempt(d),
        Phase::CallBack => {
            let due = d.at(Timer::CallBack).unwrap_or(d.now);
            super::dialling::make_call_task(d, "task_call_back", "script_call_back", due, due, None);
        }
        Phase::PhoneAsked => {
            let due = d.work_minutes(60);
            d.task(NewTask::new(TaskKind::Do, "task_phone", due));
        }
        _ => {}
    }
}
