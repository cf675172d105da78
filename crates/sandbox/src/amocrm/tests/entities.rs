//! The bodies of the sheet's section 3, requested in order, and the behaviour of lists and fields. No test
//! sleeps: time is a parameter. Enter at [`sheet_bodies_of_section_3`].

use serde_json::{Value, json};

use super::{Crm, check, lead, person};

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
    let mut crm = Crm::new();
    check(
        &mut crm,
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
                    ("/_embedded/contacts/0/_embedded/leads/0/id", json!(41_290_077)),
                    ("/_embedded/contacts/0/custom_fields_values/0/values/0/enum_code", json!("MOB")),
                ],
            ),
            ("GET", "/api/v4/contacts?query=9990000000", none.clone(), 204, &[]),
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
            ("GET", "/api/v4/tasks?filter[is_completed]=0", none.clone(), 204, &[]),
            ("GET", "/api/v4/tasks/7710455", none.clone(), 200, &[("/result/text", json!("Дозвонился"))]),
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
            ("GET", "/api/v4/leads/notes?filter[note_type]=common", none.clone(), 204, &[]),
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
                &[("/errors/0/status", json!(263)), ("/_total_items", json!(1))],
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
                &[("/_embedded/loss_reason/0/name", json!("Цена")), ("/updated_by", json!(0))],
            ),
            (
                "GET",
                "/api/v4/events?filter[type][]=lead_status_changed",
                none.clone(),
                200,
                &[("/_embedded/events/0/value_after/0/lead_status/id", json!(143))],
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
        &mut Crm::new(),
        &[
            (
                "GET",
                "/api/v4/account?with=is_api_filter_enabled,datetime_settings,task_types",
                none.clone(),
                200,
                &[
                    ("/is_api_filter_enabled", json!(false)),
                    ("/_embedded/datetime_settings/timezone", json!("Europe/Moscow")),
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
                &[("/_embedded/custom_fields/1/enums/0/value", json!("Стандарт"))],
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
            ("DELETE", "/api/v4/webhooks", json!({"destination": "https://bridge.example.com/h/"}), 204, &[]),
            ("DELETE", "/api/v4/webhooks", json!({"destination": "https://bridge.example.com/h/"}), 404, &[]),
        ],
    );
}

#[test]
fn filters_on_leads_are_ignored_silently_while_the_option_is_off() {
    let mut crm = Crm::new();
    crm.ask("POST", "/api/v4/leads", &json!([lead(), lead()]));
    let path = "/api/v4/leads?filter[id][]=41290077";
    assert_eq!(
        crm.ask("GET", path, &Value::Null).value()["_embedded"]["leads"].as_array().map(Vec::len),
        Some(2)
    );
    crm.world.amocrm_mut().setup.is_api_filter_enabled = true;
    assert_eq!(
        crm.ask("GET", path, &Value::Null).value()["_embedded"]["leads"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn pages_end_without_next() {
    let mut crm = Crm::new();
    crm.ask("POST", "/api/v4/leads", &json!([lead(), lead(), lead()]));
    let first = crm.ask("GET", "/api/v4/leads?limit=2&order[id]=desc", &Value::Null).value();
    assert_eq!(first["_embedded"]["leads"][0]["id"], 41_290_079);
    assert!(first["_links"]["next"]["href"].as_str().is_some_and(|href| href.contains("page=2")));
    let last = crm.ask("GET", "/api/v4/leads?limit=2&page=2", &Value::Null).value();
    assert!(last["_links"]["next"].is_null());
    assert_eq!(crm.ask("GET", "/api/v4/leads?limit=2&page=3", &Value::Null).status, 204);
}

#[test]
fn complex_makes_a_contact_each_time_and_takes_a_known_one() {
    let mut crm = Crm::new();
    let mut item = lead();
    item["_embedded"] = json!({"contacts": [person()]});
    let made = crm.ask("POST", "/api/v4/leads/complex", &json!([item])).value();
    assert_eq!(
        made[0],
        json!({"id": 41_290_077, "contact_id": 52_311_847, "company_id": null, "request_id": ["job-8812"], "merged": false})
    );
    item["_embedded"] = json!({"contacts": [{"id": 52_311_847}]});
    let joined = crm.ask("POST", "/api/v4/leads/complex", &json!([item])).value();
    assert_eq!(joined[0]["contact_id"], 52_311_847);
    item["_embedded"] = json!({"contacts": [{"responsible_user_id": 1}]});
    let flawed = crm.ask("POST", "/api/v4/leads/complex", &json!([item])).value();
    assert_eq!(
        flawed["validation-errors"][0]["errors"][0]["path"],
        "_embedded.contacts.0.responsible_user_id"
    );
    let kinds: Vec<&str> = crm.world.duplicates().iter().map(|found| found.kind).collect();
    assert_eq!(kinds, ["lead"], "one order number twice in one pipeline");
}

#[test]
fn fields_and_tags_are_replaced_or_kept_as_documented() {
    let mut crm = Crm::new();
    let mut item = lead();
    item["custom_fields_values"] = json!([{"field_id": 901_337, "values": [{"value": "GC-1"}]}, {"field_id": 901_339, "values": [{"enum_id": 650_021}]}]);
    crm.ask("POST", "/api/v4/leads", &json!([item]));
    let clear = json!({"custom_fields_values": [{"field_id": 901_339, "values": null}], "tags_to_add": [{"name": "VIP"}]});
    crm.ask("PATCH", "/api/v4/leads/41290077", &clear);
    let read = crm.ask("GET", "/api/v4/leads/41290077", &Value::Null).value();
    assert_eq!(read["custom_fields_values"].as_array().map(Vec::len), Some(1));
    assert_eq!(read["_embedded"]["tags"].as_array().map(Vec::len), Some(2));
    crm.ask("PATCH", "/api/v4/leads/41290077", &json!({"_embedded": {"tags": null}}));
    let read = crm.ask("GET", "/api/v4/leads/41290077", &Value::Null).value();
    assert_eq!(read["_embedded"]["tags"], json!([]));
    let stale = crm.ask("PATCH", "/api/v4/leads/41290077", &json!({"updated_at": 1_000}));
    assert_eq!(
        stale.value()["validation-errors"][0]["errors"][0]["detail"],
        "Last modified date is older than in database"
    );
}
