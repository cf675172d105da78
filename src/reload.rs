//! Watches the configuration files while the bridge runs: a complete and valid change is applied; anything
//! else changes nothing and is logged once. Never applies what needs a restart (addresses, the store,
//! limits); logs that instead. Enter at [`watch`].

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::Bridge;
use crate::config::{Config, Files, Problem, Surroundings};
use crate::panics::caught_now;
use crate::process::SchoolId;
use crate::schools::Rebuild;

/// Interval between two checks of the files.
const LOOK: Duration = Duration::from_secs(2);

/// Files that are being written differ when they are read again after this.
const AGAIN: Duration = Duration::from_millis(400);

/// Watches the folder for ever; `known` is what the bridge was started with. SIGHUP makes it read everything
/// again at once, including secrets in files.
pub async fn watch(bridge: &mut Bridge, folder: PathBuf, known: Files) {
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut known = Ok(known);
    loop {
        let told = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let rebuild = tokio::select! {
            biased;
            Some(()) = told => Rebuild::All,
            () = tokio::time::sleep(LOOK) => Rebuild::Differing,
        };
        let found = read(&folder).await;
        if rebuild == Rebuild::Differing && found == known {
            continue;
        }
        tokio::time::sleep(AGAIN).await;
        if read(&folder).await != found {
            // A file is being written: the next check sees more.
            continue;
        }
        follow(bridge, &found, rebuild);
        known = found;
    }
}

/// Files are read on a blocking thread, because a disk may be slow.
async fn read(folder: &std::path::Path) -> Result<Files, Vec<Problem>> {
    let folder = folder.to_owned();
    let reading = tokio::task::spawn_blocking(move || Files::read(&folder)).await;
    reading.unwrap_or_else(|_| Err(Vec::new()))
}

fn follow(bridge: &mut Bridge, found: &Result<Files, Vec<Problem>>, rebuild: Rebuild) {
    // Files that make the bridge panic are refused; everything is built before any of it is put in place.
    let followed = caught_now(|| put_in_place(bridge, found, rebuild));
    match followed.unwrap_or_else(|panicked| Err(panicked.to_string())) {
        Ok(begun) => {
            let schools: Vec<_> = begun.iter().map(|id| id.as_str()).collect();
            tracing::info!(
                schools = schools.join(", "),
                "the configuration was read again; changes of dozvon.toml itself need a restart"
            );
        }
        Err(refused) => {
            tracing::error!(
                refused,
                "the changed configuration is not used; the bridge continues with the last valid one"
            );
            bridge.refuse(refused);
        }
    }
}

/// The schools that are rebuilt, or why the files are not used.
fn put_in_place(
    bridge: &mut Bridge,
    found: &Result<Files, Vec<Problem>>,
    rebuild: Rebuild,
) -> Result<Vec<SchoolId>, String> {
    let config = match found {
        Ok(files) => Config::from_files(files, &Surroundings::real()),
        Err(problems) => Err(problems.clone()),
    };
    let config = config.map_err(|problems| {
        let first = problems.first().map_or_else(String::new, ToString::to_string);
        format!("{} problems to fix, see `dozvon check`: {first}", problems.len())
    })?;
    bridge.follow(config.schools, rebuild).map_err(|unfit| unfit.to_string())
}
