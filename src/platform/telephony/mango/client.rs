//! Starts calls through Mango (sheet, 7.1 and 7.6). After a request that Mango rejects as wrong, nothing is
//! sent for two minutes, because each further request would prolong the 401. Enter at [`MangoClient`].

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::Serialize;

use super::api::{self, said};
use super::{Api, code};
use crate::platform::Fault;
use crate::platform::http::Response;
use crate::platform::telephony::start::{self, Start, Starter};
use crate::process::At;

/// How long Mango answers 401 after a wrong request.
const REST_MIN: i64 = 2;

/// `commands/callback`.
#[derive(Serialize)]
struct Callback<'a> {
    command_id: &'a str,
    from: From<'a>,
    to_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_number: Option<&'a str>,
}

#[derive(Serialize)]
struct From<'a> {
    extension: &'a str,
}

/// Starts calls at one school's account.
pub struct MangoClient {
    api: Api,
    /// Nothing is sent before this time.
    rest_until: Mutex<Option<At>>,
}

impl MangoClient {
    pub fn new(api: Api) -> Self {
        Self { api, rest_until: Mutex::new(None) }
    }

    fn rested(&self, now: At) -> Result<(), Fault> {
        let until = *self.rest_until.lock().unwrap_or_else(PoisonError::into_inner);
        match until.map(|until| (until - now).num_milliseconds()).filter(|left_ms| *left_ms > 0) {
            Some(left_ms) => Err(Fault::Later {
                why: "mango rests after a wrong request".to_owned(),
                after_ms: u64::try_from(left_ms).ok(),
            }),
            None => Ok(()),
        }
    }

    fn rest(&self, now: At) {
        let until = now + TimeDelta::minutes(REST_MIN);
        *self.rest_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

#[async_trait]
impl Starter for MangoClient {
    /// The call's events contain the command's id, so no other name is returned.
    async fn start(&self, start: &Start<'_>, now: At) -> Result<Vec<String>, Fault> {
        self.rested(now)?;
        let body = Callback {
            command_id: start.command,
            from: From { extension: start.extension },
            to_number: start.client_digits(),
            line_number: start.caller_id_digits(),
        };
        let request = self.api.request("commands/callback", &body).urgency(start.urgency);
        let response = self.api.send(request).await.map_err(start::no_response)?;
        let judged = judge(&response);
        if is_wrong_request(&response) {
            self.rest(now);
        }
        judged.map(|()| Vec::new())
    }
}

fn is_wrong_request(response: &Response) -> bool {
    response.status == 401 || said(response).is_some_and(|code| (3100..3200).contains(&code))
}

/// 2017: an empty 200, the result follows as `result/callback`. 2026: `{"result":1000}`.
fn judge(response: &Response) -> Result<(), Fault> {
    let ok = (200..300).contains(&response.status);
    match said(response) {
        Some(result) if ok && code::is_accepted(result) => Ok(()),
        None if ok => Ok(()),
        Some(result) if code::is_denial(result) => Err(api::denied(result)),
        Some(result @ (4501 | 5001 | 5002 | 5008)) => Err(Fault::later(format!("mango {result}"))),
        Some(result) => Err(Fault::never(format!("mango {result}: the call was not started"))),
        None => Err(start::refused("mango", response)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::platform::fake::{FakeHttp, class};
    use crate::platform::telephony::start::tests::response;
    use crate::secret::Secret;

    fn client(http: Arc<FakeHttp>) -> MangoClient {
        MangoClient::new(Api {
            base: "https://app.mango-office.ru".to_owned(),
            key: Secret::new("a1b2c3d4e5f60718293a4b5c6d7e8f90"),
            salt: Secret::new("0f9e8d7c6b5a49382716051423324150"),
            http,
        })
    }

    const START: Start<'static> = Start {
        command: "gc-1001-1",
        extension: "101",
        client: "+79005550101",
        caller_id: Some("+74955550000"),
        urgency: crate::process::Urgency::Hot,
    };

    #[tokio::test]
    async fn after_a_wrong_request_nothing_leaves_for_two_minutes() {
        let answers = [response(420, r#"{"code":3104}"#), response(200, r#"{"result":1000}"#)];
        let http = FakeHttp::answering(answers.map(Ok));
        let client = client(http.clone());
        let at = |second: i64| At::from_timestamp(1_767_254_400 + second, 0).expect("in range");
        for (second, expected) in [(0, "never"), (1, "later"), (119, "later"), (120, "done")] {
            let done = client.start(&START, at(second)).await;
            assert_eq!(class(&done), expected, "after {second} s");
        }
        for request in http.asked() {
            assert_eq!(request.url, "https://app.mango-office.ru/vpbx/commands/callback");
            let body = String::from_utf8(request.body).expect("a form");
            // The sheet's own example, M1.
            let sign = "sign=4c93e69d2f5d94fd45905025a1006e82a6cffb659f17796ee3e1e857ad34e5b4";
            assert!(body.contains(sign), "{body}");
        }
    }

    #[test]
    fn answers_mean_what_the_sheet_says() {
        for (status, body, expected) in [
            (200, "", "done"),
            (200, r#"{"result":1000}"#, "done"),
            (200, r#"{"result":"1000"}"#, "done"),
            (200, r#"{"result":2240}"#, "never"),
            (200, r#"{"result":3100}"#, "never"),
            (420, r#"{"code":3102}"#, "denied"),
            (400, r#"{"code":3104}"#, "never"),
            (401, r#"{"name":"Unauthorized","code":0,"status":401}"#, "denied"),
            (200, r#"{"result":5001}"#, "later"),
            (429, r#"{"code":0,"status":429}"#, "later"),
            (503, "<html>", "later"),
            (504, "<html>", "unclear"),
        ] {
            assert_eq!(class(&judge(&response(status, body))), expected, "{status} {body}");
        }
    }
}
