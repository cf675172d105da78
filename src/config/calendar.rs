//! The shipped production calendar and what a school adds to it (D13).
//! Never knows the present: the year that has to be covered comes from the caller.
//! Enter at [`build`].

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use super::raw::CalendarFile;
use super::read::Complaints;
use crate::process::calendar::Calendar;

/// The decrees of each year, as data.
const SHIPPED: &str = include_str!("calendar-ru.toml");

/// Holidays of article 112 of the Labour Code, for years without a decree.
const FIXED: [&str; 14] = [
    "01-01", "01-02", "01-03", "01-04", "01-05", "01-06", "01-07", "01-08", "02-23", "03-08", "05-01",
    "05-09", "06-12", "11-04",
];

/// Years without a decree are filled with fixed holidays up to here.
const YEARS_AHEAD: i32 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Year {
    nonworking: Vec<String>,
    working: Vec<String>,
}

/// A decree for the coming year is out by then.
const DECREE_MONTH: u32 = 12;

/// The calendar of a school. A year without a decree is told in `warnings`: the present one always,
/// the next one from December on.
pub(super) fn build(
    file: &CalendarFile,
    today: NaiveDate,
    problems: &mut Complaints,
    warnings: &mut Complaints,
) -> Calendar {
    let decrees = decrees();
    let mut calendar = Calendar::default();
    for (year, days) in &decrees {
        calendar.nonworking.extend(days.nonworking.iter().map(|day| format!("{year}-{day}")));
        calendar.working.extend(days.working.iter().map(|day| format!("{year}-{day}")));
    }
    for year in today.year()..=today.year() + YEARS_AHEAD {
        if !decrees.contains_key(&year) {
            calendar.nonworking.extend(FIXED.iter().map(|day| format!("{year}-{day}")));
        }
    }
    let next = (today.month() >= DECREE_MONTH).then_some(today.year() + 1);
    for year in [Some(today.year()), next].into_iter().flatten().filter(|year| !decrees.contains_key(year)) {
        warnings.add(
            "calendar",
            format!("the shipped calendar does not know {year}; only fixed holidays are days off"),
            "list the moved days in `calendar.nonworking` and `calendar.working`, or update dozvon",
        );
    }
    add_own(&mut calendar, file, problems);
    calendar
}

fn decrees() -> BTreeMap<i32, Year> {
    let years: BTreeMap<String, Year> = toml::from_str(SHIPPED).unwrap_or_default();
    years.into_iter().filter_map(|(year, days)| Some((year.parse().ok()?, days))).collect()
}

fn add_own(calendar: &mut Calendar, file: &CalendarFile, problems: &mut Complaints) {
    for (key, days) in [("calendar.nonworking", &file.nonworking), ("calendar.working", &file.working)] {
        for day in days {
            if NaiveDate::parse_from_str(day, "%Y-%m-%d").is_err() || day.len() != 10 {
                problems.add(key, format!("`{day}` is no day"), "YYYY-MM-DD");
            }
        }
    }
    for day in file.nonworking.iter().filter(|day| file.working.contains(day)) {
        problems.add(
            "calendar.working",
            format!("{day} is both a day off and a working day"),
            "one of the two",
        );
    }
    for day in &file.nonworking {
        calendar.working.remove(day);
        calendar.nonworking.insert(day.clone());
    }
    // `working` is looked up first, so it needs no removal from the days off.
    calendar.working.extend(file.working.iter().cloned());
    for day in &file.weekdays {
        if !(1..=7).contains(day) {
            problems.add("calendar.weekdays", format!("{day} is no weekday"), "1 (Monday) to 7 (Sunday)");
        }
    }
    if !file.weekdays.is_empty() {
        calendar.weekdays = (1..=7).map(|day| (day, file.weekdays.contains(&day))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(file: &CalendarFile, today: &str) -> (Calendar, usize, usize) {
        let (mut wrong, mut warned) = (Vec::new(), Vec::new());
        let today = NaiveDate::parse_from_str(today, "%Y-%m-%d").expect("a day");
        let calendar = build(
            file,
            today,
            &mut Complaints { file: "school.toml", found: &mut wrong },
            &mut Complaints { file: "school.toml", found: &mut warned },
        );
        (calendar, wrong.len(), warned.len())
    }

    #[test]
    fn the_decrees_are_readable_and_moved_days_are_in() {
        let (calendar, wrong, warned) = built(&CalendarFile::default(), "2026-11-22");
        assert_eq!((wrong, warned), (0, 0));
        for day in ["2026-03-09", "2026-12-31", "2027-02-22", "2027-11-05", "2028-05-09"] {
            assert!(calendar.nonworking.contains(day), "{day} is a day off");
        }
        assert!(calendar.working.contains("2027-02-20"));
        assert!(calendar.weekdays.is_empty(), "Monday to Friday");
    }

    #[test]
    fn a_year_without_a_decree_is_told_from_december_on() {
        assert_eq!(built(&CalendarFile::default(), "2027-11-30").2, 0);
        assert_eq!(built(&CalendarFile::default(), "2027-12-01").2, 1);
        assert_eq!(built(&CalendarFile::default(), "2028-06-01").2, 1);
    }

    #[test]
    fn a_schools_own_days_win() {
        let file = CalendarFile {
            weekdays: vec![1, 2, 3, 4, 5, 6],
            nonworking: vec!["2027-02-20".to_owned()],
            working: vec!["2026-11-04".to_owned()],
        };
        let (calendar, wrong, _) = built(&file, "2026-11-22");
        assert_eq!(wrong, 0);
        assert!(!calendar.working.contains("2027-02-20") && calendar.nonworking.contains("2027-02-20"));
        assert!(calendar.working.contains("2026-11-04"));
        assert_eq!((calendar.weekdays.get(&6), calendar.weekdays.get(&7)), (Some(&true), Some(&false)));
    }

    #[test]
    fn what_is_no_day_is_told() {
        let file = CalendarFile {
            weekdays: vec![0, 8],
            nonworking: vec!["2026-02-30".to_owned(), "2026-1-5".to_owned(), "2026-11-27".to_owned()],
            working: vec!["2026-11-27".to_owned()],
        };
        assert_eq!(built(&file, "2026-11-22").1, 5);
    }
}
