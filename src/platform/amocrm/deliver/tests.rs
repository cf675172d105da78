//! Claims about deliveries: which requests a command makes, and what comes of their answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use serde_json::{Value, json};

use super::*;
use crate::platform::amocrm::fake::*;
use crate::platform::http::Silence;
use crate::process::command::{CallNote, CreateTask, PersonFacts, SaveLead, TaskKind};
use crate::process::event::{Direction, Outcome};
use crate::process::{Money, RefusalReason, Stage, Urgency};

const NOW: i64 = 1_773_738_000;
const QUERY_PHONE: &str = "GET /api/v4/contacts?query=9165550137&with=leads&limit=50&order[id]=asc";
const QUERY_EMAIL: &str = "/api/v4/contacts?query=anna.belova@example.com&with=leads&limit=50&order[id]=asc";
const QUERY_WHOLE: &str = "/api/v4/contacts?query=+79165550137&with=leads&limit=50&order[id]=asc";

fn settings() -> Settings {
    toml::from_str(
        r#"
        url = "https://shkolarost.amocrm.ru"
        order_number_field = 901337
        auth = { by = "long_lived", token = { env = "AMO_TOKEN" } }
        loss_reasons = { price = 14820233 }
        task_types = { call = 1, ask = 2731190 }
        [pipelines.sales]
        id = 8123410
        stages = { new = 66104106, in_work = 66104110, talked = 66104114 }
        [pipelines.fulfilment]
        id = 8123499
        stages = { new = 66109901 }
        "#,
    )
    .expect("good settings")
}

fn command(ask: Ask) -> Command {
    Command {
        id: crate::process::CommandId("gc-55.3".to_owned()),
        order: "gc-55".into(),
        client: "c-gc-55".into(),
        urgency: Urgency::Hot,
        ask,
    }
}

fn deliver(ask: Ask, tried: Try, links: &[(&str, &str)], script: Vec<Scene>) -> Result<Receipt, Fault> {
    let http = FakeHttp::new(script);
    let client = AmoClient::new(BASE, http.clone(), Arc::new(OneToken));
    let managers = BTreeMap::from([("irina".into(), 10_412_345)]);
    let courier = AmoCourier::new(client, Arc::new(settings()), managers);
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let links = FakeLinks::of(links);
    let result = runtime.block_on(courier.deliver(&command(ask), tried, &links, now));
    assert!(
        http.seen.lock().unwrap().iter().all(|request| request.urgency == Urgency::Hot),
        "urgency goes along"
    );
    result
}

const LEAD: (&str, &str) = ("lead:gc-55:sales", "41290077");
const TASK: (&str, &str) = ("task:t2·gc-55", "7710455");

fn person() -> PersonFacts {
    PersonFacts {
        name: Some("Анна Белова".to_owned()),
        phones: vec!["+79165550137".to_owned()],
        emails: vec!["anna.belova@example.com".to_owned()],
        responsible: None,
        fields: Vec::new(),
    }
}

fn save_lead() -> SaveLead {
    SaveLead {
        role: LeadRole::Sales,
        route: "default".to_owned(),
        name: "Заказ GC-100482".to_owned(),
        price: Some(Money::new(2_490_050, "RUB")),
        stage: Stage::New,
        responsible: Some("irina".into()),
        tags: vec!["GetCourse".to_owned()],
        order_number: Some("GC-100482".to_owned()),
        fields: vec![(901_339, "Стандарт".to_owned())],
        person: person(),
        note: None,
        continues: None,
    }
}

fn lead_body(embedded: Value) -> Value {
    json!([{
        "name": "Заказ GC-100482", "price": 24901, "pipeline_id": 8123410, "status_id": 66104106,
        "responsible_user_id": 10412345, "request_id": "gc-55.3",
        "custom_fields_values": [
            { "field_id": 901337, "values": [{ "value": "GC-100482" }] },
            { "field_id": 901339, "values": [{ "value": "Стандарт" }] },
        ],
        "tags_to_add": [{ "name": "GetCourse" }],
        "_embedded": { "contacts": [embedded] },
    }])
}

fn new_contact() -> Value {
    json!({ "name": "Анна Белова", "custom_fields_values": [
        { "field_code": "PHONE", "values": [{ "value": "+79165550137", "enum_code": "WORK" }] },
        { "field_code": "EMAIL", "values": [{ "value": "anna.belova@example.com", "enum_code": "WORK" }] },
    ] })
}

/// A contact as a search shows it, with the phone as typed by a manager.
fn contact(id: u64, phone: &str, leads: &[u64]) -> Value {
    let leads: Vec<Value> = leads.iter().map(|id| json!({ "id": id })).collect();
    json!({ "id": id, "name": "Анна", "updated_at": 1_773_651_600, "custom_fields_values": [
        { "field_id": 884201, "field_code": "PHONE", "values": [
            { "value": phone, "enum_id": 512301, "enum_code": "WORK" }] },
        { "field_id": 884203, "field_code": "EMAIL", "values": [
            { "value": "Anna.Belova@example.com", "enum_id": 512313, "enum_code": "WORK" }] },
    ], "_embedded": { "leads": leads } })
}

fn contacts(list: &[Value]) -> Value {
    json!({ "_page": 1, "_embedded": { "contacts": list } })
}

fn lead(id: u64, pipeline: u64, status: u64, number: &str) -> Value {
    json!({ "id": id, "name": "Заказ", "price": 24900, "pipeline_id": pipeline, "status_id": status,
        "loss_reason_id": null, "created_at": NOW - 60, "custom_fields_values": [
            { "field_id": 901337, "values": [{ "value": number }] },
            { "field_id": 901339, "values": [{ "value": "Базовый", "enum_id": 1 }] },
        ], "_embedded": { "tags": [{ "id": 1, "name": "GetCourse" }], "contacts": [{ "id": 52311847, "is_main": true }] } })
}

fn made(name: &str, id: u64) -> Value {
    json!({ "_embedded": { name: [{ "id": id, "request_id": "gc-55.3" }] } })
}

fn lead_links(lead: &str, contact: &str) -> Receipt {
    let link = |key: String, value: &str| (key, value.to_owned());
    Receipt {
        links: vec![
            link("contact:c-gc-55".to_owned(), contact),
            link(format!("crm-contact:{contact}"), "c-gc-55"),
            link("lead:gc-55:sales".to_owned(), lead),
            link(format!("crm-lead:{lead}"), "gc-55:sales"),
        ],
        signals: Vec::new(),
    }
}

const WITH: &str = "with=contacts,loss_reason";

fn read_lead(id: u64, status: u16, body: Value) -> Scene {
    get(&format!("/api/v4/leads/{id}?{WITH}"), status, body)
}

fn search(path: &str, found: &[Value]) -> Scene {
    let path = path.strip_prefix("GET ").unwrap_or(path);
    if found.is_empty() { get(path, 204, Value::Null) } else { get(path, 200, contacts(found)) }
}

// Leads.

#[test]
fn l1_a_new_client_becomes_a_contact_and_a_lead_in_one_request() {
    let script = vec![
        search(QUERY_PHONE, &[]),
        search(QUERY_EMAIL, &[]),
        search(QUERY_WHOLE, &[]),
        post(
            "/api/v4/leads/complex",
            lead_body(new_contact()),
            200,
            json!([{ "id": 41290077, "contact_id": 52311847, "company_id": null, "request_id": ["gc-55.3"], "merged": false }]),
        ),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn l1_a_known_client_keeps_his_contact_however_his_number_was_typed() {
    let typed = contact(52311847, "8 (916) 555-01-37", &[41290001]);
    // Same e-mail, another number, more lately changed: not the one that was asked for.
    let mut stranger = contact(52319999, "+79265550137", &[41290002]);
    stranger["updated_at"] = json!(NOW);
    let mut other = lead(41290001, 8123410, 142, "GC-90000");
    other["price"] = json!(1);
    let script = vec![
        search(QUERY_PHONE, &[stranger, typed]),
        read_lead(41290001, 200, other),
        post(
            "/api/v4/leads",
            lead_body(json!({ "id": 52311847, "is_main": true })),
            200,
            made("leads", 41290077),
        ),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn l1_the_lead_of_the_same_order_is_completed_and_not_doubled() {
    let mut bare = lead(41290077, 8123410, 66104110, "GC-100482");
    bare["price"] = json!(0);
    bare["_embedded"]["tags"] = json!([]);
    let continued = lead(41290090, 8123499, 66109901, "GC-100482");
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[41290077, 41290090])]),
        read_lead(41290090, 200, continued),
        read_lead(41290077, 200, bare),
        patch(
            "/api/v4/leads/41290077",
            json!({ "price": 24901, "tags_to_add": [{ "name": "GetCourse" }] }),
            200,
            json!({ "id": 41290077 }),
        ),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn a_second_number_is_added_and_the_first_one_kept() {
    let kept = json!({ "custom_fields_values": [{ "field_code": "PHONE", "values": [
        { "value": "84955550142", "enum_id": 512301 }, { "value": "+79165550137", "enum_code": "WORK" }] }] });
    let script = vec![
        get("/api/v4/contacts/52311847?with=leads", 200, contact(52311847, "84955550142", &[])),
        patch("/api/v4/contacts/52311847", kept, 200, json!({ "id": 52311847 })),
    ];
    let result = deliver(Ask::SaveContact(person()), Try::First, &[("contact:c-gc-55", "52311847")], script);
    assert_eq!(result.map(|receipt| receipt.links.len()), Ok(2));
}

#[test]
fn a_merged_contact_is_searched_again_and_its_link_set_anew() {
    let script = vec![
        get("/api/v4/contacts/52311000?with=leads", 204, Value::Null),
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
    ];
    let result = deliver(Ask::SaveContact(person()), Try::First, &[("contact:c-gc-55", "52311000")], script);
    let receipt = result.expect("found again");
    assert_eq!(receipt.links[0], ("contact:c-gc-55".to_owned(), "52311847".to_owned()));
}

#[test]
fn a_create_that_broke_off_is_unclear_and_then_looked_for() {
    let broken = scene(
        "POST",
        "/api/v4/leads/complex",
        lead_body(new_contact()),
        Err(Silence::BrokenOff("reset".to_owned())),
    );
    let script = vec![search(QUERY_PHONE, &[]), search(QUERY_EMAIL, &[]), search(QUERY_WHOLE, &[]), broken];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert!(matches!(result, Err(Fault::Unclear { .. })), "{result:?}");

    // The search does not know it yet; the newest contacts do.
    let complete = lead(41290077, 8123410, 66104106, "GC-100482");
    let script = vec![
        search(QUERY_PHONE, &[]),
        search(QUERY_EMAIL, &[]),
        search(QUERY_WHOLE, &[]),
        search(
            "/api/v4/contacts?with=leads&limit=250&order[id]=desc",
            &[contact(52311847, "+79165550137", &[41290077])],
        ),
        read_lead(41290077, 200, complete),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::MayBeDone, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn a_field_that_the_account_refuses_goes_into_the_note() {
    let refusal = json!({ "validation-errors": [{ "request_id": "gc-55.3", "errors": [
        { "code": "NotSupportedChoice", "path": "custom_fields_values.1.values.0.value", "detail": "…" }] }], "status": 400 });
    let known = json!({ "id": 52311847, "is_main": true });
    let mut mended = lead_body(known.clone());
    mended[0]["custom_fields_values"].as_array_mut().expect("fields").remove(1);
    let note = json!([{ "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "Источник: вебинар\nНе записано в поля amoCRM: поле 901339: Стандарт ·gc-55.3" } }]);
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
        post("/api/v4/leads", lead_body(known), 400, refusal),
        post("/api/v4/leads", mended, 200, made("leads", 41290077)),
        post("/api/v4/leads/41290077/notes", note, 200, made("notes", 1)),
    ];
    let ask = SaveLead { note: Some("Источник: вебинар".to_owned()), ..save_lead() };
    assert_eq!(
        deliver(Ask::SaveLead(Box::new(ask)), Try::First, &[], script),
        Ok(lead_links("41290077", "52311847"))
    );
}

#[test]
fn a_stage_that_is_gone_from_the_account_stops_the_lead_and_says_so() {
    let refusal = json!({ "validation-errors": [{ "errors": [{ "code": "NotSupportedChoice", "path": "status_id" }] }] });
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
        post("/api/v4/leads", lead_body(json!({ "id": 52311847, "is_main": true })), 400, refusal),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Err(Fault::never("amoCRM refused it with 400: NotSupportedChoice at status_id")));
}

#[test]
fn after_the_lead_is_made_nothing_counts_as_not_done() {
    let note = json!([{ "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "x ·gc-55.3" } }]);
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
        post(
            "/api/v4/leads",
            lead_body(json!({ "id": 52311847, "is_main": true })),
            200,
            made("leads", 41290077),
        ),
        post("/api/v4/leads/41290077/notes", note, 429, Value::Null),
    ];
    let ask = SaveLead { note: Some("x".to_owned()), ..save_lead() };
    let result = deliver(Ask::SaveLead(Box::new(ask)), Try::First, &[], script);
    assert!(matches!(result, Err(Fault::Unclear { .. })), "{result:?}");
}

#[test]
fn a_lead_made_by_hand_is_known_by_its_orders_own_name() {
    let mut asked = command(Ask::SetPrice { role: LeadRole::Sales, price: Money::new(100, "RUB") });
    asked.order = "lead-41290500".into();
    let http = FakeHttp::new(vec![patch("/api/v4/leads/41290500", json!({ "price": 1 }), 200, json!({}))]);
    let courier = AmoCourier::new(
        AmoClient::new(BASE, http, Arc::new(OneToken)),
        Arc::new(settings()),
        BTreeMap::new(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let links = FakeLinks::default();
    let result = runtime.block_on(courier.deliver(&asked, Try::First, &links, At::default()));
    assert_eq!(result, Ok(Receipt::default()));
}

// Stages.

fn set_stage(stage: Stage, reason: Option<RefusalReason>, script: Vec<Scene>) -> Result<Receipt, Fault> {
    deliver(Ask::SetStage { role: LeadRole::Sales, stage, reason }, Try::First, &[LEAD], script)
}

#[test]
fn k2_a_lead_only_moves_forward() {
    const SALES: u64 = 8123410;
    let moved = |status: u64| {
        patch("/api/v4/leads/41290077", json!({ "pipeline_id": SALES, "status_id": status }), 200, json!({}))
    };
    let at = |pipeline, status| read_lead(41290077, 200, lead(41290077, pipeline, status, "GC-100482"));
    let check =
        |stage, script| assert_eq!(set_stage(stage, None, script), Ok(Receipt::default()), "{stage:?}");
    check(Stage::InWork, vec![at(SALES, 66104106), moved(66104110)]);
    check(Stage::InWork, vec![at(SALES, 66104114)]);
    check(Stage::InWork, vec![at(SALES, 66104110)]);
    check(Stage::InWork, vec![at(SALES, 142)]);
    check(Stage::InWork, vec![at(SALES, 143)]);
    check(Stage::InWork, vec![at(7000000, 1)]);
    check(Stage::Lost, vec![at(SALES, 142)]);
    // L4: a payment wins over everything and does not wait for a look.
    check(Stage::Won, vec![moved(142)]);
    // Not mapped: passed over.
    check(Stage::Promised, vec![]);

    // A status that only the account knows: its own order decides.
    let statuses = json!({ "_embedded": { "statuses": [
        { "id": 66104110, "sort": 30 }, { "id": 66104112, "sort": 40 }, { "id": 66104114, "sort": 50 }] } });
    let order = || get("/api/v4/leads/pipelines/8123410/statuses", 200, statuses.clone());
    check(Stage::InWork, vec![at(SALES, 66104112), order()]);
    check(Stage::Talked, vec![at(SALES, 66104112), order(), moved(66104114)]);
}

#[test]
fn r2_a_loss_carries_its_reason_and_nothing_else_does() {
    let at = |status| read_lead(41290077, 200, lead(41290077, 8123410, status, "GC-100482"));
    let lost = json!({ "pipeline_id": 8123410, "status_id": 143, "loss_reason_id": 14820233 });
    let script = vec![at(66104110), patch("/api/v4/leads/41290077", lost, 200, json!({}))];
    assert_eq!(set_stage(Stage::Lost, Some(RefusalReason::Price), script), Ok(Receipt::default()));

    let unmapped = json!({ "pipeline_id": 8123410, "status_id": 143 });
    let script = vec![at(66104110), patch("/api/v4/leads/41290077", unmapped, 200, json!({}))];
    assert_eq!(set_stage(Stage::Lost, Some(RefusalReason::Format), script), Ok(Receipt::default()));

    let forward = json!({ "pipeline_id": 8123410, "status_id": 66104114 });
    let script = vec![at(66104110), patch("/api/v4/leads/41290077", forward, 200, json!({}))];
    assert_eq!(set_stage(Stage::Talked, Some(RefusalReason::Price), script), Ok(Receipt::default()));
}

#[test]
fn a_lead_that_is_not_made_yet_is_waited_for_and_a_deleted_one_is_not() {
    let ask = || Ask::SetStage { role: LeadRole::Sales, stage: Stage::InWork, reason: None };
    assert!(matches!(deliver(ask(), Try::First, &[], vec![]), Err(Fault::Later { .. })));
    let script = vec![read_lead(41290077, 204, Value::Null)];
    assert!(matches!(deliver(ask(), Try::First, &[LEAD], script), Err(Fault::Never { .. })));
}

#[test]
fn l13_an_answer_is_cleared_by_a_null() {
    let body = json!({ "custom_fields_values": [{ "field_id": 901350, "values": null }] });
    let ask = Ask::ClearField { role: LeadRole::Sales, field: 901_350 };
    let script = vec![patch("/api/v4/leads/41290077", body, 200, json!({}))];
    assert_eq!(deliver(ask, Try::First, &[LEAD], script), Ok(Receipt::default()));
}

#[test]
fn l10_a_manager_without_a_user_is_said_so() {
    let to = |manager: &str| Ask::SetResponsible { role: LeadRole::Sales, manager: manager.into() };
    let script =
        vec![patch("/api/v4/leads/41290077", json!({ "responsible_user_id": 10412345 }), 200, json!({}))];
    assert_eq!(deliver(to("irina"), Try::First, &[LEAD], script), Ok(Receipt::default()));
    assert!(matches!(deliver(to("oleg"), Try::First, &[LEAD], vec![]), Err(Fault::Never { .. })));
}

// Tasks.

fn create_task() -> Ask {
    Ask::CreateTask(CreateTask {
        task: "t2·gc-55".into(),
        role: LeadRole::Sales,
        kind: TaskKind::Ask,
        text: "Что дальше?".to_owned(),
        due: DateTime::from_timestamp(NOW - 1, 0).expect("a time"),
        minutes: 10,
        responsible: "irina".into(),
    })
}

fn task_body() -> Value {
    json!([{ "text": "Что дальше? [t2·gc-55]", "complete_till": NOW + 300, "duration": 600, "entity_id": 41290077,
        "entity_type": "leads", "task_type_id": 2731190, "responsible_user_id": 10412345, "request_id": "gc-55.3" }])
}

fn task_receipt() -> Receipt {
    Receipt {
        links: vec![
            ("task:t2·gc-55".to_owned(), "7710455".to_owned()),
            ("crm-task:7710455".to_owned(), "t2·gc-55".to_owned()),
        ],
        signals: Vec::new(),
    }
}

const TASKS_OF_LEAD: &str =
    "/api/v4/tasks?filter[entity_type]=leads&limit=250&order[created_at]=desc&filter[entity_id][]=41290077";

#[test]
fn a_task_carries_its_marker_and_a_deadline_that_is_still_ahead() {
    let script = vec![post("/api/v4/tasks", task_body(), 200, made("tasks", 7710455))];
    assert_eq!(deliver(create_task(), Try::First, &[LEAD], script), Ok(task_receipt()));
}

#[test]
fn a_task_that_may_be_there_is_found_by_its_marker() {
    let there = json!({ "_embedded": { "tasks": [
        { "id": 7710400, "text": "Позвонить [t1·gc-55]" }, { "id": 7710455, "text": "Что дальше? [t2·gc-55]" }] } });
    let script = vec![get(TASKS_OF_LEAD, 200, there)];
    assert_eq!(deliver(create_task(), Try::MayBeDone, &[LEAD], script), Ok(task_receipt()));

    let script = vec![
        get(TASKS_OF_LEAD, 204, Value::Null),
        post("/api/v4/tasks", task_body(), 200, made("tasks", 7710455)),
    ];
    assert_eq!(deliver(create_task(), Try::MayBeDone, &[LEAD], script), Ok(task_receipt()));
}

#[test]
fn the_marker_of_a_task_is_read_back() {
    let check =
        |text, expected: Option<&str>| assert_eq!(marked_task(text), expected.map(Into::into), "{text}");
    check("Что дальше? [t2·gc-55]", Some("t2·gc-55"));
    check("Что дальше? [t2·gc-55]\n", Some("t2·gc-55"));
    check("Встреча [в Zoom]", None);
    check("Встреча", None);
}

#[test]
fn a_task_is_closed_once_and_a_managers_own_result_stays() {
    let close = || Ask::CloseTask { task: "t2·gc-55".into(), result: "Оплачено".to_owned() };
    let read = |status, body| get("/api/v4/tasks/7710455", status, body);
    let closed = json!({ "is_completed": true, "result": { "text": "Оплачено" } });
    let check = |links: &[(&str, &str)], script| {
        assert_eq!(deliver(close(), Try::First, links, script), Ok(Receipt::default()));
    };
    check(
        &[TASK],
        vec![
            read(200, json!({ "id": 7710455, "is_completed": false, "result": [] })),
            patch("/api/v4/tasks/7710455", closed, 200, json!({})),
        ],
    );
    check(
        &[TASK],
        vec![read(200, json!({ "id": 7710455, "is_completed": true, "result": { "text": "сам" } }))],
    );
    check(&[TASK], vec![read(404, Value::Null)]);
    // Never made: nothing to close.
    check(&[LEAD], vec![get(TASKS_OF_LEAD, 204, Value::Null)]);
    check(&[], vec![]);
}

#[test]
fn a_moved_task_gets_only_what_changed() {
    let due = DateTime::from_timestamp(NOW + 3600, 0);
    let script = vec![patch("/api/v4/tasks/7710455", json!({ "complete_till": NOW + 3600 }), 200, json!({}))];
    let ask = Ask::MoveTask { task: "t2·gc-55".into(), due, responsible: None };
    assert_eq!(deliver(ask, Try::First, &[TASK], script), Ok(task_receipt()));
}

// Feed.

#[test]
fn k6_a_note_stands_once() {
    let ask = || Ask::AddNote { role: LeadRole::Sales, text: "Оплата 15 000 ₽".to_owned() };
    let note = json!([{ "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "Оплата 15 000 ₽ ·gc-55.3" } }]);
    let script = vec![post("/api/v4/leads/41290077/notes", note.clone(), 200, made("notes", 1))];
    assert_eq!(deliver(ask(), Try::First, &[LEAD], script), Ok(Receipt::default()));

    let page =
        |at: u32| format!("/api/v4/leads/41290077/notes?limit=250&page={at}&filter[note_type][]=common");
    let other = json!({ "_embedded": { "notes": [{ "params": { "text": "другое ·gc-55.30" } }] },
        "_links": { "next": { "href": "…" } } });
    let mine = json!({ "_embedded": { "notes": [{ "params": { "text": "Оплата 15 000 ₽ ·gc-55.3" } }] } });
    let script = vec![get(&page(1), 200, other.clone()), get(&page(2), 200, mine)];
    assert_eq!(deliver(ask(), Try::MayBeDone, &[LEAD], script), Ok(Receipt::default()));

    let script = vec![
        get(&page(1), 200, other),
        get(&page(2), 204, Value::Null),
        post("/api/v4/leads/41290077/notes", note, 200, made("notes", 1)),
    ];
    assert_eq!(deliver(ask(), Try::MayBeDone, &[LEAD], script), Ok(Receipt::default()));
}

fn add_call(number: Option<&str>) -> Ask {
    Ask::AddCall {
        role: LeadRole::Sales,
        call: CallNote {
            call: "mango:481".to_owned(),
            direction: Direction::Outbound,
            outcome: Outcome::Answered,
            talk_seconds: 63,
            at: DateTime::from_timestamp(NOW, 0).expect("a time"),
            number: number.map(str::to_owned),
            manager: Some("irina".into()),
            recording: Some("481".to_owned()),
        },
    }
}

fn call_body() -> Value {
    json!([{ "direction": "outbound", "uniq": "mango:481", "duration": 63, "source": "dozvon", "phone": "+79165550137",
        "call_status": 4, "call_result": "разговор", "created_by": 10412345, "responsible_user_id": 10412345,
        "call_responsible": 10412345, "created_at": NOW, "request_id": "gc-55.3" }])
}

fn call_note_body(phone: &str) -> Value {
    json!([{ "note_type": "call_out", "created_by": 10412345, "responsible_user_id": 10412345,
        "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "uniq": "mango:481", "duration": 63, "source": "dozvon", "phone": phone,
            "call_status": 4, "call_result": "разговор" } }])
}

#[test]
fn k6_a_call_stands_in_the_feed_even_if_no_card_has_the_number() {
    let stored = json!({ "errors": [], "_embedded": { "calls": [{ "id": 880455301 }] } });
    let unknown = json!({ "_total_items": 0, "errors": [{ "title": "Entity not found", "status": 263 }],
        "_embedded": { "calls": [] } });
    let note = |phone| post("/api/v4/leads/41290077/notes", call_note_body(phone), 200, made("notes", 1));
    let check = |number, script| {
        assert_eq!(deliver(add_call(number), Try::First, &[LEAD], script), Ok(Receipt::default()));
    };
    let phone = Some("+79165550137");
    check(phone, vec![post("/api/v4/calls", call_body(), 200, stored)]);
    check(phone, vec![post("/api/v4/calls", call_body(), 400, unknown.clone()), note("+79165550137")]);
    check(phone, vec![post("/api/v4/calls", call_body(), 200, unknown), note("+79165550137")]);
    check(None, vec![note("скрыт")]);
}

#[test]
fn k6_a_call_that_may_be_there_is_found_on_the_lead_or_on_the_contact() {
    let notes = |entity: &str| {
        format!(
            "/api/v4/{entity}/notes?limit=250&page=1&filter[note_type][]=call_in&filter[note_type][]=call_out"
        )
    };
    let mine = json!({ "_embedded": { "notes": [{ "params": { "uniq": "mango:481" } }] } });
    let script =
        vec![get(&notes("leads/41290077"), 204, Value::Null), get(&notes("contacts/52311847"), 200, mine)];
    let links = [LEAD, ("contact:c-gc-55", "52311847")];
    assert_eq!(
        deliver(add_call(Some("+79165550137")), Try::MayBeDone, &links, script),
        Ok(Receipt::default())
    );
}

#[test]
fn a_command_of_another_platform_is_never_delivered_here() {
    assert!(matches!(deliver(Ask::ReadOrder, Try::First, &[], vec![]), Err(Fault::Never { .. })));
}
