//! Builds a school's hooks, and its couriers behind the budgets of their accounts. Contains nothing specific
//! to a platform: each platform requests what it needs. Enter at [`hooks`] and [`build`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::School;
use crate::platform::entry::{Account, Wires};
use crate::platform::http::{Http, RealHttp};
use crate::platform::post::Post;
use crate::platform::tokens::TokenStore;
use crate::platform::{Courier, Hooks};
use crate::process::SchoolId;
use crate::secret::Vault;
use crate::store::{Rate, Store};
use crate::tokens::StoredTokens;
use crate::worker::lease_view::LeaseView;
use crate::worker::pacer::{Budget, PacedCourier, PacedHttp, Pacer};
use crate::worker::site::Outbound;

/// The network, or a stand-in for it in a test.
pub trait Network {
    fn http(&self, platform: &'static str, timeout_s: u64) -> Result<Arc<dyn Http>, String>;

    /// A stand-in for the mail server; `None` for the real one.
    fn post(&self) -> Option<Box<dyn Post>>;
}

/// The network of this machine. A client holds all certificates of the system, so the schools share theirs.
#[derive(Default)]
pub struct RealNetwork {
    /// By time-out in seconds.
    clients: Mutex<BTreeMap<u64, Arc<RealHttp>>>,
}

impl Network for RealNetwork {
    fn http(&self, _: &'static str, timeout_s: u64) -> Result<Arc<dyn Http>, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&timeout_s) {
            return Ok(client.clone());
        }
        let client = Arc::new(RealHttp::new(Duration::from_secs(timeout_s))?);
        clients.insert(timeout_s, client.clone());
        Ok(client)
    }

    fn post(&self) -> Option<Box<dyn Post>> {
        None
    }
}

/// What all couriers and hooks are built from.
#[derive(Clone)]
pub struct Wiring {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// Opens and seals stored tokens; needed for OAuth only.
    pub vault: Option<Vault>,
    /// Folder for a local copy of tokens.
    pub data: PathBuf,
    /// Address at which platforms reach this bridge, without a trailing slash.
    pub url: String,
}

/// The hooks, by the platform's name in the address.
pub fn hooks(school: &School) -> Result<BTreeMap<&'static str, Arc<dyn Hooks>>, String> {
    let mut hooks = BTreeMap::new();
    for (platform, settings) in school.platforms.iter() {
        hooks
            .extend(settings.hooks(&school.id, &school.process.texts)?.map(|way_in| (platform.name, way_in)));
    }
    Ok(hooks)
}

/// Builds a courier for each platform that the school has configured.
pub fn build(school: &School, network: &dyn Network, wiring: &Wiring) -> Result<Outbound, String> {
    let seen = school.as_seen_by_platforms(&wiring.url);
    let mut builder = Builder::new(network, wiring, Some(LeaseView::default()));
    for (platform, settings) in school.platforms.iter() {
        let connected = settings.connect(&seen, &mut builder)?;
        let outbound = &mut builder.outbound;
        outbound.names.extend(connected.courier.as_ref().map(|(target, _)| (*target, platform.name)));
        outbound.couriers.extend(connected.courier);
        outbound.idle.extend(connected.idle.map(|courier| (platform.name, courier)));
        outbound.reconcilers.extend(connected.reconciler.map(|reconciler| (platform.name, reconciler)));
    }
    Ok(builder.outbound)
}

/// Provides HTTP, budgets and tokens, and collects the pace of every account.
pub struct Builder<'a> {
    network: &'a dyn Network,
    wiring: &'a Wiring,
    /// Accounts of one platform share their connections.
    https: BTreeMap<&'static str, Arc<dyn Http>>,
    outbound: Outbound,
}

impl<'a> Builder<'a> {
    /// `lease` is `None` for a command that reads while another process owns the school.
    pub fn new(network: &'a dyn Network, wiring: &'a Wiring, lease: Option<LeaseView>) -> Self {
        let outbound = Outbound { lease, ..Outbound::default() };
        Self { network, wiring, https: BTreeMap::new(), outbound }
    }

    /// Starts the turn-giver of one account; a burst is one request for all accounts.
    fn pacer(&mut self, Account { platform, of, per_second }: Account) -> Pacer {
        let budget = Budget { account: format!("{platform}:{of}"), rate: Rate { per_second, burst: 1 } };
        let Wiring { store, clock, .. } = self.wiring;
        let pacer = Pacer::start(budget, store.clone(), clock.clone(), self.outbound.lease.clone());
        self.outbound.paces.push(pacer.pace());
        pacer
    }
}

impl Wires for Builder<'_> {
    fn http(
        &mut self,
        platform: &'static str,
        timeout_s: u64,
        account: Account,
    ) -> Result<Arc<dyn Http>, String> {
        let inner = match self.https.get(platform) {
            Some(http) => http.clone(),
            None => {
                let http = self.network.http(platform, timeout_s)?;
                self.https.insert(platform, http.clone());
                http
            }
        };
        Ok(Arc::new(PacedHttp { inner, pacer: self.pacer(account) }))
    }

    fn paced(&mut self, account: Account, inner: Box<dyn Courier>) -> Arc<dyn Courier> {
        Arc::new(PacedCourier { inner, pacer: self.pacer(account) })
    }

    fn post(&mut self) -> Option<Box<dyn Post>> {
        self.network.post()
    }

    fn tokens(&self, platform: &str, school: &SchoolId) -> Result<Arc<dyn TokenStore>, String> {
        let vault = self.wiring.vault.clone();
        let vault = vault.ok_or("DOZVON_VAULT_KEY is not set: stored tokens need it")?;
        let Wiring { store, data, .. } = self.wiring;
        Ok(Arc::new(StoredTokens::of(store.clone(), vault, data, platform, school)))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.wiring.clock.clone()
    }
}
