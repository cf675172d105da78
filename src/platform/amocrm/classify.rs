//! What an answer of amoCRM means: a usable reply, a rejection with details, or a classed fault. Never sends
//! anything and never quotes a value of a body, only codes and paths. Enter at [`classify`]. Sources:
//! amocrm.ru/developers/content/crm_platform/error-codes and the limits of
//! amocrm.ru/developers/content/api/recommendations.

use serde_json::Value;

use crate::platform::Fault;
use crate::platform::http::{NoResponse, Response};

/// A 429 without `retry-after`: the limit counts seconds.
const AFTER_TOO_MANY_MS: u64 = 1_000;

/// What is allowed when the outcome of a request is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatSafety {
    /// A read, or a write that can be repeated without a further effect.
    Repeatable,
    /// A create: sending it twice creates a duplicate.
    Once,
}

/// A definite answer of the platform.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Body(Value),
    /// 204: nothing found, or done without a body.
    Nothing,
    /// 400, 404, 405, 422: the request cannot be carried out as it is.
    Rejected(Rejection),
}

/// The possible results of one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Reply(Reply),
    /// 401: the token is expired or revoked; nothing was done.
    TokenRefused,
    Fault(Fault),
}

/// A refused request with its body, so that the caller can drop the rejected parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    pub status: u16,
    /// `Null` if the body is not JSON.
    pub body: Value,
}

/// One named error of a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// `NotSupportedChoice`, `InvalidType`, `TooLong` …
    pub code: String,
    /// Dotted, with indexes: `custom_fields_values.0.field_id`.
    pub path: String,
}

impl Rejection {
    /// The errors of `validation-errors`, for all items of the request.
    pub fn named(&self) -> Vec<Named> {
        let items = self.body["validation-errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let errors = items.iter().filter_map(|item| item["errors"].as_array()).flatten();
        let text = |value: &Value| plain(value.as_str().unwrap_or_default());
        errors.map(|error| Named { code: text(&error["code"]), path: text(&error["path"]) }).collect()
    }

    /// The fault names the refused fields and the codes, without values.
    pub fn fault(&self) -> Fault {
        let named =
            self.named().iter().map(|one| format!("{} at {}", one.code, one.path)).collect::<Vec<_>>();
        let what = if named.is_empty() { "no field named".to_owned() } else { named.join(", ") };
        Fault::never(format!("amoCRM refused it with {}: {what}", self.status))
    }
}

/// Classifies one answer. `repeat` decides what an unknown outcome means.
pub fn classify(repeat: RepeatSafety, answer: Result<Response, NoResponse>) -> Verdict {
    let response = match answer {
        Ok(response) => response,
        Err(NoResponse::NotSent(_)) => return Verdict::Fault(Fault::later("amoCRM could not be reached")),
        Err(NoResponse::BrokenOff(_)) => return Verdict::Fault(unknown(repeat, "the answer never came")),
    };
    let status = response.status;
    match status {
        204 => Verdict::Reply(Reply::Nothing),
        200..=299 => match response.json() {
            Ok(Value::Null) => Verdict::Reply(Reply::Nothing),
            Ok(body) => Verdict::Reply(Reply::Body(body)),
            Err(_) => Verdict::Fault(unknown(repeat, "the answer is no JSON")),
        },
        300..=399 => Verdict::Fault(Fault::denied(format!(
            "amoCRM redirects with {status}: is amocrm.url the account's own address?"
        ))),
        401 => Verdict::TokenRefused,
        402 => Verdict::Fault(Fault::denied("amoCRM answers 402: the account's subscription is over")),
        403 => Verdict::Fault(forbidden(&response)),
        429 => Verdict::Fault(Fault::Later {
            why: "amoCRM answers 429: too many requests".to_owned(),
            after_ms: response.retry_after_ms().or(Some(AFTER_TOO_MANY_MS)),
        }),
        // The account is moved, locked or mended: nothing was done, and nothing is said of the request.
        410 | 421 | 423 | 425 => Verdict::Fault(Fault::later(format!("amoCRM answers {status}"))),
        408 | 500..=599 => Verdict::Fault(unknown(repeat, &format!("amoCRM answers {status}"))),
        _ => Verdict::Reply(Reply::Rejected(Rejection {
            status,
            body: response.json().unwrap_or(Value::Null),
        })),
    }
}

/// A page without JSON comes from the gateway: the account or the address is blocked for its request rate,
/// and only the platform's support can lift that. JSON means missing rights.
fn forbidden(response: &Response) -> Fault {
    match response.json() {
        Ok(body) if body.is_object() => Fault::denied(
            "amoCRM answers 403: the token lacks rights, a scope, or this address is not in the account's list",
        ),
        _ => Fault::denied(
            "amoCRM answers 403 on everything: the account or this address is blocked, ask its support",
        ),
    }
}

fn unknown(repeat: RepeatSafety, why: &str) -> Fault {
    match repeat {
        RepeatSafety::Repeatable => Fault::later(why),
        RepeatSafety::Once => Fault::unclear(why),
    }
}

/// Codes and paths consist of the platform's words; any other character is dropped.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fake;

    fn answer(status: u16, body: &str) -> Result<Response, NoResponse> {
        let headers = if status == 429 { vec![("retry-after".to_owned(), "3".to_owned())] } else { vec![] };
        Ok(Response { status, headers, body: body.as_bytes().to_vec() })
    }

    /// One word for the class of a verdict.
    fn class(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Reply(Reply::Body(_)) => "body",
            Verdict::Reply(Reply::Nothing) => "nothing",
            Verdict::Reply(Reply::Rejected(_)) => "rejected",
            Verdict::TokenRefused => "token",
            Verdict::Fault(fault) => fake::class(&Err::<(), _>(fault)),
        }
    }

    #[track_caller]
    fn check(answer: Result<Response, NoResponse>, repeatable: &str, once: &str) {
        assert_eq!(class(classify(RepeatSafety::Repeatable, answer.clone())), repeatable);
        assert_eq!(class(classify(RepeatSafety::Once, answer)), once);
    }

    #[test]
    fn every_answer_has_its_class() {
        check(answer(200, "{\"id\":1}"), "body", "body");
        check(answer(204, ""), "nothing", "nothing");
        check(answer(200, "<html>"), "later", "unclear");
        check(answer(302, ""), "denied", "denied");
        check(answer(400, "{}"), "rejected", "rejected");
        check(answer(401, "{}"), "token", "token");
        check(answer(402, "{}"), "denied", "denied");
        check(answer(403, "<html>"), "denied", "denied");
        check(answer(403, "{\"status\":403}"), "denied", "denied");
        check(answer(404, "<html>"), "rejected", "rejected");
        check(answer(410, "<html>"), "later", "later");
        check(answer(423, "{\"status\":423}"), "later", "later");
        check(answer(429, "<html>"), "later", "later");
        check(answer(500, "<html>"), "later", "unclear");
        check(answer(504, ""), "later", "unclear");
        check(Err(NoResponse::NotSent("dns".to_owned())), "later", "later");
        check(Err(NoResponse::BrokenOff("reset".to_owned())), "later", "unclear");
    }

    #[test]
    fn a_429_says_when_to_come_back() {
        let Verdict::Fault(Fault::Later { after_ms, .. }) =
            classify(RepeatSafety::Once, answer(429, "<html>"))
        else {
            panic!("not later");
        };
        assert_eq!(after_ms, Some(3000));
    }

    #[test]
    fn a_rejection_names_paths_and_never_values() {
        let body = r#"{"validation-errors":[{"request_id":"0","errors":[
            {"code":"NotSupportedChoice","path":"custom_fields_values.0.field_id","detail":"Анна +79165550137"}]}],
            "title":"Bad Request","status":400,"detail":"Request validation failed"}"#;
        let Verdict::Reply(Reply::Rejected(rejection)) = classify(RepeatSafety::Once, answer(400, body))
        else {
            panic!("not rejected");
        };
        assert_eq!(
            rejection.fault(),
            Fault::never("amoCRM refused it with 400: NotSupportedChoice at custom_fields_values.0.field_id")
        );
    }
}
