//! Keeps the wheel filled from the store's index: the index is complete, the wheel holds the near part. Never
//! changes the index: entries move only with a commit. Enter at [`fill`]; [`WheelFeed`] is the part in
//! memory.

use chrono::TimeDelta;

use super::site::Site;
use super::wheel::{HORIZON_MS, Wheel};
use crate::intake::item::Member;
use crate::process::At;
use crate::store::{StoreResult, Wake};

/// How far ahead the wheel is filled, and when it is filled again.
const AHEAD_MS: i64 = 10 * 60 * 1000;
const AGAIN_MS: i64 = AHEAD_MS / 2;

/// Entries taken from the index at a time, of the promised ones and of the others.
const PAGE: usize = crate::store::BATCH_MAX;

/// Clocks of servers are corrected by less than this all the time.
const SET_BACK_MS: i64 = 1_000;

/// Minutes between two wakes of the canary.
const CANARY_MIN: i64 = 120;

/// The canary's next wake.
pub fn canary(now: At) -> Wake {
    let at = now + TimeDelta::minutes(CANARY_MIN);
    Wake { member: Member::Canary.to_string(), at_ms: at.timestamp_millis(), promised: false }
}

/// The index has lost its canary, or it was not fired for a whole interval: the wheel has stopped, or keys
/// have vanished.
pub fn is_dead(canary: Option<&Wake>, now: At) -> bool {
    let overdue = TimeDelta::minutes(CANARY_MIN).num_milliseconds();
    canary.is_none_or(|wake| now.timestamp_millis() - wake.at_ms > overdue)
}

/// The near part of the index: the wheel, and how far ahead it is complete. Times are milliseconds since
/// 1970.
#[derive(Debug)]
pub struct WheelFeed {
    wheel: Wheel<String>,
    /// Up to and including this time the wheel contains every wake of the index.
    filled_until: i64,
    /// The time at the last [`fill`].
    looked_ms: i64,
    /// The clock was set back from this time: what was due by then is due.
    was_ms: Option<i64>,
    /// It, with the times at which it was due.
    was_due: Vec<(String, i64)>,
}

impl WheelFeed {
    /// An empty wheel that has not been filled yet.
    pub fn new(now_ms: i64) -> Self {
        Self {
            wheel: Wheel::new(now_ms),
            filled_until: i64::MIN,
            looked_ms: now_ms,
            was_ms: None,
            was_due: Vec::new(),
        }
    }

    /// After an error, or for a new owner: everything has to be read from the index again.
    pub fn clear(&mut self, now_ms: i64) {
        let (looked_ms, was_ms) = (self.looked_ms, self.was_ms);
        *self = Self { looked_ms, was_ms, ..Self::new(now_ms) };
    }

    /// A wheel cannot turn back: after the clock was set back it is filled again.
    fn follow_clock(&mut self, now_ms: i64) {
        let is_back = now_ms + SET_BACK_MS < self.looked_ms.max(self.wheel.now_ms());
        if is_back {
            self.was_ms = self.was_ms.max(Some(self.looked_ms));
            self.clear(now_ms);
        }
        self.looked_ms = now_ms;
    }

    /// Moves members as a commit has moved them in the index: `sleeps` before `wakes`. Wakes beyond the
    /// filled part are left to the next filling. Returns true if the owner has to wake earlier now.
    pub fn arm(&mut self, wakes: &[(String, i64)], sleeps: &[String]) -> bool {
        let before = self.wheel.next_due();
        for member in sleeps.iter().chain(wakes.iter().map(|(member, _)| member)) {
            self.wheel.cancel(member);
        }
        let near = wakes.iter().filter(|(_, at_ms)| *at_ms <= self.filled_until);
        let mut earlier = false;
        for (member, at_ms) in near {
            let taken = self.wheel.insert(member.clone(), *at_ms).is_ok();
            earlier |= taken && before.is_none_or(|next| *at_ms < next);
        }
        earlier
    }

    /// Takes in all wakes of the index up to `until`. If a full [`PAGE`] of promised wakes, of the others, or
    /// of both was read, the wheel is complete only up to the last of them.
    pub fn fill(&mut self, wakes: Vec<Wake>, until: i64) {
        self.filled_until = until;
        for promised in [true, false] {
            let mut part = wakes.iter().filter(|wake| wake.promised == promised).skip(PAGE - 1);
            if let Some(last) = part.next() {
                self.filled_until = self.filled_until.min(last.at_ms);
            }
        }
        for wake in wakes {
            // `TooFar` cannot happen: the window is shorter than the horizon.
            let _ = self.wheel.insert(wake.member, wake.at_ms);
        }
    }

    /// What is due, earliest first, about `max`; what was due before the clock was set back has a time after `now_ms`.
    pub fn advance(&mut self, now_ms: i64, max: usize) -> Vec<(String, i64)> {
        let mut due = self.wheel.advance(now_ms, max);
        due.append(&mut self.was_due);
        due
    }

    /// What was due when the clock was set back; what is due now, too, comes from the wheel.
    fn fill_due(&mut self, due: Vec<Wake>, now_ms: i64) {
        self.was_ms = None;
        let due = due.into_iter().filter(|wake| wake.at_ms > now_ms);
        self.was_due = due.map(|wake| (wake.member, wake.at_ms)).collect();
    }

    pub fn next_due(&self) -> Option<i64> {
        self.wheel.next_due()
    }

    /// When the owner has to check again: at the next due entry, or at the next filling.
    pub fn next_look(&self, now_ms: i64) -> i64 {
        let again = if self.is_crowded() { i64::MAX } else { self.filled_until.saturating_sub(AGAIN_MS) };
        self.next_due().map_or(again, |due| due.min(again)).max(now_ms)
    }

    fn is_short(&self, now_ms: i64) -> bool {
        !self.is_crowded() && self.filled_until.saturating_sub(AGAIN_MS) <= now_ms
    }

    /// A full page is worked off before the next one is read.
    fn is_crowded(&self) -> bool {
        self.wheel.len() >= PAGE / 4
    }
}

/// Fills the wheel from the index if it is short.
pub async fn fill(site: &Site) -> StoreResult<()> {
    let now_ms = site.clock.now().timestamp_millis();
    site.wheel_feed().follow_clock(now_ms);
    let was_ms = site.wheel_feed().was_ms;
    if let Some(was_ms) = was_ms {
        let due = site.store.wakes(site.id(), was_ms, PAGE).await?;
        site.wheel_feed().fill_due(due, now_ms);
    }
    if !site.wheel_feed().is_short(now_ms) {
        return Ok(());
    }
    let mut until = now_ms + AHEAD_MS;
    let wakes = site.store.wakes(site.id(), until, PAGE).await?;
    if wakes.is_empty() {
        // Nothing for a while: sleep to the next one instead of checking every few minutes.
        until = now_ms + HORIZON_MS / 2;
        if let Some(next) = site.store.next_wake(site.id()).await? {
            until = until.min(next.at_ms - 1);
        }
    }
    site.wheel_feed().fill(wakes, until);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn wakes(n: i64, promised: bool) -> Vec<Wake> {
        let wake = |n| Wake { member: format!("{promised}-{n}"), at_ms: NOW + 1_000 * n, promised };
        (1..=n).map(wake).collect()
    }

    #[test]
    fn a_canary_is_dead_when_it_is_gone_or_was_not_fired() {
        let now = At::from_timestamp(1_795_000_000, 0).expect("in range");
        let wake = canary(now);
        assert!(is_dead(None, now));
        assert!(!is_dead(Some(&wake), now));
        assert!(!is_dead(Some(&wake), now + TimeDelta::minutes(2 * CANARY_MIN)));
        assert!(is_dead(Some(&wake), now + TimeDelta::minutes(2 * CANARY_MIN + 1)));
    }

    /// Promised and other wakes, a second apart each: up to when all are known, in seconds.
    #[test]
    fn a_full_page_of_either_kind_bounds_what_is_known() {
        let page = PAGE as i64;
        let asked = 2 * page;
        for (promised, others, known) in [
            (0, 0, asked),
            (page - 1, page - 1, asked),
            (page, 10, page),
            (10, page, page),
            (page, page, page),
        ] {
            let mut near = WheelFeed::new(NOW);
            near.fill([wakes(promised, true), wakes(others, false)].concat(), NOW + 1_000 * asked);
            assert_eq!(near.filled_until, NOW + 1_000 * known, "{promised} promised, {others} others");
        }
    }

    #[test]
    fn a_wheel_follows_a_clock_that_is_set_back() {
        let hour = 3_600_000;
        let mut near = WheelFeed::new(NOW);
        near.fill(wakes(3, false), NOW + AHEAD_MS);
        near.follow_clock(NOW - 500);
        assert!(near.next_due().is_some(), "a small correction changes nothing");
        near.follow_clock(NOW - hour);
        assert!(near.is_short(NOW - hour), "it is filled again");
        near.fill(Vec::new(), NOW - hour + AHEAD_MS);
        assert!(near.arm(&[("new".to_owned(), NOW - hour + 5_000)], &[]));
        assert_eq!(near.advance(NOW - hour + 5_000, 9).len(), 1, "in time by the clock as it is now");
    }

    /// An order that was taken in has its first attempt at once, also if the clock is set back in this moment.
    #[test]
    fn what_was_due_when_the_clock_was_set_back_is_due() {
        let (mut near, minute) = (WheelFeed::new(NOW), 60_000);
        near.follow_clock(NOW + 20);
        assert_eq!(near.was_ms, None);
        near.follow_clock(NOW - minute);
        near.follow_clock(NOW - 2 * minute);
        near.clear(NOW - 2 * minute);
        assert_eq!(near.was_ms, Some(NOW + 20), "the store did not answer meanwhile");
        let wake = |n: i64| Wake { member: n.to_string(), at_ms: NOW + n, promised: false };
        near.fill_due(vec![wake(-3 * minute), wake(20)], NOW - 2 * minute);
        assert_eq!(near.advance(NOW - 2 * minute, 9), [("20".to_owned(), NOW + 20)]);
        assert_eq!((near.advance(NOW - 2 * minute, 9), near.was_ms), (Vec::new(), None));
    }

    #[test]
    fn what_is_cleared_is_filled_again_before_anything_else() {
        let mut near = WheelFeed::new(NOW);
        assert_eq!(near.next_look(NOW), NOW);
        near.fill(wakes(300, false), NOW + AHEAD_MS);
        assert!(!near.is_short(NOW + AHEAD_MS), "a crowd is worked off first");
        let look = near.next_look(NOW);
        assert_eq!(Some(look), near.next_due(), "and nothing is looked for meanwhile");
        assert!(look > NOW && look <= NOW + 1_000);
        near.clear(NOW);
        assert!(near.is_short(NOW) && near.next_due().is_none());
        assert!(!near.arm(&[("a".to_owned(), NOW + 1)], &[]), "the index has it");
        near.fill(Vec::new(), NOW + AHEAD_MS);
        assert_eq!(near.next_look(NOW), NOW + AHEAD_MS - AGAIN_MS);
    }
}
