//! The commands of the bridge: callback, employees, recordings (sheet 7); statistics have a file of their own.
//! It never forgives a bad request: two minutes of 401 follow.
//! Enter at [`Vpbx::command`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::calls::sip;
use super::events::{CommandResult, json as exact, sign};
use super::{Post, Vpbx};
use crate::calls::{Command, SILENCE};
use crate::wire::{WireAnswer, WireRequest};

impl Vpbx {
    pub(super) fn command(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        if self.locked_until.is_some_and(|until| now < until) {
            return WireAnswer::json(
                401,
                &json!({"name": "Unauthorized", "message": "Too many wrong requests.", "code": 0, "status": 401}),
            );
        }
        let path = request.path_only().trim_start_matches("/vpbx/").to_owned();
        let callback = path.starts_with("commands/callback");
        if self.budget.take(now).is_err() || (callback && self.callbacks.take(now).is_err()) {
            let body = json!({"name": "Service Unavailable", "message": "Rate limit exceeded.", "code": 0, "status": 429});
            return WireAnswer::json(429, &body);
        }
        if let Some(file) = path.strip_prefix("files/").and_then(|path| path.strip_suffix(".mp3")) {
            let known = self.files.remove(file);
            return if known { WireAnswer::of(200, "audio/mpeg", SILENCE) } else { WireAnswer::empty(404) };
        }
        let body = match self.read(request) {
            Ok(body) => body,
            Err(code) => return self.refuse(now, code),
        };
        match path.as_str() {
            "commands/callback" => self.take_callback(now, &body),
            "commands/call/hangup" => WireAnswer::json(200, &json!({"result": 4101})),
            "config/users/request" => self.users(&body),
            "stats/request" => self.start_statistics(now, &body),
            "stats/result" => self.statistics_result(&body),
            "stats/calls/request" => self.start_calls(now, &body),
            "stats/calls/result" => self.calls_result(&body),
            "queries/recording/post" => self.take_recording(now, request, &body),
            _ => WireAnswer::json(404, &json!({"code": 3300})),
        }
    }

    fn read(&self, request: &WireRequest) -> Result<Value, u16> {
        if request.method != "POST" {
            return Err(3101);
        }
        let form = request.form();
        let (Some(key), Some(given), Some(text)) =
            (form.get("vpbx_api_key"), form.get("sign"), form.get("json"))
        else {
            return Err(3103);
        };
        if key != self.setup.api_key {
            return Err(3105);
        }
        if !given.eq_ignore_ascii_case(&sign(key, text, &self.setup.api_salt)) {
            return Err(3102);
        }
        serde_json::from_str(text).map_err(|_| 3400)
    }

    pub(super) fn refuse(&mut self, now: DateTime<Utc>, code: u16) -> WireAnswer {
        self.locked_until = Some(now + TimeDelta::minutes(2));
        WireAnswer::json(if self.setup.edition < 2026 { 420 } else { 400 }, &json!({"code": code}))
    }

    fn take_callback(&mut self, now: DateTime<Utc>, body: &Value) -> WireAnswer {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let extension = body
            .get("from")
            .and_then(|from| from.get("extension"))
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned();
        let command_id = text("command_id");
        let long = command_id.is_empty() || command_id.len() > 128;
        if long || text("to_number").is_empty() || self.employee(&extension).is_none() {
            return self.refuse(now, 3100);
        }
        let line_number = Some(text("line_number")).filter(|line| !line.is_empty());
        self.board.commands.push(Command {
            command_id: command_id.clone(),
            extension,
            to_number: text("to_number"),
            line_number,
            ..Command::default()
        });
        if self.setup.edition < 2026 {
            let result = exact(&CommandResult { command_id, result: 1000 });
            self.posts.push(Post { at: now + TimeDelta::seconds(1), path: "result/callback", json: result });
            return WireAnswer::empty(200);
        }
        WireAnswer::json(200, &json!({"result": 1000}))
    }

    fn users(&self, body: &Value) -> WireAnswer {
        let wanted = body.get("extension").and_then(Value::as_str);
        let employees = self
            .board
            .employees
            .iter()
            .filter(|employee| wanted.is_none_or(|extension| extension == employee.extension));
        let users: Vec<Value> = employees
            .map(|employee| {
                json!({"general": {"name": employee.name, "email": employee.email, "department": "", "position": ""},
                       "telephony": {"extension": employee.extension, "outgoingline": self.setup.line,
                                     "numbers": [{"number": sip(employee), "protocol": "sip", "order": 0, "wait_sec": 60, "status": "on"}]}})
            })
            .collect();
        WireAnswer::json(200, &json!({"users": users}))
    }

    /// One file, once and for a short time; the link needs no key.
    fn take_recording(&mut self, now: DateTime<Utc>, request: &WireRequest, body: &Value) -> WireAnswer {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or("");
        let id = text("recording_id");
        if id.is_empty() || !matches!(text("action"), "download" | "play") {
            return self.refuse(now, 3100);
        }
        let file = hex::encode(id);
        let host = request.header("host").map(|host| format!("http://{host}/vpbx/files"));
        let base = host.unwrap_or_else(|| "https://files.mango-office.ru".to_owned());
        let mut answer = WireAnswer::empty(302);
        answer.headers.push(("Location".into(), format!("{base}/{file}.mp3")));
        self.files.insert(file);
        answer
    }
}
