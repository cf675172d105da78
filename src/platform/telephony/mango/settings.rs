//! What a school's file says of its Mango Office account.

use serde::Deserialize;

use crate::secret::SecretSource;

/// `[mango]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The unique VPBX code.
    pub api_key: SecretSource,
    /// The signing key.
    pub api_salt: SecretSource,
    /// Seconds after the last leg's end in which the final record should come; then the legs
    /// themselves are believed.
    #[serde(default = "final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never told counts as ended.
    #[serde(default = "stuck_s")]
    pub stuck_s: u32,
    /// Address of the API, without a path.
    #[serde(default = "url")]
    pub url: String,
    /// Requests per second over all instances; Mango allows 4 call starts.
    #[serde(default = "requests_per_second")]
    pub requests_per_second: f64,
    /// Minutes between two looks at the statistics of calls; 0 switches it off.
    #[serde(default = "look_back_min")]
    pub look_back_min: u32,
    /// Seconds that one request may take in all.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

fn final_wait_s() -> u32 {
    60
}

fn stuck_s() -> u32 {
    4 * 3_600
}

fn url() -> String {
    "https://app.mango-office.ru".to_owned()
}

fn look_back_min() -> u32 {
    10
}

fn requests_per_second() -> f64 {
    2.0
}

fn timeout_s() -> u64 {
    20
}
