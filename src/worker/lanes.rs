//! Lanes: deliveries of one client to one platform, in order, one at a time.
//! Holds what waits in memory and says which delivery goes next; the store holds the truth.
//! Enter at [`Lanes::next`].

use std::collections::{BTreeMap, VecDeque};

use crate::process::{At, ClientId, CommandId, Target, Urgency};
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
    busy: bool,
}

impl Lane {
    /// The most urgent command lifts its whole lane.
    fn urgency(&self) -> Option<Urgency> {
        self.waiting.iter().map(|delivery| delivery.command.urgency).min()
    }

    fn ready_at(&self) -> Option<At> {
        let first = self.waiting.front()?;
        Some(match first.state {
            DeliveryState::Waiting | DeliveryState::Sending => first.created_at,
            DeliveryState::Unclear { not_before } | DeliveryState::Later { not_before } => not_before,
        })
    }
}

/// What one account may do just now.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Account {
    in_flight: usize,
    /// Denied: nothing leaves before this, then one probe.
    shut_until: Option<At>,
}

/// All lanes of one school.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: BTreeMap<LaneKey, Lane>,
    accounts: BTreeMap<Target, Account>,
    /// Platforms that the school has not set up: their deliveries wait for the configuration.
    in_flight_max: BTreeMap<Target, usize>,
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
    /// `in_flight_max`: how many lanes of a platform may be on their way at once.
    pub fn new(in_flight_max: BTreeMap<Target, usize>) -> Self {
        Self { lanes: BTreeMap::new(), accounts: BTreeMap::new(), in_flight_max }
    }

    pub fn push(&mut self, delivery: Delivery) {
        let key = key_of(&delivery);
        let lane = self.lanes.entry(key).or_default();
        let place = lane.waiting.partition_point(|other| other.seq <= delivery.seq);
        lane.waiting.insert(place, delivery);
    }

    /// Takes back what has not left; what is on its way is no longer here.
    pub fn revoke(&mut self, id: &CommandId) {
        for lane in self.lanes.values_mut() {
            lane.waiting.retain(|delivery| {
                delivery.id() != id
                    || matches!(delivery.state, DeliveryState::Unclear { .. } | DeliveryState::Sending)
            });
        }
        self.lanes.retain(|_, lane| lane.busy || !lane.waiting.is_empty());
    }

    /// The most urgent delivery that may leave at `now`; its lane is busy until [`Lanes::settle`].
    pub fn next(&mut self, now: At) -> Next {
        let mut best: Option<(Urgency, u64, LaneKey)> = None;
        let mut earliest: Option<At> = None;
        for (key, lane) in &self.lanes {
            let Some(open_at) = self.account_opens(key.target, now) else { continue };
            let (false, Some(ready), Some(urgency), Some(first)) =
                (lane.busy, lane.ready_at(), lane.urgency(), lane.waiting.front())
            else {
                continue;
            };
            let ready = ready.max(open_at);
            if ready > now {
                earliest = Some(earliest.map_or(ready, |at| at.min(ready)));
            } else if best.as_ref().is_none_or(|(u, seq, _)| (urgency, first.seq) < (*u, *seq)) {
                best = Some((urgency, first.seq, key.clone()));
            }
        }
        match best.and_then(|(_, _, key)| self.take(key)) {
            Some(delivery) => Next::Go(Box::new(delivery)),
            None => earliest.map_or(Next::Nothing, Next::At),
        }
    }

    /// The delivery is done with, or comes `back` with a new state.
    pub fn settle(&mut self, key: &LaneKey, back: Option<Delivery>) {
        if let Some(account) = self.accounts.get_mut(&key.target) {
            account.in_flight = account.in_flight.saturating_sub(1);
        }
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.busy = false;
            if let Some(delivery) = back {
                lane.waiting.push_front(delivery);
            }
            if lane.waiting.is_empty() {
                self.lanes.remove(key);
            }
        }
    }

    /// Stops all lanes of an account until `until`.
    pub fn shut(&mut self, target: Target, until: At) {
        self.accounts.entry(target).or_default().shut_until = Some(until);
    }

    /// The account works again.
    pub fn reopen(&mut self, target: Target) {
        self.accounts.entry(target).or_default().shut_until = None;
    }

    pub fn is_shut(&self, target: Target) -> bool {
        self.accounts.get(&target).is_some_and(|account| account.shut_until.is_some())
    }

    pub fn in_flight(&self) -> usize {
        self.accounts.values().map(|account| account.in_flight).sum()
    }

    pub fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// When the account takes the next delivery: `None` while it is full. A denied account lets
    /// one probe through when its time comes, not a hundred.
    fn account_opens(&self, target: Target, now: At) -> Option<At> {
        let max = self.in_flight_max.get(&target).copied()?;
        let account = self.accounts.get(&target).copied().unwrap_or_default();
        let max = if account.shut_until.is_some() { 1 } else { max };
        if account.in_flight >= max {
            return None;
        }
        Some(account.shut_until.unwrap_or(now))
    }

    /// Is there something that may leave at `now`?
    pub fn has_ready(&self, now: At) -> bool {
        self.lanes.iter().any(|(key, lane)| {
            !lane.busy
                && self.account_opens(key.target, now).is_some_and(|at| at <= now)
                && lane.ready_at().is_some_and(|at| at <= now)
        })
    }

    fn take(&mut self, key: LaneKey) -> Option<Delivery> {
        let lane = self.lanes.get_mut(&key)?;
        let delivery = lane.waiting.pop_front()?;
        lane.busy = true;
        self.accounts.entry(key.target).or_default().in_flight += 1;
        Some(delivery)
    }
}

pub fn key_of(delivery: &Delivery) -> LaneKey {
    LaneKey { target: delivery.command.ask.target(), client: delivery.command.client.clone() }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::process::{Ask, Command};

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
        Lanes::new(BTreeMap::from([(Target::Getcourse, max)]))
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
        lanes.revoke(&CommandId("gc-1.1".to_owned()));
        lanes.revoke(&CommandId("gc-1.2".to_owned()));
        assert_eq!(lanes.waiting(), 1);
    }

    #[test]
    fn a_platform_that_is_not_set_up_keeps_its_deliveries() {
        let mut lanes = Lanes::new(BTreeMap::new());
        lanes.push(delivery(1, "c-1", Urgency::Usual));
        assert_eq!(lanes.next(at(1)), Next::Nothing);
        assert_eq!(lanes.waiting(), 1);
    }
}
