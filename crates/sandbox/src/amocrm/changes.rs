//! Every change of leads, by the API or by a person: history, event log, webhooks; cards and tasks have files of
//! their own. It never checks a request: its input is valid. Enter at [`Account::create_lead`] and
//! [`Account::change_lead`].

use chrono::{DateTime, Utc};
use serde_json::json;

use super::fields::FieldChanges;
use super::model::{Entity, Fields, HistoryEntry, LOST, Lead, WON};
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
    pub stamps: Stamps,
    /// On create: contact, and whether it is the main one.
    pub contacts: Vec<(i64, bool)>,
    /// On create.
    pub company: Option<i64>,
}

/// Moments that a request names itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamps {
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
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
    pub stamps: Stamps,
    /// On create: a contact's company.
    pub company: Option<i64>,
    /// On create: it belongs to an unsorted request.
    pub hidden: bool,
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
    pub stamps: Stamps,
}

impl Account {
    pub fn create_lead(&mut self, now: DateTime<Utc>, change: &LeadChange, author: i64) -> i64 {
        let id = count(&mut self.ids.lead);
        let main = self.main_pipeline().map_or(0, |pipeline| pipeline.id);
        let pipeline_id = change.pipeline_id.unwrap_or(main);
        let status_id = change.status_id.unwrap_or(self.first_status(pipeline_id).unwrap_or(0));
        let closed = (status_id == WON || status_id == LOST).then_some(now);
        let lead = Lead {
            id,
            name: change.name.clone().unwrap_or_else(|| format!("Сделка #{id}")),
            price: change.price.unwrap_or(0),
            responsible_user_id: change.responsible_user_id.unwrap_or(self.setup.token_user),
            pipeline_id,
            status_id,
            loss_reason_id: change.loss_reason_id,
            created_by: author,
            updated_by: author,
            created_at: change.stamps.created_at.unwrap_or(now),
            updated_at: change.stamps.updated_at.unwrap_or(now),
            closed_at: change.stamps.closed_at.or(closed),
            is_deleted: false,
            fields: Fields::new(),
            tags: Vec::new(),
            contacts: change.contacts.clone(),
            company: change.company,
            first_pipeline_id: pipeline_id,
            history: vec![turn(now, author, "stage", "", &stage(pipeline_id, status_id))],
        };
        for (contact, _) in &lead.contacts {
            self.leads_of.entry(*contact).or_default().insert(id);
        }
        self.leads.insert(id, lead);
        self.set_fields(Entity::Leads, id, &change.fields);
        self.note_new(now, (Entity::Leads, id), author);
        self.set_tags(now, (Entity::Leads, id), &change.tags, author);
        for (contact, _) in &change.contacts {
            self.note_link(now, (Entity::Leads, id), (Entity::Contacts, *contact), author, true);
        }
        if let Some(company) = change.company {
            self.note_link(now, (Entity::Leads, id), (Entity::Companies, company), author, true);
        }
        self.echo_lead(now, id, "add", None, None);
        id
    }

    fn first_status(&self, pipeline: i64) -> Option<i64> {
        Some(self.pipeline(pipeline)?.statuses.first()?.id)
    }

    pub fn change_lead(&mut self, now: DateTime<Utc>, id: i64, change: &LeadChange, author: i64) {
        let Some(before) = self.leads.get(&id).cloned() else {
            return;
        };
        self.set_fields(Entity::Leads, id, &change.fields);
        self.set_tags(now, (Entity::Leads, id), &change.tags, author);
        let pipeline_id = change.pipeline_id.unwrap_or(before.pipeline_id);
        let moved = change.pipeline_id.is_some_and(|pipeline| pipeline != before.pipeline_id);
        let first = self.first_status(pipeline_id);
        let kept = if moved { first.unwrap_or(before.status_id) } else { before.status_id };
        let status_id = change.status_id.unwrap_or(kept);
        let responsible = change.responsible_user_id.unwrap_or(before.responsible_user_id);
        let Some(lead) = self.leads.get_mut(&id) else {
            return;
        };
        lead.name = change.name.clone().unwrap_or_else(|| before.name.clone());
        lead.price = change.price.unwrap_or(before.price);
        (lead.pipeline_id, lead.status_id, lead.responsible_user_id) = (pipeline_id, status_id, responsible);
        lead.loss_reason_id =
            if status_id == LOST { change.loss_reason_id.or(before.loss_reason_id) } else { None };
        (lead.updated_at, lead.updated_by) = (change.stamps.updated_at.unwrap_or(now), author);
        lead.created_at = change.stamps.created_at.unwrap_or(before.created_at);
        if (pipeline_id, status_id) != (before.pipeline_id, before.status_id) {
            lead.closed_at = (status_id == WON || status_id == LOST).then_some(now);
        }
        lead.closed_at = change.stamps.closed_at.or(lead.closed_at);
        if (pipeline_id, status_id) != (before.pipeline_id, before.status_id) {
            let old = (before.pipeline_id, before.status_id);
            self.tell_stage(now, id, author, old, (pipeline_id, status_id));
        }
        if responsible != before.responsible_user_id {
            self.tell_responsible(now, id, author, before.responsible_user_id, responsible);
        }
        self.note_values(now, &before, author);
        self.note_fields(now, (Entity::Leads, id), author, &before.fields, &change.fields);
        self.echo_lead(now, id, "update", None, None);
    }

    /// The log's entries about a lead's name and price.
    fn note_values(&mut self, now: DateTime<Utc>, before: &Lead, author: i64) {
        let Some(lead) = self.leads.get(&before.id) else { return };
        let name = |lead: &Lead| json!([{"name_field_value": {"name": lead.name}}]);
        let sale = |lead: &Lead| json!([{"sale_field_value": {"sale": lead.price}}]);
        let (names, sales) = ((name(before), name(lead)), (sale(before), sale(lead)));
        for (event, values) in [("name_field_changed", names), ("sale_field_changed", sales)] {
            if values.0 != values.1 {
                self.note_event(now, event, ("lead", before.id), author, values);
            }
        }
    }

    fn note_fields(
        &mut self,
        now: DateTime<Utc>,
        of: (Entity, i64),
        author: i64,
        before: &Fields,
        changes: &FieldChanges,
    ) {
        for (field, after) in changes {
            let old = before.get(field).map(Vec::as_slice).unwrap_or_default();
            self.note_field(now, of, author, *field, (old, after));
        }
    }

    /// That an entity was created: the log names the note that amoCRM makes of it, and the stand-in makes none.
    pub(super) fn note_new(&mut self, now: DateTime<Utc>, of: (Entity, i64), author: i64) {
        let word = of.0.singular();
        let kind = format!("{word}_added");
        self.note_event(now, &kind, (word, of.1), author, (json!([]), json!([])));
    }

    /// Writes the pipeline and stage, before and after, into history, log and webhook.
    fn tell_stage(&mut self, now: DateTime<Utc>, id: i64, author: i64, old: (i64, i64), new: (i64, i64)) {
        if let Some(lead) = self.leads.get_mut(&id) {
            lead.history.push(turn(now, author, "stage", &stage(old.0, old.1), &stage(new.0, new.1)));
        }
        let of = |(pipeline, status): (i64, i64)| json!([{"lead_status": {"id": status, "pipeline_id": pipeline}}]);
        self.note_event(now, "lead_status_changed", ("lead", id), author, (of(old), of(new)));
        self.echo_lead(now, id, "status", Some(old.1), None);
    }

    fn tell_responsible(&mut self, now: DateTime<Utc>, id: i64, author: i64, old: i64, new: i64) {
        if let Some(lead) = self.leads.get_mut(&id) {
            lead.history.push(turn(now, author, "responsible", &old.to_string(), &new.to_string()));
        }
        self.note_responsible(now, ("lead", id), author, (old, new));
        self.echo_lead(now, id, "responsible", None, Some(old));
    }

    /// A person deletes a lead; the API cannot.
    pub fn delete_lead(&mut self, now: DateTime<Utc>, id: i64, author: i64) {
        if self.put_lead(now, id, author, "deleted") {
            self.note_event(now, "lead_deleted", ("lead", id), author, (json!([]), json!([])));
            self.echo_lead_deleted(now, id);
        }
    }

    /// A person takes a lead out of the bin.
    pub fn restore_lead(&mut self, now: DateTime<Utc>, id: i64, author: i64) {
        if self.put_lead(now, id, author, "restored") {
            self.note_event(now, "lead_restored", ("lead", id), author, (json!([]), json!([])));
            self.echo_lead(now, id, "restore", None, None);
        }
    }

    /// Into the bin or out of it; false if it is there already.
    fn put_lead(&mut self, now: DateTime<Utc>, id: i64, author: i64, what: &str) -> bool {
        let gone = what == "deleted";
        let Some(lead) = self.leads.get_mut(&id).filter(|lead| lead.is_deleted != gone) else {
            return false;
        };
        lead.is_deleted = gone;
        (lead.updated_at, lead.updated_by) = (now, author);
        lead.history.push(turn(now, author, what, "", ""));
        true
    }

    /// The tags of an entity, by name.
    pub(super) fn set_tags(
        &mut self,
        now: DateTime<Utc>,
        of: (Entity, i64),
        change: &TagChange,
        author: i64,
    ) {
        let before = self.tag_names(of.0, of.1);
        let mut names: Vec<String> = change.all.clone().unwrap_or_else(|| before.clone());
        names.extend(change.add.iter().cloned());
        names.retain(|name| !change.drop.contains(name));
        let mut seen = Vec::new();
        for name in &names {
            if !seen.iter().any(|tag: &super::Tag| tag.name == *name) {
                seen.push(self.tag(of.0, name));
            }
        }
        match of.0 {
            Entity::Leads => self.leads.get_mut(&of.1).map(|lead| lead.tags = seen),
            kind => self.cards_mut(kind).get_mut(&of.1).map(|card| card.tags = seen),
        };
        self.note_tags(now, of, author, &before, &names);
    }

    fn tag_names(&self, kind: Entity, id: i64) -> Vec<String> {
        let tags = match kind {
            Entity::Leads => self.leads.get(&id).map(|lead| &lead.tags),
            kind => self.cards(kind).get(&id).map(|card| &card.tags),
        };
        tags.map(|tags| tags.iter().map(|tag| tag.name.clone()).collect()).unwrap_or_default()
    }

    pub(super) fn set_fields(&mut self, kind: Entity, id: i64, changes: &FieldChanges) {
        let fields = match kind {
            Entity::Leads => self.leads.get_mut(&id).map(|lead| &mut lead.fields),
            kind => self.cards_mut(kind).get_mut(&id).map(|card| &mut card.fields),
        };
        let Some(fields) = fields else { return };
        for (id, values) in changes {
            if values.is_empty() {
                fields.remove(id);
            } else {
                fields.insert(*id, values.clone());
            }
        }
    }
}

pub(super) fn turn(at: DateTime<Utc>, by: i64, what: &str, from: &str, to: &str) -> HistoryEntry {
    HistoryEntry { at, by, what: what.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn stage(pipeline: i64, status: i64) -> String {
    format!("{pipeline}/{status}")
}
