//! After an erasure, removes what the store's files still hold of the person. Never deletes a record: that is done
//! already. A mark in the store says that it is to be done, so a crash in between changes nothing. Enter at [`mark`]
//! and [`run`].

use chrono::TimeDelta;

use super::site::Site;
use crate::store::key;
use crate::store::{CommitError, Forget, Put, StoreResult, Unit, Wiped, Wiping};

/// Until a store that is busy is asked again.
const BUSY: TimeDelta = TimeDelta::seconds(5);

/// Until one that failed is asked again.
const FAILED: TimeDelta = TimeDelta::minutes(1);

/// For the last unit of an erasure.
pub async fn mark(site: &Site) -> StoreResult<Put> {
    let known = site.store.read(site.id(), &[key::WIPE.to_owned()]).await?.pop().flatten();
    Ok(Put { key: key::WIPE.to_owned(), expect: known.map_or(0, |known| known.version), body: b"1".to_vec() })
}

/// Runs until the bridge stops.
pub async fn run(site: &Site) {
    let mut stop = site.stop.clone();
    while !site.stopping() {
        let again = match site.guard("wipe", once(site)).await {
            Ok(Ok(again)) => again.then_some(BUSY),
            Err(_) => Some(FAILED),
            Ok(Err(error)) => {
                tracing::warn!(school = %site.id(), %error, "an erased person is still in the store's files; it is tried again");
                Some(FAILED)
            }
        };
        let later = async {
            match again {
                Some(pause) => site.clock.sleep_until(site.clock.now() + pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.wipe_bell.notified() => {}
            () = later => {}
        }
    }
}

/// True if it has to be tried again.
async fn once(site: &Site) -> Result<bool, CommitError> {
    let Some(mark) = site.store.read(site.id(), &[key::WIPE.to_owned()]).await?.pop().flatten() else {
        return Ok(false);
    };
    match site.store.wipe(site.id(), Wiping::Person).await? {
        Wiped::Later(why) => {
            tracing::info!(school = %site.id(), why, "an erased person is still in the store's files; it is tried again");
            return Ok(true);
        }
        Wiped::Refused(why) => tracing::warn!(
            school = %site.id(), why,
            "an erased person stays in Redis' files until it writes them anew by itself: let its user run \
             BGREWRITEAOF and BGSAVE, see the README, «Stores»"
        ),
        Wiped::Done => {
            tracing::info!(school = %site.id(), "the store's files are written without the erased person");
        }
    }
    // Another erasure may have ended meanwhile: then the mark has changed, and it is done once more.
    let forget = vec![Forget::Record { key: key::WIPE.to_owned(), expect: mark.version }];
    match site.commit(Unit { forget, at: site.clock.now(), ..Unit::default() }).await {
        Err(CommitError::Conflict(_)) => Ok(true),
        done => done.map(|()| false),
    }
}

/// After retention: what is past its time leaves the files soon.
pub async fn past(site: &Site) {
    match site.store.wipe(site.id(), Wiping::Past).await {
        Ok(Wiped::Done) => {}
        Ok(Wiped::Later(why) | Wiped::Refused(why)) => {
            tracing::debug!(school = %site.id(), why, "the store's files are tidied another day");
        }
        Err(error) => {
            tracing::debug!(school = %site.id(), %error, "the store's files are tidied another day")
        }
    }
}
