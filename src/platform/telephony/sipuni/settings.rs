//! A school's settings for its Sipuni cabinet. Enter at [`Settings`].

use serde::Deserialize;

use crate::platform::reference::{Section, key};
use crate::platform::telephony::settings::{STUCK, usual};
use crate::secret::SecretSource;

/// `[sipuni]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The cabinet's number with its leading zero, as text: events write it before extensions.
    pub user: String,
    /// Numbers of the school's further cabinets, if several send events to one address.
    #[serde(default)]
    pub other_users: Vec<String>,
    /// Seconds to wait, after the end of an answered call, for the event of the answer; then the end alone
    /// counts.
    #[serde(default = "usual::final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never reported counts as ended.
    #[serde(default = "usual::stuck_s")]
    pub stuck_s: u32,
    /// The integration key that signs commands. Without it calls are observed, but none is started.
    #[serde(default)]
    pub key: Option<SecretSource>,
    /// Address of the API, without a path.
    #[serde(default = "url")]
    pub url: String,
    /// Requests per second over all instances; Sipuni publishes no limit.
    #[serde(default = "requests_per_second")]
    pub requests_per_second: f64,
    /// Minutes between two reads of the call statistics; 0 switches it off. They need the key.
    #[serde(default = "usual::look_back_min")]
    pub look_back_min: u32,
    /// IANA zone of the cabinet, of the times in the statistics.
    #[serde(default = "usual::zone")]
    pub zone: chrono_tz::Tz,
    /// Sipuni answers a call start slowly.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

impl Settings {
    /// Numbers of all the school's cabinets.
    pub fn users(&self) -> Vec<String> {
        std::iter::once(&self.user).chain(&self.other_users).cloned().collect()
    }
}

fn url() -> String {
    "https://sipuni.com".to_owned()
}

fn requests_per_second() -> f64 {
    1.0
}

fn timeout_s() -> u64 {
    60
}

/// The reference texts of its tables.
pub const SECTIONS: &[Section] = &[Section {
    path: "sipuni",
    about: "The Sipuni cabinet. Its events are not signed: the secret in the address is the only check.",
    keys: &[
        key("user", "text, required", "The cabinet's number with its leading zero."),
        key("other_users", "list of text", "Numbers of further cabinets that send to the same address."),
        key(
            "final_wait_s",
            "seconds",
            "To wait for the event of the answer after an answered call's end; then the end alone decides.",
        ),
        STUCK,
        key("key", "secret", "The integration key. Absent: calls are observed, none is started."),
        key("url", "https address", "Address of the API."),
        key("requests_per_second", "number", "Budget; Sipuni publishes no limit."),
        key("look_back_min", "minutes", "Between two reads of the call statistics. 0 or no `key`: off."),
        key("zone", "IANA zone", "Zone of the cabinet, used in statistics."),
        key("timeout_s", "seconds", "Timeout of one request; call starts are answered slowly."),
    ],
}];
