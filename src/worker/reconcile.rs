//! Runs the reconciliation of each platform: its cursor is a stored record, and found requests enter the
//! inbox in the commit that moves the cursor. A run that fails or panics is repeated later; its requests are
//! the least urgent ones, so it delays no other work. Enter at [`run`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::denials::Work;
use super::site::{CountGuard, Site};
use crate::intake::calls::CallRecord;
use crate::intake::envelope::Envelope;
use crate::intake::last_seen::LastSeen;
use crate::platform::reconcile::{History, Known, ReconcileState, Reconciled};
use crate::platform::{Fault, RawRequest, Reconciler};
use crate::process::{At, Client, ClientId, Order, OrderId};
use crate::signal::{KnownCall, Shown};
use crate::store::key;
use crate::store::{CommitError, Put, Record, StoreResult, Unit};

/// Delay after a fault: doubles up to the longest.
const AGAIN_FIRST_MIN: i64 = 5;
const AGAIN_LONGEST_MIN: i64 = 120;

/// Delay while the store is unreachable.
const NO_STORE_S: i64 = 15;

/// Orders read at a time, and journal entries searched per order.
const ORDERS_PAGE: usize = 200;
const JOURNAL_PAGE: usize = 60;

/// Runs until the school is stopped or lost.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let loops =
        site.outbound.reconcilers.iter().map(|(platform, reconciler)| keep(&site, platform, &**reconciler));
    try_join_all(loops).await.map(|_| ())
}

/// The state of each platform's reconciliation, for `/health`.
pub async fn state(site: &Site) -> Value {
    let mut platforms = serde_json::Map::new();
    for platform in site.outbound.reconcilers.keys() {
        let Ok((_, state)) = read(site, platform).await else { continue };
        let shown = json!({
            "looked_at": state.looked_at, "again_at": state.again_at, "found": state.found,
            "trouble": state.trouble,
        });
        platforms.insert((*platform).to_owned(), shown);
    }
    Value::Object(platforms)
}

async fn keep(site: &Site, platform: &str, reconciler: &dyn Reconciler) -> Result<(), CommitError> {
    let mut stop = site.stop.clone();
    let mut when = When::Due;
    while !site.stopping() {
        let next = tokio::select! {
            biased;
            _ = stop.changed() => break,
            // The store has lost data: a run that waits for its turn looks for less than what is gone.
            () = site.store_watch.bell.notified() => continue,
            next = site.guard("look back", once(site, platform, reconciler, when)) => next,
        };
        when = When::Due;
        let again_at = match next {
            // The store has lost data meanwhile.
            Ok(Ok(_)) if site.store_watch.is_pending(platform) => continue,
            Ok(Ok(again_at)) => again_at,
            Err(_) => site.clock.now() + TimeDelta::minutes(AGAIN_FIRST_MIN),
            Ok(Err(CommitError::Fenced)) => return Err(CommitError::Fenced),
            Ok(Err(error)) => {
                tracing::warn!(school = %site.id(), platform, %error, "reconciliation waits for the store");
                site.clock.now() + TimeDelta::seconds(NO_STORE_S)
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.store_watch.bell.notified() => {}
            () = site.denials.again(platform, Work::Reconciliation) => when = When::Now,
            () = site.clock.sleep_until(again_at) => {}
        }
    }
    Ok(())
}

/// Whether a run waits for its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Due,
    /// The account that denied the last one works again.
    Now,
}

/// One run, if it is due or if the store has lost data; returns the time of the next one.
async fn once(
    site: &Site,
    platform: &str,
    reconciler: &dyn Reconciler,
    when: When,
) -> Result<At, CommitError> {
    let (version, mut state) = read(site, platform).await?;
    let is_lost = site.store_watch.is_pending(platform);
    if is_lost {
        if let Some(left) = site.look_backs().get(platform).filter(|_| version == 0) {
            state = left.clone();
        }
        state.cursor = reconciler.after_loss(&state.cursor, site.clock.now());
    } else if when == When::Due && state.again_at > site.clock.now() {
        let again_at = state.again_at;
        site.store_watch.reads_back(platform, state.reads_back);
        site.look_backs().insert(platform.to_owned(), state);
        return Ok(again_at);
    }
    let _under_way = CountGuard::new(&site.tally.reconciling);
    let seen = reconciler.reconcile(&state.cursor, &SiteKnows(site), site.clock.now()).await;
    let now = site.clock.now();
    site.denials.heard(platform, Work::Reconciliation, &seen, now);
    let (state, found) = match seen {
        Ok(reconciled) => settled(site, platform, state, reconciled, now),
        Err(fault) => (failed(site, platform, state, fault, now), Vec::new()),
    };
    let reads_back =
        (state.reads_back || is_lost) && (state.failures > 0 || !reconciler.is_through(&state.cursor));
    let state = ReconcileState { reads_back, ..state };
    let again_at = state.again_at;
    let envelope =
        |request: &RawRequest| Envelope { found: true, ..Envelope::of(platform, request, now) }.to_bytes();
    let unit = Unit {
        append: found.iter().map(envelope).collect(),
        put: vec![Put {
            key: key::reconciliation(platform),
            expect: version,
            body: crate::json::bytes(&state),
        }],
        at: now,
        ..Unit::default()
    };
    site.commit(unit).await?;
    site.look_backs().insert(platform.to_owned(), state);
    if is_lost {
        site.store_watch.done(platform);
    }
    site.store_watch.reads_back(platform, reads_back);
    site.tally.found.fetch_add(found.len() as u64, Ordering::Relaxed);
    Ok(again_at)
}

fn settled(
    site: &Site,
    platform: &str,
    state: ReconcileState,
    reconciled: Reconciled,
    now: At,
) -> (ReconcileState, Vec<RawRequest>) {
    if !reconciled.found.is_empty() {
        let found = reconciled.found.len();
        tracing::warn!(school = %site.id(), platform, found, "found by reading: {found} that were not delivered");
    }
    if let Some(trouble) =
        reconciled.trouble.as_ref().filter(|trouble| state.trouble.as_ref() != Some(*trouble))
    {
        tracing::warn!(school = %site.id(), platform, trouble, "reconciliation needs a person");
    }
    site.tally.unread.note_events(site.id(), platform, &reconciled.unread);
    let state = ReconcileState {
        cursor: reconciled.cursor,
        again_at: reconciled.again_at,
        looked_at: now,
        found: state.found + reconciled.found.len() as u64,
        failures: 0,
        reads_back: state.reads_back,
        trouble: reconciled.trouble,
    };
    (state, reconciled.found)
}

fn failed(site: &Site, platform: &str, state: ReconcileState, fault: Fault, now: At) -> ReconcileState {
    let doubled = AGAIN_FIRST_MIN << state.failures.min(10);
    let pause = TimeDelta::minutes(doubled.min(AGAIN_LONGEST_MIN));
    let asked = match &fault {
        Fault::Later { after_ms: Some(ms), .. } => TimeDelta::milliseconds((*ms).min(86_400_000) as i64),
        _ => TimeDelta::zero(),
    };
    let trouble = fault.to_string();
    if state.trouble.as_ref() != Some(&trouble) {
        tracing::warn!(school = %site.id(), platform, %fault, "reconciliation failed, it is repeated later");
    }
    ReconcileState {
        again_at: now + pause.max(asked),
        looked_at: now,
        failures: state.failures + 1,
        trouble: Some(trouble),
        ..state
    }
}

/// The record with its version, 0 if there is none; an unreadable record starts over.
async fn read(site: &Site, platform: &str) -> StoreResult<(u64, ReconcileState)> {
    let record = site.store.read(site.id(), &[key::reconciliation(platform)]).await?.pop().flatten();
    Ok(record.map_or_else(Default::default, |record| {
        (record.version, serde_json::from_slice(&record.body).unwrap_or_default())
    }))
}

/// The stored data that reconcilers may read.
struct SiteKnows<'a>(&'a Site);

impl SiteKnows<'_> {
    async fn record<T: DeserializeOwned>(&self, key: String) -> Result<Option<T>, Fault> {
        let read = self.0.store.read(self.0.id(), &[key]).await.map_err(away)?;
        Ok(read.into_iter().flatten().next().and_then(parsed))
    }
}

#[async_trait]
impl Known for SiteKnows<'_> {
    async fn order(&self, id: &OrderId) -> Result<Option<Order>, Fault> {
        self.record(key::order(id)).await
    }

    async fn client(&self, id: &ClientId) -> Result<Option<Client>, Fault> {
        self.record(key::client(id)).await
    }

    async fn open_orders(&self, after: Option<&str>) -> Result<(Vec<Order>, Option<String>), Fault> {
        let page = self.0.store.scan(self.0.id(), "order/", after, ORDERS_PAGE).await.map_err(away)?;
        let place = page.last().map(|(key, _)| key.clone()).filter(|_| page.len() == ORDERS_PAGE);
        let orders = page.into_iter().filter_map(|(_, record)| parsed::<Order>(record));
        Ok((orders.filter(Order::is_open).collect(), place))
    }

    async fn history(&self, id: &OrderId) -> Result<History, Fault> {
        let entries = self.0.store.journal(self.0.id(), id, JOURNAL_PAGE).await.map_err(away)?;
        let told = entries.iter().rev().find(|entry| entry.event["event"] == "order");
        Ok(History {
            touched_at: entries.last().map(|entry| entry.at),
            reported_at: told.map(|entry| entry.at),
        })
    }

    async fn links(&self, keys: &[String]) -> Result<Vec<Option<String>>, Fault> {
        self.0.store.find(self.0.id(), keys).await.map_err(away)
    }

    async fn shown(&self, entity: &str) -> Result<Shown, Fault> {
        let last_seen: Option<LastSeen> = self.record(key::last_seen(entity)).await?;
        Ok(last_seen.map(|seen| seen.shown()).unwrap_or_default())
    }

    async fn call(&self, call: &str) -> Result<Option<KnownCall>, Fault> {
        let record: Option<CallRecord> = self.record(key::call(call)).await?;
        Ok(record.map(|record| record.known()))
    }
}

fn parsed<T: DeserializeOwned>(record: Record) -> Option<T> {
    serde_json::from_slice(&record.body).ok()
}

fn away(error: crate::store::StoreError) -> Fault {
    Fault::later(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::worker::fake::Bench;

    /// Asks in its first run after a loss, and has read everything after so many runs.
    struct Slow(Mutex<u32>);

    #[async_trait]
    impl Reconciler for Slow {
        async fn reconcile(&self, _: &Value, _: &dyn Known, now: At) -> Result<Reconciled, Fault> {
            let mut left = self.0.lock().expect("no test panics with it");
            *left = left.saturating_sub(1);
            // An outage in the middle reads nothing.
            if *left == 1 {
                return Err(Fault::later("502"));
            }
            Ok(Reconciled::nothing(&*left, now))
        }

        fn after_loss(&self, _: &Value, _: At) -> Value {
            *self.0.lock().expect("no test panics with it") = 3;
            json!(3)
        }

        fn is_through(&self, cursor: &Value) -> bool {
            *cursor == json!(0)
        }
    }

    /// The first run only asks for the export (F70).
    #[tokio::test(start_paused = true)]
    async fn what_was_lost_is_gone_until_it_was_read_and_not_only_asked_for() {
        let bench = Bench::open().await;
        let (site, slow) = (&*bench.site, Slow(Mutex::new(0)));
        let mut seen = Vec::new();
        for run in 0..5 {
            if run == 1 {
                site.store_watch.wait_for(["getcourse".to_owned()].into_iter());
            }
            if run == 3 {
                // Another process goes on with it.
                site.store_watch.leave();
            }
            once(site, "getcourse", &slow, When::Now).await.expect("the owner");
            seen.push(site.store_watch.is_well());
        }
        assert_eq!(seen, [true, false, false, true, true]);
    }
}
