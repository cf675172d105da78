//! Random units: the embedded store agrees with a simple model, and Redis with the embedded store. The model
//! is slow and obvious: it copies everything, applies a unit row by row and discards the copy when a row is
//! refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use dozvon::process::SchoolId;
use dozvon::request::IdempotencyKey;
use dozvon::store::embedded::Embedded;
use dozvon::store::redis::RedisStore;
use dozvon::store::{
    Accepted, CommitError, Counts, DeadLetter, DeadOp, Delivery, DeliveryOp, DeliveryState, Entry, Forget,
    JournalEntry, Places, Record, Seq, Store, Unit, Wake,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::world::*;
use crate::support::redis_server::RedisServer;

/// An operation on a school.
#[derive(Debug, Clone)]
enum Deed {
    Accept(IdempotencyKey, u8),
    Append(u8),
    Commit(Box<Unit>),
    /// Before which millisecond, and how many.
    ForgetRaw(i64, usize),
}

/// The result of an operation as comparable text, because refusals name what did not fit.
async fn perform(store: &dyn Store, school: &SchoolId, deed: &Deed, now: i64) -> String {
    match deed {
        Deed::Accept(key, body) => format!("{:?}", offer(store, school, key, &raw(*body), at(now)).await),
        Deed::Append(body) => format!("{:?}", store.append(school, &raw(*body), at(now)).await),
        Deed::Commit(unit) => format!("{:?}", store.commit(school, &fence("owner"), (**unit).clone()).await),
        Deed::ForgetRaw(before, max) => {
            format!("{:?}", store.forget_raw(school, at(*before), *max).await)
        }
    }
}

#[derive(Clone, Default)]
struct Model {
    last_place: u64,
    inbox: BTreeMap<u64, Entry>,
    raw: BTreeMap<u64, i64>,
    seen: BTreeMap<String, String>,
    records: BTreeMap<String, Record>,
    links: BTreeMap<String, String>,
    wakes: BTreeMap<String, Wake>,
    deliveries: Vec<Delivery>,
    journal: BTreeMap<String, Vec<JournalEntry>>,
    dead: Vec<DeadLetter>,
}

impl Model {
    fn perform(&mut self, deed: &Deed, now: i64) -> String {
        match deed {
            Deed::Accept(key, body) => format!("{:?}", Ok::<_, CommitError>(self.accept(key, *body, now))),
            Deed::Append(body) => {
                self.enter(raw(*body), now);
                "Ok(())".to_owned()
            }
            Deed::Commit(unit) => {
                let before = self.clone();
                let done = self.commit(unit);
                if done.is_err() {
                    *self = before;
                }
                format!("{:?}", done.map_err(CommitError::Conflict))
            }
            Deed::ForgetRaw(before, max) => {
                format!("{:?}", Ok::<_, CommitError>(self.forget_raw(*before, *max)))
            }
        }
    }

    fn accept(&mut self, key: &IdempotencyKey, body: u8, now: i64) -> Accepted {
        let (name, digest) = match key {
            IdempotencyKey::Unique { key, .. } => (format!("unique {key}"), String::new()),
            IdempotencyKey::SameAsLast { slot, digest } => (format!("last {slot}"), digest.clone()),
            IdempotencyKey::Always => (format!("always {}", self.last_place), String::new()),
        };
        if self.seen.insert(name, digest.clone()) == Some(digest) {
            return Accepted::Repeat;
        }
        let seq = self.enter(raw(body), now);
        self.raw.insert(seq, now);
        Accepted::New
    }

    fn enter(&mut self, body: Vec<u8>, now: i64) -> u64 {
        let seq = self.place();
        self.inbox.insert(seq, Entry { seq: Seq(seq), at: at(now), body });
        seq
    }

    fn place(&mut self) -> u64 {
        self.last_place += 1;
        self.last_place
    }

    fn forget_raw(&mut self, before: i64, max: usize) -> u64 {
        let keep =
            |seq: &u64, at: &i64| *at >= before || self.inbox.keys().next().is_some_and(|first| seq >= first);
        let old: Vec<u64> =
            self.raw.iter().take_while(|(seq, at)| !keep(seq, at)).map(|(seq, _)| *seq).take(max).collect();
        old.iter().for_each(|seq| {
            self.raw.remove(seq);
        });
        old.len() as u64
    }

    fn commit(&mut self, unit: &Unit) -> Result<Places, String> {
        for seq in &unit.ack {
            self.inbox.remove(&seq.0).ok_or(format!("entry {}", seq.0))?;
        }
        for body in &unit.append {
            let seq = self.place();
            self.inbox.insert(seq, Entry { seq: Seq(seq), at: unit.at, body: body.clone() });
        }
        for put in &unit.put {
            let version = self.records.get(&put.key).map_or(0, |record| record.version);
            if version != put.expect {
                return Err(format!("record {}", put.key));
            }
            self.records.insert(put.key.clone(), Record { version: version + 1, body: put.body.clone() });
        }
        for (name, value) in &unit.index {
            match value {
                Some(value) => self.links.insert(name.clone(), value.clone()),
                None => self.links.remove(name),
            };
        }
        self.wakes.retain(|member, _| !unit.sleep.contains(member));
        for wake in &unit.wake {
            self.wakes.insert(wake.member.clone(), wake.clone());
        }
        let places = unit.deliveries.iter().map(|op| self.deliver(op)).collect::<Result<Places, _>>()?;
        for entry in &unit.journal {
            self.journal.entry(entry.order.to_string()).or_default().push(entry.clone());
        }
        for op in &unit.dead {
            let id = match op {
                DeadOp::Bury(letter) | DeadOp::Update(letter) => &letter.id,
                DeadOp::Dig(id) => id,
            };
            let there = self.dead.iter().position(|letter| letter.id == *id);
            let missing = || format!("dead letter {id}");
            match op {
                DeadOp::Bury(letter) => {
                    self.place();
                    there.map(|n| self.dead.remove(n));
                    self.dead.push(letter.clone());
                }
                DeadOp::Update(letter) => self.dead[there.ok_or_else(missing)?] = letter.clone(),
                DeadOp::Dig(_) => drop(self.dead.remove(there.ok_or_else(missing)?)),
            }
        }
        unit.forget.iter().try_for_each(|forget| self.forget(forget))?;
        Ok(places)
    }

    fn forget(&mut self, forget: &Forget) -> Result<(), String> {
        match forget {
            Forget::Record { key, expect } => match self.records.get(key) {
                Some(record) if record.version != *expect => return Err(format!("record {key}")),
                _ => drop(self.records.remove(key)),
            },
            Forget::Journal(order) => drop(self.journal.remove(&order.to_string())),
            Forget::Raw(seq) if !self.inbox.contains_key(&seq.0) => drop(self.raw.remove(&seq.0)),
            Forget::Raw(_) => {}
        }
        Ok(())
    }

    fn deliver(&mut self, op: &DeliveryOp) -> Result<Option<u64>, String> {
        let id = match op {
            DeliveryOp::Add(delivery) | DeliveryOp::Update(delivery) => delivery.id(),
            DeliveryOp::Revoke(id) | DeliveryOp::Remove(id) => id,
        };
        let there = self.deliveries.iter().position(|delivery| delivery.id() == id);
        Ok(match (op, there) {
            (DeliveryOp::Add(delivery), None) => {
                let seq = self.place();
                self.deliveries.push(Delivery { seq, ..delivery.clone() });
                Some(seq)
            }
            (DeliveryOp::Add(_), Some(_)) | (DeliveryOp::Revoke(_), None) => None,
            (DeliveryOp::Revoke(_), Some(n)) => {
                use DeliveryState::{Later, Waiting};
                let revocable = matches!(self.deliveries[n].state, Waiting | Later { .. });
                revocable.then(|| self.deliveries.remove(n).seq)
            }
            (DeliveryOp::Update(delivery), Some(n)) => {
                self.deliveries[n] = Delivery { seq: self.deliveries[n].seq, ..delivery.clone() };
                None
            }
            (DeliveryOp::Remove(_), Some(n)) => Some(self.deliveries.remove(n).seq),
            (DeliveryOp::Update(_) | DeliveryOp::Remove(_), None) => return Err(format!("delivery {id}")),
        })
    }

    fn held(&self) -> Held {
        let mut wakes: Vec<Wake> = self.wakes.values().cloned().collect();
        wakes.sort_by_key(|wake| (!wake.promised, wake.at_ms, wake.member.clone()));
        Held {
            inbox: self.inbox.values().cloned().collect(),
            records: self.records.clone().into_iter().collect(),
            links: LINKS.map(|name| self.links.get(name).cloned()).to_vec(),
            next: wakes.iter().min_by_key(|wake| wake.at_ms).cloned(),
            deliveries: self.deliveries.clone(),
            journal: ORDERS.map(|order| self.journal.get(order).cloned().unwrap_or_default()).to_vec(),
            dead: self.dead.clone(),
            counts: Counts {
                inbox: self.inbox.len() as u64,
                deliveries: self.deliveries.len() as u64,
                wakes: wakes.len() as u64,
                dead: self.dead.len() as u64,
                raw: self.raw.len() as u64,
            },
            wakes,
        }
    }
}

fn raw(body: u8) -> Vec<u8> {
    format!("{{\"n\":{body}}}").into_bytes()
}

/// Few names, so that units meet records of earlier ones.
fn name(letter: &'static str, names: u8) -> impl Strategy<Value = String> {
    (0..names).prop_map(move |n| format!("{letter}{n}"))
}

fn some<S: Strategy>(row: S) -> impl Strategy<Value = Vec<S::Value>> {
    proptest::collection::vec(row, 0..3)
}

fn any_delivery_op() -> impl Strategy<Value = DeliveryOp> {
    let state = prop_oneof![
        Just(DeliveryState::Waiting),
        Just(DeliveryState::Sending),
        Just(DeliveryState::Unclear { not_before: at(1) }),
        Just(DeliveryState::Later { not_before: at(2) }),
    ];
    (0..6_u8, name("d", 3), state).prop_map(|(op, id, state)| match op {
        0..=2 => DeliveryOp::Add(delivery(&id, state)),
        3 => DeliveryOp::Update(delivery(&id, state)),
        4 => DeliveryOp::Revoke(id.as_str().into()),
        _ => DeliveryOp::Remove(id.as_str().into()),
    })
}

fn any_forget() -> impl Strategy<Value = Forget> {
    prop_oneof![
        (name("r", 3), 0..3_u64).prop_map(|(key, expect)| Forget::Record { key, expect }),
        name("o", 2).prop_map(|order| Forget::Journal(order.as_str().into())),
        (1..9_u64).prop_map(|seq| Forget::Raw(Seq(seq))),
    ]
}

fn any_unit() -> impl Strategy<Value = Unit> {
    let wake = (name("m", 3), 0..4_i64, any::<bool>()).prop_map(|(member, at_ms, promised)| Wake {
        member,
        at_ms,
        promised,
    });
    let dead = (0..3, name("x", 3), any::<u8>()).prop_map(|(op, id, body)| match op {
        0 => DeadOp::Bury(letter(&id, &body.to_string())),
        1 => DeadOp::Update(letter(&id, &body.to_string())),
        _ => DeadOp::Dig(id),
    });
    let lists = (
        some((1..9_u64).prop_map(Seq)),
        some(any::<u8>().prop_map(raw)),
        some(
            (name("r", 3), 0..3_u64, any::<u8>())
                .prop_map(|(key, expect, body)| put(&key, expect, &body.to_string())),
        ),
        some((name("l", 3), proptest::option::of(name("o", 2)))),
        some(wake),
        some(name("m", 3)),
        some(any_delivery_op()),
        some((name("o", 2), any::<u8>()).prop_map(|(order, text)| journal(&order, &text.to_string()))),
        some(dead),
        some(any_forget()),
    );
    // A unit with every part is nearly always refused, so some parts are left out.
    (lists, any::<u16>(), 0..9_i64).prop_map(|(lists, parts, ms)| {
        let (ack, append, put, index, wake, sleep, deliveries, journal, dead, forget) = lists;
        let at = at(ms);
        let mut unit = Unit { ack, append, put, index, wake, sleep, deliveries, journal, dead, forget, at };
        let left_out: [fn(&mut Unit); 5] = [
            |u| u.ack.clear(),
            |u| u.put.clear(),
            |u| u.deliveries.clear(),
            |u| u.dead.clear(),
            |u| u.forget.clear(),
        ];
        for (n, leave_out) in left_out.iter().enumerate() {
            if parts >> (2 * n) & 3 != 0 {
                leave_out(&mut unit);
            }
        }
        unit
    })
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let key = prop_oneof![
        Just(IdempotencyKey::Always),
        name("k", 3).prop_map(|key| IdempotencyKey::Unique { key, keep_s: 3600 }),
        (name("s", 2), name("g", 2)).prop_map(|(slot, digest)| IdempotencyKey::SameAsLast { slot, digest }),
    ];
    prop_oneof![
        3 => (key, any::<u8>()).prop_map(|(key, body)| Deed::Accept(key, body)),
        1 => any::<u8>().prop_map(Deed::Append),
        8 => any_unit().prop_map(|unit| Deed::Commit(Box::new(unit))),
        1 => (0..30_i64, 0..4_usize).prop_map(|(before, max)| Deed::ForgetRaw(before, max)),
    ]
}

/// Runs `check` on sequences of operations, each time for another school.
fn check_all(cases: u32, check: impl AsyncFn(&SchoolId, &[Deed])) {
    static SCHOOLS: AtomicU32 = AtomicU32::new(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let deeds = proptest::collection::vec(any_deed(), 1..30);
    let done = TestRunner::new(config).run(&deeds, |deeds| {
        let school = SchoolId(format!("s{}", SCHOOLS.fetch_add(1, Ordering::Relaxed)));
        runtime.block_on(check(&school, &deeds));
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

#[test]
fn embedded_does_what_the_model_does() {
    check_all(256, async |school, deeds| {
        let (store, mut model) = (Embedded::in_memory().unwrap(), Model::default());
        owned(&store, school.as_str()).await;
        for (now, deed) in (0..).zip(deeds) {
            assert_eq!(perform(&store, school, deed, now).await, model.perform(deed, now), "{deed:?}");
            assert_eq!(held(&store, school).await, model.held(), "{deed:?}");
        }
    });
}

#[test]
fn redis_does_what_embedded_does() {
    let server = RedisServer::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = runtime.block_on(RedisStore::connect(&server.url())).unwrap();
    let embedded = Embedded::in_memory().unwrap();
    check_all(128, async |school, deeds| {
        owned(&redis, school.as_str()).await;
        owned(&embedded, school.as_str()).await;
        for (now, deed) in (0..).zip(deeds) {
            let (one, other) =
                (perform(&redis, school, deed, now).await, perform(&embedded, school, deed, now).await);
            assert_eq!(one, other, "{deed:?}");
            assert_eq!(held(&redis, school).await, held(&embedded, school).await, "{deed:?}");
        }
    });
}
