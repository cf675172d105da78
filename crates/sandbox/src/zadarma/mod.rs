//! The Zadarma stand-in: signed events of calls, the call-back request, statistics.
//! How a call ends is decided by people, who pass it a [`Course`].
//! Enter at its [`Exchange`] and [`Phones`].

mod commands;
mod events;
mod setup;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

pub use self::setup::ZadarmaSetup;
use crate::calls::{Call, Command, Course, Employee};
use crate::faults::Budget;
use crate::lines::{Exchange, LinePost, Maker, Phones, Switchboard};
use crate::wire::{WireAnswer, WireRequest};
use events::Event;

pub static EXCHANGE: Maker = Maker {
    name: "zadarma",
    path: "",
    setup: || Box::new(ZadarmaSetup::default()),
    read: |table| Ok(Box::new(ZadarmaSetup::deserialize(table)?)),
};

/// One account's PBX.
#[derive(Clone, Debug)]
pub struct Pbx {
    pub setup: ZadarmaSetup,
    board: Switchboard,
    /// In which events and statistics write their times.
    zone: Tz,
    budget: Budget,
    statistics: Budget,
    /// Managers' own sides of call-backs: legs that statistics list, too.
    sides: Vec<Call>,
    taken: u64,
}

impl Exchange for Pbx {
    fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        self.command(now, request)
    }

    fn board(&self) -> &Switchboard {
        &self.board
    }

    fn board_mut(&mut self) -> &mut Switchboard {
        &mut self.board
    }

    fn boxed(&self) -> Box<dyn Exchange> {
        Box::new(self.clone())
    }
}

impl Phones for Pbx {
    /// A manager dials a client by his phone. Returns the call's index.
    fn dial(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let call = self.begin(now, 2, (extension, client), course, None);
        self.tell_outgoing(call, None);
        call
    }

    /// A client calls in; `extension` is rung, if anybody is: else a menu takes the call, and answers it.
    fn ring_in(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let index = self.begin(now, 1, (extension, client), course, None);
        let call = self.board.calls[index].clone();
        self.post(now, Event::inbound("NOTIFY_START", &call, self));
        if !extension.is_empty() {
            // Every extension of a group rings; once is not an answer, nor twice.
            for second in 0..2 {
                let at = now + TimeDelta::seconds(second);
                self.post(at, Event::inbound("NOTIFY_INTERNAL", &call, self).with("internal", extension));
            }
            if let Some(at) = call.answered_at.filter(|_| self.setup.answers) {
                self.post(at, Event::answered(&call, extension, self));
            }
        }
        self.post(call.ended_at, Event::inbound("NOTIFY_END", &call, self).ended(&call));
        self.record(&call);
        index
    }

    /// The bridge's command: two calls with ids of their own, the manager's first (sheet 3.3).
    fn call_back(
        &mut self,
        now: DateTime<Utc>,
        command: &Command,
        manager_s: Option<i64>,
        course: Course,
    ) -> usize {
        let (extension, client) = (command.extension.as_str(), command.to_number.as_str());
        let id = Some(command.command_id.clone());
        let rings = Course { rings_s: manager_s.unwrap_or(course.rings_s), talk_s: 0, reason: 1111 };
        let talk_s = manager_s.map_or(0, |_| course.rings_s + course.talk_s);
        let mut side = Call::begun(now, 2, (extension, extension), Course { talk_s, ..rings });
        side.entry_id = self.id("out");
        self.post(now, Event::outgoing("NOTIFY_OUT_START", &side, self).leg(1, self));
        self.post(side.ended_at, Event::outgoing("NOTIFY_OUT_END", &side, self).leg(1, self).ended(&side));
        let begun = side.answered_at.unwrap_or(side.ended_at);
        self.sides.push(side);
        let Some(_) = manager_s else {
            let call = self.begin(now, 2, (extension, client), Course { talk_s: 0, ..course }, id);
            self.board.calls[call].client_dialled = false;
            return call;
        };
        let call = self.begin(begun, 2, (extension, client), course, id);
        self.tell_outgoing(call, Some(2));
        call
    }
}

impl Pbx {
    /// The account at the start.
    pub fn new(setup: ZadarmaSetup, employees: Vec<Employee>, zone: Tz) -> Pbx {
        let minute = TimeDelta::minutes(1);
        Pbx {
            board: Switchboard::of(employees),
            zone,
            budget: Budget::new(setup.per_minute, minute),
            statistics: Budget::new(setup.statistics_per_minute, minute),
            sides: Vec::new(),
            taken: 0,
            setup,
        }
    }

    fn begin(
        &mut self,
        now: DateTime<Utc>,
        direction: u8,
        between: (&str, &str),
        course: Course,
        command_id: Option<String>,
    ) -> usize {
        let entry_id = self.id(if direction == 2 { "out" } else { "in" });
        let line = self.setup.line.clone();
        let call = Call::begun(now, direction, between, course);
        self.board.calls.push(Call { entry_id, line, command_id, ..call });
        self.board.calls.len() - 1
    }

    /// `out_` and 40 hex digits, others for each call.
    fn id(&mut self, way: &str) -> String {
        self.taken += 1;
        format!("{way}_3f2a9c0d{:032x}", self.taken)
    }

    /// The events of an outgoing call; `leg` is set on those of a call-back.
    fn tell_outgoing(&mut self, call: usize, leg: Option<u8>) {
        let call = self.board.calls[call].clone();
        let mark = |event: Event, pbx: &Pbx| leg.map_or(event.clone(), |leg| event.leg(leg, pbx));
        self.post(call.created_at, mark(Event::outgoing("NOTIFY_OUT_START", &call, self), self));
        if let Some(at) = call.answered_at.filter(|_| self.setup.answers) {
            self.post(at, Event::answered(&call, &call.client, self));
        }
        self.post(call.ended_at, mark(Event::outgoing("NOTIFY_OUT_END", &call, self), self).ended(&call));
        if self.setup.ends_twice {
            self.post(call.ended_at, Event::inbound("NOTIFY_END", &call, self).ended(&call));
        }
        self.record(&call);
    }

    fn record(&mut self, call: &Call) {
        if call.answered_at.is_some() && !call.extension.is_empty() {
            let stored = call.ended_at + TimeDelta::seconds(8);
            self.post(stored, Event::recorded(call));
        }
    }

    fn post(&mut self, at: DateTime<Utc>, event: Event) {
        if !self.setup.hooks_url.is_empty() {
            let signature = event.signature(&self.setup);
            let post = LinePost::new(at, "POST", &self.setup.hooks_url, &event.pairs);
            self.board.posts.push(post.with("Signature", signature));
        }
    }
}
