//! Figures of what the CRM shows of an order's next step (K10). Enter at [`NextNote`].

use serde::{Deserialize, Serialize};

/// K10.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NextNote {
    /// What a lead shows between two tasks (K10): `task` (the next call's own task, with its date; a pinned note
    /// in pauses without a call), `pin` (always the note), `off`.
    pub how: ShowNext,
    /// Minutes between two edits of the pinned note.
    pub update_minutes: u32,
}

impl Default for NextNote {
    fn default() -> Self {
        Self { how: ShowNext::Task, update_minutes: 10 }
    }
}

/// How the next step is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShowNext {
    Task,
    Pin,
    Off,
}
