//! The only file that reads the time. Everything else receives `now` or a [`Clock`]. There are three clocks:
//! the wall clock, tokio's paused one (tests), and the driven one (demo). Enter at [`Clock`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::process::At;

/// The wall time, for a command line that stamps its entries.
pub fn wall_now() -> At {
    Utc::now()
}

/// A mark of real time, to measure how long something takes; no decision depends on it.
pub fn stopwatch() -> Instant {
    Instant::now()
}

#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> At;

    /// Returns at `at` or a little later; at once if it is past.
    async fn sleep_until(&self, at: At);

    /// Milliseconds for the store's budgets if time is driven; `None` on the wall clock, where the store's
    /// own time counts for all instances.
    fn driven_ms(&self) -> Option<i64>;
}

/// The wall's time.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> At {
        Utc::now()
    }

    async fn sleep_until(&self, at: At) {
        let left = (at - Utc::now()).to_std().unwrap_or_default();
        tokio::time::sleep(left).await;
    }

    fn driven_ms(&self) -> Option<i64> {
        None
    }
}

/// Follows tokio's clock from a given instant: under paused time it jumps when all tasks are idle.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    epoch: At,
    started: Instant,
}

impl TokioClock {
    pub fn starting_at(epoch: At) -> Self {
        Self { epoch, started: Instant::now() }
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> At {
        self.epoch + TimeDelta::from_std(self.started.elapsed()).unwrap_or_default()
    }

    async fn sleep_until(&self, at: At) {
        let after = (at - self.epoch).to_std().unwrap_or_default();
        tokio::time::sleep_until(self.started + after).await;
    }

    fn driven_ms(&self) -> Option<i64> {
        Some(self.now().timestamp_millis())
    }
}

/// Moved from outside by a player, never by itself.
#[derive(Debug, Clone)]
pub struct DrivenClock {
    moved: Arc<watch::Sender<Driven>>,
    /// By the time that only goes forward.
    sleepers: Arc<Mutex<BTreeMap<DateTime<Utc>, usize>>>,
}

/// What the clock shows, and how far it was set back so far: both together only go forward.
#[derive(Debug, Clone, Copy)]
struct Driven {
    shown: DateTime<Utc>,
    set_back: TimeDelta,
}

impl Driven {
    /// The forward time of a shown one.
    fn forward(&self, shown: DateTime<Utc>) -> DateTime<Utc> {
        shown + self.set_back
    }
}

impl DrivenClock {
    pub fn starting_at(epoch: At) -> Self {
        let driven = Driven { shown: epoch, set_back: TimeDelta::zero() };
        Self { moved: Arc::new(watch::Sender::new(driven)), sleepers: Arc::default() }
    }

    /// The earliest time that any task sleeps until.
    pub fn next_due(&self) -> Option<At> {
        let set_back = self.moved.borrow().set_back;
        self.sleepers().keys().next().map(|due| *due - set_back)
    }

    fn sleepers(&self) -> MutexGuard<'_, BTreeMap<DateTime<Utc>, usize>> {
        self.sleepers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Moves forward; an earlier time changes nothing.
    pub fn advance(&self, to: At) {
        self.moved.send_if_modified(|now| {
            let later = to > now.shown;
            if later {
                now.shown = to;
            }
            later
        });
    }

    /// Shows another time at once, as after a correction of the wall clock: sleepers sleep as long as before.
    pub fn jump(&self, to: At) {
        self.moved.send_modify(|now| {
            now.set_back += now.shown - to;
            now.shown = to;
        });
    }
}

#[async_trait]
impl Clock for DrivenClock {
    fn now(&self) -> At {
        self.moved.borrow().shown
    }

    async fn sleep_until(&self, at: At) {
        let at = self.moved.borrow().forward(at);
        let _asleep = Sleeper::new(self, at);
        let mut seen = self.moved.subscribe();
        // The sender lives as long as this clock does, so waiting cannot fail.
        let _ = seen.wait_for(|now| now.forward(now.shown) >= at).await;
    }

    fn driven_ms(&self) -> Option<i64> {
        Some(self.now().timestamp_millis())
    }
}

/// An entry in the list of sleepers for as long as the sleep lasts, also if the sleep is cancelled.
struct Sleeper<'a> {
    clock: &'a DrivenClock,
    at: At,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a DrivenClock, at: At) -> Self {
        *clock.sleepers().entry(at).or_default() += 1;
        Self { clock, at }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut sleepers = self.clock.sleepers();
        if let Some(count) = sleepers.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                sleepers.remove(&self.at);
            }
        }
    }
}
