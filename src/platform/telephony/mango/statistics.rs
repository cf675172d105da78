//! Mango Office's call statistics: requested first, fetched when they are ready (sheet, 7.5 and 7.6). After a
//! refusal nothing is sent for two minutes, because Mango refuses everything during that time.
//! Enter at [`MangoStatistics`].

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Api, api, code, decode, wire};
use crate::platform::Fault;
use crate::platform::http::Response;
use crate::platform::reconcile::to_value;
use crate::platform::telephony::statistics::{self, Reading, Remaining, Statistics, TimeRange};
use crate::process::{At, Urgency};
use crate::signal::Signal;

/// The cells of a row, in this order; the answer has no header.
const FIELDS: &str = "entry_id,create,start,answer,finish,from_extension,from_number,to_extension,to_number,disconnect_reason,line_number";

/// Interval between two polls of a result, and how often it is polled before a new request.
const AGAIN_S: i64 = 10;
const ASKED_MAX: u32 = 30;
/// After a wrong request or key, Mango refuses everything for two minutes; further requests prolong that.
const PUNISHED_MS: u64 = 150_000;

/// The call statistics of one school's account.
pub struct MangoStatistics {
    api: Api,
}

/// Statistics that are being prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Asked {
    key: String,
    times: u32,
}

#[async_trait]
impl Statistics for MangoStatistics {
    async fn read(&self, range: &TimeRange, now: At) -> Result<Reading, Fault> {
        match serde_json::from_value::<Asked>(range.place.clone()) {
            Ok(asked) => self.result(asked, now).await,
            Err(_) => self.request(range, now).await,
        }
    }
}

impl MangoStatistics {
    pub fn new(api: Api) -> Self {
        Self { api }
    }

    async fn request(&self, range: &TimeRange, now: At) -> Result<Reading, Fault> {
        let asked = json!({
            "date_from": range.from.timestamp().to_string(),
            "date_to": range.until.timestamp().to_string(),
            "fields": FIELDS,
        });
        let answer = self.ask("stats/request", &asked).await?;
        let body = answer.json().unwrap_or_default();
        let key = wire::text(&body["key"]).ok_or_else(|| refused(answer.status, &body))?;
        Ok(Reading::none(later(&Asked { key, times: 0 }, now)))
    }

    async fn result(&self, asked: Asked, now: At) -> Result<Reading, Fault> {
        let answer = self.ask("stats/result", &json!({ "key": asked.key })).await?;
        match answer.status {
            200 => Ok(read(&String::from_utf8_lossy(&answer.body), now)),
            204 if asked.times < ASKED_MAX => {
                Ok(Reading::none(later(&Asked { times: asked.times + 1, ..asked }, now)))
            }
            204 => {
                let why = "the statistics of calls never got ready: they are asked for anew";
                Ok(Reading::none(Remaining::All(Some(why.to_owned()))))
            }
            404 => Ok(Reading::none(Remaining::All(None))),
            status => Err(refused(status, &answer.json().unwrap_or_default())),
        }
    }

    async fn ask(&self, path: &str, body: &Value) -> Result<Response, Fault> {
        let sent = self.api.send(self.api.request(path, body).urgency(Urgency::Backfill)).await;
        sent.map_err(statistics::no_response)
    }
}

fn later(asked: &Asked, now: At) -> Remaining {
    Remaining::Place { place: to_value(asked), again_at: now + TimeDelta::seconds(AGAIN_S) }
}

/// Contains the code only, not the text of the error.
fn refused(status: u16, body: &Value) -> Fault {
    let code = wire::int(&body["code"]);
    if let Some(code) = code.filter(|code| code::is_denial(*code)) {
        return api::denied(code);
    }
    let code = code.map(|code| format!(", code {code}")).unwrap_or_default();
    let why = format!("mango answers {status}{code}");
    match status {
        429 | 500..=599 => Fault::later(why),
        401 | 403 | 420 | 400 => Fault::Later { why, after_ms: Some(PUNISHED_MS) },
        _ => Fault::never(why),
    }
}

/// The final records of the table, one line per row; without internal calls and calls in progress.
fn read(table: &str, now: At) -> Reading {
    let (mut calls, mut unread) = (Vec::new(), 0);
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let signal = |summary: Value| match summary["end_time"] == 0 {
            // It is in progress.
            true => Ok(Signal::Nothing { what: "a call without an end".to_owned() }),
            false => decode::signal("events/summary", &summary, now),
        };
        match summary(line).map(signal) {
            Some(Ok(Signal::CallSeen(call))) => calls.push(*call),
            Some(_) => {}
            None => unread += 1,
        }
    }
    Reading { calls, rest: Remaining::after(unread) }
}

/// Converts a row to the form of a final record's notification; cells are separated by `;`, unescaped.
fn summary(line: &str) -> Option<Value> {
    let cells: Vec<&str> = line.split(';').map(str::trim).collect();
    let [entry, create, start, answer, finish, from_extension, from, to_extension, to, reason, line] =
        cells.as_slice()
    else {
        return None;
    };
    let number = |cell: &str| cell.parse::<i64>().ok();
    let (answered, ended) = (number(answer).unwrap_or(0), number(finish).unwrap_or(0));
    let direction = match (from_extension.is_empty(), to_extension.is_empty()) {
        (false, false) => 0,
        (false, true) => 2,
        (true, _) => 1,
    };
    let side = |extension: &str, number: &str| {
        let mut side = serde_json::Map::new();
        for (name, cell) in [("extension", extension), ("number", number)] {
            if !cell.is_empty() {
                side.insert(name.to_owned(), cell.into());
            }
        }
        Value::Object(side)
    };
    let begun = number(create).or_else(|| number(start)).unwrap_or(ended);
    (!entry.is_empty()).then(|| {
        json!({
            "entry_id": entry, "call_direction": direction, "line_number": line,
            "from": side(from_extension, from), "to": side(to_extension, to),
            "create_time": begun, "forward_time": begun, "talk_time": answered, "end_time": ended,
            "entry_result": i64::from(answered > 0), "disconnect_reason": number(reason).unwrap_or(1100),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::event::{Direction, Outcome};
    use crate::signal::CallWhat;

    /// F77: a wrong key stops for a person, and does not wait.
    #[test]
    fn a_wrong_key_is_a_denial() {
        for (status, code, expected) in
            [(400, 3105, "denied"), (400, 3102, "denied"), (400, 3100, "later"), (401, 0, "later")]
        {
            let refused: Result<(), Fault> = Err(refused(status, &json!({ "code": code })));
            assert_eq!(crate::platform::fake::class(&refused), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_row_is_the_final_record_that_never_came() {
        let table = "MTAw=;100;101;112;172;101;sip:i@s.mangosip.ru;;79005550101;1120;74955550000\n\
            MTAx=;200;200;0;230;;79005550102;;;1170;74955550000\r\n\
            short;row\n\
            MTAy=;300;300;0;330;101;;102;;1100;\n\
            MTAz=;400;400;0;;;79005550103;;;;74955550000\n";
        let reading = read(table, At::UNIX_EPOCH);
        let told = reading.calls.iter().map(|call| {
            let CallWhat::Final(record) = &call.what else { panic!("{call:?}") };
            let client = record.client_number.as_deref().unwrap_or_default();
            (call.call.as_str(), record.direction, record.outcome, record.talk_seconds, client)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ("mango:MTAw=", Some(Direction::Outbound), Outcome::Answered, Some(60), "+79005550101"),
                ("mango:MTAx=", Some(Direction::Inbound), Outcome::NoAnswer, Some(0), "+79005550102"),
            ]
        );
        assert!(matches!(reading.rest, Remaining::All(Some(why)) if why.starts_with("1 rows")));
    }
}
