//! Refusals that name no reason («550 Invalid recipient»): the address may be wrong, or the server does not relay.
//! Never blames an address while no letter to its host was accepted. Enter at [`BareRefusals::judge`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// After so many refusals a person has to look.
const TRIES: u32 = 3;
/// Most addresses that are remembered.
const REMEMBERED: usize = 1_000;

/// What a refusal without a reason means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody can tell yet.
    TryAgain,
    /// The server takes letters to this host, but not to this address.
    WrongAddress,
    /// It stays unknown.
    AskPerson,
}

/// The addresses that were refused without a reason, in memory only.
#[derive(Debug, Default)]
pub struct BareRefusals(Mutex<BTreeMap<String, Refused>>);

#[derive(Debug, Default, Clone, Copy)]
struct Refused {
    times: u32,
    /// The server has accepted a letter to another address of the host since.
    others_pass: bool,
}

impl BareRefusals {
    /// A letter was accepted: the server takes letters to this host. One that does not relay takes its own.
    pub fn accepted(&self, address: &str) {
        let mut all = self.lock();
        let same_host = all.iter_mut().filter(|(refused, _)| host(refused) == host(address));
        same_host.for_each(|(_, refused)| refused.others_pass = true);
    }

    pub fn judge(&self, address: &str) -> Verdict {
        let mut all = self.lock();
        if all.len() >= REMEMBERED && !all.contains_key(address) {
            all.pop_first();
        }
        let refused = all.entry(address.to_owned()).or_default();
        refused.times += 1;
        match *refused {
            Refused { others_pass: true, .. } => Verdict::WrongAddress,
            Refused { times: TRIES.., .. } => Verdict::AskPerson,
            _ => Verdict::TryAgain,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Refused>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_wrong_only_when_others_of_its_host_pass() {
        let refusals = BareRefusals::default();
        assert_eq!(refusals.judge("a@elsewhere.example"), Verdict::TryAgain);
        refusals.accepted("b@own.example");
        assert_eq!(refusals.judge("a@elsewhere.example"), Verdict::TryAgain, "it may not relay");
        refusals.accepted("b@elsewhere.example");
        assert_eq!(refusals.judge("a@elsewhere.example"), Verdict::WrongAddress);
    }

    #[test]
    fn a_server_that_refuses_everybody_makes_no_address_wrong() {
        let refusals = BareRefusals::default();
        for time in 1..10 {
            let verdict = if time < TRIES { Verdict::TryAgain } else { Verdict::AskPerson };
            assert_eq!(refusals.judge("a@example.ru"), verdict);
            assert_eq!(refusals.judge("b@example.ru"), verdict);
        }
    }
}
