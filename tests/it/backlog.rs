//! A backlog that the CRM's long outage has left: what the process holds of it, and that payments overtake
//! it in the order of their lanes. The real program over the embedded store.

use dozvon::link;
use dozvon::process::{Ask, Command, CommandId, LeadRole, Urgency};
use dozvon::store::embedded::Embedded;
use dozvon::store::{Delivery, DeliveryOp, DeliveryState, Fence, Lease, Plan, Store, Unit};

use crate::support::program::{StoreKind, TestBed, rost, until};

/// Deliveries of the suite; `DOZVON_BACKLOG` for more.
const DELIVERIES: u64 = 20_000;
/// It is waited for in so many parts.
const PARTS: u64 = 25;
/// Of each client.
const OF_A_CLIENT: u64 = 5;
/// What a delivery may cost in memory, with all that stands beside the lanes.
const BYTES_EACH: u64 = 200;
/// What does not grow with the backlog: held bodies, pages of the store, the allocator's rest.
const BYTES_BESIDE: u64 = 32 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_backlog_is_held_in_little_memory() {
    let deliveries = std::env::var("DOZVON_BACKLOG").ok().and_then(|many| many.parse().ok());
    let deliveries = deliveries.unwrap_or(DELIVERIES);
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.mute();
    bench.world().amocrm_mut().blocked = true;
    let bridge = bench.start().await;
    until("an owner", async || bridge.owns().await.then_some(())).await;
    let before = bridge.memory();
    assert_eq!(bridge.terminate().await, Some(0));

    fill(&bench, deliveries).await;
    let bridge = bench.start().await;
    for part in 1..=PARTS {
        until("the next part of the backlog", async || {
            let held = bridge.health().await?["lanes"].as_u64()?;
            (held >= deliveries * part / PARTS).then_some(())
        })
        .await;
    }
    let held = bridge.memory().saturating_sub(before);
    println!("{deliveries} deliveries: {:.1} MB beside {:.1} MB", mb(held), mb(before));
    let most = deliveries * BYTES_EACH + BYTES_BESIDE;
    assert!(held <= most, "{deliveries} deliveries hold {:.1} MB, {:.1} are allowed", mb(held), mb(most));
    bridge.kill().await;
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Notes of some kilobytes each, as they stand after days without the CRM.
async fn fill(bench: &TestBed, deliveries: u64) {
    let store = Embedded::open(&bench.data()).expect("nobody else has it");
    let (fence, at) = (Fence("filler".to_owned()), dozvon::clock::wall_now());
    let plan = Plan { config: "filler".to_owned(), loaded: at };
    let lease = store.lease(&rost(), &fence, &plan, 3_600_000).await.expect("the store answers");
    assert_eq!(lease, Lease::Held);
    let note = |n: u64| {
        let command = Command {
            id: CommandId(format!("gc-{}.{n}", n / OF_A_CLIENT)),
            order: format!("gc-{}", n / OF_A_CLIENT).as_str().into(),
            client: format!("c-gc-{}", n / OF_A_CLIENT).as_str().into(),
            urgency: Urgency::Usual,
            ask: Ask::AddNote {
                role: LeadRole::Sales, text: format!("{n} {}", "комментарий ".repeat(200))
            },
        };
        let state = DeliveryState::Waiting;
        DeliveryOp::Add(Delivery {
            seq: 0,
            command,
            created_at: at,
            state,
            attempts: 0,
            fault: None,
            raw: None,
        })
    };
    for from in (0..deliveries).step_by(1_000) {
        let page = from..deliveries.min(from + 1_000);
        // Their leads were created before the outage.
        let index = page.clone().step_by(OF_A_CLIENT as usize).map(|n| {
            let order = format!("gc-{}", n / OF_A_CLIENT).as_str().into();
            (link::lead(&order, LeadRole::Sales), Some((41_000_000 + n).to_string()))
        });
        let index = index.collect();
        let deliveries = page.map(note).collect();
        store
            .commit(&rost(), &fence, Unit { deliveries, index, at, ..Unit::default() })
            .await
            .expect("it fits");
    }
    store.release(&rost(), &fence).await.expect("the store answers");
}
