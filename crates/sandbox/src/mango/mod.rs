//! The Mango stand-in: signed events of calls, the callback command, employees, statistics.
//! How a call ends is decided by people, who pass it a [`Course`].
//! Enter at its [`Exchange`] and [`Phones`].

mod calls;
mod commands;
mod events;
mod setup;
mod statistics;
#[cfg(test)]
mod tests;

pub use self::events::{sign, signed_body};
pub use self::setup::MangoSetup;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use serde::Deserialize;

use crate::calls::{Course, Employee};
use crate::faults::Budget;
use crate::form;
use crate::lines::{Exchange, LinePost, Maker, Phones, Switchboard};
use crate::wire::{WireAnswer, WireRequest};

pub static EXCHANGE: Maker = Maker {
    name: "mango",
    path: "/vpbx/",
    setup: || Box::new(MangoSetup::default()),
    read: |table| Ok(Box::new(MangoSetup::deserialize(table)?)),
};

/// One exchange.
#[derive(Clone, Debug)]
pub struct Vpbx {
    pub setup: MangoSetup,
    board: Switchboard,
    budget: Budget,
    callbacks: Budget,
    /// After a bad request everything is answered 401 until then (sheet 7.6).
    locked_until: Option<DateTime<Utc>>,
    /// Events to be sent, with their moments.
    pub posts: Vec<Post>,
    /// Key → how often it was asked for, and its table.
    statistics: BTreeMap<String, (u32, String)>,
    /// Records whose link was given out and not used yet.
    files: BTreeSet<String>,
    /// In which the newer statistics read and write times.
    pub zone: Tz,
}

/// An event on its way: when, sub-path, exact JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub at: DateTime<Utc>,
    pub path: &'static str,
    pub json: String,
}

impl Exchange for Vpbx {
    fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        self.command(now, request)
    }

    fn board(&self) -> &Switchboard {
        &self.board
    }

    fn board_mut(&mut self) -> &mut Switchboard {
        &mut self.board
    }

    fn take_posts(&mut self) -> Vec<LinePost> {
        let posts = std::mem::take(&mut self.posts);
        posts.iter().filter(|_| !self.setup.hooks_url.is_empty()).map(|post| self.signed(post)).collect()
    }

    fn example(&self, ended: DateTime<Utc>, extension: &str, client: &str) -> Option<String> {
        let mut copy = self.clone();
        let course = Course { rings_s: 45, talk_s: 0, reason: 1111 };
        copy.dial(ended - chrono::TimeDelta::seconds(45), extension, client, course);
        let json = copy.posts.pop().map(|post| post.json).unwrap_or_default();
        let json = json.replace("\"entry_id\":\"", "\"entry_id\":\"hand");
        let MangoSetup { api_key, api_salt, hooks_url, .. } = &self.setup;
        Some(format!(
            "curl -d vpbx_api_key={api_key} -d sign={} --data-urlencode 'json={json}' {}/events/summary",
            sign(api_key, &json, api_salt),
            hooks_url.trim_end_matches('/'),
        ))
    }

    fn boxed(&self) -> Box<dyn Exchange> {
        Box::new(self.clone())
    }
}

impl Vpbx {
    /// The exchange at the start.
    pub fn new(setup: MangoSetup, employees: Vec<Employee>) -> Vpbx {
        Vpbx {
            board: Switchboard::of(employees),
            budget: Budget::per_second(setup.per_second),
            callbacks: Budget::per_second(setup.callbacks_per_second),
            locked_until: None,
            posts: Vec::new(),
            statistics: BTreeMap::new(),
            files: BTreeSet::new(),
            zone: chrono_tz::Europe::Moscow,
            setup,
        }
    }

    /// The event as it travels, in the setup's own form where it has one.
    fn signed(&self, post: &Post) -> LinePost {
        let url = format!("{}/{}", self.setup.hooks_url.trim_end_matches('/'), post.path);
        let event = serde_json::from_str(&post.json).unwrap_or_default();
        let own = self.setup.forms.get(post.path).and_then(|wanted| form::fill(wanted, &event));
        let (key, salt) = (&self.setup.api_key, &self.setup.api_salt);
        LinePost::form(post.at, "POST", &url, signed_body(key, salt, own.as_ref().unwrap_or(&post.json)))
    }

    /// The employee with an extension.
    pub fn employee(&self, extension: &str) -> Option<&Employee> {
        self.board.employees.iter().find(|employee| employee.extension == extension)
    }
}
