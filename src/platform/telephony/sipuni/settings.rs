//! What a school's file says of its Sipuni cabinet.

use serde::Deserialize;

use crate::secret::SecretSource;

/// `[sipuni]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The cabinet's number with its leading zero, as text: it stands before extensions in events.
    pub user: String,
    /// Numbers of the school's further cabinets, where events of several come to one address.
    #[serde(default)]
    pub other_users: Vec<String>,
    /// Seconds in which an answered call's event of the answer should come after its end; then the
    /// end alone is believed.
    #[serde(default = "final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never told counts as ended.
    #[serde(default = "stuck_s")]
    pub stuck_s: u32,
    /// The integration key that signs commands. Absent: calls are seen, none is started.
    #[serde(default)]
    pub key: Option<SecretSource>,
    /// Address of the API, without a path.
    #[serde(default = "url")]
    pub url: String,
    /// Requests per second over all instances; Sipuni publishes no limit.
    #[serde(default = "requests_per_second")]
    pub requests_per_second: f64,
    /// Minutes between two looks at the statistics of calls; 0 switches it off. They need the key.
    #[serde(default = "look_back_min")]
    pub look_back_min: u32,
    /// IANA zone of the cabinet, in which statistics write their times.
    #[serde(default = "zone")]
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

fn final_wait_s() -> u32 {
    60
}

fn stuck_s() -> u32 {
    7_200
}

fn url() -> String {
    "https://sipuni.com".to_owned()
}

fn look_back_min() -> u32 {
    10
}

fn zone() -> chrono_tz::Tz {
    chrono_tz::Europe::Moscow
}

fn requests_per_second() -> f64 {
    1.0
}

fn timeout_s() -> u64 {
    60
}
