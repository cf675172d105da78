//! Open records: the budget that schools share, and the desks of the first version.

use chrono::TimeDelta;

use std::sync::atomic::Ordering;

use super::*;
use crate::process::At;
use crate::store::embedded::Embedded;
use crate::store::{Fence, Lease, Plan, Unit};

fn book(record_budget: &Arc<RecordBudget>) -> Book {
    let store = Arc::new(Embedded::in_memory().expect("memory"));
    Book::new(store, "rost".into(), record_budget.clone())
}

fn order(n: usize) -> Order {
    let at = At::from_timestamp(1_795_000_000, 0).expect("in range");
    Order::new(OrderId::of_deal(n), "c-1".into(), at)
}

/// One order a round, as they come.
async fn fill(book: &mut Book, orders: std::ops::Range<usize>) {
    for n in orders {
        book.order(&order(n).id).await.expect("memory");
        book.put_order(order(n)).expect("it is new");
        book.end_round();
        book.fit_budget();
    }
}

fn is_open(book: &Book, n: usize) -> bool {
    book.orders.contains_key(&key::order(&order(n).id))
}

#[tokio::test]
async fn what_is_used_stays_open_and_what_is_not_makes_room() {
    let record_budget = Arc::new(RecordBudget::of(100_000));
    let mut book = book(&record_budget);
    for n in 0..1_000 {
        fill(&mut book, n..n + 1).await;
        book.order(&order(0).id).await.expect("memory");
        assert!(!record_budget.is_short());
    }
    assert!(is_open(&book, 0) && is_open(&book, 999), "in use");
    assert!(!is_open(&book, 1), "not in use");
    assert!(book.held.bytes > 100_000 * 3 / 4, "no more is closed than has to be");
}

/// A school that was busy yesterday leaves its memory to one that is busy now.
#[tokio::test]
async fn all_books_of_an_instance_share_one_room() {
    let record_budget = Arc::new(RecordBudget::of(100_000));
    let (mut idle, mut busy) = (book(&record_budget), book(&record_budget));
    fill(&mut idle, 0..200).await;
    let before = idle.held.bytes;
    for n in 0..200 {
        fill(&mut busy, n..n + 1).await;
        // As its owner does whenever it looks whether there is something to do.
        idle.end_round();
        idle.fit_budget();
        assert!(!record_budget.is_short());
    }
    assert!(idle.held.bytes < before && busy.held.bytes > 100_000 / 3);
    let of_idle = idle.held.bytes;
    drop(busy);
    assert_eq!(record_budget.taken.load(Ordering::Relaxed), of_idle);
    idle.close();
    assert_eq!(record_budget.taken.load(Ordering::Relaxed), 0);
}

/// The first version kept all desks in one record. Each manager's own record takes over when it changes,
/// and nobody else's is written.
#[tokio::test]
async fn a_desk_is_a_record_of_its_own() {
    let now = At::from_timestamp(1_795_000_000, 0).expect("in range");
    let (school, fence) = (SchoolId::from("rost"), Fence("one".to_owned()));
    let store = Arc::new(Embedded::in_memory().expect("memory"));
    let plan = Plan { config: "c".to_owned(), loaded: now };
    assert_eq!(store.lease(&school, &fence, &plan, 600_000).await, Ok(Lease::Held));
    let until = now + TimeDelta::minutes(5);
    let old = serde_json::json!({ "load": { "irina": 3, "oleg": 1 }, "given_at": { "oleg": now },
        "busy": { "oleg": { "line:1": until } } });
    let put = Put { key: key::DESKS_V1.to_owned(), expect: 0, body: old.to_string().into_bytes() };
    let unit = Unit { at: now, put: vec![put], ..Unit::default() };
    assert!(store.commit(&school, &fence, unit).await.is_ok());

    let managers: [ManagerId; 3] = ["irina".into(), "oleg".into(), "pavel".into()];
    let [irina, oleg, pavel] = &managers;
    let mut book = Book::new(store.clone(), school.clone(), Arc::new(RecordBudget::default()));
    let before = book.desks(managers.iter()).await.expect("memory");
    assert_eq!((before.of(irina).load, before.of(pavel).load), (3, 0));
    assert!(before.is_busy(oleg, now) && before.of(oleg).given_at == Some(now));

    let mut desks = before.clone();
    desks.give(irina, now);
    let puts = book.put_desks(&before, desks.clone());
    assert_eq!(
        puts.iter().map(|put| (put.key.as_str(), put.expect)).collect::<Vec<_>>(),
        [("desk/irina", 0)]
    );
    let unit = Unit { at: now, put: puts, ..Unit::default() };
    assert!(store.commit(&school, &fence, unit).await.is_ok());

    assert_eq!(book.desks(managers.iter()).await, Ok(desks.clone()));
    book.close();
    let again = book.desks(managers.iter()).await.expect("memory");
    assert_eq!(again, desks, "read anew");
    let mut freed = again.clone();
    freed.release(irina);
    freed.free("line:1");
    let puts = book.put_desks(&again, freed);
    let written: Vec<(&str, u64)> = puts.iter().map(|put| (put.key.as_str(), put.expect)).collect();
    assert_eq!(written, [("desk/irina", 1), ("desk/oleg", 0)]);
}

/// What was counted is committed with its decision, read by the next owner of the school, and forgotten with the person;
/// the names of the records show nobody.
#[tokio::test]
async fn meters_are_read_by_the_next_owner_and_forgotten() {
    let now = At::from_timestamp(1_795_000_000, 0).expect("in range");
    let (school, fence) = (SchoolId::from("rost"), Fence("one".to_owned()));
    let store = Arc::new(Embedded::in_memory().expect("memory"));
    let plan = Plan { config: "c".to_owned(), loaded: now };
    assert_eq!(store.lease(&school, &fence, &plan, 600_000).await, Ok(Lease::Held));
    let open = || Book::new(store.clone(), school.clone(), Arc::new(RecordBudget::default()));
    let ways = BTreeSet::from(["anna@client.example".to_owned(), "+79035550127".to_owned()]);
    let limits = crate::process::definition::ContactLimits::default();
    let mut book = open();
    for expect in 0..2 {
        let before = book.meters(&ways).await.expect("memory");
        let mut after = before.clone();
        assert_eq!(after.letter("anna@client.example", &limits, now), Ok(()));
        let puts = book.put_meters(&before, after);
        assert_eq!(puts.iter().map(|put| put.expect).collect::<Vec<_>>(), [expect, expect]);
        assert!(puts.iter().all(|put| put.key.starts_with("meter") && !put.key.contains("anna")));
        let unit = Unit { at: now, put: puts, ..Unit::default() };
        assert!(store.commit(&school, &fence, unit).await.is_ok());
    }
    let counted = book.meters(&ways).await.expect("memory");
    assert_eq!(counted.ways.len(), 1, "the number was never called");
    let mut next = open();
    assert_eq!(next.meters(&ways).await, Ok(counted), "as the next owner reads it");
    let forget = next.forget_meter("anna@client.example").await.expect("memory");
    assert!(next.forget_meter("+79035550127").await.expect("memory").is_none());
    let unit = Unit { at: now, forget: forget.into_iter().collect(), ..Unit::default() };
    assert!(store.commit(&school, &fence, unit).await.is_ok());
    assert!(open().meters(&ways).await.expect("memory").ways.is_empty());
}
