//! Tokens, budget, block, and the documented validation errors. No test sleeps: time is a parameter. Start at
//! any test: they only share the account.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Crm, TOKEN, at, check, lead, request, setup};
use crate::amocrm::Unpaid;
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

#[test]
fn the_long_lived_token_is_a_jwt_with_an_end_and_works_by_hand_as_well() {
    let mut setup = setup();
    setup.amocrm.long_lived_days = 40;
    setup.amocrm.token_user = 10_412_345;
    let token = setup.amocrm_token();
    let mut world = World::new(setup, 1);
    let claims =
        token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    let end = (world.start() + TimeDelta::days(40)).timestamp();
    assert_eq!((&claims["exp"], &claims["sub"]), (&json!(end), &json!("10412345")));
    let ask = |world: &mut World, token: &str, at| {
        world.handle(at, &request("GET", "/api/v4/account", token, &Value::Null)).status
    };
    let start = world.start();
    assert_eq!((ask(&mut world, &token, start), ask(&mut world, TOKEN, start)), (200, 200));
    assert_eq!(ask(&mut world, &token, start + TimeDelta::days(40)), 401, "it has ended");
    let forged = token.replacen('.', ".e", 1);
    assert_eq!(ask(&mut world, &forged, start), 401, "nobody else can make one");
}

#[test]
fn an_unpaid_account_refuses_writes_first() {
    let mut crm = Crm::new();
    for (unpaid, read, write) in
        [(Unpaid::Nothing, 200, 200), (Unpaid::Writes, 200, 402), (Unpaid::All, 402, 402)]
    {
        crm.world.amocrm_mut().unpaid = unpaid;
        assert_eq!(crm.ask("GET", "/api/v4/account", &Value::Null).status, read);
        let refused = crm.ask("POST", "/api/v4/leads", &json!([lead()]));
        assert_eq!((refused.status, refused.value()["status"] == 402), (write, write == 402));
    }
}

#[test]
fn a_token_of_no_administrator_is_refused_in_json() {
    let mut crm = Crm::new();
    check(
        &mut crm,
        &[("GET", "/api/v4/roles", Value::Null, 200, &[("/_embedded/roles/0/name", json!("Менеджер"))])],
    );
    crm.world.amocrm_mut().setup.token_admin = false;
    for path in ["users", "roles", "webhooks"] {
        let refused = crm.ask("GET", &format!("/api/v4/{path}"), &Value::Null);
        assert_eq!((refused.status, refused.value()["title"].clone()), (403, json!("Forbidden")), "{path}");
    }
    assert_eq!(crm.ask("GET", "/api/v4/leads", &Value::Null).status, 204);
}

#[test]
fn a_renamed_account_tells_its_name_to_a_refresh_token() {
    let mut setup = setup();
    setup.amocrm.refresh_token = "def502-first".into();
    let mut world = World::new(setup, 1);
    world.amocrm_mut().renamed = Some("novoeimya".into());
    let ask = |world: &mut World, path: &str, header: (&str, &str)| {
        let mut asked = request("GET", path, TOKEN, &Value::Null);
        asked
            .headers
            .extend([(header.0.to_owned(), header.1.to_owned()), ("Host".into(), "127.0.0.1:18081".into())]);
        world.handle(at(0), &asked)
    };
    let path = "/oauth2/account/current/subdomain";
    assert_eq!(ask(&mut world, "/api/v4/account", ("x", "y")).status, 401, "the old name");
    assert_eq!(ask(&mut world, path, ("X-Refresh-Token", "nonsense")).status, 401);
    for (path, header) in
        [(path, ("X-Refresh-Token", "def502-first")), ("/oauth2/account/subdomain", ("x", "y"))]
    {
        let told = ask(&mut world, path, header).value();
        assert_eq!(
            (&told["subdomain"], &told["domain"]),
            (&json!("novoeimya"), &json!("127.0.0.1:18081")),
            "{path}"
        );
    }
}

#[test]
fn links_and_claims_name_the_stand_in_itself() {
    let mut world = World::new(setup(), 1);
    let mut asked = request("GET", "/api/v4/users?limit=1", TOKEN, &Value::Null);
    asked.headers.push(("Host".into(), "127.0.0.1:18081".into()));
    let answer = world.handle(at(0), &asked).text().into_owned();
    assert!(answer.contains("http://127.0.0.1:18081/api/v4/users?limit=1&page=2"), "{answer}");
    assert!(!answer.contains("amocrm.ru"), "{answer}");
}

#[test]
fn a_salesbot_is_started() {
    let mut crm = Crm::new();
    let run = json!([{"bot_id": 5120, "entity_id": 41_290_077, "entity_type": 2}]);
    check(
        &mut crm,
        &[
            ("POST", "/api/v2/salesbot/run", run.clone(), 400, &[]),
            ("POST", "/api/v4/leads", json!([lead()]), 200, &[]),
            ("POST", "/api/v2/salesbot/run", run, 200, &[("/success", json!(true))]),
            ("POST", "/api/v4/bots/5120/run", json!({}), 404, &[]),
        ],
    );
    assert_eq!(crm.world.amocrm().bot_runs[0]["bot_id"], 5120);
}
