//! The store in Redis 7 or later, single or Cluster: one Lua script per operation. Never changes a school
//! outside of a script, and never leaves a key of a school without its hash tag. Enter at
//! [`RedisStore::connect`]; `keys` names the keys, `link` holds the connections, `unit` is the commit.

mod address;
mod contents;
mod glance;
mod group;
mod info;
mod keys;
mod link;
mod reach;
mod scripts;
mod unit;
mod wipe;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::DateTime;
use redis::{FromRedisValue, ScriptInvocation, cmd};
use tokio::time::Instant;

use crate::process::{At, CommandId, OrderId, SchoolId};
use crate::request::IdempotencyKey;
use crate::store::beat::Beats;
use crate::store::body::{letter_or_damaged, pack, parse, unpack, unpack_or_as_is};
use crate::store::{
    Accepted, BATCH_MAX, CommitError, Contents, Counts, DeadLetter, Delivery, Entry, Fence, Glance,
    INBOX_BYTES_MAX, JOURNAL_MAX, JournalEntry, LAST_KEPT_S, Lease, LookFrom, OFFER_KEPT_S, Offer, Places,
    Plan, Rate, Record, Seq, Store, StoreError, StoreResult, Term, Unit, Unlisted, Wake, Weakness, Wiped,
    Wiping, Word,
};
pub use address::Address;
use contents::record;
use group::{Common, Group, Share};
use keys::SchoolKeys;
use link::{ConnectError, Link};
use reach::Reach;
use scripts::Scripts;

/// Redis refuses expiry times beyond its own clock; nothing here lives longer than this.
const LIFE_MS_MAX: u64 = 10 * 365 * 24 * 3600 * 1000;

/// The counter of places, where an entry is written, and whatever else shows that the store is not new.
const ACCEPTED: [&str; 7] = ["n", "inbox", "raw", "items", "out", "dead", "token"];

/// A list of names with their scores, from `WITHSCORES`.
type Scored = Vec<(String, u64)>;

/// The store port over Redis.
pub struct RedisStore {
    reach: Reach,
    /// The epoch of the server, and when it was last asked for.
    epoch: tokio::sync::Mutex<Option<(Instant, StoreResult<String>)>>,
    scripts: Scripts,
    beats: Beats,
    /// Records that were lost and have been written again, by school, until they are told.
    written_again: Mutex<BTreeMap<SchoolId, Vec<String>>>,
}

impl RedisStore {
    /// Connects to `redis://[user:password@]host:port[/db]`, to a Cluster by some of its nodes,
    /// `redis+cluster://[user:password@]host:port,host:port`, or to the master of a service that Sentinels watch,
    /// `redis+sentinel://[user:password@]host:port,host:port/service[/db]`; `rediss…` is TLS. Refuses servers before
    /// 7.0.
    ///
    /// If the server goes away later, calls return `Unreachable` within about two seconds, and succeed again
    /// when it is back.
    pub async fn connect(url: &str) -> StoreResult<Self> {
        let store = Self::new(url);
        store.reach.hold(Link::connect(url).await?);
        Ok(store)
    }

    /// The same, but also accepts a server that does not answer yet: until it does, calls return
    /// `Unreachable`.
    pub async fn open(url: &str) -> StoreResult<Self> {
        let store = Self::new(url);
        match Link::connect(url).await {
            Ok(link) => drop(store.reach.hold(link)),
            Err(ConnectError::Away(error)) => {
                tracing::warn!(%error, "Redis is away: the bridge waits for it, requests go to the spool meanwhile");
                store.reach.missed(error);
            }
            Err(ConnectError::Unfit(error)) => return Err(error),
        }
        Ok(store)
    }

    fn new(url: &str) -> Self {
        Self {
            reach: Reach::new(url),
            epoch: tokio::sync::Mutex::default(),
            scripts: Scripts::new(),
            beats: Beats::default(),
            written_again: Mutex::default(),
        }
    }

    async fn link(&self) -> StoreResult<Arc<Link>> {
        self.reach.link().await
    }

    async fn take_in(&self, school: &SchoolId, offer: &Offer) -> StoreResult<Accepted> {
        let Offer { id, key, at, raw } = offer;
        let keys = SchoolKeys::of(school);
        // If the idempotency key lives at least as long as the offer id, one key is enough.
        let lives_long = matches!(key, IdempotencyKey::Unique { keep_s, .. } if *keep_s >= OFFER_KEPT_S);
        let (way, seen, digest, life) = match key {
            IdempotencyKey::Unique { key, keep_s } => {
                ("unique", keys.seen("unique", key), String::new(), life_ms(keep_s.saturating_mul(1000)))
            }
            IdempotencyKey::SameAsLast { slot, digest } => {
                ("last", keys.seen("last", slot), keys::short_hash("digest", digest), LAST_KEPT_S * 1000)
            }
            IdempotencyKey::Always => ("always", keys.one("n"), String::new(), 0),
        };
        let (own, own_life) = match lives_long {
            true => (keys.one("n"), 0),
            false => (keys.seen("offer", id), OFFER_KEPT_S * 1000),
        };
        let mut share = Share::default();
        share.key(seen).key(own).arg(way).arg(digest).arg(life).arg(own_life);
        share.arg(at.timestamp_micros()).arg(pack(raw));
        let common = || Common { keys: keys.many(ACCEPTED).into(), args: Vec::new() };
        let is_new: bool = self.grouped(&self.scripts.accept, school, common, share).await?;
        Ok(if is_new { Accepted::New } else { Accepted::Repeat })
    }

    async fn grouped<T: FromRedisValue>(
        &self,
        group: &Group,
        school: &SchoolId,
        common: impl FnOnce() -> Common,
        share: Share,
    ) -> StoreResult<T> {
        let answer = group.run(self.link().await?, school, common, share).await?;
        redis::from_redis_value(answer)
            .map_err(|_| StoreError::Unreadable("an answer of a script".to_owned()))
    }

    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> StoreResult<T> {
        self.link().await?.invoke(call).await
    }

    /// Values by key, in one command; without keys no command is sent.
    async fn values(&self, keys: &[String]) -> StoreResult<Vec<Option<Vec<u8>>>> {
        if keys.is_empty() { Ok(Vec::new()) } else { self.link().await?.query(cmd("MGET").arg(keys)).await }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn offer(&self, school: &SchoolId, offer: &Offer) -> StoreResult<Accepted> {
        self.take_in(school, offer).await
    }

    async fn epoch(&self) -> StoreResult<Option<String>> {
        self.known_epoch().await.map(Some)
    }

    async fn append(&self, school: &SchoolId, body: &[u8], at: At) -> StoreResult<()> {
        let mut call = self.scripts.append.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(ACCEPTED));
        self.run(call.arg(at.timestamp_micros()).arg(pack(body))).await
    }

    async fn inbox(&self, school: &SchoolId, after: Option<Seq>, max: usize) -> StoreResult<Vec<Entry>> {
        let mut call = self.scripts.inbox.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(["inbox", "raw", "items"]));
        call.arg(after.map_or(0, |seq| seq.0)).arg(max.min(BATCH_MAX)).arg(INBOX_BYTES_MAX);
        let rows: Vec<(u64, String, i64, Vec<u8>)> = self.run(&call).await?;
        rows.into_iter()
            .map(|(seq, kind, at_us, body)| {
                let body = if kind.is_empty() { Vec::new() } else { unpack_or_as_is(&body) };
                let at = DateTime::from_timestamp_micros(at_us)
                    .ok_or_else(|| StoreError::Unreadable("a time out of range".to_owned()))?;
                Ok(Entry { seq: Seq(seq), at, body })
            })
            .collect()
    }

    async fn read(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<Record>>> {
        let school = SchoolKeys::of(school);
        let keys: Vec<_> = keys.iter().map(|key| school.record(key)).collect();
        let stored = self.values(&keys).await?;
        stored.into_iter().map(|stored| stored.map(|stored| record(&stored)).transpose()).collect()
    }

    async fn find(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<String>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.link().await?.query(cmd("HMGET").arg(SchoolKeys::of(school).one("links")).arg(keys)).await
    }

    /// Names first, then their records: a record that changes between the two is read as changed.
    async fn scan(
        &self,
        school: &SchoolId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> StoreResult<Vec<(String, Record)>> {
        let keys = SchoolKeys::of(school);
        let from = match after {
            Some(after) if after >= prefix => format!("({after}"),
            _ => format!("[{prefix}"),
        };
        // No text contains the byte 255, so this is after every key with the prefix.
        let to = [b"(", prefix.as_bytes(), &[0xff]].concat();
        let mut select = cmd("ZRANGE");
        select
            .arg(keys.one("names"))
            .arg(from)
            .arg(to)
            .arg("BYLEX")
            .arg("LIMIT")
            .arg(0)
            .arg(max.min(BATCH_MAX));
        let names: Vec<String> = self.link().await?.query(&select).await?;
        let stored = self.values(&names.iter().map(|name| keys.record(name)).collect::<Vec<_>>()).await?;
        let found = names.into_iter().zip(stored).filter_map(|(name, stored)| Some((name, stored?)));
        let damaged = |stored| Record { version: 0, body: stored };
        Ok(found.map(|(name, stored)| (name, record(&stored).unwrap_or_else(|_| damaged(stored)))).collect())
    }

    async fn commit(&self, school: &SchoolId, fence: &Fence, unit: Unit) -> Result<Places, CommitError> {
        let (rows, keys) = (unit.deliveries.len(), SchoolKeys::of(school));
        let common = || Common {
            keys: keys.many(unit::FIXED).into(),
            args: vec![JOURNAL_MAX.to_string().into_bytes()],
        };
        let share = unit::share(&keys, fence, &unit);
        let answer: Vec<String> = self.grouped(&self.scripts.commit, school, common, share).await?;
        match answer.first().map(String::as_str) {
            Some("ok") => {
                let (places, again) = answer[1..].split_at(rows.min(answer.len() - 1));
                self.note_written_again(school, again);
                // An empty text parses to no place.
                Ok(places.iter().map(|place| place.parse().ok()).collect())
            }
            Some("fenced") => Err(CommitError::Fenced),
            Some("conflict") => Err(CommitError::Conflict(answer.into_iter().nth(1).unwrap_or_default())),
            Some("unreadable") => {
                Err(StoreError::Unreadable(answer.into_iter().nth(1).unwrap_or_default()).into())
            }
            _ => Err(StoreError::Unreadable("an answer of the commit script".to_owned()).into()),
        }
    }

    async fn wakes(&self, school: &SchoolId, until_ms: i64, max: usize) -> StoreResult<Vec<Wake>> {
        let mut call = self.scripts.wakes.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(["promised", "wake"])).arg(until_ms).arg(max.min(BATCH_MAX));
        let (promised, usual): (Vec<(String, i64)>, Vec<(String, i64)>) = self.run(&call).await?;
        let promised = promised.into_iter().map(|(member, at_ms)| Wake { member, at_ms, promised: true });
        let usual = usual.into_iter().map(|(member, at_ms)| Wake { member, at_ms, promised: false });
        Ok(promised.chain(usual).collect())
    }

    async fn wake_of(&self, school: &SchoolId, member: &str) -> StoreResult<Option<Wake>> {
        let mut call = self.scripts.wake_of.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(["promised", "wake"])).arg(member);
        let (promised, usual): (Option<i64>, Option<i64>) = self.run(&call).await?;
        let at_ms = promised.or(usual);
        Ok(at_ms.map(|at_ms| Wake { member: member.to_owned(), at_ms, promised: promised.is_some() }))
    }

    async fn next_wake(&self, school: &SchoolId) -> StoreResult<Option<Wake>> {
        let mut call = self.scripts.next_wake.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(["promised", "wake"]));
        let (promised, usual): (Vec<(String, i64)>, Vec<(String, i64)>) = self.run(&call).await?;
        let promised = promised.into_iter().map(|(member, at_ms)| Wake { member, at_ms, promised: true });
        let usual = usual.into_iter().map(|(member, at_ms)| Wake { member, at_ms, promised: false });
        Ok(promised.chain(usual).min_by_key(|wake| wake.at_ms))
    }

    /// Places first, then bodies: a delivery that is settled between the two is left out.
    async fn deliveries(&self, school: &SchoolId, after: u64, max: usize) -> StoreResult<Vec<Delivery>> {
        let keys = SchoolKeys::of(school);
        let mut select = cmd("ZRANGE");
        select.arg(keys.one("out")).arg(format!("({after}")).arg("+inf").arg("BYSCORE");
        select.arg("LIMIT").arg(0).arg(max.min(BATCH_MAX)).arg("WITHSCORES");
        let places: Scored = self.link().await?.query(&select).await?;
        let names: Vec<_> = places.iter().map(|(id, _)| keys.delivery(id)).collect();
        let bodies = self.values(&names).await?;
        let found = places.into_iter().zip(bodies).filter_map(|((_, seq), body)| Some((seq, body?)));
        found.map(|(seq, stored)| contents::delivery(seq, &stored)).collect()
    }

    async fn unreadable(&self, school: &SchoolId) -> StoreResult<Vec<(CommandId, Vec<u8>)>> {
        let keys = SchoolKeys::of(school);
        let mut select = cmd("ZRANGE");
        select.arg(keys.one("out")).arg(0).arg(-1);
        let ids: Vec<String> = self.link().await?.query(&select).await?;
        let mut found = Vec::new();
        for page in ids.chunks(BATCH_MAX) {
            let names: Vec<_> = page.iter().map(|id| keys.delivery(id)).collect();
            for (id, stored) in page.iter().zip(self.values(&names).await?) {
                let body = stored.map(|stored| unpack_or_as_is(stored.get(1..).unwrap_or_default()));
                found.extend(
                    body.filter(|body| parse::<Delivery>(body).is_err())
                        .map(|body| (id.as_str().into(), body)),
                );
            }
        }
        Ok(found)
    }

    async fn journal(
        &self,
        school: &SchoolId,
        order: &OrderId,
        max: usize,
    ) -> StoreResult<Vec<JournalEntry>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let from = -(max.min(JOURNAL_MAX) as i64);
        let mut range = cmd("LRANGE");
        range.arg(SchoolKeys::of(school).journal(&order.to_string())).arg(from).arg(-1);
        let stored: Vec<Vec<u8>> = self.link().await?.query(&range).await?;
        stored.iter().map(|body| parse(&unpack(body)?)).collect()
    }

    async fn raw(&self, school: &SchoolId, seq: &Seq) -> StoreResult<Option<Vec<u8>>> {
        let mut range = cmd("XRANGE");
        range.arg(SchoolKeys::of(school).one("raw")).arg(seq.0).arg(seq.0);
        let found: Vec<(String, (String, i64, String, Vec<u8>))> = self.link().await?.query(&range).await?;
        found.first().map(|(_, (_, _, _, body))| unpack(body)).transpose()
    }

    async fn raws(
        &self,
        school: &SchoolId,
        after: Option<Seq>,
        max: usize,
    ) -> StoreResult<Vec<(Seq, Vec<u8>)>> {
        let from = after.map_or("-".to_owned(), |seq| format!("({}-0", seq.0));
        let mut range = cmd("XRANGE");
        range.arg(SchoolKeys::of(school).one("raw")).arg(from).arg("+").arg("COUNT").arg(max.min(BATCH_MAX));
        let found: Vec<(String, (String, i64, String, Vec<u8>))> = self.link().await?.query(&range).await?;
        found
            .iter()
            .map(|(id, (_, _, _, body))| {
                let seq = id.split('-').next().and_then(|seq| seq.parse().ok());
                let seq = seq.ok_or_else(|| StoreError::Unreadable("a place of a request".to_owned()))?;
                Ok((Seq(seq), unpack_or_as_is(body)))
            })
            .collect()
    }

    async fn dead(&self, school: &SchoolId, max: usize) -> StoreResult<Vec<DeadLetter>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let keys = SchoolKeys::of(school);
        let mut select = cmd("ZRANGE");
        select.arg(keys.one("dead")).arg(0).arg(max.min(BATCH_MAX) - 1).arg("REV");
        let ids: Vec<String> = self.link().await?.query(&select).await?;
        let names: Vec<_> = ids.iter().map(|id| keys.letter(id)).collect();
        let found = ids.iter().zip(self.values(&names).await?);
        Ok(found.filter_map(|(id, stored)| Some(letter_or_damaged(id, &stored?))).collect())
    }

    /// Places first, then letters: one that is removed between the two is left out.
    async fn letters(
        &self,
        school: &SchoolId,
        after: u64,
        max: usize,
    ) -> StoreResult<Vec<(u64, DeadLetter)>> {
        let keys = SchoolKeys::of(school);
        let mut select = cmd("ZRANGE");
        select.arg(keys.one("dead")).arg(format!("({after}")).arg("+inf").arg("BYSCORE");
        select.arg("LIMIT").arg(0).arg(max.min(BATCH_MAX)).arg("WITHSCORES");
        let places: Scored = self.link().await?.query(&select).await?;
        let names: Vec<_> = places.iter().map(|(id, _)| keys.letter(id)).collect();
        let found = places.into_iter().zip(self.values(&names).await?);
        Ok(found
            .filter_map(|((id, place), stored)| Some((place, letter_or_damaged(&id, &stored?))))
            .collect())
    }

    async fn letter(&self, school: &SchoolId, id: &str) -> StoreResult<Option<DeadLetter>> {
        let stored = self.values(&[SchoolKeys::of(school).letter(id)]).await?.pop().flatten();
        Ok(stored.map(|stored| letter_or_damaged(id, &stored)))
    }

    async fn counts(&self, school: &SchoolId) -> StoreResult<Counts> {
        let mut call = self.scripts.counts.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(["inbox", "out", "promised", "wake", "dead", "raw"]));
        let (inbox, deliveries, wakes, dead, raw) = self.run(&call).await?;
        Ok(Counts { inbox, deliveries, wakes, dead, raw })
    }

    async fn unlist_gone(&self, school: &SchoolId, from: &LookFrom) -> StoreResult<Unlisted> {
        self.listed_and_gone(school, from).await
    }

    async fn relist(&self, school: &SchoolId) -> StoreResult<()> {
        self.list_again(school).await
    }

    async fn pending(&self, school: &SchoolId, ids: &[CommandId]) -> StoreResult<Vec<Option<Delivery>>> {
        self.pending_of(school, ids).await
    }

    async fn renew(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        term: &Term,
    ) -> StoreResult<(Lease, Contents)> {
        self.lease_and_contents(school, fence, plan, term).await
    }

    async fn glance(&self, word: &Word, schools: &[(SchoolId, bool)]) -> StoreResult<Option<Glance>> {
        self.look_at_all(word, schools).await
    }

    async fn release(&self, school: &SchoolId, fence: &Fence) -> StoreResult<()> {
        self.run(self.scripts.release.key(SchoolKeys::of(school).one("lease")).arg(&fence.0)).await
    }

    async fn is_owned(&self, school: &SchoolId) -> StoreResult<bool> {
        Ok(self.standing(school).await?.is_some_and(|(_, lease)| lease.lives))
    }

    async fn ring(&self, school: &SchoolId) -> StoreResult<()> {
        self.link().await?.query(cmd("PUBLISH").arg(keys::BELL).arg(school.as_str())).await
    }

    async fn listen(&self, heard: &(dyn Fn(SchoolId) + Send + Sync)) -> StoreResult<()> {
        self.link().await?.listen(keys::BELL, &|name| heard(SchoolId(name))).await
    }

    async fn budget(&self, account: &str, rate: Rate, now_ms: Option<i64>) -> StoreResult<u64> {
        let interval = rate.interval_ms();
        let burst = f64::from(rate.burst.max(1) - 1) * interval;
        let mut call = self.scripts.budget.key(keys::budget(account));
        call.arg(interval).arg(burst).arg(rate.ahead_ms_max());
        self.run(call.arg(now_ms.map_or(String::new(), |now| now.to_string()))).await
    }

    async fn secret(&self, name: &str) -> StoreResult<Option<Vec<u8>>> {
        self.link().await?.query(cmd("GET").arg(keys::secret(name))).await
    }

    async fn swap_secret(&self, name: &str, old: Option<&[u8]>, new: &[u8]) -> StoreResult<bool> {
        let mut call = self.scripts.swap_secret.key(keys::secret(name));
        self.run(call.arg(new).arg(old)).await
    }

    async fn lock(&self, name: &str, token: &str, ttl_ms: u64) -> StoreResult<bool> {
        // Redis refuses an expiry of zero; the shortest one does as well.
        let life = life_ms(ttl_ms).max(1);
        self.run(self.scripts.lock.key(keys::lock(name)).arg(token).arg(life)).await
    }

    async fn unlock(&self, name: &str, token: &str) -> StoreResult<()> {
        self.run(self.scripts.unlock.key(keys::lock(name)).arg(token)).await
    }

    async fn forget_raw(&self, school: &SchoolId, before: At, max: usize) -> StoreResult<u64> {
        let mut call = self.scripts.forget_raw.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(["raw", "inbox"]));
        self.run(call.arg(before.timestamp_micros()).arg(max.min(BATCH_MAX))).await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.link().await?.query::<String>(&cmd("PING")).await.map(|_| ())
    }

    async fn wipe(&self, school: &SchoolId, what: Wiping) -> StoreResult<Wiped> {
        self.wipe_what_is_deleted(school, what).await
    }

    async fn weaknesses(&self) -> StoreResult<Vec<Weakness>> {
        let mut found = self.link().await?.weaknesses().await?;
        found.extend(self.keeps_erased().await?.then_some(Weakness::KeepsErased));
        Ok(found)
    }
}

fn life_ms(ms: u64) -> u64 {
    ms.min(LIFE_MS_MAX)
}
