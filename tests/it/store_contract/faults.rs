//! What the stores survive: reopening, power cuts, and a Redis that is paused, fills up or forgets.

use std::sync::Arc;

use dozvon::clock::TokioClock;
use dozvon::request::IdempotencyKey;
use dozvon::store::embedded::Embedded;
use dozvon::store::redis::RedisStore;
use dozvon::store::{Accepted, CommitError, DeadOp, DeliveryOp, Lease, Offer, Store, StoreError, Unit};

use super::world::*;
use crate::support::folder::Folder;
use crate::support::redis_server::{RedisCluster, RedisServer};

/// One object of every kind in the school `kept`.
pub async fn fill(store: &dyn Store) -> Held {
    let (school, owner) = owned(store, "kept").await;
    accept(store, &school, "{\"n\":1}").await;
    accept(store, &school, "{\"n\":2}").await;
    let ack = vec![places(store, &school).await[0].clone()];
    let unit = Unit {
        ack,
        append: vec![b"{\"n\":3}".to_vec()],
        put: vec![put("order/1", 0, "x")],
        index: vec![("l0".to_owned(), Some("o0".to_owned()))],
        wake: vec![wake("order:1", 5), promised("order:2", 7)],
        deliveries: vec![add("d1")],
        journal: vec![journal("o0", "x")],
        dead: vec![DeadOp::Bury(letter("in-1", "a"))],
        ..Unit::default()
    };
    commit(store, &school, &owner, unit).await;
    assert_eq!(store.swap_secret("token", None, b"sealed").await, Ok(true));
    held(store, &school).await
}

async fn is_unreachable(store: &dyn Store) -> bool {
    matches!(store.ping().await, Err(StoreError::Unreachable(_)))
}

#[tokio::test]
async fn embedded_in_a_folder_holds_after_reopening() {
    let folder = Folder::new();
    let store = Embedded::open(folder.path()).unwrap();
    let before = fill(&store).await;
    drop(store);
    let store = Embedded::open(folder.path()).unwrap();
    assert_eq!(held(&store, &"kept".into()).await, before);
    assert_eq!(store.secret("token").await, Ok(Some(b"sealed".to_vec())));
    // The folder's last owner ended with its process: a new one need not wait for its lease.
    let (school, next) = ("kept".into(), fence("next"));
    assert_eq!(store.commit(&school, &fence("owner"), Unit::default()).await, Err(CommitError::Fenced));
    assert_eq!(store.lease(&school, &next, &plan("config", 0), LONG_MS).await, Ok(Lease::Held));
    commit(&store, &school, &next, Unit::default()).await;
}

#[tokio::test]
async fn a_folder_belongs_to_one_store_at_a_time() {
    let folder = Folder::new();
    let store = Embedded::open(folder.path()).unwrap();
    match Embedded::open(folder.path()) {
        Err(StoreError::Unreachable(why)) => assert!(why.contains("another process"), "{why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two stores share a folder"),
    }
    drop(store);
    assert!(Embedded::open(folder.path()).is_ok());
}

/// Under paused time calls only wait for the clock, and leases follow it.
#[tokio::test(start_paused = true)]
async fn embedded_in_memory_follows_a_paused_clock() {
    let store = Embedded::in_memory().unwrap().with_clock(Arc::new(TokioClock::starting_at(at(0))));
    let before = tokio::time::Instant::now();
    fill(&store).await;
    assert_eq!(before.elapsed().as_nanos(), 0);
    let (school, next) = ("kept".into(), fence("next"));
    assert_eq!(store.lease(&school, &next, &plan("config", 0), LONG_MS).await, Ok(Lease::Elsewhere));
    tokio::time::advance(std::time::Duration::from_millis(LONG_MS)).await;
    assert_eq!(store.commit(&school, &fence("owner"), Unit::default()).await, Err(CommitError::Fenced));
    assert_eq!(store.lease(&school, &next, &plan("config", 0), LONG_MS).await, Ok(Lease::Held));
}

#[tokio::test]
async fn redis_holds_after_a_power_cut_and_the_store_comes_back_by_itself() {
    let mut server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let before = fill(&store).await;
    server.kill();
    for _ in 0..20 {
        assert!(is_unreachable(&store).await);
    }
    server.start_again();
    until("an answer", || async { store.ping().await.is_ok() }).await;
    // Every connection notices by itself.
    until("all connections", || async {
        for _ in 0..20 {
            if is_unreachable(&store).await {
                return false;
            }
        }
        true
    })
    .await;
    assert_eq!(held(&store, &"kept".into()).await, before);
}

#[tokio::test]
async fn a_restart_of_redis_or_of_one_node_is_another_run() {
    let mut server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let before = store.epoch().await.unwrap();
    server.kill();
    server.start_again();
    until("another run", || async { store.epoch().await.is_ok_and(|epoch| epoch != before) }).await;

    let mut cluster = RedisCluster::start();
    let store = RedisStore::connect(&cluster.url()).await.unwrap();
    let before = store.epoch().await.unwrap().expect("a cluster may forget");
    assert_eq!(before.split(' ').count(), 3, "{before}");
    cluster.kill();
    cluster.start_again();
    until("another run", || async { store.epoch().await.is_ok_and(|epoch| epoch.as_ref() != Some(&before)) })
        .await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_is_waited_for() {
    let mut server = RedisServer::start();
    server.kill();
    assert!(RedisStore::connect(&server.url()).await.is_err(), "a command line gets the error at once");
    let store = RedisStore::open(&server.url()).await.unwrap();
    assert!(is_unreachable(&store).await);
    server.start_again();
    until("an answer", || async { store.ping().await.is_ok() }).await;
    fill(&store).await;
    for url in ["http://127.0.0.1:1", "redis+cluster://"] {
        assert!(RedisStore::open(url).await.is_err(), "{url} will never be one");
    }
}

#[tokio::test]
async fn a_cluster_holds_after_a_power_cut_and_the_store_comes_back_by_itself() {
    let mut cluster = RedisCluster::start();
    let store = RedisStore::connect(&cluster.url()).await.unwrap();
    let before = fill(&store).await;
    cluster.kill();
    assert!(is_unreachable(&store).await);
    cluster.start_again();
    until("a commit", || async {
        store.commit(&"kept".into(), &fence("owner"), Unit::default()).await.is_ok()
    })
    .await;
    assert_eq!(held(&store, &"kept".into()).await, before);
}

/// The store learned the slots when it connected; the first call afterwards is redirected.
#[tokio::test]
async fn a_school_may_move_to_another_node_of_a_cluster() {
    let cluster = RedisCluster::start();
    let store = RedisStore::connect(&cluster.url()).await.unwrap();
    cluster.move_slot("dz:{kept}:lease");
    fill(&store).await;
}

#[tokio::test]
async fn a_redis_that_stands_still_is_told_in_time_and_used_again() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let before = fill(&store).await;
    server.halt();
    let asked = tokio::time::Instant::now();
    assert!(is_unreachable(&store).await);
    assert!(asked.elapsed().as_millis() < 3_000, "{:?}", asked.elapsed());
    server.go_on();
    until("an answer", || async { store.ping().await.is_ok() }).await;
    assert_eq!(held(&store, &"kept".into()).await, before);
}

#[tokio::test]
async fn redis_may_lose_its_scripts_and_its_counter() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let before = fill(&store).await;
    let mut admin = server.admin();
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut admin).unwrap();
    assert_eq!(held(&store, &"kept".into()).await, before);

    let gone: i64 = redis::cmd("DEL").arg("dz:{kept}:n").query(&mut admin).unwrap();
    assert_eq!(gone, 1);
    let school = "kept".into();
    let last = places(&store, &school).await.pop();
    accept(&store, &school, "{}").await;
    store.append(&school, b"{}", at(0)).await.unwrap();
    commit(&store, &school, &fence("owner"), Unit { append: vec![b"{}".to_vec()], ..Unit::default() }).await;
    let seqs = places(&store, &school).await;
    assert_eq!(seqs.len(), 5);
    assert!(seqs.is_sorted_by(|a, b| a < b) && seqs[2..].iter().all(|seq| Some(seq) > last.as_ref()));
}

/// Finished objects must not pile up, and no key of a school may leave its node.
#[tokio::test]
async fn redis_keeps_nothing_of_what_is_done_with() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store).await;
    let (school, owner) = ("kept".into(), fence("owner"));
    let unit = Unit {
        ack: places(&store, &school).await,
        index: vec![("l0".to_owned(), None)],
        sleep: texts(&["order:1", "order:2"]),
        deliveries: vec![DeliveryOp::Remove("d1".into())],
        dead: vec![DeadOp::Dig("in-1".to_owned())],
        ..Unit::default()
    };
    commit(&store, &school, &owner, unit).await;
    assert_eq!(store.forget_raw(&school, at(1), 9).await, Ok(2));
    store.release(&school, &owner).await.unwrap();

    let mut admin = server.admin();
    let mut left: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut admin).unwrap();
    // The record that a request was accepted expires by itself.
    left.retain(|key| redis::cmd("PTTL").arg(key).query::<i64>(&mut admin).unwrap() < 0);
    left.sort();
    let school =
        ["beat", "dead", "inbox", "items", "j:o0", "n", "names", "out", "plan", "promised", "r:order/1"];
    let school = [&school[..], &["raw", "token"]].concat();
    let school: Vec<String> = school.into_iter().map(|name| format!("dz:{{kept}}:{name}")).collect();
    assert_eq!(left, [&["dz:secret:token".to_owned()], &school[..]].concat());
    for list in ["dead", "inbox", "out", "promised"] {
        let left: Vec<String> =
            redis::cmd("ZRANGE").arg(format!("dz:{{kept}}:{list}")).arg(0).arg(-1).query(&mut admin).unwrap();
        assert_eq!(left, ["sign"], "{list}");
    }
    for stream in ["items", "raw"] {
        let entries: u64 = redis::cmd("XLEN").arg(format!("dz:{{kept}}:{stream}")).query(&mut admin).unwrap();
        assert_eq!(entries, 0, "{stream}");
    }
}

/// Somebody has put another type of value in the place of a list: nothing is written by half, and when it is mended
/// everything goes on.
#[tokio::test]
async fn a_list_of_another_type_refuses_everything_and_loses_nothing() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store).await;
    let (school, owner) = ("kept".into(), fence("owner"));
    let mut admin = server.admin();
    let lists = ["inbox", "raw", "items", "wake", "promised", "links", "names", "out", "dead"];
    for (nth, list) in lists.into_iter().enumerate() {
        let before = held(&store, &school).await;
        let (list, aside) = (format!("dz:{{kept}}:{list}"), "dz:{kept}:aside");
        let mut swap = || {
            redis::cmd("RENAME").arg(&list).arg(aside).exec(&mut admin).unwrap();
            redis::cmd("SET").arg(&list).arg("x").exec(&mut admin).unwrap();
        };
        let name = format!("order/{list}");
        let unit = Unit {
            append: vec![b"{}".to_vec()],
            put: vec![put(&name, 0, "x")],
            index: vec![(name.clone(), Some("o0".to_owned()))],
            wake: vec![wake("order:1", 5), promised("order:2", 7)],
            deliveries: vec![add(&format!("d-{nth}"))],
            journal: vec![journal("o0", "x")],
            dead: vec![DeadOp::Bury(letter(&format!("in-{}", nth + 10), "a"))],
            ..Unit::default()
        };
        swap();
        let refused = store.commit(&school, &owner, unit.clone()).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Unreachable(_)))), "{refused:?}");
        redis::cmd("RENAME").arg(aside).arg(&list).exec(&mut server.admin()).unwrap();
        assert_eq!(held(&store, &school).await, before, "{list}");
        let asked = Offer { id: list.clone(), key: IdempotencyKey::Always, at: at(0), raw: b"{}".to_vec() };
        swap();
        let refused = store.offer(&school, &asked).await;
        redis::cmd("RENAME").arg(aside).arg(&list).exec(&mut server.admin()).unwrap();
        commit(&store, &school, &owner, unit).await;
        let again = store.offer(&school, &asked).await;
        assert_eq!(again, Ok(if refused.is_ok() { Accepted::Repeat } else { Accepted::New }), "{list}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_told_and_not_written_over() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store).await;
    let key = "dz:{kept}:r:order/1";
    redis::cmd("SET").arg(key).arg("damage").exec(&mut server.admin()).unwrap();
    let school = "kept".into();
    let read = store.read(&school, &texts(&["order/1"])).await;
    assert!(matches!(read, Err(StoreError::Unreadable(_))), "{read:?}");
    let unit = Unit { put: vec![put("order/1", 1, "x")], ..Unit::default() };
    let done = store.commit(&school, &fence("owner"), unit).await;
    assert!(matches!(done, Err(CommitError::Store(StoreError::Unreadable(_)))), "{done:?}");
    let left: String = redis::cmd("GET").arg(key).query(&mut server.admin()).unwrap();
    assert_eq!(left, "damage");
}

/// `damage` spoils `order/1`, `d1` and the letter `in-1`, and adds an entry after the others that cannot be
/// unpacked.
async fn damage_hides_nothing(store: &dyn Store, damage: impl FnOnce()) {
    fill(store).await;
    let (school, owner) = ("kept".into(), fence("owner"));
    let more = Unit { put: vec![put("order/2", 0, "y")], deliveries: vec![add("d2")], ..Unit::default() };
    commit(store, &school, &owner, more).await;
    damage();
    let bodies: Vec<_> =
        store.inbox(&school, None, 9).await.unwrap().into_iter().map(|entry| entry.body).collect();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[1..], [b"{\"n\":3}".to_vec(), b"\x01damage".to_vec()]);
    let found = store.scan(&school, "order/", None, 9).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].1.body.as_slice(), found[1].1.body.as_slice()), (&b"\x01damage"[..], &b"y"[..]));
    assert!(matches!(store.deliveries(&school, 0, 9).await, Err(StoreError::Unreadable(_))));
    let unreadable = store.unreadable(&school).await.unwrap();
    assert_eq!(unreadable, [("d1".into(), b"{\"ask\":\"later\"}".to_vec())]);
    let unit = Unit { deliveries: vec![DeliveryOp::Remove("d1".into())], ..Unit::default() };
    commit(store, &school, &owner, unit).await;
    assert_eq!(store.unreadable(&school).await, Ok(Vec::new()));
    let left = store.deliveries(&school, 0, 9).await.unwrap();
    assert_eq!(left.iter().map(|left| left.id().as_str()).collect::<Vec<_>>(), ["d2"]);
    // A damaged letter is shown as damaged, and can be removed.
    let shown = store.dead(&school, 9).await.unwrap();
    let paged: Vec<_> =
        store.letters(&school, 0, 9).await.unwrap().into_iter().map(|(_, letter)| letter).collect();
    assert_eq!((shown.len(), &paged), (1, &shown));
    assert!(shown[0].id == "in-1" && shown[0].why.contains("damaged"), "{shown:?}");
    let unit = Unit { dead: vec![DeadOp::Dig("in-1".to_owned())], ..Unit::default() };
    commit(store, &school, &owner, unit).await;
    assert_eq!(store.dead(&school, 9).await, Ok(Vec::new()));
}

#[tokio::test]
async fn damage_hides_nothing_else_in_redis() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    damage_hides_nothing(&store, || {
        let mut admin = server.admin();
        let mut set = |key: &str, body: &[u8]| {
            redis::cmd("SET").arg(format!("dz:{{kept}}:{key}")).arg(body).exec(&mut admin).unwrap();
        };
        set("r:order/1", b"\x01damage");
        set("d:d1", b"r\0{\"ask\":\"later\"}");
        set("x:in-1", b"\x01damage");
        let mut entry = redis::cmd("XADD");
        entry.arg("dz:{kept}:items").arg("99-0").arg("a").arg(0).arg("b").arg(b"\x01damage");
        entry.exec(&mut admin).unwrap();
        redis::cmd("ZADD").arg("dz:{kept}:inbox").arg(99).arg(99).exec(&mut admin).unwrap();
    })
    .await;
}

#[tokio::test]
async fn damage_hides_nothing_else_in_the_embedded_store() {
    let folder = Folder::new();
    let store = Embedded::open(folder.path()).unwrap();
    damage_hides_nothing(&store, || {
        let beside = rusqlite::Connection::open(folder.path().join("dozvon.sqlite")).unwrap();
        let body = b"\x01damage";
        beside.execute("UPDATE record SET body = ?1 WHERE name = 'order/1'", [body]).unwrap();
        let later = b"\0{\"ask\":\"later\"}";
        beside.execute("UPDATE delivery SET body = ?1 WHERE id = 'd1'", [later]).unwrap();
        beside.execute("UPDATE dead SET body = ?1 WHERE id = 'in-1'", [body]).unwrap();
        beside.execute("INSERT INTO inbox VALUES ('kept', 99, 0, ?1)", [body]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_full_redis_refuses_and_forgetting_still_works() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let before = fill(&store).await;
    let mut admin = server.admin();
    let mut memory = |bytes: &str| {
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).exec(&mut admin).unwrap();
    };
    memory("1");
    let school = "kept".into();
    let unit = Unit { ack: places(&store, &school).await, put: vec![put("new", 0, "x")], ..Unit::default() };
    let refused = store.commit(&school, &fence("owner"), unit.clone()).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unreachable(_)))), "{refused:?}");
    assert_eq!(held(&store, &school).await, before, "reading still works, and no unit was applied in part");
    assert_eq!(store.forget_raw(&school, at(1), 9).await, Ok(1));
    memory("0");
    commit(&store, &school, &fence("owner"), unit).await;
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_told() {
    for url in ["", "http://127.0.0.1:1", "redis+cluster://", "redis://127.0.0.1:1"] {
        let done = RedisStore::connect(url).await;
        assert!(matches!(done, Err(StoreError::Unreachable(_))), "{url}");
    }
}
