//! How long to wait before a retry: growing, bounded, spread by a hash, never random. Enter at [`delay_ms`].

use sha2::{Digest, Sha256};

const FIRST_MS: u64 = 1_000;
const LONGEST_MS: u64 = 15 * 60 * 1_000;

/// After this many tries a delivery needs a person: four days of waiting, so that a platform may be away for
/// three. Tries are counted, not days: a delivery that was not even tried has not failed.
pub const TRIES_MAX: u32 = 400;

/// Delay before try number `attempt` + 1: doubles from a second to a quarter of an hour, then
/// ±20 % by a hash of `id` and `attempt`, so that retries of one outage do not march in step.
/// What the platform asked for (`Retry-After`) is a floor.
pub fn delay_ms(id: &str, attempt: u32, asked_ms: Option<u64>) -> u64 {
    let plain = FIRST_MS.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(LONGEST_MS);
    let spread = plain * (80 + hash(id, attempt) % 41) / 100;
    spread.max(asked_ms.unwrap_or(0))
}

fn hash(id: &str, attempt: u32) -> u64 {
    let digest = Sha256::digest(format!("{id}#{attempt}").as_bytes());
    u64::from(digest[0]) << 8 | u64::from(digest[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_is_bounded_and_obeys_the_platform() {
        let delays: Vec<u64> = (1..20).map(|attempt| delay_ms("gc-1.4", attempt, None)).collect();
        assert!(delays[0] >= 800 && delays[0] <= 1_200);
        assert!(delays.iter().all(|delay| *delay <= LONGEST_MS * 6 / 5));
        assert!(delays[8] > delays[2]);
        assert_eq!(delay_ms("gc-1.4", 1, Some(60_000)), 60_000);
        assert_ne!(delay_ms("gc-1.4", 9, None), delay_ms("gc-2.4", 9, None), "spread by the id");
    }
}
