//! Merges of two leads or two contacts by a person: the API cannot merge (sheet, pitfall 45). It never
//! decides which of them stays. Enter at [`Account::merge_leads`].

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Account;
use super::changes::turn;
use super::model::Entity;

impl Account {
    /// Merges `gone` into `kept`: what `kept` lacks is taken over; tasks and notes are moved.
    pub fn merge_leads(&mut self, now: DateTime<Utc>, kept: i64, gone: i64, author: i64) {
        let Some(lost) = self.leads.get(&gone).cloned() else {
            return;
        };
        self.move_children(Entity::Leads, gone, kept);
        if let Some(lead) = self.leads.get_mut(&kept) {
            for (field, values) in lost.fields {
                lead.fields.entry(field).or_insert(values);
            }
            lead.price = if lead.price == 0 { lost.price } else { lead.price };
            for (contact, _) in lost.contacts {
                if !lead.contacts.iter().any(|(known, _)| *known == contact) {
                    lead.contacts.push((contact, lead.contacts.is_empty()));
                    self.leads_of.entry(contact).or_default().insert(kept);
                }
            }
            (lead.updated_at, lead.updated_by) = (now, author);
        }
        if let Some(lead) = self.leads.get_mut(&gone) {
            lead.is_deleted = true;
            lead.history.push(turn(now, author, "merged", "", &kept.to_string()));
        }
        for id in [kept, gone] {
            self.note_event(now, "entity_merged", ("lead", id), author, (json!([]), json!([])));
        }
        self.echo_lead_deleted(now, gone);
        self.echo_lead(now, kept, "update", None, None);
    }

    /// The same for two contacts; the leads of `gone` become leads of `kept`.
    pub fn merge_contacts(&mut self, now: DateTime<Utc>, kept: i64, gone: i64, author: i64) {
        let Some(lost) = self.contacts.get(&gone).cloned() else {
            return;
        };
        self.echo_contact_deleted(now, gone);
        self.move_children(Entity::Contacts, gone, kept);
        let change = super::changes::ContactChange {
            fields: lost.fields.into_iter().collect(),
            ..super::changes::ContactChange::default()
        };
        self.forget_contact(gone);
        for lead in self.leads_of.remove(&gone).unwrap_or_default() {
            self.leads_of.entry(kept).or_default().insert(lead);
            for (contact, _) in self.leads.get_mut(&lead).into_iter().flat_map(|lead| &mut lead.contacts) {
                if *contact == gone {
                    *contact = kept;
                }
            }
        }
        for id in [kept, gone] {
            self.note_event(now, "entity_merged", ("contact", id), author, (json!([]), json!([])));
        }
        self.change_contact(now, kept, &change, author);
    }

    fn move_children(&mut self, kind: Entity, from: i64, to: i64) {
        for task in self.tasks_of.remove(&(kind, from)).unwrap_or_default() {
            self.tasks_of.entry((kind, to)).or_default().insert(task);
            if let Some(task) = self.tasks.get_mut(&task) {
                task.entity = Some((kind, to));
            }
        }
        for note in self.notes.values_mut().filter(|note| note.entity == (kind, from)) {
            note.entity = (kind, to);
        }
    }
}
