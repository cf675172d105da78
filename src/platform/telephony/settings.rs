//! What the settings of all telephony providers have in common: facts, defaults, checks, reference texts.
//! Never contains a provider's own keys. Enter at [`LineFacts`].

use toml::Value;

use super::waits::Waits;
use crate::platform::check::{self, Beside, Findings};
use crate::platform::reference::{Key, key};

/// A row of the reference that is the same for every provider.
pub const STUCK: Key = key(
    "stuck_s",
    "seconds",
    "After which a call without a reported end counts as ended; in a menu, after 10 minutes.",
);

/// The settings that every provider's table has.
#[derive(Debug, Clone, Copy)]
pub struct LineFacts<'a> {
    pub name: &'static str,
    /// The account that the budget of its API belongs to: the cabinet, the application.
    pub account: &'a str,
    pub url: &'a str,
    pub waits: Waits,
    pub requests_per_second: f64,
    pub requests_per_second_max: f64,
    /// Statistics of calls have a budget of their own.
    pub statistics_per_second: f64,
    pub look_back_min: u32,
    pub timeout_s: u64,
}

impl LineFacts<'_> {
    /// The defaults of these keys, for the reference, from the least table that can be read.
    pub fn defaults(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("url", self.url.into()),
            ("final_wait_s", i64::from(self.waits.final_wait_s).into()),
            ("stuck_s", i64::from(self.waits.stuck_s).into()),
            ("requests_per_second", self.requests_per_second.into()),
            ("look_back_min", i64::from(self.look_back_min).into()),
            ("timeout_s", i64::try_from(self.timeout_s).unwrap_or_default().into()),
        ]
    }

    pub fn check(&self, findings: &mut Findings) {
        let key = |name: &str| format!("{}.{name}", self.name);
        let Waits { final_wait_s, stuck_s } = self.waits;
        if !(1..=3600).contains(&final_wait_s) {
            findings.wrong.add(key("final_wait_s"), format!("{final_wait_s}"), "1 to 3600");
        }
        if !(600..=86_400).contains(&stuck_s) {
            findings.wrong.add(key("stuck_s"), format!("{stuck_s}"), "600 to 86400");
        }
        check::address(self.url, &key("url"), findings);
        check::reconcile_minutes(self.look_back_min, &key("look_back_min"), findings);
        let most = self.requests_per_second_max;
        check::rate(self.requests_per_second, most, &key("requests_per_second"), findings);
        check::timeout(self.timeout_s, &key("timeout_s"), findings);
    }
}

/// Warns of managers whose calls cannot be recognised; `whose` names the provider in the message.
pub fn check_extensions(beside: &Beside, whose: &str, findings: &mut Findings) {
    let without =
        |manager: &&crate::process::definition::Manager| manager.active && manager.extension.is_none();
    for manager in beside.roster.iter().filter(without) {
        let why = "missing: calls of this manager are not recognised";
        let key = format!("managers.{}.extension", manager.id);
        findings.warn.add(key, why, format!("the extension in {whose}"));
    }
}

/// One request for statistics in two seconds, if the provider documents no limit.
pub const STATISTICS_PER_SECOND: f64 = 0.5;

/// Default values.
pub mod usual {
    pub fn final_wait_s() -> u32 {
        60
    }

    pub fn stuck_s() -> u32 {
        7_200
    }

    pub fn look_back_min() -> u32 {
        10
    }

    pub fn requests_per_second() -> f64 {
        2.0
    }

    pub fn timeout_s() -> u64 {
        20
    }

    pub fn zone() -> chrono_tz::Tz {
        chrono_tz::Europe::Moscow
    }
}
