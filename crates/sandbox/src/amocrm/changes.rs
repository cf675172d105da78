//! Every change of leads, contacts, tasks and notes, by the API or by a person: history, event log, webhooks.
//! It never checks a request: its input is valid. Enter at [`Account::create_lead`], [`Account::change_lead`]
//! and similar methods.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::fields::FieldChanges;
use super::model::{Contact, Entity, FieldValue, Fields, HistoryEntry, LOST, Lead, WON};
use super::{Account, count};

/// Changes of a lead; `None` or empty means unchanged.
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
    /// On create: contact, and whether it is the main one.
    pub contacts: Vec<(i64, bool)>,
}

/// Changes of an entity's tags, by name.
#[derive(Clone, Debug, Default)]
pub struct TagChange {
    pub add: Vec<String>,
    pub drop: Vec<String>,
    /// First replaces the whole set.
    pub all: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default)]
pub struct ContactChange {
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub responsible_user_id: Option<i64>,
    pub fields: FieldChanges,
    pub tags: TagChange,
}

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
        for (contact, _) in &lead.contacts {
            self.leads_of.entry(*contact).or_default().insert(id);
        }
        self.leads.insert(id, lead);
        self.set_lead_fields(id, &change.fields);
        self.set_tags(Entity::Leads, id, &change.tags);
        self.note_event(now, "lead_added", Entity::Leads, id, author, json!([]), json!([]));
        self.echo_lead(now, id, "add", None, None);
        id
    }

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
        if (pipeline_id, status_id) != (before.pipeline_id, before.status_id) {
            lead.closed_at = (status_id == WON || status_id == LOST).then_some(now);
            let old = (before.pipeline_id, before.status_id);
            self.tell_stage(now, id, author, old, (pipeline_id, status_id));
        }
        if responsible != before.responsible_user_id {
            self.tell_responsible(now, id, author, before.responsible_user_id, responsible);
        }
        self.note_fields(now, Entity::Leads, id, author, &change.fields);
        self.echo_lead(now, id, "update", None, None);
    }

    fn note_fields(&mut self, now: DateTime<Utc>, kind: Entity, id: i64, author: i64, fields: &FieldChanges) {
        for (field, _) in fields {
            let after = json!([{"custom_field_value": {"field_id": field}}]);
            let event = format!("custom_field_{field}_value_changed");
            self.note_event(now, &event, kind, id, author, after, json!([]));
        }
    }

    /// Writes the pipeline and stage, before and after, into history, log and webhook.
    fn tell_stage(&mut self, now: DateTime<Utc>, id: i64, author: i64, old: (i64, i64), new: (i64, i64)) {
        if let Some(lead) = self.leads.get_mut(&id) {
            lead.history.push(turn(now, author, "stage", &stage(old.0, old.1), &stage(new.0, new.1)));
        }
        let of = |(pipeline, status): (i64, i64)| json!([{"lead_status": {"id": status, "pipeline_id": pipeline}}]);
        self.note_event(now, "lead_status_changed", Entity::Leads, id, author, of(new), of(old));
        self.echo_lead(now, id, "status", Some(old.1), None);
    }

    fn tell_responsible(&mut self, now: DateTime<Utc>, id: i64, author: i64, old: i64, new: i64) {
        if let Some(lead) = self.leads.get_mut(&id) {
            lead.history.push(turn(now, author, "responsible", &old.to_string(), &new.to_string()));
        }
        self.note_responsible(now, Entity::Leads, id, author, (old, new));
        self.echo_lead(now, id, "responsible", None, Some(old));
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
            haystack: String::new(),
        };
        self.contacts.insert(id, contact);
        self.fill_contact(id, change);
        self.note_event(now, "contact_added", Entity::Contacts, id, author, json!([]), json!([]));
        self.echo_contact(now, id, "add", None);
        id
    }

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
        self.note_fields(now, Entity::Contacts, id, author, &change.fields);
        self.echo_contact(now, id, "update", (after != before).then_some(before));
    }

    fn fill_contact(&mut self, id: i64, change: &ContactChange) {
        let before = self.phone_keys(id);
        if let Some(contact) = self.contacts.get_mut(&id) {
            let named = change.first_name.is_some() || change.last_name.is_some();
            if let Some(first) = change.first_name.as_ref().or(change.name.as_ref()) {
                contact.first_name.clone_from(first);
            }
            if let Some(last) = &change.last_name {
                contact.last_name.clone_from(last);
            }
            if let Some(name) = &change.name {
                contact.name.clone_from(name);
            } else if named {
                contact.name = format!("{} {}", contact.first_name, contact.last_name).trim().to_owned();
            }
            write_fields(&mut contact.fields, &change.fields);
            let texts: Vec<String> = contact.fields.values().flatten().map(FieldValue::text).collect();
            contact.haystack = format!("{}\n{}", contact.name, texts.join("\n")).to_lowercase();
        }
        for key in before {
            self.by_phone.entry(key).or_default().remove(&id);
        }
        for key in self.phone_keys(id) {
            self.by_phone.entry(key).or_default().insert(id);
        }
        self.set_tags(Entity::Contacts, id, &change.tags);
    }

    /// After this, reads and searches no longer show the contact.
    pub(super) fn forget_contact(&mut self, id: i64) {
        for key in self.phone_keys(id) {
            self.by_phone.entry(key).or_default().remove(&id);
        }
        self.contacts.remove(&id);
    }

    fn phone_keys(&self, id: i64) -> Vec<String> {
        self.contacts.get(&id).map(|contact| self.phones(contact)).unwrap_or_default()
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

pub(super) fn turn(at: DateTime<Utc>, by: i64, what: &str, from: &str, to: &str) -> HistoryEntry {
    HistoryEntry { at, by, what: what.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn stage(pipeline: i64, status: i64) -> String {
    format!("{pipeline}/{status}")
}
