//! Webhook bodies against the sheet's keys, and the delivery rules.
//! No test sleeps: time is a parameter.
//! Enter at [`hook_of`].

use serde_json::{Value, json};

use super::{Crm, at, lead, person};
use crate::wire::Query;

/// The names of the pairs in the only webhook that a request causes, and some of its values.
fn hook_of(settings: &[&str], steps: &[(&str, &str, Value)]) -> Query {
    let mut crm = Crm::new();
    for (index, (method, path, body)) in steps.iter().enumerate() {
        if index + 1 == steps.len() {
            crm.world.advance(at(crm.seconds + 1));
            let destination = json!({"destination": "http://127.0.0.1:1/h", "settings": settings});
            crm.ask("POST", "/api/v4/webhooks", &destination);
        }
        let answer = crm.ask(method, path, body);
        assert!(answer.status < 300, "{}", answer.text());
    }
    let hooks = crm.world.advance(at(crm.seconds + 1));
    assert_eq!(hooks.len(), 1, "one webhook");
    assert!(hooks[0].headers.contains(&("User-Agent".into(), "amoCRM-Webhooks/3.0".into())));
    let body = String::from_utf8_lossy(&hooks[0].body).into_owned();
    assert!(body.starts_with("account%5Bsubdomain%5D=shkolarost&account%5Bid%5D=31877554&account%5B_links%5D%5Bself%5D=https%3A%2F%2Fshkolarost.amocrm.ru&"));
    Query::parse(body.as_bytes())
}

#[test]
fn a_status_hook_has_the_keys_of_the_sheet_in_their_order() {
    let mut item = lead();
    item["custom_fields_values"] = json!([
        {"field_id": 901_337, "values": [{"value": "GC-100482"}]}, {"field_id": 901_339, "values": [{"enum_id": 650_021}]},
        {"field_id": 901_341, "values": [{"value": 1_773_694_800}]}]);
    let pairs = hook_of(
        &["status_lead"],
        &[
            ("POST", "/api/v4/leads", json!([item])),
            ("PATCH", "/api/v4/leads/41290077", json!({"status_id": 66_104_110, "updated_by": 10_412_345})),
        ],
    );
    let sheet = "id name status_id old_status_id price responsible_user_id last_modified modified_user_id created_user_id date_create \
        pipeline_id tags][0][id tags][0][name account_id custom_fields][0][id custom_fields][0][name custom_fields][0][values][0][value \
        custom_fields][1][id custom_fields][1][name custom_fields][1][values][0][value custom_fields][1][values][0][enum \
        custom_fields][2][id custom_fields][2][name custom_fields][2][values][0 created_at updated_at";
    let wanted: Vec<String> =
        sheet.split_whitespace().map(|key| format!("leads[status][0][{key}]")).collect();
    let found: Vec<String> = pairs.0.iter().skip(3).map(|(key, _)| key.clone()).collect();
    assert_eq!(found, wanted);
    assert_eq!(pairs.get("leads[status][0][old_status_id]"), Some("66104106"));
    assert_eq!(pairs.get("leads[status][0][custom_fields][2][values][0]"), Some("1773694800"));
    assert_eq!(pairs.get("leads[status][0][modified_user_id]"), Some("10412345"));
}

#[test]
fn hooks_of_contacts_tasks_and_notes() {
    let contact = hook_of(&["add_contact"], &[("POST", "/api/v4/contacts", json!([person()]))]);
    assert_eq!(contact.get("contacts[add][0][custom_fields][0][values][0][value]"), Some("+79165550137"));
    assert_eq!(contact.get("contacts[add][0][custom_fields][0][values][0][enum]"), Some("512305"));
    assert_eq!(contact.get("contacts[add][0][custom_fields][0][code]"), Some("PHONE"));
    assert_eq!(contact.get("contacts[add][0][type]"), Some("contact"));
    let task = json!([{"text": "Позвонить", "complete_till": 1_773_781_140, "responsible_user_id": 10_412_345, "created_by": 0}]);
    let close = json!({"is_completed": true, "result": {"text": "Дозвонился, оплатит завтра"}});
    let done = hook_of(
        &["update_task"],
        &[("POST", "/api/v4/tasks", task.clone()), ("PATCH", "/api/v4/tasks/7710455", close)],
    );
    assert_eq!(done.get("task[update][0][complete_till]"), Some("2026-03-17 20:59:00"));
    assert_eq!(done.get("task[update][0][action_close]"), Some("1"));
    assert_eq!(done.get("task[update][0][result][text]"), Some("Дозвонился, оплатит завтра"));
    let passed = json!({"responsible_user_id": 10_412_350});
    let passed = hook_of(
        &["responsible_task"],
        &[("POST", "/api/v4/tasks", task), ("PATCH", "/api/v4/tasks/7710455", passed)],
    );
    assert_eq!(passed.get("task[update][0][old_responsible_user_id]"), Some("10412345"));
    let note = json!([{"note_type": "common", "params": {"text": "Клиент просит рассрочку"}}]);
    let note = hook_of(
        &["note_lead"],
        &[("POST", "/api/v4/leads", json!([lead()])), ("POST", "/api/v4/leads/41290077/notes", note)],
    );
    assert_eq!(note.get("leads[note][0][note][note_type]"), Some("4"));
    assert_eq!(
        note.get("leads[note][0][note][created_by]"),
        Some("0"),
        "a note of the API without an author"
    );
    assert_eq!(
        note.get("leads[note][0][note][date_create]").map(|text| &text[..13]),
        Some("2026-03-17 12"),
        "local time"
    );
}

#[test]
fn a_radiobutton_has_no_index_in_a_hook() {
    let mut item = lead();
    item["custom_fields_values"] = json!([{"field_id": 901_345, "values": [{"enum_id": 650_044}]}, {"field_id": 901_343, "values": [{"value": true}]}]);
    let pairs = hook_of(&["add_lead"], &[("POST", "/api/v4/leads", json!([item]))]);
    assert_eq!(pairs.get("leads[add][0][custom_fields][0][values][0][value]"), Some("1"));
    assert_eq!(pairs.get("leads[add][0][custom_fields][1][values][enum]"), Some("650044"));
}

/// amoCRM's delivery rules: the answers to one webhook, and after how many minutes it is repeated.
#[test]
fn deliveries_are_repeated_by_the_rules() {
    let cases: [(&[Option<u16>], &[i64]); 5] = [
        (&[Some(200)], &[]),
        (&[Some(404), Some(404), Some(404)], &[5, 15]),
        (&[None, None, None], &[5, 15]),
        (&[Some(503), Some(503), Some(503), Some(503), Some(503)], &[5, 15, 15, 60]),
        (&[Some(500), Some(204)], &[5]),
    ];
    for (answers, waits) in cases {
        let mut crm = Crm::new();
        crm.ask(
            "POST",
            "/api/v4/webhooks",
            &json!({"destination": "http://127.0.0.1:1/h", "settings": ["add_lead"]}),
        );
        crm.ask("POST", "/api/v4/leads", &json!([lead()]));
        let mut now = at(10);
        let mut found = Vec::new();
        let mut hooks = crm.world.advance(now);
        for answer in answers {
            assert_eq!(hooks.len(), 1);
            crm.world.hook_answered(hooks[0].id, *answer, now);
            let Some(next) = crm.world.next_due() else {
                break;
            };
            found.push((next - now).num_minutes());
            now = next;
            hooks = crm.world.advance(now);
        }
        assert_eq!(found, waits, "{answers:?}");
        assert_eq!(crm.world.hooks_open(), 0);
    }
}

#[test]
fn a_hundred_bad_answers_switch_a_subscription_off() {
    let mut crm = Crm::new();
    let destination = json!({"destination": "http://127.0.0.1:1/h", "settings": ["add_lead"]});
    crm.ask("POST", "/api/v4/webhooks", &destination);
    let disabled = |crm: &mut Crm| {
        crm.ask("GET", "/api/v4/webhooks", &Value::Null).value()["_embedded"]["webhooks"][0]["disabled"]
            .clone()
    };
    for (leads, wanted) in [(100, false), (1, true)] {
        crm.ask("POST", "/api/v4/leads", &Value::Array(vec![lead(); leads]));
        let now = at(crm.seconds + 1);
        for hook in crm.world.advance(now) {
            crm.world.hook_answered(hook.id, Some(404), now);
        }
        assert_eq!(disabled(&mut crm), wanted);
    }
    crm.ask("POST", "/api/v4/leads", &json!([lead()]));
    let fresh = crm.world.advance(at(crm.seconds + 1));
    assert_eq!(fresh.len(), 0, "nothing new is sent to it");
}
