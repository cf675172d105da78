//! Zadarma's PBX statistics: one row per leg, in the account's time zone (sheet, 4.3). Times that contradict
//! the calls' own ids are rejected; the manager's leg of a call-back is not counted. Enter at
//! [`ZadarmaStatistics`].

use async_trait::async_trait;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::Value;

use super::api::Api;
use super::call_key;
use super::wire::{is_extension, moment, outcome};
use crate::platform::Fault;
use crate::platform::http::Response;
use crate::platform::telephony::statistics::{self, Reading, Remaining, Statistics, TimeRange, Times};
use crate::platform::telephony::{line, phone};
use crate::process::event::{Direction, Outcome};
use crate::process::{At, Urgency};
use crate::signal::{CallEvent, CallWhat, FinalRecord};

/// Most rows of one answer.
const PAGE: usize = 1000;

/// The call statistics of one account.
pub struct ZadarmaStatistics {
    pub api: Api,
    pub zone: Tz,
}

#[async_trait]
impl Statistics for ZadarmaStatistics {
    async fn read(&self, range: &TimeRange, now: At) -> Result<Reading, Fault> {
        let skip = range.place.as_u64().and_then(|skip| usize::try_from(skip).ok()).unwrap_or(0);
        let local = |at: At| at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M:%S").to_string();
        let (start, end, skipped) = (local(range.from), local(range.until), skip.to_string());
        let mut pairs = vec![("end", end.as_str()), ("format", "json")];
        if skip > 0 {
            pairs.push(("skip", &skipped));
        }
        pairs.extend([("start", start.as_str()), ("version", "2")]);
        let request = self.api.request("/v1/statistics/pbx/", &pairs).urgency(Urgency::Backfill);
        let answer = self.api.http.send(request).await.map_err(statistics::no_response)?;
        let rows = rows(&answer)?;
        let mut reading = read(&rows, self.zone)?;
        if rows.len() >= PAGE {
            reading.rest = Remaining::Place { place: (skip + rows.len()).into(), again_at: now };
        }
        Ok(reading)
    }
}

fn rows(answer: &Response) -> Result<Vec<Value>, Fault> {
    if !(200..300).contains(&answer.status) {
        return Err(statistics::refused("zadarma", answer));
    }
    let body = answer.json().unwrap_or_default();
    match (body["status"].as_str(), body["stats"].as_array()) {
        (_, Some(rows)) => Ok(rows.clone()),
        (Some("error"), _) => Err(Fault::never("zadarma refuses the question for its statistics")),
        _ => Err(Fault::later("zadarma's statistics are no list of calls")),
    }
}

fn read(rows: &[Value], zone: Tz) -> Result<Reading, Fault> {
    let (mut calls, mut unread, mut times) = (Vec::new(), 0, Times::default());
    for row in rows.iter().filter(|row| !is_internal(row)) {
        let (Some(id), Some(record)) = (text(row, "pbx_call_id"), record(row, zone)) else {
            unread += 1;
            continue;
        };
        times.see(&text(row, "call_id").unwrap_or_default(), record.started_at);
        let (call, at) = (call_key(&id), record.ended_at);
        calls.push(CallEvent { call, at, what: CallWhat::Final(record) });
    }
    times.agree("zadarma.zone", zone)?;
    Ok(Reading { calls, rest: Remaining::after(unread) })
}

/// The row of one leg; `None` if it cannot be read.
fn record(row: &Value, zone: Tz) -> Option<FinalRecord> {
    let direction = direction(row);
    let (caller, called) =
        (text(row, "clid").unwrap_or_default(), text(row, "destination").unwrap_or_default());
    let client = if direction == Direction::Outbound { &called } else { &caller };
    let own = [text(row, "sip").unwrap_or_default(), called.clone()];
    let extension = own.into_iter().find(|said| is_extension(said));
    let seconds = text(row, "seconds")?.parse().ok()?;
    let by_nobody = direction == Direction::Inbound && extension.is_none();
    let outcome = match outcome(&text(row, "disposition")?, None, direction) {
        Outcome::Answered if seconds == 0 || by_nobody => Outcome::NoAnswer,
        outcome => outcome,
    };
    let started_at = moment(&text(row, "callstart")?, zone)?;
    let is_talk = outcome == Outcome::Answered;
    let is_recorded = text(row, "is_recorded").is_some_and(|said| ["true", "1"].contains(&said.as_str()));
    Some(FinalRecord {
        direction: Some(direction),
        outcome,
        talk_seconds: Some(if is_talk { seconds } else { 0 }),
        started_at,
        ended_at: started_at + TimeDelta::seconds(seconds.into()),
        client_number: phone(client),
        extension,
        line: (direction == Direction::Inbound && !is_extension(&called)).then(|| line(&called)),
        command: None,
        recording: text(row, "call_id").filter(|_| is_talk && is_recorded),
        rough: false,
    })
}

fn direction(row: &Value) -> Direction {
    let calls_out = text(row, "pbx_call_id").is_some_and(|id| id.starts_with("out_"));
    if calls_out { Direction::Outbound } else { Direction::Inbound }
}

/// The other side is an extension: a colleague, or the manager's own leg of a call-back.
fn is_internal(row: &Value) -> bool {
    let other = if direction(row) == Direction::Outbound { "destination" } else { "clid" };
    text(row, other).is_some_and(|said| is_extension(&said))
}

/// Text, a number or a flag, as text.
fn text(row: &Value, name: &str) -> Option<String> {
    let said = match &row[name] {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    Some(said).filter(|said| !said.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An outgoing talk of one minute, with changes.
    fn row(change: Value) -> Value {
        let mut row = json!({
            "call_id": "1767254400.1234567", "sip": "101", "callstart": "2026-01-01 11:00:00", "clid": "74955550000",
            "destination": 79_005_550_101_u64, "disposition": "answered", "seconds": 60, "is_recorded": "true",
            "pbx_call_id": "out_3f",
        });
        for (name, value) in change.as_object().expect("an object") {
            row[name] = value.clone();
        }
        row
    }

    fn moscow(rows: &[Value]) -> Reading {
        read(rows, chrono_tz::Europe::Moscow).expect("rows")
    }

    fn one(change: Value) -> FinalRecord {
        match moscow(&[row(change)]).calls.remove(0).what {
            CallWhat::Final(record) => record,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_row_is_the_final_record_that_never_came() {
        let record = one(json!({}));
        assert_eq!((record.outcome, record.talk_seconds, record.rough), (Outcome::Answered, Some(60), false));
        assert_eq!(record.started_at.to_rfc3339(), "2026-01-01T08:00:00+00:00");
        assert_eq!(record.client_number.as_deref(), Some("+79005550101"));
        assert_eq!(
            (record.extension.as_deref(), record.recording.as_deref()),
            (Some("101"), Some("1767254400.1234567"))
        );
        let inbound = json!({
            "pbx_call_id": "in_1a", "clid": "+79005550101", "destination": "102", "sip": "74955550000", "seconds": "12",
        });
        let record = one(inbound);
        assert_eq!((record.direction, record.extension.as_deref()), (Some(Direction::Inbound), Some("102")));
        assert_eq!((record.client_number.as_deref(), record.talk_seconds), (Some("+79005550101"), Some(12)));
        let menu =
            json!({ "pbx_call_id": "in_1b", "clid": "79005550101", "destination": "74955550000", "sip": "" });
        let record = one(menu);
        assert_eq!(
            (record.outcome, record.talk_seconds),
            (Outcome::NoAnswer, Some(0)),
            "only a menu answered"
        );
        assert_eq!(record.line.as_deref(), Some("+74955550000"));
        assert_eq!(one(json!({ "disposition": "call failed", "seconds": 0 })).outcome, Outcome::Failed);
        assert_eq!(one(json!({ "seconds": 0 })).outcome, Outcome::NoAnswer);
    }

    #[test]
    fn a_managers_own_side_is_no_call_and_a_torn_row_is_said() {
        let internal = moscow(&[row(json!({ "destination": "101" })), row(json!({}))]);
        assert_eq!((internal.calls.len(), internal.rest), (1, Remaining::Nothing));
        for broken in
            [json!({ "pbx_call_id": "" }), json!({ "callstart": "soon" }), json!({ "seconds": null })]
        {
            let reading = moscow(&[row(broken.clone()), row(json!({}))]);
            assert_eq!(reading.calls.len(), 1, "{broken}");
            assert!(
                matches!(reading.rest, Remaining::All(Some(why)) if why.starts_with("1 rows")),
                "{broken}"
            );
        }
    }

    #[test]
    fn times_of_another_zone_are_said() {
        let why =
            read(&[row(json!({}))], chrono_tz::Asia::Novosibirsk).expect_err("another zone").to_string();
        assert!(why.contains("240 minutes") && why.contains("zadarma.zone (Asia/Novosibirsk)"), "{why}");
    }
}
