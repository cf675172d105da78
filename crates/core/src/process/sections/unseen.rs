//! An order of which only the id is known, or not what decides its route: it is read back (`read_back.rs`) before it is
//! worked (L1, G10). Apart from the reads of `intake/read_back.rs`, because here an order waits: how long, and what
//! is done without an answer, is a decision with a timer in its record. What follows when intake's reads are answered is
//! only a signal, and nobody waits for it. Enter at [`ask`] and [`read_first`].

use chrono::TimeDelta;

use crate::message::phrase::arrival;
use crate::mutant::cut;
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::event::{ClientFacts, OrderFacts};
use crate::process::routing;
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
            Request::ReadFirst { facts } if !read_first(d, facts) => return Heard::Refused,
            Request::ReadFirst { .. } => {}
            Request::Close if d.case.order.is_unseen() && d.case.order.timers.is_empty() => ask(d),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// How long a new order waits for what its first report lacks.
const READ_FIRST: TimeDelta = TimeDelta::seconds(30);

/// G10: the route hangs on facts that the first report lacks and GetCourse can be asked for. The report itself is
/// kept: it decides if no answer comes in time. Returns whether the order waits.
fn read_first(d: &mut Decision, facts: &OrderFacts) -> bool {
    let before = d.case.order.told.clone();
    let mut told = OrderFacts { client: ClientFacts::default(), ..facts.clone() };
    if let Some(before) = &before {
        told = told.over(before);
        told.status = told.status.or(before.status.clone());
        told.paid = told.paid.or(before.paid.clone());
    }
    let lacks = routing::reads_first(d.process, &told);
    if lacks.is_empty() || d.case.order.id.deal().is_none() || cut("G10.read_first") {
        return false;
    }
    let own = d.case.order.id.clone();
    d.case.client.told_by(&own, &facts.client, &d.process.texts);
    d.case.order.told = Some(Box::new(told));
    if before.is_none() {
        let order = &mut d.case.order;
        order.gc_id = order.gc_id.take().or(order.id.deal().map(str::to_owned));
        d.read_new_order();
        d.set(Timer::Retry, d.now + READ_FIRST);
        let lacks = lacks.into_iter().collect::<Vec<_>>().join(", ");
        d.say("G10", arrival::read_first(&*lacks));
    }
    true
}

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
    d.say("L1", arrival::unseen(d.can_read()));
}
