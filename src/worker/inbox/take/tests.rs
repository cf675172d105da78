//! Entries of the inbox with all that can be wrong with them: nothing is lost, nothing counts twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;

use super::*;
use crate::config::fake::noon;
use crate::intake::forget::Mention;
use crate::message::text::TextId;
use crate::platform::{HookAnswer, Hooks, Reception, Refused, Try, Undecodable, Verified};
use crate::process::event::{ClientFacts, Direction, OrderFacts, Outcome};
use crate::process::{Ask, At, CommandId, LeadRole, Money, Order, Phone, ReadBack};
use crate::request::{IdempotencyKey, RawRequest};
use crate::signal::{CallWhat, FinalRecord, Leg, LegState, SeenOrder};
use crate::spool::{Saved, Spools};
use crate::store::{Offer, Seq};
use crate::worker::fake::{Bench, asked, letter};

const ANNA: &str = "+79035550101";

/// A platform whose requests are signals as we store them.
struct Told;

impl Hooks for Told {
    fn body_bytes_max(&self) -> usize {
        1 << 20
    }

    fn verify(&self, _: &RawRequest) -> Result<Reception, Refused> {
        Ok(Reception::Keep(IdempotencyKey::Always))
    }

    fn answer(&self, _: &Verified) -> HookAnswer {
        HookAnswer::empty(200)
    }

    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable> {
        self.decode_found(request.request(), at)
    }

    fn decode_found(&self, request: &RawRequest, _: At) -> Result<Vec<Signal>, Undecodable> {
        serde_json::from_slice(&request.body).map_err(|_| Undecodable("no signals".to_owned()))
    }
}

fn request(platform: &str, body: Vec<u8>) -> Vec<u8> {
    request_at(platform, body, noon())
}

fn request_at(platform: &str, body: Vec<u8>, at: At) -> Vec<u8> {
    let (method, tail, query) = ("POST".to_owned(), String::new(), String::new());
    let request = RawRequest { method, tail, query, headers: Vec::new(), body };
    Envelope::of(platform, &request, at).to_bytes()
}

fn said(signals: &[Signal]) -> Vec<u8> {
    request("told", json::bytes(&signals))
}

fn order(gc_id: Option<String>) -> Signal {
    let phone = Phone {
        e164: Some(ANNA.to_owned()),
        extension: None,
        second: None,
        words: None,
        raw: ANNA.to_owned(),
    };
    let client = ClientFacts { phone: Some(phone), ..ClientFacts::default() };
    // All that routes need: nothing has to be read first.
    let facts = OrderFacts {
        gc_id,
        client,
        offers: vec!["5512874".to_owned()],
        positions: Some("Курс".to_owned()),
        cost: Some(Money::new(3_850_000, "RUB")),
        ..OrderFacts::default()
    };
    Signal::OrderSeen(Box::new(SeenOrder { facts, ..SeenOrder::default() }))
}

fn ended_call() -> Signal {
    let record = FinalRecord {
        direction: Some(Direction::Inbound),
        outcome: Outcome::Answered,
        talk_seconds: Some(90),
        started_at: noon(),
        ended_at: noon() + TimeDelta::seconds(100),
        client_number: Some(ANNA.to_owned()),
        extension: Some("102".to_owned()),
        line: None,
        command: None,
        recording: None,
        rough: false,
    };
    let (call, what) = ("told:1".to_owned(), CallWhat::Final(record));
    Signal::CallSeen(Box::new(CallEvent { call, at: noon(), what }))
}

async fn bench() -> Bench {
    let mut bench = told().await;
    bench.work().await;
    bench
}

/// An owner that has not begun to work.
async fn told() -> Bench {
    let told: Arc<dyn Hooks> = Arc::new(Told);
    Bench::over(Arc::default(), BTreeMap::from([("told", told)]), None).await
}

async fn orders(bench: &Bench) -> usize {
    bench.site.store.scan(bench.site.id(), "order/", None, 100).await.expect("memory").len()
}

async fn is_worked_off(bench: &Bench) -> bool {
    bench.run_for(TimeDelta::seconds(1)).await;
    bench.site.store.counts(bench.site.id()).await.expect("memory").inbox == 0
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_is_kept_whole_for_a_person_and_stops_nothing_behind_it() {
    let bench = bench().await;
    let bad = [
        request("pbxz", b"secret".to_vec()),
        b"\x01 no item: secret".to_vec(),
        request("told", b"secret".to_vec()),
    ];
    for (n, body) in bad.iter().enumerate() {
        bench.offer(&format!("bad-{n}"), body.clone()).await;
    }
    bench.offer("good", said(&[order(Some("1".to_owned()))])).await;
    assert!(is_worked_off(&bench).await);
    assert_eq!(orders(&bench).await, 1);
    let mut dead = bench.dead().await;
    dead.reverse();
    assert_eq!(dead.iter().map(|letter| letter.body.clone()).collect::<Vec<_>>(), bad);
    assert!(dead.iter().all(|letter| !letter.why.contains("secret")), "{dead:#?}");
    assert!(dead[0].why.contains("pbxz is not set up"), "{dead:#?}");
}

/// L16: what is submitted again after a loss was received before what is known, and takes no money back.
#[tokio::test(start_paused = true)]
async fn an_older_request_takes_no_money_back() {
    let bench = bench().await;
    let paid = |minor, minutes, told: Option<i64>| {
        let Signal::OrderSeen(mut seen) = order(Some("1".to_owned())) else { unreachable!("an order") };
        let facts = &mut seen.facts;
        (facts.paid, facts.confirmed, facts.trusted) = (Some(Money::new(minor, "RUB")), true, true);
        facts.told_at = told.map(|minutes| noon() + TimeDelta::minutes(minutes));
        let signals = json::bytes(&[Signal::OrderSeen(seen)]);
        request_at("told", signals, noon() + TimeDelta::minutes(minutes))
    };
    let checks = async || {
        let name = key::order(&"gc-1".into());
        let record = bench.site.store.read(bench.site.id(), &[name]).await.expect("memory").remove(0);
        let order: Order = serde_json::from_slice(&record.expect("it is told").body).expect("an order");
        order.tasks.values().filter(|task| task.text == TextId::TaskRefundCheck).count()
    };
    for (id, minor, minutes, told, want) in [
        ("paid", 3_850_000, 5, None, 0),
        ("older", 1_000_000, 0, None, 0),
        // It says that the order was created then, and comes late.
        ("late", 0, 6, Some(4), 0),
        ("newer", 1_000_000, 9, None, 1),
    ] {
        bench.offer(id, paid(minor, minutes, told)).await;
        assert!(is_worked_off(&bench).await);
        assert_eq!(checks().await, want, "{id}");
    }
}

/// However many orders a round has, and then however many of them are due, the store is read a few times.
#[tokio::test(start_paused = true)]
async fn a_round_reads_the_store_a_few_times_whatever_it_holds() {
    let mut bench = told().await;
    let person = |n: u32| {
        let Signal::OrderSeen(mut seen) = order(Some(n.to_string())) else { unreachable!("an order") };
        seen.facts.client.phone.as_mut().expect("a phone").e164 = Some(format!("+7903555{n:04}"));
        seen.facts.client.email = Some(format!("client{n}@client.example"));
        seen.facts.client.gc_user = Some(n.to_string());
        Signal::OrderSeen(seen)
    };
    for n in 1..=60 {
        bench.offer(&format!("told-{n}"), said(&[person(n)])).await;
    }
    bench.work().await;
    assert!(is_worked_off(&bench).await);
    assert_eq!(orders(&bench).await, 60);
    assert!(bench.store.reads() < 20, "{} reads for 60 new orders", bench.store.reads());
    // A new owner knows none of them.
    bench.take_again().await;
    let stepped = || bench.site.tally.stepped.load(Ordering::Relaxed);
    let before = (stepped(), bench.store.reads());
    bench.run_for(TimeDelta::days(1)).await;
    let (stepped, reads) = (stepped() - before.0, bench.store.reads() - before.1);
    assert!(stepped >= 60 && reads < 20, "{reads} reads for {stepped} steps");
}

/// The store lost an order while four of its commands were on their way: what is decided again from the first number
/// on joins what is the same, and takes the place of nothing else.
#[tokio::test(start_paused = true)]
async fn an_order_that_is_decided_again_loses_nothing_to_its_former_commands() {
    let bench = bench().await;
    bench.crm.answers((0..100).map(|_| Err(crate::platform::Fault::later("busy"))));
    let price = |minor| Ask::SetPrice { role: LeadRole::Sales, price: Money::new(minor, "RUB") };
    let former: Vec<CommandId> =
        (1..=9).map(|n| CommandId::new(&"gc-1".into(), n, &price(i64::from(n)))).collect();
    let adds = former.iter().map(|id| DeliveryOp::Add(asked(id.as_str(), "c-gc-1", price(1))));
    bench.commit(Unit { deliveries: adds.collect(), ..Unit::default() }).await;
    bench.offer("again", said(&[order(Some("1".to_owned()))])).await;
    assert!(is_worked_off(&bench).await);
    let mut there: Vec<CommandId> = bench.deliveries().await.iter().map(|one| one.id().clone()).collect();
    there.retain(|id| !former.contains(id));
    let record =
        bench.site.store.read(bench.site.id(), &[key::order(&"gc-1".into())]).await.expect("the order");
    let record = record.into_iter().flatten().next().expect("its record");
    let order: Order = serde_json::from_slice(&record.body).expect("an order");
    let asked: Vec<CommandId> = order.unsent.into_keys().collect();
    assert!(asked.len() > 1, "{asked:?}");
    there.sort();
    assert_eq!(there, asked);
}

/// The store has lost a client, and not his order: its wake waits for him, nothing writes an empty record in his place,
/// and when he is told again the wake is due as before.
#[tokio::test(start_paused = true)]
async fn an_order_whose_client_is_lost_waits_until_he_is_told_again() {
    let bench = bench().await;
    let site = &bench.site;
    bench.offer("first", said(&[order(Some("1".to_owned()))])).await;
    assert!(is_worked_off(&bench).await);
    let record = async |name: &str| {
        let found = site.store.read(site.id(), &[name.to_owned()]).await.expect("memory");
        found.into_iter().flatten().next()
    };
    let stored = record("order/gc-1").await.expect("it is told");
    let order_now: Order = serde_json::from_slice(&stored.body).expect("an order");
    let (name, (at, _)) =
        (key::client(&order_now.client), crate::process::wake(&order_now).expect("a timer"));
    let client = record(&name).await.expect("he is told");
    let forget = vec![crate::store::Forget::Record { key: name.clone(), expect: client.version }];
    let now = site.clock.now();
    let due = vec![Wake {
        member: Member::Order("gc-1".into()).to_string(),
        at_ms: now.timestamp_millis(),
        promised: false,
    }];
    site.doubt_until(now + TimeDelta::hours(2));
    bench.commit(Unit { forget, wake: due.clone(), ..Unit::default() }).await;
    site.restart_from_store();
    let command = CommandId::from("gc-1.99");
    let event = crate::process::Event::Receipt { command };
    bench.append(&Item::Event { raw: None, order: "gc-1".into(), event }).await;
    assert!(is_worked_off(&bench).await);
    assert_eq!(record(&name).await, None);
    let wake =
        async || site.store.wake_of(site.id(), &due[0].member).await.expect("memory").expect("it is put off");
    assert!(wake().await.at_ms > now.timestamp_millis() + 50_000);
    bench.offer("again", said(&[order(Some("1".to_owned()))])).await;
    assert!(is_worked_off(&bench).await);
    assert!(record(&name).await.is_some());
    assert_eq!(wake().await.at_ms, at.timestamp_millis());
}

#[tokio::test(start_paused = true)]
async fn of_many_signals_in_one_request_each_counts_once_and_only_the_bad_one_needs_a_person() {
    let bench = bench().await;
    let mut signals: Vec<Signal> = (1..=40).map(|n| order(Some(n.to_string()))).collect();
    signals.insert(3, order(None));
    bench.offer("many", said(&signals)).await;
    assert!(is_worked_off(&bench).await);
    assert_eq!(orders(&bench).await, 40);
    for n in [1, 4, 40] {
        let events = bench.events(&format!("gc-{n}")).await;
        assert_eq!(events.iter().filter(|event| *event == "order").count(), 1, "gc-{n}: {events:?}");
    }
    let dead = bench.dead().await;
    assert!(matches!(&dead[..], [letter] if letter.why.contains("no id")), "{dead:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_told_twice_is_one_call_of_its_clients_order() {
    let bench = bench().await;
    bench.offer("order", said(&[order(Some("1".to_owned()))])).await;
    assert!(is_worked_off(&bench).await);
    for id in ["call", "call again"] {
        bench.offer(id, said(&[ended_call()])).await;
        assert!(is_worked_off(&bench).await);
    }
    let events = bench.events("gc-1").await;
    assert_eq!(events.iter().filter(|event| *event == "call").count(), 1, "{events:?}");
    assert_eq!(bench.link(link::call("told:1")).await.as_deref(), Some("gc-1"));
    assert_eq!(bench.dead().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_stranger_makes_no_order() {
    let bench = bench().await;
    bench.offer("call", said(&[ended_call()])).await;
    assert!(is_worked_off(&bench).await);
    assert_eq!((orders(&bench).await, bench.dead().await.len()), (0, 0));
}

/// It leaves a trace: nobody else sees that this line has no route.
#[tokio::test(start_paused = true)]
async fn a_stranger_who_calls_a_line_without_a_route_is_counted() {
    let bench = bench().await;
    let line = bench.site.school.platforms.lines().next().expect("the example has one").0.name;
    let Signal::CallSeen(event) = ended_call() else { panic!("a call") };
    let event = CallEvent { call: format!("{line}:1"), ..*event };
    bench.offer("call", said(&[Signal::CallSeen(Box::new(event))])).await;
    assert!(is_worked_off(&bench).await);
    assert_eq!(orders(&bench).await, 0);
    assert_eq!(
        bench.site.tally.unrouted.all().into_iter().map(|(name, (n, _))| (name, n)).collect::<Vec<_>>(),
        [(line, 1)]
    );
}

/// F35: an answer to a command, a call that ends by a wake and a request that is tried again name the request that
/// began them.
#[tokio::test(start_paused = true)]
async fn every_entry_of_the_journal_names_its_request() {
    let bench = bench().await;
    let rest = (0..3).map(|n| order(Some(format!("9{n}"))));
    let both: Vec<Signal> = [order(Some("1".to_owned()))].into_iter().chain(rest).collect();
    bench.offer("order", said(&both)).await;
    assert!(is_worked_off(&bench).await);
    let leg = Leg {
        leg: "1".to_owned(),
        seq: 1,
        state: LegState::Ended(Outcome::NoAnswer),
        direction: Some(Direction::Inbound),
        client_number: Some(ANNA.to_owned()),
        extension: Some("102".to_owned()),
        line: None,
        taken_from: None,
        command: None,
        manager_leg: false,
        menu: false,
        talk_seconds: Some(0),
    };
    let (call, what) = ("told:2".to_owned(), CallWhat::Leg(leg));
    bench.offer("leg", said(&[Signal::CallSeen(Box::new(CallEvent { call, at: noon(), what }))])).await;
    bench.run_for(TimeDelta::minutes(3)).await;
    let origins = bench.origins("gc-1").await;
    let of = |wanted: &str| -> Vec<&str> {
        origins.iter().filter(|(event, _)| event == wanted).map(|(_, raw)| raw.as_str()).collect()
    };
    assert_eq!(of("order"), ["raw:1"], "{origins:?}");
    assert!(of("receipt").contains(&"raw:1"), "{origins:?}");
    let [call] = of("call")[..] else { panic!("{origins:?}") };
    let place = call.strip_prefix("raw:").and_then(|place| place.parse().ok()).expect("a place");
    let kept = bench.site.store.raw(bench.site.id(), &Seq(place)).await.expect("memory");
    assert!(kept.is_some_and(|kept| String::from_utf8_lossy(&kept).contains("told:2")), "{origins:?}");
    let body = said(&[order(Some("8".to_owned()))]);
    let id = "in-801".to_owned();
    let letter =
        DeadLetter { id: id.clone(), at: noon(), why: "not set up".to_owned(), order: None, body, folded: 0 };
    bench.commit(Unit { dead: vec![DeadOp::Bury(letter)], ..Unit::default() }).await;
    bench.append(&Item::Retry { letter: id }).await;
    assert!(is_worked_off(&bench).await);
    assert_eq!(bench.origins("gc-8").await[0], ("order".to_owned(), "raw:801".to_owned()));
}

/// A person asked for it: a letter leaves again, because the person has looked; the CRM is looked at first.
#[tokio::test(start_paused = true)]
async fn a_dead_delivery_that_is_tried_again_goes_once_and_is_dead_no_longer() {
    let bench = bench().await;
    let read = asked("gc-2.1", "c-2", Ask::ReadBack(ReadBack::Lead { lead: 41, number: None }));
    let bury = [letter("gc-1.1"), read].map(|delivery| {
        let (id, body) = (format!("out-{}", delivery.id()), json::bytes(&delivery));
        DeadOp::Bury(DeadLetter { id, at: noon(), why: "no answer".to_owned(), order: None, body, folded: 0 })
    });
    bench.commit(Unit { dead: bury.to_vec(), ..Unit::default() }).await;
    for id in ["out-gc-1.1", "out-gc-2.1", "out-gc-2.1", "out-gc-9.1"] {
        bench.append(&Item::Retry { letter: id.to_owned() }).await;
    }
    assert!(is_worked_off(&bench).await);
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked(), [("gc-1.1".to_owned(), Try::First)]);
    assert_eq!(bench.crm.asked(), [("gc-2.1".to_owned(), Try::MayBeDone)]);
    assert_eq!((bench.dead().await, bench.deliveries().await), (vec![], vec![]));
}

/// The mend of the configuration came meanwhile, or it did not: then it is dead again, once.
#[tokio::test(start_paused = true)]
async fn a_dead_entry_that_is_tried_again_is_worked_or_dead_again() {
    let bench = bench().await;
    let bury = [("in-801", said(&[order(Some("8".to_owned()))])), ("in-802", request("pbxz", b"x".to_vec()))];
    let bury = bury.map(|(id, body)| {
        DeadOp::Bury(DeadLetter {
            id: id.to_owned(),
            at: noon(),
            why: "not set up".to_owned(),
            order: None,
            body,
            folded: 0,
        })
    });
    bench.commit(Unit { dead: bury.to_vec(), ..Unit::default() }).await;
    for id in ["in-801", "in-802"] {
        bench.append(&Item::Retry { letter: id.to_owned() }).await;
    }
    assert!(is_worked_off(&bench).await);
    assert_eq!(orders(&bench).await, 1);
    let dead = bench.dead().await;
    let [letter] = &dead[..] else { panic!("{dead:#?}") };
    let kept = Envelope::read(&letter.body).expect("a request");
    let first = Envelope::read(&request("pbxz", b"x".to_vec())).expect("a request");
    assert!(kept == Envelope { raw: Some(802), ..first }, "{kept:?}");
}

/// It came before the erasure, and waits on the disk of this machine meanwhile.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_in_the_spool_does_not_outlive_an_erasure() {
    let folder = std::env::temp_dir().join(format!("dozvon-erase-{}", crate::secret::random_token()));
    let spool = Spools::new(&folder, 1).of(&"rost".into());
    let told: Arc<dyn Hooks> = Arc::new(Told);
    let hooks = BTreeMap::from([("told", told)]);
    let mut bench = Bench::over(Arc::default(), hooks, Some(spool.clone())).await;
    bench.work().await;
    let site = bench.site.clone();
    let offer = |id: &str| Offer {
        id: id.to_owned(),
        key: IdempotencyKey::Always,
        at: noon(),
        raw: said(&[order(Some(id.to_owned()))]),
    };
    bench.store.set_away(true);
    for id in ["1", "2"] {
        assert_eq!(spool.keep(&*site.store, site.id(), offer(id)).await, Ok(Saved::Spooled));
    }
    bench.store.set_away(false);
    let mention = Mention::typed(Some(ANNA), None).expect("a number");
    crate::person::erase(&*site.store, site.id(), mention).await.expect("memory");
    site.inbox_bell.notify_one();
    let mut turns = 0;
    while !is_worked_off(&bench).await || spool.waiting() > 0 {
        turns += 1;
        assert!(turns < 100, "it never ends");
    }
    assert_eq!(orders(&bench).await, 0);
    let kept = site.store.raws(site.id(), None, 100).await.expect("memory");
    assert!(kept.iter().all(|(_, raw)| !String::from_utf8_lossy(raw).contains(&ANNA[1..])), "{kept:?}");
    assert_eq!(std::fs::read(folder.join("spool/rost.log")).expect("it is there"), b"");
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
}

/// A flood is folded; once its reason is mended, the letters that are kept whole work.
#[tokio::test(start_paused = true)]
async fn of_a_folded_flood_what_is_kept_can_be_tried_again() {
    let mut bench = Bench::over(Arc::default(), BTreeMap::new(), None).await;
    bench.work().await;
    let site = bench.site.clone();
    for n in 0..1_003 {
        let raw = said(&[order(Some(n.to_string()))]);
        let offer = Offer { id: n.to_string(), key: IdempotencyKey::Always, at: noon(), raw };
        site.store.offer(site.id(), &offer).await.expect("memory");
    }
    site.inbox_bell.notify_one();
    while !is_worked_off(&bench).await {}
    let letters = letters_of(&bench).await;
    let folded: Vec<u64> = letters.iter().map(|letter| letter.folded).filter(|count| *count > 0).collect();
    assert_eq!((letters.len(), folded), (1_001, vec![3]));
    let store = bench.store.clone();
    bench.die().await;

    let told: Arc<dyn Hooks> = Arc::new(Told);
    let mut bench = Bench::over(store, BTreeMap::from([("told", told)]), None).await;
    bench.work().await;
    for letter in letters.iter().filter(|letter| letter.folded == 0).take(2) {
        let retry = Item::Retry { letter: letter.id.clone() };
        bench.site.store.append(bench.site.id(), &retry.to_bytes(), noon()).await.expect("memory");
    }
    bench.site.inbox_bell.notify_one();
    while !is_worked_off(&bench).await {}
    assert_eq!(orders(&bench).await, 2);
    let left = letters_of(&bench).await;
    assert_eq!((left.len(), left.iter().filter(|letter| letter.folded == 3).count()), (999, 1));
}

async fn letters_of(bench: &Bench) -> Vec<DeadLetter> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = bench.site.store.letters(bench.site.id(), after, 500).await.expect("memory");
        let Some((last, _)) = page.last() else { return all };
        after = *last;
        all.extend(page.into_iter().map(|(_, letter)| letter));
    }
}
