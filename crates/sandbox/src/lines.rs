//! The school's telephony for people: the exchanges, of which the setup chooses one. A provider's format is
//! in its own folder. Enter at [`Exchange`], [`ExchangeSetup`] and [`Line`].

use std::any::Any;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::World;
use super::calls::{Call, Command, Course, Employee};
use super::exchanges::ALL;
use super::wire::{Hook, Platform, WireAnswer, WireRequest, form_body, percent};

/// A provider's stand-in as its folder describes it.
pub struct Maker {
    /// As it stands in the setup and in addresses.
    pub name: &'static str,
    /// What follows the host in its own addresses, where they are shown to people.
    pub path: &'static str,
    pub setup: fn() -> Box<dyn ExchangeSetup>,
    pub read: fn(toml::Table) -> Result<Box<dyn ExchangeSetup>, toml::de::Error>,
}

/// One exchange of the list.
#[derive(Clone, Copy)]
pub struct Line(&'static Maker);

/// What one exchange is made of.
pub trait ExchangeSetup: Any + fmt::Debug + Send + Sync {
    /// The exchange at the start; `zone` is the school's.
    fn open(&self, employees: Vec<Employee>, zone: Tz) -> Box<dyn Exchange>;

    /// From now on events go there; where the bridge subscribes by itself, nothing has to be set.
    fn tell(&mut self, url: String);

    /// Where events go; empty: nowhere.
    fn hooks_url(&self) -> &str;

    /// The account's secrets, each with its variable in `.env.example`.
    fn secrets(&self) -> Vec<(&'static str, String)>;

    /// The table of a school's file that fits this account; `extensions` are the school's.
    fn school_table(&self, extensions: &[&str]) -> String;

    /// The other variant of what the provider's sheet leaves open.
    fn vary(&mut self);

    /// The wire form of the events at a sub-path, where a setup has its own.
    fn set_form(&mut self, _path: String, _json: String) {}

    fn boxed(&self) -> Box<dyn ExchangeSetup>;
}

/// What every exchange keeps.
#[derive(Clone, Debug, Default)]
pub struct Switchboard {
    pub employees: Vec<Employee>,
    /// In the order of their beginning.
    pub calls: Vec<Call>,
    /// Call starts of the bridge that people have not reacted to yet.
    pub commands: Vec<Command>,
    /// Events to be sent, with their moments.
    pub posts: Vec<LinePost>,
}

impl Switchboard {
    pub fn of(employees: Vec<Employee>) -> Switchboard {
        Switchboard { employees, ..Switchboard::default() }
    }
}

/// One exchange, whoever's it is.
pub trait Exchange: Phones + fmt::Debug + Send {
    /// Answers a request of the bridge.
    fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer;

    fn board(&self) -> &Switchboard;

    fn board_mut(&mut self) -> &mut Switchboard;

    /// Events to be sent, with their moments.
    fn take_posts(&mut self) -> Vec<LinePost> {
        std::mem::take(&mut self.board_mut().posts)
    }

    /// A whole request for a terminal: nobody answered a call that ended at `ended`. `None` where an event
    /// says nothing without others.
    fn example(&self, _ended: DateTime<Utc>, _extension: &str, _client: &str) -> Option<String> {
        None
    }

    fn boxed(&self) -> Box<dyn Exchange>;
}

/// What people and the bridge do with an exchange. Each answers with the call's index.
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

/// An event on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePost {
    pub at: DateTime<Utc>,
    pub method: String,
    /// With the event in its query, where it is a GET.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl LinePost {
    /// The pairs as a query or as a form, by the method.
    pub fn new(at: DateTime<Utc>, method: &str, url: &str, pairs: &[(String, String)]) -> LinePost {
        match method {
            "GET" => {
                let parts: Vec<String> =
                    pairs.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
                let url = format!("{url}?{}", parts.join("&"));
                LinePost { at, method: method.to_owned(), url, headers: Vec::new(), body: Vec::new() }
            }
            _ => LinePost::form(at, method, url, form_body(pairs)),
        }
    }

    /// A form that is written already.
    pub fn form(at: DateTime<Utc>, method: &str, url: &str, body: String) -> LinePost {
        let form = ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned());
        let (method, url) = (method.to_owned(), url.to_owned());
        LinePost { at, method, url, headers: vec![form], body: body.into_bytes() }
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: String) -> LinePost {
        self.headers.push((name.to_owned(), value));
        self
    }
}

impl Line {
    /// Every exchange of the list.
    pub fn all() -> impl Iterator<Item = Line> {
        ALL.iter().map(|maker| Line(maker))
    }

    pub fn named(name: &str) -> Option<Line> {
        Line::all().find(|line| line.name() == name)
    }

    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What follows the host in its own addresses.
    pub fn path(self) -> &'static str {
        self.0.path
    }
}

impl Default for Line {
    /// The first of the list.
    fn default() -> Line {
        Line(ALL[0])
    }
}

impl PartialEq for Line {
    fn eq(&self, other: &Line) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Line {}

impl PartialOrd for Line {
    fn partial_cmp(&self, other: &Line) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Line {
    fn cmp(&self, other: &Line) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Line, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known: Vec<&str> = Line::all().map(Line::name).collect();
        let unknown =
            || D::Error::custom(format!("unknown field `{name}`, exchanges are {}", known.join(", ")));
        Line::named(&name).ok_or_else(unknown)
    }
}

/// The setups of all exchanges.
#[derive(Debug)]
pub struct Lines(BTreeMap<Line, Box<dyn ExchangeSetup>>);

impl Lines {
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Line, &mut dyn ExchangeSetup)> {
        self.0.iter_mut().map(|(line, setup)| (*line, &mut **setup))
    }

    pub fn iter(&self) -> impl Iterator<Item = (Line, &dyn ExchangeSetup)> {
        self.0.iter().map(|(line, setup)| (*line, &**setup))
    }

    /// The setup of the exchange that has a setup of this type.
    pub fn get_mut<S: ExchangeSetup>(&mut self) -> Option<&mut S> {
        self.iter_mut().find_map(|(_, setup)| (setup as &mut dyn Any).downcast_mut())
    }
}

impl Default for Lines {
    fn default() -> Lines {
        Lines(ALL.iter().map(|maker| (Line(maker), (maker.setup)())).collect())
    }
}

impl Clone for Lines {
    fn clone(&self) -> Lines {
        Lines(self.iter().map(|(line, setup)| (line, setup.boxed())).collect())
    }
}

/// Whatever a setup's own keys leave over: a table for each exchange that differs from its default.
impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lines, D::Error> {
        struct Tables;
        impl<'de> Visitor<'de> for Tables {
            type Value = Lines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table for an exchange")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lines, A::Error> {
                let mut lines = Lines::default();
                while let Some(line) = map.next_key::<Line>()? {
                    let setup = (line.0.read)(map.next_value()?);
                    let wrong =
                        |error: toml::de::Error| A::Error::custom(format!("{line:?}: {}", error.message()));
                    lines.0.insert(line, setup.map_err(wrong)?);
                }
                Ok(lines)
            }
        }
        deserializer.deserialize_map(Tables)
    }
}

impl Clone for Box<dyn Exchange> {
    fn clone(&self) -> Box<dyn Exchange> {
        (**self).boxed()
    }
}

impl World {
    /// Of the exchange that the managers and clients have.
    pub(super) fn phones(&mut self) -> &mut dyn Exchange {
        let line = self.setup.line;
        self.exchange_mut(line)
    }

    /// The exchange that the managers and clients have.
    pub fn exchange(&self) -> &dyn Exchange {
        let chosen = self.exchanges.iter().position(|(line, _)| *line == self.setup.line);
        &*self.exchanges[chosen.unwrap_or(0)].1
    }

    pub(super) fn exchange_mut(&mut self, wanted: Line) -> &mut dyn Exchange {
        let chosen = self.exchanges.iter().position(|(line, _)| *line == wanted);
        &mut *self.exchanges[chosen.unwrap_or(0)].1
    }

    /// Calls in the order of their beginning.
    pub fn calls(&self) -> &[Call] {
        &self.exchange().board().calls
    }

    pub(super) fn call_mut(&mut self, call: usize) -> Option<&mut Call> {
        self.phones().board_mut().calls.get_mut(call)
    }

    /// Sees what the exchanges have gathered: commands for people, events for the bridge.
    pub(super) fn notice_lines(&mut self, now: DateTime<Utc>) {
        for index in 0..self.exchanges.len() {
            let (line, exchange) = &mut self.exchanges[index];
            let (line, commands) = (*line, std::mem::take(&mut exchange.board_mut().commands));
            for command in commands {
                match line == self.setup.line {
                    true => self.bridge_calls(now, &command),
                    false => {
                        self.troubles.push((now, format!("a call start over {line:?}, which nobody uses")))
                    }
                }
            }
        }
        for index in 0..self.exchanges.len() {
            let (line, exchange) = &mut self.exchanges[index];
            let (line, posts) = (*line, exchange.take_posts());
            for LinePost { at, method, url, headers, body } in posts {
                self.enqueue(at, Hook { id: 0, platform: Platform::Line(line), url, method, headers, body });
            }
        }
    }
}
