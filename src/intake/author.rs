//! Who made an order, where its first request does not say it: the order is read back once (L3). Never waits for
//! the answer: the order is worked on meanwhile. Enter at [`read_back`].

use crate::config::School;
use crate::process::event::OrderFacts;
use crate::process::routing;
use crate::process::{Ask, ClientId, Command, CommandId, OrderId, Urgency};

/// The read of a new order without an author; `None` if nothing can be read, or nothing hangs on it.
pub(super) fn read_back(
    school: &School,
    order: &OrderId,
    client: &ClientId,
    facts: &OrderFacts,
) -> Option<Command> {
    let is_told = facts.author.is_some() || facts.is_read_back();
    // The process reads what decides a route itself, and the author with it.
    let is_read = !routing::reads_first(&school.process, facts).is_empty();
    (school.reads_author && !is_told && !is_read).then(|| Command {
        id: CommandId(format!("{order}.author")),
        order: order.clone(),
        client: client.clone(),
        urgency: Urgency::Usual,
        ask: Ask::ReadOrder,
    })
}
