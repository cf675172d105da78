//! What is over is settled once, with its order: also where the order, the book or the store is in the way.

use chrono::TimeDelta;

use super::*;
use crate::intake::item::Inbound;
use crate::link;
use crate::platform::{Fault, Receipt, Try};
use crate::process::{Ask, ReadBack};
use crate::worker::fake::{Bench, asked, letter, sending};

fn done() -> Ended {
    let links = vec![(link::call("theirs-1"), "gc-1".to_owned())];
    let signals = vec![Signal::Nothing { what: "read".to_owned() }];
    Ended::Done(Receipt { links, signals })
}

fn read(id: &str, client: &str) -> Delivery {
    asked(id, client, Ask::ReadBack(ReadBack::Lead { lead: 41, number: None }))
}

/// An inbox over a store in which this delivery is on its way.
async fn on_its_way(delivery: Delivery) -> (Bench, Inbox, Landed) {
    let bench = Bench::open().await;
    bench.put_order("gc-1").await;
    let sending = sending(delivery, 1);
    bench.commit(Unit { deliveries: vec![DeliveryOp::Add(sending)], ..Unit::default() }).await;
    let delivery = bench.deliveries().await.remove(0);
    let inbox = Inbox::new(bench.site.clone());
    (bench, inbox, Landed { delivery, ended: done() })
}

#[tokio::test(start_paused = true)]
async fn a_receipt_is_one_unit_with_its_links_and_its_orders_step() {
    let mut bench = Bench::open().await;
    bench.put_order("gc-1").await;
    let links = vec![(link::crm_lead(41), "gc-1:sales".to_owned())];
    bench.crm.answers([Ok(Receipt { links, ..Receipt::default() })]);
    bench.work().await;
    let deliveries = vec![DeliveryOp::Add(read("gc-1.1", "c-gc-1"))];
    bench.commit(Unit { deliveries, ..Unit::default() }).await;
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.link(link::crm_lead(41)).await.as_deref(), Some("gc-1:sales"));
    assert_eq!(bench.events("gc-1").await, ["receipt"]);
    assert_eq!((bench.deliveries().await, bench.dead().await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_done_is_told_to_a_person_and_to_the_order() {
    let mut bench = Bench::open().await;
    bench.put_order("gc-1").await;
    bench.mail.answers([Err(Fault::never("refused"))]);
    bench.work().await;
    let deliveries = vec![DeliveryOp::Add(letter("gc-1.1")), DeliveryOp::Add(letter("gc-9.1"))];
    bench.commit(Unit { deliveries, ..Unit::default() }).await;
    bench.run_for(TimeDelta::seconds(1)).await;
    let dead = bench.dead().await;
    let [dead] = &dead[..] else { panic!("{dead:#?}") };
    assert_eq!((dead.id.as_str(), dead.why.as_str()), ("out-gc-1.1", "refused"));
    let kept: Delivery = serde_json::from_slice(&dead.body).expect("it can be tried again");
    assert_eq!(kept.command, letter("gc-1.1").command);
    assert_eq!(bench.events("gc-1").await, ["undeliverable"]);
    // One that was asked before there was an order leaves nothing behind.
    assert_eq!(bench.mail.asked().len(), 2);
    assert_eq!(bench.site.store.counts(bench.site.id()).await.expect("memory").inbox, 0);
    assert_eq!(bench.deliveries().await, []);
}

/// The commit of a settlement was not heard: applied or not, it counts once.
#[tokio::test(start_paused = true)]
async fn a_settlement_whose_answer_was_lost_counts_once() {
    for is_applied in [true, false] {
        let (bench, mut inbox, landed) = on_its_way(letter("gc-1.1")).await;
        let now = bench.site.clock.now();
        let first = inbox.settle(&landed, &HashSet::new(), now).await.expect("memory").expect("it is there");
        if is_applied {
            bench.commit(first).await;
        }
        inbox.doubtful.insert(landed.delivery.seq, Doubt::Unheard);
        inbox.open_again();
        let again = inbox.settle(&landed, &HashSet::new(), now).await.expect("memory");
        assert_eq!(again.is_some(), !is_applied);
        if let Some(again) = again {
            bench.commit(again).await;
        }
        assert_eq!(bench.events("gc-1").await, ["receipt"], "applied at first: {is_applied}");
        assert_eq!(bench.deliveries().await, []);
    }
}

/// The store lost its last second and gave the place to another delivery: that one is not settled.
#[tokio::test(start_paused = true)]
async fn a_settlement_in_doubt_takes_no_other_delivery_away() {
    let (bench, mut inbox, mut landed) = on_its_way(letter("gc-1.1")).await;
    landed.delivery = Delivery { seq: landed.delivery.seq, ..letter("gc-1.2") };
    inbox.doubtful.insert(landed.delivery.seq, Doubt::Unheard);
    let now = bench.site.clock.now();
    assert_eq!(inbox.settle(&landed, &HashSet::new(), now).await, Ok(None));
    assert_eq!(bench.deliveries().await.len(), 1);
}

/// The order cannot be stepped, again and again: the delivery is over all the same, and what it brought waits
/// in the inbox.
#[tokio::test(start_paused = true)]
async fn a_receipt_that_was_set_aside_is_not_lost() {
    let (bench, mut inbox, landed) = on_its_way(letter("gc-1.1")).await;
    inbox.aside.insert(Cause::Landed(landed.delivery.seq), "it panics".to_owned());
    let now = bench.site.clock.now();
    let unit = inbox.settle(&landed, &HashSet::new(), now).await.expect("memory").expect("it is there");
    bench.commit(unit).await;
    assert_eq!(bench.deliveries().await, []);
    assert_eq!(bench.link(link::call("theirs-1")).await.as_deref(), Some("gc-1"));
    let waiting = bench.site.store.inbox(bench.site.id(), None, 9).await.expect("memory");
    let items: Vec<_> = waiting.iter().map(|entry| Inbound::read(&entry.body).expect("readable")).collect();
    let receipt = Event::Receipt { command: CommandId::from("gc-1.1") };
    let event = Item::Event { raw: None, order: "gc-1".into(), event: receipt };
    let signal = Item::Signal { raw: None, signal: Signal::Nothing { what: "read".to_owned() } };
    assert_eq!(items, [event, signal].map(|item| Inbound::Item(Box::new(item))));
}

/// F35: what an answer brings is journalled, or waits, with the request that asked for it.
#[tokio::test(start_paused = true)]
async fn an_answer_names_the_request_that_asked_for_it() {
    for aside in [false, true] {
        let (bench, mut inbox, landed) = on_its_way(Delivery { raw: Some(7), ..letter("gc-1.1") }).await;
        if aside {
            inbox.aside.insert(Cause::Landed(landed.delivery.seq), "it panics".to_owned());
        }
        let now = bench.site.clock.now();
        let unit = inbox.settle(&landed, &HashSet::new(), now).await.expect("memory").expect("it is there");
        bench.commit(unit).await;
        let waiting = bench.site.store.inbox(bench.site.id(), None, 9).await.expect("memory");
        match aside {
            false => assert_eq!(bench.origins("gc-1").await, [("receipt".to_owned(), "raw:7".to_owned())]),
            true => assert!(waiting.iter().all(|entry| {
                matches!(
                    Inbound::read(&entry.body),
                    Ok(Inbound::Item(item))
                        if matches!(*item, Item::Event { raw: Some(7), .. } | Item::Signal { raw: Some(7), .. })
                )
            })),
        }
    }
}

/// In one lane the next leaves after the one before it, once, without a mark of its own.
#[tokio::test(start_paused = true)]
async fn the_next_of_a_lane_leaves_once_and_in_order() {
    let mut bench = Bench::open().await;
    bench.put_order("gc-1").await;
    bench.work().await;
    let deliveries = (1..=4).map(|n| DeliveryOp::Add(letter(&format!("gc-1.{n}")))).collect();
    bench.commit(Unit { deliveries, ..Unit::default() }).await;
    bench.run_for(TimeDelta::seconds(5)).await;
    let expected: Vec<_> = (1..=4).map(|n| (format!("gc-1.{n}"), Try::First)).collect();
    assert_eq!(bench.mail.asked(), expected);
    assert_eq!(bench.events("gc-1").await, ["receipt"; 4]);
    assert_eq!((bench.deliveries().await, bench.dead().await), (vec![], vec![]));
}

/// A command that the same unit takes back must not leave before the unit says so.
#[tokio::test(start_paused = true)]
async fn what_is_taken_back_by_its_own_unit_is_not_marked() {
    let bench = Bench::open().await;
    let now = bench.site.clock.now();
    let ops = vec![
        DeliveryOp::Add(letter("gc-1.1")),
        DeliveryOp::Add(letter("gc-2.1")),
        DeliveryOp::Add(letter("gc-2.2")),
        DeliveryOp::Revoke(CommandId::from("gc-1.1")),
    ];
    let mut unit = Unit { deliveries: ops, at: now, ..Unit::default() };
    mark_first(&bench.site, &mut unit, None, now);
    let leaving = unit.deliveries.iter().filter_map(|op| match op {
        DeliveryOp::Add(delivery) if delivery.is_leaving() => Some(delivery.id().as_str()),
        _ => None,
    });
    assert_eq!(leaving.collect::<Vec<_>>(), ["gc-2.1"], "the first of its lane, and nothing revoked");
}

/// The store loses a delivery while it is in the air: its result is told all the same, unless a commit of ours has
/// ended it.
#[tokio::test(start_paused = true)]
async fn the_result_of_a_delivery_that_the_store_has_lost_is_told() {
    for (doubt, is_awaited, is_told) in
        [(Doubt::Refused, false, true), (Doubt::Unheard, true, true), (Doubt::Unheard, false, false)]
    {
        let (bench, mut inbox, landed) = on_its_way(letter("gc-1.1")).await;
        if is_awaited {
            bench.put_order_waiting("gc-1", "gc-1.1").await;
        }
        bench.lose(&["gc-1.1"]).await;
        let now = bench.site.clock.now();
        let first =
            inbox.settle(&landed, &HashSet::new(), now).await.expect("memory").expect("nobody knows yet");
        assert!(bench.site.commit(first).await.is_err(), "it is not there");
        inbox.doubtful.insert(landed.delivery.seq, doubt);
        inbox.open_again();
        let again = inbox.settle(&landed, &HashSet::new(), now).await.expect("memory");
        assert_eq!(again.is_some(), is_told, "{doubt:?} {is_awaited}");
        if let Some(unit) = again {
            bench.commit(unit).await;
            assert_eq!(bench.events("gc-1").await, ["receipt"]);
            assert_eq!(bench.link(link::call("theirs-1")).await.as_deref(), Some("gc-1"));
        }
    }
}

/// Whoever knows an address can name orders that there are not: each is read, and few become letters of their own.
#[tokio::test(start_paused = true)]
async fn a_flood_of_orders_that_getcourse_does_not_have_is_one_letter_with_a_count() {
    let mut bench = Bench::open().await;
    bench.crm.answers((0..50).map(|_| Err(Fault::never(format!("{NO_ORDER}: GetCourse does not show it")))));
    bench.work().await;
    for n in 0..50 {
        let order = format!("gc-{n}");
        bench.put_order(&order).await;
        let one = read(&format!("{order}.1"), &format!("c-{order}"));
        bench.commit(Unit { deliveries: vec![DeliveryOp::Add(one)], ..Unit::default() }).await;
    }
    bench.run_for(TimeDelta::minutes(1)).await;
    let dead = bench.dead().await;
    let (whole, folded): (Vec<_>, Vec<_>) = dead.iter().partition(|letter| letter.folded == 0);
    assert_eq!((whole.len(), folded.len(), folded[0].folded), (20, 1, 30), "{dead:#?}");
    assert_eq!((folded[0].order.as_ref(), bench.deliveries().await), (None, vec![]));
    assert_eq!(bench.events("gc-49").await, ["undeliverable"], "its order hears of it");
}
