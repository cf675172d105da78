//! The Mango stand-in: signed events of calls, the callback command, employees, statistics.
//! It never decides how a call ends: people do, and hand it a [`Course`].
//! Enter at [`Exchange::handle`] and its [`Phones`].

mod calls;
mod commands;
mod events;
#[cfg(test)]
mod tests;

pub(super) use self::calls::times;
pub use self::calls::{Call, Course};
pub use self::events::{sign, signed_body};

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::faults::Budget;
use super::setup::MangoSetup;
use super::wire::{WireAnswer, WireRequest};
use crate::lines::Phones;

/// One exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub setup: MangoSetup,
    pub employees: Vec<Employee>,
    budget: Budget,
    callbacks: Budget,
    /// After a bad request everything is answered 401 until then (sheet 7.6).
    locked_until: Option<DateTime<Utc>>,
    pub calls: Vec<Call>,
    /// Events to be sent, with their moments.
    pub posts: Vec<Post>,
    /// Callback commands that people have not reacted to yet.
    pub commands: Vec<Command>,
    /// Key → how often it was asked for, and its table.
    statistics: BTreeMap<String, (u32, String)>,
}

/// Somebody with an extension.
#[derive(Clone, Debug)]
pub struct Employee {
    pub extension: String,
    pub name: String,
    pub email: String,
    pub sip: String,
}

/// An event on its way: when, sub-path, exact JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub at: DateTime<Utc>,
    pub path: &'static str,
    pub json: String,
}

/// A callback that the bridge asked for.
#[derive(Clone, Debug)]
pub struct Command {
    pub command_id: String,
    pub extension: String,
    pub to_number: String,
    pub line_number: Option<String>,
}

impl Exchange {
    /// The exchange at the start.
    pub fn new(setup: MangoSetup, employees: Vec<Employee>) -> Exchange {
        Exchange {
            employees,
            budget: Budget::per_second(setup.per_second),
            callbacks: Budget::per_second(setup.callbacks_per_second),
            locked_until: None,
            calls: Vec::new(),
            posts: Vec::new(),
            commands: Vec::new(),
            statistics: BTreeMap::new(),
            setup,
        }
    }

    /// Answers a request.
    pub fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        self.command(now, request)
    }

    /// A whole signed request for a terminal: nobody answered a call that ended at `ended`.
    pub fn signed_example(&self, ended: DateTime<Utc>, extension: &str, client: &str) -> String {
        let mut copy = self.clone();
        let course = Course { rings_s: 45, talk_s: 0, reason: 1111 };
        copy.dial(ended - chrono::TimeDelta::seconds(45), extension, client, course);
        let json = copy.posts.pop().map(|post| post.json).unwrap_or_default();
        let json = json.replace("\"entry_id\":\"", "\"entry_id\":\"hand");
        let MangoSetup { api_key, api_salt, hooks_url, .. } = &self.setup;
        format!(
            "curl -d vpbx_api_key={api_key} -d sign={} --data-urlencode 'json={json}' {}/events/summary",
            sign(api_key, &json, api_salt),
            hooks_url.trim_end_matches('/'),
        )
    }

    /// The employee with an extension.
    pub fn employee(&self, extension: &str) -> Option<&Employee> {
        self.employees.iter().find(|employee| employee.extension == extension)
    }
}
