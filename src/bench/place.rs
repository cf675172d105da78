//! Where a bridge or a bare handler keeps its requests during one round: a Redis of the round's own, or the folder of
//! an embedded store. Never reads what is kept. Enter at [`Place::open`].

use std::path::{Path, PathBuf};

use super::machine::Process;
use crate::demo::redis::{Fsync, Redis};
use crate::demo::school::free_port;

/// The stores on which figures are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Everysec,
    Always,
    Embedded,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Everysec => "everysec",
            Self::Always => "always",
            Self::Embedded => "embedded",
        }
    }
}

/// Opened for one round; everything ends when it is dropped.
pub struct Place {
    /// Its own; a bridge's data is beside it.
    pub folder: PathBuf,
    redis: Option<Redis>,
}

/// What a store has used since its start. The embedded one is a part of its process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    pub cpu_ms: f64,
    /// Also those within scripts.
    pub commands: f64,
    /// Times that it read from a connection: commands that are sent together count once.
    pub reads: f64,
    pub written_bytes: f64,
}

impl Place {
    /// Opens it with the files that are there already.
    pub async fn open(kind: Kind, folder: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let fsync = match kind {
            Kind::Everysec => Some(Fsync::EverySecond),
            Kind::Always => Some(Fsync::Always),
            Kind::Embedded => None,
        };
        let redis = match fsync {
            Some(fsync) => Some(Redis::start(free_port()?, folder.join("redis"), fsync).await?),
            None => None,
        };
        Ok(Self { folder: folder.to_owned(), redis })
    }

    /// The address of the Redis.
    pub fn url(&self) -> Option<String> {
        self.redis.as_ref().map(Redis::url)
    }

    /// Used until now, for `owner`, whose process holds an embedded store.
    pub async fn used(&self, owner: Process) -> Result<Used, String> {
        match self.redis {
            Some(_) => self.used_by_redis().await,
            None => Ok(Used { written_bytes: owner.written_bytes()?, ..Used::default() }),
        }
    }

    /// Used until now, by a Redis.
    pub async fn used_by_redis(&self) -> Result<Used, String> {
        let redis = self.redis.as_ref().ok_or("there is no Redis")?;
        let process = Process::of(redis.process().ok_or("the Redis has ended")?)?;
        let info = info(&redis.url()).await.map_err(|error| format!("the Redis: {error}"))?;
        let number = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
        };
        Ok(Used {
            cpu_ms: process.cpu_ms()?,
            commands: number("total_commands_processed"),
            reads: number("total_reads_processed"),
            written_bytes: number("aof_current_size"),
        })
    }

    /// Ends what holds its files; they stay.
    pub async fn close(self) {
        if let Some(mut redis) = self.redis {
            redis.kill().await;
        }
    }
}

impl Used {
    /// From `before` until this, for each of `count` events.
    pub fn for_each(self, before: Self, count: f64) -> Self {
        Self {
            cpu_ms: (self.cpu_ms - before.cpu_ms) / count,
            commands: (self.commands - before.commands) / count,
            reads: (self.reads - before.reads) / count,
            written_bytes: (self.written_bytes - before.written_bytes) / count,
        }
    }
}

async fn info(url: &str) -> redis::RedisResult<String> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("INFO").query_async(&mut connection).await
}

/// Whether Redis can be started here.
pub async fn has_redis() -> bool {
    starts("redis-server").await
}

/// Whether a program is installed.
pub async fn starts(program: &str) -> bool {
    let mut command = tokio::process::Command::new(program);
    let quiet = std::process::Stdio::null;
    command.arg("--version").stdin(quiet()).stdout(quiet()).stderr(quiet());
    command.status().await.is_ok_and(|status| status.success())
}
