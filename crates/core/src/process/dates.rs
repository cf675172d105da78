//! Reads the dates and times that people write (L17):
//!
//! | what | read | asked about |
//! | --- | --- | --- |
//! | day of a month | «30 ноября», `30.11`, «5-го», «к двадцать третьему», beside a time `5/12` | «к 5», `5,12`, «3-4 декабря», «5.XII» |
//! | near day, weekday | «завтра», «в пятн.», «в следующий вторник» | «в ту пятницу», «через пятницу», «в первую пятницу месяца» |
//! | from today | «через 2 дня», «дня через три», «через неделю», «через 1 ч 30 мин», «через 1:30» | «через день», «через час-полтора» |
//! | part of a time | «в конце недели», «до середины декабря», «после праздников» | what has begun: on the 30th «в конце месяца» |
//! | time of day | «в 11», «к трём», «в половине пятого», «без пяти двенадцать», «вечером» | «в 8», «до 18:00» |
//! | time that a client needs | «3 дня», «неделю», «дней 5» ([`Reader::term`]) | «2-3 дня», «до отпуска» |
//!
//! Never guesses: what can mean two things is [`Named::Unclear`], and what lies in the past is left out. A time of day
//! beside which a number or a word of time was not read («в январе в 13», «до урока в 12») is unclear, too: it never
//! means today. So is one of two that are offered: «завтра или в пятницу», «вт/чт», «в 11 и в 15». What is refused
//! («завтра не может») or replaced («в 11, а лучше в 12») is not meant; what a bare number replaces («3 декабря, но скорее 5»)
//! is unclear.
//! Everything that `calendar` writes is read back. Enter at [`Reader::read`] and [`Reader::meant`].

mod ahead;
mod choice;
mod clock;
mod day;
mod part;
mod phrase;
mod span;
mod stray;
#[cfg(test)]
mod tests;
mod token;
mod unread;
mod words;
mod zone;

use std::ops::Range;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use self::clock::clock;
use self::day::Day;
use self::phrase::Phrase;
pub use self::phrase::Wrong;
use self::token::Tokens;
use super::calendar::{Calendar, at_local};
use super::hours::TimeOfDay;
use super::value::At;

/// Longer texts are read up to here.
const TOKENS_MAX: usize = 500;
/// «Завтра в 11, а лучше в 12» is one phrase with so many words between at most.
const BETWEEN_MAX: usize = 4;

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

/// A text says nothing but that somebody returns to the client: «вернуться», «просит перезвонить ему».
pub fn says_only_return(text: &str) -> bool {
    let tokens = Tokens::of(text, TOKENS_MAX);
    let mut words = (0..tokens.len()).map(|place| tokens.word(place));
    words.clone().any(words::is_coming_back)
        && words.all(|word| words::is_coming_back(word) || words::is_beside_return(word))
}

/// A text says that we call: «перезвоню сама», «просит позвонить», and not «сама перезвонит».
pub fn says_we_call(text: &str) -> bool {
    let tokens = Tokens::of(text, TOKENS_MAX);
    (0..tokens.len()).any(|place| words::is_our_call(tokens.word(place)) && !tokens.is_negated(place))
}

impl Reader<'_> {
    /// All dates and times of a text, in its order; without those that are past or refused.
    pub fn read(&self, text: &str) -> Vec<Found> {
        self.found(text).0
    }

    /// The date that is meant: the first one with a word of return, else the first one. A time alone is not today's where
    /// another day is named, or one is refused; nor is one of two.
    pub fn meant(&self, text: &str) -> Option<Found> {
        let (found, refused) = self.found(text);
        let meant = found.iter().find(|one| one.of_return).or(found.first())?;
        let day_of = |at: At| at.with_timezone(&self.now.timezone()).date_naive();
        let is_other = |one: &Found, at: At| match one.named {
            Named::Day(day) => day != day_of(at),
            Named::Time(time) => day_of(time) != day_of(at),
            Named::Clock(time) => time != at && !meant.of_return,
            Named::Unclear => false,
        };
        let is_day = |one: &Found| matches!(one.named, Named::Day(_) | Named::Time(_));
        match meant.named {
            Named::Clock(at) if found.iter().any(|one| is_other(one, at)) || refused.iter().any(is_day) => {
                Some(Found { named: Named::Unclear, ..meant.clone() })
            }
            _ => Some(meant.clone()),
        }
    }

    /// What may be meant, and what is refused.
    fn found(&self, text: &str) -> (Vec<Found>, Vec<Found>) {
        let tokens = Tokens::of(text, TOKENS_MAX);
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        let (mut place, mut free, mut last, mut first) = (0, 0, Phrase::default(), 0);
        while place < tokens.len() {
            let Some((mut phrase, end)) = self.phrase(&tokens, place, free) else {
                place += 1;
                continue;
            };
            let is_better = free > 0 && tokens.is_preferred(place, free);
            if is_better {
                phrase.take_day_of(last);
                refused.extend(found.pop());
            }
            if !is_better || place > free + BETWEEN_MAX {
                first = place;
            }
            let one = phrase.named(self).map(|named| Found {
                named,
                range: tokens.range(first, end),
                of_return: tokens.follows_return(first),
            });
            match tokens.is_negated(place) || tokens.is_refused_behind(end) {
                true => refused.extend(one),
                false => found.extend(one),
            }
            (place, free, last) = (end, end, phrase);
        }
        (found, refused)
    }

    fn is_in_moscow(&self) -> bool {
        self.now.timezone() == chrono_tz::Europe::Moscow
    }

    /// The longest phrase that begins here, and the token after it. Tokens from `free` on belong to no other phrase.
    fn phrase(&self, tokens: &Tokens, start: usize, free: usize) -> Option<(Phrase, usize)> {
        let (mut phrase, end) = self.longest(tokens, start)?;
        phrase.unclear |= phrase.is_doubted_by(tokens, start, end, free)
            || (phrase.has_time() && tokens.says_other_zone(start, end, free, self.is_in_moscow()))
            || (self.offers_another(tokens, end, |other| phrase.is_as(other))
                && phrase.named(self).is_some());
        Some((phrase, end))
    }

    fn longest(&self, tokens: &Tokens, start: usize) -> Option<(Phrase, usize)> {
        let (mut phrase, mut end) = (Phrase::default(), None);
        let mut place = start;
        loop {
            let mut next = place;
            while next < tokens.len() && words::is_joint(tokens.word(next)) && tokens.joins_next(next) {
                // «Завтра после работы в 19».
                let is_everyday =
                    end.is_some() && tokens.is_everyday(next + 1) && tokens.joins_next(next + 1);
                next += if is_everyday { 2 } else { 1 };
            }
            let before = if next > place { tokens.word(next - 1) } else { "" };
            let (known, from) = (phrase.clone(), place);
            if next >= tokens.len() || !self.piece(tokens, next, before, &mut phrase, &mut place) {
                return Some((phrase, end?));
            }
            // «Во вторник, сегодня не может».
            let is_apart = from > start && tokens.gap(from - 1).contains(',');
            if end.is_some() && is_apart && tokens.is_refused_behind(place) {
                return Some((known, from));
            }
            end = Some(place);
            if !tokens.joins_next(place - 1) {
                return Some((phrase, place));
            }
        }
    }

    /// Reads one part of a phrase into it; `end` becomes the token after it.
    fn piece(&self, tokens: &Tokens, at: usize, before: &str, phrase: &mut Phrase, end: &mut usize) -> bool {
        if let Some((day, next)) = self.day(tokens, at, before, phrase.clock.is_some()) {
            match day {
                // «После пятницы» is no day.
                Day::On(_) | Day::Of(..) | Day::Loose(_) | Day::Ahead(_) if before == "после" => {
                    phrase.unclear = true;
                }
                // «С 5 до 6 декабря».
                Day::On(_) if before == "до" && phrase.clock.is_some_and(|clock| clock.may_be_day) => {
                    phrase.unclear = true;
                }
                Day::On(day) => phrase.take_day(day),
                Day::Loose(day) => phrase.take_loose(day),
                Day::Ahead(day) => {
                    phrase.take_loose(day);
                    phrase.is_ahead = true;
                }
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
            // «Через день 2 часа» is no time of day.
            let goes_on = tokens.word(next) == "с" && words::is_rest(tokens.word(next + 1));
            let is_length = phrase.is_ahead && before.is_empty() && words::is_hour(tokens.word(next - 1));
            match before {
                _ if is_length || goes_on => phrase.unclear = true,
                // «До 18:00» is no time, but «с 11 до 12» begins at one.
                "до" if phrase.clock.is_none() => phrase.unclear = true,
                _ => phrase.take_clock(clock, before == "до" || tokens.is_behind_dash(at)),
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
            phrase.meal = phrase.meal.or(Some(time));
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

    fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }

    fn instant(&self, day: NaiveDate, time: TimeOfDay) -> At {
        at_local(day, u32::from(time.minute), self.now.timezone())
    }
}
