//! Tasks of managers: late ones (L15), and those closed, moved or deleted by hand.
//! An open task alone is never a next step. Enter at [`on_task`], [`watch`], [`late`].

use chrono::TimeDelta;

use crate::message::phrase::{result, task as phrase, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::assign;
use crate::process::case::Task;
use crate::process::command::{AskKind, TaskKind};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
use crate::process::event::{Event, TaskChange};
use crate::process::moment::Moment;
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "task",
    rules: &["L15"],
    // Set from the open tasks at the end of every step.
    timers: &[
        Row { timer: Timer::TaskLate, class: Class::Reminder, lives: |order| order.is_open(), fires: late },
        Row {
            timer: Timer::TaskEscalate,
            class: Class::Reminder,
            lives: |order| order.is_open(),
            fires: escalate,
        },
    ],
    hears: |d, event| match event {
        Event::Task(change) => {
            on_task(d, change);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::Close => {
            watch(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// Deadlines are written to the CRM at least five minutes ahead, so its deadline of a task that is due now is
/// a little later than ours. That does not count as moved by a person.
const CRM_AHEAD_MIN: i64 = 6;

/// The current state of a task in the CRM.
fn on_task(d: &mut Decision, change: &TaskChange) {
    let Some(task) = d.case.order.tasks.get(&change.task).cloned() else {
        d.say("L15", phrase::known());
        return;
    };
    if change.done || change.gone {
        closed(d, &change.task, &task, change);
        return;
    }
    let mut unsent = d.case.order.unsent.values();
    let moved_by_us =
        unsent.any(|pending| pending.ask == AskKind::MoveTask && pending.task.as_ref() == Some(&change.task));
    if moved_by_us {
        d.say("L15", phrase::in_flight());
        return;
    }
    let former = task.former.filter(|former| former.is_late(change.at) && !cut("L15.late_echo"));
    let is_echo = |manager: &ManagerId| former.as_ref().is_some_and(|former| former.manager == *manager);
    let other = change.responsible.as_ref().filter(|manager| **manager != task.responsible);
    if let Some(manager) = other.filter(|manager| !is_echo(manager)) {
        if let Some(task) = d.case.order.tasks.get_mut(&change.task) {
            task.responsible = manager.clone();
        }
        d.say("L10", phrase::manager(manager));
    }
    // The latest deadline that we have written ourselves.
    let ours = former.and_then(|former| former.due).map_or(task.due, |due| due.max(task.due));
    if let Some(due) = change.due
        && due > ours + TimeDelta::minutes(1)
        && due > d.now + TimeDelta::minutes(CRM_AHEAD_MIN)
        && d.figures().task.put_back
    {
        put_back(d, &change.task, task.due);
    }
}

/// L15: a manager postponed the task without the client's wish: the deadline is restored, and it is counted.
fn put_back(d: &mut Decision, id: &TaskId, due: At) {
    let watched = d.case.order.tasks.get(id).map(|task| (task.reminded, task.escalated));
    d.case.order.put_back += 1;
    d.moment(Moment::PutBack { task: id.clone() });
    d.move_task(id, Some(due), None);
    if let (Some(task), Some(watched)) = (d.case.order.tasks.get_mut(id), watched) {
        (task.reminded, task.escalated) = watched;
    }
    d.say("L15", phrase::put_back());
    d.note(phrase::put_back());
}

/// A person closed or deleted the task.
fn closed(d: &mut Decision, id: &TaskId, task: &Task, change: &TaskChange) {
    d.case.order.tasks.remove(id);
    let about = |other: &Task| other.about.as_ref() == Some(id);
    d.close_tasks_where(about, &result::task_closed());
    let result = change.result.as_deref().map(str::trim).filter(|result| !result.is_empty());
    match task.kind {
        TaskKind::Ask => {
            // The manager is there: the next deadline is not later, whatever he wrote or left out.
            if !cut("L13.closed") {
                d.case.order.question.unanswered = 0;
            }
            match result.filter(|_| !cut("L13.quoted")) {
                Some(said) => d.ask_again(&why::not_understood(said, d.examples().time)),
                None => d.ask_again(&why::closed_without_answer()),
            }
        }
        TaskKind::Call => {
            if let Some(said) = result.filter(|_| !change.read && !cut("L15.quoted")) {
                let why = why::not_understood(said, d.examples().time);
                d.case.order.unread = Some(d.words(&why));
            }
            call_task_closed(d, change);
        }
        TaskKind::Do => d.say("L15", phrase::done(result)),
    }
}

/// D10, L15: no call was reported, neither by telephony nor by the manager: the attempt must still be made.
fn call_task_closed(d: &mut Decision, change: &TaskChange) {
    let retry = d.now + TimeDelta::minutes(i64::from(d.figures().dialling.failed_retry_minutes.max(1)));
    match d.state() {
        Wait::Dialling => {
            // A planned attempt is not made sooner because its task is gone (K10).
            let planned =
                d.at(Timer::Attempt).filter(|_| d.case.order.round.planned && !cut("K10.keeps_time"));
            d.set(Timer::Attempt, planned.unwrap_or(retry).max(retry));
            let round = &mut d.case.order.round;
            (round.planned, round.closed) = (true, round.closed + 1);
            d.say("L15", phrase::call_closed_early(change.gone));
        }
        Wait::CallBack if cut("D5.closed_task") => d.drop_promise(),
        Wait::CallBack => {
            d.say("D5", phrase::promised_closed(change.gone));
        }
        _ => d.say("L15", phrase::call_closed(change.gone)),
    }
}

// ---- late ------------------------------------------------------------------------------------

/// When a task counts as late; a call may still begin some minutes after its deadline.
fn deadline(d: &Decision, task: &Task) -> At {
    let minutes = if task.kind == TaskKind::Call { d.figures().dialling.task_minutes } else { 0 };
    task.due + TimeDelta::minutes(i64::from(minutes))
}

fn reminder_at(d: &Decision, task: &Task) -> At {
    d.team().add_minutes(deadline(d, task), d.figures().task.late_minutes)
}

fn escalation_at(d: &Decision, task: &Task) -> At {
    let figures = &d.figures().task;
    d.team().add_minutes(deadline(d, task), figures.escalate_minutes.max(figures.late_minutes))
}

/// Sets the two timers to the next open task that becomes late (L15); nothing else sets them.
fn watch(d: &mut Decision) {
    let tasks = &d.case.order.tasks;
    let on = d.figures().task.watch && d.case.order.is_open();
    let reminder = tasks.values().filter(|task| on && !task.reminded).map(|task| reminder_at(d, task)).min();
    let escalation = tasks
        .values()
        .filter(|task| on && task.reminded && !task.escalated)
        .map(|task| escalation_at(d, task))
        .min();
    for (timer, at) in [(Timer::TaskLate, reminder), (Timer::TaskEscalate, escalation)] {
        match at {
            Some(at) => d.set(timer, at),
            None => d.stop(timer),
        }
    }
}

/// L15: 15 working minutes late: the manager is reminded.
fn late(d: &mut Decision) {
    let all = d.case.order.tasks.iter();
    let late: Vec<TaskId> = all
        .filter(|(_, task)| !task.reminded && reminder_at(d, task) <= d.now)
        .map(|(id, _)| id.clone())
        .collect();
    for id in late {
        let Some(task) = d.case.order.tasks.get_mut(&id) else { continue };
        task.reminded = true;
        let task = task.clone();
        let to = Some(task.responsible.clone());
        // The first line of the task says which one it is.
        let text = d.process.texts.render(&task.text, &d.vars(to.as_ref())).body;
        let more = text.lines().next().unwrap_or_default().to_owned();
        let time = Some(deadline(d, &task));
        d.say("L15", phrase::late());
        let due = d.work_minutes(d.figures().task.late_minutes);
        let reminder =
            d.task(NewTask { to, time, more, ..NewTask::new(TaskKind::Do, TextId::TaskLate, due) });
        d.moment(Moment::TaskLate { task: id.clone() });
        d.unwatched(reminder, Some(id));
    }
}

/// L15: 60 min late: the task goes to another free manager, else to the head; the ladder continues.
fn escalate(d: &mut Decision) {
    let all = d.case.order.tasks.iter();
    let late: Vec<(TaskId, Task)> = all
        .filter(|(_, task)| task.reminded && !task.escalated && escalation_at(d, task) <= d.now)
        .map(|(id, task)| (id.clone(), task.clone()))
        .collect();
    for (id, task) in late {
        if task.kind == TaskKind::Call {
            d.case.order.round.missed += 1;
        }
        // The head must know about a round that the managers neglect.
        let head = d.head().filter(|head| d.case.order.round.missed > 2 && *head != task.responsible);
        let other = head.or_else(|| assign::another(d, &task.responsible));
        if let Some(other) = &other {
            d.move_task(&id, None, Some(other.clone()));
        }
        if let Some(task) = d.case.order.tasks.get_mut(&id) {
            task.escalated = true;
        }
        d.moment(Moment::TaskEscalated { task: id.clone() });
        d.close_tasks_where(|task| task.about.as_ref() == Some(&id), &result::passed_on());
        let text = match &other {
            Some(other) => phrase::passed_on(other),
            None => phrase::nobody_free(),
        };
        d.say("L15", text.clone());
        d.note(text);
    }
}
