//! One figure: its value, its reference, and whether its goal is met. Values are compared before they are
//! rounded for the table. Enter at [`Row`] and [`table`].

use std::fmt::{self, Write as _};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `launch.drain`: the family, then the figure.
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// In the same unit: computed, or measured in the same run.
    pub reference: Option<f64>,
    pub goal: Option<Goal>,
}

/// The goal of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The value itself.
    AtMost(f64),
    /// The value divided by its reference.
    RatioAtMost(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::RatioAtMost(most) => write!(f, "<= {most} x"),
        }
    }
}

impl Row {
    /// A figure without a goal.
    pub fn without_goal(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, reference: None, goal: None }
    }

    pub fn beside(self, reference: f64) -> Self {
        Self { reference: Some(reference), ..self }
    }

    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// The value divided by its reference.
    pub fn ratio(&self) -> Option<f64> {
        self.reference.filter(|reference| *reference != 0.0).map(|reference| self.value / reference)
    }

    pub fn met(&self) -> Option<bool> {
        match self.goal? {
            Goal::AtMost(most) => Some(self.value <= most),
            Goal::RatioAtMost(most) => Some(self.ratio()? <= most),
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("name", self.name)?;
        map.serialize_entry("value", &self.value)?;
        map.serialize_entry("unit", self.unit)?;
        map.serialize_entry("reference", &self.reference)?;
        map.serialize_entry("ratio", &self.ratio())?;
        map.serialize_entry("goal", &self.goal.map(|goal| goal.to_string()))?;
        map.serialize_entry("met", &self.met())?;
        map.end()
    }
}

/// The rows as a table for a terminal.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<32} {:>12} {:<10} {:>12} {:>7} {:>9}  met\n",
        "name", "value", "unit", "reference", "ratio", "goal"
    );
    for row in rows {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let goal = row.goal.map_or("-".to_owned(), |goal| goal.to_string());
        let met = row.met().map_or("-", |met| if met { "yes" } else { "NO" });
        let (value, reference, ratio) = (number(Some(row.value)), number(row.reference), number(row.ratio()));
        let (name, unit) = (row.name, row.unit);
        let _ =
            writeln!(text, "{name:<32} {value:>12} {unit:<10} {reference:>12} {ratio:>7} {goal:>9}  {met}");
    }
    text
}
