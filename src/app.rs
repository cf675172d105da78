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
use crate::instance::Name;
use crate::secret::{Secret, Vault};
use crate::store;
use crate::ways::{self, Ground, Ports};
use crate::worker::school::own;
use crate::worker::site::{Parts, Rhythm, Site};

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
    Driven {
        clock: DrivenClock,
        token: Secret,
    },
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
    /// What is on its way when the bridge stops has so long to land.
    drain: Duration,
    _name: Option<Name>,
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
        let vault = options.config.instance.vault_key.as_ref().map(Vault::new);
        let ground = Ground {
            store,
            clock,
            vault,
            data: options.config.instance.data.clone(),
            url: options.config.instance.url.clone(),
        };
        let (stop, stopped) = watch::channel(false);
        let limits = options.config.instance.limits.clone();
        let name = Name::take(&ground.data);
        let mut sites = BTreeMap::new();
        for school in options.config.schools {
            let id = school.id.clone();
            let site = site(school, &ground, limits.raw_days, stopped.clone())
                .map_err(|why| StartError::School { school: id.to_string(), why })?;
            sites.insert(id, Arc::new(site.named(name.as_ref())));
        }
        let body_wait = Duration::from_secs(limits.body_s.into());
        let drain = Duration::from_secs(limits.drain_s.into());
        let mut owners = JoinSet::new();
        for site in sites.values() {
            owners.spawn(own(site.clone()));
        }
        let front = web::Data::new(Front { sites: sites.clone(), body_wait, driven });
        let server = HttpServer::new(move || App::new().configure(routes(front.clone())))
            .workers(2)
            .client_request_timeout(body_wait)
            .shutdown_timeout(5)
            .disable_signals()
            .listen(listener)
            .map_err(StartError::Server)?
            .run();
        let handle = server.handle();
        Ok(Self {
            address,
            sites,
            server: handle,
            serving: tokio::spawn(server),
            owners,
            stop,
            drain,
            _name: name,
        })
    }

    /// Takes no more requests, lets what is on its way land, gives the schools back.
    pub async fn stop(mut self) {
        self.server.stop(true).await;
        let _ = self.stop.send(true);
        let drained =
            tokio::time::timeout(self.drain, async { while self.owners.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!("not everything landed in time; it is looked for at the next start");
        }
        if let Ok(Err(error)) = self.serving.await {
            tracing::warn!(%error, "the server ended badly");
        }
    }
}

/// One school with its ways in and out, over the real network.
fn site(school: School, ground: &Ground, raw_days: u32, stop: watch::Receiver<bool>) -> Result<Site, String> {
    let ports = Ports::real(&school)?;
    Ok(Site::new(Parts {
        hooks: ways::hooks(&school)?,
        ways: ways::build(&school, ports, ground)?,
        school: Arc::new(school),
        store: ground.store.clone(),
        clock: ground.clock.clone(),
        stop,
        rhythm: Rhythm::default(),
        raw_days,
    }))
}
