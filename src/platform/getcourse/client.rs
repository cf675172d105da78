//! Calls of GetCourse's two interfaces: the Tech API (reads, single updates) and the legacy import (sheet,
//! 3). Never shows a key, never follows a redirect, never creates an order. Enter at [`Client`]; `answer`
//! classifies the answers.

use std::sync::Arc;

use base64::Engine;
use serde_json::Value;

use super::Settings;
use super::answer::{self, Effect};
use crate::platform::Fault;
use crate::platform::http::{Http, Request};
use crate::process::Urgency;
use crate::secret::Secret;

/// One school's account, with both keys.
pub struct Client {
    base: String,
    bearer: Secret,
    school_key: Secret,
    http: Arc<dyn Http>,
}

/// Both keys of a Tech API account.
#[derive(Debug, Clone)]
pub struct Keys {
    pub developer: Secret,
    pub school: Secret,
}

impl Keys {
    /// `None` if both are missing: then nothing is read or written. The error says which key is missing.
    pub fn read(settings: &Settings) -> Result<Option<Self>, String> {
        let (Some(developer), Some(school)) = (&settings.developer_key, &settings.school_key) else {
            return Ok(None);
        };
        let developer = developer.read().map_err(|why| format!("getcourse.developer_key: {why}"))?;
        let school = school.read().map_err(|why| format!("getcourse.school_key: {why}"))?;
        Ok(Some(Self { developer, school }))
    }
}

impl Client {
    pub fn new(settings: &Settings, keys: Keys, http: Arc<dyn Http>) -> Self {
        Self {
            base: settings.url.trim_end_matches('/').to_owned(),
            bearer: Secret::new(format!("Bearer {}_{}", keys.developer.reveal(), keys.school.reveal())),
            school_key: keys.school,
            http,
        }
    }

    /// `GET` of the Tech API; `data` of its envelope.
    pub async fn read(&self, method: &str, query: &[(&str, &str)], urgency: Urgency) -> Result<Value, Fault> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let request = Request::new("GET", format!("{}/pl/api/v1/{method}?{query}", self.base));
        self.tech(request.urgency(urgency), Effect::Read).await
    }

    /// `POST` of the Tech API.
    pub async fn write(&self, method: &str, body: &Value, urgency: Urgency) -> Result<Value, Fault> {
        let request = Request::new("POST", format!("{}/pl/api/v1/{method}", self.base)).json(body);
        self.tech(request.urgency(urgency), Effect::Write).await
    }

    async fn tech(&self, request: Request, effect: Effect) -> Result<Value, Fault> {
        let request =
            request.header("authorization", self.bearer.reveal()).header("accept", "application/json");
        let response =
            self.http.send(request).await.map_err(|silence| answer::no_response(silence, effect))?;
        answer::tech(&response, effect)
    }

    /// Legacy import of an order: an update, because `deal_number` is known; without it, it would create one.
    pub async fn import_order(&self, params: &Value, urgency: Urgency) -> Result<Value, Fault> {
        let params = base64::engine::general_purpose::STANDARD.encode(params.to_string());
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("action", "add")
            .append_pair("key", self.school_key.reveal())
            .append_pair("params", &params)
            .finish();
        let request = Request::new("POST", format!("{}/pl/api/deals", self.base)).form(body);
        let request = request.header("accept", "application/json").urgency(urgency);
        let sent = self.http.send(request).await;
        answer::import(&sent.map_err(|silence| answer::no_response(silence, Effect::Write))?)
    }
}
