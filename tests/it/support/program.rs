//! The real program as a process of its own, in front of real sockets of the sandbox, with the test's own
//! folders and ports. Never just waits for some time: [`until`] asks repeatedly and gives up. Enter at
//! [`TestBed::new`], then [`TestBed::start`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dozvon::clock::wall_now;
use dozvon::process::SchoolId;
use dozvon::sandbox::serve::{Ports, Sender, Shared, Stand, drive, stand};
use dozvon::sandbox::{Platform, Setup, WireRequest, World};
use dozvon::secret::Secret;
use dozvon::store::{Backend, Fence, Lease, Plan, Store};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::folder::Folder;
use super::redis_server::{RedisCluster, RedisServer, free_port};

/// As in `.env.example`.
pub const SECRET: &str = "example-url-secret-0001";

/// Limit of every wait: far more than a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(40);

/// Asks until there is an answer. `what` names the missing event in the failure.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut pause = tokio::time::interval(Duration::from_millis(25));
    let asking = async {
        loop {
            pause.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("it did not come: {what}"))
}

/// The variables of `.env.example`.
pub fn env_example() -> BTreeMap<String, String> {
    let lines = include_str!("../../../.env.example").lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub fn example_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/example")
}

/// A command of the program with only the example's secrets in its environment.
pub fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
    command.args(args).env_clear().envs(env_example());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The store on which a bridge is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    Embedded,
    Redis,
    /// Three nodes.
    Cluster,
}

/// The example school set up for this test, its stand-ins, and the address of its bridge.
pub struct TestBed {
    pub folder: Folder,
    pub redis: Option<RedisServer>,
    cluster: Option<RedisCluster>,
    /// Another address of the store: another user, another way.
    signed_in: Option<String>,
    pub port: u16,
    world: Arc<Mutex<World>>,
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
    _stand: Stand,
}

impl TestBed {
    /// Stand-ins of `deploy/sandbox.toml` without its people's scripts.
    pub async fn new(kind: StoreKind) -> Self {
        Self::with(kind, |_| {}).await
    }

    /// The same, with a setup that the test has changed.
    pub async fn with(kind: StoreKind, change: impl FnOnce(&mut Setup)) -> Self {
        let port = free_port();
        let mut setup = Setup::shipped(&format!("http://127.0.0.1:{port}"));
        setup.start = wall_now().fixed_offset();
        setup.orders.retain(|order| order.untold);
        change(&mut setup);
        let world = Arc::new(Mutex::new(World::new(setup, 1)));
        let stand = stand(world.clone(), Arc::new(wall_now), Ports::default()).await.expect("ports are free");
        let sender = Sender::new(Duration::from_secs(2)).expect("a client");
        let driver = tokio::spawn(drive(stand.shared(), sender));
        let folder = Folder::new();
        write_school(folder.path(), &stand);
        let redis = (kind == StoreKind::Redis).then(RedisServer::start);
        let cluster = (kind == StoreKind::Cluster).then(RedisCluster::start);
        Self {
            folder,
            redis,
            cluster,
            signed_in: None,
            port,
            world,
            shared: stand.shared(),
            driver,
            _stand: stand,
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stand-ins, so that a test can put something in front of them.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// From now on the stand-ins send no webhooks: only the test does.
    pub fn mute(&self) {
        self.driver.abort();
    }

    /// A person's request to the sandbox, as with `curl`.
    pub fn by_hand(&self, method: &str, path: &str, form: &str) -> Value {
        let request = WireRequest {
            platform: Platform::Getcourse,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: form.into(),
        };
        self.shared.with(|world, now| world.handle(now, &request)).value()
    }

    pub fn redis(&mut self) -> &mut RedisServer {
        self.redis.as_mut().expect("a bench on Redis")
    }

    /// From now on the bridge reaches its store by this address.
    pub fn sign_in(&mut self, url: String) {
        self.signed_in = Some(url);
    }

    fn redis_url(&self) -> Option<String> {
        if self.signed_in.is_some() {
            return self.signed_in.clone();
        }
        self.redis.as_ref().map(RedisServer::url).or_else(|| self.cluster.as_ref().map(RedisCluster::url))
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Changes one of the configuration's files.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.config().join(file);
        let text = std::fs::read_to_string(&path).expect("the file is there");
        assert!(text.contains(from), "{file} has `{from}`");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("the folder is writable");
    }

    /// `http://…/hooks/rost/<platform>/<secret>/<tail>`.
    pub fn hook(&self, platform: &str, tail: &str) -> String {
        format!("http://127.0.0.1:{}/hooks/rost/{platform}/{SECRET}/{tail}", self.port)
    }

    /// A command of the program with all variables that it needs.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.env("DOZVON_CONFIG", self.config()).env("DOZVON_DATA", self.data());
        command.env("DOZVON_URL", format!("http://127.0.0.1:{}", self.port));
        if let Some(url) = self.redis_url() {
            command.env("DOZVON_STORE", url);
        }
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, args: &[&str]) -> Ended {
        let done = tokio::time::timeout(PATIENCE, self.command(args).output()).await;
        Ended(done.expect("a command ends").expect("the program is built"))
    }

    /// Starts the bridge; returns when it accepts requests.
    pub async fn start(&self) -> Program {
        self.start_at(self.port, &self.config()).await
    }

    /// The same on another port or with another configuration: one of several instances.
    pub async fn start_at(&self, port: u16, config: &Path) -> Program {
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.command(&["serve", "--listen", &listen, "--operation", "127.0.0.1:0"]);
        command.env("DOZVON_CONFIG", config);
        self.started(command, port).await
    }

    /// The system gives it one core.
    pub async fn start_on_one_core(&self) -> Program {
        let listen = format!("127.0.0.1:{}", self.port);
        let plain = self.command(&["serve", "--listen", &listen, "--operation", "127.0.0.1:0"]);
        let plain = plain.as_std();
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(plain.get_program()).args(plain.get_args()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        self.started(command, self.port).await
    }

    async fn started(&self, mut command: Command, port: u16) -> Program {
        let log = self.folder.path().join(format!("log-{port}"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("writable");
        let mut process = command.stdout(Stdio::piped()).stderr(file).spawn().expect("the program is built");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let said = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let said = said.expect("it starts in time").expect("a line");
        let wanted = format!("listening on http://127.0.0.1:{port}");
        assert_eq!(said.as_deref(), Some(&*wanted), "{}", std::fs::read_to_string(&log).unwrap_or_default());
        let said = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts in time");
        let said = said.expect("a line").expect("a second line");
        let operation = said.strip_prefix("operation on ").expect("its other address").to_owned();
        Program { process, port, operation, log }
    }

    /// The backend of the bridge's store.
    pub fn backend(&self) -> Backend {
        match self.redis_url() {
            Some(url) => Backend::Redis(Secret::new(url)),
            None => Backend::Folder(self.data()),
        }
    }

    /// The store of the bridge, opened by another process.
    pub async fn store(&self) -> Arc<dyn Store> {
        self.backend().visit().await.expect("the store is there")
    }

    /// The store, and the school for a minute: what a test writes as its owner.
    pub async fn owner(&self) -> (Arc<dyn Store>, Fence) {
        let (store, fence) = (self.store().await, Fence("the test".to_owned()));
        let plan = Plan { config: "c".to_owned(), loaded: wall_now() };
        until("the school", async || {
            let lease = store.lease(&rost(), &fence, &plan, 60_000).await;
            matches!(lease, Ok(Lease::Held)).then_some(())
        })
        .await;
        (store, fence)
    }
}

impl Drop for TestBed {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Writes the example's files, with the addresses of these stand-ins and short deadlines.
fn write_school(folder: &Path, stand: &Stand) {
    let lines = stand.lines.iter().enumerate();
    let lines = lines.map(|(place, (_, address))| {
        (format!("http://127.0.0.1:{}", 18083 + place), format!("http://{address}"))
    });
    let changes = [
        ("http://127.0.0.1:18081".to_owned(), format!("http://{}", stand.amocrm)),
        ("http://127.0.0.1:18082".to_owned(), format!("http://{}", stand.getcourse)),
        ("port = 18025".to_owned(), format!("port = {}", stand.smtp.port())),
        ("body_s = 10".to_owned(), "body_s = 1".to_owned()),
    ];
    let changes: Vec<(String, String)> = changes.into_iter().chain(lines).collect();
    let files = ["dozvon.toml", "schools/rost/school.toml", "schools/rost/process/default.toml"];
    for file in files.into_iter().chain(["schools/rost/texts/first_day.txt"]) {
        let mut text = std::fs::read_to_string(example_folder().join(file)).expect("the example");
        changes.iter().for_each(|(from, to)| text = text.replace(from, to));
        let path = folder.join("config").join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }
}

/// A running bridge.
pub struct Program {
    process: Child,
    port: u16,
    operation: String,
    log: PathBuf,
}

impl Program {
    /// `kill -9`.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("it runs");
    }

    /// Pauses the process, which keeps its connections.
    pub async fn halt(&self) {
        self.signal("-STOP").await;
    }

    pub async fn go_on(&self) {
        self.signal("-CONT").await;
    }

    /// Reads everything again, with secrets in files.
    pub async fn reload(&self) {
        self.signal("-HUP").await;
    }

    pub async fn signal(&self, signal: &str) {
        let id = self.process.id().expect("it runs").to_string();
        let told = Command::new("kill").args([signal, &id]).status().await;
        assert!(told.expect("kill is on the path").success());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// An address for the people who run it.
    pub fn asked(&self, path: &str) -> String {
        format!("{}{path}", self.operation)
    }

    /// What it holds of the machine's memory, bytes.
    pub fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id().expect("it runs"));
        let status = std::fs::read_to_string(status).expect("Linux tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        let kib = line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok());
        1024 * kib.expect("kibibytes")
    }

    /// Its threads whose name begins so.
    pub fn threads(&self, name: &str) -> usize {
        let folder = format!("/proc/{}/task", self.process.id().expect("it runs"));
        let tasks = std::fs::read_dir(folder).expect("Linux lists them").flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|task| task.starts_with(name)).count()
    }

    /// Whether it reports that it owns the school.
    pub async fn owns(&self) -> bool {
        self.health().await.is_some_and(|said| said["here"] == "owner")
    }

    /// Stops it like a supervisor: the exit code after `SIGTERM`.
    pub async fn terminate(self) -> Option<i32> {
        self.signal("-TERM").await;
        self.ended().await
    }

    /// The exit code of one that was told to stop.
    pub async fn ended(mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        ended.expect("it drains in time").expect("it ends").code()
    }

    /// The school in `/health`; `None` while it does not answer 200.
    pub async fn health(&self) -> Option<Value> {
        let said = get(&self.asked("/health")).await?;
        (said.status == 200).then(|| said.json()["schools"]["rost"].clone())
    }

    /// A count in `/health`.
    pub async fn count(&self, name: &str) -> u64 {
        until("/health", async || self.health().await).await[name].as_u64().expect("a count")
    }

    /// Every accepted request is processed, every command is carried out.
    pub async fn settled(&self) {
        let idle = async || {
            let said = self.health().await?;
            (said["inbox"] == 0 && said["outbox"] == 0 && said["spool"]["requests"] == 0).then_some(())
        };
        until("an empty inbox and an empty outbox", idle).await;
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A command that has ended.
pub struct Ended(Output);

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub status: u16,
    pub kind: String,
    pub body: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

pub async fn get(url: &str) -> Option<Said> {
    send("GET", url, "", "").await
}

/// One request on its own connection; `None` if no answer came.
pub async fn send(method: &str, url: &str, kind: &str, body: impl Into<Vec<u8>>) -> Option<Said> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = client.request(method, url).body(body.into());
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    let answer = request.send().await.ok()?;
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let (status, kind) = (answer.status().as_u16(), kind.unwrap_or_default().to_owned());
    Some(Said { status, kind, body: String::from_utf8_lossy(&answer.bytes().await.ok()?).into_owned() })
}

pub const FORM: &str = "application/x-www-form-urlencoded";

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub fn rost() -> SchoolId {
    SchoolId::from("rost")
}
