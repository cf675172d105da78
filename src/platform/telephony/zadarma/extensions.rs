//! The extensions of an account (sheet, 4.3). Enter at [`ZadarmaExtensions`].

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::Value;

use super::api::Api;
use crate::platform::Fault;
use crate::platform::telephony::extensions::{self, Extensions};
use crate::process::Urgency;

pub struct ZadarmaExtensions(pub Api);

#[async_trait]
impl Extensions for ZadarmaExtensions {
    async fn known(&self) -> Result<BTreeSet<String>, Fault> {
        let request = self.0.request("/v1/pbx/internal/", &[]).urgency(Urgency::Backfill);
        let response = self.0.http.send(request).await.map_err(extensions::no_response)?;
        let body = response.json().unwrap_or_default();
        let numbers = body["numbers"].as_array().ok_or_else(|| extensions::refused("zadarma", &response))?;
        let said = |number: &Value| number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        Ok(numbers.iter().map(said).collect())
    }
}
