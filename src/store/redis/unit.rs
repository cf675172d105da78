//! A unit of work as its share of the arguments of `commit.lua`: keys declared, parts with their lengths. Never talks
//! to Redis. Enter at [`share`]; the order of the parts is the script's.

use super::group::Share;
use super::keys::SchoolKeys;
use crate::json;
use crate::store::body::{pack, pack_letter};
use crate::store::{DeadOp, Delivery, DeliveryOp, DeliveryState, Fence, Forget, Unit};

/// The keys that every commit names, in the script's order.
pub const FIXED: [&str; 12] =
    ["lease", "n", "inbox", "raw", "items", "wake", "promised", "links", "names", "out", "dead", "token"];

pub fn share(school: &SchoolKeys, fence: &Fence, unit: &Unit) -> Share {
    let mut call = Share::default();
    call.arg(&fence.0).arg(unit.at.timestamp_micros());

    call.arg(unit.ack.len());
    for seq in &unit.ack {
        call.arg(seq.0);
    }
    call.arg(unit.append.len());
    for body in &unit.append {
        call.arg(pack(body));
    }
    call.arg(unit.put.len());
    for put in &unit.put {
        call.key(school.record(&put.key)).arg(&put.key).arg(put.expect);
        call.arg(record(put.expect + 1, &put.body));
    }
    call.arg(unit.index.len());
    for (name, value) in &unit.index {
        // A value has `=` in front, so that an empty one differs from a missing one.
        call.arg(name).arg(value.as_ref().map_or(String::new(), |value| format!("={value}")));
    }
    call.arg(unit.sleep.len());
    for member in &unit.sleep {
        call.arg(member);
    }
    call.arg(unit.wake.len());
    for wake in &unit.wake {
        call.arg(&wake.member).arg(wake.at_ms).arg(if wake.promised { "promised" } else { "wake" });
    }
    call.arg(unit.deliveries.len());
    for op in &unit.deliveries {
        let (verb, id, stored) = match op {
            DeliveryOp::Add(delivery) => ("add", delivery.id(), stored(delivery)),
            DeliveryOp::Update(delivery) => ("update", delivery.id(), stored(delivery)),
            DeliveryOp::Revoke(id) => ("revoke", id, Vec::new()),
            DeliveryOp::Remove(id) => ("remove", id, Vec::new()),
        };
        call.key(school.delivery(id.as_str())).arg(verb).arg(id.as_str()).arg(stored);
    }
    call.arg(unit.journal.len());
    for entry in &unit.journal {
        call.key(school.journal(&entry.order.to_string())).arg(pack(&json::bytes(entry)));
    }
    call.arg(unit.dead.len());
    for op in &unit.dead {
        let (verb, id, stored) = match op {
            DeadOp::Bury(letter) => ("bury", &letter.id, pack_letter(letter)),
            DeadOp::Update(letter) => ("update", &letter.id, pack_letter(letter)),
            DeadOp::Dig(id) => ("dig", id, Vec::new()),
        };
        call.key(school.letter(id)).arg(verb).arg(id).arg(stored);
    }
    call.arg(unit.forget.len());
    for forget in &unit.forget {
        match forget {
            Forget::Record { key, expect } => {
                call.key(school.record(key)).arg("record").arg(key).arg(*expect)
            }
            Forget::Journal(order) => {
                call.key(school.journal(&order.to_string())).arg("journal").arg("").arg(0)
            }
            Forget::Raw(seq) => call.key(school.one("raw")).arg("raw").arg(seq.0).arg(0),
        };
    }
    call
}

/// A record's stored form: the version comes first, so that a script reads it without the body.
fn record(version: u64, body: &[u8]) -> Vec<u8> {
    let mut stored = format!("{version}:").into_bytes();
    stored.extend(pack(body));
    stored
}

/// A delivery's stored form: first whether it may still be revoked.
fn stored(delivery: &Delivery) -> Vec<u8> {
    let revocable = matches!(delivery.state, DeliveryState::Waiting | DeliveryState::Later { .. });
    let mut stored = vec![if revocable { b'r' } else { b's' }];
    stored.extend(pack(&json::bytes(delivery)));
    stored
}
