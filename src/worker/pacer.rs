//! Paces an account's requests: they leave evenly, the most urgent first. Never drops a request and never
//! reorders two of the same urgency; the budget itself is one key in the store, shared by all instances.
//! Enter at [`Pacer`], used through [`PacedHttp`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::{mpsc, oneshot, watch};

use super::lease_view::LeaseView;
use crate::away::AwayLog;
use crate::clock::{Clock, stopwatch};
use crate::panics::{Panicked, Pauses, caught};
use crate::platform::http::{BudgetRequest, BudgetUse, Granted, Group, Http, NoResponse, Request, Response};
use crate::platform::{Courier, Fault, Links, Receipt, Room, Try};
use crate::process::{At, Command, Urgency};
use crate::store::{Rate, Store};

/// After a 429 the whole account pauses for this long, doubling up to the longest.
const REST_FIRST_MS: i64 = 1_000;
const REST_LONGEST_MS: i64 = 60_000;

tokio::task_local! {
    static LANE_URGENCY: watch::Receiver<Urgency>;
}

/// Runs a delivery so that its requests are as urgent as its lane, also when the lane becomes more urgent while
/// they wait for a turn.
pub async fn in_lane<F: Future>(urgency: watch::Receiver<Urgency>, delivery: F) -> F::Output {
    LANE_URGENCY.scope(urgency, delivery).await
}

/// Returns when the lane of this delivery is more urgent than this; never without a lane.
async fn more_urgent(lane: &mut Option<watch::Receiver<Urgency>>, than: Urgency) -> Urgency {
    if let Some(urgency) = lane
        && let Ok(now) = urgency.wait_for(|now| *now < than).await
    {
        return *now;
    }
    std::future::pending().await
}

/// What callers tell the turn-giver.
enum QueueChange {
    Join(u64, Waiter),
    /// A waiting request has become more urgent.
    Raise(QueueKey, Urgency),
}

/// A waiting caller, and the channel on which it gets its turn.
struct Waiter {
    request: BudgetRequest,
    go: oneshot::Sender<Granted>,
    count: Counted,
}

/// Counts the deliveries of a waiting request until it is dropped, also when a whole queue is dropped with
/// its callers.
struct Counted {
    pace: Arc<Pace>,
    deliveries: u64,
}

impl Counted {
    fn new(pace: &Arc<Pace>, deliveries: u64) -> Self {
        pace.waiting.fetch_add(deliveries, Ordering::SeqCst);
        Self { pace: pace.clone(), deliveries }
    }

    fn end(&mut self) {
        self.pace.waiting.fetch_sub(std::mem::take(&mut self.deliveries), Ordering::SeqCst);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.end();
    }
}

/// Urgency, then order of arrival.
type QueueKey = (Urgency, u64);

/// All callers that wait for one account.
#[derive(Default)]
struct Queue {
    waiters: BTreeMap<QueueKey, Waiter>,
    groups: BTreeMap<u32, BTreeSet<QueueKey>>,
}

impl Queue {
    fn apply(&mut self, change: QueueChange) {
        match change {
            QueueChange::Join(ticket, waiter) => self.push(ticket, waiter),
            QueueChange::Raise(key, urgency) => {
                if let Some(mut waiter) = self.remove(key) {
                    waiter.request.urgency = urgency;
                    self.push(key.1, waiter);
                }
            }
        }
    }

    fn push(&mut self, ticket: u64, waiter: Waiter) {
        let key = (waiter.request.urgency, ticket);
        if let Some(group) = waiter.request.group {
            self.groups.entry(group.name).or_default().insert(key);
        }
        self.waiters.insert(key, waiter);
    }

    fn pop(&mut self) -> Option<Waiter> {
        let key = *self.waiters.first_key_value()?.0;
        self.remove(key)
    }

    fn remove(&mut self, key: QueueKey) -> Option<Waiter> {
        let waiter = self.waiters.remove(&key)?;
        if let Some(group) = waiter.request.group
            && let Some(members) = self.groups.get_mut(&group.name)
        {
            members.remove(&key);
            if members.is_empty() {
                self.groups.remove(&group.name);
            }
        }
        Some(waiter)
    }

    /// Gives a turn to the most urgent caller and to as many of its group as fit, the most urgent first.
    /// Callers that went away are skipped.
    fn give(&mut self) {
        while let Some(first) = self.pop() {
            let mut group = vec![first];
            if let Some(Group { name, most, .. }) = group[0].request.group {
                let others = self.groups.get(&name).into_iter().flatten();
                let others: Vec<QueueKey> = others.take(most.saturating_sub(1)).copied().collect();
                group.extend(others.into_iter().filter_map(|key| self.remove(key)));
            }
            // Before the callers continue: a reader of `waiting` must never count a request that is being
            // sent.
            group.iter_mut().for_each(|waiter| waiter.count.end());
            group.retain(|waiter| !waiter.go.is_closed());
            let items = group.iter().filter_map(|waiter| Some(waiter.request.group?.item)).collect();
            let mut lead = Some(Granted::Send(items));
            for waiter in group {
                if let Err(Granted::Send(items)) = waiter.go.send(lead.take().unwrap_or(Granted::SentByPeer))
                {
                    lead = Some(Granted::Send(items));
                }
            }
            if lead.is_none() {
                return;
            }
        }
    }
}

/// The state of an account, shared with the code that shows or drives it.
#[derive(Debug, Default)]
pub struct Pace {
    /// Deliveries that wait for a turn, alone or in a group.
    pub waiting: AtomicU64,
    /// Requests answered with 429.
    pub refused: AtomicU64,
    /// Panics of the turn-giver; it is restarted after each.
    pub panics: AtomicU64,
    /// The turn-giver sleeps until then, by its clock; in the past while it is working.
    asleep_until_ms: AtomicI64,
    rest_until_ms: AtomicI64,
    rest_ms: AtomicI64,
    /// How long the present pause lasts.
    rest_span_ms: AtomicI64,
    /// Says that the store, which keeps the budget, is away.
    away: AwayLog,
}

/// The account and its rate.
pub struct Budget {
    /// `<platform>:<account>`: the key that all instances share.
    pub account: String,
    pub rate: Rate,
}

impl Pace {
    /// True if all waiting requests wait for a later time, not for the store or another thread.
    pub fn is_quiet(&self, now: At) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
            || self.asleep_until_ms.load(Ordering::SeqCst) > now.timestamp_millis()
    }

    /// Counts this many deliveries as waiting until `at`.
    pub async fn wait(&self, clock: &Arc<dyn Clock>, at: At, deliveries: u64) {
        self.waiting.fetch_add(deliveries, Ordering::SeqCst);
        self.asleep_until_ms.fetch_max(at.timestamp_millis(), Ordering::SeqCst);
        clock.sleep_until(at).await;
        self.waiting.fetch_sub(deliveries, Ordering::SeqCst);
    }

    async fn sleep_until(&self, clock: &Arc<dyn Clock>, at: At) {
        self.asleep_until_ms.store(at.timestamp_millis(), Ordering::SeqCst);
        clock.sleep_until(at).await;
    }
}

/// Gives turns for one account.
pub struct Pacer {
    /// `None` for a command line that reads while a bridge owns the school.
    lease: Option<LeaseView>,
    queue: mpsc::UnboundedSender<QueueChange>,
    tickets: AtomicU64,
    pace: Arc<Pace>,
    clock: Arc<dyn Clock>,
}

impl Pacer {
    /// Starts the account's turn-giver; it ends when the pacer is dropped.
    pub fn start(
        budget: Budget,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        lease: Option<LeaseView>,
    ) -> Self {
        let (queue, changes) = mpsc::unbounded_channel();
        let pace = Arc::new(Pace::default());
        tokio::spawn(serve_turns(changes, budget, store, clock.clone(), pace.clone()));
        Self { lease, queue, tickets: AtomicU64::new(0), pace, clock }
    }

    pub fn pace(&self) -> Arc<Pace> {
        self.pace.clone()
    }

    /// Returns when the turn is granted.
    pub async fn turn(&self, request: BudgetRequest) -> Result<Granted, NoTurn> {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        let mut lane = LANE_URGENCY.try_with(Clone::clone).ok();
        let mut urgency = lane.as_ref().map_or(request.urgency, |lane| request.urgency.min(*lane.borrow()));
        let request = BudgetRequest { urgency, ..request };
        let (go, mut turn) = oneshot::channel();
        let count = Counted::new(&self.pace, request.deliveries);
        // If the queue is closed, it drops the waiter, and `turn` returns an error.
        let _ = self.queue.send(QueueChange::Join(ticket, Waiter { request, go, count }));
        loop {
            tokio::select! {
                biased;
                given = &mut turn => return given.map_err(|_| NoTurn),
                more = more_urgent(&mut lane, urgency) => {
                    let _ = self.queue.send(QueueChange::Raise((urgency, ticket), more));
                    urgency = more;
                }
            }
        }
    }

    /// The last check before a request leaves: a turn may have been granted before a pause of the process.
    fn is_ours(&self) -> Result<(), NotOurs> {
        match &self.lease {
            Some(lease) if !lease.holds() => Err(NotOurs),
            _ => Ok(()),
        }
    }

    /// A 429 means that others use the account too: the whole account pauses.
    fn on_status(&self, status: u16) {
        if status != 429 {
            if status < 400 {
                self.pace.rest_ms.store(0, Ordering::SeqCst);
            }
            return;
        }
        self.pace.refused.fetch_add(1, Ordering::SeqCst);
        let rest = (self.pace.rest_ms.load(Ordering::SeqCst) * 2).clamp(REST_FIRST_MS, REST_LONGEST_MS);
        self.pace.rest_ms.store(rest, Ordering::SeqCst);
        self.pace.rest_span_ms.store(rest, Ordering::SeqCst);
        self.pace.rest_until_ms.store(self.clock.now().timestamp_millis() + rest, Ordering::SeqCst);
    }
}

/// The account's turn-giver panicked while this request waited; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account's turn-giver is restarted after a panic; nothing was sent")]
pub struct NoTurn;

/// The process was paused for longer than its lease lasts; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease of the school was not renewed in time")]
pub struct NotOurs;

/// An account's HTTP port, paced by its budget.
pub struct PacedHttp {
    pub inner: Arc<dyn Http>,
    pub pacer: Pacer,
}

#[async_trait]
impl Http for PacedHttp {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        if request.budget == BudgetUse::Due {
            self.turn(BudgetRequest::alone(request.urgency)).await?;
        }
        self.pacer.is_ours().map_err(|not| NoResponse::NotSent(not.to_string()))?;
        let response = self.inner.send(request).await?;
        self.pacer.on_status(response.status);
        Ok(response)
    }

    async fn turn(&self, request: BudgetRequest) -> Result<Granted, NoResponse> {
        self.pacer.turn(request).await.map_err(|none| NoResponse::NotSent(none.to_string()))
    }
}

/// A courier without HTTP (mail), paced by its account's budget: one turn per delivery, before it is marked.
pub struct PacedCourier {
    pub inner: Box<dyn Courier>,
    pub pacer: Pacer,
}

#[async_trait]
impl Courier for PacedCourier {
    fn room(&self) -> Room {
        self.inner.room()
    }

    fn has_turns(&self) -> bool {
        true
    }

    async fn turn(&self, urgency: Urgency) -> Result<(), Fault> {
        let turn = self.pacer.turn(BudgetRequest::alone(urgency)).await;
        turn.map(|_| ()).map_err(|none| Fault::later(none.to_string()))
    }

    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault> {
        self.pacer.is_ours().map_err(|not| Fault::later(not.to_string()))?;
        self.inner.deliver(command, tried, links, now).await
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        self.inner.chore(now).await
    }

    fn ends(&self) -> Option<At> {
        self.inner.ends()
    }
}

/// Gives turns as long as the pacer lives, and restarts after a panic. A panic drops the queue: the requests
/// in it fail with [`NoTurn`]; requests that arrive during the pause wait for the next queue.
async fn serve_turns(
    mut changes: mpsc::UnboundedReceiver<QueueChange>,
    budget: Budget,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pace: Arc<Pace>,
) {
    let mut pauses = Pauses::default();
    loop {
        let begun = stopwatch();
        let giving = give_turns(&mut changes, &budget, &*store, &clock, &pace);
        let Err(Panicked { place }) = caught(giving).await else { return };
        pace.panics.fetch_add(1, Ordering::Relaxed);
        let account = &budget.account;
        tracing::error!(
            account,
            place,
            "ALARM: the turn-giver of an account panicked and is restarted; please report the place"
        );
        tokio::time::sleep(pauses.after(begun.elapsed())).await;
    }
}

/// Takes one slot of the budget at a time, and gives it to the caller that is most urgent when the slot
/// comes.
async fn give_turns(
    changes: &mut mpsc::UnboundedReceiver<QueueChange>,
    budget: &Budget,
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
    pace: &Pace,
) {
    let mut queue = Queue::default();
    loop {
        while queue.waiters.is_empty() {
            match changes.recv().await {
                Some(change) => queue.apply(change),
                None => return,
            }
        }
        rest(clock, pace).await;
        match store.budget(&budget.account, budget.rate, clock.driven_ms()).await {
            Ok(0) => pace.away.answers(&budget.account),
            Ok(wait_ms) => {
                pace.away.answers(&budget.account);
                pace.sleep_until(clock, clock.now() + TimeDelta::milliseconds(wait_ms as i64)).await;
            }
            Err(error) => {
                pace.away.failed(&budget.account, "a budget", &error);
                // Real time: an outage of the store has nothing to do with driven time.
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        }
        while let Ok(change) = changes.try_recv() {
            queue.apply(change);
        }
        queue.give();
    }
}

async fn rest(clock: &Arc<dyn Clock>, pace: &Pace) {
    let until = pace.rest_until_ms.load(Ordering::SeqCst);
    let now = clock.now();
    let (left, span) = (until - now.timestamp_millis(), pace.rest_span_ms.load(Ordering::SeqCst));
    if left > span {
        // The clock was set back: the pause does not become longer than it was.
        pace.rest_until_ms.store(now.timestamp_millis() + span, Ordering::SeqCst);
    }
    let left = left.min(span);
    if left > 0 {
        pace.sleep_until(clock, now + TimeDelta::milliseconds(left)).await;
    }
}

#[cfg(test)]
mod tests;
