//! What is to happen, by moment; what falls on one moment keeps the order in which it was planned.
//! It never runs anything: the world takes what is due.
//! Enter at [`Agenda::plan`] and [`Agenda::take`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// Something planned.
#[derive(Clone, Debug)]
pub enum Due {
    /// An order of a script appears.
    Order { script: usize },
    /// An event of a script happens.
    Event { script: usize, event: usize },
    /// A manager does a task, if it is still the one he planned to do.
    Task { task: i64, revision: u32 },
    /// A call has ended and its people react.
    CallEnded(Ended),
    /// A manager tells the CRM what came of a call.
    Answer { script: usize, answer: usize },
    /// amoCRM sends what has changed.
    Echoes,
    /// A process of the school looks at an object.
    Process { index: usize, object: i64 },
    /// A webhook leaves.
    Deliver { hook: u64 },
}

/// A call that has ended, as its people see it.
#[derive(Clone, Debug)]
pub struct Ended {
    pub script: Option<usize>,
    /// Which outgoing call of the script, from 1; 0 for an incoming one.
    pub number: u32,
    pub talked: bool,
    pub task: Option<i64>,
    /// The manager's key.
    pub manager: String,
    /// What he would write; `None` when the exchange has seen the call and his habits decide.
    pub unseen: Option<&'static str>,
}

/// All that is planned.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    entries: BTreeMap<(DateTime<Utc>, u64), Due>,
    count: u64,
}

impl Agenda {
    /// Plans something.
    pub fn plan(&mut self, at: DateTime<Utc>, due: Due) {
        self.count += 1;
        self.entries.insert((at, self.count), due);
    }

    /// The earliest moment at which something is planned.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the earliest thing that is due by `now`.
    pub fn take(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Due)> {
        let entry = self.entries.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }

    /// How much is planned.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
