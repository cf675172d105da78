//! Turns webhook bodies into signals: leads, contacts, tasks and notes; anything else is `Signal::Nothing`.
//! Never looks anything up and never drops an entity of a body. Enter at [`signals`].

use super::brackets::Node;
use super::wire::{self, FormEntity};
use crate::link;
use crate::platform::Undecodable;
use crate::process::event::ClientFacts;
use crate::process::value::Phone;
use crate::signal::{ContactCard, SeenLead, SeenNote, SeenTask, Signal};

/// The signals of every entity of a body. `zone_field` is the contact field with the client's zone (D13).
///
/// An entity without an id is an error only if nothing else of the body can be used.
pub fn signals(body: &Node, zone_field: Option<u64>) -> Result<Vec<Signal>, Undecodable> {
    let items = wire::items(body);
    if items.is_empty() {
        return Ok(vec![nothing("a body without an entity")]);
    }
    let mut signals = Vec::with_capacity(items.len());
    let mut unusable = None;
    for item in &items {
        match signal(item, zone_field) {
            Some(signal) => signals.push(signal),
            None => unusable = Some(format!("{} {} without a numeric id", item.entity, item.kind)),
        }
    }
    match unusable {
        Some(what) if signals.is_empty() => Err(Undecodable(what)),
        Some(what) => {
            signals.push(Signal::Nothing { what });
            Ok(signals)
        }
        None => Ok(signals),
    }
}

/// `None` if a watched entity has no id.
fn signal(item: &FormEntity<'_>, zone_field: Option<u64>) -> Option<Signal> {
    match (item.entity, item.kind) {
        ("leads", "note") => Some(note(item)?),
        (_, "note") => Some(nothing("a note")),
        ("leads", "delete") => Some(Signal::LeadGone { lead: item.id()?, looked: false }),
        ("leads", _) => Some(Signal::LeadSeen(Box::new(lead(item)?))),
        ("contacts", "delete") => Some(Signal::ContactGone { contact: item.id()?, read: false }),
        ("contacts", _) if item.node.text("type") == Some("company") => Some(nothing("a company")),
        ("contacts", _) => Some(contact(item, zone_field)?),
        ("task" | "tasks", "delete") => Some(Signal::TaskGone { task: item.id()? }),
        ("task" | "tasks", _) => Some(Signal::TaskSeen(Box::new(task(item)?))),
        (entity, kind) => Some(nothing(&format!("{entity} {kind}"))),
    }
}

fn nothing(what: &str) -> Signal {
    // Keys are text of the sender, so only a short plain part of them is kept.
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-');
    Signal::Nothing { what: what.chars().filter(plain).take(60).collect() }
}

fn lead(item: &FormEntity<'_>) -> Option<SeenLead> {
    let node = item.node;
    let updated_at = item.updated_at();
    let fields = wire::fields(node);
    Some(SeenLead {
        lead: item.id()?,
        pipeline: node.number("pipeline_id"),
        status: node.number("status_id"),
        responsible: node.number("responsible_user_id"),
        loss_reason: node.number("loss_reason_id"),
        fields: fields.map(|fields| fields.into_iter().map(|field| (field.id, field.values)).collect()),
        updated_at,
        changed_by: node.number("modified_user_id"),
        // A digital-pipeline call names neither a time nor a person (sheet, 4.6).
        partial: updated_at.is_none(),
        read: false,
        made: false,
    })
}

fn contact(item: &FormEntity<'_>, zone_field: Option<u64>) -> Option<Signal> {
    let contact = item.id()?;
    let mut facts = ClientFacts { name: item.node.text("name").map(str::to_owned), ..Default::default() };
    let mut keys = Vec::new();
    for field in wire::fields(item.node).unwrap_or_default() {
        let mut values =
            field.values.iter().map(|value| value.value.trim()).filter(|value| !value.is_empty());
        let all = values.clone();
        match field.code {
            Some("PHONE") => keys.extend(values.clone().filter_map(link::mirror_phone)),
            Some("EMAIL") => keys.extend(values.clone().filter_map(link::mirror_email)),
            _ => {}
        }
        match field.code {
            Some("PHONE") => facts.phone = values.next().map(|first| phone(first, values.next())),
            Some("EMAIL") => facts.email = values.next().map(str::to_lowercase),
            _ if Some(field.id) == zone_field => facts.zone = values.next().map(str::to_owned),
            _ => {}
        }
        facts.carry(field.code.unwrap_or_default(), all);
    }
    let responsible = item.node.number("responsible_user_id");
    // Without a time nothing can be compared, and an old state could overwrite a newer one.
    let card =
        item.updated_at().map(|at| ContactCard { contact, keys, updated_at: at.timestamp(), responsible });
    Some(Signal::ContactSeen { contact, facts, card, read: false })
}

/// Note type 4 is an ordinary note; its fields may stand one level deeper (sheet, 4.3).
fn note(item: &FormEntity<'_>) -> Option<Signal> {
    let node = item.node.get("note").unwrap_or(item.node);
    Some(Signal::NoteSeen(Box::new(SeenNote {
        note: node.number("id")?,
        lead: node.number("element_id"),
        common: node.number::<u8>("note_type") == Some(4),
        text: node.text("text").unwrap_or_default().to_owned(),
        by: node.number("created_by").filter(|user: &u64| *user != 0),
        created_at: wire::time(node, "created_at"),
        read: false,
    })))
}

fn phone(first: &str, second: Option<&str>) -> Phone {
    let typed = Phone::parse(first);
    Phone { second: typed.second.clone().or_else(|| Phone::parse(second?).e164), ..typed }
}

/// Done means status 1: closing a task from the list sends a first hook with `action_close` and a second one
/// with the result (sheet, 4.3).
fn task(item: &FormEntity<'_>) -> Option<SeenTask> {
    let node = item.node;
    let of_lead = node.number("element_type") == Some(wire::ELEMENT_LEAD);
    let flag = |name| node.number::<u8>(name) == Some(1);
    let result = node.get("result").and_then(|result| result.text("text").or(result.text.as_deref()));
    Some(SeenTask {
        task: item.id()?,
        text: node.text("text").unwrap_or_default().to_owned(),
        done: flag("status") || flag("action_close"),
        result: result.filter(|text| !text.is_empty()).map(str::to_owned),
        due: wire::time(node, "complete_before"),
        responsible: node.number("responsible_user_id"),
        lead: node.number("element_id").filter(|id| of_lead && *id != 0),
        updated_at: item.updated_at(),
        read: false,
    })
}
