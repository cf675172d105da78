//! Keys of a school's records. Never touches a store. Enter at the function of the record that you need.

use sha2::{Digest, Sha256};

use crate::process::{ClientId, ManagerId, OrderId};

/// How the key of every order begins.
pub const ORDERS: &str = "order/";

pub fn order(id: &OrderId) -> String {
    format!("{ORDERS}{id}")
}

pub fn client(id: &ClientId) -> String {
    format!("client/{id}")
}

/// How the key of every desk begins.
pub const DESKS: &str = "desk/";

pub fn desk(manager: &ManagerId) -> String {
    format!("{DESKS}{manager}")
}

/// The one record of all desks that the first version kept; read, never written.
pub const DESKS_V1: &str = "desk";

/// What was counted for one address or number. The name must not show it: names of records reach the log.
pub fn meter(way: &str) -> String {
    let digest = hex::encode(Sha256::digest(way.as_bytes()));
    format!("meter/{}", &digest[..32])
}

/// What was counted for the whole school.
pub const SCHOOL_METER: &str = "meter";

/// The last consent given on the CRM's page; `null` once it has been used.
pub const CONSENT: &str = "consent";

/// The store's epoch that the last owner worked with.
pub const EPOCH: &str = "epoch";

/// A person was erased, or something was past its time: the store's files are to be written without it.
pub const WIPE: &str = "wipe";

/// When the store's files were last written anew as a whole.
pub const WIPED: &str = "wiped";

/// The member of the wakes that always stands there.
pub const CANARY: &str = "chore:canary";

/// A call while its events come in.
pub fn call(call: &str) -> String {
    format!("call/{call}")
}

/// State of the last reconciliation of a platform (`platform::reconcile::ReconcileState`).
pub fn reconciliation(platform: &str) -> String {
    format!("look/{platform}")
}

/// The last seen state of `lead/<id>` or `task/<id>` in the CRM.
pub fn last_seen(entity: &str) -> String {
    format!("shadow/{entity}")
}
