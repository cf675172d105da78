//! What hostile requests cost: each of the [`shapes`] beside an ordinary order, and what a flood at one school costs
//! another. The real bridge on sockets, in this process: CPU and memory are the process's, so the
//! sender's share is in both figures. Enter at [`abuse`].

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::load::{Connection, number};
use super::machine::Process;
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
    address: SocketAddr,
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
    let orders = || (0..ORDERS).map(|_| shapes::ordinary(number())).collect::<Vec<_>>();
    // The first orders fill caches.
    field.cost(orders()).await?;
    let order = field.cost(orders()).await?;
    let mut worst: BTreeMap<To, Cost> = BTreeMap::new();
    for kind in shapes::all() {
        let sent: Vec<Shape> = (0..TIMES).map(|_| kind.shape(number())).collect();
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
    let mut connection = field.connect().await?;
    while connection.get(&format!("{path}/order-status")).await? != 429 {}
    let (accepted, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let flooding = async || {
        loop {
            // A refused body is not read, and its connection is closed.
            let request = field.bytes("rost", &shapes::ordinary(number()));
            let answered = async { field.connect().await?.ask(&request).await };
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
        let address = bridge.address;
        Ok(Self { bridge, secret, address })
    }

    async fn connect(&self) -> Result<Connection, String> {
        Connection::open(self.address).await
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
        let process = Process::own();
        drop(shapes);
        self.settled().await?;
        process.forget_peak();
        let before = process.cpu_ms()?;
        for request in &requests {
            // A refused body is not read to its end, and its connection is closed.
            self.connect().await?.ask(request).await?;
        }
        self.settled().await?;
        let cpu_ms = (process.cpu_ms()? - before) / requests.len() as f64;
        Ok(Cost { cpu_ms, peak_mb: process.peak_mb()? })
    }

    /// The 99th percentile of the time of an answer, milliseconds.
    async fn p99(&self, school: &str) -> Result<f64, String> {
        let mut connection = self.connect().await?;
        let mut took = Vec::with_capacity(TIMED);
        for _ in 0..TIMED {
            let request = self.bytes(school, &shapes::ordinary(number()));
            let began = stopwatch();
            match connection.ask(&request).await? {
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
