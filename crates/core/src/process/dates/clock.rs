//! Times of day as people write them: `15:00`, «в 11», «к трём», «в 7 вечера», «в полпятого». Never reads a day. Enter at
//! [`clock`].

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
        let (minute, next) = minute_behind_hour(tokens, at).unwrap_or((0, at + 1));
        return Some((Clock { hour: 1, minute, is_exact: false, may_be_day: false }, next));
    }
    if let Some(found) = spoken(tokens, at) {
        return Some(found);
    }
    let (hour, after) = tokens.number(at).filter(|(hour, _)| *hour <= 24)?;
    let last = after - 1;
    if tokens.continues_figures(at) || word == "пару" {
        return None;
    }
    let clock = |minute, next| Some((Clock { hour, minute, is_exact: false, may_be_day: false }, next));
    if let Some((minute, next)) = minute(tokens, last, has_before, has_day) {
        return clock(minute, next);
    }
    let next = tokens.get(after);
    if next.is_some_and(words::is_hour) {
        let (minute, next) = minute_behind_hour(tokens, after).unwrap_or((0, after + 1));
        return clock(minute, next);
    }
    // «5 вечера» is a time, «5 вечером» can be the evening of the fifth.
    let may_be_day = !has_day && tokens.is_figures(at) && next.is_some_and(words::stands_alone);
    if let Some(part) = next.and_then(words::part)
        && tokens.joins_next(last)
        && (has_before || (part != Part::Day && !may_be_day))
    {
        return clock(0, after);
    }
    let is_clean = match next {
        Some(word) if tokens.joins_next(last) => {
            let may_follow = || {
                has_day
                    || tokens.gap(last) != " "
                    || words::is_joint(word)
                    || words::near_day(word).is_some()
                    || words::weekday(word).is_some()
                    || (word == "через" && words::is_days(tokens.word(tokens.count(after + 1).1)))
            };
            // «В десять семь» is no ten o'clock.
            let is_figure = tokens.is_figures(after)
                || (!tokens.is_figures(at) && words::count(word).is_some() && tokens.gap(last) == " ");
            tokens.names_day(after) || (!words::is_counted(word) && !is_figure && may_follow())
        }
        _ => !tokens.is_quantity(last),
    };
    (has_before && is_clean && !tokens.has_ending(last)).then_some(())?;
    // «К 5» can be the fifth, «в 5» and «к пяти» are times.
    let may_be_day =
        matches!(before, "к" | "ко" | "на" | "с" | "со" | "до" | "после") && tokens.is_figures(at);
    Some((Clock { hour, minute: 0, is_exact: false, may_be_day }, after))
}

/// «Полпятого», «в половине пятого», «четверть пятого», «10 минут пятого», «без пяти 12», and the token after it.
fn spoken(tokens: &Tokens, at: usize) -> Option<(Clock, usize)> {
    let word = tokens.word(at);
    let begun = |ordinal: u32, minute| (ordinal <= 12).then_some((ordinal - 1, minute));
    let of = |place: usize, minute| begun(words::begun_hour(tokens.get(place)?)?, minute);
    let ((hour, minute), next) = if let Some(place) = tokens.half(at) {
        let begun_hour = words::begun_hour(tokens.word(place).trim_start_matches("пол"))?;
        (begun(begun_hour, 30)?, place + 1)
    } else if word == "четверть" {
        (of(at + 1, 15)?, at + 2)
    } else if word == "без" {
        let (minutes, next) = match tokens.word(at + 1) {
            "четверти" => (15, at + 2),
            _ => tokens.number(at + 1).filter(|(minutes, _)| (1..30).contains(minutes))?,
        };
        let place = next + usize::from(words::is_minute(tokens.word(next)));
        let (hour, next) = match tokens.word(place) {
            "час" => (1, place + 1),
            _ => tokens.number(place).filter(|(hour, _)| (1..=24).contains(hour))?,
        };
        let is_whole = tokens.gap(next - 1) != ":" && !tokens.is_quantity(next - 1);
        let has_word = words::is_hour(tokens.word(next));
        is_whole.then_some(((hour - 1, 60 - minutes), next + usize::from(has_word)))?
    } else {
        let (minutes, next) = tokens.number(at).filter(|(minutes, _)| *minutes < 60)?;
        words::is_minute(tokens.get(next)?).then_some((of(next + 1, minutes)?, next + 2))?
    };
    let hour = if hour == 0 { 12 } else { hour };
    Some((Clock { hour, minute, is_exact: false, may_be_day: false }, next))
}

/// «В 15 часов 30 минут», «в 15 часов 30»: the minute, and the token after it.
fn minute_behind_hour(tokens: &Tokens, hour_word: usize) -> Option<(u32, usize)> {
    let (minute, next) = tokens.number(hour_word + 1).filter(|(minute, _)| *minute < 60)?;
    if words::is_minute(tokens.word(next)) {
        return Some((minute, next + 1));
    }
    let is_last = tokens.gap(next - 1) != " " || next == tokens.len() || words::is_joint(tokens.word(next));
    let is_minute = minute.is_multiple_of(5) && tokens.gap(hour_word) == " " && is_last;
    let is_clean = !tokens.names_day(hour_word + 1) && !tokens.is_quantity(next - 1);
    (is_minute && is_clean && !tokens.continues_figures(next)).then_some((minute, next))
}

/// «В 11.30», «в 11-30», «в 11 30», «в десять тридцать»; behind a day «15-00», too: the minute, and the token after it.
fn minute(tokens: &Tokens, at: usize, has_before: bool, has_day: bool) -> Option<(u32, usize)> {
    if let Some((minute, next)) = tokens.number(at + 1).filter(|_| !tokens.is_figures(at + 1)) {
        let is_whole = minute.is_multiple_of(5) && minute < 60 && tokens.gap(at) == " ";
        let is_clean = !tokens.names_day(at + 1) && !tokens.is_quantity(next - 1);
        return (is_whole && is_clean && (has_before || has_day)).then_some((minute, next));
    }
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
