//! Every change of tasks and notes, by the API or by a person, and the event log. It never checks a request:
//! its input is valid. Enter at [`Account::create_task`], [`Account::change_task`] and
//! [`Account::create_note`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::changes::{TaskChange, turn};
use super::hooks::TaskBefore;
use super::model::{Entity, Note, Task};
use super::{Account, LogEntry, count};

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
            created_at: now,
            updated_at: now,
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
        self.note_task_event(now, "task_added", id, author);
        self.echo_task(now, id, None);
        id
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
        };
        let till = task.complete_till;
        task.text = change.text.clone().unwrap_or_else(|| before.text.clone());
        task.complete_till = change.complete_till.unwrap_or(till);
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
        (task.updated_at, task.updated_by) = (now, author);
        let events = turns(task, &before, till);
        self.touched_tasks.push(id);
        for event in events {
            self.note_task_event(now, event, id, author);
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
            Entity::Contacts => self.contacts.get(&entity.1).map(|contact| contact.responsible_user_id),
        };
        let note = Note {
            id,
            entity,
            note_type: note_type.to_owned(),
            params,
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
            _ => "common_note_added",
        };
        self.note_event(now, event, entity.0, entity.1, author, json!([{"note": {"id": id}}]), json!([]));
        self.echo_note(now, id);
        id
    }

    pub(super) fn note_responsible(
        &mut self,
        now: DateTime<Utc>,
        kind: Entity,
        id: i64,
        author: i64,
        users: (i64, i64),
    ) {
        let of = |user: i64| json!([{"responsible_user": {"id": user}}]);
        self.note_event(now, "entity_responsible_changed", kind, id, author, of(users.1), of(users.0));
    }

    fn note_task_event(&mut self, now: DateTime<Utc>, kind: &str, id: i64, author: i64) {
        self.ids.event += 1;
        self.log.push(LogEntry {
            id: format!("01hv{:022}", self.ids.event),
            kind: kind.to_owned(),
            entity_id: id,
            entity_type: "task",
            created_by: author,
            created_at: now.timestamp(),
            value_after: json!([]),
            value_before: json!([]),
        });
    }

    #[expect(clippy::too_many_arguments, reason = "an entry of the log has that many columns")]
    pub(super) fn note_event(
        &mut self,
        now: DateTime<Utc>,
        kind: &str,
        entity: Entity,
        id: i64,
        author: i64,
        after: Value,
        before: Value,
    ) {
        self.ids.event += 1;
        self.log.push(LogEntry {
            id: format!("01hv{:022}", self.ids.event),
            kind: kind.to_owned(),
            entity_id: id,
            entity_type: entity.singular(),
            created_by: author,
            created_at: now.timestamp(),
            value_after: after,
            value_before: before,
        });
    }
}

/// Writes the changes into a task's history, and returns the names of the log's events.
fn turns(task: &mut Task, before: &TaskBefore, till: DateTime<Utc>) -> Vec<&'static str> {
    let (now, author) = (task.updated_at, task.updated_by);
    let mut events = Vec::new();
    if task.complete_till != till {
        task.revision += 1;
        task.history.push(turn(
            now,
            author,
            "deadline",
            &till.timestamp().to_string(),
            &task.complete_till.timestamp().to_string(),
        ));
        events.push("task_deadline_changed");
    }
    if task.responsible_user_id != before.responsible_user_id {
        task.revision += 1;
        task.history.push(turn(
            now,
            author,
            "responsible",
            &before.responsible_user_id.to_string(),
            &task.responsible_user_id.to_string(),
        ));
        events.push("entity_responsible_changed");
    }
    if task.is_completed && !before.is_completed {
        (task.closed_at, task.closed_by) = (Some(now), Some(author));
        task.history.push(turn(now, author, "closed", "", task.result.as_deref().unwrap_or("")));
        events.push("task_completed");
    }
    if task.result.is_some() && task.result != before.result {
        events.push("task_result_added");
    }
    if !task.is_completed && before.is_completed {
        (task.closed_at, task.closed_by) = (None, None);
        task.revision += 1;
    }
    events
}
