//! The bare handlers beside which webhooks are measured: an HTTP server that stores the same body once and answers,
//! with one script on Redis or one SQLite writer that commits in groups with full sync, and that does nothing else.
//! A process of its own, so that its CPU can be counted. Enter at [`Reference::start`]; [`serve`] is that process.

use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::process::Stdio;

use actix_web::{App, HttpResponse, HttpServer, web};
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::load::Target;
use super::machine::Process;
use super::place::Place;
use crate::{interrupt, out};

/// Requests of one commit of SQLite, and of those that wait for it.
const GROUP: usize = 256;
const QUEUE: usize = 1024;

const SCRIPT: &str = "if not redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 0 end
redis.call('XADD', KEYS[2], '*', 'b', ARGV[2])
return 1";
const LIFE_MS: u32 = 3_600_000;

/// A running bare handler; it ends when this is dropped.
pub struct Reference {
    child: Child,
    pub target: Target,
}

impl Reference {
    pub async fn start(place: &Place) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("the reference cannot be started: {error}");
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        let file = || place.folder.join("reference.db").display().to_string();
        command.args(["bench", "--reference", &place.url().unwrap_or_else(file)]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        let said = child.stdout.take().ok_or("the reference has no output")?;
        let line = BufReader::new(said).lines().next_line().await.map_err(failed)?.unwrap_or_default();
        let address = line.parse().map_err(|_| format!("the reference did not start: «{line}»"))?;
        Ok(Self { child, target: Target { address, path: "/hooks".to_owned() } })
    }

    pub fn process(&self) -> Result<Process, String> {
        Process::of(&self.child)
    }
}

/// How a bare handler stores a request; true if it is new.
#[derive(Clone)]
enum Bare {
    Redis { connection: MultiplexedConnection, script: redis::Script },
    File(mpsc::Sender<Job>),
}

struct Job {
    key: u64,
    body: web::Bytes,
    stored: oneshot::Sender<bool>,
}

impl Bare {
    async fn open(place: &str) -> Result<Self, String> {
        if place.starts_with("redis://") {
            let client = redis::Client::open(place).map_err(|error| error.to_string())?;
            let connection = client.get_multiplexed_async_connection().await;
            let connection = connection.map_err(|error| error.to_string())?;
            return Ok(Self::Redis { connection, script: redis::Script::new(SCRIPT) });
        }
        let db = open(Path::new(place)).map_err(|error| format!("{place}: {error}"))?;
        let (jobs, queued) = mpsc::channel(QUEUE);
        std::thread::spawn(move || write(&db, queued));
        Ok(Self::File(jobs))
    }

    async fn keep(&self, body: web::Bytes) -> Result<bool, String> {
        let mut hasher = DefaultHasher::new();
        hasher.write(&body);
        let key = hasher.finish();
        match self {
            Self::Redis { connection, script } => {
                let mut call = script.key(format!("seen:{key:016x}"));
                call.key("raw").arg(LIFE_MS).arg(&body[..]);
                call.invoke_async(&mut connection.clone()).await.map_err(|error| error.to_string())
            }
            Self::File(jobs) => {
                let (stored, told) = oneshot::channel();
                let gone = || "the writer has ended".to_owned();
                jobs.send(Job { key, body, stored }).await.map_err(|_| gone())?;
                told.await.map_err(|_| gone())
            }
        }
    }
}

/// Serves until its input ends, which its parent holds.
pub async fn serve(place: &str) -> Result<(), String> {
    let bare = Bare::open(place).await?;
    let handler = async |body: web::Bytes, bare: web::Data<Bare>| match bare.keep(body).await {
        Ok(_) => HttpResponse::Ok().content_type("text/plain").body("ok"),
        Err(why) => HttpResponse::InternalServerError().body(why),
    };
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::new(bare.clone())).default_service(web::to(handler))
    });
    let server = server.disable_signals().bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    let address = server.addrs().first().copied().ok_or("no address")?;
    out::print(&format!("{address}\n")).map_err(|_| "nobody reads the address")?;
    tokio::select! {
        ended = server.run() => ended.map_err(|error| error.to_string()),
        () = interrupt::input_ended() => Ok(()),
    }
}

fn open(file: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let db = rusqlite::Connection::open(file)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE seen (key INTEGER PRIMARY KEY);
         CREATE TABLE raw (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
    )?;
    Ok(db)
}

/// The one writer. An error ends it, and every later request is answered with 500.
fn write(db: &rusqlite::Connection, mut queued: mpsc::Receiver<Job>) {
    let mut answers = Vec::with_capacity(GROUP);
    while let Some(first) = queued.blocking_recv() {
        let group = || {
            db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let mut next = Some(first);
            while let Some(Job { key, body, stored }) = next {
                let is_new =
                    db.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)")?.execute([key as i64])? == 1;
                if is_new {
                    db.prepare_cached("INSERT INTO raw (body) VALUES (?1)")?.execute([&body[..]])?;
                }
                answers.push((stored, is_new));
                next = if answers.len() < GROUP { queued.try_recv().ok() } else { None };
            }
            db.prepare_cached("COMMIT")?.execute([]).map(drop)
        };
        let committed: rusqlite::Result<()> = group();
        if committed.is_err() {
            return;
        }
        for (stored, is_new) in answers.drain(..) {
            let _ = stored.send(is_new);
        }
    }
}
