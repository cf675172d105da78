//! Is the bridge well? For a load balancer (the status) and for a person (the counts).
//! Never shows anything of an order or a person. Enter at [`show`].

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::Front;
use crate::intake::mirror::MirrorState;
use crate::platform::link;
use crate::worker::look_back;

/// 200 while the store answers, 503 otherwise.
pub async fn show(front: web::Data<Front>) -> HttpResponse {
    let mut schools = serde_json::Map::new();
    let mut well = true;
    for site in front.sites.all() {
        let id = site.id();
        let tally = &site.tally;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let held = site.store.counts(id).await;
        well &= held.is_ok();
        let held = held.unwrap_or_default();
        let mirror = site.store.find(id, &[link::MIRROR.to_owned()]).await;
        let mirror = mirror.ok().and_then(|mut found| MirrorState::read(found.pop()?.as_deref()));
        let looks = look_back::state(&site).await;
        schools.insert(
            id.to_string(),
            json!({
                "here": site.tenure.standing().as_str(),
                "accepted": count(&tally.accepted), "repeated": count(&tally.repeated),
                "refused": count(&tally.refused), "stepped": count(&tally.stepped),
                "delivered": count(&tally.delivered), "buried": count(&tally.buried),
                "conflicts": count(&tally.conflicts), "found": count(&tally.found), "look_back": looks,
                "watchdog_repairs": count(&tally.repairs),
                "wake_late_ms": tally.late_ms.load(Ordering::Relaxed),
                "mirror": mirror, "mirror_failures": count(&tally.mirror_failures),
                "inbox": held.inbox, "outbox": held.deliveries, "wakes": held.wakes, "dead": held.dead,
            }),
        );
    }
    let refused = front.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let body = json!({ "well": well, "configuration_refused": refused, "schools": schools });
    if well { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}
