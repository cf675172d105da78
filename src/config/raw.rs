//! The files as a person writes them: structs and defaults, nothing checked yet. Never reads a file or the
//! environment. Enter at [`InstanceFile`] and
//! [`SchoolFile`]; a school's process file is [`crate::process::definition::Figures`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::process::RefusalReason;
use crate::process::definition::{Dictionary, Manager};
use crate::process::event::AnswerKind;
use crate::secret::SecretSource;

/// `dozvon.toml`. An environment variable takes precedence over the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstanceFile {
    /// Address and port to listen on; `DOZVON_LISTEN`. Default `127.0.0.1:8080`.
    pub listen: String,
    /// Address and port for the people who run the bridge: `/readyz`, `/metrics`, `/health`;
    /// `DOZVON_OPERATION`. Default `127.0.0.1:9180`.
    pub operation: String,
    /// Address under which the platforms reach the bridge; `DOZVON_URL`. Default
    /// `http://127.0.0.1:8080`.
    pub url: String,
    /// Addresses or networks of the proxies in front: only their `X-Forwarded-For` is believed. Default: none.
    pub proxies: Vec<String>,
    /// Redis, `redis://host:6379/0`; `DOZVON_STORE`. Default: none, the embedded store.
    pub store: Option<String>,
    /// Folder of the embedded store and of stored tokens, relative to the file; `DOZVON_DATA`. Default `data`.
    pub data: PathBuf,
    /// What is logged: a level, or `dozvon=debug,info`; `DOZVON_LOG`. Default `info`.
    pub log: String,
    /// How it is logged; `DOZVON_LOG_FORMAT`. Default `text`.
    pub log_format: LogFormat,
    pub limits: Limits,
    pub notify: NotifyFile,
}

/// `[notify]` of `dozvon.toml`: who is told of a trouble and of its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyFile {
    /// Address that gets each notice as JSON; it may contain a key.
    #[serde(skip_serializing)]
    pub webhook: Option<SecretSource>,
    /// Key of its signature.
    #[serde(skip_serializing)]
    pub key: Option<SecretSource>,
    /// E-mail addresses.
    pub emails: Vec<String>,
}

/// `log_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// `[limits]` of `dozvon.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Seconds in which a request's body has to arrive.
    pub body_s: u32,
    /// Seconds that running work may take when the program stops.
    pub drain_s: u32,
    /// Days that received requests and the bodies of dead letters are kept.
    pub raw_days: u32,
    /// Days that ended orders, calls and the records of dead letters are kept.
    pub ended_days: u32,
    /// Mebibytes on this machine's disk for requests that wait for the store.
    pub spool_mb: u32,
    /// Requests of a school per minute; it accepts twice as many at once.
    pub school_per_minute: u32,
    /// The same of one sender at a school.
    pub peer_per_minute: u32,
}

impl Default for InstanceFile {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            operation: "127.0.0.1:9180".to_owned(),
            url: "http://127.0.0.1:8080".to_owned(),
            proxies: Vec::new(),
            store: None,
            data: PathBuf::from("data"),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            limits: Limits::default(),
            notify: NotifyFile::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_s: 10,
            drain_s: 25,
            raw_days: 30,
            ended_days: 365,
            spool_mb: 256,
            school_per_minute: 10_000,
            peer_per_minute: 5_000,
        }
    }
}

/// `schools/<school>/school.toml`, without the platforms' tables, which their folders read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchoolFile {
    /// The school's name as clients know it.
    pub name: String,
    /// The school's IANA zone.
    pub zone: chrono_tz::Tz,
    /// Secrets of the addresses that platforms call: the new one first, then the old one while addresses are
    /// being changed.
    pub secrets: Vec<SecretSource>,
    /// Serve the addresses of before, whose secret opens all platforms, until the new ones are pasted everywhere.
    #[serde(default = "yes")]
    pub old_addresses: bool,
    /// Sellers by a short name of your own.
    #[serde(default)]
    pub managers: BTreeMap<String, Manager>,
    /// In the order in which they are tried; each has a `name` and the keys of
    /// [`crate::process::definition::Route`], read one by one so that all mistakes are found.
    #[serde(default)]
    pub routes: Vec<toml::Table>,
    /// What routes may set, by a name of your own (G10).
    #[serde(default)]
    pub dictionaries: BTreeMap<String, Dictionary>,
    #[serde(default)]
    pub answers: AnswersFile,
    #[serde(default)]
    pub calendar: CalendarFile,
    /// The provider that starts calls, if several could.
    #[serde(default)]
    pub calls_by: Option<String>,
}

fn yes() -> bool {
    true
}

/// `[answers]`: how a manager answers «Что дальше?» (L13).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnswersFile {
    /// Lead's list field with the answer.
    pub field: Option<u64>,
    /// Lead's date-and-time field with the promised time.
    pub date_field: Option<u64>,
    /// Lead's text field with the reason in words («почему»).
    pub why_field: Option<u64>,
    /// Lead's list field with the reason of a refusal (R1).
    pub reason_field: Option<u64>,
    /// First words of a field's choice or of a task's result → answer; added to the shipped ones.
    pub words: BTreeMap<String, AnswerKind>,
    /// Status id of a pipeline → answer.
    pub stages: BTreeMap<String, AnswerKind>,
    /// Words → reason of a refusal; added to the shipped ones.
    pub reasons: BTreeMap<String, RefusalReason>,
}

impl AnswersFile {
    pub fn fields(&self) -> impl Iterator<Item = u64> {
        [self.field, self.date_field, self.why_field, self.reason_field].into_iter().flatten()
    }
}

/// `[calendar]`: the school's additions to the shipped production calendar (D13).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarFile {
    /// Weekdays that the school works, Monday is 1. Empty: Monday to Friday.
    pub weekdays: Vec<u8>,
    /// Further days off, `YYYY-MM-DD`.
    pub nonworking: Vec<String>,
    /// Working days that the calendar lists as days off.
    pub working: Vec<String>,
}
