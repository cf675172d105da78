//! What the watch of a store asks Redis: the lease with the store's contents, and records that are gone. Never
//! judges a loss. Enter at [`RedisStore::lease_and_contents`].

use redis::cmd;

use super::RedisStore;
use super::keys::SchoolKeys;
use super::life_ms;
use crate::process::SchoolId;
use crate::store::body::unpack;
use crate::store::{Beat, Contents, Fence, Kinds, Lease, Plan, Record, Signs, StoreError, StoreResult, key};

/// Names of records that one call of `Store::unlist_gone` looks at.
const LOOKED_AT: usize = 500;

const LEASE_KEYS: [&str; 10] =
    ["lease", "plan", "token", "n", "out", "wake", "promised", "names", "links", "beat"];

impl RedisStore {
    /// The next names whose record is gone; they are no longer listed.
    pub(super) async fn without_record(
        &self,
        school: &SchoolId,
        after: Option<&str>,
    ) -> StoreResult<(Vec<String>, Option<String>)> {
        let keys = SchoolKeys::of(school);
        let from = after.map_or("-".to_owned(), |after| format!("({after}"));
        let mut select = cmd("ZRANGE");
        select.arg(keys.one("names")).arg(from).arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(LOOKED_AT);
        let names: Vec<String> = self.link().await?.query(&select).await?;
        let next = names.last().filter(|_| names.len() == LOOKED_AT).cloned();
        let mut call = self.scripts.unlist.key(keys.one("names"));
        for name in &names {
            call.key(keys.record(name)).arg(name);
        }
        let gone: Vec<usize> = self.run(&call).await?;
        let gone = gone.into_iter().filter_map(|place| names.get(place.checked_sub(1)?).cloned());
        Ok((gone.collect(), next))
    }

    /// Takes or renews a lease, and says what the store holds.
    pub(super) async fn lease_and_contents(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        ttl_ms: u64,
    ) -> StoreResult<(Lease, Contents)> {
        let mut call = self.scripts.lease.prepare_invoke();
        call.key(&SchoolKeys::of(school).many(LEASE_KEYS));
        call.arg(&fence.0).arg(&plan.config).arg(life_ms(ttl_ms)).arg(plan.loaded.timestamp_micros());
        call.arg(crate::secret::random_token()).arg(key::CANARY).arg(key::EPOCH).arg(key::EPOCH);
        let ours = self.beats.next();
        call.arg(ours.to_string());
        let (lease, token, counts, signs, found): (i64, String, [u64; 6], [u8; 3], String) =
            self.run(&call).await?;
        let lease = match lease {
            1 => Lease::Held,
            2 => Lease::Outdated,
            _ => Lease::Elsewhere,
        };
        let [place, orders, deliveries, wakes, records, links] = counts;
        let [in_wakes, in_records, in_links] = signs.map(|sign| sign == 1);
        let signs = Some(Signs { wakes: in_wakes, records: in_records, links: in_links });
        let kinds = Some(Kinds { orders, deliveries, wakes, records, links, signs });
        let found = Beat::read(&found);
        let left = if lease == Lease::Held { Some(ours) } else { found.clone() };
        Ok((lease, Contents { token, place, kinds, found, left }))
    }
}

/// A record as it is stored: `<version>:<body>`.
pub(super) fn record(stored: &[u8]) -> StoreResult<Record> {
    let unreadable = || StoreError::Unreadable("a record without a version".to_owned());
    let colon = stored.iter().position(|byte| *byte == b':').ok_or_else(unreadable)?;
    let version = std::str::from_utf8(&stored[..colon]).ok().and_then(|text| text.parse().ok());
    Ok(Record { version: version.ok_or_else(unreadable)?, body: unpack(&stored[colon + 1..])? })
}
