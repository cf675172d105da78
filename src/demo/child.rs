//! The bridge as a child process: the same executable, with arguments that say where to work. It never reads
//! the bridge's store; everything it knows comes from the API of the driven clock. The child ends with its
//! parent, because the parent holds the other end of its input. Enter at [`Child::start`].

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use super::player::{Driven, Stuck};
use crate::http::driven::{Advance, Quiet};

/// The child has to print its address within this, real time.
const START_MAX: Duration = Duration::from_secs(20);
/// The child has to end within this after it was asked to, real time.
const STOP_MAX: Duration = Duration::from_secs(30);

/// How to start a bridge, as often as needed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub program: PathBuf,
    /// Folder of the configuration.
    pub config: PathBuf,
    /// Port that the platforms call; the same after a restart.
    pub port: u16,
    /// Folder of the embedded store, and of the instance's local files if Redis is the store.
    pub data: PathBuf,
    /// A Redis as the store instead.
    pub store: Option<String>,
    /// The school's secrets and similar variables.
    pub environment: Vec<(String, String)>,
    pub token: String,
    /// The file for the bridge's log.
    pub log: PathBuf,
}

/// A running bridge.
pub struct Child {
    process: tokio::process::Child,
    client: reqwest::Client,
    door: String,
    /// Kept open, so that the bridge can print more than its first line.
    _said: Lines<BufReader<ChildStdout>>,
    /// `http://127.0.0.1:port`.
    pub address: String,
    /// Where the people who run it ask.
    pub operation: String,
}

impl Child {
    /// Starts the bridge with its clock at `from`; returns when it accepts requests.
    pub async fn start(plan: &Plan, from: DateTime<Utc>) -> Result<Self, String> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&plan.log);
        let log = log.map_err(|error| format!("{}: {error}", plan.log.display()))?;
        let mut command = Command::new(&plan.program);
        command.arg("serve").arg("--config").arg(&plan.config);
        command.args(["--listen", &format!("127.0.0.1:{}", plan.port), "--operation", "127.0.0.1:0"]);
        match &plan.store {
            Some(url) => command.args(["--store", url]),
            None => &mut command,
        };
        command.arg("--data").arg(&plan.data);
        command.args(["--driven-from", &from.to_rfc3339()]);
        command.envs(plan.environment.iter().cloned()).env("DOZVON_DRIVEN_TOKEN", &plan.token);
        command.env("DOZVON_URL", format!("http://127.0.0.1:{}", plan.port));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut process =
            command.spawn().map_err(|error| format!("the bridge cannot be started: {error}"))?;
        let out = process.stdout.take().ok_or("the bridge has no output")?;
        let mut lines = BufReader::new(out).lines();
        let first_line = tokio::time::timeout(START_MAX, lines.next_line()).await;
        let line = match first_line {
            Ok(Ok(Some(line))) => line,
            _ => return Err(format!("the bridge did not start; its log is {}", plan.log.display())),
        };
        let address =
            line.strip_prefix("listening on ").ok_or_else(|| format!("the bridge printed «{line}»"))?;
        let second_line = tokio::time::timeout(START_MAX, lines.next_line()).await;
        let operation = match second_line {
            Ok(Ok(Some(line))) => line.strip_prefix("operation on ").unwrap_or_default().to_owned(),
            _ => return Err(format!("the bridge did not start; its log is {}", plan.log.display())),
        };
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self {
            process,
            client,
            door: format!("{address}/driven/{}", plan.token),
            _said: lines,
            address: address.to_owned(),
            operation,
        })
    }

    /// `kill -9`; returns when the process is gone.
    pub async fn kill(mut self) {
        // An error means that it is gone already.
        let _ = self.process.kill().await;
    }

    /// Asks it to stop and waits until it has drained.
    pub async fn stop(mut self) -> Result<(), String> {
        // The end of its input tells it to stop, so no signal is needed.
        drop(self.process.stdin.take());
        let ended = tokio::time::timeout(STOP_MAX, self.process.wait()).await;
        let status =
            ended.map_err(|_| "the bridge does not stop".to_owned())?.map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the bridge ended badly: {status}")) }
    }
}

#[async_trait]
impl Driven for Child {
    async fn look(&self) -> Result<Quiet, Stuck> {
        let answer = self.client.get(&self.door).send().await.map_err(lost)?;
        let body = answer.bytes().await.map_err(lost)?;
        serde_json::from_slice(&body).map_err(|error| Stuck(format!("the bridge answers nonsense: {error}")))
    }

    async fn advance(&self, to: DateTime<Utc>) -> Result<(), Stuck> {
        let body = serde_json::to_string(&Advance { to }).map_err(|error| Stuck(error.to_string()))?;
        let request = self.client.post(&self.door).header("content-type", "application/json").body(body);
        request.send().await.and_then(reqwest::Response::error_for_status).map_err(lost)?;
        Ok(())
    }
}

fn lost(error: reqwest::Error) -> Stuck {
    Stuck(format!("the bridge does not answer: {error}"))
}
