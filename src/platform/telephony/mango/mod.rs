//! Mango Office: calls, their results, and their starts. Never classifies a call. Enter at [`PLATFORM`].

use std::sync::Arc;

use toml::Value;

use super::extensions::Extensions;
use super::provider::{LineEnds, LineSettings, LineWires};
use super::settings::{LineFacts, STATISTICS_PER_SECOND, check_extensions};
use super::waits::Waits;
use crate::platform::Hooks;
use crate::platform::check::{self, Beside, Findings};
use crate::platform::entry::{self, AccountSign, CallerId, Platform, PlatformKind, heading};

pub mod api;
pub mod client;
pub mod code;
pub mod decode;
mod extensions;
pub mod hooks;
pub mod settings;
pub mod statistics;
pub mod wire;

pub use api::Api;
pub use client::MangoClient;
pub use hooks::MangoHooks;
pub use settings::Settings;
pub use statistics::MangoStatistics;

/// Call starts per second that Mango allows.
const RATE_MAX: f64 = 4.0;

pub static PLATFORM: Platform = Platform {
    name: "mango",
    kind: PlatformKind::Line { title: "Mango", caller_id: CallerId::Chosen },
    absent: "Without any telephony calls are not seen.",
    missing: None,
    sections: settings::SECTIONS,
    least: "api_key = { env = 'X' }\napi_salt = { env = 'X' }",
    defaults,
    read: entry::read::<Settings>,
};

fn defaults() -> Vec<(&'static str, Value)> {
    let Ok(settings) = toml::from_str::<Settings>(PLATFORM.least) else { return Vec::new() };
    settings.facts().defaults()
}

impl LineSettings for Settings {
    fn facts(&self) -> LineFacts<'_> {
        LineFacts {
            name: PLATFORM.name,
            account: &self.url,
            url: &self.url,
            waits: Waits { final_wait_s: self.final_wait_s, stuck_s: self.stuck_s },
            requests_per_second: self.requests_per_second,
            requests_per_second_max: RATE_MAX,
            statistics_per_second: STATISTICS_PER_SECOND,
            look_back_min: self.look_back_min,
            timeout_s: self.timeout_s,
        }
    }

    fn address_mut(&mut self) -> &mut String {
        &mut self.url
    }

    fn account_signs(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign> {
        AccountSign::secret("mango.api_key", &self.api_key, variable).into_iter().collect()
    }

    fn can_start(&self) -> bool {
        true
    }

    fn check_own(&self, beside: &Beside, findings: &mut Findings) {
        check::secret(beside, Some(&self.api_key), "mango.api_key", findings);
        check::secret(beside, Some(&self.api_salt), "mango.api_salt", findings);
        check_extensions(beside, "Mango Office", findings);
    }

    fn way_in(&self) -> Result<Arc<dyn Hooks>, String> {
        let (key, salt) = self.keys()?;
        Ok(Arc::new(MangoHooks::new(key, salt)))
    }

    fn way_out(&self, wires: &mut LineWires) -> Result<LineEnds, String> {
        Ok(LineEnds {
            starter: wires.starter(|http| Ok(MangoClient::new(Api::open(self, http)?)))?,
            statistics: wires.statistics(|http| Ok(MangoStatistics::new(Api::open(self, http)?)))?,
        })
    }

    fn extensions(&self, wires: &mut LineWires) -> Result<Option<Box<dyn Extensions>>, String> {
        let api = Api::open(self, wires.http()?)?;
        Ok(Some(Box::new(extensions::MangoExtensions(api))))
    }

    fn words(&self, text: &mut String, address: &str) {
        heading(text, "Mango Office: API коннектор");
        text.push_str(&format!(
            "\nЛичный кабинет Mango, Интеграции, API коннектор: добавьте внешнюю систему и вставьте её адрес.\n\
             Уникальный код АТС и ключ для подписи из кабинета запишите в переменные школы (mango.api_key, mango.api_salt).\n\n\
             {address}/\n\n\
             Кнопка проверки связи в кабинете должна показать успех.\n"
        ));
    }
}
