//! The choice of the responsible: the client's present manager, else by the route, else by the queue (G4,
//! L8). Never reassigns an order that has a responsible. Enter at [`choose`] and [`give`].

use super::case::Former;
use super::command::Ask;
use super::decision::Decision;
use super::definition::{Assign, Manager, Route};
use super::event::Author;
use super::value::*;
use crate::message::phrase::{Phrase, arrival};

/// The responsible for this order; `None` leaves it in the free pool (L9).
/// L8: a client with an active order stays with its manager; other clients get a manager at once, by the
/// route's rule. L3: an order that a manager made is his.
pub(super) fn choose(d: &Decision, named: Option<&ManagerId>) -> Option<ManagerId> {
    let active = |id: &&ManagerId| d.process.manager(id).is_some_and(|manager| manager.active);
    if d.case.order.author == Some(Author::Manager)
        && let Some(own) = named.filter(active)
    {
        return Some(own.clone());
    }
    if d.figures().arrival.keep_manager
        && let Some(own) = d.case.client.manager.as_ref().filter(active)
    {
        return Some(own.clone());
    }
    match d.process.route(&d.case.order.route).map(|route: &Route| &route.responsible) {
        Some(Assign::FreePool) => None,
        Some(Assign::Fixed { manager }) if active(&manager) => Some(manager.clone()),
        Some(Assign::Queue { managers }) => {
            least_loaded(d, |manager| managers.contains(&manager.id)).or_else(|| queue(d))
        }
        Some(Assign::Product { offers }) => {
            let own = d.case.order.offers.iter().find_map(|offer| offers.get(offer)).filter(active);
            own.cloned().or_else(|| queue(d))
        }
        _ => queue(d),
    }
}

/// The least loaded manager; the head only if there is nobody else.
pub(super) fn queue(d: &Decision) -> Option<ManagerId> {
    least_loaded(d, |manager| !manager.head).or_else(|| d.head()).or_else(|| least_loaded(d, |_| true))
}

/// Another person for a task (L15): a free manager, else the head.
pub(super) fn another(d: &Decision, than: &ManagerId) -> Option<ManagerId> {
    least_loaded(d, |manager| !manager.head && &manager.id != than)
        .or_else(|| d.head())
        .filter(|other| other != than)
}

fn least_loaded(d: &Decision, fits: impl Fn(&Manager) -> bool) -> Option<ManagerId> {
    let able = d.process.roster.iter().filter(|manager| manager.active && fits(manager));
    let first = able.min_by_key(|manager| {
        let desk = d.case.desks.of(&manager.id);
        (desk.load, desk.given_at, manager.id.clone())
    });
    first.map(|manager| manager.id.clone())
}

/// Sets the responsible and updates the desks; writes to no platform.
pub(super) fn give(d: &mut Decision, manager: &ManagerId) {
    if d.case.order.responsible.as_ref() == Some(manager) {
        return;
    }
    release(d);
    d.case.desks.give(manager, d.now);
    let before = d.case.order.responsible.take();
    d.case.order.former = before.map(|manager| Former { manager, due: None, at: d.now });
    d.case.order.responsible = Some(manager.clone());
    d.case.order.responsible_at = Some(d.now);
    d.case.client.manager = Some(manager.clone());
}

/// Removes the order from its manager's desk.
pub(super) fn release(d: &mut Decision) {
    if let Some(manager) = &d.case.order.responsible {
        d.case.desks.release(manager);
    }
}

/// Writes the responsible to the CRM and to GetCourse.
pub(super) fn announce(d: &mut Decision, manager: &ManagerId) {
    tell_crm(d, manager);
    d.getcourse(Ask::SetOrderManager { manager: manager.clone() });
}

/// Writes the responsible to the CRM only; GetCourse already shows it.
pub(super) fn tell_crm(d: &mut Decision, manager: &ManagerId) {
    if d.has_lead() {
        d.ask(Ask::SetResponsible { role: LeadRole::Sales, manager: manager.clone() });
    }
}

/// L9: nobody took the order, so the queue assigns it; `why` is a whole sentence.
pub(super) fn give_by_queue(d: &mut Decision, why: Phrase) {
    let Some(manager) = queue(d) else { return };
    give(d, &manager);
    announce(d, &manager);
    d.turn("L9", arrival::by_queue(why, &manager));
}
