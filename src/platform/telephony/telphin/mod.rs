//! Telphin («Телфин.Офис»): calls, their results, and their starts. Telphin signs no events, so the secret in
//! the path is the only check. Enter at [`PLATFORM`].

use std::sync::Arc;

use toml::Value;

use super::extensions::Extensions;
use super::form_hooks::FormHooks;
use super::provider::{LineEnds, LineSettings, LineWires};
use super::settings::{LineFacts, STATISTICS_PER_SECOND};
use super::waits::Waits;
use crate::platform::Hooks;
use crate::platform::check::{self, Beside, Findings};
use crate::platform::entry::{self, AccountSign, CallerId, Platform, PlatformKind, heading};

pub mod client;
pub mod decode;
mod extensions;
mod hooks;
pub mod session;
pub mod settings;
pub mod statistics;
pub mod wire;

pub use client::TelphinClient;
pub use session::Session;
pub use settings::Settings;
pub use statistics::TelphinStatistics;

pub static PLATFORM: Platform = Platform {
    name: "telphin",
    kind: PlatformKind::Line { title: "Telphin", caller_id: CallerId::Chosen },
    absent: "",
    missing: None,
    sections: settings::SECTIONS,
    least: "",
    defaults,
    read: entry::read::<Settings>,
};

/// The name of a call start of ours after Telphin has answered with its id; its events contain the id in
/// either case.
pub fn callback_key(id: &str) -> String {
    format!("telphin:api:{}", id.to_lowercase())
}

/// The key of a conversation.
pub fn call_key(id: &str) -> String {
    format!("telphin:{}", id.to_lowercase())
}

fn defaults() -> Vec<(&'static str, Value)> {
    let Ok(settings) = toml::from_str::<Settings>(PLATFORM.least) else { return Vec::new() };
    let own = [("company", settings.company.as_str().into())];
    settings.facts().defaults().into_iter().chain(own).collect()
}

impl LineSettings for Settings {
    fn facts(&self) -> LineFacts<'_> {
        LineFacts {
            name: PLATFORM.name,
            account: self.client_id.as_deref().unwrap_or_default(),
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
        let client = self.client_id.iter().map(|id| AccountSign::new("telphin.client_id", id.as_str()));
        let extension = |id: &u64| AccountSign::new("telphin.extensions", id.to_string());
        client.chain(self.extensions.values().map(extension)).collect()
    }

    fn can_start(&self) -> bool {
        self.client_id.is_some() && self.client_secret.is_some()
    }

    fn check_own(&self, beside: &Beside, findings: &mut Findings) {
        check::secret(beside, self.client_secret.as_ref(), "telphin.client_secret", findings);
        if self.client_id.is_some() != self.client_secret.is_some() {
            let why = "client_id and client_secret belong together";
            findings.wrong.add("telphin.client_id", why, "both or neither");
        }
        for id in check::repeated(self.extensions.values().copied()) {
            let why = format!("id {id} stands twice");
            findings.wrong.add("telphin.extensions", why, "one id for one extension");
        }
        let known = |extension: &str| self.extensions.contains_key(extension);
        for manager in beside.roster.iter().filter(|manager| manager.active) {
            if let Some(extension) = manager.extension.as_deref().filter(|extension| !known(extension)) {
                let why = format!(
                    "no id for extension {extension}: no events are subscribed to, no call is started"
                );
                findings.warn.add("telphin.extensions", why, "the extension's numeric id");
            }
        }
        let is_company = |byte: u8| byte.is_ascii_alphanumeric() || b"@_-".contains(&byte);
        if self.company.is_empty() || !self.company.bytes().all(is_company) {
            let why = format!("`{}`", self.company);
            findings.wrong.add("telphin.company", why, "the company's id, or @me");
        }
    }

    fn way_in(&self) -> Result<Arc<dyn Hooks>, String> {
        Ok(Arc::new(FormHooks(self.clone())))
    }

    /// The account is subscribed even if another provider starts the calls.
    fn way_out(&self, wires: &mut LineWires) -> Result<LineEnds, String> {
        let Some(session) = Session::open(self, wires.clock())? else { return Ok(LineEnds::default()) };
        let client = TelphinClient::new(self, session.clone(), wires.events_address(), wires.http()?);
        let statistics = wires.statistics(|http| Ok(TelphinStatistics::new(self, session, http)))?;
        Ok(LineEnds { starter: Some(Box::new(client)), statistics })
    }

    fn extensions(&self, wires: &mut LineWires) -> Result<Option<Box<dyn Extensions>>, String> {
        let Some(session) = Session::open(self, wires.clock())? else { return Ok(None) };
        let (url, extensions) = (self.url.clone(), self.extensions.clone());
        let http = wires.http()?;
        Ok(Some(Box::new(extensions::TelphinExtensions { url, extensions, session, http })))
    }

    fn words(&self, text: &mut String, address: &str) {
        heading(text, "Телфин.Офис: события добавочных");
        text.push_str(
            "\nКабинет Телфин, Настройки, API: создайте приложение типа trusted и запишите его id и секрет в настройки школы \
             (telphin.client_id, telphin.client_secret).\n",
        );
        text.push_str(match (self.client_secret.is_some(), self.extensions.is_empty()) {
            (true, false) => {
                "Программа сама подписывает на события каждый добавочный из telphin.extensions и раз в сутки проверяет подписки.\n"
            }
            _ => {
                "Когда приложение и номера добавочных (telphin.extensions) записаны, программа подпишется на события сама.\n"
            }
        });
        text.push_str(&format!(
            "\nВручную — для каждого добавочного по одной подписке на dial-in, dial-out, answer и hangup, метод POST, адрес:\n\
             {address}\n\n\
             События не подписаны: адрес с секретом — единственная защита, никому его не показывайте.\n"
        ));
    }
}
