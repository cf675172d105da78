//! A Redis that evicts single keys: what it says of them, and what comes back.

use dozvon::process::SchoolId;
use dozvon::store::redis::RedisStore;
use dozvon::store::{Delivery, DeliveryOp, LookFrom, Signs, Store, Term, Unit, Unlisted, key};

use super::faults::fill;
use super::world::*;
use crate::support::redis_server::RedisServer;

/// The counter is evicted with what has waited in the inbox: a delivery that still stands keeps its place for itself.
#[tokio::test]
async fn redis_may_lose_its_counter_and_gives_no_place_twice() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let (school, owner) = owned(&store, "kept").await;
    commit(&store, &school, &owner, Unit { deliveries: vec![add("d1")], ..Unit::default() }).await;
    let mut admin = server.admin();
    redis::cmd("DEL").arg("dz:{kept}:n").exec(&mut admin).unwrap();
    commit(&store, &school, &owner, Unit { deliveries: vec![add("d2")], ..Unit::default() }).await;
    let places = |all: Vec<Delivery>| all.into_iter().map(|one| one.seq).collect::<Vec<_>>();
    let seqs = places(store.deliveries(&school, 0, 9).await.unwrap());
    assert!(seqs.len() == 2 && seqs[0] == 1 && seqs[1] > 1_000_000, "{seqs:?}");
    // Only the store's token is left, and what was given is still in the memory of a process.
    for gone in ["n", "out", "inbox", "dead"] {
        redis::cmd("DEL").arg(format!("dz:{{kept}}:{gone}")).exec(&mut admin).unwrap();
    }
    commit(&store, &school, &owner, Unit { deliveries: vec![add("d3")], ..Unit::default() }).await;
    let again = places(store.deliveries(&school, 0, 9).await.unwrap());
    assert!(again.len() == 1 && again[0] > seqs[1], "{again:?}");
}

/// Eviction takes single records, or a whole index to which something is written at once.
#[tokio::test]
async fn redis_says_which_records_are_gone_and_what_no_longer_stands_where_it_always_does() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store).await;
    let (school, owner) = (SchoolId::from("kept"), fence("owner"));
    let unit = Unit {
        put: vec![put(key::EPOCH, 0, "run"), put("order/2", 0, "x")],
        index: vec![(key::EPOCH.to_owned(), Some("1".to_owned()))],
        wake: vec![wake(key::CANARY, 9)],
        ..Unit::default()
    };
    commit(&store, &school, &owner, unit).await;
    let signs = async || {
        let renewed = store.renew(&school, &owner, &plan("config", 0), &Term::Ms(60_000)).await.unwrap();
        renewed.1.kinds.and_then(|kinds| kinds.signs).expect("Redis counts")
    };
    let all = signs().await;
    assert!(Signs::default() != all && signs().await == all, "{all:?}");
    let start = LookFrom::default();
    assert_eq!(store.unlist_gone(&school, &start).await, Ok(Unlisted::default()));

    let mut admin = server.admin();
    redis::cmd("DEL").arg("dz:{kept}:r:order/1").arg("dz:{kept}:links").exec(&mut admin).unwrap();
    let again = Unit { index: vec![("l0".to_owned(), Some("o0".to_owned()))], ..Unit::default() };
    commit(&store, &school, &owner, again).await;
    assert_eq!(signs().await, Signs { links: false, ..all });
    let gone = Unlisted { records: texts(&["order/1"]), ..Unlisted::default() };
    assert_eq!(store.unlist_gone(&school, &start).await, Ok(gone.clone()));
    assert_eq!(store.unlist_gone(&school, &start).await, Ok(Unlisted::default()), "told once");
    let listed = store.scan(&school, "order/", None, 9).await.unwrap();
    assert_eq!(listed.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), texts(&["order/2"]));

    // A list of names that is gone comes back with what is written.
    redis::cmd("DEL").arg("dz:{kept}:names").exec(&mut admin).unwrap();
    commit(&store, &school, &owner, Unit { put: vec![put("order/2", 1, "y")], ..Unit::default() }).await;
    assert_eq!(store.scan(&school, "order/", None, 9).await.unwrap().len(), 1);
    redis::cmd("DEL").arg("dz:{kept}:names").exec(&mut admin).unwrap();
    commit(&store, &"kept-2".into(), &owned(&store, "kept-2").await.1, unit_of_order("order/9")).await;
    store.relist(&school).await.unwrap();
    let listed = store.scan(&school, "", None, 9).await.unwrap();
    assert_eq!(listed.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), texts(&[key::EPOCH, "order/2"]));
}

fn unit_of_order(name: &str) -> Unit {
    Unit { put: vec![put(name, 0, "x")], ..Unit::default() }
}

/// Each list that may be empty has a sign, which nobody counts and which stands again at once.
#[tokio::test]
async fn redis_says_which_list_is_gone_also_if_it_was_empty() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store).await;
    let (school, owner) = (SchoolId::from("kept"), fence("owner"));
    let signs = async || {
        let renewed = store.renew(&school, &owner, &plan("config", 0), &Term::Ms(60_000)).await.unwrap();
        renewed.1.kinds.and_then(|kinds| kinds.signs).expect("Redis counts")
    };
    let mut admin = server.admin();
    for (place, list) in ["promised", "inbox", "out", "dead"].into_iter().enumerate() {
        let key = format!("dz:{{kept}}:{list}");
        redis::cmd("DEL").arg(&key).exec(&mut admin).unwrap();
        let stands = |signs: Signs| [signs.promised, signs.inbox, signs.out, signs.dead][place];
        let seen = [signs().await, signs().await].map(stands);
        assert_eq!(seen, [false, true], "{list}");
    }
    let counts = store.counts(&school).await.unwrap();
    assert_eq!((counts.inbox, counts.deliveries, counts.dead, counts.wakes), (0, 0, 0, 1), "{counts:?}");
    assert_eq!(store.next_wake(&school).await.unwrap().map(|wake| wake.at_ms), Some(5));
}

/// What was written again before it was looked for is told, too, and a delivery of which only the place is left.
#[tokio::test]
async fn redis_says_which_records_were_lost_and_written_again() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let (school, owner) = owned(&store, "kept").await;
    let mut admin = server.admin();
    let start = LookFrom::default();
    commit(&store, &school, &owner, Unit { put: vec![put("order/1", 0, "x")], ..Unit::default() }).await;
    assert_eq!(store.unlist_gone(&school, &start).await, Ok(Unlisted::default()), "a new one");
    let two = Unit { deliveries: vec![add("d7"), add("d8")], ..Unit::default() };
    commit(&store, &school, &owner, two).await;
    redis::cmd("DEL").arg("dz:{kept}:r:order/1").arg("dz:{kept}:d:d7").exec(&mut admin).unwrap();
    commit(&store, &school, &owner, Unit { put: vec![put("order/1", 0, "x")], ..Unit::default() }).await;
    let gone =
        Unlisted { records: texts(&["order/1"]), deliveries: vec!["d7".into()], ..Unlisted::default() };
    assert_eq!(store.unlist_gone(&school, &start).await, Ok(gone));
    assert_eq!(store.unlist_gone(&school, &start).await, Ok(Unlisted::default()));
    assert_eq!(store.counts(&school).await.unwrap().deliveries, 1);
    // Deliveries are found by id, also if no list has them.
    for (is_listed, seq) in [(true, store.deliveries(&school, 0, 9).await.unwrap()[0].seq), (false, 0)] {
        if !is_listed {
            redis::cmd("DEL").arg("dz:{kept}:out").exec(&mut admin).unwrap();
        }
        let found = store.pending(&school, &["d7".into(), "d8".into()]).await.unwrap();
        assert!(found[0].is_none() && found[1].as_ref().map(|one| one.seq) == Some(seq), "{found:?}");
    }
}

/// The list of deliveries was evicted, or the body of one: a delivery that nothing lists is no pending one.
#[tokio::test]
async fn a_delivery_of_which_a_part_was_evicted_is_added_again() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store).await;
    let (school, owner) = ("kept".into(), fence("owner"));
    let before = store.deliveries(&school, 0, 9).await.unwrap();
    assert!(!before.is_empty());
    for gone in ["out", "d:d1"] {
        let gone: i64 =
            redis::cmd("DEL").arg(format!("dz:{{kept}}:{gone}")).query(&mut server.admin()).unwrap();
        assert_eq!(gone, 1);
        for _ in 0..2 {
            let deliveries = before.iter().cloned().map(DeliveryOp::Add).collect();
            commit(&store, &school, &owner, Unit { deliveries, ..Unit::default() }).await;
            let again = store.deliveries(&school, 0, 9).await.unwrap();
            let ids = |all: &[Delivery]| all.iter().map(|one| one.id().clone()).collect::<Vec<_>>();
            assert_eq!(ids(&again), ids(&before));
        }
    }
}
