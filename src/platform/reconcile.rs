//! Reconciliation: reading at a platform what it never delivered (design, section 2, last bullet).
//! Never decides and never stores: what is found enters as an ordinary request, marked as found, and
//! the worker keeps the cursor. Enter at [`Reconciler`]; `worker::reconcile` drives it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, RawRequest};
use crate::json;
use crate::process::{At, Client, ClientId, Order, OrderId};
use crate::signal::{KnownCall, Shown};

/// One platform account that can be read for what was missed.
#[async_trait]
pub trait Reconciler: Send + Sync {
    /// A short look: one request, or a few that cost little. `cursor` is what the last look left,
    /// `Null` before the first one and where a new version cannot read it.
    ///
    /// A fault leaves the cursor as it is; the look is repeated later.
    async fn reconcile(&self, cursor: &Value, known: &dyn Known, now: At) -> Result<Reconciled, Fault>;
}

/// What a look came to. Requests and cursor are committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// Each as [`super::Hooks::decode_found`] of the same platform reads it.
    pub found: Vec<RawRequest>,
    pub cursor: Value,
    /// When to come back; now or earlier for «at once».
    pub again_at: At,
    /// What a person should mend, English, without personal data; `None` when all is well.
    pub trouble: Option<String>,
}

impl Reconciled {
    /// Nothing found.
    pub fn nothing(cursor: &impl Serialize, again_at: At) -> Self {
        Self { found: Vec::new(), cursor: to_value(cursor), again_at, trouble: None }
    }
}

/// A cursor as it is stored.
pub fn to_value(cursor: &impl Serialize) -> Value {
    json::value(cursor)
}

/// What the bridge knows already: by this, what was missed is told from what was delivered.
#[async_trait]
pub trait Known: Send + Sync {
    async fn order(&self, id: &OrderId) -> Result<Option<Order>, Fault>;

    async fn client(&self, id: &ClientId) -> Result<Option<Client>, Fault>;

    /// Orders that have not ended, in the order of their ids after `after`; a page of records is
    /// looked through. `None` as the place: there are no more.
    async fn open_orders(&self, after: Option<&str>) -> Result<(Vec<Order>, Option<String>), Fault>;

    /// When something last happened to an order, and when its school's platform last told of it.
    async fn history(&self, id: &OrderId) -> Result<History, Fault>;

    /// Index entries, see [`crate::link`].
    async fn links(&self, keys: &[String]) -> Result<Vec<Option<String>>, Fault>;

    /// How the CRM last showed us `lead/<id>` or `task/<id>`.
    async fn shown(&self, entity: &str) -> Result<Shown, Fault>;

    /// What is known of this call (`<provider>:<key>`).
    async fn call(&self, call: &str) -> Result<Option<KnownCall>, Fault>;
}

/// An order's latest moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    pub touched_at: Option<At>,
    /// By a webhook, a read-back or a look.
    pub reported_at: Option<At>,
}

/// How the last look at one platform went: a record of the school.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReconcileState {
    pub cursor: Value,
    pub again_at: At,
    pub looked_at: At,
    /// Requests found so far.
    pub found: u64,
    /// Faults in a row.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// What is wrong at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
