//! What is read back in its platform before it counts: whoever knows an address of the bridge can call it (F104), and
//! some webhooks say too little. The read is a delivery like any other: it is stored with the signal's unit, paced,
//! repeated after an outage or a restart, and a dead letter if it can never be done; its answer is a signal marked as
//! read (`read`, `looked`, `confirmed`), or that of something that is gone. Never decides what a signal means. Enter at
//! [`first`] and [`beside`].
//!
//! | told | read, and when | until the answer |
//! | --- | --- | --- |
//! | a new order without its author (L3) | the order, [`lacks_author`] | it is worked |
//! | a lead that was closed, answers, or stands in a partial webhook | the lead, [`says_too_little`] | nothing of it counts |
//! | a lead that was deleted | the lead, or the one it was merged into by the order's number | nothing of it counts |
//! | a lead of nobody in a stage that the school watches (G9) | the lead and its contact, once | there is no order |
//! | a note, or a result of a task, that is an answer (L13) | the note, the task | nothing of it counts |
//! | a contact's number, address or zone, new or gone | the contact, [`is_new_way`], `mirror::told` | nothing of it counts |
//! | a contact that was deleted | the contact | nothing of it counts |
//!
//! Three reads are asked for by a step, because an order or its client waits for them: what decides its route
//! (`process/sections/unseen.rs`, G10), its money (`process/sections/payment.rs`, L4), and another number, address,
//! name or zone of a known client (`process/sections/orders.rs`, F100).

use super::correlate::{Aims, LOST, WON};
use crate::config::School;
use crate::process::event::{ClientFacts, OrderFacts};
use crate::process::routing;
use crate::process::{
    Ask, At, Client, ClientId, Command, CommandId, LeadRole, Order, OrderId, ReadBack, Stage, Urgency,
};
use crate::signal::SeenLead;

/// Nothing of what was told counts until the answer is there.
pub(super) fn first(order: &OrderId, client: &ClientId, what: ReadBack, told_at: Option<At>) -> Aims {
    Aims { ask: Some(beside(order, client, what, told_at)), ..Aims::default() }
}

/// What was told is worked meanwhile. The id is that of what was told: a repeated webhook asks once.
pub(super) fn beside(order: &OrderId, client: &ClientId, what: ReadBack, told_at: Option<At>) -> Command {
    let at = told_at.map_or(0, |at| at.timestamp());
    let (name, urgency) = match &what {
        ReadBack::Order | ReadBack::Person => ("author".to_owned(), Urgency::Usual),
        ReadBack::Lead { lead, number: None } => (format!("read-{lead}-{at}"), Urgency::Money),
        ReadBack::Lead { lead, .. } => (format!("gone-{lead}"), Urgency::Usual),
        ReadBack::MadeLead { .. } => ("made".to_owned(), Urgency::Usual),
        ReadBack::Note { note, .. } => (format!("said-note-{note}-{at}"), Urgency::Hot),
        ReadBack::Task { task } => (format!("said-task-{task}-{at}"), Urgency::Hot),
        // Somebody may touch many contacts at once, and no order waits for those of nobody.
        ReadBack::Contact { contact } => {
            let urgency = if order.is_known() { Urgency::Hot } else { Urgency::Backfill };
            (format!("said-contact-{contact}-{at}"), urgency)
        }
    };
    let (order, client) = (order.clone(), client.clone());
    Command { id: CommandId(format!("{order}.{name}")), order, client, urgency, ask: Ask::ReadBack(what) }
}

/// A new order whose first request does not say who made it (L3). What decides a route is read by the step, and the
/// author with it.
pub(super) fn lacks_author(school: &School, facts: &OrderFacts) -> bool {
    let is_told = facts.author.is_some() || facts.is_read_back();
    school.reads_author && !is_told && routing::reads_first(&school.process, facts).is_empty()
}

/// A digital-pipeline call contains no fields, no webhook contains the reason of a lost lead (R1), and none is believed
/// that a lead was closed. If we closed the lead, or the order has ended, nothing is read, so that no echo costs a
/// request.
pub(super) fn says_too_little(seen: &SeenLead, order: &Order, role: LeadRole) -> bool {
    let closed = match seen.status {
        Some(LOST) => Some(Stage::Lost),
        Some(WON) => Some(Stage::Won),
        _ => None,
    };
    let known = !order.is_open() || order.leads.get(&role).copied() == closed;
    !seen.read && (seen.partial || (closed.is_some() && !known))
}

/// A number, an address, a name or a zone that the client's record does not have, or has without anybody's word.
pub(super) fn is_new_way(client: &Client, facts: &ClientFacts, now: At) -> bool {
    let phone = facts.phone.as_ref();
    let mut numbers = phone.into_iter().flat_map(|phone| phone.e164.iter().chain(&phone.second));
    let is_new = |email: &String| !client.emails.iter().any(|known| known.eq_ignore_ascii_case(email));
    let is_known_name = |name: &String| {
        let own = [&client.name, &client.crm_name, &client.nameless];
        own.into_iter().flatten().any(|own| own == name) || client.is_late_echo(name, now)
    };
    numbers.any(|number| !client.phones.contains(number))
        || facts.email.as_ref().is_some_and(is_new)
        || facts.zone().is_some_and(|zone| client.zone.as_ref() != Some(zone))
        || client.unconfirmed.iter().any(|one| facts.carries.contains(&one.value))
        || facts.name.as_ref().is_some_and(|name| !name.trim().is_empty() && !is_known_name(name))
}
