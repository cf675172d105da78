//! What hostile requests cost: each of the [`shapes`] beside an ordinary order, and what a flood at one school costs
//! another. The real bridge on sockets, in this process: CPU and memory are the process's, so the
//! sender's share is in both figures. Enter at [`abuse`].

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::row::{Goal, Row};
use super::shapes::{self, Shape, To};
use crate::app::{Bridge, Options, Time};
use crate::clock::{stopwatch, wall_now};
use crate::config::{Config, Files, Surroundings};
use crate::demo::inside::school_files;
use crate::demo::scripts::Material;
use crate::platforms;
use crate::process::SchoolId;
use crate::secret::random_token;
use crate::store::Backend;
use crate::worker::site::Site;

/// How often each shape is sent, and how many orders are the reference.
const TIMES: usize = 12;
const ORDERS: usize = 120;
/// Requests of the other school that are timed, and the pause between two of them.
const TIMED: usize = 400;
const PAUSE: Duration = Duration::from_millis(10);
/// The flooded school's quota, and how fast it is flooded.
const FLOOD_PER_MINUTE: u32 = 10_000;
const FLOOD_PAUSE: Duration = Duration::from_millis(10);
/// Longest wait for the bridge to be done.
const LONGEST: Duration = Duration::from_secs(60);

/// Numbers of orders: none is sent twice.
static NONCE: AtomicUsize = AtomicUsize::new(1_000);

/// What a group of requests cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    /// Milliseconds of CPU for one request.
    cpu_ms: f64,
    /// The most memory that the process had, mebibytes.
    peak_mb: f64,
}

/// A running bridge of two schools.
struct Field {
    bridge: Bridge,
    secret: String,
    address: String,
}

/// Measures both parts.
pub async fn abuse() -> Result<Vec<Row>, String> {
    let folder = std::env::temp_dir().join(format!("dozvon-abuse-{}", &random_token()[..8]));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let measured = async {
        let mut rows = costs(&folder.join("a")).await?;
        rows.extend(flood(&folder.join("b")).await?);
        Ok(rows)
    };
    let rows = measured.await;
    let _ = std::fs::remove_dir_all(&folder);
    rows
}

/// Every shape beside an order.
async fn costs(folder: &Path) -> Result<Vec<Row>, String> {
    let field = Field::start(folder, 1_000_000).await?;
    let orders = || (0..ORDERS).map(|_| shapes::ordinary(nonce())).collect::<Vec<_>>();
    // The first orders fill caches.
    field.cost(orders()).await?;
    let order = field.cost(orders()).await?;
    let mut worst: BTreeMap<To, Cost> = BTreeMap::new();
    for kind in shapes::all() {
        let sent: Vec<Shape> = (0..TIMES).map(|_| kind.shape(nonce())).collect();
        let (name, to) = (kind.name(), kind.to);
        let cost = field.cost(sent).await?;
        tracing::info!(name, cpu_ms = cost.cpu_ms, peak_mb = cost.peak_mb, "a shape");
        let known = worst.entry(to).or_default();
        *known = Cost { cpu_ms: known.cpu_ms.max(cost.cpu_ms), peak_mb: known.peak_mb.max(cost.peak_mb) };
    }
    field.bridge.stop().await;
    let of = |to| worst.get(&to).copied().unwrap_or_default();
    let cpu = |name, to| {
        Row::without_goal(name, of(to).cpu_ms, "ms").beside(order.cpu_ms).goal(Goal::RatioAtMost(20.0))
    };
    let peak = worst.values().map(|cost| cost.peak_mb).fold(0.0, f64::max);
    Ok(vec![
        Row::without_goal("abuse.an_order_cpu", order.cpu_ms, "ms"),
        cpu("abuse.worst_order_cpu", To::Orders),
        cpu("abuse.worst_crm_cpu", To::Crm),
        cpu("abuse.worst_line_cpu", To::Line),
        Row::without_goal("abuse.worst_peak_memory", peak, "MiB")
            .beside(order.peak_mb)
            .goal(Goal::RatioAtMost(10.0)),
    ])
}

/// The other school's requests alone, and while the first one is flooded at its quota.
async fn flood(folder: &Path) -> Result<Vec<Row>, String> {
    let field = Field::start(folder, FLOOD_PER_MINUTE).await?;
    let usual = field.p99("volna").await?;
    // The burst first: an address that is only tried costs as much of the quota.
    let path = field.path("rost", "getcourse");
    let probe = format!("GET {path}/order-status HTTP/1.1\r\nHost: bridge\r\n\r\n");
    let mut socket = field.connect().await?;
    while ask(&mut socket, probe.as_bytes()).await? != 429 {}
    let (accepted, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let flooding = async || {
        loop {
            // A refused body is not read, and its connection is closed.
            let request = field.bytes("rost", &shapes::ordinary(nonce()));
            let answered = async { ask(&mut field.connect().await?, &request).await };
            match answered.await {
                Ok(429) => refused.set(refused.get() + 1),
                Ok(_) => accepted.set(accepted.get() + 1),
                Err(why) => return why,
            }
            tokio::time::sleep(FLOOD_PAUSE).await;
        }
    };
    let flooded = tokio::select! {
        flooded = field.p99("volna") => flooded,
        why = flooding() => Err(why),
        why = flooding() => Err(why),
        why = flooding() => Err(why),
    }?;
    field.bridge.stop().await;
    Ok(vec![
        Row::without_goal("abuse.flood_accepted", f64::from(accepted.get()), "requests"),
        Row::without_goal("abuse.flood_refused_429", f64::from(refused.get()), "requests"),
        Row::without_goal("abuse.other_school_p99", flooded, "ms").beside(usual).goal(Goal::RatioAtMost(3.0)),
    ])
}

impl Field {
    async fn start(folder: &Path, per_minute: u32) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let secret = random_token();
        let files = files(folder, &secret, per_minute)?;
        let surroundings = Surroundings::new(BTreeMap::new(), wall_now());
        let config = Config::from_files(&files, &surroundings)
            .map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())?;
        let any = || "127.0.0.1:0".to_owned();
        let store = Backend::Folder(folder.join("data"));
        let options = Options { config, listen: any(), operation: any(), store, time: Time::Wall };
        let bridge = Bridge::start(options).await.map_err(|error| error.to_string())?;
        let address = bridge.address.to_string();
        Ok(Self { bridge, secret, address })
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        TcpStream::connect(&self.address).await.map_err(|error| error.to_string())
    }

    fn path(&self, school: &str, platform: &str) -> String {
        format!("/hooks/{school}/{platform}/{}{}", self.secret, if school == "rost" { "" } else { "-2" })
    }

    /// A shape as a request.
    fn bytes(&self, school: &str, shape: &Shape) -> Vec<u8> {
        let platform = match shape.to {
            To::Orders => "getcourse",
            To::Crm => "amocrm",
            To::Line => platforms::lines().next().map_or("", |line| line.name),
        };
        let kind = if shape.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
        let path = self.path(school, platform) + &shape.tail;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: bridge\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            shape.body.len()
        );
        [head.into_bytes(), shape.body.clone()].concat()
    }

    /// Sends them one after another and waits until they are worked.
    async fn cost(&self, shapes: Vec<Shape>) -> Result<Cost, String> {
        let requests: Vec<Vec<u8>> = shapes.iter().map(|shape| self.bytes("rost", shape)).collect();
        drop(shapes);
        self.settled().await?;
        reset_peak();
        let before = cpu_ms()?;
        for request in &requests {
            // A refused body is not read to its end, and its connection is closed.
            let mut socket = self.connect().await?;
            ask(&mut socket, request).await?;
        }
        self.settled().await?;
        Ok(Cost { cpu_ms: (cpu_ms()? - before) / requests.len() as f64, peak_mb: peak_mb()? })
    }

    /// The 99th percentile of the time of an answer, milliseconds.
    async fn p99(&self, school: &str) -> Result<f64, String> {
        let mut socket = self.connect().await?;
        let mut took = Vec::with_capacity(TIMED);
        for _ in 0..TIMED {
            let request = self.bytes(school, &shapes::ordinary(nonce()));
            let began = stopwatch();
            match ask(&mut socket, &request).await? {
                200 => took.push(began.elapsed().as_secs_f64() * 1000.0),
                status => return Err(format!("an order was answered with {status}")),
            }
            tokio::time::sleep(PAUSE).await;
        }
        took.sort_by(f64::total_cmp);
        Ok(took[TIMED * 99 / 100 - 1])
    }

    /// Nothing waits to be worked; what the stand-in addresses refuse waits for hours.
    async fn settled(&self) -> Result<(), String> {
        let began = stopwatch();
        let sites = self.bridge.sites().all();
        let is_quiet = async |site: &Site| {
            let held = site.store.counts(site.id()).await;
            held.is_ok_and(|held| held.inbox == 0) && site.tally.inbox_parked.load(Ordering::SeqCst)
        };
        for site in &sites {
            while !is_quiet(site).await {
                if began.elapsed() > LONGEST {
                    return Err(format!("{} is not done after {LONGEST:?}", site.id()));
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }
}

/// Sends one request and returns the status of the answer.
async fn ask(socket: &mut TcpStream, request: &[u8]) -> Result<u16, String> {
    let lost = |error: std::io::Error| format!("the bridge does not answer: {error}");
    // A refusal may come before everything is sent.
    let sent = socket.write_all(request).await;
    let mut answer = Vec::new();
    let mut part = [0; 2048];
    loop {
        let length = socket.read(&mut part).await.map_err(lost)?;
        answer.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header =
                |line: &str| Some(line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let wanted: usize = head.lines().find_map(header).flatten().unwrap_or_default();
            if body.len() >= wanted {
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
                return status.ok_or_else(|| "the answer has no status".to_owned());
            }
        }
        if length == 0 {
            sent.map_err(lost)?;
            return Err("the answer broke off".to_owned());
        }
    }
}

fn nonce() -> usize {
    NONCE.fetch_add(1, Ordering::Relaxed)
}

/// The demo's school, whose platforms are not there, and a second one that only takes orders.
fn files(folder: &Path, secret: &str, per_minute: u32) -> Result<Files, String> {
    let setup = Material::load(&|_| String::new()).map_err(|slip| slip.to_string())?.setup;
    let mut files =
        school_files(folder, &setup, secret, |_, text| text).map_err(|error| error.to_string())?;
    let other = folder.join("OTHER");
    std::fs::write(&other, format!("{secret}-2")).map_err(|error| error.to_string())?;
    let limits = format!(
        "log = \"info\"\ndata = {:?}\n[limits]\nschool_per_minute = {per_minute}\npeer_per_minute = {per_minute}\n",
        folder.join("data")
    );
    let school = format!(
        "name = \"Школа «Волна»\"\nzone = \"Europe/Moscow\"\nsecrets = [{{ file = {other:?} }}]\n\
         [managers.anna]\nname = \"Анна\"\nhead = true\n[[routes]]\nname = \"all\"\n\
         [getcourse]\nurl = \"https://volna.example\"\n"
    );
    let texts = files.texts_mut();
    texts.insert("dozvon.toml".to_owned(), limits);
    texts.insert(format!("schools/{}/school.toml", SchoolId::from("volna")), school);
    Ok(files)
}

/// CPU of all threads of this process until now.
fn cpu_ms() -> Result<f64, String> {
    let lost = |error: std::io::Error| format!("/proc/self/task: {error}; the figures need Linux");
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").map_err(lost)? {
        let text =
            std::fs::read_to_string(thread.map_err(lost)?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
    }
    Ok(nanoseconds / 1e6)
}

/// From now on the peak counts anew; where that is not permitted, it only grows.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_mb() -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| "no VmHWM in /proc/self/status".to_owned())
}
