//! The bridge in the test's own process, over real sockets, with ports that panic where a test says so.
//! Never differs otherwise from the program, which is put together in `app` and `schools`.
//! Enter at [`Within::start`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use dozvon::clock::{WallClock, wall_now};
use dozvon::config::{Config, Files, Surroundings};
use dozvon::http::{Front, Sites, operation_routes, routes};
use dozvon::intake::book::RecordBudget;
use dozvon::outbound::{self, RealNetwork, Wiring};
use dozvon::platform::{Hooks, Reconciler};
use dozvon::spool::Spools;
use dozvon::store::Store;
use dozvon::trouble::Board;
use dozvon::worker::school;
use dozvon::worker::site::{Keep, Parts, Rhythm, Site};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::breaking::{Breaker, Breaking};
use super::program::{TestBed, env_example, get};

pub struct Within {
    site: Arc<Site>,
    stop: watch::Sender<bool>,
    working: JoinHandle<()>,
    server: ServerHandle,
    port: u16,
}

impl Within {
    /// Works for the bench's school; returns when requests are taken.
    pub async fn start(bench: &TestBed, port: u16, breaker: &Arc<Breaker>) -> Self {
        let surroundings = Surroundings::new(env_example(), wall_now());
        let config = Config::from_files(&files(bench), &surroundings).expect("the example is right");
        let school = config.schools.into_iter().next().expect("one school");
        let store = bench.backend().open().await.expect("the store is there");
        let store: Arc<dyn Store> = Arc::new(Breaking(store, breaker.clone()));
        let data = bench.folder.path().join(format!("within-{port}"));
        let url = format!("http://127.0.0.1:{port}");
        let spool = Spools::new(&data, 64).of(&school.id);
        let wiring = Wiring { store: store.clone(), clock: Arc::new(WallClock), vault: None, data, url };
        let mut outbound = outbound::build(&school, &RealNetwork::default(), &wiring).expect("ways out");
        for courier in outbound.couriers.values_mut() {
            *courier = Arc::new(Breaking(courier.clone(), breaker.clone()));
        }
        for reconciler in outbound.reconcilers.values_mut() {
            let breaking: Arc<dyn Reconciler> = Arc::new(Breaking(reconciler.clone(), breaker.clone()));
            *reconciler = breaking;
        }
        let break_hooks = |hooks| -> Arc<dyn Hooks> { Arc::new(Breaking(hooks, breaker.clone())) };
        let hooks = outbound::hooks(&school).expect("ways in").into_iter();
        let (stop, stopped) = watch::channel(false);
        let site = Site::new(Parts {
            hooks: hooks.map(|(name, hooks)| (name, break_hooks(hooks))).collect(),
            outbound,
            school: Arc::new(school),
            store,
            clock: wiring.clock.clone(),
            stop: stopped,
            rhythm: Rhythm::default(),
            keep: Keep { raw_days: 90, ended_days: 365 },
            // For a few records, so that they are opened and closed all the time.
            record_budget: Arc::new(RecordBudget::of(8 * 1024)),
        });
        let site = Arc::new(site.spooling(spool));
        let working = tokio::spawn(school::run(site.clone()));
        let server = serve(site.clone(), port);
        Self { site, stop, working, server, port }
    }

    /// As if the store had been restarted: the owner reads it anew.
    pub fn reads_anew(&self) {
        self.site.restart_from_store();
    }

    /// What `/health` says of the school.
    pub async fn health(&self) -> Option<Value> {
        let said = get(&format!("http://127.0.0.1:{}/health", self.port)).await?;
        (said.status == 200).then(|| said.json()["schools"]["rost"].clone())
    }

    pub async fn owns(&self) -> bool {
        self.health().await.is_some_and(|said| said["here"] == "owner")
    }

    /// Requests that are being received.
    pub fn receiving(&self) -> u64 {
        self.site.tally.receiving.load(Ordering::SeqCst)
    }

    /// The store with the ports' panics in it.
    pub fn store(&self) -> Arc<dyn Store> {
        self.site.store.clone()
    }

    /// Lets what is on its way land.
    pub async fn stop(self) {
        self.server.stop(true).await;
        let _ = self.stop.send(true);
        self.working.await.expect("no panic comes so far");
    }
}

fn serve(site: Arc<Site>, port: u16) -> ServerHandle {
    let sites = Sites::default();
    sites.put(site);
    let body_wait = Duration::from_secs(5);
    let front = web::Data::new(Front {
        proxies: dozvon::peer::Proxies::default(),
        quotas: dozvon::http::quota::Quotas::new(dozvon::http::quota::PerMinute {
            school: 10_000,
            peer: 10_000,
        }),
        sites,
        refused: Arc::default(),
        board: Board::default(),
        turned: dozvon::http::turned::TurnedLog::default(),
        data: std::path::PathBuf::new(),
        body_wait,
        driven: None,
    });
    // One address for both tables.
    let both = move || App::new().configure(routes(front.clone())).configure(operation_routes(front.clone()));
    let server = HttpServer::new(both)
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", port))
        .expect("the port is free")
        .run();
    let handle = server.handle();
    tokio::spawn(server);
    handle
}

/// The bench's files, with secrets from files: nobody changes the environment of a running process.
fn files(bench: &TestBed) -> Files {
    let mut files = Files::read(&bench.config()).expect("readable");
    for (name, value) in env_example() {
        let secret = bench.folder.path().join(&name);
        std::fs::write(&secret, value).expect("writable");
        for text in files.texts_mut().values_mut() {
            *text = text.replace(&format!("env = \"{name}\""), &format!("file = {secret:?}"));
        }
    }
    files
}
