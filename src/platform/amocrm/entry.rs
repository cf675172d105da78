//! amoCRM as a platform of the bridge: its value, which connects its parts. Enter at [`PLATFORM`]; [`client`]
//! is for commands that only read.

use std::sync::Arc;

use chrono::TimeDelta;
use toml::Value;

use super::settings::Auth;
use super::{
    AmoClient, AmoCourier, AmoHooks, AmoReconciler, App, LongLived, OauthTokens, Settings, TokenSource,
    check, settings, words,
};
use crate::message::library::Library;
use crate::platform::check::{Beside, Complaints, Findings};
use crate::platform::entry::{
    self, Account, AccountSign, Connected, OfSchool, Platform, PlatformKind, Wires,
};
use crate::platform::http::Http;
use crate::platform::{Courier, Hooks, Reconciler};
use crate::process::{SchoolId, Target};
use crate::secret::Secret;

pub(super) const NAME: &str = "amocrm";

pub static PLATFORM: Platform = Platform {
    name: NAME,
    kind: PlatformKind::Crm,
    absent: "Absent: no leads and no tasks.",
    missing: Some("missing: no leads and no tasks are made"),
    sections: settings::SECTIONS,
    least: "url = 'https://x.example'\nauth = { by = 'long_lived', token = { env = 'X' } }\npipelines = {}",
    defaults,
    read: entry::read::<Settings>,
};

fn defaults() -> Vec<(&'static str, Value)> {
    let Ok(settings) = toml::from_str::<Settings>(PLATFORM.least) else { return Vec::new() };
    vec![
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

    fn signs(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<AccountSign> {
        let id = self.account_id.map(|id| AccountSign::new("amocrm.account_id", id.to_string()));
        let token = match &self.auth {
            Auth::LongLived { token } => AccountSign::secret("amocrm.auth.token", token, variable),
            // One integration may serve several accounts.
            Auth::Oauth { .. } => None,
        };
        [AccountSign::url("amocrm.url", &self.url)].into_iter().chain(id).chain(token).collect()
    }

    fn check(&self, beside: &Beside, findings: &mut Findings) {
        check::check(self, beside, findings);
    }

    fn check_addresses(&self, school: &OfSchool, warn: &mut Complaints) {
        check::redirect(self, school, warn);
    }

    fn hooks(&self, school: &SchoolId, texts: &Library) -> Result<Option<Arc<dyn Hooks>>, String> {
        let hooks = AmoHooks::new(school.clone(), self, App::of(self)?);
        Ok(Some(Arc::new(hooks.saying(texts.clone()))))
    }

    fn connect(&self, school: &OfSchool, wires: &mut dyn Wires) -> Result<Connected, String> {
        let http = http(self, wires)?;
        let (client, oauth) = signed_in(self, school.id, http, wires)?;
        let roster = &school.process.roster;
        let reconciler = (self.look_back_min > 0).then(|| -> Arc<dyn Reconciler> {
            let every = TimeDelta::minutes(i64::from(self.look_back_min));
            let managers = roster.iter().filter_map(|manager| manager.amocrm).collect();
            let watched = self.sales().flat_map(|pipeline| {
                let stages = self.by_hand.iter().filter_map(|stage| pipeline.stages.get(stage));
                stages.map(|status| (pipeline.id, *status))
            });
            let watched = watched.collect();
            Arc::new(AmoReconciler::new(client.clone(), every, managers).watching(watched))
        });
        let managers = roster.iter().filter_map(|m| Some((m.id.clone(), m.amocrm?))).collect();
        let head = school.process.head().and_then(|head| head.amocrm);
        let mut courier = AmoCourier::new(client, Arc::new(self.clone()), managers)
            .headed_by(head)
            .saying(school.process.texts.clone());
        if let Some(tokens) = oauth {
            courier = courier.consenting(tokens);
        }
        if !school.secrets.is_empty() {
            courier = courier.subscribed_to(Secret::new(school.hooks_address(NAME)));
        }
        let courier: Arc<dyn Courier> = Arc::new(courier);
        Ok(Connected { courier: Some((Target::Crm, courier)), reconciler, ..Connected::default() })
    }

    fn url_words(&self, text: &mut String, school: &OfSchool) {
        words::setup(text, &school.hooks_address(NAME), school.id, self);
    }
}

/// The client of the school's account, within its budget; for commands that only read.
pub fn client(settings: &Settings, school: &SchoolId, wires: &mut dyn Wires) -> Result<AmoClient, String> {
    let http = http(settings, wires)?;
    Ok(signed_in(settings, school, http, wires)?.0)
}

fn http(settings: &Settings, wires: &mut dyn Wires) -> Result<Arc<dyn Http>, String> {
    let account = Account { platform: NAME, of: &settings.url, per_second: settings.requests_per_second };
    wires.http(NAME, settings.timeout_s, account)
}

/// The account's client, and its rotating tokens if the school signs in by OAuth.
fn signed_in(
    settings: &Settings,
    school: &SchoolId,
    http: Arc<dyn Http>,
    wires: &dyn Wires,
) -> Result<(AmoClient, Option<OauthTokens>), String> {
    let oauth = match App::of(settings)? {
        Some(app) => {
            let (store, clock) = (wires.tokens(NAME, school)?, wires.clock());
            Some(OauthTokens::new(app, &settings.url, settings.timeout_s, http.clone(), store, clock))
        }
        None => None,
    };
    let tokens: Arc<dyn TokenSource> = match (&settings.auth, &oauth) {
        (Auth::LongLived { token }, _) => Arc::new(LongLived::new(token.read()?, wires.clock())),
        (Auth::Oauth { .. }, Some(tokens)) => Arc::new(tokens.clone()),
        (Auth::Oauth { .. }, None) => return Err("amocrm.auth: no client secret".to_owned()),
    };
    Ok((AmoClient::new(&settings.url, http, tokens), oauth))
}
