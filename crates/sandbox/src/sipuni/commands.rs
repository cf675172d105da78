//! The commands of the bridge: call-back, cancel, hang-up, statistics, records (sheet 4, 5).
//! It never says by its status that something is wrong: a refusal comes with 200.
//! Enter at [`Cabinet::command`].

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

use super::Cabinet;
use super::events::hash;
use crate::calls::{Call, Command, SILENCE};
use crate::wire::{Query, WireAnswer, WireRequest};

/// Names that statistics need (5.1); further ones take part in the hash at their places.
const EXPORT: [&str; 10] =
    ["anonymous", "firstTime", "from", "fromNumber", "state", "to", "toAnswer", "toNumber", "tree", "type"];

impl Cabinet {
    pub(super) fn command(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        if self.budget.take(now).is_err() {
            return WireAnswer::html(429, "Too Many Requests");
        }
        // On a POST the query counts too.
        let mut given = request.query();
        if request.method == "POST" {
            given.0.extend(request.form().0);
        }
        let path = request.path_only().trim_start_matches("/api/").to_owned();
        let needed: &[&str] = match path.as_str() {
            "callback/call_number" => &["antiaon", "phone", "reverse", "sipnumber"],
            "callback/call_tree" => &["phone", "reverse", "sipnumber", "tree"],
            "callback/call_external" => &["phoneFrom", "phoneTo", "sipnumber", "sipnumber2"],
            "callback/cancel" => &["callbackId"],
            "events/call/hangup" => &["callId"],
            "statistic/export" => &EXPORT,
            "statistic/operators" => &[],
            "statistic/record" => &["id"],
            _ => return WireAnswer::html(404, "Not Found"),
        };
        if let Err(why) = self.check(&given, needed) {
            return refused(why);
        }
        match path.as_str() {
            "callback/call_number" | "callback/call_tree" => self.take_callback(&given, "phone"),
            "callback/call_external" => self.take_callback(&given, "phoneTo"),
            "statistic/export" => self.statistics(now, &given),
            "statistic/operators" => self.operators(),
            "statistic/record" => self.record(now, given.get("id").unwrap_or_default()),
            _ => said(&json!({"success": true})),
        }
    }

    /// All that is needed is there, and the hash is over all that was sent.
    fn check(&self, given: &Query, needed: &[&str]) -> Result<(), String> {
        if let Some(name) = needed.iter().find(|name| given.get(name).is_none()) {
            return Err(format!("Parameter {name} is required"));
        }
        if given.get("user") != Some(self.setup.user.as_str()) {
            return Err("User not found".to_owned());
        }
        let mut pairs: Vec<&(String, String)> =
            given.0.iter().filter(|(name, _)| name != "user" && name != "hash").collect();
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        let values: Vec<&str> = pairs.into_iter().map(|(_, value)| value.as_str()).collect();
        match given.get("hash") {
            Some(hashed) if hashed == hash(&values, &self.setup) => Ok(()),
            _ => Err("Wrong hash".to_owned()),
        }
    }

    /// A phone that is off is no reason to refuse: the answer is the same, and nothing follows (2.4).
    fn take_callback(&mut self, given: &Query, called: &str) -> WireAnswer {
        let text = |name: &str| given.get(name).unwrap_or_default().to_owned();
        let (extension, phone) = (text("sipnumber"), text(called));
        let from_outside = called == "phoneTo";
        if !self.board.employees.iter().any(|employee| employee.extension == extension) {
            return refused("Sip number not found".to_owned());
        }
        let is_phone = |phone: &str| phone.len() >= 10 && phone.bytes().all(|byte| byte.is_ascii_digit());
        if !is_phone(&phone) || (from_outside && !is_phone(&text("phoneFrom"))) {
            return refused("Wrong phone".to_owned());
        }
        self.taken += 1;
        let command_id = format!("{:032x}", 0x5f4d_cc3b_5aa7_65d6_u64.wrapping_mul(self.taken));
        self.board.commands.push(Command {
            command_id: command_id.clone(),
            extension,
            to_number: phone,
            from_outside,
            ..Command::default()
        });
        said(&json!({"success": true, "id": command_id}))
    }

    /// The record of a talk; how a call without one is answered is not published.
    fn record(&self, now: DateTime<Utc>, id: &str) -> WireAnswer {
        let ended = |call: &&Call| call.entry_id == id && call.talk_seconds() > 0 && call.ended_at <= now;
        match self.board.calls.iter().find(ended) {
            Some(_) => WireAnswer::of(200, "audio/mpeg", SILENCE),
            None => refused("Record not found".to_owned()),
        }
    }

    fn operators(&self) -> WireAnswer {
        let mut lines = vec!["\u{feff}Номер;Имя".to_owned()];
        lines
            .extend(self.board.employees.iter().map(|one| format!("\"{}\";\"{}\"", one.extension, one.name)));
        WireAnswer::of(200, "text/csv", lines.join("\n"))
    }

    fn statistics(&self, now: DateTime<Utc>, given: &Query) -> WireAnswer {
        let day =
            |name: &str| NaiveDate::parse_from_str(given.get(name).unwrap_or_default(), "%d.%m.%Y").ok();
        let (Some(from), Some(to)) = (day("from"), day("to")) else {
            return refused("Wrong date".to_owned());
        };
        let head = "\u{feff}Тип;Статус;Время;Схема;Исходящая линия;Откуда;Куда;Кому звонили;Кто разговаривал;Кто ответил;\
                    Длительность звонка;Длительность разговора;Время ответа;Оценка;ID записи;Метка;Теги;Запись существует";
        let within = |call: &&Call| {
            (from..=to).contains(&call.created_at.with_timezone(&self.zone).date_naive())
                && call.client_dialled
                && call.ended_at <= now
        };
        let lines = self.board.calls.iter().filter(within).map(|call| self.line(call));
        let text: Vec<String> = std::iter::once(head.to_owned()).chain(lines).collect();
        WireAnswer::of(200, "text/csv; charset=utf-8", text.join("\n"))
    }

    fn line(&self, call: &Call) -> String {
        let named = self.board.employees.iter().find(|employee| employee.extension == call.extension);
        let ours = named.map_or(String::new(), |one| format!("{} ({})", one.extension, one.name));
        let talked = call.talk_seconds();
        let (kind, from, to) = match call.direction {
            2 => ("Исходящий", ours.clone(), call.client.clone()),
            _ => ("Входящий", call.client.clone(), call.line.clone()),
        };
        let who = if talked > 0 { ours } else { String::new() };
        let cells = [
            kind.to_owned(),
            if talked > 0 { "Отвечен" } else { "Не отвечен" }.to_owned(),
            call.created_at.with_timezone(&self.zone).format("%d.%m.%Y %H:%M:%S").to_string(),
            String::new(),
            if call.direction == 2 { call.line.clone() } else { String::new() },
            from,
            to.clone(),
            to,
            who.clone(),
            who,
            (call.ended_at - call.created_at).num_seconds().to_string(),
            talked.to_string(),
            call.answered_at.map_or(0, |at| (at - call.created_at).num_seconds()).to_string(),
            String::new(),
            call.entry_id.clone(),
            String::new(),
            String::new(),
            u8::from(talked > 0).to_string(),
        ];
        cells.map(|cell| format!("\"{cell}\"")).join(";")
    }
}

/// JSON under the name of a page (4.2).
fn said(value: &serde_json::Value) -> WireAnswer {
    WireAnswer::of(200, "text/html; charset=UTF-8", value.to_string())
}

fn refused(why: String) -> WireAnswer {
    said(&json!({"success": false, "message": why}))
}
