//! How a scenario file is read, run and compared. Times are the school's local ones,
//! `YYYY-MM-DD HH:MM[:SS]`; `HH:MM+10` as the end of an expected time gives it ten minutes.

use chrono::{NaiveDateTime, TimeZone};
use dozvon::process::event::ClientFacts;
use dozvon::process::{At, OrderId};
use serde::Deserialize;
use serde_json::Value;

use super::expect::Expect;
use super::school;
use super::short::read_event;
use super::world::World;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub rule: String,
    pub what: String,
    /// The client's zone, as in the card's field.
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
    /// The order of this event.
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
        school::changed(figures, &self.route, &self.manager)
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

/// A word of one of the core's own enumerations.
pub fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|fault| format!("`{text}`: {fault}"))
}
