//! A text as words and figures, with the marks between them. Never decides what a date is. Enter at
//! [`Tokens::of`].

use std::ops::Range;

use super::clock::clock;
use super::words;
use super::words::Which;

/// The words and figures of a text. Places beyond the end are empty.
pub(super) struct Tokens<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

struct Token {
    /// In lower case, with `е` for `ё`.
    word: String,
    range: Range<usize>,
}

impl<'a> Tokens<'a> {
    /// Letters and digits are never in one token: «30го» is two.
    pub fn of(text: &'a str, most: usize) -> Self {
        let mut tokens: Vec<Token> = Vec::new();
        let kind = |c: char| match c {
            _ if c.is_ascii_digit() => 1,
            _ if c.is_alphabetic() => 2,
            _ => 0,
        };
        let mut last = 0;
        for (start, c) in text.char_indices() {
            let end = start + c.len_utf8();
            match (kind(c), last) {
                (0, _) => {}
                (kind, last) if kind == last => {
                    if let Some(token) = tokens.last_mut() {
                        token.range.end = end;
                    }
                }
                _ if tokens.len() == most => break,
                _ => tokens.push(Token { word: String::new(), range: start..end }),
            }
            last = kind(c);
        }
        for token in &mut tokens {
            token.word = text[token.range.clone()].to_lowercase().replace('ё', "е");
        }
        Self { text, tokens }
    }

    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    pub fn get(&self, place: usize) -> Option<&str> {
        self.tokens.get(place).map(|token| token.word.as_str())
    }

    pub fn word(&self, place: usize) -> &str {
        self.get(place).unwrap_or_default()
    }

    /// The text from one token to the one before another.
    pub fn range(&self, from: usize, to: usize) -> Range<usize> {
        let edge = |place: usize| self.tokens.get(place).map(|token| token.range.clone());
        let start = edge(from).map_or(self.text.len(), |range| range.start);
        let end = to.checked_sub(1).and_then(edge).map_or(start, |range| range.end);
        start..end
    }

    /// The marks after a token; several blanks count as one.
    pub fn gap(&self, place: usize) -> &str {
        let Some(token) = self.tokens.get(place) else { return "" };
        let end = self.tokens.get(place + 1).map_or(self.text.len(), |next| next.range.start);
        match &self.text[token.range.end..end] {
            gap if !gap.is_empty() && gap.chars().all(char::is_whitespace) => " ",
            gap => gap,
        }
    }

    /// Whether a phrase may go on after this token: no sentence ends here.
    pub fn joins_next(&self, place: usize) -> bool {
        place + 1 < self.len()
            && (self.gap(place).chars().all(|c| (c.is_whitespace() && c != '\n') || ",-–—()".contains(c))
                || self.is_shortened(place)
                || self.is_stopped_date(place))
    }

    /// `30.11` or `30.11.2026` ends here.
    fn ends_date(&self, place: usize) -> bool {
        let Some(first) = place.checked_sub(1).filter(|first| self.gap(*first) == ".") else { return false };
        let is_month = |place| self.figure(place, &[2]).is_some_and(|month| (1..=12).contains(&month));
        let is_day = |place| self.figure(place, &[1, 2]).is_some_and(|day| (1..=31).contains(&day));
        let is_year = || self.figure(place, &[2, 4]).is_some() && is_month(first);
        let before = first.checked_sub(1).filter(|before| self.gap(*before) == ".");
        match before {
            Some(before) => is_year() && is_day(before) && !self.continues_figures(before),
            None => is_month(place) && is_day(first) && !self.continues_figures(first),
        }
    }

    /// «3.12. в 10»: a full stop that no sentence begins behind.
    fn is_stopped_date(&self, place: usize) -> bool {
        let is_stop = matches!(self.gap(place), ". " | "., ");
        let goes_on = words::is_joint(self.word(place + 1)) || self.gap(place + 1) == ":";
        is_stop && goes_on && !self.begins_sentence(place + 1) && self.ends_date(place)
    }

    /// «5 дек. 15:00»: the full stop belongs to the word.
    fn is_shortened(&self, place: usize) -> bool {
        let mut rest = self.gap(place).chars();
        rest.next() == Some('.')
            && rest.all(|c| (c.is_whitespace() && c != '\n') || c == ',')
            && words::is_shortened(self.word(place))
            && !self.begins_sentence(place + 1)
    }

    /// With a capital letter.
    pub fn begins_sentence(&self, place: usize) -> bool {
        self.tokens
            .get(place)
            .is_some_and(|token| self.text[token.range.clone()].starts_with(char::is_uppercase))
    }

    pub fn is_figures(&self, place: usize) -> bool {
        self.word(place).starts_with(|c: char| c.is_ascii_digit())
    }

    /// «Следующего месяца».
    pub fn which_time(&self, place: usize, times: &[&str]) -> Option<Which> {
        let which = words::which(self.get(place)?)?;
        self.get(place + 1).is_some_and(|word| times.contains(&word)).then_some(which)
    }

    /// A time follows, before which only a word like «в» may stand.
    pub fn is_before_clock(&self, place: usize) -> bool {
        let Some(last) = place.checked_sub(1).filter(|last| self.joins_next(*last)) else { return false };
        let mut next = place;
        while next < self.len() && words::is_joint(self.word(next)) && self.joins_next(next) {
            next += 1;
        }
        let before = if next > last + 1 { self.word(next - 1) } else { "" };
        clock(self, next, before, true).is_some()
    }

    /// The number of a token of figures with one of these lengths.
    pub fn figure(&self, place: usize, lengths: &[usize]) -> Option<u32> {
        let word = self.get(place).filter(|word| lengths.contains(&word.len()))?;
        word.parse().ok()
    }

    /// These figures are the rest of a longer number: `8-903-555`, `12.24.11`.
    pub fn continues_figures(&self, place: usize) -> bool {
        let Some(before) = place.checked_sub(1) else { return self.text.starts_with('+') };
        let is_figure = self.is_figures(before);
        let gap = self.gap(before);
        gap.ends_with(['+', '№', '#'])
            || (is_figure && matches!(gap, "." | "," | "-" | "–" | "—" | "/" | ":"))
    }

    /// Something is counted by this number: «10.12 рублей», «5 %», «5 к»; in «5.12 к 15:00» nothing is.
    pub fn is_quantity(&self, place: usize) -> bool {
        let next = place + 1;
        let is_number = || self.is_figures(next + 1) || words::count(self.word(next + 1)).is_some();
        let is_joint = || words::is_joint(self.word(next)) && self.joins_next(next) && is_number();
        self.gap(place).trim_start().starts_with(['₽', '%', '$', '€'])
            || (self.gap(place) == " " && self.get(next).is_some_and(words::is_counted) && !is_joint())
    }

    /// The ending of an ordinal number stands behind it: «5му», «30-го».
    pub fn has_ending(&self, place: usize) -> bool {
        let is_near = matches!(self.gap(place), "-" | "" | "–" | " -" | "- " | " - ");
        let is_full = || self.gap(place) == " " && self.word(place + 1).chars().count() > 1;
        (is_near || is_full()) && self.get(place + 1).is_some_and(words::is_ending)
    }

    /// A number in figures or words, and the token after it.
    pub fn count(&self, place: usize) -> (Option<u32>, usize) {
        match self.figure(place, &[3]).map(|count| (count, place + 1)).or_else(|| self.number(place)) {
            Some((count, next)) => (Some(count), next),
            None => (None, place),
        }
    }

    /// A number of at most two digits, or in words, «двадцать пять» included, and the token after it.
    pub fn number(&self, place: usize) -> Option<(u32, usize)> {
        if let Some(number) = self.figure(place, &[1, 2]) {
            return Some((number, place + 1));
        }
        let number = self.get(place).and_then(words::count)?;
        let is_tens = number >= 20 && self.gap(place) == " ";
        match self.get(place + 1).and_then(words::count).filter(|ones| is_tens && *ones < 10) {
            Some(ones) => Some((number + ones, place + 2)),
            None => Some((number, place + 1)),
        }
    }

    /// «Полпятого», «пол пятого», «половине пятого»: where the hour stands.
    pub fn half(&self, place: usize) -> Option<usize> {
        let word = self.get(place)?;
        if let Some(hour) = word.strip_prefix("пол").filter(|hour| !hour.is_empty()) {
            if words::begun_hour(hour).is_some() {
                return Some(place);
            }
            return hour.starts_with("овин").then_some(place + 1);
        }
        (word == "пол").then_some(place + 1)
    }

    /// The number of a day, the token after it, and whether it was said as one: «30», «30-го», «тридцать первого».
    pub fn day_number(&self, place: usize) -> Option<(u32, usize, bool)> {
        if let Some(day) = self.figure(place, &[1, 2]).filter(|day| (1..=31).contains(day)) {
            if self.continues_figures(place) {
                return None;
            }
            let has_ending = self.has_ending(place);
            // «До 2-го урока».
            let is_counted = has_ending
                && (self.is_quantity(place + 1) || self.get(place + 2).is_some_and(words::is_ranked));
            return (!is_counted).then_some((day, place + 1 + usize::from(has_ending), has_ending));
        }
        let word = self.get(place)?;
        let (day, next) = match words::tens(word) {
            Some(tens) => (tens + words::ordinal(self.get(place + 1)?).filter(|day| *day < 10)?, place + 2),
            // «Тридцать второго» is no second.
            None if words::count(self.before(place)).is_some_and(|tens| tens >= 20) => return None,
            None => (words::ordinal(word)?, place + 1),
        };
        let is_named =
            self.get(next).is_some_and(|word| words::is_day_word(word) || words::month(word).is_some());
        (day <= 31 && (is_named || self.is_day_alone(place, next))).then_some((day, next, true))
    }

    /// «3-4 декабря», «3,4 декабря», «3–4.12»: the token after them.
    pub fn several_days(&self, place: usize) -> Option<usize> {
        let is_day = |place| self.figure(place, &[1, 2]).is_some_and(|day| (1..=31).contains(&day));
        let is_mark = matches!(self.gap(place).trim(), "-" | "–" | "—" | "," | "/");
        if !(is_mark && is_day(place) && is_day(place + 1)) || self.continues_figures(place) {
            return None;
        }
        let has_month = self.gap(place + 1) == " " && words::month(self.word(place + 2)).is_some();
        let is_month = || self.figure(place + 2, &[2]).is_some_and(|month| (1..=12).contains(&month));
        let is_dated = || {
            self.gap(place) != "," && self.gap(place + 1) == "." && is_month() && !self.is_quantity(place + 2)
        };
        (has_month || is_dated()).then_some(place + 3)
    }

    /// «Четвёртого в 10», «к двадцать третьему»: an ordinal number of nothing but a day.
    fn is_day_alone(&self, first: usize, next: usize) -> bool {
        let is_of_hour = matches!(self.before(first), "пол" | "четверть" | "начале" | "конце")
            || self.before(first).starts_with("половин")
            || words::is_minute(self.before(first));
        let is_last = || {
            let word = self.word(next);
            let joins = next < self.len() && self.gap(next - 1).trim_end_matches(['«', '"', '„', '“']) == " ";
            !joins
                || self.is_figures(next)
                || words::is_joint(word)
                || words::is_choice(word)
                || words::stands_alone(word)
                || words::near_day(word).is_some()
                || words::weekday(word).is_some()
                || words::which(word).is_some()
                || words::is_done(word)
                || self.half(next).is_some()
        };
        !is_of_hour && !self.is_ranked(next - 1) && is_last()
    }

    /// A day begins here: «30 ноября», «30-го», `30.11`.
    pub fn names_day(&self, place: usize) -> bool {
        if self.ends_date(place + 1) && !self.is_quantity(place + 1) {
            return true;
        }
        self.day_number(place).is_some_and(|(_, next, is_ordinal)| {
            is_ordinal || self.get(next).is_some_and(|word| words::month(word).is_some())
        })
    }

    /// «Не завтра», «кроме пятницы».
    pub fn is_negated(&self, place: usize) -> bool {
        let before = place.checked_sub(1).filter(|before| self.joins_next(*before));
        before.is_some_and(|before| matches!(self.word(before), "не" | "кроме" | "ни" | "чем" | "вместо"))
    }

    /// The first token from here on that may begin the time that somebody needs.
    pub fn behind_fillers(&self, start: usize) -> usize {
        (start..self.len()).find(|place| !words::is_filler(self.word(*place))).unwrap_or(self.len())
    }

    /// A word of return stands shortly before.
    pub fn follows_return(&self, place: usize) -> bool {
        (place.saturating_sub(4)..place).any(|place| words::is_return(self.word(place)))
    }
}
