//! GetCourse as a platform of the bridge: its value, which connects its parts. Enter at [`PLATFORM`].

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::Value;
use url::Url;

use super::reconcile::{Exports, SPACING_S};
use super::survey::GcSurvey;
use super::{Client, GcCourier, GcHooks, GcReconciler, Keys, Settings, addresses, check, settings, words};
use crate::message::library::Library;
use crate::platform::check::{Beside, Findings};
use crate::platform::entry::{
    self, Account, AccountSign, Connected, OfSchool, Platform, PlatformKind, Wires,
};
use crate::platform::http::Http;
use crate::platform::survey::Survey;
use crate::platform::{Hooks, Reconciler};
use crate::process::{SchoolId, Target};

const NAME: &str = "getcourse";

pub static PLATFORM: Platform = Platform {
    name: NAME,
    kind: PlatformKind::Orders,
    absent: "Absent: no orders come in.",
    missing: Some("missing: no orders come in, no status and no comment is written"),
    sections: settings::SECTIONS,
    least: "url = 'https://x.example'",
    defaults,
    read: entry::read::<Settings>,
};

fn defaults() -> Vec<(&'static str, Value)> {
    let Ok(settings) = toml::from_str::<Settings>(PLATFORM.least) else { return Vec::new() };
    vec![
        ("zone", settings.zone.name().into()),
        ("look_back_min", i64::from(settings.look_back_min).into()),
        ("requests_per_second", settings.requests_per_second.into()),
        ("timeout_s", i64::try_from(settings.timeout_s).unwrap_or_default().into()),
    ]
}

impl entry::Settings for Settings {
    fn url_mut(&mut self) -> Option<&mut String> {
        Some(&mut self.url)
    }

    fn account(&self) -> Option<&str> {
        Some(&self.url)
    }

    /// One account may have several addresses, and its key is the same at each.
    fn signs(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign> {
        let key = self.school_key.as_ref();
        let key = key.and_then(|key| AccountSign::secret("getcourse.school_key", key, variable));
        [AccountSign::url("getcourse.url", &self.url)].into_iter().chain(key).collect()
    }

    fn check(&self, beside: &Beside, findings: &mut Findings) {
        check::check(self, beside, findings);
    }

    fn hooks(&self, _: &SchoolId, _: &Library) -> Result<Option<Arc<dyn Hooks>>, String> {
        Ok(Some(Arc::new(GcHooks::new(self.clone()))))
    }

    fn connect(&self, school: &OfSchool, wires: &mut dyn Wires) -> Result<Connected, String> {
        let account = Account { platform: NAME, of: &self.url, per_second: self.requests_per_second };
        let http = wires.http(NAME, self.timeout_s, account)?;
        let reconciler = self.reconciler(school, http.clone(), wires)?;
        let courier = GcCourier::open(self.clone(), &school.process.roster, http)?;
        let courier = Some((Target::Getcourse, Arc::new(courier) as _));
        Ok(Connected { courier, reconciler, ..Connected::default() })
    }

    /// Only the Tech API lists them, with both keys.
    fn survey(&self, _: &OfSchool, wires: &mut dyn Wires) -> Result<Option<Box<dyn Survey>>, String> {
        let Some(keys) = Keys::read(self)? else { return Ok(None) };
        let account = Account { platform: NAME, of: &self.url, per_second: self.requests_per_second };
        let http = wires.http(NAME, self.timeout_s, account)?;
        let client = Client::new(self, keys, http);
        Ok(Some(Box::new(GcSurvey { client, comment_author: self.comment_author })))
    }

    fn reads_orders(&self) -> bool {
        self.school_key.is_some() && self.developer_key.is_some()
    }

    /// Also in the ASCII form of a Cyrillic name.
    fn link_hosts(&self) -> Vec<String> {
        let of_url = Url::parse(&self.url).ok().and_then(|url| Some(url.host_str()?.to_owned()));
        let ascii =
            |host: &String| Url::parse(&format!("https://{host}")).ok()?.host_str().map(str::to_owned);
        let listed = self.link_hosts.iter().map(|host| host.to_lowercase());
        listed.chain(self.link_hosts.iter().filter_map(ascii)).chain(of_url).collect()
    }

    fn brings(&self) -> Option<BTreeSet<String>> {
        Some(addresses::brought(self))
    }

    fn url_words(&self, text: &mut String, school: &OfSchool) {
        let address = school.hooks_address(NAME);
        words::setup(text, &address, self);
        words::example(text, &address, self, school.process);
    }
}

impl Settings {
    /// Exports have a budget of their own, which the school's other integrations share.
    fn reconciler(
        &self,
        school: &OfSchool,
        http: Arc<dyn Http>,
        wires: &mut dyn Wires,
    ) -> Result<Option<Arc<dyn Reconciler>>, String> {
        let Some(key) = self.school_key.as_ref().filter(|_| self.look_back_min > 0) else { return Ok(None) };
        let key = key.read().map_err(|why| format!("getcourse.school_key: {why}"))?;
        let per_second = 1.0 / SPACING_S as f64;
        let account = Account { platform: "getcourse-export", of: &self.url, per_second };
        let exports = Exports::new(&self.url, key, wires.http(NAME, self.timeout_s, account)?);
        let tech = Keys::read(self)?.map(|keys| Client::new(self, keys, http));
        let roster = school.process.roster.clone();
        Ok(Some(Arc::new(GcReconciler::new(self.clone(), exports, tech, roster))))
    }
}
