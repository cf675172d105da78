//! Says in the log that the store is away: once at its beginning, then once a minute with the number of failures,
//! whichever part of a school meets it. Never logs what was asked. Enter at [`AwayLog::failed`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::stopwatch;
use crate::store::StoreError;

/// Between two lines about the same outage.
const AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Outage {
    /// When it was last said; `None` while the store answers.
    said: Option<Instant>,
    /// Failures since then.
    failures: u64,
}

/// The outage of a store, as one school or one account meets it.
#[derive(Debug, Default)]
pub struct AwayLog(Mutex<Outage>);

impl AwayLog {
    /// A call has failed; `what` waits for the store.
    pub fn failed(&self, whose: &str, what: &str, error: &StoreError) {
        if let Some(failures) = self.counted(stopwatch()) {
            tracing::warn!(whose, %error, failures, "{what} waits for the store");
        }
    }

    /// The store answers.
    pub fn answers(&self, whose: &str) {
        let mut outage = self.outage();
        if outage.said.take().is_some() {
            outage.failures = 0;
            tracing::info!(whose, "the store answers again");
        }
    }

    /// The failures to say now, if it is time to say anything.
    fn counted(&self, now: Instant) -> Option<u64> {
        let mut outage = self.outage();
        outage.failures += 1;
        if outage.said.is_some_and(|said| now - said < AGAIN) {
            return None;
        }
        outage.said = Some(now);
        Some(std::mem::take(&mut outage.failures))
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_at_once_and_then_once_a_minute_with_its_failures() {
        let (log, began) = (AwayLog::default(), stopwatch());
        let said: Vec<(u64, u64)> = (0..130)
            .filter_map(|second| Some((second, log.counted(began + Duration::from_secs(second))?)))
            .collect();
        assert_eq!(said, [(0, 1), (60, 60), (120, 60)]);
        log.answers("rost");
        assert_eq!(log.counted(began + Duration::from_secs(131)), Some(1), "another outage");
    }
}
