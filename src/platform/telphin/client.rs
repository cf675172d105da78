//! Telphin's API: sign-in, call start, subscriptions to events (sheet, 1, 2 and 4).
//! Never deletes a subscription that is not ours. Enter at [`TelphinClient`].

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Settings, call_key, callback_key};
use crate::clock::Clock;
use crate::platform::Fault;
use crate::platform::http::{Http, Request, Response, Silence};
use crate::platform::telephony::start::{self, Start, Starter};
use crate::process::{At, Urgency};
use crate::secret::Secret;

/// What a token lives where the answer does not say.
const TOKEN_S: i64 = 3600;

/// The events of an extension that make a call.
const EVENTS: [&str; 4] = ["dial-in", "dial-out", "answer", "hangup"];

/// One application of one account.
pub struct TelphinClient {
    settings: Settings,
    secret: Secret,
    /// Where events are to come to, and the part of it that all addresses of this school share.
    hook: Secret,
    hook_prefix: String,
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    token: Mutex<Option<(Secret, At)>>,
}

impl TelphinClient {
    /// `None` without an application: then no call is started and nothing is subscribed to.
    /// `hook` is `(prefix, secret)` of the address of events.
    pub fn open(
        settings: &Settings,
        (hook_prefix, secret): (String, &str),
        http: Arc<dyn Http>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, String> {
        let (Some(_), Some(source)) = (&settings.client_id, &settings.client_secret) else { return Ok(None) };
        let hook = Secret::new(format!("{hook_prefix}{secret}"));
        let secret = source.read().map_err(|why| format!("telphin.client_secret: {why}"))?;
        let token = Mutex::new(None);
        Ok(Some(Self { settings: settings.clone(), secret, hook, hook_prefix, http, clock, token }))
    }

    /// The token that is valid now; one sign-in for all who wait.
    async fn token(&self, urgency: Urgency) -> Result<Secret, Fault> {
        let mut held = self.token.lock().await;
        if let Some((token, _)) = held.as_ref().filter(|(_, until)| self.clock.now() < *until) {
            return Ok(token.clone());
        }
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", self.settings.client_id.as_deref().unwrap_or_default())
            .append_pair("client_secret", self.secret.reveal())
            .finish();
        let request = Request::new("POST", format!("{}/oauth/token", self.settings.url)).form(body);
        let response = self.http.send(request.urgency(urgency)).await.map_err(asked)?;
        let (token, life_s) = signed_in(&response)?;
        // A fifth of its life is left for requests on their way.
        let until = self.clock.now() + TimeDelta::seconds(life_s * 4 / 5);
        *held = Some((token.clone(), until));
        Ok(token)
    }

    /// One request; a token that is refused is replaced once.
    async fn send(&self, request: Request) -> Result<Response, Silence> {
        let mut response = None;
        for _ in 0..2 {
            let token = match self.token(request.urgency).await {
                Ok(token) => token,
                Err(Fault::Denied { .. }) => {
                    return Ok(Response { status: 401, headers: Vec::new(), body: Vec::new() });
                }
                Err(fault) => return Err(Silence::NotSent(fault.to_string())),
            };
            let signed = request.clone().header("authorization", format!("Bearer {}", token.reveal()));
            let answer = self.http.send(signed).await?;
            if answer.status != 401 {
                return Ok(answer);
            }
            *self.token.lock().await = None;
            response = Some(answer);
        }
        Ok(response.unwrap_or(Response { status: 401, headers: Vec::new(), body: Vec::new() }))
    }

    fn url(&self, extension: u64, resource: &str) -> String {
        format!("{}/api/ver1.0/extension/{extension}/{resource}/", self.settings.url)
    }

    /// Subscribes to what is missing of one extension; an address of ours with another secret goes.
    async fn subscribe(&self, extension: u64) -> Result<(), Fault> {
        let request = Request::new("GET", self.url(extension, "event")).urgency(Urgency::Backfill);
        let response = done(self.send(request).await.map_err(asked)?)?;
        let listed = response.json().ok();
        let listed = listed.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_ours =
            |one: &&Value| one["url"].as_str().is_some_and(|url| url.starts_with(&self.hook_prefix));
        let is_new = |one: &&Value| one["url"].as_str() == Some(self.hook.reveal());
        for event in EVENTS {
            if !listed.iter().filter(is_new).any(|one| one["event_type"] == event) {
                let wish = json!({"url": self.hook.reveal(), "method": "POST", "event_type": event});
                let request = Request::new("POST", self.url(extension, "event")).json(&wish);
                done(self.send(request.urgency(Urgency::Backfill)).await.map_err(asked)?)?;
            }
        }
        for old in listed.iter().filter(|one| is_ours(one) && !is_new(one)) {
            let Some(id) = old["id"].as_u64() else { continue };
            let url = format!("{}{id}", self.url(extension, "event"));
            done(self.send(Request::new("DELETE", url).urgency(Urgency::Backfill)).await.map_err(asked)?)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Starter for TelphinClient {
    async fn start(&self, start: &Start<'_>, _: At) -> Result<Vec<String>, Fault> {
        let Some(id) = self.settings.extensions.get(start.extension) else {
            return Err(Fault::never(format!("telphin.extensions has no id for {}", start.extension)));
        };
        let mut body = json!({"src_num": [start.extension], "dst_num": start.client_digits()});
        if let Some(line) = start.caller_id_digits() {
            body["dst_ani"] = line.into();
        }
        let request = Request::new("POST", self.url(*id, "callback")).json(&body).urgency(start.urgency);
        judge(&self.send(request).await.map_err(start::silent)?)
    }

    /// Employees come and go: once a day every extension is looked at.
    async fn chore(&self, now: At) -> Result<At, Fault> {
        for extension in self.settings.extensions.values() {
            self.subscribe(*extension).await?;
        }
        Ok(now + TimeDelta::days(1))
    }
}

/// A question, or a sign-in: whatever became of it, it may be asked again.
fn asked(silence: Silence) -> Fault {
    Fault::later(silence.to_string())
}

fn signed_in(response: &Response) -> Result<(Secret, i64), Fault> {
    match response.status {
        200..=299 => {}
        400 | 401 | 403 => return Err(Fault::denied("telphin refuses the application's id or secret")),
        status => return Err(Fault::later(format!("telphin answers {status} to the sign-in"))),
    }
    let body = response.json().unwrap_or_default();
    let token = body["access_token"].as_str().ok_or_else(|| Fault::later("telphin gives no token"))?;
    Ok((Secret::new(token), body["expires_in"].as_i64().filter(|life| *life > 0).unwrap_or(TOKEN_S)))
}

/// A request that may be made again.
fn done(response: Response) -> Result<Response, Fault> {
    match response.status {
        200..=299 => Ok(response),
        _ => match start::refused("telphin", &response) {
            Fault::Unclear { why } => Err(Fault::later(why)),
            fault => Err(fault),
        },
    }
}

/// The names under which the started call's events will come.
fn judge(response: &Response) -> Result<Vec<String>, Fault> {
    if !(200..300).contains(&response.status) {
        return Err(start::refused("telphin", response));
    }
    let body = response.json().ok().filter(Value::is_object);
    let body = body.ok_or_else(|| start::refused("telphin", response))?;
    let api = body["call_api_id"].as_str().map(callback_key);
    let call = body["call_id"].as_str().map(call_key);
    Ok(api.into_iter().chain(call).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::telephony::start::tests::{class, response};

    #[test]
    fn answers_mean_what_the_sheet_says() {
        for (status, body, expected) in [
            (201, r#"{"call_api_id":"C0FFEE01","call_id":"C0FFEE02"}"#, "done"),
            (200, "<html>", "unclear"),
            (400, r#"{"message":"bad field"}"#, "never"),
            (401, r#"{"message":"Unauthorized"}"#, "denied"),
            (403, r#"{"message":"Forbidden"}"#, "denied"),
            (404, r#"{"message":"Not found"}"#, "never"),
            (429, r#"{"message":"Too many"}"#, "later"),
            (500, "", "unclear"),
        ] {
            assert_eq!(class(&judge(&response(status, body))), expected, "{status} {body}");
        }
        let names = judge(&response(201, r#"{"call_api_id":"C0FFEE01","call_id":"C0FFEE02"}"#)).unwrap();
        assert_eq!(names, ["telphin:api:c0ffee01", "telphin:c0ffee02"]);
    }

    #[test]
    fn a_token_without_a_life_lives_an_hour() {
        let answer = |status, body| signed_in(&response(status, body)).map(|(_, life_s)| life_s);
        assert_eq!(answer(200, r#"{"access_token":"T","token_type":"Bearer"}"#), Ok(3600));
        assert_eq!(answer(200, r#"{"access_token":"T","expires_in":60}"#), Ok(60));
        assert_eq!(class(&answer(401, "")), "denied");
        assert_eq!(class(&answer(500, "")), "later");
        assert_eq!(class(&answer(200, "{}")), "later");
    }
}
