//! What is wrong with one running school, as entries of the one list of troubles. Never repairs anything and
//! never tells anybody. Enter at [`of`]; [`store`] looks at the store that all schools share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use tokio::time::Instant;

use super::lease_view::Ownership;
use super::site::Site;
use super::wheel_feed;
use crate::clock::stopwatch;
use crate::intake::item::Member;
use crate::process::At;
use crate::process::meters::{Held, Limit, SchoolMeter};
use crate::store::key;
use crate::store::{Counts, Entry, Seq, Store, StoreError, StoreResult, Weakness};
use crate::trouble::{Trouble, TroubleKind, Weight};

/// The first entry of an inbox that moves does not stay the first one for so long.
const INBOX_STANDS: TimeDelta = TimeDelta::seconds(90);

/// The first entry of an inbox that keeps up was accepted less than this before.
const INBOX_BEHIND: TimeDelta = TimeDelta::minutes(3);

/// What should not happen, a panic or a refused request, is shown for so long after the last time.
const SHOWN: TimeDelta = TimeDelta::hours(1);

/// A credential that only a person can renew is shown this long before its end.
const TOKEN_AHEAD: TimeDelta = TimeDelta::days(30);

/// What the store says of a school at rest is kept for so long.
const ASKED_KEPT: Duration = Duration::from_secs(60);

/// What earlier looks have seen; a look compares with it.
#[derive(Debug, Default)]
pub struct Earlier(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The first entry of the inbox, and since when it is the first.
    first: Option<(Seq, At)>,
    /// What should not happen: how often it did, and when that last grew.
    grown: BTreeMap<TroubleKind, (u64, At)>,
    asked: Option<Asked>,
}

/// What the store said.
#[derive(Debug, Clone)]
struct Asked {
    at: Instant,
    /// The changes that were known then.
    stirred: u64,
    held: Counts,
    found: Vec<Trouble>,
}

impl Earlier {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store of the instance: whether it answers, whether it can lose or refuse data.
pub async fn store(store: &dyn Store, now: At) -> Vec<Trouble> {
    let weak = match store.weaknesses().await {
        Ok(weak) => weak,
        Err(error) => return vec![unanswered(&error, now)],
    };
    let trouble = |weakness| match weakness {
        Weakness::NotDurable => Trouble::new(TroubleKind::StoreNotDurable, 1, "appendonly is off", now),
        Weakness::Evicts(policy) => {
            Trouble::new(TroubleKind::StoreEvicts, 1, format!("maxmemory-policy is {policy}"), now)
        }
        Weakness::KeepsErased => Trouble::new(
            TroubleKind::ErasedStay,
            1,
            "the Redis user has no right to BGREWRITEAOF or BGSAVE",
            now,
        ),
        Weakness::Full { percent } => {
            Trouble::new(TroubleKind::StoreFull, percent, format!("{percent} % of maxmemory are used"), now)
        }
    };
    weak.into_iter().map(trouble).collect()
}

/// The store does not do what was asked.
pub fn unanswered(error: &StoreError, now: At) -> Trouble {
    let kind = if error.is_refusal() { TroubleKind::StoreRefuses } else { TroubleKind::StoreUnreachable };
    Trouble::new(kind, 1, error.to_string(), now)
}

/// Everything that is wrong with the school; `answers` is false while the store is known to be away.
pub async fn of(site: &Site, answers: bool) -> Vec<Trouble> {
    let now = site.clock.now();
    let mut found = Vec::new();
    let asked = match answers {
        true => ask(site, now).await.map(Some),
        false => Ok(None),
    };
    match asked {
        Ok(Some(asked)) => {
            denied(site, &asked.held, now, &mut found);
            found.extend(asked.found);
        }
        Ok(None) => {}
        // Not of one school: the same for all.
        Err(error) => return vec![unanswered(&error, now)],
    }
    found.extend(store_lost(site, now));
    spool(site, now, &mut found).await;
    if site.lease.ownership() == Ownership::Outdated {
        let why = "another instance loaded another configuration later";
        found.push(Trouble::new(TroubleKind::ConfigurationOutdated, 1, why, now));
    }
    tokens(site, now, &mut found);
    defects(site, now, &mut found);
    unread(site, now, &mut found);
    addresses(site, now, &mut found);
    found.into_iter().map(|trouble| trouble.of(site.id())).collect()
}

/// What the store says. A school at rest, whose changes a keeper tells, is asked once a minute.
async fn ask(site: &Site, now: At) -> StoreResult<Asked> {
    let (asked, stirred) = (stopwatch(), site.tally.stirred.load(Ordering::Relaxed));
    let known =
        site.earlier.seen().asked.clone().filter(|known| {
            known.stirred == stirred && known.held.inbox == 0 && asked - known.at < ASKED_KEPT
        });
    if let Some(known) = known.filter(|_| site.is_told()) {
        return Ok(known);
    }
    let held = site.store.counts(site.id()).await?;
    let mut found = Vec::new();
    if held.dead > 0 {
        found.push(Trouble::new(TroubleKind::DeadLetters, held.dead, "see `dozvon dead list`", now));
    }
    found.extend(inbox(site, &held, now).await.unwrap_or_default());
    found.extend(canary(site, now).await.unwrap_or_default());
    found.extend(held_back(site, now).await.unwrap_or_default());
    let asked = Asked { at: asked, stirred, held, found };
    site.earlier.seen().asked = Some(asked.clone());
    Ok(asked)
}

/// Work stands until every part has started over. What the platforms know is read back beside the work.
fn store_lost(site: &Site, now: At) -> Option<Trouble> {
    let (pending, reading) = (site.store_watch.pending(), site.store_watch.reading_back());
    let lost = site.store_watch.last().and_then(|loss| loss.gone).map_or(0, |gone| gone.orders);
    let trouble = |why| Trouble::new(TroubleKind::StoreLost, lost, why, now);
    if !pending.is_empty() {
        return Some(trouble(format!("everything is read again by {}", pending.join(", "))));
    }
    let why = format!("what was lost is still being read back from {}", reading.join(", "));
    (!reading.is_empty()).then(|| Trouble { weight: Weight::Warning, ..trouble(why) })
}

/// Platforms that call an address of before, or one that is wrong: perhaps they were forgotten when the secret
/// was changed.
fn addresses(site: &Site, now: At, found: &mut Vec<Trouble>) {
    let unrouted = site.tally.unrouted.all().into_iter();
    let unrouted = unrouted.map(|seen| (TroubleKind::CallersUnrouted, seen));
    let (old, refused) = (site.tally.old_addresses.all(), site.tally.refused_by.all());
    let old = old.into_iter().map(|seen| (TroubleKind::AddressesOld, seen));
    let refused = refused.into_iter().filter(|(_, (_, last))| now - *last < SHOWN);
    let refused = refused.map(|seen| (TroubleKind::RequestsRefused, seen));
    found.extend(old.chain(refused).chain(unrouted).map(|(kind, (platform, (count, last)))| {
        let why = format!("the last one came at {}", last.to_rfc3339_opts(SecondsFormat::Secs, true));
        Trouble::new(kind, count, why, now).at(platform)
    }));
}

/// Only an owner is denied.
fn denied(site: &Site, held: &Counts, now: At, found: &mut Vec<Trouble>) {
    if site.lease.ownership() != Ownership::Owner {
        return;
    }
    // Lanes that are empty beside a full outbox have not been loaded yet.
    let waits =
        |account: &str| held.deliveries > 0 && (site.lanes().held() == 0 || site.waits_for(account) > 0);
    for (account, denial) in site.denials.all(waits) {
        let waiting = site.waits_for(&account) as u64;
        let trouble = Trouble::new(TroubleKind::AccountDenied, waiting, denial.why, now).at(&account);
        found.push(Trouble { since: denial.since, ..trouble });
    }
}

/// The first entry has been the first one for too long, or the inbox moves and is far behind.
async fn inbox(site: &Site, held: &Counts, now: At) -> StoreResult<Option<Trouble>> {
    let first = match held.inbox {
        0 => None,
        _ => site.store.inbox(site.id(), None, 1).await?.into_iter().next(),
    };
    let mut seen = site.earlier.seen();
    let before = seen.first.take();
    let Some(Entry { seq, at, .. }) = first else { return Ok(None) };
    let since = before.filter(|(known, _)| *known == seq).map_or(now, |(_, since)| since);
    seen.first = Some((seq, since));
    let late = now - at;
    Ok(if now - since >= INBOX_STANDS {
        let trouble = Trouble::new(TroubleKind::InboxStands, held.inbox, "its first entry stays", now);
        Some(Trouble { since, ..trouble })
    } else {
        let why = format!("{} minutes behind", late.num_minutes());
        (late >= INBOX_BEHIND).then(|| Trouble::new(TroubleKind::InboxBehind, held.inbox, why, now))
    })
}

/// The index has a canary that was not fired: the wheel stands.
async fn canary(site: &Site, now: At) -> StoreResult<Option<Trouble>> {
    let canary = site.store.wake_of(site.id(), &Member::Canary.to_string()).await?;
    let is_late = canary.is_some() && wheel_feed::is_dead(canary.as_ref(), now);
    Ok(is_late.then(|| Trouble::new(TroubleKind::CanaryLate, 1, "the wheel does not fire", now)))
}

/// Letters and calls that a limit held back within the last hour.
async fn held_back(site: &Site, now: At) -> StoreResult<Vec<Trouble>> {
    let stored = site.store.read(site.id(), &[key::SCHOOL_METER.to_owned()]).await?.pop().flatten();
    let meter = stored.and_then(|stored| serde_json::from_slice::<SchoolMeter>(&stored.body).ok());
    let held = meter.unwrap_or_default().held.into_iter().filter(|(_, held)| held.is_fresh(now));
    let trouble = |(limit, held): (Limit, Held)| {
        let (kind, what) = match limit {
            Limit::PaymentLink => (TroubleKind::LinkStrange, "not a host of getcourse.url or link_hosts"),
            _ => (TroubleKind::ContactsHeld, "held back by contact_limits or call_countries"),
        };
        let detail = format!("{what} since {}", held.since.format("%Y-%m-%d %H:%M"));
        let trouble = Trouble::new(kind, held.count, detail, now);
        Trouble { since: held.since, ..trouble }.at(&crate::json::name(&limit))
    };
    Ok(held.map(trouble).collect())
}

async fn spool(site: &Site, now: At, found: &mut Vec<Trouble>) {
    let Some(spool) = &site.spool else { return };
    let waiting = spool.waiting();
    if waiting > 0 {
        found.push(Trouble::new(TroubleKind::SpoolWaits, waiting, format!("{} bytes", spool.bytes()), now));
    }
    if spool.refuses() || !spool.has_room() {
        let why = "limits.spool_mb is reached, or the disk cannot be written";
        found.push(Trouble::new(TroubleKind::SpoolFull, waiting, why, now));
    }
    let damaged = spool.damaged_bytes().await;
    if damaged > 0 {
        found.push(Trouble::new(TroubleKind::SpoolDamaged, damaged, "bytes in quarantine", now));
    }
}

/// Credentials that end soon and that only a person can renew.
fn tokens(site: &Site, now: At, found: &mut Vec<Trouble>) {
    for (target, courier) in &site.outbound.couriers {
        let Some(ends) = courier.ends().filter(|ends| *ends - now < TOKEN_AHEAD) else { continue };
        let days = u64::try_from((ends - now).num_days()).unwrap_or_default();
        let detail = format!("it ends on {}", ends.format("%Y-%m-%d"));
        found.push(Trouble::new(TroubleKind::TokenEnds, days, detail, now).at(site.account(*target)));
    }
}

fn defects(site: &Site, now: At, found: &mut Vec<Trouble>) {
    let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for (kind, times, detail) in [
        (TroubleKind::PanicsCaught, site.panics(), "their places are in the log"),
        (TroubleKind::RequestsTooMany, counted(&site.tally.throttled), "answered with 429"),
        (TroubleKind::RequestsTooLarge, counted(&site.tally.oversized), "answered with 413"),
    ] {
        let mut seen = site.earlier.seen();
        let known = seen.grown.entry(kind).or_insert((0, now));
        if times > known.0 {
            *known = (times, now);
        }
        if times > 0 && now - known.1 < SHOWN {
            found.push(Trouble::new(kind, times, detail, now));
        }
    }
    let unreadable = counted(&site.tally.unreadable);
    if unreadable > 0 {
        found.push(Trouble::new(
            TroubleKind::RecordsUnreadable,
            unreadable,
            "their names are in the log",
            now,
        ));
    }
}

fn unread(site: &Site, now: At, found: &mut Vec<Trouble>) {
    for (kind, names) in [
        (TroubleKind::NamesUnread, site.tally.unread.names()),
        (TroubleKind::EventsUnknown, site.tally.unread.events()),
        (TroubleKind::FactsMissing, site.tally.unread.lacking()),
    ] {
        found.extend(names.into_iter().map(|(platform, names)| {
            Trouble::new(kind, names.len() as u64, names.join(", "), now).at(&platform)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::fake::Bench;

    /// The inbox moves: its first entry is another one each time, and an old one.
    #[tokio::test(start_paused = true)]
    async fn an_inbox_that_moves_and_is_minutes_behind_is_told_and_one_that_stands_is_another_trouble() {
        let bench = Bench::open().await;
        let look = async || {
            let found = of(&bench.site, true).await;
            let of_inbox = |kind| matches!(kind, TroubleKind::InboxBehind | TroubleKind::InboxStands);
            let one = found.into_iter().find(|trouble| of_inbox(trouble.id));
            one.map(|trouble| (trouble.id, trouble.count, trouble.detail))
        };
        for id in ["a", "b"] {
            bench.offer(id, b"{}".to_vec()).await;
        }
        assert_eq!(look().await, None);
        let first = bench.site.store.inbox(bench.site.id(), None, 1).await.expect("memory").remove(0).seq;
        bench.run_for(TimeDelta::minutes(4)).await;
        let unit = crate::store::Unit { ack: vec![first], ..Default::default() };
        bench.commit(unit).await;
        let behind = (TroubleKind::InboxBehind, 1, "4 minutes behind".to_owned());
        assert_eq!(look().await, Some(behind));
        bench.run_for(TimeDelta::minutes(2)).await;
        assert_eq!(look().await.map(|(kind, ..)| kind), Some(TroubleKind::InboxStands));
    }
}
