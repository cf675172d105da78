//! The notation of times in scripts: `+40m`, `+1d 11:00`, `2d 12:00`, `2026-03-17 12:00`. It never reads a
//! clock; times are counted from the start of the run or from another moment. Enter at [`Moment`] and
//! [`Span`], both parsed from strings.

use std::fmt;
use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};

/// A longer span is a mistake.
const SPAN_DAYS_MAX: i64 = 10_000;

/// A length of time, written `90s`, `15m`, `2h30m`, `3d`, also with a minus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span(pub TimeDelta);

impl Span {
    /// A span of minutes, for defaults.
    pub const fn minutes(minutes: i64) -> Span {
        Span(TimeDelta::seconds(minutes * 60))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || format!("«{text}» is not a span: write 90s, 15m, 2h30m or 3d");
        let (sign, rest) = match text.trim().strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.trim()),
        };
        let mut seconds = 0i64;
        let mut number = String::new();
        for letter in rest.chars() {
            if letter.is_ascii_digit() {
                number.push(letter);
                continue;
            }
            let unit = match letter {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                _ => return Err(wrong()),
            };
            let part = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
            seconds = part.and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
            number.clear();
        }
        if rest.is_empty() || !number.is_empty() {
            return Err(wrong());
        }
        TimeDelta::try_seconds(sign * seconds)
            .filter(|span| span.num_days().abs() < SPAN_DAYS_MAX)
            .map(Span)
            .ok_or_else(wrong)
    }
}

/// A moment of a script; the module's first line lists its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `+40m`, `+2h30m`, `+3d`: this long after the base.
    After(TimeDelta),
    /// `+1d 11:00`: that many days after the base's day, at a wall-clock time.
    DayAfter(u64, NaiveTime),
    /// `2d 12:00` or `12:00`: that many days after the first day of the run.
    Day(u64, NaiveTime),
    /// `2026-03-17 12:00`: an absolute date.
    At(NaiveDateTime),
}

impl Moment {
    /// The instant, counted from `base` or from the run's `start`, wall clock in `zone`.
    pub fn resolve(self, start: DateTime<Utc>, base: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let day = |from: DateTime<Utc>, days: u64| {
            let date = from.with_timezone(&zone).date_naive();
            date.checked_add_days(Days::new(days)).unwrap_or(date)
        };
        match self {
            Moment::After(span) => base + span,
            Moment::DayAfter(days, time) => local(day(base, days).and_time(time), zone),
            Moment::Day(days, time) => local(day(start, days).and_time(time), zone),
            Moment::At(naive) => local(naive, zone),
        }
    }
}

/// A wall-clock time of a zone as an instant; a time that does not exist is moved by an hour.
pub fn local(naive: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let found = zone.from_local_datetime(&naive).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(naive + TimeDelta::hours(1))).earliest());
    found.map_or_else(|| naive.and_utc(), |moment| moment.with_timezone(&Utc))
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let text = text.trim();
        let wrong = || {
            format!("«{text}» is not a moment: write +40m, +1d 11:00, 2d 12:00, 12:00 or 2026-03-17 12:00")
        };
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| wrong());
        let days = |text: &str| {
            text.strip_suffix('d').and_then(|number| number.parse::<u64>().ok()).ok_or_else(wrong)
        };
        if let Some(rest) = text.strip_prefix('+') {
            return match rest.split_once(' ') {
                Some((count, clock)) => Ok(Moment::DayAfter(days(count)?, time(clock)?)),
                None => Ok(Moment::After(rest.parse::<Span>().map_err(|_| wrong())?.0)),
            };
        }
        let Some((first, clock)) = text.split_once([' ', 'T']) else {
            return Ok(Moment::Day(0, time(text)?));
        };
        match NaiveDate::parse_from_str(first, "%Y-%m-%d") {
            Ok(date) => Ok(Moment::At(date.and_time(time(clock)?))),
            Err(_) => Ok(Moment::Day(days(first)?, time(clock)?)),
        }
    }
}

/// Working hours and days off of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub from: NaiveTime,
    pub to: NaiveTime,
    pub free_weekdays: Vec<Weekday>,
    pub free_dates: Vec<NaiveDate>,
}

impl Shift {
    /// The first moment from `at` on that lies in the shift; `None` if there is none within a year.
    pub fn next(&self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let mut here = at.with_timezone(&zone).naive_local();
        for _ in 0..366 {
            let date = here.date();
            let free = self.free_weekdays.contains(&date.weekday()) || self.free_dates.contains(&date);
            if !free && here.time() < self.to {
                return Some(local(here.max(date.and_time(self.from)), zone).max(at));
            }
            here = date.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN);
        }
        None
    }
}

/// Reads `10:00-20:00`.
pub fn hours(text: &str) -> Result<(NaiveTime, NaiveTime), String> {
    let wrong = || format!("«{text}» are not hours: write 10:00-20:00");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| wrong());
    Ok((time(from)?, time(to)?))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}s", self.0.num_seconds())
    }
}
