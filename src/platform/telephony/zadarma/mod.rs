//! Zadarma: calls, their results, and their starts. Never takes the length of a call from an event as final:
//! no signature covers it, so the statistics may correct it. Enter at [`PLATFORM`].

use std::sync::Arc;

use toml::Value;

use super::extensions::Extensions;
use super::form_hooks::FormHooks;
use super::provider::{LineEnds, LineSettings, LineWires};
use super::settings::{LineFacts, check_extensions};
use super::waits::Waits;
use crate::platform::Hooks;
use crate::platform::check::{self, Beside, Findings};
use crate::platform::entry::{self, AccountSign, CallerId, Platform, PlatformKind, heading};

mod api;
mod decode;
mod extensions;
mod hooks;
mod settings;
mod signature;
mod statistics;
mod wire;

use api::Api;
use settings::Settings;
use statistics::ZadarmaStatistics;

/// Zadarma allows 100 requests a minute, three of them for statistics.
const RATE_MAX: f64 = 100.0 / 60.0;
const STATISTICS_RATE: f64 = 3.0 / 60.0;

pub static PLATFORM: Platform = Platform {
    name: "zadarma",
    kind: PlatformKind::Line {
        title: "Zadarma",
        caller_id: CallerId::Fixed("that of the extension's own setting in the cabinet"),
    },
    absent: "",
    missing: None,
    sections: settings::SECTIONS,
    least: "secret = { env = 'X' }",
    defaults,
    read: entry::read::<Settings>,
};

/// The key of a call: one call of the PBX, over its menus and transfers.
fn call_key(id: &str) -> String {
    format!("zadarma:{id}")
}

fn defaults() -> Vec<(&'static str, Value)> {
    let Ok(settings) = toml::from_str::<Settings>(PLATFORM.least) else { return Vec::new() };
    let own = [("signature", "any".into()), ("zone", settings.zone.name().into())];
    settings.facts().defaults().into_iter().chain(own).collect()
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
            statistics_per_second: STATISTICS_RATE,
            look_back_min: self.look_back_min,
            timeout_s: self.timeout_s,
        }
    }

    fn address_mut(&mut self) -> &mut String {
        &mut self.url
    }

    fn account_signs(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign> {
        let key = self.key.as_ref().and_then(|key| AccountSign::secret("zadarma.key", key, variable));
        AccountSign::secret("zadarma.secret", &self.secret, variable).into_iter().chain(key).collect()
    }

    fn can_start(&self) -> bool {
        self.key.is_some()
    }

    fn check_own(&self, beside: &Beside, findings: &mut Findings) {
        check::secret(beside, Some(&self.secret), "zadarma.secret", findings);
        check::secret(beside, self.key.as_ref(), "zadarma.key", findings);
        check_extensions(beside, "Zadarma", findings);
    }

    fn way_in(&self) -> Result<Arc<dyn Hooks>, String> {
        let secret = self.secret.read().map_err(|why| format!("zadarma.secret: {why}"))?;
        Ok(Arc::new(FormHooks(hooks::Account { secret, form: self.signature, zone: self.zone })))
    }

    /// Without a key, no calls are started and no statistics are read.
    fn way_out(&self, wires: &mut LineWires) -> Result<LineEnds, String> {
        let Some(key) = &self.key else { return Ok(LineEnds::default()) };
        let key = key.read().map_err(|why| format!("zadarma.key: {why}"))?;
        let secret = self.secret.read().map_err(|why| format!("zadarma.secret: {why}"))?;
        let api = |http| Api { base: self.url.clone(), key: key.clone(), secret: secret.clone(), http };
        Ok(LineEnds {
            starter: wires.starter(|http| Ok(api(http)))?,
            statistics: wires.statistics(|http| Ok(ZadarmaStatistics { api: api(http), zone: self.zone }))?,
        })
    }

    fn extensions(&self, wires: &mut LineWires) -> Result<Option<Box<dyn Extensions>>, String> {
        let Some(key) = &self.key else { return Ok(None) };
        let key = key.read().map_err(|why| format!("zadarma.key: {why}"))?;
        let secret = self.secret.read().map_err(|why| format!("zadarma.secret: {why}"))?;
        let api = Api { base: self.url.clone(), key, secret, http: wires.http()? };
        Ok(Some(Box::new(extensions::ZadarmaExtensions(api))))
    }

    fn words(&self, text: &mut String, address: &str) {
        heading(text, "Zadarma: уведомления о звонках");
        text.push_str(&format!(
            "\nЛичный кабинет Zadarma, Настройки, Интеграции и API, раздел «Уведомления о звонках»: вставьте адрес и включите \
             все уведомления о звонках.\n\
             Секрет из раздела с ключами запишите в переменную школы (zadarma.secret). Чтобы программа сама начинала звонки и сверяла \
             их со статистикой, запишите и ключ (zadarma.key).\n\n\
             {address}\n\n\
             На весь аккаунт действует один адрес: если там уже стоит адрес другой системы, она перестанет получать звонки.\n\
             Кабинет проверит адрес сам и должен показать успех.\n"
        ));
    }
}
