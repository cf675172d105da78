//! Builders of small test objects, and [`Held`]: everything that a school shows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use dozvon::process::{Ask, At, Command, CommandId, Line, OrderId, SchoolId, TaskId, Urgency};
use dozvon::request::IdempotencyKey;
use dozvon::store::{
    Accepted, Counts, DeadLetter, Delivery, DeliveryOp, DeliveryState, Entry, Fence, JournalEntry, Lease,
    Offer, Plan, Put, Record, Seq, Store, StoreError, Unit, Wake,
};

/// Long enough for every test, so that nothing expires by accident.
pub const LONG_MS: u64 = 600_000;

/// 2026-01-01 and `ms` milliseconds.
pub fn at(ms: i64) -> At {
    DateTime::from_timestamp_millis(1_767_225_600_000 + ms).unwrap()
}

pub fn fence(name: &str) -> Fence {
    Fence(name.to_owned())
}

/// The school `name`, owned by the fence that comes with it.
pub async fn owned(store: &dyn Store, name: &str) -> (SchoolId, Fence) {
    let (school, fence) = (SchoolId::from(name), fence("owner"));
    assert_eq!(store.lease(&school, &fence, &plan("config", 0), LONG_MS).await, Ok(Lease::Held));
    (school, fence)
}

/// A configuration that was loaded at a certain second.
pub fn plan(config: &str, loaded: i64) -> Plan {
    Plan { config: config.to_owned(), loaded: at(loaded * 1_000) }
}

pub async fn accept(store: &dyn Store, school: &SchoolId, raw: &str) {
    let done = offer(store, school, &IdempotencyKey::Always, raw.as_bytes(), at(0)).await;
    assert_eq!(done, Ok(Accepted::New));
}

/// A new request with its own id, whatever its key.
pub async fn offer(
    store: &dyn Store,
    school: &SchoolId,
    key: &IdempotencyKey,
    raw: &[u8],
    at: At,
) -> Result<Accepted, StoreError> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed).to_string();
    store.offer(school, &Offer { id, key: key.clone(), at, raw: raw.to_vec() }).await
}

pub async fn places(store: &dyn Store, school: &SchoolId) -> Vec<Seq> {
    store.inbox(school, None, 100).await.unwrap().into_iter().map(|entry| entry.seq).collect()
}

pub fn put(key: &str, expect: u64, body: &str) -> Put {
    Put { key: key.to_owned(), expect, body: body.as_bytes().to_vec() }
}

pub fn wake(member: &str, at_ms: i64) -> Wake {
    Wake { member: member.to_owned(), at_ms, promised: false }
}

pub fn promised(member: &str, at_ms: i64) -> Wake {
    Wake { promised: true, ..wake(member, at_ms) }
}

pub fn delivery(id: &str, state: DeliveryState) -> Delivery {
    let ask = Ask::CloseTask { task: TaskId::from("t1·o"), result: "готово".to_owned() };
    let command = Command {
        id: CommandId::from(id),
        order: OrderId::from("o"),
        client: "c-o".into(),
        urgency: Urgency::Usual,
        ask,
    };
    Delivery { seq: 0, command, created_at: at(0), state, attempts: 0, fault: None, raw: Some(3) }
}

pub fn add(id: &str) -> DeliveryOp {
    DeliveryOp::Add(delivery(id, DeliveryState::Waiting))
}

pub fn journal(order: &str, text: &str) -> JournalEntry {
    JournalEntry {
        at: at(0),
        order: OrderId::from(order),
        raw: String::new(),
        event: serde_json::json!({ "event": "wake" }),
        lines: vec![Line { rule: "D2".to_owned(), text: text.to_owned() }],
        commands: Vec::new(),
        config: "config".to_owned(),
    }
}

pub fn letter(id: &str, body: &str) -> DeadLetter {
    let why = "the field is missing: add it to the route".to_owned();
    DeadLetter { id: id.to_owned(), at: at(0), why, order: None, body: body.as_bytes().to_vec(), folded: 0 }
}

pub fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub async fn commit(store: &dyn Store, school: &SchoolId, fence: &Fence, unit: Unit) {
    assert_eq!(store.commit(school, fence, unit).await.map(|_| ()), Ok(()));
}

/// Everything that a school shows through the port, for the names that the tests use.
#[derive(Debug, PartialEq)]
pub struct Held {
    pub inbox: Vec<Entry>,
    pub records: Vec<(String, Record)>,
    pub links: Vec<Option<String>>,
    pub wakes: Vec<Wake>,
    pub next: Option<Wake>,
    pub deliveries: Vec<Delivery>,
    pub journal: Vec<Vec<JournalEntry>>,
    pub dead: Vec<DeadLetter>,
    pub counts: Counts,
}

pub const LINKS: [&str; 3] = ["l0", "l1", "l2"];
pub const ORDERS: [&str; 2] = ["o0", "o1"];

pub async fn held(store: &dyn Store, school: &SchoolId) -> Held {
    let mut journal = Vec::new();
    for order in ORDERS {
        journal.push(store.journal(school, &OrderId::from(order), 100).await.unwrap());
    }
    Held {
        inbox: store.inbox(school, None, 100).await.unwrap(),
        records: store.scan(school, "", None, 100).await.unwrap(),
        links: store.find(school, &texts(&LINKS)).await.unwrap(),
        wakes: store.wakes(school, i64::MAX >> 12, 100).await.unwrap(),
        next: store.next_wake(school).await.unwrap(),
        deliveries: store.deliveries(school, 0, 100).await.unwrap(),
        journal,
        dead: store.letters(school, 0, 100).await.unwrap().into_iter().map(|(_, letter)| letter).collect(),
        counts: store.counts(school).await.unwrap(),
    }
}

/// Asks until the answer is yes, for effects of the store's own clock: the limit is far above the lives that
/// the tests use.
pub async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asking = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), asking).await;
    assert!(in_time.is_ok(), "it did not come: {what}");
}
