//! An order of which only the id is known: GetCourse is asked for its facts (L1).
//! Nothing else is done before they arrive. Enter at [`ask`].

use chrono::TimeDelta;

use crate::message::phrase::arrival;
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::state::Wait;
use crate::process::timers::Timer;

pub const SECTION: Section = Section {
    name: "unseen",
    rules: &["L1"],
    hears: |d, _| {
        if !d.case.order.is_unseen() {
            return Heard::Passed;
        }
        d.say("L1", arrival::only_recorded());
        Heard::Taken
    },
    enters: |d, request| {
        match request {
            Request::AskFacts => ask(d),
            Request::Close if d.case.order.is_unseen() && d.case.order.timers.is_empty() => ask(d),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// Asks again with growing pauses.
fn ask(d: &mut Decision) {
    let order = &mut d.case.order;
    let known = order.id.deal().map(str::to_owned);
    order.gc_id = order.gc_id.take().or(known);
    let Wait::Unseen { asked } = *d.state() else { return };
    let asked = asked + 1;
    d.stay(Wait::Unseen { asked });
    d.read_order();
    let minutes = 10_u32.saturating_mul(1 << asked.min(7));
    d.set(Timer::Retry, d.now + TimeDelta::minutes(i64::from(minutes)));
    d.say("L1", arrival::unseen());
}
