//! Which accounts deny us now, and since when: noted by whatever was denied, until the same kind of work
//! succeeds there. Never decides what waits; the lanes do that. Enter at [`Denials`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::platform::Fault;
use crate::process::At;

/// The work that was denied. Each sees the account in its own way, so each ends only its own denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Deliveries,
    Chore,
    Reconciliation,
}

/// A denied account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub why: String,
    pub since: At,
}

/// The denials of one school, by account.
#[derive(Debug, Default)]
pub struct Denials(Mutex<BTreeMap<(String, Work), Denial>>);

impl Denials {
    pub fn note(&self, account: &str, work: Work, why: &str, now: At) {
        let mut known = self.known();
        let entry = known.entry((account.to_owned(), work));
        entry.or_insert_with(|| Denial { why: String::new(), since: now }).why = why.to_owned();
    }

    pub fn end(&self, account: &str, work: Work) {
        self.known().remove(&(account.to_owned(), work));
    }

    /// Takes in the result of a piece of work: a failure of another kind says nothing about the account.
    pub fn heard<T>(&self, account: &str, work: Work, result: &Result<T, Fault>, now: At) {
        match result {
            Ok(_) => self.end(account, work),
            Err(Fault::Denied { why }) => self.note(account, work, why, now),
            Err(_) => {}
        }
    }

    /// A school that is rebuilt is denied until it was let in.
    pub fn inherit(&self, before: &Self) {
        *self.known() = before.known().clone();
    }

    /// Another instance works for the school.
    pub fn clear(&self) {
        self.known().clear();
    }

    /// Each denied account once, with its oldest denial. `waits` says whether anything still waits for the
    /// account: a denial of deliveries ends with them.
    pub fn all(&self, waits: impl Fn(&str) -> bool) -> BTreeMap<String, Denial> {
        let mut known = self.known();
        known.retain(|(account, work), _| *work != Work::Deliveries || waits(account));
        let mut all: BTreeMap<String, Denial> = BTreeMap::new();
        for ((account, _), denial) in &*known {
            let first = all.entry(account.clone()).or_insert_with(|| denial.clone());
            if denial.since < first.since {
                *first = denial.clone();
            }
        }
        all
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(String, Work), Denial>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_ends_when_the_same_work_succeeds_or_nothing_waits() {
        let (denials, now) = (Denials::default(), At::UNIX_EPOCH);
        let denied: Result<(), Fault> = Err(Fault::denied("401"));
        denials.heard("crm", Work::Deliveries, &denied, now);
        denials.heard("mail", Work::Chore, &denied, now);
        denials.heard("crm", Work::Chore, &Ok(()), now);
        denials.heard::<()>("crm", Work::Deliveries, &Err(Fault::later("502")), now);
        assert_eq!(denials.all(|_| true).into_keys().collect::<Vec<_>>(), ["crm", "mail"]);
        assert_eq!(denials.all(|_| false).into_keys().collect::<Vec<_>>(), ["mail"]);
        denials.heard("mail", Work::Chore, &Ok(()), now);
        assert!(denials.all(|_| true).is_empty());
    }
}
