//! The bridge as a whole: built from a configuration, run until it is told to stop, drained.
//! Never decides; it only puts the parts together. Enter at [`Bridge::start`].

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::{Clock, DrivenClock, WallClock};
use crate::config::{Config, School};
use crate::http::{Front, routes};
use crate::platform::Hooks;
use crate::secret::{Secret, Vault};
use crate::store::Store;
use crate::worker::school::own;
use crate::worker::site::{Parts, Rhythm, Site, Ways};
use crate::{store, ways};

/// A request's body has to arrive within this.
const BODY_WAIT: Duration = Duration::from_secs(10);
/// What is on its way when the bridge is stopped has so long to land.
const DRAIN_MAX: Duration = Duration::from_secs(25);

/// What a run is made of.
pub struct Options {
    pub config: Config,
    /// `host:port`; port 0 takes a free one.
    pub listen: String,
    /// Address of a Redis, or the folder of the embedded store.
    pub store: store::Place,
    pub time: Time,
}

/// Whose time it is.
pub enum Time {
    Wall,
    /// Moved from outside by whoever knows the token.
    Driven { clock: DrivenClock, token: Secret },
}

/// Why the bridge cannot start; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {0}: {1}; choose another address with --listen or DOZVON_LISTEN")]
    Listen(String, std::io::Error),
    #[error("the store cannot be used: {0}")]
    Store(#[from] crate::store::StoreError),
    #[error("school {school}: {why}")]
    School { school: String, why: String },
    #[error("the server failed: {0}")]
    Server(std::io::Error),
}

/// A bridge that serves.
pub struct Bridge {
    pub address: SocketAddr,
    pub sites: BTreeMap<crate::process::SchoolId, Arc<Site>>,
    server: actix_web::dev::ServerHandle,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    owners: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Bridge {
    /// Builds, binds and begins to work; returns when requests are taken.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (clock, driven): (Arc<dyn Clock>, _) = match options.time {
            Time::Wall => (Arc::new(WallClock), None),
            Time::Driven { clock, token } => (Arc::new(clock.clone()), Some((clock, token))),
        };
        let listener = TcpListener::bind(&options.listen)
            .map_err(|error| StartError::Listen(options.listen.clone(), error))?;
        let address =
            listener.local_addr().map_err(|error| StartError::Listen(options.listen.clone(), error))?;
        let store = options.store.open().await?;
        let (stop, stopped) = watch::channel(false);
        let mut sites = BTreeMap::new();
        for school in options.config.schools {
            let id = school.id.clone();
            let vault = options.config.instance.vault.clone();
            let site = site(school, vault, store.clone(), clock.clone(), stopped.clone())
                .map_err(|why| StartError::School { school: id.to_string(), why })?;
            sites.insert(id, Arc::new(site));
        }
        let mut owners = JoinSet::new();
        for site in sites.values() {
            owners.spawn(own(site.clone()));
        }
        let front = web::Data::new(Front { sites: sites.clone(), body_wait: BODY_WAIT, driven });
        let server = HttpServer::new(move || App::new().configure(routes(front.clone())))
            .workers(2)
            .client_request_timeout(BODY_WAIT)
            .shutdown_timeout(5)
            .disable_signals()
            .listen(listener)
            .map_err(StartError::Server)?
            .run();
        let handle = server.handle();
        Ok(Self { address, sites, server: handle, serving: tokio::spawn(server), owners, stop })
    }

    /// Takes no more requests, lets what is on its way land, gives the schools back.
    pub async fn stop(mut self) {
        self.server.stop(true).await;
        let _ = self.stop.send(true);
        let drained = tokio::time::timeout(DRAIN_MAX, async {
            while self.owners.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!("not everything landed in time; it is looked for at the next start");
        }
        if let Ok(Err(error)) = self.serving.await {
            tracing::warn!(%error, "the server ended badly");
        }
    }
}

/// One school with its ways in and out.
fn site(
    school: School,
    vault: Option<Vault>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    stop: watch::Receiver<bool>,
) -> Result<Site, String> {
    let school = Arc::new(school);
    let hooks = hooks(&school)?;
    let ways: Ways = ways::build(&school, vault, &store, &clock)?;
    let rhythm = Rhythm::default();
    Ok(Site::new(Parts { school, hooks, ways, store, clock, stop, rhythm }))
}

/// The ways in, by the platform's name in the address. THE LIST of what can be received.
fn hooks(school: &School) -> Result<BTreeMap<&'static str, Arc<dyn Hooks>>, String> {
    let mut hooks: BTreeMap<&'static str, Arc<dyn Hooks>> = BTreeMap::new();
    let _ = (school, &mut hooks);
    Ok(hooks)
}
