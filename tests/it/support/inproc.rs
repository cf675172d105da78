//! The whole bridge and the whole sandbox in one thread under paused time: no socket, no process.
//! A seed gives the same run every time; when a world is over, [`World::finish`] asserts what has
//! to hold for any run. Enter at [`World::start`].

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use dozvon::clock::{Clock, TokioClock};
use dozvon::config::{Config, Files, School, Surroundings};
use dozvon::http::hooks::accept;
use dozvon::platform::RawRequest;
use dozvon::platform::http::{Http, Request, Response, Silence};
use dozvon::platform::mail::{Outgoing, Post, PostFault, Stage as SmtpStage};
use dozvon::process::Order;
use dozvon::sandbox::mail::Letter;
use dozvon::sandbox::wire::{Hook, Platform, WireRequest};
use dozvon::sandbox::{Setup, World as Sandbox};
use dozvon::store::Store;
use dozvon::store::embedded::Embedded;
use dozvon::ways::{self, Ground, Ports};
use dozvon::worker::school::own;
use dozvon::worker::site::{Keep, Parts, Rhythm, Site};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// The sandbox as everybody here shares it.
#[derive(Clone)]
struct Stage {
    sandbox: Arc<Mutex<Sandbox>>,
    clock: TokioClock,
    /// Rung when something new may be due in the sandbox.
    stirred: Arc<Notify>,
}

impl Stage {
    fn sandbox(&self) -> MutexGuard<'_, Sandbox> {
        self.sandbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One platform of the sandbox, plugged in where the network would be.
struct Plug(Stage, Platform);

#[async_trait]
impl Http for Plug {
    async fn send(&self, request: Request) -> Result<Response, Silence> {
        let Self(stage, platform) = self;
        let url = url::Url::parse(&request.url).expect("a client builds whole addresses");
        let path = &url[url::Position::BeforePath..];
        let wire = WireRequest {
            platform: *platform,
            method: request.method.to_owned(),
            path: path.to_owned(),
            headers: request.headers,
            body: request.body,
        };
        let answer = stage.sandbox().handle(stage.clock.now(), &wire);
        stage.stirred.notify_one();
        let wait = TimeDelta::milliseconds(answer.delay_ms as i64 + 40);
        stage.clock.sleep_until(stage.clock.now() + wait).await;
        if answer.broken_off {
            return Err(Silence::BrokenOff("the sandbox hung up".to_owned()));
        }
        let headers = answer.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value));
        Ok(Response { status: answer.status, headers: headers.collect(), body: answer.body })
    }
}

/// The sandbox's mailboxes, plugged in where the mail server would be.
struct PostPlug(Stage);

#[async_trait]
impl Post for PostPlug {
    async fn send(&self, letter: &Outgoing) -> Result<(), PostFault> {
        let now = self.0.clock.now();
        let recipient = self.0.sandbox().mail_recipient(now, &letter.to);
        let (stage, answer) = if recipient.code == 250 {
            let head = format!("Message-ID: <{}>\r\nSubject: {}\r\n", letter.message_id, letter.subject);
            let raw = format!("{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{}", letter.body);
            let handed = Letter { from: letter.from.clone(), to: letter.to.clone(), raw: raw.into_bytes() };
            (SmtpStage::Content, self.0.sandbox().receive_mail(now, handed))
        } else {
            (SmtpStage::Recipient, recipient)
        };
        self.0.stirred.notify_one();
        match answer.code {
            250 => Ok(()),
            code => Err(PostFault::refused(stage, code, &answer.text)),
        }
    }
}

/// A bridge of one school and the world around it.
pub struct World {
    stage: Stage,
    school: School,
    store: Arc<dyn Store>,
    pub site: Arc<Site>,
    stop: watch::Sender<bool>,
    owner: JoinHandle<()>,
    hooks: JoinHandle<()>,
}

impl World {
    /// Starts everything at the setup's first moment. `files` are the school's configuration.
    pub fn start(setup: Setup, files: &Files, surroundings: &Surroundings, seed: u64) -> Self {
        let config = Config::from_files(files, surroundings).expect("the school's files are right");
        let school = config.schools.into_iter().next().expect("one school");
        let sandbox = Sandbox::new(setup, seed);
        let clock = TokioClock::starting_at(sandbox.start());
        let stage = Stage { clock, sandbox: Arc::new(Mutex::new(sandbox)), stirred: Arc::new(Notify::new()) };
        let store: Arc<dyn Store> = Arc::new(Embedded::in_memory().expect("memory"));
        let (site, stop) = site(&school, &stage, &store);
        let owner = tokio::spawn(own(site.clone()));
        let hooks = tokio::spawn(send_hooks(stage.clone(), site.clone()));
        Self { stage, school, store, site, stop, owner, hooks }
    }

    /// The bridge dies where it stands and is started again over the same store.
    pub async fn kill(&mut self) {
        self.owner.abort();
        self.hooks.abort();
        // Its lease would run out by itself.
        self.store.release(self.site.id(), &self.site.fence).await.expect("memory");
        (self.site, self.stop) = site(&self.school, &self.stage, &self.store);
        self.owner = tokio::spawn(own(self.site.clone()));
        self.hooks = tokio::spawn(send_hooks(self.stage.clone(), self.site.clone()));
    }

    pub fn sandbox(&self) -> MutexGuard<'_, Sandbox> {
        self.stage.sandbox()
    }

    /// Lets time pass; it jumps from one due moment to the next.
    pub async fn run_for(&self, span: TimeDelta) {
        self.stage.clock.sleep_until(self.stage.clock.now() + span).await;
    }

    /// Every order in the store.
    pub async fn orders(&self) -> Vec<Order> {
        let page = self.site.store.scan(self.site.id(), "order/", None, 1_000).await.expect("memory");
        page.iter().map(|(_, record)| serde_json::from_slice(&record.body).expect("an order")).collect()
    }

    /// Stops the bridge and asserts what holds for every run: nothing lost, nothing doubled,
    /// every open order armed, no repair needed.
    pub async fn finish(self, seed: u64) {
        let now = self.stage.clock.now();
        let orders = self.orders().await;
        for order in orders.iter().filter(|order| order.end.is_none()) {
            let wake = order.timers.wake();
            assert!(wake.is_some(), "seed {seed}: {} is open without a next step", order.id);
            let overdue = wake.is_some_and(|(at, _)| at < now - TimeDelta::minutes(5));
            assert!(!overdue, "seed {seed}: {} has a wake that nobody fired: {wake:?}", order.id);
        }
        assert!(orders.iter().all(|order| order.repairs == 0), "seed {seed}: L14 needed a repair");
        let held = self.site.store.counts(self.site.id()).await.expect("memory");
        assert_eq!(held.inbox, 0, "seed {seed}: accepted and not worked");
        let dead = self.site.store.dead(self.site.id(), 100).await.expect("memory");
        assert!(dead.iter().all(|letter| letter.id.starts_with("out-")), "seed {seed}: {dead:#?}");
        let sandbox = self.sandbox().duplicates();
        assert!(sandbox.is_empty(), "seed {seed}: made twice: {sandbox:#?}");
        for order in self.sandbox().orders() {
            let id = format!("gc-{}", order.id);
            assert!(orders.iter().any(|known| known.id.0 == id), "seed {seed}: order {id} is lost");
        }
        let _ = self.stop.send(true);
        self.owner.await.expect("the owner ends");
        self.hooks.abort();
    }
}

/// The school's bridge, with the sandbox where the network would be.
fn site(school: &School, stage: &Stage, store: &Arc<dyn Store>) -> (Arc<Site>, watch::Sender<bool>) {
    let clock = stage.clock;
    let ground = Ground {
        store: store.clone(),
        clock: Arc::new(clock),
        vault: None,
        data: "-".into(),
        url: "http://bridge".to_owned(),
    };
    let ports = Ports {
        amocrm: Arc::new(Plug(stage.clone(), Platform::Amocrm)),
        getcourse: Arc::new(Plug(stage.clone(), Platform::Getcourse)),
        mango: Arc::new(Plug(stage.clone(), Platform::Mango)),
        sipuni: Arc::new(Plug(stage.clone(), Platform::Sipuni)),
        telphin: Arc::new(Plug(stage.clone(), Platform::Telphin)),
        post: Some(Box::new(PostPlug(stage.clone()))),
    };
    let (stop, stopped) = watch::channel(false);
    let site = Site::new(Parts {
        hooks: ways::hooks(school).expect("ways in"),
        ways: ways::build(school, ports, &ground).expect("ways out"),
        school: Arc::new(school.clone()),
        store: store.clone(),
        clock: Arc::new(clock),
        stop: stopped,
        // Nobody else is there: bells are enough, and a lease outlives the run.
        keep: Keep { raw_days: 30, ended_days: 365 },
        rhythm: Rhythm {
            poll: Duration::from_secs(86_400),
            renew: Duration::from_secs(86_400),
            lease_ms: 864_000_000,
        },
    });
    (Arc::new(site), stop)
}

/// Sends the sandbox's webhooks to the bridge when they are due, as the platforms do.
async fn send_hooks(stage: Stage, site: Arc<Site>) {
    loop {
        let due = stage.sandbox().next_due();
        match due {
            Some(at) if at > stage.clock.now() => {
                tokio::select! {
                    biased;
                    () = stage.stirred.notified() => continue,
                    () = stage.clock.sleep_until(at) => {}
                }
            }
            Some(_) => {}
            None => {
                stage.stirred.notified().await;
                continue;
            }
        }
        let hooks = stage.sandbox().advance(stage.clock.now());
        for hook in hooks {
            let (id, status) = (hook.id, deliver(&site, hook).await);
            stage.sandbox().hook_answered(id, status, stage.clock.now());
        }
    }
}

/// One webhook through the bridge's own acceptance, without the socket in between.
async fn deliver(site: &Site, hook: Hook) -> Option<u16> {
    let url = url::Url::parse(&hook.url).ok()?;
    // /hooks/{school}/{platform}/{secret}[/tail]
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    let (platform, tail) = (*parts.get(2)?, parts.get(4..).unwrap_or_default().join("/"));
    let hooks = site.hooks.get(platform)?.clone();
    let request = RawRequest {
        method: hook.method,
        tail,
        query: url.query().unwrap_or_default().to_owned(),
        headers: hook.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
        body: hook.body,
    };
    Some(
        accept(site, platform, &*hooks, request)
            .await
            .map_or_else(|turned| turned.status().as_u16(), |answer| answer.status),
    )
}

/// A folder that configuration files are said to come from.
pub fn nowhere() -> &'static Path {
    Path::new("school")
}
