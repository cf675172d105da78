//! Deliveries that this owner has marked as being sent and whose request has not left: after a reload the
//! store shows them as `Sending`, and only the memory knows that nothing of them is in doubt.
//! Never holds one whose request may have left: it is dropped before its courier is asked.
//! Enter at [`Marks::note`], [`Marks::leaves`] and [`Marks::has_not_left`].

use std::collections::HashMap;

use crate::process::CommandId;
use crate::store::{Delivery, DeliveryOp, DeliveryState};

/// The mark as the store has it, or would have it if its commit was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// `None` for a delivery that is added by the same commit, until the answer tells its place.
    place: Option<u64>,
    attempts: u32,
}

impl Mark {
    /// Whether the stored delivery is the marked one. A store that lost its last second may have given the
    /// place to another, and another owner may have tried this one.
    fn is_of(&self, stored: &Delivery) -> bool {
        self.attempts == stored.attempts && self.place.is_none_or(|place| place == stored.seq)
    }
}

/// By command. An entry ends when the request leaves, when the delivery is removed or revoked, when the
/// commit is refused, and with the ownership of the school.
#[derive(Debug, Default)]
pub struct Marks {
    waiting: HashMap<CommandId, Mark>,
}

impl Marks {
    /// Before a commit: these are about to be marked. Returns those that were not noted yet. Only for marks
    /// of deliveries without a doubtful past.
    pub fn note(&mut self, ops: &[DeliveryOp]) -> Vec<CommandId> {
        let mut new = Vec::new();
        for op in ops {
            let (delivery, place) = match op {
                DeliveryOp::Add(delivery) => (delivery, None),
                DeliveryOp::Update(delivery) => (delivery, Some(delivery.seq)),
                DeliveryOp::Revoke(_) | DeliveryOp::Remove(_) => continue,
            };
            let mark = Mark { place, attempts: delivery.attempts };
            if delivery.is_leaving() && self.waiting.insert(delivery.id().clone(), mark).is_none() {
                new.push(delivery.id().clone());
            }
        }
        new
    }

    /// The answer to the commit: the place of an added delivery.
    pub fn placed(&mut self, added: &Delivery) {
        if let Some(mark) = self.waiting.get_mut(added.id()) {
            mark.place = Some(added.seq);
        }
    }

    /// From now on the request may have left; or the delivery is over.
    pub fn leaves(&mut self, id: &CommandId) {
        self.waiting.remove(id);
    }

    /// The delivery before its mark, if its request has not left.
    pub fn unsent(&self, stored: &Delivery) -> Option<Delivery> {
        match stored.state {
            DeliveryState::Waiting | DeliveryState::Later { .. } => Some(stored.clone()),
            DeliveryState::Sending if self.has_not_left(stored) => Some(Delivery {
                state: DeliveryState::Waiting,
                attempts: stored.attempts.saturating_sub(1),
                ..stored.clone()
            }),
            DeliveryState::Sending | DeliveryState::Unclear { .. } => None,
        }
    }

    /// Whether this owner marked the delivery as the store shows it, and its request has not left.
    pub fn has_not_left(&self, stored: &Delivery) -> bool {
        stored.is_leaving() && self.waiting.get(stored.id()).is_some_and(|mark| mark.is_of(stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::fake::{letter, sending};

    #[test]
    fn only_the_marked_delivery_itself_is_known_not_to_have_left() {
        let mut marks = Marks::default();
        let one = sending(letter("gc-1.1"), 1);
        assert!(!marks.has_not_left(&Delivery { seq: 5, ..one.clone() }), "another owner marked it");
        assert_eq!(marks.note(&[DeliveryOp::Add(one.clone())]), [one.id().clone()]);
        let stored = Delivery { seq: 5, ..one.clone() };
        assert!(marks.has_not_left(&stored), "added by a commit whose answer was not heard");
        marks.placed(&stored);
        assert!(marks.has_not_left(&stored));
        for other in [
            Delivery { seq: 6, ..stored.clone() },
            Delivery { attempts: 2, ..stored.clone() },
            Delivery { seq: 5, ..sending(letter("gc-2.1"), 1) },
            Delivery { seq: 5, ..letter("gc-1.1") },
        ] {
            assert!(!marks.has_not_left(&other), "{other:?}");
        }
        marks.leaves(stored.id());
        assert!(!marks.has_not_left(&stored), "its request may have left");
    }
}
