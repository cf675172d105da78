//! The port to the storage of rotating tokens. Never holds more than one pair of an account. Enter at
//! [`TokenStore`].

use async_trait::async_trait;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::json;

use super::Fault;
use crate::process::At;
use crate::secret::Secret;

/// What the platform issued together; both are replaced together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPair {
    pub access: Secret,
    pub refresh: Secret,
    pub expires_at: At,
}

/// Where the pair of one account is stored for all instances. The bytes are secrets: an implementation has to
/// encrypt them ([`TokenPair::to_bytes`] is plain).
#[async_trait]
pub trait TokenStore: Send + Sync {
    async fn get(&self) -> Result<Option<TokenPair>, Fault>;

    /// Replaces the pair if it still equals `old`; otherwise returns false. Durable when it returns.
    async fn swap(&self, old: Option<&TokenPair>, new: &TokenPair) -> Result<bool, Fault>;

    /// False if another instance holds the lock.
    async fn lock(&self, owner: &str, ttl_ms: u64) -> Result<bool, Fault>;

    async fn unlock(&self, owner: &str) -> Result<(), Fault>;
}

impl TokenPair {
    /// Plain JSON, to be encrypted by the caller.
    pub fn to_bytes(&self) -> Vec<u8> {
        let pair = json!({ "access": self.access.reveal(), "refresh": self.refresh.reveal(),
            "expires_at": self.expires_at.timestamp() });
        pair.to_string().into_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Stored {
            access: String,
            refresh: String,
            expires_at: i64,
        }
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            access: Secret::new(stored.access),
            refresh: Secret::new(stored.refresh),
            expires_at: DateTime::from_timestamp(stored.expires_at, 0)?,
        })
    }
}
