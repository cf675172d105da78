//! Classes of failure: what the outbox does next depends on the class and on nothing else.
//! The text is for people only. Enter at [`Fault`].

/// A classed failure of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing was done; try again after `after_ms`, or by our own backoff.
    #[error("later: {why}")]
    Later { why: String, after_ms: Option<u64> },
    /// Nothing was done: this process is not ready for it yet, and will be within seconds. It is tried again soon,
    /// and the try does not count, so its next failures do not wait longer for it.
    #[error("soon: {why}")]
    Soon { why: String },
    /// It can never succeed as it is: dead letter, and the order gets another next step.
    #[error("never: {why}")]
    Never { why: String },
    /// It may have been done: look it up before sending it again.
    #[error("unclear: {why}")]
    Unclear { why: String },
    /// Nothing was done: it needs what an earlier command of its order makes, and that is not there. If that
    /// command is still on its way, this one goes behind it; otherwise it can never succeed.
    #[error("missing: {why}")]
    Missing { why: String },
    /// Credentials, ban, unpaid account: all lanes of the account stop, alarm, nothing is lost.
    #[error("denied: {why}")]
    Denied { why: String },
}

impl Fault {
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after_ms: None }
    }

    pub fn never(why: impl Into<String>) -> Self {
        Self::Never { why: why.into() }
    }

    pub fn unclear(why: impl Into<String>) -> Self {
        Self::Unclear { why: why.into() }
    }

    pub fn denied(why: impl Into<String>) -> Self {
        Self::Denied { why: why.into() }
    }
}
