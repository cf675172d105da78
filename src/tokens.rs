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
use crate::process::SchoolId;
use crate::secret::{Vault, random_token};
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
    /// Those of one platform's account; `data` is the folder of the copy.
    pub fn of(store: Arc<dyn Store>, vault: Vault, data: &Path, platform: &str, school: &SchoolId) -> Self {
        let file = data.join("tokens").join(format!("{platform}-{school}"));
        Self { store, vault, name: format!("{platform}:{school}"), file }
    }

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

/// What was sealed, and with which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resealed {
    Nothing,
    /// It was sealed with the present key already.
    Current,
    Done,
    /// No key opens it.
    Closed,
}

/// Seals the stored tokens of one account, and the copy on this machine, with the present key. Held by the lock that a
/// refresh takes, so that no pair is lost between the two.
pub async fn reseal(tokens: &StoredTokens) -> Result<(Resealed, Resealed), String> {
    const TAKEN_MS: u64 = 10_000;
    let (owner, failed) = (random_token(), |fault: Fault| fault.to_string());
    if !tokens.lock(&owner, TAKEN_MS).await.map_err(failed)? {
        return Err(format!("{}: the bridge is renewing it just now, repeat the command", tokens.name));
    }
    let done = reseal_both(tokens).await;
    tokens.unlock(&owner).await.map_err(failed)?;
    done
}

async fn reseal_both(tokens: &StoredTokens) -> Result<(Resealed, Resealed), String> {
    let store = &tokens.store;
    let stored = store.secret(&tokens.name).await.map_err(|error| error.to_string())?;
    let (in_store, fresh) = sealed_anew(tokens, stored.as_deref());
    if let Some(fresh) = fresh {
        let swapped = store.swap_secret(&tokens.name, stored.as_deref(), &fresh).await;
        if !swapped.map_err(|error| error.to_string())? {
            return Err(format!("{} has just been changed, repeat the command", tokens.name));
        }
    }
    let copy = tokio::fs::read(&tokens.file).await.ok();
    let (in_copy, fresh) = sealed_anew(tokens, copy.as_deref());
    if let Some(fresh) = fresh {
        tokens.copy(&fresh).await.map_err(|error| format!("{}: {error}", tokens.file.display()))?;
    }
    Ok((in_store, in_copy))
}

fn sealed_anew(tokens: &StoredTokens, sealed: Option<&[u8]>) -> (Resealed, Option<Vec<u8>>) {
    let Some(sealed) = sealed else { return (Resealed::Nothing, None) };
    match tokens.vault.open(&tokens.name, sealed) {
        Err(_) => (Resealed::Closed, None),
        Ok(_) if !tokens.vault.is_outdated(&tokens.name, sealed) => (Resealed::Current, None),
        Ok(plain) => (Resealed::Done, Some(tokens.vault.seal(&tokens.name, &plain))),
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

    /// The key is changed: both copies open before, meanwhile and after, and are sealed with the new key alone.
    #[tokio::test]
    async fn a_changed_key_is_taken_by_both_copies() {
        let (folder, store) = (folder(), store());
        let former = tokens(&folder, &store);
        assert_eq!(reseal(&former).await, Ok((Resealed::Nothing, Resealed::Nothing)));
        assert_eq!(former.swap(None, &pair("one", 0)).await, Ok(true));
        let new = Secret::new("another key");
        let alone = StoredTokens { vault: Vault::new(&new), ..tokens(&folder, &store) };
        assert!(alone.get().await.is_err());
        assert_eq!(reseal(&alone).await, Ok((Resealed::Closed, Resealed::Closed)));
        let both = Vault::new(&new).with_other(Some(&Secret::new("key")));
        let both = StoredTokens { vault: both, ..tokens(&folder, &store) };
        assert_eq!(both.get().await, Ok(Some(pair("one", 0))));
        assert_eq!(reseal(&both).await, Ok((Resealed::Done, Resealed::Done)));
        assert_eq!(reseal(&both).await, Ok((Resealed::Current, Resealed::Current)));
        assert_eq!(alone.get().await, Ok(Some(pair("one", 0))));
        assert_eq!(alone.swap(Some(&pair("one", 0)), &pair("two", 1)).await, Ok(true), "no lock is left");
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
