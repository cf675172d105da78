//! Commands that can never be carried out, and the last resort of L14: another next step for the order. Never
//! leaves an open order without a next step and never repeats without a pause. Enter at [`undeliverable`].

use crate::message::phrase::{Phrase, command, guard, letters};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::call_task;
use crate::process::case::{Pending, Refused};
use crate::process::command::{AskKind, BOUNCED, NO_ORDER, REFUSED, TaskKind};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
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

/// So many refused statuses are remembered.
const STATUSES_MAX: usize = 8;

/// A command can never be carried out (design, section 5): the order gets another next step.
fn undeliverable(d: &mut Decision, command: &CommandId, why: &str) {
    d.case.order.revoked.remove(command);
    let Some(pending) = d.case.order.unsent.remove(command) else {
        d.say("L14", guard::not_needed());
        return;
    };
    let what = said(d, &pending);
    match pending.ask {
        AskKind::SendLetter => letter_failed(d, &pending, why),
        AskKind::CreateTask if is_ahead(d, &pending) => {
            let task = d.case.order.call_task().map(|(id, task)| (id.clone(), task.clone()));
            if let Some((id, task)) = task {
                d.case.order.tasks.remove(&id);
                let state = d.state().name().to_owned();
                refused(d, command, Refused::Task { id, task, state });
            }
            // The attempt itself makes the next one.
            d.case.order.round.closed = call_task::CLOSED_MAX;
            d.say("K10", guard::goes_on(what));
        }
        AskKind::CreateTask => {
            if let Some(id) = pending.task
                && let Some(task) = d.case.order.tasks.remove(&id)
            {
                let state = d.state().name().to_owned();
                refused(d, command, Refused::Task { id, task, state });
            }
            retry(d, what);
        }
        AskKind::SaveLead => {
            if let Some(role) = pending.role
                && let Some(stage) = d.case.order.leads.remove(&role)
            {
                refused(d, command, Refused::Lead { role, stage });
            }
            retry(d, what);
        }
        AskKind::ReadBack => {
            not_read(d, why);
            if pending.reads_person && !cut("L11.dead_read") {
                d.request(Request::TellUnconfirmed);
            }
        }
        AskKind::ShowNext => {
            // The CRM does not pin: a waiting task instead (K10).
            if let Some(shown) = &mut d.case.order.next_shown {
                (shown.refused, shown.pinned, shown.words) = (!cut("K10.refused"), false, 0);
            }
            d.say("K10", guard::goes_on(what));
        }
        AskKind::SetStatus if is_gone(why) => gone(d),
        AskKind::SetStatus => {
            if let Some(status) = status_of(d, &pending).cloned() {
                let refused = &mut d.case.order.statuses_refused;
                if refused.contains(&status) && !cut("L14.status_once") {
                    d.say("L14", guard::goes_on(what));
                    return;
                }
                if refused.len() < STATUSES_MAX {
                    refused.push(status);
                }
            }
            d.turn("L14", guard::status_failed(what.clone()));
            tell_head(d, &what);
        }
        _ => d.say("L14", guard::goes_on(what)),
    }
}

/// The order goes on as it was told. If it is not there any more, a person has to look (L14).
fn not_read(d: &mut Decision, why: &str) {
    (d.case.order.doubted, d.case.order.told_change) = (None, None);
    let is_told = d.case.order.is_unseen() && d.request(Request::AsTold);
    if is_gone(why) {
        gone(d);
    } else if !is_told {
        d.say("L4", guard::read_later());
    }
}

fn is_gone(why: &str) -> bool {
    why.starts_with(NO_ORDER) && !cut("L14.no_order")
}

/// The head looks at an order that GetCourse does not have once, however often it is read or written.
fn gone(d: &mut Decision) {
    d.say("L14", guard::no_order());
    if !d.case.order.gone || cut("L14.gone_once") {
        let has_other = d.has_task(TextId::TaskUndeliverable);
        tell_head(d, &command::read_gone());
        d.case.order.gone = !has_other && d.has_task(TextId::TaskUndeliverable);
    }
}

/// The task of a planned attempt (K10).
fn is_ahead(d: &Decision, pending: &Pending) -> bool {
    d.case.order.call_is_ahead() && pending.task.is_some() && pending.task == d.call_task()
}

/// The status that a command sets; of a command of an older version only the order's own is known.
fn status_of<'d>(d: &'d Decision, pending: &'d Pending) -> Option<&'d Status> {
    let own = pending.status.as_ref().filter(|_| !cut("L14.its_own_status"));
    own.or(d.case.order.status.as_ref())
}

/// What a command does, for people: the platform's own words are for the log and the dead letter.
fn said(d: &Decision, pending: &Pending) -> Phrase {
    match pending.ask {
        AskKind::SaveLead => command::save_lead(),
        AskKind::SaveContact => command::save_contact(),
        AskKind::SetStage => command::set_stage(),
        AskKind::SetResponsible => command::set_responsible(),
        AskKind::SetPrice => command::set_price(),
        AskKind::SetTags => command::set_tags(),
        AskKind::ClearField => command::clear_field(),
        AskKind::CreateTask => command::create_task(),
        AskKind::MoveTask => command::move_task(),
        AskKind::CloseTask => command::close_task(),
        AskKind::AddNote => command::add_note(),
        AskKind::ShowNext => command::show_next(),
        AskKind::AddCall => command::add_call(),
        AskKind::SetStatus => command::set_status(status_of(d, pending).map(Status::label)),
        AskKind::AddComment => command::add_comment(),
        AskKind::SetOrderManager => command::set_order_manager(),
        AskKind::ReadBack => command::read_order(),
        AskKind::SendLetter => command::send_letter(),
        AskKind::StartCall => command::start_call(),
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
    let title = pending.letter.as_ref().map(|letter| d.title(letter).to_owned()).unwrap_or_default();
    let is_bounced = why.starts_with(BOUNCED);
    let has_not_left = is_bounced || REFUSED.iter().any(|refused| why.starts_with(refused));
    // It may go again, and no text says that it went.
    if let Some(letter) = pending.letter.as_ref().filter(|_| has_not_left) {
        d.case.order.letters.remove(letter);
    }
    if is_bounced {
        let bad = pending.to.clone().or_else(|| d.case.client.email().cloned());
        if let Some(bad) = bad.filter(|_| !cut("L11.bounced")) {
            d.case.client.bad.insert(bad);
        }
        d.say("L11", letters::bad_address());
        d.note(letters::not_delivered(&*title));
    } else if has_not_left {
        d.say("M1", letters::refused());
        d.note(letters::not_taken(&*title));
    } else {
        // A server failure or an unknown outcome: the address may be right.
        let sent = pending.letter.as_ref().and_then(|letter| d.case.order.letters.get_mut(letter));
        if let Some(sent) = sent.filter(|_| !cut("L11.in_doubt")) {
            sent.in_doubt = true;
        }
        d.say("M1", letters::in_doubt());
        d.note(letters::maybe_lost(&*title));
    }
}

/// The head is informed if the CRM works.
fn tell_head(d: &mut Decision, what: &Phrase) {
    if d.has_task(TextId::TaskUndeliverable) || !d.case.order.is_open() || !d.has_lead() {
        return;
    }
    let due = d.work_minutes(60);
    let (to, why) = (d.head(), d.words(what));
    d.task(NewTask { to, why: &why, ..NewTask::new(TaskKind::Do, TextId::TaskUndeliverable, due) });
}

/// The pause grows with each try, up to one working day.
fn retry(d: &mut Decision, what: Phrase) {
    if !d.case.order.is_open() || cut("L14.retry") {
        d.say("L14", guard::order_closed(what));
        return;
    }
    d.case.order.failures += 1;
    let at = match d.case.order.failures {
        1..=3 => d.work_minutes(60),
        _ => d.work_days(1),
    };
    d.set(Timer::Retry, at);
    d.say("L14", guard::retry(what, at));
}

/// L14: the order had no next step: the head is informed, and the order is checked again.
fn due(d: &mut Decision) {
    if !d.has_task(TextId::TaskGuard) && d.has_lead() {
        let due = d.work_minutes(60);
        let to = d.head();
        d.task(NewTask { to, ..NewTask::new(TaskKind::Do, TextId::TaskGuard, due) });
    }
    if !d.has_lead() {
        leads::make(d, &Phrase::NONE);
    }
    d.set(Timer::Guard, d.work_days(1));
    d.say("L14", guard::due());
}
