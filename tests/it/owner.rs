//! The behaviour of an owner when its memory and the store disagree: after a refused commit, with more wakes
//! than one page, with unreadable records. The rest of the school continues in time.

use std::sync::atomic::Ordering;

use base64::Engine;
use chrono::TimeDelta;
use dozvon::config::Surroundings;
use dozvon::intake::item::Item;
use dozvon::process::{At, Event, Order, Timer};
use dozvon::request::IdempotencyKey;
use dozvon::signal::{CallEvent, CallWhat, Signal};
use dozvon::store::{Offer, Put, Unit, Wake};

use crate::support::inproc::World;
use crate::support::school::School;

/// Runs a school without orders for some time.
fn alone(story: impl AsyncFnOnce(&World)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let school = School::prepare();
        let mut setup = school.material.clone();
        setup.orders.clear();
        let surroundings = Surroundings::new(Default::default(), setup.start.with_timezone(&chrono::Utc));
        let world = World::start(setup, &school.files, &surroundings, 1);
        world.run_for(TimeDelta::seconds(1)).await;
        story(&world).await;
        world.abandon();
    });
}

async fn commit(world: &World, unit: Unit) {
    let unit = Unit { at: world.site.clock.now(), ..unit };
    world.site.commit(unit).await.expect("the owner commits");
}

/// A wake of an order that does not exist: it is removed as soon as it has fired.
fn wake(name: &str, at: At) -> Wake {
    Wake { member: format!("order:{name}"), at_ms: at.timestamp_millis(), promised: false }
}

async fn has_fired(world: &World, name: &str) -> bool {
    let found = world.site.store.wake_of(world.site.id(), &format!("order:{name}")).await;
    found.expect("memory").is_none()
}

fn recorded(recording: &str, at: At) -> Vec<u8> {
    let what = CallWhat::Recording { recording: recording.to_owned() };
    let signal = Signal::CallSeen(Box::new(CallEvent { call: "pbx:1".to_owned(), at, what }));
    Item::Signal { raw: None, signal }.to_bytes()
}

#[test]
fn a_refused_commit_makes_no_wake_late_however_many_stand_in_the_wheel() {
    alone(async |world| {
        let now = world.site.clock.now();
        let many = (0..300).map(|n| wake(&format!("far-{n}"), now + TimeDelta::minutes(9))).collect();
        commit(world, Unit { wake: many, append: vec![recorded("a", now)], ..Unit::default() }).await;
        world.run_for(TimeDelta::seconds(1)).await;
        // Somebody else changes what the owner holds open.
        let key = "call/pbx:1".to_owned();
        let known = world.site.store.read(world.site.id(), std::slice::from_ref(&key)).await;
        let body = known.expect("memory").pop().flatten().expect("the call is kept").body;
        let append = vec![recorded("b", now)];
        commit(world, Unit { put: vec![Put { key, expect: 1, body }], append, ..Unit::default() }).await;
        world.run_for(TimeDelta::seconds(1)).await;

        let soon = world.site.clock.now() + TimeDelta::minutes(1);
        commit(world, Unit { wake: vec![wake("soon", soon)], ..Unit::default() }).await;
        world.run_for(TimeDelta::seconds(59)).await;
        assert!(!has_fired(world, "soon").await);
        world.run_for(TimeDelta::seconds(2)).await;
        assert!(has_fired(world, "soon").await);
        assert!(!has_fired(world, "far-0").await);
    });
}

#[test]
fn promised_wakes_hide_no_others_however_many_they_are() {
    alone(async |world| {
        let now = world.site.clock.now();
        let first = now + TimeDelta::minutes(5);
        let promised = |n: i64| {
            let wake = wake(&format!("p-{n}"), first + TimeDelta::milliseconds(200 * n));
            Wake { promised: true, ..wake }
        };
        let mut wakes: Vec<Wake> = (0..1_100).map(promised).collect();
        wakes.push(wake("usual", first + TimeDelta::minutes(1)));
        commit(world, Unit { wake: wakes, ..Unit::default() }).await;
        // All of them are read from the index.
        world.site.restart_from_store();
        world.run_for(TimeDelta::seconds(5 * 60 + 59)).await;
        assert!(has_fired(world, "p-0").await && !has_fired(world, "usual").await);
        world.run_for(TimeDelta::seconds(2)).await;
        assert!(has_fired(world, "usual").await);
        world.run_for(TimeDelta::minutes(4)).await;
        assert!(has_fired(world, "p-1099").await);
    });
}

/// A record written by a later version, after a return to this one.
#[test]
fn an_unreadable_record_stops_nothing_but_what_needs_it() {
    alone(async |world| {
        let now = world.site.clock.now();
        let put = Put { key: "order/gc-9".to_owned(), expect: 0, body: b"{\"name\":\"secret\"}".to_vec() };
        let event = Item::Event { raw: None, order: "gc-9".into(), event: Event::Wake }.to_bytes();
        let due = wake("gc-9", now + TimeDelta::minutes(1));
        let append = vec![event.clone(), b"\x01 no item: secret".to_vec(), recorded("a", now)];
        commit(world, Unit { put: vec![put], wake: vec![due], append, ..Unit::default() }).await;
        world.run_for(TimeDelta::minutes(2)).await;

        let (site, store) = (&world.site, &world.site.store);
        assert_eq!(store.counts(site.id()).await.expect("memory").inbox, 0);
        let call = store.read(site.id(), &["call/pbx:1".to_owned()]).await.expect("memory");
        assert!(call[0].is_some(), "what came behind it is worked");
        let dead = store.dead(site.id(), 9).await.expect("memory");
        assert_eq!(dead.len(), 2, "{dead:#?}");
        let of_record = dead.iter().find(|letter| letter.why.contains("order/gc-9"));
        assert!(of_record.is_some_and(|letter| letter.body == event), "{dead:#?}");
        assert!(dead.iter().all(|letter| !letter.why.contains("secret")), "{dead:#?}");
        let wake = store.wake_of(site.id(), "order:gc-9").await.expect("memory").expect("not lost");
        assert!(wake.at_ms > site.clock.now().timestamp_millis(), "it is put off");
        // The record is read twice, the entry once.
        assert_eq!(site.tally.unreadable.load(Ordering::Relaxed), 3);
    });
}

/// The order itself is readable, its client is not: the wake is deferred again and again, and the watchdog
/// does not mistake that for a forgotten order.
#[test]
fn a_wake_that_is_put_off_is_no_forgotten_order() {
    alone(async |world| {
        let due_at = world.site.clock.now() + TimeDelta::minutes(1);
        let mut order = Order::new("gc-9".into(), "c-9".into(), world.site.clock.now());
        order.timers.set(Timer::SelfPay, due_at);
        let body = serde_json::to_vec(&order).expect("an order");
        let put = |key: &str, body| Put { key: key.to_owned(), expect: 0, body };
        let put = vec![put("order/gc-9", body), put("client/c-9", b"{\"name\":7}".to_vec())];
        commit(world, Unit { put, wake: vec![wake("gc-9", due_at)], ..Unit::default() }).await;
        world.run_for(TimeDelta::hours(20)).await;
        let tally = &world.site.tally;
        assert!(tally.unreadable.load(Ordering::Relaxed) > 10, "it is tried by the hour");
        assert_eq!(tally.repairs.load(Ordering::Relaxed), 0, "nothing was forgotten");
        assert!(!has_fired(world, "gc-9").await, "and nothing is");
    });
}

/// An upgrade in the middle of a full inbox: the first version stored requests as JSON with the body in
/// base64, with and without a tag of its own.
#[test]
fn requests_that_the_first_version_stored_are_worked() {
    alone(async |world| {
        let (site, store) = (&world.site, &world.site.store);
        let now = site.clock.now();
        let first = |id: u32| {
            let body = base64::engine::general_purpose::STANDARD.encode(format!(
                "order_id={id}&number={id}&phone=%2B79035550299&status=%D0%9D%D0%BE%D0%B2%D1%8B%D0%B9"
            ));
            format!(
                r#""platform":"getcourse","at":"{}","method":"POST","tail":"order-created","content_type":"application/x-www-form-urlencoded","body":"{body}""#,
                now.to_rfc3339()
            )
        };
        let raw = format!("{{{}}}", first(701)).into_bytes();
        let offer = Offer { id: "first".to_owned(), key: IdempotencyKey::Always, at: now, raw };
        store.offer(site.id(), &offer).await.expect("memory");
        let append = vec![format!(r#"{{"item":"envelope",{}}}"#, first(702)).into_bytes()];
        commit(world, Unit { append, ..Unit::default() }).await;
        world.run_for(TimeDelta::seconds(10)).await;
        for id in ["gc-701", "gc-702"] {
            let journal = store.journal(site.id(), &id.into(), 9).await.expect("memory");
            assert!(journal.first().is_some_and(|entry| !entry.raw.is_empty()), "{id}: {journal:#?}");
        }
        // GetCourse does not have these orders, and says so to whoever reads them: the requests themselves are good.
        let dead = store.dead(site.id(), 9).await.expect("memory");
        assert!(dead.iter().all(|letter| letter.id.starts_with("out-")), "{dead:#?}");
    });
}
