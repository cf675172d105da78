//! Leads over the API: lists, reads, creates, edits, and `leads/complex` (sheet 3.3, 3.4). It ignores filters
//! silently while the paid option is off, as the real API does. Enter at [`Account::leads`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::changes::{ContactChange, LeadChange, TagChange};
use super::checks::{Flaw, Reader, hal, id_of, page, problem, read_batch, rejected};
use super::model::{Entity, LOST, Lead, WON};
use super::{Account, not_allowed, with};
use crate::wire::{WireAnswer, WireRequest};

/// Most entities in a write.
const WRITE_MAX: usize = 250;
/// Most leads in `leads/complex`.
const COMPLEX_MAX: usize = 50;
/// Most custom field values of one entity in `leads/complex`.
const COMPLEX_FIELDS_MAX: usize = 40;

impl Account {
    pub(super) fn leads(&mut self, now: DateTime<Utc>, request: &WireRequest, id: Option<i64>) -> WireAnswer {
        match (request.method.as_str(), id) {
            ("GET", None) => self.list_leads(request),
            ("GET", Some(id)) => match self.leads.get(&id).filter(|lead| !lead.is_deleted) {
                Some(lead) => hal(200, &self.read_lead(lead, &with(request))),
                None => WireAnswer::empty(204),
            },
            ("POST", None) => self.add_leads(now, request),
            ("PATCH", None) => self.edit_leads(now, request),
            ("PATCH", Some(id)) => self.edit_lead(now, request, id),
            _ => not_allowed(),
        }
    }

    fn list_leads(&self, request: &WireRequest) -> WireAnswer {
        let words = with(request);
        let query = request.query();
        if words.iter().any(|word| word == "only_deleted") {
            let gone = self.leads.values().filter(|lead| lead.is_deleted);
            let gone = gone.map(|lead| json!({"id": lead.id, "updated_at": lead.updated_at.timestamp(), "updated_by": lead.updated_by, "is_deleted": true}));
            return page(request, "leads", gone.collect(), (50, 250), &self.host);
        }
        let wanted = query.get("query").unwrap_or("").to_lowercase();
        let ids: Vec<i64> = query.list("filter[id]").iter().filter_map(|id| id.parse().ok()).collect();
        let filtering = self.setup.is_api_filter_enabled && !ids.is_empty();
        let found = self.leads.values().filter(|lead| {
            !lead.is_deleted
                && (wanted.is_empty() || self.lead_holds(lead, &wanted))
                && (!filtering || ids.contains(&lead.id))
        });
        self.listed(request, found, |lead| self.read_lead(lead, &words))
    }

    fn lead_holds(&self, lead: &Lead, wanted: &str) -> bool {
        let values = lead.fields.values().flatten().map(super::model::FieldValue::text);
        lead.id.to_string() == wanted
            || lead.name.to_lowercase().contains(wanted)
            || values.into_iter().any(|text| text.to_lowercase().contains(wanted))
    }

    pub(super) fn read_lead(&self, lead: &Lead, words: &[String]) -> Value {
        let frame = self.frame();
        let tags: Vec<Value> =
            lead.tags.iter().map(|tag| json!({"id": tag.id, "name": tag.name, "color": null})).collect();
        let open = self.tasks_of(Entity::Leads, lead.id).filter(|task| !task.is_completed);
        let closest = open.map(|task| task.complete_till.timestamp()).min();
        let mut embedded = json!({"tags": tags, "companies": []});
        if words.iter().any(|word| word == "contacts") {
            let contacts = lead.contacts.iter().map(|(id, main)| json!({"id": id, "is_main": main, "_links": frame.links(&format!("/api/v4/contacts/{id}"))}));
            embedded["contacts"] = contacts.collect();
        }
        if words.iter().any(|word| word == "loss_reason") {
            let reason = self.setup.loss_reasons.iter().find(|reason| Some(reason.id) == lead.loss_reason_id);
            embedded["loss_reason"] =
                reason.map_or(json!([]), |reason| json!([{"id": reason.id, "name": reason.name}]));
        }
        json!({
            "id": lead.id, "name": lead.name, "price": lead.price, "responsible_user_id": lead.responsible_user_id,
            "group_id": 0, "status_id": lead.status_id, "pipeline_id": lead.pipeline_id,
            "loss_reason_id": lead.loss_reason_id, "source_id": null, "created_by": lead.created_by,
            "updated_by": lead.updated_by, "created_at": lead.created_at.timestamp(),
            "updated_at": lead.updated_at.timestamp(), "closed_at": lead.closed_at.map(|at| at.timestamp()),
            "closest_task_at": closest, "is_deleted": lead.is_deleted,
            "custom_fields_values": self.lead_book.show(&lead.fields), "score": null,
            "account_id": frame.account_id, "labor_cost": null,
            "_links": frame.links(&format!("/api/v4/leads/{}", lead.id)), "_embedded": embedded,
        })
    }

    fn add_leads(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let changes = match read_batch(request, WRITE_MAX, |item| self.read_lead_item(item, None)) {
            Ok(changes) => changes,
            Err(answer) => return answer,
        };
        let mut made = Vec::new();
        for (request_id, (change, author)) in changes {
            let id = self.create_lead(now, &change, author);
            made.push(json!({"id": id, "request_id": request_id, "_links": self.frame().links(&format!("/api/v4/leads/{id}"))}));
        }
        hal(200, &json!({"_links": self.frame().links("/api/v4/leads"), "_embedded": {"leads": made}}))
    }

    fn edit_leads(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let read = read_batch(request, WRITE_MAX, |item| {
            let id = id_of(item);
            self.read_lead_item(item, Some(id)).map(|(change, author)| (id, change, author))
        });
        let changes = match read {
            Ok(changes) => changes,
            Err(answer) => return answer,
        };
        let mut done = Vec::new();
        for (request_id, (id, change, author)) in changes {
            self.change_lead(now, id, &change, author);
            done.push(json!({"id": id, "updated_at": now.timestamp(), "request_id": request_id, "_links": self.frame().links(&format!("/api/v4/leads/{id}"))}));
        }
        hal(200, &json!({"_links": self.frame().links("/api/v4/leads"), "_embedded": {"leads": done}}))
    }

    fn edit_lead(&mut self, now: DateTime<Utc>, request: &WireRequest, id: i64) -> WireAnswer {
        let Some(Value::Object(item)) = request.json() else {
            return problem(400, "Bad Request", "An object is needed");
        };
        if !self.has_entity(Entity::Leads, id) {
            return problem(404, "Not Found", "Entity not found");
        }
        match self.read_lead_item(&item, Some(id)) {
            Err(flaws) => rejected(&[("0".into(), flaws)]),
            Ok((change, author)) => {
                self.change_lead(now, id, &change, author);
                hal(
                    200,
                    &json!({"id": id, "updated_at": now.timestamp(), "_links": self.frame().links(&format!("/api/v4/leads/{id}"))}),
                )
            }
        }
    }

    /// Reads one item of a write; `edited` is the lead's id for an edit.
    fn read_lead_item(
        &self,
        item: &Map<String, Value>,
        edited: Option<i64>,
    ) -> Result<(LeadChange, i64), Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let existing = edited.and_then(|id| self.leads.get(&id)).filter(|lead| !lead.is_deleted);
        if edited.is_some() && existing.is_none() {
            reader.not_a_choice("id");
        }
        let mut change = LeadChange {
            name: reader.text("name"),
            price: reader.int("price"),
            pipeline_id: reader.int("pipeline_id"),
            status_id: reader.int("status_id"),
            responsible_user_id: self.user_of(&mut reader),
            loss_reason_id: reader.int("loss_reason_id"),
            tags: read_tags(&mut reader),
            ..LeadChange::default()
        };
        if change.price.is_some_and(|price| price < 0) {
            reader.flaws.push(Flaw::kind("price", "unsigned int"));
        }
        self.check_stage(&change, existing, &mut reader);
        self.check_age(&mut reader, existing.map(|lead| lead.updated_at.timestamp()));
        change.fields = self.lead_book.read(reader.raw("custom_fields_values"), &mut reader.flaws);
        if edited.is_none() {
            self.read_contacts(&mut reader, &mut change);
        }
        let author = self.author_of(&mut reader, edited.is_some());
        if reader.flaws.is_empty() { Ok((change, author)) } else { Err(reader.flaws) }
    }

    fn check_stage(&self, change: &LeadChange, existing: Option<&Lead>, reader: &mut Reader) {
        let known = |id: i64| self.pipeline(id).is_some();
        if change.pipeline_id.is_some_and(|id| !known(id)) {
            return reader.not_a_choice("pipeline_id");
        }
        let main = self.main_pipeline().map_or(0, |pipeline| pipeline.id);
        let pipeline = change.pipeline_id.or(existing.map(|lead| lead.pipeline_id)).unwrap_or(main);
        if let Some(status) = change.status_id {
            let ordinary = self
                .pipeline(pipeline)
                .is_some_and(|pipeline| pipeline.statuses.iter().any(|known| known.id == status));
            if !ordinary && status != WON && status != LOST {
                reader.not_a_choice("status_id");
            }
        }
        if let Some(reason) = change.loss_reason_id {
            let lost = change.status_id.or(existing.map(|lead| lead.status_id)) == Some(LOST);
            if !lost || !self.setup.loss_reasons.iter().any(|known| known.id == reason) {
                reader.not_a_choice("loss_reason_id");
            }
        }
    }

    fn read_contacts(&self, reader: &mut Reader, change: &mut LeadChange) {
        let Some(contacts) =
            reader.raw("_embedded").and_then(|embedded| embedded.get("contacts")).and_then(Value::as_array)
        else {
            return;
        };
        for (index, contact) in contacts.iter().enumerate() {
            match contact.get("id").and_then(Value::as_i64).filter(|id| self.contacts.contains_key(id)) {
                Some(id) => {
                    let main = contact.get("is_main").and_then(Value::as_bool).unwrap_or(index == 0);
                    change.contacts.push((id, main));
                }
                None => reader.not_a_choice(&format!("_embedded.contacts.{index}.id")),
            }
        }
    }

    /// A user who can be responsible.
    pub(super) fn user_of(&self, reader: &mut Reader) -> Option<i64> {
        let user = reader.int("responsible_user_id")?;
        if !self.knows_user(user) {
            reader.not_a_choice("responsible_user_id");
        }
        Some(user)
    }

    /// The author: `updated_by` or `created_by` if given, otherwise the token's user.
    pub(super) fn author_of(&self, reader: &mut Reader, edit: bool) -> i64 {
        let mut author = self.setup.token_user;
        for key in ["created_by", "updated_by"] {
            if let Some(user) = reader.int(key) {
                if !self.knows_author(user) {
                    reader.not_a_choice(key);
                }
                if (key == "updated_by") == edit {
                    author = user;
                }
            }
        }
        author
    }

    /// An `updated_at` older than the stored one is refused (sheet 6, 19).
    pub(super) fn check_age(&self, reader: &mut Reader, stored: Option<i64>) {
        let sent = reader.int("updated_at");
        if let (Some(sent), Some(stored)) = (sent, stored)
            && sent < stored
        {
            let detail = "Last modified date is older than in database".into();
            reader.flaws.push(Flaw { code: "InvalidValue", path: "updated_at".into(), detail });
        }
    }

    pub(super) fn complex(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let changes = match read_batch(request, COMPLEX_MAX, |item| self.read_complex(item)) {
            Ok(changes) => changes,
            Err(answer) => return answer,
        };
        let mut made = Vec::new();
        for (request_id, (mut change, author, person)) in changes {
            if let Some((person, person_author)) = person {
                let id = self.create_contact(now, &person, person_author);
                change.contacts = vec![(id, true)];
            }
            let contact = change.contacts.first().map(|(id, _)| *id);
            let id = self.create_lead(now, &change, author);
            made.push(json!({"id": id, "contact_id": contact, "company_id": null, "request_id": [request_id], "merged": false}));
        }
        hal(200, &Value::Array(made))
    }

    /// A lead, its author, and the contact to be created with it.
    #[expect(clippy::type_complexity, reason = "used once, right above")]
    fn read_complex(
        &self,
        item: &Map<String, Value>,
    ) -> Result<(LeadChange, i64, Option<(ContactChange, i64)>), Vec<Flaw>> {
        let contacts =
            item.get("_embedded").and_then(|embedded| embedded.get("contacts")).and_then(Value::as_array);
        let contacts = contacts.map(Vec::as_slice).unwrap_or_default();
        let mut flaws = Vec::new();
        if contacts.len() > 1 {
            flaws.push(Flaw::choice("_embedded.contacts"));
        }
        let first = contacts.first().and_then(Value::as_object);
        let fields = |item: &Map<String, Value>| {
            item.get("custom_fields_values").and_then(Value::as_array).map_or(0, Vec::len)
        };
        if fields(item).max(first.map_or(0, fields)) > COMPLEX_FIELDS_MAX {
            flaws.push(Flaw::long("custom_fields_values", COMPLEX_FIELDS_MAX));
        }
        let mut lead_item = item.clone();
        let known = first.is_some_and(|contact| contact.contains_key("id"));
        if !known {
            lead_item.remove("_embedded");
        }
        let lead = self.read_lead_item(&lead_item, None).map_err(|more| flaws.extend(more)).ok();
        let mut person = None;
        if let Some(contact) = first.filter(|_| !known) {
            match self.read_contact_item(contact, None) {
                Ok(read) => person = Some(read),
                Err(more) => flaws.extend(
                    more.into_iter()
                        .map(|flaw| Flaw { path: format!("_embedded.contacts.0.{}", flaw.path), ..flaw }),
                ),
            }
        }
        match lead {
            Some((change, author)) if flaws.is_empty() => Ok((change, author, person)),
            _ => Err(flaws),
        }
    }
}

/// Reads `tags_to_add`, `tags_to_delete` and `_embedded.tags`.
pub(super) fn read_tags(reader: &mut Reader) -> TagChange {
    let names = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|tag| Some(tag.get("name")?.as_str()?.to_owned())).collect()
    };
    let replaced = reader.raw("_embedded").and_then(|embedded| embedded.get("tags"));
    let all = replaced.map(|tags| names(Some(tags)));
    TagChange { add: names(reader.raw("tags_to_add")), drop: names(reader.raw("tags_to_delete")), all }
}
