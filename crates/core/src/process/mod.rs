//! The pure core: the decisions of the bridge. It uses no clock, no network and no store, and it never fails:
//! every event on every case gives a [`Step`]. Enter at [`step`]; `table.rs` lists the sections of the
//! process, one file each under `sections`.

// In order of dependency: a file uses only files listed above it.
mod order_id;

pub mod free_text;
pub mod payment_link;

pub mod value;

pub mod hours;
pub mod number;
pub mod read_back;
pub mod timers;

pub mod calendar;
pub mod command;
pub mod dates;
pub mod event;

pub mod client;
pub mod desks;
pub mod meters;
pub mod state;

pub mod moment;

mod open;

pub mod case;

pub mod definition;
pub mod money;
mod stored;

mod vars;

mod decision;

mod assign;
mod call_task;
mod feed;
mod ladder;
mod leads;
mod next_step;
pub mod routing;

mod sections;

mod table;

mod close;

use decision::{Decided, Decision};

pub use case::{Case, Client, Desk, Desks, End, Order, Wait};
pub use command::{Ask, AskKind, Command, Target, Urgency};
pub use decision::Section;
pub use definition::Process;
pub use event::{Event, News};
pub use meters::Meters;
pub use moment::{Line, Moment};
pub use read_back::ReadBack;
pub use table::{SECTIONS, has_next_step, may_stay, rules, strays, wake};
pub use timers::Timer;
pub use value::*;

/// A decision: all of it is committed at once, or none of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub case: Case,
    /// New commands, in the order of execution.
    pub commands: Vec<Command>,
    /// Commands of earlier steps that are revoked, unless they have been sent.
    pub revoke: Vec<CommandId>,
    /// Messages to other orders of the same client.
    pub tell: Vec<(OrderId, News)>,
    pub journal: Vec<Line>,
    /// What happened, in order.
    pub moments: Vec<Moment>,
}

/// Decides what happens to a case, and why. Pure and total: the same case, event and moment give the same
/// step, and every event gives one.
///
/// The order of the table is part of the behaviour: money is looked at before «has it ended»
/// (L4), an ended order hears nothing else, and only then do the other sections hear the event. At the
/// end the deadlines of open tasks are watched (L15) and an open order without a next step is
/// repaired (L14).
pub fn step(process: &Process, case: Case, event: &Event, now: At) -> Step {
    let mut d = Decision::new(process, case, now, SECTIONS);
    match event {
        Event::Wake => fire(&mut d),
        event => d.hear(event),
    }
    close::close(&mut d);
    let Decided { case, commands, revoke, tell, journal, moments } = d.decided();
    Step { case, commands, revoke, tell, journal, moments }
}

/// Timers that may fire in one step: more than there are names.
const FIRED_MAX: usize = 40;

/// The order's wake: whatever is due fires, in the order of the timers' names. A spurious wake
/// finds nothing due and changes nothing.
fn fire(d: &mut Decision) {
    for _ in 0..FIRED_MAX {
        let Some(timer) = d.case.order.timers.take_due(d.now) else { return };
        if let Some(row) = table::row(timer) {
            (row.fires)(d);
        }
    }
}

#[cfg(test)]
mod tests;
