//! Which accounts deny us now, and since when: noted by whatever was denied, until the same kind of work
//! succeeds there. When any work of an account succeeds, all that was denied there is tried again at once. Never
//! decides what waits; the lanes do that. Enter at [`Denials`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::platform::Fault;
use crate::process::At;

/// The work that was denied. Each sees the account in its own way, so each ends only its own denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Deliveries,
    Chore,
    Mirror,
    Reconciliation,
}

/// Work that lacks a right of its own stays denied while other work succeeds: it is tried again because of that
/// after this pause, which doubles up to the longest.
const PAUSE_FIRST: TimeDelta = TimeDelta::minutes(1);
const PAUSE_LONGEST: TimeDelta = TimeDelta::minutes(15);

/// A denied account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub why: String,
    pub since: At,
    /// Other work has succeeded since: it is to be tried again.
    again: bool,
    /// Success of other work before this time changes nothing, and the pause that led to it.
    quiet_until: At,
    pause: TimeDelta,
}

impl Denial {
    fn new(now: At) -> Self {
        Self { why: String::new(), since: now, again: false, quiet_until: now, pause: TimeDelta::zero() }
    }

    /// Other work has succeeded.
    fn other_succeeded(&mut self, now: At) -> bool {
        if now < self.quiet_until {
            return false;
        }
        self.pause = (self.pause * 2).clamp(PAUSE_FIRST, PAUSE_LONGEST);
        self.quiet_until = now + self.pause;
        self.again = true;
        true
    }
}

type ByWork = BTreeMap<(String, Work), Denial>;

/// The denials of one school, by account.
#[derive(Debug, Default)]
pub struct Denials {
    known: Mutex<ByWork>,
    /// Counts the times at which something became due again.
    bell: watch::Sender<u64>,
}

impl Denials {
    pub fn note(&self, account: &str, work: Work, why: &str, now: At) {
        let mut known = self.known();
        let entry = known.entry((account.to_owned(), work));
        entry.or_insert_with(|| Denial::new(now)).why = why.to_owned();
    }

    /// The work has succeeded: what else was denied there is to be tried again.
    pub fn end(&self, account: &str, work: Work, now: At) {
        let mut known = self.known();
        known.remove(&(account.to_owned(), work));
        Self::wake(&self.bell, &mut known, account, now);
    }

    /// The account was signed in to.
    pub fn signed_in(&self, account: &str, now: At) {
        Self::wake(&self.bell, &mut self.known(), account, now);
    }

    fn wake(bell: &watch::Sender<u64>, known: &mut ByWork, account: &str, now: At) {
        let mut due = 0;
        for ((denied, _), denial) in known.iter_mut() {
            due += u64::from(denied == account && denial.other_succeeded(now));
        }
        if due > 0 {
            bell.send_modify(|times| *times += 1);
        }
    }

    /// Rung when denied work is to be tried again.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// True once after other work has succeeded at the account that denied this one.
    pub fn take_again(&self, account: &str, work: Work) -> bool {
        let mut known = self.known();
        known.get_mut(&(account.to_owned(), work)).is_some_and(|denial| std::mem::take(&mut denial.again))
    }

    /// Returns when this denied work is to be tried again.
    pub async fn again(&self, account: &str, work: Work) {
        let mut bell = self.bell();
        while !self.take_again(account, work) {
            if bell.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Takes in the result of a piece of work: a failure of another kind says nothing about the account.
    pub fn heard<T>(&self, account: &str, work: Work, result: &Result<T, Fault>, now: At) {
        match result {
            Ok(_) => self.end(account, work, now),
            Err(Fault::Denied { why }) => self.note(account, work, why, now),
            Err(_) => {}
        }
    }

    /// A school that is rebuilt is denied until it was let in.
    pub fn inherit(&self, before: &Self) {
        let mut inherited = before.known().clone();
        for denial in inherited.values_mut() {
            *denial = Denial { why: denial.why.clone(), ..Denial::new(denial.since) };
        }
        *self.known() = inherited;
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

    fn known(&self) -> MutexGuard<'_, ByWork> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn what_was_denied_is_due_again_as_soon_as_other_work_succeeds() {
        let (denials, now) = (Denials::default(), At::UNIX_EPOCH);
        let due = |work| denials.take_again("crm", work);
        denials.note("crm", Work::Chore, "401", now);
        denials.note("mail", Work::Chore, "401", now);
        assert!(!due(Work::Chore));
        denials.end("crm", Work::Deliveries, now);
        assert!(due(Work::Chore) && !due(Work::Chore), "once");
        assert!(!denials.take_again("mail", Work::Chore), "another account");
        // A right that only this work lacks: what succeeds beside it does not make it a busy loop.
        let times = (1..=3_600).filter(|second| {
            let at = now + TimeDelta::seconds(*second);
            denials.note("crm", Work::Chore, "403", at);
            denials.end("crm", Work::Deliveries, at);
            due(Work::Chore)
        });
        let minutes: Vec<i64> = times.map(|second| second / 60).collect();
        assert_eq!(minutes, [1, 3, 7, 15, 30, 45, 60]);
    }

    #[tokio::test]
    async fn who_waits_is_told_and_a_new_school_waits_afresh() {
        let (before, now) = (Denials::default(), At::UNIX_EPOCH);
        before.note("crm", Work::Reconciliation, "401", now);
        before.end("crm", Work::Chore, now);
        let denials = Denials::default();
        denials.inherit(&before);
        let (again, ()) = tokio::join!(denials.again("crm", Work::Reconciliation), async {
            tokio::task::yield_now().await;
            denials.signed_in("crm", now);
        });
        again
    }
}
