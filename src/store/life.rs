//! The life of a process: leases of many schools depend on it, so that one call renews them all. Never judges: that is
//! `worker::keeper`. Enter at [`Life`].

use super::Fence;

/// A time during which a process has lived without a break, as the store sees it. A new one begins after a break, and
/// leases that depend on the former one are free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    pub id: String,
    /// The store ends it so many milliseconds after its last word.
    pub ms: u64,
}

impl Life {
    pub fn of(ms: u64) -> Self {
        Self { id: crate::secret::random_token(), ms }
    }
}

/// How long a lease lasts.
#[derive(Debug, Clone)]
pub enum Term {
    /// So many milliseconds from its last renewal.
    Ms(u64),
    /// As long as this process lives.
    Life(Life),
}

/// What a process says of itself when it asks for a [`Glance`].
#[derive(Debug, Clone)]
pub struct Word {
    pub life: Life,
    /// Grows with each word.
    pub n: u64,
    /// The life begins with it.
    pub is_first: bool,
}

/// What is cheap to know about many schools at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// The word before this one; `None` if the life has ended.
    pub found: Option<u64>,
    /// How many keys the store has evicted since its start.
    pub evicted: u64,
    /// How many lists stand of those that always do, of all schools that are owned.
    pub standing: u64,
    /// In the order in which they were asked for.
    pub schools: Vec<SchoolGlance>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchoolGlance {
    pub lease: Option<Standing>,
    /// The last place that was given.
    pub place: Option<u64>,
    /// Whether the store's token and its beat are there.
    pub is_marked: bool,
}

/// A lease that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub fence: Fence,
    /// `None` if it has a time of its own.
    pub life: Option<String>,
    /// Whether that life goes on.
    pub lives: bool,
}

impl Standing {
    /// Whether it is that of this owner in this life.
    pub fn is_of(&self, fence: &Fence, life: &Life) -> bool {
        self.fence == *fence && self.life.as_deref() == Some(&life.id)
    }
}
