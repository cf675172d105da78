//! Reads the dates and times that people write (L17): «завтра в 11», «30 ноября», «в понедельник вечером», «через
//! 2 дня», «после праздников». Never guesses: what can mean two things is [`Named::Unclear`], and what lies in the
//! past is left out. Everything that `calendar` writes is read back. Enter at [`Reader::read`] and [`Reader::meant`].

mod phrase;
#[cfg(test)]
mod tests;
mod token;
mod words;

use std::ops::Range;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Weekday};
use chrono_tz::Tz;

pub use self::phrase::Wrong;
use self::phrase::{Clock, Phrase};
use self::token::Tokens;
use self::words::Part;
use super::calendar::{Calendar, at_local};
use super::hours::TimeOfDay;
use super::value::At;

/// A day without a year that is further back than this means next year.
const PAST_DAYS: i64 = 180;
/// Further back than this it may mean next year: that is asked.
const LONG_PAST_DAYS: i64 = 60;
/// «Через» reaches this far.
const AHEAD_DAYS_MAX: u32 = 400;
/// Longer texts are read up to here.
const TOKENS_MAX: usize = 500;

/// What is needed to understand a date: when and where it was written, and the school's habits.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// When it was written, in the zone of the writer.
    pub now: DateTime<Tz>,
    pub calendar: &'a Calendar,
    /// «Утром» without a time.
    pub morning: TimeOfDay,
    /// «Вечером» without a time.
    pub evening: TimeOfDay,
}

/// A date or time that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A day without a time; today or later.
    Day(NaiveDate),
    /// A day with a time, or «через час»; later than now.
    Time(At),
    /// A time without a day: its next occurrence.
    Clock(At),
    /// A date or time that can mean two things, or none: «в 8», «31.02», «до 18:00».
    Unclear,
}

/// A named moment, and where it stands in the text (bytes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub named: Named,
    pub range: Range<usize>,
    /// A word of return stands before it: «вернуться», «оплатит».
    pub of_return: bool,
}

impl Reader<'_> {
    /// All dates and times of a text, in its order; without those that are past or negated.
    pub fn read(&self, text: &str) -> Vec<Found> {
        let tokens = Tokens::of(text, TOKENS_MAX);
        let (mut found, mut place) = (Vec::new(), 0);
        while place < tokens.len() {
            let Some((phrase, end)) = self.phrase(&tokens, place) else {
                place += 1;
                continue;
            };
            let named = phrase.named(self).filter(|_| !tokens.is_negated(place));
            found.extend(named.map(|named| Found {
                named,
                range: tokens.range(place, end),
                of_return: tokens.follows_return(place),
            }));
            place = end;
        }
        found
    }

    /// The date that is meant: the first one with a word of return, else the first one.
    pub fn meant(&self, text: &str) -> Option<Found> {
        let found = self.read(text);
        found.iter().find(|one| one.of_return).or(found.first()).cloned()
    }

    /// The longest phrase that begins here, and the token after it.
    fn phrase(&self, tokens: &Tokens, start: usize) -> Option<(Phrase, usize)> {
        let (mut phrase, mut end) = (Phrase::default(), None);
        let mut place = start;
        loop {
            let mut next = place;
            while next < tokens.len() && words::is_joint(tokens.word(next)) && tokens.joins_next(next) {
                next += 1;
            }
            let before = if next > place { tokens.word(next - 1) } else { "" };
            if next >= tokens.len() || !self.piece(tokens, next, before, &mut phrase, &mut place) {
                return Some((phrase, end?));
            }
            end = Some(place);
            if !tokens.joins_next(place - 1) {
                return Some((phrase, place));
            }
        }
    }

    /// Reads one part of a phrase into it; `end` becomes the token after it.
    fn piece(&self, tokens: &Tokens, at: usize, before: &str, phrase: &mut Phrase, end: &mut usize) -> bool {
        if let Some((day, next)) = self.day(tokens, at, before) {
            match day {
                // «После пятницы» is no day.
                Day::On(_) | Day::Of(..) if before == "после" => phrase.unclear = true,
                Day::On(day) => phrase.take_day(day),
                Day::Of(weekday, is_next) => phrase.take_weekday(weekday, is_next),
                Day::NotBefore(day) => phrase.not_before = Some(day),
                Day::Past => phrase.is_past = true,
                Day::LongPast => (phrase.is_past, phrase.is_long_past) = (true, true),
                Day::Missing => (phrase.unclear, phrase.is_no_day) = (true, true),
                Day::Unclear => phrase.unclear = true,
            }
            *end = next;
        } else if let Some((span, next)) = tokens.span(at) {
            phrase.span = Some(span);
            *end = next;
        } else if let Some((clock, next)) = clock(tokens, at, before, phrase.has_day()) {
            match before {
                // «До 18:00» is no time, but «с 11 до 12» begins at one.
                "до" if phrase.clock.is_none() => phrase.unclear = true,
                _ => phrase.clock = phrase.clock.or(Some(clock)),
            }
            *end = next;
        } else if let Some(part) = words::part(tokens.word(at)).filter(|_| {
            words::stands_alone(tokens.word(at))
                || before == "с"
                || (before.is_empty() && phrase.clock.is_some())
        }) {
            phrase.unclear |= phrase.part.is_some_and(|known| known != part);
            phrase.part = Some(part);
            *end = at + 1;
        } else if let Some(time) = self.meal(tokens.word(at), before) {
            phrase.clock = phrase.clock.or(Some(Clock::exact(time)));
            *end = at + 1;
        } else {
            return false;
        }
        true
    }

    /// «После обеда», «до обеда», «в обед», «в полдень».
    fn meal(&self, word: &str, before: &str) -> Option<TimeOfDay> {
        match (before, word) {
            ("после", "обеда") => Some(TimeOfDay { minute: 14 * 60 }),
            ("до", "обеда") => Some(self.morning),
            ("в", "обед") => Some(TimeOfDay { minute: 13 * 60 }),
            ("в", "полдень") => Some(TimeOfDay { minute: 12 * 60 }),
            _ => None,
        }
    }

    /// A day, and the token after it.
    fn day(&self, tokens: &Tokens, at: usize, before: &str) -> Option<(Day, usize)> {
        let word = tokens.word(at);
        if let Some(days) = words::near_day(word) {
            return Some((Day::On(self.today() + Days::new(days)), at + 1));
        }
        if matches!(word, "вчера" | "позавчера") {
            return Some((Day::Past, at + 1));
        }
        // «На следующей неделе» is five days or seven.
        let is_long = matches!(tokens.get(at + 1), Some("неделе" | "неделю" | "месяце" | "году"));
        if word.starts_with("следующ") && is_long {
            return Some((Day::Unclear, at + 2));
        }
        self.weekday(tokens, at)
            .or_else(|| self.figures(tokens, at))
            .or_else(|| self.day_of_month(tokens, at))
            .or_else(|| self.part_of_month(tokens, at, before))
            .or_else(|| self.days_ahead(tokens, at))
            .or_else(|| self.after_holidays(tokens, at, before))
    }

    /// «Пятница», «следующий вторник», «эту среду».
    fn weekday(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        let word = tokens.word(at);
        let is_next = word.starts_with("следующ") || word == "след";
        let has_pronoun = is_next || word.starts_with("ближайш") || matches!(word, "этот" | "эту" | "это");
        let place = at + usize::from(has_pronoun);
        let weekday = tokens.get(place).and_then(words::weekday)?;
        Some((Day::Of(weekday, is_next), place + 1))
    }

    /// `30.11`, `30.11.2026`, `30.11.26`, `30/11/2026`, `2026-11-30`.
    fn figures(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        let figure = |place, lengths: &[usize]| tokens.figure(place, lengths);
        if tokens.continues_figures(at) {
            return None;
        }
        let year = |place| figure(place, &[2, 4]).map(|year| if year < 100 { year + 2000 } else { year });
        let (day, next) = match (tokens.gap(at), tokens.gap(at + 1)) {
            ("-", "-") => {
                let (year, month, day) = (figure(at, &[4])?, figure(at + 1, &[2])?, figure(at + 2, &[2])?);
                (self.dated(day, month, Some(year)), at + 3)
            }
            ("/", "/") => {
                let (day, month, year) = (figure(at, &[1, 2])?, figure(at + 1, &[1, 2])?, year(at + 2)?);
                (self.dated(day, month, Some(year)), at + 3)
            }
            (".", ".") if year(at + 2).is_some() => {
                let (day, month) = (figure(at, &[1, 2])?, figure(at + 1, &[2])?);
                (self.dated(day, month, year(at + 2)), at + 3)
            }
            (".", _) => {
                // «2.5 тысячи», «10.12 %» and «в 11.30» are no days.
                let (day, month) = (figure(at, &[1, 2])?, figure(at + 1, &[2])?);
                if month == 0 || month > 12 || tokens.is_quantity(at + 1) {
                    return None;
                }
                (self.dated(day, month, None), at + 2)
            }
            _ => return None,
        };
        Some((day, next))
    }

    /// «30 ноября», «30-го», «тридцатого числа», «30 ноября 2026 года».
    fn day_of_month(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        let (day, mut next, is_ordinal) = tokens.day_number(at)?;
        if tokens.get(next) == Some("числа") {
            return Some((self.next_with(day), next + 1));
        }
        let Some(month) = tokens.get(next).and_then(words::month) else {
            return is_ordinal.then(|| (self.next_with(day), next));
        };
        next += 1;
        let year = tokens.figure(next, &[4]).filter(|_| tokens.joins_next(next - 1));
        next += usize::from(year.is_some());
        let has_word = year.is_some() && matches!(tokens.get(next), Some("года" | "г"));
        Some((self.dated(day, month, year), next + usize::from(has_word)))
    }

    /// «В начале месяца», «в середине декабря», «в конце месяца».
    fn part_of_month(&self, tokens: &Tokens, at: usize, before: &str) -> Option<(Day, usize)> {
        let part = tokens.word(at);
        if before != "в" || !matches!(part, "начале" | "середине" | "конце") {
            return None;
        }
        let month = match tokens.get(at + 1)? {
            "месяца" => self.today().month(),
            word => words::month(word)?,
        };
        let day = |year: i32| {
            let first = NaiveDate::from_ymd_opt(year, month, 1)?;
            match part {
                "начале" => first.with_day(3),
                "середине" => first.with_day(15),
                _ => first.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(4)),
            }
        };
        let this_year = day(self.today().year())?;
        let day = match this_year >= self.today() {
            true => this_year,
            // «В начале месяца», said in its middle, is the next one's.
            false if tokens.get(at + 1) == Some("месяца") => {
                this_year.checked_add_months(Months::new(1))?
            }
            false => day(self.today().year() + 1)?,
        };
        Some((Day::On(day), at + 2))
    }

    /// «Через 2 дня», «через неделю», «через 3 рабочих дня», «через месяц».
    fn days_ahead(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        if tokens.word(at) != "через" {
            return None;
        }
        let (count, place) = tokens.count(at + 1);
        let is_working = tokens.get(place).is_some_and(|word| word.starts_with("рабоч"));
        let place = place + usize::from(is_working);
        let unit = tokens.get(place)?;
        let today = self.today();
        let day = match unit {
            _ if count.is_some_and(|count| count == 0 || count > AHEAD_DAYS_MAX) => None,
            // «Через день» can mean tomorrow and the day after.
            "день" | "дня" | "дней" | "денек" => count.and_then(|days| match is_working {
                true => self.working_day(days),
                false => today.checked_add_days(Days::new(u64::from(days))),
            }),
            "сутки" | "суток" => today.checked_add_days(Days::new(u64::from(count.unwrap_or(1)))),
            "неделю" | "недели" | "недель" | "недельку" => {
                today.checked_add_days(Days::new(7 * u64::from(count.unwrap_or(1))))
            }
            "месяц" | "месяца" | "месяцев" => {
                today.checked_add_months(Months::new(count.unwrap_or(1)))
            }
            "полгода" => today.checked_add_months(Months::new(6)),
            "несколько" | "пару" => None,
            // Hours and minutes are a span.
            _ => return None,
        };
        let day = day.filter(|day| (*day - today).num_days() <= i64::from(AHEAD_DAYS_MAX));
        Some((day.map_or(Day::Unclear, Day::On), place + 1))
    }

    fn working_day(&self, days: u32) -> Option<NaiveDate> {
        let ahead = self.today().iter_days().skip(1).take(AHEAD_DAYS_MAX as usize);
        ahead.filter(|day| self.calendar.is_working(*day)).nth(days as usize - 1)
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
    fn dated(&self, day: u32, month: u32, year: Option<u32>) -> Day {
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

    fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }

    /// The weekday of this week or the next. Today's name means in a week, unless a later time stands with it.
    fn next_weekday(&self, weekday: Weekday, is_next: bool, time: Option<TimeOfDay>) -> NaiveDate {
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

    fn instant(&self, day: NaiveDate, time: TimeOfDay) -> At {
        at_local(day, u32::from(time.minute), self.now.timezone())
    }
}

/// A day as it was named.
enum Day {
    On(NaiveDate),
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

/// A time of day, and the token after it. A bare number needs a word before it, and after it nothing that could
/// be counted.
fn clock(tokens: &Tokens, at: usize, before: &str, has_day: bool) -> Option<(Clock, usize)> {
    let word = tokens.word(at);
    if let Some(hour) = tokens.figure(at, &[1, 2])
        && let Some(minute) = tokens.figure(at + 1, &[2]).filter(|_| tokens.gap(at) == ":")
    {
        let has_seconds = tokens.gap(at + 1) == ":" && tokens.figure(at + 2, &[2]).is_some();
        let next = at + 2 + usize::from(has_seconds);
        return Some((Clock { hour, minute, is_exact: word.len() == 2 && word.starts_with('0') }, next));
    }
    let has_before = words::is_time_word(before) || matches!(before, "до" | "после");
    if has_before && matches!(word, "час" | "часу") {
        return Some((Clock { hour: 1, minute: 0, is_exact: false }, at + 1));
    }
    let hour = tokens.figure(at, &[1, 2]).or_else(|| words::count(word)).filter(|hour| *hour <= 24)?;
    if tokens.continues_figures(at) || word == "пару" {
        return None;
    }
    let clock = |minute, next| Some((Clock { hour, minute, is_exact: false }, next));
    // «В 11.30», «в 11-30», «в 11 30».
    if has_before && let Some(minute) = tokens.figure(at + 1, &[2]).filter(|minute| *minute < 60) {
        let is_minute = match tokens.gap(at) {
            "." => !tokens.is_quantity(at + 1),
            "-" => minute.is_multiple_of(30),
            " " => minute.is_multiple_of(15) && !tokens.names_day(at + 1),
            _ => false,
        };
        let goes_on = tokens.figure(at + 2, &[1, 2, 3, 4]).is_some() && tokens.gap(at + 1).len() <= 1;
        if is_minute && !goes_on {
            let has_word = tokens.get(at + 2).is_some_and(words::is_minute);
            return clock(minute, at + 2 + usize::from(has_word));
        }
    }
    let next = tokens.get(at + 1);
    if next.is_some_and(words::is_hour) {
        let minute = tokens
            .figure(at + 2, &[1, 2])
            .filter(|minute| *minute < 60 && tokens.get(at + 3).is_some_and(words::is_minute));
        return clock(minute.unwrap_or(0), at + if minute.is_some() { 4 } else { 2 });
    }
    if let Some(part) = next.and_then(words::part)
        && tokens.joins_next(at)
        && (has_before || part != Part::Day)
    {
        return clock(0, at + 1);
    }
    let is_clean = match next {
        Some(word) if tokens.joins_next(at) => {
            let may_follow = || {
                has_day
                    || tokens.gap(at) != " "
                    || words::is_joint(word)
                    || words::near_day(word).is_some()
                    || words::weekday(word).is_some()
            };
            let is_figure = word.starts_with(|c: char| c.is_ascii_digit());
            tokens.names_day(at + 1) || (!words::is_counted(word) && !is_figure && may_follow())
        }
        _ => !tokens.is_quantity(at),
    };
    (has_before && is_clean).then_some(())?;
    clock(0, at + 1)
}

/// «Через час», «через 2 часа», «через полчаса».
impl Tokens<'_> {
    fn span(&self, at: usize) -> Option<(TimeDelta, usize)> {
        if self.word(at) != "через" {
            return None;
        }
        match self.get(at + 1)? {
            "полчаса" => return Some((TimeDelta::minutes(30), at + 2)),
            "полтора" if self.get(at + 2) == Some("часа") => {
                return Some((TimeDelta::minutes(90), at + 3));
            }
            _ => {}
        }
        let (count, place) = self.count(at + 1);
        let count = count.unwrap_or(1);
        let unit = self.get(place)?;
        let span = if words::is_hour(unit) || unit == "часик" {
            TimeDelta::hours(i64::from(count))
        } else if words::is_minute(unit) {
            TimeDelta::minutes(i64::from(count))
        } else {
            return None;
        };
        (count > 0 && span <= TimeDelta::days(3)).then_some((span, place + 1))
    }
}
