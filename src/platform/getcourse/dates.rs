//! Turns times as GetCourse writes them, without a zone, into instants (sheet, 1.4). Never trusts a `Z`:
//! GetCourse writes it after local times. Enter at [`parse`].

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::process::At;

const MOMENTS: [&str; 6] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
];
const DAYS: [&str; 2] = ["%Y-%m-%d", "%d.%m.%Y"];

/// A time in the account's zone, or one with its own offset; `None` for any other text.
pub fn parse(text: &str, zone: Tz) -> Option<At> {
    let text = text.trim();
    let local = text.trim_end_matches(['Z', 'z']);
    if let Some(moment) = MOMENTS.iter().find_map(|format| NaiveDateTime::parse_from_str(local, format).ok())
    {
        return Some(place(moment, zone));
    }
    if let Some(day) = DAYS.iter().find_map(|format| NaiveDate::parse_from_str(local, format).ok()) {
        return Some(place(day.and_time(NaiveTime::MIN), zone));
    }
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc))
}

/// Local → instant; an hour that the clocks skip counts as the hour after it.
fn place(local: NaiveDateTime, zone: Tz) -> At {
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
    found.map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_placed_into_the_accounts_zone() {
        let evening = "2026-07-14T15:05:33Z";
        for (text, zone, instant) in [
            ("2026-07-14 18:05:33", Tz::Europe__Moscow, evening),
            ("2026-07-14T18:05:33", Tz::Europe__Moscow, evening),
            ("2026-07-14T18:05:33Z", Tz::Europe__Moscow, evening),
            ("2026-07-14T18:05:33.250Z", Tz::Europe__Moscow, "2026-07-14T15:05:33.250Z"),
            ("14.07.2026 18:05", Tz::Europe__Moscow, "2026-07-14T15:05:00Z"),
            ("14.07.2026", Tz::Europe__Moscow, "2026-07-13T21:00:00Z"),
            ("2026-07-14", Tz::Asia__Almaty, "2026-07-13T19:00:00Z"),
            ("2026-07-14T18:05:33+05:00", Tz::Europe__Moscow, "2026-07-14T13:05:33Z"),
            ("2026-03-29 02:30:00", Tz::Europe__Berlin, "2026-03-29T01:30:00Z"),
        ] {
            assert_eq!(parse(text, zone), Some(instant.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_time_gives_none() {
        for text in ["", "вчера", "0000-00-00 00:00:00", "32.01.2026", "18:05", "1784041533"] {
            assert_eq!(parse(text, Tz::Europe__Moscow), None, "{text}");
        }
    }
}
