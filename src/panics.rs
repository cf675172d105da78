//! Turns a panic into an error, and says how long to wait before the work is restarted.
//! Never keeps or logs the text of a panic, which may quote data: only its place in the code.
//! Enter at [`caught`] for one piece of work, and at [`log_panics`] once per process.
//!
//! A panic may leave memory half changed. The code that catches it drops or repairs that memory:
//!
//! * `worker::inbox` closes the book and reloads the wheel;
//! * `worker::outbox` frees the lane, and treats the delivery as one that may have been done;
//! * `worker::site` reloads wheel and lanes if the panic poisoned their locks;
//! * `worker::school` starts an owner with empty memory;
//! * `worker::pacer` fails the requests that wait for a turn: none of them was sent;
//! * `store::embedded` rolls the savepoint back and resumes the panic in the caller.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::time::Duration;

use futures_util::FutureExt;

/// Pause before the first restart; each further one doubles it, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_LONGEST: Duration = Duration::from_secs(60);

/// Work that ran this long without a panic counts as healthy: the next pause is a first one again.
const STEADY: Duration = Duration::from_secs(600);

thread_local! {
    /// Place of this thread's last panic, until it is caught.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A caught panic.
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

/// From now on, panics of this process are logged by their place, without their text.
pub fn log_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    tracing::error!(place, thread = thread.name(), "a panic; its text may quote data and is not logged");
    let _ = PLACE.try_with(|last| last.replace(place));
}

/// Runs the work; a panic in it becomes an error. The work is boxed, because the future of a whole owner is
/// too large to be moved over the stack.
pub fn caught<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, Panicked>> {
    let work = AssertUnwindSafe(Box::pin(work)).catch_unwind();
    async { work.await.map_err(Panicked::of) }
}

/// The same for work that is not async.
pub fn caught_now<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(Panicked::of)
}

/// Backoff between restarts, so that work that panics at once does not fill the log.
#[derive(Debug, Default)]
pub struct Pauses {
    in_a_row: u32,
}

impl Pauses {
    /// The next pause, after work that ran for `worked`.
    pub fn after(&mut self, worked: Duration) -> Duration {
        self.in_a_row = if worked < STEADY { self.in_a_row + 1 } else { 1 };
        PAUSE_FIRST.saturating_mul(1 << (self.in_a_row - 1).min(16)).min(PAUSE_LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

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

    /// What the log of one thread holds.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic under it").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn error_and_log_say_where_it_was_and_quote_nothing() {
        // Other tests of this process go on being told of their panics.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            log_panic(panic);
            before(panic);
        }));
        // The line of the log is met once before there is a log: a line that another thread meets first, while this
        // test's is the only log, is switched off for all threads (tracing-core 0.1.36, the only dispatcher's cache).
        assert!(caught_now(|| std::panic::panic_any(())).is_err());
        let log = Log::default();
        let writer = log.clone();
        let logging = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let logging = tracing::subscriber::set_default(logging);
        let secret = "client@example.com";
        let panicked = caught(async { assert!(secret.is_empty(), "{secret}") }).await.expect_err("it panics");
        drop(logging);
        let logged = String::from_utf8(log.0.lock().expect("no panic under it").clone()).expect("text");
        for said in [logged, panicked.to_string()] {
            assert!(said.contains("src/panics.rs:") && !said.contains(secret), "{said}");
        }
        assert_eq!(caught_now(|| 7), Ok(7));
    }
}
