//! Leads together with a contact and a company: `leads/complex` (sheet 3.4), and what an unsorted request brings
//! along. It never looks for duplicates: that control is off. Enter at [`Account::complex`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Account;
use super::changes::{ContactChange, LeadChange};
use super::checks::{Flaw, hal, read_batch};
use super::model::Entity;
use super::unsorted::{Draft, unsorted_status};
use crate::wire::{WireAnswer, WireRequest};

/// Most leads in `leads/complex`.
const COMPLEX_MAX: usize = 50;
/// Most custom field values of one entity in `leads/complex`.
const COMPLEX_FIELDS_MAX: usize = 40;

/// A lead with its author, and what is created or joined with it.
pub(super) struct Bundle {
    pub lead: LeadChange,
    author: i64,
    contact: Option<Card>,
    company: Option<Card>,
}

enum Card {
    Known(i64),
    New(Box<ContactChange>, i64),
}

/// The ids that a bundle got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub lead: i64,
    pub contact: Option<i64>,
    pub company: Option<i64>,
}

impl Account {
    pub(super) fn complex(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let bundles = match read_batch(request, COMPLEX_MAX, |item| self.read_complex(item)) {
            Ok(bundles) => bundles,
            Err(answer) => return answer,
        };
        let mut made = Vec::new();
        for (request_id, (bundle, unsorted)) in bundles {
            let ids = match unsorted {
                Some(draft) => self.put_unsorted(now, draft, bundle).1,
                None => self.make(now, bundle, false),
            };
            made.push(json!({"id": ids.lead, "contact_id": ids.contact, "company_id": ids.company,
                             "request_id": [request_id], "merged": false}));
        }
        hal(200, &Value::Array(made))
    }

    /// With `_embedded.metadata` the lead becomes an unsorted one.
    fn read_complex(&self, item: &Map<String, Value>) -> Result<(Bundle, Option<Draft>), Vec<Flaw>> {
        let embedded = item.get("_embedded").unwrap_or(&Value::Null);
        let fields =
            |item: &Value| item.get("custom_fields_values").and_then(Value::as_array).map_or(0, Vec::len);
        let cards = ["contacts", "companies"].iter().filter_map(|word| embedded.get(word)?.get(0));
        let most = item.get("custom_fields_values").and_then(Value::as_array).map_or(0, Vec::len);
        if cards.map(fields).max().unwrap_or(0).max(most) > COMPLEX_FIELDS_MAX {
            return Err(vec![Flaw::long("custom_fields_values", COMPLEX_FIELDS_MAX)]);
        }
        let bundle = self.read_bundle(item, embedded)?;
        let Some(metadata) = embedded.get("metadata").and_then(Value::as_object) else {
            return Ok((bundle, None));
        };
        let category = metadata.get("category").and_then(Value::as_str).unwrap_or("");
        match Draft::read(category, item, metadata) {
            Ok(draft) => Ok((bundle, Some(draft))),
            Err(flaw) => Err(vec![flaw]),
        }
    }

    /// `embedded` holds the contact and the company.
    pub(super) fn read_bundle(
        &self,
        item: &Map<String, Value>,
        embedded: &Value,
    ) -> Result<Bundle, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let mut own = item.clone();
        if let Some(Value::Object(own)) = own.get_mut("_embedded") {
            own.retain(|word, _| word != "contacts" && word != "companies");
        }
        let lead = self.read_lead_item(&own, None).map_err(|more| flaws.extend(more)).ok();
        let mut card = |kind: Entity| match self.read_joined(kind, embedded) {
            Ok(card) => card,
            Err(more) => {
                flaws.extend(more);
                None
            }
        };
        let (contact, company) = (card(Entity::Contacts), card(Entity::Companies));
        match lead {
            Some((lead, author)) if flaws.is_empty() => Ok(Bundle { lead, author, contact, company }),
            _ => Err(flaws),
        }
    }

    fn read_joined(&self, kind: Entity, embedded: &Value) -> Result<Option<Card>, Vec<Flaw>> {
        let path = format!("_embedded.{}", kind.plural());
        let cards = embedded.get(kind.plural()).and_then(Value::as_array).map(Vec::as_slice);
        let card = match cards.unwrap_or_default() {
            [] => return Ok(None),
            [card] => card.as_object(),
            _ => return Err(vec![Flaw::choice(path)]),
        };
        let Some(card) = card else { return Err(vec![Flaw::kind(format!("{path}.0"), "object")]) };
        if let Some(id) = card.get("id") {
            let known = id.as_i64().filter(|id| self.cards(kind).contains_key(id));
            return known
                .map(|id| Some(Card::Known(id)))
                .ok_or_else(|| vec![Flaw::choice(format!("{path}.0.id"))]);
        }
        let within = |flaw: Flaw| Flaw { path: format!("{path}.0.{}", flaw.path), ..flaw };
        match self.read_card_item(kind, card, None) {
            Ok((change, author)) => Ok(Some(Card::New(Box::new(change), author))),
            Err(flaws) => Err(flaws.into_iter().map(within).collect()),
        }
    }

    /// Creates what is new; a new contact is joined with the company. `hidden`: nobody has accepted it yet.
    pub(super) fn make(&mut self, now: DateTime<Utc>, bundle: Bundle, hidden: bool) -> Made {
        let Bundle { mut lead, author, contact, company } = bundle;
        let mut card = |kind: Entity, card: Card, company: Option<i64>| match card {
            Card::Known(id) => id,
            Card::New(change, author) => {
                self.create_card(now, kind, &ContactChange { company, hidden, ..*change }, author)
            }
        };
        let company = company.map(|company| card(Entity::Companies, company, None));
        let contact = contact.map(|contact| card(Entity::Contacts, contact, company));
        if hidden {
            let main = self.main_pipeline().map_or(0, |pipeline| pipeline.id);
            lead.status_id = Some(unsorted_status(lead.pipeline_id.unwrap_or(main)));
        }
        lead.contacts = contact.iter().map(|id| (*id, true)).collect();
        lead.company = company;
        Made { lead: self.create_lead(now, &lead, author), contact, company }
    }
}
