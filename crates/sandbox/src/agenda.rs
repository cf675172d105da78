//! Planned events by moment; events of the same moment keep the order in which they were planned. It never
//! runs anything: the world takes what is due. Enter at [`Agenda::plan`] and [`Agenda::take`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// A planned event.
#[derive(Clone, Debug)]
pub enum Due {
    /// An order of a script appears.
    Order { script: usize },
    /// An event of a script happens.
    Event { script: usize, event: usize },
    /// A manager does a task, if it is still the one that was planned.
    Task { task: i64, revision: u32 },
    /// A call has ended and its people react.
    CallEnded(Ended),
    /// A manager enters the result of a call into the CRM.
    Answer { script: usize, answer: usize },
    /// amoCRM sends what has changed.
    Echoes,
    /// A process of the school looks at an object.
    Process { index: usize, object: i64 },
    /// A webhook leaves.
    Deliver { hook: u64 },
}

/// A call that has ended, as its people know it.
#[derive(Clone, Debug)]
pub struct Ended {
    pub script: Option<usize>,
    /// The script's outgoing call, counted from 1; 0 for an incoming one.
    pub number: u32,
    pub talked: bool,
    pub task: Option<i64>,
    /// The manager's key.
    pub manager: String,
    /// What the manager would write; `None` if the exchange saw the call and the manager's habits decide.
    pub unseen: Option<&'static str>,
}

/// All planned events.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    entries: BTreeMap<(DateTime<Utc>, u64), Due>,
    count: u64,
}

impl Agenda {
    pub fn plan(&mut self, at: DateTime<Utc>, due: Due) {
        self.count += 1;
        self.entries.insert((at, self.count), due);
    }

    /// The earliest moment at which something is planned.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the earliest event that is due by `now`.
    pub fn take(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Due)> {
        let entry = self.entries.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }

    /// Number of planned events.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
