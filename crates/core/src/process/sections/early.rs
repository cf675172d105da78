//! A lead that was made before GetCourse had said what decides it (G10): the first report that brings it decides
//! pipeline, responsible, name and fields again. Never changes a lead on which somebody has acted. Enter at
//! [`complete`].

use crate::message::phrase::{Phrase, arrival, routes};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::case::Order;
use crate::process::command::EarlyLead;
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::*;
use crate::process::{assign, leads, routing};

pub const SECTION: Section = Section {
    name: "early",
    rules: &["G10"],
    enters: |d, request| match request {
        Request::Complete { before } if complete(d, before) => Heard::Taken,
        Request::Complete { .. } => Heard::Refused,
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// Decides again. Returns whether it did.
fn complete(d: &mut Decision, before: &Order) -> bool {
    if !d.case.order.is_early || !routing::is_told_more(d.process, before, &d.case.order) {
        return false;
    }
    if !is_untouched(d) || cut("G10.complete") {
        return false;
    }
    let written = as_written(d, before);
    let chosen = routing::choose(d.process, &routing::facts(&d.case.order, None));
    d.say("G10", routes::completed());
    for unsure in chosen.unsure {
        d.say("G10", unsure);
    }
    d.say("G10", chosen.why);
    if let Some(route) = chosen.route {
        d.case.order.route.clone_from(&route.name);
        d.case.order.pipeline = route.pipeline;
        d.case.order.set = leads::dictionary_values(d, route);
    }
    let order = &d.case.order;
    d.case.order.is_early = order.offers.is_empty() || !routing::lacking(d.process, order).is_empty();
    if before.route != d.case.order.route {
        choose_again(d);
        d.request(Request::PauseAgain);
    }
    leads::correct(d, written, !before.has_source());
    true
}

/// No person, call or answer has touched it: it still waits for the client's own payment.
fn is_untouched(d: &Decision) -> bool {
    let order = &d.case.order;
    let stage = d.process.route(&order.route).map_or(Stage::New, |route| route.stage);
    matches!(order.state(), Wait::Pause | Wait::FreePool)
        && !order.is_held()
        && order.leads.get(&LeadRole::Sales) == Some(&stage)
        && order.tasks.values().all(|task| task.text == TextId::TaskNext)
        && order.taken_at.is_none()
        && order.answered_at.is_none()
        && order.calls.is_empty()
}

/// What the lead was made with.
fn as_written(d: &mut Decision, before: &Order) -> EarlyLead {
    let now = std::mem::replace(&mut d.case.order, before.clone());
    let name = leads::name(d);
    let stage = d.case.order.leads.get(&LeadRole::Sales).copied().unwrap_or(Stage::New);
    d.case.order = now;
    EarlyLead { name, pipeline: before.pipeline, stage }
}

/// The responsible by the new route. A client's manager stays if another order of his made him that.
fn choose_again(d: &mut Decision) {
    let ours = d.case.order.responsible.clone();
    let own = d.case.client.manager.clone();
    let is_only = d.case.client.orders.keys().all(|other| *other == d.case.order.id);
    if is_only && own == ours {
        d.case.client.manager = None;
    }
    let named = d.case.order.gc_manager.clone();
    let chosen = assign::choose(d, named.as_ref());
    d.case.client.manager = own;
    let Some(manager) = chosen.filter(|manager| ours.as_ref() != Some(manager)) else { return };
    assign::give(d, &manager);
    assign::tell_crm(d, &manager);
    d.say("G4", arrival::by_route(&manager));
    if *d.state() == Wait::FreePool {
        d.go(Wait::Pause, &Phrase::NONE);
        if d.at(Timer::SelfPay).is_none() {
            d.request(Request::PauseAgain);
        }
    }
}
