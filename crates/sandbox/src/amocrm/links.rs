//! Links between leads, contacts and companies (sheet 3.7); other links are not supported. A lead or contact has
//! one company at most. Enter at [`Account::links`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::checks::{Flaw, Reader, hal, problem, read_batch};
use super::model::{Entity, Lead};
use super::{Account, not_allowed};
use crate::wire::{WireAnswer, WireRequest};

const WRITE_MAX: usize = 250;

/// One end of a link.
type End = (Entity, i64);

/// Two ends, and whether the contact is the lead's main one.
type Pair = (End, End, bool);

impl Account {
    pub(super) fn links(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        id: Option<i64>,
        word: &str,
    ) -> WireAnswer {
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
        let asked = |(_, end, _): &Pair| {
            to.is_none_or(|to| to == end.0.plural()) && to_id.is_none_or(|id| id == end.1)
        };
        let pairs = ids.iter().flat_map(|id| self.pairs_of((kind, *id)));
        let shown: Vec<Value> = pairs.filter(asked).map(|pair| show(&pair)).collect();
        self.shown_links(request, &shown)
    }

    fn shown_links(&self, request: &WireRequest, shown: &[Value]) -> WireAnswer {
        let links = self.frame().links(request.path_only());
        hal(200, &json!({"_total_items": shown.len(), "_links": links, "_embedded": {"links": shown}}))
    }

    /// What an entity is joined with.
    fn pairs_of(&self, from: End) -> Vec<Pair> {
        let company = |id: &i64| (from, (Entity::Companies, *id), false);
        let main = |lead: &Lead, contact: i64| lead.contacts.iter().any(|(id, main)| *id == contact && *main);
        match from.0 {
            Entity::Leads => {
                let Some(lead) = self.leads.get(&from.1).filter(|lead| !lead.is_deleted) else {
                    return Vec::new();
                };
                let contacts = lead.contacts.iter().map(|(id, main)| (from, (Entity::Contacts, *id), *main));
                contacts.chain(lead.company.iter().map(company)).collect()
            }
            kind => {
                let leads = self.leads_of_card(kind, from.1);
                let leads = leads.map(|lead| (from, (Entity::Leads, lead.id), main(lead, from.1)));
                let of_contact = self.cards(kind).get(&from.1).and_then(|card| card.company);
                let staff = self
                    .contacts
                    .values()
                    .filter(|card| kind == Entity::Companies && card.company == Some(from.1));
                let staff = staff.map(|card| (from, (Entity::Contacts, card.id), false));
                leads.chain(of_contact.iter().map(company)).chain(staff).collect()
            }
        }
    }

    fn link(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        kind: Entity,
        id: Option<i64>,
        join: bool,
    ) -> WireAnswer {
        let pairs = match read_batch(request, WRITE_MAX, |item| self.read_pair(item, kind, id)) {
            Ok(pairs) => pairs,
            Err(answer) => return answer,
        };
        let mut done = Vec::new();
        for (_, (from, to, main)) in pairs {
            let main = self.set_link(now, (from, to, main), join);
            done.push(show(&(from, to, main)));
        }
        if !join {
            return WireAnswer::empty(204);
        }
        self.shown_links(request, &done)
    }

    fn read_pair(&self, item: &Map<String, Value>, kind: Entity, id: Option<i64>) -> Result<Pair, Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let from = id.or_else(|| reader.int("entity_id")).filter(|id| self.has_entity(kind, *id));
        let to_kind = reader.text("to_entity_type").and_then(|word| Entity::from_word(&word));
        let allowed = match (kind, to_kind) {
            // A contact joins a lead from the lead's side.
            (Entity::Leads, Some(to)) => to != Entity::Leads,
            (Entity::Contacts, Some(to)) => to == Entity::Companies,
            (Entity::Companies, Some(to)) => to != Entity::Companies,
            (_, None) => false,
        };
        let to_kind = to_kind.filter(|_| allowed);
        let to =
            reader.int("to_entity_id").filter(|id| to_kind.is_some_and(|kind| self.has_entity(kind, *id)));
        let main = reader.raw("metadata").and_then(|data| data.get("is_main")?.as_bool()).unwrap_or(false);
        match (from, to_kind, to) {
            (Some(from), Some(to_kind), Some(to)) => Ok(((kind, from), (to_kind, to), main)),
            (None, ..) => Err(vec![Flaw::choice("entity_id")]),
            (_, None, _) => Err(vec![Flaw::choice("to_entity_type")]),
            (_, _, None) => Err(vec![Flaw::choice("to_entity_id")]),
        }
    }

    /// Joins or parts two entities; returns whether the contact is the lead's main one afterwards.
    fn set_link(&mut self, now: DateTime<Utc>, (from, to, main): Pair, join: bool) -> bool {
        let author = self.setup.token_user;
        let ends = if from.0 == Entity::Companies { (to, from) } else { (from, to) };
        let mut is_main = false;
        match ends {
            ((Entity::Leads, lead), (Entity::Contacts, contact)) => {
                let leads = self.leads_of.entry(contact).or_default();
                if join {
                    leads.insert(lead);
                } else {
                    leads.remove(&lead);
                }
                let Some(lead) = self.leads.get_mut(&lead) else { return false };
                is_main = join_contact(lead, contact, main, join);
                lead.updated_at = now;
            }
            ((Entity::Leads, lead), (_, company)) => {
                let Some(lead) = self.leads.get_mut(&lead) else { return false };
                lead.company = join.then_some(company);
                lead.updated_at = now;
            }
            ((_, contact), (_, company)) => {
                let Some(card) = self.contacts.get_mut(&contact) else { return false };
                card.company = join.then_some(company);
                card.updated_at = now;
            }
        }
        self.note_link(now, ends.0, ends.1, author, join);
        match ends.0 {
            (Entity::Leads, lead) => self.echo_lead(now, lead, "update", None, None),
            card => self.echo_card(now, card, "update", None),
        }
        is_main
    }
}

fn show((from, to, main): &Pair) -> Value {
    let mut shown = json!({"entity_id": from.1, "entity_type": from.0.plural(), "to_entity_id": to.1,
                           "to_entity_type": to.0.plural(), "metadata": null});
    if from.0 != Entity::Companies && to.0 != Entity::Companies {
        shown["metadata"] = json!({"main_contact": main});
    }
    shown
}

/// Joins or parts; returns whether the contact is the main one afterwards.
fn join_contact(lead: &mut Lead, contact: i64, main: bool, join: bool) -> bool {
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
