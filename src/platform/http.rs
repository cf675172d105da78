//! The HTTP port: one request, one answer, and the difference between «nothing was sent» and
//! «it may have been done».
//! Never follows a redirect, never logs a body or an address with a secret.
//! Enter at [`Http`]; [`RealHttp`] is reqwest, tests plug the sandbox in here.

use async_trait::async_trait;

use crate::process::Urgency;

mod real;

pub use real::RealHttp;

/// A request to a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: &'static str,
    /// Whole address with its query.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whose turn it is when the account's budget is short.
    pub urgency: Urgency,
}

impl Request {
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Vec::new(), urgency: Urgency::Usual }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    pub fn form(mut self, body: String) -> Self {
        self.body = body.into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    pub fn urgency(mut self, urgency: Urgency) -> Self {
        self.urgency = urgency;
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; an empty body is `Null` (amoCRM's 204).
    pub fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        if self.body.is_empty() { Ok(serde_json::Value::Null) } else { serde_json::from_slice(&self.body) }
    }

    /// Seconds of `Retry-After` as milliseconds, clamped to an hour.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        Some(seconds.min(3600) * 1000)
    }
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// The connection was never made: nothing can have been done.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request left, or part of it: it may have been done.
    #[error("broken off: {0}")]
    BrokenOff(String),
}

#[async_trait]
pub trait Http: Send + Sync {
    async fn send(&self, request: Request) -> Result<Response, Silence>;
}
