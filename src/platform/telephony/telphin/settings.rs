//! What a school's file says of its Telphin account.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::secret::SecretSource;

/// `[telphin]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Short number of an extension → its numeric id in the account, which does not change.
    #[serde(default)]
    pub extensions: BTreeMap<String, u64>,
    /// Seconds after the first hang-up of a talk, or after the last of all, in which further legs
    /// are waited for: there is no final record.
    #[serde(default = "final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never told counts as ended.
    #[serde(default = "stuck_s")]
    pub stuck_s: u32,
    /// The application's id and secret (type «trusted»). Absent: calls are seen, none is started
    /// and no events are subscribed to.
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub client_secret: Option<SecretSource>,
    /// Address of the API, without a path; installations differ.
    #[serde(default = "url")]
    pub url: String,
    /// Requests per second over all instances; Telphin publishes no limit.
    #[serde(default = "requests_per_second")]
    pub requests_per_second: f64,
    /// Minutes between two looks at the history of calls; 0 switches it off. It needs the application.
    #[serde(default = "look_back_min")]
    pub look_back_min: u32,
    /// The company in the addresses of its history; `@me` is the application's own.
    #[serde(default = "company")]
    pub company: String,
    #[serde(default = "timeout_s")]
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

fn stuck_s() -> u32 {
    7_200
}

fn url() -> String {
    "https://apiproxy.telphin.ru".to_owned()
}

fn look_back_min() -> u32 {
    10
}

fn company() -> String {
    "@me".to_owned()
}

fn requests_per_second() -> f64 {
    2.0
}

fn timeout_s() -> u64 {
    20
}
