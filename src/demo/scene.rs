//! Everything visible about one order, from the people and the platforms, as one list of dated sightings. It
//! only reads the stand-ins, never the state of the bridge. Enter at [`Scene::of`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::names::Names;
use crate::sandbox::World;
use crate::sandbox::amocrm::model::{Contact, Entity, HistoryEntry, Lead, Note, Task};
use crate::sandbox::script::OrderScript;

/// A talk has at least this many seconds (D12).
const TALK_S: i64 = 15;

/// The kinds of sightings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum See {
    /// A letter in the client's mailbox. Text: subject and body.
    Letter,
    /// A letter that the relay refused. Text: the code.
    Refused,
    /// A task. Text: its first line; words `body`, `to`, `result`, `open`, `closed_by`, `role`; times `due`,
    /// `closed`.
    Task,
    /// A task's deadline was moved. Text: the task's; words `by`; times `due`.
    Moved,
    /// A lead. Text: its name; words `role`, `stage`, `to`, `tags`, `price`, `reason`, `field …`; time
    /// `closed`.
    Lead,
    /// A lead's stage changed. Text: the new one; words `from`, `role`, `by`.
    Stage,
    /// A lead's responsible changed. Text: the new one's key; words `from`, `by`.
    Owner,
    /// A note of a lead. Text: its text; words `type`, `uniq`, `duration`, `link`.
    Note,
    /// A call. Text: how it ended; words `way` (in, out), `manager`; time `ended`.
    Call,
    /// A call that was a talk.
    Talk,
    /// A status of the order in GetCourse. Text: its code; word `by` (bridge, people).
    Status,
    /// A comment on the order in GetCourse.
    Comment,
    /// Money that came in. Text: roubles.
    Payment,
    /// The order in GetCourse as it is at the end. Text: its number; words `status`, `manager`, `reason`,
    /// `paid`.
    Order,
    /// A contact of the order's leads. Text: its name; words `phones`, `emails`, `to`, `field …`.
    Contact,
    /// Anything that the bridge did.
    Deed,
}

/// One thing that was seen.
#[derive(Clone, Debug)]
pub struct Sighting {
    pub see: See,
    pub at: DateTime<Utc>,
    pub text: String,
    pub words: BTreeMap<String, String>,
    pub times: BTreeMap<String, DateTime<Utc>>,
}

impl Sighting {
    pub fn new(see: See, at: DateTime<Utc>, text: impl Into<String>) -> Self {
        Self { see, at, text: text.into(), words: BTreeMap::new(), times: BTreeMap::new() }
    }

    fn word(mut self, name: &str, value: impl Into<String>) -> Self {
        self.words.insert(name.to_owned(), value.into());
        self
    }

    fn time(mut self, name: &str, at: Option<DateTime<Utc>>) -> Self {
        if let Some(at) = at {
            self.times.insert(name.to_owned(), at);
        }
        self
    }

    /// A time by its name; `at` is the sighting's own.
    pub fn at_of(&self, name: &str) -> Option<DateTime<Utc>> {
        if name == "at" { Some(self.at) } else { self.times.get(name).copied() }
    }
}

/// All sightings of one order.
#[derive(Clone, Debug)]
pub struct Scene {
    /// First moment of the run.
    pub start: DateTime<Utc>,
    /// Last moment of the run.
    pub end: DateTime<Utc>,
    /// The client's zone.
    pub zone: Tz,
    /// When the order (or the first call of an unknown client) appeared; `None` if it never did.
    pub appeared: Option<DateTime<Utc>>,
    /// Ordered by time.
    pub sightings: Vec<Sighting>,
}

impl Scene {
    /// Everything visible about a script's order at `end`.
    pub fn of(world: &World, names: &Names, script: &OrderScript, end: DateTime<Utc>) -> Self {
        let leads = world.leads_of(&script.id);
        let mut seen = Vec::new();
        for lead in &leads {
            seen.extend(of_lead(world, names, lead));
        }
        seen.extend(contacts(world, &leads).into_iter().map(|contact| of_contact(world, names, contact)));
        for task in world.tasks_of(&script.id) {
            seen.extend(of_task(names, &leads, task));
        }
        let hung = |note: &&Note| leads.iter().any(|lead| note.entity == (Entity::Leads, lead.id));
        seen.extend(world.notes().filter(hung).map(|note| of_note(names, note)));
        of_calls(world, names, &script.id, &mut seen);
        of_order(world, names, &script.id, &mut seen);
        for letter in world.letters_of(&script.id) {
            seen.push(Sighting::new(See::Letter, letter.at, format!("{}\n{}", letter.subject, letter.text)));
        }
        for (at, to, code) in world.refused_letters() {
            if to.eq_ignore_ascii_case(&script.email) {
                seen.push(Sighting::new(See::Refused, *at, code.to_string()));
            }
        }
        let deeds: Vec<Sighting> = seen.iter().filter(|sighting| is_deed(sighting)).cloned().collect();
        seen.extend(deeds.into_iter().map(|deed| Sighting { see: See::Deed, ..deed }));
        seen.sort_by_key(|sighting| sighting.at);
        let first_call = || seen.iter().find(|seen| seen.see == See::Call).map(|call| call.at);
        let order = world.getcourse().order_of_script(&script.id).map(|order| order.created_at);
        Self {
            start: world.start(),
            end,
            zone: script.zone.parse().unwrap_or(names.zone),
            appeared: order.or_else(first_call),
            sightings: seen,
        }
    }

    /// Sightings of a kind, in the order of time.
    pub fn all(&self, see: See) -> impl DoubleEndedIterator<Item = &Sighting> {
        self.sightings.iter().filter(move |sighting| sighting.see == see)
    }

    /// When the order was won, lost or cancelled for the last time.
    pub fn ended(&self) -> Option<DateTime<Utc>> {
        let closing = |seen: &&Sighting| {
            seen.see == See::Status && ["payed", "cancelled", "false"].contains(&seen.text.as_str())
        };
        self.sightings.iter().filter(closing).map(|seen| seen.at).next_back()
    }
}

/// Something that only the bridge does.
fn is_deed(seen: &Sighting) -> bool {
    match seen.see {
        See::Letter | See::Task | See::Comment => true,
        See::Status | See::Stage | See::Moved => seen.words.get("by").is_some_and(|by| by == "bridge"),
        _ => false,
    }
}

fn of_lead(world: &World, names: &Names, lead: &Lead) -> Vec<Sighting> {
    let role = names.role(lead.first_pipeline_id);
    let mut seen = Sighting::new(See::Lead, lead.created_at, &lead.name)
        .word("role", role)
        .word("stage", names.stage(lead.pipeline_id, lead.status_id))
        .word("to", names.manager(lead.responsible_user_id))
        .word("price", lead.price.to_string())
        .word("tags", joined(lead.tags.iter().map(|tag| tag.name.clone())))
        .word("reason", lead.loss_reason_id.map(|id| names.reason(id)).unwrap_or_default())
        .time("closed", lead.closed_at);
    for (id, values) in &lead.fields {
        let name = world.amocrm().lead_book.by_id(*id).map_or_else(String::new, |field| field.name.clone());
        seen = seen.word(&format!("field {name}"), joined(values.iter().map(|value| value.text())));
    }
    let mut all = vec![seen];
    all.extend(lead.history.iter().filter_map(|turn| of_turn(names, role, turn)));
    all
}

fn of_turn(names: &Names, role: &str, turn: &HistoryEntry) -> Option<Sighting> {
    let seen = match turn.what.as_str() {
        "stage" => Sighting::new(See::Stage, turn.at, names.stage_of(&turn.to))
            .word("from", names.stage_of(&turn.from))
            .word("place", names.place_of(&turn.to).to_string()),
        "responsible" => Sighting::new(See::Owner, turn.at, names.manager_text(&turn.to))
            .word("from", names.manager_text(&turn.from)),
        _ => return None,
    };
    Some(seen.word("role", role).word("by", names.author(turn.by)))
}

fn contacts<'a>(world: &'a World, leads: &[&Lead]) -> Vec<&'a Contact> {
    world
        .contacts()
        .filter(|contact| leads.iter().any(|lead| lead.contacts.iter().any(|(id, _)| *id == contact.id)))
        .collect()
}

fn of_contact(world: &World, names: &Names, contact: &Contact) -> Sighting {
    let account = world.amocrm();
    let mut seen = Sighting::new(See::Contact, contact.created_at, &contact.name)
        .word("phones", joined(account.texts_of(contact, "PHONE")))
        .word("emails", joined(account.texts_of(contact, "EMAIL")))
        .word("to", names.manager(contact.responsible_user_id));
    for (id, values) in &contact.fields {
        let name = account.contact_book.by_id(*id).map_or_else(String::new, |field| field.name.clone());
        seen = seen.word(&format!("field {name}"), joined(values.iter().map(|value| value.text())));
    }
    seen
}

fn of_task(names: &Names, leads: &[&Lead], task: &Task) -> Vec<Sighting> {
    let lead = leads.iter().find(|lead| task.entity == Some((Entity::Leads, lead.id)));
    let title = task.text.lines().next().unwrap_or("");
    let closed_by = task.closed_by.map(|by| names.author(by)).unwrap_or_default();
    let mut all = vec![
        Sighting::new(See::Task, task.created_at, title)
            .word("body", &task.text)
            .word("role", lead.map_or("", |lead| names.role(lead.first_pipeline_id)))
            .word("to", names.manager(task.responsible_user_id))
            .word("open", if task.is_completed { "no" } else { "yes" })
            .word("result", task.result.clone().unwrap_or_default())
            .word("closed_by", closed_by)
            .time("due", Some(task.complete_till))
            .time("closed", task.closed_at),
    ];
    let moved = task.history.iter().filter(|turn| turn.what == "deadline");
    all.extend(moved.map(|turn| {
        let due = turn.to.parse().ok().and_then(|second| DateTime::from_timestamp(second, 0));
        Sighting::new(See::Moved, turn.at, title).word("by", names.author(turn.by)).time("due", due)
    }));
    let handed = task.history.iter().filter(|turn| turn.what == "responsible");
    all.extend(handed.map(|turn| {
        Sighting::new(See::Moved, turn.at, title)
            .word("by", names.author(turn.by))
            .word("to", names.manager_text(&turn.to))
            .word("from", names.manager_text(&turn.from))
    }));
    all
}

fn of_note(names: &Names, note: &Note) -> Sighting {
    let param = |name: &str| match note.params.get(name) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut seen = Sighting::new(See::Note, note.created_at, param("text"))
        .word("type", &note.note_type)
        .word("manager", names.manager(note.responsible_user_id));
    for name in ["uniq", "duration", "link", "phone"] {
        seen = seen.word(name, param(name));
    }
    seen
}

fn of_calls(world: &World, names: &Names, script: &str, seen: &mut Vec<Sighting>) {
    for call in world.calls_of(script) {
        let way = if call.direction == 1 { "in" } else { "out" };
        let sighting = Sighting::new(See::Call, call.created_at, &call.outcome)
            .word("way", way)
            .word("manager", names.extension(&call.extension))
            .word("seconds", call.talk_seconds().to_string())
            .time("ended", Some(call.ended_at));
        if call.talk_seconds() >= TALK_S && call.outcome == "talk" {
            seen.push(Sighting { see: See::Talk, ..sighting.clone() });
        }
        seen.push(sighting);
    }
}

fn of_order(world: &World, names: &Names, script: &str, seen: &mut Vec<Sighting>) {
    let Some(order) = world.getcourse().order_of_script(script) else { return };
    for turn in &order.history {
        let by = if turn.by_api { "bridge" } else { "people" };
        seen.push(Sighting::new(See::Status, turn.at, &turn.status).word("by", by));
    }
    for comment in &order.comments {
        seen.push(Sighting::new(See::Comment, comment.at, &comment.text));
    }
    for payment in &order.payments {
        seen.push(Sighting::new(See::Payment, payment.at, (payment.amount / 100).to_string()));
    }
    seen.push(
        Sighting::new(See::Order, order.created_at, &order.number)
            .word("status", &order.status)
            .word("manager", order.manager_user_id.map(|id| names.staff(id)).unwrap_or_default())
            .word(
                "reason",
                format!("{} {}", order.cancel_reason_id.unwrap_or(0), order.cancel_reason_comment),
            )
            .word("paid", (order.payed / 100).to_string()),
    );
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(", ")
}
