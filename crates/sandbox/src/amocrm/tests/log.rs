//! The event log: every type that it lists is really written, and its filters. No test sleeps: time is a
//! parameter. Enter at [`every_type`].

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Crm, at, lead, person};
use crate::amocrm::log::TYPES;

const NONE: Value = Value::Null;

/// An account in which everything has happened that the log knows.
fn every_type() -> Crm {
    let mut crm = Crm::new();
    let note = |kind: &str| json!({"entity_id": 41_290_077, "note_type": kind, "params": {"text": "x", "phone": "+79165550137"}});
    let kinds = [
        "common",
        "service_message",
        "attachment",
        "geolocation",
        "message_cashier",
        "call_in",
        "call_out",
        "sms_in",
        "sms_out",
    ];
    let notes: Vec<Value> = kinds.iter().map(|kind| note(kind)).collect();
    let contact = json!([{"to_entity_id": 52_311_847, "to_entity_type": "contacts"}]);
    let requests = [
        ("POST", "contacts", json!([person()])),
        ("POST", "companies", json!([{"name": "ООО Рост"}])),
        ("POST", "leads", json!([lead()])),
        ("POST", "leads/41290077/link", contact.clone()),
        ("POST", "leads/41290077/unlink", contact),
        (
            "PATCH",
            "leads/41290077",
            json!({"status_id": 66_104_110, "price": 30_000, "name": "Иначе",
            "responsible_user_id": 10_412_350, "tags_to_add": [{"name": "VIP"}], "tags_to_delete": [{"name": "GetCourse"}],
            "custom_fields_values": [{"field_id": 901_337, "values": [{"value": "GC-2"}]}]}),
        ),
        ("POST", "tasks", json!([{"text": "Позвонить", "complete_till": 1_773_781_140}])),
        (
            "PATCH",
            "tasks/7710455",
            json!({"text": "Написать", "complete_till": 1_773_782_140, "task_type_id": 2,
            "is_completed": true, "result": {"text": "Готово"}}),
        ),
        ("POST", "leads/notes", Value::Array(notes)),
    ];
    for (method, path, body) in requests {
        let answer = crm.ask(method, &format!("/api/v4/{path}"), &body);
        assert!(answer.status < 300, "{method} {path}: {}", answer.text());
    }
    // What only people can do.
    let account = crm.world.amocrm_mut();
    account.delete_task(at(100), 7_710_455, 10_412_345);
    account.delete_lead(at(100), 41_290_077, 10_412_345);
    account.restore_lead(at(101), 41_290_077, 10_412_345);
    account.delete_contact(at(102), 52_311_847, 10_412_345);
    account.restore_contact(at(103), 52_311_847, 10_412_345);
    let twin = account.create_lead(at(104), &Default::default(), 10_412_345);
    account.merge_leads(at(105), twin, 41_290_077, 10_412_345);
    crm.seconds = 200;
    crm
}

fn ids(crm: &mut Crm, query: &str) -> Vec<Value> {
    let answer = crm.ask("GET", &format!("/api/v4/events?{query}"), &NONE);
    assert!(answer.status < 300, "{query}: {}", answer.text());
    answer.value()["_embedded"]["events"].as_array().cloned().unwrap_or_default()
}

#[test]
fn each_listed_type_is_written_and_no_other() {
    let mut crm = every_type();
    let written: BTreeSet<&str> = crm.world.amocrm().log.iter().map(|entry| entry.general()).collect();
    let listed: BTreeSet<&str> = TYPES.iter().map(|(key, ..)| *key).collect();
    assert_eq!(written, listed);
    let types = crm.ask("GET", "/api/v4/events/types", &NONE).value();
    assert_eq!(types["_total_items"], TYPES.len());
    assert_eq!(types["_embedded"]["events_types"][0]["key"], "lead_added");
    let one = ids(&mut crm, "filter[type]=lead_restored&with=lead_name")[0].clone();
    assert_eq!(one["_embedded"]["entity"]["name"], "Иначе");
    let path = format!("/api/v4/events/{}", one["id"].as_str().unwrap_or(""));
    assert_eq!(crm.ask("GET", &path, &NONE).value()["type"], "lead_restored");
    assert_eq!(crm.ask("GET", "/api/v4/events/nonsense", &NONE).status, 204);
}

#[test]
fn values_are_as_documented() {
    let mut crm = every_type();
    for (kind, before, after) in [
        (
            "lead_status_changed",
            json!([{"lead_status": {"id": 66_104_106, "pipeline_id": 8_123_410}}]),
            json!([{"lead_status": {"id": 66_104_110, "pipeline_id": 8_123_410}}]),
        ),
        (
            "sale_field_changed",
            json!([{"sale_field_value": {"sale": 24_900}}]),
            json!([{"sale_field_value": {"sale": 30_000}}]),
        ),
        (
            "name_field_changed",
            json!([{"name_field_value": {"name": "Заказ GC-100482"}}]),
            json!([{"name_field_value": {"name": "Иначе"}}]),
        ),
        ("entity_tag_deleted", json!([{"tag": {"name": "GetCourse"}}]), json!([])),
        (
            "task_text_changed",
            json!([{"task": {"text": "Позвонить"}}]),
            json!([{"task": {"text": "Написать"}}]),
        ),
        (
            "custom_field_value_changed",
            json!([{"custom_field_value": {"field_id": 901_337, "field_type": 1, "enum_id": null, "text": "GC-100482"}}]),
            json!([{"custom_field_value": {"field_id": 901_337, "field_type": 1, "enum_id": null, "text": "GC-2"}}]),
        ),
        ("entity_linked", json!([]), json!([{"link": {"entity": {"type": "contact", "id": 52_311_847}}}])),
        ("task_completed", json!([]), json!([])),
    ] {
        let found = ids(&mut crm, &format!("filter[type][]={kind}"));
        assert_eq!((&found[0]["value_before"], &found[0]["value_after"]), (&before, &after), "{kind}");
    }
    let field = &ids(&mut crm, "filter[type]=custom_field_value_changed")[0]["type"];
    assert_eq!(field, "custom_field_901337_value_changed");
}

#[test]
fn filters_of_the_log_work_without_the_paid_option() {
    let mut crm = every_type();
    let all = ids(&mut crm, "limit=100");
    let (newest, last) = (all[0]["id"].as_str().unwrap_or(""), all[1]["id"].as_str().unwrap_or(""));
    let cases: Vec<(String, usize)> = vec![
        ("filter[type]=lead_added,contact_added".into(), 3),
        ("filter[type]=lead_added&filter[type]=contact_added".into(), 1),
        (format!("filter[id][]={newest}&filter[id][]={last}"), 2),
        (format!("filter[id]={newest}&filter[created_at]=0"), 1),
        (format!("filter[created_at]={}", at(104).timestamp()), 3),
        (format!("filter[created_at][from]={0}&filter[created_at][to]={0}", at(101).timestamp()), 1),
        ("filter[type]=lead_added&filter[created_by][]=10412345".into(), 1),
        ("filter[type]=lead_added&filter[created_by]=0".into(), 1),
        ("filter[entity]=lead&filter[entity_id][]=41290077&filter[type]=lead_deleted".into(), 1),
        ("filter[value_after][leads_statuses][0][pipeline_id]=8123410&filter[value_after][leads_statuses][0][status_id]=66104110".into(), 1),
        ("filter[value_before][leads_statuses][0][pipeline_id]=8123410&filter[value_before][leads_statuses][0][status_id]=66104110".into(), 0),
        ("filter[value_after][responsible_user_id]=5,10412350".into(), 1),
        ("filter[value_after][value]=30000&filter[type]=sale_field_changed".into(), 1),
        ("filter[value_after][value]=1&filter[type]=sale_field_changed".into(), 0),
        ("filter[type]=custom_field_901337_value_changed".into(), 1),
    ];
    for (query, count) in cases {
        assert_eq!(ids(&mut crm, &query).len(), count, "{query}");
    }
    for query in [
        "filter[entity_id]=1",
        "filter[type][]=custom_field_901337_value_changed&filter[type][]=lead_added",
        "filter[created_by]=1,2,3,4,5,6,7,8,9,10,11",
    ] {
        assert_eq!(crm.ask("GET", &format!("/api/v4/events?{query}"), &NONE).status, 400, "{query}");
    }
}
