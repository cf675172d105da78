//! Secrets that cannot be printed, are compared in constant time, and are encrypted before they are stored.
//! Never implements `Display` or `Serialize`. Enter at [`Secret`] and [`Vault`].

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A password, token or key. `Debug` shows only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The plain text, for the one line that sends it or signs with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A secret for one use alone, which tells neither this one nor those of other uses.
    pub fn derived(&self, purpose: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("a key of any length");
        mac.update(purpose.as_bytes());
        let mut hex = hex::encode(mac.finalize().into_bytes());
        hex.truncate(DERIVED_CHARS);
        Self(hex)
    }

    /// Compares in constant time; hashes first, so that not even the length is visible.
    pub fn matches(&self, other: &str) -> bool {
        let mine = Sha256::digest(self.0.as_bytes());
        let theirs = Sha256::digest(other.as_bytes());
        mine.as_slice().ct_eq(theirs.as_slice()).into()
    }
}

/// 128 bits, which nobody guesses; longer ones would only make addresses longer.
const DERIVED_CHARS: usize = 32;

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is read from: `{ env = "NAME" }` or `{ file = "/path" }`. A configuration file never
/// contains the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    Env(String),
    File(std::path::PathBuf),
}

impl SecretSource {
    /// What to do about one that cannot be read.
    pub const ADVICE: &'static str =
        "fill it in before the start; `dozvon init` writes a file `env` with a line for each variable";

    /// Reads it; the error says what to do.
    pub fn read(&self) -> Result<Secret, String> {
        self.read_with(|name| std::env::var(name).ok())
    }

    /// The same with the caller's environment.
    pub fn read_with(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Secret, String> {
        let text = match self {
            Self::Env(name) => {
                variable(name).ok_or_else(|| format!("the variable {name} is not set, or empty"))?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?,
        };
        let text = text.trim();
        if text.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(Secret::new(text)) }
    }
}

/// Encrypts what is stored (OAuth tokens), with a key from the environment.
#[derive(Clone)]
pub struct Vault(XChaCha20Poly1305);

/// Stored bytes that this key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored secret does not open: was DOZVON_VAULT_KEY changed?")]
pub struct Sealed;

const NONCE_BYTES: usize = 24;

impl Vault {
    /// Any long random text can be the key; it is hashed to 32 bytes.
    pub fn new(key: &Secret) -> Self {
        Self(XChaCha20Poly1305::new(&Sha256::digest(key.reveal().as_bytes())))
    }

    /// `name` is bound to the result: a secret cannot be moved under another name.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let payload = Payload { msg: plain, aad: name.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).expect("a token is short");
        [nonce.as_slice(), &sealed].concat()
    }

    pub fn open(&self, name: &str, stored: &[u8]) -> Result<Vec<u8>, Sealed> {
        let (nonce, sealed) = stored.split_at_checked(NONCE_BYTES).ok_or(Sealed)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| Sealed)?;
        let payload = Payload { msg: sealed, aad: name.as_bytes() };
        self.0.decrypt(&XNonce::from(nonce), payload).map_err(|_| Sealed)
    }
}

/// 32 hex characters from the system: fences, URL secrets, lock tokens.
pub fn random_token() -> String {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        assert_eq!(format!("{:?}", Secret::new("k7Q2m")), "Secret(…)");
    }

    #[test]
    fn a_derived_secret_is_of_one_use() {
        let secret = Secret::new("example-url-secret-0001");
        let derived = |purpose: &str| secret.derived(purpose).reveal().to_owned();
        assert_eq!(derived("a"), derived("a"), "addresses stay as they are");
        assert_ne!(derived("a"), derived("b"));
        assert_ne!(derived("a"), Secret::new("example-url-secret-0002").derived("a").reveal());
        assert!(derived("a").len() == DERIVED_CHARS && derived("a").bytes().all(|c| c.is_ascii_hexdigit()));
    }

    #[test]
    fn a_sealed_secret_opens_only_under_its_name_and_key() {
        let vault = Vault::new(&Secret::new("one"));
        let sealed = vault.seal("token", b"abc");
        assert_eq!(vault.open("token", &sealed), Ok(b"abc".to_vec()));
        assert_eq!(vault.open("other", &sealed), Err(Sealed));
        assert_eq!(Vault::new(&Secret::new("two")).open("token", &sealed), Err(Sealed));
        assert_eq!(vault.open("token", b"short"), Err(Sealed));
    }
}
