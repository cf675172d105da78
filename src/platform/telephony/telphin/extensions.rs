//! Which of the configured extensions the account has: each is asked for by its id, as the sheet (2) names no
//! list. Enter at [`TelphinExtensions`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::Session;
use crate::platform::Fault;
use crate::platform::http::{Http, Request};
use crate::platform::telephony::extensions::{self, Extensions};
use crate::process::Urgency;

/// Most extensions that are asked for.
const ASKED_MAX: usize = 100;

pub struct TelphinExtensions {
    pub url: String,
    pub extensions: BTreeMap<String, u64>,
    pub session: Arc<Session>,
    pub http: Arc<dyn Http>,
}

#[async_trait]
impl Extensions for TelphinExtensions {
    async fn known(&self) -> Result<BTreeSet<String>, Fault> {
        let mut known = BTreeSet::new();
        for (extension, id) in self.extensions.iter().take(ASKED_MAX) {
            let url = format!("{}/api/ver1.0/extension/{id}/event/", self.url);
            let request = Request::new("GET", url).urgency(Urgency::Backfill);
            let response = self.session.send(&*self.http, request).await.map_err(extensions::no_response)?;
            match response.status {
                200..=299 => drop(known.insert(extension.clone())),
                404 => {}
                _ => return Err(extensions::refused("telphin", &response)),
            }
        }
        Ok(known)
    }
}
