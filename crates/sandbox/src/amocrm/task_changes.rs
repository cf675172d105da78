//! Every change of tasks and notes, by the API or by a person. It never checks a request: its input is valid.
//! Enter at [`Account::create_task`], [`Account::change_task`] and
//! [`Account::create_note`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::changes::{TaskChange, turn};
use super::hooks::TaskBefore;
use super::model::{Entity, Note, Task};
use super::{Account, count};

impl Account {
    pub fn create_task(&mut self, now: DateTime<Utc>, change: &TaskChange, author: i64) -> i64 {
        let id = count(&mut self.ids.task);
        let done = change.is_completed == Some(true);
        let complete_till = change.complete_till.unwrap_or(now);
        let task = Task {
            id,
            text: change.text.clone().unwrap_or_default(),
            complete_till,
            task_type_id: change.task_type_id.unwrap_or(1),
            entity: change.entity,
            responsible_user_id: change.responsible_user_id.unwrap_or(self.setup.token_user),
            duration: change.duration.unwrap_or(0),
            is_completed: done,
            result: change.result.clone(),
            created_by: author,
            updated_by: author,
            created_at: change.stamps.created_at.unwrap_or(now),
            updated_at: change.stamps.updated_at.unwrap_or(now),
            closed_at: done.then_some(now),
            closed_by: done.then_some(author),
            revision: 0,
            history: vec![turn(now, author, "created", "", &complete_till.timestamp().to_string())],
        };
        if let Some(entity) = task.entity {
            self.tasks_of.entry(entity).or_default().insert(id);
        }
        self.tasks.insert(id, task);
        self.touched_tasks.push(id);
        self.note_event(now, "task_added", ("task", id), author, (json!([]), json!([])));
        self.echo_task(now, id, None);
        id
    }

    /// A person deletes a task; the API cannot.
    pub fn delete_task(&mut self, now: DateTime<Utc>, id: i64, author: i64) {
        let Some(task) = self.tasks.remove(&id) else { return };
        if let Some(entity) = task.entity {
            self.tasks_of.entry(entity).or_default().remove(&id);
        }
        self.note_event(now, "task_deleted", ("task", id), author, (json!([]), json!([])));
        self.echo_task_deleted(now, id);
    }

    pub fn change_task(&mut self, now: DateTime<Utc>, id: i64, change: &TaskChange, author: i64) {
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        let before = TaskBefore {
            text: task.text.clone(),
            responsible_user_id: task.responsible_user_id,
            is_completed: task.is_completed,
            result: task.result.clone(),
            complete_till: task.complete_till,
            task_type_id: task.task_type_id,
        };
        task.text = change.text.clone().unwrap_or_else(|| before.text.clone());
        task.complete_till = change.complete_till.unwrap_or(task.complete_till);
        task.task_type_id = change.task_type_id.unwrap_or(task.task_type_id);
        if let Some(entity) = change.entity {
            if let Some(old) = task.entity {
                self.tasks_of.entry(old).or_default().remove(&id);
            }
            self.tasks_of.entry(entity).or_default().insert(id);
            task.entity = Some(entity);
        }
        task.responsible_user_id = change.responsible_user_id.unwrap_or(before.responsible_user_id);
        task.duration = change.duration.unwrap_or(task.duration);
        task.is_completed = change.is_completed.unwrap_or(before.is_completed);
        task.result = change.result.clone().or_else(|| task.result.clone());
        (task.updated_at, task.updated_by) = (change.stamps.updated_at.unwrap_or(now), author);
        task.created_at = change.stamps.created_at.unwrap_or(task.created_at);
        let events = turns(now, task, &before);
        self.touched_tasks.push(id);
        for (event, before, after) in events {
            self.note_event(now, event, ("task", id), author, (before, after));
        }
        self.echo_task(now, id, Some(&before));
    }

    pub fn create_note(
        &mut self,
        now: DateTime<Utc>,
        entity: (Entity, i64),
        note_type: &str,
        params: Value,
        author: i64,
    ) -> i64 {
        let id = count(&mut self.ids.note);
        let responsible = match entity.0 {
            Entity::Leads => self.leads.get(&entity.1).map(|lead| lead.responsible_user_id),
            kind => self.cards(kind).get(&entity.1).map(|card| card.responsible_user_id),
        };
        let note = Note {
            id,
            entity,
            note_type: note_type.to_owned(),
            params,
            is_pinned: false,
            responsible_user_id: responsible.unwrap_or(self.setup.token_user),
            created_by: author,
            updated_by: author,
            created_at: now,
            updated_at: now,
        };
        self.notes.insert(id, note);
        let event = match note_type {
            "call_in" => "incoming_call",
            "call_out" => "outgoing_call",
            "sms_in" => "incoming_sms",
            "sms_out" => "outgoing_sms",
            "service_message" | "extended_service_message" => "service_note_added",
            "attachment" => "attachment_note_added",
            "geolocation" => "geo_note_added",
            "message_cashier" => "message_to_cashier_note_added",
            _ => "common_note_added",
        };
        let after = json!([{"note": {"id": id}}]);
        self.note_event(now, event, (entity.0.singular(), entity.1), author, (json!([]), after));
        self.echo_note(now, id);
        id
    }

    pub(super) fn note_responsible(
        &mut self,
        now: DateTime<Utc>,
        of: (&'static str, i64),
        author: i64,
        (before, after): (i64, i64),
    ) {
        let users = (responsible(before), responsible(after));
        self.note_event(now, "entity_responsible_changed", of, author, users);
    }
}

fn responsible(user: i64) -> Value {
    json!([{"responsible_user": {"id": user}}])
}

/// Writes the changes into a task's history, and returns the log's events with the values before and after.
fn turns(now: DateTime<Utc>, task: &mut Task, before: &TaskBefore) -> Vec<(&'static str, Value, Value)> {
    let author = task.updated_by;
    let mut events = Vec::new();
    if task.text != before.text {
        let text = |text: &str| json!([{"task": {"text": text}}]);
        events.push(("task_text_changed", text(&before.text), text(&task.text)));
    }
    if task.task_type_id != before.task_type_id {
        let kind = |id: i64| json!([{"task_type": {"id": id}}]);
        events.push(("task_type_changed", kind(before.task_type_id), kind(task.task_type_id)));
    }
    if task.complete_till != before.complete_till {
        task.revision += 1;
        let (old, new) = (before.complete_till.timestamp(), task.complete_till.timestamp());
        task.history.push(turn(now, author, "deadline", &old.to_string(), &new.to_string()));
        let deadline = |at: i64| json!([{"task_deadline": {"timestamp": at}}]);
        events.push(("task_deadline_changed", deadline(old), deadline(new)));
    }
    if task.responsible_user_id != before.responsible_user_id {
        task.revision += 1;
        let (old, new) = (before.responsible_user_id, task.responsible_user_id);
        task.history.push(turn(now, author, "responsible", &old.to_string(), &new.to_string()));
        events.push(("entity_responsible_changed", responsible(old), responsible(new)));
    }
    if task.is_completed && !before.is_completed {
        (task.closed_at, task.closed_by) = (Some(now), Some(author));
        task.history.push(turn(now, author, "closed", "", task.result.as_deref().unwrap_or("")));
        events.push(("task_completed", json!([]), json!([])));
    }
    if task.result.is_some() && task.result != before.result {
        events.push(("task_result_added", json!([]), json!([{"note": {"id": result_id(task.id)}}])));
    }
    if !task.is_completed && before.is_completed {
        (task.closed_at, task.closed_by) = (None, None);
        task.revision += 1;
    }
    events
}

/// A task's result is a note of its own.
pub(super) fn result_id(task: i64) -> i64 {
    80_000_000 + task
}
