//! A launch with three instances over one Redis, and the owner is paused in the middle of it. Real processes,
//! real HTTP, one address. When it continues, it has requests ready to leave for work that its successor has
//! done meanwhile: none of them may leave.

use std::collections::BTreeSet;
use std::time::Duration;

use dozvon::clock::stopwatch;
use dozvon::sandbox::Platform;
use dozvon::sandbox::amocrm::model::{Entity, Lead, WON};
use dozvon::store::{DeliveryState, Store};
use futures_util::StreamExt;

use crate::instances::{owner, three};
use crate::process::{FIRST, asked, bench_of, is_whole, nothing_is_doubled, number, tell};
use crate::support::hold::{Hold, made};
use crate::support::program::{StoreKind, TestBed, form, rost, send, until};

/// Orders of the launch, all of clients that the CRM does not know.
const ORDERS: i64 = 200;
/// One is paid before the pause, the others while the owner is paused.
const PAID: [i64; 3] = [0, 20, 21];
/// From the pause to the first requests of another owner.
const TAKEN_OVER: Duration = Duration::from_secs(5);
/// Webhooks of GetCourse that are sent at the same time.
const SENDERS: usize = 12;
/// amoCRM's requests per second: few enough that requests queue up.
const PER_SECOND: &str = "5.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_stands_still_in_the_middle_of_a_launch_and_every_order_is_made_once() {
    let bench = launch_bench().await;
    let hold = Hold::at(&bench);
    let (mut instances, _balancer) = three(&bench).await;
    let still = instances.remove(owner(&instances).await);
    let store = bench.store().await;
    let full = async || (still.health().await?["mirror"]["mirror"] == "full").then_some(());
    until("a full mirror", full).await;

    let pause = async {
        until("leads", async || (bench.world().leads().count() >= 30).then_some(())).await;
        pay(&bench, PAID[0]).await;
        hold.shut();
        until("requests that are carried out and not answered, and others behind them", async || {
            (hold.held() > 0 && on_their_way(&*store).await >= 60).then_some(())
        })
        .await;
        still.halt().await;
        let halted = stopwatch();
        let before = made(&bench.world());
        let requests = asked(&bench);
        hold.open();
        // One request may already have been in the socket.
        until("requests of another owner", async || (asked(&bench) > requests + 1).then_some(())).await;
        let idle = halted.elapsed();
        assert!(idle < TAKEN_OVER, "no instance worked for {idle:?}");
        for order in &PAID[1..] {
            pay(&bench, *order).await;
        }
        until("much of it", async || (made(&bench.world()) > before + 120).then_some(())).await;
        still.go_on().await;
    };
    tokio::join!(tell_all(&bench, 0..ORDERS), pause);
    launch_stands(&bench).await;
    instances[owner(&instances).await].settled().await;
    until("the old owner's word", async || (!still.owns().await).then_some(())).await;
    launch_stands(&bench).await;
    nothing_is_doubled(&bench).await;
    let refused = bench.world().counters().get(Platform::Amocrm).refused_429;
    assert_eq!(refused, 0, "one budget for all instances");
    instances.push(still);
    for instance in instances {
        assert_eq!(instance.count("watchdog_repairs").await, 0);
        assert_eq!(instance.terminate().await, Some(0));
    }
}

async fn launch_bench() -> TestBed {
    let bench = bench_of(StoreKind::Redis, ORDERS).await;
    let school = "schools/rost/school.toml";
    bench.edit(school, "requests_per_second = 6.0", &format!("requests_per_second = {PER_SECOND}"));
    bench.edit(school, "letters_per_second = 2.0", "letters_per_second = 50.0");
    // A move of a lead is a single request: hundreds of them would take minutes and prove nothing here.
    bench.edit(school, "dialling = 66104108, ", "");
    bench.edit("schools/rost/process/default.toml", "fulfilment = true", "fulfilment = false");
    bench
}

/// Repeats each webhook until it is answered with 200.
async fn tell_all(bench: &TestBed, orders: std::ops::Range<i64>) {
    let told = futures_util::stream::iter(orders).map(|order| tell(bench, order));
    told.buffer_unordered(SENDERS).collect::<()>().await;
}

/// The client pays; the school sends one webhook itself, and repeats it until it is answered.
async fn pay(bench: &TestBed, order: i64) {
    let id = (FIRST + order).to_string();
    let paid = bench.by_hand("POST", &format!("/sandbox/orders/{id}/pay"), "");
    assert_eq!(paid["status"], "payed", "{paid}");
    let query = form(&[("order_id", &id), ("status", "Завершен"), ("payed", "38500")]);
    let url = format!("{}?{query}", bench.hook("getcourse", "payment-full"));
    until("an accepted payment", async || {
        send("GET", &url, "", "").await.filter(|said| said.status == 200).map(|_| ())
    })
    .await;
}

/// Deliveries that are marked as being sent.
async fn on_their_way(store: &dyn Store) -> usize {
    let held = store.deliveries(&rost(), 0, 2_000).await.unwrap_or_default();
    held.iter().filter(|delivery| delivery.state == DeliveryState::Sending).count()
}

/// Each order has one lead with one contact; the paid ones are won and have no open task, the others
/// have one task.
async fn launch_stands(bench: &TestBed) {
    let number_of = |order: i64| (12_041 + order).to_string();
    let paid: BTreeSet<String> = PAID.into_iter().map(number_of).collect();
    let all: BTreeSet<String> = (0..ORDERS).map(number_of).collect();
    let stands = async || {
        let world = bench.world();
        let is_done = |lead: &&Lead| {
            let mut tasks = world.amocrm().tasks_of(Entity::Leads, lead.id);
            match number(lead).is_some_and(|number| paid.contains(&number)) {
                true => lead.status_id == WON && tasks.all(|task| task.is_completed),
                false => is_whole(&world, lead) && tasks.count() == 1,
            }
        };
        let numbers: BTreeSet<String> = world.leads().filter(is_done).filter_map(number).collect();
        (numbers == all).then_some(())
    };
    until("one lead, contact and task for each order, and those of the paid ones closed", stands).await;
    let world = bench.world();
    assert_eq!((world.leads().count(), world.contacts().count()), (all.len(), all.len()));
}
