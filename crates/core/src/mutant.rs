//! Cuts: each takes one rule out of the process, so that a scenario can show that it notices. With the cargo
//! feature `mutants`, which only tests switch on, one cut may be active on a thread; without it there is none
//! and nothing of it is compiled. Never changes a rule by itself. Enter at [`cut`] and [`with_cut`].

#[cfg(feature = "mutants")]
use std::cell::RefCell;

/// Whether the rule of this name is cut out now. A guard stands at one place of the core; scenarios name it
/// under `mutants`.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn cut(_name: &'static str) -> bool {
    false
}

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Whether the rule of this name is cut out now. A guard stands at one place of the core; scenarios name it
/// under `mutants`.
#[cfg(feature = "mutants")]
pub fn cut(name: &'static str) -> bool {
    ACTIVE.with_borrow(|active| active.as_deref() == Some(name))
}

/// Runs `work` without the rule of this name, on this thread. What was cut before is cut again afterwards,
/// also after a panic.
#[cfg(feature = "mutants")]
pub fn with_cut<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let _outside = Outside(ACTIVE.replace(Some(name.to_owned())));
    work()
}

/// What was cut outside.
#[cfg(feature = "mutants")]
struct Outside(Option<String>);

#[cfg(feature = "mutants")]
impl Drop for Outside {
    fn drop(&mut self) {
        ACTIVE.set(self.0.take());
    }
}

#[cfg(all(test, feature = "mutants"))]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_with_its_work_also_after_a_panic() {
        assert!(!cut("a"));
        with_cut("a", || {
            assert!(cut("a") && !cut("b"));
            with_cut("b", || assert!(cut("b") && !cut("a")));
            assert!(cut("a"));
            let panicked = std::panic::catch_unwind(|| with_cut("b", || std::panic::panic_any("out")));
            assert!(panicked.is_err() && cut("a"));
        });
        assert!(!cut("a"));
    }
}
