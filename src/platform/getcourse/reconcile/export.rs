//! The legacy export: start, poll, and the meaning of its answers (sheet, 4.1, 4.3 and 3.4). Never paces
//! itself (the HTTP port does) and never shows an address, because it contains the key. Enter at [`Exports`].

use std::sync::Arc;

use serde_json::Value;

use super::table::Table;
use crate::platform::Fault;
use crate::platform::getcourse::answer::{self, Effect};
use crate::platform::http::{Http, Request};
use crate::process::Urgency;
use crate::secret::Secret;

/// The account's exports.
pub struct Exports {
    base: String,
    key: Secret,
    http: Arc<dyn Http>,
}

/// An account's answer about an export.
#[derive(Debug, PartialEq)]
pub enum Export {
    /// It is being built under this id.
    Started(u64),
    Ready(Table),
    /// 909.
    NotReady,
    /// 905: another export is being built, ours or another integration's; nothing was started.
    Busy,
    /// Nothing matched; the result is final.
    Empty,
    /// The export does not exist, or no longer exists.
    Unknown,
}

/// Texts that mean a code if the answer has none (sheet, 3.4).
const TEXTS: [(&str, u64); 6] = [
    ("неавторизован", 901),
    ("access denied", 901),
    ("слишком много запросов", 903),
    ("уже запущен", 905),
    ("еще не создан", 909),
    ("функционал недоступен", 917),
];

impl Exports {
    /// `base` as in the school's settings.
    pub fn new(base: &str, key: Secret, http: Arc<dyn Http>) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), key, http }
    }

    /// `what` is `deals` or `payments`; at least one filter is needed.
    pub async fn start(&self, what: &str, filters: &[(String, String)]) -> Result<Export, Fault> {
        self.ask(&format!("account/{what}"), filters).await
    }

    pub async fn poll(&self, export: u64) -> Result<Export, Fault> {
        self.ask(&format!("account/exports/{export}"), &[]).await
    }

    async fn ask(&self, path: &str, filters: &[(String, String)]) -> Result<Export, Fault> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("key", self.key.reveal())
            .extend_pairs(filters)
            .finish();
        let request = Request::new("GET", format!("{}/pl/api/{path}?{query}", self.base));
        let request = request.header("accept", "application/json").urgency(Urgency::Backfill);
        let sent =
            self.http.send(request).await.map_err(|silence| answer::no_response(silence, Effect::Read))?;
        if !(200..300).contains(&sent.status) {
            return Err(answer::unanswered(&sent));
        }
        let body = sent.json().ok().filter(Value::is_object);
        read(&body.ok_or_else(|| Fault::later("the answer of an export is not JSON"))?)
    }
}

fn read(body: &Value) -> Result<Export, Fault> {
    let info = &body["info"];
    if let Some(id) = info["export_id"].as_u64().or_else(|| info["export_id"].as_str()?.parse().ok()) {
        return Ok(Export::Started(id));
    }
    if info["fields"].is_array() {
        return Ok(Export::Ready(Table::read(info)));
    }
    let text = [&body["error_message"], &body["error"]].into_iter().find_map(Value::as_str);
    let text = text.unwrap_or_default().to_lowercase().replace('ё', "е");
    let by_text = TEXTS.iter().find(|(part, _)| text.contains(part)).map(|(_, code)| *code);
    match body["error_code"].as_u64().or(by_text) {
        Some(909) => Ok(Export::NotReady),
        Some(905) => Ok(Export::Busy),
        _ if text.contains("попробуйте другой фильтр") => Ok(Export::Empty),
        _ if text.contains("объект не найден") => Ok(Export::Unknown),
        Some(903) => Err(Fault::Later {
            why: "the account's exports are used up for now (903)".to_owned(),
            after_ms: Some(1_800_000),
        }),
        Some(code @ (901 | 904)) => Err(Fault::denied(format!("{code}: is getcourse.school_key right?"))),
        Some(917) => Err(Fault::denied("917: the account's interface is switched off")),
        Some(code) => Err(Fault::never(format!("the export was refused: {code}"))),
        None => Err(Fault::never("the export was refused without a code")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_answer_of_an_export_has_its_meaning() {
        let refused = |code: Value, text: &str| json!({ "success": false, "error": true, "error_code": code, "error_message": text, "info": [] });
        let check = |body: Value, expected: Result<Export, &str>| match (read(&body), expected) {
            (Ok(export), Ok(wanted)) => assert_eq!(export, wanted, "{body}"),
            (Err(fault), Err(class)) => {
                assert!(format!("{fault:?}").starts_with(class), "{body}: {fault:?}")
            }
            (got, wanted) => panic!("{body}: {got:?}, not {wanted:?}"),
        };
        check(json!({ "success": true, "info": { "export_id": 123456 } }), Ok(Export::Started(123_456)));
        check(json!({ "success": "true", "info": { "export_id": "7" } }), Ok(Export::Started(7)));
        let table = Table { fields: vec!["Номер".to_owned()], rows: vec![vec!["1".to_owned()]] };
        check(
            json!({ "success": true, "info": { "fields": ["Номер"], "items": [["1"]] } }),
            Ok(Export::Ready(table)),
        );
        check(refused(json!(909), "Файл еще не создан"), Ok(Export::NotReady));
        check(refused(json!(null), "Файл ещё не создан"), Ok(Export::NotReady));
        check(refused(json!(905), ""), Ok(Export::Busy));
        check(refused(json!(null), "Файл не создан, попробуйте другой фильтр"), Ok(Export::Empty));
        check(refused(json!(910), "Объект не найден"), Ok(Export::Unknown));
        check(refused(json!(903), "Слишком много запросов"), Err("Later"));
        check(refused(json!(901), ""), Err("Denied"));
        check(json!({ "success": false, "error": "Неавторизованное API-обращение" }), Err("Denied"));
        check(refused(json!(913), ""), Err("Never"));
        check(json!({}), Err("Never"));
    }
}
