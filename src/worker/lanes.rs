//! Lanes: deliveries of one client to one platform, in order, one at a time.
//! Holds of each delivery the few numbers that say when it goes, and the bodies of the next ones only: a
//! backlog of any length fits into memory. The store holds the truth, and gives the other bodies when their
//! turn comes. Enter at [`Lanes::next`].

mod account;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use account::{Account, Way};

use crate::platform::Room;
use crate::process::{At, ClientId, Target, Urgency};
use crate::store::{Delivery, DeliveryState};

/// So many bodies are held; what is committed beyond them is read from the store later.
const BODIES_MAX: usize = 1_000;

/// A lane, with its client as a short hash: two clients of one hash share a lane, which only makes one of
/// them wait for the other.
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

/// What is held of every delivery.
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
            DeliveryState::Waiting | DeliveryState::Sending => delivery.created_at,
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

/// The first of a lane, with the urgency of its lane: the most urgent lifts all before it.
#[derive(Debug, Clone, Copy)]
struct First {
    place: u64,
    urgency: Urgency,
    way: Way,
    ready_ms: i64,
}

/// All lanes of one school.
#[derive(Debug, Default)]
pub struct Lanes {
    /// By place, which is the order of a lane.
    stubs: BTreeMap<u64, Stub>,
    lanes: BTreeSet<(LaneKey, u64)>,
    /// Of what is on its way.
    busy: BTreeMap<LaneKey, u64>,
    bodies: HashMap<u64, Delivery>,
    /// Marked as being sent by the commit that added them or settled the one before them.
    marked: BTreeSet<u64>,
    /// Platforms that the school has set up; the deliveries of others wait for the configuration.
    accounts: BTreeMap<Target, Account>,
    /// Nothing more leaves.
    held: bool,
    last_place: u64,
}

/// A delivery whose turn has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Go {
    pub lane: LaneKey,
    pub place: u64,
    /// Of its lane.
    pub urgency: Urgency,
    /// `None` where the store has to be asked.
    pub body: Option<Box<Delivery>>,
    /// The store has it as being sent already.
    pub is_marked: bool,
}

/// Answer to «what goes next».
#[derive(Debug, PartialEq)]
pub enum Next {
    Go(Go),
    /// Nothing yet; something at this time.
    At(At),
    Nothing,
}

/// What a lane is to hold after a flight.
#[derive(Debug, Clone, PartialEq)]
pub enum Back {
    /// The store has it no longer.
    Gone,
    /// It comes back with a new state.
    Again(Box<Delivery>),
    /// Nothing was tried: its body could not be read.
    Unread { not_before: At },
}

impl Lanes {
    pub fn new(rooms: BTreeMap<Target, Room>) -> Self {
        let accounts = rooms.into_iter().map(|(target, room)| (target, Account::new(room))).collect();
        Self { accounts, ..Self::default() }
    }

    /// Takes in what the store holds; what is known already stays as it is.
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
        self.hold_body(delivery);
    }

    fn hold_body(&mut self, delivery: Delivery) {
        if self.bodies.len() < BODIES_MAX {
            self.bodies.insert(delivery.seq, delivery);
        }
    }

    /// This one was marked as being sent by a commit: it goes without another. Of one that is on its way
    /// that is known.
    pub fn mark(&mut self, delivery: Delivery) {
        let place = delivery.seq;
        let is_waiting = self.stubs.get(&place).is_some_and(|stub| self.busy.get(&stub.lane) != Some(&place));
        if is_waiting {
            self.marked.insert(place);
            self.bodies.insert(place, delivery);
        }
    }

    /// The store has it no longer. What is on its way is settled when it lands.
    pub fn forget(&mut self, place: u64) {
        let Some(lane) = self.stubs.get(&place).map(|stub| stub.lane) else { return };
        if self.busy.get(&lane) != Some(&place) {
            self.change(lane, |lanes| lanes.remove(lane, place));
        }
    }

    /// The most urgent delivery that may leave at `now`; its lane is busy until [`Lanes::settle`].
    pub fn next(&mut self, now: At) -> Next {
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
        self.busy.insert(lane, place);
        if let Some(account) = self.accounts.get_mut(&lane.target) {
            account.leaves(way);
        }
        let body = self.bodies.remove(&place).map(Box::new);
        Some(Go { lane, place, urgency, body, is_marked: self.marked.remove(&place) })
    }

    /// One that is marked as being sent and has not left: nothing else leaves when the school stops.
    pub fn next_marked(&mut self) -> Option<Go> {
        let is_free =
            |place: &u64| self.stubs.get(place).is_some_and(|stub| !self.busy.contains_key(&stub.lane));
        let place = self.marked.iter().copied().find(is_free)?;
        let urgency = self.stubs.get(&place)?.urgency;
        self.go(urgency, place)
    }

    /// The flight is over.
    pub fn settle(&mut self, lane: LaneKey, back: Back) {
        let Some(place) = self.busy.remove(&lane) else { return };
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

    /// What would leave this lane next at `now`, if its delivery that is on its way were settled, and if
    /// nothing else is to leave before it: it may be marked by the same commit.
    pub fn following(&mut self, lane: LaneKey, now: At) -> Option<Delivery> {
        let flying = *self.busy.get(&lane)?;
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

    /// Would this new one leave at once? Its lane holds nothing but what is `settled` by the same commit.
    pub fn takes_at_once(&self, delivery: &Delivery, settled: Option<u64>) -> bool {
        let lane = key_of(delivery);
        let flying = self.busy.get(&lane).copied();
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

    /// What is on its way lands, and nothing leaves any more: other lanes will follow.
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

    pub fn in_flight(&self) -> usize {
        self.busy.len()
    }

    pub fn waiting(&self) -> usize {
        self.stubs.len() - self.busy.len()
    }

    /// Known here, waiting or on its way.
    pub fn held(&self) -> usize {
        self.stubs.len()
    }

    /// The last place that the store is known to have given.
    pub fn last_place(&self) -> u64 {
        self.last_place
    }

    /// Is there something that may leave at `now`?
    pub fn has_ready(&mut self, now: At) -> bool {
        self.fall_due(now);
        !self.held && self.accounts.values().any(|account| account.first(now).is_some())
    }

    /// What waited for a time that has come is ready.
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

    /// Changes one lane, and the lists in which its first stands.
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

    /// The first of a lane, one that is on its way left out.
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
