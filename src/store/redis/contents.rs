//! What the watch of a store asks Redis: the lease with the store's contents, and records that are gone. Never
//! judges a loss. Enter at [`RedisStore::lease_and_contents`].

use std::sync::PoisonError;
use std::time::Duration;

use redis::cmd;

use super::RedisStore;
use super::glance::LEASE_KEPT_MS;
use super::keys::SchoolKeys;
use super::life_ms;
use crate::process::{CommandId, SchoolId};
use crate::store::body::{parse, unpack};
use crate::store::{
    Beat, Contents, Delivery, Fence, Kinds, Lease, LookFrom, Plan, Record, Signs, StoreError, StoreResult,
    Term, Unlisted, key,
};

/// Names of records, and deliveries, that one call of `Store::unlist_gone` looks at.
const LOOKED_AT: usize = 500;

/// Keys that one step of [`RedisStore::list_again`] looks at: less than a millisecond of the server.
const SCANNED: usize = 1_000;

/// Between two steps: others use the server, too.
const SCAN_PAUSE: Duration = Duration::from_millis(4);

/// A hundred million keys.
const STEPS_MAX: usize = 100_000;

const LEASE_KEYS: [&str; 14] = [
    "lease", "plan", "token", "n", "out", "wake", "promised", "names", "links", "beat", "inbox", "dead",
    "raw", "items",
];

/// What `lease.lua` says: whether it is held, the token, counts, signs and the beat that was found.
type Said = (i64, String, [u64; 7], [u8; 7], String);

/// Another owner is alive.
const ELSEWHERE: i64 = 0;

impl RedisStore {
    /// The next names whose record is gone, and the next deliveries whose body is: they are no longer listed.
    pub(super) async fn listed_and_gone(&self, school: &SchoolId, from: &LookFrom) -> StoreResult<Unlisted> {
        let keys = SchoolKeys::of(school);
        let after = from.name.as_ref().map_or("-".to_owned(), |after| format!("({after}"));
        let mut select = cmd("ZRANGE");
        select.arg(keys.one("names")).arg(after).arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(LOOKED_AT);
        let names: Vec<String> = self.link().await?.query(&select).await?;
        let mut select = cmd("ZRANGE");
        select.arg(keys.one("out")).arg(format!("({}", from.place)).arg("+inf").arg("BYSCORE");
        select.arg("LIMIT").arg(0).arg(LOOKED_AT).arg("WITHSCORES");
        let places: Vec<(String, u64)> = self.link().await?.query(&select).await?;
        let ids: Vec<String> = places.iter().map(|(id, _)| id.clone()).collect();
        let next = LookFrom {
            name: names.last().filter(|_| names.len() == LOOKED_AT).cloned(),
            place: places.last().filter(|_| places.len() == LOOKED_AT).map_or(0, |(_, place)| *place),
        };
        let mut records = self.unlisted(&keys.one("names"), &names, |name| keys.record(name)).await?;
        records.extend(self.take_written_again(school));
        let gone = self.unlisted(&keys.one("out"), &ids, |id| keys.delivery(id)).await?;
        let deliveries = gone.iter().map(|id| id.as_str().into()).collect();
        Ok(Unlisted { records, deliveries, next })
    }

    /// Lists all records that stand. Looks at every key of the server, in small steps with pauses, so it is for the time
    /// after a loss.
    pub(super) async fn list_again(&self, school: &SchoolId) -> StoreResult<()> {
        let keys = SchoolKeys::of(school);
        let mut cursor = "0".to_owned();
        for _ in 0..STEPS_MAX {
            let mut call = self.scripts.relist.key(keys.one("names"));
            cursor = self.run(call.arg(&cursor).arg(keys.record("")).arg(SCANNED)).await?;
            if cursor == "0" {
                return Ok(());
            }
            tokio::time::sleep(SCAN_PAUSE).await;
        }
        tracing::warn!(%school, keys = STEPS_MAX * SCANNED, "Redis has more keys than are looked at");
        Ok(())
    }

    /// Takes out of a list those whose own key is gone.
    async fn unlisted(
        &self,
        list: &str,
        listed: &[String],
        key_of: impl Fn(&str) -> String,
    ) -> StoreResult<Vec<String>> {
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.scripts.unlist.key(list);
        for one in listed {
            call.key(key_of(one)).arg(one);
        }
        let gone: Vec<usize> = self.run(&call).await?;
        Ok(gone.into_iter().filter_map(|place| listed.get(place.checked_sub(1)?).cloned()).collect())
    }

    /// A commit has written these records as new ones, and their names were listed: they had been lost.
    pub(super) fn note_written_again(&self, school: &SchoolId, names: &[String]) {
        if !names.is_empty() {
            let mut all = self.written_again.lock().unwrap_or_else(PoisonError::into_inner);
            let known = all.entry(school.clone()).or_default();
            known.extend(names.iter().take(LOOKED_AT.saturating_sub(known.len())).cloned());
        }
    }

    fn take_written_again(&self, school: &SchoolId) -> Vec<String> {
        self.written_again.lock().unwrap_or_else(PoisonError::into_inner).remove(school).unwrap_or_default()
    }

    /// Deliveries by id, also those that are in no list.
    pub(super) async fn pending_of(
        &self,
        school: &SchoolId,
        ids: &[CommandId],
    ) -> StoreResult<Vec<Option<Delivery>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = SchoolKeys::of(school);
        let names: Vec<_> = ids.iter().map(|id| keys.delivery(id.as_str())).collect();
        let mut scores = cmd("ZMSCORE");
        scores.arg(keys.one("out"));
        for id in ids {
            scores.arg(id.as_str());
        }
        // Bodies last: one that is settled between the two is not pending.
        let places: Vec<Option<u64>> = self.link().await?.query(&scores).await?;
        let bodies = self.values(&names).await?;
        let found = bodies.into_iter().zip(places);
        found.map(|(body, place)| body.map(|body| delivery(place.unwrap_or(0), &body)).transpose()).collect()
    }

    /// Takes or renews a lease, and says what the store holds.
    pub(super) async fn lease_and_contents(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        term: &Term,
    ) -> StoreResult<(Lease, Contents)> {
        let (mut said, mut left) = self.take(school, fence, plan, term, "").await?;
        if said.0 == ELSEWHERE {
            let ended = self.ended_lease(school, fence).await?;
            if !ended.is_empty() {
                (said, left) = self.take(school, fence, plan, term, &ended).await?;
            }
        }
        let (lease, token, counts, signs, found) = said;
        let lease = match lease {
            1 => Lease::Held,
            2 => Lease::Outdated,
            _ => Lease::Elsewhere,
        };
        let [place, orders, deliveries, wakes, records, links, dead] = counts;
        let signs = Some(signs_of(signs.map(|sign| sign == 1)));
        let kinds = Some(Kinds { orders, deliveries, wakes, records, links, dead, signs });
        let found = Beat::read(&found);
        let left = if lease == Lease::Held { Some(left) } else { found.clone() };
        Ok((lease, Contents { token, place, kinds, found, left }))
    }

    /// One run of the script: what it says, and the beat that it leaves if the lease is held. `ended` is a lease whose life
    /// has ended.
    async fn take(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        term: &Term,
        ended: &str,
    ) -> StoreResult<(Said, Beat)> {
        let mut call = self.scripts.lease.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(LEASE_KEYS));
        let (ms, life) = match term {
            Term::Ms(ms) => (life_ms(*ms), ""),
            Term::Life(life) => (LEASE_KEPT_MS, &*life.id),
        };
        call.arg(&fence.0).arg(&plan.config).arg(ms).arg(plan.loaded.timestamp_micros());
        call.arg(crate::secret::random_token()).arg(key::CANARY).arg(key::EPOCH).arg(key::EPOCH);
        let left = self.beats.next();
        call.arg(&left.by).arg(left.n).arg(life).arg(ended);
        Ok((self.run(&call).await?, left))
    }
}

fn signs_of([wakes, records, links, promised, inbox, out, dead]: [bool; 7]) -> Signs {
    Signs { wakes, records, links, promised, inbox, out, dead }
}

/// A delivery as it is stored: the first byte is for the scripts, whether it may be revoked.
pub(super) fn delivery(seq: u64, stored: &[u8]) -> StoreResult<Delivery> {
    Ok(Delivery { seq, ..parse(&unpack(stored.get(1..).unwrap_or_default())?)? })
}

/// A record as it is stored: `<version>:<body>`.
pub(super) fn record(stored: &[u8]) -> StoreResult<Record> {
    let unreadable = || StoreError::Unreadable("a record without a version".to_owned());
    let colon = stored.iter().position(|byte| *byte == b':').ok_or_else(unreadable)?;
    let version = std::str::from_utf8(&stored[..colon]).ok().and_then(|text| text.parse().ok());
    Ok(Record { version: version.ok_or_else(unreadable)?, body: unpack(&stored[colon + 1..])? })
}
