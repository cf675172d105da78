//! Every other kind of stored bytes: calls, shadows, cursors, entries of the inbox, deliveries,
//! journal entries. Each is read, nothing of it is lost, and calls go on as they would have.

use dozvon::intake::calls::{CallRecord, Merged};
use dozvon::intake::item::{Inbound, Item};
use dozvon::intake::last_seen::LastSeen;
use dozvon::platform::reconcile::ReconcileState;
use dozvon::process::At;
use dozvon::store::{Delivery, JournalEntry};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::orders::folder;

/// One line of `others.jsonl`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: Kind,
    /// The record's key, where it has one.
    #[serde(default)]
    key: String,
    stored: Value,
    /// Of a call: what it says of itself, and what comes of it when nothing more is heard.
    #[serde(default)]
    expect: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Call,
    Shadow,
    Look,
    Item,
    Delivery,
    Journal,
}

/// What a call says, and the result once its wake has come.
fn call_says(mut call: CallRecord) -> Value {
    let wake = call.wake();
    let known = call.known();
    let on_call: Vec<String> = call.on_call().map(str::to_owned).collect();
    let reported_at = call.reported_at();
    let result = match call.on_wake(wake.unwrap_or(At::UNIX_EPOCH)) {
        Merged::Result(found) => json!(found),
        Merged::Waiting { wake } => json!(wake),
        Merged::Nothing => Value::Null,
    };
    json!({
        "wake": wake, "told_at": reported_at, "on_call": on_call, "exact": known.is_exact,
        "talk_seconds": known.talk_seconds, "result": result,
    })
}

fn check(line: &Line) -> Result<(), String> {
    match line.kind {
        Kind::Call => {
            same::<CallRecord>(&line.stored)?;
            let call = CallRecord::deserialize(&line.stored).map_err(|fault| fault.to_string())?;
            let says = call_says(call);
            if says != line.expect { Err(format!("was {}\n  is  {says}", line.expect)) } else { Ok(()) }
        }
        Kind::Shadow => same::<LastSeen>(&line.stored),
        Kind::Look => same::<ReconcileState>(&line.stored),
        Kind::Item => item(&line.stored),
        Kind::Delivery => same::<Delivery>(&line.stored),
        Kind::Journal => same::<JournalEntry>(&line.stored),
    }
}

/// Read, and all of it is there: it would be written as it was.
fn same<T: DeserializeOwned + Serialize>(stored: &Value) -> Result<(), String> {
    let read = T::deserialize(stored).map_err(|fault| format!("cannot be read: {fault}"))?;
    let again = serde_json::to_value(read).map_err(|fault| fault.to_string())?;
    if again != *stored { Err(format!("was {stored}\n  is  {again}")) } else { Ok(()) }
}

/// A request is compared by what its platform's decoder gets; anything else whole.
fn item(stored: &Value) -> Result<(), String> {
    use base64::Engine;
    let bytes = serde_json::to_vec(stored).map_err(|fault| fault.to_string())?;
    let envelope = match Inbound::read(&bytes).map_err(|fault| format!("cannot be read: {fault}"))? {
        Inbound::Request(envelope) => envelope,
        Inbound::Item(_) => return same::<Item>(stored),
    };
    let request = envelope.request();
    let gets = json!({
        "platform": envelope.platform,
        "at": envelope.at,
        "found": envelope.found,
        "method": request.method,
        "tail": request.tail,
        "query": request.query,
        "content_type": request.header("content-type").unwrap_or_default(),
        "body": base64::engine::general_purpose::STANDARD.encode(&request.body),
    });
    let absent = |part: &str| if part == "found" { json!(false) } else { json!("") };
    let parts = gets.as_object().into_iter().flatten();
    let mut wrong = parts.filter(|(part, has)| stored.get(part).unwrap_or(&absent(part)) != *has);
    wrong.next().map_or(Ok(()), |(part, has)| Err(format!("{part}: was {}, is {has}", stored[part])))
}

#[test]
fn other_records_of_v1_are_read_whole() {
    let text = std::fs::read_to_string(folder().join("others.jsonl")).expect("others.jsonl");
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    let kinds = [Kind::Call, Kind::Shadow, Kind::Look, Kind::Item, Kind::Delivery, Kind::Journal];
    for kind in kinds {
        assert!(lines.iter().filter(|line| line.kind == kind).count() >= 3, "{kind:?}");
    }
    let items = ["envelope", "signal", "event", "retry", "erase", "scrub", "retire"];
    for item in items {
        assert!(lines.iter().any(|line| line.stored["item"] == item), "no item `{item}`");
    }
    let wrong: Vec<String> = lines
        .iter()
        .enumerate()
        .filter_map(|(n, line)| {
            check(line).err().map(|fault| format!("line {} ({:?} {}): {fault}", n + 1, line.kind, line.key))
        })
        .collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
