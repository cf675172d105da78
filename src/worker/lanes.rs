//! Lanes: deliveries of one client to one platform, in order, one at a time. For each delivery only the few
//! numbers that determine its order are in memory, and the bodies of the next ones, so a backlog of any
//! length fits. Other bodies are read from the store when their turn comes. Enter at [`Lanes::next`].

mod account;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use account::{Account, Way};
use tokio::sync::watch;

use crate::platform::Room;
use crate::process::{At, ClientId, Target, Urgency};
use crate::store::{Delivery, DeliveryState};

/// Most bodies in memory; others are read from the store later.
const BODIES_MAX: usize = 1_000;

/// Clocks of servers are corrected by less than this all the time.
const SET_BACK_MS: i64 = 1_000;

/// The key of a lane, with a short hash of the client: two clients with the same hash share a lane, so one
/// waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    pub target: Target,
    client: u32,
}

impl LaneKey {
    pub fn new(target: Target, client: &ClientId) -> Self {
        let mut hash = DefaultHasher::new();
        client.as_str().hash(&mut hash);
        Self { target, client: hash.finish() as u32 }
    }
}

pub fn key_of(delivery: &Delivery) -> LaneKey {
    LaneKey::new(delivery.command.ask.target(), &delivery.command.client)
}

/// The data in memory of every delivery.
#[derive(Debug, Clone, Copy)]
struct Stub {
    lane: LaneKey,
    urgency: Urgency,
    way: Way,
    ready_ms: i64,
}

impl Stub {
    fn of(delivery: &Delivery) -> Self {
        let ready = match delivery.state {
            // At once, also if it was made before the clock was set back.
            DeliveryState::Waiting | DeliveryState::Sending => At::UNIX_EPOCH,
            DeliveryState::Unclear { not_before } | DeliveryState::Later { not_before } => not_before,
        };
        Self {
            lane: key_of(delivery),
            urgency: delivery.command.urgency,
            way: Way::of(delivery),
            ready_ms: ready.timestamp_millis(),
        }
    }
}

/// The first delivery of a lane, with the lane's urgency: that of its most urgent delivery.
#[derive(Debug, Clone, Copy)]
struct First {
    place: u64,
    urgency: Urgency,
    way: Way,
    ready_ms: i64,
}

/// The delivery of a lane that is being sent. Its urgency rises with that of the lane while it waits for its
/// turn: what is behind it waits for it.
#[derive(Debug)]
struct InFlight {
    place: u64,
    urgency: watch::Sender<Urgency>,
    /// It is no longer in the store, by a commit of ours.
    is_over: bool,
}

/// All lanes of one school.
#[derive(Debug, Default)]
pub struct Lanes {
    /// By place, which is the order of a lane.
    stubs: BTreeMap<u64, Stub>,
    lanes: BTreeSet<(LaneKey, u64)>,
    busy: BTreeMap<LaneKey, InFlight>,
    bodies: HashMap<u64, Delivery>,
    /// Marked as being sent by the commit that added them or that settled the delivery before them.
    marked: BTreeSet<u64>,
    /// Configured platforms; deliveries to others wait for the configuration.
    accounts: BTreeMap<Target, Account>,
    /// Nothing more is sent.
    held: bool,
    last_place: u64,
    /// The time at the last [`Lanes::next`], milliseconds.
    looked_ms: i64,
}

/// A delivery whose turn has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Go {
    pub lane: LaneKey,
    pub place: u64,
    /// The urgency of its lane.
    pub urgency: Urgency,
    /// `None` if it has to be read from the store.
    pub body: Option<Box<Delivery>>,
    /// Already marked as being sent in the store.
    pub is_marked: bool,
}

/// The next delivery, if any.
#[derive(Debug, PartialEq)]
pub enum Next {
    Go(Go),
    /// Nothing yet; something at this time.
    At(At),
    Nothing,
}

/// The state of a delivery after a try.
#[derive(Debug, Clone, PartialEq)]
pub enum Back {
    /// It is no longer in the store.
    Gone,
    /// It returns with a new state.
    Again(Box<Delivery>),
    /// Nothing was tried: its body could not be read.
    Unread { not_before: At },
}

impl Lanes {
    pub fn new(rooms: BTreeMap<Target, Room>) -> Self {
        let accounts = rooms.into_iter().map(|(target, room)| (target, Account::new(room))).collect();
        Self { accounts, ..Self::default() }
    }

    /// Adds deliveries of the store; known ones are unchanged.
    pub fn push(&mut self, delivery: Delivery) {
        let (place, stub) = (delivery.seq, Stub::of(&delivery));
        self.last_place = self.last_place.max(place);
        if self.stubs.contains_key(&place) {
            return;
        }
        self.change(stub.lane, |lanes| {
            lanes.stubs.insert(place, stub);
            lanes.lanes.insert((stub.lane, place));
        });
        if let Some(flight) = self.busy.get(&stub.lane) {
            flight.urgency.send_if_modified(|urgency| {
                let rises = stub.urgency < *urgency;
                *urgency = stub.urgency.min(*urgency);
                rises
            });
        }
        self.hold_body(delivery);
    }

    fn hold_body(&mut self, delivery: Delivery) {
        if self.bodies.len() < BODIES_MAX {
            self.bodies.insert(delivery.seq, delivery);
        }
    }

    /// A commit has marked this delivery as being sent, so it needs no further commit. No change for one in
    /// flight.
    pub fn mark(&mut self, delivery: Delivery) {
        let place = delivery.seq;
        let is_waiting = self.stubs.get(&place).is_some_and(|stub| self.flying(stub.lane) != Some(place));
        if is_waiting {
            self.marked.insert(place);
            self.bodies.insert(place, delivery);
        }
    }

    /// It is no longer in the store. A delivery in flight is settled when it returns.
    pub fn forget(&mut self, place: u64) {
        let Some(lane) = self.stubs.get(&place).map(|stub| stub.lane) else { return };
        match self.busy.get_mut(&lane).filter(|flight| flight.place == place) {
            Some(flight) => flight.is_over = true,
            None => self.change(lane, |lanes| lanes.remove(lane, place)),
        }
    }

    /// Whether a commit of ours has ended the delivery in flight: otherwise a store without it has lost it.
    pub fn is_over(&self, lane: LaneKey) -> bool {
        self.busy.get(&lane).is_some_and(|flight| flight.is_over)
    }

    /// The most urgent delivery that may be sent at `now`, which has just been read from the clock; its lane is
    /// busy until [`Lanes::settle`].
    pub fn next(&mut self, now: At) -> Next {
        self.follow_clock(now.timestamp_millis());
        if self.held {
            return Next::Nothing;
        }
        self.fall_due(now);
        let first = self.accounts.values().filter_map(|account| account.first(now)).min();
        let Some((urgency, place)) = first else {
            let next = self.accounts.values().filter_map(Account::opens).min();
            return next.and_then(At::from_timestamp_millis).map_or(Next::Nothing, Next::At);
        };
        self.go(urgency, place).map_or(Next::Nothing, Next::Go)
    }

    fn go(&mut self, urgency: Urgency, place: u64) -> Option<Go> {
        let Stub { lane, way, .. } = *self.stubs.get(&place)?;
        self.unlist(lane);
        let flight = InFlight { place, urgency: watch::Sender::new(urgency), is_over: false };
        self.busy.insert(lane, flight);
        if let Some(account) = self.accounts.get_mut(&lane.target) {
            account.leaves(way);
        }
        let body = self.bodies.remove(&place).map(Box::new);
        Some(Go { lane, place, urgency, body, is_marked: self.marked.remove(&place) })
    }

    /// A delivery that is marked as being sent and was not sent: only these are sent when the school stops.
    pub fn next_marked(&mut self) -> Option<Go> {
        let is_free =
            |place: &u64| self.stubs.get(place).is_some_and(|stub| !self.busy.contains_key(&stub.lane));
        let place = self.marked.iter().copied().find(is_free)?;
        let urgency = self.stubs.get(&place)?.urgency;
        self.go(urgency, place)
    }

    /// A try has ended.
    pub fn settle(&mut self, lane: LaneKey, back: Back) {
        let Some(InFlight { place, .. }) = self.busy.remove(&lane) else { return };
        if let (Some(account), Some(stub)) = (self.accounts.get_mut(&lane.target), self.stubs.get(&place)) {
            account.lands(stub.way);
        }
        match back {
            Back::Gone => self.remove(lane, place),
            Back::Again(delivery) => {
                self.stubs.insert(place, Stub { lane, ..Stub::of(&delivery) });
                self.hold_body(*delivery);
            }
            Back::Unread { not_before } => {
                let ready_ms = not_before.timestamp_millis();
                self.stubs.entry(place).and_modify(|stub| stub.ready_ms = ready_ms);
            }
        }
        self.list(lane);
    }

    /// The delivery that would follow at `now` in this lane once its delivery in flight is settled, unless
    /// another lane comes first: the same commit may mark it.
    pub fn following(&mut self, lane: LaneKey, now: At) -> Option<Delivery> {
        let flying = self.flying(lane)?;
        self.fall_due(now);
        let first = self.first_of(lane, Some(flying))?;
        let is_next =
            !self.held && first.ready_ms <= now.timestamp_millis() && !self.marked.contains(&first.place);
        let freed = self.stubs.get(&flying)?.way;
        let may = is_next
            && self.accounts.get(&lane.target)?.would_take(
                (first.urgency, first.place),
                first.way,
                Some(freed),
            );
        self.bodies.get(&first.place).filter(|_| may).cloned()
    }

    /// Whether this new delivery would be sent at once: its lane contains only the delivery `settled` by the
    /// same commit.
    pub fn takes_at_once(&self, delivery: &Delivery, settled: Option<u64>) -> bool {
        let lane = key_of(delivery);
        let flying = self.flying(lane);
        let freed = flying
            .filter(|_| flying == settled)
            .and_then(|place| self.stubs.get(&place))
            .map(|stub| stub.way);
        let is_free = flying == freed.and(flying) && self.first_of(lane, flying).is_none();
        let rank = (delivery.command.urgency, u64::MAX);
        let account = self.accounts.get(&lane.target);
        !self.held
            && is_free
            && account.is_some_and(|account| account.would_take(rank, Way::of(delivery), freed))
    }

    /// Stops all lanes of an account until `until`.
    pub fn shut(&mut self, target: Target, until: At) {
        if let Some(account) = self.accounts.get_mut(&target) {
            account.shut_until = Some(until);
        }
    }

    /// Deliveries in flight return, and nothing more is sent: new lanes will follow.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// The account works again.
    pub fn reopen(&mut self, target: Target) {
        if let Some(account) = self.accounts.get_mut(&target) {
            account.shut_until = None;
        }
    }

    pub fn shut_until(&self, target: Target) -> Option<At> {
        self.accounts.get(&target)?.shut_until
    }

    /// The urgency of a lane, as long as its delivery is in flight.
    pub fn urgency(&self, lane: LaneKey) -> Option<watch::Receiver<Urgency>> {
        self.busy.get(&lane).map(|flight| flight.urgency.subscribe())
    }

    fn flying(&self, lane: LaneKey) -> Option<u64> {
        self.busy.get(&lane).map(|flight| flight.place)
    }

    /// Deliveries for this account, waiting or in flight.
    pub fn waiting_for(&self, target: Target) -> usize {
        self.stubs.values().filter(|stub| stub.lane.target == target).count()
    }

    pub fn in_flight(&self) -> usize {
        self.busy.len()
    }

    pub fn waiting(&self) -> usize {
        self.stubs.len() - self.busy.len()
    }

    /// Whether it is known here, waiting or in flight.
    pub fn held(&self) -> usize {
        self.stubs.len()
    }

    /// The last known place that the store has assigned.
    pub fn last_place(&self) -> u64 {
        self.last_place
    }

    /// Whether a delivery may be sent at `now`.
    pub fn has_ready(&mut self, now: At) -> bool {
        self.fall_due(now);
        !self.held && self.accounts.values().any(|account| account.first(now).is_some())
    }

    /// Lanes whose waiting time has come are ready.
    fn fall_due(&mut self, now: At) {
        let targets: Vec<Target> = self.accounts.keys().copied().collect();
        for target in targets {
            while let Some(place) = self.accounts.get_mut(&target).and_then(|account| account.due(now)) {
                let lane = self.stubs.get(&place).map(|stub| stub.lane);
                let first = lane.and_then(|lane| self.first_of(lane, None));
                if let (Some(first), Some(account)) = (first, self.accounts.get_mut(&target)) {
                    account.ready(first.way).insert((first.urgency, first.place));
                }
            }
        }
    }

    /// After the clock was set back, every wait has as much left as before.
    fn follow_clock(&mut self, now_ms: i64) {
        let back = self.looked_ms - now_ms;
        self.looked_ms = now_ms;
        if back <= SET_BACK_MS {
            return;
        }
        let moved = |at_ms: i64| if at_ms > now_ms { (at_ms - back).max(now_ms) } else { at_ms };
        self.stubs.values_mut().for_each(|stub| stub.ready_ms = moved(stub.ready_ms));
        self.accounts.values_mut().for_each(|account| account.move_waits(moved));
    }

    /// Changes one lane, and the lists that contain its first delivery.
    fn change(&mut self, lane: LaneKey, change: impl FnOnce(&mut Self)) {
        self.unlist(lane);
        change(self);
        self.list(lane);
    }

    fn remove(&mut self, lane: LaneKey, place: u64) {
        self.stubs.remove(&place);
        self.lanes.remove(&(lane, place));
        self.bodies.remove(&place);
        self.marked.remove(&place);
    }

    fn unlist(&mut self, lane: LaneKey) {
        if !self.busy.contains_key(&lane)
            && let Some(first) = self.first_of(lane, None)
            && let Some(account) = self.accounts.get_mut(&lane.target)
        {
            let was_ready = account.ready(first.way).remove(&(first.urgency, first.place));
            let _ = was_ready || account.later.remove(&(first.ready_ms, first.place));
        }
    }

    fn list(&mut self, lane: LaneKey) {
        if !self.busy.contains_key(&lane)
            && let Some(first) = self.first_of(lane, None)
            && let Some(account) = self.accounts.get_mut(&lane.target)
        {
            account.later.insert((first.ready_ms, first.place));
        }
    }

    /// The first delivery of a lane that is not in flight.
    fn first_of(&self, lane: LaneKey, flying: Option<u64>) -> Option<First> {
        let places = self.lanes.range((lane, 0)..=(lane, u64::MAX)).map(|(_, place)| *place);
        let mut waiting = places
            .filter(|place| Some(*place) != flying)
            .filter_map(|place| Some((place, self.stubs.get(&place)?)));
        let (place, stub) = waiting.next()?;
        let urgency =
            waiting.map(|(_, stub)| stub.urgency).min().map_or(stub.urgency, |more| more.min(stub.urgency));
        Some(First { place, urgency, way: stub.way, ready_ms: stub.ready_ms })
    }
}
