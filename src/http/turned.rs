//! The log of requests that were turned away: who sent them, and at most one line a minute of a kind, with the number
//! of those that it stands for. Never logs an address, a query or a body. Enter at [`TurnedLog::note`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::stopwatch;
use crate::process::SchoolId;

/// Between two lines of one kind.
const AGAIN: Duration = Duration::from_secs(60);

/// Kinds that are told apart; there are a few of each school and platform.
const KINDS_MAX: usize = 1_000;

/// What a line is about. School and platform are configured ones; `None` where the address names no such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub place: Option<(SchoolId, &'static str)>,
    /// The class of the refusal: what a sender can vary is no part of it.
    pub what: String,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    /// Since then, and by whom the last one was sent.
    more: u64,
    peer: IpAddr,
    why: String,
}

/// When each kind was last said.
#[derive(Debug, Default)]
pub struct TurnedLog(Mutex<BTreeMap<Kind, Said>>);

impl TurnedLog {
    /// A request was turned away; `why` holds nothing of it but an account's number.
    pub fn note(&self, kind: Kind, why: &str, peer: IpAddr) {
        if let Some(count) = self.counted(&kind, why, peer, stopwatch()) {
            say(&kind, why, peer, count);
        }
    }

    /// Says what nobody has asked for since: the last ones of a flood. To be called now and then.
    pub fn flush(&self) {
        for (kind, said) in self.due(stopwatch()) {
            say(&kind, &said.why, said.peer, said.more);
        }
    }

    /// How many to say now, if it is time to say anything.
    fn counted(&self, kind: &Kind, why: &str, peer: IpAddr, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds();
        if let Some(said) = kinds.get_mut(kind) {
            said.more += 1;
            said.peer = peer;
            why.clone_into(&mut said.why);
            if now - said.at < AGAIN {
                return None;
            }
            said.at = now;
            return Some(std::mem::take(&mut said.more));
        }
        if kinds.len() == KINDS_MAX {
            return None;
        }
        kinds.insert(kind.clone(), Said { at: now, more: 0, peer, why: why.to_owned() });
        Some(1)
    }

    fn due(&self, now: Instant) -> Vec<(Kind, Said)> {
        let mut kinds = self.kinds();
        let mut due = Vec::new();
        kinds.retain(|kind, said| {
            let is_over = now - said.at >= AGAIN;
            if is_over && said.more > 0 {
                let next = Said { at: now, more: 0, peer: said.peer, why: said.why.clone() };
                due.push((kind.clone(), std::mem::replace(said, next)));
                return true;
            }
            !is_over
        });
        due
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<Kind, Said>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(kind: &Kind, why: &str, peer: IpAddr, count: u64) {
    match &kind.place {
        Some((school, platform)) => {
            tracing::warn!(%school, platform, why, %peer, count, "a request was turned away");
        }
        None => tracing::warn!(why, %peer, count, "a request was turned away"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn kind(what: &str) -> Kind {
        Kind { place: Some((SchoolId::from("rost"), "getcourse")), what: what.to_owned() }
    }

    #[test]
    fn a_kind_is_said_at_once_and_then_once_a_minute_with_its_count() {
        let (log, began) = (TurnedLog::default(), stopwatch());
        let at = |second: u64| began + Duration::from_secs(second);
        let due = |second| log.due(at(second)).into_iter().map(|(kind, said)| (kind.what, said.more));
        let said: Vec<(u64, u64)> = (0..130)
            .filter_map(|second| Some((second, log.counted(&kind("secret"), "", PEER, at(second))?)))
            .collect();
        assert_eq!(said, [(0, 1), (60, 60), (120, 60)]);
        assert_eq!(log.counted(&kind("size"), "", PEER, at(130)), Some(1), "another kind");
        // The flood is over: its last ones are said without a further one, and then the kind is forgotten.
        assert_eq!(due(131).count(), 0);
        assert_eq!(due(180).collect::<Vec<_>>(), [("secret".to_owned(), 9)]);
        assert_eq!((due(240).count(), log.kinds().len()), (0, 0));
        assert_eq!(log.counted(&kind("secret"), "", PEER, at(240)), Some(1));
    }

    #[test]
    fn many_kinds_take_no_memory() {
        let log = TurnedLog::default();
        let of = |n: usize| Kind { place: Some((SchoolId(n.to_string()), "amocrm")), what: String::new() };
        let said = (0..2 * KINDS_MAX).filter_map(|n| log.counted(&of(n), "", PEER, stopwatch()));
        assert_eq!((said.count(), log.kinds().len()), (KINDS_MAX, KINDS_MAX));
    }
}
