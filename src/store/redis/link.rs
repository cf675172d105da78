//! The connections to Redis, which reconnect by themselves, and the classes of its errors. Never repeats a
//! call that may have been carried out; only a redirection, which was not, is followed. Enter at
//! [`Link::connect`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisFuture,
    ScriptInvocation, ServerErrorKind, TlsCertificates, TlsMode, Value,
};

use super::address::{Address, AddressForm, Certificates, Service, tcp};
use super::info::{fact, number, weak};
use super::keys;
use crate::store::{StoreError, StoreResult, Weakness};

/// A server that does not answer within this counts as unreachable.
const ANSWER: Duration = Duration::from_secs(2);

/// Time-out of one attempt to connect, with its handshake.
const CONNECT: Duration = Duration::from_secs(1);

/// A peer that vanished silently is noticed after this.
pub const PEER_GONE: Duration = Duration::from_secs(5);

/// Connections to a single server: one per worker, up to this.
const CONNECTIONS_MAX: usize = 8;

/// Commands that wait for one connection's writer.
const QUEUE: usize = 1024;

/// Most nodes of a Cluster that one command is redirected through.
const NODES_MAX: usize = 4;

/// The first version with scripts that begin with `#!lua`.
const VERSION_MIN: u32 = 7;

pub struct Link {
    connections: Connections,
    turn: AtomicUsize,
    /// Clients that can subscribe: each of them receives all messages.
    subscribers: Vec<Client>,
    /// Its servers, for messages.
    name: String,
    /// Sentinels may name another master: after a failure they are asked again.
    is_moving: bool,
    /// It has failed since; see [`Link::is_stale`].
    has_failed: AtomicBool,
    /// A call was refused as a new connection is: the client keeps a refused connection, and does not try again.
    is_refused: AtomicBool,
    /// A call was not answered in time. The peer may have forgotten the connection and still acknowledge it, so
    /// it is replaced.
    is_silent: AtomicBool,
}

enum Connections {
    Single(Vec<ConnectionManager>),
    Cluster(ClusterConnection),
}

/// Why the connection failed.
pub enum ConnectError {
    /// There is no answer, for now.
    Away(StoreError),
    /// The address or the server cannot be used: a person has to fix it.
    Unfit(StoreError),
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Unfit(error)
    }
}

impl From<ConnectError> for StoreError {
    fn from(missed: ConnectError) -> Self {
        match missed {
            ConnectError::Away(error) | ConnectError::Unfit(error) => error,
        }
    }
}

impl Link {
    /// Connects, and checks that the server is fit to store a school.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let address = Address::read(url)?;
        let name = address.name();
        Self::reach(address, &name).await.map_err(|missed| match missed {
            ConnectError::Away(error) => ConnectError::Away(error.of(&name)),
            ConnectError::Unfit(error) => ConnectError::Unfit(error.of(&name)),
        })
    }

    async fn reach(address: Address, name: &str) -> Result<Self, ConnectError> {
        if address.is_tls {
            crate::tls::install_provider();
        }
        let certificates = address.certificates.as_ref().map(Certificates::read).transpose()?;
        let mut link = match address.kind {
            AddressForm::Single(server) => Self::single(client(*server, certificates)?).await?,
            AddressForm::Cluster(nodes) => Self::cluster(nodes, certificates).await?,
            AddressForm::Sentinel(service) => {
                let master = master(*service, address.is_tls, certificates).await?;
                Self { is_moving: true, ..Self::single(master).await? }
            }
        };
        link.look().await?;
        link.probe().await?;
        name.clone_into(&mut link.name);
        Ok(link)
    }

    /// Whether the user may do what the bridge needs, on the keys and the channel that it uses.
    async fn probe(&self) -> StoreResult<()> {
        let set = redis::cmd("SET").arg(keys::PROBE).arg(1).arg("PX").arg(1_000).clone();
        let ring = redis::cmd("PUBLISH").arg(keys::BELL).arg("").clone();
        let script = redis::Script::new("redis.call('TIME') return redis.call('DEL', KEYS[1])");
        let script = script.key(keys::PROBE);
        for done in [
            self.query::<redis::Value>(&set).await,
            self.query::<redis::Value>(&ring).await,
            self.invoke::<redis::Value>(&script).await,
        ] {
            match done {
                // A full or a read-only server is no matter of rights.
                Err(error) if error.is_refusal() => return Err(error.advising(keys::RIGHTS)),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The run ids of all masters: a change means that one was restarted or replaced.
    pub async fn epoch(&self) -> StoreResult<String> {
        let mut runs: Vec<String> = Vec::new();
        for node in self.infos(redis::cmd("INFO").arg("server").arg("replication")).await? {
            if fact(&node, "role") == "master" {
                runs.push(fact(&node, "run_id").to_owned());
            }
        }
        runs.sort();
        Ok(runs.join(" "))
    }

    pub fn is_cluster(&self) -> bool {
        matches!(self.connections, Connections::Cluster(_))
    }

    /// How many keys were evicted since the server's start.
    pub async fn evicted(&self) -> StoreResult<u64> {
        let nodes = self.infos(redis::cmd("INFO").arg("stats")).await?;
        Ok(nodes.iter().map(|node| number(node, "evicted_keys")).sum())
    }

    /// Runs a script, and loads it first if the server does not know it.
    pub async fn invoke<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> StoreResult<T> {
        call.invoke_async(&mut self.next_connection()).await.map_err(|error| self.fault(&error))
    }

    /// The same; all calls under this name use one connection.
    pub async fn invoke_for<T: FromRedisValue>(
        &self,
        name: &str,
        call: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        let place = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        call.invoke_async(&mut self.nth(place)).await.map_err(|error| self.fault(&error))
    }

    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> StoreResult<T> {
        command.query_async(&mut self.next_connection()).await.map_err(|error| self.fault(&error))
    }

    /// Runs a command on every node.
    pub async fn on_all(&self, command: &Cmd) -> StoreResult<()> {
        let Connections::Cluster(cluster) = &self.connections else {
            return self.query::<Value>(command).await.map(drop);
        };
        let all = (MultipleNodeRoutingInfo::AllNodes, Some(ResponsePolicy::AllSucceeded));
        let done = cluster.clone().route_command(command.clone(), RoutingInfo::MultiNode(all)).await;
        done.map(drop).map_err(|error| self.fault(&error))
    }

    /// Whether new connections are needed, or the master has to be asked for again.
    pub fn is_stale(&self) -> bool {
        let has_moved = self.is_moving && self.has_failed.load(Ordering::Relaxed);
        has_moved || self.is_silent.load(Ordering::Relaxed)
    }

    /// Whether new connections may be needed: a password or a right that was refused may be right by now.
    pub fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    fn fault(&self, error: &RedisError) -> StoreError {
        if may_be_of_connecting(error) {
            self.is_refused.store(true, Ordering::Relaxed);
        }
        let is_replica = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() || is_replica {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        if error.is_timeout() {
            self.is_silent.store(true, Ordering::Relaxed);
        }
        fault(error).of(&self.name)
    }

    /// Receives the messages of a channel until the connection breaks.
    pub async fn listen(&self, channel: &str, heard: &(dyn Fn(String) + Send + Sync)) -> StoreResult<()> {
        let mut missed = StoreError::Unreachable("no node to listen to".to_owned());
        for ear in &self.subscribers {
            let connecting = tokio::time::timeout(CONNECT, ear.get_async_pubsub()).await;
            let mut messages = match connecting {
                Ok(Ok(messages)) => messages,
                Ok(Err(error)) => {
                    missed = self.fault(&error);
                    continue;
                }
                Err(_) => continue,
            };
            messages.subscribe(channel).await.map_err(|error| self.fault(&error))?;
            let mut messages = messages.into_on_message();
            while let Some(message) = messages.next().await {
                if let Ok(text) = message.get_payload() {
                    heard(text);
                }
            }
            return Ok(());
        }
        Err(missed)
    }

    /// Calls to a single server are spread over its connections: each is one task, and one task uses one
    /// core.
    fn next_connection(&self) -> CallConnection {
        self.nth(self.turn.fetch_add(1, Ordering::Relaxed))
    }

    fn nth(&self, place: usize) -> CallConnection {
        match &self.connections {
            Connections::Single(connections) => {
                CallConnection::Single(connections[place % connections.len()].clone())
            }
            Connections::Cluster(cluster) => CallConnection::Cluster(cluster.clone()),
        }
    }

    fn on(connections: Connections, subscribers: Vec<Client>) -> Self {
        Self {
            connections,
            turn: AtomicUsize::new(0),
            subscribers,
            name: String::new(),
            is_moving: false,
            has_failed: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
        }
    }

    async fn single(client: Client) -> Result<Self, ConnectError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER))
            .set_connection_timeout(Some(CONNECT))
            .set_pipeline_buffer_size(QUEUE)
            // During an outage a call fails at once and starts the next attempt.
            .set_number_of_retries(0);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let mut connections = Vec::new();
        for _ in 0..workers.min(CONNECTIONS_MAX) {
            let manager = ConnectionManager::new_with_config(client.clone(), config.clone()).await;
            connections.push(manager.map_err(|error| missed(&error))?);
        }
        Ok(Self::on(Connections::Single(connections), vec![client]))
    }

    async fn cluster(
        nodes: Vec<ConnectionInfo>,
        certificates: Option<TlsCertificates>,
    ) -> Result<Self, ConnectError> {
        let subscribers = nodes.iter().cloned().map(|node| client(node, certificates.clone()));
        let subscribers = subscribers.collect::<StoreResult<_>>()?;
        let builder = ClusterClient::builder(nodes);
        let builder = match certificates {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        };
        let client = builder
            .connection_timeout(CONNECT)
            .response_timeout(ANSWER)
            .tcp_settings(tcp())
            // The client would also repeat calls that may have been carried out, and an entry would be
            // doubled.
            .retries(0)
            .build()
            .map_err(|error| fault(&error))?;
        let connection = client.get_async_connection().await.map_err(|error| missed(&error))?;
        Ok(Self::on(Connections::Cluster(connection), subscribers))
    }

    /// The `INFO` text of every node.
    pub async fn infos(&self, info: &Cmd) -> StoreResult<Vec<String>> {
        match self.connections {
            Connections::Single(_) => Ok(vec![self.query(info).await?]),
            Connections::Cluster(_) => {
                Ok(self.query::<HashMap<String, String>>(info).await?.into_values().collect())
            }
        }
    }

    /// Refuses a server that is too old; warns of settings that lose data.
    async fn look(&self) -> StoreResult<()> {
        let nodes = self.infos(&redis::cmd("INFO")).await.map_err(|error| error.advising(keys::RIGHTS))?;
        for node in nodes {
            let version = fact(&node, "redis_version");
            let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
            if major.is_none_or(|major| major < VERSION_MIN) {
                return Err(StoreError::Unreachable(format!(
                    "Redis {version} is too old, {VERSION_MIN}.0 is the least"
                )));
            }
            for weakness in weak(&node) {
                tracing::warn!(
                    ?weakness,
                    "Redis can lose what was accepted: set appendonly yes and noeviction"
                );
            }
        }
        Ok(())
    }

    /// The weaknesses of all nodes, each once. A server that does not let us ask has none that we know.
    pub async fn weaknesses(&self) -> StoreResult<Vec<Weakness>> {
        let nodes = match self.infos(&redis::cmd("INFO")).await {
            Err(error) if error.is_refusal() => {
                self.query::<String>(&redis::cmd("PING")).await?;
                return Ok(Vec::new());
            }
            nodes => nodes?,
        };
        let mut found: Vec<Weakness> = Vec::new();
        for weakness in nodes.iter().flat_map(|node| weak(node)) {
            if !found.contains(&weakness) {
                found.push(weakness);
            }
        }
        Ok(found)
    }
}

fn client(server: ConnectionInfo, certificates: Option<TlsCertificates>) -> StoreResult<Client> {
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(server, certificates),
        None => Client::open(server),
    };
    client.map_err(|error| fault(&error))
}

/// Asks the Sentinels for the master of the service.
async fn master(
    service: Service,
    is_tls: bool,
    certificates: Option<TlsCertificates>,
) -> Result<Client, ConnectError> {
    let Service { name, sentinels, node } = service;
    let (own, login) = (node.redis_settings(), sentinels.first().map(ConnectionInfo::redis_settings));
    let addresses: Vec<_> = sentinels.iter().map(|sentinel| sentinel.addr().clone()).collect();
    let builder = SentinelClientBuilder::new(addresses, &name, SentinelServerType::Master);
    let mut builder = builder.map_err(|error| fault(&error))?;
    builder = builder.set_client_to_redis_db(own.db()).set_client_to_redis_tcp_settings(tcp());
    builder = builder.set_client_to_sentinel_tcp_settings(tcp());
    if let Some(user) = own.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = own.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = login.and_then(|login| login.username()) {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = login.and_then(|login| login.password()) {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if is_tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder.set_client_to_redis_certificates(certificates.clone());
        builder = builder.set_client_to_sentinel_certificates(certificates);
    }
    let mut client = builder.build().map_err(|error| fault(&error))?;
    let unknown = || StoreError::Unreachable("the Sentinels do not answer in time".to_owned());
    let asked = tokio::time::timeout(ANSWER, client.async_get_client()).await;
    match asked {
        Err(_) => Err(ConnectError::Away(unknown())),
        // They have not agreed yet, or do not know the service: both may change.
        Ok(Err(error)) => Err(ConnectError::Away(fault(&error))),
        Ok(Ok(client)) => Ok(client),
    }
}

/// A server that cannot be reached, or that is still loading its files, may become available.
fn missed(error: &RedisError) -> ConnectError {
    let loading = error.kind() == ErrorKind::Server(ServerErrorKind::BusyLoading);
    let away = error.is_io_error() || error.is_timeout() || error.is_cluster_error() || loading;
    if away { ConnectError::Away(fault(error)) } else { ConnectError::Unfit(fault(error)) }
}

/// Errors with which a server answers a new connection: a refused user, too many clients, the wrong protocol. The
/// client reconnects by itself after I/O errors only.
fn may_be_of_connecting(error: &RedisError) -> bool {
    let codes = ["NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "ERR"];
    matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::Parse)
        || error.code().is_some_and(|code| codes.contains(&code))
}

/// The connection of one call.
enum CallConnection {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl ConnectionLike for CallConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(cluster) => async move {
                let mut nodes = 1;
                loop {
                    match cluster.req_packed_command(command).await {
                        Err(error) if nodes < NODES_MAX && was_sent_on(&error) => nodes += 1,
                        done => return done,
                    }
                }
            }
            .boxed(),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// The node did not carry it out and named another.
fn was_sent_on(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask))
}

/// Classified by what the caller can do. Texts never contain arguments, which may be personal data.
fn fault(error: &RedisError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let unreadable = matches!(code, "WRONGTYPE" | "UNREADABLE")
        || matches!(error.kind(), ErrorKind::UnexpectedReturnType | ErrorKind::Parse);
    let mut text = match error.kind() {
        ErrorKind::AuthenticationFailed => "WRONGPASS user or password is refused".to_owned(),
        // What the connection says, such as a refused certificate; nothing of ours is in it.
        _ if error.is_io_error() => error.to_string(),
        _ => error.category().to_owned(),
    };
    if error.is_timeout() {
        text = "no answer in time".to_owned();
    } else if let ErrorKind::Server(_) | ErrorKind::Extension = error.kind() {
        text = format!("{code} {}", error.detail().unwrap_or_default()).trim().to_owned();
    }
    if unreadable { StoreError::Unreadable(text) } else { StoreError::Unreachable(text) }
}
