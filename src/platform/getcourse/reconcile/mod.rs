//! GetCourse's reconciliation: exports in rounds, and single reads if the Tech API is available (sheet, 4).
//! Never starts a second export, never polls one whose id is not stored, never sends more than 24 export
//! requests in two hours: the HTTP port counts that in the store. Enter at [`GcReconciler`].
//!
//! A round reads the orders that changed, those that were created, and the payments; a payment only shows
//! which orders to check. An order that differs from what we know is read again by itself, because an export
//! is minutes old; without the Tech API its row is used if nothing happened meanwhile. At the end of a round
//! a few open orders without changes are read one by one.

mod changes;
mod export;
mod paid_order;
mod table;

pub use export::Exports;
pub use table::COLUMNS;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::export::Export;
use self::paid_order::order_of;
use self::table::{Columns, Row, Table, found};
use super::client::Client as Tech;
use super::{GcHooks, Settings, tech};
use crate::link;
use crate::platform::reconcile::{History, Known, Reconciled, Reconciler, to_value};
use crate::platform::{Fault, Hooks, RawRequest};
use crate::process::definition::Manager;
use crate::process::{At, Order, OrderId, Urgency};
use crate::signal::{SeenOrder, Signal};

/// From one export request to the next: 24 in two hours.
pub const SPACING_S: i64 = 300;

/// An export that is not ready after this is given up.
const PATIENCE_MIN: i64 = 60;
/// The next round then starts this much later: the account builds one export at a time.
const REST_MIN: i64 = 120;

/// Orders read in one run.
const READS: usize = 5;
/// Orders without changes that are read at the end of a round, and for how long nothing was received about
/// them.
const QUIET_READS: usize = 20;
const QUIET_H: i64 = 24;

/// Most orders that wait to be read, and most digests and users that are kept.
const KEPT_MAX: usize = 2_000;
/// Users named in one filter.
const USERS_MAX: usize = 50;
/// How far back orders are read after the store has lost data.
const LOST_BACK: TimeDelta = TimeDelta::days(30);
/// A change of an order within this time after we handed the order on counts as our own.
const OWN_S: i64 = 120;
/// A digest is kept for as long as a round can show the order again.
const DIGEST_KEPT_DAYS: i64 = 3;

/// Reconciliation of one school's account.
pub struct GcReconciler {
    settings: Settings,
    hooks: GcHooks,
    exports: Exports,
    /// `None` without the Tech API: rows of exports are used as they are.
    tech: Option<Tech>,
    roster: Vec<Manager>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cursor {
    /// The first run: an unknown order from before it is not ours.
    begun_at: At,
    /// A complete round has seen everything up to here.
    seen_to: At,
    next_round_at: At,
    #[serde(default)]
    round_at: Option<At>,
    /// Exports of this round that have not been started yet.
    #[serde(default)]
    todo: VecDeque<What>,
    #[serde(default)]
    running: Option<Running>,
    /// GetCourse's ids of orders that have to be read by themselves.
    #[serde(default)]
    reads: BTreeSet<String>,
    /// Order → digest of the row that was handed on.
    #[serde(rename = "told", default)]
    handed_on: BTreeMap<String, (String, At)>,
    /// Payments that were checked.
    #[serde(default)]
    payments: BTreeSet<String>,
    /// The store has lost data, and no complete round has been read since.
    #[serde(default)]
    starts_over: bool,
    /// Where the search for open orders continues.
    #[serde(default)]
    after: Option<String>,
    /// Why the last round was not complete.
    #[serde(default)]
    trouble: Option<String>,
}

/// An export that is being built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Running {
    export: u64,
    what: What,
    started_at: At,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// Orders whose status changed.
    Changed,
    /// Orders that were created.
    Made,
    Payments,
    /// All orders of these users.
    Of(Vec<String>),
}

impl What {
    /// The export's name, and its filter from the day `from` on.
    fn asked(&self, from: &str) -> (&'static str, Vec<(String, String)>) {
        let since = |name: &str| vec![(format!("{name}[from]"), from.to_owned())];
        match self {
            Self::Changed => ("deals", since("status_changed_at")),
            Self::Made => ("deals", since("created_at")),
            Self::Payments => ("payments", since("created_at")),
            Self::Of(users) => ("deals", vec![("user_id".to_owned(), users.join(","))]),
        }
    }
}

impl Cursor {
    fn begin(now: At, every: TimeDelta) -> Self {
        Self {
            begun_at: now,
            seen_to: now,
            next_round_at: now + every,
            round_at: None,
            todo: VecDeque::new(),
            running: None,
            reads: BTreeSet::new(),
            handed_on: BTreeMap::new(),
            payments: BTreeSet::new(),
            starts_over: false,
            after: None,
            trouble: None,
        }
    }

    /// After a loss: a round begins at once, goes back by [`LOST_BACK`], and believes nothing to be known.
    fn start_over(&mut self, now: At) {
        self.starts_over = true;
        self.seen_to = self.seen_to.min((now - LOST_BACK).max(self.begun_at));
        (self.round_at, self.next_round_at, self.running) = (None, now, None);
        self.todo.clear();
        self.handed_on.clear();
        self.payments.clear();
        self.after = None;
    }

    /// Ends the round. What lacked a column was not read, so the next round goes back as far.
    fn rest(&mut self, next_round_at: At, round_at: At) {
        if self.trouble.is_none() {
            (self.seen_to, self.starts_over) = (round_at, false);
        }
        self.seen_to = self.seen_to.max(round_at - LOST_BACK);
        (self.round_at, self.next_round_at) = (None, next_round_at);
    }

    /// Ends the round early, for a reason that a person should know.
    fn give_up(&mut self, why: String, now: At) {
        self.running = None;
        self.round_at = None;
        self.todo.clear();
        self.next_round_at = now + TimeDelta::minutes(REST_MIN);
        self.trouble = Some(why);
    }
}

#[async_trait]
impl Reconciler for GcReconciler {
    async fn reconcile(&self, cursor: &Value, known: &dyn Known, now: At) -> Result<Reconciled, Fault> {
        let Ok(mut cursor) = serde_json::from_value::<Cursor>(cursor.clone()) else {
            let cursor = Cursor::begin(now, self.every());
            return Ok(Reconciled::nothing(&cursor, cursor.next_round_at));
        };
        let mut found = Vec::new();
        let again_at = if !cursor.reads.is_empty() {
            found = self.read_some(&mut cursor, known).await?;
            now
        } else if let Some(running) = cursor.running.clone() {
            found = self.poll(&mut cursor, &running, known, now).await?;
            if cursor.reads.is_empty() { now + TimeDelta::seconds(SPACING_S) } else { now }
        } else if let Some(what) = cursor.todo.front().cloned() {
            self.start(&mut cursor, what, now).await?;
            now + TimeDelta::seconds(SPACING_S)
        } else if let Some(round_at) = cursor.round_at {
            self.end_round(&mut cursor, round_at, known, now).await?;
            if cursor.reads.is_empty() { cursor.next_round_at } else { now }
        } else if now < cursor.next_round_at {
            cursor.next_round_at
        } else {
            cursor.round_at = Some(now);
            cursor.trouble = None;
            cursor.todo = [What::Changed, What::Made, What::Payments].into();
            cursor.handed_on.retain(|_, (_, at)| now - *at < TimeDelta::days(DIGEST_KEPT_DAYS));
            now
        };
        Ok(Reconciled { found, trouble: cursor.trouble.clone(), ..Reconciled::nothing(&cursor, again_at) })
    }

    fn after_loss(&self, cursor: &Value, now: At) -> Value {
        match serde_json::from_value::<Cursor>(cursor.clone()) {
            Ok(mut known) => {
                known.start_over(now);
                to_value(&known)
            }
            Err(_) => cursor.clone(),
        }
    }

    fn is_through(&self, cursor: &Value) -> bool {
        serde_json::from_value::<Cursor>(cursor.clone()).map_or(true, |cursor| !cursor.starts_over)
    }
}

impl GcReconciler {
    pub fn new(settings: Settings, exports: Exports, tech: Option<Tech>, roster: Vec<Manager>) -> Self {
        Self { hooks: GcHooks::new(settings.clone()), settings, exports, tech, roster }
    }

    fn every(&self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.settings.look_back_min.max(1)))
    }

    /// Filters take whole days in the account's zone; one day more costs nothing.
    async fn start(&self, cursor: &mut Cursor, what: What, now: At) -> Result<(), Fault> {
        let day = (cursor.seen_to - TimeDelta::days(1)).with_timezone(&self.settings.zone).date_naive();
        let (name, filters) = what.asked(&day.format("%Y-%m-%d").to_string());
        match self.exports.start(name, &filters).await? {
            Export::Started(export) => {
                cursor.todo.pop_front();
                cursor.running = Some(Running { export, what, started_at: now });
            }
            Export::Busy => {
                let begun = cursor.round_at.unwrap_or(now);
                if now - begun >= TimeDelta::minutes(PATIENCE_MIN) {
                    let why = "another export of the account is not ready for an hour; the next round comes in two hours";
                    cursor.give_up(why.to_owned(), now);
                }
            }
            Export::Empty => drop(cursor.todo.pop_front()),
            Export::Ready(_) | Export::NotReady | Export::Unknown => {
                return Err(Fault::later("an export was not started"));
            }
        }
        Ok(())
    }

    async fn poll(
        &self,
        cursor: &mut Cursor,
        running: &Running,
        known: &dyn Known,
        now: At,
    ) -> Result<Vec<RawRequest>, Fault> {
        match self.exports.poll(running.export).await? {
            Export::Ready(table) => {
                cursor.running = None;
                match running.what {
                    What::Payments => self.payments(cursor, &table, known).await.map(|()| Vec::new()),
                    _ => self.orders(cursor, &table, running.started_at, known, now).await,
                }
            }
            Export::NotReady if now - running.started_at >= TimeDelta::minutes(PATIENCE_MIN) => {
                let (what, export) = (running.what.asked("").0, running.export);
                let why = format!(
                    "the export {export} of {what} was not ready after {PATIENCE_MIN} minutes and is given up; the next round comes in two hours"
                );
                cursor.give_up(why, now);
                Ok(Vec::new())
            }
            Export::NotReady => Ok(Vec::new()),
            Export::Empty | Export::Unknown => {
                cursor.running = None;
                Ok(Vec::new())
            }
            Export::Started(_) | Export::Busy => Err(Fault::later("an unexpected answer of an export")),
        }
    }

    /// Rows with changes; `asked_at` is when the export was requested.
    async fn orders(
        &self,
        cursor: &mut Cursor,
        table: &Table,
        asked_at: At,
        known: &dyn Known,
        now: At,
    ) -> Result<Vec<RawRequest>, Fault> {
        let columns = Columns::of(table, &self.settings.export_columns);
        if let Some(missing) = columns.missing(&["order_id", "status", "created_at"]) {
            cursor.trouble = Some(no_column(missing));
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for row in columns.rows() {
            let request = row.request();
            let (Some(deal), Some(seen)) = (row.get("order_id"), self.seen(&request, now)) else { continue };
            if !self.is_missed(cursor, &seen, known).await? {
                continue;
            }
            let digest = changes::digest(&seen);
            let history = known.history(&OrderId::of_deal(deal)).await?;
            if was_handed_on(cursor, deal, &digest, history) || cursor.handed_on.len() >= KEPT_MAX {
                continue;
            }
            if self.tech.is_some() {
                cursor.reads.insert(deal.to_owned());
            } else if self.is_newer(deal, asked_at, history, known).await? {
                found.push(request);
            } else {
                // Something happened while it was built: the next round shows the state after it.
                continue;
            }
            cursor.handed_on.insert(deal.to_owned(), (digest, now));
        }
        Ok(found)
    }

    /// Whether nothing happened to the order since the export was asked for. While a reported payment waits to be
    /// confirmed, only a report counts: the order's own timers change nothing that the export shows.
    async fn is_newer(
        &self,
        deal: &str,
        asked_at: At,
        history: History,
        known: &dyn Known,
    ) -> Result<bool, Fault> {
        let waits = known.order(&OrderId::of_deal(deal)).await?.is_some_and(|order| order.is_held());
        let last = if waits { history.reported_at } else { history.touched_at };
        Ok(last.is_none_or(|at| at < asked_at))
    }

    /// The order as the inbox will read it from the request.
    fn seen(&self, request: &RawRequest, now: At) -> Option<SeenOrder> {
        match self.hooks.decode_found(request, now).ok()?.into_iter().next()? {
            Signal::OrderSeen(seen) => Some(*seen),
            _ => None,
        }
    }

    /// Whether the order is unknown and was created after the bridge started, or differs from what is known.
    async fn is_missed(&self, cursor: &Cursor, seen: &SeenOrder, known: &dyn Known) -> Result<bool, Fault> {
        let Some(deal) = seen.facts.gc_id.as_deref() else { return Ok(false) };
        let Some(order) = known.order(&OrderId::of_deal(deal)).await? else {
            let forgotten =
                known.links(&[link::gone(&OrderId::of_deal(deal))]).await?.pop().flatten().is_some();
            let since = seen.facts.created_at.is_some_and(|made| made >= cursor.begun_at);
            return Ok(since && !forgotten);
        };
        let client = known.client(&order.client).await?;
        Ok(changes::is_change(&order, client.as_ref(), seen, &self.roster))
    }

    /// A payment contains only the number of its order, and no total so far: it shows which orders to check,
    /// unless something was received about the order since.
    async fn payments(&self, cursor: &mut Cursor, table: &Table, known: &dyn Known) -> Result<(), Fault> {
        let columns = Columns::of(table, &self.settings.export_columns);
        let needed = ["payment_id", "payment_email", "payment_order", "payment_at"];
        if let Some(missing) = columns.missing(&needed) {
            cursor.trouble = Some(no_column(missing));
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        let mut users = BTreeSet::new();
        for row in columns.rows() {
            let Some(id) = row.get("payment_id") else { continue };
            seen.insert(id.to_owned());
            let is_new = !cursor.payments.contains(id);
            if !is_new && self.tech.is_some() {
                continue;
            }
            let Some(order) = order_of(&row, known).await? else { continue };
            // Reported is not confirmed: without the Tech API only an export says that the money is there.
            let waits = self.tech.is_none() && order.is_held();
            let is_missed = waits || is_new && self.is_unreported(&row, &order, known).await?;
            if !is_missed {
                continue;
            }
            match order.gc_id.filter(|_| self.tech.is_some()) {
                Some(deal) if cursor.reads.len() < KEPT_MAX => drop(cursor.reads.insert(deal)),
                Some(_) => {}
                None => users.extend(known.client(&order.client).await?.and_then(|client| client.gc_user)),
            }
        }
        // Payments that have left the window are forgotten.
        cursor.payments = seen;
        let users: Vec<String> = users.into_iter().take(USERS_MAX).collect();
        if !users.is_empty() {
            cursor.todo.push_front(What::Of(users));
        }
        Ok(())
    }

    async fn is_unreported(&self, row: &Row<'_>, order: &Order, known: &dyn Known) -> Result<bool, Fault> {
        let paid_at = row.get("payment_at").and_then(|text| super::dates::parse(text, self.settings.zone));
        let Some(paid_at) = paid_at else { return Ok(false) };
        Ok(known.history(&order.id).await?.reported_at.is_none_or(|last| last < paid_at))
    }

    /// Reads some of the waiting orders; an order that GetCourse no longer shows is dropped.
    async fn read_some(&self, cursor: &mut Cursor, known: &dyn Known) -> Result<Vec<RawRequest>, Fault> {
        let mut found = Vec::new();
        for _ in 0..READS {
            let Some(deal) = cursor.reads.pop_first() else { break };
            match self.read(&deal, cursor, known).await {
                Ok(request) => found.extend(request),
                Err(Fault::Never { why }) => tracing::warn!(deal, why, "an order cannot be read"),
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }

    /// The order and its buyer, in the form of a Tech API webhook.
    async fn read(
        &self,
        deal: &str,
        cursor: &Cursor,
        known: &dyn Known,
    ) -> Result<Option<RawRequest>, Fault> {
        let Some(client) = &self.tech else { return Ok(None) };
        let data = client.read("deal/get-fields", &[("dealId", deal)], Urgency::Backfill).await?;
        let Some(order) = tech::only(&data, deal) else { return Ok(None) };
        let mut body = json!({ "deal": order });
        if let Some(user) = tech::id(tech::field(order, "user_id")) {
            let data = client.read("user/get-fields", &[("userId", &user)], Urgency::Backfill).await?;
            body["user"] = tech::only(&data, &user).cloned().unwrap_or_default();
        }
        let request = found("hook", &body);
        let Some(seen) = self.seen(&request, cursor.begun_at) else { return Ok(None) };
        Ok(self.is_missed(cursor, &seen, known).await?.then_some(request))
    }

    /// The exports are done: orders about which nothing was received for a day are read by themselves, a few
    /// at a time.
    async fn end_round(
        &self,
        cursor: &mut Cursor,
        round_at: At,
        known: &dyn Known,
        now: At,
    ) -> Result<(), Fault> {
        if self.tech.is_some() {
            let (orders, place) = known.open_orders(cursor.after.as_deref()).await?;
            let mut last = None;
            for order in orders {
                let last_at = known.history(&order.id).await?.reported_at.unwrap_or(order.seen_at);
                let Some(deal) = order.gc_id.filter(|_| now - last_at >= TimeDelta::hours(QUIET_H)) else {
                    continue;
                };
                last = Some(format!("order/{}", order.id));
                cursor.reads.insert(deal);
                if cursor.reads.len() >= QUIET_READS {
                    break;
                }
            }
            let full = cursor.reads.len() >= QUIET_READS;
            cursor.after = last.filter(|_| full).or(place);
        }
        cursor.rest((round_at + self.every()).max(now), round_at);
        Ok(())
    }
}

/// The same row was handed on before, and nothing else was received about the order since.
fn was_handed_on(cursor: &Cursor, deal: &str, digest: &str, history: History) -> bool {
    let Some((last, at)) = cursor.handed_on.get(deal) else { return false };
    last == digest && history.reported_at.is_none_or(|last_at| last_at <= *at + TimeDelta::seconds(OWN_S))
}

fn no_column(name: &str) -> String {
    format!("an export has no column for `{name}`: put its title into getcourse.export_columns.{name}")
}

#[cfg(test)]
mod tests;
