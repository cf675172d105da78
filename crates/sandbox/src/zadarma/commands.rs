//! The questions of the bridge: call-back, statistics, zone, extensions (sheet 4).
//! It never answers a question that is not signed.
//! Enter at [`Pbx::command`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::Pbx;
use super::events::{hmac_sha1, local, record_id, result};
use crate::calls::{Call, Command};
use crate::wire::{Query, WireAnswer, WireRequest, form_body};

/// Rows of one answer at most.
const PAGE: usize = 1000;

impl Pbx {
    pub(super) fn command(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let path = request.path.split('?').next().unwrap_or_default().to_owned();
        let given = request.query();
        if !self.is_signed(&path, &given, request) {
            return refused(401, "Not authorized");
        }
        let counts = path == "/v1/statistics/pbx/" && self.statistics.take(now).is_err();
        if counts || self.budget.take(now).is_err() {
            return refused(429, "You have exceeded the number of requests");
        }
        match (request.method.as_str(), path.as_str()) {
            ("GET", "/v1/request/callback/") => self.take_callback(now, &given),
            ("GET", "/v1/statistics/pbx/") => self.list(now, &given),
            ("GET", "/v1/info/timezone/") => {
                let local = now.with_timezone(&self.zone);
                let zone = local.format("UTC%:z").to_string();
                WireAnswer::json(200, &json!({"status": "success", "timezone": zone}))
            }
            ("GET", "/v1/pbx/internal/") => {
                let numbers: Vec<u32> =
                    self.board.employees.iter().filter_map(|one| one.extension.parse().ok()).collect();
                WireAnswer::json(200, &json!({"status": "success", "pbx_id": 1234, "numbers": numbers}))
            }
            _ => refused(404, "Wrong method"),
        }
    }

    /// The path with both slashes, all pairs in the order of their names, and the sum over these.
    fn is_signed(&self, path: &str, given: &Query, request: &WireRequest) -> bool {
        let mut pairs = given.0.clone();
        pairs.sort();
        let query = form_body(&pairs);
        let sum = hex::encode(Md5::digest(&query));
        let digest = hmac_sha1(&self.setup.secret, &format!("{path}{query}{sum}"));
        let wanted = format!("{}:{}", self.setup.key, STANDARD.encode(hex::encode(digest)));
        request.header("authorization") == Some(wanted.as_str())
    }

    /// The answer names no call.
    fn take_callback(&mut self, now: DateTime<Utc>, given: &Query) -> WireAnswer {
        let text = |name: &str| given.get(name).unwrap_or_default().to_owned();
        let (from, to) = (text("from"), text("to"));
        let known = self.board.employees.iter().any(|employee| employee.extension == from);
        if !known || to.len() < 10 || !to.bytes().all(|byte| byte.is_ascii_digit()) {
            return refused(400, "Check your phone number");
        }
        self.taken += 1;
        let command_id = format!("callback-{}", self.taken);
        let started = json!({"status": "success", "from": from, "to": to, "time": now.timestamp()});
        self.board.commands.push(Command {
            command_id,
            extension: from,
            to_number: to,
            line_number: None,
            ..Command::default()
        });
        WireAnswer::json(200, &started)
    }

    /// A row a leg: a call-back is two calls, of which the first leads to the manager.
    fn list(&self, now: DateTime<Utc>, given: &Query) -> WireAnswer {
        let moment = |name: &str| {
            let said = NaiveDateTime::parse_from_str(given.get(name)?, "%Y-%m-%d %H:%M:%S").ok()?;
            Some(self.zone.from_local_datetime(&said).earliest()?.to_utc())
        };
        let (Some(from), Some(to)) = (moment("start"), moment("end")) else {
            return refused(400, "Wrong parameters");
        };
        let within = |call: &&Call| {
            (from..=to).contains(&call.created_at) && call.client_dialled && call.ended_at <= now
        };
        let mut listed: Vec<&Call> = self.board.calls.iter().chain(&self.sides).filter(within).collect();
        listed.sort_by_key(|call| call.created_at);
        let skip = given.int("skip").and_then(|skip| usize::try_from(skip).ok()).unwrap_or(0);
        let rows: Vec<Value> = listed.into_iter().skip(skip).take(PAGE).map(|call| self.row(call)).collect();
        let (start, end) = (given.get("start"), given.get("end"));
        WireAnswer::json(200, &json!({"status": "success", "start": start, "end": end, "stats": rows}))
    }

    fn row(&self, call: &Call) -> Value {
        let by_menu = call.direction == 1 && call.extension.is_empty();
        let disposition = match result(call).0 {
            _ if by_menu => "answered",
            "failed" => "call failed",
            other => other,
        };
        let (caller, called) = match (call.direction, by_menu) {
            (1, false) => (&call.client, &call.extension),
            (1, true) => (&call.client, &self.setup.line),
            _ => (&self.setup.line, &call.client),
        };
        let number = |text: &str| text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number));
        let sip = if call.direction == 2 { &call.extension } else { &self.setup.line };
        let seconds =
            if by_menu { (call.ended_at - call.created_at).num_seconds() } else { call.talk_seconds() };
        json!({
            "call_id": record_id(call), "sip": sip, "callstart": local(call.created_at, self), "clid": caller,
            "destination": number(called), "disposition": disposition, "seconds": seconds,
            "is_recorded": (call.talk_seconds() > 0).to_string(), "pbx_call_id": call.entry_id,
        })
    }
}

fn refused(status: u16, message: &str) -> WireAnswer {
    WireAnswer::json(status, &json!({"status": "error", "message": message}))
}
