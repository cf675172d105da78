//! Hours, windows and working days: when a client may be touched and when a team works.
//! Never knows the present; every question brings its own instant and zone.
//! Enter at [`Calendar`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::definition::Clock;

/// `10:00-20:00` in somebody's local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    pub from: Clock,
    pub to: Clock,
}

/// A named part of a day in which an attempt may fall (D2).
pub type Window = Hours;

impl Hours {
    /// For shipped defaults.
    pub const fn from_hm(h1: u16, m1: u16, h2: u16, m2: u16) -> Self {
        Self { from: Clock { minute: h1 * 60 + m1 }, to: Clock { minute: h2 * 60 + m2 } }
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("`{text}` are no hours; write HH:MM-HH:MM, the first before the second");
        let (from, to) = text.split_once('-').ok_or_else(bad)?;
        let from = Clock::try_from(from.trim().to_owned()).map_err(|_| bad())?;
        let to = Clock::try_from(to.trim().to_owned()).map_err(|_| bad())?;
        if from < to { Ok(Self { from, to }) } else { Err(bad()) }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        format!("{}-{}", String::from(hours.from), String::from(hours.to))
    }
}

/// Which days are worked. Look-up: `working`, then `nonworking`, then the weekday.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Days as `YYYY-MM-DD`.
    pub working: BTreeSet<String>,
    pub nonworking: BTreeSet<String>,
    /// Weekdays that the school works, Monday is 1; empty means Monday to Friday.
    pub weekdays: BTreeMap<u8, bool>,
}
