//! An outage and a restart of the store, from the side of one instance: every request gets there once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::request::IdempotencyKey;
use crate::spool::{Saved, Spools};
use crate::store::{Contents, Kinds, Offer, Signs, Unlisted};
use crate::worker::fake::Bench;

/// An owner with a spool in a folder of its own.
struct Outage {
    bench: Bench,
    folder: PathBuf,
}

impl Outage {
    async fn prepare() -> Self {
        let folder = std::env::temp_dir().join(format!("dozvon-drain-{}", crate::secret::random_token()));
        let spool = Spools::new(&folder, 1).of(&"rost".into());
        let bench = Bench::over(Arc::default(), BTreeMap::new(), Some(spool)).await;
        look(&bench.site).await.expect("it answers");
        Self { bench, folder }
    }

    async fn keep(&self, id: &str) -> Saved {
        let site = &self.bench.site;
        let (key, at, raw) = (IdempotencyKey::Always, site.clock.now(), id.as_bytes().to_vec());
        let offer = Offer { id: id.to_owned(), key, at, raw };
        let spool = site.spool.clone().expect("it has one");
        spool.keep(&*site.store, site.id(), offer).await.expect("there is room")
    }

    /// What the store holds, in its order.
    async fn stored(&self) -> Vec<String> {
        let site = &self.bench.site;
        let entries = site.store.inbox(site.id(), None, 100).await.expect("memory");
        entries.iter().map(|entry| String::from_utf8_lossy(&entry.body).into_owned()).collect()
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn what_came_during_an_outage_gets_there_in_order_and_once() {
    let outage = Outage::prepare().await;
    outage.keep("a").await;
    outage.bench.store.set_away(true);
    assert_eq!(outage.keep("b").await, Saved::Spooled);
    assert!(
        look(&outage.bench.site).await.is_err() && outage.bench.site.spool.as_ref().unwrap().waiting() == 1
    );
    outage.bench.store.set_away(false);
    // Behind what waits, so that the order is kept.
    assert_eq!(outage.keep("c").await, Saved::Spooled);
    for _ in 0..2 {
        look(&outage.bench.site).await.expect("it answers");
        assert_eq!(outage.stored().await, ["a", "b", "c"]);
    }
    assert_eq!(outage.bench.site.restarts(), 0, "the store was not restarted");
}

#[tokio::test]
async fn a_restarted_store_gets_the_last_requests_again_and_is_read_anew() {
    let outage = Outage::prepare().await;
    outage.keep("a").await;
    outage.bench.store.restart("run-2");
    look(&outage.bench.site).await.expect("it answers");
    assert_eq!(outage.bench.site.restarts(), 1);
    assert_eq!(outage.stored().await, ["a"], "one that it has not lost stands there once");
    look(&outage.bench.site).await.expect("it answers");
    assert_eq!(outage.bench.site.restarts(), 1, "once for a restart");
}

/// The store knows that it was accepted, and may have lost what came of it.
#[tokio::test]
async fn a_store_that_has_lost_data_gets_the_last_requests_again_once_for_each_loss() {
    let outage = Outage::prepare().await;
    let site = &outage.bench.site;
    outage.keep("a").await;
    outage.keep("b").await;
    for (losses, stored) in [(0, &["a", "b"][..]), (1, &["a", "b", "a", "b"]), (1, &["a", "b", "a", "b"])] {
        while site.store_watch.losses() < losses {
            site.store_watch.entry_gone();
            assert!(site.store_watch.single_ones_gone(&Unlisted::default(), site.clock.now()).is_some());
        }
        look(site).await.expect("it answers");
        assert_eq!(outage.stored().await, stored);
    }
}

#[tokio::test]
async fn a_new_owner_doubts_only_what_a_restart_may_have_lost() {
    let store = Arc::<crate::store::fake::FakeStore>::default();
    for (run, is_in_doubt) in [("run-1", false), ("run-1", false), ("run-2", true), ("run-2", false)] {
        store.restart(run);
        let bench = Bench::over(store.clone(), BTreeMap::new(), None).await;
        begin(&bench.site).await.expect("it is the owner");
        let now = bench.site.clock.now();
        assert_eq!(bench.site.is_in_doubt(now), is_in_doubt, "{run}");
        assert!(!bench.site.is_in_doubt(now + DOUBT), "it ends");
        bench.die().await;
    }
}

/// The doubt must not be lost with the owner that could not store it.
#[tokio::test]
async fn an_owner_that_cannot_store_the_run_does_not_begin() {
    let store = Arc::<crate::store::fake::FakeStore>::default();
    let bench = Bench::over(store.clone(), BTreeMap::new(), None).await;
    begin(&bench.site).await.expect("it is the owner");
    store.restart("run-2");
    store.set_away(true);
    assert!(begin(&bench.site).await.is_err());
    store.set_away(false);
    begin(&bench.site).await.expect("it is the owner");
    assert!(bench.site.is_in_doubt(bench.site.clock.now()));
}

/// The index is evicted while the outbox starts over: a sign that came back at once would hide it.
#[tokio::test]
async fn a_sign_that_is_gone_comes_back_only_when_its_loss_was_noticed() {
    let bench = Bench::open().await;
    let site = &bench.site;
    let see = |links| {
        let signs = Some(Signs { links, ..Signs::default() });
        let kinds = Some(Kinds { signs, ..Kinds::default() });
        let contents = Contents { token: "a".to_owned(), place: 1, kinds, found: None, left: None };
        site.store_watch.observe(contents, 0, site.clock.now())
    };
    assert_eq!(see(true), None);
    for (is_noticed, stands) in [(false, false), (true, true)] {
        if is_noticed {
            assert!(see(false).is_some());
        }
        note_epoch(site).await.expect("it is the owner");
        let found = site.store.find(site.id(), &[key::EPOCH.to_owned()]).await.expect("memory");
        assert_eq!(found[0].is_some(), stands);
    }
}

/// The school is another instance's: it is told by the store's bell, and nothing is lost if it is not heard.
#[tokio::test]
async fn an_instance_that_owns_nothing_empties_its_spool_all_the_same() {
    let outage = Outage::prepare().await;
    let site = &outage.bench.site;
    outage.bench.store.set_away(true);
    outage.keep("a").await;
    outage.bench.store.set_away(false);
    site.lease.end(Ownership::Elsewhere);
    site.store.release(site.id(), &site.fence).await.expect("memory");
    look(site).await.expect("it answers");
    assert_eq!(outage.stored().await, ["a"]);
}
