//! Dates in managers' answers: written after the first words, or the value of a field. Never guesses a date
//! from free text. Enter at [`written_time`] and [`field_time`].

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::next_word;
use crate::process::At;

/// A day without a year that is further back than this means next year.
const PAST_DAYS: i64 = 180;

/// Short words that may precede a date or a time.
const BEFORE_TIME: &[&str] = &["в", "на", "до", "к"];

/// `24.11 11:00`, `24.11.2026 11:00`, `24.11`, `11:00` at the beginning of the text.
pub(super) fn written_time(text: &str, now: DateTime<Tz>) -> (Option<At>, &str) {
    let (day, after_day) = match figures(text) {
        Some((token, tail)) if token.contains('.') => (day_of(token, now), tail),
        _ => (DayWritten::No, text),
    };
    let (time, tail) = match figures(after_day) {
        Some((token, tail)) if token.contains(':') => (time_of(token), tail),
        _ => (None, after_day),
    };
    match (day, time) {
        (DayWritten::No, None) => (None, text),
        (DayWritten::No, Some(time)) => {
            let today = now.date_naive();
            let at = instant(today, time, now.timezone());
            let tomorrow = || instant(today + Days::new(1), time, now.timezone());
            (at.filter(|at| *at > now).or_else(tomorrow), tail)
        }
        // The text stays unchanged for a person; the manager is asked for the date.
        (DayWritten::Useless, _) => (None, text),
        (DayWritten::Day(day), time) => (
            instant(day, time.unwrap_or_default(), now.timezone()),
            if time.is_some() { tail } else { after_day },
        ),
    }
}

enum DayWritten {
    No,
    /// In the past, or not a day of the calendar.
    Useless,
    Day(NaiveDate),
}

/// A run of digits with `.` or `:` in it, after punctuation and short words.
fn figures(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    while let Some((word, tail)) = next_word(rest).filter(|(word, _)| BEFORE_TIME.contains(&word.as_str())) {
        debug_assert!(!word.is_empty());
        rest = tail;
    }
    let start = rest.find(char::is_alphanumeric)?;
    let rest = &rest[start..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
    let token = rest[..end].trim_end_matches(['.', ':']);
    (!token.is_empty()).then(|| (token, &rest[token.len()..]))
}

fn day_of(token: &str, now: DateTime<Tz>) -> DayWritten {
    let parts: Vec<Option<u32>> = token.split('.').map(|part| part.parse().ok()).collect();
    let today = now.date_naive();
    let day = match parts[..] {
        [Some(day), Some(month), Some(year)] => {
            let year = if year < 100 { year + 2000 } else { year };
            NaiveDate::from_ymd_opt(i32::try_from(year).unwrap_or(0), month, day)
        }
        // «2.5 тысячи» is not a day.
        [Some(day), Some(month)] if token.len() - token.find('.').unwrap_or(0) == 3 => {
            let this_year = NaiveDate::from_ymd_opt(today.year(), month, day);
            let long_past = |day: &NaiveDate| (today - *day).num_days() > PAST_DAYS;
            let next_year = || NaiveDate::from_ymd_opt(today.year() + 1, month, day);
            this_year.filter(|day| !long_past(day)).or_else(next_year)
        }
        _ => None,
    };
    match day {
        Some(day) if day >= today => DayWritten::Day(day),
        _ => DayWritten::Useless,
    }
}

fn time_of(token: &str) -> Option<NaiveTime> {
    let (hour, minute) = token.split_once(':')?;
    NaiveTime::from_hms_opt(hour.parse().ok()?, minute.parse().ok()?, 0)
}

/// A local time skipped by a clock change moves forward by an hour.
fn instant(day: NaiveDate, time: NaiveTime, zone: Tz) -> Option<At> {
    let local = day.and_time(time);
    let at = zone.from_local_datetime(&local).earliest();
    let at = at.or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
    at.map(|at| at.with_timezone(&Utc))
}

/// A date field's value: Unix seconds in webhooks, RFC 3339 elsewhere, or a date as people write it.
pub(super) fn field_time(value: &str, zone: Tz) -> Option<At> {
    if let Ok(seconds) = value.parse::<i64>() {
        return DateTime::from_timestamp(seconds, 0);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(value) {
        return Some(at.with_timezone(&Utc));
    }
    for shape in ["%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(value, shape) {
            return instant(local.date(), local.time(), zone);
        }
    }
    let day =
        ["%d.%m.%Y", "%Y-%m-%d"].iter().find_map(|shape| NaiveDate::parse_from_str(value, shape).ok())?;
    instant(day, NaiveTime::default(), zone)
}
