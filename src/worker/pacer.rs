//! An account's budget: requests leave evenly, the most urgent first.
//! Never drops a request and never reorders two of the same urgency; the budget itself is one key
//! in the store, shared by all instances. Enter at [`Pacer`], used through [`PacedHttp`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::{mpsc, oneshot};

use super::lease_view::Tenure;
use crate::clock::{Clock, stopwatch};
use crate::panics::{Panicked, Pauses, caught};
use crate::platform::http::{Http, Party, Pass, Request, Response, Seat, Silence, Turn};
use crate::platform::{Courier, Fault, Links, Receipt, Room, Try};
use crate::process::{At, Command, Urgency};
use crate::store::{Rate, Store};

/// After a 429 the whole account rests so long, doubling to the longest.
const REST_FIRST_MS: i64 = 1_000;
const REST_LONGEST_MS: i64 = 60_000;

/// One who waits, with the end at which he is told.
struct Waiter {
    seat: Seat,
    go: oneshot::Sender<Turn>,
    count: Counted,
}

/// Counts the riders of a seat as waiting until it is dropped, also when the whole queue is dropped.
struct Counted {
    pace: Arc<Pace>,
    riders: u64,
}

impl Counted {
    fn new(pace: &Arc<Pace>, riders: u64) -> Self {
        pace.waiting.fetch_add(riders, Ordering::SeqCst);
        Self { pace: pace.clone(), riders }
    }

    fn end(&mut self) {
        self.pace.waiting.fetch_sub(std::mem::take(&mut self.riders), Ordering::SeqCst);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.end();
    }
}

/// Urgency, then who came first.
type Place = (Urgency, u64);

/// All who wait for one account.
#[derive(Default)]
struct Queue {
    waiters: BTreeMap<Place, Waiter>,
    parties: BTreeMap<u32, BTreeSet<Place>>,
}

impl Queue {
    fn push(&mut self, ticket: u64, waiter: Waiter) {
        let place = (waiter.seat.urgency, ticket);
        if let Some(party) = waiter.seat.party {
            self.parties.entry(party.name).or_default().insert(place);
        }
        self.waiters.insert(place, waiter);
    }

    fn pop(&mut self) -> Option<Waiter> {
        let place = *self.waiters.first_key_value()?.0;
        self.remove(place)
    }

    fn remove(&mut self, place: Place) -> Option<Waiter> {
        let waiter = self.waiters.remove(&place)?;
        if let Some(party) = waiter.seat.party
            && let Some(members) = self.parties.get_mut(&party.name)
        {
            members.remove(&place);
            if members.is_empty() {
                self.parties.remove(&party.name);
            }
        }
        Some(waiter)
    }

    /// Gives a turn to the most urgent and to as many of his party as fit, the most urgent first.
    /// Those who went away are passed over.
    fn give(&mut self) {
        while let Some(first) = self.pop() {
            let mut party = vec![first];
            if let Some(Party { name, most, .. }) = party[0].seat.party {
                let others = self.parties.get(&name).into_iter().flatten();
                let others: Vec<Place> = others.take(most.saturating_sub(1)).copied().collect();
                party.extend(others.into_iter().filter_map(|place| self.remove(place)));
            }
            // Before anybody is told: whoever looks must never see one who is off as waiting.
            party.iter_mut().for_each(|waiter| waiter.count.end());
            party.retain(|waiter| !waiter.go.is_closed());
            let items = party.iter().filter_map(|waiter| Some(waiter.seat.party?.item)).collect();
            let mut lead = Some(Turn::Lead(items));
            for waiter in party {
                if let Err(Turn::Lead(items)) = waiter.go.send(lead.take().unwrap_or(Turn::Ride)) {
                    lead = Some(Turn::Lead(items));
                }
            }
            if lead.is_none() {
                return;
            }
        }
    }
}

/// How an account is doing: shared with whoever shows or drives it.
#[derive(Debug, Default)]
pub struct Pace {
    /// Deliveries that wait for a turn, alone or with others.
    pub waiting: AtomicU64,
    /// Requests answered with 429.
    pub refused: AtomicU64,
    /// Panics of the turn-giver; it is restarted after each.
    pub panics: AtomicU64,
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

    /// So many deliveries wait until `at`, whatever else does.
    pub async fn wait(&self, clock: &Arc<dyn Clock>, at: At, riders: u64) {
        self.waiting.fetch_add(riders, Ordering::SeqCst);
        self.asleep_until_ms.fetch_max(at.timestamp_millis(), Ordering::SeqCst);
        clock.sleep_until(at).await;
        self.waiting.fetch_sub(riders, Ordering::SeqCst);
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
    queue: mpsc::UnboundedSender<(u64, Waiter)>,
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
        tokio::spawn(serve_turns(waiters, budget, store, clock.clone(), pace.clone()));
        Self { tenure, queue, tickets: AtomicU64::new(0), pace, clock }
    }

    pub fn pace(&self) -> Arc<Pace> {
        self.pace.clone()
    }

    /// Returns when the turn has come.
    pub async fn turn(&self, seat: Seat) -> Result<Turn, NoTurn> {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        let (go, turn) = oneshot::channel();
        let count = Counted::new(&self.pace, seat.riders);
        // If the queue is closed, it drops the waiter, and `turn` returns an error.
        let _ = self.queue.send((ticket, Waiter { seat, go, count }));
        turn.await.map_err(|_| NoTurn)
    }

    /// Asked last of all before something leaves: a turn may have been given before a pause.
    fn is_ours(&self) -> Result<(), NotOurs> {
        match &self.tenure {
            Some(tenure) if !tenure.holds() => Err(NotOurs),
            _ => Ok(()),
        }
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

/// The account's turn-giver panicked while this request waited; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account's turn-giver is restarted after a panic; nothing was sent")]
pub struct NoTurn;

/// The process stood still longer than its lease lasts; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease of the school was not renewed in time")]
pub struct NotOurs;

/// An account's HTTP port behind its budget.
pub struct PacedHttp {
    pub inner: Arc<dyn Http>,
    pub pacer: Pacer,
}

#[async_trait]
impl Http for PacedHttp {
    async fn send(&self, request: Request) -> Result<Response, Silence> {
        if request.pass == Pass::Wanted {
            self.turn(Seat::alone(request.urgency)).await?;
        }
        self.pacer.is_ours().map_err(|not| Silence::NotSent(not.to_string()))?;
        let response = self.inner.send(request).await?;
        self.pacer.on_status(response.status);
        Ok(response)
    }

    async fn turn(&self, seat: Seat) -> Result<Turn, Silence> {
        self.pacer.turn(seat).await.map_err(|none| Silence::NotSent(none.to_string()))
    }
}

/// A courier without HTTP (mail) behind its account's budget: one turn a delivery.
pub struct PacedCourier {
    pub inner: Box<dyn Courier>,
    pub pacer: Pacer,
}

#[async_trait]
impl Courier for PacedCourier {
    fn room(&self) -> Room {
        self.inner.room()
    }

    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault> {
        let turn = self.pacer.turn(Seat::alone(command.urgency)).await;
        turn.map_err(|none| Fault::later(none.to_string()))?;
        self.pacer.is_ours().map_err(|not| Fault::later(not.to_string()))?;
        self.inner.deliver(command, tried, links, now).await
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        self.inner.chore(now).await
    }
}

/// Gives turns as long as the pacer lives, and restarts after a panic. A panic drops the queue: the requests in
/// it fail with [`NoTurn`]; requests that arrive during the pause wait for the next queue.
async fn serve_turns(
    mut waiters: mpsc::UnboundedReceiver<(u64, Waiter)>,
    budget: Budget,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pace: Arc<Pace>,
) {
    let mut pauses = Pauses::default();
    loop {
        let begun = stopwatch();
        let giving = give_turns(&mut waiters, &budget, &*store, &clock, &pace);
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

/// Takes a slot of the budget for whoever is most urgent when the slot comes, not when it was
/// asked for.
async fn give_turns(
    waiters: &mut mpsc::UnboundedReceiver<(u64, Waiter)>,
    budget: &Budget,
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
    pace: &Pace,
) {
    let mut queue = Queue::default();
    loop {
        if queue.waiters.is_empty() {
            match waiters.recv().await {
                Some((ticket, waiter)) => queue.push(ticket, waiter),
                None => return,
            }
        }
        rest(clock, pace).await;
        match store.budget(&budget.account, budget.rate, clock.driven_ms()).await {
            Ok(0) => {}
            Ok(wait_ms) => {
                pace.sleep_until(clock, clock.now() + TimeDelta::milliseconds(wait_ms as i64)).await;
            }
            Err(error) => {
                tracing::warn!(account = budget.account, %error, "no budget without the store, waiting");
                // Real time: the store's absence has nothing to do with driven time.
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        }
        while let Ok((ticket, waiter)) = waiters.try_recv() {
            queue.push(ticket, waiter);
        }
        queue.give();
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

    use crate::clock::TokioClock;
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
        assert_eq!(pacer.is_ours(), Err(NotOurs), "never held");
        tenure.hold(stopwatch(), 4_000);
        assert_eq!(pacer.is_ours(), Ok(()));
        assert!(pacer.turn(Seat::alone(Urgency::Money)).await.is_ok());
        tokio::time::advance(Duration::from_millis(4_000)).await;
        assert_eq!(pacer.is_ours(), Err(NotOurs), "the turn was given before the pause");
        let looking = Pacer::start(budget(), store, clock, None);
        assert_eq!(looking.is_ours(), Ok(()), "a command line needs no lease");
    }

    /// Seats of a queue: urgency, party (0: none), item. What each turn then gives, as items.
    #[track_caller]
    fn check(seats: &[(Urgency, u32, u64)], turns: &[&[u64]]) {
        let (pace, mut queue) = (Arc::new(Pace::default()), Queue::default());
        let mut told = Vec::new();
        for (ticket, (urgency, name, item)) in seats.iter().enumerate() {
            let party = (*name > 0).then_some(Party { name: *name, item: *item, most: 2 });
            let (go, turn) = oneshot::channel();
            let (seat, count) = (Seat { urgency: *urgency, riders: 1, party }, Counted::new(&pace, 1));
            queue.push(ticket as u64, Waiter { seat, go, count });
            told.push((*item, turn));
        }
        for (nth, expected) in turns.iter().enumerate() {
            queue.give();
            let mut went = Vec::new();
            told.retain_mut(|(item, turn)| match turn.try_recv() {
                Ok(turn) => {
                    went.push((turn != Turn::Ride, *item));
                    false
                }
                Err(error) => {
                    assert_eq!(error, oneshot::error::TryRecvError::Empty, "nobody is sent away");
                    true
                }
            });
            let items: Vec<u64> = went.iter().map(|(_, item)| *item).collect();
            assert_eq!(items, *expected, "turn {nth}");
            assert_eq!(went.iter().filter(|(leads, _)| *leads).count(), 1, "one sends for all");
            assert_eq!(pace.waiting.load(Ordering::SeqCst), told.len() as u64);
        }
    }

    #[test]
    fn a_turn_goes_to_the_most_urgent_and_to_his_party() {
        use Urgency::{Hot, Money, Usual};
        check(&[(Usual, 0, 1), (Usual, 0, 2)], &[&[1], &[2]]);
        check(&[(Usual, 0, 1), (Money, 0, 2), (Hot, 0, 3)], &[&[2], &[3], &[1]]);
        // Company goes along whatever its own urgency, but no more than fit, the most urgent first.
        let mixed = [(Usual, 7, 1), (Hot, 8, 2), (Usual, 7, 3), (Hot, 7, 4), (Money, 7, 5)];
        check(&mixed, &[&[4, 5], &[2], &[1, 3]]);
    }

    #[test]
    fn who_went_away_costs_nobody_a_turn() {
        let (pace, mut queue) = (Arc::new(Pace::default()), Queue::default());
        let seat = Seat::alone(Urgency::Usual);
        let (gone, _) = oneshot::channel();
        let (go, mut turn) = oneshot::channel();
        queue.push(1, Waiter { seat, go: gone, count: Counted::new(&pace, 1) });
        queue.push(2, Waiter { seat, go, count: Counted::new(&pace, 1) });
        queue.give();
        assert_eq!(turn.try_recv(), Ok(Turn::Lead(Vec::new())));
        assert_eq!(pace.waiting.load(Ordering::SeqCst), 0);
    }

    /// Panics on the first reading.
    struct Broken(TokioClock, AtomicU64);

    #[async_trait]
    impl Clock for Broken {
        fn now(&self) -> At {
            assert!(self.1.fetch_add(1, Ordering::SeqCst) > 0, "a defect");
            self.0.now()
        }

        async fn sleep_until(&self, at: At) {
            self.0.sleep_until(at).await;
        }

        fn driven_ms(&self) -> Option<i64> {
            self.0.driven_ms()
        }
    }

    /// Nothing was sent for them, so they can be repeated.
    #[tokio::test(start_paused = true)]
    async fn when_the_turn_giver_panics_the_waiting_are_told_and_turns_are_given_again() {
        let clock = TokioClock::starting_at(At::from_timestamp(1_795_000_000, 0).expect("in range"));
        let store = Arc::new(Embedded::in_memory().expect("memory"));
        let budget = Budget { account: "crm:a".to_owned(), rate: Rate { per_second: 6.0, burst: 1 } };
        let pacer = Pacer::start(budget, store, Arc::new(Broken(clock, AtomicU64::new(0))), None);
        assert_eq!(pacer.turn(Seat::alone(Urgency::Usual)).await, Err(NoTurn));
        assert_eq!(pacer.turn(Seat::alone(Urgency::Usual)).await, Ok(Turn::Lead(Vec::new())));
        assert_eq!(pacer.pace.panics.load(Ordering::Relaxed), 1);
        assert_eq!(pacer.pace.waiting.load(Ordering::SeqCst), 0, "who was sent away waits no more");
    }
}
