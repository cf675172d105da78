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

/// Delay after a failure.
const AGAIN_MIN: i64 = 15;
/// Delay after a failed consent, because its code is valid for 20 minutes only.
const CONSENT_AGAIN_MIN: i64 = 1;

/// Runs until the bridge stops.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    let couriers = site.outbound.couriers.iter().map(|(target, courier)| (site.account(*target), courier));
    let idle = site.outbound.idle.iter().map(|(name, courier)| (*name, courier));
    let chores = couriers.chain(idle).map(|(name, courier)| keep(&site, name, &**courier));
    let mirrors = site.outbound.couriers.values().map(|courier| mirror(&site, &**courier));
    let kept = async { tokio::join!(retain(&site), wipe::run(&site)) };
    let (_, _, consents, _) = tokio::join!(join_all(chores), join_all(mirrors), take_consents(&site), kept);
    consents
}

async fn keep(site: &Site, name: &str, courier: &dyn Courier) {
    let mut stop = site.stop.clone();
    while !site.stopping() {
        let now = site.clock.now();
        let done = site.guard(name, courier.chore(now)).await;
        if let Ok(done) = &done {
            site.denials.heard(name, Work::Chore, done, now);
        }
        let next = match done {
            Ok(Ok(next)) => next.max(now + TimeDelta::minutes(1)),
            Err(_) => now + TimeDelta::minutes(AGAIN_MIN),
            Ok(Err(fault)) => {
                tracing::warn!(school = %site.id(), name, %fault, "a chore failed");
                now + TimeDelta::minutes(AGAIN_MIN)
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.clock.sleep_until(next) => {}
        }
    }
}

/// Continues filling a courier's mirror of its platform's contacts. What is read goes through the inbox;
/// while the mirror cannot be filled the CRM is asked instead, so nothing else waits for it.
async fn mirror(site: &Site, courier: &dyn Courier) {
    let mut stop = site.stop.clone();
    while !site.stopping() {
        let now = site.clock.now();
        let next = match site.guard("mirror", mirror_once(site, courier, now)).await {
            Ok(None) => return,
            Ok(Some(next)) => next,
            Err(_) => now + TimeDelta::minutes(AGAIN_MIN),
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.clock.sleep_until(next) => {}
        }
    }
}

/// When to continue; `None` if there is no mirror.
async fn mirror_once(site: &Site, courier: &dyn Courier, now: At) -> Option<At> {
    match courier.mirror(&SiteLinks(site), now).await {
        Ok(None) => None,
        Ok(Some(Mirroring { read: None, next })) => Some(next),
        Ok(Some(Mirroring { read: Some(signal), next })) => {
            let item = Item::Signal { raw: None, signal }.to_bytes();
            if let Err(error) = site.commit(Unit { append: vec![item], at: now, ..Unit::default() }).await {
                tracing::warn!(school = %site.id(), %error, "the mirror waits for the store");
                return Some(now + TimeDelta::minutes(1));
            }
            site.tally.mirror_failures.store(0, Ordering::Relaxed);
            Some(next)
        }
        Err(fault) => {
            count(&site.tally.mirror_failures);
            tracing::warn!(school = %site.id(), %fault, "the mirror of contacts cannot be filled: the CRM is asked instead");
            Some(now + TimeDelta::minutes(AGAIN_MIN))
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
        Ok(()) => tracing::info!(school = %site.id(), "the consent was taken, the CRM is signed in to"),
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
