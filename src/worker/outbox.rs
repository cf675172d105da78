//! The outbox: executes commands within each platform's limits. Never repeats a command that may have been
//! executed without looking it up first. Enter at [`run`]; `flight` is one try of one delivery.
//!
//! The life of a delivery: `Waiting` → marked `Sending` before its request is sent → settled together with
//! its order by the school's inbox; or `Later` (backoff; `Fault::Soon` counts no try), or `Unclear` (look it up
//! first), or `Waiting` again while the account is denied; or a dead letter, of which the order is notified. A try that panics makes it
//! `Unclear`; after several panics it becomes a dead letter.

mod flight;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::denials::Work;
use super::lanes::{Go, Next};
use super::site::Site;
use super::{spool_drain, store_watch};
use crate::intake::item::Item;
use crate::platform::{Fault, Links, Try};
use crate::process::command::AskKind;
use crate::process::{CommandId, Event, Order, OrderId, Target};
use crate::store::{
    CommitError, DeadLetter, DeadOp, Delivery, DeliveryOp, DeliveryState, StoreError, StoreResult, Unit, key,
};
use flight::{FlightEnd, Flown, commit, fly, history};

pub(super) use flight::marked;

/// Deliveries read from the store at a time.
const PAGE: usize = 500;

/// A denied account is probed after a minute, then with growing intervals up to an hour.
const SHUT_FIRST_S: i64 = 60;
const SHUT_LONGEST_S: i64 = 3_600;

/// Runs until the school is stopped or lost; waits for the deliveries in flight.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let mut outbox = Outbox { site: &site, denials: BTreeMap::new() };
    let mut flights = FuturesUnordered::new();
    let mut stop = site.stop.clone();
    let mut restarts = site.restarts();
    let mut let_in = site.denials.bell();
    outbox.load_all().await?;
    outbox.give_back().await?;
    loop {
        if site.stopping() {
            // Deliveries that a commit has marked as being sent are sent and settled.
            while let Some(go) = marked_one(&site) {
                flights.push(fly(&site, go));
            }
            if flights.is_empty() && !site.is_marking() {
                return Ok(());
            }
        }
        outbox.load_unheard().await?;
        outbox.probe_let_in();
        if restarts != site.restarts() {
            // Deliveries in flight are awaited first: their results are known here, whatever the store has
            // lost.
            site.lanes().hold();
            if flights.is_empty() {
                restarts = site.restarts();
                outbox.start_anew().await?;
            }
        }
        if restarts == site.restarts() {
            site.store_watch.done(store_watch::OUTBOX);
        }
        let mut next_at = None;
        while !site.stopping() {
            let now = site.clock.now();
            let next = site.lanes().next(now);
            match next {
                Next::Go(go) => flights.push(fly(&site, go)),
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
        tokio::select! {
            biased;
            // First: while the store is away the bell is rung again and again, and they must move on all the same.
            Some(flown) = flights.next(), if !flights.is_empty() => outbox.landed(flown)?,
            () = site.outbox_bell.notified() => {}
            _ = let_in.changed() => {}
            () = wait => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(site.rhythm.poll) => {}
        }
    }
}

fn marked_one(site: &Site) -> Option<Go> {
    site.lanes().next_marked()
}

struct Outbox<'a> {
    site: &'a Arc<Site>,
    /// Consecutive denials by platform.
    denials: BTreeMap<Target, u32>,
}

impl Outbox<'_> {
    /// Loads all deliveries.
    async fn load_all(&mut self) -> Result<(), CommitError> {
        loop {
            match self.load(0).await {
                Err(CommitError::Store(error)) if !self.site.stopping() => {
                    self.site.waits_for_store("the outbox", &error);
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                done => return done,
            }
        }
    }

    /// A commit whose answer was not heard may have added deliveries that the lanes do not know.
    async fn load_unheard(&mut self) -> Result<(), CommitError> {
        let Some(after) = self.site.take_unheard() else { return Ok(()) };
        match self.load(after).await {
            Err(CommitError::Store(error)) => {
                self.site.waits_for_store("the outbox", &error);
                self.site.unheard(after);
                tokio::time::sleep(Duration::from_millis(500)).await;
                Ok(())
            }
            done => done,
        }
    }

    /// Loads the deliveries after a place.
    async fn load(&mut self, mut after: u64) -> Result<(), CommitError> {
        loop {
            let page = match self.site.store.deliveries(self.site.id(), after, PAGE).await {
                Ok(page) => page,
                Err(StoreError::Unreadable(_)) if bury_unreadable(self.site).await? => continue,
                Err(error) => return Err(error.into()),
            };
            let is_full = page.len() == PAGE;
            let mut lanes = self.site.lanes();
            for delivery in page {
                after = after.max(delivery.seq);
                match known(self.site, delivery) {
                    Known::Marked(delivery) => {
                        self.site.note_unsettled(&delivery);
                        lanes.push(delivery.clone());
                        lanes.mark(delivery);
                    }
                    Known::Stored(delivery) => {
                        self.site.note_unsettled(&delivery);
                        lanes.push(delivery);
                    }
                }
            }
            if !is_full {
                return Ok(());
            }
        }
    }

    /// The store may have lost its last seconds: places, states or whole deliveries. No request is in flight.
    async fn start_anew(&mut self) -> Result<(), CommitError> {
        if let Err(CommitError::Fenced) = spool_drain::note_epoch(self.site).await {
            return Err(CommitError::Fenced);
        }
        self.site.forget_store();
        self.load_all().await?;
        self.give_back().await
    }

    /// The store gets back what it has lost and was not settled, under the same ids. An order that is known waits for
    /// what it needs; of one that is lost, too, only what does not need the index comes back: the rest is decided again
    /// with its order.
    async fn give_back(&mut self) -> Result<(), CommitError> {
        let site = self.site;
        let known = site.unsettled().all();
        let ids: Vec<CommandId> = known.iter().map(|one| one.id().clone()).collect();
        let stored = self.asked(|| site.store.pending(site.id(), &ids)).await?;
        let is_listed = |stored: &Option<Delivery>| stored.as_ref().is_some_and(|one| one.seq > 0);
        let lost: Vec<Delivery> = known
            .into_iter()
            .zip(stored)
            .filter(|(_, stored)| !is_listed(stored))
            .map(|(one, _)| one)
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        let orders = self.orders_of(&lost).await?;
        let leads: BTreeSet<OrderId> =
            lost.iter().filter(|one| is_lead(one)).map(|one| one.command.order.clone()).collect();
        let mut back = Vec::new();
        for one in &lost {
            match orders.get(&one.command.order) {
                _ if one.command.ask.kind() == AskKind::ReadBack => back.push(one.clone()),
                // A call that is started late disturbs people.
                Some(order) if order.unsent.contains_key(one.id()) && !is_call(one) => back.push(one.clone()),
                // Settled by a commit that was not heard, or decided again without it.
                Some(_) => site.unsettled().forget(one.id()),
                // It is kept: its order may be known to be lost later.
                None if !site.is_in_doubt(site.clock.now()) => {}
                None if needs_no_index(one) || leads.contains(&one.command.order) => back.push(one.clone()),
                None => site.unsettled().forget(one.id()),
            }
        }
        if back.is_empty() {
            return Ok(());
        }
        tracing::warn!(school = %site.id(), known = lost.len(), back = back.len(), "deliveries that were not settled are given to the store again");
        back.iter().for_each(|one| site.unsettled().returned(one.id()));
        let deliveries = back.into_iter().map(DeliveryOp::Add).collect();
        let unit = Unit { deliveries, at: site.clock.now(), ..Unit::default() };
        match commit(site, unit).await {
            Err(CommitError::Conflict(_)) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The orders of these deliveries that have a record.
    async fn orders_of(&self, lost: &[Delivery]) -> Result<BTreeMap<OrderId, Order>, CommitError> {
        let orders: BTreeSet<String> = lost.iter().map(|one| key::order(&one.command.order)).collect();
        let keys: Vec<String> = orders.into_iter().collect();
        let read = match self.asked(|| self.site.store.read(self.site.id(), &keys)).await {
            // Told where the order is worked.
            Err(CommitError::Store(StoreError::Unreadable(_))) => Vec::new(),
            read => read?,
        };
        let orders = read.into_iter().flatten();
        let orders = orders.filter_map(|record| serde_json::from_slice::<Order>(&record.body).ok());
        Ok(orders.map(|order| (order.id.clone(), order)).collect())
    }

    /// Asks the store again while it does not answer.
    async fn asked<T, F: Future<Output = StoreResult<T>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, CommitError> {
        loop {
            match ask().await {
                Err(StoreError::Unreachable(_)) if !self.site.stopping() => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                answer => return Ok(answer?),
            }
        }
    }

    /// Other work of a denied account has succeeded: its deliveries are tried now.
    fn probe_let_in(&self) {
        let now = self.site.clock.now();
        for target in self.site.outbound.couriers.keys() {
            if self.site.denials.take_again(self.site.account(*target), Work::Deliveries) {
                self.site.lanes().shut(*target, now);
            }
        }
    }

    fn landed(&mut self, flown: Flown) -> Result<(), CommitError> {
        let target = flown.lane.target;
        let mut lanes = self.site.lanes();
        match flown.end {
            FlightEnd::Done => {
                self.denials.remove(&target);
                self.site.denials.end(self.site.account(target), Work::Deliveries, self.site.clock.now());
                if lanes.shut_until(target).is_some() {
                    tracing::info!(school = %self.site.id(), target = target.as_str(), "the account works again");
                    lanes.reopen(target);
                }
            }
            // Deliveries in flight with the first denied one: they count as one denial.
            FlightEnd::Denied(_)
                if lanes.shut_until(target).is_some_and(|until| until > self.site.clock.now()) => {}
            FlightEnd::Denied(why) => {
                let now = self.site.clock.now();
                self.site.denials.note(self.site.account(target), Work::Deliveries, &why, now);
                let times = self.denials.entry(target).or_default();
                let seconds = (SHUT_FIRST_S << (*times).min(6)).min(SHUT_LONGEST_S);
                *times += 1;
                lanes.shut(target, self.site.clock.now() + TimeDelta::seconds(seconds));
                tracing::error!(
                    school = %self.site.id(), target = target.as_str(), why, seconds,
                    "ALARM: the account is denied; its deliveries wait, nothing is lost"
                );
            }
            FlightEnd::Other => {}
            FlightEnd::Lost(error) => return Err(error),
        }
        lanes.settle(flown.lane, flown.back);
        Ok(())
    }
}

fn needs_no_index(delivery: &Delivery) -> bool {
    let ask = &delivery.command.ask;
    ask.kind() == AskKind::SendLetter || ask.target() == Target::Getcourse
}

fn is_call(delivery: &Delivery) -> bool {
    delivery.command.ask.kind() == AskKind::StartCall
}

fn is_lead(delivery: &Delivery) -> bool {
    delivery.command.ask.kind() == AskKind::SaveLead
}

/// A delivery read from the store, with what this owner knows about it.
enum Known {
    /// Marked by this owner, and its request was not sent: it may be sent as it is.
    Marked(Delivery),
    Stored(Delivery),
}

/// A delivery in the state `Sending` is unclear, unless this owner knows that its request was not sent: it was
/// marked by a commit whose answer was lost, or before the store was restarted.
fn known(site: &Site, delivery: Delivery) -> Known {
    if !delivery.is_leaving() {
        return Known::Stored(delivery);
    }
    let now = site.clock.now();
    let attempts = delivery.attempts.saturating_sub(1);
    let before = Delivery { state: DeliveryState::Waiting, attempts, ..delivery.clone() };
    if site.marks().has_not_left(&delivery) && history(site, &before, now) == (Try::First, None) {
        Known::Marked(delivery)
    } else {
        let attempts = site.unsettled().tries_of(delivery.id()).unwrap_or(delivery.attempts);
        let attempts = attempts.min(delivery.attempts);
        Known::Stored(Delivery { state: DeliveryState::Unclear { not_before: now }, attempts, ..delivery })
    }
}

/// Unreadable deliveries become dead letters, and their orders are notified; returns whether there were any.
async fn bury_unreadable(site: &Site) -> Result<bool, CommitError> {
    let Ok(found) = site.store.unreadable(site.id()).await else { return Ok(false) };
    let mut buried = false;
    for (id, body) in found {
        let why = format!("delivery {id} cannot be read by this version");
        site.unreadable(&why);
        // The id of a command contains its order's id.
        let order = id.order();
        let event = Event::Undeliverable { command: id.clone(), why: why.clone() };
        let append = order.clone().map(|order| Item::Event { raw: None, order, event }.to_bytes());
        let now = site.clock.now();
        let letter = DeadLetter { id: format!("out-{id}"), at: now, why, order, body, folded: 0 };
        let unit = Unit {
            append: append.into_iter().collect(),
            deliveries: vec![DeliveryOp::Remove(id)],
            dead: vec![DeadOp::Bury(letter)],
            at: now,
            ..Unit::default()
        };
        match site.commit(unit).await {
            Err(CommitError::Fenced) => return Err(CommitError::Fenced),
            done => buried |= done.is_ok(),
        }
    }
    Ok(buried)
}

/// The index, for couriers.
pub(super) struct SiteLinks<'a>(pub(super) &'a Site);

#[async_trait]
impl Links for SiteLinks<'_> {
    async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        Ok(self.find_all(&[key.to_owned()]).await?.pop().flatten())
    }

    async fn find_all(&self, keys: &[String]) -> Result<Vec<Option<String>>, Fault> {
        self.0.store.find(self.0.id(), keys).await.map_err(|error| Fault::later(error.to_string()))
    }

    async fn order(&self, id: &OrderId) -> Result<Option<Order>, Fault> {
        let read = self.0.store.read(self.0.id(), &[key::order(id)]).await;
        let record = read.map_err(|error| Fault::later(error.to_string()))?.pop().flatten();
        Ok(record.and_then(|record| serde_json::from_slice(&record.body).ok()))
    }
}
