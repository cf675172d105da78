//! The whole bridge: built from a configuration, run until it is stopped, then drained; it accepts a new
//! configuration while it runs. Never decides anything; it only connects the parts. Enter at
//! [`Bridge::start`].

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use tokio::task::JoinHandle;

use crate::clock::{Clock, DrivenClock, WallClock};
use crate::config::raw::Limits;
use crate::config::{Config, School};
use crate::http::quota::{PerMinute, Quotas};
use crate::http::turned::TurnedLog;
use crate::http::{Front, Sites, operation_routes, server};
use crate::instance::Name;
use crate::notify;
use crate::outbound::Wiring;
use crate::panics::{Panicked, caught};
use crate::private;
use crate::process::SchoolId;
use crate::schools::{Rebuild, SchoolError, Schools};
use crate::secret::Secret;
use crate::spool::Spools;
use crate::store::{self, Store};
use crate::trouble::Board;
use crate::worker::site::Keep;

/// Pause between two attempts to subscribe to the other instances.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// The parameters of a run.
pub struct Options {
    pub config: Config,
    /// `host:port`; port 0 means any free port.
    pub listen: String,
    /// The same for the people who run the bridge.
    pub operation: String,
    /// Address of a Redis, or the folder of the embedded store.
    pub store: store::Backend,
    pub time: Time,
}

/// The clock of the run.
pub enum Time {
    Wall,
    /// Moved over HTTP by a client that knows the token.
    Driven {
        clock: DrivenClock,
        token: Secret,
    },
}

/// Why the bridge cannot start, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {0}: {1}; choose another address with --listen or DOZVON_LISTEN")]
    Listen(String, std::io::Error),
    #[error("cannot listen on {0}: {1}; choose another address with --operation or DOZVON_OPERATION")]
    Operation(String, std::io::Error),
    #[error("the store cannot be used: {0}")]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    School(#[from] SchoolError),
    #[error("the server failed: {0}")]
    Server(std::io::Error),
}

/// A running bridge.
pub struct Bridge {
    pub address: SocketAddr,
    /// Where the people who run it ask.
    pub operation: SocketAddr,
    schools: Schools,
    refused: Arc<Mutex<Option<String>>>,
    /// For platforms, and for the people who run it.
    servers: [ServerHandle; 2],
    serving: [JoinHandle<std::io::Result<()>>; 2],
    listening: JoinHandle<()>,
    /// Looks for troubles; not under driven time, whose clock stands still.
    noticing: Option<JoinHandle<()>>,
    /// How long requests and deliveries in flight may take to finish when the bridge stops.
    drain: Duration,
}

impl Bridge {
    /// Builds, binds and starts working; returns when requests are accepted.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (clock, driven): (Arc<dyn Clock>, _) = match options.time {
            Time::Wall => (Arc::new(WallClock), None),
            Time::Driven { clock, token } => (Arc::new(clock.clone()), Some((clock, token))),
        };
        let (listener, address) =
            bind(&options.listen).map_err(|error| StartError::Listen(options.listen.clone(), error))?;
        let (operation_listener, operation) = bind(&options.operation)
            .map_err(|error| StartError::Operation(options.operation.clone(), error))?;
        let instance = options.config.instance;
        let store = options.store.open().await?;
        let wiring = Wiring {
            store: store.clone(),
            clock,
            vault: instance.vault(),
            data: instance.data,
            url: instance.url.clone(),
        };
        let Limits { raw_days, ended_days, .. } = instance.limits;
        let keep = Keep { raw_days, ended_days };
        let name = Name::take(&wiring.data).map(Arc::new);
        let data = wiring.data.clone();
        if let Some(why) = private::open_to_others(&data) {
            tracing::warn!(why, "other users of this machine can read the bridge's data");
        }
        let spools = Spools::new(&wiring.data, instance.limits.spool_mb);
        let mut schools = Schools::new(wiring, keep, name, spools);
        schools.follow(options.config.schools, Rebuild::All)?;
        let listening = tokio::spawn(listen(store, schools.sites.clone()));
        let body_wait = Duration::from_secs(instance.limits.body_s.into());
        let refused = Arc::<Mutex<Option<String>>>::default();
        let (board, is_driven) = (Board::default(), driven.is_some());
        let proxies = instance.proxies.clone();
        let sites = schools.sites.clone();
        let Limits { school_per_minute: school, peer_per_minute: peer, .. } = instance.limits;
        let quotas = Quotas::new(PerMinute { school, peer });
        let (refusing, turned) = (refused.clone(), TurnedLog::default());
        let front =
            Front { sites, refused: refusing, proxies, quotas, turned, data, board, body_wait, driven };
        let front = web::Data::new(front);
        let (hooks, asked) = (front.clone(), front.clone());
        let server = server::serve(listener, hooks, body_wait).map_err(StartError::Server)?;
        let operation_server = HttpServer::new(move || App::new().configure(operation_routes(asked.clone())))
            .workers(1)
            .client_request_timeout(body_wait)
            .shutdown_timeout(1)
            .disable_signals()
            .listen(operation_listener)
            .map_err(StartError::Server)?
            .run();
        let servers = [server.handle(), operation_server.handle()];
        let drain = Duration::from_secs(instance.limits.drain_s.into());
        let serving = [tokio::spawn(server), tokio::spawn(operation_server)];
        let noticing = (!is_driven).then(|| tokio::spawn(notify::run(front, instance.notify, instance.url)));
        Ok(Self { address, operation, schools, refused, servers, serving, listening, noticing, drain })
    }

    /// Switches to these schools; if one of them is unfit, nothing changes.
    pub fn follow(&mut self, schools: Vec<School>, rebuild: Rebuild) -> Result<Vec<SchoolId>, SchoolError> {
        let begun = self.schools.follow(schools, rebuild)?;
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(begun)
    }

    /// The schools that it serves now.
    pub fn sites(&self) -> &Sites {
        &self.schools.sites
    }

    /// Makes `/health` show why the present files are not in use.
    pub fn refuse(&self, why: String) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Releases the schools when their deliveries have landed. Requests are accepted until then and stored for the next
    /// owner: whoever is refused a connection may not come again.
    pub async fn stop(self) {
        let [hooks, operation] = self.servers;
        if let Some(noticing) = self.noticing {
            noticing.abort();
        }
        self.schools.stop(self.drain).await;
        hooks.stop(true).await;
        self.listening.abort();
        operation.stop(true).await;
        for serving in self.serving {
            if let Ok(Err(error)) = serving.await {
                tracing::warn!(%error, "a server ended badly");
            }
        }
    }
}

fn bind(address: &str) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Passes on the bells of other instances, which have accepted a request for a school that is owned here.
async fn listen(store: Arc<dyn Store>, sites: Sites) {
    loop {
        let heard = |school: SchoolId| {
            if let Some(site) = sites.get(&school) {
                site.inbox_bell.notify_one();
            }
        };
        match caught(store.listen(&heard)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "the other instances are not heard; owners look by themselves");
            }
            Err(Panicked { place }) => {
                tracing::error!(
                    place,
                    "ALARM: the listener for other instances panicked and is restarted; please report the place"
                );
            }
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}
