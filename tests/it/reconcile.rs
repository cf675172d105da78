//! Reconciliation: changes without a webhook are found by reading and applied once, also if the webhook
//! arrives later. The whole bridge against the whole sandbox under paused time.

use chrono::TimeDelta;
use dozvon::platform::reconcile::ReconcileState;
use dozvon::process::{End, OrderId, RefusalReason, Wait};
use dozvon::sandbox::amocrm::model::{LOST, WON};
use dozvon::sandbox::faults::{HookFault, Outage};
use dozvon::sandbox::lines::Line;
use dozvon::sandbox::{Platform, Setup};

use crate::support::inproc::World;
use crate::support::school::School;
use crate::support::story::{order, play};

/// The demo's school, with reconciliation as often as in a real one.
fn school() -> School {
    School::changed(|_, text| often(&text))
}

fn often(text: &str) -> String {
    text.replace("look_back_min = 240", "look_back_min = 30")
        .replace("look_back_min = 120", "look_back_min = 10")
}

/// Without the Tech API: only the rows of exports are available.
fn exports_only() -> School {
    School::changed(|_, text| {
        let text = often(&text);
        let text = text.replace("payments = \"read_back\"", "payments = \"trust\"");
        let lines = text.lines().filter(|line| !line.starts_with("developer_key"));
        lines.collect::<Vec<_>>().join("\n")
    })
}

const GETCOURSE: &str = r#"
[made]
offer = 501
untold = true

[paid]
events = [{ at = "+20m", do = "pay", untold = true }]

[parts]
events = [
    { at = "+10m", do = "pay", amount = 1000 },
    { at = "+4h", do = "pay", amount = 1000, untold = true },
]

[cancelled]
events = [{ at = "+20m", do = "cancel", value = "Передумал", untold = true }]

[assigned]
events = [
    { at = "+5m", do = "assign", manager = "pavel" },
    { at = "+30m", do = "assign", manager = "irina", untold = true },
]
"#;

async fn getcourse_is_known(world: &World) {
    let made = order(world, "made").await;
    assert!(made.is_open() && world.sandbox().leads_of("made").len() == 1);
    let paid = order(world, "paid").await;
    assert!(paid.is_won(), "{paid:#?}");
    assert_eq!(world.sandbox().leads_of("paid")[0].status_id, WON);
    let parts = order(world, "parts").await;
    assert_eq!((parts.parts_paid, parts.paid.map(|paid| paid.minor)), (2, Some(200_000)));
    let cancelled = order(world, "cancelled").await;
    assert!(matches!(cancelled.end(), Some(End::Cancelled { .. })), "{cancelled:#?}");
    // If it was cancelled before the bridge heard of it, there is nothing to work on.
    let leads = world.sandbox();
    assert!(leads.leads_of("cancelled").iter().all(|lead| lead.status_id == LOST));
    drop(leads);
}

/// Set before anything else was written there.
async fn assigned(world: &World) -> Option<String> {
    order(world, "assigned").await.responsible.map(|manager| manager.to_string())
}

/// The record of the last reconciliation of a platform.
async fn looked(world: &World, platform: &str) -> ReconcileState {
    let read = world.site.store.read(world.site.id(), &[format!("look/{platform}")]).await.expect("memory");
    let record = read.into_iter().next().flatten().expect("it has looked");
    serde_json::from_slice(&record.body).expect("our own record")
}

fn getcourse_is_read(school: &School) {
    play(
        school,
        GETCOURSE,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::hours(7)).await;
            getcourse_is_known(world).await;
        },
    );
}

#[test]
fn what_getcourse_never_told_is_read_where_the_tech_api_is_there() {
    getcourse_is_read(&school());
}

#[test]
fn what_getcourse_never_told_is_read_from_exports_alone() {
    getcourse_is_read(&exports_only());
}

/// What a webhook tells of money is believed when an export shows it, also a further part that changes no status.
#[test]
fn a_told_payment_is_confirmed_by_exports_alone() {
    const TOLD: &str = r#"
[paid]
events = [{ at = "+20m", do = "pay" }]

[parts]
events = [{ at = "+10m", do = "pay", amount = 1000 }, { at = "+4h", do = "pay", amount = 1000 }]
"#;
    let school = School::changed(|_, text| {
        let text = often(&text).replace("payments = \"read_back\"", "payments = \"unconfirmed\"");
        text.lines().filter(|line| !line.starts_with("developer_key")).collect::<Vec<_>>().join("\n")
    });
    play(
        &school,
        TOLD,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::minutes(25)).await;
            assert!(!order(world, "paid").await.is_won(), "it is only told");
            world.run_for(TimeDelta::hours(7)).await;
            assert!(order(world, "paid").await.is_won());
            let parts = order(world, "parts").await;
            assert_eq!((parts.parts_paid, parts.paid.as_ref().map(|paid| paid.minor)), (2, Some(200_000)));
            assert!(!parts.is_held(), "{parts:#?}");
        },
    );
}

/// Every webhook of GetCourse comes up to two hours late: what was found first is applied once.
#[test]
fn a_late_webhook_of_what_was_found_changes_nothing() {
    let late = |setup: &mut Setup| {
        let rule = &mut setup.faults.getcourse;
        (rule.hook_per_mille, rule.hook_kinds, rule.hook_delay_s) = (1_000, vec![HookFault::Delayed], 7_200);
        for event in setup.orders.iter_mut().flat_map(|order| &mut order.events) {
            event.untold = false;
        }
    };
    play(&school(), GETCOURSE, late, async |world| {
        world.run_for(TimeDelta::hours(9)).await;
        getcourse_is_known(world).await;
        assert_eq!(assigned(world).await.as_deref(), Some("irina"));
    });
}

/// The first export of the run never becomes ready: it is given up and reported, and a later round finds
/// everything.
#[test]
fn an_export_that_never_gets_ready_is_given_up_and_said() {
    play(
        &school(),
        GETCOURSE,
        |setup| setup.getcourse.exports_stuck = 1,
        async |world| {
            world.run_for(TimeDelta::hours(2)).await;
            let trouble = looked(world, "getcourse").await.trouble.unwrap_or_default();
            assert!(trouble.contains("was not ready after 60 minutes"), "{trouble}");
            world.run_for(TimeDelta::hours(7)).await;
            let looked = looked(world, "getcourse").await;
            assert_eq!(looked.trouble, None);
            getcourse_is_known(world).await;
        },
    );
}

/// The account counts the requests: more than 24 in two hours would be refused, and would be visible.
#[test]
fn exports_stay_within_their_budget_also_when_the_bridge_dies_again_and_again() {
    play(
        &school(),
        GETCOURSE,
        |setup| setup.getcourse.export_requests_max = 24,
        async |world| {
            for minute in 0..9 * 12 {
                world.run_for(TimeDelta::minutes(5)).await;
                if minute % 3 == 0 {
                    world.kill().await;
                }
                assert_eq!(looked(world, "getcourse").await.failures, 0);
            }
            getcourse_is_known(world).await;
        },
    );
}

const AMOCRM: &str = r#"
[taken]
events = [{ at = "+5m", do = "stage", value = "Взята в работу", untold = true }]

[handed_on]
events = [{ at = "+5m", do = "take", manager = "irina", untold = true }]

[lost]
events = [{ at = "+5m", do = "lose", value = "Цена", untold = true }]

[deleted]
events = [{ at = "+5m", do = "delete_lead", untold = true }]

[answered]
by = "sergey"
events = [{ at = "+5m", do = "close_task", value = "отказ: сроки, занята до лета", untold = true }]

[noted]
by = "sergey"
events = [{ at = "+5m", do = "note", value = "Отказ: цена, вернёмся осенью", untold = true }]

[fielded]
by = "sergey"
events = [{ at = "+5m", do = "field", field = "Что дальше?", value = "Обещал оплатить", to = "+1d 12:00", untold = true }]

[reachable]
phone = ""
events = [{ at = "+5m", do = "contact_phone", value = "+79035550177", untold = true }]
"#;

/// How many leads the order with the deleted lead has had, and has now.
fn leads_of_the_deleted(world: &World) -> (usize, usize) {
    let sandbox = world.sandbox();
    let leads = sandbox.leads_of("deleted");
    (leads.len(), leads.iter().filter(|lead| !lead.is_deleted).count())
}

/// The people's changes in the CRM must be known to the bridge.
async fn amocrm_is_known(world: &World) {
    let taken = order(world, "taken").await;
    assert!(taken.taken_at.is_some(), "{taken:#?}");
    let handed_on = order(world, "handed_on").await;
    assert_eq!(handed_on.responsible.as_ref().map(|manager| manager.as_str()), Some("irina"));
    for (script, reason) in
        [("lost", RefusalReason::Price), ("answered", RefusalReason::Timing), ("noted", RefusalReason::Price)]
    {
        let order = order(world, script).await;
        let refused = matches!(order.end(), Some(End::Refused { reason: said, .. }) if *said == reason);
        assert!(refused, "{script}: {:?}", order.end());
    }
    // The log names the field in the type of its event.
    assert_eq!(*order(world, "fielded").await.state(), Wait::Promised);
    assert_eq!(leads_of_the_deleted(world), (2, 1), "the lead was created again, once");
    let reachable = order(world, "reachable").await;
    assert_eq!(*reachable.state(), Wait::Dialling);
}

#[test]
fn what_amocrm_never_told_is_read_from_its_log() {
    play(
        &school(),
        AMOCRM,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::minutes(40)).await;
            amocrm_is_known(world).await;
            let found = looked(world, "amocrm").await.found;
            assert!((8..=10).contains(&found), "{found} were found");
        },
    );
}

const BIN: &str = r#"
[by_hand]
no_order = true
events = [{ at = "+5m", do = "make_lead", value = "Новая заявка", manager = "irina", untold = true }]

[task_gone]
by = "sergey"
events = [{ at = "+5m", do = "delete_task", untold = true }]

[contact_gone]
events = [{ at = "+5m", do = "delete_contact", untold = true }]
"#;

/// Of a contact in the mirror.
async fn mirrored(world: &World, contact: i64) -> bool {
    let key = dozvon::link::mirror_contact(contact.unsigned_abs());
    let found = world.site.store.find(world.site.id(), &[key]).await.expect("memory");
    found[0].is_some()
}

#[test]
fn what_was_made_deleted_and_restored_without_a_word_is_read_from_the_log() {
    let school =
        School::changed(|_, text| often(&text).replace("[amocrm]\n", "[amocrm]\nby_hand = [\"new\"]\n"));
    play(
        &school,
        BIN,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::minutes(4)).await;
            let contact = world.sandbox().leads_of("contact_gone")[0].contacts[0].0;
            let asked = world.sandbox().tasks_of("task_gone").len();
            assert!(mirrored(world, contact).await);
            world.run_for(TimeDelta::minutes(40)).await;
            let lead = world.sandbox().leads().find(|lead| lead.name == "Клиент by_hand").map(|lead| lead.id);
            let made = OrderId::of_lead(lead.expect("it was made").unsigned_abs());
            let orders = world.orders().await;
            assert!(orders.iter().any(|order| order.id == made), "a lead of a manager enters the process");
            let again = world.sandbox().tasks_of("task_gone").len();
            assert!(again > asked, "a task that was deleted is asked again");
            assert!(!mirrored(world, contact).await, "a deleted contact is in no mirror");

            let now = world.now();
            {
                let mut sandbox = world.sandbox();
                sandbox.amocrm_mut().restore_contact(now, contact, 10_412_301);
                sandbox.amocrm_mut().echoes.clear();
            }
            world.run_for(TimeDelta::minutes(40)).await;
            assert!(mirrored(world, contact).await, "a restored one is there again");
            // Restored by hand, it is on no lead.
            let order = order(world, "contact_gone").await;
            world.breaks(&order.id);
        },
    );
}

#[test]
fn a_late_webhook_of_amocrm_changes_nothing() {
    let late = |setup: &mut Setup| {
        let rule = &mut setup.faults.amocrm;
        (rule.hook_per_mille, rule.hook_kinds, rule.hook_delay_s) = (1_000, vec![HookFault::Delayed], 3_600);
        for event in setup.orders.iter_mut().flat_map(|order| &mut order.events) {
            event.untold = false;
        }
    };
    play(&school(), AMOCRM, late, async |world| {
        world.run_for(TimeDelta::hours(2)).await;
        amocrm_is_known(world).await;
    });
}

const CALLS: &str = r#"
[called]
calls = ["no_answer", "busy", "talk 60"]

[calls]
events = [{ at = "+40m", do = "call_in", outcome = "no_answer" }]
"#;

/// The exchange sends no events for five hours.
#[test]
fn calls_that_were_never_told_are_read_from_the_statistics() {
    let silent = |setup: &mut Setup| {
        let from = setup.start.with_timezone(&chrono::Utc);
        setup.faults.of_mut(Platform::Line(setup.line)).silences =
            vec![Outage { from, to: from + TimeDelta::hours(5) }];
    };
    play(&school(), CALLS, silent, async |world| {
        world.run_for(TimeDelta::hours(6)).await;
        for script in ["called", "calls"] {
            let order = order(world, script).await;
            let sandbox = world.sandbox();
            let line = Line::default().name();
            let mut made: Vec<String> =
                sandbox.calls_of(script).iter().map(|call| format!("{line}:{}", call.entry_id)).collect();
            let mut known: Vec<String> = order.calls.iter().map(|call| call.call.clone()).collect();
            made.sort();
            known.sort();
            assert!(!made.is_empty(), "{script}: there was no call");
            assert_eq!(known, made, "{script}");
        }
    });
}

/// Every notification comes up to an hour late.
#[test]
fn a_late_event_of_a_call_changes_nothing() {
    let late = |setup: &mut Setup| {
        let rule = setup.faults.of_mut(Platform::Line(setup.line));
        (rule.hook_per_mille, rule.hook_kinds, rule.hook_delay_s) = (1_000, vec![HookFault::Delayed], 3_600);
    };
    play(&school(), CALLS, late, async |world| {
        world.run_for(TimeDelta::hours(8)).await;
        let order = order(world, "called").await;
        let made = world.sandbox().calls_of("called").len();
        assert_eq!(
            (order.calls.len(), (order.attempts + order.talks) as usize),
            (made, made),
            "{:#?}",
            order.calls
        );
    });
}
