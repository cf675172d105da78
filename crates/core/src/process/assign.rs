//! Who is responsible: the client's own manager, else what the route says, else the queue (G4, L8).
//! Never moves an order that somebody has. Enter at [`choose`] and [`give`].

use super::command::Ask;
use super::decision::Decision;
use super::definition::{Assign, Manager, Route};
use super::event::Author;
use super::value::*;

/// The one who is to have this order; `None` leaves it in the free pool (L9).
/// L8: a client with an active order stays with its manager; one who is known but unattended
/// and one who is unknown get somebody at once, by the route's rule. L3: what a manager made is his.
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

/// The least loaded seller; the head only where there is nobody else.
pub(super) fn queue(d: &Decision) -> Option<ManagerId> {
    least_loaded(d, |manager| !manager.head).or_else(|| d.head()).or_else(|| least_loaded(d, |_| true))
}

/// Another one who could do it now (L15): a free seller, else the head.
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

/// Makes somebody responsible and keeps the desk's books; says nothing to any platform.
pub(super) fn give(d: &mut Decision, manager: &ManagerId) {
    if d.case.order.responsible.as_ref() == Some(manager) {
        return;
    }
    release(d);
    d.case.desks.give(manager, d.now);
    d.case.order.responsible = Some(manager.clone());
    d.case.order.responsible_at = Some(d.now);
    d.case.client.manager = Some(manager.clone());
}

/// The order no longer counts for its manager.
pub(super) fn release(d: &mut Decision) {
    if let Some(manager) = &d.case.order.responsible {
        d.case.desks.release(manager);
    }
}

/// The CRM's and GetCourse's books follow.
pub(super) fn announce(d: &mut Decision, manager: &ManagerId) {
    tell_crm(d, manager);
    d.getcourse(Ask::SetOrderManager { manager: manager.clone() });
}

/// The CRM's books follow; GetCourse's own say so already.
pub(super) fn tell_crm(d: &mut Decision, manager: &ManagerId) {
    if d.has_lead() {
        d.ask(Ask::SetResponsible { role: LeadRole::Sales, manager: manager.clone() });
    }
}

/// L9: nobody has it, so the queue says who does.
pub(super) fn give_by_queue(d: &mut Decision, why: &str) {
    let Some(manager) = queue(d) else { return };
    give(d, &manager);
    announce(d, &manager);
    let name = d.name_of(&manager);
    d.turn("L9", format!("{why}: заказ назначен по очереди, {name}."));
}
