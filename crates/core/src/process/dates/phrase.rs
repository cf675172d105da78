//! The parts of one date, put together. Never reads a text. Enter at [`Phrase::named`].

use chrono::{Days, NaiveDate, TimeDelta, Timelike, Weekday};

use super::token::Tokens;
use super::words::Part;
use super::{Named, Reader, TOKENS_MAX};
use crate::process::hours::TimeOfDay;

/// Why a date that was named cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// «31.02».
    NoSuchDay,
    DayIsPast,
    /// Months ago, without a year: next year's may be meant.
    DayIsLongPast,
    /// Today, but earlier.
    TimeIsPast,
    /// It can mean several days: «на следующей неделе».
    Unclear,
}

impl Reader<'_> {
    /// What is wrong with the first date of a text that names none that can be used.
    pub fn wrong(&self, text: &str) -> Option<Wrong> {
        let tokens = Tokens::of(text, TOKENS_MAX);
        let (mut place, mut free) = (0, 0);
        while place < tokens.len() {
            match self.phrase(&tokens, place, free) {
                Some((phrase, end)) => match phrase.wrong(self) {
                    Some(wrong) => return Some(wrong),
                    None => (place, free) = (end, end),
                },
                None => place += 1,
            }
        }
        None
    }

    /// What is wrong with the date that a text begins with, if the date is all that the text begins with: «до 31.02»,
    /// «вчера», and not «вчера ещё хотел».
    pub fn wrong_first(&self, text: &str) -> Option<Wrong> {
        let tokens = Tokens::of(text, TOKENS_MAX);
        if tokens.len() == 0 {
            return None;
        }
        let (phrase, end) = self.phrase(&tokens, 0, 0)?;
        let stands_alone = end >= tokens.len() || tokens.gap(end - 1) != " ";
        let unclear = || (phrase.named(self) == Some(Named::Unclear)).then_some(Wrong::Unclear);
        phrase.wrong(self).or_else(unclear).filter(|_| stands_alone)
    }
}

impl Reader<'_> {
    /// The same of the answer of a client who needs time, where each word of time at the beginning is a day of return.
    pub fn wrong_return(&self, text: &str) -> Option<Wrong> {
        let tokens = Tokens::of(text, TOKENS_MAX);
        let unread = || self.begins_with_unread(&tokens).then_some(Wrong::Unclear);
        self.wrong_first(text).or_else(unread)
    }
}

/// What was read of one date.
#[derive(Debug, Clone, Default)]
pub(super) struct Phrase {
    day: Option<NaiveDate>,
    weekday: Option<(Weekday, bool)>,
    /// The first day of a longer time: «после праздников».
    pub not_before: Option<NaiveDate>,
    pub clock: Option<Clock>,
    /// «После обеда»: a time, unless one is named beside it.
    pub meal: Option<TimeOfDay>,
    pub part: Option<Part>,
    pub span: Option<TimeDelta>,
    /// The day was named without its month: another word can move it.
    pub is_loose: bool,
    /// «Через 2 дня».
    pub is_ahead: bool,
    pub is_past: bool,
    pub is_long_past: bool,
    pub unclear: bool,
    /// The calendar has no such day.
    pub is_no_day: bool,
}

/// A time as it was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub hour: u32,
    pub minute: u32,
    /// It cannot mean the other half of the day: `08:30`.
    pub is_exact: bool,
    /// Without a day beside it, it can mean one: «к 5».
    pub may_be_day: bool,
}

impl Clock {
    /// «В 3» is in the afternoon, «в 8» can be both.
    fn time(self, part: Option<Part>) -> Option<TimeOfDay> {
        let hour = match (part, self.hour) {
            (None, 0..=23) if self.is_exact => self.hour,
            (None, 1..=7) => self.hour + 12,
            (None, 0 | 9..=23) => self.hour,
            (Some(Part::Morning), 4..=11) => self.hour,
            (Some(Part::Day), 1..=6) => self.hour + 12,
            (Some(Part::Day), 10..=18) => self.hour,
            (Some(Part::Evening), 4..=11) => self.hour + 12,
            (Some(Part::Evening), 16..=23) => self.hour,
            // «Завтра в 12 ночи» can be the night before tomorrow and the one behind it.
            (Some(Part::Night), 22 | 23) => self.hour,
            _ => return None,
        };
        (self.minute < 60).then_some(TimeOfDay { minute: (hour * 60 + self.minute) as u16 })
    }
}

impl Phrase {
    pub fn has_day(&self) -> bool {
        self.day.is_some() || self.weekday.is_some() || self.is_past
    }

    pub fn has_time(&self) -> bool {
        self.clock.is_some() || self.meal.is_some() || self.part.is_some()
    }

    /// Both name a day, or both no more than a time.
    pub fn is_as(&self, other: &Self) -> bool {
        (self.has_day() && other.has_day()) || (self.has_time() && other.has_time() && !other.has_day())
    }

    /// A second time beside the first one is the end of its range, or leaves in doubt which is meant.
    pub fn take_clock(&mut self, clock: Clock, is_range: bool) {
        let is_other =
            |known: Clock| (known.hour % 12, known.minute) != (clock.hour % 12, clock.minute) && !is_range;
        self.unclear |= self.clock.is_some_and(is_other);
        self.clock = self.clock.or(Some(clock));
    }

    /// «Завтра в 11, а лучше в 12»: the day was named before.
    pub fn take_day_of(&mut self, other: Self) {
        if !self.has_day() && self.not_before.is_none() && self.span.is_none() {
            (self.day, self.weekday, self.not_before) = (other.day, other.weekday, other.not_before);
            // «К 5 декабря, а лучше к 3».
            self.unclear |= !other.has_time() && self.clock.is_some_and(|clock| clock.may_be_day);
            (self.is_loose, self.is_ahead) = (other.is_loose, other.is_ahead);
            (self.is_past, self.is_long_past) = (other.is_past, other.is_long_past);
        }
    }

    pub fn take_day(&mut self, day: NaiveDate) {
        self.unclear |= self.day.is_some_and(|known| known != day);
        self.is_loose = false;
        self.day = Some(day);
    }

    /// A day that another word can move.
    pub fn take_loose(&mut self, day: NaiveDate) {
        let is_loose = self.day.is_none() || self.is_loose;
        self.take_day(day);
        self.is_loose = is_loose;
    }

    pub fn take_weekday(&mut self, weekday: Weekday, is_next: bool) {
        self.is_loose |= self.day.is_none();
        self.unclear |= self.weekday.is_some_and(|(known, _)| known != weekday);
        self.weekday = Some((weekday, is_next));
    }

    /// What it means; `None` if it is past.
    pub fn named(&self, reader: &Reader) -> Option<Named> {
        if self.is_past {
            return None;
        }
        let Some(time) = self.time(reader).filter(|_| !self.unclear) else { return Some(Named::Unclear) };
        if let Some(span) = self.span {
            let is_alone = !self.has_day() && time.is_none();
            let now = reader.now.with_second(0).unwrap_or(reader.now).to_utc();
            return Some(if is_alone { Named::Time(now + span) } else { Named::Unclear });
        }
        let Some(day) = self.date(reader) else { return Some(Named::Unclear) };
        let today = reader.today();
        match (day, time) {
            (Some(day), Some(time)) => {
                let at = reader.instant(day, time);
                (at > reader.now).then_some(Named::Time(at))
            }
            (Some(day), None) => (day >= today).then_some(Named::Day(day)),
            (None, Some(_)) if self.part.is_none() && self.clock.is_some_and(|clock| clock.may_be_day) => {
                Some(Named::Unclear)
            }
            (None, Some(time)) => {
                let days = [today, today + Days::new(1)];
                let mut times = days.into_iter().map(|day| reader.instant(day, time));
                times.find(|at| *at > reader.now).map(Named::Clock)
            }
            (None, None) => None,
        }
    }

    /// Why it cannot be used, as far as its day is to blame.
    pub fn wrong(&self, reader: &Reader) -> Option<Wrong> {
        if self.is_no_day {
            return Some(Wrong::NoSuchDay);
        }
        if self.is_past {
            return Some(if self.is_long_past { Wrong::DayIsLongPast } else { Wrong::DayIsPast });
        }
        let (day, today) = (self.date(reader)??, reader.today());
        let at = self.time(reader).flatten().map(|time| reader.instant(day, time));
        match day == today {
            true => at.filter(|at| *at <= reader.now).map(|_| Wrong::TimeIsPast),
            false => (day < today).then_some(Wrong::DayIsPast),
        }
    }

    /// The time of day, if one was named; `None` if it can mean two.
    fn time(&self, reader: &Reader) -> Option<Option<TimeOfDay>> {
        match (self.clock, self.part) {
            (Some(clock), part) => clock.time(part).map(Some),
            (None, _) if self.meal.is_some() => Some(self.meal),
            (None, Some(Part::Morning)) => Some(Some(reader.morning)),
            (None, Some(Part::Day)) => Some(Some(TimeOfDay { minute: 14 * 60 })),
            (None, Some(Part::Evening)) => Some(Some(reader.evening)),
            (None, Some(Part::Night)) => None,
            (None, None) => Some(None),
        }
    }

    /// The day, if one was named; `None` if two were.
    fn date(&self, reader: &Reader) -> Option<Option<NaiveDate>> {
        use chrono::Datelike;
        let clock = self.clock.map_or(self.meal, |clock| clock.time(self.part));
        let day = match (self.day, self.weekday) {
            (Some(day), Some((weekday, _))) if day.weekday() != weekday => return None,
            (Some(day), _) => Some(day),
            (None, Some((weekday, is_next))) => Some(reader.next_weekday(weekday, is_next, clock)),
            (None, None) => None,
        };
        match (day, self.not_before) {
            (Some(day), Some(first)) if day < first => None,
            (day, first) => Some(day.or(first)),
        }
    }
}
