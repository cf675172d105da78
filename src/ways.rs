//! THE LIST of platforms: a school's ways in, and its ways out behind the budgets of its accounts.
//! Never knows what a platform says. Enter at [`hooks`] and [`build`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Clock;
use crate::config::School;
use crate::platform::amocrm::settings::Auth;
use crate::platform::amocrm::{
    self, AmoClient, AmoCourier, AmoHooks, AmoLookBack, App, LongLived, OauthTokens, TokenSource,
};
use crate::platform::getcourse::reconcile::{Exports, SPACING_S};
use crate::platform::getcourse::{self, GcCourier, GcHooks, GcLookBack, Keys};
use crate::platform::http::{Http, RealHttp};
use crate::platform::mail::{MailCourier, Post, SmtpPost};
use crate::platform::mango::{MangoClient, MangoHooks, MangoStatistics};
use crate::platform::sipuni::{SipuniClient, SipuniHooks, SipuniStatistics};
use crate::platform::telephony::Provider;
use crate::platform::telephony::start::{LineCourier, Starter};
use crate::platform::telephony::statistics::LineLookBack;
use crate::platform::telphin::{self, TelphinClient, TelphinHooks, TelphinStatistics};
use crate::platform::{Courier, Hooks};
use crate::process::Target;
use crate::secret::{Secret, Vault};
use crate::store::{Rate, Store};
use crate::tokens::StoredTokens;
use crate::worker::lease_view::LeaseView;
use crate::worker::pacer::{Budget, PacedCourier, PacedHttp, Pacer};
use crate::worker::site::Ways;

/// Statistics of calls have a budget of their own: one request in two seconds.
const STATISTICS_PER_SECOND: f64 = 0.5;

/// The network, or what stands in for it in a test.
pub struct Ports {
    pub amocrm: Arc<dyn Http>,
    pub getcourse: Arc<dyn Http>,
    pub mango: Arc<dyn Http>,
    pub sipuni: Arc<dyn Http>,
    pub telphin: Arc<dyn Http>,
    /// Only where the school sends letters.
    pub post: Option<Box<dyn Post>>,
}

/// What every way is built on.
#[derive(Clone)]
pub struct Ground {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// Opens and seals stored tokens; needed for OAuth only.
    pub vault: Option<Vault>,
    /// Folder for a local copy of tokens.
    pub data: PathBuf,
    /// Address under which platforms reach this bridge, without a slash at its end.
    pub url: String,
}

impl Ports {
    /// The real network.
    pub fn real(school: &School) -> Result<Self, String> {
        let seconds = |settings: Option<u64>| Duration::from_secs(settings.unwrap_or(20));
        let http = |seconds| -> Result<Arc<dyn Http>, String> { Ok(Arc::new(RealHttp::new(seconds)?)) };
        let post: Option<Box<dyn Post>> = match &school.mail {
            Some(settings) => Some(Box::new(SmtpPost::open(settings)?)),
            None => None,
        };
        Ok(Self {
            amocrm: http(seconds(school.amocrm.as_ref().map(|settings| settings.timeout_s)))?,
            getcourse: http(seconds(school.getcourse.as_ref().map(|settings| settings.timeout_s)))?,
            mango: http(seconds(school.mango.as_ref().map(|settings| settings.timeout_s)))?,
            sipuni: http(seconds(school.sipuni.as_ref().map(|settings| settings.timeout_s)))?,
            telphin: http(seconds(school.telphin.as_ref().map(|settings| settings.timeout_s)))?,
            post,
        })
    }
}

/// The ways in, by the platform's name in the address.
pub fn hooks(school: &School) -> Result<BTreeMap<&'static str, Arc<dyn Hooks>>, String> {
    let mut hooks: BTreeMap<&'static str, Arc<dyn Hooks>> = BTreeMap::new();
    if let Some(settings) = &school.getcourse {
        hooks.insert("getcourse", Arc::new(GcHooks::new(settings.clone())));
    }
    if let Some(settings) = &school.amocrm {
        let app = App::of(settings)?;
        hooks.insert("amocrm", Arc::new(AmoHooks::new(school.id.clone(), settings, app)));
    }
    if let Some(settings) = &school.mango {
        hooks.insert("mango", Arc::new(MangoHooks::open(settings)?));
    }
    if let Some(settings) = &school.sipuni {
        hooks.insert("sipuni", Arc::new(SipuniHooks::new(settings)));
    }
    if let Some(settings) = &school.telphin {
        hooks.insert("telphin", Arc::new(TelphinHooks::new(settings.clone())));
    }
    Ok(hooks)
}

/// One courier for each platform that the school has set up.
pub fn build(school: &School, ports: Ports, ground: &Ground) -> Result<Ways, String> {
    let mut ways = Ways { tenure: Some(LeaseView::default()), ..Ways::default() };
    lines(&mut ways, school, &ports, ground)?;
    statistics(&mut ways, school, &ports, ground)?;
    if let Some(settings) = &school.amocrm {
        let pacer = pacer(&mut ways, ground, ("amocrm", &settings.url), settings.requests_per_second);
        let http = Arc::new(PacedHttp { inner: ports.amocrm, pacer });
        if settings.look_back_min > 0 {
            let (client, _) = amocrm_client(school, settings, http.clone(), ground)?;
            let every = TimeDelta::minutes(i64::from(settings.look_back_min));
            let managers = school.process.roster.iter().filter_map(|manager| manager.amocrm).collect();
            ways.looks.insert("amocrm", Arc::new(AmoLookBack::new(client, every, managers)));
        }
        ways.couriers.insert(Target::Crm, amocrm_courier(school, settings, http, ground)?);
    }
    if let Some(settings) = &school.getcourse {
        let pacer = pacer(&mut ways, ground, ("getcourse", &settings.url), settings.requests_per_second);
        let http = Arc::new(PacedHttp { inner: ports.getcourse.clone(), pacer });
        if let Some(key) = settings.school_key.as_ref().filter(|_| settings.look_back_min > 0) {
            let key = key.read().map_err(|why| format!("getcourse.school_key: {why}"))?;
            let pacer = pacer_of_exports(&mut ways, ground, &settings.url);
            let exports =
                Exports::new(&settings.url, key, Arc::new(PacedHttp { inner: ports.getcourse, pacer }));
            let keys = Keys::read(settings)?;
            let tech = keys.map(|keys| getcourse::Client::new(settings, keys, http.clone()));
            let look = GcLookBack::new(settings.clone(), exports, tech, school.process.roster.clone());
            ways.looks.insert("getcourse", Arc::new(look));
        }
        let courier = GcCourier::open(settings.clone(), &school.process.roster, http)?;
        ways.couriers.insert(Target::Getcourse, Arc::new(courier));
    }
    if let (Some(settings), Some(post)) = (&school.mail, ports.post) {
        let pacer = pacer(&mut ways, ground, ("mail", &settings.host), settings.letters_per_second);
        let inner = MailCourier::new(settings, post);
        ways.couriers.insert(Target::Mail, Arc::new(PacedCourier { inner, pacer }));
    }
    Ok(ways)
}

/// The provider that starts calls, and the account of one that only has to be subscribed at.
fn lines(ways: &mut Ways, school: &School, ports: &Ports, ground: &Ground) -> Result<(), String> {
    let starts = |provider| school.calls_by == Some(provider);
    if let Some(settings) = school.mango.as_ref().filter(|_| starts(Provider::Mango)) {
        let account = ("mango", settings.url.as_str());
        let http = paced(ways, ground, account, settings.requests_per_second, &ports.mango);
        ways.couriers.insert(Target::Line, line(school, MangoClient::open(settings, http)?));
    }
    if let Some(settings) = school.sipuni.as_ref().filter(|_| starts(Provider::Sipuni)) {
        let account = ("sipuni", settings.user.as_str());
        let http = paced(ways, ground, account, settings.requests_per_second, &ports.sipuni);
        let client = SipuniClient::open(settings, http)?;
        ways.couriers.extend(client.map(|client| (Target::Line, line(school, client))));
    }
    if let Some(settings) = &school.telphin
        && let Some(session) = telphin::Session::open(settings, ground.clock.clone())?
    {
        let account = ("telphin", settings.client_id.as_deref().unwrap_or_default());
        let http = paced(ways, ground, account, settings.requests_per_second, &ports.telphin);
        let secret = school.secrets.first().map(|secret| secret.reveal()).unwrap_or_default();
        let hook = (format!("{}/hooks/{}/telphin/", ground.url, school.id), secret);
        let courier = line(school, TelphinClient::new(settings, session.clone(), hook, http));
        if starts(Provider::Telphin) {
            ways.couriers.insert(Target::Line, courier);
        } else {
            ways.idle.insert("telphin", courier);
        }
        if settings.look_back_min > 0 {
            let account = ("telphin-stats", school.id.as_str());
            let http = paced(ways, ground, account, STATISTICS_PER_SECOND, &ports.telphin);
            let statistics = TelphinStatistics::new(settings, session, http);
            ways.looks.insert("telphin", Arc::new(LineLookBack::new(statistics, settings.look_back_min)));
        }
    }
    Ok(())
}

/// What Mango and Sipuni list of their calls afterwards; Telphin's history shares its sign-in, see [`lines`].
fn statistics(ways: &mut Ways, school: &School, ports: &Ports, ground: &Ground) -> Result<(), String> {
    let account = |platform| (platform, school.id.as_str());
    if let Some(settings) = school.mango.as_ref().filter(|settings| settings.look_back_min > 0) {
        let http = paced(ways, ground, account("mango-stats"), STATISTICS_PER_SECOND, &ports.mango);
        let statistics = MangoStatistics::open(settings, http)?;
        ways.looks.insert("mango", Arc::new(LineLookBack::new(statistics, settings.look_back_min)));
    }
    if let Some(settings) = school.sipuni.as_ref().filter(|settings| settings.look_back_min > 0) {
        let http = paced(ways, ground, account("sipuni-stats"), STATISTICS_PER_SECOND, &ports.sipuni);
        if let Some(client) = SipuniClient::open(settings, http)? {
            let statistics = SipuniStatistics::new(client, settings);
            ways.looks.insert("sipuni", Arc::new(LineLookBack::new(statistics, settings.look_back_min)));
        }
    }
    Ok(())
}

fn line(school: &School, starter: impl Starter + 'static) -> Arc<dyn Courier> {
    Arc::new(LineCourier::new(starter, &school.process.roster))
}

/// An account's HTTP port behind its budget.
fn paced(
    ways: &mut Ways,
    ground: &Ground,
    account: (&str, &str),
    per_second: f64,
    inner: &Arc<dyn Http>,
) -> Arc<dyn Http> {
    let pacer = pacer(ways, ground, account, per_second);
    Arc::new(PacedHttp { inner: inner.clone(), pacer })
}

/// The turn-giver of one account; bursts are one request everywhere.
fn pacer(ways: &mut Ways, ground: &Ground, (platform, account): (&str, &str), per_second: f64) -> Pacer {
    let budget = Budget { account: format!("{platform}:{account}"), rate: Rate { per_second, burst: 1 } };
    let pacer = Pacer::start(budget, ground.store.clone(), ground.clock.clone(), ways.tenure.clone());
    ways.paces.push(pacer.pace());
    pacer
}

/// Exports have a budget of their own, which the school's other integrations share.
fn pacer_of_exports(ways: &mut Ways, ground: &Ground, url: &str) -> Pacer {
    pacer(ways, ground, ("getcourse-export", url), 1.0 / SPACING_S as f64)
}

/// The school's amoCRM account over the real network, within its budget; for a command that looks.
pub fn amocrm_reader(
    school: &School,
    settings: &amocrm::Settings,
    ground: &Ground,
) -> Result<AmoClient, String> {
    let inner = Arc::new(RealHttp::new(Duration::from_secs(settings.timeout_s))?);
    let account = ("amocrm", settings.url.as_str());
    let pacer = pacer(&mut Ways::default(), ground, account, settings.requests_per_second);
    Ok(amocrm_client(school, settings, Arc::new(PacedHttp { inner, pacer }), ground)?.0)
}

/// The account's client, and its rotating tokens where the school signs in by OAuth.
fn amocrm_client(
    school: &School,
    settings: &amocrm::Settings,
    http: Arc<dyn Http>,
    ground: &Ground,
) -> Result<(AmoClient, Option<OauthTokens>), String> {
    let oauth = oauth(school, settings, http.clone(), ground)?;
    let tokens: Arc<dyn TokenSource> = match (&settings.auth, &oauth) {
        (Auth::LongLived { token }, _) => Arc::new(LongLived::new(token.read()?, ground.clock.clone())),
        (Auth::Oauth { .. }, Some(tokens)) => Arc::new(tokens.clone()),
        (Auth::Oauth { .. }, None) => return Err("amocrm.auth: no client secret".to_owned()),
    };
    Ok((AmoClient::new(&settings.url, http, tokens), oauth))
}

fn amocrm_courier(
    school: &School,
    settings: &amocrm::Settings,
    http: Arc<dyn Http>,
    ground: &Ground,
) -> Result<Arc<dyn Courier>, String> {
    let managers = school.process.roster.iter().filter_map(|m| Some((m.id.clone(), m.amocrm?))).collect();
    let (client, oauth) = amocrm_client(school, settings, http, ground)?;
    let mut courier = AmoCourier::new(client, Arc::new(settings.clone()), managers);
    if let Some(tokens) = oauth {
        courier = courier.consenting(tokens);
    }
    if let Some(secret) = school.secrets.first() {
        let address = format!("{}/hooks/{}/amocrm/{}", ground.url, school.id, secret.reveal());
        courier = courier.subscribed_to(Secret::new(address));
    }
    Ok(Arc::new(courier))
}

/// The rotating tokens of a school that signs in by OAuth.
fn oauth(
    school: &School,
    settings: &amocrm::Settings,
    http: Arc<dyn Http>,
    ground: &Ground,
) -> Result<Option<OauthTokens>, String> {
    let Some(app) = App::of(settings)? else { return Ok(None) };
    let vault = ground.vault.clone().ok_or("DOZVON_VAULT_KEY is not set: stored tokens need it")?;
    let store = Arc::new(StoredTokens {
        store: ground.store.clone(),
        vault,
        name: format!("amocrm:{}", school.id),
        file: ground.data.join("tokens").join(format!("amocrm-{}", school.id)),
    });
    let clock = ground.clock.clone();
    Ok(Some(OauthTokens::new(app, &settings.url, settings.timeout_s, http, store, clock)))
}
