//! Every change of leads, contacts, tasks and notes, by the API or by a person: history, event log, webhooks.
//! It never checks a request: what comes here is valid.
//! Enter at [`Account::create_lead`], [`Account::change_lead`] and their likes.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::fields::FieldChanges;
use super::hooks::TaskBefore;
use super::model::{Contact, Entity, Fields, LOST, Lead, Note, Task, Turn, WON};
use super::{Account, LogEntry, count};

/// What becomes of a lead; what is `None` or empty stays.
#[derive(Clone, Debug, Default)]
pub struct LeadChange {
    pub name: Option<String>,
    pub price: Option<i64>,
    pub pipeline_id: Option<i64>,
    pub status_id: Option<i64>,
    pub responsible_user_id: Option<i64>,
    pub loss_reason_id: Option<i64>,
    pub fields: FieldChanges,
    pub tags: TagChange,
    /// On create: contact and whether it is the main one.
    pub contacts: Vec<(i64, bool)>,
}

/// What becomes of an entity's tags, by name.
#[derive(Clone, Debug, Default)]
pub struct TagChange {
    pub add: Vec<String>,
    pub drop: Vec<String>,
    /// Replaces the whole set first.
    pub all: Option<Vec<String>>,
}

/// What becomes of a contact.
#[derive(Clone, Debug, Default)]
pub struct ContactChange {
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub responsible_user_id: Option<i64>,
    pub fields: FieldChanges,
    pub tags: TagChange,
}

/// What becomes of a task.
#[derive(Clone, Debug, Default)]
pub struct TaskChange {
    pub text: Option<String>,
    pub complete_till: Option<DateTime<Utc>>,
    pub task_type_id: Option<i64>,
    pub entity: Option<(Entity, i64)>,
    pub responsible_user_id: Option<i64>,
    pub duration: Option<i64>,
    pub is_completed: Option<bool>,
    pub result: Option<String>,
}

impl Account {
    /// A new lead.
    pub fn create_lead(&mut self, now: DateTime<Utc>, change: &LeadChange, author: i64) -> i64 {
        let id = count(&mut self.ids.lead);
        let main = self.main_pipeline().map_or(0, |pipeline| pipeline.id);
        let pipeline_id = change.pipeline_id.unwrap_or(main);
        let first = self
            .pipeline(pipeline_id)
            .and_then(|pipeline| pipeline.statuses.first())
            .map_or(0, |status| status.id);
        let status_id = change.status_id.unwrap_or(first);
        let responsible = change.responsible_user_id.unwrap_or(self.setup.token_user);
        let lead = Lead {
            id,
            name: change.name.clone().unwrap_or_else(|| format!("Сделка #{id}")),
            price: change.price.unwrap_or(0),
            responsible_user_id: responsible,
            pipeline_id,
            status_id,
            loss_reason_id: change.loss_reason_id,
            created_by: author,
            updated_by: author,
            created_at: now,
            updated_at: now,
            closed_at: (status_id == WON || status_id == LOST).then_some(now),
            is_deleted: false,
            fields: Fields::new(),
            tags: Vec::new(),
            contacts: change.contacts.clone(),
            first_pipeline_id: pipeline_id,
            history: vec![turn(now, author, "stage", "", &stage(pipeline_id, status_id))],
        };
        self.leads.insert(id, lead);
        self.set_lead_fields(id, &change.fields);
        self.set_tags(Entity::Leads, id, &change.tags);
        self.note_event(now, "lead_added", Entity::Leads, id, author, json!([]), json!([]));
        self.echo_lead(now, id, "add", None, None);
        id
    }

    /// A change of a lead.
    pub fn change_lead(&mut self, now: DateTime<Utc>, id: i64, change: &LeadChange, author: i64) {
        let Some(before) = self.leads.get(&id).cloned() else {
            return;
        };
        self.set_lead_fields(id, &change.fields);
        self.set_tags(Entity::Leads, id, &change.tags);
        let pipeline_id = change.pipeline_id.unwrap_or(before.pipeline_id);
        let moved = change.pipeline_id.is_some_and(|pipeline| pipeline != before.pipeline_id);
        let first =
            self.pipeline(pipeline_id).and_then(|pipeline| pipeline.statuses.first()).map(|status| status.id);
        let kept = if moved { first.unwrap_or(before.status_id) } else { before.status_id };
        let status_id = change.status_id.unwrap_or(kept);
        let responsible = change.responsible_user_id.unwrap_or(before.responsible_user_id);
        let Some(lead) = self.leads.get_mut(&id) else {
            return;
        };
        lead.name = change.name.clone().unwrap_or(before.name);
        lead.price = change.price.unwrap_or(before.price);
        (lead.pipeline_id, lead.status_id, lead.responsible_user_id) = (pipeline_id, status_id, responsible);
        lead.loss_reason_id =
            if status_id == LOST { change.loss_reason_id.or(before.loss_reason_id) } else { None };
        (lead.updated_at, lead.updated_by) = (now, author);
        let stage_changed = (pipeline_id, status_id) != (before.pipeline_id, before.status_id);
        if stage_changed {
            lead.closed_at = (status_id == WON || status_id == LOST).then_some(now);
            lead.history.push(turn(
                now,
                author,
                "stage",
                &stage(before.pipeline_id, before.status_id),
                &stage(pipeline_id, status_id),
            ));
        }
        let passed_on = responsible != before.responsible_user_id;
        if passed_on {
            lead.history.push(turn(
                now,
                author,
                "responsible",
                &before.responsible_user_id.to_string(),
                &responsible.to_string(),
            ));
        }
        if stage_changed {
            let of = |pipeline, status| json!([{"lead_status": {"id": status, "pipeline_id": pipeline}}]);
            let (after, was) = (of(pipeline_id, status_id), of(before.pipeline_id, before.status_id));
            self.note_event(now, "lead_status_changed", Entity::Leads, id, author, after, was);
            self.echo_lead(now, id, "status", Some(before.status_id), None);
        }
        if passed_on {
            self.note_responsible(now, Entity::Leads, id, author, (before.responsible_user_id, responsible));
            self.echo_lead(now, id, "responsible", None, Some(before.responsible_user_id));
        }
        self.echo_lead(now, id, "update", None, None);
    }

    /// A person deletes a lead; the API cannot.
    pub fn delete_lead(&mut self, now: DateTime<Utc>, id: i64, author: i64) {
        let Some(lead) = self.leads.get_mut(&id) else {
            return;
        };
        lead.is_deleted = true;
        (lead.updated_at, lead.updated_by) = (now, author);
        lead.history.push(turn(now, author, "deleted", "", ""));
        self.note_event(now, "lead_deleted", Entity::Leads, id, author, json!([]), json!([]));
        self.echo_lead_deleted(now, id);
    }

    /// A new contact.
    pub fn create_contact(&mut self, now: DateTime<Utc>, change: &ContactChange, author: i64) -> i64 {
        let id = count(&mut self.ids.contact);
        let contact = Contact {
            id,
            name: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            responsible_user_id: change.responsible_user_id.unwrap_or(self.setup.token_user),
            created_by: author,
            updated_by: author,
            created_at: now,
            updated_at: now,
            fields: Fields::new(),
            tags: Vec::new(),
            history: vec![turn(now, author, "created", "", "")],
        };
        self.contacts.insert(id, contact);
        self.fill_contact(id, change);
        self.note_event(now, "contact_added", Entity::Contacts, id, author, json!([]), json!([]));
        self.echo_contact(now, id, "add", None);
        id
    }

    /// A change of a contact.
    pub fn change_contact(&mut self, now: DateTime<Utc>, id: i64, change: &ContactChange, author: i64) {
        self.fill_contact(id, change);
        let Some(contact) = self.contacts.get_mut(&id) else {
            return;
        };
        let before = contact.responsible_user_id;
        let after = change.responsible_user_id.unwrap_or(before);
        contact.responsible_user_id = after;
        (contact.updated_at, contact.updated_by) = (now, author);
        contact.history.push(turn(now, author, "changed", "", ""));
        if after != before {
            self.note_responsible(now, Entity::Contacts, id, author, (before, after));
        }
        self.echo_contact(now, id, "update", (after != before).then_some(before));
    }

    fn fill_contact(&mut self, id: i64, change: &ContactChange) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            let whole = change.name.clone();
            let named = change.first_name.is_some() || change.last_name.is_some();
            contact.first_name =
                change.first_name.clone().or_else(|| whole.clone()).unwrap_or(contact.first_name.clone());
            contact.last_name = change.last_name.clone().unwrap_or(contact.last_name.clone());
            if let Some(name) = whole {
                contact.name = name;
            } else if named {
                contact.name = format!("{} {}", contact.first_name, contact.last_name).trim().to_owned();
            }
            write_fields(&mut contact.fields, &change.fields);
        }
        self.set_tags(Entity::Contacts, id, &change.tags);
    }

    /// A new task.
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
        self.tasks.insert(id, task);
        self.touched_tasks.push(id);
        self.note_task_event(now, "task_added", id, author);
        self.echo_task(now, id, None);
        id
    }

    /// A change of a task.
    pub fn change_task(&mut self, now: DateTime<Utc>, id: i64, change: &TaskChange, author: i64) {
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        let before = TaskBefore {
            text: task.text.clone(),
            responsible_user_id: task.responsible_user_id,
            is_completed: task.is_completed,
        };
        let till = task.complete_till;
        task.text = change.text.clone().unwrap_or_else(|| before.text.clone());
        task.complete_till = change.complete_till.unwrap_or(till);
        task.task_type_id = change.task_type_id.unwrap_or(task.task_type_id);
        task.entity = change.entity.or(task.entity);
        task.responsible_user_id = change.responsible_user_id.unwrap_or(before.responsible_user_id);
        task.duration = change.duration.unwrap_or(task.duration);
        task.is_completed = change.is_completed.unwrap_or(before.is_completed);
        task.result = change.result.clone().or_else(|| task.result.clone());
        (task.updated_at, task.updated_by) = (now, author);
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
        if !task.is_completed && before.is_completed {
            (task.closed_at, task.closed_by) = (None, None);
            task.revision += 1;
        }
        self.touched_tasks.push(id);
        for event in events {
            self.note_task_event(now, event, id, author);
        }
        self.echo_task(now, id, Some(&before));
    }

    /// A new note.
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

    fn set_lead_fields(&mut self, id: i64, changes: &FieldChanges) {
        if let Some(lead) = self.leads.get_mut(&id) {
            write_fields(&mut lead.fields, changes);
        }
    }

    fn set_tags(&mut self, kind: Entity, id: i64, change: &TagChange) {
        let mut names: Vec<String> = change.all.clone().unwrap_or_else(|| self.tag_names(kind, id));
        names.extend(change.add.iter().cloned());
        names.retain(|name| !change.drop.contains(name));
        let mut seen = Vec::new();
        for name in names {
            if !seen.iter().any(|tag: &super::Tag| tag.name == name) {
                seen.push(self.tag(kind, &name));
            }
        }
        match kind {
            Entity::Leads => self.leads.get_mut(&id).map(|lead| lead.tags = seen),
            Entity::Contacts => self.contacts.get_mut(&id).map(|contact| contact.tags = seen),
        };
    }

    fn tag_names(&self, kind: Entity, id: i64) -> Vec<String> {
        let tags = match kind {
            Entity::Leads => self.leads.get(&id).map(|lead| &lead.tags),
            Entity::Contacts => self.contacts.get(&id).map(|contact| &contact.tags),
        };
        tags.map(|tags| tags.iter().map(|tag| tag.name.clone()).collect()).unwrap_or_default()
    }

    fn note_responsible(
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
    fn note_event(
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

fn write_fields(fields: &mut Fields, changes: &FieldChanges) {
    for (id, values) in changes {
        if values.is_empty() {
            fields.remove(id);
        } else {
            fields.insert(*id, values.clone());
        }
    }
}

fn turn(at: DateTime<Utc>, by: i64, what: &str, from: &str, to: &str) -> Turn {
    Turn { at, by, what: what.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn stage(pipeline: i64, status: i64) -> String {
    format!("{pipeline}/{status}")
}
