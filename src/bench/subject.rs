//! The bridge that is measured: a child process of this executable or of another build, driven over HTTP. Knows only
//! what `/health` and the kernel tell. Enter at [`Subject::start`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::load::{Connection, Target};
use super::machine::Process;
use super::place::Place;
use crate::clock::stopwatch;
use crate::demo::school::free_port;
use crate::process::At;
use crate::secret::random_token;

/// The bridge has to own its schools within this, and to have stopped.
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);
/// Longest wait for what is counted to come true.
const DONE_MAX: Duration = Duration::from_secs(150);
/// Pause between two looks at a bridge that starts, and at one that works: a look costs it something, too.
const START_LOOK: Duration = Duration::from_millis(10);
pub const LOOK: Duration = Duration::from_millis(50);

/// A build of the bridge.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    /// It has limits for requests a minute, which have to be out of the way.
    has_quotas: bool,
}

impl Program {
    /// `None`: this executable.
    pub async fn of(path: Option<&Path>) -> Result<Self, String> {
        let own = || std::env::current_exe().map_err(|error| error.to_string());
        let path = path.map_or_else(own, |path| Ok(path.to_owned()))?;
        let known = Command::new(&path).arg("reference").stdin(Stdio::null()).output().await;
        let known = known.map_err(|error| format!("{}: {error}", path.display()))?;
        let has_quotas = String::from_utf8_lossy(&known.stdout).contains("school_per_minute");
        Ok(Self { path, has_quotas })
    }
}

/// The schools of a bridge.
#[derive(Clone, Copy, Debug)]
pub struct Schools {
    pub count: usize,
    /// Minutes between an order and its first call.
    pub pause_minutes: u32,
    /// Without a CRM nothing is sent to anybody.
    pub has_crm: bool,
    /// Time stands still at this moment, instead of the wall's.
    pub stands_at: Option<At>,
}

impl Schools {
    /// One school, whose platforms are away.
    pub fn one() -> Self {
        Self { count: 1, pause_minutes: 15, has_crm: true, stands_at: None }
    }
}

/// A running bridge; it is killed when this is dropped.
pub struct Subject {
    child: Child,
    operation: SocketAddr,
    /// Opens the clock of a bridge whose time stands still.
    token: String,
    /// Of the first school.
    pub target: Target,
}

/// What `/health` tells, summed over all schools.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    pub at: Instant,
    pub owned: usize,
    pub accepted: u64,
    pub stepped: u64,
    pub inbox: u64,
    pub wakes: u64,
    pub outbox: u64,
}

impl Health {
    /// Events that are committed.
    pub fn done(&self) -> f64 {
        self.accepted.saturating_sub(self.inbox) as f64
    }

    /// Committed each second since `before`.
    pub fn rate_since(&self, before: &Self) -> f64 {
        (self.done() - before.done()) / (self.at - before.at).as_secs_f64().max(1e-3)
    }
}

impl Subject {
    /// Starts it on a store; returns when it owns its schools. Files that `place` has already are used again.
    pub async fn start(program: &Program, place: &Place, schools: Schools) -> Result<Self, String> {
        let secret = files(program, &place.folder, schools).map_err(|error| error.to_string())?;
        let [hooks, operation] =
            [free_port()?, free_port()?].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let token = random_token();
        let mut command = Command::new(&program.path);
        command.arg("serve").arg("--config").arg(place.folder.join("config"));
        command.arg("--data").arg(place.folder.join("data"));
        if let Some(url) = place.url() {
            command.args(["--store", &url]);
        }
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DOZVON_"))
        {
            command.env_remove(name);
        }
        command.env("DOZVON_LISTEN", hooks.to_string()).env("DOZVON_OPERATION", operation.to_string());
        if let Some(at) = schools.stands_at {
            command.args(["--driven-from", &at.to_rfc3339()]).env("DOZVON_DRIVEN_TOKEN", &token);
        }
        let file = place.folder.join("bridge.log");
        let log = std::fs::File::create(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        // A bridge whose time stands still ends with its input.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.path.display()))?;
        let path = format!("/hooks/school-0/getcourse/{secret}");
        let mut subject = Self { child, operation, token, target: Target { address: hooks, path } };
        let began = stopwatch();
        loop {
            // A build from before has one address for everything.
            for address in [operation, hooks] {
                subject.operation = address;
                if subject.health().await.is_ok_and(|health| health.owned == schools.count) {
                    return Ok(subject);
                }
            }
            if began.elapsed() > START_MAX || matches!(subject.child.try_wait(), Ok(Some(_))) {
                let said = std::fs::read_to_string(&file).unwrap_or_default();
                return Err(format!("{} does not start:\n{said}", program.path.display()));
            }
            tokio::time::sleep(START_LOOK).await;
        }
    }

    pub fn process(&self) -> Result<Process, String> {
        Process::of(&self.child)
    }

    /// A connection to where people who run it ask.
    pub async fn operation(&self) -> Result<Connection, String> {
        Connection::open(self.operation).await
    }

    pub async fn health(&self) -> Result<Health, String> {
        let mut connection = self.operation().await?;
        let status = connection.get("/health").await?;
        let page: Value = serde_json::from_slice(connection.body())
            .map_err(|error| format!("/health answers {status} and no JSON: {error}"))?;
        let schools = page["schools"].as_object().into_iter().flat_map(|schools| schools.values());
        let sum = |name: &str| schools.clone().filter_map(|school| school[name].as_u64()).sum();
        Ok(Health {
            at: stopwatch(),
            owned: schools.clone().filter(|school| school["here"] == "owner").count(),
            accepted: sum("accepted"),
            stepped: sum("stepped"),
            inbox: sum("inbox"),
            wakes: sum("wakes"),
            outbox: sum("outbox"),
        })
    }

    /// Moves a time that stands still.
    pub async fn advance(&self, to: At) -> Result<(), String> {
        let body = serde_json::json!({ "to": to }).to_string();
        let (token, length) = (&self.token, body.len());
        let request = format!(
            "POST /driven/{token} HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let status = Connection::open(self.target.address).await?.ask(request.as_bytes()).await?;
        if status < 300 { Ok(()) } else { Err(format!("the time cannot be moved: {status}")) }
    }

    /// Looks until `is_done`; returns all looks, the last of which is done.
    pub async fn until(&self, is_done: impl Fn(&Health) -> bool) -> Result<Vec<Health>, String> {
        let (began, mut looks) = (stopwatch(), Vec::new());
        loop {
            let health = self.health().await?;
            looks.push(health);
            if is_done(&health) {
                return Ok(looks);
            }
            if began.elapsed() > DONE_MAX {
                return Err(format!("the bridge is not done after {DONE_MAX:?}: {health:?}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> Result<(), String> {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let asked = id.map(|id| kill_process(id, Signal::TERM));
        asked.transpose().map_err(|error| format!("the bridge cannot be stopped: {error}"))?;
        let ended = tokio::time::timeout(STOP_MAX, self.child.wait()).await;
        ended.map_err(|_| "the bridge does not stop")?.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Writes the configuration, if it is not there yet; returns the secret of the first school's addresses. Only keys
/// that older builds know, too.
fn files(program: &Program, folder: &Path, schools: Schools) -> std::io::Result<String> {
    let config = folder.join("config");
    let secret_of = |index: usize| config.join(format!("secret-{index}"));
    if config.exists() {
        return std::fs::read_to_string(secret_of(0));
    }
    std::fs::create_dir_all(&config)?;
    let mut instance = "log = \"warn\"\n[limits]\ndrain_s = 1\n".to_owned();
    if program.has_quotas {
        instance += "school_per_minute = 1000000\npeer_per_minute = 1000000\n";
    }
    std::fs::write(config.join("dozvon.toml"), instance)?;
    for index in 0..schools.count {
        let (secret, school) = (secret_of(index), config.join(format!("schools/school-{index}")));
        std::fs::create_dir_all(school.join("process"))?;
        std::fs::write(&secret, random_token())?;
        std::fs::write(school.join("school.toml"), school_file(&secret, index, schools.has_crm))?;
        let process = format!(
            "[arrival]\npause_minutes = {}\n[contact]\ncalls = \"00:00-24:00\"\ncalls_off_days = \"00:00-24:00\"\n\
             hard = \"00:00-24:00\"\nspread_minutes = 0\n[task]\nhours = \"00:00-24:00\"\n",
            schools.pause_minutes
        );
        std::fs::write(school.join("process/default.toml"), process)?;
    }
    std::fs::read_to_string(secret_of(0))
}

/// A school whose platforms are at addresses where nobody answers.
fn school_file(secret: &Path, index: usize, has_crm: bool) -> String {
    // Each school needs accounts of its own.
    let away = format!("http://127.0.{}.{}:1", index / 200, index % 200 + 1);
    let mut text = format!(
        "name = \"Школа\"\nzone = \"Europe/Moscow\"\nsecrets = [{{ file = {secret:?} }}]\n\
         [managers.anna]\nname = \"Анна\"\nhead = true\namocrm = 10412345\n[[routes]]\nname = \"all\"\n\
         [getcourse]\nurl = \"{away}\"\npayments = \"trust\"\n"
    );
    if has_crm {
        text += &format!(
            "[amocrm]\nurl = \"{away}\"\naccount_id = {}\nauth = {{ by = \"long_lived\", token = {{ file = {secret:?} }} }}\n\
             order_number_field = 901337\n[amocrm.pipelines.sales]\nid = 8123410\n\
             stages = {{ new = 66104106, in_work = 66104107 }}\n",
            31_877_554 + index
        );
    }
    text
}
