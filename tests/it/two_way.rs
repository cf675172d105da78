//! Changes by people in amoCRM and GetCourse change the order, the bridge's decisions are visible in both,
//! and no change goes round in circles. The whole bridge against the whole sandbox.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use dozvon::process::event::Author;
use dozvon::process::{End, ManagerId, OrderId, Wait};
use dozvon::sandbox::Setup;
use dozvon::sandbox::amocrm::model::{LOST, WON};
use dozvon::sandbox::faults::Outage;
use dozvon::sandbox::setup::TechSubscription;
use dozvon::sandbox::wire::Platform;
use dozvon_core::mutant::with_cut;

use crate::support::inproc::World;
use crate::support::school::School;
use crate::support::story::{order, play};

/// There is no reconciliation: every change comes by webhook.
fn school() -> School {
    School::changed(|_, text| {
        text.replace("look_back_min = 240", "look_back_min = 0")
            .replace("look_back_min = 120", "look_back_min = 0")
            .replace("[amocrm]\n", "[amocrm]\nby_hand = [\"new\"]\n")
    })
}

const PEOPLE: &str = r#"
[merged]
events = [
    { at = "+5m", do = "merge_lead" },
    { at = "+3h", do = "pay" },
]

[person_merged]
events = [
    { at = "+5m", do = "merge_contact" },
    { at = "+10m", do = "phone", value = "+79035550222" },
]

[lost]
events = [{ at = "+5m", do = "lose", value = "Цена" }]

[cancelled]
events = [{ at = "+5m", do = "cancel", value = "Передумал" }]

[paid]
events = [{ at = "+5m", do = "pay" }, { at = "+2h", do = "status", value = "in_work" }]

[noted]
by = "sergey"
events = [{ at = "+5m", do = "note", value = "Отказ: цена, вернёмся осенью" }]

[remarked]
by = "sergey"
events = [{ at = "+5m", do = "note", value = "Отказ выглядит вероятным, но ещё поговорим" }]

[by_hand]
no_order = true
events = [{ at = "+5m", do = "make_lead", value = "Новая заявка", manager = "irina" }]

[assigned]
events = [{ at = "+5m", do = "assign", manager = "pavel" }, { at = "+10m", do = "assign", manager = "irina" }]
"#;

#[test]
fn what_people_do_by_hand_changes_the_order_and_shows_on_the_other_side() {
    play(
        &school(),
        PEOPLE,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::hours(5)).await;
            a_merged_lead_is_followed(world).await;
            a_merged_contact_is_followed(world).await;
            ends_show_on_the_other_side(world).await;
            a_note_is_an_answer_only_where_it_says_one(world).await;
            a_lead_made_by_hand_is_worked(world).await;
            a_manager_of_getcourse_is_responsible(world).await;
        },
    );
}

async fn a_merged_lead_is_followed(world: &World) {
    let merged = order(world, "merged").await;
    assert!(merged.is_won(), "{merged:#?}");
    let sandbox = world.sandbox();
    let sales: Vec<_> = sandbox
        .leads_of("merged")
        .into_iter()
        .filter(|lead| lead.pipeline_id == 8_123_410)
        .cloned()
        .collect();
    assert_eq!(sales.len(), 2, "no third one was made: {sales:#?}");
    let (gone, kept): (Vec<_>, Vec<_>) = sales.iter().partition(|lead| lead.is_deleted);
    assert_eq!((gone.len(), kept.len()), (1, 1));
    assert_eq!(kept[0].status_id, WON, "the one that a person kept is won");
}

async fn a_merged_contact_is_followed(world: &World) {
    let sandbox = world.sandbox();
    let lead = sandbox.leads_of("person_merged")[0];
    let contacts: Vec<_> =
        sandbox.contacts().filter(|contact| contact.name == "Клиент person_merged").collect();
    assert_eq!(contacts.len(), 1, "the one that a person kept");
    assert_eq!(lead.contacts.first().map(|(id, _)| *id), Some(contacts[0].id));
    let phones = sandbox.amocrm().texts_of(contacts[0], "PHONE");
    assert!(phones.iter().any(|phone| phone.contains("5550222")), "{phones:?}");
}

async fn ends_show_on_the_other_side(world: &World) {
    for (script, status, stage) in
        [("lost", "cancelled", LOST), ("cancelled", "cancelled", LOST), ("paid", "in_work", WON)]
    {
        let sandbox = world.sandbox();
        assert_eq!(sandbox.order_of(script).map(|order| order.status.as_str()), Some(status), "{script}");
        assert_eq!(sandbox.leads_of(script)[0].status_id, stage, "{script}");
    }
    // A completed order that a person puts back to work was paid all the same.
    assert!(order(world, "paid").await.is_won());
}

async fn a_note_is_an_answer_only_where_it_says_one(world: &World) {
    assert!(matches!(order(world, "noted").await.end(), Some(End::Refused { .. })));
    let remarked = order(world, "remarked").await;
    assert!(remarked.is_open() && remarked.answered_at.is_none(), "{remarked:#?}");
}

async fn a_lead_made_by_hand_is_worked(world: &World) {
    let lead = world.sandbox().leads().find(|lead| lead.name == "Клиент by_hand").map(|lead| lead.id);
    let id = OrderId::of_lead(lead.expect("it was made").unsigned_abs());
    let orders = world.orders().await;
    let made = orders.iter().find(|order| order.id == id).expect("it entered the process");
    assert_eq!(made.responsible.as_ref().map(|manager| manager.as_str()), Some("irina"));
    let sandbox = world.sandbox();
    assert_eq!(sandbox.leads_of("by_hand").len(), 1, "no lead was made for it");
    assert!(!sandbox.tasks_of("by_hand").is_empty(), "its maker is asked what is next");
}

async fn a_manager_of_getcourse_is_responsible(world: &World) {
    let assigned = order(world, "assigned").await;
    assert_eq!(assigned.responsible.as_ref().map(|manager| manager.as_str()), Some("irina"));
    let sandbox = world.sandbox();
    let lead = sandbox.leads_of("assigned")[0].responsible_user_id;
    assert_eq!(lead, 10_412_302, "the lead is hers, too");
}

const DELETED: &str = r#"
[once]
events = [{ at = "+5m", do = "delete_lead" }]

[twice]
events = [{ at = "+5m", do = "delete_lead" }, { at = "+2h", do = "delete_lead" }]
"#;

/// An open order gets its lead back; if a person deletes it again, the bridge waits until the next day.
#[test]
fn a_lead_that_a_person_deletes_comes_back_and_the_second_time_a_day_later() {
    let leads = |world: &World, script: &str| {
        let sandbox = world.sandbox();
        let leads = sandbox.leads_of(script);
        (leads.len(), leads.iter().filter(|lead| !lead.is_deleted).count())
    };
    play(
        &school(),
        DELETED,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::hours(4)).await;
            assert_eq!((leads(world, "once"), leads(world, "twice")), ((2, 1), (2, 0)));
            let twice = order(world, "twice").await;
            assert!(twice.is_open());
            // A task for a lead that is gone is refused.
            world.breaks(&twice.id);
            world.run_for(TimeDelta::days(2)).await;
            assert_eq!((leads(world, "once"), leads(world, "twice")), ((2, 1), (3, 1)));
        },
    );
}

/// The same people, day by day, twice: once every change by the bridge comes back to it as a webhook, once
/// none does. The webhooks must cause no further requests, writes or decisions.
#[test]
fn an_echo_causes_no_request() {
    let run = |echoes_untold: bool| {
        let quiet = |setup: &mut Setup| {
            for rule in [&mut setup.faults.amocrm, &mut setup.faults.getcourse] {
                rule.echoes_untold = echoes_untold;
            }
        };
        play(&school(), PEOPLE, quiet, async |world| {
            world.run_for(TimeDelta::days(9)).await;
            let commands = commands(world).await;
            let sandbox = world.sandbox();
            let counts = sandbox.counters();
            let asked = |platform| counts.get(platform).requests;
            let hooks = counts.get(Platform::Amocrm).hooks_sent + counts.get(Platform::Getcourse).hooks_sent;
            (commands, asked(Platform::Amocrm), asked(Platform::Getcourse), hooks)
        })
    };
    let (with, without) = (run(false), run(true));
    assert_eq!(with.0, without.0, "commands by name");
    // An echo may save one request: the mirror of contacts learns from it.
    let asked = |run: &(_, u64, u64, _)| (run.1, run.2);
    let (more, fewer) = (asked(&with), asked(&without));
    assert!(more.0 <= fewer.0 && more.1 <= fewer.1, "requests to amoCRM and GetCourse: {more:?}, {fewer:?}");
    assert!(with.3 > without.3 + 100, "there were echoes: {} and {}", with.3, without.3);
}

/// The number of commands of each kind, over all orders.
async fn commands(world: &World) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for order in world.orders().await {
        let journal = world.site.store.journal(world.site.id(), &order.id, 2_000).await.expect("memory");
        for command in journal.iter().flat_map(|entry| &entry.commands) {
            let name = command.rsplit(' ').next().unwrap_or_default().to_owned();
            *counts.entry(name).or_default() += 1;
        }
    }
    counts
}

/// L9: amoCRM makes the token's user responsible of a lead that names nobody; here he is a manager, as where a
/// manager has made the token.
#[test]
fn a_free_order_is_taken_by_a_person_and_not_by_our_own_lead() {
    let people = r#"
[nobody]
offer = 504

[taken]
offer = 504
events = [{ at = "+5m", do = "take", manager = "pavel" }]

[moved]
offer = 504
events = [{ at = "+5m", do = "stage", value = "Взята в работу", manager = "irina" }]
"#;
    play(
        &school(),
        people,
        |setup| setup.amocrm.token_user = 10_412_302,
        async |world| {
            world.run_for(TimeDelta::minutes(4)).await;
            for script in ["nobody", "taken", "moved"] {
                let free = order(world, script).await;
                assert_eq!((free.responsible, free.taken_at), (None, None), "{script}");
                let user = world.sandbox().leads_of(script)[0].responsible_user_id;
                assert_eq!(user, 10_412_302, "what amoCRM itself puts");
            }
            world.run_for(TimeDelta::minutes(4)).await;
            for (script, taker) in [("nobody", None), ("taken", Some("pavel")), ("moved", Some("irina"))] {
                let taken = order(world, script).await;
                assert_eq!(taken.responsible, taken.taken_at.and(taker).map(ManagerId::from), "{script}");
                assert_eq!(taken.taken_at.is_some(), taker.is_some(), "{script}");
            }
        },
    );
}

/// L3: the addresses of this school do not say who made an order, so it is read back from GetCourse.
#[test]
fn the_author_that_no_address_says_is_read_back() {
    let people = "[made]\nby = \"sergey\"\n\n[own]\n";
    let unsaid = |setup: &mut Setup| {
        for process in &mut setup.getcourse.processes {
            process.others.clear();
            process.url = process.url.replace("&author=client", "").replace("&author=manager", "");
        }
    };
    play(&school(), people, unsaid, async |world| {
        world.run_for(TimeDelta::minutes(5)).await;
        let made = order(world, "made").await;
        assert_eq!((made.author, made.responsible), (Some(Author::Manager), Some(ManagerId::from("sergey"))));
        assert_eq!(*order(world, "made").await.state(), Wait::Asking, "he is asked for the date of payment");
        let own = order(world, "own").await;
        assert_eq!((own.author, own.state()), (None, &Wait::Pause), "who made it is its buyer");
        let tasks =
            world.sandbox().tasks_of("made").iter().map(|task| task.responsible_user_id).collect::<Vec<_>>();
        assert_eq!(tasks, [10_412_304], "one task, his");
    });
}

/// G10: the Tech API reports a new order before the process does, and without what it consists of.
fn subscribed(setup: &mut Setup, order_created_s: Option<u32>) {
    let hook = "http://bridge/hooks/rost/getcourse/q7Lw2nBx9Vd4Rk8Tz3Hs/hook";
    let subscription =
        |event_id| TechSubscription { uri: hook.to_owned(), event_object_id: 2, event_id, form: None };
    setup.getcourse.subscriptions = vec![subscription(1), subscription(2)];
    let created = |event: &str| event.starts_with("order_created");
    match order_created_s {
        Some(s) => {
            let created = setup.getcourse.processes.iter_mut().filter(|process| created(&process.event));
            created.for_each(|process| process.delay_s = (s, s));
        }
        None => setup.getcourse.processes.retain(|process| !created(&process.event)),
    }
}

const BUYERS: &str = "[club]\noffer = 505\n\n[design]\noffer = 501\n";

#[test]
fn an_order_that_its_first_webhook_does_not_describe_is_read_back_before_it_is_decided() {
    for process_s in [Some(2), None] {
        play(
            &school(),
            BUYERS,
            |setup| subscribed(setup, process_s),
            async |world| {
                world.run_for(TimeDelta::minutes(5)).await;
                for (script, route, manager) in
                    [("club", "mentor", Some("denis")), ("design", "design", None)]
                {
                    let told = order(world, script).await;
                    assert_eq!(told.route, route, "{script}, {process_s:?}");
                    assert!(manager.is_none_or(|manager| told.responsible == Some(ManagerId::from(manager))));
                    assert!(!told.offers.is_empty() && told.positions.is_some(), "{told:#?}");
                    assert_eq!(world.sandbox().leads_of(script).len(), 1, "{script}");
                    let said = said(world, script).await;
                    assert!(!said.contains("Состав заказа"), "{said}");
                }
            },
        );
    }
}

/// The account cannot be read, so the lead is made at once; the process' report decides it again.
#[test]
fn a_lead_that_was_made_too_early_is_decided_by_the_report_that_brings_the_offers() {
    let keyless = School::changed(|_, text| {
        text.replace("look_back_min = 240", "look_back_min = 0")
            .replace("look_back_min = 120", "look_back_min = 0")
            .replace("school_key = { env = \"DEMO_GETCOURSE_SCHOOL_KEY\" }\n", "")
            .replace("developer_key = { env = \"DEMO_GETCOURSE_DEVELOPER_KEY\" }\n", "")
            .replace("payments = \"read_back\"\n", "payments = \"trust\"\n")
            .replace("comment_author = 5000001\n", "")
    });
    play(
        &keyless,
        BUYERS,
        |setup| subscribed(setup, Some(3)),
        async |world| {
            world.run_for(TimeDelta::minutes(5)).await;
            let club = order(world, "club").await;
            assert_eq!((club.route.as_str(), club.responsible), ("mentor", Some(ManagerId::from("denis"))));
            let names: Vec<String> =
                world.sandbox().leads_of("design").iter().map(|lead| lead.name.clone()).collect();
            let [name] = names.as_slice() else { panic!("one lead, not {names:?}") };
            let positions = order(world, "design").await.positions.expect("the process brings them");
            assert!(name.contains(&positions), "{name}");
            let said = said(world, "design").await;
            assert!(said.contains("«design» пропущен") && said.contains("решаем заново"), "{said}");
            assert!(!said.contains("условия других маршрутов не подошли"), "{said}");
        },
    );
}

/// K2: amoCRM is down until the first call is due, so that the webhook of a lead's creation comes when its stage is
/// another one already; nobody has moved it.
#[test]
fn a_late_echo_is_nobodys_act() {
    let down = |setup: &mut Setup| {
        setup.amocrm.token_user = 10_412_302;
        let from = setup.start.with_timezone(&Utc);
        setup.faults.amocrm.outages = vec![Outage { from, to: from + TimeDelta::minutes(80) }];
    };
    let told = || {
        play(&school(), "[called]\n\n[other]\noffer = 501\n", down, async |world| {
            world.run_for(TimeDelta::hours(3)).await;
            format!("{}\n{}", said(world, "called").await, said(world, "other").await)
        })
    };
    let as_it_is = told();
    for act in ["вернули на прежний этап", "перенесли", "у другого менеджера"]
    {
        assert!(!as_it_is.contains(act), "«{act}»:\n{as_it_is}");
    }
    let without = with_cut("K2.late_echo", told);
    assert!(without.contains("вернули на прежний этап"), "no echo came late:\n{without}");
}

/// The journal of a script's order, a line each.
async fn said(world: &World, script: &str) -> String {
    let id = order(world, script).await.id;
    let journal = world.site.store.journal(world.site.id(), &id, 2_000).await.expect("memory");
    let lines =
        journal.iter().flat_map(|entry| &entry.lines).map(|line| format!("{}: {}", line.rule, line.text));
    lines.collect::<Vec<_>>().join("\n")
}
