//! Starts calls through Sipuni (sheet, 4.1 and 4.2). A refusal may have status 200, so the body decides.
//! Enter at [`SipuniClient`].

use std::sync::Arc;

use async_trait::async_trait;
use md5::{Digest, Md5};

use super::{Settings, callback_key};
use crate::platform::Fault;
use crate::platform::http::{Http, Request, Response};
use crate::platform::telephony::start::{self, Start, Starter};
use crate::platform::telephony::statistics;
use crate::process::{At, Urgency};
use crate::secret::Secret;

/// One cabinet with its integration key.
pub struct SipuniClient {
    base: String,
    user: String,
    key: Secret,
    http: Arc<dyn Http>,
}

impl SipuniClient {
    pub fn new(settings: &Settings, key: Secret, http: Arc<dyn Http>) -> Self {
        Self { base: settings.url.clone(), user: settings.user.clone(), key, http }
    }

    /// `pairs` in the order of their names: the hash is over their values in that order.
    pub(super) fn request(&self, method: &str, pairs: &[(&str, &str)]) -> Request {
        let values: Vec<&str> = pairs.iter().map(|(_, value)| *value).collect();
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .append_pair("user", &self.user)
            .append_pair("hash", &hash(&values, &self.user, &self.key))
            .finish();
        Request::new("POST", format!("{}/api/{method}", self.base)).form(form)
    }

    /// A read: may always be repeated.
    pub(super) async fn ask(&self, request: Request) -> Result<Response, Fault> {
        self.http.send(request.urgency(Urgency::Backfill)).await.map_err(statistics::no_response)
    }
}

/// `lowercase_hex(md5(values, user and key joined by plus signs))`.
fn hash(values: &[&str], user: &str, key: &Secret) -> String {
    let parts: Vec<&str> = values.iter().copied().chain([user, key.reveal()]).collect();
    hex::encode(Md5::digest(parts.join("+")))
}

#[async_trait]
impl Starter for SipuniClient {
    /// The caller ID is set in the cabinet. Events contain the id of this answer, if they contain one at all.
    async fn start(&self, start: &Start<'_>, _: At) -> Result<Vec<String>, Fault> {
        let pairs = [
            ("antiaon", "0"),
            ("phone", start.client_digits()),
            // The manager first.
            ("reverse", "0"),
            ("sipnumber", start.extension),
        ];
        let request = self.request("callback/call_number", &pairs).urgency(start.urgency);
        let response = self.http.send(request).await.map_err(start::no_response)?;
        Ok(judge(&response)?.iter().map(|id| callback_key(id)).collect())
    }
}

/// The call-back's id, if the answer contains one. The texts of refusals are not documented.
fn judge(response: &Response) -> Result<Option<String>, Fault> {
    if !(200..300).contains(&response.status) {
        return Err(start::refused("sipuni", response));
    }
    let body = response.json().ok().filter(serde_json::Value::is_object);
    let body = body.ok_or_else(|| start::refused("sipuni", response))?;
    match body["success"].as_bool() {
        Some(true) => {
            let ids = [&body["id"], &body["callId"]];
            Ok(ids.into_iter().find_map(|id| id.as_str()).map(str::to_owned))
        }
        Some(false) => {
            Err(Fault::never("sipuni refuses the call start: are sipuni.key and the extension right?"))
        }
        None => Err(start::refused("sipuni", response)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fake::class;
    use crate::platform::telephony::start::tests::response;

    #[test]
    fn hashes_are_the_sheets() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sipuni/vectors.json");
        let vectors: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let key = Secret::new("0.abcdef12345");
        for vector in vectors["sipuni"].as_array().unwrap() {
            let string = vector["string"].as_str().unwrap();
            let values = string.strip_suffix("012345+0.abcdef12345").unwrap().strip_suffix('+');
            let values: Vec<&str> = values.map(|values| values.split('+').collect()).unwrap_or_default();
            assert_eq!(vector["hash"], hash(&values, "012345", &key), "{string}");
        }
    }

    #[test]
    fn answers_mean_what_the_sheet_says() {
        for (status, body, expected) in [
            (200, r#"{"success": true, "id": "5f4d"}"#, "done"),
            (200, r#"{"success": true, "callId": "5f4d"}"#, "done"),
            (200, r#"{"success": false, "message": "…"}"#, "never"),
            (200, "<html>", "unclear"),
            (200, "", "unclear"),
            (401, "", "denied"),
            (429, "", "later"),
            (502, "", "unclear"),
        ] {
            assert_eq!(class(&judge(&response(status, body))), expected, "{status} {body}");
        }
    }
}
