//! A running school: the configuration, the ports and the memory that its workers share while this instance
//! owns it. Never decides anything. Enter at [`Site`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::denials::Denials;
use super::keeper::Keeper;
use super::landings::Landings;
use super::lanes::Lanes;
use super::lease_view::LeaseView;
use super::listening::Listening;
use super::marks::Marks;
use super::pacer::Pace;
use super::store_watch::StoreWatch;
pub use super::tally::{CountGuard, Tally, count};
use super::troubles::Earlier;
use super::unsettled::Unsettled;
use super::wheel_feed::WheelFeed;
use crate::away::AwayLog;
use crate::clock::{Clock, stopwatch, wall_now};
use crate::config::School;
use crate::instance::Name;
use crate::intake::book;
use crate::panics::{Panicked, caught};
use crate::platform::reconcile::ReconcileState;
use crate::platform::{Courier, Hooks, Reconciler};
use crate::process::{At, CommandId, SchoolId, Target};
use crate::repeats::Repeats;
use crate::spool::Spool;
use crate::store::key;
use crate::store::{CommitError, Delivery, DeliveryOp, Fence, Places, Store, StoreError, Unit};

/// A school's connections to platforms: one courier per platform, with the pace of its account.
#[derive(Default)]
pub struct Outbound {
    pub couriers: BTreeMap<Target, Arc<dyn Courier>>,
    /// The platforms behind the couriers, for people.
    pub names: BTreeMap<Target, &'static str>,
    /// Couriers that execute no commands but have chores, by platform name.
    pub idle: BTreeMap<&'static str, Arc<dyn Courier>>,
    /// The reconcilers, by platform name.
    pub reconcilers: BTreeMap<&'static str, Arc<dyn Reconciler>>,
    pub paces: Vec<Arc<Pace>>,
    /// Without the lease nothing is sent; `None` for a command that reads while another process owns the
    /// school.
    pub lease: Option<LeaseView>,
}

/// Polling intervals of the workers, in real time; bells make them check at once.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Between two checks of the store without a bell: another instance may have accepted a request.
    pub poll: Duration,
    /// Between two renewals of the lease, and between two tries to get it.
    pub renew: Duration,
    /// Duration of a lease; after it the school of a dead owner is taken over.
    pub lease_ms: u64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { poll: Duration::from_secs(2), renew: Duration::from_millis(700), lease_ms: 3_500 }
    }
}

pub struct Site {
    pub school: Arc<School>,
    /// The hooks, by the platform's name in the address.
    pub hooks: BTreeMap<&'static str, Arc<dyn Hooks>>,
    pub outbound: Outbound,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// Proof of the ownership, new at every start.
    pub fence: Fence,
    pub lease: LeaseView,
    /// When this configuration was read, by the wall clock.
    pub loaded: At,
    pub stop: watch::Receiver<bool>,
    pub rhythm: Rhythm,
    pub keep: Keep,
    /// The memory budget of open records, shared by the schools of this instance.
    pub record_budget: Arc<book::RecordBudget>,
    wheel_feed: Mutex<WheelFeed>,
    lanes: Mutex<Lanes>,
    landings: Mutex<Landings>,
    marks: Mutex<Marks>,
    unsettled: Mutex<Unsettled>,
    /// Deliveries added after this place may be unknown to the lanes; `u64::MAX` if all are known.
    unheard_after: AtomicU64,
    /// Rung when the inbox has something new or an earlier wake was set.
    pub inbox_bell: Notify,
    /// Rung when the outbox has something new.
    pub outbox_bell: Notify,
    /// Rung when a consent has arrived.
    pub chore_bell: Notify,
    /// Rung when a person has been erased.
    pub wipe_bell: Notify,
    pub tally: Tally,
    /// Data kept beside the store; `None` if nothing is kept.
    pub spool: Option<Arc<Spool>>,
    /// Whether the store is still the one that this process knows.
    pub store_watch: StoreWatch,
    /// Renews the leases of all schools of this instance at once; `None` where each renews its own.
    pub keeper: Option<Arc<Keeper>>,
    /// Says that the store is away.
    pub away: AwayLog,
    /// Holds back log lines that say the same.
    pub repeats: Repeats,
    /// Accounts that deny us.
    pub denials: Denials,
    /// What earlier looks for troubles have seen.
    pub earlier: Earlier,
    /// The last state of each platform's reconciliation, in case the store loses it.
    look_backs: Mutex<BTreeMap<String, ReconcileState>>,
    /// Noticed restarts of the store, after which the memory may be ahead of the store.
    restarts: AtomicU64,
    /// Until then every delivery is looked up before it is sent, milliseconds since 1970.
    doubt_until_ms: AtomicI64,
    /// Panics per pending delivery.
    delivery_panics: Mutex<HashMap<CommandId, u32>>,
}

/// The parts from which a site is built.
pub struct Parts {
    pub school: Arc<School>,
    pub hooks: BTreeMap<&'static str, Arc<dyn Hooks>>,
    pub outbound: Outbound,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub stop: watch::Receiver<bool>,
    pub rhythm: Rhythm,
    pub keep: Keep,
    pub record_budget: Arc<book::RecordBudget>,
}

/// Retention times, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Stored requests, and the bodies of dead letters.
    pub raw_days: u32,
    /// Ended orders, calls, and the entries of dead letters.
    pub ended_days: u32,
}

impl Site {
    pub fn new(parts: Parts) -> Self {
        let Parts { school, hooks, outbound, store, clock, stop, rhythm, keep, record_budget } = parts;
        let now_ms = clock.now().timestamp_millis();
        let lanes = new_lanes(&outbound);
        Self {
            school,
            hooks,
            lease: outbound.lease.clone().unwrap_or_default(),
            outbound,
            store,
            fence: Fence(crate::secret::random_token()),
            loaded: wall_now(),
            stop,
            rhythm,
            keep,
            record_budget,
            wheel_feed: Mutex::new(WheelFeed::new(now_ms)),
            lanes: Mutex::new(lanes),
            landings: Mutex::default(),
            marks: Mutex::default(),
            unsettled: Mutex::default(),
            unheard_after: AtomicU64::new(u64::MAX),
            inbox_bell: Notify::new(),
            outbox_bell: Notify::new(),
            chore_bell: Notify::new(),
            wipe_bell: Notify::new(),
            tally: Tally::default(),
            spool: None,
            store_watch: StoreWatch::default(),
            keeper: None,
            away: AwayLog::default(),
            repeats: Repeats::default(),
            denials: Denials::default(),
            earlier: Earlier::default(),
            look_backs: Mutex::default(),
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

    pub fn kept_by(self, keeper: Arc<Keeper>) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// Whether the keeper tells when the store has something new.
    pub fn is_told(&self) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| keeper.tells())
    }

    /// Keeps requests here while the store is away.
    pub fn spooling(self, spool: Arc<Spool>) -> Self {
        Self { spool: Some(spool), ..self }
    }

    pub fn id(&self) -> &SchoolId {
        &self.school.id
    }

    /// The name of an account for people: that of its platform.
    pub fn account(&self, target: Target) -> &'static str {
        self.outbound.names.get(&target).copied().unwrap_or(target.as_str())
    }

    /// Deliveries that wait for this account or are on their way to it.
    pub fn waits_for(&self, account: &str) -> usize {
        let targets = self.outbound.couriers.keys().filter(|target| self.account(**target) == account);
        targets.map(|target| self.lanes().waiting_for(*target)).sum()
    }

    /// A part of the work has met a store that does not answer.
    pub fn waits_for_store(&self, what: &str, error: &StoreError) {
        self.away.failed(self.id().as_str(), what, error);
    }

    pub fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    pub fn wheel_feed(&self) -> MutexGuard<'_, WheelFeed> {
        self.wheel_feed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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

    /// A bell that was due after a commit may not have been rung, so both are. If the panic happened under
    /// the lock of the wheel or of the lanes, they may be half changed: they are read from the store again.
    pub fn on_panic(&self, part: &str, Panicked { place }: &Panicked) {
        count(&self.tally.panics);
        tracing::error!(school = %self.id(), part, place, "ALARM: a panic was caught, other work continues; please report the place");
        self.inbox_bell.notify_one();
        self.outbox_bell.notify_one();
        if self.wheel_feed.is_poisoned() || self.lanes.is_poisoned() {
            self.wheel_feed.clear_poison();
            self.lanes.clear_poison();
            self.restart_from_store();
        }
    }

    /// Panics in the work of this school and in the turn-givers of its accounts. Should stay 0.
    pub fn panics(&self) -> u64 {
        let paces = self.outbound.paces.iter().map(|pace| pace.panics.load(Ordering::Relaxed));
        self.tally.panics.load(Ordering::Relaxed) + paces.sum::<u64>()
    }

    /// A new owner starts from the store: work that an earlier ownership left in memory may have been done by
    /// another instance.
    pub fn forget_memory(&self) {
        self.forget_store();
        *self.marks() = Marks::default();
    }

    /// Forgets the copy of the store's content; what only this owner knows stays.
    pub fn forget_store(&self) {
        self.forget_wakes();
        *self.lanes() = new_lanes(&self.outbound);
        *self.landings() = Landings::default();
        self.take_unheard();
    }

    /// Empties the wheel, so that the owner reads the index again.
    pub fn forget_wakes(&self) {
        self.wheel_feed().clear(self.clock.now().timestamp_millis());
        self.inbox_bell.notify_one();
    }

    /// A stored value cannot be read by this version; `what` names it without quoting its content.
    pub fn unreadable(&self, what: &str) {
        count(&self.tally.unreadable);
        if let Some(times) = self.repeats.due(what, stopwatch()) {
            tracing::error!(school = %self.id(), what, times, "ALARM: what is stored cannot be read; the rest goes on");
        }
    }

    /// The store was restarted and may have lost its last seconds: everything is read again.
    pub fn restart_from_store(&self) {
        self.restarts.fetch_add(1, Ordering::SeqCst);
        self.inbox_bell.notify_one();
        self.outbox_bell.notify_one();
    }

    /// The number of restarts; a worker that remembers another number has to read everything again.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::SeqCst)
    }

    /// Until then every delivery is looked up before it is sent.
    pub fn doubt_until(&self, until: At) {
        self.doubt_until_ms.store(until.timestamp_millis(), Ordering::SeqCst);
    }

    pub fn is_in_doubt(&self, now: At) -> bool {
        now.timestamp_millis() < self.doubt_until_ms.load(Ordering::SeqCst)
    }

    /// A delivery that the store has, for the case that it loses it.
    pub fn note_unsettled(&self, stored: &Delivery) {
        let unsent = self.marks().unsent(stored);
        self.unsettled().note(unsent.unwrap_or_else(|| stored.clone()));
    }

    /// The delivery is over.
    pub fn forget_delivery(&self, id: &CommandId) {
        self.unsettled().forget(id);
        self.left_the_outbox(id);
    }

    /// It is over, or it has gone to the end of its lane.
    fn left_the_outbox(&self, id: &CommandId) {
        self.store_watch.forget(id);
        self.marks().leaves(id);
        self.delivery_panics().remove(id);
        self.outbound.couriers.values().for_each(|courier| courier.forget(id));
    }

    /// Commits a unit that may mark deliveries never tried before. They are noted first: if the answer is lost,
    /// only this note says that they were not sent.
    pub async fn commit_marking(&self, unit: Unit) -> Result<(), CommitError> {
        let noted = self.marks().note(&unit.deliveries);
        let done = self.commit(unit).await;
        if let Err(CommitError::Conflict(_) | CommitError::Fenced) = done {
            noted.iter().for_each(|id| self.marks().leaves(id));
        }
        done
    }

    /// Commits a unit, then updates wheel, lanes and bells.
    pub async fn commit(&self, unit: Unit) -> Result<(), CommitError> {
        let wakes: Vec<(String, i64)> =
            unit.wake.iter().map(|wake| (wake.member.clone(), wake.at_ms)).collect();
        let sleeps = unit.sleep.clone();
        let deliveries = unit.deliveries.clone();
        let rings_inbox = !unit.append.is_empty();
        let rings_wipe = unit.put.iter().any(|put| put.key == key::WIPE);
        let is_marking = deliveries.iter().any(|op| matches!(op, DeliveryOp::Add(one) if one.is_leaving()));
        let _marking = is_marking.then(|| CountGuard::new(&self.tally.marking));
        let listening = Listening::new(self, &deliveries);
        let places = self.store.commit(self.id(), &self.fence, unit).await;
        count(&self.tally.stirred);
        listening.heard(&places);
        if is_marking {
            self.outbox_bell.notify_one();
        }
        let places = places?;
        let earlier = self.wheel_feed().arm(&wakes, &sleeps);
        self.follow(deliveries, places);
        if rings_inbox || earlier {
            self.inbox_bell.notify_one();
        }
        if rings_wipe {
            self.wipe_bell.notify_one();
        }
        Ok(())
    }

    /// Updates the lanes from the commit, without reading the store.
    fn follow(&self, deliveries: Vec<DeliveryOp>, places: Places) {
        let (mut gone, mut added) = (Vec::new(), HashSet::new());
        let mut lanes = self.lanes();
        for (op, place) in deliveries.into_iter().zip(places) {
            match (op, place) {
                (DeliveryOp::Add(delivery), Some(seq)) => {
                    let delivery = Delivery { seq, ..delivery };
                    added.insert(delivery.id().clone());
                    lanes.push(delivery.clone());
                    self.marks().placed(&delivery);
                    self.note_unsettled(&delivery);
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
        for id in gone {
            match added.contains(&id) {
                true => self.left_the_outbox(&id),
                false => self.forget_delivery(&id),
            }
        }
    }

    /// Whether a commit is in progress that marks deliveries it adds as being sent.
    pub fn is_marking(&self) -> bool {
        self.tally.marking.load(Ordering::SeqCst) > 0
    }

    /// Deliveries added after this place may be unknown to the lanes.
    pub fn unheard(&self, after: u64) {
        self.unheard_after.fetch_min(after, Ordering::SeqCst);
        self.outbox_bell.notify_one();
    }

    /// The place after which deliveries may be unknown.
    pub fn take_unheard(&self) -> Option<u64> {
        let after = self.unheard_after.swap(u64::MAX, Ordering::SeqCst);
        (after < u64::MAX).then_some(after)
    }

    pub fn look_backs(&self) -> MutexGuard<'_, BTreeMap<String, ReconcileState>> {
        self.look_backs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn unsettled(&self) -> MutexGuard<'_, Unsettled> {
        self.unsettled.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn landings(&self) -> MutexGuard<'_, Landings> {
        self.landings.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn new_lanes(outbound: &Outbound) -> Lanes {
    Lanes::new(outbound.couriers.iter().map(|(target, courier)| (*target, courier.room())).collect())
}
