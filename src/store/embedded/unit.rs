//! Writes of the embedded store: accepted requests, appended entries, units. Never leaves half a unit: the
//! caller's savepoint rolls back what came before a refusal, so expectations are checked where they apply.
//! Enter at [`accept`] and [`commit`].

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::json;
use crate::process::{At, CommandId};
use crate::request::IdempotencyKey;
use crate::store::body::{pack, pack_letter};
use crate::store::{
    Accepted, CommitError, DeadOp, Delivery, DeliveryOp, DeliveryState, Fence, Forget, JOURNAL_MAX,
    JournalEntry, LAST_KEPT_S, OFFER_KEPT_S, Offer, Places, Put, Seq, Unit, Wake,
};

/// Expired idempotency keys removed with each new one: more than one, so that they cannot pile up.
const FORGET_KEYS: u32 = 3;

type Sql<T> = rusqlite::Result<T>;

/// Stores a request, once per `id`. The inbox entry has no body of its own: it is read from the raw form.
pub fn accept(db: &Connection, school: &str, offer: &Offer) -> Sql<Accepted> {
    let Offer { id, key, at, raw } = offer;
    let at_ms = at.timestamp_millis();
    let itself = IdempotencyKey::Unique { key: format!("offer:{id}"), keep_s: OFFER_KEPT_S };
    if is_repeat(db, school, &itself, at_ms)? || is_repeat(db, school, key, at_ms)? {
        return Ok(Accepted::Repeat);
    }
    let seq = next_place(db, school)?;
    db.prepare_cached("INSERT INTO raw (school, seq, at_us, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![school, seq, at.timestamp_micros(), raw])?;
    insert_entry(db, school, seq, *at, None)?;
    Ok(Accepted::New)
}

/// An entry that is not a request; `body` is packed.
pub fn append(db: &Connection, school: &str, body: &[u8], at: At) -> Sql<()> {
    let seq = next_place(db, school)?;
    insert_entry(db, school, seq, at, Some(body))
}

/// Applies the unit, in the order of its fields.
pub fn commit(
    db: &Connection,
    school: &str,
    fence: &Fence,
    unit: &Unit,
    now_ms: i64,
) -> Result<Places, CommitError> {
    let owns = db
        .prepare_cached("SELECT 1 FROM lease WHERE school = ?1 AND owner = ?2 AND until_ms > ?3")?
        .exists(params![school, fence.0, now_ms])?;
    if !owns {
        return Err(CommitError::Fenced);
    }
    for seq in &unit.ack {
        acknowledge(db, school, seq)?;
    }
    for body in &unit.append {
        append(db, school, &pack(body), unit.at)?;
    }
    for put in &unit.put {
        put_record(db, school, put)?;
    }
    for (name, value) in &unit.index {
        set_link(db, school, name, value.as_deref())?;
    }
    // Sleep before wake: if a unit names a member in both, one wake too many does no harm.
    for member in &unit.sleep {
        db.prepare_cached("DELETE FROM wake WHERE school = ?1 AND member = ?2")?
            .execute(params![school, member])?;
    }
    for wake in &unit.wake {
        set_wake(db, school, wake)?;
    }
    let mut places = Vec::with_capacity(unit.deliveries.len());
    for op in &unit.deliveries {
        places.push(deliver(db, school, op)?);
    }
    for entry in &unit.journal {
        write_journal(db, school, entry)?;
    }
    for op in &unit.dead {
        bury(db, school, op)?;
    }
    for forget in &unit.forget {
        forget_one(db, school, forget)?;
    }
    Ok(places)
}

fn forget_one(db: &Connection, school: &str, forget: &Forget) -> Result<(), CommitError> {
    match forget {
        Forget::Record { key, expect } => {
            let gone = db
                .prepare_cached("DELETE FROM record WHERE school = ?1 AND name = ?2 AND version = ?3")?
                .execute(params![school, key, expect.cast_signed()])?;
            let left = db
                .prepare_cached("SELECT 1 FROM record WHERE school = ?1 AND name = ?2")?
                .exists(params![school, key])?;
            if gone == 0 && left {
                return Err(CommitError::Conflict(format!("record {key}")));
            }
        }
        Forget::Journal(order) => {
            db.prepare_cached("DELETE FROM journal WHERE school = ?1 AND name = ?2")?
                .execute(params![school, order.to_string()])?;
        }
        Forget::Raw(seq) => {
            db.prepare_cached(
                "DELETE FROM raw WHERE school = ?1 AND seq = ?2
                 AND NOT EXISTS (SELECT 1 FROM inbox WHERE school = ?1 AND seq = ?2)",
            )?
            .execute(params![school, seq.0.cast_signed()])?;
        }
    }
    Ok(())
}

fn is_repeat(db: &Connection, school: &str, key: &IdempotencyKey, at_ms: i64) -> Sql<bool> {
    let (name, digest, keep_s) = match key {
        IdempotencyKey::Unique { key, keep_s } => (hash("unique", key), Vec::new(), *keep_s),
        IdempotencyKey::SameAsLast { slot, digest } => {
            (hash("last", slot), hash("digest", digest), LAST_KEPT_S)
        }
        IdempotencyKey::Always => return Ok(false),
    };
    let repeat = db
        .prepare_cached(
            "SELECT 1 FROM seen WHERE school = ?1 AND name = ?2 AND digest = ?3 AND until_ms > ?4",
        )?
        .exists(params![school, name, digest, at_ms])?;
    if repeat {
        return Ok(true);
    }
    db.prepare_cached("DELETE FROM seen WHERE id IN (SELECT id FROM seen WHERE until_ms <= ?1 LIMIT ?2)")?
        .execute(params![at_ms, FORGET_KEYS])?;
    let keep_ms = i64::try_from(keep_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    db.prepare_cached(
        "INSERT INTO seen (school, name, digest, until_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (school, name) DO UPDATE SET digest = excluded.digest, until_ms = excluded.until_ms",
    )?
    .execute(params![school, name, digest, at_ms.saturating_add(keep_ms)])?;
    Ok(false)
}

/// Half of a SHA-256: keys from outside may be long and may contain personal data.
fn hash(kind: &str, text: &str) -> Vec<u8> {
    Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize()[..16].to_vec()
}

/// One counter per school for entries, deliveries and dead letters.
fn next_place(db: &Connection, school: &str) -> Sql<i64> {
    db.prepare_cached(
        "INSERT INTO place (school, last) VALUES (?1, 1)
         ON CONFLICT (school) DO UPDATE SET last = last + 1 RETURNING last",
    )?
    .query_row([school], |row| row.get(0))
}

fn insert_entry(db: &Connection, school: &str, seq: i64, at: At, body: Option<&[u8]>) -> Sql<()> {
    db.prepare_cached("INSERT INTO inbox (school, seq, at_us, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![school, seq, at.timestamp_micros(), body])?;
    Ok(())
}

fn acknowledge(db: &Connection, school: &str, seq: &Seq) -> Result<(), CommitError> {
    let gone = db
        .prepare_cached("DELETE FROM inbox WHERE school = ?1 AND seq = ?2")?
        .execute(params![school, seq.0.cast_signed()])?;
    if gone == 1 { Ok(()) } else { Err(CommitError::Conflict(format!("entry {}", seq.0))) }
}

fn put_record(db: &Connection, school: &str, put: &Put) -> Result<(), CommitError> {
    let body = pack(&put.body);
    let changed = if put.expect == 0 {
        db.prepare_cached(
            "INSERT INTO record (school, name, version, body) VALUES (?1, ?2, 1, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![school, put.key, body])?
    } else {
        db.prepare_cached(
            "UPDATE record SET version = version + 1, body = ?3
             WHERE school = ?1 AND name = ?2 AND version = ?4",
        )?
        .execute(params![school, put.key, body, put.expect.cast_signed()])?
    };
    if changed == 1 { Ok(()) } else { Err(CommitError::Conflict(format!("record {}", put.key))) }
}

fn set_link(db: &Connection, school: &str, name: &str, value: Option<&str>) -> Sql<()> {
    match value {
        Some(value) => db
            .prepare_cached(
                "INSERT INTO link (school, name, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (school, name) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![school, name, value])?,
        None => db
            .prepare_cached("DELETE FROM link WHERE school = ?1 AND name = ?2")?
            .execute(params![school, name])?,
    };
    Ok(())
}

fn set_wake(db: &Connection, school: &str, wake: &Wake) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO wake (school, member, at_ms, promised) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (school, member) DO UPDATE SET at_ms = excluded.at_ms, promised = excluded.promised",
    )?
    .execute(params![school, wake.member, wake.at_ms, wake.promised])?;
    Ok(())
}

fn deliver(db: &Connection, school: &str, op: &DeliveryOp) -> Result<Option<u64>, CommitError> {
    let (id, place) = match op {
        DeliveryOp::Add(delivery) => return Ok(add_delivery(db, school, delivery)?),
        DeliveryOp::Revoke(id) => return Ok(take_delivery(db, school, id, "AND revocable = 1")?),
        DeliveryOp::Update(delivery) => {
            let id = delivery.id();
            let changed = db
                .prepare_cached(
                    "UPDATE delivery SET revocable = ?3, body = ?4 WHERE school = ?1 AND id = ?2",
                )?
                .execute(params![
                    school,
                    id.as_str(),
                    is_revocable(delivery),
                    pack(&json::bytes(delivery))
                ])?;
            if changed == 1 {
                return Ok(None);
            }
            (id, None)
        }
        DeliveryOp::Remove(id) => (id, take_delivery(db, school, id, "")?),
    };
    if place.is_some() { Ok(place) } else { Err(CommitError::Conflict(format!("delivery {id}"))) }
}

/// Its former place, if it was there and is what the condition asks for.
fn take_delivery(db: &Connection, school: &str, id: &CommandId, condition: &str) -> Sql<Option<u64>> {
    db.prepare_cached(&format!(
        "DELETE FROM delivery WHERE school = ?1 AND id = ?2 {condition} RETURNING place"
    ))?
    .query_row(params![school, id.as_str()], |row| row.get::<_, i64>(0))
    .optional()
    .map(|place| place.map(i64::cast_unsigned))
}

/// A command that is already pending is not added twice: its id names one thing to do.
fn add_delivery(db: &Connection, school: &str, delivery: &Delivery) -> Sql<Option<u64>> {
    let id = delivery.id().as_str();
    let pending = db
        .prepare_cached("SELECT 1 FROM delivery WHERE school = ?1 AND id = ?2")?
        .exists(params![school, id])?;
    if pending {
        return Ok(None);
    }
    let place = next_place(db, school)?;
    db.prepare_cached(
        "INSERT INTO delivery (school, id, place, revocable, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![school, id, place, is_revocable(delivery), pack(&json::bytes(delivery))])?;
    Ok(Some(place.cast_unsigned()))
}

/// Only a command that has not left can be revoked.
fn is_revocable(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Waiting | DeliveryState::Later { .. })
}

fn write_journal(db: &Connection, school: &str, entry: &JournalEntry) -> Sql<()> {
    let order = entry.order.to_string();
    let n: i64 = db
        .prepare_cached("SELECT COALESCE(MAX(n), 0) + 1 FROM journal WHERE school = ?1 AND name = ?2")?
        .query_row(params![school, order], |row| row.get(0))?;
    db.prepare_cached("INSERT INTO journal (school, name, n, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![school, order, n, pack(&json::bytes(entry))])?;
    db.prepare_cached("DELETE FROM journal WHERE school = ?1 AND name = ?2 AND n <= ?3")?
        .execute(params![school, order, n - JOURNAL_MAX as i64])?;
    Ok(())
}

fn bury(db: &Connection, school: &str, op: &DeadOp) -> Result<(), CommitError> {
    match op {
        DeadOp::Bury(letter) => {
            let place = next_place(db, school)?;
            db.prepare_cached(
                "INSERT INTO dead (school, id, place, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (school, id) DO UPDATE SET place = excluded.place, body = excluded.body",
            )?
            .execute(params![school, letter.id, place, pack_letter(letter)])?;
            Ok(())
        }
        DeadOp::Update(letter) => {
            let changed = db
                .prepare_cached("UPDATE dead SET body = ?3 WHERE school = ?1 AND id = ?2")?
                .execute(params![school, letter.id, pack_letter(letter)])?;
            if changed == 1 {
                Ok(())
            } else {
                Err(CommitError::Conflict(format!("dead letter {}", letter.id)))
            }
        }
        DeadOp::Dig(id) => {
            let gone: Option<i64> = db
                .prepare_cached("DELETE FROM dead WHERE school = ?1 AND id = ?2 RETURNING place")?
                .query_row(params![school, id], |row| row.get(0))
                .optional()?;
            match gone {
                Some(_) => Ok(()),
                None => Err(CommitError::Conflict(format!("dead letter {id}"))),
            }
        }
    }
}
