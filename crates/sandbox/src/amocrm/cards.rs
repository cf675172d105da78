//! Contacts and companies over the API: the fuzzy search, reads, creates, edits (sheet 3.5, 3.6, 5.1). It never
//! merges two of them: as in the real API, avoiding duplicates is the caller's task. Enter at
//! [`Account::card_requests`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::changes::ContactChange;
use super::checks::{Flaw, Reader, hal, problem, rejected};
use super::filters::Facts;
use super::model::{Contact, Entity, Lead};
use super::{Account, not_allowed, with};
use crate::wire::{WireAnswer, WireRequest};

impl Account {
    pub(super) fn card_requests(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        id: Option<i64>,
    ) -> WireAnswer {
        match (request.method.as_str(), id) {
            ("GET", None) => self.list_cards(now, request, kind),
            ("GET", Some(id)) => match self.cards(kind).get(&id).filter(|card| !card.hidden) {
                Some(card) => hal(200, &self.read_card(kind, card, &with(request))),
                None => WireAnswer::empty(204),
            },
            ("POST", None) => self.write_cards(now, request, kind, false),
            ("PATCH", None) => self.write_cards(now, request, kind, true),
            ("PATCH", Some(id)) => self.edit_card(now, request, kind, id),
            _ => not_allowed(),
        }
    }

    fn list_cards(&self, now: DateTime<Utc>, request: &WireRequest, kind: Entity) -> WireAnswer {
        let words = with(request);
        let query = request.query();
        let wanted = query.get("query").unwrap_or("").to_lowercase();
        let indexed = now - TimeDelta::milliseconds(self.setup.search_lag_ms);
        let found = self.cards(kind).values().filter(|card| {
            let hit = wanted.is_empty() || (card.indexed_at <= indexed && card.haystack.contains(&wanted));
            hit && !card.hidden && self.passes(&query, &Facts::of_card(kind, card))
        });
        self.listed(request, kind.plural(), found, |card| self.read_card(kind, card, &words))
    }

    fn read_card(&self, kind: Entity, card: &Contact, words: &[String]) -> Value {
        let tags: Vec<Value> =
            card.tags.iter().map(|tag| json!({"id": tag.id, "name": tag.name, "color": null})).collect();
        let mut embedded = json!({"tags": tags});
        if words.iter().any(|word| word == "leads") {
            let leads = self.leads_of_card(kind, card.id);
            embedded["leads"] = leads.map(|lead| self.line(Entity::Leads, lead.id)).collect();
        }
        if kind == Entity::Contacts {
            embedded["companies"] = card.company.iter().map(|id| self.line(Entity::Companies, *id)).collect();
        } else if words.iter().any(|word| word == "contacts") {
            let staff = self.contacts.values().filter(|contact| contact.company == Some(card.id));
            embedded["contacts"] = staff.map(|contact| self.line(Entity::Contacts, contact.id)).collect();
        }
        let mut shown = json!({
            "id": card.id, "name": card.name,
            "responsible_user_id": card.responsible_user_id, "group_id": 0, "created_by": card.created_by,
            "updated_by": card.updated_by, "created_at": card.created_at.timestamp(),
            "updated_at": card.updated_at.timestamp(), "is_deleted": false,
            "closest_task_at": self.closest_task(kind, card.id),
            "custom_fields_values": self.contact_book.show(&card.fields), "account_id": self.setup.account_id,
            "_links": self.line(kind, card.id)["_links"], "_embedded": embedded,
        });
        if kind == Entity::Contacts {
            shown["first_name"] = json!(card.first_name);
            shown["last_name"] = json!(card.last_name);
        }
        shown
    }

    /// The leads of a contact or a company, oldest first.
    pub(super) fn leads_of_card(&self, kind: Entity, id: i64) -> Box<dyn Iterator<Item = &Lead> + '_> {
        if kind == Entity::Contacts {
            return Box::new(self.leads_of(id));
        }
        Box::new(self.leads.values().filter(move |lead| !lead.is_deleted && lead.company == Some(id)))
    }

    fn write_cards(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        edit: bool,
    ) -> WireAnswer {
        self.write_batch(
            (request, kind.plural()),
            edit,
            |account, item, id| account.read_card_item(kind, item, id),
            |account, id, (change, author)| match id {
                Some(id) => {
                    account.change_card(now, (kind, id), &change, author);
                    (id, account.cards(kind).get(&id).map_or(now, |card| card.updated_at))
                }
                None => (account.create_card(now, kind, &change, author), now),
            },
        )
    }

    fn edit_card(&mut self, now: DateTime<Utc>, request: &WireRequest, kind: Entity, id: i64) -> WireAnswer {
        let Some(Value::Object(item)) = request.json() else {
            return problem(400, "Bad Request", "An object is needed");
        };
        if !self.cards(kind).contains_key(&id) {
            return problem(404, "Not Found", "Entity not found");
        }
        match self.read_card_item(kind, &item, Some(id)) {
            Err(flaws) => rejected(&[("0".into(), flaws)]),
            Ok((change, author)) => {
                self.change_card(now, (kind, id), &change, author);
                let updated_at = self.cards(kind).get(&id).map_or(now, |card| card.updated_at);
                let links = self.frame().links(&format!("/api/v4/{}/{id}", kind.plural()));
                hal(200, &json!({"id": id, "updated_at": updated_at.timestamp(), "_links": links}))
            }
        }
    }

    pub(super) fn read_card_item(
        &self,
        kind: Entity,
        item: &Map<String, Value>,
        edited: Option<i64>,
    ) -> Result<(ContactChange, i64), Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let existing = edited.and_then(|id| self.cards(kind).get(&id));
        if edited.is_some() && existing.is_none() {
            reader.not_a_choice("id");
        }
        let mut change = ContactChange {
            name: reader.text("name"),
            first_name: reader.text("first_name").filter(|_| kind == Entity::Contacts),
            last_name: reader.text("last_name").filter(|_| kind == Entity::Contacts),
            responsible_user_id: self.user_of(&mut reader),
            tags: self.read_tags(kind, &mut reader),
            stamps: self.read_stamps(&mut reader, existing.map(|card| card.updated_at)),
            ..ContactChange::default()
        };
        change.fields = self.contact_book.read(reader.raw("custom_fields_values"), &mut reader.flaws);
        let author = self.author_of(&mut reader, edited.is_some());
        if reader.flaws.is_empty() { Ok((change, author)) } else { Err(reader.flaws) }
    }
}
