//! A request of a platform on its way in: as it came, and what tells a repeat.
//! Never decodes anything and never prints what a request says.
//! Enter at [`RawRequest`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request as it came, before anything is believed. What it says cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RawRequest {
    pub method: String,
    /// Path after the secret, without slashes at its ends; may be empty.
    pub tail: String,
    /// Query as it came, undecoded.
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
    /// The platform's own id of the event: a repeat within `keep_s` seconds is a repeat.
    Unique { key: String, keep_s: u64 },
    /// No id: a repeat only if `digest` equals the last one accepted for `slot`
    /// (object and kind of event), so that A→B→A are three events.
    SameAsLast { slot: String, digest: String },
    /// Every request counts.
    Always,
}
