//! The sheet's own example bodies against the amoCRM stand-in.
//! No test sleeps: time is a parameter.
//! Enter at [`check`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::sandbox::setup::{AmocrmSetup, EnumSetup, FieldSetup, Setup, UserSetup};
use crate::sandbox::wire::Query;
use crate::sandbox::{Platform, WireAnswer, WireRequest, World};

const TOKEN: &str = "sandbox-long-lived-token";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_773_738_000 + seconds, 0).unwrap_or_default()
}

fn setup() -> Setup {
    let user = |id, name: &str, active| UserSetup {
        id,
        name: name.into(),
        email: String::new(),
        phone: None,
        active,
        admin: true,
    };
    let choice = |id, value: &str| EnumSetup {
        id,
        value: value.into(),
        code: None,
    };
    let field = |id, name: &str, kind: &str, enums| FieldSetup {
        id,
        name: name.into(),
        code: None,
        kind: kind.into(),
        enums,
    };
    let amocrm = AmocrmSetup {
        users: vec![
            user(10_412_345, "Марина Котова", true),
            user(10_412_350, "Пётр Орлов", true),
            user(10_412_399, "Ушла", false),
        ],
        lead_fields: vec![
            FieldSetup {
                code: None,
                ..FieldSetup::text(901_337, "Номер заказа", "")
            },
            field(
                901_339,
                "Тариф",
                "select",
                vec![choice(650_021, "Стандарт")],
            ),
            field(901_341, "Дата оплаты", "date", vec![]),
            field(901_343, "Оплачено", "checkbox", vec![]),
            field(
                901_345,
                "Способ оплаты",
                "radiobutton",
                vec![choice(650_044, "Рассрочка")],
            ),
        ],
        order_field: "Номер заказа".into(),
        ..AmocrmSetup::default()
    };
    Setup {
        amocrm,
        ..Setup::default()
    }
}

/// A world whose budget never matters: every request comes a second later.
struct Bench {
    world: World,
    seconds: i64,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            world: World::new(setup(), 1),
            seconds: 0,
        }
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> WireAnswer {
        self.seconds += 1;
        self.world
            .handle(at(self.seconds), &request(method, path, TOKEN, body))
    }
}

fn request(method: &str, path: &str, token: &str, body: &Value) -> WireRequest {
    let body = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    WireRequest {
        platform: Platform::Amocrm,
        method: method.into(),
        path: path.into(),
        headers,
        body,
    }
}

fn lead() -> Value {
    json!({"name": "Заказ GC-100482", "price": 24900, "pipeline_id": 8_123_410, "status_id": 66_104_106, "responsible_user_id": 10_412_345,
           "created_by": 0, "custom_fields_values": [{"field_id": 901_337, "values": [{"value": "GC-100482"}]}],
           "tags_to_add": [{"name": "GetCourse"}], "request_id": "job-8812"})
}

fn person() -> Value {
    json!({"first_name": "Анна", "last_name": "Белова", "custom_fields_values": [
        {"field_code": "PHONE", "values": [{"value": "+79165550137", "enum_code": "MOB"}]},
        {"field_code": "EMAIL", "values": [{"value": "anna.belova@example.com", "enum_code": "WORK"}]}], "request_id": "job-8814"})
}

/// Method, path, body; the status of the answer and what stands at some places in it.
type Step<'a> = (&'a str, &'a str, Value, u16, &'a [(&'a str, Value)]);

/// Asks in order; each answer has this status and these values at these places.
fn check(bench: &mut Bench, steps: &[Step]) {
    for (method, path, body, status, places) in steps {
        let answer = bench.ask(method, path, body);
        assert_eq!(answer.status, *status, "{method} {path}: {}", answer.text());
        for (pointer, wanted) in *places {
            let found = answer
                .value()
                .pointer(pointer)
                .cloned()
                .unwrap_or(Value::Null);
            assert_eq!(
                &found,
                wanted,
                "{method} {path} at {pointer}: {}",
                answer.text()
            );
        }
    }
}

#[test]
fn sheet_bodies_of_section_3() {
    let task = json!([{"task_type_id": 1, "text": "Перезвонить: пропущенный звонок +79165550137", "complete_till": 1_773_781_140,
        "entity_id": 41_290_077, "entity_type": "leads", "responsible_user_id": 10_412_345, "created_by": 0, "request_id": "job-9001"}]);
    let call = |phone: &str| {
        json!({"direction": "inbound", "uniq": "pbx-20260317-000481", "duration": 63, "source": "MyPBX",
        "link": "https://rec.example.com/481.mp3", "phone": phone, "call_status": 4, "call_responsible": 10_412_345, "request_id": "call-481"})
    };
    let note = json!([{"entity_id": 41_290_077, "note_type": "call_in", "created_by": 10_412_345, "responsible_user_id": 10_412_345,
        "params": {"uniq": "pbx-20260317-000481", "duration": 63, "source": "MyPBX", "phone": "+79165550137", "call_status": 4}}]);
    let none = Value::Null;
    let mut bench = Bench::new();
    check(
        &mut bench,
        &[
            ("GET", "/api/v4/leads", none.clone(), 204, &[]),
            (
                "POST",
                "/api/v4/contacts",
                json!([person()]),
                200,
                &[
                    ("/_embedded/contacts/0/request_id", json!("job-8814")),
                    ("/_embedded/contacts/0/id", json!(52_311_847)),
                ],
            ),
            (
                "POST",
                "/api/v4/leads",
                json!([lead()]),
                200,
                &[
                    ("/_embedded/leads/0/id", json!(41_290_077)),
                    ("/_embedded/leads/0/request_id", json!("job-8812")),
                ],
            ),
            (
                "POST",
                "/api/v4/leads/41290077/link",
                json!([{"to_entity_id": 52_311_847, "to_entity_type": "contacts", "metadata": {"is_main": true}}]),
                200,
                &[("/_embedded/links/0/metadata/main_contact", json!(true))],
            ),
            (
                "GET",
                "/api/v4/leads/41290077?with=contacts,loss_reason",
                none.clone(),
                200,
                &[
                    ("/_embedded/contacts/0/id", json!(52_311_847)),
                    ("/_embedded/tags/0/name", json!("GetCourse")),
                    ("/custom_fields_values/0/values/0/value", json!("GC-100482")),
                    ("/closed_at", none.clone()),
                ],
            ),
            (
                "GET",
                "/api/v4/contacts?query=9165550137&with=leads&limit=50",
                none.clone(),
                200,
                &[
                    (
                        "/_embedded/contacts/0/_embedded/leads/0/id",
                        json!(41_290_077),
                    ),
                    (
                        "/_embedded/contacts/0/custom_fields_values/0/values/0/enum_code",
                        json!("MOB"),
                    ),
                ],
            ),
            (
                "GET",
                "/api/v4/contacts?query=9990000000",
                none.clone(),
                204,
                &[],
            ),
            (
                "POST",
                "/api/v4/tasks",
                task,
                200,
                &[
                    ("/_embedded/tasks/0/id", json!(7_710_455)),
                    ("/_embedded/tasks/0/request_id", json!("job-9001")),
                ],
            ),
            (
                "GET",
                "/api/v4/tasks?filter%5Bentity_type%5D=leads&filter%5Bentity_id%5D%5B%5D=41290077&filter[is_completed]=0",
                none.clone(),
                200,
                &[("/_embedded/tasks/0/result", json!([]))],
            ),
            (
                "PATCH",
                "/api/v4/tasks/7710455",
                json!({"is_completed": true, "result": {"text": "Дозвонился"}}),
                200,
                &[("/id", json!(7_710_455)), ("/request_id", json!("0"))],
            ),
            (
                "GET",
                "/api/v4/tasks?filter[is_completed]=0",
                none.clone(),
                204,
                &[],
            ),
            (
                "GET",
                "/api/v4/tasks/7710455",
                none.clone(),
                200,
                &[("/result/text", json!("Дозвонился"))],
            ),
            (
                "POST",
                "/api/v4/leads/notes",
                note,
                200,
                &[("/_embedded/notes/0/entity_id", json!(41_290_077))],
            ),
            (
                "GET",
                "/api/v4/leads/41290077/notes?filter[note_type]=call_in",
                none.clone(),
                200,
                &[("/_embedded/notes/0/params/duration", json!(63))],
            ),
            (
                "GET",
                "/api/v4/leads/notes?filter[note_type]=common",
                none.clone(),
                204,
                &[],
            ),
            (
                "POST",
                "/api/v4/calls",
                json!([call("+79165550137")]),
                200,
                &[
                    ("/_embedded/calls/0/entity_type", json!("lead")),
                    ("/_embedded/calls/0/entity_id", json!(41_290_077)),
                ],
            ),
            (
                "POST",
                "/api/v4/calls",
                json!([call("+79990000000")]),
                400,
                &[
                    ("/errors/0/status", json!(263)),
                    ("/errors/0/request_id", json!("call-481")),
                    ("/_total_items", json!(0)),
                ],
            ),
            (
                "POST",
                "/api/v4/calls",
                json!([call("+79990000000"), call("8 (916) 555-01-37")]),
                200,
                &[
                    ("/errors/0/status", json!(263)),
                    ("/_total_items", json!(1)),
                ],
            ),
            (
                "PATCH",
                "/api/v4/leads/41290077",
                json!({"pipeline_id": 8_123_410, "status_id": 143, "loss_reason_id": 14_820_233, "updated_by": 0}),
                200,
                &[("/id", json!(41_290_077))],
            ),
            (
                "GET",
                "/api/v4/leads/41290077?with=loss_reason",
                none.clone(),
                200,
                &[
                    ("/_embedded/loss_reason/0/name", json!("Цена")),
                    ("/updated_by", json!(0)),
                ],
            ),
            (
                "GET",
                "/api/v4/events?filter[type][]=lead_status_changed",
                none.clone(),
                200,
                &[(
                    "/_embedded/events/0/value_after/0/lead_status/id",
                    json!(143),
                )],
            ),
            ("GET", "/api/v4/leads/99", none.clone(), 204, &[]),
            ("DELETE", "/api/v4/leads/41290077", none.clone(), 405, &[]),
            ("GET", "/api/v4/nothing", none.clone(), 404, &[]),
        ],
    );
}

#[test]
fn dictionaries() {
    let none = Value::Null;
    check(
        &mut Bench::new(),
        &[
            (
                "GET",
                "/api/v4/account?with=is_api_filter_enabled,datetime_settings,task_types",
                none.clone(),
                200,
                &[
                    ("/is_api_filter_enabled", json!(false)),
                    (
                        "/_embedded/datetime_settings/timezone",
                        json!("Europe/Moscow"),
                    ),
                ],
            ),
            (
                "GET",
                "/api/v4/users?limit=250",
                none.clone(),
                200,
                &[("/_embedded/users/2/rights/is_active", json!(false))],
            ),
            (
                "GET",
                "/api/v4/leads/pipelines",
                none.clone(),
                200,
                &[
                    ("/_embedded/pipelines/0/_embedded/statuses/3/id", json!(142)),
                    ("/_embedded/pipelines/0/_embedded/statuses/4/id", json!(143)),
                    ("/_embedded/pipelines/0/_embedded/statuses/0/type", json!(1)),
                ],
            ),
            (
                "GET",
                "/api/v4/leads/loss_reasons",
                none.clone(),
                200,
                &[("/_embedded/loss_reasons/0/id", json!(14_820_233))],
            ),
            (
                "GET",
                "/api/v4/leads/custom_fields",
                none.clone(),
                200,
                &[(
                    "/_embedded/custom_fields/1/enums/0/value",
                    json!("Стандарт"),
                )],
            ),
            (
                "GET",
                "/api/v4/contacts/custom_fields",
                none.clone(),
                200,
                &[("/_embedded/custom_fields/0/code", json!("PHONE"))],
            ),
            ("GET", "/api/v4/webhooks", none.clone(), 204, &[]),
            (
                "POST",
                "/api/v4/webhooks",
                json!({"destination": "https://bridge.example.com/h/", "settings": ["add_lead"]}),
                201,
                &[("/disabled", json!(false))],
            ),
            (
                "POST",
                "/api/v4/webhooks",
                json!({"destination": "https://bridge.example.com/h/", "settings": ["status_lead"]}),
                201,
                &[("/settings", json!(["status_lead"]))],
            ),
            (
                "POST",
                "/api/v4/webhooks",
                json!({"destination": "https://bridge.example.com/h/", "settings": ["add_moon"]}),
                400,
                &[("/validation-errors/0/errors/0/path", json!("settings.0"))],
            ),
            (
                "DELETE",
                "/api/v4/webhooks",
                json!({"destination": "https://bridge.example.com/h/"}),
                204,
                &[],
            ),
            (
                "DELETE",
                "/api/v4/webhooks",
                json!({"destination": "https://bridge.example.com/h/"}),
                404,
                &[],
            ),
        ],
    );
}

/// An item of a write with one key changed, and the error that the sheet documents for it.
#[test]
fn validation_errors() {
    let with = |key: &str, value: Value| {
        let mut item = lead();
        item[key] = value;
        item
    };
    let cases = [
        (
            "leads",
            with("price", json!(24900.5)),
            "InvalidType",
            "price",
        ),
        (
            "leads",
            with("price", json!("24900")),
            "InvalidType",
            "price",
        ),
        (
            "leads",
            with("status_id", json!(1)),
            "NotSupportedChoice",
            "status_id",
        ),
        (
            "leads",
            with("pipeline_id", json!(1)),
            "NotSupportedChoice",
            "pipeline_id",
        ),
        (
            "leads",
            with("responsible_user_id", json!(10_412_399)),
            "NotSupportedChoice",
            "responsible_user_id",
        ),
        (
            "leads",
            with("created_by", json!(5)),
            "NotSupportedChoice",
            "created_by",
        ),
        (
            "leads",
            with("loss_reason_id", json!(14_820_233)),
            "NotSupportedChoice",
            "loss_reason_id",
        ),
        (
            "leads",
            with(
                "custom_fields_values",
                json!([{"field_id": 1, "values": [{"value": "x"}]}]),
            ),
            "NotSupportedChoice",
            "custom_fields_values.0.field_id",
        ),
        (
            "leads",
            with(
                "custom_fields_values",
                json!([{"field_id": 901_339, "values": [{"value": "Нет такого"}]}]),
            ),
            "NotSupportedChoice",
            "custom_fields_values.0.values.0.value",
        ),
        (
            "leads",
            with(
                "custom_fields_values",
                json!([{"field_id": 901_343, "values": [{"value": "да"}]}]),
            ),
            "InvalidType",
            "custom_fields_values.0.values.0.value",
        ),
        (
            "leads",
            with("_embedded", json!({"contacts": [{"id": 1}]})),
            "NotSupportedChoice",
            "_embedded.contacts.0.id",
        ),
        (
            "tasks",
            json!({"complete_till": 1_773_781_140}),
            "FieldMissing",
            "text",
        ),
        (
            "tasks",
            json!({"text": "Позвонить"}),
            "FieldMissing",
            "complete_till",
        ),
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
    let mut bench = Bench::new();
    for (kind, item, code, path) in cases {
        let answer = bench.ask("POST", &format!("/api/v4/{kind}"), &json!([item]));
        let body = answer.value();
        assert_eq!(answer.status, 400, "{item}");
        assert_eq!(
            body["validation-errors"][0]["errors"][0]["code"], code,
            "{item}: {body}"
        );
        assert_eq!(
            body["validation-errors"][0]["errors"][0]["path"], path,
            "{item}: {body}"
        );
        assert_eq!(body["detail"], "Request validation failed");
    }
    let note = json!([{"entity_id": 41_290_077, "note_type": "common", "params": {"text": "ж".repeat(20_001)}}]);
    bench.ask("POST", "/api/v4/leads", &json!([lead()]));
    let answer = bench.ask("POST", "/api/v4/leads/notes", &note);
    assert_eq!(
        answer.value()["validation-errors"][0]["errors"][0]["code"],
        "TooLong"
    );
}

#[test]
fn a_bad_item_rejects_its_whole_batch() {
    let mut bench = Bench::new();
    let answer = bench.ask(
        "POST",
        "/api/v4/leads",
        &json!([lead(), {"name": "x", "status_id": 1}]),
    );
    assert_eq!(answer.status, 400);
    assert_eq!(answer.value()["validation-errors"][0]["request_id"], "1");
    assert_eq!(bench.world.leads().count(), 0);
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
    assert_eq!(
        ask(&mut world, 1000).status,
        200,
        "the first one has left the window"
    );
    assert_eq!(ask(&mut world, 1050).status, 429);
    assert_eq!(world.counters().get(Platform::Amocrm).refused_429, 2);
}

#[test]
fn too_many_refusals_block_the_account() {
    let mut setup = setup();
    setup.amocrm.block_after = 2;
    let mut world = World::new(setup, 1);
    for _ in 0..10 {
        world.handle(
            at(0),
            &request("GET", "/api/v4/account", TOKEN, &Value::Null),
        );
    }
    let later = world.handle(
        at(60),
        &request("POST", "/oauth2/access_token", "", &json!({})),
    );
    assert_eq!(later.status, 403, "the token endpoint too");
}

#[test]
fn refresh_tokens_work_once() {
    let mut bench = Bench::new();
    let AmocrmSetup {
        client_id,
        client_secret,
        redirect_uri,
        code,
        ..
    } = setup().amocrm;
    let body = |grant: &str, key: &str, token: &str, secret: &str| json!({"client_id": client_id, "client_secret": secret, "grant_type": grant, key: token, "redirect_uri": redirect_uri});
    let first = bench.ask(
        "POST",
        "/oauth2/access_token",
        &body("authorization_code", "code", &code, &client_secret),
    );
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.value()["expires_in"], 86_400);
    let refresh = first.value()["refresh_token"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let again = bench.ask(
        "POST",
        "/oauth2/access_token",
        &body("authorization_code", "code", &code, &client_secret),
    );
    assert_eq!(again.value()["hint"], "Authorization code has been revoked");
    let second = bench.ask(
        "POST",
        "/oauth2/access_token",
        &body("refresh_token", "refresh_token", &refresh, &client_secret),
    );
    assert_eq!(second.status, 200);
    let used = bench.ask(
        "POST",
        "/oauth2/access_token",
        &body("refresh_token", "refresh_token", &refresh, &client_secret),
    );
    assert_eq!(
        (used.status, used.value()["hint"].clone()),
        (401, json!("Token has been revoked"))
    );
    let unknown = bench.ask(
        "POST",
        "/oauth2/access_token",
        &body("refresh_token", "refresh_token", "nonsense", &client_secret),
    );
    assert_eq!(unknown.value()["hint"], "Invalid refresh token");
    let secret = bench.ask(
        "POST",
        "/oauth2/access_token",
        &body("refresh_token", "refresh_token", &refresh, "wrong"),
    );
    assert_eq!(secret.value()["hint"], "Check the `client_id` parameter");
    let access = second.value()["access_token"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let seen = |bench: &mut Bench, seconds| {
        bench.world.handle(
            at(seconds),
            &request("GET", "/api/v4/account", &access, &Value::Null),
        )
    };
    assert_eq!(seen(&mut bench, 100).status, 200);
    let late = seen(&mut bench, 86_500);
    assert_eq!(
        (late.status, late.value()["title"].clone()),
        (401, json!("Unauthorized"))
    );
}

#[test]
fn filters_on_leads_are_ignored_silently_while_the_option_is_off() {
    let mut bench = Bench::new();
    bench.ask("POST", "/api/v4/leads", &json!([lead(), lead()]));
    let path = "/api/v4/leads?filter[id][]=41290077";
    assert_eq!(
        bench.ask("GET", path, &Value::Null).value()["_embedded"]["leads"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    bench.world.amocrm_mut().setup.is_api_filter_enabled = true;
    assert_eq!(
        bench.ask("GET", path, &Value::Null).value()["_embedded"]["leads"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn pages_end_without_next() {
    let mut bench = Bench::new();
    bench.ask("POST", "/api/v4/leads", &json!([lead(), lead(), lead()]));
    let first = bench
        .ask("GET", "/api/v4/leads?limit=2&order[id]=desc", &Value::Null)
        .value();
    assert_eq!(first["_embedded"]["leads"][0]["id"], 41_290_079);
    assert!(
        first["_links"]["next"]["href"]
            .as_str()
            .is_some_and(|href| href.contains("page=2"))
    );
    let last = bench
        .ask("GET", "/api/v4/leads?limit=2&page=2", &Value::Null)
        .value();
    assert!(last["_links"]["next"].is_null());
    assert_eq!(
        bench
            .ask("GET", "/api/v4/leads?limit=2&page=3", &Value::Null)
            .status,
        204
    );
}

#[test]
fn complex_makes_a_contact_each_time_and_takes_a_known_one() {
    let mut bench = Bench::new();
    let mut item = lead();
    item["_embedded"] = json!({"contacts": [person()]});
    let made = bench
        .ask("POST", "/api/v4/leads/complex", &json!([item]))
        .value();
    assert_eq!(
        made[0],
        json!({"id": 41_290_077, "contact_id": 52_311_847, "company_id": null, "request_id": ["job-8812"], "merged": false})
    );
    item["_embedded"] = json!({"contacts": [{"id": 52_311_847}]});
    let joined = bench
        .ask("POST", "/api/v4/leads/complex", &json!([item]))
        .value();
    assert_eq!(joined[0]["contact_id"], 52_311_847);
    item["_embedded"] = json!({"contacts": [{"responsible_user_id": 1}]});
    let flawed = bench
        .ask("POST", "/api/v4/leads/complex", &json!([item]))
        .value();
    assert_eq!(
        flawed["validation-errors"][0]["errors"][0]["path"],
        "_embedded.contacts.0.responsible_user_id"
    );
    let kinds: Vec<&str> = bench
        .world
        .duplicates()
        .iter()
        .map(|found| found.kind)
        .collect();
    assert_eq!(kinds, ["lead"], "one order number twice in one pipeline");
}

#[test]
fn fields_and_tags_are_replaced_or_kept_as_documented() {
    let mut bench = Bench::new();
    let mut item = lead();
    item["custom_fields_values"] = json!([{"field_id": 901_337, "values": [{"value": "GC-1"}]}, {"field_id": 901_339, "values": [{"enum_id": 650_021}]}]);
    bench.ask("POST", "/api/v4/leads", &json!([item]));
    let clear = json!({"custom_fields_values": [{"field_id": 901_339, "values": null}], "tags_to_add": [{"name": "VIP"}]});
    bench.ask("PATCH", "/api/v4/leads/41290077", &clear);
    let read = bench
        .ask("GET", "/api/v4/leads/41290077", &Value::Null)
        .value();
    assert_eq!(
        read["custom_fields_values"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(read["_embedded"]["tags"].as_array().map(Vec::len), Some(2));
    bench.ask(
        "PATCH",
        "/api/v4/leads/41290077",
        &json!({"_embedded": {"tags": null}}),
    );
    let read = bench
        .ask("GET", "/api/v4/leads/41290077", &Value::Null)
        .value();
    assert_eq!(read["_embedded"]["tags"], json!([]));
    let stale = bench.ask(
        "PATCH",
        "/api/v4/leads/41290077",
        &json!({"updated_at": 1_000}),
    );
    assert_eq!(
        stale.value()["validation-errors"][0]["errors"][0]["detail"],
        "Last modified date is older than in database"
    );
}

/// The names of the pairs of the only webhook that a request causes, and some of its values.
fn hook_of(settings: &[&str], steps: &[(&str, &str, Value)]) -> Query {
    let mut bench = Bench::new();
    for (index, (method, path, body)) in steps.iter().enumerate() {
        if index + 1 == steps.len() {
            bench.world.advance(at(bench.seconds + 1));
            let destination = json!({"destination": "http://127.0.0.1:1/h", "settings": settings});
            bench.ask("POST", "/api/v4/webhooks", &destination);
        }
        let answer = bench.ask(method, path, body);
        assert!(answer.status < 300, "{}", answer.text());
    }
    let hooks = bench.world.advance(at(bench.seconds + 1));
    assert_eq!(hooks.len(), 1, "one webhook");
    assert!(
        hooks[0]
            .headers
            .contains(&("User-Agent".into(), "amoCRM-Webhooks/3.0".into()))
    );
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
            (
                "PATCH",
                "/api/v4/leads/41290077",
                json!({"status_id": 66_104_110, "updated_by": 10_412_345}),
            ),
        ],
    );
    let sheet = "id name status_id old_status_id price responsible_user_id last_modified modified_user_id created_user_id date_create \
        pipeline_id tags][0][id tags][0][name account_id custom_fields][0][id custom_fields][0][name custom_fields][0][values][0][value \
        custom_fields][1][id custom_fields][1][name custom_fields][1][values][0][value custom_fields][1][values][0][enum \
        custom_fields][2][id custom_fields][2][name custom_fields][2][values][0 created_at updated_at";
    let wanted: Vec<String> = sheet
        .split_whitespace()
        .map(|key| format!("leads[status][0][{key}]"))
        .collect();
    let found: Vec<String> = pairs.0.iter().skip(3).map(|(key, _)| key.clone()).collect();
    assert_eq!(found, wanted);
    assert_eq!(
        pairs.get("leads[status][0][old_status_id]"),
        Some("66104106")
    );
    assert_eq!(
        pairs.get("leads[status][0][custom_fields][2][values][0]"),
        Some("1773694800")
    );
    assert_eq!(
        pairs.get("leads[status][0][modified_user_id]"),
        Some("10412345")
    );
}

#[test]
fn hooks_of_contacts_tasks_and_notes() {
    let contact = hook_of(
        &["add_contact"],
        &[("POST", "/api/v4/contacts", json!([person()]))],
    );
    assert_eq!(
        contact.get("contacts[add][0][custom_fields][0][values][0][value]"),
        Some("+79165550137")
    );
    assert_eq!(
        contact.get("contacts[add][0][custom_fields][0][values][0][enum]"),
        Some("512305")
    );
    assert_eq!(
        contact.get("contacts[add][0][custom_fields][0][code]"),
        Some("PHONE")
    );
    assert_eq!(contact.get("contacts[add][0][type]"), Some("contact"));
    let task = json!([{"text": "Позвонить", "complete_till": 1_773_781_140, "responsible_user_id": 10_412_345, "created_by": 0}]);
    let close = json!({"is_completed": true, "result": {"text": "Дозвонился, оплатит завтра"}});
    let done = hook_of(
        &["update_task"],
        &[
            ("POST", "/api/v4/tasks", task.clone()),
            ("PATCH", "/api/v4/tasks/7710455", close),
        ],
    );
    assert_eq!(
        done.get("task[update][0][complete_till]"),
        Some("2026-03-17 20:59:00")
    );
    assert_eq!(done.get("task[update][0][action_close]"), Some("1"));
    assert_eq!(
        done.get("task[update][0][result][text]"),
        Some("Дозвонился, оплатит завтра")
    );
    let passed = json!({"responsible_user_id": 10_412_350});
    let passed = hook_of(
        &["responsible_task"],
        &[
            ("POST", "/api/v4/tasks", task),
            ("PATCH", "/api/v4/tasks/7710455", passed),
        ],
    );
    assert_eq!(
        passed.get("task[update][0][old_responsible_user_id]"),
        Some("10412345")
    );
    let note = json!([{"note_type": "common", "params": {"text": "Клиент просит рассрочку"}}]);
    let note = hook_of(
        &["note_lead"],
        &[
            ("POST", "/api/v4/leads", json!([lead()])),
            ("POST", "/api/v4/leads/41290077/notes", note),
        ],
    );
    assert_eq!(note.get("leads[note][0][note][note_type]"), Some("4"));
    assert_eq!(
        note.get("leads[note][0][note][created_by]"),
        Some("0"),
        "a note of the API without an author"
    );
    assert_eq!(
        note.get("leads[note][0][note][date_create]")
            .map(|text| &text[..13]),
        Some("2026-03-17 12"),
        "local time"
    );
}

#[test]
fn a_radiobutton_has_no_index_in_a_hook() {
    let mut item = lead();
    item["custom_fields_values"] = json!([{"field_id": 901_345, "values": [{"enum_id": 650_044}]}, {"field_id": 901_343, "values": [{"value": true}]}]);
    let pairs = hook_of(&["add_lead"], &[("POST", "/api/v4/leads", json!([item]))]);
    assert_eq!(
        pairs.get("leads[add][0][custom_fields][0][values][0][value]"),
        Some("1")
    );
    assert_eq!(
        pairs.get("leads[add][0][custom_fields][1][values][enum]"),
        Some("650044")
    );
}

/// amoCRM's delivery rules: answers to one webhook and after how many minutes it comes again.
#[test]
fn deliveries_are_repeated_by_the_rules() {
    let cases: [(&[Option<u16>], &[i64]); 5] = [
        (&[Some(200)], &[]),
        (&[Some(404), Some(404), Some(404)], &[5, 15]),
        (&[None, None, None], &[5, 15]),
        (
            &[Some(503), Some(503), Some(503), Some(503), Some(503)],
            &[5, 15, 15, 60],
        ),
        (&[Some(500), Some(204)], &[5]),
    ];
    for (answers, waits) in cases {
        let mut bench = Bench::new();
        bench.ask(
            "POST",
            "/api/v4/webhooks",
            &json!({"destination": "http://127.0.0.1:1/h", "settings": ["add_lead"]}),
        );
        bench.ask("POST", "/api/v4/leads", &json!([lead()]));
        let mut now = at(10);
        let mut found = Vec::new();
        let mut hooks = bench.world.advance(now);
        for answer in answers {
            assert_eq!(hooks.len(), 1);
            bench.world.hook_answered(hooks[0].id, *answer, now);
            let Some(next) = bench.world.next_due() else {
                break;
            };
            found.push((next - now).num_minutes());
            now = next;
            hooks = bench.world.advance(now);
        }
        assert_eq!(found, waits, "{answers:?}");
        assert_eq!(bench.world.hooks_open(), 0);
    }
}
