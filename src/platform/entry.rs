//! What a platform's folder tells of itself: one value, which stands as one line in `crate::platforms`.
//! Never knows which platforms there are, and never builds budgets, stores or networks by itself.
//! Enter at [`Platform`] (what it is) and [`Settings`] (its table in one school's file).

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Value;

use super::check::{Beside, Findings};
use super::http::Http;
use super::post::Post;
use super::reference::Section;
use super::telephony::provider::LineSettings;
use super::tokens::TokenStore;
use super::{Courier, Hooks, LookBack};
use crate::clock::Clock;
use crate::process::{Process, SchoolId, Target};
use crate::secret::Secret;

/// A platform as the rest of the program knows it.
pub struct Platform {
    /// As it stands in addresses, in the school's file and among fixtures.
    pub name: &'static str,
    pub kind: Kind,
    /// What the reference says behind «See [name].».
    pub absent: &'static str,
    /// What a school lacks without it; a warning where its table is missing.
    pub missing: Option<&'static str>,
    /// Its tables in the school's file, its own one first.
    pub sections: &'static [Section],
    /// The shortest table that can be read.
    pub least: &'static str,
    /// Defaults for the reference, read from the settings of `least`.
    pub defaults: fn() -> Vec<(&'static str, Value)>,
    /// Reads its table.
    pub read: fn(Value) -> Result<Arc<dyn Settings>, toml::de::Error>,
}

/// What a platform is to a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Orders,
    Crm,
    /// Calls.
    Line {
        /// As people call the provider.
        title: &'static str,
        caller_id: CallerId,
    },
    /// Words to clients.
    Channel,
}

/// Whether the line that a client sees can be chosen for a call that the bridge starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerId {
    Chosen,
    /// No; what the client sees instead.
    Fixed(&'static str),
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The table of one platform in one school's file, read and understood.
pub trait Settings: Any + fmt::Debug + Send + Sync {
    /// Its address, where it has one: `https://name.example/` and without the slash are the same.
    fn url_mut(&mut self) -> Option<&mut String> {
        None
    }

    /// Everything that is wrong with it, at once.
    fn check(&self, beside: &Beside, findings: &mut Findings);

    /// The way in; `None` where nothing comes in.
    fn hooks(&self, _school: &SchoolId) -> Result<Option<Arc<dyn Hooks>>, String> {
        Ok(None)
    }

    /// The way out, and what is read for what was never delivered.
    fn connect(&self, school: &OfSchool, wires: &mut dyn Wires) -> Result<Connected, String>;

    /// What `dozvon url` tells an administrator of it, Russian; nothing where nothing is to be pasted.
    fn url_words(&self, _text: &mut String, _school: &OfSchool) {}

    /// As a provider of calls, where it is one.
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

/// What a platform is told of the school that it works for.
#[derive(Clone, Copy)]
pub struct OfSchool<'a> {
    pub id: &'a SchoolId,
    pub process: &'a Process,
    /// Address under which platforms reach this bridge, without a slash at its end.
    pub url: &'a str,
    /// Of the addresses that platforms call, the one to print first.
    pub secrets: &'a [Secret],
    /// The provider that starts calls.
    pub calls_by: Option<&'static str>,
}

impl OfSchool<'_> {
    /// `{url}/hooks/{school}/{platform}/`: what all addresses of this school have in common.
    pub fn hooks_prefix(&self, platform: &str) -> String {
        format!("{}/hooks/{}/{platform}/", self.url, self.id)
    }

    /// The secret of addresses; empty where there is none.
    pub fn secret(&self) -> &str {
        self.secrets.first().map(|secret| secret.reveal()).unwrap_or_default()
    }

    /// `{url}/hooks/{school}/{platform}/{secret}`, without a slash at its end.
    pub fn hooks_address(&self, platform: &str) -> String {
        format!("{}{}", self.hooks_prefix(platform), self.secret())
    }
}

/// Whose budget is asked for, and how large it is.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// With [`Account::of`] the key that all instances share.
    pub platform: &'a str,
    pub of: &'a str,
    /// Requests per second.
    pub per_second: f64,
}

/// What ways out are built from; the program keeps budgets, stores and networks behind it.
pub trait Wires {
    /// HTTP to a platform, behind the budget of one of its accounts.
    fn http(
        &mut self,
        platform: &'static str,
        timeout_s: u64,
        account: Account,
    ) -> Result<Arc<dyn Http>, String>;

    /// A courier that sends nothing by HTTP, behind its account's budget.
    fn paced(&mut self, account: Account, courier: Box<dyn Courier>) -> Arc<dyn Courier>;

    /// What stands in for a mail server; `None`: the real one.
    fn post(&mut self) -> Option<Box<dyn Post>>;

    /// Where rotating tokens of a school's account are kept.
    fn tokens(&self, platform: &str, school: &SchoolId) -> Result<Arc<dyn TokenStore>, String>;

    fn clock(&self) -> Arc<dyn Clock>;
}

/// What came of connecting a platform.
#[derive(Default)]
pub struct Connected {
    /// Carries commands out.
    pub courier: Option<(Target, Arc<dyn Courier>)>,
    /// Carries nothing out and has chores all the same.
    pub idle: Option<Arc<dyn Courier>>,
    pub look: Option<Arc<dyn LookBack>>,
}

/// A title in what `dozvon url` prints.
pub fn heading(text: &mut String, title: &str) {
    text.push_str(&format!("\n\n=== {title} ===\n"));
}
