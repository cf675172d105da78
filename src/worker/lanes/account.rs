//! The limits of one account: which lanes are ready, and which wait for a time. A lane is known only by the
//! place of its first delivery. Enter at [`Account::first`].

use std::collections::BTreeSet;

use crate::platform::Room;
use crate::process::{Ask, At, Urgency};
use crate::store::Delivery;

/// How a delivery is sent: in a batch, or alone, with a turn of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Together,
    Alone,
}

impl Way {
    pub fn of(delivery: &Delivery) -> Self {
        match delivery.command.ask {
            Ask::SaveLead(_) | Ask::CreateTask(_) | Ask::MoveTask { .. } | Ask::AddNote { .. } => {
                Self::Together
            }
            Ask::AddCall { .. } | Ask::SetPrice { .. } | Ask::SetTags { .. } | Ask::SetResponsible { .. } => {
                Self::Together
            }
            _ => Self::Alone,
        }
    }
}

/// Urgency of a lane and the place of its first delivery: among equal urgencies the older one comes first.
pub type Rank = (Urgency, u64);

#[derive(Debug)]
pub struct Account {
    room: Room,
    /// Deliveries in flight, together and alone.
    in_flight: [usize; 2],
    /// Denied: nothing is sent before this, then one probe.
    pub shut_until: Option<At>,
    /// Ready to be sent, together and alone.
    ready: [BTreeSet<Rank>; 2],
    /// Waiting for a time: milliseconds, and the place of the lane's first delivery.
    pub later: BTreeSet<(i64, u64)>,
}

impl Account {
    pub fn new(room: Room) -> Self {
        Self { room, in_flight: [0; 2], shut_until: None, ready: Default::default(), later: BTreeSet::new() }
    }

    pub fn ready(&mut self, way: Way) -> &mut BTreeSet<Rank> {
        &mut self.ready[way as usize]
    }

    pub fn leaves(&mut self, way: Way) {
        self.in_flight[way as usize] += 1;
    }

    pub fn lands(&mut self, way: Way) {
        self.in_flight[way as usize] = self.in_flight[way as usize].saturating_sub(1);
    }

    /// The first delivery that may be sent at `now`; all due ones are in `ready`.
    pub fn first(&self, now: At) -> Option<Rank> {
        self.waiting(self.in_flight).filter(|_| self.shut_until.is_none_or(|until| until <= now))
    }

    /// When something may be sent without another event, milliseconds.
    pub fn opens(&self) -> Option<i64> {
        let shut_ms = self.shut_until.map(|until| until.timestamp_millis());
        let ready = self.waiting(self.in_flight).and(shut_ms);
        let later = self.later.first().filter(|_| self.has_room(self.in_flight, Urgency::Money, 0));
        let later = later.map(|(at_ms, _)| shut_ms.map_or(*at_ms, |until| until.max(*at_ms)));
        [ready, later].into_iter().flatten().min()
    }

    /// Every waiting time becomes another one, in the same order.
    pub fn move_waits(&mut self, moved: impl Fn(i64) -> i64) {
        self.later = self.later.iter().map(|(at_ms, place)| (moved(*at_ms), *place)).collect();
        let shut = self.shut_until.map(|until| moved(until.timestamp_millis()));
        self.shut_until = shut.and_then(At::from_timestamp_millis).or(self.shut_until);
    }

    /// Removes a lane whose time has come, and returns the place of its first delivery.
    pub fn due(&mut self, now: At) -> Option<u64> {
        let (at_ms, place) = *self.later.first()?;
        if at_ms > now.timestamp_millis() {
            return None;
        }
        self.later.pop_first();
        Some(place)
    }

    /// Whether this delivery would be the next one if a flight of the way `freed` had ended.
    pub fn would_take(&self, rank: Rank, way: Way, freed: Option<Way>) -> bool {
        let mut in_flight = self.in_flight;
        if let Some(freed) = freed {
            in_flight[freed as usize] = in_flight[freed as usize].saturating_sub(1);
        }
        self.shut_until.is_none()
            && self.has_room(in_flight, rank.0, way as usize)
            && self.waiting(in_flight).is_none_or(|other| rank <= other)
    }

    /// The first delivery of either way for which there is room.
    fn waiting(&self, in_flight: [usize; 2]) -> Option<Rank> {
        let firsts = self.ready.iter().enumerate().filter_map(|(way, ready)| {
            ready.first().copied().filter(|(urgency, _)| self.has_room(in_flight, *urgency, way))
        });
        firsts.min()
    }

    /// A denied account lets one probe through when its time comes, not a hundred.
    fn has_room(&self, in_flight: [usize; 2], urgency: Urgency, way: usize) -> bool {
        let Room { together, alone, money } = self.room;
        let flying: usize = in_flight.iter().sum();
        match urgency {
            _ if self.shut_until.is_some() => flying == 0,
            Urgency::Money => flying < together + alone + money,
            _ => in_flight[way] < [together, alone][way],
        }
    }
}
