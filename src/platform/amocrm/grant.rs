//! The token endpoint: its requests, and what its answers mean for a token. Never stores anything, and quotes
//! only known hints from an answer. Enter at [`class`]. Source:
//! amocrm.ru/developers/content/oauth/step-by-step.

use chrono::DateTime;
use serde_json::Value;

use super::client::USER_AGENT;
use super::consent::App;
use crate::platform::Fault;
use crate::platform::http::{NoResponse, Request, Response};
use crate::platform::tokens::TokenPair;
use crate::process::{At, Urgency};
use crate::secret::Secret;

/// `grant` holds the grant's type and its token or code.
pub fn request(app: &App, base: &str, mut grant: Value) -> Request {
    grant["client_id"] = app.client_id.as_str().into();
    grant["client_secret"] = app.client_secret.reveal().into();
    grant["redirect_uri"] = app.redirect_uri.as_str().into();
    Request::new("POST", format!("{base}/oauth2/access_token"))
        .header("user-agent", USER_AGENT)
        .json(&grant)
        .urgency(Urgency::Money)
}

/// Why no pair was issued.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// The same token or code will never be accepted.
    ForGood(String),
    ForNow(Fault),
}

/// The token endpoint's answers (sheet, 1.3). If the answer is lost, the token may have been used up or not:
/// it is kept and tried once more, and a «revoked» then tells which.
pub fn class(answer: Result<Response, NoResponse>, now: At) -> Result<TokenPair, Refusal> {
    let response = match answer {
        Ok(response) => response,
        Err(NoResponse::NotSent(_)) => {
            return Err(later("amoCRM's token endpoint could not be reached", None));
        }
        Err(NoResponse::BrokenOff(_)) => return Err(later("amoCRM's token endpoint never answered", None)),
    };
    let body = response.json().ok();
    match response.status {
        200 => {
            body.and_then(|body| pair(&body, now)).ok_or_else(|| later("the new token cannot be read", None))
        }
        408 | 429 | 500..=599 => Err(later(
            &format!("amoCRM's token endpoint answers {}", response.status),
            response.retry_after_ms(),
        )),
        403 if !body.as_ref().is_some_and(Value::is_object) => Err(Refusal::ForNow(Fault::denied(
            "amoCRM's token endpoint answers 403: the account or this address is blocked, ask its support",
        ))),
        status @ 300..=399 => Err(Refusal::ForNow(Fault::denied(format!(
            "amoCRM redirects with {status}: is amocrm.url the account's own address?"
        )))),
        402 => Err(Refusal::ForNow(Fault::denied("amoCRM answers 402: the account's subscription is over"))),
        status => {
            let hint = body.as_ref().map(hint).unwrap_or_default();
            Err(Refusal::ForGood(format!("amoCRM's token endpoint answers {status}{hint}")))
        }
    }
}

fn pair(body: &Value, now: At) -> Option<TokenPair> {
    let text = |name: &str| Some(Secret::new(body[name].as_str().filter(|text| !text.is_empty())?));
    let issued = body["server_time"].as_i64().unwrap_or(now.timestamp());
    Some(TokenPair {
        access: text("access_token")?,
        refresh: text("refresh_token")?,
        expires_at: DateTime::from_timestamp(issued + body["expires_in"].as_i64()?, 0)?,
    })
}

/// Known hints only: they tell which of the integration's keys is wrong.
fn hint(body: &Value) -> String {
    const KNOWN: [&str; 6] = [
        "Token has been revoked",
        "Authorization code has expired",
        "Authorization code has been revoked",
        "Cannot decrypt the authorization code",
        "Check the `client_id` parameter",
        "Invalid refresh token",
    ];
    let hint = body["hint"].as_str().unwrap_or_default();
    KNOWN.iter().find(|known| **known == hint).map(|known| format!(" ({known})")).unwrap_or_default()
}

fn later(why: &str, after_ms: Option<u64>) -> Refusal {
    Refusal::ForNow(Fault::Later { why: why.to_owned(), after_ms })
}
