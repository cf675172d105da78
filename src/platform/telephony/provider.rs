//! A telephony provider as one value of its folder: implements the platform ports from what is specific to
//! the provider. Contains nothing specific to a provider itself. Enter at [`LineSettings`]; each type that
//! implements it also implements [`Settings`].

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::extensions::{Extensions, LineSurvey};
use super::settings::LineFacts;
use super::start::{LineCourier, Starter};
use super::statistics::{LineReconciler, Statistics};
use crate::clock::Clock;
use crate::message::library::Library;
use crate::platform::check::{Beside, Findings};
use crate::platform::entry::{self, Account, AccountSign, Connected, OfSchool, Settings, Wires};
use crate::platform::http::Http;
use crate::platform::survey::Survey;
use crate::platform::{Courier, Hooks, Reconciler};
use crate::process::{SchoolId, Target};
use crate::secret::Secret;

/// The table of one provider in one school's file.
pub trait LineSettings: Any + fmt::Debug + Send + Sync {
    fn facts(&self) -> LineFacts<'_>;

    fn address_mut(&mut self) -> &mut String;

    /// What tells its account from others of this provider.
    fn account_signs(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign>;

    /// Whether it has the settings needed to start calls.
    fn can_start(&self) -> bool;

    /// Reports mistakes in the provider's own keys; [`LineFacts`] are checked separately.
    fn check_own(&self, beside: &Beside, findings: &mut Findings);

    fn way_in(&self) -> Result<Arc<dyn Hooks>, String>;

    fn way_out(&self, wires: &mut LineWires) -> Result<LineEnds, String>;

    /// Its extensions, if its account lists them.
    fn extensions(&self, _wires: &mut LineWires) -> Result<Option<Box<dyn Extensions>>, String> {
        Ok(None)
    }

    /// Instructions for the provider's cabinet, in Russian; `address` receives the events.
    fn words(&self, text: &mut String, address: &str);
}

/// What a provider implements: call starts and statistics.
#[derive(Default)]
pub struct LineEnds {
    /// Starts the school's calls; if another provider does, only the chores of this one run.
    pub starter: Option<Box<dyn Starter>>,
    pub statistics: Option<Box<dyn Statistics>>,
}

/// What a provider's courier and statistics are built from.
pub struct LineWires<'a> {
    facts: LineFacts<'a>,
    /// The account of the budget: several schools may call one address with accounts of their own.
    account: String,
    school: &'a OfSchool<'a>,
    wires: &'a mut dyn Wires,
}

impl LineWires<'_> {
    /// HTTP behind the budget of the account's API.
    pub fn http(&mut self) -> Result<Arc<dyn Http>, String> {
        let LineFacts { name, timeout_s, requests_per_second: per_second, .. } = self.facts;
        self.wires.http(name, timeout_s, Account { platform: name, of: &self.account, per_second })
    }

    /// The starter, if this provider starts the school's calls.
    pub fn starter<S: Starter + 'static>(
        &mut self,
        open: impl FnOnce(Arc<dyn Http>) -> Result<S, String>,
    ) -> Result<Option<Box<dyn Starter>>, String> {
        if self.school.calls_by != Some(self.facts.name) {
            return Ok(None);
        }
        Ok(Some(Box::new(open(self.http()?)?)))
    }

    /// The statistics, if the school has them read.
    pub fn statistics<S: Statistics + 'static>(
        &mut self,
        open: impl FnOnce(Arc<dyn Http>) -> Result<S, String>,
    ) -> Result<Option<Box<dyn Statistics>>, String> {
        if self.facts.look_back_min == 0 {
            return Ok(None);
        }
        let platform = format!("{}-stats", self.facts.name);
        let account = Account {
            platform: &platform,
            of: self.school.id.as_str(),
            per_second: self.facts.statistics_per_second,
        };
        let http = self.wires.http(self.facts.name, self.facts.timeout_s, account)?;
        Ok(Some(Box::new(open(http)?)))
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        self.wires.clock()
    }

    /// The address of events, and the part of it that all addresses of this school share.
    pub fn events_address(&self) -> (Secret, String) {
        let name = self.facts.name;
        (Secret::new(self.school.hooks_address(name)), self.school.hooks_prefix(name))
    }
}

/// The address or the cabinet, and the sign of the account there.
fn account_of<L: LineSettings>(settings: &L) -> String {
    let sign = settings.account_signs(&|name| std::env::var(name).ok()).into_iter().next();
    entry::budget_of(settings.facts().account, sign.as_ref())
}

impl<L: LineSettings> Settings for L {
    fn url_mut(&mut self) -> Option<&mut String> {
        Some(self.address_mut())
    }

    fn signs(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign> {
        self.account_signs(variable)
    }

    fn check(&self, beside: &Beside, findings: &mut Findings) {
        self.check_own(beside, findings);
        self.facts().check(findings);
    }

    fn hooks(&self, _: &SchoolId, _: &Library) -> Result<Option<Arc<dyn Hooks>>, String> {
        self.way_in().map(Some)
    }

    fn connect(&self, school: &OfSchool, wires: &mut dyn Wires) -> Result<Connected, String> {
        let facts = self.facts();
        let account = account_of(self);
        let LineEnds { starter, statistics } =
            self.way_out(&mut LineWires { facts, account, school, wires })?;
        let roster = &school.process.roster;
        let courier =
            starter.map(|starter| -> Arc<dyn Courier> { Arc::new(LineCourier::new(starter, roster)) });
        let (courier, idle) = match courier {
            Some(courier) if school.calls_by == Some(facts.name) => (Some((Target::Line, courier)), None),
            idle => (None, idle),
        };
        let reconciler = statistics.map(|statistics| -> Arc<dyn Reconciler> {
            Arc::new(LineReconciler::new(statistics, facts.look_back_min))
        });
        Ok(Connected { courier, idle, reconciler })
    }

    fn survey(&self, school: &OfSchool, wires: &mut dyn Wires) -> Result<Option<Box<dyn Survey>>, String> {
        let facts = self.facts();
        let account = account_of(self);
        let found = self.extensions(&mut LineWires { facts, account, school, wires })?;
        Ok(found.map(|extensions| -> Box<dyn Survey> {
            Box::new(LineSurvey { provider: facts.name, extensions })
        }))
    }

    fn url_words(&self, text: &mut String, school: &OfSchool) {
        self.words(text, &school.hooks_address(self.facts().name));
    }

    fn as_line(&self) -> Option<&dyn LineSettings> {
        Some(self)
    }
}
