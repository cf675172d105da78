//! Finished deliveries that wait to be settled with their orders: the outbox hands them to the inbox here.
//! Each stays until it is settled, also across a restart of the inbox or the store. Enter at
//! [`Landings::push`].

use std::collections::{BTreeMap, HashSet};

use tokio::sync::oneshot;

use crate::platform::Receipt;
use crate::process::CommandId;
use crate::store::Delivery;

/// The final result of a delivery.
#[derive(Debug, Clone)]
pub enum Ended {
    Done(Receipt),
    /// It becomes a dead letter.
    Never {
        why: String,
    },
}

#[derive(Debug, Clone)]
pub struct Landed {
    pub delivery: Delivery,
    pub ended: Ended,
}

/// Notifies the delivery's lane that it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Now,
    /// It is no longer in the store: it was settled by an earlier try, or removed.
    Before,
}

/// By place in the outbox.
#[derive(Debug, Default)]
pub struct Landings {
    waiting: BTreeMap<u64, (Landed, oneshot::Sender<Written>)>,
    is_closed: bool,
}

impl Landings {
    pub fn push(&mut self, landed: Landed) -> oneshot::Receiver<Written> {
        let (heard, written) = oneshot::channel();
        self.waiting.insert(landed.delivery.seq, (landed, heard));
        written
    }

    /// The oldest waiting ones, without those at places that are being settled.
    pub fn first(&self, max: usize, without: &HashSet<u64>) -> Vec<Landed> {
        let waiting = self.waiting.iter().filter(|(place, _)| !without.contains(place));
        waiting.take(max).map(|(_, (landed, _))| landed.clone()).collect()
    }

    pub fn settle(&mut self, place: u64, written: Written) -> Option<CommandId> {
        let (landed, heard) = self.waiting.remove(&place)?;
        // After a restart of the outbox there is no receiver.
        let _ = heard.send(written);
        Some(landed.delivery.id().clone())
    }

    /// No more will be added.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Empty, and no more will be added.
    pub fn is_over(&self) -> bool {
        self.is_closed && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::fake::letter;

    /// While a round is stepped, the commits of the one before settle some of them.
    #[test]
    fn what_is_being_settled_is_not_taken_twice() {
        let mut landings = Landings::default();
        for seq in 1..=3 {
            let delivery = Delivery { seq, ..letter(&format!("gc-1.{seq}")) };
            drop(landings.push(Landed { delivery, ended: Ended::Never { why: "refused".to_owned() } }));
        }
        let places = |landings: &Landings, without: &[u64]| -> Vec<u64> {
            let without = without.iter().copied().collect();
            landings.first(2, &without).iter().map(|landed| landed.delivery.seq).collect()
        };
        assert_eq!(places(&landings, &[]), [1, 2]);
        assert_eq!(places(&landings, &[1, 2]), [3]);
        landings.settle(1, Written::Now);
        assert_eq!(places(&landings, &[]), [2, 3]);
    }
}
