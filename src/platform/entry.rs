//! The value by which a platform's folder describes itself; `crate::platforms` lists one per platform.
//! Contains nothing specific to a platform, and never builds budgets, stores or networks. Enter at
//! [`Platform`] (what it is) and [`Settings`] (its table in one school's file).

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use toml::Value;

use super::check::{Beside, Complaints, Findings};
use super::http::Http;
use super::post::Post;
use super::reference::Section;
use super::survey::Survey;
use super::telephony::provider::LineSettings;
use super::tokens::TokenStore;
use super::{Courier, Hooks, Reconciler};
use crate::clock::Clock;
use crate::message::library::Library;
use crate::process::{Process, SchoolId, Target};
use crate::secret::{Secret, SecretSource};

/// A platform as the rest of the program sees it.
pub struct Platform {
    /// Its name in addresses, in the school's file and among the fixtures.
    pub name: &'static str,
    pub kind: PlatformKind,
    /// The text of the reference after «See [name].».
    pub absent: &'static str,
    /// What a school lacks without it; a warning if its table is missing.
    pub missing: Option<&'static str>,
    /// Its tables in the school's file, its own one first.
    pub sections: &'static [Section],
    /// The shortest readable table.
    pub least: &'static str,
    /// Defaults for the reference, read from the settings of `least`.
    pub defaults: fn() -> Vec<(&'static str, Value)>,
    /// Reads its table.
    pub read: fn(Value) -> Result<Arc<dyn Settings>, toml::de::Error>,
}

/// The role of a platform for a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformKind {
    Orders,
    Crm,
    /// Telephony.
    Line {
        /// The provider's name for people.
        title: &'static str,
        caller_id: CallerId,
    },
    /// Messages to clients.
    Channel,
}

/// Whether the caller ID can be chosen for a call that the bridge starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerId {
    Chosen,
    /// No; the text says what the client sees instead.
    Fixed(&'static str),
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// One sign of an account. It may be a secret: it is compared and never shown.
#[derive(Debug, Clone)]
pub struct AccountSign {
    /// The key that says it.
    pub key: &'static str,
    sign: Secret,
}

impl AccountSign {
    pub fn new(key: &'static str, sign: impl Into<String>) -> Self {
        Self { key, sign: Secret::new(sign) }
    }

    /// An address; its host is the account.
    pub fn url(key: &'static str, url: &str) -> Self {
        Self::new(key, url.to_lowercase())
    }

    /// A secret, if it is there.
    pub fn secret(
        key: &'static str,
        source: &SecretSource,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        Some(Self { key, sign: source.read_with(variable).ok()? })
    }

    pub fn is_same(&self, other: &Self) -> bool {
        self.key == other.key && self.sign.matches(other.sign.reveal())
    }
}

/// The name of an account's budget: what stands in its address, and a fingerprint of its sign.
pub fn budget_of(address: &str, sign: Option<&AccountSign>) -> String {
    let Some(sign) = sign else { return address.to_owned() };
    let hash = Sha256::digest(sign.sign.reveal().to_lowercase());
    format!("{address}#{}", hex::encode(&hash[..8]))
}

/// The parsed table of one platform in one school's file.
pub trait Settings: Any + fmt::Debug + Send + Sync {
    /// Its address, if it has one; a trailing slash makes no difference.
    fn url_mut(&mut self) -> Option<&mut String> {
        None
    }

    /// The account's address, if it has one of its own.
    fn account(&self) -> Option<&str> {
        None
    }

    /// What tells its account from others of the same platform; a missing secret tells nothing.
    fn signs(&self, _variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign> {
        Vec::new()
    }

    /// Reports all mistakes at once.
    fn check(&self, beside: &Beside, findings: &mut Findings);

    /// Warns of settings that contain an address of ours and do not fit the present secret.
    fn check_addresses(&self, _school: &OfSchool, _warn: &mut Complaints) {}

    /// The hooks, which may speak to a person in the school's words; `None` if the platform sends no webhooks.
    fn hooks(&self, _school: &SchoolId, _texts: &Library) -> Result<Option<Arc<dyn Hooks>>, String> {
        Ok(None)
    }

    /// The courier, and the reconciliation.
    fn connect(&self, school: &OfSchool, wires: &mut dyn Wires) -> Result<Connected, String>;

    /// Its account, to be asked what it lacks; `None` if it cannot be asked, or not with the keys that are there.
    fn survey(&self, _school: &OfSchool, _wires: &mut dyn Wires) -> Result<Option<Box<dyn Survey>>, String> {
        Ok(None)
    }

    /// An order can be read back from it, with its author.
    fn reads_orders(&self) -> bool {
        false
    }

    /// Hosts of the account, to which a letter may link for a payment; in lower case.
    fn link_hosts(&self) -> Vec<String> {
        Vec::new()
    }

    /// Names of the facts that a new order brings by the printed addresses; `None` if it is no source of orders.
    fn brings(&self) -> Option<BTreeSet<String>> {
        None
    }

    /// The instructions of `dozvon url` for an administrator, in Russian; empty if there is nothing to paste.
    fn url_words(&self, _text: &mut String, _school: &OfSchool) {}

    /// The same as a telephony provider, if it is one.
    fn as_line(&self) -> Option<&dyn LineSettings> {
        None
    }
}

/// [`Platform::read`] for settings of this type.
pub fn read<S: Settings + DeserializeOwned>(table: Value) -> Result<Arc<dyn Settings>, toml::de::Error> {
    let mut settings = S::deserialize(table)?;
    if let Some(url) = settings.url_mut() {
        url.truncate(url.trim_end_matches('/').len());
    }
    Ok(Arc::new(settings))
}

/// What a platform knows of the school that it works for.
#[derive(Clone, Copy)]
pub struct OfSchool<'a> {
    pub id: &'a SchoolId,
    pub process: &'a Process,
    /// Address at which platforms reach this bridge, without a trailing slash.
    pub url: &'a str,
    /// The secrets of the addresses that platforms call; the first is the one to print.
    pub secrets: &'a [Secret],
    /// The provider that starts calls.
    pub calls_by: Option<&'static str>,
}

impl OfSchool<'_> {
    /// `{url}/hooks/{school}/{platform}/`: the common prefix of all addresses of this school.
    pub fn hooks_prefix(&self, platform: &str) -> String {
        format!("{}/hooks/{}/{platform}/", self.url, self.id)
    }

    /// The secret of this platform's addresses; empty if there is none.
    fn secret(&self, platform: &str) -> String {
        let secret = self.secrets.first().map(|secret| of_platform(secret, platform));
        secret.map(|secret| secret.reveal().to_owned()).unwrap_or_default()
    }

    /// `{url}/hooks/{school}/{platform}/{secret}`, without a trailing slash.
    pub fn hooks_address(&self, platform: &str) -> String {
        format!("{}{}", self.hooks_prefix(platform), self.secret(platform))
    }
}

/// The secret of one platform's addresses, made from the school's: whoever learns it can speak for this platform and
/// for no other one (F104).
pub fn of_platform(secret: &Secret, platform: &str) -> Secret {
    secret.derived(&format!("dozvon address {platform}"))
}

/// The account of a budget, and its rate.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Together with [`Account::of`] the key that all instances share.
    pub platform: &'a str,
    pub of: &'a str,
    /// Requests per second.
    pub per_second: f64,
}

/// What couriers are built from; budgets, stores and networks are behind this port.
pub trait Wires {
    /// HTTP to a platform, behind the budget of one of its accounts.
    fn http(
        &mut self,
        platform: &'static str,
        timeout_s: u64,
        account: Account,
    ) -> Result<Arc<dyn Http>, String>;

    /// Paces a courier without HTTP by its account's budget.
    fn paced(&mut self, account: Account, courier: Box<dyn Courier>) -> Arc<dyn Courier>;

    /// A stand-in for the mail server; `None` for the real one.
    fn post(&mut self) -> Option<Box<dyn Post>>;

    /// The storage of rotating tokens of a school's account.
    fn tokens(&self, platform: &str, school: &SchoolId) -> Result<Arc<dyn TokenStore>, String>;

    fn clock(&self) -> Arc<dyn Clock>;
}

/// The result of connecting a platform.
#[derive(Default)]
pub struct Connected {
    /// Executes commands.
    pub courier: Option<(Target, Arc<dyn Courier>)>,
    /// Executes no commands but has chores.
    pub idle: Option<Arc<dyn Courier>>,
    pub reconciler: Option<Arc<dyn Reconciler>>,
}

/// A title in the output of `dozvon url`.
pub fn heading(text: &mut String, title: &str) {
    text.push_str(&format!("\n\n=== {title} ===\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two schools with one address and accounts of their own do not share a budget; with one account they do.
    #[test]
    fn a_budget_belongs_to_an_account() {
        let of = |user: &str| budget_of("smtp.example", Some(&AccountSign::new("mail.user", user)));
        assert_ne!(of("order@rost.example"), of("order@volna.example"));
        assert_eq!(of("order@rost.example"), of("Order@rost.example"));
        assert_eq!(budget_of("smtp.example", None), "smtp.example");
        assert!(!of("order@rost.example").contains("rost"), "it is written into the store");
    }
}
