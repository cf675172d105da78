//! Telphin's API: starts calls and subscribes to events (sheet, 2 and 4).
//! Never deletes a subscription that is not ours. Enter at [`TelphinClient`].

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Session, Settings, call_key, callback_key};
use crate::platform::Fault;
use crate::platform::http::{Http, NoResponse, Request, Response};
use crate::platform::telephony::start::{self, Start, Starter};
use crate::platform::telephony::statistics;
use crate::process::{At, Urgency};
use crate::secret::Secret;

/// The events of an extension that describe a call.
const EVENTS: [&str; 4] = ["dial-in", "dial-out", "answer", "hangup"];

/// One application of one account.
pub struct TelphinClient {
    settings: Settings,
    session: Arc<Session>,
    /// The address of events, and the part that all addresses of this school share.
    hook: Secret,
    hook_prefix: String,
    http: Arc<dyn Http>,
}

impl TelphinClient {
    /// `hook` is the address of events, `hook_prefix` the part that all addresses of this school share.
    pub fn new(
        settings: &Settings,
        session: Arc<Session>,
        (hook, hook_prefix): (Secret, String),
        http: Arc<dyn Http>,
    ) -> Self {
        Self { settings: settings.clone(), session, hook, hook_prefix, http }
    }

    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        self.session.send(&*self.http, request).await
    }

    fn url(&self, extension: u64, resource: &str) -> String {
        format!("{}/api/ver1.0/extension/{extension}/{resource}/", self.settings.url)
    }

    /// Adds the missing subscriptions of one extension, and removes our addresses with another secret.
    async fn subscribe(&self, extension: u64) -> Result<(), Fault> {
        let request = Request::new("GET", self.url(extension, "event")).urgency(Urgency::Backfill);
        let response = done(self.send(request).await.map_err(statistics::no_response)?)?;
        let listed = response.json().ok();
        let listed = listed.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_ours =
            |one: &&Value| one["url"].as_str().is_some_and(|url| url.starts_with(&self.hook_prefix));
        let is_new = |one: &&Value| one["url"].as_str() == Some(self.hook.reveal());
        for event in EVENTS {
            if !listed.iter().filter(is_new).any(|one| one["event_type"] == event) {
                let wish = json!({"url": self.hook.reveal(), "method": "POST", "event_type": event});
                let request = Request::new("POST", self.url(extension, "event")).json(&wish);
                done(self.send(request.urgency(Urgency::Backfill)).await.map_err(statistics::no_response)?)?;
            }
        }
        for old in listed.iter().filter(|one| is_ours(one) && !is_new(one)) {
            let Some(id) = old["id"].as_u64() else { continue };
            let url = format!("{}{id}", self.url(extension, "event"));
            done(
                self.send(Request::new("DELETE", url).urgency(Urgency::Backfill))
                    .await
                    .map_err(statistics::no_response)?,
            )?;
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
        judge(&self.send(request).await.map_err(start::no_response)?)
    }

    /// Extensions change, so all of them are checked once a day.
    async fn chore(&self, now: At) -> Result<At, Fault> {
        for extension in self.settings.extensions.values() {
            self.subscribe(*extension).await?;
        }
        Ok(now + TimeDelta::days(1))
    }
}

/// A request that may be repeated.
fn done(response: Response) -> Result<Response, Fault> {
    match response.status {
        200..=299 => Ok(response),
        _ => match start::refused("telphin", &response) {
            Fault::Unclear { why } => Err(Fault::later(why)),
            fault => Err(fault),
        },
    }
}

/// The names of the started call in its events.
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
    use crate::platform::fake::class;
    use crate::platform::telephony::start::tests::response;

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
}
