//! Verbs of a decision: when a client may be contacted and when the team works (D13).
//! Never sets a timer. Enter at [`Decision::calls`] and [`Decision::team`].

use chrono_tz::Tz;

use super::Decision;
use crate::message::vars::ExampleVars;
use crate::mutant::cut;
use crate::process::calendar::{self, Opening};
use crate::process::timers::Timer;
use crate::process::value::*;
use crate::process::vars;

impl<'a> Decision<'a> {
    /// The client's zone (D13): the card's field, else the school's.
    pub fn zone(&self) -> Tz {
        self.case.client.zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(self.process.zone)
    }

    /// When this client may be called (D13).
    pub fn calls(&self) -> Opening<'a> {
        self.process.calls(&self.case.order, self.zone())
    }

    /// Whether the school is closed on the day of this moment.
    pub fn is_day_off(&self, at: At) -> bool {
        let date = at.with_timezone(&self.process.zone).date_naive();
        !self.process.calendar.is_working(date) && !cut("D5.day_off")
    }

    /// Dates that a manager might type as an answer.
    pub fn examples(&self) -> ExampleVars {
        vars::examples(self.process, &self.calls(), self.now)
    }

    /// D13: only these hours limit a promised time, because the client asked for it.
    pub fn hard_hours(&self) -> Opening<'a> {
        let hard = Some(self.figures().contact.hard);
        Opening { calendar: &self.process.calendar, zone: self.zone(), working: hard, off: hard }
    }

    /// When letters of a ladder may leave (D13); any time if the school sets nothing.
    pub fn letters_open_at(&self, at: At) -> At {
        let contact = &self.figures().contact;
        let Some(hours) = contact.letters else { return at };
        let hours = hours.meet(contact.hard);
        Opening { calendar: &self.process.calendar, zone: self.zone(), working: hours, off: hours }.next(at)
    }

    /// When the school's team works.
    pub fn team(&self) -> Opening<'a> {
        Opening {
            calendar: &self.process.calendar,
            zone: self.process.zone,
            working: Some(self.figures().task.hours),
            off: None,
        }
    }

    /// The moment after the given number of the team's working minutes from now.
    pub fn work_minutes(&self, minutes: u32) -> At {
        self.team().add_minutes(self.now, minutes)
    }

    /// The same time, the given number of working days later, within the team's hours.
    pub fn work_days(&self, days: u32) -> At {
        self.team().next(self.process.calendar.add_working_days(self.now, days, self.process.zone))
    }

    /// Spreads work that was moved to an opening, so that it is not all due in the first minute.
    pub fn spread(&self, timer: Timer, opening: At) -> At {
        let order = &self.case.order;
        let key = format!("{}/{timer:?}/{}", order.id, order.attempts);
        opening + calendar::spread(&key, self.figures().contact.spread_minutes)
    }
}
