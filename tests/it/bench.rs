//! The benchmark command in small: each family runs through on the real program, prints its rows and leaves nothing
//! behind. Figures are not judged here, what was counted is. The launch has a file of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::folder::Folder;
use crate::support::program::{program, until};

/// Orders of each family.
const ORDERS: &str = "40";

/// A run's files, and nothing on the path but a Redis: what needs node is left out.
fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("bin")).expect("a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let redis =
        std::env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|file| file.exists());
    let redis = redis.expect("redis-server is on the path");
    std::os::unix::fs::symlink(redis, folder.path().join("bin/redis-server")).expect("a link");
    folder
}

fn bench(folder: &Folder, family: &str, window_ms: &str, args: &[&str]) -> tokio::process::Command {
    let json = folder.path().join("rows.json").display().to_string();
    let small = ["--orders", ORDERS, "--schools", "3", "--rounds", "1", "--window-ms", window_ms];
    let mut command = program(&[&["bench", "--only", family, "--json", &json], &small[..], args].concat());
    command.env("PATH", folder.path().join("bin")).env("TMPDIR", folder.path());
    command
}

/// The rows' values by name.
async fn figures(family: &str, args: &[&str]) -> BTreeMap<String, f64> {
    let folder = folder();
    let done = bench(&folder, family, "150", args).output().await.expect("the program is built");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    let text = std::fs::read_to_string(folder.path().join("rows.json"));
    let rows: Value = serde_json::from_str(&text.expect("figures")).unwrap_or_else(|_| panic!("{said}"));
    let rows = rows["rows"].as_array().expect("rows");
    assert!(rows.iter().all(|row| shown.contains(row["name"].as_str().expect("a name"))), "{shown}");
    let missed = rows.iter().any(|row| row["met"] == false);
    assert_eq!(missed, said.contains("goals missed"), "{said}");
    assert_eq!(done.status.success(), !missed, "{said}");
    assert_eq!(left(&folder), Vec::<String>::new(), "nothing stays behind");
    let figure = |row: &Value| Some((row["name"].as_str()?.to_owned(), row["value"].as_f64()?));
    rows.iter().map(|row| figure(row).unwrap_or_else(|| panic!("no figure: {row}"))).collect()
}

/// Folders of runs.
fn left(folder: &Folder) -> Vec<String> {
    let names = std::fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry"));
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("dozvon-")).collect()
}

#[tokio::test]
async fn webhooks_are_acknowledged_beside_a_bare_handler() {
    let figures = figures("webhooks", &[]).await;
    for store in ["everysec", "always", "embedded"] {
        assert!(figures[&format!("webhooks.{store}.rate")] > 0.0, "{figures:?}");
        assert!(figures[&format!("webhooks.{store}.repeated")] > 0.0, "{figures:?}");
    }
}

#[tokio::test]
async fn steps_are_counted_as_they_were_sent() {
    let figures = figures("steps", &[]).await;
    for store in ["everysec", "embedded"] {
        assert_eq!(figures[&format!("steps.{store}.committed")], 40.0, "{figures:?}");
        assert!(figures[&format!("steps.{store}.stepped")] >= 40.0, "{figures:?}");
        assert!(figures[&format!("steps.{store}.rate")] > 0.0, "{figures:?}");
    }
}

/// Another build stands beside this one; here it is the same.
#[tokio::test]
async fn wakes_that_are_due_at_once_all_fire_beside_another_build() {
    let figures = figures("wakes", &["--peer", env!("CARGO_BIN_EXE_dozvon")]).await;
    assert_eq!(figures["wakes.everysec.fired"], 40.0, "{figures:?}");
    assert!(figures["wakes.everysec.rate_to_peer"] > 0.0, "{figures:?}");
    let figures = self::figures("burst", &[]).await;
    assert_eq!(figures["burst.everysec.fired"], 40.0, "{figures:?}");
}

#[tokio::test]
async fn idle_schools_are_all_owned() {
    let figures = figures("idle", &[]).await;
    assert_eq!(figures["idle.everysec.schools"], 3.0, "{figures:?}");
}

#[tokio::test]
async fn the_page_of_health_is_timed() {
    let figures = figures("health", &[]).await;
    assert_eq!(figures["health.embedded.orders"], 40.0, "{figures:?}");
    assert!(figures["health.embedded.time"] > 0.0, "{figures:?}");
}

/// Ctrl-C ends the bridge, the Redis and the handlers, and removes the folder.
#[tokio::test]
async fn an_interrupted_run_leaves_nothing_behind() {
    let folder = folder();
    let mut command = bench(&folder, "steps", "60000", &[]);
    let mut running = command.spawn().expect("the program is built");
    let has_redis = || left(&folder).iter().any(|name| folder.path().join(name).join("0/redis").exists());
    until("a Redis of the run", async || has_redis().then_some(())).await;
    let id = running.id().expect("it runs").to_string();
    let told = tokio::process::Command::new("kill").args(["-INT", &id]).status().await;
    assert!(told.expect("kill is on the path").success());
    let ended = running.wait().await.expect("it ends");
    assert!(!ended.success());
    assert_eq!(left(&folder), Vec::<String>::new());
}
