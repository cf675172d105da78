//! The health of the bridge: a status for a load balancer, counts for a person. Never shows anything about an
//! order or a person. Enter at [`show`].

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::Front;
use crate::link;
use crate::link::MirrorState;
use crate::worker::reconcile;
use crate::worker::site::Site;

/// `well` is false while the store does not answer or cannot be written, and after it has lost data until everything was read again.
/// 200 while requests are accepted: the store answers, or the spool has room for them. 503 otherwise, and
/// for some seconds after a request had to be refused because nothing could be written.
pub async fn show(front: web::Data<Front>) -> HttpResponse {
    let mut schools = serde_json::Map::new();
    let (mut well, mut is_whole, mut takes) = (true, true, true);
    for site in front.sites.all() {
        let id = site.id();
        let tally = &site.tally;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        // An unreachable store is asked only once, because a health check has a short timeout.
        let held = if well { site.store.counts(id).await.ok() } else { None };
        let spool = site.spool.as_ref();
        well &= held.is_some() && site.store_watch.unanswered().is_none();
        takes &= held.is_some() || spool.is_some_and(|spool| spool.has_room());
        takes &= !spool.is_some_and(|spool| spool.refuses());
        let damaged_bytes = match spool {
            Some(spool) => spool.damaged_bytes().await,
            None => 0,
        };
        is_whole &= site.store_watch.is_well();
        let (mirror, looks) = if well { read(&site).await } else { Default::default() };
        schools.insert(
            id.to_string(),
            json!({
                "here": site.lease.ownership().as_str(),
                "accepted": count(&tally.accepted), "repeated": count(&tally.repeated),
                "refused": count(&tally.refused),
 "oversized": count(&tally.oversized),
 "throttled": count(&tally.throttled), "stepped": count(&tally.stepped),
                "delivered": count(&tally.delivered), "buried": count(&tally.buried),
                "conflicts": count(&tally.conflicts), "found": count(&tally.found), "look_back": looks,
                "watchdog_repairs": count(&tally.repairs), "unreadable": count(&tally.unreadable),
                "nobody": count(&tally.nobody), "unread": tally.unread.show(),
                "panics": site.panics(),
                "wake_late_ms": tally.late_ms.load(Ordering::Relaxed),
                "spooled": count(&tally.spooled),
                "spool": {
                    "requests": spool.map_or(0, |spool| spool.waiting()), "bytes": spool.map_or(0, |spool| spool.bytes()),
                    "damaged_bytes": damaged_bytes,
                },
                "vanished": count(&tally.vanished), "lost": site.store_watch.last(),
                "inbox": held.as_ref().map(|held| held.inbox), "outbox": held.as_ref().map(|held| held.deliveries),
                "lanes": site.lanes().held(),
                "wakes": held.as_ref().map(|held| held.wakes), "dead": held.as_ref().map(|held| held.dead),
                "mirror": mirror, "mirror_failures": count(&tally.mirror_failures),
            }),
        );
    }
    let refused = front.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let body = json!({ "well": well && is_whole, "configuration_refused": refused, "schools": schools });
    if takes { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

/// The progress of the mirror, and the results of the last reconciliations.
async fn read(site: &Site) -> (Option<MirrorState>, Value) {
    let mirror = site.store.find(site.id(), &[link::MIRROR.to_owned()]).await;
    let mirror = mirror.ok().and_then(|mut found| MirrorState::read(found.pop()?.as_deref()));
    (mirror, reconcile::state(site).await)
}
