//! Days as people name them: «пятница», «5 декабря», «5-го», `30.11`, «после праздников». Never reads
//! a time. Enter at [`Reader::day`].

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use super::token::Tokens;
use super::words::Which;
use super::{Reader, words};
use crate::process::hours::TimeOfDay;

/// A day without a year that is further back than this means next year.
const PAST_DAYS: i64 = 180;
/// Further back than this it may mean next year: that is asked.
const LONG_PAST_DAYS: i64 = 60;

/// A day as it was named.
pub(super) enum Day {
    On(NaiveDate),
    /// Without its month: «5-го».
    Loose(NaiveDate),
    /// «Через 2 дня».
    Ahead(NaiveDate),
    /// A weekday; true if of next week.
    Of(Weekday, bool),
    /// The first day of a longer time.
    NotBefore(NaiveDate),
    Past,
    /// Without a year, and so long ago that next year's may be meant.
    LongPast,
    /// «31.02».
    Missing,
    Unclear,
}

impl Reader<'_> {
    /// A day, and the token after it.
    pub(super) fn day(
        &self,
        tokens: &Tokens,
        at: usize,
        before: &str,
        has_clock: bool,
    ) -> Option<(Day, usize)> {
        let word = tokens.word(at);
        if let Some(days) = words::near_day(word) {
            return Some((Day::On(self.today() + Days::new(days)), at + 1));
        }
        if matches!(word, "вчера" | "позавчера") {
            return Some((Day::Past, at + 1));
        }
        // «На следующей неделе» is five days or seven, «на той неделе» can be the last one.
        if tokens.get(at + 1).is_some_and(words::is_long_time) {
            if let Some(day) = self.day_of_week(tokens, at) {
                return Some(day);
            }
            match words::which(word) {
                Some(Which::Next | Which::That) => return Some((Day::Unclear, at + 2)),
                Some(Which::Last) => return Some((Day::Past, at + 2)),
                _ => {}
            }
        }
        self.weekday(tokens, at)
            .or_else(|| self.figures(tokens, at, has_clock))
            .or_else(|| self.day_of_month(tokens, at))
            .or_else(|| self.part_of_time(tokens, at, before))
            .or_else(|| self.days_ahead(tokens, at))
            .or_else(|| self.after_holidays(tokens, at, before))
    }

    /// «Этой неделе в среду», «следующей неделе во вторник».
    fn day_of_week(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        let which = words::which(tokens.word(at)).filter(|_| tokens.word(at + 1) == "неделе")?;
        let place = at + 2 + usize::from(matches!(tokens.word(at + 2), "в" | "во"));
        let weekday = tokens.get(place).and_then(words::weekday)?;
        (at..place).all(|place| tokens.joins_next(place)).then(|| (self.of_week(which, weekday), place + 1))
    }

    fn of_week(&self, which: Which, weekday: Weekday) -> Day {
        let since_monday = |day: Weekday| day.num_days_from_monday();
        match which {
            Which::Next => Day::Of(weekday, true),
            Which::This if since_monday(weekday) > since_monday(self.today().weekday()) => {
                Day::Of(weekday, false)
            }
            Which::This | Which::That => Day::Unclear,
            Which::Last => Day::Past,
        }
    }

    /// «Пятница», «следующий вторник», «эту среду», «среда следующей недели», «среду на следующей неделе».
    fn weekday(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        let which = words::which(tokens.word(at));
        let place = at + usize::from(which.is_some());
        let weekday = tokens.get(place).and_then(words::weekday)?;
        let of = place + 1 + usize::from(tokens.get(place + 1) == Some("на"));
        let week = tokens.get(of).and_then(words::which);
        let week = week.filter(|_| matches!(tokens.get(of + 1), Some("недели" | "неделе")));
        let next = if week.is_some() { of + 2 } else { place + 1 };
        if let (None, Some(week)) = (which, week) {
            return Some((self.of_week(week, weekday), next));
        }
        let day = match which {
            // «Через пятницу», «в первую пятницу месяца».
            None if words::moves_weekday(tokens.before(at)) => Day::Unclear,
            Some(Which::Last) => Day::Past,
            // «В ту пятницу» can be the last one.
            Some(Which::That) => Day::Unclear,
            Some(Which::Next) => Day::Of(weekday, true),
            Some(Which::This) | None => Day::Of(weekday, false),
        };
        Some((day, next))
    }

    /// `30.11`, `30.11.2026`, `30.11.26`, `30/11/2026`, `30-11-2026`, `2026-11-30`, `2026/11/30`; beside a time `30/11`
    /// and `1.6`, too.
    fn figures(&self, tokens: &Tokens, at: usize, has_clock: bool) -> Option<(Day, usize)> {
        let figure = |place, lengths: &[usize]| tokens.figure(place, lengths);
        let short = |place| figure(place, &[1, 2]);
        let mark = tokens.gap(at);
        if tokens.continues_figures(at) || !matches!(mark, "." | "/" | "-") {
            return None;
        }
        if tokens.gap(at + 1) == mark {
            if let (Some(year), Some(month), Some(day)) = (figure(at, &[4]), short(at + 1), short(at + 2)) {
                return Some((self.dated(day, month, Some(year)), at + 3));
            }
            let is_whole = mark == "/" || (mark == "." && tokens.word(at + 1).len() == 2);
            let year = match figure(at + 2, &[2]) {
                Some(year) if is_whole => Some(year + 2000),
                _ => figure(at + 2, &[4]),
            };
            if let (Some(day), Some(month), Some(year)) = (short(at), short(at + 1), year) {
                return Some((self.dated(day, month, Some(year)), at + 3));
            }
        }
        let (day, month) = (short(at)?, short(at + 1)?);
        // «2.5 тысячи», «10.12 %» and «в 11.30» are no days.
        if mark == "-" || month == 0 || month > 12 || tokens.is_quantity(at + 1) {
            return None;
        }
        if mark == "." && tokens.word(at + 1).len() == 2 {
            return Some((self.dated(day, month, None), at + 2));
        }
        // «24/7» and «2.5» are none, «5/12 15:00» is one.
        let is_beside_clock = has_clock || tokens.is_before_clock(at + 2);
        is_beside_clock.then(|| (self.slashed(day, month), at + 2))
    }

    /// The month comes second. Where the other order gives a nearer day, it can be meant.
    fn slashed(&self, day: u32, month: u32) -> Day {
        match (self.dated(day, month, None), self.dated(month, day, None)) {
            (Day::On(usual), Day::On(other)) if other < usual => Day::Unclear,
            (Day::On(usual), _) => Day::On(usual),
            (_, Day::On(_)) => Day::Unclear,
            (usual, _) => usual,
        }
    }

    /// «30 ноября», «30-го», «5му», «тридцатого числа», «30 ноября 2026 года», «5 числа следующего месяца».
    fn day_of_month(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        if let Some(next) = tokens.several_days(at) {
            return Some((Day::Unclear, next));
        }
        let (day, mut next, is_ordinal) = tokens.day_number(at)?;
        let Some(month) = tokens.get(next).and_then(words::month) else {
            let has_word = tokens.get(next).is_some_and(words::is_day_word);
            next += usize::from(has_word);
            let month = tokens.which_time(next, &["месяца"]);
            let found = match month {
                Some(Which::Next) => self.of_month(day, 1),
                Some(Which::This) => self.of_month(day, 0),
                Some(Which::Last) => Day::Past,
                Some(Which::That) => Day::Unclear,
                None => self.next_with(day),
            };
            let found = match found {
                Day::On(day) if month.is_none() => Day::Loose(day),
                found => found,
            };
            let is_day = has_word || is_ordinal || month.is_some();
            return is_day.then_some((found, next + if month.is_some() { 2 } else { 0 }));
        };
        next += 1;
        if let Some(year) = tokens.which_time(next, &["года"]) {
            let this = self.today().year().unsigned_abs();
            let found = match year {
                Which::Next => self.dated(day, month, Some(this + 1)),
                Which::This => self.dated(day, month, Some(this)),
                Which::Last => Day::Past,
                Which::That => Day::Unclear,
            };
            return Some((found, next + 2));
        }
        let year = tokens.figure(next, &[4]).filter(|_| tokens.joins_next(next - 1));
        next += usize::from(year.is_some());
        let has_word = year.is_some() && matches!(tokens.get(next), Some("года" | "г"));
        Some((self.dated(day, month, year), next + usize::from(has_word)))
    }

    /// A day of this month or of a later one.
    fn of_month(&self, day: u32, ahead: u32) -> Day {
        let first = self.today().with_day(1).and_then(|day| day.checked_add_months(Months::new(ahead)));
        match first.and_then(|month| month.with_day(day)) {
            Some(day) if day >= self.today() => Day::On(day),
            Some(_) => Day::Past,
            None => Day::Missing,
        }
    }

    /// «После праздников», «после майских», «после нового года» (P5).
    fn after_holidays(&self, tokens: &Tokens, at: usize, before: &str) -> Option<(Day, usize)> {
        if before != "после" {
            return None;
        }
        let (month, next) = match (tokens.word(at), tokens.get(at + 1)) {
            ("праздников" | "праздника", _) => (None, at + 1),
            ("майских", word) => (Some(5), at + 1 + usize::from(word == Some("праздников"))),
            ("новогодних", word) => {
                (Some(1), at + 1 + usize::from(matches!(word, Some("праздников" | "каникул"))))
            }
            ("нового", Some("года")) => (Some(1), at + 2),
            _ => return None,
        };
        let day = self.calendar.after_holidays(self.today(), month);
        Some((day.map_or(Day::Unclear, Day::NotBefore), next))
    }

    /// A day of the calendar; without a year the nearest one that is not long past.
    pub(super) fn dated(&self, day: u32, month: u32, year: Option<u32>) -> Day {
        let on = |year: i32| NaiveDate::from_ymd_opt(year, month, day);
        let today = self.today();
        let date = match year {
            Some(year) => on(i32::try_from(year).unwrap_or_default()),
            None => on(today.year())
                .filter(|date| (today - *date).num_days() <= PAST_DAYS)
                .or_else(|| on(today.year() + 1)),
        };
        match date {
            Some(date) if date >= today => Day::On(date),
            Some(date) if year.is_none() && (today - date).num_days() > LONG_PAST_DAYS => Day::LongPast,
            Some(_) => Day::Past,
            None => Day::Missing,
        }
    }

    /// The next day with this number, today included.
    fn next_with(&self, day: u32) -> Day {
        let first = self.today().with_day(1);
        let months = (0..12).filter_map(|months| first?.checked_add_months(Months::new(months)));
        let day = months.filter_map(|month| month.with_day(day)).find(|day| *day >= self.today());
        day.map_or(Day::Missing, Day::On)
    }

    /// The weekday of this week or the next. Today's name means in a week, unless a later time stands with it.
    pub(super) fn next_weekday(&self, weekday: Weekday, is_next: bool, time: Option<TimeOfDay>) -> NaiveDate {
        let today = self.today();
        let ahead =
            u64::from((weekday.num_days_from_monday() + 7 - today.weekday().num_days_from_monday()) % 7);
        let is_later_today = || time.is_some_and(|time| self.instant(today, time) > self.now);
        let days = match (is_next, ahead) {
            (true, _) => {
                u64::from(7 - today.weekday().num_days_from_monday() + weekday.num_days_from_monday())
            }
            (false, 0) if !is_later_today() => 7,
            (false, _) => ahead,
        };
        today + Days::new(days)
    }
}
