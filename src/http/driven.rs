//! The HTTP interface of the driven clock: a player asks whether the bridge is idle, and moves the time.
//! Exists only in a bridge started with a driven clock, never in production. Enter at [`show`] and
//! [`advance`].

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::Front;
use crate::clock::{Clock, DrivenClock};
use crate::process::At;
use crate::worker::site::Site;

/// The state that the player needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Quiet {
    pub now: At,
    /// Inbox, outbox and requests in flight are empty, or wait for a later time.
    pub quiet: bool,
    /// The earliest time at which something is due here.
    pub next_due: Option<At>,
    /// Counts everything that was done: an equal value before and after means that nothing has happened.
    pub turns: u64,
    /// Steps and deliveries done by the owner of a school.
    pub worked: u64,
    /// Orders without a next step that the watchdog repaired.
    pub repairs: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Advance {
    pub to: At,
}

/// The state at the present driven time.
pub async fn show(token: web::Path<String>, front: web::Data<Front>) -> HttpResponse {
    let Some((clock, secret)) = &front.driven else { return HttpResponse::NotFound().finish() };
    if !secret.matches(&token) {
        return HttpResponse::Forbidden().finish();
    }
    let sites = front.sites.all();
    HttpResponse::Ok().json(look(sites.iter().map(AsRef::as_ref), clock).await)
}

/// Like [`show`], without a socket.
pub async fn look(sites: impl IntoIterator<Item = &Site>, clock: &DrivenClock) -> Quiet {
    let mut state =
        Quiet { now: clock.now(), quiet: true, next_due: clock.next_due(), turns: 0, worked: 0, repairs: 0 };
    // A task that sleeps until now or earlier has not woken yet.
    state.quiet = state.next_due.is_none_or(|due| due > state.now);
    for site in sites {
        state.quiet &= is_quiet(site, state.now).await;
        // A task that is about to sleep may not be registered with the clock yet.
        let wake = site.wheel_feed().next_due().and_then(At::from_timestamp_millis);
        state.next_due = state.next_due.into_iter().chain(wake).min();
        state.repairs += site.tally.repairs.load(Ordering::SeqCst);
        let tally = &site.tally;
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        state.worked += count(&tally.stepped) + count(&tally.delivered) + count(&tally.buried);
        state.turns += count(&tally.accepted) + count(&tally.repeated) + count(&tally.spooled);
    }
    state.turns += state.worked;
    state
}

/// Moves the time forward.
pub async fn advance(
    token: web::Path<String>,
    to: web::Json<Advance>,
    front: web::Data<Front>,
) -> HttpResponse {
    let Some((clock, secret)) = &front.driven else { return HttpResponse::NotFound().finish() };
    if !secret.matches(&token) {
        return HttpResponse::Forbidden().finish();
    }
    clock.advance(to.to);
    HttpResponse::NoContent().finish()
}

/// True if no request is being received, the inbox is empty, the wheel has nothing due and needs no filling,
/// no delivery may leave the outbox, and each delivery in flight waits for its turn.
async fn is_quiet(site: &Site, now: At) -> bool {
    let tally = &site.tally;
    if tally.receiving.load(Ordering::SeqCst) > 0 || !tally.inbox_parked.load(Ordering::SeqCst) {
        return false;
    }
    if site.spool.as_ref().is_some_and(|spool| spool.waiting() > 0) {
        return false;
    }
    if site.wheel_feed().next_look(now.timestamp_millis()) <= now.timestamp_millis() {
        return false;
    }
    if !site.outbound.paces.iter().all(|pace| pace.is_quiet(now)) {
        return false;
    }
    let turns: u64 = site.outbound.paces.iter().map(|pace| pace.waiting.load(Ordering::SeqCst)).sum();
    let reconciling = tally.reconciling.load(Ordering::SeqCst);
    let seen = {
        let mut lanes = site.lanes();
        if lanes.in_flight() as u64 + reconciling > turns || lanes.has_ready(now) {
            return false;
        }
        (lanes.waiting() + lanes.in_flight()) as u64
    };
    // Last, because it is the most expensive check.
    let held = site.store.counts(site.id()).await;
    held.is_ok_and(|held| held.inbox == 0 && held.deliveries == seen)
}
