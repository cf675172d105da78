//! Says in the log that the store is away: once at its beginning, then once a minute with the number of failures,
//! whichever part of a school meets it. Never logs what was asked. Enter at [`AwayLog::failed`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::stopwatch;
use crate::repeats::Repeat;
use crate::store::StoreError;

/// A store that fails again within this is in the same outage: one of its keys may be damaged, and only some calls fail.
const SAME: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Outage {
    line: Repeat,
    /// The last call has failed.
    is_away: bool,
    /// It was said, and not yet that the store answers.
    is_said: bool,
    ended: Option<Instant>,
}

/// The outage of a store, as one school or one account meets it.
#[derive(Debug, Default)]
pub struct AwayLog(Mutex<Outage>);

impl AwayLog {
    /// A call has failed; `what` waits for the store.
    pub fn failed(&self, whose: &str, what: &str, error: &StoreError) {
        if let Some(failures) = self.outage().failed(stopwatch()) {
            tracing::warn!(whose, %error, failures, "{what} waits for the store");
        }
    }

    /// The store answers.
    pub fn answers(&self, whose: &str) {
        if self.outage().answers(stopwatch()) {
            tracing::info!(whose, "the store answers again");
        }
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outage {
    /// The failures to say now, if it is time to say anything.
    fn failed(&mut self, now: Instant) -> Option<u64> {
        let is_new = !self.is_away && self.ended.is_none_or(|ended| now - ended >= SAME);
        if is_new {
            self.line = Repeat::default();
        }
        self.is_away = true;
        let failures = self.line.due(now);
        self.is_said |= failures.is_some();
        failures
    }

    /// Whether to say it.
    fn answers(&mut self, now: Instant) -> bool {
        if std::mem::take(&mut self.is_away) {
            self.ended = Some(now);
        }
        std::mem::take(&mut self.is_said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_at_once_and_then_once_a_minute_with_its_failures() {
        let (mut outage, began) = (Outage::default(), stopwatch());
        let at = |second| began + Duration::from_secs(second);
        let said: Vec<(u64, u64)> =
            (0..130).filter_map(|second| Some((second, outage.failed(at(second))?))).collect();
        assert_eq!(said, [(0, 1), (60, 60), (120, 60)]);
        assert!(outage.answers(at(130)) && !outage.answers(at(131)));
        assert_eq!(outage.failed(at(136)), Some(1), "another outage");
    }

    /// A key has another type: the lease is renewed, and what needs the key fails (F49).
    #[test]
    fn a_store_that_fails_and_answers_in_turn_is_said_once_a_minute() {
        let (mut outage, began) = (Outage::default(), stopwatch());
        let (mut failed, mut answered) = (Vec::new(), Vec::new());
        for second in 0..90 {
            let now = began + Duration::from_secs(second);
            failed.extend(outage.failed(now));
            answered.extend(outage.answers(now).then_some(second));
        }
        assert_eq!((failed, answered), (vec![1, 60], vec![0, 60]));
    }
}
