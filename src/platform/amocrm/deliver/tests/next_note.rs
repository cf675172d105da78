//! The pinned note about the next step: one, edited, and no reason to stop the account.

use super::*;

const NOTE: (&str, &str) = ("next-note:gc-55", "9001");

fn show(text: Option<&str>) -> Ask {
    Ask::ShowNext { role: LeadRole::Sales, text: text.map(str::to_owned) }
}

fn body(words: &str) -> Value {
    json!({ "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": format!("{words} ·gc-55.3") } })
}

fn new(words: &str) -> Value {
    let mut note = body(words);
    note["entity_id"] = 41290077.into();
    json!([note])
}

fn edit(words: &str) -> Value {
    let mut note = body(words);
    note.as_object_mut().expect("an object").remove("request_id");
    note
}

/// A lone edit goes to the note's own address.
const EDITED: &str = "/api/v4/leads/notes/9001";

fn written(id: u64) -> Result<Receipt, Fault> {
    Ok(Receipt { links: vec![("next-note:gc-55".to_owned(), id.to_string())], ..Receipt::default() })
}

fn pin(id: u64, word: &str, status: u16, answer: Value) -> Scene {
    post(&format!("/api/v4/leads/notes/{id}/{word}"), Value::Null, status, answer)
}

#[test]
fn k10_a_note_is_written_once_then_edited() {
    let script = vec![
        post("/api/v4/leads/notes", new("Дальше: 1"), 200, made("notes", 9001)),
        pin(9001, "pin", 204, Value::Null),
    ];
    assert_eq!(deliver(show(Some("Дальше: 1")), Try::First, &[LEAD], script), written(9001));
    let script = vec![
        patch(EDITED, edit("Дальше: 2"), 200, json!({ "id": 9001 })),
        pin(9001, "pin", 204, Value::Null),
    ];
    assert_eq!(deliver(show(Some("Дальше: 2")), Try::First, &[LEAD, NOTE], script), written(9001));
    let script = vec![pin(9001, "unpin", 204, Value::Null)];
    assert_eq!(deliver(show(None), Try::First, &[LEAD, NOTE], script), Ok(Receipt::default()));
    assert_eq!(deliver(show(None), Try::First, &[LEAD], Vec::new()), Ok(Receipt::default()));
}

/// A person deleted it.
#[test]
fn k10_a_note_that_is_gone_is_written_again() {
    let gone = json!({ "status": 404, "title": "Not Found" });
    let script = vec![
        patch(EDITED, edit("Дальше: 2"), 404, gone.clone()),
        get("/api/v4/account", 200, json!({ "id": 1 })),
        patch(EDITED, edit("Дальше: 2"), 404, gone),
        get("/api/v4/account", 200, json!({ "id": 1 })),
        post("/api/v4/leads/notes", new("Дальше: 2"), 200, made("notes", 9002)),
        pin(9002, "pin", 204, Value::Null),
    ];
    assert_eq!(deliver_again(show(Some("Дальше: 2")), &[LEAD, NOTE], script), written(9002));
}

#[tokio::test]
async fn k10_a_refused_pin_is_final_and_the_account_goes_on() {
    let forbidden = json!({ "status": 403, "title": "Forbidden" });
    let script = vec![
        post("/api/v4/leads/notes", new("Дальше: 1"), 200, made("notes", 9001)),
        pin(9001, "pin", 403, forbidden),
        // The account itself is asked without hurry.
        get("/api/v4/account", 200, json!({ "id": 1 })),
    ];
    let courier = courier(Script::new(script));
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    let (links, ask) = (FakeLinks::of(&[LEAD]), command(show(Some("Дальше: 1"))));
    let outcome = courier.deliver(&ask, Try::First, &links, now).await;
    assert!(matches!(outcome, Err(Fault::Never { .. })), "{outcome:?}");
}
