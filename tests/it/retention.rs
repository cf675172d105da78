//! Retention over weeks of driven time: data past its retention time is gone, other data stays, and removed
//! data does not come back.

use chrono::{DateTime, TimeDelta, Utc};
use dozvon::intake::envelope::Envelope;
use dozvon::link;
use dozvon::platform::RawRequest;
use dozvon::request::IdempotencyKey;
use dozvon::store::key;
use dozvon::store::{DeadLetter, Offer};

use crate::support::inproc::World;
use crate::support::school::School;
use crate::support::story::{order, play};

/// Requests are kept for two days, ended orders for thirty. There is no reconciliation: everything comes by
/// webhook.
fn school() -> School {
    School::changed(|path, text| match path {
        "dozvon.toml" => format!("{text}\n[limits]\nraw_days = 2\nended_days = 30\n"),
        _ => text
            .replace("look_back_min = 240", "look_back_min = 0")
            .replace("look_back_min = 120", "look_back_min = 0")
            .replace("[amocrm]\n", "[amocrm]\nby_hand = [\"new\"]\n"),
    })
}

/// Four orders end on the first day; `again` is reported once more after it was forgotten. A person creates a
/// lead of a client who cannot be reached: it belongs to no order.
const PEOPLE: &str = r#"
[again]
events = [{ at = "+1h", do = "pay" }, { at = "+40d", do = "status", value = "in_work" }]

[merged]
events = [{ at = "+5m", do = "merge_lead" }, { at = "+3h", do = "pay" }]

[noted]
by = "sergey"
events = [{ at = "+5m", do = "note", value = "Отказ: цена, вернёмся осенью" }]

[called]
events = [{ at = "+4h", do = "pay" }]

[stranger]
no_order = true
phone = ""
email = ""
events = [{ at = "+10m", do = "make_lead", value = "Новая заявка", manager = "irina" }]

[late]
at = "+39d"
"#;

#[test]
fn what_is_past_its_time_goes_and_does_not_come_back() {
    play(
        &school(),
        PEOPLE,
        |_| {},
        async |world| {
            undecodable(world).await;
            world.run_for(TimeDelta::hours(5)).await;
            let former = former_lead(world);
            let ended = world.orders().await.into_iter().map(|order| order.id).collect::<Vec<_>>();
            assert_eq!(ended.len(), 4);
            let stranger =
                world.sandbox().leads().find(|lead| lead.name == "Клиент stranger").map(|lead| lead.id);
            let sight = [key::last_seen(&format!("lead/{}", stranger.expect("it was made")))];
            let seen = world.site.store.read(world.site.id(), &sight).await.expect("memory");
            assert!(seen[0].is_some(), "it was asked about");
            let mut links = vec![link::crm_lead(former)];
            links.extend(calls(world).await.iter().map(|call| link::call(call)));
            assert!(links_of(world, &links).await.iter().any(Option::is_some), "{links:?}");
            assert!(!letters(world).await[0].body.is_empty(), "a person may look at it and try again");

            world.run_for(TimeDelta::days(4)).await;
            assert_eq!(world.orders().await.len(), 4, "kept longer than requests");
            let young = world.site.clock.now() - TimeDelta::days(3);
            assert!(requests(world).await.iter().all(|at| *at >= young), "a request past its time");
            let letters_now = letters(world).await;
            let [letter] = letters_now.as_slice() else { panic!("{letters_now:?}") };
            assert!(
                letter.body.is_empty() && !letter.why.is_empty(),
                "the fact without the request: {letter:?}"
            );

            world.run_for(TimeDelta::days(37)).await;
            let late = order(world, "late").await;
            assert!(late.is_open());
            let orders = world.orders().await;
            assert_eq!(orders.len(), 1, "{:?}", orders.iter().map(|order| &order.id).collect::<Vec<_>>());
            assert!(!requests(world).await.is_empty(), "its request is young");
            assert_eq!(letters(world).await, Vec::new());
            for id in &ended {
                assert!(links_of(world, &[link::gone(id)]).await[0].is_some(), "{id} was reported again");
                assert_eq!(world.site.store.journal(world.site.id(), id, 9).await, Ok(Vec::new()), "{id}");
            }
            assert_eq!(links_of(world, &links).await, vec![None; links.len()], "{links:?}");
            nothing_of_others(world).await;
        },
    );
}

/// A request that cannot become an order: a dead letter contains it.
async fn undecodable(world: &World) {
    let site = &world.site;
    let request = RawRequest {
        method: "POST".to_owned(),
        tail: "order-created".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: b"phone=%2B79035550299&status=%D0%9D%D0%BE%D0%B2%D1%8B%D0%B9".to_vec(),
    };
    let now = site.clock.now();
    let raw = Envelope::of("getcourse", &request, now).to_bytes();
    let offer = Offer { id: "undecodable".to_owned(), key: IdempotencyKey::Always, at: now, raw };
    site.store.offer(site.id(), &offer).await.expect("memory");
}

/// The lead that was merged into another.
fn former_lead(world: &World) -> u64 {
    let sandbox = world.sandbox();
    let former = sandbox.leads_of("merged").into_iter().find(|lead| lead.is_deleted).map(|lead| lead.id);
    former.and_then(|id| u64::try_from(id).ok()).expect("one is gone")
}

async fn letters(world: &World) -> Vec<DeadLetter> {
    world.site.store.dead(world.site.id(), 9).await.expect("memory")
}

/// When the stored requests were received.
async fn requests(world: &World) -> Vec<DateTime<Utc>> {
    let page = world.site.store.raws(world.site.id(), None, 1_000).await.expect("memory");
    let at = |raw: &[u8]| Envelope::read(raw).expect("an envelope").at;
    page.iter().map(|(_, raw)| at(raw)).collect()
}

async fn links_of(world: &World, keys: &[String]) -> Vec<Option<String>> {
    world.site.store.find(world.site.id(), keys).await.expect("memory")
}

/// Calls that have a record.
async fn calls(world: &World) -> Vec<String> {
    let page = world.site.store.scan(world.site.id(), "call/", None, 1_000).await.expect("memory");
    page.into_iter().filter_map(|(key, _)| Some(key.strip_prefix("call/")?.to_owned())).collect()
}

/// One order and its client are left, and of the CRM's entities only theirs.
async fn nothing_of_others(world: &World) {
    let page = world.site.store.scan(world.site.id(), "", None, 1_000).await.expect("memory");
    let keys: Vec<String> = page.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.iter().filter(|key| key.starts_with("client/")).count(), 1, "{keys:?}");
    for key in keys.iter().filter(|key| key.starts_with("shadow/")) {
        let mut parts = key.split('/').skip(1);
        let (kind, id) = (parts.next().unwrap_or_default(), parts.next().and_then(|id| id.parse().ok()));
        let owner = match (kind, id) {
            ("lead", Some(id)) => link::crm_lead(id),
            ("task", Some(id)) => link::crm_task(id),
            _ => panic!("{key} belongs to no order that is left"),
        };
        assert!(links_of(world, &[owner]).await[0].is_some(), "{key} belongs to no order that is left");
    }
}
