//! Beginning, middle and end of a longer time: «в конце месяца», «до середины декабря», «в начале следующей недели».
//! Never reads a time of day. Enter at [`Reader::part_of_time`].

use chrono::{Datelike, Days, Months, NaiveDate};

use super::Reader;
use super::day::Day;
use super::token::Tokens;
use super::words::{self, Edge, Which};

/// «В начале месяца» is over, «в середине месяца» is over: the next month's is meant from then on.
const BEGINNING_DAYS: u32 = 10;
const MIDDLE_DAYS: u32 = 20;

impl Reader<'_> {
    /// A day, and the token after it. By the annex of L17 the parts of a month are its 3rd, its 15th and three days
    /// before its end; «до» means the edge itself. Those of a week are Monday, Wednesday and Friday. What is over, or
    /// just begun, is unclear.
    pub(super) fn part_of_time(&self, tokens: &Tokens, at: usize, before: &str) -> Option<(Day, usize)> {
        let edge = words::edge(tokens.word(at)).filter(|_| {
            matches!(before, "в" | "во" | "на" | "к" | "ко" | "до" | "с" | "со" | "после" | "около")
        })?;
        let which = tokens.get(at + 1).and_then(words::which);
        let place = at + 1 + usize::from(which.is_some());
        let is_limit = matches!(before, "до" | "с" | "со");
        let day = match (tokens.get(place)?, which) {
            ("месяца" | "недели" | "года", Some(Which::Last)) => Day::Past,
            ("месяца" | "недели" | "года", Some(Which::That)) => Day::Unclear,
            ("недели", which) => self.part_of_week(edge, which),
            ("месяца", which) => self.part_of_this(edge, which, is_limit),
            ("года", None | Some(Which::This)) if edge == Edge::End && before == "до" => {
                NaiveDate::from_ymd_opt(self.today().year(), 12, 31).map_or(Day::Unclear, Day::On)
            }
            ("года", _) => Day::Unclear,
            (word, None) => self.part_of_named(edge, words::month(word)?, is_limit),
            _ => return None,
        };
        Some((day, place + 1))
    }

    fn part_of_week(&self, edge: Edge, which: Option<Which>) -> Day {
        let today = self.today();
        let since_monday = u64::from(today.weekday().num_days_from_monday());
        let weekday = match edge {
            Edge::Beginning => 0,
            Edge::Middle => 2,
            Edge::End => 4,
        };
        let is_next = which == Some(Which::Next) || (edge == Edge::Beginning && which.is_none());
        match is_next {
            // On a Monday its own week's beginning can be meant.
            true if which.is_none() && since_monday == 0 => Day::Unclear,
            true => Day::Loose(today + Days::new(7 + weekday - since_monday)),
            false if weekday > since_monday => Day::Loose(today + Days::new(weekday - since_monday)),
            false => Day::Unclear,
        }
    }

    fn part_of_this(&self, edge: Edge, which: Option<Which>, is_limit: bool) -> Day {
        let today = self.today();
        let part = |ahead: u32| {
            let first = today.with_day(1)?.checked_add_months(Months::new(ahead))?;
            part_of(edge, first, is_limit)
        };
        let is_over = match edge {
            Edge::Beginning => today.day() > BEGINNING_DAYS,
            Edge::Middle => today.day() > MIDDLE_DAYS,
            Edge::End => false,
        };
        let day = match which {
            Some(Which::Next) => part(1),
            _ => part(0).filter(|day| *day >= today).or_else(|| {
                let is_next = is_over && which.is_none();
                part(1).filter(|_| is_next)
            }),
        };
        day.map_or(Day::Unclear, Day::Loose)
    }

    fn part_of_named(&self, edge: Edge, month: u32, is_limit: bool) -> Day {
        let today = self.today();
        let Some(first) = NaiveDate::from_ymd_opt(today.year(), month, 1) else { return Day::Missing };
        match part_of(edge, first, is_limit) {
            Some(day) if day < today && month == today.month() => Day::Unclear,
            Some(day) => self.dated(day.day(), month, None),
            None => Day::Missing,
        }
    }
}

fn part_of(edge: Edge, first: NaiveDate, is_limit: bool) -> Option<NaiveDate> {
    match edge {
        Edge::Beginning if is_limit => Some(first),
        Edge::Beginning => first.with_day(3),
        Edge::Middle => first.with_day(15),
        Edge::End => {
            let before_end = if is_limit { 1 } else { 4 };
            first.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(before_end))
        }
    }
}
