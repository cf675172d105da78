//! A new order: lead and contact, confirmation, pause before dialling, responsible (L1–L3, L8, G1–G7, G9,
//! G10). Never starts dialling before the pause ends. Enter at [`arrive`].

use chrono::TimeDelta;

use crate::message::phrase::{Phrase, arrival, next, routes, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::case::Order;
use crate::process::command::Urgency;
use crate::process::decision::{Class, Decision, Heard, Request, Row, Section};
use crate::process::definition::{Route, ShowNext};
use crate::process::event::Author;
use crate::process::moment::Moment;
use crate::process::money::PaymentState;
use crate::process::routing::{self, Chosen};
use crate::process::state::{End, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;
use crate::process::{assign, leads, next_step};

pub const SECTION: Section = Section {
    name: "arrival",
    rules: &["L1", "L2", "L3", "L8", "G1", "G2", "G3", "G4", "G5", "G6", "G7", "G9", "G10"],
    timers: &[Row {
        timer: Timer::SelfPay,
        class: Class::Step,
        lives: |order| matches!(order.state(), Wait::Pause | Wait::FreePool),
        fires: pause_over,
    }],
    enters: |d, request| {
        match request {
            Request::Arrive { manager, payment_state, sure } => {
                arrive(d, manager.as_ref(), *payment_state, *sure);
            }
            Request::ArriveByCall { line } => arrive_by_call(d, line.as_ref()),
            Request::MadeByManager => made_by_manager(d),
            Request::Reroute { before } => reroute(d, before),
            Request::PauseAgain => d.set(Timer::SelfPay, pause_end(d)),
            Request::Confirm => confirm(d),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// An order that is seen for the first time (L1).
fn arrive(d: &mut Decision, manager: Option<&ManagerId>, payment_state: PaymentState, sure: bool) {
    d.case.order.gc_manager = manager.cloned();
    if ended_before(d, payment_state) {
        return;
    }
    d.urgent(Urgency::Hot, |d| {
        d.moment(Moment::Arrived);
        route(d, None, manager);
        let order = &d.case.order;
        d.case.order.is_early = order.id.deal().is_some()
            && (order.offers.is_empty() || !routing::lacking(d.process, order).is_empty());
        if !d.request(Request::Fold { sure }) {
            return;
        }
        let next = next_step(d, payment_state);
        leads::make(d, &next);
        match payment_state {
            PaymentState::Unpaid if returns(d) => {
                d.go(Wait::Pause, &Phrase::NONE);
                d.set(Timer::SelfPay, pause_end(d));
            }
            PaymentState::Unpaid => first_state(d),
            PaymentState::Unconfirmed => {
                d.go(Wait::Pause, &Phrase::NONE);
                first_state(d);
            }
            // The payment is being checked; nothing is started until the result.
            _ => d.go(Wait::Pause, &Phrase::NONE),
        }
    });
}

/// It is first seen in a refund: the head decides, and nobody writes to the client (L16).
fn returns(d: &Decision) -> bool {
    d.case.order.status == Some(Status::WaitingForReturn) && d.figures().refund.on
}

/// An unknown person calls (L8): a lead by the route of the line.
fn arrive_by_call(d: &mut Decision, line: Option<&String>) {
    d.urgent(Urgency::Hot, |d| {
        d.moment(Moment::Arrived);
        route(d, line.map(String::as_str), None);
        d.say("L8", arrival::by_call());
        leads::make(d, &Phrase::NONE);
        d.go(Wait::Pause, &Phrase::NONE);
        d.set(Timer::SelfPay, pause_end(d));
    });
}

/// The order had ended before we saw it: there is nothing to do and nothing to write (L6).
fn ended_before(d: &mut Decision, payment_state: PaymentState) -> bool {
    let end = match d.case.order.status {
        Some(Status::Cancelled) => End::Cancelled { at: d.now },
        Some(Status::False) => End::False { at: d.now },
        _ => return false,
    };
    if payment_state != PaymentState::Void || cut("L6.already_closed") {
        return false;
    }
    d.say("L6", arrival::ended_before());
    d.end(end, &Phrase::NONE);
    true
}

/// G1, G10: chooses the route, and with it what only the first one decides: pipeline, dictionary values and
/// responsible.
fn route(d: &mut Decision, line: Option<&str>, named: Option<&ManagerId>) {
    let chosen = routing::choose(d.process, &routing::facts(&d.case.order, line));
    if let Some(route) = chosen.route {
        d.case.order.route.clone_from(&route.name);
        // A lead that a person made stays where he made it (G9).
        if d.case.order.id.lead().is_none() && !cut("G1.pipeline") {
            d.case.order.pipeline = route.pipeline;
        }
        if !cut("G10.set") {
            d.case.order.set = leads::dictionary_values(d, route);
        }
    }
    assign(d, named);
    said(d, chosen);
}

fn said<'p>(d: &mut Decision, Chosen { route, why, unsure }: Chosen<'p>) -> Option<&'p Route> {
    for unsure in unsure {
        d.say("G10", unsure);
    }
    d.say("G10", why);
    route
}

/// G10: other offers take another route for figures and texts; pipeline and responsible stay. They may be the first
/// that anybody has told.
fn reroute(d: &mut Decision, known: &Order) {
    let before = d.process.route(&d.case.order.route);
    let chosen = routing::choose(d.process, &routing::facts(&d.case.order, None));
    if chosen.route.is_none_or(|route| route.name == d.case.order.route) {
        return;
    }
    let Some(route) = said(d, chosen) else { return };
    if cut("G10.reroute") {
        return;
    }
    d.case.order.route.clone_from(&route.name);
    let is_late = d.case.order.is_early && routing::is_told_more(d.process, known, &d.case.order);
    d.case.order.is_early &= !is_late;
    let said = match is_late {
        true => routes::late(&*route.name),
        false => routes::again(&*route.name),
    };
    d.say("G10", said.clone());
    d.note(said);
    let credit = before.is_some_and(|before| before.credit);
    if credit != route.credit && matches!(d.state(), Wait::Pause) && !d.case.order.is_held() {
        d.set(Timer::SelfPay, pause_end(d));
    }
}

fn assign(d: &mut Decision, named: Option<&ManagerId>) {
    let Some(manager) = assign::choose(d, named) else {
        d.say("L9", arrival::pool_waits());
        return;
    };
    let own = d.case.client.manager.as_ref() == Some(&manager);
    assign::give(d, &manager);
    match own {
        true => d.say("L8", arrival::own_manager(&manager)),
        false => d.say("G4", arrival::by_route(&manager)),
    }
}

/// L2, L3, L11: what comes first for an unpaid order.
fn first_state(d: &mut Decision) {
    let figures = &d.figures().arrival;
    let pool = d.case.order.responsible.is_none();
    if pool {
        d.go(Wait::FreePool, &Phrase::NONE);
        d.set(Timer::FreePool, d.now + TimeDelta::minutes(i64::from(figures.free_pool_minutes)));
    }
    if d.case.order.author == Some(Author::Manager) && figures.short_path && !pool {
        short_path(d);
        return;
    }
    if !d.case.order.is_held() {
        confirm(d);
    }
    if d.case.client.phone().is_none() && figures.ask_phone {
        if pool {
            assign::give_by_queue(d, why::phone_needed());
        }
        d.request(Request::AskPhone { why: Phrase::NONE });
        return;
    }
    if matches!(d.state(), Wait::Unseen { .. }) {
        d.go(Wait::Pause, &Phrase::NONE);
    }
    let end = pause_end(d);
    d.set(Timer::SelfPay, end);
    d.say("L2", arrival::pause(end));
}

/// L2: what an order waits for that nobody works on yet.
fn next_step(d: &Decision, payment_state: PaymentState) -> Phrase {
    let figures = &d.figures().arrival;
    let by_manager = d.case.order.author == Some(Author::Manager) && figures.short_path;
    let is_asked = d.case.client.phone().is_none() && figures.ask_phone;
    if payment_state != PaymentState::Unpaid
        || by_manager
        || is_asked
        || cut("L2.next_step")
        || d.figures().next_note.how == ShowNext::Off
    {
        return Phrase::NONE;
    }
    match d.case.order.responsible {
        Some(_) => {
            let at = d.calls().next(pause_end(d));
            if at > d.now + next_step::SHORT { Phrase::NONE } else { next::call(at) }
        }
        None => next::taker(),
    }
}

/// L1: the confirmation with the payment link is sent at once.
fn confirm(d: &mut Decision) {
    if d.figures().arrival.confirmation {
        d.letter("L1", TextId::ApplicationReceived);
    }
}

/// L2: counted from the order's creation time if that is plausible.
fn pause_end(d: &Decision) -> At {
    let figures = &d.figures().arrival;
    let credit = d.process.route(&d.case.order.route).is_some_and(|route| route.credit);
    let pause = match credit {
        true => TimeDelta::hours(i64::from(figures.credit_pause_hours)),
        false => TimeDelta::minutes(i64::from(figures.pause_minutes)),
    };
    let end = d.case.order.made_at() + pause;
    if end > d.now { end } else { d.now + pause }
}

/// L3: an order made by a manager has no pause; he is asked for the payment date, and the link is sent.
fn short_path(d: &mut Decision) {
    d.go(Wait::Asking, &Phrase::NONE);
    d.turn("L3", arrival::by_manager());
    d.request(Request::Question { text: TextId::TaskPaymentDate, why: String::new() });
}

/// L3: the author was read back after the arrival; if nothing has been begun, the short path is taken now.
fn made_by_manager(d: &mut Decision) {
    let is_waiting = matches!(d.state(), Wait::Pause | Wait::FreePool) && !d.case.order.is_held();
    if !is_waiting || !d.figures().arrival.short_path || cut("L3.read_back") {
        return;
    }
    let named = d.case.order.gc_manager.clone().filter(|_| d.case.order.taken_at.is_none());
    if let Some(own) = named.and_then(|named| assign::choose(d, Some(&named)))
        && d.case.order.responsible.as_ref() != Some(&own)
    {
        assign::give(d, &own);
        assign::tell_crm(d, &own);
    }
    if d.case.order.responsible.is_some() {
        short_path(d);
    }
}

/// L2: the pause ended without a payment.
fn pause_over(d: &mut Decision) {
    match d.state() {
        Wait::Pause => {
            d.say("L2", arrival::pause_over());
            d.request(Request::Round { task: None, why: None });
        }
        Wait::FreePool => d.say("L2", arrival::pause_over_in_pool()),
        _ => {}
    }
}
