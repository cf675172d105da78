//! Refusals that name no reason («550 Invalid recipient»): the address may be wrong, or the server refuses
//! everybody. Never forgets an address that was refused while no letter was accepted. Enter at
//! [`BareRefusals::is_the_address`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An address alone that is refused this often is wrong.
const TRIES: u32 = 3;
/// Most addresses that are remembered.
const REMEMBERED: usize = 1_000;

/// The addresses that were refused without a reason, in memory only.
#[derive(Debug, Default)]
pub struct BareRefusals(Mutex<BTreeMap<String, Refused>>);

#[derive(Debug, Default, Clone, Copy)]
struct Refused {
    times: u32,
    /// The server has accepted another letter since.
    others_pass: bool,
}

impl BareRefusals {
    /// A letter was accepted: the server does not refuse everybody.
    pub fn accepted(&self) {
        self.lock().values_mut().for_each(|refused| refused.others_pass = true);
    }

    /// Whether this refusal is about the address: others pass, or it is the only one and was tried often. If not,
    /// the letter is tried again later.
    pub fn is_the_address(&self, address: &str) -> bool {
        let mut all = self.lock();
        let is_alone = all.keys().all(|other| other == address);
        if all.len() >= REMEMBERED && !all.contains_key(address) {
            all.pop_first();
        }
        let refused = all.entry(address.to_owned()).or_default();
        refused.times += 1;
        let is_wrong = refused.others_pass || (is_alone && refused.times >= TRIES);
        if is_wrong {
            all.remove(address);
        }
        is_wrong
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Refused>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_wrong_when_others_pass_or_when_it_is_alone() {
        let refusals = BareRefusals::default();
        assert!(!refusals.is_the_address("a@example.ru"));
        refusals.accepted();
        assert!(refusals.is_the_address("a@example.ru"));
        assert!(!refusals.is_the_address("b@example.ru"));
        assert!(!refusals.is_the_address("b@example.ru"));
        assert!(refusals.is_the_address("b@example.ru"), "nobody else is written to");
    }

    #[test]
    fn a_server_that_refuses_everybody_makes_no_address_wrong() {
        let refusals = BareRefusals::default();
        for _ in 0..10 {
            assert!(!refusals.is_the_address("a@example.ru"));
            assert!(!refusals.is_the_address("b@example.ru"));
        }
        // It is mended: only the one that is refused again is wrong.
        refusals.accepted();
        assert!(refusals.is_the_address("a@example.ru"));
    }
}
