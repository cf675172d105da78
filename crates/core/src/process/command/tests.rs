//! The ids of commands, and the reads that earlier versions stored.

use serde_json::Value;

use super::*;

#[test]
fn the_same_request_has_the_same_id_and_another_one_has_another() {
    let id = |ask: &Ask| CommandId::new(&"gc-1".into(), 4, ask);
    let task = |text: &str, due: i64| {
        Ask::CreateTask(CreateTask {
            task: "t4·gc-1".into(),
            role: LeadRole::Sales,
            kind: TaskKind::Call,
            text: text.to_owned(),
            due: At::from_timestamp(due, 0).expect("in range"),
            minutes: 15,
            responsible: "irina".into(),
            instead: None,
        })
    };
    assert_eq!(id(&task("Позвонить", 1)), id(&task("Позвонить", 60)), "a moment later");
    assert_ne!(id(&task("Позвонить", 1)), id(&task("Что дальше?", 1)));
    let stage =
        |stage| Ask::SetStage { role: LeadRole::Sales, pipeline: None, stage, reason: None, refunded: false };
    assert_ne!(id(&stage(Stage::Won)), id(&stage(Stage::Lost)));
    assert_eq!(id(&stage(Stage::Won)).as_str(), "gc-1.4-188f", "stored ids outlive the program");
    assert_eq!(id(&Ask::ReadBack(ReadBack::Order)).as_str(), "gc-1.4-c14f");
    assert_eq!(id(&stage(Stage::Won)).order(), Some("gc-1".into()));
}

fn command(ask: Value) -> Value {
    let mut command = json!({ "id": "gc-1.4", "order": "gc-1", "client": "c-1", "urgency": "hot" });
    let fields = command.as_object_mut().expect("an object");
    fields.extend(ask.as_object().expect("an object").clone());
    command
}

/// What the versions before this one left in a store, and what this one writes.
#[test]
fn every_stored_read_is_read_on() {
    let lead = |number: Option<&str>| ReadBack::Lead { lead: 41, number: number.map(str::to_owned) };
    let note = json!({ "ask": "read_note", "lead": 41, "note": 9 });
    for (stored, what, written) in [
        (json!({ "ask": "read_order" }), ReadBack::Order, None),
        (json!({ "ask": "read_lead", "lead": 41 }), lead(None), None),
        (json!({ "ask": "read_lead", "lead": 41, "number": "GC-1" }), lead(Some("GC-1")), None),
        (json!({ "ask": "read_made", "lead": 41 }), ReadBack::MadeLead { lead: 41 }, None),
        (note.clone(), ReadBack::Note { lead: 41, note: 9 }, None),
        (
            json!({ "ask": "read_said", "what": { "note": { "lead": 41, "note": 9 } } }),
            ReadBack::Note { lead: 41, note: 9 },
            Some(note),
        ),
        (
            json!({ "ask": "read_said", "what": { "task": 7 } }),
            ReadBack::Task { task: 7 },
            Some(json!({ "ask": "read_task", "task": 7 })),
        ),
        (
            json!({ "ask": "read_said", "what": { "contact": 501 } }),
            ReadBack::Contact { contact: 501 },
            Some(json!({ "ask": "read_contact", "contact": 501 })),
        ),
    ] {
        let read: Command = serde_json::from_value(command(stored.clone())).expect("a command");
        assert_eq!(read.ask, Ask::ReadBack(what), "{stored}");
        let written = command(written.unwrap_or(stored));
        assert_eq!(serde_json::to_value(&read).expect("plain"), written);
        assert_eq!(read.ask.name(), written["ask"].as_str().expect("a name"));
    }
    let pending: AskKind = serde_json::from_value(json!("read_order")).expect("of an order's record");
    assert_eq!(pending, AskKind::ReadBack);
    for damaged in [json!({ "ask": "read_said" }), json!({ "ask": "read_task" }), json!({ "ask": "dance" })] {
        assert!(serde_json::from_value::<Command>(command(damaged.clone())).is_err(), "{damaged}");
    }
}
