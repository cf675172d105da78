//! The owner's loop: turns settlements, due wakes and accepted requests into steps, one after another, with
//! pipelined commits: those of a full round go on while the next is stepped. Never calls a platform. It retries only while the store is unreachable; any other
//! failure makes a dead letter. Enter at [`run`]; `take` processes an entry, `signals` its signals, `settle`
//! a finished delivery.

mod fold;
mod settle;
mod signals;
mod take;
mod under_way;

#[cfg(test)]
pub(super) use settle::mark_first;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use self::fold::Folds;
use self::take::Read;
use self::under_way::UnderWay;
use super::landings::{Landed, Written};
use super::site::{Site, count};
use super::{store_watch, wheel_feed};
use crate::clock::stopwatch;
use crate::intake::ahead::Ahead;
use crate::intake::apply::{Source, apply};
use crate::intake::book::Book;
use crate::intake::correlate::Aim;
use crate::intake::item::Member;
use crate::link;
use crate::panics::{Panicked, caught_now};
use crate::process::{At, Event, OrderId};
use crate::store::{CommitError, Entry, Seq, StoreError, StoreResult, Unit, Wake};
use chrono::TimeDelta;
use tokio::time::Instant;

/// Entries, wakes and settlements that are stepped before their commits are awaited.
const ENTRIES_MAX: usize = 64;
const WAKES_MAX: usize = 256;
const LANDED_MAX: usize = 256;

/// After this many refusals an entry becomes a dead letter, and a wake is postponed.
const STRIKES_MAX: u32 = 8;

/// A panic counts as this many refusals, so the work is tried once more, with clean memory.
const PANIC_STRIKES: u32 = STRIKES_MAX / 2;

/// Between two looks at the store where a keeper tells of new entries and no bell was rung.
const TOLD_POLL: Duration = Duration::from_secs(30);

/// Pause after a refused commit; doubles with each refusal in a row.
const REFUSED_FIRST: Duration = Duration::from_millis(5);
const REFUSED_DOUBLED_MAX: u32 = 7;

/// A wake that cannot be processed now is postponed by this.
pub const PUT_OFF: TimeDelta = TimeDelta::hours(1);

/// After a loss, a wake of an order waits this long for its client to be told again.
const CLIENT_PAUSE: TimeDelta = TimeDelta::minutes(1);

/// Runs until the school is stopped or lost.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let mut inbox = Inbox::new(site.clone());
    // An earlier inbox may have ended at any point.
    site.tally.inbox_parked.store(false, Ordering::SeqCst);
    inbox.open_again();
    let mut refused_in_a_row = 0;
    let mut stop = site.stop.clone();
    let mut restarts = site.restarts();
    // A school that stops takes nothing new and settles the deliveries in flight.
    while !site.stopping() || !site.landings().is_over() {
        if restarts != site.restarts() {
            restarts = site.restarts();
            // Their answers do not matter any more.
            drop(inbox.committed().await);
            inbox.open_again();
        }
        let turned = inbox.turn().await;
        if turned.is_ok() && restarts == site.restarts() {
            site.store_watch.done(store_watch::INBOX);
        }
        match turned {
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
            Err(CommitError::Store(error)) if site.stopping() => return Err(error.into()),
            Err(CommitError::Store(error)) => {
                site.waits_for_store("the inbox", &error);
                tokio::time::sleep(Duration::from_millis(300)).await;
                continue;
            }
        }
        let now = site.clock.now();
        let next_ms = site.wheel_feed().next_look(now.timestamp_millis());
        let is_stopping = site.stopping();
        site.tally.inbox_parked.store(true, Ordering::SeqCst);
        tokio::select! {
            biased;
            () = site.inbox_bell.notified() => {}
            () = site.clock.sleep_until(At::from_timestamp_millis(next_ms).unwrap_or(now)), if !is_stopping => {}
            _ = stop.changed(), if !is_stopping => {}
            // The clock may have jumped, and a bell may have been lost.
            () = tokio::time::sleep(site.rhythm.poll) => inbox.is_unrung = true,
        }
        site.tally.inbox_parked.store(false, Ordering::SeqCst);
    }
    drop(inbox.committed().await);
    Ok(())
}

struct Inbox {
    site: Arc<Site>,
    book: Book,
    /// Everything up to here has been stepped.
    after: Option<Seq>,
    /// The work of the next round, where it was collected before the commits of this one were sent.
    next: Option<Work>,
    under_way: UnderWay,
    /// When entries were last read.
    read_at: Option<Instant>,
    /// No bell has called for this round.
    is_unrung: bool,
    /// Refused commits and panics, by what they were for.
    strikes: HashMap<Cause, u32>,
    /// What cannot be processed, and why: a stored record cannot be read, the work panics, or its commits are
    /// refused. The entry becomes a dead letter; the wake is postponed, in case a later version can process
    /// it.
    aside: HashMap<Cause, String>,
    /// Settlements whose commit failed.
    doubtful: HashMap<u64, Doubt>,
    folds: Folds,
}

/// The cause of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Cause {
    Wake(String),
    Entry(Seq),
    /// A finished delivery, by its place.
    Landed(u64),
}

/// Why a settlement may not find its delivery in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    /// Each commit was refused, so none was applied.
    Refused,
    /// The answer to a commit was lost; it may have been applied.
    Unheard,
}

/// The work of one round.
#[derive(Default)]
struct Work {
    landed: Vec<Landed>,
    due: Vec<(String, i64)>,
    entries: Vec<Opened>,
}

impl Work {
    fn len(&self) -> usize {
        self.landed.len() + self.due.len() + self.entries.len()
    }

    /// There is probably more.
    fn is_full(&self) -> bool {
        self.landed.len() == LANDED_MAX || self.due.len() >= WAKES_MAX || self.entries.len() == ENTRIES_MAX
    }

    /// Whether a step of it may read the store itself, and not only the book.
    fn reads_store(&self) -> bool {
        self.entries.iter().any(|(_, read)| !matches!(read, Some(Ok(read)) if read.is_of_book()))
    }
}

/// An entry, with its content once that has been read ahead of its turn.
type Opened = (Entry, Option<Result<Read, Panicked>>);

/// Why a round ended early, and its cause, if known.
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
    fn new(site: Arc<Site>) -> Self {
        Self {
            book: Book::new(site.store.clone(), site.id().clone(), site.record_budget.clone()),
            site,
            after: None,
            next: None,
            under_way: UnderWay::default(),
            read_at: None,
            is_unrung: false,
            strikes: HashMap::new(),
            aside: HashMap::new(),
            doubtful: HashMap::new(),
            folds: Folds::default(),
        }
    }

    /// One round: settlements, due wakes, then entries. Returns how many there were.
    async fn turn(&mut self) -> Result<usize, CommitError> {
        match self.round().await {
            Ok(done) => {
                self.book.end_round();
                if self.under_way.is_none() {
                    self.book.fit_budget();
                }
                Ok(done)
            }
            Err(refused) => {
                drop(self.committed().await);
                self.open_again();
                self.learn(refused)
            }
        }
    }

    /// Starts over from the store. Called after every refusal and every panic, because a step that was not
    /// committed, or not finished, has left its records in the book.
    fn open_again(&mut self) {
        self.book.close();
        (self.after, self.next, self.read_at) = (None, None, None);
        self.site.forget_wakes();
    }

    async fn round(&mut self) -> Result<usize, Refused> {
        let site = self.site.clone();
        let now = site.clock.now();
        let mut work = match self.next.take() {
            Some(next) => next,
            None => self.work(now).await?,
        };
        if site.stopping() {
            (work.due, work.entries) = (Vec::new(), Vec::new());
        }
        if work.reads_store() {
            self.committed().await?;
        }
        let mut units = Vec::new();
        let stepped = self.units(&mut work, now, &mut units).await;
        // Whatever these units build on is committed before they are sent.
        self.committed().await?;
        if let [(cause, unit)] = &mut units[..] {
            // No other unit of the round may revoke what it adds.
            let settled = if let Cause::Landed(place) = cause { Some(*place) } else { None };
            settle::mark_first(&site, unit, settled, now);
        }
        self.under_way.take(&site, units);
        let goes_on = stepped.is_ok() && work.is_full() && !self.book.is_over_budget();
        // Read before the commits are sent: a store answers in the order in which it is asked.
        let next = if goes_on { Some(self.work(now).await) } else { None };
        self.under_way.send(goes_on).await;
        match next {
            Some(Ok(next)) => self.next = Some(next),
            Some(Err(refused)) => return Err(refused),
            None => self.committed().await?,
        }
        stepped?;
        Ok(work.len())
    }

    /// Collects the work that is due now, without what is under way, and reads what it will need. A school that stops
    /// takes nothing new.
    async fn work(&mut self, now: At) -> Result<Work, Refused> {
        let site = self.site.clone();
        let landed = site.landings().first(LANDED_MAX, self.under_way.landed());
        let mut work = Work { landed, ..Work::default() };
        let mut ahead = Ahead::default();
        for Landed { delivery, .. } in &work.landed {
            ahead.orders.push(delivery.command.order.clone());
            ahead.clients.push(delivery.command.client.clone());
        }
        if !site.stopping() {
            if self.under_way.is_none() {
                // The index still has the wakes that are under way.
                wheel_feed::fill(&site).await?;
            }
            if !self.may_skip() {
                work.entries = self.page(&mut ahead).await?;
                self.read_at = Some(stopwatch());
            }
            work.due = site.wheel_feed().advance(now.timestamp_millis(), WAKES_MAX);
        }
        work.due.iter().for_each(|(member, _)| ahead.wake(member));
        self.book.read_ahead(ahead).await?;
        Ok(work)
    }

    /// Where the keeper tells of new entries, the store is seldom asked without a bell.
    fn may_skip(&mut self) -> bool {
        let is_fresh = self.read_at.is_some_and(|read_at| read_at.elapsed() < TOLD_POLL);
        std::mem::take(&mut self.is_unrung) && is_fresh && self.site.is_told()
    }

    /// The next entries, decoded; `ahead` is told what they will need.
    async fn page(&mut self, ahead: &mut Ahead) -> StoreResult<Vec<Opened>> {
        let entries = self.site.store.inbox(self.site.id(), self.after.clone(), ENTRIES_MAX).await?;
        let open = |entry: Entry| {
            // One that was set aside is not read again.
            let is_aside = self.aside.contains_key(&Cause::Entry(entry.seq.clone()));
            let read = (!is_aside).then(|| caught_now(|| self.read(&entry)));
            if let Some(Ok(read)) = &read {
                read.needs(ahead);
            }
            (entry, read)
        };
        Ok(entries.into_iter().map(open).collect())
    }

    /// Steps everything up to the first failure. Settlements come first, so that nothing they mark as being
    /// sent has been revoked by this round.
    async fn units(
        &mut self,
        work: &mut Work,
        now: At,
        units: &mut Vec<(Cause, Unit)>,
    ) -> Result<(), Refused> {
        let site = self.site.clone();
        let mut revoked = self.under_way.revoked().clone();
        for landed in &work.landed {
            let cause = Cause::Landed(landed.delivery.seq);
            let settled = site.guard("settlement", Box::pin(self.settle(landed, &revoked, now))).await;
            let settled = settled.map_err(Failure::from).and_then(|settled| Ok(settled?));
            match settled.map_err(|error| Refused::by(cause.clone(), error))? {
                Some(unit) => {
                    revoked.extend(settle::revoked_by(&unit).cloned());
                    units.push((cause, unit));
                }
                None => self.done(&cause, Written::Before),
            }
        }
        for (member, at_ms) in &work.due {
            site.tally.late_ms.store(now.timestamp_millis() - at_ms, Ordering::Relaxed);
            let cause = Cause::Wake(member.clone());
            // If it was due before the clock was set back, it is fired at its own time; the index cuts it off.
            let at = At::from_timestamp_millis(*at_ms + 1).filter(|_| *at_ms > now.timestamp_millis());
            let at = at.unwrap_or(now);
            let fired = site.guard("wake", self.fire(member, at)).await.map_err(Failure::from);
            let fired = fired.and_then(|fired| Ok(fired?));
            units.push((cause.clone(), fired.map_err(|error| Refused::by(cause, error))?));
        }
        for (entry, read) in &mut work.entries {
            let cause = Cause::Entry(entry.seq.clone());
            let taken = match read.take().transpose() {
                Ok(read) => site.guard("entry", self.take(entry, read, now)).await,
                Err(panicked) => {
                    site.on_panic("entry", &panicked);
                    Err(panicked)
                }
            };
            let taken = taken.map_err(Failure::from).and_then(|taken| Ok(taken?));
            let mut unit = taken.map_err(|error| Refused::by(cause.clone(), error))?;
            unit.ack.push(entry.seq.clone());
            units.push((cause, unit));
            self.after = Some(entry.seq.clone());
        }
        Ok(())
    }

    /// Gives a cause up that would fail again: at once if a record is unreadable, else after several
    /// failures.
    fn learn(&mut self, Refused { error, cause }: Refused) -> Result<usize, CommitError> {
        // It was given up already, and storing that failed, too: the store itself fails.
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
            tracing::error!(school = %self.site.id(), ?cause, why, "ALARM: it cannot be processed and is set aside");
            self.aside.insert(cause, why.to_owned());
        }
    }

    fn done(&mut self, done: &Cause, written: Written) {
        self.aside.remove(done);
        self.strikes.remove(done);
        if let Cause::Landed(place) = done {
            self.doubtful.remove(place);
            let settled = self.site.landings().settle(*place, written);
            settled.iter().for_each(|id| self.site.forget_delivery(id));
        }
    }

    /// A wake is due: of an order, or of a call whose final record never arrived.
    async fn fire(&mut self, member: &str, now: At) -> StoreResult<Unit> {
        if self.aside.contains_key(&Cause::Wake(member.to_owned())) {
            return Ok(put_off(member, now + PUT_OFF, now));
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

    /// `None` if there is no such order.
    async fn wake_order(&mut self, id: OrderId, now: At) -> StoreResult<Option<Unit>> {
        let Some(order) = self.book.order(&id).await? else {
            if self.book.link(&link::gone(&id)).await?.is_none() {
                count(&self.site.tally.vanished);
                tracing::error!(school = %self.site.id(), order = %id, "ALARM: an order has vanished from the store, its wake had not");
            }
            return Ok(None);
        };
        if self.site.is_in_doubt(now) && self.book.client(&order.client).await?.is_none() {
            // Lost, and told again soon: without him the order would ask people for what is known.
            let member = Member::Order(id).to_string();
            return Ok(Some(put_off(&member, now + CLIENT_PAUSE, now)));
        }
        let aim = Aim::new(id, order.client, Event::Wake);
        apply(&self.site.school, &mut self.book, aim, Source::default(), now).await.map(Some)
    }

    async fn wake_call(&mut self, call: &str, now: At) -> StoreResult<Option<Unit>> {
        let Some(mut record) = self.book.call(call).await? else { return Ok(None) };
        let merged = record.on_wake(now);
        let source = Source { raw: record.raw };
        self.merged(call, record, merged, source, now).await.map(Some)
    }
}

/// Postpones the wake.
fn put_off(member: &str, to: At, now: At) -> Unit {
    let wake = Wake { member: member.to_owned(), at_ms: to.timestamp_millis(), promised: false };
    Unit { wake: vec![wake], at: now, ..Unit::default() }
}
