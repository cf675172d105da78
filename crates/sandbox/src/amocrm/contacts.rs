//! Contacts over the API: the fuzzy search, reads, creates, edits (sheet 3.5, 5.1). It never merges two
//! contacts: as in the real API, avoiding duplicates is the caller's task. Enter at [`Account::contacts`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::changes::ContactChange;
use super::checks::{Flaw, Reader, hal, problem, rejected};
use super::leads::read_tags;
use super::model::Contact;
use super::{Account, not_allowed, with};
use crate::wire::{WireAnswer, WireRequest};

impl Account {
    pub(super) fn contacts(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        id: Option<i64>,
    ) -> WireAnswer {
        match (request.method.as_str(), id) {
            ("GET", None) => self.list_contacts(now, request),
            ("GET", Some(id)) => match self.contacts.get(&id) {
                Some(contact) => hal(200, &self.read_contact(contact, &with(request))),
                None => WireAnswer::empty(204),
            },
            ("POST", None) => self.write_contacts(now, request, false),
            ("PATCH", None) => self.write_contacts(now, request, true),
            ("PATCH", Some(id)) => self.edit_contact(now, request, id),
            _ => not_allowed(),
        }
    }

    fn list_contacts(&self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let words = with(request);
        let query = request.query();
        let wanted = query.get("query").unwrap_or("").to_lowercase();
        let ids: Vec<i64> = query.list("filter[id]").iter().filter_map(|id| id.parse().ok()).collect();
        let filtering = self.setup.is_api_filter_enabled && !ids.is_empty();
        let indexed = now - TimeDelta::milliseconds(self.setup.search_lag_ms);
        let found = self.contacts.values().filter(|contact| {
            let hit =
                wanted.is_empty() || (contact.created_at <= indexed && contact.haystack.contains(&wanted));
            hit && (!filtering || ids.contains(&contact.id))
        });
        self.listed(request, found, |contact| self.read_contact(contact, &words))
    }

    fn read_contact(&self, contact: &Contact, words: &[String]) -> Value {
        let frame = self.frame();
        let tags: Vec<Value> =
            contact.tags.iter().map(|tag| json!({"id": tag.id, "name": tag.name, "color": null})).collect();
        let mut embedded = json!({"tags": tags, "companies": []});
        if words.iter().any(|word| word == "leads") {
            let leads = self.leads_of(contact.id).map(
                |lead| json!({"id": lead.id, "_links": frame.links(&format!("/api/v4/leads/{}", lead.id))}),
            );
            embedded["leads"] = leads.collect();
        }
        json!({
            "id": contact.id, "name": contact.name, "first_name": contact.first_name, "last_name": contact.last_name,
            "responsible_user_id": contact.responsible_user_id, "group_id": 0, "created_by": contact.created_by,
            "updated_by": contact.updated_by, "created_at": contact.created_at.timestamp(),
            "updated_at": contact.updated_at.timestamp(), "is_deleted": false, "closest_task_at": null,
            "custom_fields_values": self.contact_book.show(&contact.fields), "account_id": frame.account_id,
            "_links": frame.links(&format!("/api/v4/contacts/{}", contact.id)), "_embedded": embedded,
        })
    }

    fn write_contacts(&mut self, now: DateTime<Utc>, request: &WireRequest, edit: bool) -> WireAnswer {
        self.write_batch(
            (now, request, "contacts"),
            edit,
            Self::read_contact_item,
            |account, id, (change, author)| match id {
                Some(id) => {
                    account.change_contact(now, id, &change, author);
                    id
                }
                None => account.create_contact(now, &change, author),
            },
        )
    }

    fn edit_contact(&mut self, now: DateTime<Utc>, request: &WireRequest, id: i64) -> WireAnswer {
        let Some(Value::Object(item)) = request.json() else {
            return problem(400, "Bad Request", "An object is needed");
        };
        if !self.contacts.contains_key(&id) {
            return problem(404, "Not Found", "Entity not found");
        }
        match self.read_contact_item(&item, Some(id)) {
            Err(flaws) => rejected(&[("0".into(), flaws)]),
            Ok((change, author)) => {
                self.change_contact(now, id, &change, author);
                hal(
                    200,
                    &json!({"id": id, "updated_at": now.timestamp(), "_links": self.frame().links(&format!("/api/v4/contacts/{id}"))}),
                )
            }
        }
    }

    pub(super) fn read_contact_item(
        &self,
        item: &Map<String, Value>,
        edited: Option<i64>,
    ) -> Result<(ContactChange, i64), Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let existing = edited.and_then(|id| self.contacts.get(&id));
        if edited.is_some() && existing.is_none() {
            reader.not_a_choice("id");
        }
        let mut change = ContactChange {
            name: reader.text("name"),
            first_name: reader.text("first_name"),
            last_name: reader.text("last_name"),
            responsible_user_id: self.user_of(&mut reader),
            tags: read_tags(&mut reader),
            ..ContactChange::default()
        };
        self.check_age(&mut reader, existing.map(|contact| contact.updated_at.timestamp()));
        change.fields = self.contact_book.read(reader.raw("custom_fields_values"), &mut reader.flaws);
        let author = self.author_of(&mut reader, edited.is_some());
        if reader.flaws.is_empty() { Ok((change, author)) } else { Err(reader.flaws) }
    }
}
