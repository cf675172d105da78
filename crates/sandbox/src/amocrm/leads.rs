//! Leads over the API: lists, reads, creates, edits (sheet 3.3). It ignores filters silently while the paid
//! option is off, as the real API does. Enter at [`Account::lead_requests`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::changes::LeadChange;
use super::checks::{Flaw, Reader, hal, page, problem, rejected};
use super::filters::Facts;
use super::model::{Entity, LOST, Lead, WON};
use super::{Account, not_allowed, with};
use crate::wire::{WireAnswer, WireRequest};

impl Account {
    pub(super) fn lead_requests(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        id: Option<i64>,
    ) -> WireAnswer {
        match (request.method.as_str(), id) {
            ("GET", None) => self.list_leads(request),
            ("GET", Some(id)) => match self.leads.get(&id).filter(|lead| !lead.is_deleted) {
                Some(lead) => hal(200, &self.read_lead(lead, &with(request))),
                None => WireAnswer::empty(204),
            },
            ("POST", None) => self.write_leads(now, request, false),
            ("PATCH", None) => self.write_leads(now, request, true),
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
            return page(request, "leads", gone.collect(), (50, 250), &self.base);
        }
        let wanted = query.get("query").unwrap_or("").to_lowercase();
        let found = self.leads.values().filter(|lead| {
            !lead.is_deleted
                && (wanted.is_empty() || self.lead_holds(lead, &wanted))
                && self.passes(&query, &Facts::of_lead(lead))
        });
        self.listed(request, "leads", found, |lead| self.read_lead(lead, &words))
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
        let companies: Vec<Value> = lead.company.iter().map(|id| self.line(Entity::Companies, *id)).collect();
        let mut embedded = json!({"tags": tags, "companies": companies});
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
            "closest_task_at": self.closest_task(Entity::Leads, lead.id), "is_deleted": lead.is_deleted,
            "custom_fields_values": self.lead_book.show(&lead.fields), "score": null,
            "account_id": frame.account_id, "labor_cost": null,
            "_links": frame.links(&format!("/api/v4/leads/{}", lead.id)), "_embedded": embedded,
        })
    }

    fn write_leads(&mut self, now: DateTime<Utc>, request: &WireRequest, edit: bool) -> WireAnswer {
        self.write_batch((request, "leads"), edit, Self::read_lead_item, |account, id, (change, author)| {
            match id {
                Some(id) => {
                    account.change_lead(now, id, &change, author);
                    (id, account.leads.get(&id).map_or(now, |lead| lead.updated_at))
                }
                None => (account.create_lead(now, &change, author), now),
            }
        })
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
                let updated_at = self.leads.get(&id).map_or(now, |lead| lead.updated_at).timestamp();
                let links = self.frame().links(&format!("/api/v4/leads/{id}"));
                hal(200, &json!({"id": id, "updated_at": updated_at, "_links": links}))
            }
        }
    }

    /// Reads one item of a write; `edited` is the lead's id for an edit.
    pub(super) fn read_lead_item(
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
            tags: self.read_tags(Entity::Leads, &mut reader),
            stamps: self.read_stamps(&mut reader, existing.map(|lead| lead.updated_at)),
            ..LeadChange::default()
        };
        if change.price.is_some_and(|price| price < 0) {
            reader.flaws.push(Flaw::kind("price", "unsigned int"));
        }
        self.check_stage(&change, existing, &mut reader);
        change.fields = self.lead_book.read(reader.raw("custom_fields_values"), &mut reader.flaws);
        if edited.is_none() {
            self.read_contacts(&mut reader, &mut change);
            self.read_company(&mut reader, &mut change);
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

    fn read_company(&self, reader: &mut Reader, change: &mut LeadChange) {
        let companies = reader.raw("_embedded").and_then(|embedded| embedded.get("companies"));
        let Some(first) = companies.and_then(Value::as_array).and_then(|companies| companies.first()) else {
            return;
        };
        change.company = first.get("id").and_then(Value::as_i64).filter(|id| self.companies.contains_key(id));
        if change.company.is_none() {
            reader.not_a_choice("_embedded.companies.0.id");
        }
    }
}
