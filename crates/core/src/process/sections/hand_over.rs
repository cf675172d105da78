//! A new responsible: the open tasks move to him, with a summary of the order (L10). Does not write the
//! responsible to the platforms: the section that makes the request does. Enter at [`hand_over`].

use crate::message::phrase::{hand_over, result};
use crate::message::text::TextId;
use crate::process::assign;
use crate::process::case::{Promise, Task};
use crate::process::command::TaskKind;
use crate::process::decision::{Decision, Heard, NewTask, Request, Section};
use crate::process::moment::Moment;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "hand_over",
    rules: &["L10"],
    enters: |d, request| match request {
        Request::HandOver { manager } => {
            hand_over(d, manager);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// L10: moves the open tasks and gives the new manager one task with the context.
fn hand_over(d: &mut Decision, manager: &ManagerId) {
    let from = d.case.order.responsible.clone();
    assign::give(d, manager);
    d.case.order.is_early = false;
    d.moment(Moment::HandedOver { manager: manager.clone() });
    d.turn("L10", hand_over::responsible(manager));
    if !d.figures().arrival.hand_over || !d.case.order.is_open() {
        return;
    }
    let own = |task: &Task| from.as_ref() == Some(&task.responsible);
    let open: Vec<TaskId> =
        d.case.order.tasks.iter().filter(|(_, task)| own(task)).map(|(id, _)| id.clone()).collect();
    for id in open {
        d.move_task(&id, None, Some(manager.clone()));
    }
    d.close_tasks_where(|task| task.text == TextId::TaskHandOver, &result::handed_over());
    let due = d.work_minutes(60);
    let more = history(d);
    d.task(NewTask { more, ..NewTask::new(TaskKind::Do, TextId::TaskHandOver, due) });
}

/// A short history, the promises and the next step (L10).
fn history(d: &Decision) -> String {
    let order = &d.case.order;
    let mut lines = vec![hand_over::counts(order.attempts, order.talks)];
    if let Some(last) = order.calls.last() {
        lines.push(hand_over::last_call(last.at, last.outcome.said()));
    }
    match &order.promise {
        Some(Promise::CallBack { at, why }) => {
            lines.push(hand_over::promised_call(*at, why.as_deref()));
        }
        Some(Promise::Pay { day, .. }) => {
            lines.push(hand_over::promised_payment(*day));
        }
        None => {}
    }
    if let Some(at) = order.timers.earliest() {
        lines.push(hand_over::next_step(at));
    }
    lines.iter().map(|line| d.words(line)).collect::<Vec<_>>().join("\n")
}
