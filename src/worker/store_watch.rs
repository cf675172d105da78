//! Notices a store that has lost what it had confirmed: emptied, replaced by an older copy, or partly evicted.
//! Compares what each renewal of the lease says about the store with what the renewal before said. Never reads
//! the store itself and never changes it. Enter at [`StoreWatch::observe`]; [`notice`] acts on a loss.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::lease_view::Ownership;
use super::site::Site;
use crate::clock::stopwatch;
use crate::process::{At, CommandId};
use crate::store::{Contents, Kinds, LookFrom, StoreError, StoreResult, Unlisted, key};

/// After a loss everything that goes out is looked up first during this time: the orders that are told again
/// within it are decided again.
const DOUBT: TimeDelta = TimeDelta::hours(2);

/// How often the progress of the store is noted on the disk.
const NOTE_EVERY: TimeDelta = TimeDelta::minutes(1);

/// So many renewals in a row have to find fewer deliveries than the lanes know: one may fall between a commit
/// and its answer.
const SHORT_MAX: u32 = 2;

/// A loss is noticed within this time; and most deliveries that are remembered for it.
const MISSED_KEPT: TimeDelta = TimeDelta::seconds(15);
const MISSED_MAX: usize = 1_000;

/// How the loss was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// The store's own token is another one: it was emptied or replaced.
    Replaced,
    /// What its last renewal left is before what this process had left there.
    OlderCopy,
    /// A part of it is gone.
    Part,
}

/// What a store has lost, as far as this process knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    pub at: At,
    pub kind: LossKind,
    /// `None` if the store does not count.
    #[serde(flatten)]
    pub gone: Option<Gone>,
}

/// Differences of the counts before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Gone {
    pub orders: u64,
    /// Orders with a next step; at most this many, because calls have wakes, too.
    pub open_orders: u64,
    pub deliveries: u64,
    pub wakes: u64,
    pub links: u64,
    /// Dead letters: nobody else knows of them.
    pub dead: u64,
    /// Requests that were accepted and not yet worked.
    pub requests: u64,
}

impl Gone {
    fn between(before: &Kinds, after: &Kinds) -> Self {
        let orders = before.orders.saturating_sub(after.orders);
        let wakes = before.wakes.saturating_sub(after.wakes);
        Self {
            orders,
            // The canary is a wake of no order.
            open_orders: wakes.saturating_sub(u64::from(after.wakes == 0)).min(orders),
            deliveries: before.deliveries.saturating_sub(after.deliveries),
            wakes,
            links: before.links.saturating_sub(after.links),
            dead: before.dead.saturating_sub(after.dead),
            requests: 0,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    known: Option<Contents>,
    /// What was last given out to be noted on the disk, and when.
    noted: Option<(At, Contents)>,
    /// Renewals in a row that found fewer deliveries than the lanes know.
    short: u32,
    last: Option<Loss>,
    /// Parts of this process that have not started over from the store yet.
    pending: BTreeSet<String>,
    /// Platforms from which what was lost has not been read back yet.
    reading_back: BTreeSet<String>,
    /// Deliveries that a try has not found in the store, and no commit of ours has ended.
    missed: Vec<(At, CommandId)>,
    /// Deliveries that a commit of ours may have ended: its answer was not heard.
    ended: BTreeSet<CommandId>,
    look_from: LookFrom,
    /// Why the last renewal failed.
    unanswered: Option<StoreError>,
}

/// What this process knows about the store of one school.
#[derive(Debug, Default)]
pub struct StoreWatch {
    state: Mutex<State>,
    entries_gone: AtomicU64,
    /// Noticed losses; other parts compare it like an epoch of the store.
    losses: AtomicU64,
    /// Those that left a store whose parts do not fit together.
    torn: AtomicU64,
    /// The renewals that were begun, and the last one whose answer was looked at.
    begun: AtomicU64,
    compared: watch::Sender<u64>,
    /// Rung after a loss: reconciliation and the watchdog run at once.
    pub bell: Notify,
    /// Rung when the store should be looked at whole.
    pub look: Notify,
    /// Rung after that: single ones may be gone, too.
    pub search: Notify,
}

impl StoreWatch {
    /// Takes in what a renewal said. `waiting` is how many deliveries the lanes knew before it was asked.
    pub fn observe(&self, contents: Contents, waiting: u64, now: At) -> Option<Loss> {
        let mut state = self.state();
        let kinds = contents.kinds;
        let waiting = waiting.saturating_sub(state.ended.len() as u64);
        state.missed.retain(|(at, _)| now - *at < MISSED_KEPT);
        // A body can be gone whose place is still counted: the try has found it.
        let is_short = kinds.is_some_and(|kinds| kinds.deliveries < waiting || !state.missed.is_empty());
        // Until the outbox has started over, the lanes know what was lost before.
        let is_short = is_short && !state.pending.contains(OUTBOX);
        state.short = if is_short { state.short + 1 } else { 0 };
        let before = state.known.replace(contents.clone())?;
        let is_older = contents.found.as_ref().zip(before.left.as_ref());
        let is_behind = contents.place < before.place;
        let kind = if before.token != contents.token {
            LossKind::Replaced
        } else if is_older.is_some_and(|(found, left)| found.is_before(left))
            // What was left last may have been left before the copy was made.
            || (is_behind && (contents.place > 0 || before.left.is_none()))
        {
            LossKind::OlderCopy
        } else if (before.left.is_some() && contents.found.is_none())
            // Its counter of places is gone, and its beat is not.
            || is_behind
            || state.short >= SHORT_MAX
            || before.kinds.zip(kinds).is_some_and(has_vanished)
        {
            LossKind::Part
        } else {
            return None;
        };
        state.short = 0;
        let mut gone = before.kinds.zip(kinds).map(|(before, after)| Gone::between(&before, &after));
        if let (Some(gone), Some(kinds)) = (&mut gone, kinds) {
            let missed = state.missed.len() as u64;
            gone.deliveries = gone.deliveries.max(waiting.saturating_sub(kinds.deliveries)).max(missed);
        }
        state.missed.clear();
        let loss = Loss { at: now, kind, gone };
        state.last = Some(loss.clone());
        self.losses.fetch_add(1, Ordering::SeqCst);
        self.torn.fetch_add(u64::from(kind != LossKind::OlderCopy), Ordering::SeqCst);
        Some(loss)
    }

    /// A renewal is asked for now.
    pub fn begins(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// What that renewal said was compared, and a loss is noticed.
    pub fn compared(&self, renewal: u64) {
        self.compared.send_replace(renewal);
    }

    /// Returns when a renewal was compared that begins later than now: what is lost now is noticed then.
    pub async fn next_comparison(&self) {
        let now = self.begun.load(Ordering::SeqCst);
        self.look.notify_one();
        // The sender is this watch.
        let _ = self.compared.subscribe().wait_for(|renewal| *renewal > now).await;
    }

    /// The body of an accepted request is gone.
    pub fn entry_gone(&self) {
        self.entries_gone.fetch_add(1, Ordering::SeqCst);
    }

    /// What was listed is gone, or requests since the last call. It is no longer listed, so it is told once.
    pub fn single_ones_gone(&self, unlisted: &Unlisted, now: At) -> Option<Loss> {
        let requests = self.entries_gone.swap(0, Ordering::SeqCst);
        if unlisted.records.is_empty() && unlisted.deliveries.is_empty() && requests == 0 {
            return None;
        }
        let orders = unlisted.records.iter().filter(|name| name.starts_with(key::ORDERS)).count() as u64;
        let deliveries = unlisted.deliveries.len() as u64;
        let gone = Some(Gone { orders, deliveries, requests, ..Gone::default() });
        let loss = Loss { at: now, kind: LossKind::Part, gone };
        self.state().last = Some(loss.clone());
        self.losses.fetch_add(1, Ordering::SeqCst);
        self.torn.fetch_add(1, Ordering::SeqCst);
        Some(loss)
    }

    /// Whether there is a sign of a loss that the next look has to confirm.
    pub fn wants_look(&self) -> bool {
        let state = self.state();
        state.short > 0 || !state.missed.is_empty() || self.entries_gone.load(Ordering::SeqCst) > 0
    }

    /// Whether the last renewal saw the run of the store as a record or in the index, where it is no longer.
    pub fn misses_run(&self, is_record: bool, is_link: bool) -> bool {
        let signs = self.state().known.as_ref().and_then(|known| known.kinds?.signs);
        signs.is_some_and(|signs| (signs.records && !is_record) || (signs.links && !is_link))
    }

    /// Where the search for what is gone goes on.
    pub fn look_from(&self) -> LookFrom {
        self.state().look_from.clone()
    }

    pub fn looked(&self, next: LookFrom) {
        self.state().look_from = next;
    }

    /// A commit that ends these deliveries is sent. Where its answer is not heard, it may be carried out, also later: the
    /// lanes know them until one of them is tried.
    pub fn may_have_ended(&self, ids: &[CommandId]) {
        let mut state = self.state();
        let room = MISSED_MAX.saturating_sub(state.ended.len());
        state.ended.extend(ids.iter().take(room).cloned());
    }

    /// The answer was heard: what has ended is forgotten.
    pub fn is_answered(&self, ids: &[CommandId]) {
        self.state().ended.retain(|id| !ids.contains(id));
    }

    /// A delivery whose try could not be written because the store does not have it.
    pub fn missed(&self, id: &CommandId, now: At) {
        let mut state = self.state();
        if state.ended.remove(id) || state.pending.contains(OUTBOX) {
            return;
        }
        state.missed.retain(|(at, _)| now - *at < MISSED_KEPT);
        if state.missed.len() < MISSED_MAX {
            state.missed.push((now, id.clone()));
        }
    }

    /// Whether the last renewal was answered. It writes, so a store that only answers reads fails it.
    pub fn heard<T>(&self, renewed: &StoreResult<T>) {
        self.state().unanswered = renewed.as_ref().err().cloned();
    }

    /// Why the last renewal failed; `None` if it was answered.
    pub fn unanswered(&self) -> Option<StoreError> {
        self.state().unanswered.clone()
    }

    /// What this instance knew before it was started.
    pub fn recall(&self, noted: Option<Contents>) {
        let mut state = self.state();
        if state.known.is_none() {
            state.known = noted;
        }
    }

    /// What the last renewal said.
    pub fn known(&self) -> Option<Contents> {
        self.state().known.clone()
    }

    /// What should be noted on the disk now, if anything.
    pub fn to_note(&self, now: At) -> Option<Contents> {
        let mut state = self.state();
        let known = state.known.clone()?;
        let is_fresh = |(at, noted): &(At, Contents)| {
            noted.token == known.token && (noted.place == known.place || (now - *at).abs() < NOTE_EVERY)
        };
        if state.noted.as_ref().is_some_and(is_fresh) {
            return None;
        }
        state.noted = Some((now, known.clone()));
        Some(known)
    }

    /// Whether this part has to start over from the store.
    pub fn is_pending(&self, part: &str) -> bool {
        self.state().pending.contains(part)
    }

    /// The number of noticed losses.
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    /// The number of those after which the store may know that a request was accepted, and not what came of it. An
    /// older copy fits together.
    pub fn torn(&self) -> u64 {
        self.torn.load(Ordering::SeqCst)
    }

    pub fn last(&self) -> Option<Loss> {
        self.state().last.clone()
    }

    /// Whether everything has started over since the last loss, and what was lost was read back.
    pub fn is_well(&self) -> bool {
        let state = self.state();
        state.pending.is_empty() && state.reading_back.is_empty()
    }

    /// The parts that have not started over.
    pub fn pending(&self) -> Vec<String> {
        self.state().pending.iter().cloned().collect()
    }

    /// The platforms from which what was lost is still being read.
    pub fn reading_back(&self) -> Vec<String> {
        self.state().reading_back.iter().cloned().collect()
    }

    /// Notes whether what was lost is still being read from this platform.
    pub fn reads_back(&self, platform: &str, still: bool) {
        let mut state = self.state();
        match still {
            true => state.reading_back.insert(platform.to_owned()),
            false => state.reading_back.remove(platform),
        };
    }

    /// This part has started over from the store.
    pub fn done(&self, part: &str) {
        self.state().pending.remove(part);
    }

    pub(super) fn wait_for(&self, parts: impl Iterator<Item = String>) {
        self.state().pending.extend(parts);
    }

    /// Whether another process has renewed the lease since the last renewal of this one.
    pub fn is_of_another(&self, contents: &Contents) -> bool {
        let state = self.state();
        let left = state.known.as_ref().and_then(|known| known.left.as_ref());
        left.zip(contents.found.as_ref()).is_some_and(|(left, found)| left.by != found.by)
    }

    /// Another instance works for the school: this one has nothing to start over.
    pub fn leave(&self) {
        let mut state = self.state();
        state.pending.clear();
        state.reading_back.clear();
        state.missed.clear();
        state.ended.clear();
    }

    /// A commit of ours has ended the delivery.
    pub fn forget(&self, id: &CommandId) {
        let mut state = self.state();
        state.missed.retain(|(_, missed)| missed != id);
        state.ended.remove(id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that never becomes empty again is empty, or has lost what an owner leaves for good: whatever was
/// written since does not hide it.
fn has_vanished((before, after): (Kinds, Kinds)) -> bool {
    let is_gone = |count: fn(&Kinds) -> u64| count(&before) > 0 && count(&after) == 0;
    let has_no_sign = before.signs.zip(after.signs).is_some_and(|(stood, stand)| stand.has_lost_of(&stood));
    let is_empty = is_gone(|kinds| kinds.wakes) || is_gone(|kinds| kinds.records);
    has_no_sign || is_empty || (before.links > 1 && after.links == 0)
}

pub const INBOX: &str = "inbox";
pub const OUTBOX: &str = "outbox";
pub const WATCHDOG: &str = "watchdog";

/// Starts everything over after a loss, and tells a person what is gone.
pub fn notice(site: &Site, loss: &Loss) {
    let gone = loss.gone.unwrap_or_default();
    if let Some(times) = site.repeats.due(&format!("{:?} {gone:?}", loss.kind), stopwatch()) {
        tracing::error!(
            school = %site.id(), kind = ?loss.kind, times, counted = loss.gone.is_some(), orders = gone.orders,
            open_orders = gone.open_orders, deliveries = gone.deliveries, wakes = gone.wakes, links = gone.links,
            dead = gone.dead, requests = gone.requests,
            "ALARM: the store has lost data; everything is read again, and what the platforms know is read from them"
        );
    }
    site.doubt_until(site.clock.now() + DOUBT);
    if site.lease.ownership() == Ownership::Owner {
        let platforms = site.outbound.reconcilers.keys().map(|platform| (*platform).to_owned());
        let parts = [INBOX, OUTBOX, WATCHDOG].map(str::to_owned).into_iter();
        site.store_watch.wait_for(parts.chain(platforms));
    }
    site.restart_from_store();
    site.store_watch.bell.notify_waiters();
}

#[cfg(test)]
mod tests;
