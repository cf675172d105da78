//! Orders by an offer's code, and groups, through the import and the export. No test sleeps: time is a parameter.
//! Enter at the only test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Client;
use crate::wire::form_text;

#[test]
fn import_takes_a_code_with_a_cost_and_replaces_groups() {
    let mut client = Client::new();
    client.until(TimeDelta::zero());
    let user = json!({"email": "new@example.ru"});
    for (deal, wanted) in [
        (json!({"offer_code": "review"}), false),
        (json!({"offer_code": "review", "deal_cost": "900"}), true),
        (json!({"offer_code": "unknown-code", "deal_cost": "900"}), true),
        (json!({"product_title": "Курс", "deal_cost": "0"}), false),
    ] {
        let made = client.import("deals", &json!({"user": user, "deal": deal}));
        assert_eq!(made["result"]["success"], wanted, "{deal}");
    }
    let titles: Vec<&str> = client.world.orders().skip(1).map(|order| order.title.as_str()).collect();
    assert_eq!(titles, ["Разбор", "unknown-code"]);
    let update = |client: &mut Client, user: Value| {
        let params = STANDARD.encode(json!({"user": user}).to_string());
        let body = format!("action=update&key=sandbox-school-key&params={}", form_text(&params));
        client.send("POST", "/pl/api/users", &[], body.as_bytes()).value()
    };
    let groups = json!({"id": 400_300_100, "group_name": ["А", ["Б", "2026-07-01"]]});
    let done = update(&mut client, groups);
    assert_eq!((&done["action"], &done["result"]["user_status"]), (&json!("update"), &json!("updated")));
    update(&mut client, json!({"id": 400_300_100, "group_name": [["Б", "2026-07-01"]]}));
    assert_eq!(
        update(&mut client, json!({"email": "new@example.ru"}))["result"]["error"],
        true,
        "an id is needed"
    );
    let list = client.export("groups?key=sandbox-school-key");
    let group =
        list["info"].as_array().and_then(|groups| groups.iter().find(|group| group["name"] == "Б")).cloned();
    let group = group.unwrap_or_default();
    assert_eq!(group["last_added_at"], "2026-07-01 00:00:00");
    let path = format!("groups/{}/users?key=sandbox-school-key&added_at[from]=", group["id"]);
    for (day, found) in [("2026-07-01", 1), ("2026-07-02", 0)] {
        let id = client.export(&format!("{path}{day}"))["info"]["export_id"].as_i64().unwrap_or(0);
        client.now += TimeDelta::seconds(30);
        let table = client.export(&format!("exports/{id}?key=sandbox-school-key"));
        assert_eq!(table["info"]["items"].as_array().map(Vec::len), Some(found), "{day}");
    }
    let user = json!({"user": {"email": "new@example.ru", "addfields": {"Город мечты": "Сочи"}}, "system": {"refresh_if_exists": 1}});
    client.import("users", &user);
    let body = b"key=sandbox-school-key&action=get";
    let fields = client.send("POST", "/pl/api/account/fields", &[], body).value();
    assert_eq!(
        (&fields["info"][1]["title"], &fields["info"][1]["context_type"]),
        (&json!("Город мечты"), &json!("user"))
    );
}
