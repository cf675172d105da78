//! The Telphin stand-in: sign-in, subscriptions of each extension, events of its legs, the call-back
//! resource, history. How a call ends is decided by people, who pass it a [`Course`]. It sends only
//! subscribed events. Enter at its [`Exchange`] and [`Phones`].

mod commands;
mod events;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use serde::Deserialize;

pub use self::setup::TelphinSetup;
use crate::calls::{Call, Command, Course, Employee};
use crate::faults::Budget;
use crate::lines::{Exchange, LinePost, Maker, Phones, Switchboard};
use crate::wire::{WireAnswer, WireRequest};
use events::{Flow, Leg};

pub static EXCHANGE: Maker = Maker {
    name: "telphin",
    path: "",
    setup: || Box::new(TelphinSetup::default()),
    read: |table| Ok(Box::new(TelphinSetup::deserialize(table)?)),
};

/// Numeric ids of extensions are this and the short number.
const EXTENSION_IDS: u64 = 200_000;

/// One company's office.
#[derive(Clone, Debug)]
pub struct Office {
    pub setup: TelphinSetup,
    board: Switchboard,
    budget: Budget,
    /// Tokens and when they end.
    tokens: BTreeMap<String, DateTime<Utc>>,
    pub subscriptions: Vec<Subscription>,
    next_subscription: u64,
    /// Conversations so far, those of commands included.
    conversations: u64,
}

/// An address that wants one type of events of one extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: u64,
    pub extension_id: u64,
    pub event_type: String,
    pub method: String,
    pub url: String,
}

impl Office {
    /// The office at the start; with a `hooks_url` everything is subscribed to already.
    pub fn new(setup: TelphinSetup, employees: Vec<Employee>) -> Office {
        let mut office = Office {
            board: Switchboard::of(employees),
            budget: Budget::per_second(setup.per_second),
            tokens: BTreeMap::new(),
            subscriptions: Vec::new(),
            next_subscription: 1234,
            conversations: 0,
            setup,
        };
        let url = office.setup.hooks_url.clone();
        let extensions: Vec<u64> =
            office.board.employees.iter().filter_map(|one| extension_id(&one.extension)).collect();
        for extension in extensions.into_iter().filter(|_| !url.is_empty()) {
            for kind in ["dial-in", "dial-out", "answer", "hangup"] {
                office.subscribe(extension, kind, "POST", &url);
            }
        }
        office
    }
}

impl Exchange for Office {
    fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        self.command(now, request)
    }

    fn board(&self) -> &Switchboard {
        &self.board
    }

    fn board_mut(&mut self) -> &mut Switchboard {
        &mut self.board
    }

    fn boxed(&self) -> Box<dyn Exchange> {
        Box::new(self.clone())
    }
}

impl Phones for Office {
    /// A manager dials a client by his phone. Returns the call's index.
    fn dial(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let id = self.conversation();
        let leg = self.leg(&id, Flow::Out, extension, client);
        let call = self.begin(now, 2, &leg, course, None);
        self.course_of(call, &leg);
        call
    }

    /// A client calls in; `extension` is rung, if anybody is: without one Telphin's extensions see nothing.
    fn ring_in(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let id = self.conversation();
        let leg = self.leg(&id, Flow::In, extension, client);
        let call = self.begin(now, 1, &leg, course, None);
        if !extension.is_empty() {
            self.course_of(call, &leg);
        }
        call
    }

    /// The bridge's command: the manager's leg first, then the client's. Which of the first leg's events come
    /// is not sure (sheet 4.1): the setup says.
    fn call_back(
        &mut self,
        now: DateTime<Utc>,
        command: &Command,
        manager_s: Option<i64>,
        course: Course,
    ) -> usize {
        let id = command.command_id.to_uppercase();
        let (extension, client) = (command.extension.as_str(), command.to_number.as_str());
        let first = self.leg(&id, Flow::In, extension, client);
        let second = self.leg(&id, Flow::Out, extension, client);
        let shows_first = self.setup.manager_leg;
        if shows_first {
            self.post(now, &first, "dial-in", "CALLING", None);
        }
        let Some(wait) = manager_s else {
            let call = self.begin(now, 2, &second, Course { talk_s: 0, ..course }, Some(command));
            self.board.calls[call].client_dialled = false;
            if shows_first {
                self.post(self.board.calls[call].ended_at, &first, "hangup", "NOANSWER", Some(0));
            }
            return call;
        };
        let picked = now + TimeDelta::seconds(wait);
        if shows_first {
            self.post(picked, &first, "answer", "ANSWER", None);
        }
        let call = self.begin(picked + TimeDelta::seconds(1), 2, &second, course, Some(command));
        self.course_of(call, &second);
        call
    }
}

impl Office {
    /// The events of one leg from its beginning to its end.
    fn course_of(&mut self, call: usize, leg: &Leg) {
        let call = self.board.calls[call].clone();
        self.post(call.created_at, leg, leg.flow.dial(), "CALLING", None);
        if let Some(at) = call.answered_at {
            self.post(at, leg, "answer", "ANSWER", None);
        }
        let micros = call.answered_at.map_or(0, |at| (call.ended_at - at).num_microseconds().unwrap_or(0));
        self.post(call.ended_at, leg, "hangup", events::status(&call), Some(micros));
    }

    fn begin(
        &mut self,
        now: DateTime<Utc>,
        direction: u8,
        leg: &Leg,
        course: Course,
        command: Option<&Command>,
    ) -> usize {
        let line = command.and_then(|command| command.line_number.clone());
        self.board.calls.push(Call {
            entry_id: leg.call_id.clone(),
            line: line.unwrap_or(self.setup.line.clone()),
            command_id: command.map(|command| command.command_id.clone()),
            ..Call::begun(now, direction, (&leg.extension, &leg.client), course)
        });
        self.board.calls.len() - 1
    }

    /// 32 hex digits, upper case, another for each conversation.
    fn conversation(&mut self) -> String {
        self.conversations += 1;
        format!("C0FFEE{:02X}", self.conversations % 256).repeat(4)
    }

    fn leg(&self, call_id: &str, flow: Flow, extension: &str, client: &str) -> Leg {
        let named = self.board.employees.iter().find(|employee| employee.extension == extension);
        Leg {
            call_id: call_id.to_owned(),
            flow,
            extension: extension.to_owned(),
            name: named.map(|employee| employee.name.clone()).unwrap_or_default(),
            client: client.to_owned(),
        }
    }

    fn post(&mut self, at: DateTime<Utc>, leg: &Leg, kind: &str, status: &str, micros: Option<i64>) {
        let pairs = leg.event(at, kind, status, micros, &self.setup);
        let extension = extension_id(&leg.extension).unwrap_or_default();
        let wanted =
            self.subscriptions.iter().filter(|one| one.extension_id == extension && one.event_type == kind);
        let posts: Vec<LinePost> =
            wanted.map(|one| LinePost::new(at, &one.method, &one.url, &pairs)).collect();
        self.board.posts.extend(posts);
    }

    fn subscribe(&mut self, extension_id: u64, event_type: &str, method: &str, url: &str) -> u64 {
        let id = self.next_subscription;
        self.next_subscription += 1;
        let (event_type, method, url) = (event_type.to_owned(), method.to_owned(), url.to_owned());
        self.subscriptions.push(Subscription { id, extension_id, event_type, method, url });
        id
    }
}

/// `101` → `200101`.
pub fn extension_id(extension: &str) -> Option<u64> {
    Some(EXTENSION_IDS + extension.parse::<u64>().ok()?)
}
