//! The owner of a school: takes the lease, runs the workers, stops when the lease is lost or the bridge
//! stops. Never works without the lease. After a panic that no worker caught, the lease is released, and
//! after a pause the owner tries to take the school again. Enter at [`run`].

use std::sync::Arc;

use tokio::task::JoinSet;

use super::lease_view::Ownership;
use super::site::Site;
use super::{chores, inbox, outbox, reconcile, spool_drain, store_watch, watchdog};
use crate::clock::stopwatch;
use crate::panics::{Panicked, Pauses};
use crate::store::{CommitError, Lease, LookFrom, Plan, StoreResult, Term};

/// How many times an owner starts its inbox.
const INBOX_STARTS_MAX: u32 = 3;

/// Everything that this process does for the school, until the bridge stops.
pub async fn run(site: Arc<Site>) {
    tokio::join!(own(site.clone()), restart_on_panic(&site, || drain_spool(site.clone())));
}

/// Works for the school whenever the lease is available, until the bridge stops.
pub async fn own(site: Arc<Site>) {
    restart_on_panic(&site, || own_once(site.clone())).await;
}

/// Restarts the work after each panic, with a growing pause; returns when the work or the bridge ends.
async fn restart_on_panic<F: Future<Output = Result<(), Panicked>>>(site: &Site, work: impl Fn() -> F) {
    let mut stop = site.stop.clone();
    let mut pauses = Pauses::default();
    loop {
        let begun = stopwatch();
        if work().await.is_ok() || site.stopping() {
            return;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = tokio::time::sleep(pauses.after(begun.elapsed())) => {}
        }
    }
}

/// Returns when the bridge stops, or after a panic that no worker caught. In both cases the lease is
/// released: `/health` no longer says `owner`, and another instance can take the school.
async fn own_once(site: Arc<Site>) -> Result<(), Panicked> {
    if let Some(spool) = &site.spool {
        site.store_watch.recall(spool.noted_store().await);
    }
    let keeping = site.keeper.as_ref().map(|keeper| keeper.keep(site.clone()));
    let ended = site.guard("owner", work_while_held(&site)).await;
    drop(keeping);
    if let Some((spool, contents)) = site.spool.as_ref().zip(site.store_watch.known()) {
        spool.note_store(contents).await;
    }
    site.lease.end(Ownership::Unknown);
    let released = site.guard("lease", site.store.release(site.id(), &site.fence)).await;
    if let Ok(Err(error)) = released {
        tracing::warn!(school = %site.id(), %error, "the lease runs out by itself");
    }
    ended
}

async fn drain_spool(site: Arc<Site>) -> Result<(), Panicked> {
    site.guard("spool drain", spool_drain::run(site.clone())).await
}

async fn work_while_held(site: &Arc<Site>) {
    while take(site).await {
        tracing::info!(school = %site.id(), "this instance owns the school");
        // A task of its own: a step that takes long must not make its own lease run out.
        let mut renewals = JoinSet::from_iter([lose(site.clone())]);
        let is_over = tokio::select! {
            biased;
            ended = work(site) => match ended {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(school = %site.id(), %error, "the school is lost");
                    false
                }
            },
            _ = renewals.join_next() => {
                tracing::warn!(school = %site.id(), "the lease is lost");
                false
            }
            () = watch_single_ones(site) => false,
        };
        renewals.shutdown().await;
        if is_over {
            // What is noted for the next start is the store as this owner leaves it.
            let _ = site.guard("lease", renew(site)).await;
            return;
        }
        site.lease.end(Ownership::Unknown);
    }
}

/// True when the lease is held, false if the bridge stops first.
async fn take(site: &Site) -> bool {
    let mut stop = site.stop.clone();
    let mut said = None;
    while !site.stopping() {
        match renew(site).await {
            Ok(Lease::Held) => return true,
            Ok(lease) if said == Some(lease) => {}
            Ok(Lease::Elsewhere) => {
                tracing::info!(school = %site.id(), "another instance owns the school");
                said = Some(Lease::Elsewhere);
            }
            Ok(Lease::Outdated) => {
                tracing::error!(
                    school = %site.id(),
                    "not worked here: another instance loaded another configuration later; give all instances the same one"
                );
                said = Some(Lease::Outdated);
            }
            Err(error) => site.waits_for_store("the lease", &error),
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = until_look(site) => {}
        }
    }
    false
}

/// Until the store is to be looked at whole: when the keeper or a part of the work asks for it; without a keeper that
/// tells, with each renewal of the lease.
async fn until_look(site: &Site) {
    tokio::select! {
        () = site.store_watch.look.notified() => {}
        () = tokio::time::sleep(site.rhythm.renew), if !site.is_told() => {}
    }
}

/// Updates the view of the lease with the store's answer.
async fn renew(site: &Site) -> StoreResult<Lease> {
    let plan = Plan { config: site.school.process.config_hash.clone(), loaded: site.loaded };
    let (asked, waiting) = (stopwatch(), site.lanes().waiting() as u64);
    let renewal = site.store_watch.begins();
    let life = site.keeper.as_ref().and_then(|keeper| keeper.life());
    let (term, since) = match life {
        Some((life, since)) => (Term::Life(life), since),
        None => (Term::Ms(site.rhythm.lease_ms), asked),
    };
    let renewed = site.store.renew(site.id(), &site.fence, &plan, &term).await;
    site.store_watch.heard(&renewed);
    let (lease, contents) = renewed?;
    site.away.answers(site.id().as_str());
    // Before the lease counts as held: nothing may be sent from memory that the store has contradicted.
    let is_owner = site.lease.ownership() == Ownership::Owner;
    let waiting = if is_owner { waiting } else { 0 };
    let was_elsewhere = lease != Lease::Held || site.store_watch.is_of_another(&contents);
    let loss = site.store_watch.observe(contents, waiting, site.clock.now());
    match lease {
        Lease::Held => site.lease.hold(since, site.rhythm.lease_ms),
        Lease::Elsewhere => site.lease.end(Ownership::Elsewhere),
        Lease::Outdated => site.lease.end(Ownership::Outdated),
    }
    if lease != Lease::Held {
        site.store_watch.leave();
    }
    if was_elsewhere {
        site.unsettled().clear();
    }
    if let Some(loss) = loss {
        store_watch::notice(site, &loss);
    }
    site.store_watch.compared(renewal);
    if let Some(spool) = &site.spool
        && let Some(contents) = site.store_watch.to_note(site.clock.now())
    {
        spool.note_store(contents).await;
    }
    Ok(lease)
}

/// Beside the renewals: where each round trip is slow, the lease must not wait for several of them.
async fn watch_single_ones(site: &Site) {
    loop {
        // The renewals tell of a store that does not answer.
        let searched = site.guard("search for what is gone", look_for_gone(site)).await;
        match searched {
            Ok(Ok(true)) if site.is_told() => site.store_watch.search.notified().await,
            _ => tokio::time::sleep(site.rhythm.renew).await,
        }
    }
}

/// Single records and deliveries can vanish, too (eviction): all are looked at in turn. Returns whether that was the last
/// turn.
async fn look_for_gone(site: &Site) -> StoreResult<bool> {
    let unlisted = site.store.unlist_gone(site.id(), &site.store_watch.look_from()).await?;
    let is_last = unlisted.next == LookFrom::default();
    site.store_watch.looked(unlisted.next.clone());
    if let Some(loss) = site.store_watch.single_ones_gone(&unlisted, site.clock.now()) {
        store_watch::notice(site, &loss);
    }
    Ok(is_last)
}

/// Returns when another instance owns the school. An unreachable store does not end the ownership: every
/// commit checks the fence.
async fn lose(site: Arc<Site>) {
    loop {
        until_look(&site).await;
        match site.guard("lease", renew(&site)).await {
            Ok(Ok(Lease::Elsewhere | Lease::Outdated)) => return,
            Ok(Ok(Lease::Held)) => {
                site.store_watch.search.notify_one();
                // What has to be seen twice is seen at two times.
                tokio::time::sleep(site.rhythm.renew / 2).await;
            }
            Ok(Err(_)) | Err(_) => {
                tokio::time::sleep(site.rhythm.renew).await;
                site.store_watch.look.notify_one();
            }
        }
    }
}

/// Restarts the inbox after a panic without disturbing deliveries in flight. The last start is not guarded:
/// its panic ends the owner.
async fn run_inbox(site: &Arc<Site>) -> Result<(), CommitError> {
    let mut pauses = Pauses::default();
    for _ in 1..INBOX_STARTS_MAX {
        let begun = stopwatch();
        if let Ok(ended) = site.guard("inbox", inbox::run(site.clone())).await {
            return ended;
        }
        tokio::time::sleep(pauses.after(begun.elapsed())).await;
    }
    inbox::run(site.clone()).await
}

/// Runs the outbox; when it has ended, the inbox gets no more settlements.
async fn send(site: &Arc<Site>) -> Result<(), CommitError> {
    let ended = outbox::run(site.clone()).await;
    site.landings().close();
    site.inbox_bell.notify_one();
    ended
}

/// Runs all workers of the school; ends when they have drained, or when one of them has lost the school.
async fn work(site: &Arc<Site>) -> Result<(), CommitError> {
    site.forget_memory();
    spool_drain::begin(site).await?;
    tokio::try_join!(
        run_inbox(site),
        send(site),
        watchdog::run(site.clone()),
        chores::run(site.clone()),
        reconcile::run(site.clone()),
    )
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::fake::{Bench, letter};

    /// A store whose round trips are slow: the search for what is gone takes several of them.
    #[tokio::test(start_paused = true)]
    async fn the_lease_is_renewed_however_long_the_search_for_what_is_gone_takes() {
        let bench = Bench::open().await;
        bench.store.hang_searches();
        let owner = tokio::spawn(own(bench.site.clone()));
        for _ in 0..20 {
            bench.run_for(chrono::TimeDelta::seconds(1)).await;
            assert!(bench.site.lease.holds());
        }
        owner.abort();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_lease_is_renewed_while_a_step_keeps_its_thread() {
        let bench = Bench::open().await;
        bench.store.keep_thread();
        let owner = tokio::spawn(own(bench.site.clone()));
        let begun = stopwatch();
        while bench.store.renewals() < 2 && begun.elapsed().as_secs() < 5 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.store.renewals(), 2);
        owner.abort();
    }

    /// It may have settled them: nothing of them is given back later.
    #[tokio::test(start_paused = true)]
    async fn commands_are_forgotten_when_another_instance_has_worked_for_the_school_meanwhile() {
        for (by, is_known) in [("this one", true), ("another", false)] {
            let bench = Bench::open().await;
            bench.store.was_renewed_by("this one");
            assert_eq!(renew(&bench.site).await, Ok(Lease::Held));
            bench.site.unsettled().note(letter("gc-1.1"));
            // The lease has ended, and nobody else has it now.
            bench.site.lease.end(Ownership::Unknown);
            bench.store.was_renewed_by(by);
            assert_eq!(renew(&bench.site).await, Ok(Lease::Held));
            assert_eq!(bench.site.unsettled().knows(&"gc-1.1".into()), is_known);
        }
    }
}
