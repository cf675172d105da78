//! Orders with their client and the managers' desk: each is read, then every course is played on it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dozvon::process::{At, Case, Client, Desk, Event, Order, OrderId, Process, Step, step, wake};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scenarios::school;

/// One line of `orders.jsonl`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    /// Table of `schools.toml`.
    school: String,
    record: Stored,
    /// What may happen to it next. Each course begins with the record.
    courses: Vec<Vec<Turn>>,
}

/// The three records of a case, as the store holds their bodies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Absent: a new order of this client, [`ANOTHER`].
    order: Option<Value>,
    client: Value,
    desk: Value,
}

/// The order of a line without one.
const ANOTHER: &str = "gc-9";

/// One event, and what b3825df decided.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    now: At,
    event: Event,
    expect: Value,
}

/// A school's own tables, as a scenario has them; what they leave out is as in the scenarios' school.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct School {
    process: toml::Table,
    route: Vec<toml::Table>,
    manager: Vec<toml::Table>,
}

impl School {
    fn process(&self) -> Result<Process, String> {
        school::changed(self.process.clone(), &self.route, &self.manager)
    }
}

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/records/v1")
}

/// What a step asks of the world and says: all of it that is stored or sent, in the form in which it is.
fn decided(step: &Step) -> Value {
    let wake = wake(&step.case.order);
    json!({
        "commands": step.commands,
        "revoke": step.revoke,
        "tell": step.tell,
        "journal": step.journal,
        "wake": wake.map(|(at, promised)| json!({ "at": at, "promised": promised })),
    })
}

impl Stored {
    /// The one place that knows into what the stored bodies are read.
    fn read(&self, now: At) -> serde_json::Result<Case> {
        let (client, desk) = (Client::deserialize(&self.client)?, Desk::deserialize(&self.desk)?);
        Ok(match &self.order {
            Some(order) => Case { order: <Order as Deserialize>::deserialize(order)?, client, desk },
            None => Case::new(OrderId::from(ANOTHER), client, desk, now),
        })
    }
}

/// The first difference of a course, in words.
fn play(process: &Process, mut case: Case, course: &[Turn]) -> Result<(), String> {
    for (n, turn) in course.iter().enumerate() {
        let stepped = step(process, case, &turn.event, turn.now);
        let has = decided(&stepped);
        let wanted = turn.expect.as_object().into_iter().flatten();
        let wrong: Vec<String> = wanted
            .filter(|(part, wanted)| has.get(part) != Some(wanted))
            .map(|(part, wanted)| format!("  {part}\n    was {wanted}\n    is  {}", has[part]))
            .collect();
        if !wrong.is_empty() {
            let event = serde_json::to_string(&turn.event).unwrap_or_default();
            return Err(format!("turn {} ({event}):\n{}", n + 1, wrong.join("\n")));
        }
        case = stepped.case;
    }
    Ok(())
}

/// Courses that go on otherwise than in b3825df, each with its reason. This list may only shrink.
const OTHERWISE: &[&str] = &[
    "D11_returns_to_the_promised_time 008 paid_said",
    "random 005 0097 paid_said",
    "random 044 0086",
    "random 051 0101",
    "random 051 0112 talked_elsewhere",
];

#[test]
fn orders_of_v1_are_read_and_go_on_as_they_would_have() {
    let text = std::fs::read_to_string(folder().join("schools.toml")).expect("schools.toml");
    let schools: BTreeMap<String, School> = toml::from_str(&text).expect("schools");
    let schools: BTreeMap<String, Process> =
        schools.into_iter().map(|(name, school)| (name, school.process().expect("a school"))).collect();
    let text = std::fs::read_to_string(folder().join("orders.jsonl")).expect("orders.jsonl");
    let mut wrong = Vec::new();
    let mut courses = 0;
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).expect("a line");
        let process = &schools[&line.school];
        for course in &line.courses {
            courses += 1;
            let played = match line.record.read(course[0].now) {
                Ok(case) => play(process, case, course),
                Err(fault) => Err(format!("cannot be read: {fault}")),
            };
            wrong.extend(played.err().map(|fault| (line.name.clone(), fault)));
        }
    }
    assert!(courses >= 400, "only {courses} courses were played");
    let differing: Vec<&str> = wrong.iter().map(|(name, _)| name.as_str()).collect();
    let told: Vec<String> = wrong.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
    assert_eq!(differing, OTHERWISE, "of {courses} courses these differ:\n{}", told.join("\n"));
}
