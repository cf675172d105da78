//! Receipts of commands: a delivered letter is shown in the lead's feed (K6, M1, M2), a lead or task that had
//! been refused and was made after all is the order's own. What a limit held back is a person's. Enter at [`receipt`].

use crate::message::phrase::{late, letters, result};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::case::{Refused, Task};
use crate::process::command::{Ask, AskKind, TaskKind, Urgency};
use crate::process::decision::{Decision, Heard, NewTask, Request, Section};
use crate::process::definition::RefundedLead;
use crate::process::event::Event;
use crate::process::state::End;
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "letters",
    rules: &["K6", "M1", "M2"],
    hears: |d, event| match event {
        Event::Receipt { command } => {
            receipt(d, command);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::Close => {
            held(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// M2: letters that a limit held back are the manager's: he writes them, or finds out who fills in the form.
fn held(d: &mut Decision) {
    let held = d.take_held();
    if held.is_empty() || !d.case.order.is_open() || d.has_task(TextId::TaskUndeliverable) {
        return;
    }
    let due = d.work_minutes(60);
    let why: Vec<String> = held.iter().map(|phrase| d.words(phrase)).collect();
    d.task(NewTask { why: &why.join(" "), ..NewTask::new(TaskKind::Do, TextId::TaskUndeliverable, due) });
}

/// Shows the delivery of a letter (K6). A task that was revoked while its command was in flight exists in
/// the CRM after all and is closed (L4).
fn receipt(d: &mut Decision, command: &CommandId) {
    if let Some(task) = d.case.order.revoked.remove(command).filter(|_| !cut("L4.late_receipt")) {
        d.say("L4", late::task_left());
        return close(d, task);
    }
    let now = d.now;
    if let Some(own) = d.case.order.own_moves.iter_mut().find(|own| own.command == *command) {
        own.left_at = Some(now);
    }
    let Some(pending) = d.case.order.unsent.remove(command) else {
        return late(d, command);
    };
    if matches!(pending.ask, AskKind::CreateTask | AskKind::SaveLead) {
        d.case.order.failures = 0;
    }
    if let Some(letter) = &pending.letter {
        d.note(letters::sent(d.title(letter)));
    }
}

/// A person had a refused command carried out. What was made since then instead of it stays the order's own.
fn late(d: &mut Decision, command: &CommandId) {
    match d.case.order.refused.remove(command) {
        Some(Refused::Lead { role, stage }) if !d.case.order.leads.contains_key(&role) => {
            late_lead(d, role, stage);
        }
        Some(Refused::Task { id, task, state }) => late_task(d, id, task, &state),
        Some(Refused::Lead { .. }) | None => {}
    }
}

/// The lead begins in its first stage and is moved to where the order stands.
fn late_lead(d: &mut Decision, role: LeadRole, stage: Stage) {
    d.case.order.leads.insert(role, Stage::New);
    d.case.order.failures = 0;
    d.say("L14", late::lead());
    if role != LeadRole::Sales {
        return;
    }
    match d.case.order.end().cloned() {
        Some(End::Refunded { .. }) if d.figures().refund.lead == RefundedLead::Lost => {
            d.stage(Stage::Lost, None)
        }
        Some(End::Won { .. } | End::Refunded { .. }) => {
            d.urgent(Urgency::Money, |d| d.stage(Stage::Won, None))
        }
        Some(End::Refused { reason, .. }) => d.stage(Stage::Lost, Some(reason)),
        Some(End::NotReached { .. }) => d.stage(Stage::Lost, Some(RefusalReason::NotReached)),
        Some(_) => d.stage(Stage::Lost, None),
        None => d.stage(stage, None),
    }
    if d.at(Timer::Retry).is_some() {
        d.set(Timer::Retry, d.now);
    }
}

/// The task is kept if the order still stands where it was needed and has no other one for the same purpose.
fn late_task(d: &mut Decision, id: TaskId, task: Task, state: &str) {
    let order = &d.case.order;
    if order.is_open() && d.state().name() == state && !d.has_task(task.text.clone()) {
        d.case.order.tasks.insert(id, task);
        d.case.order.failures = 0;
        d.say("L14", late::task());
        return;
    }
    d.say("L14", late::task_too_late());
    close(d, id);
}

/// A task that nobody needs any more. After a payment it is closed as the others were: a seller must not call.
fn close(d: &mut Decision, task: TaskId) {
    let result = d.words(&result::not_needed());
    let close = |d: &mut Decision| d.ask(Ask::CloseTask { task, result });
    match d.case.order.is_won() {
        true => d.urgent(Urgency::Money, close),
        false => close(d),
    };
}
