//! Reads of the embedded store, and what retention removes. Never changes a case; lists come in the order
//! that the port promises. Enter at the function with the name of the port's.

use chrono::DateTime;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::process::{At, CommandId};
use crate::store::body::{letter_or_damaged, parse, unpack, unpack_or_as_is};
use crate::store::{
    Counts, DeadLetter, Delivery, Entry, INBOX_BYTES_MAX, JournalEntry, Record, Seq, StoreError, StoreResult,
    Wake,
};

pub fn inbox(db: &Connection, school: &str, after: u64, max: usize) -> StoreResult<Vec<Entry>> {
    let mut select = db.prepare_cached(
        "SELECT inbox.seq, inbox.at_us, inbox.body, raw.body FROM inbox
         LEFT JOIN raw ON inbox.body IS NULL AND raw.school = inbox.school AND raw.seq = inbox.seq
         WHERE inbox.school = ?1 AND inbox.seq > ?2 ORDER BY inbox.seq LIMIT ?3",
    )?;
    let mut rows = select.query(params![school, after.cast_signed(), limit(max)])?;
    let mut entries = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let item: Option<Vec<u8>> = row.get(2)?;
        let raw: Option<Vec<u8>> = row.get(3)?;
        let body = item.or(raw).map_or_else(Vec::new, |body| unpack_or_as_is(&body));
        bytes += body.len();
        if bytes > INBOX_BYTES_MAX && !entries.is_empty() {
            break;
        }
        entries.push(Entry { seq: Seq(unsigned(row, 0)?), at: instant(row.get(1)?)?, body });
    }
    Ok(entries)
}

pub fn raws(db: &Connection, school: &str, after: u64, max: usize) -> StoreResult<Vec<(Seq, Vec<u8>)>> {
    let mut select =
        db.prepare_cached("SELECT seq, body FROM raw WHERE school = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")?;
    let rows = select.query_map(params![school, after.cast_signed(), limit(max)], |row| {
        Ok((unsigned(row, 0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    rows.map(|row| {
        let (seq, body) = row?;
        Ok((Seq(seq), unpack_or_as_is(&body)))
    })
    .collect()
}

pub fn records(db: &Connection, school: &str, keys: &[String]) -> StoreResult<Vec<Option<Record>>> {
    let mut select = db.prepare_cached("SELECT version, body FROM record WHERE school = ?1 AND name = ?2")?;
    keys.iter()
        .map(|key| {
            let found = select
                .query_row(params![school, key], |row| Ok((unsigned(row, 0)?, row.get::<_, Vec<u8>>(1)?)))
                .optional()?;
            found.map(|(version, body)| Ok(Record { version, body: unpack(&body)? })).transpose()
        })
        .collect()
}

pub fn links(db: &Connection, school: &str, keys: &[String]) -> StoreResult<Vec<Option<String>>> {
    keys.iter()
        .map(|key| one(db, "SELECT value FROM link WHERE school = ?1 AND name = ?2", [school, key]))
        .collect()
}

pub fn scan(
    db: &Connection,
    school: &str,
    prefix: &str,
    after: Option<&str>,
    max: usize,
) -> StoreResult<Vec<(String, Record)>> {
    let mut select = db.prepare_cached(
        "SELECT name, version, body FROM record
         WHERE school = ?1 AND name >= ?2 AND name < ?3 AND (?4 IS NULL OR name > ?4)
         ORDER BY name LIMIT ?5",
    )?;
    // No key contains the last character of Unicode.
    let end = format!("{prefix}{}", char::MAX);
    let rows = select.query_map(params![school, prefix, end, after, limit(max)], |row| {
        Ok((row.get::<_, String>(0)?, unsigned(row, 1)?, row.get::<_, Vec<u8>>(2)?))
    })?;
    rows.map(|row| {
        let (name, version, body) = row?;
        Ok((name, Record { version, body: unpack_or_as_is(&body) }))
    })
    .collect()
}

/// Due at or before `until_ms`, promised ones first, at most `max` of each.
pub fn wakes(db: &Connection, school: &str, until_ms: i64, max: usize) -> StoreResult<Vec<Wake>> {
    let mut select = db.prepare_cached(
        "SELECT member, at_ms, promised FROM wake WHERE school = ?1 AND promised = ?2 AND at_ms <= ?3
         ORDER BY at_ms, member LIMIT ?4",
    )?;
    let mut due = Vec::new();
    for promised in [1, 0] {
        for wake in select.query_map(params![school, promised, until_ms, limit(max)], wake_of_row)? {
            due.push(wake?);
        }
    }
    Ok(due)
}

pub fn wake_of(db: &Connection, school: &str, member: &str) -> StoreResult<Option<Wake>> {
    let mut select =
        db.prepare_cached("SELECT member, at_ms, promised FROM wake WHERE school = ?1 AND member = ?2")?;
    Ok(select.query_row([school, member], wake_of_row).optional()?)
}

/// The earliest wake; of two at the same time the promised one.
pub fn next_wake(db: &Connection, school: &str) -> StoreResult<Option<Wake>> {
    let mut select = db.prepare_cached(
        "SELECT member, at_ms, promised FROM wake WHERE school = ?1 AND promised = ?2
         ORDER BY at_ms, member LIMIT 1",
    )?;
    let mut first = |promised: i64| select.query_row(params![school, promised], wake_of_row).optional();
    let (promised, usual) = (first(1)?, first(0)?);
    Ok(promised.into_iter().chain(usual).min_by_key(|wake| wake.at_ms))
}

pub fn deliveries(db: &Connection, school: &str, after: u64, max: usize) -> StoreResult<Vec<Delivery>> {
    let mut select = db.prepare_cached(
        "SELECT place, body FROM delivery WHERE school = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
    )?;
    let rows = select.query_map(params![school, after.cast_signed(), limit(max)], |row| {
        Ok((unsigned(row, 0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    rows.map(|row| {
        let (seq, body) = row?;
        Ok(Delivery { seq, ..parse(&unpack(&body)?)? })
    })
    .collect()
}

pub fn pending(db: &Connection, school: &str, ids: &[CommandId]) -> StoreResult<Vec<Option<Delivery>>> {
    let mut select = db.prepare_cached("SELECT place, body FROM delivery WHERE school = ?1 AND id = ?2")?;
    let mut stored = |id: &CommandId| {
        let row = |row: &Row<'_>| Ok((unsigned(row, 0)?, row.get::<_, Vec<u8>>(1)?));
        let found = select.query_row([school, id.as_str()], row).optional()?;
        found.map(|(seq, body)| Ok(Delivery { seq, ..parse(&unpack(&body)?)? })).transpose()
    };
    ids.iter().map(&mut stored).collect()
}

pub fn unreadable(db: &Connection, school: &str) -> StoreResult<Vec<(CommandId, Vec<u8>)>> {
    let mut select = db.prepare_cached("SELECT id, body FROM delivery WHERE school = ?1 ORDER BY place")?;
    let mut rows = select.query([school])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let body = unpack_or_as_is(row.get_ref(1)?.as_bytes().unwrap_or_default());
        if parse::<Delivery>(&body).is_err() {
            found.push((CommandId(row.get(0)?), body));
        }
    }
    Ok(found)
}

/// The last `max`, oldest first.
pub fn journal(db: &Connection, school: &str, order: &str, max: usize) -> StoreResult<Vec<JournalEntry>> {
    let mut select = db.prepare_cached(
        "SELECT body FROM journal WHERE school = ?1 AND name = ?2 ORDER BY n DESC LIMIT ?3",
    )?;
    let rows = select.query_map(params![school, order, limit(max)], |row| row.get::<_, Vec<u8>>(0))?;
    let mut entries: Vec<JournalEntry> =
        rows.map(|body| parse(&unpack(&body?)?)).collect::<StoreResult<_>>()?;
    entries.reverse();
    Ok(entries)
}

pub fn raw(db: &Connection, school: &str, seq: u64) -> StoreResult<Option<Vec<u8>>> {
    let stored: Option<Vec<u8>> =
        one(db, "SELECT body FROM raw WHERE school = ?1 AND seq = ?2", params![school, seq.cast_signed()])?;
    stored.map(|body| unpack(&body)).transpose()
}

pub fn dead(db: &Connection, school: &str, max: usize) -> StoreResult<Vec<DeadLetter>> {
    let mut select =
        db.prepare_cached("SELECT id, body FROM dead WHERE school = ?1 ORDER BY place DESC LIMIT ?2")?;
    let rows = select.query_map(params![school, limit(max)], |row| letter_of(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn letters(db: &Connection, school: &str, after: u64, max: usize) -> StoreResult<Vec<(u64, DeadLetter)>> {
    let mut select = db.prepare_cached(
        "SELECT place, id, body FROM dead WHERE school = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
    )?;
    let rows = select.query_map(params![school, after.cast_signed(), limit(max)], |row| {
        Ok((unsigned(row, 0)?, letter_of(row, 1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A letter from its id and the column after it.
fn letter_of(row: &Row<'_>, id: usize) -> rusqlite::Result<DeadLetter> {
    Ok(letter_or_damaged(&row.get::<_, String>(id)?, &row.get::<_, Vec<u8>>(id + 1)?))
}

pub fn letter(db: &Connection, school: &str, id: &str) -> StoreResult<Option<DeadLetter>> {
    let stored: Option<Vec<u8>> =
        one(db, "SELECT body FROM dead WHERE school = ?1 AND id = ?2", [school, id])?;
    Ok(stored.map(|body| letter_or_damaged(id, &body)))
}

pub fn counts(db: &Connection, school: &str) -> StoreResult<Counts> {
    let mut select = db.prepare_cached(
        "SELECT (SELECT COUNT(*) FROM inbox WHERE school = ?1), (SELECT COUNT(*) FROM delivery WHERE school = ?1),
                (SELECT COUNT(*) FROM wake WHERE school = ?1), (SELECT COUNT(*) FROM dead WHERE school = ?1),
                (SELECT COUNT(*) FROM raw WHERE school = ?1)",
    )?;
    Ok(select.query_row([school], |row| {
        Ok(Counts {
            inbox: unsigned(row, 0)?,
            deliveries: unsigned(row, 1)?,
            wakes: unsigned(row, 2)?,
            dead: unsigned(row, 3)?,
            raw: unsigned(row, 4)?,
        })
    })?)
}

/// Removes from the oldest place on, and stops at the first request that is newer or still waits in the
/// inbox, which reads its body from here.
pub fn forget_raw(db: &Connection, school: &str, before: At, max: usize) -> StoreResult<u64> {
    let mut delete = db.prepare_cached(
        "DELETE FROM raw WHERE id IN (
             SELECT id FROM raw WHERE school = ?1
                AND seq < COALESCE((SELECT MIN(seq) FROM raw WHERE school = ?1 AND at_us >= ?2), ?4)
                AND seq < COALESCE((SELECT MIN(seq) FROM inbox WHERE school = ?1), ?4)
             ORDER BY seq LIMIT ?3)",
    )?;
    Ok(delete.execute(params![school, before.timestamp_micros(), limit(max), i64::MAX])? as u64)
}

/// The first column of the first row, if there is one.
pub fn one<T: FromSql>(db: &Connection, select: &str, with: impl rusqlite::Params) -> StoreResult<Option<T>> {
    Ok(db.prepare_cached(select)?.query_row(with, |row| row.get(0)).optional()?)
}

fn wake_of_row(row: &Row) -> rusqlite::Result<Wake> {
    Ok(Wake { member: row.get(0)?, at_ms: row.get(1)?, promised: row.get(2)? })
}

/// Places, versions and counts are written by us from unsigned numbers.
fn unsigned(row: &Row, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

fn instant(at_us: i64) -> StoreResult<At> {
    DateTime::from_timestamp_micros(at_us)
        .ok_or_else(|| StoreError::Unreadable("a time out of range".to_owned()))
}
