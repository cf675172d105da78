//! A store that loses what it had confirmed while the bridge lives: emptied, partly evicted, or replaced by an
//! older copy. The bridge notices it, says what is gone, and works on.

use std::collections::BTreeSet;
use std::time::Duration;

use dozvon::sandbox::amocrm::model::WON;
use serde_json::Value;

use crate::process::{
    FIRST, ORDERS, answer_late, bench, everything_stands, nothing_is_doubled, number, tell,
};
use crate::support::program::{Program, StoreKind, TestBed, get, rost, until};

/// A bridge that has not worked on after this does not work on. How soon it does is measured by `deploy/faults.sh`.
const SOON: Duration = Duration::from_secs(40);

/// A bridge over Redis that has worked on two orders and is at rest.
async fn with_two_orders() -> (TestBed, Program) {
    let bench = bench(StoreKind::Redis).await;
    let bridge = bench.start().await;
    for order in 0..2 {
        tell(&bench, order).await;
    }
    everything_stands(&bench, 2).await;
    bridge.settled().await;
    (bench, bridge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_is_noticed_told_with_counts_and_worked_on() {
    let (mut bench, bridge) = with_two_orders().await;
    assert_eq!(bridge.health().await.expect("health")["lost"], Value::Null);

    flush(&mut bench);
    for order in 2..ORDERS {
        tell(&bench, order).await;
    }
    let paid = bench.by_hand("POST", &format!("/sandbox/orders/{}/pay", FIRST + 2), "");
    assert_eq!(paid["status"], "payed", "{paid}");
    tokio::time::timeout(SOON, worked(&bench)).await.expect("orders and a payment are worked soon");

    let lost = until("the count of what is gone", async || lost(&bridge).await).await;
    assert_eq!((&lost["orders"], &lost["open_orders"]), (&2.into(), &2.into()), "{lost}");
    let log = bridge.log();
    assert!(log.contains("ALARM: the store has lost data"), "{log}");
    until("a bridge that works on", async || works_on(&bridge).await).await;
    // The first exports are only asked for: the two orders are still unknown (F70).
    assert_eq!(bridge.health().await.expect("health")["lost"], lost);
    let said = get(&bridge.asked("/health")).await.expect("an answer").json();
    assert_eq!(said["well"], false, "{said}");
    bridge.settled().await;
    nothing_is_doubled(&bench).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// The index of wakes is evicted: the orders are still there, and get their wakes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evicted_part_is_noticed_and_made_again() {
    let (mut bench, bridge) = with_two_orders().await;
    let before = bridge.count("wakes").await;
    let mut admin = bench.redis().admin();
    redis::cmd("DEL").arg("dz:{rost}:wake").arg("dz:{rost}:promised").exec(&mut admin).expect("it answers");
    let lost = until("the count of what is gone", async || lost(&bridge).await).await;
    assert_eq!((&lost["kind"], &lost["orders"]), (&"part".into(), &0.into()), "{lost}");
    until("the same wakes", async || (bridge.count("wakes").await == before).then_some(())).await;
    until("a bridge that works on", async || works_on(&bridge).await).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// The list of names and the wakes are evicted long after the orders came: nobody tells them again, their records stand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_whose_names_and_wakes_are_evicted_get_both_again() {
    let (mut bench, bridge) = with_two_orders().await;
    // The next process remembers no request of theirs.
    assert_eq!(bridge.terminate().await, Some(0));
    let bridge = bench.start().await;
    bridge.settled().await;
    let before = bridge.count("wakes").await;
    assert!(before > 2, "two orders and the canary");
    ["names", "wake", "promised"].into_iter().for_each(|key| evict(&mut bench, key));
    until("the count of what is gone", async || lost(&bridge).await).await;
    until("the same wakes", async || (bridge.count("wakes").await == before).then_some(())).await;
    let listed = bench.store().await.scan(&rost(), "order/", None, 9).await.expect("it answers");
    assert_eq!(listed.len(), 2);
    until("a bridge that works on", async || works_on(&bridge).await).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// A policy of Redis takes one list at a time. None of them tells by its length that it is gone: it may have been empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_list_that_is_evicted_is_noticed_and_work_goes_on() {
    let (mut bench, bridge) = with_two_orders().await;
    for list in ["inbox", "out", "promised", "dead", "wake", "names", "links", "beat", "token"] {
        let before = bridge.health().await.expect("health")["lost"]["at"].clone();
        evict(&mut bench, list);
        until(&format!("the notice that `{list}` is gone"), async || {
            lost(&bridge).await.filter(|lost| lost["at"] != before)
        })
        .await;
        until("a bridge that works on", async || works_on(&bridge).await).await;
    }
    // What is made anew at once, or only prevents repeats.
    ["lease", "plan", "n", "raw", "items"].into_iter().for_each(|key| evict(&mut bench, key));
    for order in 2..4 {
        tell(&bench, order).await;
    }
    everything_stands(&bench, 4).await;
    bridge.settled().await;
    nothing_is_doubled(&bench).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// The lead is made, its answer is on its way, and the store loses what it knows of the command: the order goes on with
/// this lead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_evicted_in_the_air_is_settled_with_its_order() {
    for keys in [&["out", "d:*"][..], &["out"], &["d:*"]] {
        let mut bench = bench(StoreKind::Redis).await;
        let bridge = bench.start().await;
        answer_late(&bench, 1_500);
        tell(&bench, 0).await;
        until("a lead", async || (bench.world().leads().count() > 0).then_some(())).await;
        keys.iter().for_each(|key| evict(&mut bench, key));
        answer_late(&bench, 0);
        everything_stands(&bench, 1).await;
        bridge.settled().await;
        nothing_is_doubled(&bench).await;
        assert_eq!(bridge.terminate().await, Some(0));
    }
}

/// Nobody runs while it is emptied: the next start says what is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_emptied_while_the_bridge_was_down_is_noticed_at_the_start() {
    let (mut bench, bridge) = with_two_orders().await;
    assert_eq!(bridge.terminate().await, Some(0));
    flush(&mut bench);
    let bridge = bench.start().await;
    let lost = until("the count of what is gone", async || lost(&bridge).await).await;
    assert_eq!((&lost["kind"], &lost["orders"]), (&"replaced".into(), &2.into()), "{lost}");
    until("a bridge that works on", async || works_on(&bridge).await).await;
    tell(&bench, 2).await;
    until("its lead", async || {
        bench.world().leads().filter_map(number).any(|number| number == "12043").then_some(())
    })
    .await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// Each order has its lead, and the lead of the paid one is won. A payment that is confirmed adds a lead of the
/// fulfilment pipeline, so orders are counted and not leads.
async fn worked(bench: &TestBed) {
    until("leads for all orders and one that is won", async || {
        let world = bench.world();
        let orders: BTreeSet<String> = world.leads().filter_map(number).collect();
        let won = world.leads().any(|lead| lead.status_id == WON);
        (orders.len() == usize::try_from(ORDERS).expect("a few") && won).then_some(())
    })
    .await;
}

/// Keys of the school, by a pattern.
fn evict(bench: &mut TestBed, pattern: &str) {
    let mut admin = bench.redis().admin();
    let pattern = format!("dz:{{rost}}:{pattern}");
    let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query(&mut admin).expect("it answers");
    keys.iter().for_each(|key| redis::cmd("DEL").arg(key).exec(&mut admin).expect("it answers"));
}

fn flush(bench: &mut TestBed) {
    redis::cmd("FLUSHALL").exec(&mut bench.redis().admin()).expect("it answers");
}

async fn lost(bridge: &Program) -> Option<Value> {
    bridge.health().await.map(|said| said["lost"].clone()).filter(Value::is_object)
}

/// Work does not stand; what GetCourse knows is still being read back.
async fn works_on(bridge: &Program) -> Option<()> {
    (get(&bridge.asked("/readyz")).await?.status == 200).then_some(())
}
