//! Tasks: marked, moved, closed once.

use super::*;
use crate::process::case::Pending;
use crate::process::command::{CreateTask, TaskKind};

fn create_task() -> Ask {
    Ask::CreateTask(CreateTask {
        task: "t2·gc-55".into(),
        role: LeadRole::Sales,
        kind: TaskKind::Ask,
        text: "Что дальше?".to_owned(),
        due: DateTime::from_timestamp(NOW - 1, 0).expect("a time"),
        minutes: 10,
        responsible: "irina".into(),
        instead: Some("pavel".into()),
    })
}

fn task_body() -> Value {
    json!([{ "text": "Что дальше?\n\n[t2·gc-55]", "complete_till": NOW + 300, "duration": 600, "entity_id": 41290077,
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

/// Whom the account does not let have a task is followed by the route's person, then by the head; nobody is
/// left to the token's user while one of them can have it.
#[test]
fn a_task_of_a_user_who_is_gone_goes_to_the_routes_person_or_the_head() {
    let refused = json!({ "validation-errors": [{ "request_id": "gc-55.3", "errors": [
        { "code": "NotSupportedChoice", "path": "responsible_user_id" }] }] });
    let of = |user: u64| {
        let mut body = task_body();
        body[0]["responsible_user_id"] = user.into();
        body
    };
    let no = |user| post("/api/v4/tasks", of(user), 400, refused.clone());
    let made = |user| post("/api/v4/tasks", of(user), 200, made("tasks", 7710455));
    let check = |script| {
        let http = Script::new(script);
        let managers = [("irina".into(), 10_412_345), ("pavel".into(), 10_412_346)];
        let client = AmoClient::new(BASE, http, Arc::new(OneToken));
        let courier = AmoCourier::new(client, Arc::new(settings()), BTreeMap::from(managers));
        let courier = courier.headed_by(Some(10_412_347));
        let (ask, links) = (command(create_task()), FakeLinks::of(&[LEAD]));
        let now = DateTime::from_timestamp(NOW, 0).expect("a time");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(courier.deliver(&ask, Try::First, &links, now)), Ok(task_receipt()));
    };
    check(vec![made(10_412_345)]);
    check(vec![no(10_412_345), made(10_412_346)]);
    check(vec![no(10_412_345), no(10_412_346), made(10_412_347)]);
    let mut nobody = task_body();
    nobody[0].as_object_mut().expect("an object").remove("responsible_user_id");
    let last = post("/api/v4/tasks", nobody, 200, super::made("tasks", 7710455));
    check(vec![no(10_412_345), no(10_412_346), no(10_412_347), last]);
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

/// The store was emptied and the order is decided again: its old call task is used, not doubled (F70).
#[test]
fn an_open_task_that_the_index_lost_is_used_instead_of_a_new_one() {
    let there = json!({ "_embedded": { "tasks": [
        { "id": 7710400, "text": "Что дальше? [t1·gc-55]", "task_type_id": 2731190, "is_completed": true },
        { "id": 7710401, "text": "Что дальше? [t1·gc-77]", "task_type_id": 2731190, "is_completed": false },
        { "id": 7710402, "text": "Позвонить [t3·gc-55]", "task_type_id": 1, "is_completed": false },
        { "id": 7710403, "text": "Спросить [t4·gc-55]", "task_type_id": 2731190, "is_completed": false },
        { "id": 7710455, "text": "Что дальше? [t5·gc-55]", "task_type_id": 2731190, "is_completed": false }] } });
    let mut body = task_body()[0].clone();
    body.as_object_mut().expect("an object").remove("request_id");
    let script = vec![
        get(TASKS_OF_LEAD, 200, there),
        patch("/api/v4/tasks/7710455", body, 200, json!({ "id": 7710455 })),
    ];
    let links = [LEAD, ("crm-task:7710403", "t4·gc-55")];
    assert_eq!(deliver(create_task(), Try::MayBeDone, &links, script), Ok(task_receipt()));
}

/// Only the record of the order was lost (F70): it knows another task now, and the index still knows the old one.
#[test]
fn an_open_task_that_its_order_does_not_know_is_used_and_one_that_it_knows_is_not() {
    let there = |id: &str| {
        json!({ "_embedded": { "tasks": [
            { "id": 7710455, "text": format!("Что дальше? [{id}]"), "task_type_id": 2731190, "is_completed": false }] } })
    };
    let links = [LEAD, ("crm-task:7710455", "t9·gc-55")];
    let mut body = task_body()[0].clone();
    body.as_object_mut().expect("an object").remove("request_id");
    let used = patch("/api/v4/tasks/7710455", body, 200, json!({ "id": 7710455 }));
    let made = post("/api/v4/tasks", task_body(), 200, made("tasks", 7710455));
    for (id, then) in [("t9·gc-55", used), ("t8·gc-55", made)] {
        let mut order =
            Order::new("gc-55".into(), "c-gc-55".into(), DateTime::from_timestamp(NOW, 0).expect("a time"));
        let pending = Pending {
            task: Some("t8·gc-55".into()),
            ..Pending::new(crate::process::command::AskKind::CloseTask)
        };
        order.unsent.insert("gc-55.2".into(), pending);
        let script = vec![get(TASKS_OF_LEAD, 200, there(id)), then];
        assert_eq!(deliver_of(order, create_task(), &links, script), Ok(task_receipt()), "{id}");
    }
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
    let gone = || [read(404, Value::Null), get("/api/v4/account", 200, json!({ "id": 1 }))];
    let twice = gone().into_iter().chain(gone()).collect();
    assert_eq!(deliver_again(close(), &[TASK], twice), Ok(Receipt::default()));
    // Never created: nothing to close.
    check(&[LEAD], vec![get(TASKS_OF_LEAD, 204, Value::Null)]);
    check(&[], vec![]);
}

#[test]
fn a_moved_task_gets_only_what_changed() {
    let due = DateTime::from_timestamp(NOW + 3600, 0);
    let script = vec![patch("/api/v4/tasks/7710455", json!({ "complete_till": NOW + 3600 }), 200, json!({}))];
    let ask = Ask::MoveTask { task: "t2·gc-55".into(), due, responsible: None, text: None };
    assert_eq!(deliver(ask, Try::First, &[TASK], script), Ok(task_receipt()));
    let text = "Позвонить: 39\u{a0}500\u{a0}₽".to_owned();
    let body = json!({ "text": format!("{text}\n\n[t2·gc-55]") });
    let stands = |text: &str| get("/api/v4/tasks/7710455", 200, json!({ "text": text }));
    let script = vec![
        stands("Позвонить: 9\u{a0}500\u{a0}₽\n\n[t2·gc-55]"),
        patch("/api/v4/tasks/7710455", body, 200, json!({})),
    ];
    let ask = Ask::MoveTask { task: "t2·gc-55".into(), due: None, responsible: None, text: Some(text) };
    assert_eq!(deliver(ask.clone(), Try::First, &[TASK], script), Ok(task_receipt()));
    for typed in ["ВАЖНО: второй номер", "Позвонить: 9\u{a0}500\u{a0}₽, лучше 8 900 555-01-02"]
    {
        let script = vec![stands(&format!("{typed}\n\n[t2·gc-55]"))];
        let left = deliver(ask.clone(), Try::First, &[TASK], script);
        assert_eq!(left, Ok(task_receipt()), "a person's words stay");
    }
}
