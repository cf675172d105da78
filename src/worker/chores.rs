//! Recurring work of the couriers (token refresh, subscription check), and consents. Never blocks other work:
//! a chore that fails or panics is tried again later. Enter at [`run`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::denials::Work;
use super::outbox::SiteLinks;
use super::retention::retain;
use super::site::{Site, count};
use super::wipe;
use crate::intake::item::Item;
use crate::platform::{Courier, Fault, Mirroring};
use crate::process::{At, Target};
use crate::signal::Consent;
use crate::store::key;
use crate::store::{CommitError, Put, Unit};

/// Delay after a failure: doubles up to the longest. A denied account is tried earlier if other work succeeds there.
const AGAIN_FIRST_MIN: i64 = 1;
const AGAIN_LONGEST_MIN: i64 = 15;
/// Delay after a failed consent, because its code is valid for 20 minutes only.
const CONSENT_AGAIN_MIN: i64 = 1;

/// Runs until the bridge stops.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let couriers = site.outbound.couriers.iter().map(|(target, courier)| (site.account(*target), courier));
    let idle = site.outbound.idle.iter().map(|(name, courier)| (*name, courier));
    let chores = couriers.chain(idle).map(|(name, courier)| keep(&site, name, &**courier));
    let mirrors = site.outbound.couriers.iter();
    let mirrors = mirrors.map(|(target, courier)| mirror(&site, site.account(*target), &**courier));
    let kept = async { tokio::join!(retain(&site), wipe::run(&site)) };
    let (_, _, consents, _) = tokio::join!(join_all(chores), join_all(mirrors), take_consents(&site), kept);
    consents
}

async fn keep(site: &Site, name: &str, courier: &dyn Courier) {
    let mut failures = 0;
    while !site.stopping() {
        let now = site.clock.now();
        let done = site.guard(name, courier.chore(now)).await;
        if let Ok(done) = &done {
            site.denials.heard(name, Work::Chore, done, now);
        }
        let next = match done {
            Ok(Ok(next)) => {
                failures = 0;
                next.max(now + TimeDelta::minutes(1))
            }
            Err(_) => after_failure(&mut failures, now),
            Ok(Err(fault)) => {
                tracing::warn!(school = %site.id(), name, %fault, "a chore failed");
                after_failure(&mut failures, now)
            }
        };
        wait(site, name, Work::Chore, next).await;
    }
}

fn after_failure(failures: &mut u32, now: At) -> At {
    let doubled = AGAIN_FIRST_MIN << (*failures).min(10);
    *failures += 1;
    now + TimeDelta::minutes(doubled.min(AGAIN_LONGEST_MIN))
}

/// Until `next`, or until the account that denied this work works again.
async fn wait(site: &Site, name: &str, work: Work, next: At) {
    let mut stop = site.stop.clone();
    tokio::select! {
        biased;
        _ = stop.changed() => {}
        () = site.denials.again(name, work) => {}
        () = site.clock.sleep_until(next) => {}
    }
}

/// Continues filling a courier's mirror of its platform's contacts. What is read goes through the inbox;
/// while the mirror cannot be filled the CRM is asked instead, so nothing else waits for it.
async fn mirror(site: &Site, name: &str, courier: &dyn Courier) {
    let mut failures = 0;
    while !site.stopping() {
        let now = site.clock.now();
        let next = match site.guard("mirror", mirror_once(site, name, courier, now)).await {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(next))) => {
                failures = 0;
                next
            }
            Ok(Err(_)) | Err(_) => after_failure(&mut failures, now),
        };
        wait(site, name, Work::Mirror, next).await;
    }
}

/// When to continue; `None` if there is no mirror.
async fn mirror_once(site: &Site, name: &str, courier: &dyn Courier, now: At) -> Result<Option<At>, Fault> {
    let done = courier.mirror(&SiteLinks(site), now).await;
    match &done {
        // Nothing was read: that says nothing about the account.
        Ok(None | Some(Mirroring { read: None, .. })) => {}
        done => site.denials.heard(name, Work::Mirror, done, now),
    }
    match done {
        Ok(None) => Ok(None),
        Ok(Some(Mirroring { read: None, next })) => Ok(Some(next)),
        Ok(Some(Mirroring { read: Some(signal), next })) => {
            let item = Item::Signal { raw: None, signal }.to_bytes();
            if let Err(error) = site.commit(Unit { append: vec![item], at: now, ..Unit::default() }).await {
                tracing::warn!(school = %site.id(), %error, "the mirror waits for the store");
                return Ok(Some(now + TimeDelta::minutes(1)));
            }
            site.tally.mirror_failures.store(0, Ordering::Relaxed);
            Ok(Some(next))
        }
        Err(fault) => {
            count(&site.tally.mirror_failures);
            tracing::warn!(school = %site.id(), %fault, "the mirror of contacts cannot be filled: the CRM is asked instead");
            Err(fault)
        }
    }
}

/// Exchanges each consent once; one that was not exchanged before a crash is found again.
async fn take_consents(site: &Site) -> Result<(), CommitError> {
    let Some(courier) = site.outbound.couriers.get(&Target::Crm) else { return Ok(()) };
    let mut stop = site.stop.clone();
    while !site.stopping() {
        let again = match site.guard("consent", take_consent(site, &**courier)).await {
            Ok(Ok(again)) => again,
            Err(_) => true,
            Ok(Err(CommitError::Fenced)) => return Err(CommitError::Fenced),
            Ok(Err(error)) => {
                tracing::warn!(school = %site.id(), %error, "the consent waits for the store");
                true
            }
        };
        let later = async {
            match again {
                true => {
                    site.clock.sleep_until(site.clock.now() + TimeDelta::minutes(CONSENT_AGAIN_MIN)).await
                }
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.chore_bell.notified() => {}
            () = later => {}
        }
    }
    Ok(())
}

/// True if it has to be tried again.
async fn take_consent(site: &Site, courier: &dyn Courier) -> Result<bool, CommitError> {
    let Some(record) = site.store.read(site.id(), &[key::CONSENT.to_owned()]).await?.pop().flatten() else {
        return Ok(false);
    };
    let Ok(Some(consent)) = serde_json::from_slice::<Option<Consent>>(&record.body) else { return Ok(false) };
    match courier.consent(&consent).await {
        Ok(()) => {
            tracing::info!(school = %site.id(), "the consent was taken, the CRM is signed in to");
            site.denials.signed_in(site.account(Target::Crm), site.clock.now());
        }
        Err(fault @ (Fault::Later { .. } | Fault::Soon { .. } | Fault::Unclear { .. })) => {
            tracing::warn!(school = %site.id(), %fault, "the consent is tried again");
            return Ok(true);
        }
        Err(fault) => tracing::error!(school = %site.id(), %fault, "the consent was refused: give it again"),
    }
    let used = Put { key: key::CONSENT.to_owned(), expect: record.version, body: b"null".to_vec() };
    site.commit(Unit { put: vec![used], at: site.clock.now(), ..Unit::default() }).await?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DeliveryOp;
    use crate::worker::fake::{Bench, letter};

    async fn send(bench: &Bench, id: &str) {
        bench.put_order(&id[..id.len() - 2]).await;
        bench.commit(Unit { deliveries: vec![DeliveryOp::Add(letter(id))], ..Unit::default() }).await;
        bench.site.outbox_bell.notify_one();
        bench.run_for(TimeDelta::milliseconds(100)).await;
    }

    fn denied(bench: &Bench) -> usize {
        bench.site.denials.all(|account| bench.site.waits_for(account) > 0).len()
    }

    /// F42: the account was denied at the start and is right again; a delivery is the first to find out.
    #[tokio::test(start_paused = true)]
    async fn a_chore_that_was_denied_is_done_as_soon_as_a_delivery_succeeds() {
        let mut bench = Bench::open().await;
        bench.mail.chores_answer([Err(Fault::denied("535"))]);
        bench.work().await;
        bench.do_chores().await;
        assert_eq!((bench.mail.chores().len(), denied(&bench)), (1, 1));
        bench.run_for(TimeDelta::seconds(20)).await;
        send(&bench, "gc-1.1").await;
        assert_eq!((bench.mail.chores().len(), denied(&bench)), (2, 0));
        assert_eq!(bench.crm.chores().len(), 1, "another account");
    }

    /// The other way round: a chore is the first to find out.
    #[tokio::test(start_paused = true)]
    async fn denied_deliveries_leave_as_soon_as_a_chore_succeeds() {
        let mut bench = Bench::open().await;
        // Seconds after which the pause of the deliveries is two minutes.
        let at = bench.site.clock.now() + TimeDelta::seconds(90);
        bench.mail.chores_answer([Ok(at)]);
        bench.mail.answers([Err(Fault::denied("535")), Err(Fault::denied("535"))]);
        bench.work().await;
        bench.do_chores().await;
        send(&bench, "gc-1.1").await;
        bench.run_for(TimeDelta::seconds(80)).await;
        assert_eq!((bench.mail.asked().len(), denied(&bench)), (2, 1));
        bench.run_for(TimeDelta::seconds(15)).await;
        assert_eq!((bench.mail.asked().len(), denied(&bench)), (3, 0));
    }

    /// Nothing else is done at the account: its chore itself finds out.
    #[tokio::test(start_paused = true)]
    async fn a_chore_that_fails_is_repeated_with_growing_pauses() {
        let mut bench = Bench::open().await;
        bench.mail.chores_answer((0..7).map(|_| Err(Fault::denied("535"))));
        bench.do_chores().await;
        bench.run_for(TimeDelta::hours(2)).await;
        let done = bench.mail.chores();
        let pauses: Vec<i64> = done.windows(2).map(|pair| (pair[1] - pair[0]).num_minutes()).collect();
        assert_eq!((pauses, denied(&bench)), (vec![1, 2, 4, 8, 15, 15, 15], 0));
    }
}
