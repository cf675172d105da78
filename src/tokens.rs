//! Stores OAuth tokens: sealed in the store for all instances, and sealed in a file on this machine, synced
//! before a new pair is used, because a pair that is lost after the platform issued it is a lost grant. The
//! later of the two copies counts. Never keeps a token unencrypted outside memory. Enter at [`StoredTokens`].

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::platform::Fault;
use crate::platform::tokens::{TokenPair, TokenStore};
use crate::private;
use crate::secret::Vault;
use crate::store::{Store, StoreError, StoreResult};

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
    /// The pair in the store, sealed and opened. If the store has lost its last moments, its pair is older
    /// than this machine's copy, and the platform accepts only the last pair: then the copy is written back
    /// to the store.
    async fn known(&self) -> Result<Option<(Vec<u8>, TokenPair)>, Fault> {
        let stored = later(self.store.secret(&self.name).await)?;
        let known = stored.as_deref().map(|sealed| self.open(sealed)).transpose()?;
        let copied = tokio::fs::read(&self.file).await.ok();
        let copied = copied.and_then(|sealed| Some((self.open(&sealed).ok()?, sealed)));
        if let Some((copied, sealed)) = copied
            && known.as_ref().is_none_or(|known| known.expires_at < copied.expires_at)
        {
            if later(self.store.swap_secret(&self.name, stored.as_deref(), &sealed).await)? {
                tracing::warn!(
                    name = self.name,
                    "the store had lost the last tokens; they were restored from the copy on this machine"
                );
                return Ok(Some((sealed, copied)));
            }
            return Err(Fault::later("another instance has just changed the tokens"));
        }
        Ok(stored.zip(known))
    }

    fn open(&self, sealed: &[u8]) -> Result<TokenPair, Fault> {
        let plain =
            self.vault.open(&self.name, sealed).map_err(|sealed| Fault::denied(sealed.to_string()))?;
        TokenPair::from_bytes(&plain)
            .ok_or_else(|| Fault::denied("the stored tokens cannot be read; give consent again"))
    }

    /// On a blocking thread: a slow disk must not block a worker.
    async fn copy(&self, sealed: &[u8]) -> std::io::Result<()> {
        let (file, sealed) = (self.file.clone(), sealed.to_vec());
        tokio::task::spawn_blocking(move || replace(&file, &sealed)).await.map_err(std::io::Error::other)?
    }
}

/// Written next to the old file and renamed: a torn file never replaces a whole one.
fn replace(file: &Path, sealed: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        private::folder(folder)?;
    }
    let fresh = file.with_extension("new");
    let mut written = private::options().write(true).truncate(true).open(&fresh)?;
    written.write_all(sealed)?;
    written.sync_all()?;
    std::fs::rename(&fresh, file)?;
    // The new name also has to be on the disk before the pair is used.
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[async_trait]
impl TokenStore for StoredTokens {
    async fn get(&self) -> Result<Option<TokenPair>, Fault> {
        Ok(self.known().await?.map(|(_, pair)| pair))
    }

    async fn swap(&self, old: Option<&TokenPair>, new: &TokenPair) -> Result<bool, Fault> {
        let known = self.known().await?;
        if let Some((_, known)) = &known {
            // Sealing is salted, so the opened contents are compared.
            if known == new {
                return Ok(true);
            }
            if Some(known) != old {
                return Ok(false);
            }
        }
        let sealed = self.vault.seal(&self.name, &new.to_bytes());
        self.copy(&sealed)
            .await
            .map_err(|error| Fault::later(format!("tokens cannot be stored: {error}")))?;
        let stored = known.as_ref().map(|(sealed, _)| sealed.as_slice());
        later(self.store.swap_secret(&self.name, stored, &sealed).await)
    }

    async fn lock(&self, owner: &str, ttl_ms: u64) -> Result<bool, Fault> {
        later(self.store.lock(&self.name, owner, ttl_ms).await)
    }

    async fn unlock(&self, owner: &str) -> Result<(), Fault> {
        later(self.store.unlock(&self.name, owner).await)
    }
}

fn later<T>(kept: StoreResult<T>) -> Result<T, Fault> {
    kept.map_err(|error: StoreError| Fault::later(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::process::At;
    use crate::secret::Secret;
    use crate::store::embedded::Embedded;

    fn pair(access: &str, hour: i64) -> TokenPair {
        let expires_at = At::from_timestamp(1_795_000_000 + hour * 3_600, 0).expect("in range");
        TokenPair { access: Secret::new(access), refresh: Secret::new("r"), expires_at }
    }

    fn store() -> Arc<dyn Store> {
        Arc::new(Embedded::in_memory().expect("memory"))
    }

    fn tokens(folder: &Path, store: &Arc<dyn Store>) -> StoredTokens {
        StoredTokens {
            store: store.clone(),
            vault: Vault::new(&Secret::new("key")),
            name: "amocrm:rost".to_owned(),
            file: folder.join("amocrm-rost"),
        }
    }

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("dozvon-tokens-{}", crate::secret::random_token()))
    }

    /// Only a caller that knows the present pair replaces it, nothing is stored unencrypted, and the copy on
    /// this machine survives an empty store.
    #[tokio::test]
    async fn a_pair_is_replaced_only_with_the_current_one_and_survives_the_store() {
        let folder = folder();
        let first = tokens(&folder, &store());
        assert_eq!(first.get().await.map(|pair| pair.is_none()), Ok(true));
        assert_eq!(first.swap(None, &pair("one-secret", 0)).await, Ok(true));
        assert_eq!(first.swap(Some(&pair("other", 0)), &pair("two", 1)).await, Ok(false));
        assert_eq!(first.swap(Some(&pair("one-secret", 0)), &pair("two-secret", 1)).await, Ok(true));
        let copy = std::fs::read(folder.join("amocrm-rost")).expect("the copy");
        assert!(!String::from_utf8_lossy(&copy).contains("secret"));
        let after_a_loss = tokens(&folder, &store());
        let kept = after_a_loss.get().await.expect("readable").expect("kept");
        assert_eq!(kept.access.reveal(), "two-secret");
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }

    /// The copy is a pipe that gives no data until other work has continued.
    #[test]
    fn a_slow_disk_holds_nobody_else_up() {
        let folder = folder();
        std::fs::create_dir_all(&folder).expect("the test's own folder");
        let file = folder.join("amocrm-rost");
        let made = std::process::Command::new("mkfifo").arg(&file).status().expect("it is on the path");
        assert!(made.success());
        let (go_on, told) = mpsc::channel();
        let disk = std::thread::spawn(move || {
            let in_time = told.recv_timeout(Duration::from_secs(10)).is_ok();
            std::fs::write(&file, b"").expect("somebody reads");
            in_time
        });
        let tokens = tokens(&folder, &store());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let rest = async { go_on.send(()).expect("the disk waits") };
        let got = runtime.block_on(async { tokio::join!(tokens.get(), rest).0 });
        assert!(disk.join().expect("no panic"), "the rest had to wait for the disk");
        assert_eq!(got, Ok(None));
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }

    /// Redis may lose its last second, and with it a pair whose predecessor the platform refuses.
    #[tokio::test]
    async fn a_store_that_lost_the_last_pair_gets_it_back() {
        let (folder, elsewhere, store) = (folder(), folder(), store());
        let here = tokens(&folder, &store);
        assert_eq!(here.swap(None, &pair("one", 0)).await, Ok(true));
        let before = store.secret("amocrm:rost").await.expect("memory").expect("stored");
        assert_eq!(here.swap(Some(&pair("one", 0)), &pair("two", 24)).await, Ok(true));
        let after = store.secret("amocrm:rost").await.expect("memory");
        store.swap_secret("amocrm:rost", after.as_deref(), &before).await.expect("memory");
        assert_eq!(here.get().await.expect("readable"), Some(pair("two", 24)));
        // Another machine has no copy: it only knows what is in the store.
        let there = tokens(&elsewhere, &store);
        assert_eq!(there.get().await.expect("readable"), Some(pair("two", 24)));
        // An older copy, on a machine that did not refresh lately, changes nothing.
        assert_eq!(there.swap(Some(&pair("two", 24)), &pair("three", 48)).await, Ok(true));
        assert_eq!(here.get().await.expect("readable"), Some(pair("three", 48)));
        for folder in [folder, elsewhere] {
            std::fs::remove_dir_all(&folder).expect("the test's own folder");
        }
    }
}
