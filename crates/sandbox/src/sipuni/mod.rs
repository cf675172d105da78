//! The Sipuni stand-in: events of calls as a query or a form, the call-back command, statistics. How a call
//! ends is decided by people, who pass it a [`Course`]. Like Sipuni, it signs nothing. Enter at its
//! [`Exchange`] and [`Phones`].

mod commands;
mod events;
mod setup;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use serde::Deserialize;

pub use self::setup::SipuniSetup;
use crate::calls::{Call, Command, Course, Employee};
use crate::faults::Budget;
use crate::lines::{Exchange, LinePost, Maker, Phones, Switchboard};
use crate::wire::{WireAnswer, WireRequest};
use events::{Event, Shape};

pub static EXCHANGE: Maker = Maker {
    name: "sipuni",
    path: "",
    setup: || Box::new(SipuniSetup::default()),
    read: |table| Ok(Box::new(SipuniSetup::deserialize(table)?)),
};

/// One cabinet.
#[derive(Clone, Debug)]
pub struct Cabinet {
    pub setup: SipuniSetup,
    board: Switchboard,
    /// In which statistics write their times.
    zone: Tz,
    budget: Budget,
    /// Commands so far: each answer has an id of its own.
    taken: u64,
}

impl Cabinet {
    /// The cabinet at the start.
    pub fn new(setup: SipuniSetup, employees: Vec<Employee>, zone: Tz) -> Cabinet {
        Cabinet {
            board: Switchboard::of(employees),
            zone,
            budget: Budget::per_second(setup.per_second),
            taken: 0,
            setup,
        }
    }
}

impl Exchange for Cabinet {
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

impl Phones for Cabinet {
    /// A manager dials a client by his phone: the start is told twice, a second apart (sheet 2.4). Returns
    /// the call's index.
    fn dial(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let shape = Shape::outbound(extension, client);
        let call = self.begin(now, 2, extension, client, course, None);
        for second in 0..2 {
            let at = now + TimeDelta::seconds(second);
            self.post(at, Event::start(&shape, &self.board.calls[call], &self.setup, at));
        }
        self.go_on(call, &shape);
        call
    }

    /// A client calls in; `extension` is rung, if anybody is. A missed call is told by its end alone (sheet
    /// 2.4).
    fn ring_in(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let call = self.begin(now, 1, extension, client, course, None);
        let missed = self.board.calls[call].answered_at.is_none();
        let shape = if missed { Shape::missed(client) } else { Shape::inbound(extension, client) };
        if !missed {
            self.post(now, Event::start(&shape, &self.board.calls[call], &self.setup, now));
        }
        self.go_on(call, &shape);
        call
    }

    /// The bridge's command. The manager's leg gives no events: where he does not pick up there are none at
    /// all (sheet 2.4, 4.3).
    fn call_back(
        &mut self,
        now: DateTime<Utc>,
        command: &Command,
        manager_s: Option<i64>,
        course: Course,
    ) -> usize {
        let (extension, client) = (command.extension.as_str(), command.to_number.as_str());
        let id = Some(command.command_id.clone());
        let Some(wait) = manager_s else {
            let call = self.begin(now, 2, extension, client, Course { talk_s: 0, ..course }, id);
            self.board.calls[call].client_dialled = false;
            return call;
        };
        let begun = now + TimeDelta::seconds(wait);
        let call = self.begin(begun, 2, extension, client, course, id.clone());
        let mut shape = Shape::outbound(extension, client);
        shape.callback = id.filter(|_| self.setup.callback_id);
        shape.external = command.from_outside;
        self.post(begun, Event::start(&shape, &self.board.calls[call], &self.setup, begun));
        self.go_on(call, &shape);
        call
    }
}

impl Cabinet {
    fn begin(
        &mut self,
        now: DateTime<Utc>,
        direction: u8,
        extension: &str,
        client: &str,
        course: Course,
        command_id: Option<String>,
    ) -> usize {
        self.board.calls.push(Call {
            entry_id: format!("{}.{}", now.timestamp(), 12_345 + self.board.calls.len()),
            line: self.setup.line.clone(),
            command_id,
            ..Call::begun(now, direction, (extension, client), course)
        });
        self.board.calls.len() - 1
    }

    /// The answer, if there is one, and the end.
    fn go_on(&mut self, call: usize, shape: &Shape) {
        let call = self.board.calls[call].clone();
        if let Some(at) = call.answered_at {
            self.post(at, Event::answer(shape, &call, &self.setup, at));
        }
        self.post(call.ended_at, Event::end(shape, &call, &self.setup));
    }

    fn post(&mut self, at: DateTime<Utc>, event: Event) {
        let url = self.setup.hooks_url.clone();
        if !url.is_empty() {
            self.board.posts.push(LinePost::new(at, &self.setup.method, &url, &event.0));
        }
    }
}
