//! State that does not belong to a school's orders: leases, budgets, secrets, locks. Never reads a clock: the
//! store passes `now_ms`. Enter at the function with the name of the port's.

use rusqlite::{Connection, OptionalExtension, params};

use super::read::one;
use crate::secret::random_token;
use crate::store::{Contents, Fence, Lease, Plan, Rate, StoreResult};

pub fn lease(
    db: &Connection,
    school: &str,
    fence: &Fence,
    plan: &Plan,
    now_ms: i64,
    ttl_ms: u64,
) -> StoreResult<Lease> {
    let alive: Option<String> =
        one(db, "SELECT owner FROM lease WHERE school = ?1 AND until_ms > ?2", params![school, now_ms])?;
    // A former run of the same instance is dead: its lease is taken at once.
    let own = fence.0.rfind('/').map(|end| &fence.0[..=end]);
    let is_own = |owner: &str| owner == fence.0 || own.is_some_and(|own| owner.starts_with(own));
    if alive.is_some_and(|owner| !is_own(&owner)) {
        return Ok(Lease::Elsewhere);
    }
    let loaded_us = plan.loaded.timestamp_micros();
    let newer: Option<i64> = one(
        db,
        "SELECT loaded_us FROM plan WHERE school = ?1 AND config <> ?2 AND loaded_us >= ?3",
        params![school, plan.config, loaded_us],
    )?;
    if newer.is_some() {
        return Ok(Lease::Outdated);
    }
    db.prepare_cached(
        "INSERT INTO plan (school, config, loaded_us) VALUES (?1, ?2, ?3)
         ON CONFLICT (school) DO UPDATE
            SET config = excluded.config, loaded_us = max(loaded_us, excluded.loaded_us)",
    )?
    .execute(params![school, plan.config, loaded_us])?;
    db.prepare_cached(
        "INSERT INTO lease (school, owner, config, until_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (school) DO UPDATE
                SET owner = excluded.owner, config = excluded.config, until_ms = excluded.until_ms",
    )?
    .execute(params![school, fence.0, plan.config, later(now_ms, ttl_ms)])?;
    Ok(Lease::Held)
}

/// The store's own token, made at the first call, and the last place. Nothing is counted: rows of a table
/// are not cheap to count.
pub fn contents(db: &Connection, school: &str) -> StoreResult<Contents> {
    let read = || one(db, "SELECT token FROM token WHERE school = ?1", [school]);
    let token = match read()? {
        Some(token) => token,
        None => {
            db.prepare_cached("INSERT INTO token (school, token) VALUES (?1, ?2)")?
                .execute([school, &random_token()])?;
            read()?.unwrap_or_default()
        }
    };
    let place: Option<i64> = one(db, "SELECT last FROM place WHERE school = ?1", [school])?;
    let place = place.unwrap_or(0).cast_unsigned();
    Ok(Contents { token, place, kinds: None, found: None, left: None })
}

pub fn release(db: &Connection, school: &str, fence: &Fence) -> StoreResult<()> {
    db.prepare_cached("DELETE FROM lease WHERE school = ?1 AND owner = ?2")?
        .execute(params![school, fence.0])?;
    Ok(())
}

pub fn is_owned(db: &Connection, school: &str, now_ms: i64) -> StoreResult<bool> {
    let alive: Option<i64> =
        one(db, "SELECT 1 FROM lease WHERE school = ?1 AND until_ms > ?2", params![school, now_ms])?;
    Ok(alive.is_some())
}

/// GCRA: `next_ms` is when the account would have its full burst again; each slot moves it on by one
/// interval. Returns the wait in milliseconds.
pub fn budget(db: &Connection, account: &str, rate: Rate, now_ms: f64) -> StoreResult<u64> {
    let interval = rate.interval_ms();
    let burst = f64::from(rate.burst.max(1) - 1) * interval;
    let stored: Option<f64> = one(db, "SELECT next_ms FROM budget WHERE account = ?1", [account])?;
    // A budget used this far ahead means that the clock was set back.
    let sane = |next: &f64| *next <= now_ms + burst + rate.ahead_ms_max();
    let next = stored.filter(sane).map_or(now_ms, |next| next.max(now_ms));
    db.prepare_cached(
        "INSERT INTO budget (account, next_ms) VALUES (?1, ?2)
         ON CONFLICT (account) DO UPDATE SET next_ms = excluded.next_ms",
    )?
    .execute(params![account, next + interval])?;
    Ok((next - burst - now_ms).max(0.0).ceil() as u64)
}

pub fn secret(db: &Connection, name: &str) -> StoreResult<Option<Vec<u8>>> {
    one(db, "SELECT value FROM secret WHERE name = ?1", [name])
}

pub fn swap_secret(db: &Connection, name: &str, old: Option<&[u8]>, new: &[u8]) -> StoreResult<bool> {
    let changed = match old {
        None => db
            .prepare_cached("INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![name, new])?,
        Some(old) => db
            .prepare_cached("UPDATE secret SET value = ?2 WHERE name = ?1 AND value = ?3")?
            .execute(params![name, new, old])?,
    };
    Ok(changed == 1)
}

/// The same token can take it again: a caller that lost the answer may repeat. A lock that would last longer
/// than a new one was taken before the clock was set back.
pub fn lock(db: &Connection, name: &str, token: &str, now_ms: i64, ttl_ms: u64) -> StoreResult<bool> {
    let taken: Option<i64> = db
        .prepare_cached(
            "INSERT INTO lock (name, token, until_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET token = excluded.token, until_ms = excluded.until_ms
                WHERE token = excluded.token OR until_ms <= ?4 OR until_ms > excluded.until_ms RETURNING 1",
        )?
        .query_row(params![name, token, later(now_ms, ttl_ms), now_ms], |row| row.get(0))
        .optional()?;
    Ok(taken.is_some())
}

pub fn unlock(db: &Connection, name: &str, token: &str) -> StoreResult<()> {
    db.prepare_cached("DELETE FROM lock WHERE name = ?1 AND token = ?2")?.execute([name, token])?;
    Ok(())
}

fn later(now_ms: i64, ttl_ms: u64) -> i64 {
    now_ms.saturating_add(i64::try_from(ttl_ms).unwrap_or(i64::MAX))
}
