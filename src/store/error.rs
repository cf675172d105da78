//! Why a call of the store failed, and whether time or a person mends it. Never holds stored bytes. Enter at
//! [`StoreError`].

/// The result of every call that can meet an unreachable store.
pub type StoreResult<T> = Result<T, StoreError>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// As far as we know, nothing was done; try again later.
    #[error("the store does not answer: {0}")]
    Unreachable(String),
    /// Stored bytes that this version cannot read.
    #[error("stored data cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// Says which server it was.
    pub fn of(self, server: &str) -> Self {
        let named = |why: String| if why.contains(server) { why } else { format!("{why} ({server})") };
        match self {
            Self::Unreachable(why) => Self::Unreachable(named(why)),
            Self::Unreadable(why) => Self::Unreadable(why),
        }
    }

    /// The store answers and refuses: it needs a person, not time.
    pub fn is_refusal(&self) -> bool {
        let Self::Unreachable(why) = self else { return false };
        ["NOPERM", "NOAUTH", "WRONGPASS", "can't run this command"].iter().any(|code| why.contains(code))
    }

    /// What to do, where it is a matter of rights.
    pub fn advising(self, advice: &str) -> Self {
        match self {
            Self::Unreachable(why)
                if ["NOPERM", "can't run this command"].iter().any(|one| why.contains(one)) =>
            {
                Self::Unreachable(format!("{why}; {advice}"))
            }
            other => other,
        }
    }

    /// A record of a form that this version does not know. The error's own text may quote the record, so only
    /// the position is reported.
    pub fn not_understood(key: &str, error: &serde_json::Error) -> Self {
        Self::Unreadable(format!("record {key}: JSON, column {}", error.column()))
    }
}
