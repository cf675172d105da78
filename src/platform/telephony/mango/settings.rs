//! A school's settings for its Mango Office account. Enter at [`Settings`].

use serde::Deserialize;

use crate::platform::reference::{Section, key};
use crate::platform::telephony::settings::{STUCK, usual};
use crate::secret::{Secret, SecretSource};

/// `[mango]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The unique VPBX code.
    pub api_key: SecretSource,
    /// The signing key.
    pub api_salt: SecretSource,
    /// Seconds to wait for the final record after the last leg's end; then the result is taken from the legs.
    #[serde(default = "usual::final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never reported counts as ended.
    #[serde(default = "stuck_s")]
    pub stuck_s: u32,
    /// Address of the API, without a path.
    #[serde(default = "url")]
    pub url: String,
    /// Requests per second over all instances; Mango allows 4 call starts.
    #[serde(default = "usual::requests_per_second")]
    pub requests_per_second: f64,
    /// Minutes between two reads of the call statistics; 0 switches it off.
    #[serde(default = "usual::look_back_min")]
    pub look_back_min: u32,
    /// Timeout of one request, in seconds.
    #[serde(default = "usual::timeout_s")]
    pub timeout_s: u64,
}

impl Settings {
    /// Reads both secrets; the error says which one and what to do.
    pub fn keys(&self) -> Result<(Secret, Secret), String> {
        let key = self.api_key.read().map_err(|why| format!("mango.api_key: {why}"))?;
        let salt = self.api_salt.read().map_err(|why| format!("mango.api_salt: {why}"))?;
        Ok((key, salt))
    }
}

fn stuck_s() -> u32 {
    4 * 3_600
}

fn url() -> String {
    "https://app.mango-office.ru".to_owned()
}

/// The reference texts of its tables.
pub const SECTIONS: &[Section] = &[Section {
    path: "mango",
    about: "The Mango Office VPBX.",
    keys: &[
        key("api_key", "secret, required", "The unique VPBX code."),
        key("api_salt", "secret, required", "The signing key."),
        key(
            "final_wait_s",
            "seconds",
            "To wait for the final record after the last leg's end; then the legs decide.",
        ),
        STUCK,
        key("url", "https address", "Address of the API."),
        key("requests_per_second", "number", "Budget; Mango allows 4 call starts."),
        key("look_back_min", "minutes", "Between two reads of the call statistics. 0: off."),
        key("timeout_s", "seconds", "Timeout of one request."),
    ],
}];
