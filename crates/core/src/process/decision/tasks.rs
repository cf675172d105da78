//! Verbs of a decision: creates, moves and closes tasks of managers. Never watches their deadlines: the
//! section `task` does. Enter at [`Decision::task`].

use chrono::TimeDelta;

use super::{Decision, NewTask};
use crate::message::phrase::{Phrase, task};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar::say_on;
use crate::process::case::{Former, Order, Task, TaskSaid};
use crate::process::command::{Ask, AskKind, CreateTask, TaskKind};
use crate::process::definition::Assign;
use crate::process::value::*;
use crate::process::vars;

/// Cost, paid, left.
type Sums = [Option<Money>; 3];

/// A task that is due later than this is not for now.
const LATER: TimeDelta = TimeDelta::hours(1);

impl Decision<'_> {
    /// Creates a task (L13, D1, …). `None` if the school has no manager at all.
    pub fn task(&mut self, new: NewTask<'_>) -> Option<TaskId> {
        let Some(to) = new.to.clone().or_else(|| self.someone()) else {
            self.say("G4", task::nobody());
            return None;
        };
        let said = TaskSaid { time: new.time, why: new.why.to_owned(), more: new.more };
        let task = Task {
            kind: new.kind,
            due: new.due,
            responsible: to.clone(),
            text: new.text,
            reminded: false,
            escalated: false,
            kept: false,
            about: None,
            former: None,
            said: Some(Box::new(said)),
        };
        let text = self.task_words(&task).unwrap_or_default();
        let instead = self.routes_person().filter(|person| *person != to);
        let order = &mut self.case.order;
        let id = TaskId(format!("t{}·{}", order.issued + 1, order.id));
        order.tasks.insert(id.clone(), task);
        self.ask(Ask::CreateTask(CreateTask {
            task: id.clone(),
            role: LeadRole::Sales,
            kind: new.kind,
            text,
            due: new.due,
            minutes: new.minutes,
            responsible: to,
            instead,
        }));
        Some(id)
    }

    /// The text of a task as of now; `None` if it was made by a version that did not keep what it says.
    pub fn task_words(&self, task: &Task) -> Option<String> {
        let said = task.said.as_ref()?;
        let mut vars = self.vars(Some(&task.responsible));
        vars.why.clone_from(&said.why);
        if let Some(at) = said.time {
            vars::about(&mut vars, at, self.process.zone, self.now);
            vars.day_off = self.is_day_off(at);
        }
        vars.due = say_on(task.due, self.process.zone, self.now);
        vars.more.clone_from(&said.more);
        vars.later = task.due > self.now + LATER;
        Some(self.process.texts.render(&task.text, &vars).body)
    }

    /// Writes the texts of open tasks again that say a sum that was another one `before` (F29).
    pub fn tell_sums(&mut self, before: &Order) {
        let swap = |order: &mut Order, sums: &mut Sums| {
            for (known, other) in [&mut order.cost, &mut order.paid, &mut order.left].into_iter().zip(sums) {
                std::mem::swap(known, other);
            }
        };
        let mut sums: Sums = [before.cost.clone(), before.paid.clone(), before.left.clone()];
        let order = &self.case.order;
        if [&order.cost, &order.paid, &order.left].into_iter().eq(&sums) {
            return;
        }
        // One that was made meanwhile says the new sum.
        let open = order.tasks.iter().filter(|(id, _)| before.tasks.contains_key(*id));
        let open: Vec<(TaskId, Task)> = open.map(|(id, task)| (id.clone(), task.clone())).collect();
        let words = |d: &Self| open.iter().map(|(_, task)| d.task_words(task)).collect::<Vec<_>>();
        let now = words(self);
        swap(&mut self.case.order, &mut sums);
        let was = words(self);
        swap(&mut self.case.order, &mut sums);
        for ((task, _), (text, was)) in open.into_iter().zip(now.into_iter().zip(was)) {
            if text != was && !cut("G2.task_text") {
                self.ask(Ask::MoveTask { task, due: None, responsible: None, text });
            }
        }
    }

    /// A task without a watched deadline: it reminds of another one, or only informs.
    pub fn unwatched(&mut self, made: Option<TaskId>, about: Option<TaskId>) {
        if let Some(task) = made.and_then(|id| self.case.order.tasks.get_mut(&id)) {
            (task.about, task.reminded, task.escalated) = (about, true, true);
        }
    }

    /// A task that stays open in every state.
    pub fn keep(&mut self, made: Option<TaskId>) {
        if let Some(task) = made.and_then(|id| self.case.order.tasks.get_mut(&id)) {
            task.kept = true;
        }
    }

    pub fn call_task(&self) -> Option<TaskId> {
        self.case.order.call_task().map(|(id, _)| id.clone())
    }

    pub fn has_task(&self, text: TextId) -> bool {
        self.case.order.tasks.values().any(|task| task.text == text)
    }

    pub fn has_question_task(&self) -> bool {
        self.case.order.tasks.values().any(|task| task.kind == TaskKind::Ask)
    }

    /// Closes a task and its reminders. A task whose command is still pending is revoked instead.
    pub fn close_task(&mut self, id: &TaskId, result: &Phrase) {
        if self.case.order.tasks.remove(id).is_none() {
            return;
        }
        let unsent = self.is_uncreated(id);
        self.revoke_where(|pending| {
            pending.task.as_ref() == Some(id)
                && matches!(pending.ask, AskKind::CreateTask | AskKind::MoveTask | AskKind::StartCall)
        });
        if !unsent {
            let result = self.words(result);
            self.ask(Ask::CloseTask { task: id.clone(), result });
        }
        self.close_tasks_where(|task| task.about.as_ref() == Some(id), result);
    }

    pub fn close_tasks_where(&mut self, holds: impl Fn(&Task) -> bool, result: &Phrase) {
        let ids: Vec<TaskId> =
            self.case.order.tasks.iter().filter(|(_, task)| holds(task)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.close_task(&id, result);
        }
    }

    /// A new deadline or person for an open task; the watching of its deadline starts again. Its text stays: a promised
    /// time is still the promised one.
    pub fn move_task(&mut self, id: &TaskId, due: Option<At>, responsible: Option<ManagerId>) {
        let now = self.now;
        let Some(task) = self.case.order.tasks.get_mut(id) else { return };
        task.former = Some(Former { manager: task.responsible.clone(), due: Some(task.due), at: now });
        if let Some(due) = due {
            task.due = due;
            task.reminded = false;
            task.escalated = false;
        }
        if let Some(manager) = &responsible {
            task.responsible = manager.clone();
        }
        self.ask(Ask::MoveTask { task: id.clone(), due, responsible, text: None });
    }

    /// Its creation is not yet settled: the CRM may not know it.
    pub fn is_uncreated(&self, id: &TaskId) -> bool {
        let mut unsent = self.case.order.unsent.values();
        unsent.any(|pending| pending.ask == AskKind::CreateTask && pending.task.as_ref() == Some(id))
    }

    /// The manager whom the order's route names.
    fn routes_person(&self) -> Option<ManagerId> {
        let route = self.process.route(&self.case.order.route)?;
        match (&route.responsible, &route.task.to) {
            (_, Some(to)) => Some(to.clone()),
            (Assign::Fixed { manager }, None) => Some(manager.clone()),
            _ => None,
        }
    }

    /// The order's responsible, else the head, else any manager.
    pub fn someone(&self) -> Option<ManagerId> {
        let responsible = self.case.order.responsible.clone();
        responsible.or_else(|| self.head()).or_else(|| self.process.roster.first().map(|m| m.id.clone()))
    }

    pub fn head(&self) -> Option<ManagerId> {
        self.process.head().map(|head| head.id.clone())
    }
}
