//! A school's additions to the production calendar of the core (D13). Never reads a clock: today comes from
//! the caller. Enter at [`build`].

use chrono::{Datelike, NaiveDate};

use super::raw::CalendarFile;
use crate::platform::check::Complaints;
use crate::process::calendar::Calendar;

/// The decree for the coming year is published by this month.
const DECREE_MONTH: u32 = 12;

/// The school's own days. A year without a decree is reported in `warnings`: the present year always, the
/// next one from December on.
pub(super) fn build(
    file: &CalendarFile,
    today: NaiveDate,
    problems: &mut Complaints,
    warnings: &mut Complaints,
) -> Calendar {
    let next = (today.month() >= DECREE_MONTH).then_some(today.year() + 1);
    for year in [Some(today.year()), next].into_iter().flatten().filter(|year| !Calendar::knows(*year)) {
        warnings.add(
            "calendar",
            format!("the built-in calendar does not know {year}; only the holidays of the Labour Code, art. 112, are days off"),
            "list the moved days in `calendar.nonworking` and `calendar.working`, or update dozvon",
        );
    }
    let mut calendar = Calendar::default();
    add_own(&mut calendar, file, problems);
    calendar
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
    calendar.nonworking.extend(file.nonworking.iter().cloned());
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
    fn a_year_without_a_decree_is_told_from_december_on() {
        assert_eq!(built(&CalendarFile::default(), "2027-11-30").2, 0);
        assert_eq!(built(&CalendarFile::default(), "2027-12-01").2, 1);
        assert_eq!(built(&CalendarFile::default(), "2028-06-01").2, 1);
    }

    #[test]
    fn a_schools_own_days_are_taken_over() {
        let file = CalendarFile {
            weekdays: vec![1, 2, 3, 4, 5, 6],
            nonworking: vec!["2027-02-20".to_owned()],
            working: vec!["2026-11-04".to_owned()],
        };
        let (calendar, wrong, warned) = built(&file, "2026-11-22");
        assert_eq!((wrong, warned), (0, 0));
        assert!(calendar.nonworking.contains("2027-02-20") && calendar.working.contains("2026-11-04"));
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
