//! What an answer of GetCourse means for a delivery (sheet, 3.4 and 3.5). Never repeats an answer's text: it
//! is localised, and may contain a person's name. Enter at [`tech`] and [`import`].

use serde_json::Value;

use crate::platform::Fault;
use crate::platform::http::{NoResponse, Response};

/// Whether a lost answer may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
}

/// No answer came.
pub fn no_response(silence: NoResponse, effect: Effect) -> Fault {
    match silence {
        NoResponse::NotSent(why) => Fault::later(why),
        NoResponse::BrokenOff(why) => lost(effect, why),
    }
}

/// The `data` of the Tech API's JSON envelope.
pub fn tech(response: &Response, effect: Effect) -> Result<Value, Fault> {
    let envelope = response.json().ok().filter(Value::is_object);
    if (200..300).contains(&response.status) {
        let Some(mut envelope) = envelope else {
            return Err(lost(effect, "an answer that is not JSON".to_owned()));
        };
        // Some methods answer only `{"success": "OK"}`, without data.
        let is_done = match &envelope["status"] {
            Value::Null => is_true(&envelope["success"]),
            status => is_true(status),
        };
        if is_done {
            return Ok(envelope["data"].take());
        }
        // Refused inside a 200: the envelope's own code decides the class.
        let code = envelope["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        return Err(refused(
            code.filter(|code| *code >= 400).unwrap_or(400),
            response,
            effect,
            JsonEnvelope::There,
        ));
    }
    let there = if envelope.is_some() { JsonEnvelope::There } else { JsonEnvelope::Missing };
    Err(refused(response.status, response, effect, there))
}

/// The legacy import's two levels → `result`. Almost everything comes with status 200.
pub fn import(response: &Response) -> Result<Value, Fault> {
    if !(200..300).contains(&response.status) {
        return Err(refused(response.status, response, Effect::Write, JsonEnvelope::Missing));
    }
    if response.body.iter().all(u8::is_ascii_whitespace) {
        // The answer of a plan without import; nothing was written [observed].
        return Err(Fault::denied("an empty answer: the plan has no import"));
    }
    let Some(mut envelope) = response.json().ok().filter(Value::is_object) else {
        return Err(lost(Effect::Write, "an answer that is not JSON".to_owned()));
    };
    if !is_true(&envelope["success"]) {
        return Err(import_refused(&envelope));
    }
    let result = envelope["result"].take();
    if is_true(&result["error"]) || !is_true(&result["success"]) {
        return Err(Fault::never("the import was refused inside `result`"));
    }
    Ok(result)
}

/// A read that was not answered with 2xx, for calls without a JSON envelope.
pub fn unanswered(response: &Response) -> Fault {
    refused(response.status, response, Effect::Read, JsonEnvelope::Missing)
}

/// The `why` of a call whose object is not there.
pub const NOT_FOUND: &str = "getcourse answers 404: it has no such object";

/// Whether there is a JSON envelope. Without one, a 404 means a wrong address, not a missing object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JsonEnvelope {
    There,
    Missing,
}

fn refused(status: u16, response: &Response, effect: Effect, envelope: JsonEnvelope) -> Fault {
    let why = format!("getcourse answers {status}");
    match status {
        300..=399 => {
            Fault::denied("the address redirects: put the domain that the school serves into getcourse.url")
        }
        401 | 403 => {
            Fault::denied(format!("{why}: are both keys of this school and is the developer's enabled?"))
        }
        404 if envelope == JsonEnvelope::Missing => Fault::denied(format!("{why}: is getcourse.url right?")),
        404 => Fault::never(NOT_FOUND),
        429 => Fault::Later { why, after_ms: response.retry_after_ms() },
        503 if response.retry_after_ms().is_some() => {
            Fault::Later { why, after_ms: response.retry_after_ms() }
        }
        408 | 500..=599 => lost(effect, why),
        _ => Fault::never(why),
    }
}

/// Texts of the import's top level are localised; the words below are those of the sheet.
fn import_refused(envelope: &Value) -> Fault {
    const DENIED: [(&str, &str); 7] = [
        ("неавторизован", "wrong key or wrong domain"),
        ("access denied", "wrong key or wrong domain"),
        ("действие запрещено", "the key is read-only"),
        ("функционал недоступен", "the interface is switched off"),
        ("пустой параметр action", "the body was lost, is there a redirect?"),
        ("параметр key", "no key arrived"),
        ("только по https", "plain http"),
    ];
    let text = [&envelope["error"], &envelope["error_message"]].into_iter().find_map(Value::as_str);
    let text = text.unwrap_or_default().to_lowercase();
    let code = envelope["error_code"].as_u64();
    if let Some((_, why)) = DENIED.iter().find(|(part, _)| text.contains(part)) {
        return Fault::denied(*why);
    }
    match code {
        Some(901 | 904 | 917) => Fault::denied(format!("getcourse error {}", code.unwrap_or_default())),
        Some(903 | 905) => Fault::later("too many requests"),
        _ if text.contains("слишком много запросов") => Fault::later("too many requests"),
        _ if text.contains("достигнут лимит") => {
            Fault::denied("the plan's monthly allowance is used up")
        }
        _ => Fault::never("the import was refused"),
    }
}

/// A read can simply be repeated; a write may have been carried out.
fn lost(effect: Effect, why: String) -> Fault {
    match effect {
        Effect::Read => Fault::later(why),
        Effect::Write => Fault::unclear(why),
    }
}

/// `true`, `"true"`, `1`, `"1"` mean the same here.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => matches!(text.trim().to_lowercase().as_str(), "true" | "1" | "ok"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fake::class;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: vec![("retry-after".to_owned(), "30".to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn answers_of_the_tech_api_have_their_class() {
        let refused = r#"{"status":false,"message":"Нет доступа","code":403,"errors":[]}"#;
        for (status, body, read, write) in [
            (200, r#"{"status":true,"code":200,"data":{"id":1}}"#, "done", "done"),
            (200, r#"{"status":"true","data":[]}"#, "done", "done"),
            (200, refused, "denied", "denied"),
            (200, r#"{"status":false,"code":400,"errors":["x"]}"#, "never", "never"),
            (200, r#"{"status":false,"code":200}"#, "never", "never"),
            (200, r#"{"success":"OK"}"#, "done", "done"),
            (200, r#"{"success":false}"#, "never", "never"),
            (200, r#"{"status":false,"success":"OK"}"#, "never", "never"),
            (200, "<html>", "later", "unclear"),
            (200, "", "later", "unclear"),
            (302, "", "denied", "denied"),
            (400, r#"{"status":false}"#, "never", "never"),
            (401, "", "denied", "denied"),
            (403, refused, "denied", "denied"),
            (404, r#"{"status":false,"message":"Объект не найден"}"#, "never", "never"),
            (404, "Wrong subdomain", "denied", "denied"),
            (429, "", "later", "later"),
            (500, "", "later", "unclear"),
            (504, "", "later", "unclear"),
        ] {
            assert_eq!(class(&tech(&response(status, body), Effect::Read)), read, "{status} {body}");
            assert_eq!(class(&tech(&response(status, body), Effect::Write)), write, "{status} {body}");
        }
        let Err(Fault::Later { after_ms, .. }) = tech(&response(429, ""), Effect::Write) else { panic!() };
        assert_eq!(after_ms, Some(30_000));
    }

    #[test]
    fn both_levels_of_an_import_are_looked_at() {
        for (status, body, expected) in [
            (200, r#"{"success":true,"result":{"success":true,"error":false,"deal_id":1}}"#, "done"),
            (200, r#"{"success":"true","result":{"success":"1"}}"#, "done"),
            (
                200,
                r#"{"success":true,"result":{"success":false,"error":true,"error_message":"m@example.ru"}}"#,
                "never",
            ),
            (200, r#"{"success":true,"result":{"success":true,"error":true}}"#, "never"),
            (200, r#"{"success":true}"#, "never"),
            (200, r#"{"success":false,"error":"Неавторизованное API-обращение"}"#, "denied"),
            (200, r#"{"success":false,"error":"Access denied"}"#, "denied"),
            (200, r#"{"success":false,"error":true,"error_code":901}"#, "denied"),
            (200, r#"{"success":false,"error":"Действие запрещено"}"#, "denied"),
            (200, r#"{"success":false,"error":"Достигнут лимит заказов"}"#, "denied"),
            (200, r#"{"success":false,"error":"Слишком много запросов"}"#, "later"),
            (200, r#"{"success":false,"error":"Ошибка"}"#, "never"),
            (200, " ", "denied"),
            (200, "<html>", "unclear"),
            (301, "", "denied"),
            (404, "Wrong subdomain", "denied"),
            (502, "", "unclear"),
        ] {
            let result = import(&response(status, body));
            if let Err(fault) = &result {
                assert!(!fault.to_string().contains('@'), "{fault}");
            }
            assert_eq!(class(&result), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_lost_answer_is_unclear_only_where_something_was_written() {
        let broken = || NoResponse::BrokenOff("reset".to_owned());
        assert!(matches!(no_response(broken(), Effect::Read), Fault::Later { .. }));
        assert!(matches!(no_response(broken(), Effect::Write), Fault::Unclear { .. }));
        assert!(matches!(
            no_response(NoResponse::NotSent(String::new()), Effect::Write),
            Fault::Later { .. }
        ));
    }
}
