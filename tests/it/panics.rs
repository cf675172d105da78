//! A panic anywhere in the work for a school costs one delivery, which is looked for before it is sent
//! again, or one entry; the rest of the school continues within five seconds, nothing is lost or doubled,
//! and `/health` counts it. The whole bridge over real sockets, on both stores.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dozvon::clock::{stopwatch, wall_now};
use dozvon::intake::item::Item;
use dozvon::process::At;
use dozvon::process::event::{Direction, Outcome};
use dozvon::signal::{CallEvent, CallWhat, FinalRecord, Leg, LegState, Signal};

use crate::process::{FIRST, bench_of, is_whole, number, order_url, tell};
use crate::support::breaking::Breaker;
use crate::support::program::{StoreKind, TestBed, rost, send, until};
use crate::support::redis_server::free_port;
use crate::support::within::Within;

/// The school's work goes on within this.
const GOES_ON: Duration = Duration::from_secs(5);

/// Where it panics once: `#` is the order that comes next.
const ONCE: [&str; 15] = [
    "deliver create_task #",
    // Done, and nobody heard of it.
    "delivered save_lead #",
    "decode #",
    "commit before mark",
    "commit after mark",
    "commit before settle",
    "commit after settle",
    "commit before entry",
    "commit after entry",
    "commit before wake",
    "store budget amocrm",
    // Of the keeper.
    "store epoch",
    "store lease",
    // What comes here ends the inbox, which begins again.
    "store inbox",
    // And here the owner, when it reads anew.
    "store deliveries",
];

/// Where it panics once at the start: chores, looks, mirror, watchdog, retention.
const AT_START: [&str; 5] = ["chore", "look", "mirror", "store wake_of", "store forget_raw"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_anywhere_costs_no_school_on_the_embedded_store() {
    costs_no_school(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_anywhere_costs_no_school_on_redis() {
    costs_no_school(StoreKind::Redis).await;
}

async fn costs_no_school(kind: StoreKind) {
    let bench = bench_of(kind, ONCE.len() as i64 + 1).await;
    let breaker = Arc::new(Breaker::default());
    AT_START.iter().for_each(|place| breaker.arm(*place, 1));
    let bridge = Within::start(&bench, bench.port, &breaker).await;
    tell(&bench, 0).await;
    until("a panic of each that begins", async || (breaker.fired() == 5).then_some(())).await;
    let mut told = BTreeSet::from([0]);
    stand(&bench, &told).await;
    for (place, order) in ONCE.into_iter().zip(1..) {
        settled(&bridge).await;
        let fired = breaker.fired();
        breaker.arm(place.replace('#', &(FIRST + order).to_string()), 1);
        tell(&bench, order).await;
        if place == "store deliveries" {
            // A letter on its way when the owner ends would rightly become a dead letter.
            settled(&bridge).await;
            bridge.reads_anew();
        }
        told.insert(order);
        until(place, async || (breaker.fired() > fired).then_some(())).await;
        goes_on(&bridge, place).await;
        stand(&bench, &told).await;
    }
    settled(&bridge).await;
    let doubled = bench.world().duplicates();
    assert!(doubled.is_empty(), "{doubled:#?}");
    let dead = bench.store().await.dead(&rost(), 9).await.expect("the store answers");
    assert!(dead.is_empty(), "{dead:#?}");
    let said = bridge.health().await.expect("health");
    assert_eq!(said["panics"], breaker.fired(), "{said:#}");
    assert_eq!(said["watchdog_repairs"], 0, "{said:#}");
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_panics_again_and_again_needs_a_person_on_the_embedded_store() {
    needs_a_person(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_panics_again_and_again_needs_a_person_on_redis() {
    needs_a_person(StoreKind::Redis).await;
}

/// A request that cannot be decoded, a call that cannot be merged, a task that cannot be made: each ends as a
/// dead letter that says why, and the orders beside them stand.
async fn needs_a_person(kind: StoreKind) {
    let bench = bench_of(kind, 4).await;
    let breaker = Arc::new(Breaker::default());
    let bridge = Within::start(&bench, bench.port, &breaker).await;
    breaker.arm(format!("decode {}", FIRST + 1), 1_000);
    breaker.arm(format!("deliver create_task {}", FIRST + 2), 3);
    for order in 0..4 {
        tell(&bench, order).await;
    }
    for item in call_that_breaks() {
        bridge.store().append(&rost(), &item.to_bytes(), wall_now()).await.expect("the store answers");
    }
    until("three dead letters", async || {
        let said = bridge.health().await?;
        (said["dead"] == 3).then_some(())
    })
    .await;
    goes_on(&bridge, "behind them").await;
    stand(&bench, &BTreeSet::from([0, 3])).await;
    settled(&bridge).await;
    let dead = bench.store().await.dead(&rost(), 9).await.expect("the store answers");
    let whys: Vec<_> = dead.iter().map(|letter| (&letter.id[..3], letter.why.as_str())).collect();
    assert!(whys.iter().all(|(_, why)| why.contains("a defect of the program")), "{whys:#?}");
    assert!(whys.iter().all(|(_, why)| !why.contains("+7903")), "no text of a panic: {whys:#?}");
    let buried = dead.iter().find_map(|letter| letter.id.strip_prefix("out-")).expect("a delivery");
    assert!(breaker.forgotten().iter().any(|command| command.as_str() == buried), "its courier remembers it");
    let of_inbox = whys.iter().filter(|(id, _)| *id == "in-").count();
    assert_eq!((of_inbox, whys.len()), (2, 3), "{whys:#?}");
    let doubled = bench.world().duplicates();
    assert!(doubled.is_empty(), "{doubled:#?}");
    // The decoder and the merge are tried twice each, the task three times.
    let said = bridge.health().await.expect("health");
    assert_eq!(said["panics"], 7, "{said:#}");
    bridge.stop().await;
}

/// The wake comes again in an hour, and everything else goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_that_panics_again_and_again_is_put_off() {
    let breaker = Arc::new(Breaker::default());
    let panicking = is_put_off(&breaker, || breaker.arm("commit before wake", 2)).await;
    assert_eq!((&panicking["panics"], &panicking["conflicts"]), (&2.into(), &0.into()));
}

/// So is one that the store refuses, and the owner does not try in a hurry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_that_is_refused_again_and_again_is_put_off_after_pauses() {
    let breaker = Arc::new(Breaker::default());
    let refused = is_put_off(&breaker, || breaker.refuse("wake", 8)).await;
    assert_eq!((&refused["panics"], &refused["conflicts"]), (&0.into(), &8.into()));
    let took = breaker.refused_for();
    assert!(took > Duration::from_millis(600), "{took:?}");
}

/// What `/health` says in the end.
async fn is_put_off(breaker: &Arc<Breaker>, break_it: impl FnOnce()) -> serde_json::Value {
    let bench = bench_of(StoreKind::Embedded, 2).await;
    let bridge = Within::start(&bench, bench.port, breaker).await;
    tell(&bench, 0).await;
    stand(&bench, &BTreeSet::from([0])).await;
    settled(&bridge).await;
    break_it();
    tell(&bench, 1).await;
    let member = format!("order:gc-{}", FIRST + 1);
    until("a wake in an hour", async || {
        let wake = bridge.store().wake_of(&rost(), &member).await.expect("the store answers")?;
        let ahead_s = wake.at_ms / 1_000 - wall_now().timestamp();
        (3_000..=3_600).contains(&ahead_s).then_some(())
    })
    .await;
    goes_on(&bridge, "the wake").await;
    settled(&bridge).await;
    let said = bridge.health().await.expect("health");
    bridge.stop().await;
    said
}

/// A leg and a record of one call, which put the beginning of its talk before the first day that there is.
fn call_that_breaks() -> [Item; 2] {
    let at = At::MIN_UTC + chrono::TimeDelta::days(2);
    let leg = Leg {
        leg: "a".to_owned(),
        seq: 1,
        state: LegState::Ended(Outcome::Answered),
        direction: Some(Direction::Inbound),
        client_number: None,
        extension: None,
        line: None,
        taken_from: None,
        command: None,
        manager_leg: false,
        menu: false,
        talk_seconds: Some(u32::MAX),
    };
    let record = FinalRecord {
        direction: None,
        outcome: Outcome::Answered,
        talk_seconds: Some(5),
        started_at: at,
        ended_at: at,
        client_number: None,
        extension: None,
        line: None,
        command: None,
        recording: None,
        rough: true,
    };
    [CallWhat::Leg(leg), CallWhat::Final(record)].map(|what| {
        let event = CallEvent { call: "pbx:breaks".to_owned(), at, what };
        Item::Signal { raw: None, signal: Signal::CallSeen(Box::new(event)) }
    })
}

/// The owner panics whenever it looks into the inbox: another instance takes the school.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_cannot_go_on_gives_the_school_to_another_instance() {
    let bench = bench_of(StoreKind::Redis, 2).await;
    let (breaks, sound) = (Arc::new(Breaker::default()), Arc::new(Breaker::default()));
    let first = Within::start(&bench, bench.port, &breaks).await;
    tell(&bench, 0).await;
    stand(&bench, &BTreeSet::from([0])).await;
    let second = Within::start(&bench, free_port(), &sound).await;
    until("its word", async || {
        second.health().await.is_some_and(|said| said["here"] == "elsewhere").then_some(())
    })
    .await;
    breaks.arm("store inbox", u64::MAX);
    until("a panic", async || (breaks.fired() > 0).then_some(())).await;
    let since = stopwatch();
    until("another owner", async || second.owns().await.then_some(())).await;
    assert!(since.elapsed() < GOES_ON, "{:?}", since.elapsed());
    assert!(!first.owns().await, "and it says so");
    // It still accepts, and rings.
    tell(&bench, 1).await;
    stand(&bench, &BTreeSet::from([0, 1])).await;
    assert!(first.health().await.expect("health")["panics"].as_u64().is_some_and(|panics| panics > 0));
    first.stop().await;
    second.stop().await;
}

/// A request on whose check the bridge panics is not kept: its sender is told to come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_over_a_request_is_told_to_its_sender() {
    let bench = bench_of(StoreKind::Embedded, 1).await;
    let breaker = Arc::new(Breaker::default());
    let bridge = Within::start(&bench, bench.port, &breaker).await;
    breaker.arm("verify", 1);
    let url = order_url(&bench, 0);
    let mut answered = Vec::new();
    for _ in 0..2 {
        answered.push(send("GET", &url, "", "").await.expect("an answer").status);
    }
    assert_eq!(answered, [500, 200]);
    assert_eq!(bridge.receiving(), 0, "who waits until nothing is received would wait for ever");
    stand(&bench, &BTreeSet::from([0])).await;
    bridge.stop().await;
}

/// Steps and deliveries are counted further, and soon.
async fn goes_on(bridge: &Within, after: &str) {
    let since = stopwatch();
    let worked = async || {
        let said = bridge.health().await?;
        Some(said["stepped"].as_u64()? + said["delivered"].as_u64()?)
    };
    let before = until("health", async || worked().await).await;
    until(after, async || {
        let said = bridge.health().await?;
        let idle = said["inbox"] == 0 && said["outbox"] == 0 && said["here"] == "owner";
        (idle || worked().await? > before).then_some(())
    })
    .await;
    assert!(since.elapsed() < GOES_ON, "{after}: {:?}", since.elapsed());
}

/// These orders have their lead with a contact and an open task each.
async fn stand(bench: &TestBed, orders: &BTreeSet<i64>) {
    let wanted: BTreeSet<String> = orders.iter().map(|order| (12_041 + order).to_string()).collect();
    until("a lead, a contact and a task for each order", async || {
        let world = bench.world();
        let whole: BTreeSet<String> =
            world.leads().filter(|lead| is_whole(&world, lead)).filter_map(number).collect();
        wanted.is_subset(&whole).then_some(())
    })
    .await;
}

async fn settled(bridge: &Within) {
    until("an empty inbox and an empty outbox", async || {
        let said = bridge.health().await?;
        (said["inbox"] == 0 && said["outbox"] == 0 && said["here"] == "owner").then_some(())
    })
    .await;
}
