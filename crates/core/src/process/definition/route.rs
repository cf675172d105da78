//! A route as a school's file writes it (G1–G7, G10): for which orders it is, and what follows. Never chooses:
//! `routing` does. Enter at [`Route`].

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::super::value::*;
use crate::message::condition::Condition;

/// The settings for orders of one kind, or for the unknown callers of a line (G1–G7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// Name of the route; filled from the table's name.
    #[serde(skip_deserializing)]
    pub name: String,
    /// A condition in the language of templates (G10): see `message::condition`.
    pub when: Option<Condition>,
    /// Short for a condition on offers: one of these ids.
    pub offers: Vec<String>,
    /// Short for a condition on the line: its unknown callers get this route (L8).
    pub line: Option<String>,
    /// Caller ID of calls that the bridge starts (D8).
    pub caller_id: Option<String>,
    /// Bought on credit: the long self-payment pause (L2).
    pub credit: bool,
    /// Lead's name, a template (G2).
    pub lead_name: String,
    /// Lead's price, an expression that gives a number; absent: the order's sum (G2).
    pub price: Option<String>,
    /// Tags of the lead (G3).
    pub tags: Vec<String>,
    /// Lead's field id → template of its value (G2).
    pub fields: BTreeMap<String, String>,
    /// Dictionary → its value for orders of this route, a template (G10).
    pub set: BTreeMap<String, String>,
    /// Contact's name, a template; absent, or empty for this client: the client's own name (G7).
    pub contact_name: Option<String>,
    /// Who is responsible for the contact; absent: whoever is for the lead (G7).
    pub contact_responsible: Option<ManagerId>,
    /// Contact's field id → template of its value (G7).
    pub contact_fields: BTreeMap<String, String>,
    /// Pipeline of a new lead: one of the school's sales pipelines; absent: the usual one (G1).
    pub pipeline: Option<u64>,
    /// Stage of a new lead (G1).
    pub stage: Stage,
    /// Who is responsible (G4).
    pub responsible: Assign,
    /// Write the note with the source's facts (G5).
    pub note: bool,
    /// The first task (G6).
    #[serde(skip_serializing_if = "FirstTask::is_usual")]
    pub task: FirstTask,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            name: String::new(),
            when: None,
            offers: Vec::new(),
            line: None,
            caller_id: None,
            credit: false,
            lead_name: "{{ order.positions or 'Заказ' }} · {{ order.called }}".to_owned(),
            price: None,
            tags: Vec::new(),
            fields: BTreeMap::new(),
            set: BTreeMap::new(),
            contact_name: None,
            contact_responsible: None,
            contact_fields: BTreeMap::new(),
            pipeline: None,
            stage: Stage::New,
            responsible: Assign::default(),
            note: true,
            task: FirstTask::default(),
        }
    }
}

impl Route {
    /// It names no condition: it is for all that no other route takes.
    pub fn is_rest(&self) -> bool {
        self.when.is_none() && self.offers.is_empty() && self.line.is_none()
    }
}

/// How the responsible is chosen (G4). The client's present manager always comes first (L8).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Assign {
    /// The least loaded active manager of the whole roster.
    #[default]
    Load,
    /// Always this manager.
    Fixed { manager: ManagerId },
    /// The least loaded of these.
    Queue { managers: Vec<ManagerId> },
    /// By offer id, else the least loaded.
    Product { offers: BTreeMap<String, ManagerId> },
    /// Nobody: the first manager to take it gets it; after `free_pool_minutes` the queue assigns it (L9).
    FreePool,
}

/// The first task of an order (G6): which one, for whom, when. A name in quotes is its text alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FirstTask {
    /// Name of its text; absent: the library's `task_first_call`.
    pub text: Option<String>,
    /// Its manager; absent: the order's responsible.
    pub to: Option<ManagerId>,
    /// The team's working minutes from the end of the pause to its deadline.
    pub minutes: u32,
}

impl FirstTask {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstTaskTable {
    text: Option<String>,
    to: Option<ManagerId>,
    #[serde(default)]
    minutes: u32,
}

impl<'de> Deserialize<'de> for FirstTask {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = FirstTask;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a text, or { text, to, minutes }")
            }

            fn visit_str<E>(self, text: &str) -> Result<FirstTask, E> {
                Ok(FirstTask { text: Some(text.to_owned()), ..FirstTask::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FirstTask, A::Error> {
                let FirstTaskTable { text, to, minutes } =
                    FirstTaskTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(FirstTask { text, to, minutes })
            }
        }

        from.deserialize_any(Either)
    }
}

/// Values that a route may set on its orders (G10), and the lead's field that shows them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dictionary {
    /// Lead's field with the value; absent: only the order keeps it.
    #[serde(default)]
    pub field: Option<u64>,
    /// The values that there are.
    pub values: Vec<String>,
}
