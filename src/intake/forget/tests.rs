//! A retired order leaves only its id, and only further money brings it back.

use chrono::TimeDelta;

use super::*;
use crate::platform::RawRequest;
use crate::process::case::{OrderBrief, SeenCall};
use crate::process::event::Outcome;
use crate::process::{End, Money, Stage as LeadStage, Wait};
use crate::signal::SeenNote;
use crate::store::embedded::Embedded;
use crate::store::{DeadLetter, Fence, Lease, Plan, Put};

fn at(day: i64) -> At {
    At::from_timestamp(1_795_000_000, 0).expect("in range") + TimeDelta::days(day)
}

fn brief(seen_at: At) -> OrderBrief {
    OrderBrief {
        offers: Vec::new(),
        seen_at,
        open: false,
        paid: true,
        payment_link: None,
        number: None,
        sum_change: None,
    }
}

/// The order as a step would leave it.
fn won(order: &Order) -> Order {
    let mut record = serde_json::to_value(order).expect("a record");
    record["wait"] = serde_json::to_value(Wait::Ended(End::Won { at: at(1) })).expect("a state");
    serde_json::from_value(record).expect("an order")
}

/// A store with one ended order of a client who has `orders` in all.
async fn filled(store: &Embedded, school: &SchoolId, fence: &Fence, orders: &[&str]) {
    let plan = Plan { config: "c".to_owned(), loaded: at(0) };
    assert_eq!(store.lease(school, fence, &plan, 600_000).await, Ok(Lease::Held));
    let mut book = Book::new(
        std::sync::Arc::new(Embedded::in_memory().expect("memory")),
        school.clone(),
        Default::default(),
    );
    let mut client = Client::new("c-gc-1".into());
    client.phones.push("+79035550212".to_owned());
    client.emails.push("anna@example.com".to_owned());
    let mut unit = Unit { at: at(0), ..Unit::default() };
    for id in orders {
        let mut order = Order::new((*id).into(), client.id.clone(), at(0));
        order.issued = 3;
        order.gc_id = Some(id.replace("gc-", ""));
        order.paid = Some(Money { minor: 100, currency: "RUB".to_owned() });
        order.leads.insert(LeadRole::Sales, LeadStage::Won);
        order = won(&order);
        let call = SeenCall {
            call: format!("pbxa:{id}"),
            outcome: Outcome::Answered,
            talk_seconds: Some(60),
            at: at(0),
        };
        order.calls.push(call);
        client.orders.insert(order.id.clone(), brief(at(0)));
        for (name, value) in [
            (link::lead(&order.id, LeadRole::Sales), "41290077"),
            (link::crm_lead(41_290_077), "gc-1:sales"),
            (link::task(&TaskId(format!("t2·{id}"))), "7710455"),
            (link::crm_task(7_710_455), "t2·gc-1"),
            (link::call(&format!("pbxa:{id}")), id),
            (link::former_leads(&order.id, LeadRole::Sales), "41290075 41290076"),
            (link::crm_lead(41_290_075), "gc-1:sales"),
            (link::crm_lead(41_290_076), "gc-1:sales"),
            (link::start(&CommandId(format!("{id}.2"))), "pbxb:one pbxc:two"),
            (link::call("pbxb:one"), id),
            (link::call("pbxc:two"), id),
        ] {
            unit.index.push((name, Some(value.to_owned())));
        }
        book.order(&order.id).await.expect("memory");
        unit.put.extend(book.put_order(order));
    }
    let mut former = book.last_seen("lead/41290076").await.expect("memory");
    former.has_note(501);
    unit.put.extend(book.put_last_seen("lead/41290076", former));
    let mut note = book.last_seen("note/501").await.expect("memory");
    note.note(&SeenNote::default());
    unit.put.extend(book.put_last_seen("note/501", note));
    for name in Mention::of(&client).keys() {
        unit.index.push((name, Some(client.id.to_string())));
    }
    book.client(&client.id).await.expect("memory");
    unit.put.extend(book.put_client(client));
    store.commit(school, fence, unit).await.expect("a unit");
}

#[tokio::test]
async fn a_retired_order_leaves_its_id_and_its_money() {
    let (school, fence) = (SchoolId::from("rost"), Fence("owner".to_owned()));
    let store = std::sync::Arc::new(Embedded::in_memory().expect("memory"));
    filled(&store, &school, &fence, &["gc-1"]).await;
    let mut book = Book::new(store.clone(), school.clone(), Default::default());

    let early = retire(&mut book, &"gc-1".into(), at(1), at(2)).await.expect("memory");
    assert_eq!(early.forget, Vec::new(), "it ended then, not before");

    let unit = retire(&mut book, &"gc-1".into(), at(2), at(400)).await.expect("memory");
    store.commit(&school, &fence, unit).await.expect("a unit");
    assert_eq!(store.scan(&school, "", None, 9).await, Ok(Vec::new()));
    let links = [
        link::lead(&"gc-1".into(), LeadRole::Sales),
        link::crm_lead(41_290_077),
        link::task(&TaskId("t2·gc-1".to_owned())),
        link::crm_task(7_710_455),
        link::call("pbxa:gc-1"),
        link::former_leads(&"gc-1".into(), LeadRole::Sales),
        link::crm_lead(41_290_075),
        link::crm_lead(41_290_076),
        link::start(&CommandId("gc-1.2".to_owned())),
        link::call("pbxb:one"),
        link::call("pbxc:two"),
        link::phone("+79035550212"),
        link::email("anna@example.com"),
    ];
    assert_eq!(store.find(&school, &links).await, Ok(vec![None; links.len()]));
    let gone = store.find(&school, &[link::gone(&"gc-1".into())]).await.expect("memory").remove(0);
    assert_eq!(gone.as_deref().and_then(Gone::read), Some(Gone::Retired { paid: 100 }));
    assert_eq!(book.order(&"gc-1".into()).await, Ok(None), "the open book has forgotten it too");
}

#[tokio::test]
async fn a_client_with_another_order_stays() {
    let (school, fence) = (SchoolId::from("rost"), Fence("owner".to_owned()));
    let store = std::sync::Arc::new(Embedded::in_memory().expect("memory"));
    filled(&store, &school, &fence, &["gc-1", "gc-2"]).await;
    let mut book = Book::new(store.clone(), school.clone(), Default::default());
    let unit = retire(&mut book, &"gc-1".into(), at(2), at(400)).await.expect("memory");
    store.commit(&school, &fence, unit).await.expect("a unit");
    let client = book.client(&"c-gc-1".into()).await.expect("memory").expect("he stays");
    assert_eq!(client.orders.keys().cloned().collect::<Vec<_>>(), ["gc-2".into()]);
    let phone = store.find(&school, &[link::phone("+79035550212")]).await.expect("memory").remove(0);
    assert_eq!(phone.as_deref(), Some("c-gc-1"));
}

/// Erases a person as the owner does it: page by page, entry by entry.
async fn erased(store: &std::sync::Arc<Embedded>, school: &SchoolId, fence: &Fence, mention: Mention) {
    let mut book = Book::new(store.clone(), school.clone(), Default::default());
    let mut unit = erase(&mut book, &**store, school, mention, at(400)).await.expect("memory");
    loop {
        store.commit(school, fence, unit).await.expect("a unit");
        book.end_round();
        book.fit_budget();
        let Some(entry) = store.inbox(school, None, 1).await.expect("memory").pop() else { break };
        let Ok(Item::Scrub(rest)) = serde_json::from_slice(&entry.body) else { panic!("no scrub") };
        unit = scrub(&mut book, &**store, school, *rest, at(400)).await.expect("memory");
        unit.ack.push(entry.seq);
    }
}

/// A request that could not be read, stored completely in a dead letter.
fn letter(id: &str, body: &str) -> DeadLetter {
    let request = RawRequest {
        method: "POST".to_owned(),
        tail: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    let body = Envelope::of("pbxa", &request, at(0)).to_bytes();
    DeadLetter { id: id.to_owned(), at: at(0), why: "undecodable".to_owned(), order: None, body, folded: 0 }
}

#[tokio::test]
async fn a_dead_letter_that_holds_a_request_of_the_person_is_erased() {
    let (school, fence) = (SchoolId::from("rost"), Fence("owner".to_owned()));
    let store = std::sync::Arc::new(Embedded::in_memory().expect("memory"));
    filled(&store, &school, &fence, &["gc-1"]).await;
    let letters = [
        letter("in-1", r#"json={"from":{"number":"8 (903) 555-02-12"}}"#),
        letter("in-2", r#"json={"from":{"number":"8 (903) 555-02-13"}}"#),
        DeadLetter { order: Some("gc-1".into()), body: Vec::new(), ..letter("out-gc-1.4", "") },
    ];
    let dead = letters.into_iter().map(DeadOp::Bury).collect();
    store.commit(&school, &fence, Unit { dead, ..Unit::default() }).await.expect("a unit");
    erased(&store, &school, &fence, Mention::typed(Some("+79035550212"), None).expect("right")).await;
    let left = store.dead(&school, 9).await.expect("memory");
    assert_eq!(left.iter().map(|letter| letter.id.as_str()).collect::<Vec<_>>(), ["in-2"]);
}

#[tokio::test]
async fn a_damaged_record_keeps_nobody_from_being_erased() {
    let (school, fence) = (SchoolId::from("rost"), Fence("owner".to_owned()));
    let store = std::sync::Arc::new(Embedded::in_memory().expect("memory"));
    filled(&store, &school, &fence, &["gc-1"]).await;
    let damaged = |key: &str| Put { key: key.to_owned(), expect: 0, body: b"+79035550212 {".to_vec() };
    let put = ["order/gc-0", "call/pbxa:0"].map(damaged).to_vec();
    let dead = vec![DeadOp::Bury(letter("in-1", r#"json={"from":{"number":"8 (903) 555-02-12"}}"#))];
    store.commit(&school, &fence, Unit { put, dead, ..Unit::default() }).await.expect("a unit");
    erased(&store, &school, &fence, Mention::typed(Some("+79035550212"), None).expect("right")).await;
    let left = store.scan(&school, "", None, 9).await.expect("memory");
    assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["call/pbxa:0", "order/gc-0"]);
    assert_eq!(store.dead(&school, 9).await, Ok(Vec::new()));
}
