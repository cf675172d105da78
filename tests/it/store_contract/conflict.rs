//! Refusals first: a unit that does not fit changes nothing, whichever part of it does not fit.

use dozvon::request::IdempotencyKey;
use dozvon::store::{
    Accepted, CommitError, DeadOp, DeliveryOp, DeliveryState, Forget, Lease, Places, Seq, Store, Unit,
};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesOrdered;

use super::world::*;

/// A unit with every part, each of which fits the school of [`a_refused_unit_changes_nothing`].
fn fitting(ack: Seq) -> Unit {
    Unit {
        ack: vec![ack],
        append: vec![b"{\"item\":\"new\"}".to_vec()],
        put: vec![put("order/1", 1, "second"), put("order/2", 0, "first")],
        index: vec![("l0".to_owned(), None), ("l1".to_owned(), Some("o1".to_owned()))],
        wake: vec![promised("order:2", 7)],
        sleep: vec!["order:1".to_owned()],
        deliveries: vec![
            DeliveryOp::Update(delivery("d1", DeliveryState::Sending)),
            DeliveryOp::Remove("d2".into()),
            DeliveryOp::Revoke("d3".into()),
            add("d4"),
        ],
        journal: vec![journal("o0", "second")],
        dead: vec![DeadOp::Dig("in-1".to_owned()), DeadOp::Bury(letter("in-2", "b"))],
        forget: vec![Forget::Record { key: "order/1".to_owned(), expect: 2 }],
        at: at(1),
    }
}

pub async fn a_refused_unit_changes_nothing(store: &dyn Store) {
    let (school, owner) = owned(store, "refused").await;
    accept(store, &school, "{}").await;
    let before = Unit {
        put: vec![put("order/1", 0, "first")],
        index: vec![("l0".to_owned(), Some("o0".to_owned()))],
        wake: vec![wake("order:1", 5)],
        deliveries: vec![add("d1"), add("d2"), add("d3")],
        journal: vec![journal("o0", "first")],
        dead: vec![DeadOp::Bury(letter("in-1", "a"))],
        ..Unit::default()
    };
    commit(store, &school, &owner, before).await;
    let ack = places(store, &school).await[0].clone();
    let untouched = held(store, &school).await;

    type Spoil = fn(&mut Unit);
    let spoils: &[(&str, Spoil)] = &[
        ("entry", |unit| unit.ack.push(Seq(999))),
        ("record", |unit| unit.put.push(put("order/3", 4, "x"))),
        ("record", |unit| unit.put.push(put("order/1", 0, "x"))),
        ("delivery", |unit| {
            unit.deliveries.push(DeliveryOp::Update(delivery("gone", DeliveryState::Sending)));
        }),
        ("delivery", |unit| unit.deliveries.push(DeliveryOp::Remove("gone".into()))),
        ("dead letter", |unit| unit.dead.push(DeadOp::Dig("gone".to_owned()))),
    ];
    for (part, spoil) in spoils {
        let mut unit = fitting(ack.clone());
        spoil(&mut unit);
        match store.commit(&school, &owner, unit).await {
            Err(CommitError::Conflict(what)) => assert!(what.starts_with(part), "{what}"),
            other => panic!("{part}: {other:?}"),
        }
        assert_eq!(held(store, &school).await, untouched, "{part}");
    }
    let refused = store.commit(&school, &fence("stranger"), fitting(ack.clone())).await;
    assert_eq!(refused, Err(CommitError::Fenced));
    assert_eq!(held(store, &school).await, untouched, "fence");

    commit(store, &school, &owner, fitting(ack)).await;
    assert_ne!(held(store, &school).await, untouched);
}

pub async fn an_entry_is_acknowledged_once(store: &dyn Store) {
    let (school, owner) = owned(store, "once").await;
    accept(store, &school, "{}").await;
    let unit = Unit { ack: places(store, &school).await, ..Unit::default() };
    commit(store, &school, &owner, unit.clone()).await;
    assert!(matches!(store.commit(&school, &owner, unit).await, Err(CommitError::Conflict(_))));
    assert_eq!(places(store, &school).await, []);
}

pub async fn a_record_changes_only_from_the_version_that_was_read(store: &dyn Store) {
    let (school, owner) = owned(store, "versions").await;
    let rows = [(0, Ok(())), (0, Err(())), (2, Err(())), (1, Ok(())), (1, Err(())), (2, Ok(()))];
    for (n, (expect, verdict)) in rows.into_iter().enumerate() {
        let unit = Unit { put: vec![put("desk", expect, &n.to_string())], ..Unit::default() };
        let done = store.commit(&school, &owner, unit).await;
        assert_eq!(done.map(|_| ()).map_err(|_| ()), verdict, "row {n}");
    }
    let found = store.read(&school, &texts(&["desk", "none"])).await.unwrap();
    let desk = found[0].as_ref().unwrap();
    assert_eq!((desk.version, desk.body.as_slice()), (3, b"5".as_slice()));
    assert_eq!(found[1], None);
    assert_eq!(store.read(&school, &[]).await, Ok(Vec::new()));
}

pub async fn only_the_owner_commits(store: &dyn Store) {
    let (school, owner) = owned(store, "fenced").await;
    let unit = || Unit { journal: vec![journal("o0", "x")], ..Unit::default() };
    assert_eq!(store.commit(&school, &fence("never"), unit()).await, Err(CommitError::Fenced));
    assert_eq!(store.commit(&"nobodys".into(), &owner, unit()).await, Err(CommitError::Fenced));
    commit(store, &school, &owner, unit()).await;

    store.release(&school, &owner).await.unwrap();
    assert_eq!(store.commit(&school, &owner, unit()).await, Err(CommitError::Fenced));
    let next = fence("next");
    assert_eq!(store.lease(&school, &next, &plan("config", 0), LONG_MS).await, Ok(Lease::Held));
    assert_eq!(store.commit(&school, &owner, unit()).await, Err(CommitError::Fenced));
    commit(store, &school, &next, unit()).await;
}

/// A row of a unit sees the effect of the rows before it.
pub async fn a_unit_is_judged_row_by_row(store: &dyn Store) {
    let (school, owner) = owned(store, "rows").await;
    accept(store, &school, "{}").await;
    let seq = places(store, &school).await[0].clone();
    let remove = || DeliveryOp::Remove("d1".into());
    let bury = || DeadOp::Bury(letter("in-1", "a"));
    let dig = || DeadOp::Dig("in-1".to_owned());
    let rows = [
        (Unit { ack: vec![seq.clone(), seq], ..Unit::default() }, false),
        (Unit { put: vec![put("a", 0, "1"), put("a", 0, "2")], ..Unit::default() }, false),
        (Unit { put: vec![put("a", 0, "1"), put("a", 1, "2")], ..Unit::default() }, true),
        (Unit { deliveries: vec![remove(), add("d1")], ..Unit::default() }, false),
        (Unit { deliveries: vec![add("d1"), remove()], ..Unit::default() }, true),
        (Unit { deliveries: vec![add("d1"), remove(), remove()], ..Unit::default() }, false),
        (Unit { deliveries: vec![add("d1"), remove(), add("d1")], ..Unit::default() }, true),
        (Unit { dead: vec![dig(), bury()], ..Unit::default() }, false),
        (Unit { dead: vec![bury(), dig()], ..Unit::default() }, true),
        (Unit { dead: vec![bury(), dig(), dig()], ..Unit::default() }, false),
        // A member in both keeps its wake: one too many does no harm.
        (Unit { wake: vec![wake("m", 1)], sleep: texts(&["m"]), ..Unit::default() }, true),
    ];
    for (n, (unit, fits)) in rows.into_iter().enumerate() {
        let done = store.commit(&school, &owner, unit).await;
        assert_eq!(done.is_ok(), fits, "row {n}: {done:?}");
    }
    assert_eq!(store.read(&school, &texts(&["a"])).await.unwrap()[0].as_ref().unwrap().version, 2);
    assert_eq!(store.deliveries(&school, 0, 9).await.unwrap().len(), 1);
    assert_eq!(store.dead(&school, 9).await.unwrap(), []);
    assert_eq!(store.wake_of(&school, "m").await, Ok(Some(wake("m", 1))));
}

/// Many units at once share a connection and a transaction, but each is checked separately.
pub async fn of_many_at_once_one_wins_and_the_others_stay_whole(store: &dyn Store) {
    const CALLS: u64 = 64;
    let (school, owner) = owned(store, "crowd").await;
    let key = IdempotencyKey::Unique { key: "e".to_owned(), keep_s: 600 };
    let accepted = join_all((0..CALLS).map(|_| offer(store, &school, &key, b"{}", at(0)))).await;
    assert_eq!(accepted.iter().filter(|done| **done == Ok(Accepted::New)).count(), 1);
    assert_eq!(places(store, &school).await.len(), 1);

    // Each writes an order of its own; only one can win the desk, and the losers' orders must not be stored.
    // Every second one does not write the desk.
    let units = (0..CALLS).map(|n| {
        let mut unit = Unit { put: vec![put(&format!("order/{n}"), 0, "x")], ..Unit::default() };
        if n % 2 == 0 {
            unit.put.push(put("desk", 0, &n.to_string()));
        }
        store.commit(&school, &owner, unit)
    });
    let done = join_all(units).await;
    let orders = (0..CALLS).map(|n| format!("order/{n}")).collect::<Vec<_>>();
    let found = store.read(&school, &orders).await.unwrap();
    for (n, (done, order)) in done.iter().zip(&found).enumerate() {
        assert_eq!(done.is_ok(), order.is_some(), "{n}: {done:?}");
    }
    assert_eq!(done.iter().filter(|done| done.is_ok()).count() as u64, CALLS / 2 + 1);
}

/// An owner steps its cases in memory and sends the commits one after another without waiting: each expects
/// the versions that the one before it leaves.
pub async fn what_is_sent_in_order_is_done_in_order(store: &dyn Store) {
    const UNITS: u64 = 64;
    let (school, owner) = owned(store, "in-order").await;
    for round in 0..8 {
        let units = (0..UNITS).map(|n| {
            // Different sizes: a small one must not overtake.
            let body = "x".repeat(if n % 7 == 0 { 20_000 } else { 10 });
            let unit = Unit { put: vec![put("desk", round * UNITS + n, &body)], ..Unit::default() };
            store.commit(&school, &owner, unit)
        });
        let done: Vec<_> = units.collect::<FuturesOrdered<_>>().collect().await;
        assert_eq!(done, vec![Ok(Places::new()); UNITS as usize], "round {round}");
    }
}
