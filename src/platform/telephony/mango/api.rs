//! Mango's API: builds requests, forms that are signed over their JSON (sheet, 2 and 7). Enter at
//! [`Api::request`].

use std::sync::Arc;

use serde::Serialize;

use super::{Settings, wire};
use crate::platform::Fault;
use crate::platform::http::{Http, NoResponse, Request, Response};
use crate::secret::Secret;

/// One school's account.
pub struct Api {
    pub base: String,
    pub key: Secret,
    pub salt: Secret,
    pub http: Arc<dyn Http>,
}

impl Api {
    /// Reads both secrets; the error says which one and what to do.
    pub fn open(settings: &Settings, http: Arc<dyn Http>) -> Result<Self, String> {
        let (key, salt) = settings.keys()?;
        Ok(Self { base: settings.url.clone(), key, salt, http })
    }

    pub fn request(&self, path: &str, body: &impl Serialize) -> Request {
        let json = crate::json::text(body);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("vpbx_api_key", self.key.reveal())
            .append_pair("sign", &wire::sign(&self.key, json.as_bytes(), &self.salt))
            .append_pair("json", &json)
            .finish();
        Request::new("POST", format!("{}/vpbx/{path}", self.base)).form(form)
    }

    pub async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        self.http.send(request).await
    }
}

/// Mango's result code, in the body of both editions of the API.
pub fn said(response: &Response) -> Option<i64> {
    let body = response.json().ok()?;
    ["result", "code"].into_iter().find_map(|name| wire::int(&body[name])).filter(|code| *code > 0)
}

pub fn denied(result: i64) -> Fault {
    Fault::denied(format!("mango {result}: wrong key or signature"))
}
