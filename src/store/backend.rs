//! Selects the store's backend: the only place that knows both. Enter at [`Backend::open`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::embedded::Embedded;
use super::redis::RedisStore;
use super::{Store, StoreResult};
use crate::secret::Secret;

/// The store that the configuration or the command line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// `redis://host:6379/0`, or `redis+cluster://host:port,host:port`; may hold a password.
    Redis(Secret),
    /// Folder of the embedded store.
    Folder(PathBuf),
}

/// For people: where a command looked. An address may hold a password.
impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(_) => f.write_str("in Redis"),
            Self::Folder(folder) => {
                let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
                write!(f, "in {}", whole.display())
            }
        }
    }
}

impl Backend {
    /// For a running bridge: waits for a Redis that is away. A folder can be open in one process at a time.
    pub async fn open(&self) -> StoreResult<Arc<dyn Store>> {
        Ok(match self {
            Self::Redis(url) => Arc::new(RedisStore::open(url.reveal()).await?),
            Self::Folder(folder) => Arc::new(Embedded::open(folder)?),
        })
    }

    /// For a command beside a running bridge, which only reads or appends to the inbox.
    pub async fn visit(&self) -> StoreResult<Arc<dyn Store>> {
        Ok(match self {
            Self::Redis(url) => Arc::new(RedisStore::connect(url.reveal()).await?),
            Self::Folder(folder) => Arc::new(Embedded::visit(folder)?),
        })
    }
}
