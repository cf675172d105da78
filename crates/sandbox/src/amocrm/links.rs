//! Links between leads and contacts (sheet 3.7); other links are not supported. Enter at [`Account::links`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::checks::{BatchItem, Flaw, batch, hal, problem, rejected};
use super::model::{Entity, Lead};
use super::{Account, not_allowed};
use crate::wire::{WireAnswer, WireRequest};

/// Lead, contact, and whether it is the main one.
type Pair = (i64, i64, bool);
/// Items that name entities that do not exist.
type Flawed = Vec<(String, Vec<Flaw>)>;

impl Account {
    pub(super) fn links(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: &str,
        id: Option<i64>,
        word: &str,
    ) -> WireAnswer {
        let kind = if kind == "leads" { Entity::Leads } else { Entity::Contacts };
        match (request.method.as_str(), word) {
            ("GET", "links") => self.list_links(request, kind, id),
            ("POST", "link") => self.link(now, request, kind, id, true),
            ("POST", "unlink") => self.link(now, request, kind, id, false),
            _ => not_allowed(),
        }
    }

    fn list_links(&self, request: &WireRequest, kind: Entity, id: Option<i64>) -> WireAnswer {
        let query = request.query();
        let mut ids: Vec<i64> =
            query.list("filter[entity_id]").iter().filter_map(|id| id.parse().ok()).collect();
        ids.extend(id);
        if ids.iter().all(|id| !self.has_entity(kind, *id)) {
            return problem(404, "Not Found", "Entity not found");
        }
        let to = query.get("filter[to_entity_type]");
        let to_id = query.int("filter[to_entity_id]");
        let pairs = self
            .leads
            .values()
            .filter(|lead| !lead.is_deleted)
            .flat_map(|lead| lead.contacts.iter().map(move |(contact, main)| (lead, *contact, *main)));
        let shown: Vec<Value> = pairs
            .filter_map(|(lead, contact, main)| {
                let (from, target, target_kind) = if kind == Entity::Leads { (lead.id, contact, Entity::Contacts) } else { (contact, lead.id, Entity::Leads) };
                let asked = ids.contains(&from) && to.is_none_or(|to| to == target_kind.plural()) && to_id.is_none_or(|id| id == target);
                asked.then(|| json!({"entity_id": from, "entity_type": kind.plural(), "to_entity_id": target, "to_entity_type": target_kind.plural(), "metadata": {"main_contact": main}}))
            })
            .collect();
        hal(
            200,
            &json!({"_total_items": shown.len(), "_links": self.frame().links(request.path_only()), "_embedded": {"links": shown}}),
        )
    }

    fn link(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        id: Option<i64>,
        join: bool,
    ) -> WireAnswer {
        if kind != Entity::Leads {
            return problem(400, "Bad Request", "To join a contact with a lead call it from the lead's side");
        }
        let items = match batch(request, 250) {
            Ok(items) => items,
            Err(answer) => return answer,
        };
        let (wanted, flawed) = self.read_pairs(&items, id);
        if !flawed.is_empty() {
            return rejected(&flawed);
        }
        let mut done = Vec::new();
        for (lead_id, contact, main) in wanted {
            let Some(lead) = self.leads.get_mut(&lead_id) else {
                continue;
            };
            let leads = self.leads_of.entry(contact).or_default();
            if join {
                leads.insert(lead_id);
            } else {
                leads.remove(&lead_id);
            }
            let main = set_link(lead, contact, main, join);
            lead.updated_at = now;
            done.push(json!({"entity_id": lead_id, "entity_type": "leads", "to_entity_id": contact, "to_entity_type": "contacts", "metadata": {"main_contact": main}}));
            self.echo_lead(now, lead_id, "update", None, None);
        }
        if !join {
            return WireAnswer::empty(204);
        }
        hal(
            200,
            &json!({"_total_items": done.len(), "_links": self.frame().links(request.path_only()), "_embedded": {"links": done}}),
        )
    }

    /// Lead, contact, and main or not, of each item; and the items that name entities that do not exist.
    fn read_pairs(&self, items: &[BatchItem], id: Option<i64>) -> (Vec<Pair>, Flawed) {
        let mut wanted = Vec::new();
        let mut flawed = Vec::new();
        for (request_id, item) in items {
            let number = |key: &str| item.get(key).and_then(Value::as_i64);
            let lead = id.or_else(|| number("entity_id")).filter(|id| self.has_entity(Entity::Leads, *id));
            let contact = number("to_entity_id").filter(|id| self.contacts.contains_key(id));
            let right = item.get("to_entity_type").and_then(Value::as_str) == Some("contacts");
            let main = item
                .get("metadata")
                .and_then(|data| data.get("is_main"))
                .and_then(Value::as_bool)
                .unwrap_or(false);
            match (lead, contact) {
                (Some(lead), Some(contact)) if right => wanted.push((lead, contact, main)),
                (None, _) => flawed.push((request_id.clone(), vec![Flaw::choice("entity_id")])),
                _ => flawed.push((
                    request_id.clone(),
                    vec![Flaw::choice(if right { "to_entity_id" } else { "to_entity_type" })],
                )),
            }
        }
        (wanted, flawed)
    }
}

/// Links or unlinks; returns whether the contact is the main one afterwards.
fn set_link(lead: &mut Lead, contact: i64, main: bool, join: bool) -> bool {
    lead.contacts.retain(|(id, _)| *id != contact);
    if !join {
        return false;
    }
    let main = main || lead.contacts.is_empty();
    if main {
        lead.contacts.iter_mut().for_each(|(_, is_main)| *is_main = false);
    }
    lead.contacts.push((contact, main));
    main
}
