//! What comes next is in the CRM (K10): the task of a planned call is made when the call is planned, and a pause
//! without a task shows a pinned note. Never decides what comes next: it follows from the timers at the end of
//! every step. Enter at [`watch`].

use chrono::TimeDelta;

use crate::message::phrase::result;
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar;
use crate::process::call_task;
use crate::process::case::{NextShown, Task};
use crate::process::command::{Ask, TaskKind, Urgency};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
use crate::process::definition::ShowNext;
use crate::process::next_step::{self, SHORT};
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "next_note",
    rules: &["K10"],
    // The note is looked at at the end of the step that it begins.
    timers: &[Row {
        timer: Timer::NextNote,
        class: Class::Reminder,
        lives: |order| order.is_open(),
        fires: |_| {},
    }],
    enters: |d, request| match request {
        Request::Close => {
            watch(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

fn watch(d: &mut Decision) {
    plan(d);
    note(d);
}

/// The task of a planned call follows its plan.
fn plan(d: &mut Decision) {
    let Some(at) = planned_call(d) else { return };
    let due = call_task::due_at(d, at);
    match d.case.order.call_task().map(|(id, task)| (id.clone(), task.due)) {
        Some((id, planned)) if planned != due && !cut("K10.follows") => d.move_task(&id, Some(due), None),
        None if d.case.order.round.closed < call_task::CLOSED_MAX => call_task::ahead(d, at),
        _ => {}
    }
}

/// When the client is called next, if nothing stands in its way.
fn planned_call(d: &Decision) -> Option<At> {
    let order = &d.case.order;
    let dials = *order.state() == Wait::Dialling && order.round.planned && !order.is_held() && d.has_lead();
    let nowhere = d.case.client.phone().is_none() && d.figures().arrival.ask_phone;
    if !dials || nowhere || d.figures().next_note.how != ShowNext::Task {
        return None;
    }
    d.at(Timer::Attempt).filter(|at| *at > d.now)
}

/// The pinned note, or the waiting task in its place.
fn note(d: &mut Decision) {
    let waits = |task: &Task| task.text == TextId::TaskNext;
    let shown = d.case.order.next_shown;
    let has_task = d.case.order.tasks.values().any(|task| !waits(task));
    let on = d.figures().next_note.how != ShowNext::Off && d.has_lead() && !has_task;
    let next = next_step::words(d).filter(|_| on);
    let is_new =
        matches!(d.state(), Wait::Pause | Wait::FreePool) && !shown.is_some_and(|shown| shown.pinned);
    let next = next.filter(|(_, at)| !is_new || *at > d.now + SHORT).map(|(words, at)| (d.words(&words), at));
    let Some((text, at)) = next else {
        d.case.order.timers.stop(Timer::NextNote);
        // Until it is known what a reported payment means, what stands there stays.
        let waits_for_payment = d.case.order.held().is_some_and(|held| held.asked == 0);
        if !waits_for_payment {
            take_down(d);
        }
        return;
    };
    let words = calendar::fnv(&text);
    if let Some(shown) = shown.filter(|shown| shown.words == words) {
        // A waiting task that a person closed is not made again.
        if shown.pinned || shown.refused {
            return d.case.order.timers.stop(Timer::NextNote);
        }
    }
    let pause = TimeDelta::minutes(i64::from(d.figures().next_note.update_minutes));
    let last = shown.filter(|shown| shown.pinned || shown.refused).map(|shown| shown.at + pause);
    if let Some(later) = last.filter(|later| *later > d.now && !cut("K10.merged")) {
        d.case.order.timers.set(Timer::NextNote, later);
        return;
    }
    d.case.order.timers.stop(Timer::NextNote);
    show(d, text, words, at);
}

fn show(d: &mut Decision, text: String, words: u64, at: At) {
    let refused = d.case.order.next_shown.is_some_and(|shown| shown.refused);
    d.case.order.next_shown = Some(NextShown { at: d.now, words, pinned: !refused, refused });
    if !refused {
        d.urgent(Urgency::Backfill, |d| d.ask(Ask::ShowNext { role: LeadRole::Sales, text: Some(text) }));
        return;
    }
    d.close_tasks_where(|task| task.text == TextId::TaskNext, &result::not_needed());
    // It is never late (L15).
    let made = d.urgent(Urgency::Backfill, |d| {
        d.task(NewTask { more: text, ..NewTask::new(TaskKind::Do, TextId::TaskNext, at) })
    });
    d.unwatched(made, None);
}

/// A task says what is next, or nothing is.
fn take_down(d: &mut Decision) {
    d.close_tasks_where(|task| task.text == TextId::TaskNext, &result::not_needed());
    let Some(shown) = &mut d.case.order.next_shown else { return };
    shown.words = 0;
    if std::mem::take(&mut shown.pinned) && !cut("K10.ends") {
        d.urgent(Urgency::Backfill, |d| d.ask(Ask::ShowNext { role: LeadRole::Sales, text: None }));
    }
}
