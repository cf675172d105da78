//! The managers' desks: how many open orders each has, when he last got one, in which calls he is.
//! Never decides who gets an order: that is `assign`. Enter at [`Desks`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::*;

/// One manager's desk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Desk {
    /// Open orders (G4).
    pub load: u32,
    /// When he last got one: ties go to who waited longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_at: Option<At>,
    /// Calls and starts of calls, each with the time until which it is believed (D9).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub busy: BTreeMap<String, At>,
}

/// The desks that a case needs: those of the school's managers and of the order's own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Desks(pub BTreeMap<ManagerId, Desk>);

impl Desks {
    pub fn of(&self, manager: &ManagerId) -> Desk {
        self.0.get(manager).cloned().unwrap_or_default()
    }

    /// One open order more for this manager.
    pub fn give(&mut self, manager: &ManagerId, now: At) {
        let desk = self.0.entry(manager.clone()).or_default();
        desk.load += 1;
        desk.given_at = Some(now);
    }

    /// One open order less.
    pub fn release(&mut self, manager: &ManagerId) {
        if let Some(desk) = self.0.get_mut(manager) {
            desk.load = desk.load.saturating_sub(1);
        }
    }

    /// The manager takes part in a call, as far as is known. What has run out is forgotten.
    pub fn occupy(&mut self, manager: &ManagerId, call: &str, now: At, until: At) {
        let desk = self.0.entry(manager.clone()).or_default();
        desk.busy.retain(|_, until| *until > now);
        desk.busy.insert(call.to_owned(), until);
    }

    /// The call is over, for everybody who took part.
    pub fn free(&mut self, call: &str) {
        for desk in self.0.values_mut() {
            desk.busy.remove(call);
        }
    }

    pub fn is_busy(&self, manager: &ManagerId, now: At) -> bool {
        self.0.get(manager).is_some_and(|desk| desk.busy.values().any(|until| *until > now))
    }
}

/// The one record of all managers in which the first version kept them.
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
