//! Managers and clients do what their scripts say.
//! No test sleeps: time is a parameter.
//! Enter at [`a_manager_calls_answers_and_the_client_pays`].

use chrono::TimeDelta;
use serde_json::json;

use super::{Bridge, SETUP};
use crate::{Platform, WireRequest};

#[test]
fn a_manager_calls_answers_and_the_client_pays() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(12));
    let world = &bridge.world;
    assert_eq!(world.troubles(), []);
    let calls: Vec<(String, &str, i64)> = world
        .calls()
        .iter()
        .map(|call| (call.created_at.format("%H:%M").to_string(), call.outcome.as_str(), call.talk_seconds()))
        .collect();
    // 12:15 deadline + 1 min; busy; the second task is due 20 min later, the manager is 30 min late. UTC is 3
    // hours behind.
    assert_eq!(calls, [("09:16".to_owned(), "busy", 0), ("10:07".to_owned(), "talk", 95)]);
    let lead = world.leads_of("talks")[0];
    assert_eq!(lead.status_id, 142);
    let date = lead.fields.get(&901_351).map(|values| values[0].text());
    assert_eq!(date.as_deref(), Some("1773734400"), "the day after at 11:00 in Moscow");
    assert_eq!(lead.fields.get(&901_350).map(|values| values[0].enum_id), Some(Some(650_101)));
    let results: Vec<Option<&str>> =
        world.tasks_of("talks").iter().map(|task| task.result.as_deref()).collect();
    assert_eq!(results, [Some("Договорились"), None], "the oldest open task is closed");
    assert!(bridge.seen.iter().any(|line| line.ends_with("/gc/paid")));
    assert!(bridge.seen.iter().any(|line| line.ends_with("/amo")));
    assert_eq!(world.duplicates(), []);
}

#[test]
fn people_act_by_hand() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(40));
    let world = &bridge.world;
    let lead = world.leads_of("by_hand")[0];
    let turns: Vec<(i64, &str, &str)> =
        lead.history.iter().map(|turn| (turn.by, turn.what.as_str(), turn.to.as_str())).collect();
    assert_eq!(
        turns,
        [
            (10_412_345, "stage", "8123410/66104106"),
            (10_412_350, "responsible", "10412350"),
            (10_412_350, "stage", "8123410/66104110"),
            (10_412_350, "stage", "8123410/143")
        ]
    );
    assert_eq!(lead.loss_reason_id, Some(14_820_233));
    let order = world.order_of("by_hand").cloned().unwrap_or_else(|| panic!("no order"));
    assert_eq!(
        (order.manager_user_id, order.cost, order.status.as_str(), order.payed),
        (Some(300_200_100), 100_050, "cancelled", 0)
    );
    assert_eq!(order.cancel_reason_id, Some(7));
    let task = world.tasks_of("by_hand")[0];
    assert_eq!(task.complete_till.to_rfc3339(), "2026-03-19T09:00:00+00:00");
    let call = world.calls_of("by_hand")[0];
    assert_eq!((call.direction, call.extension.as_str(), call.talk_seconds()), (1, "102", 40));
    let troubles: Vec<&str> = world.troubles().iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(troubles, ["by_hand: the client wanted to pay, and the order takes no money"]);
}

#[test]
fn a_manager_works_in_his_hours_only() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(4));
    // Due on a day off: the manager does it the next morning at ten.
    let till = bridge.world.start() + TimeDelta::hours(25);
    let item = json!({"text": "Проверить договор", "complete_till": till.timestamp(), "responsible_user_id": 10_412_345});
    bridge.ask("POST", "/api/v4/tasks", &json!([item]));
    bridge.until(TimeDelta::days(3));
    let task = bridge.world.tasks().find(|task| task.text == "Проверить договор").cloned();
    assert_eq!(
        task.and_then(|task| task.closed_at).map(|at| at.to_rfc3339()).as_deref(),
        Some("2026-03-18T07:00:00+00:00")
    );
}

#[test]
fn the_bridge_starts_a_call() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(3));
    bridge.now = bridge.world.start() + TimeDelta::minutes(181);
    let command = r#"{"command_id":"c-1","from":{"extension":"102"},"to_number":"79035550127"}"#;
    let setup = crate::mango::MangoSetup::default();
    let body = crate::mango::signed_body(&setup.api_key, &setup.api_salt, command).into_bytes();
    let request = WireRequest {
        platform: Platform::named("mango").expect("of the list"),
        method: "POST".into(),
        path: "/vpbx/commands/callback".into(),
        headers: vec![],
        body,
    };
    assert_eq!(bridge.world.handle(bridge.now, &request).value(), json!({"result": 1000}));
    bridge.until(TimeDelta::minutes(183));
    let call = bridge.world.calls_of("talks")[0];
    assert_eq!(
        (call.command_id.as_deref(), call.outcome.as_str(), call.reason, call.number),
        (Some("c-1"), "busy", 1121, 1)
    );
}

#[test]
fn an_unknown_person_only_calls() {
    let script = r#"
[mango]
hooks_url = "http://127.0.0.1:1/mango"
[[managers]]
key = "irina"
name = "Ирина"
amocrm_user = 1
extension = "101"
[[orders]]
id = "caller"
at = "12:00"
name = "Кто-то"
phone = "+7 903 555-01-99"
no_order = true
events = [{ at = "+1m", do = "call_in" }, { at = "13:00", do = "call_in", outcome = "talk 30" }, { at = "23:00", do = "call_in" }, { at = "+2m", do = "pay" }]
"#;
    let mut bridge = Bridge::new(script, 1);
    bridge.until(TimeDelta::hours(20));
    let calls: Vec<(&str, &str, i64)> = bridge
        .world
        .calls()
        .iter()
        .map(|call| (call.client.as_str(), call.extension.as_str(), call.talk_seconds()))
        .collect();
    assert_eq!(calls, [("79035550199", "101", 0), ("79035550199", "101", 30), ("79035550199", "", 0)]);
    assert_eq!(bridge.world.orders().count(), 0);
    assert_eq!(bridge.world.troubles().len(), 1);
    let night: Vec<&String> = bridge.seen.iter().filter(|line| line.starts_with("16 20:")).collect();
    assert_eq!(night.len(), 1, "at night only the summary comes: {night:?}");
}

/// The action of a manager for a task, by its text.
#[test]
fn the_text_of_a_task_says_what_it_is() {
    let cases = [
        ("Позвонить. Потом заполните «Что дальше?» [t1·gc-1]", 1, false),
        ("Что дальше? Дозвонились ли вы? [t2·gc-1]", 0, false),
        ("Проверить договор [t3·gc-1]", 0, true),
    ];
    for (text, calls, closed) in cases {
        let mut bridge = Bridge::new(SETUP, 1);
        bridge.until(TimeDelta::hours(3) + TimeDelta::minutes(1));
        let task = bridge.world.tasks().next().map_or(0, |task| task.id);
        bridge.ask("PATCH", &format!("/api/v4/tasks/{task}"), &json!({"text": text}));
        bridge.until(TimeDelta::hours(3) + TimeDelta::minutes(17));
        let done = bridge.world.tasks().next().is_some_and(|task| task.is_completed);
        assert_eq!((bridge.world.calls().len(), done), (calls, closed), "{text}");
    }
}
