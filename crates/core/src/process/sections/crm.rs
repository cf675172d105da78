//! Manual changes to the lead in the CRM: it is taken, handed over or closed (L9, L10, K2, R1).
//! Never acts on the echo of our own write. Enter at [`on_lead`].

use chrono::TimeDelta;

use crate::message::phrase::{crm, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::command::{Ask, AskKind, TaskKind};
use crate::process::decision::{Decision, Heard, NewTask, Request, Section};
use crate::process::definition::Assign;
use crate::process::event::{Event, LeadChange};
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "crm",
    rules: &["K2"],
    hears: |d, event| match event {
        Event::Lead(change) => {
            on_lead(d, change);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// The current state of the lead in the CRM.
fn on_lead(d: &mut Decision, change: &LeadChange) {
    if change.role != LeadRole::Sales {
        d.say("K2", crm::other_lead());
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
        d.say("K2", crm::nothing_new());
    }
}

/// L9, L10: somebody takes the order, or the responsible changes. Echoes and outdated states are ignored.
fn responsible(d: &mut Decision, manager: &ManagerId, at: At) {
    let order = &d.case.order;
    let echo = order.responsible.as_ref() == Some(manager);
    // The CRM's times are rounded to seconds.
    let stale = order.responsible_at.is_some_and(|set| at + TimeDelta::seconds(1) <= set)
        || d.is_unsent(AskKind::SetResponsible);
    let late = order.former.as_ref().is_some_and(|former| former.is_echoed(manager, at));
    if echo || stale || (late && !cut("L10.late_echo")) || d.process.manager(manager).is_none() {
        return;
    }
    let Some(first) = order.responsible.clone() else {
        d.request(Request::Take { manager: manager.clone() });
        return;
    };
    if late_taker(d) {
        refuse_taker(d, &first, manager);
        return;
    }
    d.request(Request::HandOver { manager: manager.clone() });
    // A person may also give it back at once.
    d.case.order.former = None;
    d.getcourse(Ask::SetOrderManager { manager: manager.clone() });
}

/// L9: another manager has just taken the free order: the first one keeps it.
fn late_taker(d: &Decision) -> bool {
    let order = &d.case.order;
    let pool = d.process.route(&order.route).is_some_and(|route| route.responsible == Assign::FreePool);
    let window = TimeDelta::minutes(i64::from(d.figures().arrival.free_pool_minutes));
    pool && !cut("L9.first_taker") && order.taken_at.is_some_and(|taken| d.now - taken <= window)
}

/// L9: … and the second one is informed.
fn refuse_taker(d: &mut Decision, first: &ManagerId, second: &ManagerId) {
    d.ask(Ask::SetResponsible { role: LeadRole::Sales, manager: first.clone() });
    d.case.order.responsible_at = Some(d.now);
    d.turn("L9", crm::taken_before(first));
    let due = d.work_minutes(60);
    let to = Some(second.clone());
    let why = d.words(&why::taken_before(first));
    let told = d.task(NewTask { to, why: &why, ..NewTask::new(TaskKind::Do, TextId::TaskAlreadyTaken, due) });
    d.unwatched(told, None);
}

/// K2: stages only move forward; «won» and «lost» end the process.
fn stage(d: &mut Decision, to: Stage, change: &LeadChange) {
    let now = d.case.order.leads.get(&LeadRole::Sales).copied();
    match to {
        Stage::Lost if now == Some(Stage::Lost) && change.reason.is_none() => {}
        Stage::Lost => {
            d.case.order.leads.insert(LeadRole::Sales, Stage::Lost);
            d.request(Request::LostInCrm { reason: change.reason });
        }
        Stage::Won => {
            if std::mem::replace(&mut d.case.order.won_by_hand, true) {
                return;
            }
            d.turn("L13", crm::won_by_hand(d.can_read()));
            d.read_order();
        }
        _ if change.pipeline != d.case.order.pipeline && !cut("K2.other_pipeline") => {
            if change.from.is_some() {
                d.say("K2", crm::other_pipeline());
            }
        }
        _ if now.is_some_and(|now| to <= now) => {
            // The CRM has not shown more than this: it is late news of our own earlier stage.
            let is_late = change.from.is_none_or(|from| from <= to) && !cut("K2.late_echo");
            if now != Some(to) && !is_late && d.figures().feed.forward_only {
                d.say("K2", crm::moved_back());
            }
        }
        _ => {
            d.case.order.leads.insert(LeadRole::Sales, to);
            d.say("K2", crm::moved());
            // L9: in the pool whoever moves the lead takes it; the CRM may name him as responsible already.
            let manager = d.case.order.responsible.clone().or_else(|| known_author(d, change));
            if to >= Stage::InWork
                && let Some(manager) = manager
            {
                d.request(Request::Take { manager });
            }
        }
    }
}

fn known_author(d: &Decision, change: &LeadChange) -> Option<ManagerId> {
    change.by.clone().filter(|manager| d.process.manager(manager).is_some())
}
