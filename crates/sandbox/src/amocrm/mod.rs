//! The amoCRM stand-in: one account with its entities, dictionaries, tokens, subscriptions and event log. It
//! never reads a clock and never sends anything: changes for webhooks are collected in `echoes`, which the
//! world empties. Enter at [`Account::gate`] and [`Account::handle`]
//! (in `routes`); people act through the methods of
//! `changes`.

pub mod auth;
mod card_changes;
mod cards;
pub mod changes;
pub mod checks;
mod complex;
mod dictionaries;
pub mod fields;
mod filters;
pub mod hooks;
mod leads;
mod links;
pub mod log;
mod merges;
pub mod model;
mod notes;
mod routes;
mod subscriptions;
mod task_changes;
mod tasks;
#[cfg(test)]
mod tests;
pub mod unsorted;
mod writes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use self::auth::Auth;
use self::checks::{page_of, problem};
use self::fields::FieldBook;
use self::hooks::{Echo, Subscription};
use self::log::LogEntry;
use self::model::{Contact, Entity, Frame, Lead, Note, Tag, Task};
use self::unsorted::Unsorted;
use super::faults::Budget;
use super::setup::{AmocrmSetup, PipelineSetup};
use super::wire::{WireAnswer, WireRequest};

#[derive(Clone, Debug)]
pub struct Account {
    pub setup: AmocrmSetup,
    zone: Tz,
    /// The address under which it was asked last: what links name.
    base: String,
    pub lead_book: FieldBook,
    pub contact_book: FieldBook,
    pub auth: Auth,
    budget: Budget,
    refusals: VecDeque<DateTime<Utc>>,
    /// Blocked for its request rate: 403 on everything (sheet 2.1).
    pub blocked: bool,
    /// Its subscription is over: 402 (sheet 1.7).
    pub unpaid: Unpaid,
    /// Its new subdomain: requests under the old one answer 401 (sheet 1.4).
    pub renamed: Option<String>,
    pub leads: BTreeMap<i64, Lead>,
    pub contacts: BTreeMap<i64, Contact>,
    pub companies: BTreeMap<i64, Contact>,
    /// Contacts that a person has deleted.
    bin: BTreeMap<i64, Contact>,
    pub unsorted: Vec<Unsorted>,
    pub tasks: BTreeMap<i64, Task>,
    pub notes: BTreeMap<i64, Note>,
    tags: BTreeMap<(Entity, String), i64>,
    /// Entity → its tasks, contact → its leads, last ten digits → contacts: indexes that replace scans.
    tasks_of: BTreeMap<(Entity, i64), BTreeSet<i64>>,
    leads_of: BTreeMap<i64, BTreeSet<i64>>,
    by_phone: BTreeMap<String, BTreeSet<i64>>,
    pub subscriptions: Vec<Subscription>,
    pub log: Vec<LogEntry>,
    /// Changes whose webhooks have not been sent yet.
    pub echoes: Vec<Echo>,
    /// Tasks that were created or changed and that people have not noticed yet.
    pub touched_tasks: Vec<i64>,
    /// Pop-ups of incoming calls: phone and users.
    pub popups: Vec<Value>,
    /// Starts of a Salesbot.
    pub bot_runs: Vec<Value>,
    ids: Ids,
}

/// What an account without a paid subscription refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unpaid {
    #[default]
    Nothing,
    /// At once.
    Writes,
    /// About a month later.
    All,
}

#[derive(Clone, Debug)]
struct Ids {
    lead: i64,
    contact: i64,
    task: i64,
    note: i64,
    tag: i64,
    subscription: i64,
    unsorted: i64,
    event: u64,
}

fn count(counter: &mut i64) -> i64 {
    *counter += 1;
    *counter
}

impl Account {
    /// The account at the start; its setup already lists the managers as users.
    pub fn new(mut setup: AmocrmSetup, zone: Tz, start: DateTime<Utc>) -> Account {
        if setup.token_user == 0 {
            setup.token_user = setup.users.first().map_or(10_412_345, |user| user.id);
        }
        let subscriptions = setup.hooks.iter().enumerate();
        let subscriptions: Vec<Subscription> = subscriptions
            .map(|(index, hook)| {
                Subscription::new(1_190_000 + index as i64, &hook.url, &hook.settings, start)
            })
            .collect();
        Account {
            zone,
            base: format!("https://{}.amocrm.ru", setup.subdomain),
            lead_book: FieldBook(setup.lead_fields.clone()),
            contact_book: FieldBook::of_contacts(&setup.contact_fields),
            auth: Auth::new(&setup, start),
            budget: Budget::per_second(setup.per_second),
            refusals: VecDeque::new(),
            blocked: false,
            unpaid: Unpaid::default(),
            renamed: None,
            leads: BTreeMap::new(),
            contacts: BTreeMap::new(),
            companies: BTreeMap::new(),
            bin: BTreeMap::new(),
            unsorted: Vec::new(),
            tasks: BTreeMap::new(),
            notes: BTreeMap::new(),
            tags: BTreeMap::new(),
            tasks_of: BTreeMap::new(),
            leads_of: BTreeMap::new(),
            by_phone: BTreeMap::new(),
            ids: Ids {
                lead: 41_290_076,
                contact: 52_311_846,
                task: 7_710_454,
                note: 880_455_100,
                tag: 77_119,
                subscription: 1_190_030 + subscriptions.len() as i64,
                unsorted: 0,
                event: 0,
            },
            subscriptions,
            log: Vec::new(),
            echoes: Vec::new(),
            touched_tasks: Vec::new(),
            popups: Vec::new(),
            bot_runs: Vec::new(),
            setup,
        }
    }

    /// The gateway's checks before the request is handled: block and rate.
    pub fn gate(&mut self, now: DateTime<Utc>) -> Result<(), WireAnswer> {
        if self.blocked {
            return Err(WireAnswer::html(403, "Forbidden"));
        }
        if self.budget.take(now).is_ok() {
            return Ok(());
        }
        self.refusals.push_back(now);
        while self.refusals.front().is_some_and(|first| *first + TimeDelta::minutes(1) <= now) {
            self.refusals.pop_front();
        }
        if self.setup.block_after > 0 && self.refusals.len() > self.setup.block_after {
            self.blocked = true;
        }
        Err(WireAnswer::html(429, "Too Many Requests"))
    }

    /// What a read model needs besides the entity.
    fn frame(&self) -> Frame<'_> {
        Frame { base: &self.base, account_id: self.setup.account_id }
    }

    /// Whether a user may be named in a write: known and active, or 0 for the robot.
    fn knows_author(&self, id: i64) -> bool {
        id == 0 || self.knows_user(id)
    }

    fn knows_user(&self, id: i64) -> bool {
        self.setup.users.iter().any(|user| user.id == id && user.active)
    }

    pub fn pipeline(&self, id: i64) -> Option<&PipelineSetup> {
        self.setup.pipelines.iter().find(|pipeline| pipeline.id == id)
    }

    pub fn main_pipeline(&self) -> Option<&PipelineSetup> {
        let main = self.setup.pipelines.iter().find(|pipeline| pipeline.main);
        main.or_else(|| self.setup.pipelines.first())
    }

    /// The tag with this name, created if it is new.
    fn tag(&mut self, kind: Entity, name: &str) -> Tag {
        let counter = &mut self.ids.tag;
        let id = *self.tags.entry((kind, name.to_owned())).or_insert_with(|| count(counter));
        Tag { id, name: name.to_owned() }
    }

    /// The phones of a contact, last ten digits each.
    pub fn phones(&self, contact: &Contact) -> Vec<String> {
        self.texts_of(contact, "PHONE").iter().filter_map(|text| super::wire::phone_key(text)).collect()
    }

    /// The values of a contact's field as texts.
    pub fn texts_of(&self, contact: &Contact, code: &str) -> Vec<String> {
        let values = self.contact_book.by_name(code).and_then(|field| contact.fields.get(&field.id));
        values.map(|values| values.iter().map(model::FieldValue::text).collect()).unwrap_or_default()
    }

    /// The leads of a contact, oldest first.
    pub fn leads_of(&self, contact: i64) -> impl Iterator<Item = &Lead> {
        let ids = self.leads_of.get(&contact).into_iter().flatten();
        ids.filter_map(|id| self.leads.get(id)).filter(|lead| !lead.is_deleted)
    }

    /// The tasks of a lead or contact, oldest first.
    pub fn tasks_of(&self, kind: Entity, id: i64) -> impl Iterator<Item = &Task> {
        let ids = self.tasks_of.get(&(kind, id)).into_iter().flatten();
        ids.filter_map(|id| self.tasks.get(id))
    }
}

fn not_allowed() -> WireAnswer {
    problem(405, "Method Not Allowed", "The method is not supported by this resource")
}

/// The `with` words of a request.
fn with(request: &WireRequest) -> Vec<String> {
    let words = request.query().get("with").unwrap_or("").to_owned();
    words.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// What the listing of entities needs: id, sort times.
trait Listed {
    fn id(&self) -> i64;
    /// The time for a field of `order[…]`; `None` sorts by id.
    fn time(&self, field: &str) -> Option<DateTime<Utc>>;
}

macro_rules! listed {
    ($entity:ty, $($field:ident),+) => {
        impl Listed for $entity {
            fn id(&self) -> i64 {
                self.id
            }
            fn time(&self, field: &str) -> Option<DateTime<Utc>> {
                match field {
                    $(stringify!($field) => Some(self.$field),)+
                    _ => None,
                }
            }
        }
    };
}

listed!(Lead, created_at, updated_at);
listed!(Contact, updated_at);
listed!(Task, created_at, complete_till);
listed!(Note, updated_at);

impl Account {
    /// The requested page of a list in the requested order (`order[…]`, by default by id).
    fn listed<'a, T: Listed + 'a>(
        &self,
        request: &WireRequest,
        name: &str,
        found: impl Iterator<Item = &'a T>,
        show: impl FnMut(&'a T) -> Value,
    ) -> WireAnswer {
        let query = request.query();
        let asked = query.0.iter();
        let mut asked =
            asked.filter_map(|(name, value)| Some((name.strip_prefix("order[")?.strip_suffix(']')?, value)));
        let (field, way) = asked.next().map_or(("id", "asc"), |(field, way)| (field, way.as_str()));
        let mut found: Vec<&T> = found.collect();
        found.sort_by_key(|item| match item.time(field) {
            Some(at) => (at.timestamp(), item.id()),
            None => (item.id(), 0),
        });
        if way == "desc" {
            found.reverse();
        }
        page_of(request, name, found, (50, 250), &self.base, show)
    }
}
