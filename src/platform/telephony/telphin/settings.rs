//! A school's settings for its Telphin account. Enter at [`Settings`].

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::platform::reference::{Section, key};
use crate::platform::telephony::settings::{STUCK, usual};
use crate::secret::SecretSource;

/// `[telphin]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Short number of an extension → its numeric id in the account, which does not change.
    #[serde(default)]
    pub extensions: BTreeMap<String, u64>,
    /// Seconds to wait for further legs after the first hang-up of a talk, or after the last hang-up: there
    /// is no final record.
    #[serde(default = "final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never reported counts as ended.
    #[serde(default = "usual::stuck_s")]
    pub stuck_s: u32,
    /// The application's id and secret (type «trusted»). Without them calls are only observed: none is
    /// started, and no events are subscribed to.
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub client_secret: Option<SecretSource>,
    /// Address of the API, without a path; installations differ.
    #[serde(default = "url")]
    pub url: String,
    /// Requests per second over all instances; Telphin publishes no limit.
    #[serde(default = "usual::requests_per_second")]
    pub requests_per_second: f64,
    /// Minutes between two reads of the call history; 0 switches it off. It needs the application.
    #[serde(default = "usual::look_back_min")]
    pub look_back_min: u32,
    /// The company in the addresses of its history; `@me` is the application's own.
    #[serde(default = "company")]
    pub company: String,
    #[serde(default = "usual::timeout_s")]
    pub timeout_s: u64,
}

impl Settings {
    /// The short number of an extension's id.
    pub fn extension(&self, id: u64) -> Option<&str> {
        self.extensions.iter().find(|(_, known)| **known == id).map(|(short, _)| short.as_str())
    }
}

fn final_wait_s() -> u32 {
    30
}

fn url() -> String {
    "https://apiproxy.telphin.ru".to_owned()
}

fn company() -> String {
    "@me".to_owned()
}

/// The reference texts of its tables.
pub const SECTIONS: &[Section] = &[Section {
    path: "telphin",
    about: "The Telphin account. Its events are not signed: the secret in the address is the only check.",
    keys: &[
        key(
            "extensions",
            "extension = id",
            "Short number → numeric id of the extension, for subscriptions and call starts.",
        ),
        key("final_wait_s", "seconds", "To wait for further legs after a hang-up: there is no final record."),
        STUCK,
        key("client_id", "text", "The application's id. Absent: calls are observed, none is started."),
        key("client_secret", "secret", "The application's secret, together with `client_id`."),
        key("url", "https address", "Address of the API; installations differ."),
        key("requests_per_second", "number", "Budget; Telphin publishes no limit."),
        key("look_back_min", "minutes", "Between two reads of the call history. 0 or no `client_id`: off."),
        key("company", "text", "In the addresses of the history; `@me` is the application's own company."),
        key("timeout_s", "seconds", "Timeout of one request."),
    ],
}];
