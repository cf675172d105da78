//! The commands of a step for leads and contacts in the CRM (L1, G1–G3, G5, G7, G10, W1, R2). Never creates a
//! second lead of a role; the courier finds duplicates. Enter at [`make`] and [`linked`].

use std::collections::{BTreeMap, BTreeSet};

use super::command::{Ask, EarlyLead, PersonFacts, SaveLead};
use super::decision::Decision;
use super::definition::Route;
use super::event::{Alike, SameWay};
use super::free_text::as_text;
use super::money;
use super::value::*;
use crate::message::condition;
use crate::message::library::Vars;
use crate::message::outside::Outside;
use crate::message::phrase::{Phrase, crm, word};
use crate::mutant::cut;

/// L1, G1–G3, G5, G7: the lead with its contact; its first note says what is next.
pub(super) fn make(d: &mut Decision, next: &Phrase) {
    let name = name(d);
    let Some(route) = d.process.route(&d.case.order.route) else {
        return save(d, LeadRole::Sales, Stage::New, name, None);
    };
    let has_source = route.note && !cut("G5.note") && d.case.order.has_source();
    let note = first_note(d, has_source, next);
    let stage = if cut("G1.stage") { Stage::New } else { route.stage };
    save(d, LeadRole::Sales, stage, name, note);
}

/// The name of the order's leads, by its route.
pub(super) fn name(d: &Decision) -> String {
    let vars = d.vars(None);
    match d.process.route(&d.case.order.route) {
        Some(route) => exported(&d.process.texts.inline(&route.lead_name, &vars)),
        None => vars.order.number,
    }
}

/// G10: the lead again, now that all is known; `is_source_new` adds the note about the source.
pub(super) fn correct(d: &mut Decision, early: EarlyLead, is_source_new: bool) {
    let route = d.process.route(&d.case.order.route);
    let stage = route.map_or(Stage::New, |route| route.stage);
    let has_note = is_source_new && d.case.order.has_source() && route.is_some_and(|route| route.note);
    let note = first_note(d, has_note, &Phrase::NONE);
    let name = name(d);
    let lead = lead(d, LeadRole::Sales, stage, name, note);
    d.case.order.leads.insert(LeadRole::Sales, stage);
    d.say("L1", crm::saved(lead.name.as_str()));
    d.ask(Ask::SaveLead(Box::new(SaveLead { instead_of: Some(early), ..lead })));
}

fn save(d: &mut Decision, role: LeadRole, stage: Stage, name: String, note: Option<String>) {
    let lead = lead(d, role, stage, name, note);
    let furthest = d.case.order.leads.get(&role).copied().unwrap_or(stage).max(stage);
    d.case.order.leads.insert(role, furthest);
    d.say("L1", crm::saved(lead.name.as_str()));
    d.ask(Ask::SaveLead(Box::new(lead)));
}

fn lead(d: &mut Decision, role: LeadRole, stage: Stage, name: String, note: Option<String>) -> SaveLead {
    let person = person(d);
    let route = d.process.route(&d.case.order.route);
    let vars = d.vars(None);
    SaveLead {
        role,
        route: d.case.order.route.clone(),
        name,
        price: price(d, money::worth(&d.case.order)),
        pipeline: d.case.order.pipeline.filter(|_| role == LeadRole::Sales),
        stage,
        responsible: d.case.order.responsible.clone(),
        tags: route.filter(|_| !cut("G3.tags")).map(|route| route.tags.clone()).unwrap_or_default(),
        order_number: d.case.order.number.clone(),
        fields: lead_fields(d, route, &vars),
        person,
        note,
        continues: (role != LeadRole::Sales).then_some(LeadRole::Sales),
        instead_of: None,
    }
}

/// A new linked lead of another role, once per order and pipeline (W1, R2).
pub(super) fn linked(d: &mut Decision, role: LeadRole, rule: &str) {
    if d.case.order.leads.contains_key(&role) || !d.process.pipelines.contains_key(&role) {
        return;
    }
    let name = name(d);
    save(d, role, Stage::New, name, None);
    d.say(rule, crm::linked());
}

/// G5, K10: form, utm and page, as named by the source, who else has the client's number or address, and what the
/// order waits for: one note for all, because a note of its own would be one more request for each order.
fn first_note(d: &Decision, has_source: bool, next: &Phrase) -> Option<String> {
    let told = d.case.order.source.iter().filter(|(_, value)| !value.is_empty());
    let source = told.map(|(name, value)| format!("{name}: {value}"));
    let source = std::iter::once(d.words(&crm::source())).chain(source).filter(|_| has_source);
    let next = Some(d.words(next)).filter(|next| !next.is_empty());
    let alike = d.case.client.alike.iter().map(|other| d.words(&alike(other)));
    let joined = d.case.client.joined.get(&d.case.order.id).filter(|_| !cut("Q4.note"));
    let joined = joined.map(|joined| d.words(&joined_by(d, &joined.by)));
    let lines: Vec<String> = source.chain(joined).chain(alike).chain(next).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// F100: the same number or address is a hint for a person, and joins nobody.
fn alike(other: &Alike) -> Phrase {
    match (other.way, &other.user) {
        (SameWay::Phone, Some(user)) => crm::same_phone_as(user.as_str()),
        (SameWay::Phone, None) => crm::same_phone(),
        (SameWay::Email, Some(user)) => crm::same_email_as(user.as_str()),
        (SameWay::Email, None) => crm::same_email(),
    }
}

/// Q4: which rule made the order this client's, and how that is undone.
pub(super) fn joined_by(d: &Decision, by: &BTreeSet<SameWay>) -> Phrase {
    let (own, client) = (&d.case.order.id, &d.case.client);
    let others = client.orders.iter().filter(|(id, _)| *id != own);
    let former = others.max_by_key(|(_, brief)| brief.seen_at);
    let former = former.map(|(id, brief)| brief.number.clone().unwrap_or_else(|| id.to_string()));
    crm::joined(ways(by), former, d.process.school.to_string(), own.to_string())
}

/// The name of the rule.
pub(super) fn ways(by: &BTreeSet<SameWay>) -> Phrase {
    match (by.contains(&SameWay::Phone), by.contains(&SameWay::Email)) {
        (true, true) => word::same_both(),
        (false, true) => word::same_email(),
        _ => word::same_phone(),
    }
}

/// Q4: the leads of an order that is no longer joined get the contact of its own client.
pub(super) fn set_apart(d: &mut Decision) {
    let name = name(d);
    for (role, stage) in d.case.order.leads.clone() {
        let lead = lead(d, role, stage, name.clone(), None);
        d.ask(Ask::SaveLead(Box::new(lead)));
    }
}

/// The contact as it should be in the CRM (G7).
pub(super) fn person(d: &mut Decision) -> PersonFacts {
    let person = person_of(d);
    let (client, now) = (&mut d.case.client, d.now);
    if let Some(name) = &person.name {
        client.named_in_crm(name, now);
    }
    // The CRM will report either as if somebody had said it.
    match &person.name {
        Some(name) if client.name.as_ref() == Some(name) => {}
        Some(name) => client.crm_name = Some(name.clone()),
        None if person.first_name.is_some() || person.last_name.is_some() => {}
        None => client.nameless = Some(d.process.texts.outside(Outside::NoName)),
    }
    person
}

fn person_of(d: &Decision) -> PersonFacts {
    let vars = d.vars(None);
    let route = d.process.route(&d.case.order.route);
    let fields = route.map(|route| rendered(d, &route.contact_fields, &vars)).unwrap_or_default();
    let client = &d.case.client;
    let usable = |all: &[String]| all.iter().filter(|one| !client.bad.contains(*one)).cloned().collect();
    let own = route.and_then(|route| route.contact_name.as_ref()).filter(|_| !cut("G7.name"));
    let own = own.map(|template| d.process.texts.inline(template, &vars));
    let own = own.filter(|name| !name.trim().is_empty());
    let named = route.and_then(|route| route.contact_responsible.clone()).filter(|_| !cut("G7.own"));
    let text = |value: Option<&String>| value.map(|value| exported(value));
    PersonFacts {
        name: text(own.as_ref().or(client.name.as_ref())),
        first_name: text(client.first_name.as_ref().filter(|_| own.is_none())),
        last_name: text(client.last_name.as_ref().filter(|_| own.is_none())),
        nameless: client.nameless.clone(),
        phones: usable(&client.phones),
        emails: usable(&client.emails),
        responsible: named.or_else(|| d.case.order.responsible.clone().filter(|_| !cut("G7.responsible"))),
        fields,
        apart_from: client.alike.iter().map(|other| other.client.clone()).collect(),
    }
}

/// G2: the lead's price for this sum of the order: the route's own, else the sum.
pub(super) fn price(d: &Decision, cost: Option<&Money>) -> Option<Money> {
    let own = d.process.route(&d.case.order.route).and_then(|route| route.price.as_ref());
    let own = own.filter(|_| !cut("G2.own_price")).and_then(|own| {
        let currency = cost.map_or(&d.process.currency, |cost| &cost.currency);
        let price = condition::number(own, cost.map(Money::major))?;
        Some(Money::new((price * 100.0).round() as i64, currency))
    });
    own.or_else(|| cost.cloned())
}

/// G10: the values that a route sets; one that its dictionary does not have is left out.
pub(super) fn dictionary_values(d: &Decision, route: &Route) -> BTreeMap<String, String> {
    if route.set.is_empty() {
        return BTreeMap::new();
    }
    let vars = d.vars(None);
    let values = route.set.iter().filter_map(|(name, template)| {
        let value = d.process.texts.inline(template, &vars);
        let known = d.process.dictionaries.get(name)?.values.contains(&value);
        known.then(|| (name.clone(), value))
    });
    values.collect()
}

/// G2, G10: the route's own fields, then those of the dictionaries.
fn lead_fields(d: &Decision, route: Option<&Route>, vars: &Vars) -> Vec<(u64, String)> {
    let mut fields = route.map(|route| rendered(d, &route.fields, vars)).unwrap_or_default();
    let of_dictionary =
        |(name, value): (&String, &String)| Some((d.process.dictionaries.get(name)?.field?, value.clone()));
    fields.extend(d.case.order.set.iter().filter_map(of_dictionary));
    fields
}

/// F112: what stands in a field that people export is never a formula.
fn exported(value: &str) -> String {
    if cut("G7.as_text") { value.to_owned() } else { as_text(value) }
}

/// Fields of a route: id → rendered template; an empty value is not written (G2, G7).
fn rendered(d: &Decision, fields: &BTreeMap<String, String>, vars: &Vars) -> Vec<(u64, String)> {
    let values = fields.iter().filter_map(|(id, template)| {
        let value = exported(&d.process.texts.inline(template, vars));
        Some((id.parse().ok()?, value)).filter(|(_, value)| !value.trim().is_empty() && !cut("G2.fields"))
    });
    values.collect()
}
