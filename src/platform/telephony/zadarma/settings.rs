//! A school's settings for its Zadarma account. Enter at [`Settings`].

use serde::Deserialize;

use crate::platform::reference::{Section, key};
use crate::platform::telephony::settings::{STUCK, usual};
use crate::secret::SecretSource;

/// `[zadarma]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Signs events and requests.
    pub secret: SecretSource,
    /// The account's key. Without it calls are observed, but none is started and no statistics are read.
    #[serde(default)]
    pub key: Option<SecretSource>,
    /// The accepted forms of an event's signature: the documentation and the official clients differ.
    #[serde(default)]
    pub signature: Form,
    /// IANA zone of the account: events and statistics write their times in it, without an offset.
    #[serde(default = "usual::zone")]
    pub zone: chrono_tz::Tz,
    /// Seconds to wait for further events of an ended call.
    #[serde(default = "usual::final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never reported counts as ended.
    #[serde(default = "usual::stuck_s")]
    pub stuck_s: u32,
    /// Address of the API, without a path.
    #[serde(default = "url")]
    pub url: String,
    /// Requests per second over all instances; Zadarma allows 100 a minute.
    #[serde(default = "requests_per_second")]
    pub requests_per_second: f64,
    /// Minutes between two reads of the call statistics; 0 switches it off. They need the key.
    #[serde(default = "look_back_min")]
    pub look_back_min: u32,
    #[serde(default = "usual::timeout_s")]
    pub timeout_s: u64,
}

/// What the base64 of an event's signature encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Either of the two.
    #[default]
    Any,
    /// The digest in hex digits.
    Hex,
    /// The digest's own bytes.
    Raw,
}

fn url() -> String {
    "https://api.zadarma.com".to_owned()
}

fn requests_per_second() -> f64 {
    1.0
}

fn look_back_min() -> u32 {
    15
}

/// The reference texts of its tables.
pub const SECTIONS: &[Section] = &[Section {
    path: "zadarma",
    about: "The Zadarma account. Its events are signed, but for the length and the result of a call: statistics correct them.",
    keys: &[
        key("secret", "secret, required", "Signs events and requests."),
        key("key", "secret", "The account's key. Absent: calls are observed, none is started."),
        key("signature", "any | hex | raw", "Accepted form of the events' signature."),
        key("zone", "IANA zone", "Zone of the account, used in events and statistics."),
        key("final_wait_s", "seconds", "To wait for further events after a call's end."),
        STUCK,
        key("url", "https address", "Address of the API."),
        key("requests_per_second", "number", "Budget; Zadarma allows 100 requests a minute."),
        key(
            "look_back_min",
            "minutes",
            "Between two reads of the call statistics, which Zadarma forbids to read every minute. 0 or no `key`: off.",
        ),
        key("timeout_s", "seconds", "Timeout of one request."),
    ],
}];
