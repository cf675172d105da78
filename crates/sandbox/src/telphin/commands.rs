//! The API that the bridge uses: sign-in, subscriptions, call-back, history (sheet 1, 2, 4, 5).
//! It never answers anything but the sign-in without a valid token.
//! Enter at [`Office::command`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Office, extension_id};
use crate::calls::{Call, Command};
use crate::wire::{WireAnswer, WireRequest, digits};

const TYPES: [&str; 7] =
    ["dial-in", "dial-out", "answer", "hangup", "message-in", "message-out", "voicemail"];

impl Office {
    pub(super) fn command(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        if self.budget.take(now).is_err() {
            return error(429, "Too many requests");
        }
        if request.path_only() == "/oauth/token" {
            return self.sign_in(now, request);
        }
        let valid =
            request.bearer().and_then(|token| self.tokens.get(token)).is_some_and(|until| now < *until);
        if !valid {
            return error(401, "Unauthorized");
        }
        let path = request.path_only().trim_start_matches("/api/ver1.0/").to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            (method, ["extension", id, rest @ ..]) => self.of_extension(method, id, rest, request),
            ("GET", ["client", _, "call_history"]) => self.history(now, request),
            _ => error(404, "Not found"),
        }
    }

    fn sign_in(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let form = request.form();
        let right = form.get("grant_type") == Some("client_credentials")
            && form.get("client_id") == Some(self.setup.client_id.as_str())
            && form.get("client_secret") == Some(self.setup.client_secret.as_str());
        if request.method != "POST" || !right {
            return error(401, "Invalid client credentials");
        }
        let token = format!("TOKENTOKENTOKENTOKENTOKENTOKEN{:02}", self.tokens.len() + 1);
        self.tokens.insert(token.clone(), now + TimeDelta::seconds(self.setup.token_life_s));
        WireAnswer::json(
            200,
            &json!({"access_token": token, "token_type": "Bearer", "expires_in": self.setup.token_life_s}),
        )
    }

    fn of_extension(&mut self, method: &str, id: &str, rest: &[&str], request: &WireRequest) -> WireAnswer {
        let known = self.board.employees.iter().find(|one| extension_id(&one.extension) == id.parse().ok());
        let (Some(employee), Ok(id)) = (known, id.parse::<u64>()) else {
            return error(404, "Not found");
        };
        let extension = employee.extension.clone();
        match (method, rest) {
            ("GET", ["event"]) => {
                let mine = self.subscriptions.iter().filter(|one| one.extension_id == id);
                WireAnswer::json(200, &mine.map(shown).collect())
            }
            ("POST", ["event"]) => self.add_subscription(id, &request.json().unwrap_or_default()),
            ("DELETE", ["event", one]) => {
                let before = self.subscriptions.len();
                self.subscriptions.retain(|known| known.extension_id != id || known.id.to_string() != *one);
                if self.subscriptions.len() < before {
                    WireAnswer::empty(204)
                } else {
                    error(404, "Not found")
                }
            }
            ("POST", ["callback"]) => self.take_callback(&extension, &request.json().unwrap_or_default()),
            _ => error(404, "Not found"),
        }
    }

    fn add_subscription(&mut self, extension: u64, body: &Value) -> WireAnswer {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (url, method, kind) = (text("url"), text("method"), text("event_type"));
        let good = url.starts_with("http") && TYPES.contains(&kind.as_str());
        if !good || !["GET", "POST"].contains(&method.as_str()) {
            return error(400, "Bad request");
        }
        let id = self.subscribe(extension, &kind, &method, &url);
        let made = self.subscriptions.iter().find(|one| one.id == id);
        WireAnswer::json(201, &made.map(shown).unwrap_or_default())
    }

    /// A foreign `dst_ani` is ignored without a word (4).
    fn take_callback(&mut self, extension: &str, body: &Value) -> WireAnswer {
        let sources = body["src_num"].as_array().map(Vec::as_slice).unwrap_or_default();
        let client = digits(body["dst_num"].as_str().unwrap_or_default());
        if sources.is_empty() || client.len() < 10 {
            return error(400, "src_num and dst_num are required");
        }
        if !sources.iter().any(|source| source.as_str() == Some(extension)) {
            return error(400, "src_num does not ring this extension");
        }
        let shown = body["dst_ani"].as_str().map(digits).filter(|line| *line == self.setup.line);
        let id = self.conversation().to_lowercase();
        self.board.commands.push(Command {
            command_id: id.clone(),
            extension: extension.to_owned(),
            to_number: client,
            line_number: shown,
            ..Command::default()
        });
        WireAnswer::json(201, &json!({"call_api_id": id, "call_id": id}))
    }

    fn history(&self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let query = request.query();
        let (Some(from), Some(to)) = (query.get("start_datetime"), query.get("end_datetime")) else {
            return error(400, "start_datetime and end_datetime are required");
        };
        let stamp = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
        let calls =
            self.board.calls.iter().filter(|call| {
                (from..=to).contains(&stamp(call.created_at).as_str()) && call.ended_at <= now
            });
        let shown: Vec<Value> = calls.map(|call| conversation(call, &stamp)).collect();
        let page = query.int("page").unwrap_or(1).max(1);
        let size = query.int("per_page").unwrap_or(100).clamp(1, 500);
        let skip = usize::try_from((page - 1) * size).unwrap_or(0);
        let page_of: Vec<Value> =
            shown.iter().skip(skip).take(usize::try_from(size).unwrap_or(100)).cloned().collect();
        WireAnswer::json(
            200,
            &json!({"call_history": page_of, "page": page, "per_page": size, "total": shown.len()}),
        )
    }
}

fn conversation(call: &Call, stamp: &dyn Fn(DateTime<Utc>) -> String) -> Value {
    let result = match call.reason {
        _ if call.answered_at.is_some() => "bridged",
        1121 => "busy",
        1122 => "rejected",
        1131..=1133 | 2000..=2999 => "failed",
        _ => "not answered",
    };
    let (from, to) = match call.direction {
        2 => (format!("20000*{}", call.extension), format!("+{}", call.client)),
        _ => (format!("+{}", call.client), format!("20000*{}", call.extension)),
    };
    let leg = json!({
        "result": if call.answered_at.is_some() { "answered" } else { result }, "extension_type": "phone",
        "application": call.command_id.as_ref().map(|_| "callback"), "extension_id": extension_id(&call.extension),
        "from_username": from, "to_username": to, "record_uuid": null,
    });
    json!({
        "call_uuid": call.entry_id, "flow": if call.direction == 2 { "out" } else { "in" }, "result": result,
        "init_time_gmt": stamp(call.created_at), "start_time_gmt": stamp(call.created_at),
        "bridged_time_gmt": call.answered_at.map(stamp), "hangup_time_gmt": stamp(call.ended_at),
        "duration": (call.ended_at - call.created_at).num_seconds(), "bridged_duration": call.talk_seconds(),
        "from_username": from, "to_username": to, "extension_id": extension_id(&call.extension),
        "did_number": call.line, "cdr": [leg],
    })
}

fn shown(one: &super::Subscription) -> Value {
    json!({"id": one.id, "url": one.url, "method": one.method, "event_type": one.event_type})
}

fn error(status: u16, message: &str) -> WireAnswer {
    WireAnswer::json(status, &json!({"message": message}))
}
