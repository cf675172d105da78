//! An account's budget: requests leave evenly, the most urgent first.
//! Never drops a request and never reorders two of the same urgency; the budget itself is one key
//! in the store, shared by all instances. Enter at [`Pacer`], used through [`PacedHttp`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::{mpsc, oneshot};

use super::tenure::Tenure;
use crate::clock::Clock;
use crate::platform::http::{Http, Request, Response, Silence};
use crate::platform::{Courier, Fault, Links, Receipt, Try};
use crate::process::{At, Command, Urgency};
use crate::store::{Rate, Store};

/// After a 429 the whole account rests so long, doubling to the longest.
const REST_FIRST_MS: i64 = 1_000;
const REST_LONGEST_MS: i64 = 60_000;

struct Waiter {
    urgency: Urgency,
    ticket: u64,
    go: oneshot::Sender<()>,
}

/// Min-heap order: urgency, then who came first.
impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        Reverse((self.urgency, self.ticket)).cmp(&Reverse((other.urgency, other.ticket)))
    }
}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiter {}

/// How an account is doing: shared with whoever shows or drives it.
#[derive(Debug, Default)]
pub struct Pace {
    /// Requests that wait for their turn.
    pub waiting: AtomicU64,
    /// Requests answered with 429.
    pub refused: AtomicU64,
    /// The turn-giver sleeps until then, by its clock; past while it is at work.
    asleep_until_ms: AtomicI64,
    rest_until_ms: AtomicI64,
    rest_ms: AtomicI64,
}

/// Whose budget it is and how large.
pub struct Budget {
    /// `<platform>:<account>`: the key that all instances share.
    pub account: String,
    pub rate: Rate,
}

impl Pace {
    /// Whoever waits for a turn waits for a later time, not for the store or another thread.
    pub fn is_quiet(&self, now: At) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
            || self.asleep_until_ms.load(Ordering::SeqCst) > now.timestamp_millis()
    }

    async fn sleep_until(&self, clock: &Arc<dyn Clock>, at: At) {
        self.asleep_until_ms.store(at.timestamp_millis(), Ordering::SeqCst);
        clock.sleep_until(at).await;
    }
}

/// Gives turns at one account.
pub struct Pacer {
    /// `None` for a command line that looks beside the owner.
    tenure: Option<Tenure>,
    queue: mpsc::UnboundedSender<Waiter>,
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
        tenure: Option<Tenure>,
    ) -> Self {
        let (queue, waiters) = mpsc::unbounded_channel();
        let pace = Arc::new(Pace::default());
        tokio::spawn(give_turns(waiters, budget, store, clock.clone(), pace.clone()));
        Self { tenure, queue, tickets: AtomicU64::new(0), pace, clock }
    }

    pub fn pace(&self) -> Arc<Pace> {
        self.pace.clone()
    }

    /// Returns when it is this request's turn, and the school is still this instance's to speak for.
    pub async fn turn(&self, urgency: Urgency) -> Result<(), NoTurn> {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        let (go, gone) = oneshot::channel();
        self.pace.waiting.fetch_add(1, Ordering::SeqCst);
        let queued = self.queue.send(Waiter { urgency, ticket, go }).is_ok();
        if !queued || gone.await.is_err() {
            self.pace.waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(NoTurn::Stopping);
        }
        if self.tenure.as_ref().is_some_and(|tenure| !tenure.holds()) {
            return Err(NoTurn::NotOurs);
        }
        Ok(())
    }

    /// Excess means that somebody else uses the account too: everybody rests.
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
        self.pace.rest_until_ms.store(self.clock.now().timestamp_millis() + rest, Ordering::SeqCst);
    }
}

/// Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTurn {
    #[error("the bridge is stopping")]
    Stopping,
    #[error("the lease of the school was not renewed in time")]
    NotOurs,
}

/// An account's HTTP port behind its budget.
pub struct PacedHttp {
    pub inner: Arc<dyn Http>,
    pub pacer: Pacer,
}

#[async_trait]
impl Http for PacedHttp {
    async fn send(&self, request: Request) -> Result<Response, Silence> {
        let turn = self.pacer.turn(request.urgency).await;
        turn.map_err(|none| Silence::NotSent(none.to_string()))?;
        let response = self.inner.send(request).await?;
        self.pacer.on_status(response.status);
        Ok(response)
    }
}

/// A courier without HTTP (mail) behind its account's budget: one turn a delivery.
pub struct PacedCourier<C> {
    pub inner: C,
    pub pacer: Pacer,
}

#[async_trait]
impl<C: Courier> Courier for PacedCourier<C> {
    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault> {
        let turn = self.pacer.turn(command.urgency).await;
        turn.map_err(|none| Fault::later(none.to_string()))?;
        self.inner.deliver(command, tried, links, now).await
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        self.inner.chore(now).await
    }
}

/// Takes a slot of the budget for whoever is most urgent when the slot comes, not when it was
/// asked for.
async fn give_turns(
    mut waiters: mpsc::UnboundedReceiver<Waiter>,
    budget: Budget,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pace: Arc<Pace>,
) {
    let mut heap = BinaryHeap::new();
    loop {
        if heap.is_empty() {
            match waiters.recv().await {
                Some(waiter) => heap.push(waiter),
                None => return,
            }
        }
        rest(&clock, &pace).await;
        match store.budget(&budget.account, budget.rate, clock.driven_ms()).await {
            Ok(0) => {}
            Ok(wait_ms) => {
                pace.sleep_until(&clock, clock.now() + TimeDelta::milliseconds(wait_ms as i64)).await;
            }
            Err(error) => {
                tracing::warn!(account = budget.account, %error, "no budget without the store, waiting");
                // Real time: the store's absence has nothing to do with driven time.
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        }
        while let Ok(waiter) = waiters.try_recv() {
            heap.push(waiter);
        }
        if let Some(waiter) = heap.pop() {
            pace.waiting.fetch_sub(1, Ordering::SeqCst);
            // A waiter that went away leaves its slot unused, which costs a fraction of a second.
            let _ = waiter.go.send(());
        }
    }
}

async fn rest(clock: &Arc<dyn Clock>, pace: &Pace) {
    let until = pace.rest_until_ms.load(Ordering::SeqCst);
    let now = clock.now();
    let left = until - now.timestamp_millis();
    if left > 0 {
        pace.sleep_until(clock, now + TimeDelta::milliseconds(left)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{TokioClock, stopwatch};
    use crate::store::embedded::Embedded;

    /// A process that stood still has its turn given when it goes on; its successor has the work.
    #[tokio::test(start_paused = true)]
    async fn whoever_outlived_his_lease_sends_nothing() {
        let clock =
            Arc::new(TokioClock::starting_at(At::from_timestamp(1_795_000_000, 0).expect("in range")));
        let store = Arc::new(Embedded::in_memory().expect("memory"));
        let budget = || Budget { account: "crm:a".to_owned(), rate: Rate { per_second: 6.0, burst: 1 } };
        let tenure = Tenure::default();
        let pacer = Pacer::start(budget(), store.clone(), clock.clone(), Some(tenure.clone()));
        assert_eq!(pacer.turn(Urgency::Money).await, Err(NoTurn::NotOurs), "never held");
        tenure.hold(stopwatch(), 4_000);
        assert_eq!(pacer.turn(Urgency::Usual).await, Ok(()));
        tokio::time::advance(Duration::from_millis(4_000)).await;
        assert_eq!(pacer.turn(Urgency::Money).await, Err(NoTurn::NotOurs));
        let looking = Pacer::start(budget(), store, clock, None);
        assert_eq!(looking.turn(Urgency::Backfill).await, Ok(()), "a command line needs no lease");
    }
}
