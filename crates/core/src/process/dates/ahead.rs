//! Days that are counted from today: «через 2 дня», «дня через три», «через неделю»; and the time that a client needs:
//! «3 дня», «неделю». Never reads a time of day. Enter at [`Reader::days_ahead`] and [`Reader::term`].

use chrono::{Days, Months, NaiveDate, Timelike};

use super::day::Day;
use super::token::Tokens;
use super::{Found, Named, Reader, TOKENS_MAX, words};

/// «Через» reaches this far.
const AHEAD_DAYS_MAX: u32 = 400;

impl Reader<'_> {
    /// «Через 2 дня», «через неделю», «через 3 рабочих дня», «через месяц».
    pub(super) fn days_ahead(&self, tokens: &Tokens, at: usize) -> Option<(Day, usize)> {
        let is_turned = tokens.word(at + 1) == "через";
        if !is_turned && tokens.word(at) != "через" {
            return None;
        }
        let (count, place) = tokens.count(at + if is_turned { 2 } else { 1 });
        let is_working = !is_turned && tokens.get(place).is_some_and(|word| word.starts_with("рабоч"));
        let place = place + usize::from(is_working);
        // «Дня через три».
        let (unit, next) = match is_turned {
            true => (count.and(tokens.get(at))?, place),
            false => (tokens.get(place)?, place + 1),
        };
        self.ahead(unit, count, is_working).map(|day| (day, next))
    }

    /// The time that somebody needs, if a text begins with it: «3 дня», «неделю», «дней 5», «ещё пару дней». One that is
    /// not exact is unclear.
    pub fn term(&self, text: &str) -> Option<Found> {
        let tokens = Tokens::of(text, TOKENS_MAX);
        let start = tokens.behind_fillers(0);
        // «До 3 часов», «в 3 часа».
        let is_clock = start > 0 && words::is_joint(tokens.word(start - 1));
        let (count, place) = tokens.count(start);
        let is_working = tokens.word(place).starts_with("рабоч");
        let place = place + usize::from(is_working);
        let (named, end) = if let Some((span, next)) = tokens.length(start).filter(|_| !is_clock) {
            (Named::Time(self.now.with_second(0).unwrap_or(self.now).to_utc() + span), next)
        } else if let Some(day) = self.ahead(tokens.get(place)?, count.or(Some(1)), is_working) {
            // «Дней 5», and not «неделю, 2 урока посмотрит».
            let (behind, next) = match tokens.count(place + 1) {
                (Some(behind), next)
                    if count.is_none() && tokens.gap(place) == " " && !tokens.is_quantity(next - 1) =>
                {
                    (Some(behind), next)
                }
                _ => (None, place + 1),
            };
            let turned = behind.and_then(|count| self.ahead(tokens.word(place), Some(count), false));
            match turned.unwrap_or(day) {
                Day::Ahead(day) => (Named::Day(day), next),
                _ => (Named::Unclear, next),
            }
        } else {
            return None;
        };
        let is_doubted = tokens.goes_on(end) || self.offers_another(&tokens, end, |_| true);
        let named = if is_doubted { Named::Unclear } else { named };
        Some(Found { named, range: tokens.range(0, end), of_return: false })
    }

    /// A text begins with a time that was not read: «в марте», «2-3 дня», «до отпуска», «вернуться в январе».
    pub(super) fn begins_with_unread(&self, tokens: &Tokens) -> bool {
        let place = tokens.behind_fillers(0);
        let is_counted = || {
            let (count, mut next) = tokens.count(place);
            while tokens.is_figures(next) || words::count(tokens.word(next)).is_some() {
                next += 1;
            }
            count.is_some() && words::is_days(tokens.word(next))
        };
        // «Несколько дней», «полтора месяца», «через 2 зарплаты».
        let is_vague = || {
            let word = tokens.word(place);
            let is_of_amount =
                |word: &str| word.starts_with("полтор") || matches!(word, "несколько" | "пару" | "тройку");
            let is_amount = is_of_amount(word) || word == "через";
            let mut next = place + 1;
            while tokens.is_figures(next)
                || words::count(tokens.word(next)).is_some()
                || (is_of_amount(tokens.word(next)) && word == "через")
            {
                next += 1;
            }
            is_amount && (tokens.time_word(next).is_some() || words::is_hour(tokens.word(next)))
        };
        tokens.time_word(place).is_some() || is_counted() || is_vague()
    }

    /// So long from today on.
    fn ahead(&self, unit: &str, count: Option<u32>, is_working: bool) -> Option<Day> {
        let today = self.today();
        let is_none = count.is_some_and(|count| count == 0 || count > AHEAD_DAYS_MAX);
        let day = match unit {
            _ if is_none && words::is_days(unit) => None,
            // «Через день» can mean tomorrow and the day after.
            "день" | "дня" | "дней" | "денек" | "денька" | "деньков" => count
                .and_then(|days| match is_working {
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
        Some(day.map_or(Day::Unclear, Day::Ahead))
    }

    fn working_day(&self, days: u32) -> Option<NaiveDate> {
        let ahead = self.today().iter_days().skip(1).take(AHEAD_DAYS_MAX as usize);
        ahead.filter(|day| self.calendar.is_working(*day)).nth(days as usize - 1)
    }
}
