//! The managers' desks: the number of open orders, the time of the last assignment, the present calls.
//! Who gets an order is decided in `assign`. Enter at [`Desks`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::*;

/// One manager's desk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Desk {
    /// Open orders (G4).
    pub load: u32,
    /// Last assignment: among equal loads the manager who waited longest comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_at: Option<At>,
    /// Calls and starts of calls, each with its expiry (D9).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub busy: BTreeMap<String, At>,
}

/// The desks for one case: those of the school's managers and of the order's manager.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Desks(pub BTreeMap<ManagerId, Desk>);

impl Desks {
    pub fn of(&self, manager: &ManagerId) -> Desk {
        self.0.get(manager).cloned().unwrap_or_default()
    }

    /// Adds an open order.
    pub fn give(&mut self, manager: &ManagerId, now: At) {
        let desk = self.0.entry(manager.clone()).or_default();
        desk.load += 1;
        desk.given_at = Some(now);
    }

    /// Removes an open order.
    pub fn release(&mut self, manager: &ManagerId) {
        if let Some(desk) = self.0.get_mut(manager) {
            desk.load = desk.load.saturating_sub(1);
        }
    }

    /// The manager is in a call until `until` at most. Expired entries are removed.
    pub fn occupy(&mut self, manager: &ManagerId, call: &str, now: At, until: At) {
        let desk = self.0.entry(manager.clone()).or_default();
        desk.busy.retain(|_, until| *until > now);
        desk.busy.insert(call.to_owned(), until);
    }

    /// The call has ended for all participants.
    pub fn free(&mut self, call: &str) {
        for desk in self.0.values_mut() {
            desk.busy.remove(call);
        }
    }

    pub fn is_busy(&self, manager: &ManagerId, now: At) -> bool {
        self.0.get(manager).is_some_and(|desk| desk.busy.values().any(|until| *until > now))
    }
}

/// The record of the first version, one for all managers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DesksV1 {
    load: BTreeMap<ManagerId, u32>,
    given_at: BTreeMap<ManagerId, At>,
    busy: BTreeMap<ManagerId, BTreeMap<String, At>>,
}

impl DesksV1 {
    pub fn of(&self, manager: &ManagerId) -> Desk {
        Desk {
            load: self.load.get(manager).copied().unwrap_or(0),
            given_at: self.given_at.get(manager).copied(),
            busy: self.busy.get(manager).cloned().unwrap_or_default(),
        }
    }
}
