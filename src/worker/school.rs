//! Owning a school: take the lease, run its workers, let go when it is lost or the bridge stops.
//! Never works without the lease. Enter at [`own`].

use std::sync::Arc;

use super::site::Site;
use super::{chores, inbox, look_back, outbox, watchdog};
use crate::store::{CommitError, Lease};

/// Works for the school whenever it can be had, until the bridge stops.
pub async fn own(site: Arc<Site>) {
    while take(&site).await {
        tracing::info!(school = %site.id(), "this instance owns the school");
        tokio::select! {
            biased;
            lost = work(&site) => match lost {
                Ok(()) => break,
                Err(error) => tracing::warn!(school = %site.id(), %error, "the school is lost"),
            },
            () = lose(&site) => tracing::warn!(school = %site.id(), "the lease is lost"),
        }
    }
    if let Err(error) = site.store.release(site.id(), &site.fence).await {
        tracing::warn!(school = %site.id(), %error, "the lease runs out by itself");
    }
}

/// True with the lease in hand, false when the bridge stops first.
async fn take(site: &Site) -> bool {
    let mut stop = site.stop.clone();
    let mut said = false;
    while !site.stopping() {
        match renew(site).await {
            Ok(Lease::Held) => return true,
            Ok(Lease::Elsewhere) if !said => {
                tracing::info!(school = %site.id(), "another instance owns the school");
                said = true;
            }
            Ok(Lease::Elsewhere) => {}
            Err(error) => tracing::warn!(school = %site.id(), %error, "no lease without the store"),
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = tokio::time::sleep(site.rhythm.renew) => {}
        }
    }
    false
}

async fn renew(site: &Site) -> crate::store::Kept<Lease> {
    site.store.lease(site.id(), &site.fence, &site.school.process.config_hash, site.rhythm.lease_ms).await
}

/// Returns when somebody else owns the school. An unreachable store is no loss: every commit
/// checks the fence by itself.
async fn lose(site: &Site) {
    loop {
        tokio::time::sleep(site.rhythm.renew).await;
        if let Ok(Lease::Elsewhere) = renew(site).await {
            return;
        }
    }
}

/// All workers of the school; ends when they have drained, or with the first that lost it.
async fn work(site: &Arc<Site>) -> Result<(), CommitError> {
    super::timers::refill(site);
    tokio::try_join!(
        inbox::run(site.clone()),
        outbox::run(site.clone()),
        watchdog::run(site.clone()),
        chores::run(site.clone()),
        look_back::run(site.clone()),
    )
    .map(|_| ())
}
