//! The HTTP servers: every address of the bridge, in two tables. Platforms call the one, the people who run
//! the bridge ask the other. Never processes what it accepts; the answer is sent as soon as the request is
//! durable. Enter at [`routes`], then [`hooks`]; and at [`operation_routes`], then [`operation`].

mod ascii_targets;
pub mod driven;
pub mod health;
pub mod hooks;
mod metrics;
pub mod operation;
pub mod peer;
pub mod quota;
pub mod server;
pub mod turned;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, Resource, Route, guard, web};

use self::quota::Quotas;
use crate::clock::DrivenClock;
use crate::peer::Proxies;
use crate::process::SchoolId;
use crate::secret::Secret;
use crate::trouble::Board;
use crate::worker::site::Site;
use turned::TurnedLog;

/// The schools that are served now; a reload replaces them.
#[derive(Clone, Default)]
pub struct Sites(Arc<RwLock<BTreeMap<SchoolId, Arc<Site>>>>);

impl Sites {
    pub fn get(&self, school: &SchoolId) -> Option<Arc<Site>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(school).cloned()
    }

    /// By name.
    pub fn all(&self) -> Vec<Arc<Site>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub fn put(&self, site: Arc<Site>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(site.id().clone(), site);
    }

    pub fn remove(&self, school: &SchoolId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(school);
    }
}

/// State that every request handler can read.
pub struct Front {
    pub sites: Sites,
    /// Why the present configuration files are not in use; `None` while they are.
    pub refused: Arc<Mutex<Option<String>>>,
    /// Folder of what this instance keeps on the disk.
    pub data: PathBuf,
    /// Whose word about the sender of a request is believed.
    pub proxies: Proxies,
    /// Requests that were turned away.
    pub turned: TurnedLog,
    /// How many requests each school accepts.
    pub quotas: Quotas,
    /// What is wrong now.
    pub board: Board,
    /// The body of a request has to arrive within this time.
    pub body_wait: Duration,
    /// Only in a driven bridge (the demo): its clock and the token that moves it.
    pub driven: Option<(DrivenClock, Secret)>,
}

/// GET, and HEAD for those who only want to know whether there is an answer.
fn look() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Platforms send GET and POST; anything else is no webhook.
fn hook(path: &str) -> Resource {
    let refused = || async {
        HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, "GET, POST"))
            .content_type("text/plain; charset=utf-8")
            .body("a webhook is GET or POST\n")
    };
    web::resource(path)
        .route(web::get().to(hooks::receive))
        .route(web::post().to(hooks::receive))
        .default_service(web::to(refused))
}

/// The addresses for the people who run the bridge: names of schools, volumes, troubles.
pub fn operation_routes(front: web::Data<Front>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(front)
            .route("/livez", look().to(operation::live))
            .route("/readyz", look().to(operation::ready))
            .route("/metrics", look().to(operation::metrics))
            .route("/health", look().to(health::show));
    }
}

/// The addresses for platforms, which are public: they say nothing about schools.
pub fn routes(front: web::Data<Front>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let is_driven = front.driven.is_some();
        config
            .app_data(front)
            .service(hook("/hooks/{school}/{platform}/{secret}"))
            .service(hook("/hooks/{school}/{platform}/{secret}/{tail:.*}"))
            .route("/livez", look().to(operation::live));
        if is_driven {
            config
                .route("/driven/{token}", web::get().to(driven::show))
                .route("/driven/{token}", web::post().to(driven::advance));
        }
    }
}
