//! The outbox: carries commands out within each platform's limits.
//! Never decides what is to be said, and never repeats what may have been done without looking.
//! Enter at [`run`].
//!
//! A delivery's life: `Waiting` → marked `Sending` before the request leaves → settled with a
//! receipt; or `Later` (backoff), `Unclear` (look first), back to `Waiting` while the account is
//! denied; or buried as a dead letter, and the order hears of it. A try that panics makes it `Later`, or
//! `Unclear` if its request may have left; after [`PANICS_MAX`] panics it is buried.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::lanes::{LaneKey, Next, key_of};
use super::site::{Site, count};
use super::{backoff, spool_drain};
use crate::intake::item::Item;
use crate::json;
use crate::panics::Panicked;
use crate::platform::{Fault, Links, Receipt, Try};
use crate::process::{At, CommandId, Event, OrderId, Target};
use crate::spool::{Past, SendOutcome, Sent};
use crate::store::{CommitError, DeadLetter, DeadOp, Delivery, DeliveryOp, DeliveryState, StoreError, Unit};

/// Deliveries read from the store at a time.
const PAGE: usize = 500;

/// A denied account is probed after a minute, then ever more rarely up to an hour.
const SHUT_FIRST_S: i64 = 60;
const SHUT_LONGEST_S: i64 = 3_600;

/// After this many panics a delivery becomes a dead letter.
const PANICS_MAX: u32 = 3;

/// Runs until the school is stopped or lost; drains what is on its way.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let mut outbox = Outbox { site: &site, seen: 0, denials: BTreeMap::new() };
    let mut flights = FuturesUnordered::new();
    let mut stop = site.stop.clone();
    let mut restarts = site.restarts();
    outbox.load(true).await?;
    let mut rung = false;
    loop {
        if site.stopping() && flights.is_empty() {
            return Ok(());
        }
        if rung {
            outbox.load(false).await?;
        }
        if restarts != site.restarts() {
            // What is on its way lands first: its result is known here, whatever the store has lost.
            site.lanes().hold();
            if flights.is_empty() {
                restarts = site.restarts();
                outbox.start_anew().await?;
            }
        }
        let mut next_at = None;
        while !site.stopping() {
            let now = site.clock.now();
            let next = site.lanes().next(now);
            match next {
                Next::Go(delivery) => flights.push(fly(&site, *delivery)),
                Next::At(at) => {
                    next_at = Some(at);
                    break;
                }
                Next::Nothing => break,
            }
        }
        let wait = pin!(async {
            match next_at {
                Some(at) => site.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        });
        rung = tokio::select! {
            biased;
            () = site.outbox_bell.notified() => true,
            Some(flown) = flights.next(), if !flights.is_empty() => {
                outbox.landed(flown)?;
                false
            }
            () = wait => false,
            _ = stop.changed() => false,
            () = tokio::time::sleep(site.rhythm.poll) => true,
        }
    }
}

struct Outbox<'a> {
    site: &'a Arc<Site>,
    /// Place of the last delivery taken from the store.
    seen: u64,
    /// Denials in a row by platform.
    denials: BTreeMap<Target, u32>,
}

/// A delivery that has come back, with what its lane is to hold now.
struct Flown {
    lane: LaneKey,
    back: Option<Delivery>,
    end: End,
}

enum End {
    Done,
    Denied(String),
    Other,
    /// The school belongs to somebody else now, or the store refused for good.
    Lost(CommitError),
}

impl Outbox<'_> {
    /// Takes what is new in the store. At the start everything pending is taken, and what was
    /// being sent when the last owner ended is unclear.
    async fn load(&mut self, start: bool) -> Result<(), CommitError> {
        loop {
            let page = match self.site.store.deliveries(self.site.id(), self.seen, PAGE).await {
                Ok(page) => page,
                Err(StoreError::Unreadable(_)) if self.bury_unreadable().await? => continue,
                Err(error) => {
                    tracing::warn!(school = %self.site.id(), %error, "the outbox waits for the store");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    if start { continue } else { return Ok(()) }
                }
            };
            let full = page.len() == PAGE;
            let mut lanes = self.site.lanes();
            for mut delivery in page {
                self.seen = self.seen.max(delivery.seq);
                if delivery.state == DeliveryState::Sending {
                    delivery.state = DeliveryState::Unclear { not_before: self.site.clock.now() };
                }
                lanes.push(delivery);
            }
            drop(lanes);
            self.site.tally.outbox_seen.store(self.seen, Ordering::SeqCst);
            if !full {
                return Ok(());
            }
        }
    }

    /// What this version cannot read becomes a dead letter, and its order hears of it; true if there
    /// was any.
    async fn bury_unreadable(&self) -> Result<bool, CommitError> {
        let Ok(found) = self.site.store.unreadable(self.site.id()).await else { return Ok(false) };
        let mut buried = false;
        for (id, body) in found {
            let why = format!("delivery {id} cannot be read by this version");
            self.site.unreadable(&why);
            // A command's id names its order.
            let order = id.order();
            match self.site.commit(burial(id, order, why, body, self.site.clock.now())).await {
                Err(CommitError::Fenced) => return Err(CommitError::Fenced),
                done => buried |= done.is_ok(),
            }
        }
        Ok(buried)
    }

    /// The store may have lost its last seconds: places, states, whole deliveries.
    async fn start_anew(&mut self) -> Result<(), CommitError> {
        if let Err(CommitError::Fenced) = spool_drain::note_epoch(self.site).await {
            return Err(CommitError::Fenced);
        }
        self.site.forget_memory();
        self.seen = 0;
        self.load(true).await
    }

    fn landed(&mut self, flown: Flown) -> Result<(), CommitError> {
        let target = flown.lane.target;
        let mut lanes = self.site.lanes();
        match flown.end {
            End::Done => {
                self.denials.remove(&target);
                if lanes.shut_until(target).is_some() {
                    tracing::info!(school = %self.site.id(), target = target.as_str(), "the account works again");
                    lanes.reopen(target);
                }
            }
            // Others were on their way with the first that was denied: one denial, one pause.
            End::Denied(_) if lanes.shut_until(target).is_some_and(|until| until > self.site.clock.now()) => {
            }
            End::Denied(why) => {
                let times = self.denials.entry(target).or_default();
                let seconds = (SHUT_FIRST_S << (*times).min(6)).min(SHUT_LONGEST_S);
                *times += 1;
                lanes.shut(target, self.site.clock.now() + TimeDelta::seconds(seconds));
                tracing::error!(
                    school = %self.site.id(), target = target.as_str(), why, seconds,
                    "ALARM: the account is denied; its deliveries wait, nothing is lost"
                );
            }
            End::Other => {}
            End::Lost(error) => return Err(error),
        }
        lanes.settle(&flown.lane, flown.back);
        Ok(())
    }
}

/// One try of one delivery. Always returns, so that its lane is freed.
async fn fly(site: &Arc<Site>, delivery: Delivery) -> Flown {
    let (before, has_left) = (delivery.clone(), AtomicBool::new(false));
    match site.guard("delivery", carry(site, delivery, &has_left)).await {
        Ok(flown) => flown,
        Err(panicked) => {
            let tried = match has_left.into_inner() {
                true => Try::MayBeDone,
                false => history(site, &before, site.clock.now()).0,
            };
            after_panic(site, before, tried, panicked).await
        }
    }
}

/// Settles a try that panicked: the delivery is tried again, or becomes a dead letter after too many panics.
async fn after_panic(site: &Arc<Site>, mut delivery: Delivery, tried: Try, panicked: Panicked) -> Flown {
    let (lane, why) = (key_of(&delivery), panicked.to_string());
    delivery.attempts += 1;
    let panics = site.count_panic_of(delivery.id());
    let fault = if panics < PANICS_MAX { Fault::later(why) } else { Fault::never(why) };
    let settling = settle(site, lane.clone(), delivery.clone(), tried, Err(fault));
    if let Ok(flown) = site.guard("settlement", settling).await {
        return flown;
    }
    // The settlement panicked too. In the store the delivery is still marked, which counts as `Unclear`.
    delivery.state = later_state(tried, not_before(&delivery, site.clock.now()));
    Flown { lane, back: Some(delivery), end: End::Other }
}

/// One try of one delivery, from the mark to the settlement.
async fn carry(site: &Arc<Site>, mut delivery: Delivery, has_left: &AtomicBool) -> Flown {
    let lane = key_of(&delivery);
    let now = site.clock.now();
    // Lanes let nothing out that has no courier; it would stay in the store as it is.
    let Some(courier) = site.outbound.couriers.get(&lane.target) else {
        return Flown { lane, back: None, end: End::Other };
    };
    let (tried, past) = history(site, &delivery, now);
    delivery.state = DeliveryState::Sending;
    delivery.attempts += 1;
    let mark = Unit { deliveries: vec![DeliveryOp::Update(delivery.clone())], at: now, ..Unit::default() };
    match commit(site, mark).await {
        Ok(()) => {}
        // Revoked before it left: that is what revoking is for.
        Err(CommitError::Conflict(_)) => return Flown { lane, back: None, end: End::Other },
        Err(error) => return Flown { lane, back: None, end: End::Lost(error) },
    }
    if past == Some(Past::Done) && !lane.target.can_look_up() {
        // Nothing can be looked up there, and nothing has to be: this process has seen it done.
        return settle(site, lane, delivery, tried, Ok(Receipt::default())).await;
    }
    has_left.store(true, Ordering::SeqCst);
    remember(site, |sent| sent.leaves(&delivery));
    let links = SiteLinks(site);
    let outcome = courier.deliver(&delivery.command, tried, &links, now).await;
    settle(site, lane, delivery, tried, outcome).await
}

/// Whether it may have been done before: the delivery's state says so, or this process remembers what a
/// restarted store has forgotten, or nobody is left who could.
fn history(site: &Site, delivery: &Delivery, now: At) -> (Try, Option<Past>) {
    let past = site.spool.as_ref().and_then(|spool| spool.sent().recall(delivery));
    let can_look = delivery.command.ask.target().can_look_up();
    let may_be_done = matches!(delivery.state, DeliveryState::Unclear { .. })
        || past.is_some()
        || (can_look && site.is_in_doubt(now));
    (if may_be_done { Try::MayBeDone } else { Try::First }, past)
}

fn remember(site: &Site, note: impl FnOnce(&mut Sent)) {
    if let Some(spool) = &site.spool {
        note(&mut spool.sent());
    }
}

async fn settle(
    site: &Arc<Site>,
    lane: LaneKey,
    mut delivery: Delivery,
    tried: Try,
    outcome: Result<Receipt, Fault>,
) -> Flown {
    let now = site.clock.now();
    let worn_out = delivery.attempts >= backoff::TRIES_MAX;
    let (unit, back, end) = match outcome {
        Ok(receipt) => (receipt_unit(&delivery, receipt, now), false, End::Done),
        Err(Fault::Denied { why }) => {
            // Not the delivery's fault: the try does not count.
            delivery.attempts -= 1;
            delivery.state = denied_state(lane.target, tried, now);
            delivery.fault = Some(why.clone());
            (update(&delivery, now), true, End::Denied(why))
        }
        Err(Fault::Never { why }) => (bury(&delivery, why, now), false, End::Other),
        Err(fault) if worn_out => {
            let why = format!("given up after {} tries: {fault}", delivery.attempts);
            (bury(&delivery, why, now), false, End::Other)
        }
        Err(Fault::Later { why, after_ms }) => {
            let wait_ms = backoff::delay_ms(delivery.id().as_str(), delivery.attempts, after_ms);
            delivery.state = later_state(tried, now + TimeDelta::milliseconds(wait_ms as i64));
            delivery.fault = Some(why);
            (update(&delivery, now), true, End::Other)
        }
        Err(Fault::Unclear { why }) => {
            delivery.state = DeliveryState::Unclear { not_before: not_before(&delivery, now) };
            delivery.fault = Some(why);
            (update(&delivery, now), true, End::Other)
        }
    };
    remember(site, |sent| sent.came_back(&delivery, outcome_of(&end, back, &delivery)));
    if back {
        let fault = delivery.fault.as_deref().unwrap_or_default();
        tracing::info!(school = %site.id(), command = %delivery.id(), fault, "the delivery waits");
    }
    match commit(site, unit).await {
        Ok(()) => {
            match end {
                End::Done => count(&site.tally.delivered),
                _ if !back => count(&site.tally.buried),
                _ => {}
            }
            Flown { lane, back: back.then_some(delivery), end }
        }
        // An earlier try of this settlement was applied although the store seemed away.
        Err(CommitError::Conflict(_)) => Flown { lane, back: None, end },
        Err(error) => Flown { lane, back: None, end: End::Lost(error) },
    }
}

/// When a delivery that may have been done is looked for.
fn not_before(delivery: &Delivery, now: At) -> At {
    let wait_ms = backoff::delay_ms(delivery.id().as_str(), delivery.attempts, None);
    now + TimeDelta::milliseconds(wait_ms as i64)
}

fn outcome_of(end: &End, back: bool, delivery: &Delivery) -> SendOutcome {
    match (end, &delivery.state) {
        (End::Done, _) => SendOutcome::Done,
        _ if !back => SendOutcome::Buried,
        (_, DeliveryState::Unclear { .. } | DeliveryState::Sending) => SendOutcome::Unclear,
        (_, DeliveryState::Waiting | DeliveryState::Later { .. }) => SendOutcome::NotDone,
    }
}

/// Doubt outlives a failed look: what may have been done is never tried as if it were new.
fn later_state(tried: Try, not_before: At) -> DeliveryState {
    match tried {
        Try::First => DeliveryState::Later { not_before },
        Try::MayBeDone => DeliveryState::Unclear { not_before },
    }
}

fn denied_state(target: Target, tried: Try, now: At) -> DeliveryState {
    match tried {
        Try::First if !target.takes_several_requests() => DeliveryState::Waiting,
        _ => DeliveryState::Unclear { not_before: now },
    }
}

/// The order hears of the receipt, intake of whatever the answer said besides.
fn receipt_unit(delivery: &Delivery, receipt: Receipt, now: At) -> Unit {
    let command = &delivery.command;
    let event = Event::Receipt { command: command.id.clone() };
    let mut append = vec![Item::Event { raw: None, order: command.order.clone(), event }.to_bytes()];
    append.extend(receipt.signals.into_iter().map(|signal| Item::Signal { raw: None, signal }.to_bytes()));
    Unit {
        append,
        index: receipt.links.into_iter().map(|(key, value)| (key, Some(value))).collect(),
        deliveries: vec![DeliveryOp::Remove(command.id.clone())],
        at: now,
        ..Unit::default()
    }
}

fn update(delivery: &Delivery, now: At) -> Unit {
    Unit { deliveries: vec![DeliveryOp::Update(delivery.clone())], at: now, ..Unit::default() }
}

fn bury(delivery: &Delivery, why: String, now: At) -> Unit {
    let command = &delivery.command;
    let body = json::bytes(delivery);
    burial(command.id.clone(), Some(command.order.clone()), why, body, now)
}

/// A dead letter tells a person, an event tells the order, which takes another next step.
fn burial(id: CommandId, order: Option<OrderId>, why: String, body: Vec<u8>, now: At) -> Unit {
    let event = Event::Undeliverable { command: id.clone(), why: why.clone() };
    let append = order.clone().map(|order| Item::Event { raw: None, order, event }.to_bytes());
    let letter = DeadLetter { id: format!("out-{id}"), at: now, why, order, body };
    Unit {
        append: append.into_iter().collect(),
        deliveries: vec![DeliveryOp::Remove(id)],
        dead: vec![DeadOp::Bury(letter)],
        at: now,
        ..Unit::default()
    }
}

/// A settlement has to be written: while the store is away it waits, and nothing is sent twice.
async fn commit(site: &Site, unit: Unit) -> Result<(), CommitError> {
    loop {
        match site.commit(unit.clone()).await {
            Err(CommitError::Store(error)) if !site.stopping() => {
                tracing::warn!(school = %site.id(), %error, "a settlement waits for the store");
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            other => return other,
        }
    }
}

/// The index, as couriers see it.
pub(super) struct SiteLinks<'a>(pub(super) &'a Site);

#[async_trait]
impl Links for SiteLinks<'_> {
    async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        let found = self.0.store.find(self.0.id(), &[key.to_owned()]).await;
        found.map(|mut links| links.pop().flatten()).map_err(|error| Fault::later(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look that fails leaves the doubt: the next try looks again.
    #[test]
    fn doubt_outlives_a_failed_look() {
        let at = At::from_timestamp(1_795_000_000, 0).expect("in range");
        assert_eq!(later_state(Try::First, at), DeliveryState::Later { not_before: at });
        assert_eq!(later_state(Try::MayBeDone, at), DeliveryState::Unclear { not_before: at });
        assert_eq!(denied_state(Target::Mail, Try::First, at), DeliveryState::Waiting);
        assert_eq!(denied_state(Target::Mail, Try::MayBeDone, at), DeliveryState::Unclear { not_before: at });
    }
}
