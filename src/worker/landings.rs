//! Deliveries that are over and wait to be settled with their orders: what the outbox hands to the inbox.
//! Never forgets one before it is written: it stays here while the inbox or the store begins again.
//! Enter at [`Landings::push`].

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::platform::Receipt;
use crate::store::Delivery;

/// What came of a delivery in the end.
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

/// How its lane hears that it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Now,
    /// The store has it no longer: it was settled by an earlier try, or taken away.
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

    /// The oldest that wait.
    pub fn first(&self, max: usize) -> Vec<Landed> {
        self.waiting.values().take(max).map(|(landed, _)| landed.clone()).collect()
    }

    pub fn settle(&mut self, place: u64, written: Written) {
        if let Some((_, heard)) = self.waiting.remove(&place) {
            // Nobody listens where the outbox has begun again.
            let _ = heard.send(written);
        }
    }

    /// No more will come.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Nothing waits, and nothing will come.
    pub fn is_over(&self) -> bool {
        self.is_closed && self.waiting.is_empty()
    }
}
