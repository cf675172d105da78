//! The number that each renewal of a lease leaves in the store, so that an older copy is recognised whatever was
//! written to it since. Never judges: that is `worker::store_watch`. Enter at [`Beat`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// An older copy of a store has an older one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The process that wrote it, new at every start.
    pub by: String,
    pub n: u64,
}

impl Beat {
    /// Parses what its [`fmt::Display`] writes.
    pub fn read(text: &str) -> Option<Self> {
        let (by, n) = text.rsplit_once(' ')?;
        Some(Self { by: by.to_owned(), n: n.parse().ok()? })
    }

    /// Whether the same process wrote this one before `other`.
    pub fn is_before(&self, other: &Self) -> bool {
        self.by == other.by && self.n < other.n
    }
}

impl fmt::Display for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.by, self.n)
    }
}

/// The beats of one process.
pub(super) struct Beats {
    by: String,
    last: AtomicU64,
}

impl Default for Beats {
    fn default() -> Self {
        Self { by: crate::secret::random_token(), last: AtomicU64::new(0) }
    }
}

impl Beats {
    pub fn next(&self) -> Beat {
        Beat { by: self.by.clone(), n: self.last.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_of_one_process_are_ordered_and_come_back_as_they_were() {
        let (ours, others) = (Beats::default(), Beats::default());
        let (first, second) = (ours.next(), ours.next());
        assert!(first.is_before(&second) && !second.is_before(&first) && !first.is_before(&first));
        assert!(
            !first.is_before(&{
                others.next();
                others.next()
            }),
            "another process counts for itself"
        );
        assert_eq!(Beat::read(&second.to_string()), Some(second));
        assert_eq!(Beat::read(""), None);
    }
}
