//! The owner's loop: due wakes and accepted requests become steps, one after another, and their
//! commits follow pipelined. Never calls a platform, and never waits for what will not come: only a
//! store that is away is waited for. Enter at [`run`]; `take` says what an entry means,
//! `signals` what its signals come to.

mod signals;
mod take;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use super::site::{Site, count};
use super::wheel_feed;
use crate::intake::apply::{Source, apply};
use crate::intake::book::Book;
use crate::intake::correlate::Aim;
use crate::intake::item::Member;
use crate::panics::Panicked;
use crate::process::{At, Event, OrderId};
use crate::store::{CommitError, Entry, Kept, Seq, StoreError, Unit, Wake};

/// Entries and wakes that are stepped before their commits are awaited.
const ENTRIES_MAX: usize = 64;
const WAKES_MAX: usize = 256;

/// What was refused so often is set aside.
const STRIKES_MAX: u32 = 8;

/// A panic counts as so many refusals: it is tried once more from clean memory.
const PANIC_STRIKES: u32 = STRIKES_MAX / 2;

/// Between a refusal and the next try, doubling with each refusal in a row.
const REFUSED_FIRST: Duration = Duration::from_millis(5);
const REFUSED_DOUBLED_MAX: u32 = 7;

/// A wake that cannot be followed now comes again after this.
pub const PUT_OFF: TimeDelta = TimeDelta::hours(1);

/// Runs until the school is stopped or lost.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let mut inbox = Inbox {
        book: Book::new(site.store.clone(), site.id().clone()),
        site: site.clone(),
        after: None,
        strikes: HashMap::new(),
        aside: HashMap::new(),
    };
    // An owner before this one may have ended while it was set.
    site.tally.inbox_parked.store(false, Ordering::SeqCst);
    let mut refused_in_a_row = 0;
    let mut stop = site.stop.clone();
    let mut restarts = site.restarts();
    while !site.stopping() {
        if restarts != site.restarts() {
            restarts = site.restarts();
            inbox.open_again();
        }
        match inbox.turn().await {
            Ok(0) => refused_in_a_row = 0,
            Ok(_) => {
                refused_in_a_row = 0;
                continue;
            }
            Err(CommitError::Fenced) => return Err(CommitError::Fenced),
            Err(CommitError::Conflict(what)) => {
                count(&site.tally.conflicts);
                tracing::debug!(school = %site.id(), what, "changed meanwhile, opening again");
                tokio::time::sleep(REFUSED_FIRST * (1 << refused_in_a_row.min(REFUSED_DOUBLED_MAX))).await;
                refused_in_a_row += 1;
                continue;
            }
            Err(CommitError::Store(error)) => {
                tracing::warn!(school = %site.id(), %error, "the inbox waits for the store");
                tokio::time::sleep(Duration::from_millis(300)).await;
                continue;
            }
        }
        let now = site.clock.now();
        let next_ms = site.near().next_look(now.timestamp_millis());
        site.tally.inbox_parked.store(true, Ordering::SeqCst);
        tokio::select! {
            biased;
            () = site.inbox_bell.notified() => {}
            () = site.clock.sleep_until(At::from_timestamp_millis(next_ms).unwrap_or(now)) => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(site.rhythm.poll) => {}
        }
        site.tally.inbox_parked.store(false, Ordering::SeqCst);
    }
    Ok(())
}

struct Inbox {
    site: Arc<Site>,
    book: Book,
    /// Everything up to here has been stepped.
    after: Option<Seq>,
    /// How often the work for it was refused.
    strikes: HashMap<Cause, u32>,
    /// What cannot be worked, and why: it needs something stored that this version cannot read, it panics,
    /// or its commits are refused. An entry goes to a person, a wake is put off, in case another version
    /// comes.
    aside: HashMap<Cause, String>,
}

/// What a unit is made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Cause {
    Wake(String),
    Entry(Seq),
}

/// Why a round ended early, and over what, where it is known.
struct Refused {
    error: Failure,
    cause: Option<Cause>,
}

enum Failure {
    Commit(CommitError),
    Panic(Panicked),
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

impl From<Panicked> for Failure {
    fn from(panicked: Panicked) -> Self {
        Self::Panic(panicked)
    }
}

impl Refused {
    fn by(cause: Cause, error: impl Into<Failure>) -> Self {
        Self { error: error.into(), cause: Some(cause) }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self { error: error.into(), cause: None }
    }
}

impl Inbox {
    /// One round: what is due, then what has come in. Says how much there was.
    async fn turn(&mut self) -> Result<usize, CommitError> {
        match self.round().await {
            Ok(done) => {
                self.book.settle();
                Ok(done)
            }
            Err(refused) => {
                self.open_again();
                self.learn(refused)
            }
        }
    }

    /// What is in the store counts again. Called after every refusal and every panic: a step that was not
    /// committed, or not made to its end, has left its records in the book.
    fn open_again(&mut self) {
        self.book.close();
        self.after = None;
        self.site.forget_wakes();
    }

    async fn round(&mut self) -> Result<usize, Refused> {
        wheel_feed::fill(&self.site).await?;
        let site = self.site.clone();
        let now = site.clock.now();
        let entries = site.store.inbox(site.id(), self.after.clone(), ENTRIES_MAX).await?;
        let due = site.near().advance(now.timestamp_millis(), WAKES_MAX);
        let mut units = Vec::new();
        let stepped = self.units(&due, &entries, now, &mut units).await;
        let mut commits: FuturesOrdered<_> =
            units.into_iter().map(|(cause, unit)| finish(&site, unit, cause)).collect();
        let mut refused = None;
        while let Some((cause, result)) = commits.next().await {
            match result {
                Ok(()) => self.unlearn(&cause),
                Err(error) if refused.is_none() => refused = Some(Refused::by(cause, error)),
                Err(_) => {}
            }
        }
        refused.map_or(stepped, Err)?;
        Ok(due.len() + entries.len())
    }

    /// Steps everything, up to the first thing that cannot be.
    async fn units(
        &mut self,
        due: &[(String, i64)],
        entries: &[Entry],
        now: At,
        units: &mut Vec<(Cause, Unit)>,
    ) -> Result<(), Refused> {
        let site = self.site.clone();
        for (member, at_ms) in due {
            site.tally.late_ms.store(now.timestamp_millis() - at_ms, Ordering::Relaxed);
            let cause = Cause::Wake(member.clone());
            let fired = site.guard("wake", Box::pin(self.fire(member, now))).await.map_err(Failure::from);
            let fired = fired.and_then(|fired| Ok(fired?));
            units.push((cause.clone(), fired.map_err(|error| Refused::by(cause, error))?));
        }
        for entry in entries {
            let cause = Cause::Entry(entry.seq.clone());
            let taken = site.guard("entry", Box::pin(self.take(entry, now))).await.map_err(Failure::from);
            let taken = taken.and_then(|taken| Ok(taken?));
            let mut unit = taken.map_err(|error| Refused::by(cause.clone(), error))?;
            unit.ack.push(entry.seq.clone());
            units.push((cause, unit));
            self.after = Some(entry.seq.clone());
        }
        Ok(())
    }

    /// What cannot be worked now will not be workable the next time either: after some tries its cause is
    /// set aside.
    fn learn(&mut self, Refused { error, cause }: Refused) -> Result<usize, CommitError> {
        // Set aside already, and that could not be kept either: the store itself is at fault.
        let cause = cause.filter(|cause| !self.aside.contains_key(cause));
        match (error, cause) {
            (Failure::Commit(CommitError::Store(StoreError::Unreadable(what))), Some(cause)) => {
                let why = StoreError::Unreadable(what).to_string();
                self.site.unreadable(&why);
                self.aside.insert(cause, why);
                Ok(1)
            }
            (Failure::Panic(panicked), Some(cause)) => {
                self.strike(cause, PANIC_STRIKES, &panicked.to_string());
                Ok(1)
            }
            (Failure::Commit(error @ CommitError::Conflict(_)), Some(cause)) => {
                self.strike(cause, 1, "its commit was refused again and again");
                Err(error)
            }
            (Failure::Commit(error), _) => Err(error),
            (Failure::Panic(panicked), _) => Err(StoreError::Unreachable(panicked.to_string()).into()),
        }
    }

    fn strike(&mut self, cause: Cause, strikes: u32, why: &str) {
        let count = self.strikes.entry(cause.clone()).or_default();
        *count += strikes;
        if *count >= STRIKES_MAX {
            tracing::error!(school = %self.site.id(), ?cause, why, "ALARM: it cannot be worked and is set aside");
            self.aside.insert(cause, why.to_owned());
        }
    }

    fn unlearn(&mut self, done: &Cause) {
        self.aside.remove(done);
        self.strikes.remove(done);
    }

    /// A wake has come: of an order, or of a call whose final record never came.
    async fn fire(&mut self, member: &str, now: At) -> Kept<Unit> {
        if self.aside.contains_key(&Cause::Wake(member.to_owned())) {
            return Ok(put_off(member, now));
        }
        let stepped = match Member::read(member) {
            Some(Member::Canary) => {
                return Ok(Unit { wake: vec![wheel_feed::canary(now)], at: now, ..Unit::default() });
            }
            Some(Member::Order(order)) => self.wake_order(order, now).await?,
            Some(Member::Call(call)) => self.wake_call(&call, now).await?,
            None => None,
        };
        Ok(stepped.unwrap_or_else(|| Unit { sleep: vec![member.to_owned()], at: now, ..Unit::default() }))
    }

    /// `None` where there is no such order.
    async fn wake_order(&mut self, id: OrderId, now: At) -> Kept<Option<Unit>> {
        let Some(order) = self.book.order(&id).await? else { return Ok(None) };
        let aim = Aim::new(id, order.client, Event::Wake);
        apply(&self.site.school, &mut self.book, aim, Source::default(), now).await.map(Some)
    }

    async fn wake_call(&mut self, call: &str, now: At) -> Kept<Option<Unit>> {
        let Some(mut record) = self.book.call(call).await? else { return Ok(None) };
        let merged = record.on_wake(now);
        self.merged(call, record, merged, Source::default(), now).await.map(Some)
    }
}

async fn finish(site: &Site, unit: Unit, cause: Cause) -> (Cause, Result<(), Failure>) {
    let done = site.guard("commit", site.commit(unit)).await;
    (cause, done.map_err(Failure::from).and_then(|done| Ok(done?)))
}

/// The wake is neither lost nor followed now.
fn put_off(member: &str, now: At) -> Unit {
    let at_ms = (now + PUT_OFF).timestamp_millis();
    let wake = Wake { member: member.to_owned(), at_ms, promised: false };
    Unit { wake: vec![wake], at: now, ..Unit::default() }
}
