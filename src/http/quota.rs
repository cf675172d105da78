//! How many requests a school accepts, from everybody and from one sender: token buckets, filled evenly. Never
//! counts a request without a valid secret, so that a stranger cannot use up a school's quota. Enter at
//! [`Quotas::take`].

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::SchoolId;

/// Bytes that count as one request: a real one is seldom longer.
pub const BYTES_OF_ONE: usize = 4 * 1024;
/// A bucket holds the requests of so many minutes: a launch begins with a burst.
const MINUTES_HELD: f64 = 2.0;
/// Senders that are counted; of more, only the school's own bucket counts.
const SENDERS_MAX: usize = 10_000;
/// Longest pause that is asked for, seconds.
const WAIT_MAX_S: f64 = 60.0;

/// Requests per minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMinute {
    pub school: u32,
    /// Of one sender at one school.
    pub peer: u32,
}

/// The buckets of all schools of this instance.
#[derive(Debug)]
pub struct Quotas {
    allowed: PerMinute,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    schools: HashMap<SchoolId, Bucket>,
    senders: HashMap<(SchoolId, IpAddr), Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at_ms: i64,
}

/// The quota is used up; more is accepted after this many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub wait_s: u64,
}

impl Bucket {
    fn full(per_minute: u32, now_ms: i64) -> Self {
        Self { tokens: f64::from(per_minute) * MINUTES_HELD, at_ms: now_ms }
    }

    /// A clock that was set back fills nothing.
    fn filled(self, per_minute: u32, now_ms: i64) -> Self {
        let full = Self::full(per_minute, now_ms);
        let new = now_ms.saturating_sub(self.at_ms).max(0) as f64 / 60_000.0 * f64::from(per_minute);
        Self { tokens: (self.tokens + new).min(full.tokens), ..full }
    }

    /// Seconds until it holds as much; `None` if it does.
    fn lacks(self, cost: f64, per_minute: u32) -> Option<f64> {
        let lacking = cost - self.tokens;
        (lacking > 0.0).then(|| lacking / f64::from(per_minute) * 60.0)
    }
}

impl Quotas {
    pub fn new(allowed: PerMinute) -> Self {
        Self { allowed, buckets: Mutex::default() }
    }

    /// Takes `cost` requests from both buckets, or nothing from either.
    pub fn take(&self, school: &SchoolId, peer: IpAddr, cost: usize, now_ms: i64) -> Result<(), Exceeded> {
        let cost = cost as f64;
        let PerMinute { school: of_school, peer: of_sender } = self.allowed;
        let mut buckets = self.buckets();
        let whole = buckets.schools.get(school).map(|bucket| bucket.filled(of_school, now_ms));
        let whole = whole.unwrap_or_else(|| Bucket::full(of_school, now_ms));
        let sender = (school.clone(), network(peer));
        let own = buckets.senders.get(&sender).map(|bucket| bucket.filled(of_sender, now_ms));
        let own = own.unwrap_or_else(|| Bucket::full(of_sender, now_ms));
        let waits = [whole.lacks(cost, of_school), own.lacks(cost, of_sender)];
        if let Some(wait) = waits.into_iter().flatten().max_by(f64::total_cmp) {
            // After the clock was set back, they are filled by the new time.
            buckets.schools.insert(school.clone(), whole);
            buckets.senders.entry(sender).and_modify(|bucket| *bucket = own);
            return Err(Exceeded { wait_s: wait.clamp(1.0, WAIT_MAX_S).ceil() as u64 });
        }
        buckets.schools.insert(school.clone(), Bucket { tokens: whole.tokens - cost, ..whole });
        if buckets.senders.len() >= SENDERS_MAX && !buckets.senders.contains_key(&sender) {
            // A full bucket is as good as none.
            let full = Bucket::full(of_sender, now_ms).tokens;
            buckets.senders.retain(|_, bucket| bucket.filled(of_sender, now_ms).tokens < full);
            if buckets.senders.len() >= SENDERS_MAX {
                return Ok(());
            }
        }
        buckets.senders.insert(sender, Bucket { tokens: own.tokens - cost, ..own });
        Ok(())
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One customer of a provider has a whole network of IPv6 addresses.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: PerMinute = PerMinute { school: 60, peer: 30 };

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// How many of `wanted` requests are accepted.
    fn accepted(quotas: &Quotas, school: &str, peer: &str, wanted: usize, now_ms: i64) -> usize {
        let school = SchoolId::from(school);
        (0..wanted).filter(|_| quotas.take(&school, ip(peer), 1, now_ms).is_ok()).count()
    }

    #[test]
    fn a_sender_and_a_school_have_a_burst_and_then_a_rate() {
        let quotas = Quotas::new(ALLOWED);
        assert_eq!(accepted(&quotas, "rost", "192.0.2.1", 500, 0), 60);
        assert_eq!(accepted(&quotas, "rost", "192.0.2.1", 500, 10_000), 5);
        // Other senders have the rest of the school's; another school has its own.
        assert_eq!(accepted(&quotas, "rost", "192.0.2.2", 500, 10_000), 60);
        assert_eq!(accepted(&quotas, "rost", "192.0.2.3", 500, 10_000), 5);
        assert_eq!(accepted(&quotas, "volna", "192.0.2.1", 500, 10_000), 60);
        // A clock that was set back gives nothing, and takes nothing away.
        assert_eq!(accepted(&quotas, "rost", "192.0.2.1", 500, 0), 0);
        assert_eq!(accepted(&quotas, "rost", "192.0.2.1", 500, 2_000), 1);
    }

    #[test]
    fn what_is_refused_takes_nothing_and_says_when_to_come_again() {
        let quotas = Quotas::new(ALLOWED);
        let take = |cost, now_ms| quotas.take(&SchoolId::from("rost"), ip("192.0.2.1"), cost, now_ms);
        assert_eq!(take(50, 0), Ok(()));
        assert_eq!(take(20, 0), Err(Exceeded { wait_s: 20 }));
        assert_eq!(take(11, 0), Err(Exceeded { wait_s: 2 }));
        assert_eq!(take(10, 0), Ok(()));
        assert_eq!(take(1_000, 0), Err(Exceeded { wait_s: 60 }));
    }

    #[test]
    fn a_network_of_version_6_is_one_sender_and_senders_are_bounded() {
        let quotas = Quotas::new(ALLOWED);
        assert_eq!(accepted(&quotas, "rost", "2001:db8::1", 500, 0), 60);
        assert_eq!(accepted(&quotas, "rost", "2001:db8::ffff", 500, 0), 0);
        let wide = Quotas::new(PerMinute { school: 1_000_000, peer: 30 });
        for n in 0..2 * SENDERS_MAX as u32 {
            let peer = IpAddr::from(std::net::Ipv4Addr::from_bits(n));
            assert_eq!(wide.take(&SchoolId::from("rost"), peer, 1, 0), Ok(()));
        }
        assert_eq!(wide.buckets().senders.len(), SENDERS_MAX);
        // They are forgotten when they are full again.
        assert_eq!(accepted(&wide, "rost", "2001:db8::1", 1, 600_000), 1);
        assert_eq!(wide.buckets().senders.len(), 1);
    }
}
