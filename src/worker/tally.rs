//! What a running school counts, and marks of what it is doing: for health, metrics, tests and the driven clock.
//! Never decides anything. Enter at [`Tally`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::unread::Unread;
use crate::process::At;

/// Counters and marks for health, tests and the driven clock. Counters only grow.
#[derive(Debug, Default)]
pub struct Tally {
    pub accepted: AtomicU64,
    pub repeated: AtomicU64,
    /// Accepted while the store was away.
    pub spooled: AtomicU64,
    /// Not authentic.
    pub refused: AtomicU64,
    /// Longer, deeper or wider than any real request.
    pub oversized: AtomicU64,
    /// Beyond the quota of the school or of a sender.
    pub throttled: AtomicU64,
    pub stepped: AtomicU64,
    pub conflicts: AtomicU64,
    pub delivered: AtomicU64,
    pub buried: AtomicU64,
    /// Requests found by reconciliation.
    pub found: AtomicU64,
    /// Runs of reconciliation in progress, also those that wait for a turn.
    pub reconciling: AtomicU64,
    /// Orders without a next step or a wake that the watchdog repaired. Stays 0.
    pub repairs: AtomicU64,
    /// Stored values that could not be read. Stays 0.
    pub unreadable: AtomicU64,
    /// Wakes of orders that have no record any more. Stays 0.
    pub vanished: AtomicU64,
    /// Panics caught in the work of this school; see [`Site::panics`].
    pub panics: AtomicU64,
    /// Lateness of the last wake that fired, milliseconds.
    pub late_ms: AtomicI64,
    /// Requests being received.
    pub receiving: AtomicU64,
    /// The inbox worker waits and has nothing to do.
    pub inbox_parked: AtomicBool,
    /// Commits in progress that mark the deliveries they add as being sent.
    pub marking: AtomicU64,
    /// Consecutive failures to continue the mirror of contacts.
    pub mirror_failures: AtomicU64,
    /// Reports about people whom no order knows.
    pub nobody: AtomicU64,
    /// Changes of what the store holds, as far as they are noticed here.
    pub stirred: AtomicU64,
    /// Incoming calls of unknown numbers that no route takes.
    pub unrouted: ByPlatform,
    pub unread: Unread,
    /// Requests to the addresses of before.
    pub old_addresses: ByPlatform,
    /// Requests without a valid secret or signature.
    pub refused_by: ByPlatform,
}

/// Requests of one kind by platforms of the list: how many since the start, and when the last one came.
#[derive(Debug, Default)]
pub struct ByPlatform(Mutex<BTreeMap<&'static str, (u64, At)>>);

impl ByPlatform {
    pub fn note(&self, platform: &'static str, now: At) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = known.entry(platform).or_default();
        (*count, *last) = (*count + 1, now);
    }

    pub fn all(&self) -> BTreeMap<&'static str, (u64, At)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counts a piece of work while it is in progress, also if it is cancelled or panics.
pub struct CountGuard<'a>(&'a AtomicU64);

impl<'a> CountGuard<'a> {
    pub fn new(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for CountGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
