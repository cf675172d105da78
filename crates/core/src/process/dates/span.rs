//! Lengths of time until a moment: «через час», «через 1 ч 30 мин», «через 1,5 часа», «минут через 20». Never reads a
//! time of day. Enter at [`Tokens::span`].

use chrono::TimeDelta;

use super::token::Tokens;
use super::words;

/// «Через» hours reaches this far.
const DAYS_MAX: i64 = 3;

impl Tokens<'_> {
    /// The length, and the token after it.
    pub fn span(&self, at: usize) -> Option<(TimeDelta, usize)> {
        match self.word(at) {
            "через" => self.length(at + 1),
            unit if self.word(at + 1) == "через" => {
                let unit = self.unit(unit)?;
                let (minutes, next) = match self.word(at + 2) {
                    "полтора" if unit == 60 => (90, at + 3),
                    _ => self.number(at + 2).map(|(count, next)| (count * unit, next))?,
                };
                bounded(minutes, next)
            }
            _ => None,
        }
    }

    /// «Час», «1 ч 30 мин»: the length, and the token after it.
    pub fn length(&self, at: usize) -> Option<(TimeDelta, usize)> {
        self.minutes(at).and_then(|(minutes, next)| bounded(minutes, next))
    }

    /// Minutes, and the token after them.
    fn minutes(&self, at: usize) -> Option<(u32, usize)> {
        let word = self.get(at)?;
        match word {
            "полчаса" | "полчасика" => return Some((30, at + 1)),
            "пол" if self.word(at + 1) == "часа" => return Some((30, at + 2)),
            "полтора" if self.unit(self.word(at + 1)) == Some(60) => return Some((90, at + 2)),
            _ => {}
        }
        if let (":", Some(hours), Some(minutes)) =
            (self.gap(at), self.figure(at, &[1, 2]), self.figure(at + 1, &[2]))
        {
            return (minutes < 60 && self.gap(at + 1) != ":").then_some((hours * 60 + minutes, at + 2));
        }
        if let ("," | ".", Some(hours), Some(tenths)) =
            (self.gap(at), self.figure(at, &[1, 2]), self.figure(at + 1, &[1]))
        {
            let is_hours = self.unit(self.word(at + 2)) == Some(60);
            return is_hours.then_some((hours * 60 + tenths * 6, at + 3));
        }
        let (count, place) = self.count(at);
        let unit = self.unit(self.get(place)?)?;
        let whole = count.unwrap_or(1) * unit;
        let next = place + 1;
        let rest = next + usize::from(self.word(next) == "и");
        match self.number(rest).filter(|_| unit == 60 && self.joins_next(place)) {
            Some((minutes, end)) if minutes < 60 && words::is_minute(self.word(end)) => {
                Some((whole + minutes, end + 1))
            }
            _ => Some((whole, next)),
        }
    }

    /// Minutes of an hour or of a minute.
    fn unit(&self, word: &str) -> Option<u32> {
        match word {
            "часик" | "часок" | "часика" => Some(60),
            _ if words::is_hour(word) => Some(60),
            _ if words::is_minute(word) => Some(1),
            _ => None,
        }
    }

    /// «Через час-полтора», «через неделю и 2 дня», «через час с половиной»: the length goes on behind what was read.
    pub fn goes_on(&self, end: usize) -> bool {
        let Some(last) = end.checked_sub(1).filter(|last| self.joins_next(*last)) else { return false };
        let is_more = |place: usize| {
            let word = self.word(place);
            words::count(word).is_some()
                || (self.is_figures(place) && self.is_stray(place, place, self.len()))
                || words::is_rest(word)
                || matches!(word, "полтора" | "полторы" | "полчаса" | "другой" | "другую" | "тройку")
        };
        let is_joint = matches!(self.word(end), "и" | "с" | "или" | "либо");
        let is_dash = matches!(self.gap(last), "-" | "–" | "—") && self.unit(self.word(end)).is_some();
        // «Через час после урока».
        let is_after = matches!(self.word(end), "после" | "от" | "до" | "перед")
            && !matches!(self.word(end + 1), "работы" | "обеда");
        is_dash || is_after || is_more(end + usize::from(is_joint))
    }
}

fn bounded(minutes: u32, next: usize) -> Option<(TimeDelta, usize)> {
    let span = TimeDelta::minutes(i64::from(minutes));
    (minutes > 0 && span <= TimeDelta::days(DAYS_MAX)).then_some((span, next))
}
