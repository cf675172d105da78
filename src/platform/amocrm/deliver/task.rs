//! Tasks: created with a marker, moved, closed; each is looked for before it is created again. Never closes a
//! task twice, so that a manager's own result is kept. Enter at [`AmoAttempt::create_task`].

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::AmoAttempt;
use crate::link;
use crate::platform::amocrm::batch_writes::{Write, WriteKind, WriteTo};
use crate::platform::amocrm::card::{number, text};
use crate::platform::amocrm::classify::Reply;
use crate::platform::amocrm::client::Call;
use crate::platform::amocrm::drop_rejected;
use crate::platform::amocrm::numbers::{NOTE_MAX, cut};
use crate::platform::{Fault, Receipt, Try, marker};
use crate::process::command::{CreateTask, TaskKind};
use crate::process::{At, LeadRole, ManagerId, TaskId};

/// amoCRM may refuse a deadline in the past.
const AHEAD: TimeDelta = TimeDelta::minutes(5);
/// «Связаться», the type that every account has.
const CALL_TYPE: u64 = 1;

impl AmoAttempt<'_> {
    pub(super) async fn create_task(&self, ask: &CreateTask) -> Result<Receipt, Fault> {
        let lead = self.lead_id(ask.role).await?;
        let there = match self.tried {
            Try::First => Vec::new(),
            Try::MayBeDone => self.search().tasks(&[lead]).await?,
        };
        if let Some(id) = marked(&there, &marker::task(&ask.task)) {
            return Ok(self.task_receipt(&ask.task, id));
        }
        let mut task = json!({
            "text": marked_text(&ask.text, &ask.task),
            "complete_till": self.deadline(ask.due),
            "duration": u64::from(ask.minutes) * 60,
            "entity_id": lead,
            "entity_type": "leads",
            "task_type_id": self.task_type(ask.kind),
        });
        let mut users = self.users(std::iter::once(&ask.responsible).chain(&ask.instead)).into_iter();
        if let Some(user) = users.next() {
            task["responsible_user_id"] = user.into();
        }
        let instead: Vec<u64> = users.collect();
        let strays = self.strays(&there).await?;
        if let Some((id, _)) = strays.into_iter().find(|(_, kind)| *kind == self.task_type(ask.kind)) {
            return match self.patch_task(id, task, instead).await? {
                Reply::Rejected(rejection) => Err(rejection.fault()),
                _ => Ok(self.task_receipt(&ask.task, id)),
            };
        }
        let (made, _) = drop_rejected::write(
            self.batcher(),
            Write { instead, ..self.write(WriteKind::Task, WriteTo::New, task) },
        )
        .await?;
        let id = number(&made["id"]).ok_or_else(|| Fault::unclear("amoCRM names no id of a new task"))?;
        Ok(self.task_receipt(&ask.task, id))
    }

    /// A new deadline, a new responsible, a new text.
    pub(super) async fn move_task(
        &self,
        task: &TaskId,
        due: Option<At>,
        responsible: Option<&ManagerId>,
        text: Option<&str>,
    ) -> Result<Receipt, Fault> {
        let mut body = json!({});
        if let Some(due) = due {
            body["complete_till"] = self.deadline(due).into();
        }
        let mut users = responsible.map(|manager| self.users([manager])).unwrap_or_default().into_iter();
        if let Some(user) = users.next() {
            body["responsible_user_id"] = user.into();
        }
        if body.as_object().is_some_and(|body| body.is_empty()) && text.is_none() {
            return Ok(Receipt::default());
        }
        let Some(id) = self.find_task(task).await? else {
            return Err(Fault::never("the task is not in amoCRM"));
        };
        if let Some(text) = text.map(|text| marked_text(text, task)) {
            // What a person has written into it stays.
            let call = Call::get(&format!("/api/v4/tasks/{id}"), &[], self.command.urgency);
            let found = self.client().read(&call).await?.unwrap_or_default();
            if without_figures(found["text"].as_str().unwrap_or_default()) == without_figures(&text) {
                body["text"] = text.into();
            }
        }
        if body.as_object().is_some_and(|body| body.is_empty()) {
            return Ok(self.task_receipt(task, id));
        }
        match self.patch_task(id, body, users.collect()).await? {
            Reply::Rejected(rejection) if rejection.status == 404 => {
                Err(Fault::never("the task is no longer in amoCRM"))
            }
            Reply::Rejected(rejection) => Err(rejection.fault()),
            _ => Ok(self.task_receipt(task, id)),
        }
    }

    /// If it is closed already, gone, or was never created, there is nothing to do.
    pub(super) async fn close_task(&self, task: &TaskId, result: &str) -> Result<Receipt, Fault> {
        let Some(id) = self.find_task(task).await? else { return Ok(Receipt::default()) };
        let call = Call::get(&format!("/api/v4/tasks/{id}"), &[], self.command.urgency);
        let Some(found) = self.client().read(&call).await? else { return Ok(Receipt::default()) };
        if found["is_completed"] == Value::Bool(true) {
            return Ok(Receipt::default());
        }
        let body = json!({ "is_completed": true, "result": { "text": cut(result, NOTE_MAX) } });
        match self.patch_task(id, body, Vec::new()).await? {
            Reply::Rejected(rejection) if rejection.status != 404 => Err(rejection.fault()),
            _ => Ok(Receipt::default()),
        }
    }

    pub(super) async fn patch_task(&self, id: u64, body: Value, instead: Vec<u64>) -> Result<Reply, Fault> {
        let write = Write { instead, ..self.write(WriteKind::Task, WriteTo::Known(id), body) };
        Ok(drop_rejected::send(self.batcher(), write).await?.0)
    }

    /// Who may get a task, in turn: at last the head. amoCRM gives one that names nobody to the token's user,
    /// who may be no seller at all.
    fn users<'m>(&self, managers: impl IntoIterator<Item = &'m ManagerId>) -> Vec<u64> {
        let mut users: Vec<u64> = managers.into_iter().filter_map(|manager| self.user(manager)).collect();
        users.extend(self.courier.head);
        let mut seen = std::collections::BTreeSet::new();
        users.retain(|user| seen.insert(*user));
        users
    }

    /// From the index, otherwise by its marker among the tasks of this order's leads.
    async fn find_task(&self, task: &TaskId) -> Result<Option<u64>, Fault> {
        let order = &self.command.order;
        let roles = [LeadRole::Sales, LeadRole::Fulfilment, LeadRole::Revival];
        let keys: Vec<String> =
            std::iter::once(link::task(task)).chain(roles.map(|role| link::lead(order, role))).collect();
        let known = self.links.find_all(&keys).await?;
        let mut known = known.into_iter().map(|id| id.and_then(|id| id.parse().ok()));
        if let Some(id) = known.next().flatten() {
            return Ok(Some(id));
        }
        let mut leads: Vec<u64> = order.lead().into_iter().collect();
        for (role, listed) in roles.into_iter().zip(known) {
            match listed {
                None if self.tried == Try::MayBeDone => leads.extend(self.unlisted_lead(role).await?),
                listed => leads.extend(listed),
            }
        }
        Ok(marked(&self.search().tasks(&leads).await?, &marker::task(task)))
    }

    fn deadline(&self, due: At) -> i64 {
        due.max(self.now + AHEAD).timestamp()
    }

    fn task_type(&self, kind: TaskKind) -> u64 {
        self.settings().task_types.get(&kind).copied().unwrap_or(CALL_TYPE)
    }

    fn task_receipt(&self, task: &TaskId, id: u64) -> Receipt {
        let links = vec![(link::task(task), id.to_string()), (link::crm_task(id), task.to_string())];
        Receipt { links, ..Default::default() }
    }
}

/// The text with its marker, by which the task is found again.
fn marked_text(text: &str, task: &TaskId) -> String {
    let marker = marker::task(task);
    let room = NOTE_MAX - marker.chars().count() - 2;
    format!("{}\n\n{marker}", cut(text, room))
}

/// A text with a mark in place of each figure: where nothing else differs, only sums have changed.
fn without_figures(text: &str) -> String {
    let mut plain = String::new();
    for c in text.trim().replace("\r\n", "\n").chars() {
        let goes_on = plain.ends_with('#');
        match c {
            '0'..='9' if goes_on => {}
            '0'..='9' => plain.push('#'),
            '\u{a0}' | '\u{202f}' | ',' if goes_on => {}
            c => plain.push(c),
        }
    }
    plain
}

/// The task whose text ends with the marker.
fn marked(tasks: &[Value], marker: &str) -> Option<u64> {
    let is_it = |task: &&Value| text(&task["text"]).trim_end().ends_with(marker);
    tasks.iter().find(is_it).and_then(|task| number(&task["id"]))
}
