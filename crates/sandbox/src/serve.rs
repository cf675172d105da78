//! The world behind real sockets: one HTTP server for each platform, one SMTP server, and a driver that sends
//! webhooks. It never decides anything that the world decides; it reads no clock: the caller says where the
//! time comes from. Enter at [`run`] for the command, at [`stand`] for tests and the demo (which then keep
//! the time themselves).

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::lines::Line;
use super::setup::Setup;
use super::smtp::serve_mail;
use super::wire::{Hook, Platform, WireAnswer, WireRequest};
use super::world::World;

/// Biggest request taken in.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the driver sleeps when nothing is planned.
const IDLE: Duration = Duration::from_secs(3600);

/// Where the time comes from: the program's clock, or a player that moves it.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What goes wrong with the shell.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot read the setup {file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("the setup {file} is wrong: {source}")]
    Setup { file: String, source: Box<toml::de::Error> },
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen { port: u16, source: std::io::Error },
    #[error("the setup's scripts are wrong:\n{0}")]
    Problems(String),
    #[error("cannot build the HTTP client that sends webhooks: {0}")]
    Client(#[from] reqwest::Error),
}

/// Ports on 127.0.0.1; 0 takes a free one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    pub amocrm: u16,
    pub getcourse: u16,
    /// Of the first exchange; the others follow.
    pub lines: u16,
    pub smtp: u16,
}

/// Where the bridge's requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Api(Platform),
    /// A letter that has come whole.
    Letter,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Carried out and answered.
    Served,
    /// Never carried out and never answered.
    Swallowed,
    /// Carried out; then [`Gate::strike`], before the answer leaves.
    Struck,
}

/// Whoever wants to do harm at the moment of a request: the demo, which kills the sender.
#[async_trait]
pub trait Gate: Send + Sync {
    /// A request has come in.
    async fn arrives(&self, door: Door) -> Fate;
    /// It has been carried out, and nobody knows yet.
    async fn strike(&self, door: Door);
}

/// The world as all servers share it.
pub struct Shared {
    world: Arc<Mutex<World>>,
    now: Now,
    changed: Notify,
    gate: OnceLock<Arc<dyn Gate>>,
}

impl Shared {
    pub fn new(world: Arc<Mutex<World>>, now: Now) -> Self {
        Self { world, now, changed: Notify::new(), gate: OnceLock::new() }
    }

    /// Returns when something new may be due.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The world, to look at it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the world at the present moment, and wakes the driver.
    pub fn with<T>(&self, act: impl FnOnce(&mut World, DateTime<Utc>) -> T) -> T {
        let done = act(&mut self.lock(), (self.now)());
        self.changed.notify_one();
        done
    }

    /// From now on every request passes here; the first gate stays.
    pub fn guard(&self, gate: Arc<dyn Gate>) {
        let _ = self.gate.set(gate);
    }

    /// `act` carries a request out; `None` when it is never answered.
    pub(super) async fn pass<T>(&self, door: Door, act: impl FnOnce() -> T) -> Option<T> {
        let Some(gate) = self.gate.get() else { return Some(act()) };
        match gate.arrives(door).await {
            Fate::Served => Some(act()),
            Fate::Swallowed => None,
            Fate::Struck => {
                let done = act();
                gate.strike(door).await;
                Some(done)
            }
        }
    }
}

/// The stand-ins, listening.
pub struct Stand {
    pub amocrm: SocketAddr,
    pub getcourse: SocketAddr,
    /// In the list's order.
    pub lines: Vec<(Line, SocketAddr)>,
    pub smtp: SocketAddr,
    shared: Arc<Shared>,
    servers: Vec<ServerHandle>,
    tasks: Vec<JoinHandle<()>>,
}

impl Stand {
    /// What to put into a school's configuration: name and address.
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        let lines = self
            .lines
            .iter()
            .map(|(line, address)| (line.name(), format!("http://{address}{}", line.path())));
        let mut addresses = vec![
            ("amocrm", format!("http://{}", self.amocrm)),
            ("getcourse", format!("http://{}", self.getcourse)),
        ];
        addresses.extend(lines);
        addresses.push(("smtp", format!("smtp://{}", self.smtp)));
        addresses
    }

    /// The shared world, for a driver.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Closes all sockets.
    pub async fn stop(self) {
        for server in &self.servers {
            server.stop(false).await;
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Opens the sockets over a world. Nothing is sent from here: see [`drive`], or send the hooks of
/// `World::advance` yourself.
pub async fn stand(world: Arc<Mutex<World>>, now: Now, ports: Ports) -> Result<Stand, ServeError> {
    let shared = Arc::new(Shared::new(world, now));
    let mut servers = Vec::new();
    let mut tasks = Vec::new();
    let mut open = |platform, port| -> Result<SocketAddr, ServeError> {
        let listener = listen(port)?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen { port, source })?;
        let data = Data::from(Arc::clone(&shared));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(PayloadConfig::new(BODY_BYTES_MAX))
                .app_data(Data::new(platform))
                .default_service(web::to(answer))
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(0).listen(listener);
        let server = server.map_err(|source| ServeError::Listen { port, source })?.run();
        servers.push(server.handle());
        tasks.push(tokio::spawn(async move {
            // Ends when the stand is stopped.
            let _ = server.await;
        }));
        Ok(address)
    };
    let amocrm = open(Platform::Amocrm, ports.amocrm)?;
    let getcourse = open(Platform::Getcourse, ports.getcourse)?;
    let mut lines = Vec::new();
    for (behind, line) in (0..).zip(Line::all()) {
        let port = if ports.lines == 0 { 0 } else { ports.lines.saturating_add(behind) };
        lines.push((line, open(Platform::Line(line), port)?));
    }
    let port = ports.smtp;
    let listener = listen(port)?;
    let smtp = listener.local_addr().map_err(|source| ServeError::Listen { port, source })?;
    let listener = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    let listener = listener.map_err(|source| ServeError::Listen { port, source })?;
    tasks.push(tokio::spawn(serve_mail(listener, Arc::clone(&shared))));
    Ok(Stand { amocrm, getcourse, lines, smtp, shared, servers, tasks })
}

fn listen(port: u16) -> Result<StdListener, ServeError> {
    StdListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| ServeError::Listen { port, source })
}

async fn answer(
    request: HttpRequest,
    body: Bytes,
    shared: Data<Shared>,
    platform: Data<Platform>,
) -> HttpResponse {
    let headers = request.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let wire = WireRequest {
        platform: *platform.get_ref(),
        method: request.method().to_string(),
        path: request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    let door = Door::Api(*platform.get_ref());
    let answer = shared.pass(door, || shared.with(|world, now| world.handle(now, &wire))).await;
    let answer = answer.unwrap_or_else(|| WireAnswer { broken_off: true, ..WireAnswer::empty(502) });
    if answer.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
    }
    let status = actix_web::http::StatusCode::from_u16(answer.status).unwrap_or_default();
    let mut response = HttpResponse::build(status);
    for (name, value) in &answer.headers {
        response.insert_header((name.as_str(), value.as_str()));
    }
    if answer.broken_off {
        // A body that fails before its first byte: the connection closes and no head is written.
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        return response.streaming(futures_util::stream::iter([Err::<Bytes, _>(broken)]));
    }
    response.body(answer.body)
}

/// Sends webhooks to the bridge.
#[derive(Clone)]
pub struct Sender(reqwest::Client);

impl Sender {
    /// A client that follows no redirects; a platform waits so long for an answer at most.
    pub fn new(timeout: Duration) -> Result<Sender, ServeError> {
        // A second installation is refused, which is fine: one provider is all it takes.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        Ok(Sender(client.build()?))
    }

    /// Sends one webhook: the status, or `None` when no answer came.
    pub async fn send(&self, hook: &Hook) -> Option<u16> {
        let method = reqwest::Method::from_bytes(hook.method.as_bytes()).ok()?;
        let mut request = self.0.request(method, &hook.url);
        for (name, value) in &hook.headers {
            request = request.header(name, value);
        }
        let answer = request.body(hook.body.clone()).send().await.ok()?;
        Some(answer.status().as_u16())
    }
}

/// Lets the world run in the time of `shared`, and sends its webhooks, until the task is dropped.
pub async fn drive(shared: Arc<Shared>, sender: Sender) {
    loop {
        let now = (shared.now)();
        let (hooks, next) = {
            let mut world = shared.lock();
            (world.advance(now), world.next_due())
        };
        for hook in hooks {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            tokio::spawn(async move {
                let status = sender.send(&hook).await;
                shared.with(|world, now| world.hook_answered(hook.id, status, now));
            });
        }
        let wait =
            next.map_or(IDLE, |next| (next - (shared.now)()).to_std().unwrap_or(Duration::ZERO)).min(IDLE);
        tokio::select! {
            biased;
            () = shared.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// How `dozvon sandbox` is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The setup's file; absent: the example school.
    pub file: Option<std::path::PathBuf>,
    /// What `{bridge}` stands for in it, such as `http://127.0.0.1:8080`.
    pub bridge: String,
    pub ports: Ports,
    pub seed: u64,
    /// Stops by itself after so many minutes.
    pub minutes: Option<u64>,
}

/// The command `dozvon sandbox`: prints the addresses in plain lines and runs in real time until interrupted.
/// `now` is the program's clock; the setup's `start` gives way to the present moment.
pub async fn run(options: Options, now: Now) -> Result<(), ServeError> {
    let mut setup = match &options.file {
        None => Setup::shipped(&options.bridge),
        Some(path) => read(path, &options.bridge)?,
    };
    let problems = setup.problems();
    if !problems.is_empty() {
        return Err(ServeError::Problems(problems.join("\n")));
    }
    setup.start = now().fixed_offset();
    let tokens = [setup.amocrm.long_lived_token.clone(), setup.amocrm_token()];
    let keys = format!("{}_{}", setup.getcourse.developer_key, setup.getcourse.school_key);
    let (chosen, lines) = (setup.line, setup.lines.clone());
    let world = Arc::new(Mutex::new(World::new(setup, options.seed)));
    let stand = stand(world, now, options.ports).await?;
    let mut said = String::new();
    for (name, address) in stand.addresses() {
        said.push_str(&format!("{name} {address}\n"));
    }
    let exchange = stand.lines.iter().find(|(line, _)| *line == chosen);
    let exchange = exchange.map_or_else(String::new, |(_, address)| format!("http://{address}"));
    let getcourse = format!("http://{}", stand.getcourse);
    said.push_str(&format!(
        "amocrm token {}
",
        tokens[0]
    ));
    said.push_str(&format!(
        "amocrm token as amoCRM makes it, with an end: {}
",
        tokens[1]
    ));
    said.push_str(&format!(
        "getcourse token {keys}
"
    ));
    for (line, setup) in lines.iter() {
        for (variable, secret) in setup.secrets() {
            said.push_str(&format!("{} {variable} {secret}\n", line.name()));
        }
    }
    said.push_str(
        "by hand, in another terminal: an order, a call without an answer (twice the same), a payment:\n",
    );
    for line in stand.shared().with(|world, _| world.hints(&getcourse, &exchange)) {
        said.push_str(&format!("  {line}\n"));
    }
    // Whoever reads it or not: the stand-ins answer.
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), said.as_bytes());
    let driver = tokio::spawn(drive(stand.shared(), Sender::new(Duration::from_secs(2))?));
    let end = async {
        match options.minutes {
            Some(minutes) => tokio::time::sleep(Duration::from_secs(minutes.saturating_mul(60))).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = end => {}
    }
    driver.abort();
    stand.stop().await;
    Ok(())
}

fn read(path: &std::path::Path, bridge: &str) -> Result<Setup, ServeError> {
    let file = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| ServeError::Read { file: file.clone(), source })?;
    Setup::from_toml_for(&text, bridge).map_err(|source| ServeError::Setup { file, source: Box::new(source) })
}
