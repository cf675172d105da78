//! The program as a process: killed, stopped, started twice, deprived of its store. Afterwards every accepted
//! order has its lead, and nothing was created twice.

use std::collections::BTreeSet;

use dozvon::process::Target;
use dozvon::sandbox::amocrm::model::{Entity, Lead, WON};
use dozvon::sandbox::faults::RequestFault;
use dozvon::sandbox::script::OrderScript;
use dozvon::sandbox::{Platform, World};
use dozvon::store::DeliveryState;

use crate::support::program::{Program, StoreKind, TestBed, form, rost, send, until};

/// Orders that exist in GetCourse and that the test reports to the bridge.
pub const ORDERS: i64 = 6;
pub const FIRST: i64 = 700_100_300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_nothing_is_lost_or_doubled_on_the_embedded_store() {
    killed_in_the_middle(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_nothing_is_lost_or_doubled_on_redis() {
    killed_in_the_middle(StoreKind::Redis).await;
}

async fn killed_in_the_middle(kind: StoreKind) {
    let bench = bench(kind).await;
    answer_late(&bench, 600);
    let mut bridge = bench.start().await;
    for order in 0..ORDERS {
        tell(&bench, order).await;
    }
    // Each time something has just been created, and its answer has not arrived.
    let made: [fn(&TestBed) -> usize; 3] = [
        |bench| bench.world().contacts().count(),
        |bench| bench.world().leads().count(),
        |bench| bench.world().tasks().count(),
    ];
    for (what, made) in ["a contact", "a lead", "a task"].into_iter().zip(made) {
        let before = made(&bench);
        until(what, async || (made(&bench) > before).then_some(())).await;
        bridge.kill().await;
        bridge = bench.start().await;
    }
    answer_late(&bench, 0);
    everything_stands(&bench, ORDERS).await;
    bridge.settled().await;
    nothing_is_doubled(&bench).await;
    assert_eq!(bridge.count("watchdog_repairs").await, 0);
    assert_eq!(bridge.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_it_lands_what_is_on_its_way_and_ends_well() {
    let bench = bench(StoreKind::Embedded).await;
    answer_late(&bench, 300);
    let bridge = bench.start().await;
    for order in 0..ORDERS - 1 {
        tell(&bench, order).await;
    }
    until("requests to amoCRM", async || (asked(&bench) >= 5).then_some(())).await;
    // What is on its way now lands late enough for another request; that one is kept, too.
    answer_late(&bench, 3_000);
    let seen = asked(&bench);
    until("another request to amoCRM", async || (asked(&bench) > seen).then_some(())).await;
    bridge.signal("-TERM").await;
    until("the end of work", async || bridge.log().contains("stopping:").then_some(())).await;
    let late = send("GET", &order_url(&bench, ORDERS - 1), "", "").await;
    assert_eq!(late.map(|said| said.status), Some(200), "it comes while the bridge stops");
    assert_eq!(bridge.ended().await, Some(0));
    answer_late(&bench, 0);
    let left = bench.store().await.deliveries(&rost(), 0, 1_000).await.expect("the store answers");
    assert!(!left.is_empty(), "it was stopped in the middle");
    let flying: Vec<_> = left.iter().filter(|delivery| delivery.state == DeliveryState::Sending).collect();
    assert!(flying.is_empty(), "not landed: {flying:#?}");
    let bridge = bench.start().await;
    everything_stands(&bench, ORDERS).await;
    bridge.settled().await;
    nothing_is_doubled(&bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_redis_is_survived_without_anybodys_help() {
    let mut bench = bench(StoreKind::Redis).await;
    let bridge = bench.start().await;
    for order in 0..3 {
        tell(&bench, order).await;
    }
    until("requests to amoCRM", async || (asked(&bench) >= 4).then_some(())).await;
    bench.redis().kill();
    bench.redis().start_again();
    for order in 3..ORDERS {
        tell(&bench, order).await;
    }
    everything_stands(&bench, ORDERS).await;
    bridge.settled().await;
    nothing_is_doubled(&bench).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// There is one worker for requests per core, and one more for those who run the bridge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_follow_the_cores() {
    let bench = bench(StoreKind::Embedded).await;
    let bridge = bench.start_on_one_core().await;
    let workers = |bridge: &Program| bridge.threads("actix-server wo");
    until("one worker", async || (workers(&bridge) == 1 + 1).then_some(())).await;
    assert_eq!(bridge.terminate().await, Some(0));
    let cores = std::thread::available_parallelism().expect("Linux says so").get();
    let bridge = bench.start().await;
    until("one worker per core", async || (workers(&bridge) == cores + 1).then_some(())).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// A record written by a later version, after a return to this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_cannot_be_read_waits_for_a_person_and_the_others_leave() {
    let mut bench = bench(StoreKind::Redis).await;
    let mut admin = bench.redis().admin();
    redis::cmd("SET").arg("dz:{rost}:d:gc-1.4").arg(b"r\0{\"ask\":\"later\"}").exec(&mut admin).unwrap();
    redis::cmd("ZADD").arg("dz:{rost}:out").arg(1).arg("gc-1.4").exec(&mut admin).unwrap();
    let bridge = bench.start().await;
    tell(&bench, 0).await;
    everything_stands(&bench, 1).await;
    bridge.settled().await;
    let dead = bench.store().await.dead(&rost(), 9).await.expect("the store answers");
    assert_eq!(dead.len(), 1, "{dead:#?}");
    assert_eq!((dead[0].id.as_str(), dead[0].body.as_slice()), ("out-gc-1.4", &b"{\"ask\":\"later\"}"[..]));
    assert_eq!(bridge.count("unreadable").await, 1);
    assert_eq!(bridge.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_for_one_process_and_the_second_says_so() {
    let bench = bench(StoreKind::Embedded).await;
    let first = bench.start().await;
    let second = bench.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.code(), Some(1));
    let said = second.err();
    assert!(said.contains("another process uses") && said.contains("a folder of its own"), "{said}");
    let taken = bench.run(&["serve", "--listen", &format!("127.0.0.1:{}", bench.port)]).await;
    assert_eq!(taken.code(), Some(1));
    assert!(taken.err().contains("--listen or DOZVON_LISTEN"), "{}", taken.err());
    tell(&bench, 0).await;
    everything_stands(&bench, 1).await;
    assert_eq!(first.terminate().await, Some(0));
}

/// The example's pause ends as soon as it begins: the attempt and the payment are due at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_in_the_second_of_the_attempt_wins() {
    let bench = bench(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    for order in 0..3 {
        tell(&bench, order).await;
        let paid = bench.by_hand("POST", &format!("/sandbox/orders/{}/pay", FIRST + order), "");
        assert_eq!(paid["status"], "payed", "{paid}");
    }
    until("three won leads without an open task", async || {
        let world = bench.world();
        let won = world.leads().filter(|lead| lead.status_id == WON).count();
        (won == 3 && world.tasks().all(|task| task.is_completed)).then_some(())
    })
    .await;
    bridge.settled().await;
    assert!(bench.world().tasks().all(|task| task.is_completed), "a task after the payment");
    nothing_is_doubled(&bench).await;
}

pub async fn bench(kind: StoreKind) -> TestBed {
    bench_of(kind, ORDERS).await
}

/// A test bed whose GetCourse has this many orders that the bridge does not know.
pub async fn bench_of(kind: StoreKind, orders: i64) -> TestBed {
    TestBed::with(kind, |setup| {
        let standing = setup.orders.remove(0);
        setup.orders = (0..orders).map(|order| script(&standing, order)).collect();
    })
    .await
}

/// amoCRM carries out requests at once, and answers this much later.
pub fn answer_late(bench: &TestBed, slow_ms: u64) {
    let mut world = bench.world();
    let rule = world.faults_mut().of_mut(Platform::Amocrm);
    (rule.per_mille, rule.kinds, rule.slow_ms) = (1000, vec![RequestFault::Slow], slow_ms);
}

/// An order that exists in GetCourse and was not reported; its tasks are not done by anyone.
fn script(like: &OrderScript, order: i64) -> OrderScript {
    OrderScript {
        id: format!("order-{order}"),
        order_id: Some(FIRST + order),
        name: format!("Клиент {order}"),
        phone: phone(order),
        email: email(order),
        ..like.clone()
    }
}

pub fn phone(order: i64) -> String {
    format!("+7903555{:04}", 200 + order)
}

pub fn email(order: i64) -> String {
    format!("client-{order}@example.com")
}

/// GetCourse reports the new order until the bridge has accepted it.
pub async fn tell(bench: &TestBed, order: i64) {
    let url = order_url(bench, order);
    until("an accepted order", async || {
        send("GET", &url, "", "").await.filter(|said| said.status == 200).map(|_| ())
    })
    .await;
}

/// The address that GetCourse calls for a new order.
pub fn order_url(bench: &TestBed, order: i64) -> String {
    let id = (FIRST + order).to_string();
    let number = 12_041 + order;
    let query = form(&[
        ("order_id", &id),
        ("number", &number.to_string()),
        ("first_name", &format!("Клиент {order}")),
        ("email", &email(order)),
        ("phone", &phone(order)),
        ("offers", "5512874"),
        ("cost", "38500"),
        ("status", "Новый"),
        // The client made it himself; not to be read back.
        ("author", "client"),
    ]);
    format!("{}?{query}", bench.hook("getcourse", "order-created"))
}

/// Requests that amoCRM has received.
pub fn asked(bench: &TestBed) -> u64 {
    bench.world().counters().get(Platform::Amocrm).requests
}

/// Each of the first `orders` has its lead with a contact and an open task.
pub async fn everything_stands(bench: &TestBed, orders: i64) {
    let wanted: BTreeSet<String> = (0..orders).map(|order| (12_041 + order).to_string()).collect();
    let stands = async || {
        let world = bench.world();
        let numbers: BTreeSet<String> =
            world.leads().filter(|lead| is_whole(&world, lead)).filter_map(number).collect();
        (numbers == wanted).then_some(())
    };
    until("a lead, a contact and a task for each order", stands).await;
}

/// The lead has its contact and an open task.
pub fn is_whole(world: &World, lead: &Lead) -> bool {
    let mut tasks = world.amocrm().tasks_of(Entity::Leads, lead.id);
    lead.contacts.len() == 1 && tasks.any(|task| !task.is_completed)
}

/// The order number at the end of the lead's name.
pub fn number(lead: &Lead) -> Option<String> {
    Some(lead.name.rsplit_once(' ')?.1.to_owned())
}

/// No lead, contact, task or letter exists twice; only letters that were on their way during a kill wait for
/// a person, because they cannot be looked up.
pub async fn nothing_is_doubled(bench: &TestBed) {
    let doubled = bench.world().duplicates();
    assert!(doubled.is_empty(), "{doubled:#?}");
    let letters = bench.store().await.dead(&rost(), 100).await.expect("the store answers");
    for letter in letters {
        let delivery: dozvon::store::Delivery = serde_json::from_slice(&letter.body).expect("a delivery");
        assert_eq!(delivery.command.ask.target(), Target::Mail, "{}: {}", letter.id, letter.why);
    }
}
