//! The ways out of a school: clients of its platforms, each behind the budget of its account.
//! THE LIST of what can be written to. Enter at [`build`].

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::School;
use crate::platform::amocrm::{self, AmoClient, AmoCourier};
use crate::platform::getcourse::{self, GcCourier};
use crate::platform::http::{Http, RealHttp};
use crate::platform::mail::{self, MailCourier, Post, SmtpPost};
use crate::platform::Courier;
use crate::process::Target;
use crate::secret::Vault;
use crate::store::{Rate, Store};
use crate::tokens::StoredTokens;
use crate::worker::pacer::{Budget, PacedCourier, PacedHttp, Pacer};
use crate::worker::site::Ways;

/// The network, or what stands in for it in a test.
#[derive(Clone)]
pub struct Ports {
    pub amocrm: Arc<dyn Http>,
    pub getcourse: Arc<dyn Http>,
    pub post: Arc<dyn Post>,
}

/// What every way is built on.
#[derive(Clone)]
pub struct Ground {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// Opens and seals stored tokens; needed for OAuth only.
    pub vault: Option<Vault>,
}

impl Ports {
    /// The real network.
    pub fn real(school: &School) -> Result<Self, String> {
        let seconds = |settings: Option<u64>| Duration::from_secs(settings.unwrap_or(20));
        let http = |seconds| -> Result<Arc<dyn Http>, String> {
            Ok(Arc::new(RealHttp::new(seconds).map_err(|error| error.to_string())?))
        };
        let post: Arc<dyn Post> = match &school.mail {
            Some(settings) => Arc::new(SmtpPost::new(settings)?),
            None => Arc::new(mail::NoPost),
        };
        Ok(Self {
            amocrm: http(seconds(school.amocrm.as_ref().map(|settings| settings.timeout_s)))?,
            getcourse: http(seconds(school.getcourse.as_ref().map(|settings| settings.timeout_s)))?,
            post,
        })
    }
}

/// One courier for each platform that the school has set up.
pub fn build(school: &School, ports: Ports, ground: &Ground) -> Result<Ways, String> {
    let mut ways = Ways::default();
    if let Some(settings) = &school.amocrm {
        let pacer = pacer(&mut ways, ground, ("amocrm", &settings.url), settings.requests_per_second);
        let http = Arc::new(PacedHttp { inner: ports.amocrm, pacer });
        ways.couriers.insert(Target::Crm, amocrm_courier(school, settings, http, ground)?);
    }
    if let Some(settings) = school.getcourse.as_ref().filter(|settings| settings.can_write()) {
        let pacer = pacer(&mut ways, ground, ("getcourse", &settings.url), settings.requests_per_second);
        let http = Arc::new(PacedHttp { inner: ports.getcourse, pacer });
        ways.couriers.insert(Target::Getcourse, Arc::new(GcCourier::new(settings, http)?));
    }
    if let Some(settings) = &school.mail {
        let pacer = pacer(&mut ways, ground, ("mail", &settings.host), settings.letters_per_second);
        let inner = MailCourier::new(settings, ports.post)?;
        ways.couriers.insert(Target::Mail, Arc::new(PacedCourier { inner, pacer }));
    }
    Ok(ways)
}

/// The turn-giver of one account; bursts are one request everywhere.
fn pacer(ways: &mut Ways, ground: &Ground, (platform, account): (&str, &str), per_second: f64) -> Pacer {
    let budget = Budget { account: format!("{platform}:{account}"), rate: Rate { per_second, burst: 1 } };
    let pacer = Pacer::start(budget, ground.store.clone(), ground.clock.clone());
    ways.paces.push(pacer.pace());
    pacer
}
