//! What a scenario expects after a step, and how it is compared.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use dozvon::process::{At, Order, OrderId, Timer};
use serde::Deserialize;
use serde_json::Value;

use super::reading::{time, word};
use super::world::World;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    phase: Option<String>,
    end: Option<String>,
    status: Option<String>,
    responsible: Option<String>,
    route: Option<String>,
    attempts: Option<u32>,
    talks: Option<u32>,
    parts_paid: Option<u32>,
    put_back: Option<u32>,
    phones: Option<Vec<String>>,
    /// Name → time; other timers may exist too.
    timers: BTreeMap<String, String>,
    no_timers: Vec<String>,
    /// Names of the texts of all open tasks, in any order.
    tasks: Option<Vec<String>>,
    /// Parts of commands since the last step, in this order; others may be in between.
    commands: Vec<toml::Table>,
    no_commands: Vec<toml::Table>,
    /// Asks of the commands that are held and have not been revoked.
    held: Option<Vec<String>>,
    /// The number of commands of an ask since the last step.
    count: BTreeMap<String, usize>,
    /// Rules that the journal since the last step names.
    journal: Vec<String>,
    no_journal: Vec<String>,
    /// Parts of lines of the journal since the last step.
    says: Vec<String>,
    says_not: Vec<String>,
}

impl Expect {
    pub fn look(&self, world: &World, order: &OrderId) -> Result<(), String> {
        let Some(order) = world.orders.get(order) else {
            return if self.phase.is_none() { Ok(()) } else { Err(format!("there is no {order}")) };
        };
        let words = |value: &dyn Fn() -> Value| value().as_str().unwrap_or_default().to_owned();
        let phase = order.state().name().to_owned();
        let end = serde_json::to_value(order.end()).unwrap_or_default();
        let end = end.get("end").and_then(Value::as_str).unwrap_or("none").to_owned();
        let status = words(&|| serde_json::to_value(&order.status).unwrap_or_default());
        let responsible = order.responsible.as_ref().map(ToString::to_string).unwrap_or_default();
        for (what, want, have) in [
            ("phase", &self.phase, phase),
            ("end", &self.end, end),
            ("status", &self.status, status),
            ("responsible", &self.responsible, responsible),
            ("route", &self.route, order.route.clone()),
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
        let mut have: Vec<String> = order.tasks.values().map(|task| task.text.to_string()).collect();
        let mut want = want.clone();
        have.sort();
        want.sort();
        if have == want { Ok(()) } else { Err(format!("open tasks are {have:?}, not {want:?}")) }
    }

    fn look_at_words(&self, world: &World) -> Result<(), String> {
        let commands: Vec<Value> = world.commands.iter().map(|command| shown(world, command)).collect();
        if let Some(want) = &self.held {
            let have: Vec<&str> = world.held.iter().map(|command| command.ask.name()).collect();
            if have != *want {
                return Err(format!("held are {have:?}, not {want:?}"));
            }
        }
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
        if let Some(rule) = self.no_journal.iter().find(|rule| named(rule)) {
            return Err(format!("the journal names {rule}"));
        }
        let said = |words: &String| world.journal.iter().any(|line| line.text.contains(words));
        if let Some(words) = self.says.iter().find(|words| !said(words)) {
            return Err(format!("the journal does not say «{words}»"));
        }
        match self.says_not.iter().find(|words| said(words)) {
            Some(words) => Err(format!("the journal says «{words}»")),
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

/// What happened, for the reader of a failure.
fn told(world: &World, order: &Order) -> String {
    let mut lines: Vec<String> =
        world.journal.iter().map(|line| format!("    {}: {}", line.rule, line.text)).collect();
    lines.extend(world.commands.iter().map(|command| format!("    > {}", shown(world, command))));
    let timers = order.timers.iter().map(|(timer, at)| format!("    {timer:?} {}", local(at)));
    lines.extend(timers);
    lines.join("\n")
}
