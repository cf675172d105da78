//! Panics: the error that is left of one, and the pauses before its work begins again.
//! Never keeps or logs the text of a panic, which may quote data: only its place in the code.
//! Enter at [`caught`] around a piece of work, and at [`watch`] once for a process.
//!
//! A panic costs the piece of work in which it happens. Memory that the work may have left half changed
//! is dropped or made good by the code that catches it; each place says so:
//!
//! * `worker::inbox`: the book is closed and the wheel read anew;
//! * `worker::outbox`: the lane goes on, and the delivery counts as one that may have been done;
//! * `worker::site`: wheel and lanes are read anew where a panic poisoned their locks;
//! * `worker::school`: a new run of an owner begins with an empty memory;
//! * `worker::pacer`: requests that wait for a turn are sent away, and nothing of them was sent;
//! * `store::embedded`: the savepoint is taken back, and the panic goes on in the caller's task.

use std::any::Any;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

/// Before the first new beginning after a panic; it doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_LONGEST: Duration = Duration::from_secs(60);

/// Work that went on for so long is well again: the next pause is a first one.
const STEADY: Duration = Duration::from_secs(600);

thread_local! {
    /// Where this thread panicked last, until the panic is caught.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What is left of a panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a panic at {place}: a defect of the program, please report it")]
pub struct Panicked {
    /// File and line.
    pub place: String,
}

impl Panicked {
    /// A panic's text is dropped here.
    fn of(_text: Box<dyn Any + Send>) -> Self {
        let place = PLACE.with(|place| place.take());
        Self { place: place.unwrap_or_else(|| "an unknown place".to_owned()) }
    }
}

/// From now on panics of this process are logged without their texts. Once, at the start.
pub fn watch() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name(), "a panic; its text may quote data and is not logged");
        let _ = PLACE.try_with(|last| last.replace(place));
    }));
}

/// Does the work; a panic in it is an error.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(Panicked::of)
}

/// The same for work that does not wait.
pub fn caught_now<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(Panicked::of)
}

/// How long to wait before work that panicked begins again: longer each time, so that a defect that is met
/// at once costs no processor and no log.
#[derive(Debug, Default)]
pub struct Pauses {
    in_a_row: u32,
}

impl Pauses {
    /// The next pause, after work that went on for `worked`.
    pub fn after(&mut self, worked: Duration) -> Duration {
        self.in_a_row = if worked < STEADY { self.in_a_row + 1 } else { 1 };
        PAUSE_FIRST.saturating_mul(1 << (self.in_a_row - 1).min(16)).min(PAUSE_LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_again_after_steady_work() {
        let mut pauses = Pauses::default();
        let soon = Duration::from_secs(1);
        assert_eq!([(); 3].map(|()| pauses.after(soon).as_millis()), [500, 1_000, 2_000]);
        (0..100).for_each(|_| assert!(pauses.after(soon) <= PAUSE_LONGEST));
        assert_eq!(pauses.after(soon), PAUSE_LONGEST);
        assert_eq!(pauses.after(STEADY), PAUSE_FIRST);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_that_quotes_nothing() {
        let secret = "client@example.com";
        let panicked = caught(async { assert!(secret.is_empty(), "{secret}") }).await.expect_err("it panics");
        assert!(!format!("{panicked} {panicked:?}").contains(secret));
        assert_eq!(caught_now(|| 7), Ok(7));
    }
}
