//! What the people who run the bridge, and their systems, ask it: is it alive, is it fit, what is wrong. Never
//! shows anything about an order or a person. Enter at [`look`]; the addresses are [`live`], [`ready`] and
//! [`metrics`].

use std::sync::PoisonError;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::{Front, metrics};
use crate::clock::wall_now;
use crate::private;
use crate::trouble::{Trouble, TroubleKind, Weight};
use crate::worker::troubles;

/// The process answers: a supervisor need not restart it.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

/// 200 or, while work stands, 503; with the list of troubles.
pub async fn ready(front: web::Data<Front>) -> HttpResponse {
    let troubles = look(&front).await;
    let body = report(&troubles);
    if is_ready(&troubles) {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// The same and the counts, in the text format of Prometheus.
pub async fn metrics(front: web::Data<Front>) -> HttpResponse {
    let troubles = look(&front).await;
    let text = metrics::text(&front, &troubles).await;
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}

pub fn is_ready(troubles: &[Trouble]) -> bool {
    troubles.iter().all(|trouble| trouble.weight < Weight::Stop)
}

pub fn report(troubles: &[Trouble]) -> Value {
    json!({ "ready": is_ready(troubles), "troubles": troubles })
}

/// Looks at everything, and returns what is wrong, with the times at which it began.
pub async fn look(front: &Front) -> Vec<Trouble> {
    front.turned.flush();
    let (mut found, sites, now) = (Vec::new(), front.sites.all(), wall_now());
    let mut answers = true;
    if let Some(site) = sites.first() {
        found = troubles::store(&*site.store, now).await;
        let is_away = |trouble: &Trouble| {
            matches!(trouble.id, TroubleKind::StoreUnreachable | TroubleKind::StoreRefuses)
        };
        answers = !found.iter().any(is_away);
    }
    // A read-only store answers what was asked above, and no work can be stored.
    let unwritten = sites.iter().find_map(|site| site.store_watch.unanswered());
    if let Some(error) = unwritten.filter(|_| answers) {
        found.push(troubles::unanswered(&error, now));
        answers = false;
    }
    for site in &sites {
        let of_site = troubles::of(site, answers).await;
        // The store went away meanwhile, or refuses what only schools ask: said once.
        answers &= !of_site.iter().any(|trouble| trouble.school.is_none());
        found.extend(of_site);
    }
    let refused = front.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
    found.extend(refused.map(|why| Trouble::new(TroubleKind::ConfigurationRefused, 1, why, now)));
    let data = front.data.clone();
    let open = tokio::task::spawn_blocking(move || private::open_to_others(&data)).await;
    found.extend(open.ok().flatten().map(|why| Trouble::new(TroubleKind::DataOpen, 1, why, now)));
    front.board.observe(found)
}
