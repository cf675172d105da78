//! What is read back: which request each read makes, and which signal the answer is.

use super::*;
use crate::signal::Signal;

#[track_caller]
fn check(what: ReadBack, path: &str, body: Value) -> Vec<Signal> {
    let (status, scene) = if body.is_null() { (204, Value::Null) } else { (200, body) };
    let receipt = deliver(Ask::ReadBack(what), Try::First, &[], vec![get(path, status, scene)]);
    let receipt = receipt.expect("it is read");
    assert!(receipt.links.is_empty());
    receipt.signals
}

#[test]
fn what_is_there_is_said_as_read_and_what_is_not_there_is_gone() {
    let note = ReadBack::Note { lead: 41290077, note: 9 };
    let (note_path, task_path) = ("/api/v4/leads/notes/9", "/api/v4/tasks/7");
    let contact_path = "/api/v4/contacts/501?with=leads";
    let text =
        json!({ "id": 9, "entity_id": 41290077, "note_type": "common", "params": { "text": "отказ: цена" } });
    assert!(matches!(&check(note.clone(), note_path, text)[..], [Signal::NoteSeen(seen)] if seen.read));
    let task = json!({ "id": 7, "is_completed": true, "result": { "text": "отказ: цена" } });
    let seen = check(ReadBack::Task { task: 7 }, task_path, task);
    assert!(matches!(&seen[..], [Signal::TaskSeen(seen)] if seen.read && seen.done));
    let seen =
        check(ReadBack::Contact { contact: 501 }, contact_path, json!({ "id": 501, "updated_at": NOW }));
    assert!(matches!(&seen[..], [Signal::ContactSeen { contact: 501, card: Some(_), read: true, .. }]));

    let bin = json!({ "id": 501, "is_deleted": true });
    for (what, path, body, expected) in [
        (note, note_path, Value::Null, Signal::Nothing { what: "a note that is gone".to_owned() }),
        (ReadBack::Task { task: 7 }, task_path, Value::Null, Signal::TaskGone { task: 7 }),
        (
            ReadBack::Contact { contact: 501 },
            contact_path,
            bin,
            Signal::ContactGone { contact: 501, read: true },
        ),
    ] {
        assert_eq!(check(what, path, body), [expected]);
    }
}
