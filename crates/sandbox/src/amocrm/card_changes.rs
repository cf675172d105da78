//! Every change of contacts and companies, which have one shape, by the API or by a person: history, event log,
//! webhooks. It never checks a request: its input is valid. Enter at [`Account::create_card`] and
//! [`Account::change_card`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::changes::{ContactChange, turn};
use super::fields::FieldBook;
use super::model::{Contact, Entity, FieldValue, Fields};
use super::{Account, count};

impl Account {
    /// The cards of a kind: leads are none.
    pub(super) fn cards(&self, kind: Entity) -> &BTreeMap<i64, Contact> {
        if kind == Entity::Companies { &self.companies } else { &self.contacts }
    }

    pub(super) fn cards_mut(&mut self, kind: Entity) -> &mut BTreeMap<i64, Contact> {
        if kind == Entity::Companies { &mut self.companies } else { &mut self.contacts }
    }

    /// The definitions of a kind's fields; contacts and companies share theirs.
    pub(super) fn book(&self, kind: Entity) -> &FieldBook {
        if kind == Entity::Leads { &self.lead_book } else { &self.contact_book }
    }

    pub fn create_contact(&mut self, now: DateTime<Utc>, change: &ContactChange, author: i64) -> i64 {
        self.create_card(now, Entity::Contacts, change, author)
    }

    pub fn change_contact(&mut self, now: DateTime<Utc>, id: i64, change: &ContactChange, author: i64) {
        self.change_card(now, (Entity::Contacts, id), change, author);
    }

    pub(super) fn create_card(
        &mut self,
        now: DateTime<Utc>,
        kind: Entity,
        change: &ContactChange,
        author: i64,
    ) -> i64 {
        // Contacts and companies are numbered together.
        let id = count(&mut self.ids.contact);
        let card = Contact {
            id,
            name: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            responsible_user_id: change.responsible_user_id.unwrap_or(self.setup.token_user),
            created_by: author,
            updated_by: author,
            created_at: change.stamps.created_at.unwrap_or(now),
            updated_at: change.stamps.updated_at.unwrap_or(now),
            fields: Fields::new(),
            tags: Vec::new(),
            company: change.company,
            hidden: change.hidden,
            history: vec![turn(now, author, "created", "", "")],
            haystack: String::new(),
            indexed_at: now,
        };
        self.cards_mut(kind).insert(id, card);
        self.fill_card(kind, id, change);
        self.note_new(now, (kind, id), author);
        self.set_tags(now, (kind, id), &change.tags, author);
        if let Some(company) = change.company {
            self.note_link(now, (kind, id), (Entity::Companies, company), author, true);
        }
        if !change.hidden {
            self.echo_card(now, (kind, id), "add", None);
        }
        id
    }

    pub(super) fn change_card(
        &mut self,
        now: DateTime<Utc>,
        (kind, id): (Entity, i64),
        change: &ContactChange,
        author: i64,
    ) {
        let Some(old) = self.cards(kind).get(&id).map(|card| card.fields.clone()) else {
            return;
        };
        self.fill_card(kind, id, change);
        self.set_tags(now, (kind, id), &change.tags, author);
        let Some(card) = self.cards_mut(kind).get_mut(&id) else {
            return;
        };
        let before = card.responsible_user_id;
        let after = change.responsible_user_id.unwrap_or(before);
        card.responsible_user_id = after;
        (card.updated_at, card.updated_by) = (change.stamps.updated_at.unwrap_or(now), author);
        card.created_at = change.stamps.created_at.unwrap_or(card.created_at);
        card.history.push(turn(now, author, "changed", "", ""));
        if after != before {
            self.note_responsible(now, (kind.singular(), id), author, (before, after));
        }
        for (field, values) in &change.fields {
            let old = old.get(field).map(Vec::as_slice).unwrap_or_default();
            self.note_field(now, (kind, id), author, *field, (old, values));
        }
        self.echo_card(now, (kind, id), "update", (after != before).then_some(before));
    }

    fn fill_card(&mut self, kind: Entity, id: i64, change: &ContactChange) {
        let before = self.phone_keys(kind, id);
        self.set_fields(kind, id, &change.fields);
        if let Some(card) = self.cards_mut(kind).get_mut(&id) {
            let named = change.first_name.is_some() || change.last_name.is_some();
            if let Some(first) = change.first_name.as_ref().or(change.name.as_ref()) {
                card.first_name.clone_from(first);
            }
            if let Some(last) = &change.last_name {
                card.last_name.clone_from(last);
            }
            if let Some(name) = &change.name {
                card.name.clone_from(name);
            } else if named {
                card.name = format!("{} {}", card.first_name, card.last_name).trim().to_owned();
            }
            let texts: Vec<String> = card.fields.values().flatten().map(FieldValue::text).collect();
            card.haystack = format!("{}\n{}", card.name, texts.join("\n")).to_lowercase();
        }
        self.index_phones(id, before, self.phone_keys(kind, id));
    }

    /// Calls find a card by the last ten digits of its phones.
    fn index_phones(&mut self, id: i64, before: Vec<String>, after: Vec<String>) {
        for key in before {
            self.by_phone.entry(key).or_default().remove(&id);
        }
        for key in after {
            self.by_phone.entry(key).or_default().insert(id);
        }
    }

    fn phone_keys(&self, kind: Entity, id: i64) -> Vec<String> {
        self.cards(kind).get(&id).map(|card| self.phones(card)).unwrap_or_default()
    }

    /// A person deletes a contact; the API cannot. It leaves its leads.
    pub fn delete_contact(&mut self, now: DateTime<Utc>, id: i64, author: i64) {
        let Some(contact) = self.forget_contact(id) else { return };
        for lead in self.leads_of.remove(&id).unwrap_or_default() {
            if let Some(lead) = self.leads.get_mut(&lead) {
                lead.contacts.retain(|(contact, _)| *contact != id);
            }
        }
        self.bin.insert(id, contact);
        self.note_event(now, "contact_deleted", ("contact", id), author, (json!([]), json!([])));
        self.echo_contact_deleted(now, id);
    }

    /// A person takes a contact out of the bin.
    pub fn restore_contact(&mut self, now: DateTime<Utc>, id: i64, author: i64) {
        let Some(mut contact) = self.bin.remove(&id) else { return };
        (contact.updated_at, contact.updated_by) = (now, author);
        self.contacts.insert(id, contact);
        self.index_phones(id, Vec::new(), self.phone_keys(Entity::Contacts, id));
        self.note_event(now, "contact_restored", ("contact", id), author, (json!([]), json!([])));
        self.echo_card(now, (Entity::Contacts, id), "restore", None);
    }

    /// After this, reads and searches no longer show the contact.
    pub(super) fn forget_contact(&mut self, id: i64) -> Option<Contact> {
        self.index_phones(id, self.phone_keys(Entity::Contacts, id), Vec::new());
        self.contacts.remove(&id)
    }
}
