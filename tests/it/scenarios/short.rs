//! The short forms in which a scenario writes its events; omitted values have defaults.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use dozvon::process::command::{BOUNCED, NO_ORDER};
use dozvon::process::event::{
    Answer, CallResult, ClientFacts, Direction, LeadChange, OrderFacts, Outcome, Reached, SameWay,
    TaskChange, Unusable,
};
use dozvon::process::{At, Event, LeadRole, ManagerId, Money, News, OrderId, Phone, TaskId};
use serde::Deserialize;

use super::reading::{time, word};
use super::world::World;

pub fn read_event(
    world: &World,
    order: &OrderId,
    table: &toml::Table,
    now: At,
    n: usize,
) -> Result<Event, String> {
    let (kind, value) = table.iter().next().ok_or("an event needs a kind")?;
    let value = value.clone();
    let fault = |fault: toml::de::Error| format!("{kind}: {fault}");
    Ok(match kind.as_str() {
        "order" => Event::Order(Box::new(value.try_into::<ShortOrder>().map_err(fault)?.facts()?)),
        "client" => Event::Client(value.try_into::<ShortClient>().map_err(fault)?.facts()),
        "call" => Event::Call(value.try_into::<ShortCall>().map_err(fault)?.result(now, n)),
        "answer" => Event::Answer(value.try_into::<ShortAnswer>().map_err(fault)?.answer()?),
        "lead" => Event::Lead(value.try_into::<ShortLead>().map_err(fault)?.change(now)?),
        "lead_gone" => Event::LeadGone { role: LeadRole::Sales },
        "task" => Event::Task(value.try_into::<ShortTask>().map_err(fault)?.change(world, order, now)?),
        "sibling" => Event::Sibling(value.try_into::<News>().map_err(fault)?),
        "wake" => Event::Wake,
        "receipt" | "undeliverable" | "no_order" | "in_doubt" => {
            let ask = value.as_str().unwrap_or_default();
            // One that is still open, before one that was answered.
            let is_open = |id| world.orders.get(order).is_some_and(|order| order.unsent.contains_key(id));
            let mut held: Vec<_> = world.held.iter().filter(|command| command.ask.name() == ask).collect();
            held.sort_by_key(|command| !is_open(&command.id));
            let held = held.first();
            let command = held.map(|command| command.id.clone()).ok_or(format!("no `{ask}` is held"))?;
            match kind.as_str() {
                "receipt" => Event::Receipt { command },
                "no_order" => Event::Undeliverable { command, why: NO_ORDER.to_owned() },
                // A letter that cannot be accepted bounces; any other command is refused.
                "undeliverable" if ask == "send_letter" => {
                    Event::Undeliverable { command, why: format!("{BOUNCED}: 5.1.1") }
                }
                _ => Event::Undeliverable { command, why: "refused".to_owned() },
            }
        }
        "late_receipt" => {
            let command = world.revoked.first().cloned().or(last_revoked(world, order));
            Event::Receipt { command: command.ok_or("nothing was revoked")? }
        }
        _ => return Err(format!("`{kind}` is no event")),
    })
}

fn last_revoked(world: &World, order: &OrderId) -> Option<dozvon::process::CommandId> {
    world.orders.get(order)?.revoked.keys().last().cloned()
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ShortOrder {
    number: String,
    created: Option<String>,
    author: Option<dozvon::process::event::Author>,
    status: Option<String>,
    offers: Vec<String>,
    positions: Option<String>,
    /// Roubles; below zero: nobody has told it.
    cost: Option<i64>,
    paid: Option<i64>,
    /// The currency of what is paid, if it is said.
    paid_in: Option<String>,
    left: Option<i64>,
    link: Option<String>,
    manager: Option<String>,
    source: BTreeMap<String, String>,
    confirmed: toml::Value,
    /// Confirmed by the school's setting alone.
    trusted: toml::Value,
    /// When the report was received.
    told_at: Option<String>,
    unusable: BTreeSet<Unusable>,
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    zone: Option<String>,
    phone_confirmed: Option<bool>,
    /// What alone made the order this client's (Q4).
    by: BTreeSet<SameWay>,
    /// Only a report says it of the person (F100).
    told: bool,
    user: Option<String>,
}

impl Default for ShortOrder {
    fn default() -> Self {
        Self {
            number: "1001".to_owned(),
            created: None,
            author: None,
            status: None,
            offers: vec!["101".to_owned()],
            positions: Some("Курс".to_owned()),
            cost: Some(38_500),
            paid: None,
            paid_in: None,
            left: None,
            link: Some("https://school.example/pay/1".to_owned()),
            manager: None,
            source: BTreeMap::new(),
            confirmed: toml::Value::Boolean(true),
            trusted: toml::Value::Boolean(false),
            told_at: None,
            unusable: BTreeSet::new(),
            name: Some("Мария".to_owned()),
            phone: Some("8 900 555-01-01".to_owned()),
            email: Some("maria@client.example".to_owned()),
            zone: None,
            phone_confirmed: None,
            by: BTreeSet::new(),
            told: false,
            user: None,
        }
    }
}

/// A report that says nothing of it has an empty text.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl ShortOrder {
    fn facts(self) -> Result<OrderFacts, String> {
        let money = |sum: Option<i64>| sum.map(|sum| Money::new(sum * 100, "RUB"));
        let person = ShortClient {
            name: self.name,
            phone: self.phone,
            email: self.email,
            zone: self.zone,
            phone_confirmed: self.phone_confirmed,
            email_bad: toml::Value::Boolean(false),
            told: self.told,
            user: self.user,
            by: self.by,
        };
        Ok(OrderFacts {
            gc_id: None,
            number: Some(self.number),
            created_at: self.created.as_deref().map(time).transpose()?,
            author: self.author,
            status: self.status.map(|status| word(&status)).transpose()?,
            offers: self.offers,
            positions: said(self.positions),
            cost: money(self.cost.filter(|sum| *sum >= 0)),
            paid: self.paid.map(|sum| Money::new(sum * 100, self.paid_in.as_deref().unwrap_or_default())),
            left: money(self.left),
            payment_link: said(self.link),
            manager: self.manager.map(ManagerId),
            pipeline: None,
            source: self.source,
            confirmed: self.confirmed.as_bool().unwrap_or(true),
            trusted: self.trusted.as_bool().unwrap_or(false),
            told_at: self.told_at.as_deref().map(time).transpose()?,
            unusable: self.unusable,
            client: person.facts(),
        })
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ShortClient {
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    zone: Option<String>,
    phone_confirmed: Option<bool>,
    email_bad: toml::Value,
    /// Only a report says it.
    told: bool,
    /// GetCourse's id of the person.
    user: Option<String>,
    /// What alone named this client (Q4).
    by: BTreeSet<SameWay>,
}

impl Default for ShortClient {
    fn default() -> Self {
        Self {
            name: None,
            phone: None,
            email: None,
            zone: None,
            phone_confirmed: None,
            email_bad: toml::Value::Boolean(false),
            told: false,
            user: None,
            by: BTreeSet::new(),
        }
    }
}

impl ShortClient {
    /// An empty text means «not given».
    fn facts(self) -> ClientFacts {
        ClientFacts {
            name: self.name.filter(|name| !name.is_empty()),
            phone: self.phone.filter(|phone| !phone.is_empty()).map(|phone| Phone::parse(&phone)),
            email_typed: self.email.clone().filter(|email| !email.is_empty() && !email.contains('@')),
            email: self.email.filter(|email| email.contains('@')),
            zone: self.zone,
            phone_confirmed: self.phone_confirmed,
            email_bad: self.email_bad.as_bool().unwrap_or(false),
            gc_user: self.user,
            read: !self.told,
            guessed: !self.by.is_empty(),
            by: self.by,
            ..ClientFacts::default()
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortCall {
    outcome: Outcome,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    seconds: u32,
    /// The provider did not report the length.
    #[serde(default)]
    unknown_length: bool,
    #[serde(default)]
    direction: Option<Direction>,
    #[serde(default)]
    reached: Option<Reached>,
    #[serde(default)]
    manager: Option<String>,
    #[serde(default)]
    number: Option<String>,
    #[serde(default)]
    line: Option<String>,
}

impl ShortCall {
    fn result(self, now: At, n: usize) -> CallResult {
        CallResult {
            call: self.id.unwrap_or(format!("mango:{n}")),
            direction: self.direction.unwrap_or(Direction::Outbound),
            outcome: self.outcome,
            reached: self.reached.unwrap_or(Reached::Client),
            talk_seconds: Some(self.seconds).filter(|_| !self.unknown_length),
            started_at: now - TimeDelta::seconds(i64::from(self.seconds) + 20),
            ended_at: now,
            number: self.number,
            line: self.line,
            manager: self.manager.map(ManagerId),
            command: None,
            recording: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortAnswer {
    kind: String,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    extent: Option<String>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    field: Option<u64>,
    /// When it was given, if that is earlier than now.
    #[serde(default)]
    said_at: Option<String>,
}

impl ShortAnswer {
    fn answer(self) -> Result<Answer, String> {
        Ok(Answer {
            kind: word(&self.kind)?,
            at: self.at.as_deref().map(time).transpose()?,
            extent: self.extent.map(|extent| word(&extent)).transpose()?.unwrap_or_default(),
            why: self.why,
            reason: self.reason.map(|reason| word(&reason)).transpose()?,
            by: self.by.map(ManagerId),
            field: self.field,
            said_at: self.said_at.as_deref().map(time).transpose()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortLead {
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    responsible: Option<String>,
    /// A sales pipeline other than the usual one.
    #[serde(default)]
    pipeline: Option<u64>,
    /// The stage that was shown before.
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    by: Option<String>,
    /// The time of the change in the CRM; by default now.
    #[serde(default)]
    at: Option<String>,
}

impl ShortLead {
    fn change(self, now: At) -> Result<LeadChange, String> {
        Ok(LeadChange {
            role: LeadRole::Sales,
            stage: self.stage.map(|stage| word(&stage)).transpose()?,
            from: self.from.map(|stage| word(&stage)).transpose()?,
            pipeline: self.pipeline,
            responsible: self.responsible.map(ManagerId),
            reason: self.reason.map(|reason| word(&reason)).transpose()?,
            by: self.by.map(ManagerId),
            at: self.at.as_deref().map(time).transpose()?.unwrap_or(now),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortTask {
    /// Name of the open task's text.
    name: String,
    #[serde(default)]
    done: Option<String>,
    #[serde(default)]
    due: Option<String>,
    #[serde(default)]
    gone: Option<String>,
    #[serde(default)]
    responsible: Option<String>,
    /// The time of the change in the CRM; by default now.
    #[serde(default)]
    at: Option<String>,
}

impl ShortTask {
    fn change(self, world: &World, order: &OrderId, now: At) -> Result<TaskChange, String> {
        let open = world.orders.get(order).map(|order| &order.tasks);
        let task = open.and_then(|tasks| tasks.iter().find(|(_, task)| task.text.name() == self.name));
        let task: TaskId = task.map(|(id, _)| id.clone()).ok_or(format!("no open task `{}`", self.name))?;
        Ok(TaskChange {
            task,
            done: self.done.is_some(),
            result: self.done.filter(|result| !result.is_empty()),
            read: false,
            due: self.due.as_deref().map(time).transpose()?,
            responsible: self.responsible.map(ManagerId),
            gone: self.gone.is_some(),
            at: Some(self.at.as_deref().map(time).transpose()?.unwrap_or(now)),
        })
    }
}
