//! Zadarma's API: signed requests, and the start of a call (sheet, 4 and 4.1). All parameters are signed.
//! Enter at [`Api::request`].

use std::sync::Arc;

use async_trait::async_trait;
use md5::{Digest, Md5};

use super::signature::Signature;
use crate::platform::Fault;
use crate::platform::http::{Http, Request, Response};
use crate::platform::telephony::start::{self, Start, Starter};
use crate::process::At;
use crate::secret::Secret;

/// One account.
pub struct Api {
    pub base: String,
    pub key: Secret,
    pub secret: Secret,
    pub http: Arc<dyn Http>,
}

impl Api {
    /// `pairs` in the order of their names, `path` with both slashes.
    pub fn request(&self, path: &str, pairs: &[(&str, &str)]) -> Request {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let sign = sign(path, &query, &self.secret);
        Request::new("GET", format!("{}{path}?{query}", self.base))
            .header("authorization", format!("{}:{sign}", self.key.reveal()))
    }
}

fn sign(path: &str, query: &str, secret: &Secret) -> String {
    let sum = hex::encode(Md5::digest(query));
    Signature::of(&format!("{path}{query}{sum}"), secret).hex()
}

#[async_trait]
impl Starter for Api {
    /// The answer contains no call id: the call is recognised by its two numbers. The caller ID is a setting
    /// of the extension, for all its calls.
    async fn start(&self, start: &Start<'_>, _: At) -> Result<Vec<String>, Fault> {
        let pairs = [
            ("format", "json"),
            // The manager first.
            ("from", start.extension),
            ("sip", start.extension),
            ("to", start.client_digits()),
        ];
        let request = self.request("/v1/request/callback/", &pairs).urgency(start.urgency);
        judge(&self.http.send(request).await.map_err(start::no_response)?)
    }
}

fn judge(response: &Response) -> Result<Vec<String>, Fault> {
    let said = response.json().ok().and_then(|body| body["status"].as_str().map(str::to_owned));
    match (response.status, said.as_deref()) {
        (200..=299, Some("success")) => Ok(Vec::new()),
        (200..=299, Some("error")) => {
            Err(Fault::never("zadarma refuses the call start: are the extension and the number right?"))
        }
        _ => Err(start::refused("zadarma", response)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fake::class;
    use crate::platform::telephony::start::tests::response;

    #[test]
    fn requests_are_signed_as_the_sheet_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/zadarma/vectors.json");
        let vectors: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let secret = Secret::new(vectors["zadarma_keys"]["secret"].as_str().unwrap());
        for vector in vectors["zadarma_api"].as_array().unwrap() {
            let (string, query) = (vector["string"].as_str().unwrap(), vector["query"].as_str().unwrap());
            let path = string.split_once(query).unwrap().0;
            assert_eq!(vector["signature"], sign(path, query, &secret), "{string}");
        }
    }

    #[test]
    fn answers_mean_what_the_sheet_says() {
        for (status, body, expected) in [
            (200, r#"{"status":"success","from":"101","to":"79005550101","time":1767254400}"#, "done"),
            (200, r#"{"status":"error","message":"Check your phone number"}"#, "never"),
            (200, "<html>", "unclear"),
            (200, "", "unclear"),
            (400, r#"{"status":"error","message":"…"}"#, "never"),
            (401, r#"{"status":"error","message":"Not authorized"}"#, "denied"),
            (429, r#"{"status":"error","message":"…"}"#, "later"),
            (502, "", "unclear"),
        ] {
            assert_eq!(class(&judge(&response(status, body))), expected, "{status} {body}");
        }
    }
}
