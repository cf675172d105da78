//! The school's telephony as people use it: one of the exchanges, chosen by the setup.
//! It never knows a provider's words; each exchange's folder does.
//! Enter at [`Phones`].

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::World;
use super::mango::{Call, Command, Course};
use super::wire::{Hook, Platform, form_body, percent};

/// Which exchange the managers and clients of a world have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    #[default]
    Mango,
    Sipuni,
    Telphin,
}

/// An unsigned event on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePost {
    pub at: DateTime<Utc>,
    pub method: String,
    /// With the event in its query, where it is a GET.
    pub url: String,
    pub body: Vec<u8>,
}

impl LinePost {
    /// The pairs as a query or as a form, by the method.
    pub fn new(at: DateTime<Utc>, method: &str, url: &str, pairs: &[(String, String)]) -> LinePost {
        let (url, body) = match method {
            "GET" => {
                let parts: Vec<String> =
                    pairs.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
                (format!("{url}?{}", parts.join("&")), Vec::new())
            }
            _ => (url.to_owned(), form_body(pairs).into_bytes()),
        };
        LinePost { at, method: method.to_owned(), url, body }
    }
}

/// What people and the bridge do with an exchange, whoever's it is. Each answers with the call's index.
pub trait Phones {
    /// A manager dials a client by his phone.
    fn dial(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize;

    /// A client calls in; `extension` is rung, if anybody is.
    fn ring_in(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize;

    /// The bridge has started a call: the manager's leg first, then the client's. `manager_s` is when the
    /// manager picks up; `None`: he does not, and the client is never dialled.
    fn call_back(
        &mut self,
        now: DateTime<Utc>,
        command: &Command,
        manager_s: Option<i64>,
        course: Course,
    ) -> usize;
}

impl World {
    /// Of the exchange that the managers and clients have.
    pub(super) fn phones(&mut self) -> &mut dyn Phones {
        match self.setup.line {
            Line::Mango => &mut self.mango,
            Line::Sipuni => &mut self.sipuni,
            Line::Telphin => &mut self.telphin,
        }
    }

    /// Calls in the order of their beginning.
    pub fn calls(&self) -> &[Call] {
        match self.setup.line {
            Line::Mango => &self.mango.calls,
            Line::Sipuni => &self.sipuni.calls,
            Line::Telphin => &self.telphin.calls,
        }
    }

    pub(super) fn call_mut(&mut self, call: usize) -> Option<&mut Call> {
        match self.setup.line {
            Line::Mango => self.mango.calls.get_mut(call),
            Line::Sipuni => self.sipuni.calls.get_mut(call),
            Line::Telphin => self.telphin.calls.get_mut(call),
        }
    }

    /// Sees what the exchanges have gathered: commands for people, events for the bridge.
    pub(super) fn notice_lines(&mut self, now: DateTime<Utc>) {
        let taken = [
            (Line::Mango, std::mem::take(&mut self.mango.commands)),
            (Line::Sipuni, std::mem::take(&mut self.sipuni.commands)),
            (Line::Telphin, std::mem::take(&mut self.telphin.commands)),
        ];
        for (line, commands) in taken {
            for command in commands {
                match line == self.setup.line {
                    true => self.bridge_calls(now, &command),
                    false => {
                        self.troubles.push((now, format!("a call start over {line:?}, which nobody uses")))
                    }
                }
            }
        }
        for post in std::mem::take(&mut self.mango.posts) {
            self.plan_mango(post);
        }
        for post in std::mem::take(&mut self.sipuni.posts) {
            self.plan_line(Platform::Sipuni, post);
        }
        for post in std::mem::take(&mut self.telphin.posts) {
            self.plan_line(Platform::Telphin, post);
        }
    }

    fn plan_line(&mut self, platform: Platform, post: LinePost) {
        let LinePost { at, method, url, body } = post;
        let form = ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned());
        let headers = if body.is_empty() { Vec::new() } else { vec![form] };
        self.enqueue(at, Hook { id: 0, platform, url, method, headers, body });
    }
}
