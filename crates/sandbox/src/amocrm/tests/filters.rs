//! Filters of lists: what the paid option changes, and how PHP reads their names. No test sleeps: time is a
//! parameter. Enter at [`count`].

use serde_json::{Value, json};

use super::{Crm, at, lead, person};

/// How many items the answer has.
fn count(crm: &mut Crm, path: &str) -> usize {
    let answer = crm.ask("GET", path, &Value::Null);
    assert!(answer.status < 300, "{path}: {}", answer.text());
    let kind = path.split(['?', '/']).nth(3).unwrap_or_default();
    answer.value()["_embedded"][kind].as_array().map_or(0, Vec::len)
}

/// Three leads with different values, and two contacts.
fn filled() -> Crm {
    let mut crm = Crm::new();
    let mut second = lead();
    second["price"] = json!(100);
    second["name"] = json!("Другой");
    second["custom_fields_values"] = json!([{"field_id": 901_339, "values": [{"enum_id": 650_021}]},
        {"field_id": 901_341, "values": [{"value": 1_773_694_800}]}, {"field_id": 901_343, "values": [{"value": true}]}]);
    let mut third = lead();
    third["status_id"] = json!(142);
    third["responsible_user_id"] = json!(10_412_350);
    crm.ask("POST", "/api/v4/leads", &json!([lead(), second, third]));
    crm.ask("POST", "/api/v4/contacts", &json!([person(), {"name": "Пётр"}]));
    crm
}

#[test]
fn the_paid_filters_work_with_the_option_and_are_ignored_without() {
    let now = at(0).timestamp();
    let paid = [
        ("leads?filter[id]=41290077&filter[id]=41290078".to_owned(), 1),
        ("leads?filter[id][]=41290077&filter[id][]=41290078".to_owned(), 2),
        ("leads?filter[name]=Другой".to_owned(), 1),
        ("leads?filter[price][from]=200&filter[price][to]=30000".to_owned(), 2),
        ("leads?filter[statuses][0][pipeline_id]=8123410&filter[statuses][0][status_id]=142".to_owned(), 1),
        ("leads?filter[pipeline_id][0]=1&filter[pipeline_id][1]=8123410".to_owned(), 3),
        ("leads?filter[responsible_user_id]=10412350".to_owned(), 1),
        ("leads?filter[created_by]=0".to_owned(), 3),
        ("leads?filter[updated_by][]=10412345".to_owned(), 0),
        (format!("leads?filter[updated_at][from]={}", now + 60), 0),
        (format!("leads?filter[closed_at][to]={}", now + 60), 1),
        ("leads?filter[closest_task_at][from]=0".to_owned(), 0),
        ("leads?filter[custom_fields_values][901337][]=GC-100482".to_owned(), 2),
        ("leads?filter[custom_fields_values][901339][]=650021".to_owned(), 1),
        ("leads?filter[custom_fields_values][901343]=1".to_owned(), 1),
        ("leads?filter[custom_fields_values][901341][from]=1773694800".to_owned(), 1),
        ("leads?filter[nonsense]=1".to_owned(), 3),
        ("contacts?filter[name]=Пётр".to_owned(), 1),
        ("contacts?filter[id]=52311847".to_owned(), 1),
    ];
    let mut crm = filled();
    for (path, _) in &paid {
        let all = if path.starts_with("leads") { 3 } else { 2 };
        assert_eq!(count(&mut crm, &format!("/api/v4/{path}")), all, "ignored: {path}");
    }
    crm.world.amocrm_mut().setup.is_api_filter_enabled = true;
    for (path, found) in &paid {
        assert_eq!(count(&mut crm, &format!("/api/v4/{path}")), *found, "{path}");
    }
}

#[test]
fn filters_of_tasks_are_part_of_the_base() {
    let mut crm = filled();
    let task = |done: bool| json!({"text": "x", "complete_till": 1_773_781_140, "is_completed": done});
    crm.ask("POST", "/api/v4/tasks", &json!([task(false), task(true), task(false)]));
    for (query, found) in [
        ("filter[is_completed]=1", 1),
        ("filter[is_completed][]=1", 1),
        ("filter[is_completed][]=1&filter[is_completed][]=0", 3),
        ("filter[is_completed]=1&filter[is_completed]=0", 2),
        ("filter[id]=7710455&filter[id]=7710456", 1),
        ("filter[updated_at]=9999999999", 0),
    ] {
        assert_eq!(count(&mut crm, &format!("/api/v4/tasks?{query}")), found, "{query}");
    }
}
