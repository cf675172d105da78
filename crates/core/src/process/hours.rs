//! Times of day and hours, as written in the school's file. Contains no dates or zones: those are in
//! `calendar`. Enter at [`Hours`].

use serde::{Deserialize, Serialize};

/// A time of day, `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    /// Minutes from midnight.
    pub minute: u16,
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts =
            text.split_once(':').and_then(|(h, m)| Some((h.parse::<u16>().ok()?, m.parse::<u16>().ok()?)));
        match parts {
            Some((hour @ 0..=23, minute @ 0..=59)) => Ok(Self { minute: hour * 60 + minute }),
            Some((24, 0)) => Ok(Self { minute: 1440 }),
            _ => Err(format!("`{text}` is no time of day; write HH:MM")),
        }
    }
}

impl From<TimeOfDay> for String {
    fn from(clock: TimeOfDay) -> Self {
        format!("{:02}:{:02}", clock.minute / 60, clock.minute % 60)
    }
}

/// `10:00-20:00` in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    pub from: TimeOfDay,
    pub to: TimeOfDay,
}

/// A named part of a day in which an attempt may fall (D2).
pub type Window = Hours;

impl Hours {
    /// The intersection; `None` if it is empty.
    pub fn meet(self, other: Self) -> Option<Self> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (from < to).then_some(Self { from, to })
    }

    /// For shipped defaults.
    pub const fn from_hm(h1: u16, m1: u16, h2: u16, m2: u16) -> Self {
        Self { from: TimeOfDay { minute: h1 * 60 + m1 }, to: TimeOfDay { minute: h2 * 60 + m2 } }
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("`{text}` are no hours; write HH:MM-HH:MM, the first before the second");
        let (from, to) = text.split_once('-').ok_or_else(bad)?;
        let from = TimeOfDay::try_from(from.trim().to_owned()).map_err(|_| bad())?;
        let to = TimeOfDay::try_from(to.trim().to_owned()).map_err(|_| bad())?;
        if from < to { Ok(Self { from, to }) } else { Err(bad()) }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        format!("{}-{}", String::from(hours.from), String::from(hours.to))
    }
}
