//! Lets one log line a minute through of those that say the same, with their number. Never logs anything itself. Enter
//! at [`Repeats::due`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines that say the same.
const AGAIN: Duration = Duration::from_secs(60);

/// Different lines within a minute; further ones count as one.
const KNOWN_MAX: usize = 100;

/// When a line was last let through, and what has happened since.
#[derive(Debug, Default)]
pub struct Repeat {
    said: Option<Instant>,
    times: u64,
}

impl Repeat {
    /// It has happened again: how often since the last line, if it is time for another one.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.said.is_some_and(|said| now - said < AGAIN) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

/// The lines of one school.
#[derive(Debug, Default)]
pub struct Repeats(Mutex<HashMap<String, Repeat>>);

impl Repeats {
    /// How often `what` has happened since it was last said, if it is time to say it.
    pub fn due(&self, what: &str, now: Instant) -> Option<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(what) && known.len() >= KNOWN_MAX {
            known.retain(|_, repeat| repeat.said.is_some_and(|said| now - said < AGAIN));
        }
        let what = if known.contains_key(what) || known.len() < KNOWN_MAX { what } else { "" };
        known.entry(what.to_owned()).or_default().due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::stopwatch;

    #[test]
    fn what_repeats_is_said_at_once_and_then_once_a_minute_with_its_number() {
        let (lines, began) = (Repeats::default(), stopwatch());
        let said = |what: &str, tenth: u64| lines.due(what, began + Duration::from_millis(100 * tenth));
        let same: Vec<(u64, u64)> = (0..1_300).filter_map(|n| Some((n, said("same", n)?))).collect();
        assert_eq!(same, [(0, 1), (600, 600), (1_200, 600)]);
        assert_eq!(said("other", 1_201), Some(1), "another one is not held back");
    }

    #[test]
    fn lines_that_all_differ_are_bounded() {
        let (lines, now) = (Repeats::default(), stopwatch());
        let said = (0..10 * KNOWN_MAX).filter(|n| lines.due(&n.to_string(), now).is_some()).count();
        assert_eq!(said, KNOWN_MAX + 1, "the others are one");
        assert_eq!(lines.due("later", now + AGAIN), Some(1));
    }
}
