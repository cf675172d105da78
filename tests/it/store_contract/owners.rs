//! State shared between instances: leases, budgets, secrets, locks.

use dozvon::process::SchoolId;
use dozvon::store::redis::RedisStore;
use dozvon::store::{CommitError, Fence, Lease, Rate, Store, Unit};

use super::world::*;

/// Short enough to wait for, long enough to be seen alive.
const SHORT_MS: u64 = 300;

pub async fn a_lease_is_taken_renewed_and_released(store: &dyn Store) {
    let school = SchoolId::from("lease");
    let take = async |who: &str| store.lease(&school, &fence(who), &plan("one", 0), LONG_MS).await.unwrap();
    let is_owned = async || store.is_owned(&school).await.unwrap();
    assert!(!is_owned().await);
    assert_eq!(take("a").await, Lease::Held);
    assert_eq!(take("a").await, Lease::Held, "renewed");
    assert!(is_owned().await);
    assert_eq!(take("b").await, Lease::Elsewhere);
    store.release(&school, &fence("b")).await.unwrap();
    assert_eq!(take("b").await, Lease::Elsewhere, "only the owner releases");
    store.release(&school, &fence("a")).await.unwrap();
    assert!(!is_owned().await);
    assert_eq!(take("b").await, Lease::Held);
    assert_eq!(take("a").await, Lease::Elsewhere);
}

/// An instance that missed a change does not work with an outdated configuration.
pub async fn of_two_configurations_the_one_loaded_later_counts(store: &dyn Store) {
    let school = SchoolId::from("lease-plans");
    let take = async |who: &str, config: &str, loaded: i64| {
        store.lease(&school, &fence(who), &plan(config, loaded), LONG_MS).await.unwrap()
    };
    let release = async |who: &str| store.release(&school, &fence(who)).await.unwrap();
    assert_eq!(take("a", "old", 10).await, Lease::Held);
    assert_eq!(take("b", "new", 20).await, Lease::Elsewhere, "an owner that lives is not driven out");
    assert_eq!(take("c", "old", 30).await, Lease::Elsewhere);
    release("a").await;
    assert_eq!(take("b", "new", 20).await, Lease::Held);
    release("b").await;
    assert_eq!(take("a", "old", 10).await, Lease::Outdated);
    assert_eq!(take("d", "new", 5).await, Lease::Held, "the same one, whenever it was loaded");
    release("d").await;
    assert_eq!(take("a", "old", 20).await, Lease::Outdated, "in doubt the one that worked last");
    assert_eq!(take("a", "old", 40).await, Lease::Held, "loaded again later");
}

/// Only the store's own clock ends a lease, so the test asks until it has ended.
pub async fn a_lease_of_a_dead_owner_passes_on(store: &dyn Store) {
    let school = SchoolId::from("lease-ends");
    let (dead, next) = (fence("dead"), fence("next"));
    assert_eq!(store.lease(&school, &dead, &plan("one", 0), SHORT_MS).await, Ok(Lease::Held));
    until("the lease's end", || async {
        store.lease(&school, &next, &plan("one", 0), LONG_MS).await.unwrap() == Lease::Held
    })
    .await;
    assert_eq!(store.lease(&school, &dead, &plan("one", 0), LONG_MS).await, Ok(Lease::Elsewhere));
    assert_eq!(store.commit(&school, &dead, Unit::default()).await, Err(CommitError::Fenced));
}

/// Needs two connections to one server.
pub async fn what_one_instance_rings_the_others_hear(url: &str) {
    let [one, other] = [RedisStore::connect(url).await.unwrap(), RedisStore::connect(url).await.unwrap()];
    let school = SchoolId::from("rung");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let heard = move |school| tell.send(school).expect("the test listens");
    tokio::select! {
        ended = one.listen(&heard) => panic!("it stopped listening: {ended:?}"),
        // Rings repeatedly, because it is not known when the other has begun to listen.
        () = async {
            while told.try_recv().ok() != Some(school.clone()) {
                other.ring(&school).await.unwrap();
            }
        } => {}
    }
}

/// A former run of the same instance is dead; whatever it still sends is refused.
pub async fn an_instance_takes_its_own_lease_back_at_once(store: &dyn Store) {
    let school = SchoolId::from("lease-own");
    let (dead, next, other) = (Fence::of("one"), Fence::of("one"), Fence::of("one-more"));
    assert_eq!(store.lease(&school, &dead, &plan("c", 0), LONG_MS).await, Ok(Lease::Held));
    assert_eq!(store.lease(&school, &other, &plan("c", 0), LONG_MS).await, Ok(Lease::Elsewhere));
    assert_eq!(store.lease(&school, &fence("one"), &plan("c", 0), LONG_MS).await, Ok(Lease::Elsewhere));
    assert_eq!(store.lease(&school, &next, &plan("c", 0), LONG_MS).await, Ok(Lease::Held));
    assert_eq!(store.commit(&school, &dead, Unit::default()).await, Err(CommitError::Fenced));
    commit(store, &school, &next, Unit::default()).await;
    // Without a name no lease is taken back.
    store.release(&school, &next).await.unwrap();
    assert_eq!(store.lease(&school, &fence("a"), &plan("c", 0), LONG_MS).await, Ok(Lease::Held));
    assert_eq!(store.lease(&school, &fence("b"), &plan("c", 0), LONG_MS).await, Ok(Lease::Elsewhere));
}

pub async fn a_budget_is_paced_evenly_between_two_takers(store: &dyn Store) {
    let rate = Rate { per_second: 6.0, burst: 1 };
    let start = at(0).timestamp_millis();
    let mut slots = Vec::new();
    // Two callers ask in turn, a little later each time, for ten seconds of slots.
    for n in 0..60 {
        let now = start + n * 40;
        slots.push(now + store.budget("paced", rate, Some(now)).await.unwrap() as i64);
    }
    let apart: Vec<i64> = slots.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(apart.iter().all(|apart| (166..=168).contains(apart)), "{apart:?}");
    assert_eq!((slots[59] - slots[0] + 5) / 10, 983, "59 intervals of a sixth of a second");

    // Unused time is not accumulated.
    let later = slots[59] + 60_000;
    assert_eq!(store.budget("paced", rate, Some(later)).await, Ok(0));
    assert_eq!(store.budget("paced", rate, Some(later)).await, Ok(167));
    assert_eq!(store.budget("another", rate, Some(later)).await, Ok(0));
}

pub async fn a_budget_lets_a_burst_go_and_counts_by_the_stores_clock(store: &dyn Store) {
    let rate = Rate { per_second: 0.1, burst: 3 };
    let mut waits = Vec::new();
    for _ in 0..5 {
        waits.push(store.budget("burst", rate, None).await.unwrap());
    }
    assert_eq!(waits[..3], [0, 0, 0]);
    // Ten seconds apart, less the duration of the calls themselves.
    assert!((9_000..=10_000).contains(&waits[3]), "{waits:?}");
    assert!((19_000..=20_000).contains(&waits[4]), "{waits:?}");
}

pub async fn a_budget_recovers_from_a_clock_set_back(store: &dyn Store) {
    let rate = Rate { per_second: 1.0, burst: 1 };
    let now = at(0).timestamp_millis();
    let year = 365 * 24 * 3600 * 1000;
    assert_eq!(store.budget("jump", rate, Some(now + year)).await, Ok(0));
    assert_eq!(store.budget("jump", rate, Some(now)).await, Ok(0), "no wait of a year");
    assert_eq!(store.budget("jump", rate, Some(now)).await, Ok(1_000));
    // Smaller jumps, back and forth: never longer than a few of its own intervals.
    for (n, back_ms) in [600_000, 3_600_000, 11_000].into_iter().enumerate() {
        let account = format!("jump-{n}");
        assert_eq!(store.budget(&account, rate, Some(now)).await, Ok(0));
        assert_eq!(store.budget(&account, rate, Some(now - back_ms)).await, Ok(0), "{back_ms} back");
        assert_eq!(store.budget(&account, rate, Some(now - back_ms)).await, Ok(1_000), "and paced");
        assert_eq!(store.budget(&account, rate, Some(now)).await, Ok(0), "forth again");
    }
    assert_eq!(store.budget("jump-small", rate, Some(now)).await, Ok(0));
    let small = store.budget("jump-small", rate, Some(now - 5_000)).await.unwrap();
    assert!(small <= 10_000, "{small}");
}

pub async fn a_secret_changes_only_from_what_it_was(store: &dyn Store) {
    type Bytes = &'static [u8];
    let rows: [(Option<Bytes>, Bytes, bool); 6] = [
        (Some(b"one"), b"two", false),
        (None, b"one\0\xff", true),
        (None, b"two", false),
        (Some(b"one"), b"two", false),
        (Some(b"one\0\xff"), b"", true),
        (Some(b""), b"three", true),
    ];
    assert_eq!(store.secret("token").await, Ok(None));
    let mut now: Option<Bytes> = None;
    for (n, (old, new, done)) in rows.into_iter().enumerate() {
        assert_eq!(store.swap_secret("token", old, new).await, Ok(done), "row {n}");
        now = if done { Some(new) } else { now };
        assert_eq!(store.secret("token").await.unwrap().as_deref(), now, "row {n}");
    }
}

pub async fn a_lock_is_held_by_one(store: &dyn Store) {
    let lock = async |token: &str| store.lock("refresh", token, LONG_MS).await.unwrap();
    assert!(lock("a").await);
    assert!(lock("a").await, "asked again after a lost answer");
    assert!(!lock("b").await);
    store.unlock("refresh", "b").await.unwrap();
    assert!(!lock("b").await, "only the holder unlocks");
    store.unlock("refresh", "a").await.unwrap();
    assert!(lock("b").await);
    assert!(!lock("a").await);

    assert!(store.lock("short", "a", SHORT_MS).await.unwrap());
    until("the lock's end", || async { store.lock("short", "b", LONG_MS).await.unwrap() }).await;
}
