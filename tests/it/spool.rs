//! Requests that were accepted while the store was away, or that it lost, are still processed, once. The
//! bridge is the real program, Redis a real one that is killed, loses the end of its file, or comes late.

use dozvon::intake::envelope::Envelope;
use dozvon::store::{Seq, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::process::{asked, bench, everything_stands, nothing_is_doubled, tell};
use crate::support::program::{StoreKind, TestBed, form, get, rost, send, until};
use crate::support::redis_server::RedisServer;

/// GetCourse sends the status of an unknown order.
async fn say(bench: &TestBed, status: &str) -> u16 {
    let query = form(&[("order_id", "700100299"), ("number", "12099"), ("status", status)]);
    let url = format!("{}?{query}", bench.hook("getcourse", "order-status"));
    send("GET", &url, "", "").await.expect("an answer").status
}

/// The whole answer, in small letters.
async fn heads(bench: &TestBed) -> String {
    let url = bench.hook("getcourse", "order-status");
    let path = &url[url.find("/hooks").expect("a path")..];
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", bench.port)).await.expect("it listens");
    let request =
        format!("GET {path}?order_id=700100299 HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer.to_lowercase()
}

/// The statuses in the store's accepted requests, in order.
async fn said(store: &dyn Store) -> Vec<String> {
    let mut said = Vec::new();
    for seq in 1..200 {
        if let Some(raw) = store.raw(&rost(), &Seq(seq)).await.expect("the store answers") {
            let envelope = Envelope::read(&raw).expect("an envelope");
            let query = form_urlencoded::parse(envelope.query.as_bytes());
            said.extend(query.filter(|(key, _)| key == "status").map(|(_, value)| value.into_owned()));
        }
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_requests_wait_on_the_disk_and_come_through_in_order() {
    let mut bench = TestBed::new(StoreKind::Redis).await;
    bench.mute();
    let bridge = bench.start().await;
    assert_eq!(say(&bench, "Новый").await, 200);
    bridge.settled().await;
    bench.redis().kill();
    for status in ["В работе", "Новый", "Новый", "Отложен"] {
        assert_eq!(say(&bench, status).await, 200);
    }
    let health = get(&bridge.asked("/health")).await.expect("an answer");
    assert_eq!((health.status, &health.json()["well"]), (200, &false.into()), "it takes requests");
    assert_eq!(health.json()["schools"]["rost"]["spool"]["requests"], 4);
    bridge.kill().await;
    // It starts without Redis, and reports that.
    let bridge = bench.start().await;
    assert!(bridge.log().contains("Redis is away"), "{}", bridge.log());
    assert_eq!(say(&bench, "Отменен").await, 200);
    bench.redis().start_again();
    bridge.settled().await;
    // Through the spool or directly: the order is preserved.
    assert_eq!(say(&bench, "Ложный").await, 200);
    bridge.settled().await;
    let store = bench.store().await;
    assert_eq!(said(&*store).await, ["Новый", "В работе", "Новый", "Отложен", "Отменен", "Ложный"]);
    assert_eq!(bridge.count("watchdog_repairs").await, 0);
    assert_eq!(bridge.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_store_and_spool_nothing_is_answered_as_kept() {
    let mut bench = TestBed::new(StoreKind::Redis).await;
    bench.mute();
    bench.edit("dozvon.toml", "spool_mb = 256", "spool_mb = 0");
    let bridge = bench.start().await;
    assert_eq!(say(&bench, "Новый").await, 200);
    bridge.settled().await;
    bench.redis().kill();
    assert_eq!(say(&bench, "В работе").await, 503);
    let refused = heads(&bench).await;
    assert!(refused.contains("retry-after: 30\r\n"), "{refused}");
    let health = get(&bridge.asked("/health")).await.expect("an answer");
    assert_eq!(health.status, 503);
    bench.redis().start_again();
    // The platform sends it again; the bridge accepts it without manual work.
    until("the request is taken after the restart", async || {
        (say(&bench, "В работе").await == 200).then_some(())
    })
    .await;
    bridge.settled().await;
    assert_eq!(said(&*bench.store().await).await, ["Новый", "В работе"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_lost_at_a_commands_end_is_done_once() {
    lost_tail(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_lost_in_the_middle_of_a_command_is_done_once() {
    lost_tail(41).await;
}

/// Redis syncs every second. It is killed, and of its file only the part before the last orders, and `more`
/// bytes, has reached the disk: their requests, steps, marks and receipts are gone, while some of their
/// leads, tasks and letters have been created and some have not.
async fn lost_tail(more: u64) {
    let mut bench = bench(StoreKind::Redis).await;
    bench.redis = Some(RedisServer::start_lazy());
    let bridge = bench.start().await;
    for order in 0..2 {
        tell(&bench, order).await;
    }
    everything_stands(&bench, 2).await;
    bridge.settled().await;
    let (kept, before) = (bench.redis().aof_bytes(), asked(&bench));
    for order in 2..6 {
        tell(&bench, order).await;
    }
    until("requests to amoCRM", async || (asked(&bench) >= before + 8).then_some(())).await;
    bench.redis().kill();
    bench.redis().cut_aof(kept + more);
    bench.redis().start_again();
    until("the restart is noticed", async || bridge.log().contains("the store was restarted").then_some(()))
        .await;
    everything_stands(&bench, 6).await;
    bridge.settled().await;
    nothing_is_doubled(&bench).await;
    let dead = bench.store().await.dead(&rost(), 100).await.expect("the store answers");
    assert!(dead.is_empty(), "a living process knows which letters have left: {dead:#?}");
    assert_eq!(
        said(&*bench.store().await).await.len(),
        6,
        "each order's request is kept once: {}",
        bridge.log()
    );
    assert_eq!(bridge.count("watchdog_repairs").await, 0);
    assert_eq!(bridge.terminate().await, Some(0));
}

/// No process is left that remembers: people have the lost requests sent again, and what had been created for
/// them is found. Letters are the exception that the README states.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_bridge_dies_with_redis_what_was_made_is_looked_for() {
    let mut bench = bench(StoreKind::Redis).await;
    bench.redis = Some(RedisServer::start_lazy());
    let bridge = bench.start().await;
    tell(&bench, 0).await;
    everything_stands(&bench, 1).await;
    bridge.settled().await;
    let kept = bench.redis().aof_bytes();
    for order in 1..4 {
        tell(&bench, order).await;
    }
    everything_stands(&bench, 4).await;
    bridge.kill().await;
    bench.redis().kill();
    bench.redis().cut_aof(kept);
    bench.redis().start_again();
    let bridge = bench.start().await;
    for order in 1..4 {
        tell(&bench, order).await;
    }
    until("the loss is noticed", async || bridge.log().contains("is looked for first").then_some(())).await;
    bridge.settled().await;
    everything_stands(&bench, 4).await;
    let mut doubled = bench.world().duplicates();
    doubled.retain(|double| double.kind != "letter");
    assert!(doubled.is_empty(), "{doubled:#?}");
    assert_eq!(bridge.terminate().await, Some(0));
}
