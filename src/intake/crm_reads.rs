//! What a webhook of the CRM says is read there before it decides about an order, or about where its letters go: whoever
//! knows an address of the bridge can call it (F104). Never decides what a signal means. Enter at [`read_said`] and
//! [`says_too_little`].

use super::correlate::{Aims, LOST, WON};
use crate::process::command::Said;
use crate::process::event::ClientFacts;
use crate::process::{
    Ask, At, Client, ClientId, Command, CommandId, LeadRole, Order, OrderId, Stage, Urgency,
};
use crate::signal::SeenLead;

/// What the CRM shows of a contact.
pub(super) struct ContactSaid {
    pub contact: u64,
    pub facts: ClientFacts,
    pub at: Option<At>,
    pub read: bool,
}

/// A number or an address that the client's record does not have.
pub(super) fn is_new_way(client: &Client, facts: &ClientFacts) -> bool {
    let phone = facts.phone.as_ref();
    let mut numbers = phone.into_iter().flat_map(|phone| phone.e164.iter().chain(&phone.second));
    let is_new = |email: &String| !client.emails.iter().any(|known| known.eq_ignore_ascii_case(email));
    numbers.any(|number| !client.phones.contains(number)) || facts.email.as_ref().is_some_and(is_new)
}

/// F104: whoever knows an address of the bridge can say anything of the CRM. What decides about an order, or to whom
/// its letters go, is read there first; the answer comes as a signal of its own. Equal webhooks ask once.
pub(super) fn read_said(order: &OrderId, client: &ClientId, what: Said, at: Option<At>) -> Aims {
    let name = match what {
        Said::Note { note, .. } => format!("note-{note}"),
        Said::Task(task) => format!("task-{task}"),
        Said::Contact(contact) => format!("contact-{contact}"),
    };
    let at = at.map_or(0, |at| at.timestamp());
    let ask = Command {
        id: CommandId(format!("{order}.said-{name}-{at}")),
        order: order.clone(),
        client: client.clone(),
        urgency: Urgency::Hot,
        ask: Ask::ReadSaid { what },
    };
    Aims { ask: Some(ask), ..Aims::default() }
}

/// Whether the lead has to be read: a digital-pipeline call contains no fields, no webhook contains the reason of a
/// lost lead (R1), and none is believed that a lead was closed (F104). If we closed the lead, or the order has ended,
/// nothing is read, so that no echo costs a request.
pub(super) fn says_too_little(seen: &SeenLead, order: &Order, role: LeadRole) -> bool {
    let closed = match seen.status {
        Some(LOST) => Some(Stage::Lost),
        Some(WON) => Some(Stage::Won),
        _ => None,
    };
    let known = !order.is_open() || order.leads.get(&role).copied() == closed;
    !seen.read && (seen.partial || (closed.is_some() && !known))
}

/// The read command for one state of the lead; a repeated webhook gives the same id, so it is sent once.
pub(super) fn read_lead(order: &OrderId, client: &ClientId, seen: &SeenLead) -> Command {
    let at = seen.updated_at.map_or(0, |at| at.timestamp());
    Command {
        id: CommandId(format!("{order}.read-{}-{at}", seen.lead)),
        order: order.clone(),
        client: client.clone(),
        urgency: Urgency::Money,
        ask: Ask::ReadLead { lead: seen.lead, number: None },
    }
}
