//! Recurring work of the couriers: token refresh, subscription check.
//! Never stops the rest: a chore that fails is tried again later. Enter at [`run`].

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::site::Site;
use crate::platform::Courier;
use crate::process::Target;
use crate::store::CommitError;

/// After a failure.
const AGAIN_MIN: i64 = 15;

/// Runs until the bridge stops.
pub async fn run(site: Arc<Site>) -> Result<(), CommitError> {
    join_all(site.ways.couriers.iter().map(|(target, courier)| keep(&site, *target, &**courier))).await;
    Ok(())
}

async fn keep(site: &Site, target: Target, courier: &dyn Courier) {
    let mut stop = site.stop.clone();
    while !site.stopping() {
        let now = site.clock.now();
        let next = match courier.chore(now).await {
            Ok(next) => next.max(now + TimeDelta::minutes(1)),
            Err(fault) => {
                tracing::warn!(school = %site.id(), target = target.as_str(), %fault, "a chore failed");
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
