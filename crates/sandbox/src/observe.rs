//! Read access for expectations and tables: the content of the stand-ins, counters, duplicates by natural
//! key. It never changes anything. Enter at [`World::view`] and [`World::duplicates`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Value, json};

use super::World;
use super::amocrm::Account;
use super::amocrm::model::{Contact, Entity, Lead, Note, Task};
use super::calls::Call;
use super::getcourse::GetCourse;
use super::getcourse::model::{Order, User};
use super::mail::Received;

use super::wire::Platform;

/// The counters of one stand-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    pub requests: u64,
    /// Answered with 429, by the budget or a fault.
    pub refused_429: u64,
    /// Faults applied to requests.
    pub faults: u64,
    /// Webhooks sent, repeats included.
    pub hooks_sent: u64,
    pub hooks_repeated: u64,
    pub hooks_failed: u64,
    pub hooks_withheld: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub of: BTreeMap<Platform, Count>,
}

impl Counters {
    fn at(&mut self, platform: Platform) -> &mut Count {
        self.of.entry(platform).or_default()
    }

    /// The counts of a platform.
    pub fn get(&self, platform: Platform) -> Count {
        self.of.get(&platform).copied().unwrap_or_default()
    }

    pub(super) fn request(&mut self, platform: Platform) {
        self.at(platform).requests += 1;
    }

    pub(super) fn refusal(&mut self, platform: Platform) {
        self.at(platform).refused_429 += 1;
    }

    pub(super) fn fault(&mut self, platform: Platform) {
        self.at(platform).faults += 1;
    }

    pub(super) fn hook(&mut self, platform: Platform, again: bool) {
        let count = self.at(platform);
        count.hooks_sent += 1;
        count.hooks_repeated += u64::from(again);
    }

    pub(super) fn hook_failed(&mut self, platform: Platform) {
        self.at(platform).hooks_failed += 1;
    }

    pub(super) fn hook_withheld(&mut self, platform: Platform) {
        self.at(platform).hooks_withheld += 1;
    }
}

/// Entities that exist twice by their natural key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// `lead`, `contact`, `task`, `letter`, `note`, `comment`.
    pub kind: &'static str,
    pub key: String,
    /// Ids, or positions for letters.
    pub ids: Vec<i64>,
}

/// The marker at the end of a task's text: `[t3·gc-700100200]` → `t3·gc-700100200`.
pub fn marker(text: &str) -> Option<&str> {
    let inner = text.trim_end().strip_suffix(']')?;
    let (_, tag) = inner.rsplit_once('[')?;
    (!tag.is_empty() && !tag.contains(char::is_whitespace)).then_some(tag)
}

impl World {
    /// The amoCRM account in its present state.
    pub fn amocrm(&self) -> &Account {
        &self.amocrm
    }

    /// The same, for tests that change it (revoke tokens, lift a block …).
    pub fn amocrm_mut(&mut self) -> &mut Account {
        &mut self.amocrm
    }

    /// The school in its present state.
    pub fn getcourse(&self) -> &GetCourse {
        &self.getcourse
    }

    /// Leads, oldest first, deleted ones included.
    pub fn leads(&self) -> impl Iterator<Item = &Lead> {
        self.amocrm.leads.values()
    }

    /// Contacts, oldest first.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.amocrm.contacts.values()
    }

    /// Tasks, oldest first.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.amocrm.tasks.values()
    }

    /// Notes, oldest first.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.amocrm.notes.values()
    }

    /// Orders by id.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.getcourse.orders.values()
    }

    /// GetCourse users by id.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.getcourse.users.values()
    }

    /// Letters in order of arrival.
    pub fn letters(&self) -> &[Received] {
        &self.mail.letters
    }

    /// Letters that were refused: moment, recipient, code.
    pub fn refused_letters(&self) -> &[(DateTime<Utc>, String, u16)] {
        &self.mail.refused
    }

    /// Actions of scripts that could not be carried out.
    pub fn troubles(&self) -> &[(DateTime<Utc>, String)] {
        &self.troubles
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The order of a script.
    pub fn order_of(&self, script: &str) -> Option<&Order> {
        self.getcourse.order_of_script(script)
    }

    /// The leads that belong to a script's order, oldest first.
    pub fn leads_of(&self, script: &str) -> Vec<&Lead> {
        let index = self.setup.orders.iter().position(|order| order.id == script);
        self.amocrm
            .leads
            .values()
            .filter(|lead| index.is_some() && self.script_of_lead(lead) == index)
            .collect()
    }

    /// The tasks of a script's leads and of their contacts, oldest first.
    pub fn tasks_of(&self, script: &str) -> Vec<&Task> {
        let leads = self.leads_of(script);
        let belongs = |task: &&Task| match task.entity {
            Some((Entity::Leads, id)) => leads.iter().any(|lead| lead.id == id),
            Some((Entity::Contacts, id)) => {
                leads.iter().any(|lead| lead.contacts.iter().any(|(contact, _)| *contact == id))
            }
            Some((Entity::Companies, _)) | None => false,
        };
        self.amocrm.tasks.values().filter(belongs).collect()
    }

    pub fn calls_of(&self, script: &str) -> Vec<&Call> {
        self.calls().iter().filter(|call| call.script.as_deref() == Some(script)).collect()
    }

    /// The letters to the client of a script.
    pub fn letters_of(&self, script: &str) -> Vec<&Received> {
        let email = self
            .order_of(script)
            .and_then(|order| self.getcourse.users.get(&order.user_id))
            .map(|user| user.email.as_str());
        self.mail.letters.iter().filter(|letter| email == Some(letter.to.as_str())).collect()
    }

    /// Entities that exist twice: leads by order number and first pipeline, contacts by phone, tasks by lead
    /// and marker, letters by recipient, text and day, notes by card and text, calls by card and id, comments
    /// by order and text.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let zone: Tz = self.setup.zone;
        let mut found = Vec::new();
        let book = &self.amocrm.lead_book;
        let field = book.by_name(&self.setup.amocrm.order_field).map(|field| field.id);
        let leads = self.amocrm.leads.values().filter(|lead| !lead.is_deleted).filter_map(|lead| {
            let number = lead.fields.get(&field?)?.first()?.text();
            Some((format!("{number} in {}", lead.first_pipeline_id), lead.id))
        });
        collect("lead", leads, &mut found);
        let contacts = self.amocrm.contacts.values().flat_map(|contact| {
            let mut phones = self.amocrm.phones(contact);
            phones.sort();
            phones.dedup();
            phones.into_iter().map(|phone| (phone, contact.id)).collect::<Vec<_>>()
        });
        collect("contact", contacts, &mut found);
        let tasks = self.amocrm.tasks.values().filter_map(|task| {
            let (kind, id) = task.entity?;
            Some((format!("{} {id} [{}]", kind.plural(), marker(&task.text)?), task.id))
        });
        collect("task", tasks, &mut found);
        let letters = self.mail.letters.iter().enumerate().map(|(index, letter)| {
            let day = letter.at.with_timezone(&zone).date_naive();
            (
                format!("{} {day} {} {}", letter.to, letter.subject, letter.text),
                i64::try_from(index).unwrap_or(0),
            )
        });
        collect("letter", letters, &mut found);
        let notes = self.amocrm.notes.values().map(|note| {
            let (kind, id) = note.entity;
            // A call has an id of its own; of two notes with the same text one is a repeat.
            let text = note.params.get("uniq").or_else(|| note.params.get("text"));
            (format!("{} {id} {} {}", kind.plural(), note.note_type, text.unwrap_or(&Value::Null)), note.id)
        });
        collect("note", notes, &mut found);
        let comments = self.getcourse.orders.values().flat_map(|order| {
            let comments = order.comments.iter().enumerate();
            comments.map(|(index, comment)| {
                (format!("{} {}", order.id, comment.text), i64::try_from(index).unwrap_or(0))
            })
        });
        collect("comment", comments, &mut found);
        found
    }

    /// The whole content as JSON.
    pub fn view(&self) -> Value {
        let all = |items: Vec<Value>| Value::Array(items);
        fn shown<'a, T: Serialize + 'a>(items: impl Iterator<Item = &'a T>) -> Vec<Value> {
            items.map(|item| serde_json::to_value(item).unwrap_or(Value::Null)).collect()
        }
        json!({
            "leads": all(shown(self.leads())), "contacts": all(shown(self.contacts())), "tasks": all(shown(self.tasks())),
            "notes": all(shown(self.notes())), "orders": all(shown(self.orders())), "users": all(shown(self.users())),
            "calls": all(shown(self.calls().iter())), "letters": all(shown(self.letters().iter())),
            "subscriptions": all(shown(self.amocrm.subscriptions.iter())), "counters": self.counters,
            "duplicates": self.duplicates(),
            "troubles": self.troubles.iter().map(|(at, text)| json!({"at": at, "text": text})).collect::<Vec<_>>(),
        })
    }
}

fn collect(kind: &'static str, pairs: impl Iterator<Item = (String, i64)>, found: &mut Vec<Duplicate>) {
    let mut by_key: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (key, id) in pairs {
        by_key.entry(key).or_default().push(id);
    }
    found.extend(by_key.into_iter().filter(|(_, ids)| ids.len() > 1).map(|(key, ids)| Duplicate {
        kind,
        key,
        ids,
    }));
}
