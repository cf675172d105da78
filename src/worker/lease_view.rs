//! The owner's own view of its lease: how long this instance may act for a school. Never asks the store,
//! because a process that was paused has no time for that: each request is checked against this view at the
//! last moment, so that an owner that was paused does not send what its successor sends. Enter at
//! [`LeaseView`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::stopwatch;

/// Whether this instance works for a school, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Not asked yet, or the store does not answer.
    Unknown,
    Owner,
    /// Another instance owns it.
    Elsewhere,
    /// The last owner had a configuration that was loaded later than this instance's.
    Outdated,
}

impl Ownership {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Owner => "owner",
            Self::Elsewhere => "elsewhere",
            Self::Outdated => "outdated configuration",
        }
    }
}

#[derive(Debug)]
struct State {
    ownership: Ownership,
    /// Monotonic: it advances while the process is paused.
    until: Option<Instant>,
}

/// Shared by the code that takes the lease and the code that sends.
#[derive(Debug, Clone)]
pub struct LeaseView(Arc<Mutex<State>>);

impl Default for LeaseView {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { ownership: Ownership::Unknown, until: None })))
    }
}

impl LeaseView {
    /// The lease was requested at `asked` and lasts `lease_ms` of the store's time, starting at some moment
    /// after that.
    pub fn hold(&self, asked: Instant, lease_ms: u64) {
        let mut state = self.state();
        // What is known of a later request stands.
        let until = state.until.max(Some(asked + usable(lease_ms)));
        *state = State { ownership: Ownership::Owner, until };
    }

    /// The same, if the school is still owned.
    pub fn extend(&self, asked: Instant, lease_ms: u64) {
        let mut state = self.state();
        if state.ownership == Ownership::Owner {
            state.until = Some(asked + usable(lease_ms));
        }
    }

    /// Another instance owns the school, or nothing is known, as `ownership` says.
    pub fn end(&self, ownership: Ownership) {
        *self.state() = State { ownership, until: None };
    }

    pub fn ownership(&self) -> Ownership {
        self.state().ownership
    }

    /// Whether a request may leave for the school right now.
    pub fn holds(&self) -> bool {
        self.state().until.is_some_and(|until| stopwatch() < until)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last eighth is not used: clocks run at different speeds.
fn usable(lease_ms: u64) -> Duration {
    Duration::from_millis(lease_ms - lease_ms / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_view_ends_before_the_lease_does() {
        let view = LeaseView::default();
        assert!(!view.holds());
        view.hold(stopwatch(), 4_000);
        tokio::time::advance(Duration::from_millis(3_499)).await;
        assert!(view.holds());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!view.holds(), "a process that was paused this long sends nothing more");
        view.hold(stopwatch(), 4_000);
        view.end(Ownership::Elsewhere);
        view.extend(stopwatch(), 4_000);
        assert!(!view.holds(), "what is lost is not extended");
    }
}
