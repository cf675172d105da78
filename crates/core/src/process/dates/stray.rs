//! Numbers and words of time beside a date that no part of it has read: «5,12 15:00», «05122026 15:00», «5 или 6
//! декабря», «в январе в 13». A day may have been meant by them, so the date is not believed. Never reads a day or a time. Enter at [`Phrase::is_doubted_by`].

use super::clock::clock;
use super::phrase::Phrase;
use super::token::Tokens;
use super::unread::TimeWord;
use super::words;

/// A number with so many digits is a phone.
const PHONE_DIGITS_MIN: usize = 10;

impl Phrase {
    /// A number that was not read stands beside it; or, if it has no day, a word that looks like a misspelt one, or a
    /// word of time in its sentence. Tokens from `free` on belong to no other phrase.
    pub fn is_doubted_by(&self, tokens: &Tokens, start: usize, end: usize, free: usize) -> bool {
        let has_time = self.has_time();
        if ((self.is_ahead || self.span.is_some()) && tokens.goes_on(end)) || tokens.counts_back(start, free)
        {
            return true;
        }
        if !self.has_day() && self.not_before.is_none() {
            let is_stray = tokens.has_stray_before(start, free) || tokens.has_stray_behind(end);
            return (has_time && (is_stray || tokens.has_time_word(start, end, free)))
                || (self.span.is_some() && tokens.is_beside_time_word(start, end, free));
        }
        if self.is_loose && tokens.is_beside_time_word(start, end, free) {
            return true;
        }
        let is_dated = |second: Option<usize>| second.is_some_and(|place| tokens.is_slashed(place));
        tokens.is_second_choice(start, free)
            || is_dated(start.checked_sub(1).filter(|last| *last > free))
            || is_dated(Some(end + 1))
            || (!has_time && tokens.is_parted_from_clock(end))
    }
}

impl Tokens<'_> {
    /// No sentence ends between a token and the next one.
    fn is_near(&self, place: usize) -> bool {
        let gap = self.gap(place);
        // «5.XII», «5.Dec».
        let is_date = || gap == "." && self.is_figures(place) && self.time_word(place + 1).is_some();
        let is_end = gap.contains(['\n', '!', '?', ';'])
            || (gap.contains('.') && self.begins_sentence(place + 1) && !is_date());
        place + 1 < self.len() && !is_end
    }

    /// What stands beside a phrase in its sentence.
    pub fn sentence(&self, start: usize, end: usize, free: usize) -> impl Iterator<Item = usize> {
        let before = (free..start).rev().take_while(|place| self.is_near(*place));
        before.chain((end..self.len()).take_while(|place| *place > 0 && self.is_near(*place - 1)))
    }

    /// A word of time in the same sentence.
    fn has_time_word(&self, start: usize, end: usize, free: usize) -> bool {
        let is_length = |place: usize| {
            let next = self.word(place + 1);
            self.word(place) == "через"
                && (self.is_figures(place + 1)
                    || words::is_hour(next)
                    || words::count(next).is_some()
                    || next.starts_with("пол"))
        };
        self.sentence(start, end, free).any(|place| self.time_word(place).is_some() || is_length(place))
    }

    /// A word of the calendar right before or behind: «в субботу в январе», «в первую пятницу месяца»; an event only
    /// after a word like «после», where no comma parts it.
    fn is_beside_time_word(&self, start: usize, end: usize, free: usize) -> bool {
        let mut before = start;
        while before > free && self.joins_next(before - 1) {
            before -= 1;
            if !words::is_joint(self.word(before)) {
                break;
            }
        }
        let behind =
            self.behind_joints(end).filter(|place| (end..=*place).all(|next| self.joins_next(next - 1)));
        // «Обещала в пятницу, после зарплаты» says why.
        let is_parted = |from: usize, to: usize| (from..to).any(|place| self.gap(place).contains([',', '(']));
        let is_doubt = |place: usize, is_parted: bool| match self.time_word(place) {
            Some(TimeWord::Calendar) => true,
            Some(TimeWord::Event) => !is_parted && matches!(self.before(place), "после" | "до"),
            Some(TimeWord::Condition) => !is_parted && self.before(place) == "после",
            None => false,
        };
        // «Первого или второго».
        let is_choice =
            words::is_choice(self.word(end)) && self.joins_next(end) && end > 0 && self.joins_next(end - 1);
        let is_second = is_choice && words::ordinal(self.word(end + 1)).is_some() && is_doubt(end + 1, false);
        is_second
            || (before < start && is_doubt(before, is_parted(before, start)))
            || behind.is_some_and(|place| is_doubt(place, is_parted(end - 1, place)))
    }

    fn has_stray_before(&self, start: usize, free: usize) -> bool {
        let mut place = start;
        while place > free && self.is_near(place - 1) {
            place -= 1;
            let word = self.word(place);
            if self.is_figures(place) {
                return self.is_stray(place, free, start);
            }
            if !words::is_joint(word) && !words::is_choice(word) {
                return words::resembles_day(word);
            }
        }
        false
    }

    fn has_stray_behind(&self, end: usize) -> bool {
        let Some(place) = self.behind_joints(end) else { return false };
        match self.is_figures(place) {
            true => self.is_stray(place, end, self.len()),
            false => words::resembles_day(self.word(place)),
        }
    }

    /// «За неделю до 20 декабря».
    fn counts_back(&self, start: usize, free: usize) -> bool {
        let from = start.saturating_sub(4).max(free);
        let is_length = |place: usize| words::is_days(self.word(place)) || words::is_hour(self.word(place));
        self.word(start) == "до"
            && (from..start).any(|place| self.word(place) == "за" && (place..start).any(is_length))
    }

    /// «5 или 6 декабря», «5, 6 декабря», «от 5 до 6 декабря».
    fn is_second_choice(&self, start: usize, free: usize) -> bool {
        let (is_from, is_to) = (|word| matches!(word, "от" | "с" | "со"), self.word(start) == "до");
        if !self.is_figures(start + usize::from(is_to)) || start == free {
            return false;
        }
        let is_choice = words::is_choice(self.word(start - 1));
        let first = if is_choice { start.checked_sub(2) } else { start.checked_sub(1) };
        let Some(first) = first.filter(|first| *first >= free && self.is_near(*first)) else { return false };
        let is_second = match is_to {
            true => is_from(self.before(first)),
            false => is_choice || self.gap(first).starts_with(','),
        };
        self.figure(first, &[1, 2]).is_some() && is_second && self.is_stray(first, free, start)
    }

    /// «В пятницу 5/12»: the number of a month ends here, before which the number of a day stands.
    fn is_slashed(&self, second: usize) -> bool {
        let Some(first) = second.checked_sub(1).filter(|first| matches!(self.gap(*first), "/" | ".")) else {
            return false;
        };
        let (day, month) = (self.figure(first, &[1, 2]), self.figure(second, &[1, 2]));
        let is_date =
            matches!((day, month), (Some(1..=31), Some(1..=12))) && (day, month) != (Some(24), Some(7));
        let is_beside = first.checked_sub(1).is_some_and(|place| self.is_near(place)) || self.is_near(second);
        is_date && is_beside && !self.is_quantity(second)
    }

    /// «Завтра 5,12 15:00».
    fn is_parted_from_clock(&self, end: usize) -> bool {
        let Some(first) = self.behind_joints(end).filter(|first| self.is_figures(*first)) else {
            return false;
        };
        let mut next = first;
        while self.is_figures(next) {
            if clock(self, next, "", true).is_some_and(|_| next > first) {
                return self.is_stray(first, first, next);
            }
            next += 1;
        }
        let behind = self.behind_joints(next).filter(|place| *place > next);
        let is_clock = behind.is_some_and(|place| clock(self, place, self.word(place - 1), true).is_some());
        is_clock && self.is_stray(first, first, next)
    }

    /// The first token from here on that is no word like «в».
    pub fn behind_joints(&self, end: usize) -> Option<usize> {
        let mut place = end;
        while place > 0 && place < self.len() && self.is_near(place - 1) {
            if !words::is_joint(self.word(place)) {
                return Some(place);
            }
            place += 1;
        }
        None
    }

    /// These figures may be a day: they are no phone and count nothing. They stand within `from..to`.
    pub fn is_stray(&self, place: usize, from: usize, to: usize) -> bool {
        let (mut first, mut last) = (place, place);
        while first > from && self.is_figures(first - 1) && self.is_near(first - 1) {
            first -= 1;
        }
        while last + 1 < to && self.is_figures(last + 1) && self.is_near(last) {
            last += 1;
        }
        let digits: usize = (first..=last).map(|place| self.word(place).len()).sum();
        let is_numbered = first.checked_sub(1).is_some_and(|before| {
            self.gap(before).ends_with(['№', '#', '+']) || words::is_before_number(self.word(before))
        });
        digits < PHONE_DIGITS_MIN && !is_numbered && !self.is_quantity(last)
    }
}
