//! Where OAuth tokens are kept: sealed in the store for all instances, and sealed in a file here,
//! synced before a new pair is used: a pair lost after the platform gave it out is a grant lost.
//! Never holds a token in the clear outside memory. Enter at [`StoredTokens`].

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::platform::Fault;
use crate::platform::amocrm::oauth::{TokenPair, TokenStore};
use crate::secret::Vault;
use crate::store::{Kept, Store, StoreError};

/// The token pair of one account.
pub struct StoredTokens {
    pub store: Arc<dyn Store>,
    pub vault: Vault,
    /// `amocrm:<school>`: the secret's name, to which the sealed bytes are bound.
    pub name: String,
    /// The copy on this machine.
    pub file: PathBuf,
}

impl StoredTokens {
    async fn sealed(&self) -> Result<Option<Vec<u8>>, Fault> {
        let stored = later(self.store.secret(&self.name).await)?;
        // An empty store after a loss: the copy of this machine is the last thing that is known.
        Ok(stored.or_else(|| std::fs::read(&self.file).ok()))
    }

    fn open(&self, sealed: &[u8]) -> Result<TokenPair, Fault> {
        let plain =
            self.vault.open(&self.name, sealed).map_err(|sealed| Fault::denied(sealed.to_string()))?;
        TokenPair::from_bytes(&plain)
            .ok_or_else(|| Fault::denied("the stored tokens cannot be read; give consent anew"))
    }

    /// Written beside and renamed: a torn file never replaces a whole one.
    fn copy(&self, sealed: &[u8]) -> std::io::Result<()> {
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let fresh = self.file.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(sealed)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.file)
    }
}

#[async_trait]
impl TokenStore for StoredTokens {
    async fn get(&self) -> Result<Option<TokenPair>, Fault> {
        self.sealed().await?.map(|sealed| self.open(&sealed)).transpose()
    }

    async fn swap(&self, old: Option<&TokenPair>, new: &TokenPair) -> Result<bool, Fault> {
        let stored = later(self.store.secret(&self.name).await)?;
        // Sealing is salted, so that the comparison is of what the bytes open to.
        let known = stored.as_deref().map(|sealed| self.open(sealed)).transpose()?;
        if stored.is_some() && known.as_ref().map(TokenPair::to_bytes) != old.map(TokenPair::to_bytes) {
            return Ok(false);
        }
        let sealed = self.vault.seal(&self.name, &new.to_bytes());
        self.copy(&sealed).map_err(|error| Fault::later(format!("tokens cannot be kept: {error}")))?;
        later(self.store.swap_secret(&self.name, stored.as_deref(), &sealed).await)
    }

    async fn lock(&self, owner: &str, ttl_ms: u64) -> Result<bool, Fault> {
        later(self.store.lock(&self.name, owner, ttl_ms).await)
    }

    async fn unlock(&self, owner: &str) -> Result<(), Fault> {
        later(self.store.unlock(&self.name, owner).await)
    }
}

fn later<T>(kept: Kept<T>) -> Result<T, Fault> {
    kept.map_err(|error: StoreError| Fault::later(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::At;
    use crate::secret::Secret;
    use crate::store::embedded::Embedded;

    fn pair(access: &str) -> TokenPair {
        let expires_at = At::from_timestamp(1_795_000_000, 0).expect("in range");
        TokenPair { access: Secret::new(access), refresh: Secret::new("r"), expires_at }
    }

    /// Only who knows the present pair replaces it, nothing stands in the clear, and the copy on
    /// this machine survives an empty store.
    #[tokio::test]
    async fn a_pair_is_replaced_by_who_knows_it_and_survives_the_store() {
        let folder = std::env::temp_dir().join(format!("dozvon-tokens-{}", crate::secret::random_token()));
        let tokens = |store| StoredTokens {
            store,
            vault: Vault::new(&Secret::new("key")),
            name: "amocrm:rost".to_owned(),
            file: folder.join("amocrm-rost"),
        };
        let first = tokens(Arc::new(Embedded::in_memory().expect("memory")));
        assert_eq!(first.get().await.map(|pair| pair.is_none()), Ok(true));
        assert_eq!(first.swap(None, &pair("one-secret")).await, Ok(true));
        assert_eq!(first.swap(Some(&pair("other")), &pair("two")).await, Ok(false));
        assert_eq!(first.swap(Some(&pair("one-secret")), &pair("two-secret")).await, Ok(true));
        let copy = std::fs::read(folder.join("amocrm-rost")).expect("the copy");
        assert!(!String::from_utf8_lossy(&copy).contains("secret"));
        let after_a_loss = tokens(Arc::new(Embedded::in_memory().expect("memory")));
        let kept = after_a_loss.get().await.expect("readable").expect("kept");
        assert_eq!(kept.access.reveal(), "two-secret");
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }
}
