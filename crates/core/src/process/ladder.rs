//! The ladder: computes when the next attempt is due (D2), within the client's hours and days (D13).
//! Never sets a timer and never counts attempts. Enter at [`first`] and [`after`].

use chrono::{NaiveDate, TimeDelta};

use super::calendar::Opening;
use super::decision::Decision;
use super::definition::{LadderStep, Window};
use super::timers::Timer;
use super::value::At;

/// A step of the ladder and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rung {
    pub day: u32,
    pub step: u32,
    pub at: At,
}

/// The first attempt of a round that begins at `from`.
pub(super) fn first(d: &Decision, from: At) -> Rung {
    let calls = d.calls();
    let open = |at: At| {
        let next = calls.next(at);
        if next > at { d.spread(Timer::Attempt, next) } else { at }
    };
    let at = match rungs(d, 0).first() {
        Some(LadderStep::After(minutes)) if !by_interval(d) => open(from + span(*minutes)),
        Some(LadderStep::Window(name)) if !by_interval(d) => match named(d, name) {
            Some(window) => next_window(d, &calls, window, from),
            None => open(from),
        },
        _ => open(from),
    };
    Rung { day: 0, step: 0, at }
}

/// The rung after `(day, step)`, whose attempt was at `last`. A delay that would pass the next window is
/// replaced by that window. Between two attempts there is at least the configured gap (D2).
pub(super) fn after(d: &Decision, day: u32, step: u32, last: At) -> Rung {
    let calls = d.calls();
    let gap = last + span(d.figures().dialling.gap_minutes);
    if by_interval(d) {
        let at = gap.max(last + span(d.figures().dialling.every_minutes));
        let next = calls.next(at);
        let at = if next > at { d.spread(Timer::Attempt, next) } else { at };
        return Rung { day, step: step.saturating_add(1), at };
    }
    let today = last.with_timezone(&calls.zone).date_naive();
    let list = rungs(d, day);
    let mut next = step as usize + 1;
    while let Some(rung) = list.get(next) {
        let at = match rung {
            LadderStep::Now => Some(gap),
            LadderStep::After(minutes) => {
                let at = gap.max(last + span(*minutes));
                let passes = window_ahead(d, &calls, list, next, today).filter(|(_, opens)| at >= *opens);
                if let Some((window, _)) = passes {
                    next = window;
                    continue;
                }
                Some(at)
            }
            LadderStep::Window(name) => in_window(d, &calls, name, today, gap),
        };
        if let Some(at) = at.filter(|at| calls.is_open(*at) && same_day(&calls, *at, today)) {
            return Rung { day, step: next as u32, at };
        }
        next += 1;
    }
    next_day(d, &calls, day.saturating_add(1), last)
}

/// The first rung of a later day: its window on the next day with permitted hours.
fn next_day(d: &Decision, calls: &Opening<'_>, day: u32, last: At) -> Rung {
    let opens = calls.next_day(last);
    let date = opens.with_timezone(&calls.zone).date_naive();
    let window = match rungs(d, day).first() {
        Some(LadderStep::Window(name)) => named(d, name).and_then(|window| calls.window_on(date, window)),
        _ => None,
    };
    let opens = window.map_or(opens, |(from, _)| from);
    Rung { day, step: 0, at: d.spread(Timer::Attempt, opens) }
}

/// The window of a step today, not before `soonest`; spread if that is the window's opening.
fn in_window(d: &Decision, calls: &Opening<'_>, name: &str, today: NaiveDate, soonest: At) -> Option<At> {
    let (from, to) = calls.window_on(today, named(d, name)?)?;
    let at = if from > soonest { d.spread(Timer::Attempt, from) } else { soonest };
    (at < to).then_some(at)
}

/// The next window of the same day after the step at `from`: its index and its opening.
fn window_ahead(
    d: &Decision,
    calls: &Opening<'_>,
    list: &[LadderStep],
    from: usize,
    today: NaiveDate,
) -> Option<(usize, At)> {
    list.iter().enumerate().skip(from + 1).find_map(|(place, rung)| match rung {
        LadderStep::Window(name) => {
            let (opens, _) = calls.window_on(today, named(d, name)?)?;
            Some((place, opens))
        }
        _ => None,
    })
}

/// The next time at or after `from` at which a window is open.
pub(super) fn next_window(d: &Decision, calls: &Opening<'_>, window: Window, from: At) -> At {
    let mut day = from.with_timezone(&calls.zone).date_naive();
    for _ in 0..30 {
        if let Some((opens, closes)) = calls.window_on(day, window)
            && from < closes
        {
            return if opens > from { d.spread(Timer::Attempt, opens) } else { from };
        }
        day = day.succ_opt().unwrap_or(day);
    }
    calls.next(from)
}

/// The steps of one day; after the last day its list is repeated until the round is given up (D3).
fn rungs<'d>(d: &Decision<'d>, day: u32) -> &'d [LadderStep] {
    let ladder = &d.figures().dialling.ladder;
    ladder.get(day as usize).or(ladder.last()).map(Vec::as_slice).unwrap_or_default()
}

fn by_interval(d: &Decision) -> bool {
    d.figures().dialling.every_minutes > 0
}

pub(super) fn named(d: &Decision, window: &str) -> Option<Window> {
    d.figures().dialling.windows.get(window).copied()
}

fn same_day(calls: &Opening<'_>, at: At, day: NaiveDate) -> bool {
    at.with_timezone(&calls.zone).date_naive() == day
}

fn span(minutes: u32) -> TimeDelta {
    TimeDelta::minutes(i64::from(minutes))
}
