//! The port for reconciliation: reading events from a platform whose webhooks never arrived (design, section
//! 2, last bullet). Never decides and never stores: found events enter the inbox as ordinary requests marked
//! as found, and the worker stores the cursor. Enter at [`Reconciler`]; `worker::reconcile` drives it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, RawRequest};
use crate::json;
use crate::process::{At, Client, ClientId, Order, OrderId};
use crate::signal::{KnownCall, Shown};

/// Finds missed events of one platform account.
#[async_trait]
pub trait Reconciler: Send + Sync {
    /// One short run: one request, or a few cheap ones. `cursor` is the result of the last run, `Null` before
    /// the first one or if this version cannot read it.
    ///
    /// After a fault the cursor is unchanged, and the run is repeated later.
    async fn reconcile(&self, cursor: &Value, known: &dyn Known, now: At) -> Result<Reconciled, Fault>;

    /// The cursor from which a run finds what a store has lost. Without it the next run goes on from `cursor`.
    fn after_loss(&self, cursor: &Value, _now: At) -> Value {
        cursor.clone()
    }

    /// Whether what [`Self::after_loss`] goes back for was read, and not only asked for.
    fn is_through(&self, _cursor: &Value) -> bool {
        true
    }
}

/// The result of one run. Requests and cursor are committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// Requests in the form that [`super::Hooks::decode_found`] of the same platform reads.
    pub found: Vec<RawRequest>,
    pub cursor: Value,
    /// Time of the next run; now or earlier for «at once».
    pub again_at: At,
    /// What a person should fix, in English, without personal data; `None` if all is well.
    pub trouble: Option<String>,
    /// Types of events that nothing knows, see [`super::Hooks::unread`].
    pub unread: Vec<String>,
}

impl Reconciled {
    /// Nothing found.
    pub fn nothing(cursor: &impl Serialize, again_at: At) -> Self {
        Self { found: Vec::new(), cursor: to_value(cursor), again_at, trouble: None, unread: Vec::new() }
    }
}

/// The stored form of a cursor.
pub fn to_value(cursor: &impl Serialize) -> Value {
    json::value(cursor)
}

/// What the bridge already knows: shows whether an event was delivered or missed.
#[async_trait]
pub trait Known: Send + Sync {
    async fn order(&self, id: &OrderId) -> Result<Option<Order>, Fault>;

    async fn client(&self, id: &ClientId) -> Result<Option<Client>, Fault>;

    /// Open orders in one page of records, in the order of their ids after `after`. The second value is where
    /// the next page begins; `None` if there are no more.
    async fn open_orders(&self, after: Option<&str>) -> Result<(Vec<Order>, Option<String>), Fault>;

    /// When something last happened to an order, and when GetCourse last reported it.
    async fn history(&self, id: &OrderId) -> Result<History, Fault>;

    /// Index entries, see [`crate::link`].
    async fn links(&self, keys: &[String]) -> Result<Vec<Option<String>>, Fault>;

    /// The last state of `lead/<id>` or `task/<id>` that the CRM has shown.
    async fn shown(&self, entity: &str) -> Result<Shown, Fault>;

    /// What is known of this call (`<provider>:<key>`).
    async fn call(&self, call: &str) -> Result<Option<KnownCall>, Fault>;
}

/// The latest times of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    pub touched_at: Option<At>,
    /// By a webhook, a read-back or reconciliation.
    pub reported_at: Option<At>,
}

/// The stored state of one platform's reconciliation: a record of the school.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReconcileState {
    pub cursor: Value,
    pub again_at: At,
    pub looked_at: At,
    /// Requests found so far.
    pub found: u64,
    /// Consecutive faults.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// The store has lost data, and what was lost has not been read back yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reads_back: bool,
    /// The present problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
