//! Retention: once a day, removes data that is older than its retention time. Never touches an open order,
//! and never removes an order itself: the owner's inbox does that, in sequence with all other work. Enter at
//! [`retain`].

use chrono::TimeDelta;

use super::site::Site;
use crate::intake::calls::CallRecord;
use crate::intake::item::Item;
use crate::intake::last_seen::LastSeen;
use crate::link;
use crate::process::{At, Order};
use crate::store::{CommitError, DeadLetter, DeadOp, Forget, Unit};

/// Delay after a failure.
const AGAIN_MIN: i64 = 15;
/// Requests and records checked at a time.
const PAGE: usize = 500;

/// Dead letters checked at a time: each may contain a whole request.
const LETTERS: usize = 50;

/// Runs until the bridge stops.
pub async fn retain(site: &Site) {
    let (mut stop, mut has_failed) = (site.stop.clone(), false);
    while !site.stopping() {
        let now = site.clock.now();
        let done = site.guard("retention", round(site, has_failed, now)).await;
        has_failed = !matches!(done, Ok(Ok(())));
        let again = match done {
            Ok(Ok(())) => now + TimeDelta::days(1),
            Err(_) => now + TimeDelta::minutes(AGAIN_MIN),
            Ok(Err(error)) => {
                tracing::warn!(school = %site.id(), %error, "retention failed; it is tried again later");
                now + TimeDelta::minutes(AGAIN_MIN)
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.clock.sleep_until(again) => {}
        }
    }
}

/// `has_failed`: the round before this one may have removed something.
async fn round(site: &Site, has_failed: bool, now: At) -> Result<(), CommitError> {
    let raw_before = now - TimeDelta::days(site.keep.raw_days.into());
    let mut requests = 0;
    loop {
        let gone = site.store.forget_raw(site.id(), raw_before, PAGE).await?;
        requests += gone;
        if gone as usize != PAGE {
            break;
        }
    }
    let before = now - TimeDelta::days(site.keep.ended_days.into());
    let mut is_less = letters(site, (raw_before, before), now).await? || requests > 0 || has_failed;
    let retire = |body: &[u8], _: (&str, u64), unit: &mut Unit| {
        let Ok(order) = serde_json::from_slice::<Order>(body) else { return };
        if order.end().is_some_and(|end| end.at() < before) {
            unit.append.push(Item::Retire { order: order.id, before }.to_bytes());
        }
    };
    is_less |= each(site, "order/", now, retire).await?;
    let drop = |body: &[u8], (key, expect): (&str, u64), unit: &mut Unit| {
        let Ok(call) = serde_json::from_slice::<CallRecord>(body) else { return };
        if call.wake().is_none() && call.reported_at().is_some_and(|at| at < before) {
            unit.index.push((link::call(&call.call), None));
            unit.forget.push(Forget::Record { key: key.to_owned(), expect });
        }
    };
    is_less |= each(site, "call/", now, drop).await?;
    let stranger = |body: &[u8], (key, expect): (&str, u64), unit: &mut Unit| {
        let Ok(lead) = serde_json::from_slice::<LastSeen>(body) else { return };
        if lead.asked_at().is_some_and(|at| at < before) {
            unit.forget.push(Forget::Record { key: key.to_owned(), expect });
        }
    };
    is_less |= each(site, "shadow/lead/", now, stranger).await?;
    if let Some(spool) = &site.spool {
        spool.forget_damage(raw_before).await;
    }
    if is_less {
        // Behind the orders that leave.
        site.commit(Unit { append: vec![Item::Tidy.to_bytes()], at: now, ..Unit::default() }).await?;
    }
    Ok(())
}

/// The body of a dead letter is kept as long as requests and deliveries are; its id and reason are kept as
/// long as an ended order.
async fn letters(site: &Site, (body_before, before): (At, At), now: At) -> Result<bool, CommitError> {
    let (mut after, mut is_less) = (0, false);
    loop {
        let page = site.store.letters(site.id(), after, LETTERS).await?;
        let Some((last, _)) = page.last() else { return Ok(is_less) };
        after = *last;
        let past = page.into_iter().filter_map(|(_, letter)| match letter.at {
            at if at < before => Some(DeadOp::Dig(letter.id)),
            at if at < body_before && !letter.body.is_empty() => {
                Some(DeadOp::Update(DeadLetter { body: Vec::new(), ..letter }))
            }
            _ => None,
        });
        let unit = Unit { dead: past.collect(), at: now, ..Unit::default() };
        if !unit.dead.is_empty() {
            site.commit(unit).await?;
            is_less = true;
        }
    }
}

/// Calls `look` for every record with this prefix and commits the unit that it fills. Whether there was any.
async fn each(
    site: &Site,
    prefix: &str,
    now: At,
    look: impl Fn(&[u8], (&str, u64), &mut Unit),
) -> Result<bool, CommitError> {
    let (mut after, mut is_less): (Option<String>, _) = (None, false);
    loop {
        let page = site.store.scan(site.id(), prefix, after.as_deref(), PAGE).await?;
        let mut unit = Unit { at: now, ..Unit::default() };
        for (key, record) in &page {
            look(&record.body, (key, record.version), &mut unit);
        }
        if !unit.append.is_empty() || !unit.forget.is_empty() {
            site.commit(unit).await?;
            is_less = true;
        }
        match page.into_iter().last() {
            Some((last, _)) => after = Some(last),
            None => return Ok(is_less),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::key;
    use crate::worker::fake::Bench;

    /// The store has removed something and its answer was lost, so the next try finds nothing to remove.
    #[tokio::test(start_paused = true)]
    async fn what_a_try_that_failed_has_removed_leaves_the_files_too() {
        for is_past in [true, false] {
            let mut bench = Bench::open().await;
            bench.work().await;
            let site = bench.site.clone();
            let at = site.clock.now() - TimeDelta::days(if is_past { 400 } else { 1 });
            let (id, why, body) = ("out-gc-1.1".to_owned(), "no answer".to_owned(), b"{}".to_vec());
            let bury = vec![DeadOp::Bury(DeadLetter { id, at, why, order: None, body, folded: 0 })];
            bench.commit(Unit { dead: bury, ..Unit::default() }).await;
            bench.store.lose_next_answer();
            let retaining = tokio::spawn(async move { retain(&site).await });
            bench.run_for(TimeDelta::minutes(2 * AGAIN_MIN)).await;
            retaining.abort();
            let found =
                bench.site.store.read(bench.site.id(), &[key::WIPE.to_owned()]).await.expect("memory");
            assert_eq!(found[0].is_some(), is_past);
        }
    }
}
