//! Hours, windows and working days: when a client may be contacted and when a team works. Never reads a
//! clock: each call passes its own instant and zone. Enter at [`Calendar`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use serde::Deserialize;

use super::hours::{Hours, TimeOfDay, Window};
use super::value::At;

/// The working days. Looked up in this order: `working`, then `nonworking`, then the shipped production
/// calendar, then the weekday.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// The school's own days as `YYYY-MM-DD`; they take precedence over the shipped ones.
    pub working: BTreeSet<String>,
    pub nonworking: BTreeSet<String>,
    /// Weekdays that the school works, Monday is 1; empty means Monday to Friday.
    pub weekdays: BTreeMap<u8, bool>,
}

/// Days off in a row that people call «праздники».
const HOLIDAYS_MIN: u32 = 3;

/// How far ahead an opening is searched: a school without any working day still gets an answer.
const DAYS_AHEAD_MAX: u64 = 400;

impl Calendar {
    /// Whether the school works on this day (D13).
    pub fn is_working(&self, day: NaiveDate) -> bool {
        if !self.working.is_empty() && self.working.contains(&day.to_string()) {
            return true;
        }
        if !self.nonworking.is_empty() && self.nonworking.contains(&day.to_string()) {
            return false;
        }
        match holidays().get(&day.year()) {
            Some(year) if year.working.contains(&month_day(day)) => true,
            Some(year) => self.is_usual(day) && !year.nonworking.contains(&month_day(day)),
            None => self.is_usual(day) && !is_fixed_holiday(day) && !self.is_moved_day_off(day),
        }
    }

    /// Whether the school works on this weekday.
    fn is_usual(&self, day: NaiveDate) -> bool {
        let weekday = day.weekday().number_from_monday() as u8;
        match self.weekdays.is_empty() {
            true => weekday <= 5,
            false => self.weekdays.get(&weekday).copied().unwrap_or(false),
        }
    }

    /// Labour Code, art. 112: a day off that coincides with a holiday moves to the next working day after the
    /// holiday, without a decree. Those of the January holidays are moved by decree only.
    fn is_moved_day_off(&self, day: NaiveDate) -> bool {
        let plain = |day: &NaiveDate| self.is_usual(*day) && !is_fixed_holiday(*day);
        let last_plain = day.iter_days().rev().skip(1).take(7).position(|day| plain(&day));
        let between = day.iter_days().rev().skip(1).take(last_plain.unwrap_or(7));
        plain(&day)
            && between.into_iter().any(|day| day.month() > 1 && is_fixed_holiday(day) && !self.is_usual(day))
    }

    /// Whether the production calendar of this year is known. If not, the fixed holidays apply.
    pub fn knows(year: i32) -> bool {
        holidays().contains_key(&year)
    }

    /// The first working day after the next run of holidays (P5): at least three days off, one of them a public
    /// holiday; in this month, if one is given. Today's run counts.
    pub fn after_holidays(&self, today: NaiveDate, month: Option<u32>) -> Option<NaiveDate> {
        let (mut days_off, mut is_meant) = (0, false);
        let before =
            today.iter_days().rev().skip(1).take_while(|day| !self.is_working(*day)).take(14).count();
        for day in (today - Days::new(before as u64)).iter_days().take(DAYS_AHEAD_MAX as usize) {
            if !self.is_working(day) {
                days_off += 1;
                is_meant |= is_fixed_holiday(day) && month.is_none_or(|month| day.month() == month);
            } else if days_off >= HOLIDAYS_MIN && is_meant {
                return Some(day);
            } else {
                (days_off, is_meant) = (0, false);
            }
        }
        None
    }

    /// The same time of day, the given number of working days later (school's zone).
    pub fn add_working_days(&self, from: At, days: u32, zone: Tz) -> At {
        let local = from.with_timezone(&zone);
        let minute = local.hour() * 60 + local.minute();
        let (mut day, mut left) = (local.date_naive(), days);
        for _ in 0..DAYS_AHEAD_MAX {
            if left == 0 {
                return at_local(day, minute, zone);
            }
            day = next_day(day);
            if self.is_working(day) {
                left -= 1;
            }
        }
        from + TimeDelta::days(i64::from(days))
    }
}

/// When something may be done: the hours on working days and on other days.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    pub calendar: &'a Calendar,
    pub zone: Tz,
    pub working: Option<Hours>,
    pub off: Option<Hours>,
}

impl Opening<'_> {
    /// The hours of one day; `None` if it is closed.
    pub fn hours_on(&self, day: NaiveDate) -> Option<Hours> {
        if self.calendar.is_working(day) { self.working } else { self.off }
    }

    pub fn is_open(&self, at: At) -> bool {
        let local = at.with_timezone(&self.zone);
        let minute = minute_of(&local);
        self.hours_on(local.date_naive()).is_some_and(|hours| hours.from <= minute && minute < hours.to)
    }

    /// `at` itself if it is open then, else the next opening (D13).
    pub fn next(&self, at: At) -> At {
        if self.is_open(at) {
            return at;
        }
        let local = at.with_timezone(&self.zone);
        let mut day = local.date_naive();
        for _ in 0..DAYS_AHEAD_MAX {
            if let Some(hours) = self.hours_on(day) {
                let opens = at_local(day, u32::from(hours.from.minute), self.zone);
                if opens >= at {
                    return opens;
                }
            }
            day = next_day(day);
        }
        at
    }

    /// The opening of the first open day after the day of `at`.
    pub fn next_day(&self, at: At) -> At {
        let day = next_day(at.with_timezone(&self.zone).date_naive());
        self.next(at_local(day, 0, self.zone))
    }

    /// The moment at which the given number of open minutes has passed since `from` (L15).
    pub fn add_minutes(&self, from: At, minutes: u32) -> At {
        let mut at = self.next(from);
        let mut left = TimeDelta::minutes(i64::from(minutes));
        for _ in 0..DAYS_AHEAD_MAX {
            let day = at.with_timezone(&self.zone).date_naive();
            let Some(hours) = self.hours_on(day) else { break };
            let closes = at_local(day, u32::from(hours.to.minute), self.zone);
            if at + left < closes {
                return at + left;
            }
            left -= closes - at;
            at = self.next(closes);
        }
        at + left
    }

    /// A window of one day, limited to the hours of that day; `None` if they do not overlap.
    pub fn window_on(&self, day: NaiveDate, window: Window) -> Option<(At, At)> {
        let hours = self.hours_on(day)?.meet(window)?;
        let edge = |clock: TimeOfDay| at_local(day, u32::from(clock.minute), self.zone);
        Some((edge(hours.from), edge(hours.to)))
    }
}

/// A local time as an instant; a time that the clocks skip becomes the first one after it.
pub fn at_local(day: NaiveDate, minute: u32, zone: Tz) -> At {
    let day = day + Days::new(u64::from(minute / 1440));
    let time = day.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute % 1440));
    match zone.from_local_datetime(&time) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => match zone.from_local_datetime(&(time + TimeDelta::hours(1))) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
            LocalResult::None => time.and_utc(),
        },
    }
}

/// A stable fraction of `minutes` for a key: spreads work that would be due in one minute (D13), identically
/// on every instance and in every replay.
pub fn spread(key: &str, minutes: u32) -> TimeDelta {
    let seconds = u64::from(minutes) * 60;
    TimeDelta::seconds(if seconds == 0 { 0 } else { ((fnv(key) >> 16) % seconds) as i64 })
}

/// FNV-1a: the standard library does not guarantee that its hasher stays the same.
pub(super) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// «24 ноября в 11:00» in the reader's zone, with no-break spaces inside the date and before the hour.
pub fn say_time(at: At, zone: Tz, now: At) -> String {
    let local = at.with_timezone(&zone);
    format!("{} в\u{a0}{:02}:{:02}", say_day(at, zone, now), local.hour(), local.minute())
}

/// «во вторник, 24 ноября, в 11:00».
pub fn say_on(at: At, zone: Tz, now: At) -> String {
    const DAYS: [&str; 7] =
        ["в понедельник", "во вторник", "в среду", "в четверг", "в пятницу", "в субботу", "в воскресенье"];
    let local = at.with_timezone(&zone);
    let day = DAYS.get(local.weekday().num_days_from_monday() as usize).copied().unwrap_or_default();
    format!("{day}, {}, в\u{a0}{:02}:{:02}", say_day(at, zone, now), local.hour(), local.minute())
}

/// «24 ноября».
pub fn say_day(at: At, zone: Tz, now: At) -> String {
    let date = |at: At| at.with_timezone(&zone).date_naive();
    say_date(date(at), date(now))
}

/// A day of another year that is further off is said with its year: without it, it might be one that is past.
const YEAR_DAYS: i64 = 150;

/// «24 ноября», or «24 ноября 2027 года».
pub fn say_date(date: NaiveDate, today: NaiveDate) -> String {
    const MONTHS: [&str; 12] = [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ];
    let month = MONTHS.get(date.month0() as usize).copied().unwrap_or_default();
    let is_far = date.year() != today.year() && (date - today).num_days() > YEAR_DAYS;
    let year = if is_far { format!("\u{a0}{}\u{a0}года", date.year()) } else { String::new() };
    format!("{}\u{a0}{month}{year}", date.day())
}

/// «28.11»: a date as managers type it.
pub fn typed_day(date: NaiveDate) -> String {
    format!("{:02}.{:02}", date.day(), date.month())
}

fn minute_of(local: &DateTime<Tz>) -> TimeOfDay {
    TimeOfDay { minute: (local.hour() * 60 + local.minute()) as u16 }
}

fn next_day(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

fn month_day(day: NaiveDate) -> String {
    format!("{:02}-{:02}", day.month(), day.day())
}

fn is_fixed_holiday(day: NaiveDate) -> bool {
    FIXED_HOLIDAYS.contains(&(day.month(), day.day()))
}

/// Holidays by law (Labour Code, art. 112), used for a year without a decree.
const FIXED_HOLIDAYS: [(u32, u32); 14] = [
    (1, 1),
    (1, 2),
    (1, 3),
    (1, 4),
    (1, 5),
    (1, 6),
    (1, 7),
    (1, 8),
    (2, 23),
    (3, 8),
    (5, 1),
    (5, 9),
    (6, 12),
    (11, 4),
];

/// One year of the production calendar; days as `MM-DD`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Year {
    nonworking: BTreeSet<String>,
    working: BTreeSet<String>,
    /// Shortened by an hour: kept in the data, irrelevant for calls.
    #[serde(rename = "short")]
    _short: BTreeSet<String>,
}

fn holidays() -> &'static BTreeMap<i32, Year> {
    static YEARS: OnceLock<BTreeMap<i32, Year>> = OnceLock::new();
    YEARS.get_or_init(|| {
        let years: BTreeMap<String, Year> =
            toml::from_str(include_str!("calendar-ru.toml")).unwrap_or_default();
        years.into_iter().filter_map(|(year, days)| Some((year.parse().ok()?, days))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: Tz) -> At {
        let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a time");
        zone.from_local_datetime(&time).single().expect("one instant").to_utc()
    }

    #[test]
    fn the_production_calendar_of_russia_is_known() {
        let calendar = Calendar::default();
        for (day, works) in [
            ("2026-11-23", true),
            ("2026-11-22", false),
            ("2026-12-31", false),
            ("2026-05-11", false),
            ("2027-02-20", true),
            ("2027-02-22", false),
            ("2028-06-12", false), // no decree known: a fixed holiday
            ("2028-02-24", true),
            ("2028-01-10", true),  // the January holidays move by decree only
            ("2028-11-06", false), // Saturday 4 November moves to Monday
            ("2028-11-07", true),
            ("2029-11-05", false), // Sunday 4 November
            ("2030-02-25", false), // Saturday 23 February
            ("2033-05-03", true),
            ("2033-05-02", false), // Sunday 1 May
        ] {
            let day: NaiveDate = day.parse().expect("a day");
            assert_eq!(calendar.is_working(day), works, "{day}");
        }
        for year in [2026, 2027] {
            let first = NaiveDate::from_ymd_opt(year, 1, 1).expect("a day");
            let worked = first
                .iter_days()
                .take_while(|day| day.year() == year)
                .filter(|day| calendar.is_working(*day));
            assert_eq!(worked.count(), 247, "{year}");
        }
    }

    #[test]
    fn a_schools_own_days_go_before_the_shipped_ones() {
        let calendar = Calendar {
            working: BTreeSet::from(["2026-11-22".to_owned()]),
            nonworking: BTreeSet::from(["2026-11-23".to_owned()]),
            weekdays: BTreeMap::new(),
        };
        assert!(calendar.is_working("2026-11-22".parse().expect("a day")));
        assert!(!calendar.is_working("2026-11-23".parse().expect("a day")));
    }

    #[test]
    fn hours_move_to_the_next_opening_in_the_readers_zone() {
        let calendar = Calendar::default();
        let check = |zone: Tz, asked: &str, want: &str| {
            let calls =
                Opening { calendar: &calendar, zone, working: Some(Hours::from_hm(10, 0, 20, 0)), off: None };
            assert_eq!(calls.next(at(asked, zone)), at(want, zone), "{zone} {asked}");
        };
        for zone in [Tz::Europe__Moscow, Tz::Asia__Vladivostok, Tz::Europe__Berlin] {
            check(zone, "2026-11-23 12:00", "2026-11-23 12:00");
            check(zone, "2026-11-23 09:59", "2026-11-23 10:00");
            check(zone, "2026-11-23 20:00", "2026-11-24 10:00");
            check(zone, "2026-11-27 20:00", "2026-11-30 10:00");
            check(zone, "2026-12-30 20:30", "2027-01-11 10:00");
        }
    }

    #[test]
    fn working_minutes_pass_only_while_the_team_works() {
        let calendar = Calendar::default();
        let zone = Tz::Europe__Moscow;
        let team =
            Opening { calendar: &calendar, zone, working: Some(Hours::from_hm(9, 0, 21, 0)), off: None };
        for (from, minutes, want) in [
            ("2026-11-23 10:00", 15, "2026-11-23 10:15"),
            ("2026-11-23 20:50", 15, "2026-11-24 09:05"),
            ("2026-11-27 20:50", 15, "2026-11-30 09:05"),
            ("2026-11-22 12:00", 0, "2026-11-23 09:00"),
            ("2026-11-23 09:00", 1440, "2026-11-25 09:00"),
        ] {
            assert_eq!(team.add_minutes(at(from, zone), minutes), at(want, zone), "{from} + {minutes}");
        }
    }

    #[test]
    fn spread_is_stable_and_inside_its_minutes() {
        assert_eq!(spread("gc-1/attempt/1", 10), spread("gc-1/attempt/1", 10));
        let shares: BTreeSet<i64> = (0..100).map(|n| spread(&format!("gc-{n}"), 10).num_minutes()).collect();
        assert!(shares.len() >= 8, "spread over {} minutes of 10", shares.len());
        assert!(shares.iter().all(|minute| (0..10).contains(minute)));
        assert_eq!(spread("gc-1", 0), TimeDelta::zero());
    }
}
