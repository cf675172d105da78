//! The test's own Redis: `redis-server` from the path, a free port, a folder, AOF synced always. Never waits
//! for a fixed time: the server reports when it is ready. Enter at [`RedisServer::start`] and
//! [`RedisCluster::start`].

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use super::folder::Folder;

pub struct RedisServer {
    port: u16,
    extra: Vec<String>,
    folder: Folder,
    process: Option<Child>,
}

impl RedisServer {
    pub fn start() -> Self {
        Self::with(Vec::new())
    }

    /// Synced every second, the usual setting: a power cut loses the end of the file.
    pub fn start_lazy() -> Self {
        Self::with(["--appendfsync", "everysec"].map(str::to_owned).to_vec())
    }

    /// Only over TLS.
    pub fn start_tls(cert: &str, key: &str, ca: &str) -> Self {
        let port = free_port().to_string();
        let files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca];
        let args = ["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"];
        let extra = args.into_iter().chain(files).map(str::to_owned).collect();
        let mut server = Self::with(extra);
        server.port = port.parse().expect("a port");
        server
    }

    pub fn start_replica_of(master: &Self) -> Self {
        let port = master.port.to_string();
        Self::with(["--replicaof", "127.0.0.1", &port].map(str::to_owned).to_vec())
    }

    /// Where its files are.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A part of what it says about itself.
    pub fn info(&self, part: &str) -> String {
        redis::cmd("INFO").arg(part).query(&mut self.admin()).expect("it answers")
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The size of the append-only file.
    pub fn aof_bytes(&self) -> u64 {
        std::fs::metadata(self.aof()).expect("the file is there").len()
    }

    /// Cuts the file, as if everything after this many bytes had never reached the disk.
    pub fn cut_aof(&self, bytes: u64) {
        assert!(self.process.is_none(), "a living server would go on writing");
        let file = std::fs::OpenOptions::new().write(true).open(self.aof()).expect("the file is there");
        file.set_len(bytes).expect("it can be cut");
    }

    fn aof(&self) -> PathBuf {
        let folder = self.folder.path().join("appendonlydir");
        let files = std::fs::read_dir(folder).expect("the folder is there");
        let mut files = files.map(|file| file.expect("a file").path());
        let is_increment = |path: &PathBuf| path.to_string_lossy().ends_with(".incr.aof");
        files.find(is_increment).expect("one increment")
    }

    /// A connection for what the port does not offer: settings, vanished keys.
    pub fn admin(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).expect("the address is well-formed");
        client.get_connection().expect("the server answers")
    }

    /// Kills it, like a power failure.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the server runs");
            process.wait().expect("the server ends");
        }
    }

    /// After [`Self::kill`]: starts again on the same port and folder.
    pub fn start_again(&mut self) {
        self.process = Some(spawn(self.port, &self.folder, &self.extra));
    }

    /// Pauses the process, which keeps its connections.
    pub fn halt(&self) {
        self.signal("-STOP");
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// Asks until the node serves; between two attempts the server itself waits, for replicas that it does
    /// not have.
    fn wait_for_cluster(&self) {
        let mut admin = self.admin();
        for _ in 0..500 {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut admin).expect("it answers");
            if info.contains("cluster_state:ok") {
                return;
            }
            redis::cmd("WAIT").arg(1).arg(20).exec(&mut admin).expect("it answers");
        }
        panic!("the cluster does not serve");
    }

    fn with(extra: Vec<String>) -> Self {
        let (port, folder) = (free_port(), Folder::new());
        let process = Some(spawn(port, &folder, &extra));
        Self { port, extra, folder, process }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn signal(&self, signal: &str) {
        let id = self.process.as_ref().expect("the server runs").id().to_string();
        let done = Command::new("kill").args([signal, &id]).status().expect("kill is on the path");
        assert!(done.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// One Sentinel, which alone decides about its master.
pub struct Sentinel {
    port: u16,
    process: Child,
    _folder: Folder,
}

impl Sentinel {
    pub fn watch(master: &RedisServer) -> Self {
        let (port, folder) = (free_port(), Folder::new());
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n",
            folder.path().display(),
            master.port
        );
        std::fs::write(&file, text).expect("writable");
        let mut process = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is on the path");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let watches =
            |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.contains("+monitor"));
        assert!(lines.by_ref().any(|line| watches(&line)), "the Sentinel did not start");
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, process, _folder: folder }
    }

    pub fn knows_a_replica(&self) -> bool {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("well-formed");
        let mut admin = client.get_connection().expect("it answers");
        let known: redis::Value =
            redis::cmd("SENTINEL").arg("replicas").arg("main").query(&mut admin).expect("it answers");
        matches!(known, redis::Value::Array(replicas) if !replicas.is_empty())
    }

    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/main", self.port)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Three nodes, each with a third of the slots.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub fn start() -> Self {
        let nodes: Vec<_> = (0..3)
            .map(|_| {
                let bus = free_port().to_string();
                RedisServer::with(
                    ["--cluster-enabled", "yes", "--cluster-port", &bus].map(str::to_owned).to_vec(),
                )
            })
            .collect();
        // Returns when all nodes agree about the slots; a node may need a moment longer to serve.
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(nodes.iter().map(RedisServer::address))
            .arg("--cluster-yes")
            .output()
            .expect("redis-cli is on the path");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        nodes.iter().for_each(RedisServer::wait_for_cluster);
        Self { nodes }
    }

    /// Moves the slot of `key`, which must be empty, to another node.
    pub fn move_slot(&self, key: &str) {
        let mut admins: Vec<_> = self.nodes.iter().map(RedisServer::admin).collect();
        let slot: u16 =
            redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut admins[0]).expect("it answers");
        // A node that does not own the slot refuses to look.
        let other = admins
            .iter_mut()
            .position(|admin| redis::cmd("EXISTS").arg(key).exec(admin).is_err())
            .expect("two of three do not own it");
        let id: String = redis::cmd("CLUSTER").arg("MYID").query(&mut admins[other]).expect("it answers");
        // The new owner first.
        admins.swap(0, other);
        for admin in &mut admins {
            let mut set = redis::cmd("CLUSTER");
            set.arg("SETSLOT").arg(slot).arg("NODE").arg(&id).exec(admin).expect("the slot is empty");
        }
    }

    /// Kills all nodes, like a power failure.
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(RedisServer::kill);
    }

    pub fn start_again(&mut self) {
        self.nodes.iter_mut().for_each(RedisServer::start_again);
    }

    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(RedisServer::address).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }
}

fn spawn(port: u16, folder: &Folder, extra: &[String]) -> Child {
    let mut process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .arg("--dir")
        .arg(folder.path())
        .args(extra)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is on the path");
    let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let mut told = Vec::new();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.contains("Ready to accept connections") => break,
            Some(Ok(line)) => told.push(line),
            _ => panic!("redis-server did not start:\n{}", told.join("\n")),
        }
    }
    // Its further output must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    process
}

/// A port that neither an outgoing connection of this machine nor another test uses meanwhile.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 500) as u16 * 20;
    loop {
        // Below the range from which Linux assigns ports.
        let port = 20_000 + first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
