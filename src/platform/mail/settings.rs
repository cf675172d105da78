//! A school's settings for its mail server. Enter at [`Settings`].

use serde::Deserialize;

use crate::platform::reference::{Section, key};
use crate::secret::SecretSource;

/// `[mail]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub host: String,
    #[serde(default = "port")]
    pub port: u16,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// `Школа «Рост» <order@school.example>`.
    pub from: String,
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Letters per second.
    #[serde(default = "letters_per_second")]
    pub letters_per_second: f64,
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// TLS from the first byte, usually port 465.
    Wrapped,
    /// `STARTTLS`, required, usually port 587.
    #[default]
    Starttls,
    /// None: accepted for loopback only.
    None,
}

fn port() -> u16 {
    587
}

fn letters_per_second() -> f64 {
    2.0
}

fn timeout_s() -> u64 {
    20
}

/// The reference texts of its tables.
pub const SECTIONS: &[Section] = &[Section {
    path: "mail",
    about: "The mail server for letters.",
    keys: &[
        key("host", "text, required", "Name of the server."),
        key("port", "number", "465 with wrapped, 587 with starttls."),
        key("tls", "starttls | wrapped | none", "Protection of the connection; none only for loopback."),
        key("user", "text", "Absent: no sign-in."),
        key("password", "secret", "Together with `user`."),
        key("from", "address, required", "Школа «Рост» <order@school.example>."),
        key("reply_to", "address", "Address for replies. Absent: `from`."),
        key("letters_per_second", "number", "Budget of the server."),
        key("timeout_s", "seconds", "Timeout of one letter."),
    ],
}];
