//! amoCRM's reconciliation: reads the event log since the last run, and the present state of each entity that
//! changed without a webhook (sheet, 3.21 and 4.7). Never reads an entity that is not ours or that a webhook
//! has shown since, and never relies on a filter: each event is compared. Enter at [`AmoReconciler`]. Source:
//! amocrm.ru/developers/content/crm_platform/events-and-notes.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::AmoClient;
use super::card::{list, number, page, text};
use super::client::Call;
use super::read_entities::{self, Entity};
use crate::link;
use crate::platform::reconcile::{Known, Reconciled, Reconciler};
use crate::platform::{Fault, RawRequest};
use crate::process::{At, ClientId, Urgency};

/// Types of events whose webhooks we follow.
const TYPES: [&str; 18] = [
    "lead_added",
    "lead_status_changed",
    "lead_deleted",
    "lead_restored",
    "contact_added",
    "contact_deleted",
    "contact_restored",
    "entity_responsible_changed",
    "entity_merged",
    "entity_linked",
    "custom_field_value_changed",
    "name_field_changed",
    "task_completed",
    "task_deleted",
    "task_result_added",
    "task_deadline_changed",
    "task_text_changed",
    "common_note_added",
];

/// Types whose content we do not follow; any other type is reported, because nothing reads it.
const OTHERS: [&str; 18] = [
    "company_added",
    "company_deleted",
    "task_added",
    "task_type_changed",
    "incoming_call",
    "outgoing_call",
    "incoming_sms",
    "outgoing_sms",
    "entity_tag_added",
    "entity_tag_deleted",
    "entity_unlinked",
    "sale_field_changed",
    "service_note_added",
    "attachment_note_added",
    "geo_note_added",
    "message_to_cashier_note_added",
    "incoming_chat_message",
    "outgoing_chat_message",
];

/// Events of one page; the platform gives no more.
const PAGE: usize = 100;
/// Most pages of one run; the next run reads the rest.
const PAGES: usize = 5;
/// Entities read in one run.
const READS: usize = 10;
/// Most entities that wait to be read, and most events that are remembered.
const KEPT_MAX: usize = 5_000;
/// The log may lag behind the change, and a webhook also needs a moment.
const LAG_S: i64 = 120;
/// After a longer downtime, events older than this are not read.
const BACK_MAX_DAYS: i64 = 7;

/// Reconciliation of one school's account.
pub struct AmoReconciler {
    client: AmoClient,
    every: TimeDelta,
    /// Users of the account who are managers of the school.
    managers: BTreeSet<u64>,
    /// Pipeline and status in which a manager's own lead enters the process (G9).
    watched: BTreeSet<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cursor {
    /// Events from here on have to be read; those already read are listed by id.
    since: At,
    next_at: At,
    /// The page at which a long log continues.
    #[serde(default)]
    page: usize,
    /// When the first page of this log was read.
    #[serde(default)]
    read_at: Option<At>,
    #[serde(default)]
    seen: BTreeSet<String>,
    /// Entities to be read → their latest event.
    #[serde(default)]
    waiting: BTreeMap<Entity, At>,
}

#[async_trait]
impl Reconciler for AmoReconciler {
    async fn reconcile(&self, cursor: &Value, known: &dyn Known, now: At) -> Result<Reconciled, Fault> {
        let Ok(mut cursor) = serde_json::from_value::<Cursor>(cursor.clone()) else {
            let cursor = Cursor {
                since: now,
                next_at: now + self.every,
                page: 0,
                read_at: None,
                seen: BTreeSet::new(),
                waiting: BTreeMap::new(),
            };
            return Ok(Reconciled::nothing(&cursor, cursor.next_at));
        };
        let (mut found, mut unread) = (Vec::new(), Vec::new());
        if !cursor.waiting.is_empty() {
            found = self.read_some(&mut cursor, known).await?;
        } else if cursor.read_at.is_some() || now >= cursor.next_at {
            unread = self.read_log(&mut cursor, known, now).await?;
        }
        let done = cursor.waiting.is_empty() && cursor.read_at.is_none();
        let again_at = if done { cursor.next_at } else { now };
        Ok(Reconciled { found, unread, ..Reconciled::nothing(&cursor, again_at) })
    }

    fn is_through(&self, cursor: &Value) -> bool {
        let cursor = serde_json::from_value::<Cursor>(cursor.clone());
        cursor.map_or(true, |cursor| cursor.waiting.is_empty() && cursor.read_at.is_none())
    }
}

impl AmoReconciler {
    /// `every` is the interval between two runs.
    pub fn new(client: AmoClient, every: TimeDelta, managers: BTreeSet<u64>) -> Self {
        Self { client, every, managers, watched: BTreeSet::new() }
    }

    /// Also finds leads that managers made or moved there (G9).
    pub fn watching(self, watched: BTreeSet<(u64, u64)>) -> Self {
        Self { watched, ..self }
    }

    /// Returns the types of events that nothing knows.
    async fn read_log(&self, cursor: &mut Cursor, known: &dyn Known, now: At) -> Result<Vec<String>, Fault> {
        let mut unread = Vec::new();
        let begun = *cursor.read_at.get_or_insert(now);
        let since = cursor.since.max(now - TimeDelta::days(BACK_MAX_DAYS));
        let mut last = false;
        for _ in 0..PAGES {
            cursor.page += 1;
            let events = self.events(since, cursor.page).await?;
            last = events.len() < PAGE;
            unread.extend(events.iter().map(|event| text(&event["type"])).filter_map(unknown_type));
            for event in events {
                self.note(cursor, &event, since, known).await?;
            }
            if last {
                break;
            }
        }
        if last {
            cursor.since = begun - TimeDelta::seconds(LAG_S);
            cursor.next_at = begun + self.every;
            (cursor.page, cursor.read_at) = (0, None);
            // An event older than the start of the next run cannot appear again.
            let kept = cursor.seen.len().saturating_sub(KEPT_MAX);
            cursor.seen = std::mem::take(&mut cursor.seen).into_iter().skip(kept).collect();
        }
        Ok(unread)
    }

    async fn events(&self, since: At, at: usize) -> Result<Vec<Value>, Fault> {
        let (from, limit, at) = (since.timestamp().to_string(), PAGE.to_string(), at.to_string());
        let mut asked: Vec<(&str, &str)> = TYPES.iter().map(|kind| ("filter[type][]", *kind)).collect();
        asked.extend([("filter[created_at][from]", from.as_str()), ("limit", &limit), ("page", &at)]);
        let body = self.client.read(&Call::get("/api/v4/events", &asked, Urgency::Backfill)).await?;
        Ok(body.map(|body| page(&body, "events").to_vec()).unwrap_or_default())
    }

    /// Records an event; its entity is read if it is ours and no webhook has shown it since.
    async fn note(
        &self,
        cursor: &mut Cursor,
        event: &Value,
        since: At,
        known: &dyn Known,
    ) -> Result<(), Fault> {
        let (id, kind) = (text(&event["id"]), general(text(&event["type"])));
        let at = number(&event["created_at"]).and_then(|at| DateTime::from_timestamp(at, 0));
        let (Some(at), Some(entity)) = (at, Entity::of_event(event)) else { return Ok(()) };
        if !TYPES.contains(&kind) || at < since - TimeDelta::seconds(1) || !cursor.seen.insert(id.to_owned())
        {
            return Ok(());
        }
        // Our own notes have no author or a robot's: the feed is not read back.
        let author = number(&event["created_by"]).unwrap_or_default();
        if matches!(entity, Entity::Note { .. }) && !self.managers.contains(&author) {
            return Ok(());
        }
        let is_wanted = async || {
            Ok::<_, Fault>(
                is_ours(&entity, known).await?
                    || self.is_made_by_hand(event, kind, author)
                    || is_for_mirror(kind),
            )
        };
        if cursor.waiting.len() >= KEPT_MAX || !is_wanted().await? || is_mirrored(&entity, at, known).await? {
            return Ok(());
        }
        let shown = known.shown(&entity.record()).await?;
        let is_back = kind == "lead_restored";
        if (shown.gone && !is_back) || shown.updated_at.is_some_and(|shown| shown >= at) {
            return Ok(());
        }
        let latest = cursor.waiting.entry(entity).or_insert(at);
        *latest = at.max(*latest);
        Ok(())
    }

    /// A manager made a lead, or moved one into a stage that the school watches (G9).
    fn is_made_by_hand(&self, event: &Value, kind: &str, author: u64) -> bool {
        if self.watched.is_empty() || !self.managers.contains(&author) {
            return false;
        }
        let status = list(&event["value_after"]).iter().find_map(|after| {
            let status = &after["lead_status"];
            Some((number(&status["pipeline_id"])?, number(&status["id"])?))
        });
        match kind {
            "lead_added" => true,
            "lead_status_changed" => status.is_some_and(|status| self.watched.contains(&status)),
            _ => false,
        }
    }

    async fn read_some(&self, cursor: &mut Cursor, known: &dyn Known) -> Result<Vec<RawRequest>, Fault> {
        let mut found = Vec::new();
        for _ in 0..READS {
            let Some((entity, at)) = cursor.waiting.pop_first() else { break };
            let shown = known.shown(&entity.record()).await?;
            if shown.updated_at.is_some_and(|shown| shown >= at) {
                continue;
            }
            let body = self.client.read(&entity.read(Urgency::Backfill)).await?;
            let body = body.filter(|body| body["is_deleted"] != Value::Bool(true));
            if shown.gone && body.is_none() {
                continue;
            }
            if is_change(&entity, body.as_ref(), known).await? {
                found.push(read_entities::request(&json!({ entity.word(): body, "id": entity.id() })));
            }
        }
        Ok(found)
    }
}

/// A changed field is asked for by the general type and answered with its id in the type:
/// `custom_field_805501_value_changed`.
fn general(kind: &str) -> &str {
    let field = kind.strip_prefix("custom_field_").and_then(|rest| rest.strip_suffix("_value_changed"));
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if field.is_some_and(is_id) { "custom_field_value_changed" } else { kind }
}

fn unknown_type(kind: &str) -> Option<String> {
    let is_known = TYPES.contains(&general(kind)) || OTHERS.contains(&kind);
    (!is_known).then(|| format!("event type {kind}"))
}

async fn is_ours(entity: &Entity, known: &dyn Known) -> Result<bool, Fault> {
    let key = match entity {
        Entity::Lead(id) => link::crm_lead(*id),
        Entity::Contact(id) => {
            let keys = [link::crm_contact(*id), link::mirror_contact(*id)];
            return Ok(known.links(&keys).await?.iter().any(Option::is_some));
        }
        Entity::Task(id) => link::crm_task(*id),
        // For a note, intake finds out whose lead it is on.
        Entity::Note { lead, .. } => link::crm_lead(*lead),
    };
    Ok(known.links(&[key]).await?.pop().flatten().is_some())
}

/// The mirror has to hold every contact, whoever made it: without it a client would be made twice.
fn is_for_mirror(kind: &str) -> bool {
    matches!(kind, "contact_added" | "contact_restored")
}

/// A webhook, or a page of contacts, has shown this state or a later one of a contact.
async fn is_mirrored(entity: &Entity, at: At, known: &dyn Known) -> Result<bool, Fault> {
    let Entity::Contact(id) = entity else { return Ok(false) };
    let stored = known.links(&[link::mirror_contact(*id)]).await?.pop().flatten();
    Ok(mirrored_at(stored.as_deref()).is_some_and(|shown| shown >= at.timestamp()))
}

/// Of an entry of the mirror.
fn mirrored_at(stored: Option<&str>) -> Option<i64> {
    serde_json::from_str::<Value>(stored?).ok()?["at"].as_i64()
}

/// No last seen state is stored for a contact: it counts as changed if the mirror has an older state or none,
/// or if it gives the client a number that the client lacks.
async fn is_change(entity: &Entity, body: Option<&Value>, known: &dyn Known) -> Result<bool, Fault> {
    let (Entity::Contact(id), Some(body)) = (entity, body) else { return Ok(true) };
    let mirrored = known.links(&[link::mirror_contact(*id)]).await?.pop().flatten();
    if number::<i64>(&body["updated_at"]).is_some_and(|at| mirrored_at(mirrored.as_deref()) < Some(at)) {
        return Ok(true);
    }
    let Some(owner) = known.links(&[link::crm_contact(*id)]).await?.pop().flatten() else { return Ok(false) };
    let Some(client) = known.client(&ClientId(owner)).await? else { return Ok(false) };
    let facts = read_entities::contact(body, None);
    let phone = facts.phone.and_then(|phone| phone.e164);
    Ok(phone.is_some_and(|phone| !client.phones.contains(&phone))
        || facts.email.is_some_and(|email| !client.emails.contains(&email)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fields_own_type_is_the_general_one_and_a_new_type_is_said() {
        for (kind, expected) in [
            ("custom_field_805501_value_changed", "custom_field_value_changed"),
            ("custom_field_value_changed", "custom_field_value_changed"),
            ("custom_field__value_changed", "custom_field__value_changed"),
            ("lead_status_changed", "lead_status_changed"),
        ] {
            assert_eq!(general(kind), expected);
        }
        assert_eq!(unknown_type("custom_field_805501_value_changed"), None);
        assert_eq!(unknown_type("task_added"), None);
        assert_eq!(unknown_type("lead_moved").as_deref(), Some("event type lead_moved"));
    }

    /// A type that the stand-in never writes would be followed by no test, and one that only it writes would
    /// be reported as unknown. It has no chats and deletes no company.
    #[test]
    fn the_types_are_those_of_the_stand_in() {
        const NOT_THERE: [&str; 3] = ["incoming_chat_message", "outgoing_chat_message", "company_deleted"];
        let written = BTreeSet::from(dozvon_sandbox::amocrm::log::TYPES.map(|(kind, ..)| kind));
        let followed = BTreeSet::from(TYPES);
        let known: BTreeSet<&str> = OTHERS.into_iter().filter(|kind| !NOT_THERE.contains(kind)).collect();
        assert_eq!(followed.intersection(&known).next(), None, "followed or not");
        assert_eq!(followed.union(&known).copied().collect::<BTreeSet<_>>(), written);
    }

    /// What a webhook of ours can tell is found in the log if the webhook is lost.
    #[test]
    fn every_webhook_has_its_events_in_the_log() {
        let of = |webhook: &str| -> &[&str] {
            match webhook {
                "add_lead" => &["lead_added"],
                "update_lead" => &["custom_field_value_changed", "name_field_changed", "entity_linked"],
                "status_lead" => &["lead_status_changed"],
                "responsible_lead" | "responsible_task" => &["entity_responsible_changed"],
                "delete_lead" => &["lead_deleted", "entity_merged"],
                "restore_lead" => &["lead_restored"],
                "note_lead" => &["common_note_added"],
                "add_contact" => &["contact_added"],
                "update_contact" => &["custom_field_value_changed", "name_field_changed"],
                "delete_contact" => &["contact_deleted", "entity_merged"],
                "restore_contact" => &["contact_restored"],
                "update_task" => {
                    &["task_completed", "task_result_added", "task_deadline_changed", "task_text_changed"]
                }
                "delete_task" => &["task_deleted"],
                _ => &[],
            }
        };
        for webhook in super::super::subscription::EVENTS {
            let events = of(webhook);
            assert!(!events.is_empty(), "{webhook}: no event of the log tells the same");
            assert!(events.iter().all(|kind| TYPES.contains(kind)), "{webhook}: {events:?}");
        }
        let all: BTreeSet<&str> =
            super::super::subscription::EVENTS.iter().flat_map(|webhook| of(webhook)).copied().collect();
        assert_eq!(all, BTreeSet::from(TYPES), "nothing is read that no webhook tells");
    }
}
