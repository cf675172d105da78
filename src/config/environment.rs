//! The environment variables that the program uses, and the source of their values. Never keeps a value after
//! a load. Enter at [`VARIABLES`] and [`Surroundings`].

use std::collections::BTreeMap;

use crate::clock::{Clock, WallClock};
use crate::process::At;
use crate::secret::{Secret, SecretSource};

/// One variable of the program itself. Secrets of schools have their own variables.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    pub name: &'static str,
    /// The default.
    pub default: &'static str,
    pub about: &'static str,
}

/// All of them; `.env.example` and the reference are compared with this list.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "DOZVON_CONFIG",
        default: "config",
        about: "Folder with `dozvon.toml` and `schools/`; the option `--config` wins.",
    },
    Variable { name: "DOZVON_LISTEN", default: "`listen`", about: "Address and port to listen on." },
    Variable {
        name: "DOZVON_OPERATION",
        default: "`operation`",
        about: "Address and port for the people who run the bridge.",
    },
    Variable {
        name: "DOZVON_URL",
        default: "`url`",
        about: "Address under which the platforms reach the bridge, https.",
    },
    Variable {
        name: "DOZVON_STORE",
        default: "`store`",
        about: "Redis, `redis://[user:password@]host:port/db`; a Cluster, `redis+cluster://…@host:port,host:port`; Sentinels, `redis+sentinel://…@host:port,host:port/service/db`; `rediss` for TLS, with `?ca=/path` for an authority of your own; not set: the embedded store.",
    },
    Variable {
        name: "DOZVON_DATA",
        default: "`data`",
        about: "Folder of the embedded store and kept tokens.",
    },
    Variable {
        name: "DOZVON_VAULT_KEY",
        default: "none",
        about: "Long random text with which stored tokens are encrypted; required with OAuth.",
    },
    Variable {
        name: "DOZVON_VAULT_KEY_OLD",
        default: "none",
        about: "While that key is being changed: a second one that opens, too; see `dozvon reseal`.",
    },
    Variable {
        name: "DOZVON_LOG",
        default: "`log`",
        about: "What is logged: a level, or `dozvon=debug,info`.",
    },
    Variable { name: "DOZVON_LOG_FORMAT", default: "`log_format`", about: "`text` or `json`." },
];

/// What a load may read besides the files.
#[derive(Debug, Clone)]
pub struct Surroundings {
    variables: BTreeMap<String, String>,
    pub now: At,
}

impl Surroundings {
    /// The environment of the process and the wall clock. Values that are not text are ignored.
    pub fn real() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables, now: WallClock.now() }
    }

    pub fn new(variables: BTreeMap<String, String>, now: At) -> Self {
        Self { variables, now }
    }

    /// A variable that holds a secret, or the file that its `_FILE` names; `None` if neither is set.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, String> {
        let given = |name: &str| self.get(name).map(str::to_owned);
        if !SecretSource::is_given(name, given) {
            return Ok(None);
        }
        SecretSource::Env(name.to_owned()).read_with(given).map(Some)
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }
}
