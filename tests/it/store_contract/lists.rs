//! The content of a school: index, records, wakes, deliveries, journal, dead letters.

use dozvon::process::OrderId;
use dozvon::request::IdempotencyKey;
use dozvon::store::{
    Accepted, BATCH_MAX, CommitError, Counts, DeadLetter, DeadOp, DeliveryOp, DeliveryState, Forget,
    JOURNAL_MAX, Store, Unit,
};

use super::world::*;

pub async fn index_entries_are_set_moved_and_removed(store: &dyn Store) {
    let (school, owner) = owned(store, "index").await;
    let set = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    type Changes<'a> = &'a [(String, Option<String>)];
    let rows: [(Changes, [Option<&str>; 3]); 5] = [
        (&[], [None, None, None]),
        (&[set("l0", Some("a")), set("l1", Some("b"))], [Some("a"), Some("b"), None]),
        (&[set("l0", Some("c")), set("l2", Some(""))], [Some("c"), Some("b"), Some("")]),
        (&[set("l1", None), set("l1", None)], [Some("c"), None, Some("")]),
        (&[set("l0", None), set("l0", Some("d"))], [Some("d"), None, Some("")]),
    ];
    for (n, (index, expected)) in rows.into_iter().enumerate() {
        commit(store, &school, &owner, Unit { index: index.to_vec(), ..Unit::default() }).await;
        let found = store.find(&school, &texts(&LINKS)).await.unwrap();
        assert_eq!(found, expected.map(|value| value.map(str::to_owned)), "row {n}");
    }
    assert_eq!(store.find(&school, &[]).await, Ok(Vec::new()));
}

pub async fn records_are_scanned_by_prefix_in_order(store: &dyn Store) {
    let (school, owner) = owned(store, "scan").await;
    let keys = ["order/2", "client/я", "order/10", "orders", "order/1", "desk", "order/1-a"];
    let unit = Unit { put: keys.map(|key| put(key, 0, key)).to_vec(), ..Unit::default() };
    commit(store, &school, &owner, unit).await;
    let check = async |prefix: &str, after: Option<&str>, max, expected: &[&str]| {
        let found = store.scan(&school, prefix, after, max).await.unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected, "{prefix} {after:?} {max}");
        assert!(found.iter().all(|(name, record)| record.body == name.as_bytes() && record.version == 1));
    };
    check("order/", None, 9, &["order/1", "order/1-a", "order/10", "order/2"]).await;
    check("order/", Some("order/1"), 2, &["order/1-a", "order/10"]).await;
    check("order/", Some("order/2"), 9, &[]).await;
    check("order/", Some("a"), 1, &["order/1"]).await;
    check("client/", None, 9, &["client/я"]).await;
    check("", Some("order/2"), 9, &["orders"]).await;
    check("none", None, 9, &[]).await;
}

pub async fn wakes_come_promised_first_then_by_time(store: &dyn Store) {
    let (school, owner) = owned(store, "wakes").await;
    assert_eq!(store.next_wake(&school).await, Ok(None));
    let all =
        [wake("b", 10), wake("a", 10), wake("c", 5), promised("p", 12), promised("o", 30), wake("d", 50)];
    commit(store, &school, &owner, Unit { wake: all.to_vec(), ..Unit::default() }).await;
    let check = async |until, max, expected: &[&str]| {
        let due = store.wakes(&school, until, max).await.unwrap();
        let members: Vec<&str> = due.iter().map(|wake| wake.member.as_str()).collect();
        assert_eq!(members, expected, "until {until}, at most {max}");
        assert!(due.iter().all(|wake| all.contains(wake)));
    };
    check(4, 9, &[]).await;
    check(5, 9, &["c"]).await;
    check(12, 9, &["p", "c", "a", "b"]).await;
    check(12, 2, &["p", "c", "a"]).await;
    check(30, 1, &["p", "c"]).await;
    check(30, 2, &["p", "o", "c", "a"]).await;
    check(99, 9, &["p", "o", "c", "a", "b", "d"]).await;
    assert_eq!(store.next_wake(&school).await, Ok(Some(wake("c", 5))));
}

pub async fn a_wake_is_moved_and_put_to_sleep(store: &dyn Store) {
    let (school, owner) = owned(store, "wake-moves").await;
    let rows = [
        (vec![wake("m", 10)], vec![], Some(wake("m", 10))),
        (vec![wake("m", 20)], vec![], Some(wake("m", 20))),
        (vec![promised("m", 15)], vec![], Some(promised("m", 15))),
        (vec![wake("m", 1_767_225_600_123)], vec![], Some(wake("m", 1_767_225_600_123))),
        (vec![promised("m", 7)], vec![], Some(promised("m", 7))),
        (vec![], texts(&["m", "none"]), None),
        (vec![], texts(&["m"]), None),
    ];
    for (n, (set, sleep, expected)) in rows.into_iter().enumerate() {
        commit(store, &school, &owner, Unit { wake: set, sleep, ..Unit::default() }).await;
        assert_eq!(store.wake_of(&school, "m").await, Ok(expected.clone()), "row {n}");
        assert_eq!(store.next_wake(&school).await, Ok(expected.clone()), "row {n}");
        assert_eq!(store.counts(&school).await.unwrap().wakes, u64::from(expected.is_some()), "row {n}");
    }
}

pub async fn deliveries_keep_their_place(store: &dyn Store) {
    let (school, owner) = owned(store, "deliveries").await;
    let unit = |deliveries| Unit { deliveries, ..Unit::default() };
    commit(store, &school, &owner, unit(["d3", "d1", "d2"].map(add).to_vec())).await;
    let listed = store.deliveries(&school, 0, 9).await.unwrap();
    let ids = |list: &[dozvon::store::Delivery]| list.iter().map(|d| d.id().to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&listed), ["d3", "d1", "d2"]);
    assert!(listed.is_sorted_by(|a, b| 0 < a.seq && a.seq < b.seq));

    let mut changed = delivery("d1", DeliveryState::Unclear { not_before: at(60_000) });
    changed.attempts = 2;
    changed.fault = Some("504".to_owned());
    commit(store, &school, &owner, unit(vec![DeliveryOp::Update(changed.clone())])).await;
    changed.seq = listed[1].seq;
    let now = store.deliveries(&school, 0, 9).await.unwrap();
    assert_eq!(now, [listed[0].clone(), changed, listed[2].clone()]);
    assert_eq!(store.deliveries(&school, listed[0].seq, 1).await.unwrap(), now[1..2]);
    assert_eq!(store.deliveries(&school, listed[2].seq, 9).await.unwrap(), []);

    commit(store, &school, &owner, unit(vec![DeliveryOp::Remove("d3".into()), add("d3")])).await;
    assert_eq!(ids(&store.deliveries(&school, 0, 9).await.unwrap()), ["d1", "d2", "d3"]);
}

pub async fn pending_deliveries_are_found_by_id(store: &dyn Store) {
    let (school, owner) = owned(store, "pending").await;
    let unit = Unit { deliveries: vec![add("d1"), add("d2"), add("d3")], ..Unit::default() };
    commit(store, &school, &owner, unit).await;
    let unit = Unit { deliveries: vec![DeliveryOp::Remove("d2".into())], ..Unit::default() };
    commit(store, &school, &owner, unit).await;
    let all = store.deliveries(&school, 0, 9).await.unwrap();
    let found = store.pending(&school, &["d3".into(), "d2".into(), "d1".into()]).await.unwrap();
    assert_eq!(found, [Some(all[1].clone()), None, Some(all[0].clone())]);
    assert_eq!(store.pending(&school, &[]).await, Ok(Vec::new()));
}

pub async fn only_what_has_not_left_is_revoked(store: &dyn Store) {
    let (school, owner) = owned(store, "revoke").await;
    let rows = [
        (DeliveryState::Waiting, false),
        (DeliveryState::Sending, true),
        (DeliveryState::Unclear { not_before: at(1) }, true),
        (DeliveryState::Later { not_before: at(1) }, false),
    ];
    for (state, stays) in rows {
        let deliveries = vec![
            add("d"),
            DeliveryOp::Update(delivery("d", state.clone())),
            DeliveryOp::Revoke("d".into()),
            DeliveryOp::Revoke("none".into()),
        ];
        commit(store, &school, &owner, Unit { deliveries, ..Unit::default() }).await;
        let left = store.deliveries(&school, 0, 9).await.unwrap();
        assert_eq!(left.len(), usize::from(stays), "{state:?}");
        let deliveries = left.iter().map(|left| DeliveryOp::Remove(left.id().clone())).collect();
        commit(store, &school, &owner, Unit { deliveries, ..Unit::default() }).await;
    }
}

pub async fn a_command_on_its_way_is_not_added_twice(store: &dyn Store) {
    let (school, owner) = owned(store, "twice").await;
    let sending = DeliveryOp::Update(delivery("d", DeliveryState::Sending));
    let unit = Unit { deliveries: vec![add("d"), sending, add("e")], ..Unit::default() };
    commit(store, &school, &owner, unit).await;
    let before = store.deliveries(&school, 0, 9).await.unwrap();
    commit(store, &school, &owner, Unit { deliveries: vec![add("d")], ..Unit::default() }).await;
    assert_eq!(store.deliveries(&school, 0, 9).await.unwrap(), before);
}

pub async fn the_journal_keeps_order_and_its_last_entries(store: &dyn Store) {
    let (school, owner) = owned(store, "journal").await;
    let order = OrderId::from("o0");
    let last = async |max| {
        let entries = store.journal(&school, &order, max).await.unwrap();
        entries.iter().map(|entry| entry.lines[0].text.parse::<usize>().unwrap()).collect::<Vec<_>>()
    };
    assert!(last(9).await.is_empty());
    for n in 0..3 {
        let journal = vec![journal("o0", &n.to_string()), journal("o1", "99")];
        commit(store, &school, &owner, Unit { journal, ..Unit::default() }).await;
    }
    assert_eq!(last(9).await, [0, 1, 2]);
    assert_eq!(last(2).await, [1, 2]);
    assert!(last(0).await.is_empty());
    let many = (3..JOURNAL_MAX + 5).map(|n| journal("o0", &n.to_string())).collect();
    commit(store, &school, &owner, Unit { journal: many, ..Unit::default() }).await;
    assert_eq!(last(usize::MAX).await, (5..JOURNAL_MAX + 5).collect::<Vec<_>>());
}

pub async fn dead_letters_are_buried_and_dug(store: &dyn Store) {
    let (school, owner) = owned(store, "dead").await;
    let unit = |dead| Unit { dead, ..Unit::default() };
    let [mut b, a, c] = [letter("out-b", "1\n2"), letter("in-a", ""), letter("in-c", "\u{0}я")];
    b.order = Some(OrderId::from("o"));
    let buried = [&b, &a, &c].map(|letter| DeadOp::Bury(letter.clone()));
    commit(store, &school, &owner, unit(buried.to_vec())).await;
    assert_eq!(store.dead(&school, 9).await.unwrap(), [c.clone(), a.clone(), b.clone()]);
    assert_eq!(store.dead(&school, 2).await.unwrap(), [c.clone(), a.clone()]);
    assert_eq!(store.dead(&school, 0).await.unwrap(), []);

    // Buried again, it is the newest.
    b.why = "refused again".to_owned();
    commit(store, &school, &owner, unit(vec![DeadOp::Dig(a.id.clone()), DeadOp::Bury(b.clone())])).await;
    assert_eq!(store.dead(&school, 9).await.unwrap(), [b.clone(), c.clone()]);
    // A changed letter keeps its place; a missing one is not created.
    let c = DeadLetter { body: Vec::new(), ..c };
    commit(store, &school, &owner, unit(vec![DeadOp::Update(c.clone())])).await;
    assert_eq!(store.dead(&school, 9).await.unwrap(), [b.clone(), c.clone()]);
    let refused = store.commit(&school, &owner, unit(vec![DeadOp::Update(a)])).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "{refused:?}");
    assert_eq!(store.letter(&school, "in-c").await, Ok(Some(c)));
    assert_eq!(store.letter(&school, "in-a").await, Ok(None));
}

pub async fn no_dead_letter_is_out_of_reach(store: &dyn Store) {
    let (school, owner) = owned(store, "many-dead").await;
    let ids: Vec<String> = (0..=BATCH_MAX).map(|n| format!("in-{n}")).collect();
    let dead = ids.iter().map(|id| DeadOp::Bury(letter(id, ""))).collect();
    commit(store, &school, &owner, Unit { dead, ..Unit::default() }).await;
    let newest = store.dead(&school, usize::MAX).await.unwrap();
    assert_eq!(newest.len(), BATCH_MAX);
    assert_eq!((newest[0].id.as_str(), newest[BATCH_MAX - 1].id.as_str()), ("in-1000", "in-1"));
    for id in [&ids[0], &ids[BATCH_MAX]] {
        assert_eq!(store.letter(&school, id).await, Ok(Some(letter(id, ""))));
    }
    for max in [usize::MAX, 300] {
        let (mut after, mut read) = (0, Vec::new());
        loop {
            let page = store.letters(&school, after, max).await.unwrap();
            assert!(page.len() <= max.min(BATCH_MAX));
            let Some((last, _)) = page.last() else { break };
            assert!(*last > after, "each page is behind the one before");
            after = *last;
            read.extend(page.into_iter().map(|(_, letter)| letter.id));
        }
        assert_eq!(read, ids, "by {max}");
    }
    assert_eq!(store.letters(&school, 0, 0).await, Ok(Vec::new()));
}

pub async fn counts_tell_what_is_held(store: &dyn Store) {
    let (school, owner) = owned(store, "counts").await;
    assert_eq!(store.counts(&school).await, Ok(Counts::default()));
    accept(store, &school, "{}").await;
    let unit = Unit {
        append: vec![b"{}".to_vec()],
        wake: vec![wake("a", 1), promised("b", 2), wake("c", 3)],
        deliveries: ["d1", "d2", "d3", "d4"].map(add).to_vec(),
        dead: ["x1", "x2", "x3", "x4", "x5"].map(|id| DeadOp::Bury(letter(id, ""))).to_vec(),
        ..Unit::default()
    };
    commit(store, &school, &owner, unit).await;
    let expected = Counts { inbox: 2, deliveries: 4, wakes: 3, dead: 5, raw: 1 };
    assert_eq!(store.counts(&school).await, Ok(expected));
}

pub async fn what_is_forgotten_leaves_no_trace(store: &dyn Store) {
    let (school, owner) = owned(store, "no-trace").await;
    accept(store, &school, "{\"n\":1}").await;
    accept(store, &school, "{\"n\":2}").await;
    let seqs = places(store, &school).await;
    let unit = Unit {
        ack: vec![seqs[0].clone()],
        put: vec![put("order/1", 0, "a"), put("order/2", 0, "b")],
        journal: vec![journal("o0", "why")],
        ..Unit::default()
    };
    commit(store, &school, &owner, unit).await;
    let raws = async || {
        let page = store.raws(&school, None, 9).await.unwrap();
        page.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>()
    };
    assert_eq!(raws().await, seqs);
    assert_eq!(store.raws(&school, Some(seqs[0].clone()), 9).await.unwrap()[0].1, b"{\"n\":2}");

    let forget = |key: &str, expect| Forget::Record { key: key.to_owned(), expect };
    let stale = Unit { forget: vec![forget("order/2", 1), forget("order/1", 2)], ..Unit::default() };
    let refused = store.commit(&school, &owner, stale).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "{refused:?}");
    assert_eq!(store.scan(&school, "order/", None, 9).await.unwrap().len(), 2, "nothing by half");

    let unit = Unit {
        forget: vec![
            forget("order/1", 1),
            // Gone by the row before.
            forget("order/1", 2),
            forget("order/9", 1),
            Forget::Journal(OrderId::from("o0")),
            Forget::Raw(seqs[0].clone()),
            Forget::Raw(seqs[1].clone()),
        ],
        ..Unit::default()
    };
    commit(store, &school, &owner, unit).await;
    assert_eq!(store.read(&school, &texts(&["order/1"])).await, Ok(vec![None]));
    let left = store.scan(&school, "", None, 9).await.unwrap();
    assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["order/2"]);
    assert_eq!(store.journal(&school, &OrderId::from("o0"), 9).await, Ok(Vec::new()));
    assert_eq!(raws().await, seqs[1..], "a request that still waits in the inbox stays");
    commit(store, &school, &owner, Unit { put: vec![put("order/1", 0, "anew")], ..Unit::default() }).await;
}

pub async fn schools_do_not_see_each_other(store: &dyn Store) {
    let (one, owner) = owned(store, "one").await;
    let (other, _) = owned(store, "one-more").await;
    let empty = held(store, &other).await;
    let key = IdempotencyKey::Unique { key: "e".to_owned(), keep_s: 600 };
    assert_eq!(offer(store, &one, &key, b"{}", at(0)).await, Ok(Accepted::New));
    let unit = Unit {
        put: vec![put("desk", 0, "x")],
        index: vec![("l0".to_owned(), Some("o0".to_owned()))],
        wake: vec![wake("a", 1)],
        deliveries: vec![add("d")],
        journal: vec![journal("o0", "x")],
        dead: vec![DeadOp::Bury(letter("x", ""))],
        ..Unit::default()
    };
    commit(store, &one, &owner, unit).await;
    assert_eq!(held(store, &other).await, empty);
    assert_eq!(offer(store, &other, &key, b"{}", at(0)).await, Ok(Accepted::New));
}
