//! Empties a school's spool into the store, and notices a restart of the store. Never needs the lease: every
//! instance spools the requests that it accepted itself. Enter at [`run`]; an owner also calls [`begin`].

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::lease_view::Ownership;
use super::site::Site;
use crate::store::key;
use crate::store::{CommitError, Put, StoreResult, Unit};

/// Interval between two checks of the store, real time.
const LOOK: Duration = Duration::from_millis(300);
/// After a restart of the store that this process has not witnessed, everything that goes out is looked for
/// first during this time: what the store lost is decided again within it.
const DOUBT: TimeDelta = TimeDelta::minutes(10);

/// Runs until the school is stopped.
pub async fn run(site: Arc<Site>) {
    let Some(spool) = site.spool.clone() else { return };
    let mut stop = site.stop.clone();
    while !site.stopping() {
        match look(&site).await {
            Err(error) if spool.waiting() > 0 => site.waits_for_store("the spool", &error),
            Ok(()) | Err(_) => {}
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            // A request that is spooled just now has found the store away.
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn look(site: &Arc<Site>) -> StoreResult<()> {
    let Some(spool) = &site.spool else { return Ok(()) };
    // If one node of a Cluster does not answer, the requests need not wait for it.
    if let Ok(Some(run)) = site.store.epoch().await {
        // A store that was emptied goes on under the same name.
        let epoch = format!("{run} {} {}", site.store_watch.losses(), site.store_watch.torn());
        if spool.moves_on(&*site.store, site.id(), &epoch).await? {
            site.restart_from_store();
        }
    }
    let given = spool.empty(&*site.store, site.id()).await?;
    if given > 0 {
        tracing::info!(school = %site.id(), given, "the spool was emptied into the store");
        announce(site).await;
    }
    Ok(())
}

/// Notifies the owner of the school, here or in another instance. Only a hint: owners also poll.
pub async fn announce(site: &Site) {
    if site.lease.ownership() == Ownership::Owner {
        site.inbox_bell.notify_one();
    } else if let Err(error) = site.store.ring(site.id()).await {
        tracing::debug!(school = %site.id(), %error, "the bell was not rung");
    }
}

/// Called by a new owner: if the store was restarted since the last owner's start, it may have lost what it
/// had confirmed to that owner, and this process has no memory of it.
pub async fn begin(site: &Site) -> Result<(), CommitError> {
    if note_epoch(site).await? {
        tracing::warn!(school = %site.id(), "the store was restarted since the last owner: what goes out is looked for first");
        site.doubt_until(site.clock.now() + DOUBT);
    }
    Ok(())
}

/// Stores the store's epoch; returns true if it differs from the one that the last owner stored.
pub async fn note_epoch(site: &Site) -> Result<bool, CommitError> {
    let Some(epoch) = site.store.epoch().await? else { return Ok(false) };
    let name = key::EPOCH.to_owned();
    let known = site.store.read(site.id(), std::slice::from_ref(&name)).await?.pop().flatten();
    let link = site.store.find(site.id(), std::slice::from_ref(&name)).await?.pop().flatten();
    // Both are signs for the watch of the store, which has to see first that one is gone.
    if site.store_watch.misses_run(known.is_some(), link.is_some()) {
        site.store_watch.look.notify_one();
        return Ok(false);
    }
    if link.is_some() && known.as_ref().is_some_and(|known| known.body == epoch.as_bytes()) {
        return Ok(false);
    }
    let is_new = known.as_ref().is_some_and(|known| known.body != epoch.as_bytes());
    let index = vec![(name, Some("1".to_owned()))];
    let expect = known.as_ref().map_or(0, |known| known.version);
    let put = Put { key: key::EPOCH.to_owned(), expect, body: epoch.into_bytes() };
    site.commit(Unit { put: vec![put], index, at: site.clock.now(), ..Unit::default() }).await?;
    Ok(is_new)
}

#[cfg(test)]
mod tests;
