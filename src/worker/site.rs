//! All that the workers of one school share: its configuration, its ports, and what is held in
//! memory while this instance owns it. Never decides anything.
//! Enter at [`Site`].

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::landings::Landings;
use super::lanes::Lanes;
use super::lease_view::LeaseView;
use super::marks::Marks;
use super::pacer::Pace;
use super::wheel_feed::WheelFeed;
use crate::clock::{Clock, wall_now};
use crate::config::School;
use crate::instance::Name;
use crate::intake::book;
use crate::panics::{Panicked, caught};
use crate::platform::{Courier, Hooks, LookBack};
use crate::process::{At, CommandId, SchoolId, Target};
use crate::spool::Spool;
use crate::store::{CommitError, Delivery, DeliveryOp, Fence, Places, Store, Unit};

/// The ways out of a school: one courier a platform, with the pace of its account.
#[derive(Default)]
pub struct Outbound {
    pub couriers: BTreeMap<Target, Arc<dyn Courier>>,
    /// Accounts that carry nothing out and have chores all the same, by name.
    pub idle: BTreeMap<&'static str, Arc<dyn Courier>>,
    /// What is read for what was never delivered, by the platform's name in the address.
    pub looks: BTreeMap<&'static str, Arc<dyn LookBack>>,
    pub paces: Vec<Arc<Pace>>,
    /// Without the lease nothing leaves; `None` for a command line that looks beside the owner.
    pub tenure: Option<LeaseView>,
}

/// How often a worker looks by itself, in real time; bells make it look at once.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Between two looks at the store without a bell: another instance may have accepted.
    pub poll: Duration,
    /// Between two renewals of the lease, and between two tries to get it.
    pub renew: Duration,
    /// A lease lives so long; a dead owner's school is taken over after it.
    pub lease_ms: u64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { poll: Duration::from_secs(2), renew: Duration::from_millis(700), lease_ms: 3_500 }
    }
}

pub struct Site {
    pub school: Arc<School>,
    /// The ways in, by the platform's name in the address.
    pub hooks: BTreeMap<&'static str, Arc<dyn Hooks>>,
    pub outbound: Outbound,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// Proof of owning the school, new at every start.
    pub fence: Fence,
    pub tenure: LeaseView,
    /// When this configuration was read, by the wall's clock.
    pub loaded: At,
    pub stop: watch::Receiver<bool>,
    pub rhythm: Rhythm,
    pub keep: Keep,
    /// For open records, shared by the schools of this instance.
    pub room: Arc<book::Room>,
    near: Mutex<WheelFeed>,
    lanes: Mutex<Lanes>,
    landings: Mutex<Landings>,
    marks: Mutex<Marks>,
    /// The lanes may not know what was added after this place; `u64::MAX` where they know everything.
    unheard_after: AtomicU64,
    /// Rung when the inbox has something new or an earlier wake was set.
    pub inbox_bell: Notify,
    /// Rung when the outbox has something new.
    pub outbox_bell: Notify,
    /// Rung when a consent has come in.
    pub chore_bell: Notify,
    pub tally: Tally,
    /// What this process keeps beside the store; `None` where nothing is to be kept.
    pub spool: Option<Arc<Spool>>,
    /// Restarts of the store that were noticed: what is held in memory may be ahead of it.
    restarts: AtomicU64,
    /// Until then everything that goes out is looked for first, milliseconds since 1970.
    doubt_until_ms: AtomicI64,
    /// Panics per pending delivery.
    delivery_panics: Mutex<HashMap<CommandId, u32>>,
}

/// Counters and marks for health, tests and the driven clock. Counters only grow.
#[derive(Debug, Default)]
pub struct Tally {
    pub accepted: AtomicU64,
    pub repeated: AtomicU64,
    /// Accepted while the store was away.
    pub spooled: AtomicU64,
    pub refused: AtomicU64,
    pub stepped: AtomicU64,
    pub conflicts: AtomicU64,
    pub delivered: AtomicU64,
    pub buried: AtomicU64,
    /// Requests that a look back found.
    pub found: AtomicU64,
    /// Looks that are under way, waiting for their turn or not.
    pub looking: AtomicU64,
    /// Orders without a next step or a wake that the watchdog mended. Stays 0.
    pub repairs: AtomicU64,
    /// Times that something stored could not be read. Stays 0.
    pub unreadable: AtomicU64,
    /// Panics caught in the work of this school; see [`Site::panics`].
    pub panics: AtomicU64,
    /// Lateness of the last wake that fired, milliseconds.
    pub late_ms: AtomicI64,
    /// Requests being received just now.
    pub receiving: AtomicU64,
    /// The inbox worker waits and has nothing to do.
    pub inbox_parked: AtomicBool,
    /// Commits under way that mark what they add as being sent.
    pub marking: AtomicU64,
    /// Failures in a row to go on with the mirror of contacts.
    pub mirror_failures: AtomicU64,
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counts a piece of work for as long as it is under way, also when it is given up or panics.
pub struct UnderWay<'a>(&'a AtomicU64);

impl<'a> UnderWay<'a> {
    pub fn new(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a site is built from.
pub struct Parts {
    pub school: Arc<School>,
    pub hooks: BTreeMap<&'static str, Arc<dyn Hooks>>,
    pub outbound: Outbound,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub stop: watch::Receiver<bool>,
    pub rhythm: Rhythm,
    pub keep: Keep,
    pub room: Arc<book::Room>,
}

/// How long what is done with is kept, days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Requests as they came, and what dead letters hold.
    pub raw_days: u32,
    /// Ended orders, calls, and that a letter was dead.
    pub ended_days: u32,
}

impl Site {
    pub fn new(parts: Parts) -> Self {
        let Parts { school, hooks, outbound, store, clock, stop, rhythm, keep, room } = parts;
        let now_ms = clock.now().timestamp_millis();
        let lanes = new_lanes(&outbound);
        Self {
            school,
            hooks,
            tenure: outbound.tenure.clone().unwrap_or_default(),
            outbound,
            store,
            fence: Fence(crate::secret::random_token()),
            loaded: wall_now(),
            stop,
            rhythm,
            keep,
            room,
            near: Mutex::new(WheelFeed::new(now_ms)),
            lanes: Mutex::new(lanes),
            landings: Mutex::default(),
            marks: Mutex::default(),
            unheard_after: AtomicU64::new(u64::MAX),
            inbox_bell: Notify::new(),
            outbox_bell: Notify::new(),
            chore_bell: Notify::new(),
            tally: Tally::default(),
            spool: None,
            restarts: AtomicU64::new(0),
            doubt_until_ms: AtomicI64::new(0),
            delivery_panics: Mutex::default(),
            clock,
        }
    }

    /// Owns its school under the name of this instance.
    pub fn named(mut self, instance: Option<&Name>) -> Self {
        if let Some(name) = instance {
            self.fence = name.fence();
        }
        self
    }

    /// Keeps requests here while the store is away.
    pub fn spooling(self, spool: Arc<Spool>) -> Self {
        Self { spool: Some(spool), ..self }
    }

    pub fn id(&self) -> &SchoolId {
        &self.school.id
    }

    pub fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    pub fn near(&self) -> MutexGuard<'_, WheelFeed> {
        self.near.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Counts a panic of this delivery; returns how many there were.
    pub fn count_panic_of(&self, delivery: &CommandId) -> u32 {
        let mut panics = self.delivery_panics();
        let panics = panics.entry(delivery.clone()).or_default();
        *panics += 1;
        *panics
    }

    fn delivery_panics(&self) -> MutexGuard<'_, HashMap<CommandId, u32>> {
        self.delivery_panics.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Runs a piece of work of this school; `part` names it in the log. A panic in it is counted, logged and
    /// returned as an error.
    pub fn guard<T>(
        &self,
        part: &str,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Panicked>> {
        let work = caught(work);
        async move { work.await.inspect_err(|panicked| self.on_panic(part, panicked)) }
    }

    /// A bell that was due after a commit may not have been rung, so both are. If the panic happened under the
    /// lock of the wheel or of the lanes, they may be half changed: they are read from the store again.
    fn on_panic(&self, part: &str, Panicked { place }: &Panicked) {
        count(&self.tally.panics);
        tracing::error!(school = %self.id(), part, place, "ALARM: a panic was caught, other work continues; please report the place");
        self.inbox_bell.notify_one();
        self.outbox_bell.notify_one();
        if self.near.is_poisoned() || self.lanes.is_poisoned() {
            self.near.clear_poison();
            self.lanes.clear_poison();
            self.restart_from_store();
        }
    }

    /// Panics in the work of this school and in the turn-givers of its accounts. Should stay 0.
    pub fn panics(&self) -> u64 {
        let paces = self.outbound.paces.iter().map(|pace| pace.panics.load(Ordering::Relaxed));
        self.tally.panics.load(Ordering::Relaxed) + paces.sum::<u64>()
    }

    /// A new owner begins with what the store holds: what an earlier ownership left in memory may
    /// have been done by somebody else.
    pub fn forget_memory(&self) {
        *self.marks() = Marks::default();
        self.forget_store();
    }

    /// What the memory holds of the store's content; what this owner alone knows stays.
    pub fn forget_store(&self) {
        self.forget_wakes();
        *self.lanes() = new_lanes(&self.outbound);
        *self.landings() = Landings::default();
        self.take_unheard();
    }

    /// The index alone counts again: the owner reads it anew.
    pub fn forget_wakes(&self) {
        self.near().clear(self.clock.now().timestamp_millis());
        self.inbox_bell.notify_one();
    }

    /// Something stored cannot be read by this version; `what` names it, and quotes nothing of it.
    pub fn unreadable(&self, what: &str) {
        count(&self.tally.unreadable);
        tracing::error!(school = %self.id(), what, "ALARM: what is stored cannot be read; the rest goes on");
    }

    /// The store was restarted and may have lost its last seconds: what is in memory is read anew.
    pub fn restart_from_store(&self) {
        self.restarts.fetch_add(1, Ordering::SeqCst);
        self.inbox_bell.notify_one();
        self.outbox_bell.notify_one();
    }

    /// Restarts so far: whoever remembers another number has to read anew.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::SeqCst)
    }

    /// What goes out is looked for first until then.
    pub fn doubt_until(&self, until: At) {
        self.doubt_until_ms.store(until.timestamp_millis(), Ordering::SeqCst);
    }

    pub fn is_in_doubt(&self, now: At) -> bool {
        now.timestamp_millis() < self.doubt_until_ms.load(Ordering::SeqCst)
    }

    /// The delivery has left the outbox.
    fn forget_delivery(&self, id: &CommandId) {
        self.marks().leaves(id);
        self.delivery_panics().remove(id);
        self.outbound.couriers.values().for_each(|courier| courier.forget(id));
    }

    /// Commits a unit that may mark deliveries without a doubtful past. They are noted before: if the answer
    /// is not heard, nobody else knows that they have not left.
    pub async fn commit_marking(&self, unit: Unit) -> Result<(), CommitError> {
        let noted = self.marks().note(&unit.deliveries);
        let done = self.commit(unit).await;
        if let Err(CommitError::Conflict(_) | CommitError::Fenced) = done {
            noted.iter().for_each(|id| self.marks().leaves(id));
        }
        done
    }

    /// Commits a unit and lets the memory follow: wheel, lanes, bells.
    pub async fn commit(&self, unit: Unit) -> Result<(), CommitError> {
        let wakes: Vec<(String, i64)> =
            unit.wake.iter().map(|wake| (wake.member.clone(), wake.at_ms)).collect();
        let sleeps = unit.sleep.clone();
        let deliveries = unit.deliveries.clone();
        let rings_inbox = !unit.append.is_empty();
        let is_marking = deliveries.iter().any(|op| matches!(op, DeliveryOp::Add(one) if one.is_leaving()));
        let _marking = is_marking.then(|| UnderWay::new(&self.tally.marking));
        let listening = Listening::new(self, &deliveries);
        let places = self.store.commit(self.id(), &self.fence, unit).await;
        listening.heard(&places);
        if is_marking {
            self.outbox_bell.notify_one();
        }
        let places = places?;
        let earlier = self.near().arm(&wakes, &sleeps);
        self.follow(deliveries, places);
        if rings_inbox || earlier {
            self.inbox_bell.notify_one();
        }
        Ok(())
    }

    /// The lanes hold what the store holds, without reading it.
    fn follow(&self, deliveries: Vec<DeliveryOp>, places: Places) {
        let mut gone = Vec::new();
        let mut lanes = self.lanes();
        for (op, place) in deliveries.into_iter().zip(places) {
            match (op, place) {
                (DeliveryOp::Add(delivery), Some(seq)) => {
                    let delivery = Delivery { seq, ..delivery };
                    lanes.push(delivery.clone());
                    self.marks().placed(&delivery);
                    if self.marks().has_not_left(&delivery) {
                        lanes.mark(delivery);
                    }
                    self.outbox_bell.notify_one();
                }
                (DeliveryOp::Update(delivery), _) if self.marks().has_not_left(&delivery) => {
                    lanes.mark(delivery);
                }
                (DeliveryOp::Remove(id) | DeliveryOp::Revoke(id), Some(place)) => {
                    lanes.forget(place);
                    gone.push(id);
                }
                _ => {}
            }
        }
        drop(lanes);
        gone.iter().for_each(|id| self.forget_delivery(id));
    }

    /// Is a commit under way that marks what it adds as being sent?
    pub fn is_marking(&self) -> bool {
        self.tally.marking.load(Ordering::SeqCst) > 0
    }

    /// What was added after this place may be unknown to the lanes.
    pub fn unheard(&self, after: u64) {
        self.unheard_after.fetch_min(after, Ordering::SeqCst);
        self.outbox_bell.notify_one();
    }

    /// The place after which something may be unknown.
    pub fn take_unheard(&self) -> Option<u64> {
        let after = self.unheard_after.swap(u64::MAX, Ordering::SeqCst);
        (after < u64::MAX).then_some(after)
    }

    pub fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn landings(&self) -> MutexGuard<'_, Landings> {
        self.landings.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Waits for the answer to a commit that adds deliveries. Where it is not heard, because the store is away
/// or because the wait ends early, the store has to be read.
struct Listening<'a> {
    site: &'a Site,
    after: Option<u64>,
}

impl<'a> Listening<'a> {
    fn new(site: &'a Site, deliveries: &[DeliveryOp]) -> Self {
        let adds = deliveries.iter().any(|op| matches!(op, DeliveryOp::Add(_)));
        Self { site, after: adds.then(|| site.lanes().last_place()) }
    }

    fn heard(mut self, answer: &Result<Places, CommitError>) {
        if !matches!(answer, Err(CommitError::Store(_))) {
            self.after = None;
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        if let Some(after) = self.after {
            self.site.unheard(after);
        }
    }
}

fn new_lanes(outbound: &Outbound) -> Lanes {
    Lanes::new(outbound.couriers.iter().map(|(target, courier)| (*target, courier.room())).collect())
}
