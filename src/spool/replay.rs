//! The replay buffer: the last seconds of requests that the store has confirmed, because a store that was
//! restarted may have lost them. Never more than a bounded number of bytes; a request that is dropped for
//! space cannot be replayed, so the bound is generous. Enter at [`ReplayBuffer::push`].

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::stopwatch;
use crate::store::Offer;

/// A store that syncs every second, or its replica, has everything older than this.
const SAFE_AFTER: Duration = Duration::from_secs(30);
/// Limit of the buffered requests of one school.
const BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Default)]
pub struct ReplayBuffer {
    offers: VecDeque<(Instant, Offer)>,
    bytes: usize,
}

impl ReplayBuffer {
    pub fn push(&mut self, offer: Offer) {
        self.bytes += cost(&offer);
        self.offers.push_back((stopwatch(), offer));
        while self.bytes > BYTES_MAX {
            self.forget_first();
        }
    }

    /// The store was not restarted: requests that are old enough are safe in it.
    pub fn settle(&mut self) {
        while self.offers.front().is_some_and(|(since, _)| since.elapsed() > SAFE_AFTER) {
            self.forget_first();
        }
    }

    /// All buffered requests, oldest first.
    pub fn all(&self) -> Vec<Offer> {
        self.offers.iter().map(|(_, offer)| offer.clone()).collect()
    }

    /// Drops those that `mentions` an erased person.
    pub fn forget(&mut self, mentions: impl Fn(&Offer) -> bool) {
        self.offers.retain(|(_, offer)| !mentions(offer));
        self.bytes = self.offers.iter().map(|(_, offer)| cost(offer)).sum();
    }

    fn forget_first(&mut self) {
        if let Some((_, offer)) = self.offers.pop_front() {
            self.bytes -= cost(&offer);
        }
    }
}

fn cost(offer: &Offer) -> usize {
    offer.raw.len() + 256
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::IdempotencyKey;

    fn offer(id: &str, bytes: usize) -> Offer {
        let at = crate::process::At::from_timestamp(1_795_000_000, 0).expect("in range");
        Offer { id: id.to_owned(), key: IdempotencyKey::Always, at, raw: vec![b'x'; bytes] }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_old_and_known_to_be_safe_is_forgotten_and_the_bytes_are_bounded() {
        let ids = |last: &ReplayBuffer| last.all().into_iter().map(|offer| offer.id).collect::<Vec<_>>();
        let mut last = ReplayBuffer::default();
        last.push(offer("a", 10));
        tokio::time::advance(SAFE_AFTER * 3).await;
        last.push(offer("b", 10));
        assert_eq!(ids(&last), ["a", "b"], "the store has not been seen since");
        last.settle();
        assert_eq!(ids(&last), ["b"]);
        last.push(offer("c", BYTES_MAX / 2));
        last.push(offer("d", BYTES_MAX / 2));
        assert_eq!(ids(&last), ["d"]);
    }
}
