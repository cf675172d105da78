//! Statistics in both of Mango's forms (sheet 7.5): a table asked for by `stats/request`, a list asked for by
//! `stats/calls/request`. It never shows a call that has not ended. Enter at [`Vpbx::start_statistics`] and
//! [`Vpbx::start_calls`].

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Vpbx;
use crate::calls::Call;
use crate::moment::local;
use crate::wire::WireAnswer;

/// A longer time is not answered.
const DAYS_MAX: i64 = 31;
/// Most calls of one list.
const LIST_MAX: usize = 5_000;

impl Vpbx {
    pub(super) fn start_statistics(&mut self, now: DateTime<Utc>, body: &Value) -> WireAnswer {
        let second = |key: &str| {
            let value = body.get(key)?;
            DateTime::from_timestamp(value.as_i64().or_else(|| value.as_str()?.parse().ok())?, 0)
        };
        let (Some(from), Some(to)) = (second("date_from"), second("date_to")) else {
            return self.refuse(now, 3103);
        };
        if to - from > TimeDelta::days(DAYS_MAX) {
            return self.refuse(now, 3100);
        }
        let default =
            "records,start,finish,from_extension,from_number,to_extension,to_number,disconnect_reason";
        let fields = body.get("fields").and_then(Value::as_str).unwrap_or(default);
        let wanted = |call: &&Call| {
            let ours = [call.extension.as_str(), ""];
            let theirs = ["", call.client.as_str()];
            let (caller, called) = if call.direction == 2 { (ours, theirs) } else { (theirs, ours) };
            call.ended_at <= now
                && (from..=to).contains(&call.ended_at)
                && is_side(body.get("from"), &[caller])
                && is_side(body.get("to"), &[called])
                && is_side(body.get("call_party"), &[caller, called])
        };
        let lines: Vec<String> =
            self.board.calls.iter().filter(wanted).map(|call| line(call, fields)).collect();
        self.keep("key", lines.join("\n"))
    }

    /// Keeps a result under a new key.
    fn keep(&mut self, kind: &str, result: String) -> WireAnswer {
        let key = format!("{kind}{:06}", self.statistics.len() + 1);
        self.statistics.insert(key.clone(), (0, result));
        WireAnswer::json(200, &json!({"key": key}))
    }

    /// A result of this kind, and whether it is ready: not for the first times it is asked for.
    fn kept(&mut self, kind: &str, body: &Value) -> Option<(bool, String)> {
        let key = body.get("key").and_then(Value::as_str).filter(|key| key.starts_with(kind))?;
        let (asked, result) = self.statistics.get_mut(key)?;
        *asked += 1;
        Some((*asked > self.setup.statistics_waits, result.clone()))
    }

    pub(super) fn statistics_result(&mut self, body: &Value) -> WireAnswer {
        match self.kept("key", body) {
            None => WireAnswer::empty(404),
            Some((false, _)) => WireAnswer::empty(204),
            Some((true, table)) => WireAnswer::of(200, "text/csv", table),
        }
    }

    /// Its times are the school's wall clock: in which zone Mango reads them is not published.
    pub(super) fn start_calls(&mut self, now: DateTime<Utc>, body: &Value) -> WireAnswer {
        let moment = |key: &str| {
            let text = body.get(key)?.as_str()?;
            Some(local(NaiveDateTime::parse_from_str(text, "%d.%m.%Y %H:%M:%S").ok()?, self.zone))
        };
        let number = |key: &str| {
            body.get(key).and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()))
        };
        let place = |key: &str| number(key).and_then(|number| usize::try_from(number).ok());
        let (Some(from), Some(to)) = (moment("start_date"), moment("end_date")) else {
            return self.refuse(now, 3103);
        };
        let (limit, offset) =
            (place("limit").unwrap_or(LIST_MAX).min(LIST_MAX), place("offset").unwrap_or(0));
        let search = body.get("search_string").and_then(Value::as_str).unwrap_or("");
        let wanted = |call: &&Call| {
            call.ended_at <= now
                && (from..=to).contains(&call.created_at)
                && number("context_type").is_none_or(|kind| kind == i64::from(call.direction))
                && number("context_status").is_none_or(|status| status == i64::from(call.talk_seconds() > 0))
                && (call.client.contains(search) || call.extension.contains(search))
        };
        let found = self.board.calls.iter().filter(wanted).skip(offset).take(limit);
        let list: Vec<Value> = found.map(|call| self.context(call)).collect();
        self.keep(
            "calls",
            json!({"result": 1000, "status": "complete", "data": [{"list": list}]}).to_string(),
        )
    }

    fn context(&self, call: &Call) -> Value {
        let named = self.employee(&call.extension).map_or("", |employee| employee.name.as_str());
        let (caller, called) = match call.direction {
            2 => (&call.extension, &call.client),
            _ => (&call.client, &call.line),
        };
        let at =
            |moment: DateTime<Utc>| moment.with_timezone(&self.zone).format("%d.%m.%Y %H:%M:%S").to_string();
        json!({
            "entry_id": call.entry_id, "context_type": call.direction,
            "context_status": i64::from(call.talk_seconds() > 0), "caller_number": caller, "called_number": called,
            "context_start_time": at(call.created_at), "duration": (call.ended_at - call.created_at).num_seconds(),
            "talk_duration": call.talk_seconds(), "recall_status": 0,
            "context_calls": [{
                "call_type": call.direction, "call_abonent_info": named, "call_abonent_number": call.extension,
                "call_answer_time": call.answered_at.map(at), "call_end_reason": call.reason, "recording_id": []}],
        })
    }

    pub(super) fn calls_result(&mut self, body: &Value) -> WireAnswer {
        match self.kept("calls", body) {
            None => WireAnswer::json(200, &json!({"result": 1000, "status": "not-found", "data": []})),
            Some((false, _)) => WireAnswer::json(200, &json!({"result": 1000, "status": "work", "data": []})),
            Some((true, list)) => WireAnswer::of(200, "application/json", list),
        }
    }
}

/// Whether one of the sides is the one that a filter asks for: `{extension}` or `{number}`.
fn is_side(wanted: Option<&Value>, sides: &[[&str; 2]]) -> bool {
    let Some(wanted) = wanted else { return true };
    let part = |key: &str| wanted.get(key).and_then(Value::as_str);
    sides.iter().any(|[extension, number]| {
        part("extension").is_none_or(|asked| asked == *extension)
            && part("number").is_none_or(|asked| asked == *number)
    })
}

fn line(call: &Call, fields: &str) -> String {
    let outgoing = call.direction == 2;
    let cell = |field: &str| match field.trim() {
        "records" => "[]".to_owned(),
        "start" | "create" => call.created_at.timestamp().to_string(),
        "finish" => call.ended_at.timestamp().to_string(),
        "answer" => call.answered_at.map_or(0, |at| at.timestamp()).to_string(),
        "from_extension" if outgoing => call.extension.clone(),
        "to_extension" if !outgoing => call.extension.clone(),
        "from_number" if !outgoing => call.client.clone(),
        "to_number" if outgoing => call.client.clone(),
        "disconnect_reason" => call.reason.to_string(),
        "line_number" => call.line.clone(),
        "location" => "abonent".to_owned(),
        "entry_id" => call.entry_id.clone(),
        _ => String::new(),
    };
    fields.split(',').map(cell).collect::<Vec<_>>().join(";")
}
