//! Tokens, budget, block, and the documented validation errors. No test sleeps: time is a parameter. Start at
//! any test: they only share the account.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Crm, TOKEN, at, lead, request, setup};
use crate::setup::AmocrmSetup;
use crate::{Platform, World};

/// An item of a write with one key changed, and the error that the sheet documents for it.
#[test]
fn validation_errors() {
    let with = |key: &str, value: Value| {
        let mut item = lead();
        item[key] = value;
        item
    };
    let cases = [
        ("leads", with("price", json!(24900.5)), "InvalidType", "price"),
        ("leads", with("price", json!("24900")), "InvalidType", "price"),
        ("leads", with("status_id", json!(1)), "NotSupportedChoice", "status_id"),
        ("leads", with("pipeline_id", json!(1)), "NotSupportedChoice", "pipeline_id"),
        (
            "leads",
            with("responsible_user_id", json!(10_412_399)),
            "NotSupportedChoice",
            "responsible_user_id",
        ),
        ("leads", with("created_by", json!(5)), "NotSupportedChoice", "created_by"),
        ("leads", with("loss_reason_id", json!(14_820_233)), "NotSupportedChoice", "loss_reason_id"),
        (
            "leads",
            with("custom_fields_values", json!([{"field_id": 1, "values": [{"value": "x"}]}])),
            "NotSupportedChoice",
            "custom_fields_values.0.field_id",
        ),
        (
            "leads",
            with("custom_fields_values", json!([{"field_id": 901_339, "values": [{"value": "Нет такого"}]}])),
            "NotSupportedChoice",
            "custom_fields_values.0.values.0.value",
        ),
        (
            "leads",
            with("custom_fields_values", json!([{"field_id": 901_343, "values": [{"value": "да"}]}])),
            "InvalidType",
            "custom_fields_values.0.values.0.value",
        ),
        (
            "leads",
            with("_embedded", json!({"contacts": [{"id": 1}]})),
            "NotSupportedChoice",
            "_embedded.contacts.0.id",
        ),
        ("tasks", json!({"complete_till": 1_773_781_140}), "FieldMissing", "text"),
        ("tasks", json!({"text": "Позвонить"}), "FieldMissing", "complete_till"),
        (
            "tasks",
            json!({"text": "Позвонить", "complete_till": 1_773_781_140, "entity_id": 1}),
            "FieldMissing",
            "entity_type",
        ),
        (
            "tasks",
            json!({"text": "Позвонить", "complete_till": 1_773_781_140, "entity_id": 1, "entity_type": "leads"}),
            "NotSupportedChoice",
            "entity_id",
        ),
        (
            "leads/notes",
            json!({"entity_id": 5, "note_type": "common", "params": {"text": "x"}}),
            "NotSupportedChoice",
            "entity_id",
        ),
    ];
    let mut crm = Crm::new();
    for (kind, item, code, path) in cases {
        let answer = crm.ask("POST", &format!("/api/v4/{kind}"), &json!([item]));
        let body = answer.value();
        assert_eq!(answer.status, 400, "{item}");
        assert_eq!(body["validation-errors"][0]["errors"][0]["code"], code, "{item}: {body}");
        assert_eq!(body["validation-errors"][0]["errors"][0]["path"], path, "{item}: {body}");
        assert_eq!(body["detail"], "Request validation failed");
    }
    let note =
        json!([{"entity_id": 41_290_077, "note_type": "common", "params": {"text": "ж".repeat(20_001)}}]);
    crm.ask("POST", "/api/v4/leads", &json!([lead()]));
    let answer = crm.ask("POST", "/api/v4/leads/notes", &note);
    assert_eq!(answer.value()["validation-errors"][0]["errors"][0]["code"], "TooLong");
}

#[test]
fn a_bad_item_rejects_its_whole_batch() {
    let mut crm = Crm::new();
    let answer = crm.ask("POST", "/api/v4/leads", &json!([lead(), {"name": "x", "status_id": 1}]));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.value()["validation-errors"][0]["request_id"], "1");
    assert_eq!(crm.world.leads().count(), 0);
}

#[test]
fn the_eighth_request_of_a_second_is_refused() {
    let mut world = World::new(setup(), 1);
    let ask = |world: &mut World, ms: i64| {
        world.handle(
            at(0) + TimeDelta::milliseconds(ms),
            &request("GET", "/api/v4/account", TOKEN, &Value::Null),
        )
    };
    for index in 0..7 {
        assert_eq!(ask(&mut world, index * 100).status, 200);
    }
    let answer = ask(&mut world, 999);
    assert_eq!(answer.status, 429);
    assert!(answer.text().starts_with("<html>"));
    assert_eq!(ask(&mut world, 1000).status, 200, "the first one has left the window");
    assert_eq!(ask(&mut world, 1050).status, 429);
    assert_eq!(world.counters().get(Platform::Amocrm).refused_429, 2);
}

#[test]
fn too_many_refusals_block_the_account() {
    let mut setup = setup();
    setup.amocrm.block_after = 2;
    let mut world = World::new(setup, 1);
    for _ in 0..10 {
        world.handle(at(0), &request("GET", "/api/v4/account", TOKEN, &Value::Null));
    }
    let later = world.handle(at(60), &request("POST", "/oauth2/access_token", "", &json!({})));
    assert_eq!(later.status, 403, "the token endpoint too");
}

#[test]
fn refresh_tokens_work_once() {
    let mut crm = Crm::new();
    let AmocrmSetup { client_id, client_secret, redirect_uri, code, .. } = setup().amocrm;
    let body = |grant: &str, key: &str, token: &str, secret: &str| json!({"client_id": client_id, "client_secret": secret, "grant_type": grant, key: token, "redirect_uri": redirect_uri});
    let first =
        crm.ask("POST", "/oauth2/access_token", &body("authorization_code", "code", &code, &client_secret));
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.value()["expires_in"], 86_400);
    let refresh = first.value()["refresh_token"].as_str().unwrap_or("").to_owned();
    let again =
        crm.ask("POST", "/oauth2/access_token", &body("authorization_code", "code", &code, &client_secret));
    assert_eq!(again.value()["hint"], "Authorization code has been revoked");
    let second = crm.ask(
        "POST",
        "/oauth2/access_token",
        &body("refresh_token", "refresh_token", &refresh, &client_secret),
    );
    assert_eq!(second.status, 200);
    let used = crm.ask(
        "POST",
        "/oauth2/access_token",
        &body("refresh_token", "refresh_token", &refresh, &client_secret),
    );
    assert_eq!((used.status, used.value()["hint"].clone()), (401, json!("Token has been revoked")));
    let unknown = crm.ask(
        "POST",
        "/oauth2/access_token",
        &body("refresh_token", "refresh_token", "nonsense", &client_secret),
    );
    assert_eq!(unknown.value()["hint"], "Invalid refresh token");
    let secret =
        crm.ask("POST", "/oauth2/access_token", &body("refresh_token", "refresh_token", &refresh, "wrong"));
    assert_eq!(secret.value()["hint"], "Check the `client_id` parameter");
    let access = second.value()["access_token"].as_str().unwrap_or("").to_owned();
    let seen = |crm: &mut Crm, seconds| {
        crm.world.handle(at(seconds), &request("GET", "/api/v4/account", &access, &Value::Null))
    };
    assert_eq!(seen(&mut crm, 100).status, 200);
    let late = seen(&mut crm, 86_500);
    assert_eq!((late.status, late.value()["title"].clone()), (401, json!("Unauthorized")));
}
