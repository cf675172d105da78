//! How a scenario file is read, run and compared. Times are the school's local ones,
//! `YYYY-MM-DD HH:MM[:SS]`; `HH:MM+10` as the end of an expected time gives it ten minutes.

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, TimeDelta, TimeZone};
use dozvon::process::definition::{Manager, Route};
use dozvon::process::event::{
    Answer, CallResult, ClientFacts, Direction, LeadChange, OrderFacts, Outcome, Reached, TaskChange,
};
use dozvon::process::{At, Event, LeadRole, ManagerId, Money, News, Order, OrderId, Phone, TaskId, Timer};
use serde::Deserialize;
use serde_json::Value;

use super::school;
use super::world::World;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub rule: String,
    pub what: String,
    /// The client's zone, as the card's field has it.
    #[serde(default)]
    zone: Option<String>,
    /// Figures that differ from the shipped ones.
    #[serde(default)]
    process: toml::Table,
    #[serde(default)]
    route: Vec<toml::Table>,
    #[serde(default)]
    manager: Vec<toml::Table>,
    /// With these figures (dotted names) the scenario has to fail.
    #[serde(default)]
    pub off: toml::Table,
    step: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: String,
    /// Which order it happens to.
    #[serde(default = "first_order")]
    order: String,
    #[serde(default)]
    event: Option<toml::Table>,
    /// From here on commands of these asks are not settled.
    #[serde(default)]
    hold: Option<Vec<String>>,
    #[serde(default)]
    expect: Expect,
}

fn first_order() -> String {
    "gc-1".to_owned()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expect {
    phase: Option<String>,
    end: Option<String>,
    status: Option<String>,
    responsible: Option<String>,
    attempts: Option<u32>,
    talks: Option<u32>,
    parts_paid: Option<u32>,
    put_back: Option<u32>,
    phones: Option<Vec<String>>,
    /// Name → time; the timers named here, others may be there too.
    timers: BTreeMap<String, String>,
    no_timers: Vec<String>,
    /// Names of the texts of all open tasks, in any order.
    tasks: Option<Vec<String>>,
    /// Parts of commands since the last step, in this order, others may lie between.
    commands: Vec<toml::Table>,
    no_commands: Vec<toml::Table>,
    /// How many commands of an ask there were since the last step.
    count: BTreeMap<String, usize>,
    /// Rules that the journal since the last step names.
    journal: Vec<String>,
    no_journal: Vec<String>,
}

pub fn time(text: &str) -> Result<At, String> {
    let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S"))
        .map_err(|_| format!("`{text}` is no time"))?;
    let local = chrono_tz::Europe::Moscow.from_local_datetime(&parsed);
    local.single().map(|at| at.to_utc()).ok_or(format!("`{text}` is no one instant"))
}

impl Scenario {
    pub fn run(&self, over: &toml::Table) -> Result<(), String> {
        let mut world = World::new(self.school(over)?);
        if let Some(zone) = &self.zone {
            world.client.learn(&ClientFacts { zone: Some(zone.clone()), ..ClientFacts::default() });
        }
        for (n, step) in self.step.iter().enumerate() {
            self.play(&mut world, step, n)
                .map_err(|fault| format!("step {} ({}): {fault}", n + 1, step.at))?;
        }
        Ok(())
    }

    fn school(&self, over: &toml::Table) -> Result<dozvon::process::Process, String> {
        let mut figures = self.process.clone();
        for (key, value) in over {
            let (section, figure) = key.split_once('.').ok_or(format!("`{key}` is no figure"))?;
            let section = figures.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let section = section.as_table_mut().ok_or(format!("`{key}` is no figure"))?;
            section.insert(figure.to_owned(), value.clone());
        }
        let mut school = school::process(figures.try_into().map_err(|fault| format!("[process]: {fault}"))?);
        for table in &self.route {
            let (name, table) = named(table)?;
            let mut route: Route = table.try_into().map_err(|fault| format!("[[route]]: {fault}"))?;
            route.name = name;
            school.routes.insert(0, route);
        }
        if !self.manager.is_empty() {
            school.roster.clear();
        }
        for table in &self.manager {
            let (id, table) = named(table)?;
            let mut manager: Manager = table.try_into().map_err(|fault| format!("[[manager]]: {fault}"))?;
            manager.id = ManagerId(id);
            school.roster.push(manager);
        }
        Ok(school)
    }

    fn play(&self, world: &mut World, step: &Step, n: usize) -> Result<(), String> {
        let now = time(&step.at)?;
        let order = OrderId::from(step.order.as_str());
        if let Some(hold) = &step.hold {
            world.hold = hold.iter().cloned().collect();
        }
        world.commands.clear();
        world.journal.clear();
        world.revoked.clear();
        world.pass(now)?;
        if let Some(event) = &step.event {
            let event = read_event(world, &order, event, now, n)?;
            world.happen(&order, &event, now)?;
        }
        step.expect.look(world, &order)
    }
}

/// Takes the table's own `id` out: the school's file has it as the table's name.
fn named(table: &toml::Table) -> Result<(String, toml::Table), String> {
    let mut table = table.clone();
    let id = table.remove("id").and_then(|id| id.as_str().map(str::to_owned)).ok_or("`id` is missing")?;
    Ok((id, table))
}

// ---- short forms of events -------------------------------------------------------------------

fn read_event(
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
        "task" => Event::Task(value.try_into::<ShortTask>().map_err(fault)?.change(world, order)?),
        "sibling" => Event::Sibling(value.try_into::<News>().map_err(fault)?),
        "wake" => Event::Wake,
        "receipt" | "undeliverable" => {
            let ask = value.as_str().unwrap_or_default();
            let held = world.held.iter().find(|command| command.ask.name() == ask);
            let command = held.map(|command| command.id.clone()).ok_or(format!("no `{ask}` is held"))?;
            match kind.as_str() {
                "receipt" => Event::Receipt { command },
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
    /// Roubles.
    cost: Option<i64>,
    paid: Option<i64>,
    left: Option<i64>,
    link: Option<String>,
    manager: Option<String>,
    source: BTreeMap<String, String>,
    confirmed: toml::Value,
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    zone: Option<String>,
    phone_confirmed: Option<bool>,
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
            left: None,
            link: Some("https://school.example/pay/1".to_owned()),
            manager: None,
            source: BTreeMap::new(),
            confirmed: toml::Value::Boolean(true),
            name: Some("Мария".to_owned()),
            phone: Some("8 900 555-01-01".to_owned()),
            email: Some("maria@client.example".to_owned()),
            zone: None,
            phone_confirmed: None,
        }
    }
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
        };
        Ok(OrderFacts {
            gc_id: None,
            number: Some(self.number),
            created_at: self.created.as_deref().map(time).transpose()?,
            author: self.author,
            status: self.status.map(|status| word(&status)).transpose()?,
            offers: self.offers,
            positions: self.positions,
            cost: money(self.cost),
            paid: money(self.paid),
            left: money(self.left),
            payment_link: self.link,
            manager: self.manager.map(ManagerId),
            source: self.source,
            confirmed: self.confirmed.as_bool().unwrap_or(true),
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
        }
    }
}

impl ShortClient {
    /// An empty text means «not said».
    fn facts(self) -> ClientFacts {
        ClientFacts {
            gc_user: None,
            name: self.name.filter(|name| !name.is_empty()),
            phone: self.phone.filter(|phone| !phone.is_empty()).map(|phone| Phone::parse(&phone)),
            email: self.email.filter(|email| !email.is_empty()),
            zone: self.zone,
            phone_confirmed: self.phone_confirmed,
            email_bad: self.email_bad.as_bool().unwrap_or(false),
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
            talk_seconds: self.seconds,
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
    why: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    field: Option<u64>,
}

impl ShortAnswer {
    fn answer(self) -> Result<Answer, String> {
        Ok(Answer {
            kind: word(&self.kind)?,
            at: self.at.as_deref().map(time).transpose()?,
            why: self.why,
            reason: self.reason.map(|reason| word(&reason)).transpose()?,
            by: self.by.map(ManagerId),
            field: self.field,
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
    #[serde(default)]
    reason: Option<String>,
    /// When the CRM says that it changed; else now.
    #[serde(default)]
    at: Option<String>,
}

impl ShortLead {
    fn change(self, now: At) -> Result<LeadChange, String> {
        Ok(LeadChange {
            role: LeadRole::Sales,
            stage: self.stage.map(|stage| word(&stage)).transpose()?,
            responsible: self.responsible.map(ManagerId),
            reason: self.reason.map(|reason| word(&reason)).transpose()?,
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
}

impl ShortTask {
    fn change(self, world: &World, order: &OrderId) -> Result<TaskChange, String> {
        let open = world.orders.get(order).map(|order| &order.tasks);
        let task = open.and_then(|tasks| tasks.iter().find(|(_, task)| task.text == self.name));
        let task: TaskId = task.map(|(id, _)| id.clone()).ok_or(format!("no open task `{}`", self.name))?;
        Ok(TaskChange {
            task,
            done: self.done.is_some(),
            result: self.done.filter(|result| !result.is_empty()),
            due: self.due.as_deref().map(time).transpose()?,
            responsible: None,
            gone: self.gone.is_some(),
        })
    }
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|fault| format!("`{text}`: {fault}"))
}

// ---- comparing -------------------------------------------------------------------------------

impl Expect {
    fn look(&self, world: &World, order: &OrderId) -> Result<(), String> {
        let Some(order) = world.orders.get(order) else {
            return if self.phase.is_none() { Ok(()) } else { Err(format!("there is no {order}")) };
        };
        let words = |value: &dyn Fn() -> Value| value().as_str().unwrap_or_default().to_owned();
        let phase = words(&|| serde_json::to_value(order.phase).unwrap_or_default());
        let end = serde_json::to_value(&order.end).unwrap_or_default();
        let end = end.get("end").and_then(Value::as_str).unwrap_or("none").to_owned();
        let status = words(&|| serde_json::to_value(&order.status).unwrap_or_default());
        let responsible = order.responsible.as_ref().map(ToString::to_string).unwrap_or_default();
        for (what, want, have) in [
            ("phase", &self.phase, phase),
            ("end", &self.end, end),
            ("status", &self.status, status),
            ("responsible", &self.responsible, responsible),
            ("attempts", &self.attempts.map(|n| n.to_string()), order.attempts.to_string()),
            ("talks", &self.talks.map(|n| n.to_string()), order.talks.to_string()),
            ("parts_paid", &self.parts_paid.map(|n| n.to_string()), order.parts_paid.to_string()),
            ("put_back", &self.put_back.map(|n| n.to_string()), order.put_back.to_string()),
        ] {
            if let Some(want) = want
                && *want != have
            {
                return Err(format!("{what} is `{have}`, not `{want}`\n{}", told(world, order)));
            }
        }
        if let Some(phones) = &self.phones
            && *phones != world.client.phones
        {
            return Err(format!("phones are {:?}", world.client.phones));
        }
        self.look_at_timers(order).map_err(|fault| format!("{fault}\n{}", told(world, order)))?;
        self.look_at_tasks(order).map_err(|fault| format!("{fault}\n{}", told(world, order)))?;
        self.look_at_words(world).map_err(|fault| format!("{fault}\n{}", told(world, order)))
    }

    fn look_at_timers(&self, order: &Order) -> Result<(), String> {
        for (name, want) in &self.timers {
            let timer: Timer = word(name)?;
            let (text, minutes) = match want.split_once('+') {
                Some((text, minutes)) => (text, minutes.parse::<i64>().map_err(|fault| fault.to_string())?),
                None => (want.as_str(), 0),
            };
            let from = time(text)?;
            let to = from + TimeDelta::minutes(minutes);
            match order.timers.at(timer) {
                Some(at) if from <= at && at <= to => {}
                Some(at) => return Err(format!("{name} is at {}, not {want}", local(at))),
                None => return Err(format!("{name} is not set")),
            }
        }
        for name in &self.no_timers {
            if name == "all" && !order.timers.is_empty()
                || name != "all" && order.timers.at(word(name)?).is_some()
            {
                return Err(format!("{name} is set"));
            }
        }
        Ok(())
    }

    fn look_at_tasks(&self, order: &Order) -> Result<(), String> {
        let Some(want) = &self.tasks else { return Ok(()) };
        let mut have: Vec<String> = order.tasks.values().map(|task| task.text.clone()).collect();
        let mut want = want.clone();
        have.sort();
        want.sort();
        if have == want { Ok(()) } else { Err(format!("open tasks are {have:?}, not {want:?}")) }
    }

    fn look_at_words(&self, world: &World) -> Result<(), String> {
        let commands: Vec<Value> = world.commands.iter().map(|command| shown(world, command)).collect();
        let mut rest = commands.iter();
        for want in &self.commands {
            let want = serde_json::to_value(want).map_err(|fault| fault.to_string())?;
            if !rest.any(|have| holds(have, &want)) {
                return Err(format!("no command {want}"));
            }
        }
        for unwanted in &self.no_commands {
            let unwanted = serde_json::to_value(unwanted).map_err(|fault| fault.to_string())?;
            if commands.iter().any(|have| holds(have, &unwanted)) {
                return Err(format!("there is a command {unwanted}"));
            }
        }
        for (ask, want) in &self.count {
            let have = world.commands.iter().filter(|command| command.ask.name() == ask).count();
            if have != *want {
                return Err(format!("{have} of {ask}, not {want}"));
            }
        }
        let named = |rule: &String| world.journal.iter().any(|line| &line.rule == rule);
        if let Some(rule) = self.journal.iter().find(|rule| !named(rule)) {
            return Err(format!("the journal does not name {rule}"));
        }
        match self.no_journal.iter().find(|rule| named(rule)) {
            Some(rule) => Err(format!("the journal names {rule}")),
            None => Ok(()),
        }
    }
}

/// A command as scenarios write it: times local, tasks with the name of their text.
fn shown(world: &World, command: &dozvon::process::Command) -> Value {
    let mut value = serde_json::to_value(command).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        if let Some(name) = fields.get("task").and_then(Value::as_str).and_then(|task| world.names.get(task))
        {
            fields.insert("name".to_owned(), Value::String(name.clone()));
        }
        if let Some(due) = fields.get("due").and_then(Value::as_str).and_then(|due| due.parse::<At>().ok()) {
            fields.insert("due".to_owned(), Value::String(local(due)));
        }
    }
    value
}

fn holds(have: &Value, want: &Value) -> bool {
    match (have, want) {
        (Value::Object(have), Value::Object(want)) => {
            want.iter().all(|(key, want)| have.get(key).is_some_and(|have| holds(have, want)))
        }
        (Value::Array(have), Value::Array(want)) => {
            have.len() == want.len() && have.iter().zip(want).all(|(have, want)| holds(have, want))
        }
        // `…part…` finds a part of a text.
        (Value::String(have), Value::String(want)) if want.starts_with('…') => {
            have.contains(want.trim_matches('…'))
        }
        _ => have == want,
    }
}

fn local(at: At) -> String {
    at.with_timezone(&chrono_tz::Europe::Moscow).format("%Y-%m-%d %H:%M").to_string()
}

/// What happened, for the one who reads a failure.
fn told(world: &World, order: &Order) -> String {
    let mut lines: Vec<String> =
        world.journal.iter().map(|line| format!("    {}: {}", line.rule, line.text)).collect();
    lines.extend(world.commands.iter().map(|command| format!("    > {}", shown(world, command))));
    let timers = order.timers.iter().map(|(timer, at)| format!("    {timer:?} {}", local(at)));
    lines.extend(timers);
    lines.join("\n")
}
