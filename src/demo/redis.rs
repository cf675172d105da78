//! A Redis of the demo's or a benchmark's own: a child process on a free port with its own folder. Never touches any
//! other Redis. Enter at [`Redis::start`].

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// When a write is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    Always,
    EverySecond,
}

/// It has to be ready within this, real time.
const START_MAX: Duration = Duration::from_secs(20);

pub struct Redis {
    port: u16,
    folder: PathBuf,
    fsync: Fsync,
    /// `None` between a kill and the next start.
    process: Option<Child>,
}

impl Redis {
    /// `folder` is created; the files of an earlier process there are loaded.
    pub async fn start(port: u16, folder: PathBuf, fsync: Fsync) -> Result<Self, String> {
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut redis = Self { port, folder, fsync, process: None };
        redis.start_again().await?;
        Ok(redis)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// `None` after a kill.
    pub fn process(&self) -> Option<&Child> {
        self.process.as_ref()
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // An error means that it is gone already.
            let _ = process.kill().await;
        }
    }

    /// Starts again with the same port and folder; returns when it serves.
    pub async fn start_again(&mut self) -> Result<(), String> {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        let fsync = match self.fsync {
            Fsync::Always => "always",
            Fsync::EverySecond => "everysec",
        };
        command.args(["--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0"]);
        command.arg("--dir").arg(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "redis-server is not installed".to_owned(),
            _ => format!("redis-server cannot be started: {error}"),
        })?;
        let out = process.stdout.take().ok_or("redis-server has no output")?;
        let mut lines = BufReader::new(out).lines();
        let ready = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("Ready to accept connections") {
                    return true;
                }
            }
            false
        };
        if !tokio::time::timeout(START_MAX, ready).await.unwrap_or(false) {
            return Err(format!("redis-server did not start in {}", self.folder.display()));
        }
        // Its further output must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.process = Some(process);
        Ok(())
    }
}
