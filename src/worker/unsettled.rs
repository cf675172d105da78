//! Commands that are decided and not settled, as far as this process knows them: a store that has lost them gets them
//! back. Never sends anything, and never judges whether one is still needed. Enter at [`Unsettled::note`].

use std::collections::{BTreeMap, HashMap};

use crate::process::CommandId;
use crate::store::Delivery;

/// Most deliveries in memory; of a longer backlog the first ones.
const KNOWN_MAX: usize = 1_000;

#[derive(Debug)]
struct Kept {
    delivery: Delivery,
    /// It was given back to a store that had lost it.
    is_returned: bool,
}

/// In the order in which they became known: a lead before the task that needs it.
#[derive(Debug, Default)]
pub struct Unsettled {
    known: BTreeMap<u64, Kept>,
    turns: HashMap<CommandId, u64>,
    last: u64,
}

impl Unsettled {
    /// The delivery as it would be given to a store that has lost it.
    pub fn note(&mut self, delivery: Delivery) {
        if let Some(known) = self.turns.get(delivery.id()).and_then(|turn| self.known.get_mut(turn)) {
            known.delivery = delivery;
        } else if self.known.len() < KNOWN_MAX {
            self.last += 1;
            self.turns.insert(delivery.id().clone(), self.last);
            self.known.insert(self.last, Kept { delivery, is_returned: false });
        }
    }

    /// It is over.
    pub fn forget(&mut self, id: &CommandId) {
        if let Some(turn) = self.turns.remove(id) {
            self.known.remove(&turn);
        }
    }

    pub fn all(&self) -> Vec<Delivery> {
        self.known.values().map(|known| known.delivery.clone()).collect()
    }

    /// The tries that count: one that was cut off by the end of its owner does not.
    pub fn tries_of(&self, id: &CommandId) -> Option<u32> {
        Some(self.known.get(self.turns.get(id)?)?.delivery.attempts)
    }

    pub fn knows(&self, id: &CommandId) -> bool {
        self.turns.contains_key(id)
    }

    /// The store got it back: its order may have been decided again before it leaves.
    pub fn returned(&mut self, id: &CommandId) {
        if let Some(known) = self.turns.get(id).and_then(|turn| self.known.get_mut(turn)) {
            known.is_returned = true;
        }
    }

    pub fn is_returned(&self, id: &CommandId) -> bool {
        self.turns.get(id).and_then(|turn| self.known.get(turn)).is_some_and(|known| known.is_returned)
    }

    /// Another instance works for the school.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::fake::{letter, sending};

    #[test]
    fn the_last_state_of_each_is_known_in_the_order_of_their_coming_and_their_number_is_bounded() {
        let mut unsettled = Unsettled::default();
        ["gc-1.1", "gc-1.2", "gc-1.3"].into_iter().for_each(|id| unsettled.note(letter(id)));
        unsettled.note(sending(letter("gc-1.1"), 1));
        unsettled.forget(&"gc-1.2".into());
        unsettled.returned(&"gc-1.3".into());
        let all = unsettled.all();
        assert_eq!(all, [sending(letter("gc-1.1"), 1), letter("gc-1.3")]);
        let returned = ["gc-1.1", "gc-1.2", "gc-1.3"].map(|id| unsettled.is_returned(&id.into()));
        assert_eq!(returned, [false, false, true]);
        (0..2 * KNOWN_MAX).for_each(|n| unsettled.note(letter(&format!("gc-2.{n}"))));
        assert_eq!(unsettled.all().len(), KNOWN_MAX);
        assert!(unsettled.knows(&"gc-1.1".into()) && unsettled.turns.len() == KNOWN_MAX);
    }
}
