//! The lead's feed: every note and every call is written once.

use super::*;
use crate::process::command::CallNote;
use crate::process::event::{Direction, Outcome};

#[test]
fn k6_a_note_stands_once() {
    let ask = || Ask::AddNote { role: LeadRole::Sales, text: "Оплата 15 000 ₽".to_owned() };
    let note = json!([{ "entity_id": 41290077, "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "Оплата 15 000 ₽ ·gc-55.3" } }]);
    let script = vec![post("/api/v4/leads/notes", note.clone(), 200, made("notes", 1))];
    assert_eq!(deliver(ask(), Try::First, &[LEAD], script), Ok(Receipt::default()));

    let page = |at: u32| {
        let next = if at > 1 { format!("&page={at}") } else { String::new() };
        let asked = "limit=250&filter[note_type][]=common&filter[entity_id][]=41290077";
        format!("/api/v4/leads/notes?{asked}{next}")
    };
    let other = json!({ "_embedded": { "notes": [{ "params": { "text": "другое ·gc-55.30" } }] },
        "_links": { "next": { "href": "…" } } });
    let mine = json!({ "_embedded": { "notes": [{ "params": { "text": "Оплата 15 000 ₽ ·gc-55.3" } }] } });
    let script = vec![get(&page(1), 200, other.clone()), get(&page(2), 200, mine)];
    assert_eq!(deliver(ask(), Try::MayBeDone, &[LEAD], script), Ok(Receipt::default()));

    let script = vec![
        get(&page(1), 200, other),
        get(&page(2), 204, Value::Null),
        post("/api/v4/leads/notes", note, 200, made("notes", 1)),
    ];
    assert_eq!(deliver(ask(), Try::MayBeDone, &[LEAD], script), Ok(Receipt::default()));
}

fn add_call(number: Option<&str>) -> Ask {
    Ask::AddCall {
        role: LeadRole::Sales,
        call: CallNote {
            call: "pbx:481".to_owned(),
            direction: Direction::Outbound,
            outcome: Outcome::Answered,
            result: "разговор".to_owned(),
            talk_seconds: Some(63),
            at: DateTime::from_timestamp(NOW, 0).expect("a time"),
            number: number.map(str::to_owned),
            manager: Some("irina".into()),
            recording: Some("481".to_owned()),
        },
    }
}

fn call_body() -> Value {
    json!([{ "direction": "outbound", "uniq": "pbx:481", "duration": 63, "source": "dozvon", "phone": "+79165550137",
        "call_status": 4, "call_result": "разговор", "created_by": 10412345, "responsible_user_id": 10412345,
        "call_responsible": 10412345, "created_at": NOW, "request_id": "gc-55.3" }])
}

fn call_note_body(phone: &str) -> Value {
    json!([{ "entity_id": 41290077, "note_type": "call_out", "created_by": 10412345, "responsible_user_id": 10412345,
        "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "uniq": "pbx:481", "duration": 63, "source": "dozvon", "phone": phone,
            "call_status": 4, "call_result": "разговор" } }])
}

#[test]
fn k6_a_call_stands_in_the_feed_even_if_no_card_has_the_number() {
    let stored = json!({ "errors": [], "_embedded": { "calls": [{ "id": 880455301 }] } });
    let unknown = json!({ "_total_items": 0, "errors": [{ "title": "Entity not found", "status": 263 }],
        "_embedded": { "calls": [] } });
    let note = |phone| post("/api/v4/leads/notes", call_note_body(phone), 200, made("notes", 1));
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
    let mine = json!({ "_embedded": { "notes": [{ "params": { "uniq": "pbx:481" } }] } });
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
    assert!(matches!(
        deliver(Ask::ReadBack(ReadBack::Order), Try::First, &[], vec![]),
        Err(Fault::Never { .. })
    ));
}
