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
}

impl StoreWatch {
    /// Takes in what a renewal said. `waiting` is how many deliveries the lanes knew before it was asked.
    pub fn observe(&self, contents: Contents, waiting: u64, now: At) -> Option<Loss> {
        let mut state = self.state();
        let kinds = contents.kinds;
        state.missed.retain(|(at, _)| now - *at < MISSED_KEPT);
        // A body can be gone whose place is still counted: the try has found it.
        let is_short = kinds.is_some_and(|kinds| kinds.deliveries < waiting || !state.missed.is_empty());
        state.short = if is_short { state.short + 1 } else { 0 };
        let before = state.known.replace(contents.clone())?;
        let is_older = contents.found.as_ref().zip(before.left.as_ref());
        let is_behind = contents.place < before.place;
        let kind = if before.token != contents.token {
            LossKind::Replaced
        } else if is_older.map_or(is_behind && before.left.is_none(), |(found, left)| found.is_before(left)) {
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

    /// Where the search for what is gone goes on.
    pub fn look_from(&self) -> LookFrom {
        self.state().look_from.clone()
    }

    pub fn looked(&self, next: LookFrom) {
        self.state().look_from = next;
    }

    /// A delivery whose try could not be written because the store does not have it.
    pub fn missed(&self, id: &CommandId, now: At) {
        let mut state = self.state();
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
    }

    /// A commit of ours has ended the delivery.
    pub fn forget(&self, id: &CommandId) {
        self.state().missed.retain(|(_, missed)| missed != id);
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
    tracing::error!(
        school = %site.id(), kind = ?loss.kind, counted = loss.gone.is_some(), orders = gone.orders,
        open_orders = gone.open_orders, deliveries = gone.deliveries, wakes = gone.wakes, links = gone.links,
        dead = gone.dead, requests = gone.requests,
        "ALARM: the store has lost data; everything is read again, and what the platforms know is read from them"
    );
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
mod tests {
    use super::*;
    use crate::store::{Beat, Signs};

    /// The index was evicted, and a new order has written to it since: the counts say nothing.
    #[test]
    fn a_missing_sign_is_a_loss_whatever_was_written_since() {
        let watch = StoreWatch::default();
        let all = Signs { wakes: true, records: true, links: true, ..Signs::default() };
        let mut seen = Vec::new();
        let promised = Signs { promised: true, ..all };
        for (links, signs) in [
            (3, None),
            (3, Some(all)),
            (5, Some(all)),
            (2, Some(Signs { links: false, ..all })),
            // An older version put no sign there.
            (2, Some(promised)),
            (2, Some(all)),
        ] {
            let mut now = contents("a", 9, 1, 0, 2);
            now.kinds = now.kinds.map(|kinds| Kinds { links, signs, ..kinds });
            seen.push(watch.observe(now, 0, At::UNIX_EPOCH).map(|loss| loss.kind));
        }
        assert_eq!(seen, [None, None, None, Some(LossKind::Part), None, Some(LossKind::Part)]);
    }

    /// The counter of places was evicted: what came of the requests that the store still knows may be gone, too.
    #[test]
    fn places_that_begin_anew_under_the_same_beat_are_a_part_that_is_gone() {
        let watch = StoreWatch::default();
        let beat = |n| Some(Beat { by: "a".to_owned(), n });
        let seen = [9, 2].map(|place| {
            let now = Contents { found: beat(1), left: beat(1), ..contents("a", place, 1, 0, 2) };
            watch.observe(now, 0, At::UNIX_EPOCH).map(|loss| loss.kind)
        });
        assert_eq!((seen, watch.torn()), ([None, Some(LossKind::Part)], 1));
    }

    #[test]
    fn single_records_and_requests_that_are_gone_are_told_once() {
        let watch = StoreWatch::default();
        let told = |watch: &StoreWatch, names: &[&str]| {
            let records = names.iter().map(|name| (*name).to_owned()).collect();
            let loss = watch.single_ones_gone(&Unlisted { records, ..Unlisted::default() }, At::UNIX_EPOCH);
            loss.and_then(|loss| loss.gone).map(|gone| (gone.orders, gone.requests))
        };
        assert_eq!(told(&watch, &[]), None);
        assert_eq!(told(&watch, &["client/c-1", "order/gc-1"]), Some((1, 0)));
        watch.entry_gone();
        watch.entry_gone();
        assert_eq!(told(&watch, &[]), Some((0, 2)));
        assert_eq!(told(&watch, &[]), None);
    }

    /// A try found that the store does not have it, so the lanes do not know it any more.
    #[test]
    fn a_delivery_that_could_not_be_marked_is_a_loss_when_no_commit_has_ended_it() {
        for is_over in [false, true] {
            let (watch, now) = (StoreWatch::default(), At::UNIX_EPOCH);
            watch.observe(contents("a", 9, 1, 1, 2), 1, now);
            watch.missed(&"gc-1.1".into(), now);
            if is_over {
                watch.forget(&"gc-1.1".into());
            }
            let seen: Vec<_> = (0..2).map(|_| watch.observe(contents("a", 9, 1, 0, 2), 0, now)).collect();
            let kinds: Vec<_> = seen.into_iter().map(|loss| loss.map(|loss| loss.kind)).collect();
            assert_eq!(kinds, [None, (!is_over).then_some(LossKind::Part)]);
        }
    }

    fn contents(token: &str, place: u64, orders: u64, deliveries: u64, wakes: u64) -> Contents {
        let kinds = Kinds {
            orders,
            deliveries,
            wakes,
            records: orders + 1,
            links: 2 * orders,
            dead: orders,
            signs: None,
        };
        Contents { token: token.to_owned(), place, kinds: Some(kinds), found: None, left: None }
    }

    /// The copy has the same token, and so much was written to it since that its place is not behind.
    #[test]
    fn an_older_beat_is_a_loss_whatever_was_written_since() {
        let watch = StoreWatch::default();
        let beat = |by: &str, n| Some(Beat { by: by.to_owned(), n });
        let mut seen = Vec::new();
        for (found, left) in [
            (None, beat("a", 1)),
            (beat("a", 1), beat("a", 2)),
            // The answer to the third was lost.
            (beat("a", 3), beat("a", 4)),
            // Another instance had the school meanwhile.
            (beat("b", 1), beat("a", 5)),
            (beat("a", 2), beat("a", 6)),
            (beat("a", 6), beat("a", 7)),
            (None, beat("a", 8)),
        ] {
            let now = Contents { found, left, ..contents("a", 9, 1, 0, 2) };
            seen.push(watch.observe(now, 0, At::UNIX_EPOCH).map(|loss| loss.kind));
        }
        let (older, part) = (Some(LossKind::OlderCopy), Some(LossKind::Part));
        assert_eq!(seen, [None, None, None, None, older, None, part]);
    }

    /// What two renewals say, the deliveries that the lanes knew before each, and the loss.
    #[track_caller]
    fn check(first: (Contents, u64), second: (Contents, u64), expected: Option<(LossKind, [u64; 5])>) {
        let (watch, now) = (StoreWatch::default(), At::UNIX_EPOCH);
        assert_eq!(watch.observe(first.0, first.1, now), None, "the first one is only noted");
        let loss = watch.observe(second.0, second.1, now);
        let gone = |gone: Gone| [gone.orders, gone.open_orders, gone.deliveries, gone.wakes, gone.dead];
        assert_eq!(loss.map(|loss| (loss.kind, gone(loss.gone.expect("counts")))), expected);
    }

    #[test]
    fn a_loss_is_noticed_and_ordinary_work_is_none() {
        let before = || (contents("a", 90, 7, 3, 6), 3);
        check(before(), (contents("a", 90, 7, 3, 6), 3), None);
        check(before(), (contents("a", 95, 5, 0, 1), 0), None);
        check(before(), (contents("a", 95, 7, 2, 6), 3), None);
        check(before(), (contents("b", 0, 0, 0, 0), 3), Some((LossKind::Replaced, [7, 5, 3, 6, 7])));
        check(before(), (contents("a", 80, 6, 3, 5), 3), Some((LossKind::OlderCopy, [1, 1, 0, 1, 1])));
        check(before(), (contents("a", 90, 7, 3, 0), 3), Some((LossKind::Part, [0, 0, 0, 6, 0])));
    }

    #[test]
    fn deliveries_that_the_lanes_know_and_the_store_does_not_are_a_loss_when_it_stays_so() {
        let watch = StoreWatch::default();
        let mut seen = Vec::new();
        for (stored, waiting) in [(3, 3), (2, 3), (3, 3), (1, 3), (1, 3), (1, 1)] {
            let loss = watch.observe(contents("a", 9, 1, stored, 2), waiting, At::UNIX_EPOCH);
            seen.push(loss.and_then(|loss| loss.gone).map(|gone| gone.deliveries));
        }
        assert_eq!(seen, [None, None, None, None, Some(2), None]);
    }
}
