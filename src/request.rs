//! A platform's request as received, and its idempotency key. Never decodes anything; `Debug` does not show
//! the content of a request. Enter at [`RawRequest`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request as received, before any check. `Debug` does not show its content.
#[derive(Clone, PartialEq, Eq)]
pub struct RawRequest {
    pub method: String,
    /// Path after the secret, without slashes at its ends; may be empty.
    pub tail: String,
    /// The query, not decoded.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request of {} bytes", self.method, self.query.len() + self.body.len())
    }
}

/// How a repeat is recognised (design, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum IdempotencyKey {
    /// The platform's id of the event: the same id within `keep_s` seconds is a repeat.
    Unique { key: String, keep_s: u64 },
    /// Without an id, a request is a repeat only if `digest` equals the last one accepted for `slot` (object
    /// and kind of event), so that A→B→A are three events.
    SameAsLast { slot: String, digest: String },
    /// Never a repeat.
    Always,
}
