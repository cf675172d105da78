//! Lanes: deliveries of one client to one platform, in order, one at a time.
//! Holds what waits in memory and says which delivery goes next; the store holds the truth.
//! Enter at [`Lanes::next`].

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::platform::Room;
use crate::process::{Ask, At, ClientId, CommandId, Target, Urgency};
use crate::store::{Delivery, DeliveryState};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneKey {
    pub target: Target,
    pub client: ClientId,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Delivery>,
    /// One of this lane is on its way.
    busy: Option<Way>,
}

/// How a delivery goes: with others in one request, or alone, so that each takes a turn of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Together,
    Alone,
}

impl Way {
    fn of(delivery: &Delivery) -> Self {
        match delivery.command.ask {
            Ask::SaveLead(_) | Ask::CreateTask(_) | Ask::MoveTask { .. } | Ask::AddNote { .. } => {
                Self::Together
            }
            Ask::AddCall { .. } | Ask::SetPrice { .. } | Ask::SetResponsible { .. } => Self::Together,
            _ => Self::Alone,
        }
    }
}

impl Lane {
    /// The most urgent command lifts its whole lane; of two the one that waits longer goes first.
    fn rank(&self) -> Option<Rank> {
        let urgency = self.waiting.iter().map(|delivery| delivery.command.urgency).min()?;
        Some((urgency, self.waiting.front()?.seq))
    }

    fn way(&self) -> Option<Way> {
        self.waiting.front().map(Way::of)
    }

    fn ready_at(&self) -> Option<At> {
        let first = self.waiting.front()?;
        Some(match first.state {
            DeliveryState::Waiting | DeliveryState::Sending => first.created_at,
            DeliveryState::Unclear { not_before } | DeliveryState::Later { not_before } => not_before,
        })
    }
}

type Rank = (Urgency, u64);

/// What one account may do just now, and its lanes that wait, in the order in which they go.
#[derive(Debug)]
struct Account {
    room: Room,
    /// On their way together, and alone.
    in_flight: [usize; 2],
    /// Denied: nothing leaves before this, then one probe.
    shut_until: Option<At>,
    /// May leave together, and alone.
    ready: [BTreeSet<(Rank, LaneKey)>; 2],
    /// May leave at a time to come.
    later: BTreeSet<(At, LaneKey)>,
}

impl Account {
    fn new(room: Room) -> Self {
        Self { room, in_flight: [0; 2], shut_until: None, ready: Default::default(), later: BTreeSet::new() }
    }

    fn flying(&self) -> usize {
        self.in_flight.iter().sum()
    }

    /// A denied account lets one probe through when its time comes, not a hundred.
    fn has_room(&self, urgency: Urgency, way: usize) -> bool {
        let Room { together, alone, money } = self.room;
        match urgency {
            _ if self.shut_until.is_some() => self.flying() == 0,
            Urgency::Money => self.flying() < together + alone + money,
            _ => self.in_flight[way] < [together, alone][way],
        }
    }

    fn is_open(&self, now: At) -> bool {
        self.shut_until.is_none_or(|until| until <= now)
    }

    /// Of both ways the first for which there is room.
    fn waiting(&self) -> Option<&(Rank, LaneKey)> {
        let firsts = self
            .ready
            .iter()
            .enumerate()
            .filter_map(|(way, ready)| ready.first().filter(|(rank, _)| self.has_room(rank.0, way)));
        firsts.min()
    }

    /// The first that may leave at `now`; all that is due is among `ready`.
    fn first(&self, now: At) -> Option<&(Rank, LaneKey)> {
        self.waiting().filter(|_| self.is_open(now))
    }

    /// When something may leave by the passing of time alone.
    fn opens(&self) -> Option<At> {
        let ready = self.waiting().and(self.shut_until);
        let later = self.later.first().filter(|_| self.has_room(Urgency::Money, 0));
        let later = later.map(|(at, _)| self.shut_until.map_or(*at, |until| until.max(*at)));
        [ready, later].into_iter().flatten().min()
    }
}

/// All lanes of one school.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: BTreeMap<LaneKey, Lane>,
    /// Platforms that the school has set up; the deliveries of others wait for the configuration.
    accounts: BTreeMap<Target, Account>,
    /// Where a delivery waits. Asked by id only, so its order does not matter.
    places: HashMap<CommandId, LaneKey>,
    waiting: usize,
    /// Nothing more leaves.
    held: bool,
}

/// Answer to «what goes next».
#[derive(Debug, PartialEq)]
pub enum Next {
    Go(Box<Delivery>),
    /// Nothing yet; something at this time.
    At(At),
    Nothing,
}

impl Lanes {
    pub fn new(rooms: BTreeMap<Target, Room>) -> Self {
        let accounts = rooms.into_iter().map(|(target, room)| (target, Account::new(room))).collect();
        Self { accounts, ..Self::default() }
    }

    pub fn push(&mut self, delivery: Delivery) {
        let key = key_of(&delivery);
        self.change(&key, |lane| {
            let place = lane.waiting.partition_point(|other| other.seq <= delivery.seq);
            lane.waiting.insert(place, delivery);
        });
    }

    /// Takes back what has not left, true if there was any; what is on its way is no longer here.
    pub fn revoke(&mut self, id: &CommandId) -> bool {
        let Some(key) = self.places.get(id).cloned() else { return false };
        let before = self.waiting;
        self.change(&key, |lane| {
            lane.waiting.retain(|delivery| {
                delivery.id() != id
                    || matches!(delivery.state, DeliveryState::Unclear { .. } | DeliveryState::Sending)
            });
        });
        self.waiting < before
    }

    /// The most urgent delivery that may leave at `now`; its lane is busy until [`Lanes::settle`].
    /// It goes with the urgency of its lane.
    pub fn next(&mut self, now: At) -> Next {
        if self.held {
            return Next::Nothing;
        }
        self.fall_due(now);
        let first = self.accounts.values().filter_map(|account| account.first(now)).min().cloned();
        let Some(((urgency, _), key)) = first else {
            let next = self.accounts.values().filter_map(Account::opens).min();
            return next.map_or(Next::Nothing, Next::At);
        };
        let mut taken = None;
        self.change(&key, |lane| {
            taken = lane.waiting.pop_front();
            lane.busy = taken.as_ref().map(Way::of);
        });
        let Some(mut delivery) = taken else { return Next::Nothing };
        if let Some(account) = self.accounts.get_mut(&key.target) {
            account.in_flight[Way::of(&delivery) as usize] += 1;
        }
        delivery.command.urgency = urgency;
        Next::Go(Box::new(delivery))
    }

    /// The delivery is done with, or comes `back` with a new state.
    pub fn settle(&mut self, key: &LaneKey, back: Option<Delivery>) {
        let busy = self.lanes.get(key).and_then(|lane| lane.busy);
        if let (Some(account), Some(way)) = (self.accounts.get_mut(&key.target), busy) {
            account.in_flight[way as usize] = account.in_flight[way as usize].saturating_sub(1);
        }
        self.change(key, |lane| {
            lane.busy = None;
            if let Some(delivery) = back {
                lane.waiting.push_front(delivery);
            }
        });
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
        self.accounts.values().map(Account::flying).sum()
    }

    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Is there something that may leave at `now`?
    pub fn has_ready(&mut self, now: At) -> bool {
        self.fall_due(now);
        !self.held && self.accounts.values().any(|account| account.first(now).is_some())
    }

    /// What waited for a time that has come is ready.
    fn fall_due(&mut self, now: At) {
        for account in self.accounts.values_mut() {
            while account.later.first().is_some_and(|(at, _)| *at <= now) {
                let Some((_, key)) = account.later.pop_first() else { break };
                let Some(lane) = self.lanes.get(&key) else { continue };
                if let (Some(rank), Some(way)) = (lane.rank(), lane.way()) {
                    account.ready[way as usize].insert((rank, key));
                }
            }
        }
    }

    /// Changes one lane, and the lists in which it stands with it.
    fn change(&mut self, key: &LaneKey, change: impl FnOnce(&mut Lane)) {
        let lane = self.lanes.entry(key.clone()).or_default();
        if let (Some(account), None) = (self.accounts.get_mut(&key.target), lane.busy)
            && let (Some(rank), Some(at), Some(way)) = (lane.rank(), lane.ready_at(), lane.way())
        {
            let was_ready = account.ready[way as usize].remove(&(rank, key.clone()));
            let _ = was_ready || account.later.remove(&(at, key.clone()));
        }
        self.waiting -= lane.waiting.len();
        for delivery in &lane.waiting {
            self.places.remove(delivery.id());
        }
        change(lane);
        self.waiting += lane.waiting.len();
        for delivery in &lane.waiting {
            self.places.insert(delivery.id().clone(), key.clone());
        }
        if lane.busy.is_some() {
            return;
        }
        match (self.accounts.get_mut(&key.target), lane.ready_at()) {
            (_, None) => drop(self.lanes.remove(key)),
            (Some(account), Some(at)) => drop(account.later.insert((at, key.clone()))),
            (None, Some(_)) => {}
        }
    }
}

pub fn key_of(delivery: &Delivery) -> LaneKey {
    LaneKey { target: delivery.command.ask.target(), client: delivery.command.client.clone() }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::process::Command;

    fn at(second: i64) -> At {
        At::from_timestamp(1_795_000_000 + second, 0).expect("in range")
    }

    fn delivery(seq: u64, client: &str, urgency: Urgency) -> Delivery {
        let command = Command {
            id: CommandId(format!("gc-1.{seq}")),
            order: "gc-1".into(),
            client: client.into(),
            urgency,
            ask: Ask::AddComment { text: "·".to_owned() },
        };
        let state = DeliveryState::Waiting;
        Delivery { seq, command, created_at: at(0), state, attempts: 0, fault: None }
    }

    fn lanes(max: usize) -> Lanes {
        Lanes::new(BTreeMap::from([(Target::Getcourse, Room { together: 0, alone: max, money: 1 })]))
    }

    fn go(lanes: &mut Lanes, now: At) -> Option<u64> {
        match lanes.next(now) {
            Next::Go(delivery) => Some(delivery.seq),
            _ => None,
        }
    }

    #[test]
    fn one_client_goes_in_order_one_at_a_time_and_an_urgent_command_lifts_its_lane() {
        let mut lanes = lanes(4);
        lanes.push(delivery(1, "c-1", Urgency::Usual));
        lanes.push(delivery(2, "c-2", Urgency::Hot));
        lanes.push(delivery(3, "c-1", Urgency::Money));
        assert_eq!(go(&mut lanes, at(1)), Some(1), "the payment behind it lifts the first of its lane");
        assert_eq!(go(&mut lanes, at(1)), Some(2));
        assert_eq!(go(&mut lanes, at(1)), None, "the lane of c-1 is busy");
        lanes.settle(&key_of(&delivery(1, "c-1", Urgency::Usual)), None);
        assert_eq!(go(&mut lanes, at(1)), Some(3));
    }

    #[test]
    fn a_backoff_holds_its_lane_only() {
        let mut lanes = lanes(4);
        let mut first = delivery(1, "c-1", Urgency::Usual);
        first.state = DeliveryState::Later { not_before: at(60) };
        lanes.push(first);
        lanes.push(delivery(2, "c-1", Urgency::Usual));
        lanes.push(delivery(3, "c-2", Urgency::Usual));
        assert_eq!(go(&mut lanes, at(1)), Some(3));
        assert_eq!(lanes.next(at(1)), Next::At(at(60)));
        assert_eq!(go(&mut lanes, at(60)), Some(1));
    }

    #[test]
    fn a_denied_account_stops_and_later_lets_one_probe_through() {
        let mut lanes = lanes(4);
        lanes.push(delivery(1, "c-1", Urgency::Usual));
        lanes.push(delivery(2, "c-2", Urgency::Usual));
        lanes.shut(Target::Getcourse, at(300));
        assert_eq!(lanes.next(at(1)), Next::At(at(300)));
        assert_eq!(go(&mut lanes, at(300)), Some(1));
        assert_eq!(lanes.next(at(300) + TimeDelta::seconds(1)), Next::Nothing, "one probe at a time");
        lanes.reopen(Target::Getcourse);
        assert_eq!(go(&mut lanes, at(301)), Some(2));
    }

    #[test]
    fn what_may_have_been_sent_cannot_be_revoked() {
        let mut lanes = lanes(4);
        let mut unclear = delivery(1, "c-1", Urgency::Usual);
        unclear.state = DeliveryState::Unclear { not_before: at(5) };
        lanes.push(unclear);
        lanes.push(delivery(2, "c-1", Urgency::Usual));
        assert!(!lanes.revoke(&CommandId("gc-1.1".to_owned())));
        assert!(lanes.revoke(&CommandId("gc-1.2".to_owned())));
        assert_eq!(lanes.waiting(), 1);
    }

    #[test]
    fn money_is_never_kept_out_by_full_flights() {
        let mut lanes = lanes(2);
        for seq in 1..=4 {
            lanes.push(delivery(seq, &format!("c-{seq}"), Urgency::Hot));
        }
        assert_eq!((go(&mut lanes, at(1)), go(&mut lanes, at(1))), (Some(1), Some(2)));
        assert_eq!(lanes.next(at(1)), Next::Nothing, "full");
        lanes.push(delivery(5, "c-4", Urgency::Money));
        assert!(lanes.has_ready(at(1)));
        let Next::Go(first) = lanes.next(at(1)) else { panic!("the payment's lane goes") };
        assert_eq!((first.seq, first.command.urgency), (4, Urgency::Money), "with its lane's urgency");
        assert_eq!(lanes.next(at(1)), Next::Nothing);
    }

    #[test]
    fn a_platform_that_is_not_set_up_keeps_its_deliveries() {
        let mut lanes = Lanes::new(BTreeMap::new());
        lanes.push(delivery(1, "c-1", Urgency::Usual));
        assert_eq!(lanes.next(at(1)), Next::Nothing);
        assert_eq!(lanes.waiting(), 1);
    }
}
