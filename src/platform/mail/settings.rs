//! What a school's file says of its mail server.

use serde::Deserialize;

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
