//! Sipuni: calls, their results, and their starts. Sipuni signs no events, so the secret in the path is the
//! only check. Enter at [`PLATFORM`].

use std::sync::Arc;

use toml::Value;

use super::form_hooks::FormHooks;
use super::provider::{LineEnds, LineSettings, LineWires};
use super::settings::{LineFacts, STATISTICS_PER_SECOND};
use super::waits::Waits;
use crate::platform::Hooks;
use crate::platform::check::{self, Beside, Findings};
use crate::platform::entry::{self, AccountSign, CallerId, Platform, PlatformKind, heading};

pub mod client;
pub mod decode;
mod hooks;
pub mod settings;
pub mod statistics;
mod table;
pub mod wire;

pub use client::SipuniClient;
pub use settings::Settings;
pub use statistics::SipuniStatistics;

pub static PLATFORM: Platform = Platform {
    name: "sipuni",
    kind: PlatformKind::Line { title: "Sipuni", caller_id: CallerId::Fixed("that of the cabinet's scheme") },
    absent: "",
    missing: None,
    sections: settings::SECTIONS,
    least: "user = '012345'",
    defaults,
    read: entry::read::<Settings>,
};

/// The key of a call.
pub fn call_key(id: &str) -> String {
    format!("sipuni:{id}")
}

/// The name of a call start of ours after Sipuni has answered with its id.
pub fn callback_key(id: &str) -> String {
    format!("sipuni:callback:{id}")
}

fn defaults() -> Vec<(&'static str, Value)> {
    let Ok(settings) = toml::from_str::<Settings>(PLATFORM.least) else { return Vec::new() };
    let own = [("zone", settings.zone.name().into())];
    settings.facts().defaults().into_iter().chain(own).collect()
}

impl LineSettings for Settings {
    fn facts(&self) -> LineFacts<'_> {
        LineFacts {
            name: PLATFORM.name,
            account: &self.user,
            url: &self.url,
            waits: Waits { final_wait_s: self.final_wait_s, stuck_s: self.stuck_s },
            requests_per_second: self.requests_per_second,
            requests_per_second_max: check::RATE_MAX,
            statistics_per_second: STATISTICS_PER_SECOND,
            look_back_min: self.look_back_min,
            timeout_s: self.timeout_s,
        }
    }

    fn address_mut(&mut self) -> &mut String {
        &mut self.url
    }

    fn account_signs(&self, _variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign> {
        self.users().into_iter().map(|user| AccountSign::new("sipuni.user", user)).collect()
    }

    fn can_start(&self) -> bool {
        self.key.is_some()
    }

    fn check_own(&self, beside: &Beside, findings: &mut Findings) {
        let others = self.other_users.iter().map(|user| ("sipuni.other_users", user));
        for (key, user) in std::iter::once(("sipuni.user", &self.user)).chain(others) {
            if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_digit()) {
                findings.wrong.add(key, format!("`{user}`"), "the cabinet's number, with its leading zero");
            }
        }
        for user in check::repeated(self.users().into_iter()) {
            let why = format!("cabinet {user} stands twice");
            findings.wrong.add("sipuni.other_users", why, "each cabinet once, and not the one of `user`");
        }
        check::secret(beside, self.key.as_ref(), "sipuni.key", findings);
    }

    fn way_in(&self) -> Result<Arc<dyn Hooks>, String> {
        Ok(Arc::new(FormHooks(self.clone())))
    }

    /// Without a key, no calls are started and no statistics are read.
    fn way_out(&self, wires: &mut LineWires) -> Result<LineEnds, String> {
        let Some(source) = &self.key else { return Ok(LineEnds::default()) };
        let key = source.read().map_err(|why| format!("sipuni.key: {why}"))?;
        let client = |http| SipuniClient::new(self, key.clone(), http);
        Ok(LineEnds {
            starter: wires.starter(|http| Ok(client(http)))?,
            statistics: wires.statistics(|http| Ok(SipuniStatistics::new(client(http), self)))?,
        })
    }

    fn words(&self, text: &mut String, address: &str) {
        heading(text, "Sipuni: события АТС");
        text.push_str(&format!(
            "\nКабинет Sipuni, Настройки, API (или Интеграции, API), раздел «События АТС»: подключите сервис, вставьте адрес \
             и сохраните.\n\n\
             {address}/\n\n\
             События не подписаны: адрес с секретом — единственная защита, никому его не показывайте.\n\
             Чтобы программа сама начинала звонки, возьмите там же ключ интеграции и запишите его в переменную школы (sipuni.key).\n"
        ));
    }
}
