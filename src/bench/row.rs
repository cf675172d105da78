//! One figure: its value, its reference, the value of another build beside it, and whether its goals are met: the
//! nearer one and the far one. Values are compared before they are rounded for the table. Enter at [`Row`] and
//! [`table`].

use std::fmt::{self, Write as _};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `launch.drain`: the family, then the figure.
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// In the same unit: computed, or measured in the same run.
    pub reference: Option<f64>,
    /// Of another build of the bridge, measured in turn with this one.
    pub peer: Option<f64>,
    /// To be reached now; a missed one is the command's failure.
    pub goal: Option<Goal>,
    /// To be reached at last.
    pub far: Option<Goal>,
    /// The reference differed too much between the rounds: only the ratio tells something.
    pub is_noisy: bool,
}

/// The goal of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The value itself.
    AtMost(f64),
    AtLeast(f64),
    /// The value divided by its reference.
    RatioAtMost(f64),
    RatioAtLeast(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::RatioAtMost(most) => write!(f, "<= {most} x"),
            Self::RatioAtLeast(least) => write!(f, ">= {least} x"),
        }
    }
}

impl Row {
    /// A figure without a goal.
    pub fn without_goal(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            reference: None,
            peer: None,
            goal: None,
            far: None,
            is_noisy: false,
        }
    }

    pub fn beside(self, reference: f64) -> Self {
        Self { reference: Some(reference), ..self }
    }

    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    pub fn far(self, goal: Goal) -> Self {
        Self { far: Some(goal), ..self }
    }

    /// The value divided by its reference.
    pub fn ratio(&self) -> Option<f64> {
        self.reference.filter(|reference| *reference != 0.0).map(|reference| self.value / reference)
    }

    pub fn met(&self) -> Option<bool> {
        self.reaches(self.goal?)
    }

    pub fn far_met(&self) -> Option<bool> {
        self.reaches(self.far?)
    }

    /// `None` if this run cannot tell.
    fn reaches(&self, goal: Goal) -> Option<bool> {
        match goal {
            Goal::AtMost(_) | Goal::AtLeast(_) if self.is_noisy => None,
            Goal::AtMost(most) => Some(self.value <= most),
            Goal::AtLeast(least) => Some(self.value >= least),
            Goal::RatioAtMost(most) => Some(self.ratio()? <= most),
            Goal::RatioAtLeast(least) => Some(self.ratio()? >= least),
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let goal = |goal: Option<Goal>| goal.map(|goal| goal.to_string());
        let mut map = serializer.serialize_map(Some(11))?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("value", &self.value)?;
        map.serialize_entry("unit", self.unit)?;
        map.serialize_entry("reference", &self.reference)?;
        map.serialize_entry("ratio", &self.ratio())?;
        map.serialize_entry("noisy", &self.is_noisy)?;
        map.serialize_entry("peer", &self.peer)?;
        map.serialize_entry("goal", &goal(self.goal))?;
        map.serialize_entry("met", &self.met())?;
        map.serialize_entry("far", &goal(self.far))?;
        map.serialize_entry("far_met", &self.far_met())?;
        map.end()
    }
}

/// The rows as a table for a terminal. A noisy row shows its ratio only.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<36} {:>12} {:<10} {:>12} {:>7} {:>12} {:>10} {:<4} {:>10} {:<4}\n",
        "name", "value", "unit", "reference", "ratio", "peer", "goal", "met", "far goal", "met"
    );
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let goal = |goal: Option<Goal>| goal.map_or("-".to_owned(), |goal| goal.to_string());
    let met = |met: Option<bool>| met.map_or("-", |met| if met { "yes" } else { "NO" });
    for row in rows {
        let shown = |value: Option<f64>| match row.is_noisy {
            true => value.map_or("-".to_owned(), |_| "noisy".to_owned()),
            false => number(value),
        };
        let line = format!(
            "{:<36} {:>12} {:<10} {:>12} {:>7} {:>12} {:>10} {:<4} {:>10} {:<4}",
            row.name,
            shown(Some(row.value)),
            row.unit,
            shown(row.reference),
            number(row.ratio()),
            shown(row.peer),
            goal(row.goal),
            met(row.met()),
            goal(row.far),
            met(row.far_met())
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
