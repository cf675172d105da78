//! One try of one delivery: mark, execute, settle. A finished delivery is settled by the school's inbox,
//! together with its order. Enter at [`fly`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;

use super::{Known, SiteLinks, bury_unreadable, known};
use crate::panics::Panicked;
use crate::platform::{Fault, Links, Receipt, Try};
use crate::process::{AskKind, At, Order, Target};
use crate::spool::{EarlierTry, SendOutcome, Sent};
use crate::store::{CommitError, Delivery, DeliveryOp, DeliveryState, StoreError, Unit, key};
use crate::worker::backoff;
use crate::worker::landings::{Ended, Landed, Written};
use crate::worker::lanes::{Back, Go, LaneKey, key_of};
use crate::worker::pacer::in_lane;
use crate::worker::site::{Site, count};

/// After this many panics a delivery becomes a dead letter.
const PANICS_MAX: u32 = 3;

/// Longest delay before trying a delivery again whose lead is still being made.
const MISSING_MS: u64 = 30_000;

/// Delay before a try for which this process was not ready.
const SOON_MS: i64 = 1_000;

/// Delay before reading a body again after a failure.
const UNREAD_MS: i64 = 1_000;

/// A delivery after a try, with its new state for the lane.
pub struct Flown {
    pub lane: LaneKey,
    pub back: Back,
    pub end: FlightEnd,
}

pub enum FlightEnd {
    Done,
    Denied(String),
    Other,
    /// Another instance owns the school, or the store refused for good.
    Lost(CommitError),
}

impl Flown {
    fn gone(lane: LaneKey) -> Self {
        Self { lane, back: Back::Gone, end: FlightEnd::Other }
    }

    fn lost(lane: LaneKey, error: CommitError) -> Self {
        Self { lane, back: Back::Gone, end: FlightEnd::Lost(error) }
    }
}

/// A delivery about to be tried.
struct Start {
    delivery: Delivery,
    tried: Try,
    past: Option<EarlierTry>,
    /// Already marked as being sent in the store.
    is_marked: bool,
}

/// One try of one delivery, as urgent as its lane. Always returns, so that its lane is freed.
pub async fn fly(site: &Arc<Site>, go: Go) -> Flown {
    let urgency = site.lanes().urgency(go.lane);
    match urgency {
        Some(urgency) => in_lane(urgency, attempt(site, go)).await,
        None => attempt(site, go).await,
    }
}

async fn attempt(site: &Arc<Site>, go: Go) -> Flown {
    let lane = go.lane;
    let start = match site.guard("delivery", start(site, go)).await {
        Ok(Ok(start)) => start,
        Ok(Err(flown)) => return flown,
        Err(_) => return Flown { lane, back: unread(site), end: FlightEnd::Other },
    };
    let (before, tried, has_left) = (start.delivery.clone(), start.tried, AtomicBool::new(false));
    match site.guard("delivery", carry(site, start, &has_left)).await {
        Ok(flown) => flown,
        Err(panicked) => {
            let tried = if has_left.into_inner() { Try::MayBeDone } else { tried };
            after_panic(site, before, tried, panicked).await
        }
    }
}

fn unread(site: &Site) -> Back {
    Back::Unread { not_before: site.clock.now() + TimeDelta::milliseconds(UNREAD_MS) }
}

/// The delivery with its body, read from the store if it is not in memory.
async fn start(site: &Arc<Site>, Go { lane, place, urgency, body, is_marked }: Go) -> Result<Start, Flown> {
    let (mut delivery, is_marked) = match body {
        Some(body) => (*body, is_marked),
        None => match read(site, lane, place).await? {
            Known::Marked(delivery) => (delivery, true),
            Known::Stored(delivery) => (delivery, false),
        },
    };
    delivery.command.urgency = urgency;
    if is_marked {
        return Ok(Start { delivery, tried: Try::First, past: None, is_marked });
    }
    let (tried, past) = history(site, &delivery, site.clock.now());
    delivery.attempts += 1;
    Ok(Start { delivery, tried, past, is_marked })
}

async fn read(site: &Arc<Site>, lane: LaneKey, place: u64) -> Result<Known, Flown> {
    let found = site.store.deliveries(site.id(), place.saturating_sub(1), 1).await;
    match found {
        Ok(page) => match page.into_iter().find(|delivery| delivery.seq == place) {
            Some(delivery) => Ok(known(site, delivery)),
            None => Err(Flown::gone(lane)),
        },
        Err(error) => {
            site.waits_for_store("a delivery", &error);
            if matches!(error, StoreError::Unreadable(_))
                && let Err(error) = bury_unreadable(site).await
            {
                return Err(Flown::lost(lane, error));
            }
            Err(Flown { lane, back: unread(site), end: FlightEnd::Other })
        }
    }
}

/// Settles a try that panicked: the delivery is tried again, or becomes a dead letter after too many panics.
async fn after_panic(site: &Arc<Site>, mut delivery: Delivery, tried: Try, panicked: Panicked) -> Flown {
    let (lane, why) = (key_of(&delivery), panicked.to_string());
    let panics = site.count_panic_of(delivery.id());
    let fault = if panics < PANICS_MAX { Fault::later(why) } else { Fault::never(why) };
    let settling = settle(site, lane, delivery.clone(), tried, Err(fault));
    if let Ok(flown) = site.guard("settlement", settling).await {
        return flown;
    }
    // The settlement panicked too. In the store the delivery is still marked, which counts as `Unclear`.
    delivery.state = later_state(tried, not_before(&delivery, site.clock.now()));
    Flown { lane, back: Back::Again(Box::new(delivery)), end: FlightEnd::Other }
}

/// From the mark to the settlement.
async fn carry(site: &Arc<Site>, start: Start, has_left: &AtomicBool) -> Flown {
    let Start { mut delivery, tried, past, is_marked } = start;
    let lane = key_of(&delivery);
    let now = site.clock.now();
    // Lanes return only deliveries with a courier; without one it stays in the store unchanged.
    let Some(courier) = site.outbound.couriers.get(&lane.target) else { return Flown::gone(lane) };
    let unsent = match is_marked {
        true => Delivery { state: DeliveryState::Waiting, ..delivery.clone() },
        false => delivery.clone(),
    };
    let unsent = Delivery { attempts: unsent.attempts.saturating_sub(1), ..unsent };
    site.unsettled().note(unsent);
    if !is_marked && let Err(fault) = courier.turn(delivery.command.urgency).await {
        return settle(site, lane, delivery, tried, Err(fault)).await;
    }
    if is_needless(site, &delivery).await {
        return drop_needless(site, lane, &delivery).await;
    }
    let said = match said(site, &delivery, past).await {
        Ok(said) => said,
        Err(fault) => return settle(site, lane, delivery, tried, Err(fault)).await,
    };
    if !is_marked {
        delivery.state = DeliveryState::Sending;
        match commit(site, update(&delivery, now)).await {
            Ok(()) => {}
            // Revoked before it was sent, or the store has lost it.
            Err(CommitError::Conflict(_)) => {
                missed(site, lane, &delivery);
                return Flown::gone(lane);
            }
            Err(error) => return Flown::lost(lane, error),
        }
    }
    if said == Some(EarlierTry::Done) || (past == Some(EarlierTry::Done) && !lane.target.can_look_up()) {
        // It cannot be looked up there, and need not be: this process knows that it was done.
        return settle(site, lane, delivery, tried, Ok(Receipt::default())).await;
    }
    let tried = if said.is_some() { Try::MayBeDone } else { tried };
    has_left.store(true, Ordering::SeqCst);
    let state = DeliveryState::Unclear { not_before: now };
    // If its owner ends meanwhile, this try counts for nothing: it says nothing about the delivery.
    let attempts = delivery.attempts.saturating_sub(1);
    site.unsettled().note(Delivery { state, attempts, ..delivery.clone() });
    site.marks().leaves(delivery.id());
    remember(site, |sent| sent.leaves(&delivery));
    let links = SiteLinks(site);
    let outcome = courier.deliver(&delivery.command, tried, &links, now).await;
    settle(site, lane, delivery, tried, outcome).await
}

/// What is known of the same that was said to the same order under another id. Without a loss it is meant to be said
/// again; a loss that nobody has noticed yet is known with the next renewal.
async fn said(
    site: &Site,
    delivery: &Delivery,
    past: Option<EarlierTry>,
) -> Result<Option<EarlierTry>, Fault> {
    let Some(said) = site.spool.as_ref().and_then(|spool| spool.sent().said(delivery)) else {
        return Ok(None);
    };
    if past.is_none() && !site.is_in_doubt(site.clock.now()) {
        let lease = Duration::from_millis(site.rhythm.lease_ms);
        let is_compared = tokio::time::timeout(lease, site.store_watch.next_comparison()).await;
        is_compared.map_err(|_| Fault::Soon { why: "the lease was not renewed meanwhile".to_owned() })?;
    }
    Ok(Some(said).filter(|_| site.is_in_doubt(site.clock.now())))
}

/// Whether it may have been done before: by the delivery's state, by this process's memory if a restarted
/// store has lost it, or because no memory is left.
pub(super) fn history(site: &Site, delivery: &Delivery, now: At) -> (Try, Option<EarlierTry>) {
    let past = site.spool.as_ref().and_then(|spool| spool.sent().recall(delivery));
    let can_look = delivery.command.ask.target().can_look_up();
    let may_be_done = matches!(delivery.state, DeliveryState::Unclear { .. })
        || past.is_some()
        || (can_look && site.is_in_doubt(now));
    (if may_be_done { Try::MayBeDone } else { Try::First }, past)
}

/// A delivery with the mark, for the commit that allows it to be sent; `None` if it is in doubt and needs a
/// mark of its own, or if the school stops.
pub fn marked(site: &Site, delivery: &Delivery, now: At) -> Option<Delivery> {
    let courier = site.outbound.couriers.get(&delivery.command.ask.target());
    let is_new = !site.stopping()
        && !courier.is_some_and(|courier| courier.has_turns())
        && matches!(delivery.state, DeliveryState::Waiting | DeliveryState::Later { .. });
    (is_new && history(site, delivery, now) == (Try::First, None)).then(|| Delivery {
        state: DeliveryState::Sending,
        attempts: delivery.attempts + 1,
        ..delivery.clone()
    })
}

fn remember(site: &Site, note: impl FnOnce(&mut Sent)) {
    if let Some(spool) = &site.spool {
        note(&mut spool.sent());
    }
}

/// Hands a finished delivery to the inbox; writes the new state of one that is tried again.
async fn settle(
    site: &Arc<Site>,
    lane: LaneKey,
    mut delivery: Delivery,
    tried: Try,
    outcome: Result<Receipt, Fault>,
) -> Flown {
    let now = site.clock.now();
    let is_worn_out = delivery.attempts >= backoff::TRIES_MAX;
    let end = match outcome {
        Ok(receipt) => return land(site, lane, delivery, Ended::Done(receipt)).await,
        Err(Fault::Denied { why }) => {
            // The delivery is not at fault, so the try does not count.
            delivery.attempts -= 1;
            delivery.state = denied_state(lane.target, tried, now);
            delivery.fault = Some(why.clone());
            FlightEnd::Denied(why)
        }
        Err(Fault::Soon { why }) => {
            delivery.attempts -= 1;
            delivery.state = later_state(tried, now + TimeDelta::milliseconds(SOON_MS));
            delivery.fault = Some(why);
            FlightEnd::Other
        }
        Err(Fault::Never { why }) => return land(site, lane, delivery, Ended::Never { why }).await,
        Err(fault) if is_worn_out => {
            let why = format!("given up after {} tries: {fault}", delivery.attempts);
            return land(site, lane, delivery, Ended::Never { why }).await;
        }
        Err(Fault::Missing { why }) => return missing(site, lane, delivery, tried, why).await,
        Err(Fault::Later { why, after_ms }) => {
            let wait_ms = backoff::delay_ms(delivery.id().as_str(), delivery.attempts, after_ms);
            delivery.state = later_state(tried, now + TimeDelta::milliseconds(wait_ms as i64));
            delivery.fault = Some(why);
            FlightEnd::Other
        }
        Err(Fault::Unclear { why }) => {
            delivery.state = DeliveryState::Unclear { not_before: not_before(&delivery, now) };
            delivery.fault = Some(why);
            FlightEnd::Other
        }
    };
    let may_be_done = matches!(delivery.state, DeliveryState::Unclear { .. });
    let outcome = if may_be_done { SendOutcome::Unclear } else { SendOutcome::NotDone };
    remember(site, |sent| sent.came_back(&delivery, outcome));
    site.unsettled().note(delivery.clone());
    let fault = delivery.fault.as_deref().unwrap_or_default();
    tracing::info!(school = %site.id(), command = %delivery.id(), fault, "the delivery waits");
    match commit(site, update(&delivery, now)).await {
        Ok(()) => Flown { lane, back: Back::Again(Box::new(delivery)), end },
        // It was removed meanwhile, or the store has lost it.
        Err(CommitError::Conflict(_)) => {
            missed(site, lane, &delivery);
            Flown { lane, back: Back::Gone, end }
        }
        Err(error) => Flown::lost(lane, error),
    }
}

/// The store does not have this delivery: if no commit of ours has ended it, that is a sign of a loss, after which it is
/// given back.
fn missed(site: &Site, lane: LaneKey, delivery: &Delivery) {
    match site.lanes().is_over(lane) {
        true => site.unsettled().forget(delivery.id()),
        false => site.store_watch.missed(delivery.id(), site.clock.now()),
    }
}

/// It was given back to a store that had lost it, and its order has been decided again since and does not wait for it.
async fn is_needless(site: &Site, delivery: &Delivery) -> bool {
    if !site.unsettled().is_returned(delivery.id()) || delivery.command.ask.kind() == AskKind::ReadBack {
        return false;
    }
    let order = SiteLinks(site).order(&delivery.command.order).await;
    order.is_ok_and(|order| order.is_some_and(|order| !order.unsent.contains_key(delivery.id())))
}

async fn drop_needless(site: &Site, lane: LaneKey, delivery: &Delivery) -> Flown {
    tracing::info!(school = %site.id(), command = %delivery.id(), "its order was decided again without it");
    let (deliveries, at) = (vec![DeliveryOp::Remove(delivery.id().clone())], site.clock.now());
    match commit(site, Unit { deliveries, at, ..Unit::default() }).await {
        Ok(()) | Err(CommitError::Conflict(_)) => {
            site.forget_delivery(delivery.id());
            Flown::gone(lane)
        }
        Err(error) => Flown::lost(lane, error),
    }
}

/// It needs a lead that is not there. If the order still waits for one, the delivery goes to the end of its
/// lane, because the command that makes the lead may be behind it. After a loss of the store the lead may be
/// found, too. Otherwise it gives way, and the order hears of it.
async fn missing(site: &Arc<Site>, lane: LaneKey, delivery: Delivery, tried: Try, why: String) -> Flown {
    let now = site.clock.now();
    let read = site.store.read(site.id(), &[key::order(&delivery.command.order)]).await;
    let order = match read {
        Ok(mut read) => read.pop().flatten(),
        // It waits for the store like any other.
        Err(error) => return Box::pin(settle(site, lane, delivery, tried, Err(away(&error)))).await,
    };
    let order = order.and_then(|record| serde_json::from_slice::<Order>(&record.body).ok());
    let is_coming =
        order.is_some_and(|order| order.unsent.values().any(|pending| pending.ask == AskKind::SaveLead));
    if !is_coming && !site.is_in_doubt(now) {
        return land(site, lane, delivery, Ended::Never { why }).await;
    }
    remember(site, |sent| sent.came_back(&delivery, SendOutcome::NotDone));
    tracing::info!(school = %site.id(), command = %delivery.id(), why, "the delivery goes behind the others of its lane");
    let wait_ms = backoff::delay_ms(delivery.id().as_str(), delivery.attempts, None).min(MISSING_MS);
    let not_before = now + TimeDelta::milliseconds(wait_ms as i64);
    let id = delivery.id().clone();
    let again = Delivery { state: later_state(tried, not_before), fault: Some(why), ..delivery };
    let deliveries = vec![DeliveryOp::Remove(id), DeliveryOp::Add(again.clone())];
    match commit(site, Unit { deliveries, at: now, ..Unit::default() }).await {
        Ok(()) => Flown::gone(lane),
        Err(CommitError::Conflict(_)) => {
            missed(site, lane, &again);
            Flown::gone(lane)
        }
        Err(error) => Flown::lost(lane, error),
    }
}

fn away(error: &StoreError) -> Fault {
    Fault::later(error.to_string())
}

/// Waits until the inbox has settled it with its order, in one commit.
async fn land(site: &Arc<Site>, lane: LaneKey, delivery: Delivery, ended: Ended) -> Flown {
    let (outcome, end, tally) = match &ended {
        Ended::Done(_) => (SendOutcome::Done, FlightEnd::Done, &site.tally.delivered),
        Ended::Never { .. } => (SendOutcome::Buried, FlightEnd::Other, &site.tally.buried),
    };
    remember(site, |sent| sent.came_back(&delivery, outcome));
    if let Ended::Never { why } = &ended {
        say_dead(site, &delivery, why);
    }
    let written = site.landings().push(Landed { delivery, ended });
    site.inbox_bell.notify_one();
    match written.await {
        Ok(Written::Now) => {
            count(tally);
            Flown { lane, back: Back::Gone, end }
        }
        Ok(Written::Before) => Flown { lane, back: Back::Gone, end },
        // Another owner takes over; in the store it is still marked.
        Err(_) => Flown::lost(lane, StoreError::Unreachable("the owner has ended".to_owned()).into()),
    }
}

/// One line for each command that is given up.
fn say_dead(site: &Site, delivery: &Delivery, why: &str) {
    let Delivery { command, attempts, .. } = delivery;
    let target = site.account(command.ask.target());
    tracing::error!(
        school = %site.id(), order = %command.order, command = %command.id, ask = command.ask.name(), target,
        attempts, why, "a command is given up and becomes a dead letter: see `dozvon dead list {}`", site.id()
    );
}

/// When a delivery that may have been done is looked up.
fn not_before(delivery: &Delivery, now: At) -> At {
    let wait_ms = backoff::delay_ms(delivery.id().as_str(), delivery.attempts, None);
    now + TimeDelta::milliseconds(wait_ms as i64)
}

/// A failed look-up keeps the doubt: a delivery that may have been done is never tried as a new one.
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

fn update(delivery: &Delivery, now: At) -> Unit {
    Unit { deliveries: vec![DeliveryOp::Update(delivery.clone())], at: now, ..Unit::default() }
}

/// Writes a mark, waiting while the store is unreachable, so that nothing is sent twice.
pub(super) async fn commit(site: &Site, unit: Unit) -> Result<(), CommitError> {
    loop {
        match site.commit(unit.clone()).await {
            Err(CommitError::Store(error)) if !site.stopping() => {
                site.waits_for_store("a delivery", &error);
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failed look-up keeps the doubt: the next try looks it up again.
    #[test]
    fn doubt_outlives_a_failed_look() {
        let at = At::from_timestamp(1_795_000_000, 0).expect("in range");
        assert_eq!(later_state(Try::First, at), DeliveryState::Later { not_before: at });
        assert_eq!(later_state(Try::MayBeDone, at), DeliveryState::Unclear { not_before: at });
        assert_eq!(denied_state(Target::Mail, Try::First, at), DeliveryState::Waiting);
        assert_eq!(denied_state(Target::Mail, Try::MayBeDone, at), DeliveryState::Unclear { not_before: at });
    }
}
