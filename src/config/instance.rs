//! The instance's own settings: `dozvon.toml`, overridden by the environment. Never opens a port, a store or
//! a folder. Enter at [`Instance`].

use std::net::SocketAddr;
use std::path::PathBuf;

use super::environment::Surroundings;
use super::files::Files;
use super::raw::{InstanceFile, Limits, LogFormat};
use super::read::{parse, section};
use crate::platform::check::{Complaints, address_fault};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::store::redis::Address;

/// The settings of the program; [`InstanceFile`] names the variable of each field.
#[derive(Debug, Clone)]
pub struct Instance {
    pub listen: SocketAddr,
    /// Public address of the bridge, without a trailing slash.
    pub url: String,
    /// Redis address, which may contain a password; `None` means the embedded store.
    pub store: Option<Secret>,
    /// Folder of the embedded store and of stored tokens.
    pub data: PathBuf,
    /// `DOZVON_VAULT_KEY`: present whenever a school signs in by OAuth.
    pub vault_key: Option<Secret>,
    /// A filter of `tracing`.
    pub log: String,
    pub log_format: LogFormat,
    pub limits: Limits,
}

pub(super) fn read(files: &Files, around: &Surroundings, problems: &mut Vec<Problem>) -> Option<Instance> {
    let shown = files.shown("dozvon.toml");
    let mut complaints = Complaints { file: &shown, found: problems };
    let Some(text) = files.get("dozvon.toml") else {
        complaints.add("", "no such file", "a file, it may be empty; is this the right folder?");
        return None;
    };
    let mut file: InstanceFile = section(parse(text, &mut complaints)?, "", &mut complaints)?;
    if file.store.as_deref().is_some_and(|store| store.contains('@')) {
        complaints.add("store", "a password in a file", "the whole address in DOZVON_STORE");
    }
    for (place, name) in
        [(&mut file.listen, "DOZVON_LISTEN"), (&mut file.url, "DOZVON_URL"), (&mut file.log, "DOZVON_LOG")]
    {
        if let Some(value) = around.get(name) {
            value.trim().clone_into(place);
        }
    }
    if let Some(folder) = around.get("DOZVON_DATA") {
        file.data = PathBuf::from(folder.trim());
    }
    let store = around.get("DOZVON_STORE").map(str::trim).map(str::to_owned).or(file.store.take());
    let log_format = match around.get("DOZVON_LOG_FORMAT").map(str::trim) {
        None => Some(file.log_format),
        Some("text") => Some(LogFormat::Text),
        Some("json") => Some(LogFormat::Json),
        Some(_) => None,
    };
    if log_format.is_none() {
        complaints.add("log_format", "DOZVON_LOG_FORMAT is neither", "text or json");
    }
    let listen = file.listen.parse::<SocketAddr>().ok();
    if listen.is_none() {
        complaints.add("listen", format!("`{}` is no address", file.listen), "127.0.0.1:8080 or [::]:8080");
    }
    if let Some((wrong, allowed)) = address_fault(&file.url) {
        complaints.add("url", wrong, allowed);
    }
    if store.as_deref().is_some_and(|store| Address::read(store).is_err()) {
        // The value may contain a password and is not repeated.
        complaints.add("store", "not the address of a Redis", Address::FORM);
    }
    check_limits(&file.limits, &mut complaints);
    Some(Instance {
        listen: listen?,
        url: file.url.trim_end_matches('/').to_owned(),
        store: store.map(Secret::new),
        data: file.data,
        vault_key: around.get("DOZVON_VAULT_KEY").map(|key| Secret::new(key.trim())),
        log: file.log,
        log_format: log_format?,
        limits: file.limits,
    })
}

fn check_limits(limits: &Limits, complaints: &mut Complaints) {
    let Limits { body_s, drain_s, raw_days, ended_days, spool_mb } = *limits;
    for (key, value, least, most) in [
        ("limits.body_s", body_s, 1, 60),
        ("limits.drain_s", drain_s, 1, 300),
        ("limits.raw_days", raw_days, 1, 3650),
        ("limits.ended_days", ended_days, 30, 3650),
        ("limits.spool_mb", spool_mb, 0, 1024 * 1024),
    ] {
        if !(least..=most).contains(&value) {
            complaints.add(key, format!("{value} is out of range"), format!("{least} to {most}"));
        }
    }
}
