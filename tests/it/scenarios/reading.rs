//! How a scenario file is read, run and compared. Times are the school's local ones,
//! `YYYY-MM-DD HH:MM[:SS]`; `HH:MM+10` as the end of an expected time gives it ten minutes.

use chrono::{NaiveDateTime, TimeZone};
use dozvon::process::event::ClientFacts;
use dozvon::process::{At, OrderId, Process};
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
    /// Nothing can be read back from GetCourse.
    #[serde(default)]
    reads_nothing: bool,
    #[serde(default)]
    route: Vec<toml::Table>,
    #[serde(default)]
    manager: Vec<toml::Table>,
    /// With these figures (dotted names) the scenario has to fail.
    #[serde(default)]
    pub off: toml::Table,
    /// Without each of these rules of the core (`mutant::cut`) it has to fail, too.
    #[serde(default)]
    pub mutants: Vec<String>,
    step: Vec<Step>,
}

/// Why a scenario did not run to its end.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be played as it is written: that proves nothing.
    Unplayable(String),
    /// The process did something else than expected.
    Broken(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Unplayable(why) | Self::Broken(why)) = self;
        f.write_str(why)
    }
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
    pub fn run(&self, over: &toml::Table) -> Result<(), Fault> {
        let mut world = World::new(self.school(over).map_err(Fault::Unplayable)?);
        if let Some(zone) = &self.zone {
            world.client.learn(&ClientFacts { zone: Some(zone.clone()), ..ClientFacts::default() });
        }
        for (n, step) in self.step.iter().enumerate() {
            let at = |fault: String| format!("step {} ({}): {fault}", n + 1, step.at);
            self.play(&mut world, step, n).map_err(|fault| match fault {
                Fault::Unplayable(why) => Fault::Unplayable(at(why)),
                Fault::Broken(why) => Fault::Broken(at(why)),
            })?;
        }
        Ok(())
    }

    fn school(&self, over: &toml::Table) -> Result<Process, String> {
        let mut figures = self.process.clone();
        for (key, value) in over {
            let (section, figure) = key.split_once('.').ok_or(format!("`{key}` is no figure"))?;
            let section = figures.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let section = section.as_table_mut().ok_or(format!("`{key}` is no figure"))?;
            section.insert(figure.to_owned(), value.clone());
        }
        let school = school::changed(figures, &self.route, &self.manager)?;
        Ok(Process { reads_orders: school.reads_orders && !self.reads_nothing, ..school })
    }

    fn play(&self, world: &mut World, step: &Step, n: usize) -> Result<(), Fault> {
        let now = time(&step.at).map_err(Fault::Unplayable)?;
        let order = OrderId::from(step.order.as_str());
        if let Some(hold) = &step.hold {
            world.hold = hold.iter().cloned().collect();
        }
        world.commands.clear();
        world.journal.clear();
        world.revoked.clear();
        world.pass(now).map_err(Fault::Broken)?;
        if let Some(event) = &step.event {
            let event = read_event(world, &order, event, now, n).map_err(Fault::Unplayable)?;
            world.happen(&order, &event, now).map_err(Fault::Broken)?;
        }
        step.expect.look(world, &order).map_err(Fault::Broken)
    }
}

/// A word of one of the core's own enumerations.
pub fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|fault| format!("`{text}`: {fault}"))
}
