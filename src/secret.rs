//! Secrets that cannot be printed, are compared in constant time, and are encrypted before they are stored.
//! Never implements `Display` or `Serialize`. Enter at [`Secret`] and [`Vault`].

use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zxcvbn::zxcvbn;

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
    File(PathBuf),
}

impl SecretSource {
    /// What to do about one that cannot be read.
    pub const ADVICE: &'static str =
        "fill it in before the start; `dozvon init` writes a file `env` with a line for each variable";

    /// Whether the variable or a file for it is there.
    pub fn is_given(name: &str, variable: impl Fn(&str) -> Option<String>) -> bool {
        variable(name).is_some() || place_of(name, variable).is_some()
    }

    /// Reads it; the error says what to do.
    pub fn read(&self) -> Result<Secret, String> {
        self.read_with(|name| std::env::var(name).ok())
    }

    /// The same with the caller's environment. What a variable does not hold may stand in a file: `NAME_FILE` names
    /// it, or a supervisor has put it into its folder of credentials.
    pub fn read_with(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Secret, String> {
        let text = match self {
            Self::Env(name) => match (variable(name), place_of(name, &variable)) {
                (Some(text), _) => text,
                (None, Some(path)) => content(&path)?,
                (None, None) => return Err(format!("the variable {name} is not set, or empty")),
            },
            Self::File(path) => content(path)?,
        };
        let text = text.trim();
        match (text.is_empty(), self) {
            (false, _) => Ok(Secret::new(text)),
            (true, Self::Env(name)) => Err(format!("the variable {name} is empty, or its file is")),
            (true, Self::File(path)) => Err(format!("{} is empty", path.display())),
        }
    }
}

/// Where programs in a container find their secrets: nobody else is there.
const OF_A_CONTAINER: &str = "/run/secrets/";

impl SecretSource {
    /// What is wrong with a file of it that every user of the machine can read. What a supervisor has put into its
    /// folder of credentials is the supervisor's.
    pub fn open_to_others(&self, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        let path = match self {
            Self::Env(name) if variable(name).is_some() => return None,
            Self::Env(name) => PathBuf::from(variable(&format!("{name}_FILE"))?.trim()),
            Self::File(path) => path.clone(),
        };
        let mode = std::fs::metadata(&path).ok()?.permissions().mode();
        let is_open = mode & 0o007 != 0 && !path.starts_with(OF_A_CONTAINER);
        is_open.then(|| {
            format!("every user of this machine can read {} ({:04o})", path.display(), mode & 0o7777)
        })
    }

    /// What to do about it.
    pub const CLOSE: &'static str = "a file that only the bridge's user can read: chmod 600";
}

/// The file with the value of a variable, if there is one.
fn place_of(name: &str, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let named = variable(&format!("{name}_FILE")).map(|path| PathBuf::from(path.trim()));
    named.or_else(|| {
        let folder = PathBuf::from(variable("CREDENTIALS_DIRECTORY")?);
        // The second is the name that systemd gives to a file of the folder in `deploy/dozvon.service`.
        [name.to_owned(), format!("dozvon_{name}")]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.exists())
    })
}

fn content(path: &Path) -> Result<String, String> {
    let read = std::fs::read_to_string(path);
    read.map_err(|error| format!("the file {} cannot be read: {error}", path.display()))
}

/// Shorter secrets could be guessed.
const CHARS_MIN: usize = 16;

/// A secret that takes fewer guesses than ten to this power, words and rows of the keyboard first.
const GUESSES_LOG10_MIN: f64 = 12.5;

/// Different characters of a secret; one that was made at random has more.
const DIFFERENT_MIN: usize = 6;

/// The invented secrets of `.env.example`: everybody knows them.
const PUBLISHED: [&str; 2] = ["example-url-secret-0001", "example-vault-key-for-this-machine-only"];

/// What to do about a weak or a known one.
pub const FRESH: &str = "a fresh one, which `dozvon secret` prints";

/// The same in a list of two.
pub const FRESH_FIRST: &str = "a fresh one, which `dozvon secret` prints, as the first; keep this one as the second until the addresses are changed";

/// What to do about a weak or a known one that stands second.
pub const FORMER: &str = "remove it as soon as its addresses are changed";

/// Words that people put together to a secret, beside those of every language.
const WORDS: [&str; 10] =
    ["secret", "token", "webhook", "school", "example", "key", "url", "address", "dozvon", "vault"];

/// Why a secret can be guessed by somebody who knows these names; `None` for one that was made at random, and for the
/// example's, which are refused elsewhere.
pub fn weakness(secret: &str, names: &[&str]) -> Option<&'static str> {
    if is_published(secret) {
        return None;
    }
    let names: Vec<&str> = names.iter().copied().chain(WORDS).collect();
    let joined: String = secret.chars().filter(|c| c.is_alphanumeric()).collect();
    let guesses = |text: &str| zxcvbn(text, &names).guesses_log10();
    let chars: Vec<char> = secret.chars().collect();
    let different = chars.iter().collect::<BTreeSet<_>>().len();
    let repeats = |length: usize| chars.iter().zip(chars.iter().skip(length)).all(|(one, next)| one == next);
    let steps = chars.windows(2).filter(|pair| u32::from(pair[0]).abs_diff(u32::from(pair[1])) <= 1).count();
    if chars.len() < CHARS_MIN {
        Some("shorter than 16 characters")
    } else if different == 1 {
        Some("one character repeated")
    } else if different < DIFFERENT_MIN {
        Some("made of too few different characters")
    } else if (1..=chars.len() / 2).any(repeats) {
        Some("one word repeated")
    } else if steps * 2 > chars.len() {
        Some("a sequence of neighbouring characters")
    } else if !chars.iter().any(|c| c.is_alphabetic()) {
        Some("made of digits alone")
    } else if guesses(secret).min(guesses(&joined)) < GUESSES_LOG10_MIN {
        Some("made of common words or rows of the keyboard")
    } else {
        None
    }
}

/// Whether it stands in the example, which is public.
pub fn is_published(secret: &str) -> bool {
    PUBLISHED.contains(&secret)
}

/// Encrypts what is stored (OAuth tokens), with a key from the environment.
#[derive(Clone)]
pub struct Vault {
    key: XChaCha20Poly1305,
    /// Also opens, and never seals: while the key is being changed.
    other: Option<XChaCha20Poly1305>,
}

/// Stored bytes that no key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the stored secret does not open: was DOZVON_VAULT_KEY changed? Put the former key into DOZVON_VAULT_KEY_OLD and \
     run `dozvon reseal`, or sign in anew"
)]
pub struct Sealed;

const NONCE_BYTES: usize = 24;

impl Vault {
    /// Any long random text can be the key; it is hashed to 32 bytes.
    pub fn new(key: &Secret) -> Self {
        Self { key: cipher(key), other: None }
    }

    /// The same, and what was sealed with the other key opens, too.
    pub fn with_other(self, other: Option<&Secret>) -> Self {
        Self { other: other.map(cipher), ..self }
    }

    /// `name` is bound to the result: a secret cannot be moved under another name.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let payload = Payload { msg: plain, aad: name.as_bytes() };
        let sealed = self.key.encrypt(&XNonce::from(nonce), payload).expect("a token is short");
        [nonce.as_slice(), &sealed].concat()
    }

    pub fn open(&self, name: &str, stored: &[u8]) -> Result<Vec<u8>, Sealed> {
        let opened = unseal(&self.key, name, stored);
        let by_other = || self.other.as_ref().and_then(|other| unseal(other, name, stored));
        opened.or_else(by_other).ok_or(Sealed)
    }

    /// Whether the other key is still needed for it.
    pub fn is_outdated(&self, name: &str, stored: &[u8]) -> bool {
        unseal(&self.key, name, stored).is_none()
    }
}

fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Sha256::digest(key.reveal().as_bytes()))
}

fn unseal(key: &XChaCha20Poly1305, name: &str, stored: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = stored.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let payload = Payload { msg: sealed, aad: name.as_bytes() };
    key.decrypt(&XNonce::from(nonce), payload).ok()
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

    #[test]
    fn while_a_key_is_changed_both_open_and_the_new_one_seals() {
        let [old, new] = ["old", "new"].map(Secret::new);
        let sealed = Vault::new(&old).seal("token", b"abc");
        let both = Vault::new(&new).with_other(Some(&old));
        assert_eq!(
            (both.open("token", &sealed), both.is_outdated("token", &sealed)),
            (Ok(b"abc".to_vec()), true)
        );
        let fresh = both.seal("token", b"abc");
        assert_eq!(
            (Vault::new(&new).open("token", &fresh), both.is_outdated("token", &fresh)),
            (Ok(b"abc".to_vec()), false)
        );
    }

    #[test]
    fn weak_secrets_are_told_from_random_ones() {
        for (secret, is_weak) in [
            ("", true),
            ("x", true),
            ("aaaaaaaaaaaaaaaa", true),
            ("abababababababab", true),
            ("passwordpassword", true),
            ("0123456789abcdef", true),
            ("fedcba9876543210", true),
            ("1234567890123456", true),
            ("qwertyuiopasdfgh", true),
            ("QwertyuiopAsdfgh", true),
            ("1qaz2wsx3edc4rfv", true),
            ("zxcvbnmasdfghjkl", true),
            ("passwordpassword1", true),
            ("Password1234567!", true),
            ("iloveyou-iloveyou-1", true),
            ("gfhjkmgfhjkm2026", true),
            ("administrator2026", true),
            ("2026-11-28-11-30", true),
            ("P-a-s-s-w-o-r-d-1", true),
            ("rost-url-secret-2026", true),
            ("rost-provider-secret", true),
            ("example-url-secret-0002", true),
            ("example-url-secret-0001", false),
            ("k7Q2mP9xR4tW8vZ1", false),
        ] {
            let why = weakness(secret, &["rost", "provider"]);
            assert_eq!(why.is_some(), is_weak, "{secret}: {why:?}");
        }
        // As random ones, and the same in every run: of short ones very few look like a date or a row of keys.
        for n in 0..200_u32 {
            let token = hex::encode(Sha256::digest(n.to_be_bytes()));
            assert_eq!(weakness(&token[..32], &["rost"]), None, "{token}");
            assert_eq!(weakness(&token[..20], &["rost"]), None, "{token}");
        }
    }

    /// Otherwise the check would miss one.
    #[test]
    fn the_published_secrets_are_those_of_the_example() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
        let example = std::fs::read_to_string(file).expect("a text");
        for secret in PUBLISHED {
            assert!(
                example.lines().any(|line| line.split_once('=').is_some_and(|(_, value)| value == secret))
            );
        }
        assert!(is_published("example-url-secret-0001") && !is_published("k7Q2mP9xR4tW8vZ1"));
    }

    #[test]
    fn a_secret_may_stand_in_a_file_of_its_variable() {
        let folder = std::env::temp_dir().join(format!("dozvon-credentials-{}", random_token()));
        crate::private::folder(&folder).expect("the test's own folder");
        let write = |name: &str, text: &str| crate::private::write(&folder.join(name), text.as_bytes());
        write("named", "one\n").and_then(|()| write("dozvon_KEY", "two")).expect("the test's own folder");
        let read = |pairs: &[(&str, String)]| {
            let find =
                |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            SecretSource::Env("KEY".to_owned()).read_with(find).map(|secret| secret.reveal().to_owned())
        };
        let named = ("KEY_FILE", folder.join("named").display().to_string());
        let credentials = ("CREDENTIALS_DIRECTORY", folder.display().to_string());
        assert_eq!(read(&[named.clone(), credentials.clone()]).as_deref(), Ok("one"));
        assert_eq!(read(&[credentials]).as_deref(), Ok("two"));
        assert_eq!(read(&[named, ("KEY", "zero".to_owned())]).as_deref(), Ok("zero"));
        assert!(read(&[("KEY_FILE", "/nowhere".to_owned())]).unwrap_err().contains("/nowhere"));
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }
}
