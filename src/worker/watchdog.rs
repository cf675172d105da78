//! The watchdog: finds, repairs and counts open orders without a next step or without their entry in the
//! index (L14), commands that a store has lost, and a wheel that has stopped. In a healthy system its counts stay 0.
//! Enter at [`run`].

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::inbox::PUT_OFF;
use super::site::{Site, count};
use super::store_watch;
use super::wheel_feed;
use crate::intake::apply::order_member;
use crate::intake::item::{Item, Member};
use crate::process::{At, CommandId, Event, Order, OrderId, wake};
use crate::store::key;
use crate::store::{CommitError, DeliveryOp, StoreError, StoreResult, Unit, Wake};

/// Minutes between two sweeps over all orders.
const SWEEP_MIN: i64 = 6 * 60;
/// Minutes between two checks of the canary.
const LOOK_MIN: i64 = 120;
/// Minutes until a check that failed is repeated.
const AGAIN_MIN: i64 = 1;
const PAGE: usize = 200;
/// Why a command that the store has lost is not carried out.
const LOST: &str = "the store has lost it";
/// Between two looks whether the outbox has started over, real time.
const OUTBOX_PAUSE: Duration = Duration::from_millis(50);

/// Checks the canary often and every order occasionally, until the bridge stops.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let mut stop = site.stop.clone();
    let mut sweep_at = site.clock.now();
    while !site.stopping() {
        let (losses, mut pause) = (site.store_watch.losses(), LOOK_MIN);
        match site.guard("watchdog", watch(&site, &mut sweep_at)).await {
            Ok(Err(CommitError::Fenced)) => return Err(CommitError::Fenced),
            Ok(Err(error)) => {
                tracing::warn!(school = %site.id(), %error, "the watchdog could not check; it tries again later");
                pause = AGAIN_MIN;
            }
            Ok(Ok(())) if losses == site.store_watch.losses() => {
                site.store_watch.done(store_watch::WATCHDOG);
            }
            Ok(Ok(())) => {}
            Err(_) => pause = AGAIN_MIN,
        }
        let next = site.clock.now() + TimeDelta::minutes(pause);
        if losses != site.store_watch.losses() {
            sweep_at = site.clock.now();
            continue;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.store_watch.bell.notified() => sweep_at = site.clock.now(),
            () = site.clock.sleep_until(next) => {}
        }
    }
    Ok(())
}

async fn watch(site: &Site, sweep_at: &mut At) -> Result<(), CommitError> {
    let now = site.clock.now();
    let canary = site.store.wake_of(site.id(), &Member::Canary.to_string()).await?;
    if wheel_feed::is_dead(canary.as_ref(), now) {
        if *sweep_at > now {
            tracing::error!(school = %site.id(), "ALARM: the wheel had stopped or its index was lost; repaired");
        }
        // The first check of an owner finds none either: that is how the canary is created.
        *sweep_at = now;
        site.commit(Unit { wake: vec![wheel_feed::canary(now)], at: now, ..Unit::default() }).await?;
        site.forget_wakes();
    }
    if *sweep_at <= now {
        if site.is_in_doubt(now) {
            site.store.relist(site.id()).await?;
        }
        sweep(site).await?;
        if site.is_in_doubt(now) {
            // First the outbox gives back what this process knows.
            while site.store_watch.is_pending(store_watch::OUTBOX) && !site.stopping() {
                tokio::time::sleep(OUTBOX_PAUSE).await;
            }
            tell_lost_commands(site).await?;
        }
        *sweep_at = now + TimeDelta::minutes(SWEEP_MIN);
    }
    Ok(())
}

/// Checks every order once.
pub async fn sweep(site: &Site) -> Result<(), CommitError> {
    let mut after: Option<String> = None;
    loop {
        let page = site.store.scan(site.id(), "order/", after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (name, record) in page {
            let order = match serde_json::from_slice::<Order>(&record.body) {
                Ok(order) => order,
                Err(error) => {
                    site.unreadable(&StoreError::not_understood(&name, &error).to_string());
                    continue;
                }
            };
            if order.is_open() && !is_armed(site, &order).await? {
                mend(site, &order.id).await?;
            }
        }
    }
}

/// After a loss an order may wait for a command that nobody has any more. One that only the list of deliveries has lost
/// is listed again; of the others the order hears, and takes another next step.
async fn tell_lost_commands(site: &Site) -> Result<(), CommitError> {
    let mut after: Option<String> = None;
    loop {
        let page = site.store.scan(site.id(), key::ORDERS, after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        let orders =
            page.into_iter().filter_map(|(_, record)| serde_json::from_slice::<Order>(&record.body).ok());
        let waits = orders.filter(|order| !order.unsent.is_empty());
        let waits: Vec<(OrderId, CommandId)> =
            waits.flat_map(|order| order.unsent.into_keys().map(move |id| (order.id.clone(), id))).collect();
        let ids: Vec<CommandId> = waits.iter().map(|(_, id)| id.clone()).collect();
        let stored = site.store.pending(site.id(), &ids).await?;
        for ((order, id), stored) in waits.into_iter().zip(stored) {
            match stored {
                Some(delivery) if delivery.seq == 0 => {
                    let (deliveries, at) = (vec![DeliveryOp::Add(delivery)], site.clock.now());
                    site.commit(Unit { deliveries, at, ..Unit::default() }).await?;
                }
                Some(_) => {}
                // It is on its way.
                None if site.unsettled().knows(&id) => {}
                None => tell_lost(site, order, id).await?,
            }
        }
    }
}

/// It may have been settled between the two reads: the order is read again.
async fn tell_lost(site: &Site, id: OrderId, command: CommandId) -> Result<(), CommitError> {
    let record = site.store.read(site.id(), &[key::order(&id)]).await?.pop().flatten();
    let order = record.and_then(|record| serde_json::from_slice::<Order>(&record.body).ok());
    if !order.is_some_and(|order| order.unsent.contains_key(&command)) {
        return Ok(());
    }
    count(&site.tally.repairs);
    tracing::error!(school = %site.id(), order = %id, %command, "ALARM: the store has lost a command; its order takes another step");
    let event = Event::Undeliverable { command, why: LOST.to_owned() };
    let append = vec![Item::Event { raw: None, order: id, event }.to_bytes()];
    site.commit(Unit { append, at: site.clock.now(), ..Unit::default() }).await
}

/// Whether the order has a timer, and the index has its wake, not later than the timer. An order whose timer
/// was due and could not be processed is deferred, and has its wake within that time.
async fn is_armed(site: &Site, order: &Order) -> StoreResult<bool> {
    let Some((at, _)) = wake(order) else { return Ok(false) };
    let stands = site.store.wake_of(site.id(), &order_member(order)).await?;
    let now = site.clock.now();
    let latest = if at <= now { now + PUT_OFF } else { at };
    Ok(stands.is_some_and(|wake| wake.at_ms <= latest.timestamp_millis()))
}

/// The order may have been committed between the two reads: read it again before repairing.
async fn mend(site: &Site, id: &OrderId) -> Result<(), CommitError> {
    let record = site.store.read(site.id(), &[key::order(id)]).await?.pop().flatten();
    let order = record.and_then(|record| serde_json::from_slice::<Order>(&record.body).ok());
    let Some(order) = order.filter(Order::is_open) else { return Ok(()) };
    if is_armed(site, &order).await? {
        return Ok(());
    }
    count(&site.tally.repairs);
    tracing::error!(school = %site.id(), order = %id, "ALARM: an open order had no next step; repaired");
    let now = site.clock.now();
    let mut unit = Unit { at: now, ..Unit::default() };
    match wake(&order) {
        Some((at, promised)) => {
            unit.wake.push(Wake { member: order_member(&order), at_ms: at.timestamp_millis(), promised });
        }
        None => unit.append.push(Item::Event { raw: None, order: id.clone(), event: Event::Wake }.to_bytes()),
    }
    site.commit(unit).await
}

#[cfg(test)]
mod tests {
    use super::super::store_watch::{Loss, LossKind};
    use super::*;
    use crate::worker::fake::{Bench, letter};

    /// A loss and an outage often come together.
    #[tokio::test(start_paused = true)]
    async fn after_a_loss_a_store_that_is_away_is_swept_soon_after_it_is_back() {
        let bench = Bench::open().await;
        let site = bench.site.clone();
        let watching = tokio::spawn(run(site.clone()));
        bench.run_for(TimeDelta::seconds(1)).await;
        site.lease.hold(crate::clock::stopwatch(), 86_400_000);
        bench.store.set_away(true);
        let loss = Loss { at: site.clock.now(), kind: LossKind::Part, gone: None };
        store_watch::notice(&site, &loss);
        site.store_watch.done(store_watch::OUTBOX);
        bench.run_for(TimeDelta::seconds(5)).await;
        bench.store.set_away(false);
        assert!(site.store_watch.is_pending(store_watch::WATCHDOG));
        bench.run_for(TimeDelta::minutes(2)).await;
        assert!(!site.store_watch.is_pending(store_watch::WATCHDOG));
        watching.abort();
    }

    /// Of two commands for which an order waits the store has lost one, and nobody remembers it.
    #[tokio::test(start_paused = true)]
    async fn an_order_hears_of_a_command_that_is_lost_once() {
        let mut bench = Bench::open().await;
        bench.put_order("gc-1").await;
        for command in ["gc-1.1", "gc-1.2", "gc-1.3"] {
            bench.put_order_waiting("gc-1", command).await;
        }
        let stored = vec![DeliveryOp::Add(letter("gc-1.1")), DeliveryOp::Add(letter("gc-1.3"))];
        bench.commit(Unit { deliveries: stored, ..Unit::default() }).await;
        bench.lose(&["gc-1.3"]).await;
        tell_lost_commands(&bench.site).await.expect("the owner");
        bench.work().await;
        tell_lost_commands(&bench.site).await.expect("the owner");
        bench.run_for(TimeDelta::seconds(1)).await;
        let told = bench.events("gc-1").await.into_iter().filter(|event| event == "undeliverable").count();
        assert_eq!((told, bench.site.tally.repairs.load(std::sync::atomic::Ordering::SeqCst)), (1, 1));
    }
}
