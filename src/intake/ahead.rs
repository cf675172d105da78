//! What the work of a round will read, so that the whole round is read in few requests. Only a guess: what it misses is
//! read where it is needed, and what it names in vain changes nothing. Enter at [`Ahead`]; `Book::read_ahead` reads it.

use std::collections::BTreeSet;

use super::identity;
use super::item::{Item, Member};
use crate::link;
use crate::process::event::ClientFacts;
use crate::process::meters::counted_as;
use crate::process::{ClientId, OrderId};
use crate::signal::Signal;

/// Records and index entries. Of an order its client is read, too, and of a client his meters.
#[derive(Debug, Default)]
pub struct Ahead {
    pub orders: Vec<OrderId>,
    pub clients: Vec<ClientId>,
    /// Keys of calls.
    pub calls: Vec<String>,
    /// Index entries that name clients.
    pub people: Vec<String>,
    /// Other index entries.
    pub links: Vec<String>,
    /// Addresses and numbers, as they are counted.
    pub ways: BTreeSet<String>,
}

impl Ahead {
    /// The wake of an order or of a call.
    pub fn wake(&mut self, member: &str) {
        match Member::read(member) {
            Some(Member::Order(order)) => self.orders.push(order),
            Some(Member::Call(call)) => self.calls.push(call),
            Some(Member::Canary) | None => {}
        }
    }

    pub fn item(&mut self, item: &Item) {
        match item {
            Item::Event { order, .. } | Item::Retire { order, .. } => self.orders.push(order.clone()),
            Item::Signal { signal, .. } => self.signal(signal),
            _ => {}
        }
    }

    pub fn signal(&mut self, signal: &Signal) {
        match signal {
            Signal::OrderSeen(seen) => {
                if let Some(gc_id) = seen.facts.gc_id.clone().filter(|id| !id.is_empty()) {
                    let order = OrderId::of_deal(gc_id);
                    self.links.push(link::gone(&order));
                    self.clients.push(identity::new_client(&order));
                    self.orders.push(order);
                }
                self.person(&seen.facts.client);
            }
            Signal::ClientSeen(facts) | Signal::ContactSeen { facts, .. } => self.person(facts),
            Signal::CallSeen(event) => self.calls.push(event.call.clone()),
            _ => {}
        }
    }

    fn person(&mut self, facts: &ClientFacts) {
        self.people.extend(identity::keys(facts));
        self.ways.extend(facts.email.iter().chain(facts.numbers()).map(|way| counted_as(way)));
    }
}
