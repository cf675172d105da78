//! Leases that depend on the life of a process, and what is cheap to know of many schools: a few commands, however many
//! schools there are. Never judges a loss, and never looks into a list. Enter at [`RedisStore::look_at_all`].

use std::collections::BTreeSet;
use std::time::Duration;

use redis::cmd;

use super::RedisStore;
use super::keys::{self, SchoolKeys};
use super::life_ms;
use crate::clock::stopwatch;
use crate::process::SchoolId;
use crate::store::{Fence, Glance, SchoolGlance, Standing, StoreResult, Word};

/// A lease that depends on a life stands this long without a renewal of its own, so that none stays for good.
pub const LEASE_KEPT_MS: u64 = 10 * 60 * 1000;

/// All schools of an instance ask for the server's epoch; the answer is kept for this long.
const EPOCH_KEPT: Duration = Duration::from_millis(500);

/// One value each.
const VALUES: [&str; 4] = ["lease", "n", "token", "beat"];

/// Lists that always stand: their owner has left something in each.
const LISTS: [&str; 7] = ["out", "wake", "promised", "names", "links", "inbox", "dead"];

impl RedisStore {
    /// `None` on a Cluster, where a command reaches the schools of one slot only: each lease has a time of its own.
    pub(super) async fn look_at_all(
        &self,
        word: &Word,
        schools: &[(SchoolId, bool)],
    ) -> StoreResult<Option<Glance>> {
        let link = self.link().await?;
        if link.is_cluster() {
            return Ok(None);
        }
        let (mut values, mut lists) = (cmd("MGET"), cmd("EXISTS"));
        let mut is_any_owned = false;
        for (school, is_owned) in schools {
            let keys = SchoolKeys::of(school);
            values.arg(&keys.many(VALUES));
            if *is_owned {
                is_any_owned = true;
                lists.arg(&keys.many(LISTS));
            }
        }
        let values = async {
            if schools.is_empty() { Ok(Vec::new()) } else { link.query::<Vec<Option<String>>>(&values).await }
        };
        let lists = async { if is_any_owned { link.query::<u64>(&lists).await } else { Ok(0) } };
        // At once: where each round trip is slow, the lease must not wait for several of them.
        let (found, evicted, values, standing) =
            tokio::try_join!(self.live(word), link.evicted(), values, lists)?;
        let mut values = values.into_iter();
        let seen = schools.iter().map(|_| {
            let [lease, place, token, beat] = std::array::from_fn(|_| values.next().flatten());
            SchoolGlance {
                lease: lease.as_deref().map(lease_of),
                place: place.and_then(|place| place.parse().ok()),
                is_marked: token.is_some() && beat.is_some(),
            }
        });
        let mut glance = Glance { found, evicted, standing, schools: seen.collect() };
        self.look_for_lives(&mut glance, word).await?;
        Ok(Some(glance))
    }

    /// One asks, and the others wait for its answer.
    pub(super) async fn known_epoch(&self) -> StoreResult<String> {
        let mut known = self.epoch.lock().await;
        if let Some((_, run)) = known.as_ref().filter(|(heard, _)| heard.elapsed() < EPOCH_KEPT) {
            return run.clone();
        }
        let run = async { self.link().await?.epoch().await }.await;
        *known = Some((stopwatch(), run.clone()));
        run
    }

    async fn live(&self, word: &Word) -> StoreResult<Option<u64>> {
        let mut call = self.scripts.life.key(keys::life(&word.life.id));
        call.arg(word.n).arg(life_ms(word.life.ms)).arg(if word.is_first { "begin" } else { "go on" });
        let found: Option<u64> = self.run(&call).await?;
        Ok(if word.is_first { Some(word.n) } else { found })
    }

    /// Which leases of others depend on a life that has ended.
    async fn look_for_lives(&self, glance: &mut Glance, word: &Word) -> StoreResult<()> {
        let leases = || glance.schools.iter().filter_map(|school| school.lease.as_ref());
        let others: BTreeSet<String> =
            leases().filter_map(|lease| lease.life.clone()).filter(|life| *life != word.life.id).collect();
        if others.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = others.iter().map(|life| keys::life(life)).collect();
        let words: Vec<Option<String>> = self.link().await?.query(cmd("MGET").arg(names)).await?;
        let ended: BTreeSet<&String> =
            others.iter().zip(words).filter(|(_, word)| word.is_none()).map(|(life, _)| life).collect();
        for lease in glance.schools.iter_mut().filter_map(|school| school.lease.as_mut()) {
            lease.lives = !lease.life.as_ref().is_some_and(|life| ended.contains(life));
        }
        Ok(())
    }

    /// The lease of a school, as it stands and as it is meant.
    pub(super) async fn standing(&self, school: &SchoolId) -> StoreResult<Option<(String, Standing)>> {
        let link = self.link().await?;
        // A lease of another type is none, see `lease.lua`.
        let mut lease = cmd("MGET");
        lease.arg(SchoolKeys::of(school).one("lease"));
        let found: Vec<Option<String>> = link.query(&lease).await?;
        let Some(text) = found.into_iter().flatten().next() else { return Ok(None) };
        let mut lease = lease_of(&text);
        if let Some(life) = &lease.life {
            lease.lives = link.query(cmd("EXISTS").arg(keys::life(life))).await?;
        }
        Ok(Some((text, lease)))
    }

    /// A lease of another owner, as it stands, if the life on which it depends has ended; else an empty text.
    pub(super) async fn ended_lease(&self, school: &SchoolId, fence: &Fence) -> StoreResult<String> {
        let ended = self.standing(school).await?.filter(|(_, lease)| lease.fence != *fence && !lease.lives);
        Ok(ended.map(|(text, _)| text).unwrap_or_default())
    }
}

fn lease_of(text: &str) -> Standing {
    let (life, fence) = text.split_once(' ').unwrap_or(("-", text));
    let life = Some(life).filter(|life| *life != "-").map(str::to_owned);
    Standing { fence: Fence(fence.to_owned()), life, lives: true }
}
