//! The instance's own settings: `dozvon.toml`, overridden by the environment. Never opens a port, a store or
//! a folder. Enter at [`Instance`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tracing::Level;
use tracing_subscriber::filter::Targets;

use super::environment::Surroundings;
use super::files::Files;
use super::raw::{InstanceFile, Limits, LogFormat, NotifyFile};
use super::read::{parse, section};
use crate::email::parse_email;
use crate::peer::Proxies;
use crate::platform::check::{Complaints, address_fault, is_loopback, is_public};
use crate::problem::{Problem, nearest};
use crate::secret::{FRESH, Secret, SecretSource, Vault, is_published, weakness};
use crate::store::StoreError;
use crate::store::redis::Address;

/// The settings of the program; [`InstanceFile`] names the variable of each field.
#[derive(Debug, Clone)]
pub struct Instance {
    pub listen: SocketAddr,
    /// Where the people who run the bridge ask.
    pub operation: SocketAddr,
    /// Public address of the bridge, without a trailing slash.
    pub url: String,
    /// Whose word about a request's sender is believed.
    pub proxies: Proxies,
    /// Redis address, which may contain a password; `None` means the embedded store.
    pub store: Option<Secret>,
    /// Folder of the embedded store and of stored tokens.
    pub data: PathBuf,
    /// `DOZVON_VAULT_KEY`: present whenever a school signs in by OAuth.
    pub vault_key: Option<Secret>,
    /// `DOZVON_VAULT_KEY_OLD`: while the key is being changed.
    pub vault_key_old: Option<Secret>,
    /// A filter of `tracing`.
    pub log: String,
    pub log_format: LogFormat,
    pub limits: Limits,
    pub notify: Notify,
}

impl Instance {
    /// What opens and seals stored tokens.
    pub fn vault(&self) -> Option<Vault> {
        let key = self.vault_key.as_ref()?;
        Some(Vault::new(key).with_other(self.vault_key_old.as_ref()))
    }
}

/// Who is told of a trouble and of its end.
#[derive(Debug, Clone, Default)]
pub struct Notify {
    /// Address and signing key of a webhook.
    pub webhook: Option<(Secret, Secret)>,
    pub emails: Vec<String>,
}

pub(super) fn read(
    files: &Files,
    around: &Surroundings,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Instance> {
    let shown = files.shown("dozvon.toml");
    let mut complaints = Complaints { file: &shown, found: problems };
    let Some(text) = files.get("dozvon.toml") else {
        complaints.add("", "no such file", "a file, it may be empty; is this the right folder?");
        return None;
    };
    let mut file: InstanceFile = section(parse(text, &mut complaints)?, "", &mut complaints)?;
    let before = complaints.found.len();
    if file.store.as_deref().is_some_and(|store| store.contains('@')) {
        complaints.add("store", "a password in a file", "the whole address in DOZVON_STORE");
    }
    for (place, name) in [
        (&mut file.listen, "DOZVON_LISTEN"),
        (&mut file.operation, "DOZVON_OPERATION"),
        (&mut file.url, "DOZVON_URL"),
        (&mut file.log, "DOZVON_LOG"),
    ] {
        if let Some(value) = around.get(name) {
            value.trim().clone_into(place);
        }
    }
    file.data = match around.get("DOZVON_DATA") {
        Some(folder) => PathBuf::from(folder.trim()),
        None => beside(files, &file.data, &mut complaints),
    };
    warnings.extend(open_files(around));
    let [store, vault_key, vault_key_old] =
        SECRET_VARIABLES.map(|name| read_secret(name, around, &mut complaints));
    let store = store.map(|store| store.reveal().to_owned()).or(file.store.take());
    let log_format = read_log_format(file.log_format, around, &mut complaints);
    let listen = address(&file.listen, "listen", "127.0.0.1:8080 or [::]:8080", &mut complaints);
    let operation = address(&file.operation, "operation", "127.0.0.1:9180", &mut complaints);
    if listen.is_some() && listen == operation {
        let allowed = "another port: platforms do not see what the people who run the bridge see";
        complaints.add("operation", "the same address as `listen`", allowed);
    }
    let notify =
        read_notify(&file.notify, around, &mut complaints, &mut Complaints { file: &shown, found: warnings });
    if let Some((wrong, allowed)) = address_fault(&file.url) {
        complaints.add("url", wrong, allowed);
    }
    check_store(store.as_deref(), &mut complaints);
    let proxies = read_proxies(&file.proxies, &mut complaints);
    check_vault(vault_key.as_ref(), vault_key_old.as_ref(), &file.url, &mut complaints);
    check_limits(&file.limits, &mut complaints);
    check_log(&file.log, &mut complaints);
    blame_variables(&mut complaints.found[before..], around);
    Some(Instance {
        listen: listen?,
        operation: operation?,
        url: file.url.trim_end_matches('/').to_owned(),
        proxies,
        store: store.map(Secret::new),
        data: file.data,
        vault_key,
        vault_key_old,
        log: file.log,
        log_format: log_format?,
        limits: file.limits,
        notify,
    })
}

/// A folder that the file names is relative to the file. Before, it was relative to where the program starts: what lies
/// there is not left behind.
fn beside(files: &Files, data: &Path, complaints: &mut Complaints) -> PathBuf {
    let (folder, former) = (files.path("").join(data), whole(data));
    let is_kept_in = |folder: &Path| {
        ["dozvon.sqlite", "instance", "spool", "tokens"].iter().any(|name| folder.join(name).exists())
    };
    if whole(&folder) != former && is_kept_in(&former) && !is_kept_in(&folder) {
        let wrong = format!(
            "relative to this file it is {}, but the bridge has kept its data in {}",
            folder.display(),
            former.display()
        );
        complaints.add("data", wrong, format!("\"{}\", or move that folder", former.display()));
    }
    folder
}

/// From the root, without the parts that mean nothing.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Variables that hold secrets.
const SECRET_VARIABLES: [&str; 3] = ["DOZVON_STORE", "DOZVON_VAULT_KEY", "DOZVON_VAULT_KEY_OLD"];

/// Files of secrets that every user of the machine can read.
fn open_files(around: &Surroundings) -> Vec<Problem> {
    let warning = |name: &str| {
        let why = SecretSource::Env(name.to_owned()).open_to_others(|name| value_of(name, around))?;
        Some(of_environment(name, why, SecretSource::CLOSE))
    };
    SECRET_VARIABLES.into_iter().filter_map(warning).collect()
}

fn value_of(name: &str, around: &Surroundings) -> Option<String> {
    around.get(name).map(str::to_owned)
}

/// Keys that a variable overrides.
const OVERRIDDEN: [(&str, &str); 6] = [
    ("listen", "DOZVON_LISTEN"),
    ("operation", "DOZVON_OPERATION"),
    ("url", "DOZVON_URL"),
    ("store", "DOZVON_STORE"),
    ("log", "DOZVON_LOG"),
    ("log_format", "DOZVON_LOG_FORMAT"),
];

/// By the variable itself or by a file that it names.
fn is_given(name: &str, around: &Surroundings) -> bool {
    SecretSource::is_given(name, |name| value_of(name, around))
}

/// A value from the environment is no mistake of the file.
fn blame_variables(problems: &mut [Problem], around: &Surroundings) {
    for problem in problems {
        let variable = OVERRIDDEN.iter().find(|(key, name)| *key == problem.key && is_given(name, around));
        if let Some((_, name)) = variable {
            "the environment".clone_into(&mut problem.file);
            (*name).clone_into(&mut problem.key);
        }
    }
}

/// Parts of the program that a level may be set for, `dozvon::worker`: those that write to the log.
const PARTS: [&str; 39] = [
    "app",
    "away",
    "bench",
    "bounded",
    "cli",
    "clock",
    "config",
    "demo",
    "discover",
    "email",
    "http",
    "instance",
    "intake",
    "interrupt",
    "json",
    "link",
    "notify",
    "out",
    "outbound",
    "panics",
    "peer",
    "person",
    "platform",
    "platforms",
    "private",
    "progress",
    "reload",
    "repeats",
    "request",
    "schools",
    "secret",
    "signal",
    "spool",
    "store",
    "telemetry",
    "tls",
    "tokens",
    "trouble",
    "worker",
];

/// A level that is misspelt would switch the log off, ALARMs too.
/// The address may contain a password and is not repeated; the files that it names are read.
fn check_store(store: Option<&str>, complaints: &mut Complaints<'_>) {
    match store.map(Address::read) {
        Some(Err(_)) => complaints.add("store", "not the address of a Redis", Address::FORM),
        Some(Ok(Address { certificates: Some(files), .. })) => {
            if let Err(StoreError::Unreachable(why)) = files.read() {
                complaints.add("store", why, "readable files in PEM behind `ca=`, `cert=` and `key=`");
            }
        }
        _ => {}
    }
}

fn check_log(log: &str, complaints: &mut Complaints) {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_target =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_:-".contains(c));
    let before = complaints.found.len();
    for part in log.split(',').map(str::trim) {
        let (target, level) =
            part.rsplit_once('=').map_or((None, part), |(target, level)| (Some(target), level));
        let is_level = LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level));
        // As other programs call them.
        let near = nearest(level, LEVELS.into_iter().chain(["warning", "information"]));
        let meant = match near {
            Some("warning") => "is `warn` meant? ".to_owned(),
            Some("information") => "is `info` meant? ".to_owned(),
            // The report names the nearest of what is allowed.
            Some(_) | None => String::new(),
        };
        if !is_level || target.is_some_and(|target| !is_target(target)) {
            let allowed = format!("{meant}{}, or `dozvon=debug,info`", LEVELS.join(", "));
            complaints.add("log", format!("unknown level `{level}`"), allowed);
        }
        let part = target.and_then(|target| target.strip_prefix("dozvon::"));
        if let Some(part) = part.filter(|part| !PARTS.contains(part)) {
            let whole = part.split("::").next().unwrap_or_default();
            let meant =
                nearest(whole, PARTS).map(|near| format!("is `dozvon::{near}` meant? ")).unwrap_or_default();
            let allowed = format!("{meant}`dozvon::` and one of {}", PARTS.join(", "));
            complaints.add("log", format!("the program has no part `{part}`"), allowed);
        }
    }
    let filter = log.parse::<Targets>().ok().filter(|_| complaints.found.len() == before);
    let silent = filter.and_then(|filter| {
        PARTS.into_iter().find(|part| !filter.would_enable(&format!("dozvon::{part}"), &Level::ERROR))
    });
    if let Some(part) = silent {
        complaints.add(
            "log",
            format!("`{log}` leaves out errors and ALARMs of `dozvon::{part}`"),
            "`error` at least for the program itself: `dozvon=debug,info`",
        );
    }
}

/// A key that others can guess protects nothing. The former one may be weak: it is about to go.
fn check_vault(key: Option<&Secret>, old: Option<&Secret>, url: &str, complaints: &mut Complaints) {
    let known = |key: &&Secret| is_public(url) && is_published(key.reveal());
    let fault = |key: &Secret| {
        let weak = weakness(key.reveal(), &[]).map(|why| format!("{why}: it can be guessed"));
        weak.or_else(|| known(&key).then(|| "the example's key, which everybody knows".to_owned()))
    };
    if let Some(why) = key.and_then(fault) {
        let allowed =
            format!("{FRESH}; put this one into DOZVON_VAULT_KEY_OLD, start, and run `dozvon reseal`");
        complaints.found.push(of_environment("DOZVON_VAULT_KEY", why, &allowed));
    }
    if key.is_none() && old.is_some() {
        let allowed = "DOZVON_VAULT_KEY beside it, or neither";
        complaints.found.push(of_environment(
            "DOZVON_VAULT_KEY_OLD",
            "alone: nothing seals".to_owned(),
            allowed,
        ));
    }
    if key.is_some() && key == old {
        let allowed = "the former key, or nothing";
        complaints.found.push(of_environment(
            "DOZVON_VAULT_KEY_OLD",
            "the same key twice".to_owned(),
            allowed,
        ));
    }
}

fn of_environment(name: &str, wrong: String, allowed: &str) -> Problem {
    Problem { file: "the environment".to_owned(), key: name.to_owned(), wrong, allowed: allowed.to_owned() }
}

fn address(value: &str, key: &str, allowed: &str, complaints: &mut Complaints) -> Option<SocketAddr> {
    let address = value.parse::<SocketAddr>().ok();
    match address {
        None => complaints.add(key, format!("`{value}` is no address"), allowed),
        Some(address) if address.port() == 0 => {
            complaints.add(key, "port 0 is another one at each start: nobody finds it", allowed);
        }
        Some(_) => {}
    }
    address
}

/// A variable, or the file that its `_FILE` names.
fn read_secret(name: &str, around: &Surroundings, complaints: &mut Complaints) -> Option<Secret> {
    around.secret(name).unwrap_or_else(|fault| {
        complaints.found.push(of_environment(name, fault, SecretSource::ADVICE));
        None
    })
}

fn read_log_format(
    of_file: LogFormat,
    around: &Surroundings,
    complaints: &mut Complaints,
) -> Option<LogFormat> {
    match around.get("DOZVON_LOG_FORMAT").map(str::trim) {
        None => Some(of_file),
        Some("text") => Some(LogFormat::Text),
        Some("json") => Some(LogFormat::Json),
        Some(other) => {
            complaints.add("log_format", format!("unknown format `{other}`"), "text or json");
            None
        }
    }
}

fn read_proxies(entries: &[String], complaints: &mut Complaints) -> Proxies {
    let mut networks = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let key = format!("proxies.{}", index + 1);
        match Proxies::read(entry) {
            None => complaints.add(key, format!("`{entry}` is no address"), Proxies::FORM),
            Some(network) if network.prefix_len() == 0 => {
                complaints.add(key, "everybody: any sender could then choose his address", Proxies::FORM);
            }
            Some(network) => networks.push(network),
        }
    }
    Proxies::new(networks)
}

fn read_notify(
    file: &NotifyFile,
    around: &Surroundings,
    complaints: &mut Complaints,
    warn: &mut Complaints,
) -> Notify {
    let mut secret = |source: &Option<SecretSource>, key: &str| {
        let source = source.as_ref()?;
        if let Some(why) = source.open_to_others(|name| value_of(name, around)) {
            warn.add(key, why, SecretSource::CLOSE);
        }
        let read = source.read_with(|name| value_of(name, around));
        read.map_err(|fault| complaints.add(key, fault, SecretSource::ADVICE)).ok()
    };
    let (webhook, key) = (secret(&file.webhook, "notify.webhook"), secret(&file.key, "notify.key"));
    if file.webhook.is_some() != file.key.is_some() {
        complaints.add("notify.key", "webhook and key belong together", "both or neither");
    }
    if let Some(why) = key.as_ref().and_then(|key| weakness(key.reveal(), &[])) {
        complaints.add("notify.key", format!("{why}: it can be guessed"), FRESH);
    }
    let is_safe = |address: &Secret| {
        let url = url::Url::parse(address.reveal());
        url.is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url.as_str())))
    };
    if webhook.as_ref().is_some_and(|address| !is_safe(address)) {
        // The value may contain a key and is not repeated.
        complaints.add("notify.webhook", "not an https address", "https://…; http only for loopback");
    }
    for (index, email) in file.emails.iter().enumerate() {
        if parse_email(email).is_none() {
            // The address is personal data and is not repeated.
            complaints.add(
                format!("notify.emails.{}", index + 1),
                "no e-mail address",
                "name@school.example",
            );
        }
    }
    Notify { webhook: webhook.zip(key), emails: file.emails.clone() }
}

fn check_limits(limits: &Limits, complaints: &mut Complaints) {
    let Limits { body_s, drain_s, raw_days, ended_days, spool_mb, school_per_minute, peer_per_minute } =
        *limits;
    for (key, value, least, most) in [
        ("limits.body_s", body_s, 1, 60),
        ("limits.drain_s", drain_s, 1, 300),
        ("limits.raw_days", raw_days, 1, 3650),
        ("limits.ended_days", ended_days, 30, 3650),
        ("limits.spool_mb", spool_mb, 0, 1024 * 1024),
        ("limits.school_per_minute", school_per_minute, 60, 1_000_000),
        ("limits.peer_per_minute", peer_per_minute, 60, 1_000_000),
    ] {
        if !(least..=most).contains(&value) {
            complaints.add(key, format!("{value} is out of range"), format!("{least} to {most}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PARTS;

    #[test]
    fn a_level_can_be_set_for_every_part_of_the_program() {
        let declared = include_str!("../lib.rs").lines();
        let declared = declared.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        assert_eq!(declared.collect::<Vec<_>>(), PARTS);
    }
}
