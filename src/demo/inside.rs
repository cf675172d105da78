//! The bridge and the stand-ins in one process, without sockets; the caller chooses the clock. Never moves
//! the time and never asserts; the bridge code is the same as behind sockets. Enter at [`Inside::start`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::player::{Carrier, Driven, Stuck};
use super::scripts::FILES;
use crate::clock::{Clock, DrivenClock};
use crate::config::raw::Limits;
use crate::config::{Config, Files, School, Surroundings};
use crate::http::driven::{Quiet, look};
use crate::http::hooks::accept;
use crate::outbound::{self, Network, Wiring};
use crate::platform::RawRequest;
use crate::platform::http::{Http, NoResponse, Request, Response};
use crate::platform::post::{Outgoing, Post, PostFault, SmtpStage};
use crate::sandbox::mail::Letter;
use crate::sandbox::serve::Shared;
use crate::sandbox::wire::{Hook, Platform, WireRequest};
use crate::sandbox::{Setup, World};
use crate::store::Store;
use crate::store::embedded::Embedded;
use crate::worker::pacer::Pace;
use crate::worker::school::own;
use crate::worker::site::{Keep, Outbound, Parts, Rhythm, Site};

/// Answers of a platform arrive after this.
const ANSWER_MS: i64 = 40;
const DAY: Duration = Duration::from_secs(86_400);

/// There is no other instance: bells are enough, and a lease is still good when it is renewed.
const ALONE: Rhythm = Rhythm { poll: DAY, renew: DAY, lease_ms: 2 * 86_400_000 };

/// The stand-ins and their time, shared by all ports here.
#[derive(Clone)]
struct StandIns {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    /// Deliveries that wait for an answer, for the code that moves the time.
    air: Arc<Pace>,
}

impl StandIns {
    async fn wait(&self, ms: i64, deliveries: u64) {
        self.air.wait(&self.clock, self.clock.now() + TimeDelta::milliseconds(ms), deliveries).await;
    }
}

/// One platform of the sandbox, in place of the network.
struct Plug(StandIns, Platform);

#[async_trait]
impl Http for Plug {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        let Self(stand_ins, platform) = self;
        let url = url::Url::parse(&request.url).map_err(|error| NoResponse::NotSent(error.to_string()))?;
        let wire = WireRequest {
            platform: *platform,
            method: request.method.to_owned(),
            path: url[url::Position::BeforePath..].to_owned(),
            headers: request.headers,
            body: request.body,
        };
        let answer = stand_ins.shared.with(|world, now| world.handle(now, &wire));
        stand_ins.wait(answer.delay_ms as i64 + ANSWER_MS, request.deliveries).await;
        if answer.broken_off {
            return Err(NoResponse::BrokenOff("the sandbox hung up".to_owned()));
        }
        let headers = answer.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value));
        Ok(Response { status: answer.status, headers: headers.collect(), body: answer.body })
    }
}

/// The sandbox's mailboxes, in place of the mail server.
struct PostPlug(StandIns);

#[async_trait]
impl Post for PostPlug {
    async fn send(&self, letter: &Outgoing) -> Result<(), PostFault> {
        let (stage, answer) = self.0.shared.with(|world, now| {
            let recipient = world.mail_recipient(now, &letter.to);
            if recipient.code != 250 {
                return (SmtpStage::Recipient, recipient);
            }
            let head = format!("Message-ID: <{}>\r\nSubject: {}\r\n", letter.message_id, letter.subject);
            let raw = format!("{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{}", letter.body);
            let handed = Letter { from: letter.from.clone(), to: letter.to.clone(), raw: raw.into_bytes() };
            (SmtpStage::Content, world.receive_mail(now, handed))
        });
        match answer.code {
            250 => Ok(()),
            code => Err(PostFault::refused(stage, code, &answer.text)),
        }
    }
}

impl Network for StandIns {
    fn http(&self, platform: &'static str, _: u64) -> Result<Arc<dyn Http>, String> {
        let stand_in = Platform::named(platform);
        let stand_in = stand_in.ok_or_else(|| format!("the sandbox has no stand-in of {platform}"))?;
        Ok(Arc::new(Plug(self.clone(), stand_in)))
    }

    fn post(&self) -> Option<Box<dyn Post>> {
        Some(Box::new(PostPlug(self.clone())))
    }
}

/// What a test does to the ways out before the bridge works with them.
pub type Change = Arc<dyn Fn(&mut Outbound)>;

/// A bridge of one school and the stand-ins around it.
pub struct Inside {
    pub shared: Arc<Shared>,
    pub site: Arc<Site>,
    clock: Arc<dyn Clock>,
    school: School,
    store: Arc<dyn Store>,
    keep: Keep,
    change: Change,
    stop: watch::Sender<bool>,
    owner: JoinHandle<()>,
}

impl Inside {
    /// Starts the bridge over a store in memory. `files` are the school's configuration.
    pub fn start(
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        files: &Files,
        surroundings: &Surroundings,
    ) -> Result<Self, String> {
        let store = Embedded::in_memory().map_err(|error| error.to_string())?;
        Self::over(Arc::new(store), Arc::new(|_| {}), shared, clock, files, surroundings)
    }

    /// The same over any store, and with ways out that a test has changed.
    pub fn over(
        store: Arc<dyn Store>,
        change: Change,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        files: &Files,
        surroundings: &Surroundings,
    ) -> Result<Self, String> {
        let config = Config::from_files(files, surroundings)
            .map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())?;
        let Limits { raw_days, ended_days, .. } = config.instance.limits;
        let keep = Keep { raw_days, ended_days };
        let school = config.schools.into_iter().next().ok_or("the configuration has no school")?;
        let (site, stop) = site(&school, &shared, &clock, &store, keep, &change)?;
        let owner = tokio::spawn(own(site.clone()));
        Ok(Self { shared, site, clock, school, store, keep, change, stop, owner })
    }

    /// Kills the bridge and starts it again over the same store.
    pub async fn kill(&mut self) -> Result<(), String> {
        self.owner.abort();
        // Otherwise its lease would have to expire.
        self.store.release(self.site.id(), &self.site.fence).await.map_err(|error| error.to_string())?;
        (self.site, self.stop) =
            site(&self.school, &self.shared, &self.clock, &self.store, self.keep, &self.change)?;
        self.owner = tokio::spawn(own(self.site.clone()));
        Ok(())
    }

    /// Stops the bridge after everything on its way has arrived.
    pub async fn stop(self) -> Result<(), String> {
        let _ = self.stop.send(true);
        self.owner.await.map_err(|error| error.to_string())
    }

    /// Stops the bridge at once, whatever is on its way.
    pub fn abandon(self) {
        self.owner.abort();
    }
}

/// The school's bridge, with the sandbox in place of the network.
fn site(
    school: &School,
    shared: &Arc<Shared>,
    clock: &Arc<dyn Clock>,
    store: &Arc<dyn Store>,
    keep: Keep,
    change: &Change,
) -> Result<(Arc<Site>, watch::Sender<bool>), String> {
    let stand_ins = StandIns { shared: shared.clone(), clock: clock.clone(), air: Arc::default() };
    let url = "http://bridge".to_owned();
    let wiring = Wiring { store: store.clone(), clock: clock.clone(), vault: None, data: "-".into(), url };
    let mut outbound = outbound::build(school, &stand_ins, &wiring)?;
    outbound.paces.push(stand_ins.air.clone());
    change(&mut outbound);
    let (stop, stopped) = watch::channel(false);
    let site = Site::new(Parts {
        hooks: outbound::hooks(school)?,
        outbound,
        school: Arc::new(school.clone()),
        store: store.clone(),
        clock: clock.clone(),
        stop: stopped,
        keep,
        rhythm: ALONE,
        record_budget: Arc::default(),
    });
    Ok((Arc::new(site), stop))
}

/// One webhook through the bridge's own handler, without a socket.
pub async fn deliver(site: &Site, hook: &Hook) -> Option<u16> {
    let url = url::Url::parse(&hook.url).ok()?;
    // /hooks/{school}/{platform}/{secret}[/tail]
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    let (platform, tail) = (*parts.get(2)?, parts.get(4..).unwrap_or_default().join("/"));
    let hooks = site.hooks.get(platform)?.clone();
    let headers = hook.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
    let request = RawRequest {
        method: hook.method.clone(),
        tail,
        query: url.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: hook.body.clone(),
    };
    let answered = accept(site, platform, &hooks, request).await;
    Some(answered.map_or_else(|turned| turned.status().as_u16(), |answer| answer.status))
}

/// Passes a player's webhooks directly to the bridge.
pub struct Straight(pub Arc<Site>);

#[async_trait]
impl Carrier for Straight {
    async fn carry(&self, hook: &Hook) -> Option<u16> {
        deliver(&self.0, hook).await
    }
}

/// The interface of the driven clock, without a socket.
pub struct Door {
    pub site: Arc<Site>,
    pub clock: DrivenClock,
}

#[async_trait]
impl Driven for Door {
    async fn look(&self) -> Result<Quiet, Stuck> {
        Ok(look([&*self.site], &self.clock).await)
    }

    async fn advance(&self, to: DateTime<Utc>) -> Result<(), Stuck> {
        self.clock.advance(to);
        Ok(())
    }
}

/// The stand-ins of a setup, with the time of `clock`.
pub fn stand_ins(setup: Setup, seed: u64, clock: &Arc<dyn Clock>) -> Arc<Shared> {
    let clock = clock.clone();
    let world = Arc::new(std::sync::Mutex::new(World::new(setup, seed)));
    Arc::new(Shared::new(world, Arc::new(move || clock.now())))
}

/// The demo's school, whose requests contain `secret`; its secrets are files in `folder`, because the
/// environment of a running process must not be changed. `change` receives the path and the text of each of
/// the school's files.
pub fn school_files(
    folder: &Path,
    setup: &Setup,
    secret: &str,
    change: impl Fn(&str, String) -> String,
) -> std::io::Result<Files> {
    let own = |name: &'static str, value: &str| (name, value.to_owned());
    let mut secrets = vec![
        own("DEMO_HOOK_SECRET", secret),
        own("DEMO_AMOCRM_TOKEN", &setup.amocrm_token()),
        own("DEMO_GETCOURSE_SCHOOL_KEY", &setup.getcourse.school_key),
        own("DEMO_GETCOURSE_DEVELOPER_KEY", &setup.getcourse.developer_key),
    ];
    secrets.extend(setup.lines.iter().flat_map(|(_, line)| line.secrets()));
    for (name, value) in &secrets {
        std::fs::write(folder.join(name), value)?;
    }
    let mut texts = BTreeMap::new();
    for (path, text) in FILES {
        let text = text
            .replace("@amocrm@", "http://127.0.0.1:1")
            .replace("@getcourse@", "http://127.0.0.1:2")
            .replace("\"@smtp_port@\"", "25");
        let text = setup
            .lines
            .iter()
            .fold(text, |text, (line, _)| text.replace(&format!("@{}@", line.name()), "http://127.0.0.1:3"));
        let mut text = change(path, text);
        for (name, _) in &secrets {
            let file = format!("file = \"{}\"", folder.join(name).display());
            text = text.replace(&format!("env = \"{name}\""), &file);
        }
        texts.insert(path.replace("@school@", "rost"), text);
    }
    Ok(Files::new(Path::new("school"), texts))
}
