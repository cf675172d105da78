//! The HTTP port: one request, one answer, and the difference between «nothing was sent» and «it may have
//! been done». Never follows a redirect, never logs a body or an address with a secret. Enter at [`Http`];
//! [`RealHttp`] is reqwest, tests plug the sandbox in here.

use std::fmt;

use async_trait::async_trait;

use crate::bounded::{self, ANSWER, Unread};
use crate::process::Urgency;

mod real;

pub use real::RealHttp;

/// A request to a platform. Headers and addresses contain keys, bodies contain personal data: `Debug` shows
/// none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: &'static str,
    /// The whole address with its query.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Priority when the account's budget is short.
    pub urgency: Urgency,
    /// Deliveries that wait for the answer.
    pub deliveries: u64,
    pub budget: BudgetUse,
}

/// Whether a request still has to wait for its account's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetUse {
    /// It waits for the budget when it is sent.
    Due,
    /// [`Http::turn`] has already waited for it.
    Paid,
}

/// A request for one slot of an account's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRequest {
    pub urgency: Urgency,
    /// Deliveries that wait for this request: 0 for a chore, several for a batch.
    pub deliveries: u64,
    /// The group that may share one request.
    pub group: Option<Group>,
}

/// Items with the same group name may leave in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// A number chosen by the platform's client.
    pub name: u32,
    /// Identifies this item; no other item has this number.
    pub item: u64,
    /// Most items in one request.
    pub most: usize,
}

/// A granted turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// Send one request now, for these items of the group.
    Send(Vec<u64>),
    /// Another member of the group sends the request.
    SentByPeer,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request of {} bytes", self.method, self.body.len())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answer {} of {} bytes", self.status, self.body.len())
    }
}

impl BudgetRequest {
    /// One delivery with a request of its own.
    pub fn alone(urgency: Urgency) -> Self {
        Self { urgency, deliveries: 1, group: None }
    }
}

impl Request {
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        let (urgency, deliveries, budget) = (Urgency::Usual, 1, BudgetUse::Due);
        Self { method, url: url.into(), headers, body, urgency, deliveries, budget }
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

    /// On behalf of this many deliveries, within a turn that was granted.
    pub fn in_turn(self, deliveries: u64) -> Self {
        Self { deliveries, budget: BudgetUse::Paid, ..self }
    }
}

/// An answer; `Debug` does not show its body.
#[derive(Clone, PartialEq, Eq)]
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
    pub fn json(&self) -> Result<serde_json::Value, Unread> {
        if self.body.is_empty() { Ok(serde_json::Value::Null) } else { bounded::json(&self.body, &ANSWER) }
    }

    /// Seconds of `Retry-After` as milliseconds, clamped to an hour.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        Some(seconds.min(3600) * 1000)
    }
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoResponse {
    /// The connection was never made: nothing can have been done.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request left, at least in part: it may have been done.
    #[error("broken off: {0}")]
    BrokenOff(String),
}

#[async_trait]
pub trait Http: Send + Sync {
    /// Waits for the account's budget, unless the request has already paid for it.
    async fn send(&self, request: Request) -> Result<Response, NoResponse>;

    /// Waits for the account's budget, and takes waiting members of the same group along. Without a budget
    /// each request goes alone and at once.
    async fn turn(&self, request: BudgetRequest) -> Result<Granted, NoResponse> {
        Ok(Granted::Send(request.group.iter().map(|group| group.item).collect()))
    }
}
