//! Tasks of managers: what is late (L15), what was closed, moved or deleted by hand, and whose
//! they are when the responsible changes (L10).
//! Never lets an open task stand for a next step. Enter at [`on_task`], [`late`], [`hand_over`].

use chrono::TimeDelta;

use super::case::{Phase, Promise, Task};
use super::command::TaskKind;
use super::decision::{Decision, NewTask};
use super::event::TaskChange;
use super::timers::Timer;
use super::value::*;
use super::{calendar, desk, talk};

/// The CRM is never given a deadline nearer than five minutes from its writing, so that its own picture of
/// a task due now is a little later than ours: nobody has moved it.
const CRM_AHEAD_MIN: i64 = 6;

/// A task as the CRM shows it now.
pub(super) fn on_task(d: &mut Decision, change: &TaskChange) {
    let Some(task) = d.case.order.tasks.get(&change.task).cloned() else {
        d.say("L15", "Эта задача уже закрыта у нас: ничего нового.");
        return;
    };
    if change.done || change.gone {
        closed(d, &change.task, &task, change);
        return;
    }
    let moved_by_us = d
        .case
        .order
        .unsent
        .values()
        .any(|pending| pending.ask == "move_task" && pending.task.as_ref() == Some(&change.task));
    if moved_by_us {
        d.say("L15", "Наша правка задачи ещё в пути: это прежний вид.");
        return;
    }
    if let Some(manager) = change.responsible.as_ref().filter(|manager| **manager != task.responsible) {
        let name = desk::name(d, manager);
        if let Some(task) = d.case.order.tasks.get_mut(&change.task) {
            task.responsible = manager.clone();
        }
        d.say("L10", format!("Задачу ведёт теперь {name}."));
    }
    if let Some(due) = change.due
        && due > (task.due + TimeDelta::minutes(1)).max(d.now + TimeDelta::minutes(CRM_AHEAD_MIN))
        && d.process.figures.task.put_back
    {
        put_back(d, &change.task, task.due);
    }
}

/// L15: moved later by hand without the client's wish: put back and counted.
fn put_back(d: &mut Decision, id: &TaskId, due: At) {
    let watched = d.case.order.tasks.get(id).map(|task| (task.reminded, task.escalated));
    d.case.order.put_back += 1;
    d.move_task(id, Some(due), None);
    if let (Some(task), Some(watched)) = (d.case.order.tasks.get_mut(id), watched) {
        (task.reminded, task.escalated) = watched;
    }
    let text = "Срок задачи сдвинут вручную без просьбы клиента: возвращён и посчитан.";
    d.say("L15", text);
    d.note(text);
}

/// Closed or deleted by hand.
fn closed(d: &mut Decision, id: &TaskId, task: &Task, change: &TaskChange) {
    d.case.order.tasks.remove(id);
    let about = |other: &Task| other.about.as_ref() == Some(id);
    d.close_tasks_where(about, "Задача закрыта");
    match task.kind {
        TaskKind::Ask => talk::ask_again(d, "Задача закрыта без ответа"),
        TaskKind::Call => call_task_closed(d, change),
        TaskKind::Do => {
            let result = change.result.as_deref().map(str::trim).filter(|result| !result.is_empty());
            let text = result.map_or("Задача выполнена.".to_owned(), |result| {
                format!("Задача выполнена: {result}.")
            });
            d.say("L15", text);
        }
    }
}

/// D10, L15: no call was seen and no word given: the attempt is still to be made.
fn call_task_closed(d: &mut Decision, change: &TaskChange) {
    let retry = d.now + TimeDelta::minutes(i64::from(d.process.figures.dialling.failed_retry_minutes.max(1)));
    let how = if change.gone { "удалена" } else { "закрыта" };
    match d.case.order.phase {
        Phase::Dialling => {
            d.set(Timer::Attempt, retry);
            d.say("L15", format!("Задача «Позвонить» {how}, звонка не видно: ждём звонок или слово менеджера, иначе задача вернётся."));
        }
        Phase::CallBack => {
            d.say("D5", format!("Задача обещанного звонка {how}: в обещанное время она вернётся."));
        }
        _ => d.say("L15", format!("Задача «Позвонить» {how}.")),
    }
}

// ---- late ------------------------------------------------------------------------------------

/// The deadline of a task: a call may begin for some minutes.
fn deadline(d: &Decision, task: &Task) -> At {
    let minutes = if task.kind == TaskKind::Call { d.process.figures.dialling.task_minutes } else { 0 };
    task.due + TimeDelta::minutes(i64::from(minutes))
}

fn reminder_at(d: &Decision, task: &Task) -> At {
    d.team().add_minutes(deadline(d, task), d.process.figures.task.late_minutes)
}

fn escalation_at(d: &Decision, task: &Task) -> At {
    let figures = &d.process.figures.task;
    d.team().add_minutes(deadline(d, task), figures.escalate_minutes.max(figures.late_minutes))
}

/// Sets the two timers to what is next late among the open tasks (L15); nothing else sets them.
pub(super) fn watch(d: &mut Decision) {
    let tasks = &d.case.order.tasks;
    let on = d.process.figures.task.watch && d.case.order.is_open();
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
pub(super) fn late(d: &mut Decision) {
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
        // The task's own first line says which one it is.
        let text = d.process.texts.render(&task.text, &d.vars(to.as_ref())).body;
        let more = text.lines().next().unwrap_or_default().to_owned();
        let time = Some(deadline(d, &task));
        d.say("L15", "Задача не выполнена в срок: напоминаем.");
        let due = d.work_minutes(d.process.figures.task.late_minutes);
        let reminder = d.task(NewTask { to, time, more, ..NewTask::new(TaskKind::Do, "task_late", due) });
        if let Some(reminder) = reminder.and_then(|made| d.case.order.tasks.get_mut(&made)) {
            (reminder.about, reminder.reminded, reminder.escalated) = (Some(id), true, true);
        }
    }
}

/// L15: 60 min late: another free manager, else the head; the ladder goes on.
pub(super) fn escalate(d: &mut Decision) {
    let all = d.case.order.tasks.iter();
    let late: Vec<(TaskId, Task)> = all
        .filter(|(_, task)| task.reminded && !task.escalated && escalation_at(d, task) <= d.now)
        .map(|(id, task)| (id.clone(), task.clone()))
        .collect();
    for (id, task) in late {
        if task.kind == TaskKind::Call {
            d.case.order.round.missed += 1;
        }
        // A round that sellers leave lying is the head's to see.
        let head = d.head().filter(|head| d.case.order.round.missed > 2 && *head != task.responsible);
        let other = head.or_else(|| desk::another(d, &task.responsible));
        if let Some(other) = &other {
            d.move_task(&id, None, Some(other.clone()));
        }
        if let Some(task) = d.case.order.tasks.get_mut(&id) {
            task.escalated = true;
        }
        d.close_tasks_where(|task| task.about.as_ref() == Some(&id), "Задача передана");
        let text = match &other {
            Some(other) => format!("Задача просрочена на час: передана, {}.", desk::name(d, other)),
            None => "Задача просрочена на час, передать её некому.".to_owned(),
        };
        d.say("L15", text.clone());
        d.note(&text);
    }
}

// ---- hand over -------------------------------------------------------------------------------

/// L10: open tasks move, the new manager gets one task with the context.
pub(super) fn hand_over(d: &mut Decision, manager: &ManagerId) {
    let from = d.case.order.responsible.clone();
    desk::give(d, manager);
    let name = desk::name(d, manager);
    d.turn("L10", format!("Новый ответственный: {name}."));
    if !d.process.figures.arrival.hand_over || !d.case.order.is_open() {
        return;
    }
    let own = |task: &Task| from.as_ref() == Some(&task.responsible);
    let open: Vec<TaskId> =
        d.case.order.tasks.iter().filter(|(_, task)| own(task)).map(|(id, _)| id.clone()).collect();
    for id in open {
        d.move_task(&id, None, Some(manager.clone()));
    }
    d.close_tasks_where(|task| task.text == "task_hand_over", "Заказ передан дальше");
    let due = d.work_minutes(60);
    let more = history(d);
    d.task(NewTask { more, ..NewTask::new(TaskKind::Do, "task_hand_over", due) });
}

/// History in short, promises, next step (L10).
fn history(d: &Decision) -> String {
    let order = &d.case.order;
    let zone = d.process.zone;
    let mut lines = vec![format!("Попыток: {}, разговоров: {}.", order.attempts, order.talks)];
    if let Some(last) = order.calls.last() {
        lines.push(format!(
            "Последний звонок: {}, {}.",
            calendar::say_time(last.at, zone),
            last.outcome.label()
        ));
    }
    match &order.promise {
        Some(Promise::CallBack { at, why }) => {
            let why = why.as_deref().unwrap_or("без пояснения");
            lines.push(format!("Обещан звонок: {} ({why}).", calendar::say_time(*at, zone)));
        }
        Some(Promise::Pay { day, .. }) => {
            lines.push(format!("Обещана оплата: {}.", calendar::say_day(*day, zone)));
        }
        None => {}
    }
    if let Some((at, _)) = order.timers.wake() {
        lines.push(format!("Следующий шаг: {}.", calendar::say_time(at, zone)));
    }
    lines.join("\n")
}
