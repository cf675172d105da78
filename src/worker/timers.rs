//! Keeps the wheel filled from the store's index, which is exact but far; the wheel is near.
//! Never changes the index: entries move only with a commit. Enter at [`fill`].

use std::sync::atomic::Ordering;

use chrono::TimeDelta;

use super::site::Site;
use super::wheel::HORIZON_MS;
use crate::process::At;
use crate::store::{Kept, Wake};

/// How far ahead of now the wheel is filled, and when it is filled again.
const AHEAD_MS: i64 = 10 * 60 * 1000;
const AGAIN_MS: i64 = AHEAD_MS / 2;

/// Entries taken from the index at a time: promised ones first, then by time.
const PAGE: usize = crate::store::BATCH_MAX;

/// A wake that is always there: that it fires, and how late, says that the wheel turns.
pub const CANARY: &str = "chore:canary";
const CANARY_MIN: i64 = 120;

/// The canary's next wake.
pub fn canary(now: At) -> Wake {
    let at = now + TimeDelta::minutes(CANARY_MIN);
    Wake { member: CANARY.to_owned(), at_ms: at.timestamp_millis(), promised: false }
}

/// The index has lost its canary, or nobody fired it for a whole turn: the wheel has stopped, or
/// keys have vanished.
pub fn is_dead(canary: Option<&Wake>, now: At) -> bool {
    let overdue = TimeDelta::minutes(CANARY_MIN).num_milliseconds();
    canary.is_none_or(|wake| now.timestamp_millis() - wake.at_ms > overdue)
}

/// Brings the wheel up to date with the index where it is not.
pub async fn fill(site: &Site) -> Kept<()> {
    let now_ms = site.clock.now().timestamp_millis();
    if !is_short(site, now_ms) {
        return Ok(());
    }
    let until = now_ms + AHEAD_MS;
    let wakes = site.store.wakes(site.id(), until, PAGE).await?;
    let filled = match wakes.last() {
        // A full page: what it did not hold lies at or after its last entry.
        Some(last) if wakes.len() == PAGE => last.at_ms,
        _ => match site.store.next_wake(site.id()).await? {
            // Nothing for a while: sleep to the next one instead of looking every few minutes.
            Some(next) if next.at_ms > until => (next.at_ms - 1).min(now_ms + HORIZON_MS / 2),
            Some(_) => until,
            None => now_ms + HORIZON_MS / 2,
        },
    };
    let mut wheel = site.wheel();
    for wake in wakes {
        // Beyond the horizon cannot happen: the window is shorter.
        let _ = wheel.insert(wake.member, wake.at_ms);
    }
    site.tally.filled_until_ms.store(filled, Ordering::SeqCst);
    Ok(())
}

/// Something went wrong on the way: trust the index again.
pub fn refill(site: &Site) {
    site.tally.filled_until_ms.store(0, Ordering::SeqCst);
}

/// When the owner has to look again: the next due entry, or the next filling.
pub fn next_look(site: &Site) -> At {
    let filled = site.tally.filled_until_ms.load(Ordering::SeqCst);
    let now = site.clock.now();
    let again = (filled - AGAIN_MS).max(now.timestamp_millis() + 1);
    let next = site.wheel().next_due().map_or(again, |due| due.min(again));
    now + TimeDelta::milliseconds(next - now.timestamp_millis())
}

fn is_short(site: &Site, now_ms: i64) -> bool {
    let filled = site.tally.filled_until_ms.load(Ordering::SeqCst);
    // A full page of overdue work is worked off before the next one is read.
    filled - now_ms <= AGAIN_MS && site.wheel().len() < PAGE / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_dead_when_it_is_gone_or_nobody_fires_it() {
        let now = At::from_timestamp(1_795_000_000, 0).expect("in range");
        let wake = canary(now);
        assert!(is_dead(None, now));
        assert!(!is_dead(Some(&wake), now));
        assert!(!is_dead(Some(&wake), now + TimeDelta::minutes(2 * CANARY_MIN)));
        assert!(is_dead(Some(&wake), now + TimeDelta::minutes(2 * CANARY_MIN + 1)));
    }
}
