//! The results of a run, counted from the store and the sandbox. It never repairs anything, and reads the
//! store only after the bridge has stopped. Enter at [`count`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::kills::{Deeds, Fates};
use super::names::Names;
use super::operator::{has_come, is_in_doubt};
use super::player::Taken;
use super::scene::Scene;
use super::scripts::{Ending, Material, Script};
use crate::intake::envelope::Envelope;
use crate::process::{Client, End, Order, OrderId, SchoolId};
use crate::sandbox::World;
use crate::sandbox::wire::phone_key;
use crate::store::key;
use crate::store::{Seq, Store, StoreResult, Wake};

/// Rules that the demo's school does not need: it starts no calls itself, and nobody makes a lead by hand.
// Q3: nobody of the scripts types a fake number yet. Q4: everybody orders with his user's id, and nobody who was on the
// line before does.
const NOT_PLAYED: [&str; 4] = ["D9", "G9", "Q3", "Q4"];

/// The rules that the scripts have to prove: all of the table but those.
pub fn rules_played() -> impl Iterator<Item = &'static str> {
    crate::process::rules().into_iter().filter(|rule| !NOT_PLAYED.contains(rule))
}

/// This share of the kills has to interrupt a delivery, per cent.
const IN_FLIGHT_PERCENT: u64 = 80;
/// After a kill, and after Redis is back, work continues within this, real milliseconds.
const RESUMED_MS_MAX: u64 = 5_000;
const REDIS_RESUMED_MS_MAX: u64 = 3_000;

/// The facts of a run, as `--json` writes them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// Orders of the scripts that are in the store.
    pub orders: usize,
    /// Requests that the store holds as accepted.
    pub accepted: usize,
    /// Requests that were acknowledged but whose content is not in the store, entries that were never or
    /// could not be processed, orders that the store does not know.
    pub lost: usize,
    /// Entities in the sandbox that exist twice by their natural key.
    pub doubled_creates: usize,
    pub open_without_next_step: usize,
    pub watchdog_repairs: u64,
    /// Orders whose end in the store differs from the script's.
    pub unexpected_ends: usize,
    /// Rules whose expectations all held in the sandbox.
    pub rules_met: Vec<String>,
    /// Rules that no expectation proved, or that one contradicted.
    pub rules_missed: Vec<String>,
    /// Requests of the bridge that the stand-ins answered, letters not counted.
    pub requests: u64,
    /// Of these: 429, 5xx, or broken off after they succeeded.
    pub faults: u64,
    /// Number of times that the bridge was killed.
    pub kills: u64,
    /// Of these: while a delivery was on its way.
    pub kills_in_flight: u64,
    /// The longest time from a kill until work was done again, real milliseconds.
    pub resumed_ms_max: u64,
    /// Number of times that Redis was killed.
    pub redis_kills: u64,
    /// The longest time from Redis's return until work was done again, real milliseconds.
    pub redis_resumed_ms_max: u64,
    /// Letters shown to a person because of a kill that left it open whether they had been sent; all of them
    /// have arrived.
    pub letters_in_doubt: usize,
    /// Letters that a person looked for, did not find and had sent again.
    pub letters_repeated: u64,
    /// Requested kills that found no moment, or from which recovery took too long.
    pub kills_missed: u64,
    /// Everything that is wrong, in words.
    pub troubles: Vec<String>,
}

impl Facts {
    /// Whether the run was faultless.
    pub fn well(&self) -> bool {
        self.lost == 0
            && self.doubled_creates == 0
            && self.open_without_next_step == 0
            && self.watchdog_repairs == 0
            && self.unexpected_ends == 0
            && self.rules_missed.is_empty()
            && self.kills_missed == 0
    }
}

/// The requested kills, and their results.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub fates: Fates,
    pub deeds: Deeds,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub number: String,
    pub client: String,
    pub end: String,
    pub expected: bool,
    pub attempts: u32,
    pub talks: u32,
    pub tasks: usize,
    pub letters: usize,
    /// The last line of the order's journal.
    pub reason: String,
}

/// The input of counting.
pub struct Run<'a> {
    pub store: &'a dyn Store,
    pub school: SchoolId,
    pub world: &'a World,
    pub material: &'a Material,
    pub taken: &'a [Taken],
    pub repairs: u64,
    pub deeds: Wanted,
    pub end: DateTime<Utc>,
}

/// Counts everything.
pub async fn count(run: &Run<'_>) -> StoreResult<(Facts, Vec<Row>)> {
    let mut facts = Facts { watchdog_repairs: run.repairs, ..Facts::default() };
    let orders = orders(run).await?;
    let mut rows = Vec::new();
    let mut known = BTreeSet::new();
    for script in &run.material.scripts {
        let order = orders.get(&script.order.id);
        facts.orders += usize::from(order.is_some());
        known.extend(order.map(|order| order.id.clone()));
        // A shorter run ends before some orders appear.
        if order.is_none() && !has_happened(run, script) {
            continue;
        }
        let row = row(run, script, order).await?;
        if order.is_none() {
            facts.lost += 1;
            facts.troubles.push(format!("{}: the store does not know this order", script.order.id));
        } else if !row.expected {
            facts.unexpected_ends += 1;
            facts.troubles.push(format!(
                "{}: «{}» instead of «{}»",
                script.order.id,
                row.end,
                script.end.label()
            ));
        }
        rows.push(row);
    }
    open_orders(run, &known, &mut facts).await?;
    requests(run, &mut facts).await?;
    dead(run, &orders, &mut facts).await?;
    for double in run.world.duplicates() {
        facts.doubled_creates += 1;
        facts.troubles.push(format!("doubled {}: {} ({:?})", double.kind, double.key, double.ids));
    }
    rules(run, &mut facts);
    kills(&run.deeds, &mut facts);
    facts.requests = run.world.counters().of.values().map(|count| count.requests).sum();
    facts.faults = run.world.counters().of.values().map(|count| count.faults).sum();
    for (at, trouble) in run.world.troubles() {
        facts.troubles.push(format!("script at {}: {trouble}", at.format("%d.%m %H:%M")));
    }
    Ok((facts, rows))
}

/// Whether its order is in GetCourse, or its client has called.
fn has_happened(run: &Run<'_>, script: &Script) -> bool {
    let ordered = run.world.order_of(&script.order.id).is_some();
    ordered || (script.order.no_order && !run.world.calls_of(&script.order.id).is_empty())
}

/// The store's order of each script.
async fn orders(run: &Run<'_>) -> StoreResult<BTreeMap<String, Order>> {
    let mut found = BTreeMap::new();
    for order in all_orders(run).await? {
        let scripts = &run.material.scripts;
        let by_id = |script: &&Script| {
            let theirs = run.world.getcourse().order_of_script(&script.order.id);
            theirs.is_some_and(|theirs| order.gc_id.as_deref() == Some(theirs.id.to_string().as_str()))
        };
        let script = match order.gc_id {
            Some(_) => scripts.iter().find(by_id),
            None => {
                let phones = phones(run, &order).await?;
                let calls = |script: &&Script| {
                    script.order.no_order && phones.contains(&phone_key(&script.order.phone))
                };
                scripts.iter().find(calls)
            }
        };
        if let Some(script) = script {
            found.insert(script.order.id.clone(), order);
        }
    }
    Ok(found)
}

async fn all_orders(run: &Run<'_>) -> StoreResult<Vec<Order>> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = run.store.scan(&run.school, "order/", after.as_deref(), 200).await?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after = Some(last.clone());
        all.extend(page.iter().filter_map(|(_, record)| serde_json::from_slice::<Order>(&record.body).ok()));
    }
}

async fn phones(run: &Run<'_>, order: &Order) -> StoreResult<Vec<Option<String>>> {
    let record = run.store.read(&run.school, &[key::client(&order.client)]).await?.pop().flatten();
    let client = record.and_then(|record| serde_json::from_slice::<Client>(&record.body).ok());
    Ok(client.map(|client| client.phones.iter().map(|phone| phone_key(phone)).collect()).unwrap_or_default())
}

async fn row(run: &Run<'_>, script: &Script, order: Option<&Order>) -> StoreResult<Row> {
    let theirs = run.world.getcourse().order_of_script(&script.order.id);
    let ending = order.map(|order| ending(order.end()));
    Ok(Row {
        number: theirs.map_or_else(|| "звонок".to_owned(), |order| order.number.clone()),
        client: short_name(&script.order.name),
        end: ending.map_or("неизвестен", Ending::label).to_owned(),
        expected: ending == Some(script.end),
        attempts: order.map_or(0, |order| order.attempts),
        talks: order.map_or(0, |order| order.talks),
        tasks: run.world.tasks_of(&script.order.id).len(),
        letters: run.world.letters_of(&script.order.id).len(),
        reason: match order {
            Some(order) => reason(run, order).await?,
            None => String::new(),
        },
    })
}

/// «Мария К.».
pub fn short_name(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().unwrap_or("Без имени");
    let initial = words.next().and_then(|last| last.chars().next());
    initial.map_or_else(|| first.to_owned(), |initial| format!("{first} {initial}."))
}

fn ending(end: Option<&End>) -> Ending {
    match end {
        None => Ending::Open,
        Some(End::Won { .. }) => Ending::Won,
        Some(End::Refused { .. }) => Ending::Refused,
        Some(End::NotReached { .. }) => Ending::NotReached,
        Some(End::NoPhone { .. }) => Ending::NoPhone,
        Some(End::Cancelled { .. }) => Ending::Cancelled,
        Some(End::Refunded { .. }) => Ending::Refunded,
        Some(End::False { .. }) => Ending::False,
        Some(End::Duplicate { .. }) => Ending::Duplicate,
    }
}

async fn reason(run: &Run<'_>, order: &Order) -> StoreResult<String> {
    let journal = run.store.journal(&run.school, &order.id, 200).await?;
    // A step without commands is not a decision; the first line of a decision names its subject.
    let last = journal.iter().rev().find(|entry| !entry.commands.is_empty() && !entry.lines.is_empty());
    Ok(last
        .and_then(|entry| entry.lines.first())
        .map(|line| line.text.lines().next().unwrap_or("").to_owned())
        .unwrap_or_default())
}

/// L14 in the store: every open order has a timer, and the index has its wake.
async fn open_orders(run: &Run<'_>, known: &BTreeSet<OrderId>, facts: &mut Facts) -> StoreResult<()> {
    for order in all_orders(run).await? {
        if !known.contains(&order.id) {
            facts.unexpected_ends += 1;
            facts.troubles.push(format!("{}: an order that no script made", order.id));
        }
        facts.watchdog_repairs += u64::from(order.repairs);
        if !order.is_open() {
            continue;
        }
        let wake = run.store.wake_of(&run.school, &format!("order:{}", order.id)).await?;
        let armed = |wake: Wake| {
            crate::process::wake(&order).is_some_and(|(at, _)| wake.at_ms <= at.timestamp_millis())
        };
        if !wake.is_some_and(armed) {
            facts.open_without_next_step += 1;
            facts.troubles.push(format!("{}: open without a next step", order.id));
        }
    }
    Ok(())
}

/// Every request that the bridge acknowledged is in the store, and no entry is waiting or dead.
async fn requests(run: &Run<'_>, facts: &mut Facts) -> StoreResult<()> {
    let counts = run.store.counts(&run.school).await?;
    let mut kept = BTreeSet::new();
    let (mut seq, mut empty) = (0, 0);
    // Places of requests lie among those of other entries; a long gap is the end.
    while facts.accepted < usize::try_from(counts.raw).unwrap_or(usize::MAX) && empty < 100_000 {
        seq += 1;
        match run.store.raw(&run.school, &Seq(seq)).await? {
            Some(body) => {
                facts.accepted += 1;
                empty = 0;
                kept.extend(Envelope::read(&body).ok().map(|envelope| said(&envelope)));
            }
            None => empty += 1,
        }
    }
    for Taken(hook) in run.taken {
        let query = hook.url.split_once('?').map_or("", |(_, query)| query);
        let found = kept.contains(&(encoded(query), hook.body.clone()));
        if !found {
            facts.lost += 1;
            let path = hook.url.split('?').next().unwrap_or("").rsplit('/').next().unwrap_or("");
            facts.troubles.push(format!("lost: a {:?} request to {path}", hook.platform));
        }
    }
    if counts.inbox > 0 {
        facts.lost += usize::try_from(counts.inbox).unwrap_or(1);
        facts.troubles.push(format!("{} entries of the inbox were not worked", counts.inbox));
    }
    Ok(())
}

/// Dead letters, except those that a script expects.
async fn dead(run: &Run<'_>, orders: &BTreeMap<String, Order>, facts: &mut Facts) -> StoreResult<()> {
    let mut wanted: BTreeMap<&OrderId, usize> = BTreeMap::new();
    for script in &run.material.scripts {
        if let Some(order) = orders.get(&script.order.id) {
            wanted.insert(&order.id, script.dead_letters);
        }
    }
    for letter in run.store.dead(&run.school, 1000).await? {
        match letter.order.as_ref().and_then(|order| wanted.get_mut(order)) {
            Some(left) if *left > 0 => *left -= 1,
            _ if is_in_doubt(&letter) && has_come(run.world, &letter) => facts.letters_in_doubt += 1,
            _ => {
                facts.lost += 1;
                facts.troubles.push(format!("dead letter {}: {}", letter.id, letter.why));
            }
        }
    }
    Ok(())
}

/// The requested kills happened, and recovery was fast enough.
fn kills(Wanted { fates, deeds }: &Wanted, facts: &mut Facts) {
    (facts.kills, facts.kills_in_flight) = (deeds.kills, deeds.in_flight);
    (facts.resumed_ms_max, facts.letters_repeated) = (deeds.resumed_ms_max, deeds.letters_repeated);
    (facts.redis_kills, facts.redis_resumed_ms_max) = (deeds.redis_kills, deeds.redis_resumed_ms_max);
    let wanted = fates.kills as u64 + fates.redis_kills as u64;
    facts.kills_missed = wanted - (deeds.kills + deeds.redis_kills).min(wanted);
    if facts.kills_missed > 0 {
        facts.troubles.push(format!("{} kills found no moment", facts.kills_missed));
    }
    if deeds.in_flight * 100 < deeds.kills * IN_FLIGHT_PERCENT {
        facts.kills_missed += 1;
        facts.troubles.push(format!("only {} of {} kills met a delivery", deeds.in_flight, deeds.kills));
    }
    for (what, took, most) in [
        ("a kill", deeds.resumed_ms_max, RESUMED_MS_MAX),
        ("Redis's return", deeds.redis_resumed_ms_max, REDIS_RESUMED_MS_MAX),
    ] {
        if took > most {
            facts.kills_missed += 1;
            facts.troubles.push(format!("work went on only {took} ms after {what}, {most} are allowed"));
        }
    }
}

fn said(envelope: &Envelope) -> (String, Vec<u8>) {
    (encoded(&envelope.query), envelope.body.clone())
}

/// A query as pairs: HTTP clients write the same query in several ways.
fn encoded(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A rule is met if an expectation names it and all expectations that name it held.
fn rules(run: &Run<'_>, facts: &mut Facts) {
    let names = Names::of(&run.material.setup);
    let mut held: BTreeMap<&str, bool> = BTreeMap::new();
    for script in &run.material.scripts {
        let scene = Scene::of(run.world, &names, &script.order, run.end);
        for (index, expect) in script.expect.iter().enumerate() {
            let result = expect.check(&scene);
            for rule in expect.rule.iter() {
                *held.entry(rule).or_insert(true) &= result.is_ok();
            }
            if let Err(why) = result {
                let rules: Vec<&str> = expect.rule.iter().collect();
                let id = &script.order.id;
                facts.troubles.push(format!("{id}, expectation {} ({}): {why}", index + 1, rules.join(", ")));
            }
        }
    }
    let (met, missed): (Vec<&str>, Vec<&str>) =
        rules_played().partition(|rule| held.get(rule) == Some(&true));
    facts.rules_met = met.into_iter().map(str::to_owned).collect();
    facts.rules_missed = missed.into_iter().map(str::to_owned).collect();
}
