//! Notes and calls over the API (sheet 3.9, 3.10). A call with an unknown phone is never stored: error 263.
//! Enter at [`Account::notes`] and [`Account::add_calls`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::changes::Stamps;
use super::checks::{Flaw, Reader, hal, id_of, problem, read_batch, rejected};
use super::model::Entity;
use super::{Account, not_allowed};
use crate::wire::{WireAnswer, WireRequest, phone_key};

const WRITE_MAX: usize = 250;
/// Longest text of a note, in characters.
const TEXT_MAX: usize = 20_000;
const WRITABLE: [&str; 10] = [
    "common",
    "service_message",
    "extended_service_message",
    "call_in",
    "call_out",
    "sms_in",
    "sms_out",
    "message_cashier",
    "geolocation",
    "attachment",
];

impl Account {
    pub(super) fn notes(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        entity: Option<i64>,
        rest: &[&str],
    ) -> WireAnswer {
        let note = rest.first().and_then(|word| word.parse::<i64>().ok());
        if let ("POST", Some(id), [_, word @ ("pin" | "unpin")]) = (request.method.as_str(), note, rest) {
            return self.pin_note(kind, id, *word == "pin");
        }
        match (request.method.as_str(), note) {
            ("GET", None) => self.list_notes(request, kind, entity),
            ("GET", Some(id)) => match self.notes.get(&id).filter(|note| note.entity.0 == kind) {
                Some(note) => hal(200, &note.read(&self.frame())),
                None => WireAnswer::empty(204),
            },
            ("POST", None) => self.add_notes(now, request, kind, entity),
            ("PATCH", Some(id)) => self.edit_note(now, request, kind, id),
            ("PATCH", None) => self.edit_notes(now, request, kind),
            _ => not_allowed(),
        }
    }

    fn list_notes(&self, request: &WireRequest, kind: Entity, entity: Option<i64>) -> WireAnswer {
        let query = request.query();
        let types = query.list("filter[note_type]");
        let number = |name: &str| -> Vec<i64> {
            query.list(name).iter().filter_map(|text| text.parse().ok()).collect()
        };
        let (ids, entities) = (number("filter[id]"), number("filter[entity_id]"));
        let (from, to) = query.range("filter[updated_at]");
        let (from, to) = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
        let pinned = query.int("filter[is_pinned]").map(|flag| flag != 0);
        let found = self.notes.values().filter(|note| {
            note.entity.0 == kind
                && entity.is_none_or(|id| note.entity.1 == id)
                && (types.is_empty() || types.contains(&note.note_type.as_str()))
                && (ids.is_empty() || ids.contains(&note.id))
                && (entities.is_empty() || entities.contains(&note.entity.1))
                && pinned.is_none_or(|pinned| pinned == note.is_pinned)
                && (from..=to).contains(&note.updated_at.timestamp())
        });
        self.listed(request, "notes", found, |note| note.read(&self.frame()))
    }

    fn add_notes(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        entity: Option<i64>,
    ) -> WireAnswer {
        let drafts = match read_batch(request, WRITE_MAX, |item| self.read_note_item(item, kind, entity)) {
            Ok(drafts) => drafts,
            Err(answer) => return answer,
        };
        let mut made = Vec::new();
        for (request_id, (entity, note_type, params, author)) in drafts {
            let id = self.create_note(now, (kind, entity), &note_type, params, author);
            let links = self.notes.get(&id).map(|note| note.links(&self.frame()));
            made.push(json!({"id": id, "entity_id": entity, "request_id": request_id, "_links": links}));
        }
        let links = self.frame().links(&format!("/api/v4/{}/notes", kind.plural()));
        hal(200, &json!({"_links": links, "_embedded": {"notes": made}}))
    }

    fn read_note_item(
        &self,
        item: &Map<String, Value>,
        kind: Entity,
        entity: Option<i64>,
    ) -> Result<(i64, String, Value, i64), Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let id = entity.or_else(|| reader.int("entity_id"));
        match id {
            None => reader.flaws.push(Flaw::missing("entity_id")),
            Some(id) if !self.has_entity(kind, id) => reader.not_a_choice("entity_id"),
            Some(_) => {}
        }
        let note_type = reader.text("note_type").unwrap_or_default();
        if !WRITABLE.contains(&note_type.as_str()) {
            reader.not_a_choice("note_type");
        }
        let params = reader.raw("params").cloned().unwrap_or(json!({}));
        check_params(&note_type, &params, &mut reader);
        self.user_of(&mut reader);
        let named = reader.raw("created_by").is_some_and(|author| !author.is_null());
        // Sheet 4.5: notes made by the API without an author show 0.
        let author = self.author_of(&mut reader, false);
        let author = if named { author } else { 0 };
        if reader.flaws.is_empty() {
            Ok((id.unwrap_or(0), note_type, params, author))
        } else {
            Err(reader.flaws)
        }
    }

    fn edit_note(&mut self, now: DateTime<Utc>, request: &WireRequest, kind: Entity, id: i64) -> WireAnswer {
        let Some(Value::Object(item)) = request.json() else {
            return problem(400, "Bad Request", "An object is needed");
        };
        if !self.has_note(kind, id) {
            return problem(404, "Not Found", "Note not found (225)");
        }
        match self.read_note_edit(&item, kind, id) {
            Ok((id, params)) => hal(200, &self.change_note(now, id, params)),
            Err(flaws) => rejected(&[("0".into(), flaws)]),
        }
    }

    fn edit_notes(&mut self, now: DateTime<Utc>, request: &WireRequest, kind: Entity) -> WireAnswer {
        let read = read_batch(request, WRITE_MAX, |item| self.read_note_edit(item, kind, id_of(item)));
        let changes = match read {
            Ok(changes) => changes,
            Err(answer) => return answer,
        };
        let mut done = Vec::new();
        for (request_id, (id, params)) in changes {
            let mut line = self.change_note(now, id, params);
            line["request_id"] = json!(request_id);
            done.push(line);
        }
        let links = self.frame().links(&format!("/api/v4/{}/notes", kind.plural()));
        hal(200, &json!({"_links": links, "_embedded": {"notes": done}}))
    }

    fn has_note(&self, kind: Entity, id: i64) -> bool {
        self.notes.get(&id).is_some_and(|note| note.entity.0 == kind)
    }

    /// The note and its new content; its type can only be repeated.
    fn read_note_edit(
        &self,
        item: &Map<String, Value>,
        kind: Entity,
        id: i64,
    ) -> Result<(i64, Option<Value>), Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let Some(note) = self.notes.get(&id).filter(|_| self.has_note(kind, id)) else {
            return Err(vec![Flaw::choice("id")]);
        };
        if reader.text("note_type").is_some_and(|word| word != note.note_type) {
            reader.not_a_choice("note_type");
        }
        let params = reader.raw("params").cloned();
        if let Some(params) = &params {
            check_params(&note.note_type, params, &mut reader);
        }
        if reader.flaws.is_empty() { Ok((id, params)) } else { Err(reader.flaws) }
    }

    fn change_note(&mut self, now: DateTime<Utc>, id: i64, params: Option<Value>) -> Value {
        let Some(note) = self.notes.get_mut(&id) else { return Value::Null };
        note.params = params.unwrap_or_else(|| note.params.take());
        note.updated_at = now;
        let entity = note.entity.1;
        let links = self.notes.get(&id).map(|note| note.links(&self.frame()));
        json!({"id": id, "entity_id": entity, "updated_at": now.timestamp(), "_links": links})
    }

    /// Only one note of a card stays on top.
    fn pin_note(&mut self, kind: Entity, id: i64, pin: bool) -> WireAnswer {
        let Some(entity) = self.notes.get(&id).filter(|note| note.entity.0 == kind).map(|note| note.entity)
        else {
            return problem(404, "Not Found", "Note not found (225)");
        };
        for note in self.notes.values_mut().filter(|note| note.entity == entity) {
            note.is_pinned = if note.id == id { pin } else { note.is_pinned && !pin };
        }
        WireAnswer::empty(204)
    }

    pub(super) fn add_calls(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let calls = match read_batch(request, WRITE_MAX, |item| self.read_call_item(item)) {
            Ok(calls) => calls,
            Err(answer) => return answer,
        };
        let (mut made, mut errors) = (Vec::new(), Vec::new());
        for (request_id, call) in calls {
            let Some((kind, entity)) = self.card_of(&call.phone) else {
                errors.push(json!({"title": "Entity not found", "status": 263, "detail": "Call was not created: entity not found", "request_id": request_id}));
                continue;
            };
            let note_type = if call.inbound { "call_in" } else { "call_out" };
            let id = self.create_note(now, (kind, entity), note_type, call.params, call.author);
            if let Some(note) = self.notes.get_mut(&id) {
                note.created_at = call.stamps.created_at.unwrap_or(note.created_at);
                note.updated_at = call.stamps.updated_at.unwrap_or(note.updated_at);
            }
            let links = self.frame().links(&format!("/api/v4/{}/{entity}", kind.plural()));
            made.push(json!({"id": id, "entity_id": entity, "entity_type": kind.singular(), "account_id": self.setup.account_id,
                             "request_id": request_id, "_embedded": {"entity": {"id": entity, "_links": links}}}));
        }
        let status = if made.is_empty() { 400 } else { 200 };
        hal(status, &json!({"_total_items": made.len(), "errors": errors, "_embedded": {"calls": made}}))
    }

    fn read_call_item(&self, item: &Map<String, Value>) -> Result<CallDraft, Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let direction = reader.text("direction");
        for key in ["direction", "duration", "source", "phone"] {
            if reader.raw(key).is_none_or(Value::is_null) {
                reader.flaws.push(Flaw::missing(key));
            }
        }
        if direction.as_deref().is_some_and(|word| word != "inbound" && word != "outbound") {
            reader.not_a_choice("direction");
        }
        reader.int("duration");
        if reader.int("call_status").is_some_and(|status| !(1..=7).contains(&status)) {
            reader.not_a_choice("call_status");
        }
        self.user_of(&mut reader);
        let phone = match reader.raw("phone") {
            Some(Value::Number(number)) => number.to_string(),
            _ => reader.text("phone").unwrap_or_default(),
        };
        let author = self.author_of(&mut reader, false);
        let responsible =
            reader.raw("call_responsible").and_then(Value::as_i64).filter(|id| self.knows_user(*id));
        let mut params = Map::new();
        for key in
            ["uniq", "duration", "source", "link", "phone", "call_responsible", "call_result", "call_status"]
        {
            if let Some(value) = item.get(key) {
                params.insert(key.into(), value.clone());
            }
        }
        let draft = CallDraft {
            inbound: direction.as_deref() == Some("inbound"),
            phone,
            params: Value::Object(params),
            author: responsible.unwrap_or(author),
            stamps: self.read_stamps(&mut reader, None),
        };
        if reader.flaws.is_empty() { Ok(draft) } else { Err(reader.flaws) }
    }

    /// Where a call is put: the only active lead of the contact, otherwise the contact.
    pub(super) fn card_of(&self, phone: &str) -> Option<(Entity, i64)> {
        let key = phone_key(phone)?;
        // Contacts and companies are numbered together, so one index knows both.
        let id = *self.by_phone.get(&key)?.iter().find(|id| self.shown(**id).is_some())?;
        let kind = self.shown(id)?;
        let mut open = self.leads_of_card(kind, id).filter(|lead| lead.is_open());
        match (open.next(), open.next()) {
            (Some(lead), None) => Some((Entity::Leads, lead.id)),
            _ => Some((kind, id)),
        }
    }

    /// What a card that searches show is.
    fn shown(&self, id: i64) -> Option<Entity> {
        [Entity::Contacts, Entity::Companies]
            .into_iter()
            .find(|kind| self.cards(*kind).get(&id).is_some_and(|card| !card.hidden))
    }

    /// `POST /api/v2/events/`: the pop-up of an incoming call (sheet 3.11).
    pub(super) fn pop_up(&mut self, request: &WireRequest) -> WireAnswer {
        let body = request.json().unwrap_or(Value::Null);
        let Some(items) = body.get("add").and_then(Value::as_array) else {
            return problem(400, "Bad Request", "add is needed");
        };
        let mut shown = Vec::new();
        for item in items {
            let phone = item.get("phone_number").and_then(Value::as_str).unwrap_or("");
            let card = self.card_of(phone);
            self.popups.push(item.clone());
            shown.push(json!({"element_id": card.map(|(_, id)| id), "element_type": card.map(|(kind, _)| kind.number()),
                              "uid": format!("{:08x}", self.popups.len()), "phone_number": phone}));
        }
        hal(
            200,
            &json!({"_links": {"self": {"href": "/api/v2/events", "method": "post"}}, "_embedded": {"items": shown}}),
        )
    }
}

struct CallDraft {
    inbound: bool,
    phone: String,
    params: Value,
    author: i64,
    stamps: Stamps,
}

fn check_params(note_type: &str, params: &Value, reader: &mut Reader) {
    let text = params.get("text").and_then(Value::as_str);
    let needs_text =
        matches!(note_type, "common" | "service_message" | "extended_service_message" | "sms_in" | "sms_out");
    if needs_text && text.is_none_or(str::is_empty) {
        reader.flaws.push(Flaw::missing("params.text"));
    }
    if text.is_some_and(|text| text.chars().count() > TEXT_MAX) {
        reader.flaws.push(Flaw::long("params.text", TEXT_MAX));
    }
}
