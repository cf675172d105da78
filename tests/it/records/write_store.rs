//! Writes `store.sqlite`: the real program on the embedded store, killed in the middle of things.

use dozvon::process::SchoolId;
use dozvon::store::DeliveryState;

use super::orders::folder;
use crate::process::{answer_late, bench, everything_stands, phone, tell};
use crate::support::program::{FORM, Kind, form, rost, send, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_store() {
    if std::env::var_os("DOZVON_WRITE").is_none() {
        return;
    }
    let bench = bench(Kind::Embedded).await;
    let bridge = bench.start().await;
    tell(&bench, 0).await;
    tell(&bench, 1).await;
    everything_stands(&bench, 2).await;
    let undecodable = form(&[("phone", &phone(0)), ("status", "Новый")]);
    let url = bench.hook("getcourse", "order-created");
    assert_eq!(send("POST", &url, FORM, undecodable).await.expect("an answer").status, 200);
    until("its dead letter", async || (bridge.count("dead").await == 1).then_some(())).await;
    bridge.settled().await;
    answer_late(&bench, 3_000);
    tell(&bench, 2).await;
    tell(&bench, 3).await;
    let leads = bench.world().leads().count();
    until("a lead", async || (bench.world().leads().count() > leads).then_some(())).await;
    bridge.kill().await;
    let store = bench.store().await;
    let school: SchoolId = rost();
    let left = store.deliveries(&school, 0, 100).await.expect("the store answers");
    assert!(left.iter().any(|one| one.state == DeliveryState::Sending), "{left:#?}");
    println!("{:?}, {} deliveries", store.counts(&school).await, left.len());
    drop(store);
    for name in ["dozvon.sqlite", "dozvon.sqlite-wal"] {
        let from = bench.data().join(name);
        if from.exists() {
            println!("{name}: {:?} bytes", std::fs::copy(from, folder().join(name)));
        }
    }
}
