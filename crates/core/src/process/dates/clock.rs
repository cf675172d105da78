//! Times of day as people write them: `15:00`, «в 11», «к трём», «в 7 вечера», «через 2 часа». Never reads a day. Enter
//! at [`clock`] and [`Tokens::span`].

use chrono::TimeDelta;

use super::phrase::Clock;
use super::token::Tokens;
use super::words;
use super::words::Part;

/// A time of day, and the token after it. A bare number needs a word before it, and after it nothing that could
/// be counted.
pub(super) fn clock(tokens: &Tokens, at: usize, before: &str, has_day: bool) -> Option<(Clock, usize)> {
    let word = tokens.word(at);
    if let Some(hour) = tokens.figure(at, &[1, 2])
        && let Some(minute) = tokens.figure(at + 1, &[2]).filter(|_| tokens.gap(at) == ":")
    {
        let has_seconds = tokens.gap(at + 1) == ":" && tokens.figure(at + 2, &[2]).is_some();
        let next = at + 2 + usize::from(has_seconds);
        return Some((
            Clock { hour, minute, is_exact: word.len() == 2 && word.starts_with('0'), may_be_day: false },
            next,
        ));
    }
    let has_before = words::is_time_word(before) || matches!(before, "до" | "после");
    if has_before && matches!(word, "час" | "часу") {
        return Some((Clock { hour: 1, minute: 0, is_exact: false, may_be_day: false }, at + 1));
    }
    let hour = tokens.figure(at, &[1, 2]).or_else(|| words::count(word)).filter(|hour| *hour <= 24)?;
    if tokens.continues_figures(at) || word == "пару" {
        return None;
    }
    let clock = |minute, next| Some((Clock { hour, minute, is_exact: false, may_be_day: false }, next));
    if let Some((minute, next)) = minute(tokens, at, has_before, has_day) {
        return clock(minute, next);
    }
    let next = tokens.get(at + 1);
    if next.is_some_and(words::is_hour) {
        let minute = tokens
            .figure(at + 2, &[1, 2])
            .filter(|minute| *minute < 60 && tokens.get(at + 3).is_some_and(words::is_minute));
        return clock(minute.unwrap_or(0), at + if minute.is_some() { 4 } else { 2 });
    }
    // «5 вечера» is a time, «5 вечером» can be the evening of the fifth.
    let may_be_day = !has_day && tokens.is_figures(at) && next.is_some_and(words::stands_alone);
    if let Some(part) = next.and_then(words::part)
        && tokens.joins_next(at)
        && (has_before || (part != Part::Day && !may_be_day))
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
    (has_before && is_clean && !tokens.has_ending(at)).then_some(())?;
    // «К 5» can be the fifth, «в 5» and «к пяти» are times.
    let may_be_day =
        matches!(before, "к" | "ко" | "на" | "с" | "со" | "до" | "после") && tokens.is_figures(at);
    Some((Clock { hour, minute: 0, is_exact: false, may_be_day }, at + 1))
}

/// «В 11.30», «в 11-30», «в 11 30»; behind a day «15-00», too: the minute, and the token after it.
fn minute(tokens: &Tokens, at: usize, has_before: bool, has_day: bool) -> Option<(u32, usize)> {
    let has_mark = has_day && matches!(tokens.gap(at), "." | "-");
    let minute = tokens.figure(at + 1, &[2]).filter(|minute| *minute < 60 && (has_before || has_mark))?;
    let is_minute = match tokens.gap(at) {
        "." => !tokens.is_quantity(at + 1),
        "-" => minute.is_multiple_of(30),
        " " => minute.is_multiple_of(15) && !tokens.names_day(at + 1),
        _ => false,
    };
    let goes_on = tokens.figure(at + 2, &[1, 2, 3, 4]).is_some() && tokens.gap(at + 1).len() <= 1;
    let has_word = tokens.get(at + 2).is_some_and(words::is_minute);
    (is_minute && !goes_on).then_some((minute, at + 2 + usize::from(has_word)))
}

impl Tokens<'_> {
    /// «Через час», «через 2 часа», «через полчаса».
    pub fn span(&self, at: usize) -> Option<(TimeDelta, usize)> {
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
