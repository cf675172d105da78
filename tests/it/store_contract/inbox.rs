//! Incoming requests: repeats, order, bodies, retention.

use dozvon::intake::envelope::Envelope;
use dozvon::intake::item::Inbound;
use dozvon::process::SchoolId;
use dozvon::request::IdempotencyKey;
use dozvon::store::{Accepted, Offer, Seq, Store, Unit};

use super::world::*;

async fn accept_all(store: &dyn Store, school: &SchoolId, rows: &[(IdempotencyKey, Accepted)]) {
    for (n, (key, expected)) in rows.iter().enumerate() {
        let done = offer(store, school, key, b"{}", at(n as i64)).await;
        assert_eq!(done, Ok(*expected), "row {n}: {key:?}");
    }
    let new = rows.iter().filter(|(_, expected)| *expected == Accepted::New).count();
    assert_eq!(places(store, school).await.len(), new);
}

pub async fn a_to_b_to_a_are_three_events_and_a_repeat_is_one(store: &dyn Store) {
    let last =
        |slot: &str, digest: &str| IdempotencyKey::SameAsLast { slot: slot.into(), digest: digest.into() };
    let unique = |key: &str| IdempotencyKey::Unique { key: key.into(), keep_s: 600 };
    let rows = [
        (last("order/1", "A"), Accepted::New),
        (last("order/1", "B"), Accepted::New),
        (last("order/1", "A"), Accepted::New),
        (last("order/1", "A"), Accepted::Repeat),
        (last("order/2", "A"), Accepted::New),
        (last("order/1", "A"), Accepted::Repeat),
        (unique("e1"), Accepted::New),
        (unique("e2"), Accepted::New),
        (unique("e1"), Accepted::Repeat),
        // The same text as a slot is a different key.
        (unique("order/1"), Accepted::New),
        (IdempotencyKey::Always, Accepted::New),
        (IdempotencyKey::Always, Accepted::New),
    ];
    accept_all(store, &"repeats".into(), &rows).await;
}

/// The life is the shortest possible one, a second: in Redis only its own clock ends it.
pub async fn a_unique_key_is_forgotten_after_its_life(store: &dyn Store) {
    let school = SchoolId::from("expiry");
    let key = |keep_s| IdempotencyKey::Unique { key: format!("keep-{keep_s}"), keep_s };
    let started = tokio::time::Instant::now();
    let ask = |keep_s| {
        let (school, key) = (&school, key(keep_s));
        async move {
            let at = at(started.elapsed().as_millis() as i64);
            offer(store, school, &key, b"{}", at).await.unwrap() == Accepted::New
        }
    };
    assert!(ask(1).await && ask(600).await);
    assert!(!ask(1).await && !ask(600).await);
    until("the key's end", || ask(1)).await;
    assert!(!ask(600).await);
}

pub async fn entries_come_in_order_and_after_a_place(store: &dyn Store) {
    let (school, owner) = owned(store, "order").await;
    assert_eq!(store.inbox(&school, None, 10).await, Ok(Vec::new()));
    for n in 0..3 {
        accept(store, &school, &format!("{{\"n\":{n}}}")).await;
    }
    store.append(&school, b"{\"n\":3}", at(3)).await.unwrap();
    let unit = Unit { append: vec![b"{\"n\":4}".to_vec(), b"{\"n\":5}".to_vec()], ..Unit::default() };
    commit(store, &school, &owner, unit).await;

    let entries = store.inbox(&school, None, 100).await.unwrap();
    for (n, entry) in entries.iter().enumerate() {
        let body = String::from_utf8(entry.body.clone()).unwrap();
        assert!(body.contains(&format!("\"n\":{n}")), "{n}: {body}");
    }
    let seqs: Vec<Seq> = entries.into_iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs.len(), 6);
    assert!(seqs.is_sorted_by(|a, b| a < b));
    let after = |seq: &Seq, max| store.inbox(&school, Some(seq.clone()), max);
    let some: Vec<Seq> = after(&seqs[1], 2).await.unwrap().into_iter().map(|entry| entry.seq).collect();
    assert_eq!(some, seqs[2..4]);
    assert_eq!(after(&seqs[5], 10).await, Ok(Vec::new()));

    // Out of turn: the others keep their places.
    commit(store, &school, &owner, Unit { ack: vec![seqs[3].clone(), seqs[0].clone()], ..Unit::default() })
        .await;
    let left: Vec<_> = [1, 2, 4, 5].map(|n: usize| seqs[n].clone()).to_vec();
    assert_eq!(places(store, &school).await, left);
    store.append(&school, b"{}", at(9)).await.unwrap();
    assert!(places(store, &school).await.last() > seqs.last(), "a place is never given twice");
}

pub async fn a_request_comes_back_as_it_was_and_stays_readable(store: &dyn Store) {
    let (school, owner) = owned(store, "item").await;
    let envelope = Envelope {
        platform: "getcourse".to_owned(),
        at: at(0),
        method: "POST".to_owned(),
        tail: "order".to_owned(),
        query: String::new(),
        content_type: "application/json".to_owned(),
        found: false,
        raw: None,
        body: b"{\n}".to_vec(),
    };
    let raw = envelope.to_bytes();
    offer(store, &school, &IdempotencyKey::Always, &raw, at(0)).await.unwrap();
    let entry = store.inbox(&school, None, 1).await.unwrap().remove(0);
    assert_eq!(Inbound::read(&entry.body).unwrap(), Inbound::Request(Box::new(envelope)));

    commit(store, &school, &owner, Unit { ack: vec![entry.seq.clone()], ..Unit::default() }).await;
    assert_eq!(store.raw(&school, &entry.seq).await, Ok(Some(raw)));
    assert_eq!(store.raw(&school, &Seq(entry.seq.0 + 1)).await, Ok(None));
}

pub async fn old_requests_are_forgotten_but_not_those_in_the_inbox(store: &dyn Store) {
    let (school, owner) = owned(store, "forget").await;
    for n in 0..6 {
        offer(store, &school, &IdempotencyKey::Always, format!("{{\"n\":{n}}}").as_bytes(), at(n))
            .await
            .unwrap();
    }
    let seqs = places(store, &school).await;
    let ack = [0, 1, 2, 4, 5].map(|n: usize| seqs[n].clone()).to_vec();
    commit(store, &school, &owner, Unit { ack, ..Unit::default() }).await;

    let forget = |before, max| store.forget_raw(&school, at(before), max);
    assert_eq!(forget(0, 9).await, Ok(0), "none is older");
    assert_eq!(forget(2, 1).await, Ok(1), "at most what is asked");
    assert_eq!(forget(2, 9).await, Ok(1));
    assert_eq!(store.raw(&school, &seqs[1]).await, Ok(None));
    assert!(store.raw(&school, &seqs[2]).await.unwrap().is_some());
    assert_eq!(forget(99, 9).await, Ok(1), "the fourth still waits");
    assert_eq!(store.inbox(&school, None, 9).await.unwrap()[0].seq, seqs[3]);
    commit(store, &school, &owner, Unit { ack: vec![seqs[3].clone()], ..Unit::default() }).await;
    assert_eq!(forget(99, 9).await, Ok(3));
    assert_eq!(store.counts(&school).await.unwrap().raw, 0);
    accept(store, &school, "{}").await;
    assert!(places(store, &school).await[0] > seqs[5], "a place is never given twice");
}

pub async fn bodies_of_a_mebibyte_come_back(store: &dyn Store) {
    let (school, owner) = owned(store, "large").await;
    // Bytes of a small generator, so that the body does not compress.
    let mut state = 1_u32;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + (state >> 24) as u8 % 90)
    })
    .filter(|letter| !matches!(letter, '"' | '\\'))
    .take(1 << 20)
    .collect();
    let raw = format!("{{\"body\":\"{noise}\"}}");
    for _ in 0..12 {
        accept(store, &school, &raw).await;
    }
    let unit = Unit { put: vec![put("order/1", 0, &noise)], ..Unit::default() };
    commit(store, &school, &owner, unit).await;
    assert_eq!(
        store.read(&school, &texts(&["order/1"])).await.unwrap()[0].as_ref().unwrap().body,
        noise.as_bytes()
    );
    // More than one call can carry; each call returns at least one entry.
    let (mut after, mut seen) = (None, 0);
    loop {
        let entries = store.inbox(&school, after, 100).await.unwrap();
        let Some(last) = entries.last() else { break };
        after = Some(last.seq.clone());
        seen += entries.len();
        assert!(entries.iter().all(|entry| entry.body == raw.as_bytes()), "whole");
        assert_eq!(store.raw(&school, &entries[0].seq).await.unwrap().unwrap(), raw.as_bytes());
    }
    assert_eq!(seen, 12);
}

pub async fn times_come_back_to_the_microsecond(store: &dyn Store) {
    let school = SchoolId::from("times");
    let at = at(1) + chrono::TimeDelta::microseconds(7);
    offer(store, &school, &IdempotencyKey::Always, b"{}", at).await.unwrap();
    store.append(&school, b"{}", at).await.unwrap();
    for entry in store.inbox(&school, None, 2).await.unwrap() {
        assert_eq!(entry.at, at);
    }
}

/// However its key reads and whatever came between: an offered request is accepted once.
pub async fn an_offered_request_is_taken_once_for_its_id(store: &dyn Store) {
    let school = SchoolId::from("offer");
    let slot =
        |digest: &str| IdempotencyKey::SameAsLast { slot: "order:1".to_owned(), digest: digest.to_owned() };
    let unique = |keep_s: u64| IdempotencyKey::Unique { key: format!("u{keep_s}"), keep_s };
    let rows = [
        ("a", slot("A"), Accepted::New),
        ("b", slot("B"), Accepted::New),
        // A different answer than its key alone would give.
        ("a", slot("A"), Accepted::Repeat),
        ("c", slot("A"), Accepted::New),
        ("d", IdempotencyKey::Always, Accepted::New),
        ("d", IdempotencyKey::Always, Accepted::Repeat),
        ("e", IdempotencyKey::Always, Accepted::New),
        ("f", unique(100_000), Accepted::New),
        ("f", unique(100_000), Accepted::Repeat),
        ("g", unique(100_000), Accepted::Repeat),
        ("h", unique(0), Accepted::New),
        ("h", unique(0), Accepted::Repeat),
        ("i", unique(0), Accepted::New),
    ];
    for (n, (id, key, expected)) in rows.iter().enumerate() {
        let raw = format!("{{\"id\":\"{id}\"}}").into_bytes();
        let offer = Offer { id: (*id).to_owned(), key: key.clone(), at: at(n as i64), raw };
        assert_eq!(store.offer(&school, &offer).await, Ok(*expected), "row {n}");
    }
    let held = store.inbox(&school, None, 100).await.unwrap();
    let ids: Vec<String> =
        held.iter().map(|entry| String::from_utf8_lossy(&entry.body).into_owned()).collect();
    let item = |id: &str| format!("{{\"id\":\"{id}\"}}");
    assert_eq!(ids, ["a", "b", "c", "d", "e", "f", "h", "i"].map(item));
    // A request that is not offered is checked by its key alone.
    assert_eq!(offer(store, &school, &IdempotencyKey::Always, b"{}", at(0)).await, Ok(Accepted::New));
}

/// Within one run of the store every caller gets the same answer.
pub async fn a_store_is_the_same_run_until_it_is_restarted(store: &dyn Store) {
    let first = store.epoch().await.unwrap();
    assert_ne!(first.as_deref(), Some(""));
    assert_eq!(store.epoch().await.unwrap(), first);
}
