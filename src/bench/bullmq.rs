//! BullMQ, the queue beside which wakes are measured: installed into the run's folder where node and npm are, one
//! worker, empty jobs. Enter at [`BullMq::install`].

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::place::{Place, starts};
use super::rounds::Figures;
use crate::out;

/// The queue, and the client of Redis that it asks for.
const PACKAGES: [&str; 2] = ["bullmq@6.7.0", "ioredis@5.8.2"];
const SCRIPT: &str = include_str!("bullmq.mjs");

/// Installed in this folder.
pub struct BullMq(PathBuf);

impl BullMq {
    /// Nothing where it cannot be installed, which is said.
    pub async fn install(folder: &Path) -> Option<Self> {
        match install(folder).await {
            Ok(()) => Some(Self(folder.to_owned())),
            Err(why) => {
                out::complain(&format!("{why}: wakes have no reference"));
                None
            }
        }
    }

    /// Jobs that are all due at once.
    pub async fn fire(&self, place: &Place, jobs: usize) -> Result<Figures, String> {
        let url = place.url().ok_or("BullMQ needs a Redis")?;
        let mut command = Command::new("node");
        command.arg(self.0.join("bullmq.mjs")).args([&url, &jobs.to_string()]);
        let said = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
        let said = said.map_err(|error| format!("node: {error}"))?;
        let rate = String::from_utf8_lossy(&said.stdout).trim().parse();
        let rate = rate.map_err(|_| format!("BullMQ: {}", String::from_utf8_lossy(&said.stderr)))?;
        Ok(Figures::from([("rate", rate)]))
    }
}

async fn install(folder: &Path) -> Result<(), String> {
    for program in ["node", "npm"] {
        if !starts(program).await {
            return Err(format!("{program} is not installed"));
        }
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    std::fs::write(folder.join("bullmq.mjs"), SCRIPT).map_err(|error| error.to_string())?;
    let mut command = Command::new("npm");
    command
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder)
        .args(PACKAGES);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let done = command.output().await.map_err(|error| format!("npm: {error}"))?;
    if done.status.success() {
        Ok(())
    } else {
        Err(format!("{} cannot be installed", PACKAGES.join(" and ")))
    }
}
