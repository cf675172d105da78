//! The scripted people: their memory, and how scripts, orders, leads and tasks are matched. They never use
//! the API: they act as users of the platforms' pages. Enter at [`People`]; managers are in `manager`,
//! clients and events in `client`, entities created and merged by hand in `crm`.

mod answers;
mod client;
mod crm;
mod manager;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::World;
use super::agenda::Due;
use super::amocrm::model::{Entity, Lead, Task};
use super::moment::Shift;
use super::script::{CallKind, CallOutcome, EventScript, ManagerScript};
use super::setup::Setup;
use super::wire::phone_key;

/// The memory of all people.
#[derive(Clone, Debug)]
pub struct People {
    /// For each script: outgoing calls so far, talks so far, letters so far, its order.
    progress: Vec<Progress>,
    /// Order id and order number → script.
    by_order: BTreeMap<String, usize>,
    /// Last ten digits → scripts, oldest first.
    by_phone: BTreeMap<String, Vec<usize>>,
    /// GetCourse user → scripts.
    by_user: BTreeMap<i64, Vec<usize>>,
    /// Until when a manager is on the phone.
    busy: BTreeMap<String, DateTime<Utc>>,
    /// Managers who are absent.
    away: BTreeSet<String>,
    /// Tasks (with their revision) that a manager has already deferred once.
    put_off: BTreeSet<(i64, u32)>,
    /// Task → the revision for which its manager has a plan.
    planned: BTreeMap<i64, u32>,
    /// Task and rule of its script → which match of the rule it is.
    matched: BTreeMap<(i64, usize), u32>,
    shifts: BTreeMap<String, Shift>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    calls: u32,
    talks: u32,
    letters: u32,
    order: Option<i64>,
    /// Events that wait for a task and have been triggered.
    task_events: BTreeSet<usize>,
    /// How many tasks each rule has matched.
    rule_matches: BTreeMap<usize, u32>,
}

impl People {
    /// The state at the start.
    pub fn new(setup: &Setup) -> People {
        People {
            progress: vec![Progress::default(); setup.orders.len()],
            by_order: BTreeMap::new(),
            by_phone: BTreeMap::new(),
            by_user: BTreeMap::new(),
            busy: BTreeMap::new(),
            away: BTreeSet::new(),
            put_off: BTreeSet::new(),
            planned: BTreeMap::new(),
            matched: BTreeMap::new(),
            shifts: setup.managers.iter().map(|manager| (manager.key.clone(), manager.shift())).collect(),
        }
    }

    /// Adds one more script after those of the setup.
    pub(super) fn add_script(&mut self) {
        self.progress.push(Progress::default());
    }
}

/// What has just happened; events and answers may wait for it.
#[derive(Clone, Copy)]
enum Trigger<'a> {
    Call(u32),
    Talk(u32),
    Letter(u32),
    Task(&'a str),
}

impl World {
    /// The script whose order a lead belongs to: by a field with the order's id or number, otherwise by the
    /// contact's phone.
    pub(super) fn script_of_lead(&self, lead: &Lead) -> Option<usize> {
        for value in lead.fields.values().flatten() {
            let text = value.text();
            let digits = text.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            if let Some(script) = self.people.by_order.get(&text).or_else(|| self.people.by_order.get(digits))
            {
                return Some(*script);
            }
        }
        lead.contacts.iter().find_map(|(contact, _)| self.script_of_contact(*contact))
    }

    fn script_of_contact(&self, contact: i64) -> Option<usize> {
        let contact = self.amocrm.contacts.get(&contact)?;
        self.amocrm.phones(contact).iter().find_map(|phone| self.script_of_phone(phone))
    }

    /// The script of a phone: the oldest whose order is still open, otherwise the newest.
    fn script_of_phone(&self, phone: &str) -> Option<usize> {
        let scripts = self.people.by_phone.get(&phone_key(phone)?)?;
        let open = |script: &&usize| {
            let order = self.people.progress[**script].order.and_then(|id| self.getcourse.orders.get(&id));
            order.is_some_and(|order| !matches!(order.status.as_str(), "payed" | "cancelled" | "false"))
        };
        scripts.iter().find(open).or(scripts.last()).copied()
    }

    fn script_of_task(&self, task: &Task) -> Option<usize> {
        match task.entity? {
            (Entity::Leads, id) => self.amocrm.leads.get(&id).and_then(|lead| self.script_of_lead(lead)),
            (Entity::Contacts, id) => self.script_of_contact(id),
            (Entity::Companies, _) => None,
        }
    }

    /// The lead that people act on: the oldest open one of the script, otherwise the newest.
    fn lead_of_script(&self, script: usize) -> Option<i64> {
        let mine: Vec<&Lead> = self
            .amocrm
            .leads
            .values()
            .filter(|lead| !lead.is_deleted && self.script_of_lead(lead) == Some(script))
            .collect();
        let open = mine.iter().find(|lead| lead.is_open());
        open.or(mine.last()).map(|lead| lead.id)
    }

    fn manager(&self, key: &str) -> Option<&ManagerScript> {
        self.setup.managers.iter().find(|manager| manager.key == key)
    }

    fn manager_of_user(&self, user: i64) -> Option<&ManagerScript> {
        self.setup.managers.iter().find(|manager| manager.amocrm_user == user)
    }

    /// The first moment from `at` on at which a manager works.
    fn working(&self, manager: &str, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.people.shifts.get(manager)?.next(at, self.setup.zone)
    }

    /// Plans the events and answers of a script that wait for this trigger.
    fn trigger(&mut self, now: DateTime<Utc>, script: usize, trigger: Trigger) {
        let Some(order) = self.setup.orders.get(script) else {
            return;
        };
        let mut plans = Vec::new();
        for (event, item) in order.events.iter().enumerate() {
            let first = match trigger {
                Trigger::Task(_) if waits_for(item, trigger) => {
                    self.people.progress[script].task_events.insert(event)
                }
                _ => true,
            };
            if first && waits_for(item, trigger) {
                let plus = item.plus.map_or(TimeDelta::zero(), |span| span.0);
                plans.push((now + plus, Due::Event { script, event }));
            }
        }
        for (answer, item) in order.answers.iter().enumerate() {
            let wanted = match trigger {
                Trigger::Call(number) => item.after_call == Some(number),
                Trigger::Talk(number) => item.after_talk == Some(number),
                _ => false,
            };
            if wanted {
                let plus = item.plus.map_or(TimeDelta::minutes(2), |span| span.0);
                plans.push((now + plus, Due::Answer { script, answer }));
            }
        }
        for (at, due) in plans {
            self.agenda.plan(at, due);
        }
    }

    fn trouble(&mut self, now: DateTime<Utc>, script: Option<usize>, text: &str) {
        let name =
            script.and_then(|script| self.setup.orders.get(script)).map_or("-", |order| order.id.as_str());
        self.troubles.push((now, format!("{name}: {text}")));
    }

    /// The outcome of the next outgoing call of a script, and its number.
    fn next_call(&self, script: Option<usize>) -> (u32, CallOutcome) {
        let default = self.setup.people.default_call;
        let Some(order) = script.and_then(|script| self.setup.orders.get(script)) else {
            return (0, default);
        };
        let made = script.map_or(0, |script| self.people.progress[script].calls);
        let index = usize::try_from(made).unwrap_or(usize::MAX);
        let outcome = order.calls.get(index).copied().or(order.calls_default).unwrap_or(default);
        (made + 1, outcome)
    }
}

fn waits_for(event: &EventScript, trigger: Trigger) -> bool {
    match trigger {
        Trigger::Call(number) => event.after_call == Some(number),
        Trigger::Talk(number) => event.after_talk == Some(number),
        Trigger::Letter(number) => event.after_letter == Some(number),
        Trigger::Task(text) => {
            event.after_task.as_ref().is_some_and(|part| text.to_lowercase().contains(&part.to_lowercase()))
        }
    }
}

/// The word of an outcome, for tables.
fn word(kind: CallKind) -> &'static str {
    match kind {
        CallKind::NoAnswer => "no_answer",
        CallKind::Busy => "busy",
        CallKind::Rejected => "rejected",
        CallKind::Unreachable => "unreachable",
        CallKind::Invalid => "invalid",
        CallKind::Voicemail => "voicemail",
        CallKind::Cancelled => "cancelled",
        CallKind::Talk { .. } => "talk",
        CallKind::Mobile => "mobile",
        CallKind::ManagerMissed => "manager_missed",
        CallKind::Ignore => "ignore",
    }
}
