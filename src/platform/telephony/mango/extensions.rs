//! The employees of an account and their extensions (sheet, 7.3). Never repeats a name. Enter at
//! [`MangoExtensions`].

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::json;

use super::{Api, api, code, wire};
use crate::platform::Fault;
use crate::platform::telephony::extensions::{self, Extensions};
use crate::process::Urgency;

pub struct MangoExtensions(pub Api);

#[async_trait]
impl Extensions for MangoExtensions {
    async fn known(&self) -> Result<BTreeSet<String>, Fault> {
        let request = self.0.request("config/users/request", &json!({})).urgency(Urgency::Backfill);
        let response = self.0.send(request).await.map_err(extensions::no_response)?;
        let body = response.json().unwrap_or_default();
        let users = body["users"].as_array().ok_or_else(|| match api::said(&response) {
            Some(result) if code::is_denial(result) => api::denied(result),
            _ => extensions::refused("mango", &response),
        })?;
        Ok(users.iter().filter_map(|user| wire::text(&user["telephony"]["extension"])).collect())
    }
}
