//! The demo's school on disk: a new folder with the configuration; the secrets are passed in the environment,
//! never written to a file. Enter at [`RunIdentity::fresh`].

use std::path::{Path, PathBuf};

use super::scripts::FILES;
use crate::platform::entry::of_platform;
use crate::sandbox::Setup;
use crate::secret::{Secret, random_token};

/// A run chooses its ports in this range.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// The folder, the names and the secrets of one run.
#[derive(Clone, Debug)]
pub struct RunIdentity {
    /// The run's own folder.
    pub folder: PathBuf,
    /// The school's name: new for each run, so that runs do not collide in a shared Redis.
    pub school: String,
    /// Part of the addresses that platforms call.
    pub secret: String,
    pub token: String,
    /// Where the bridge listens, now and after every restart.
    pub port: u16,
}

/// The addresses that the configuration's placeholders get.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub amocrm: String,
    pub getcourse: String,
    /// Of the telephony providers, by name.
    pub lines: Vec<(&'static str, String)>,
    pub smtp_port: u16,
}

impl RunIdentity {
    /// A new folder in the system's temporary folder, and a free port.
    pub fn fresh() -> Result<Self, String> {
        let run = random_token();
        let folder = std::env::temp_dir().join(format!("dozvon-demo-{}", &run[..8]));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self {
            folder,
            school: format!("rost-{}", &run[..8]),
            secret: random_token(),
            token: random_token(),
            port: free_port()?,
        })
    }

    /// `http://127.0.0.1:port/hooks/<school>/<platform>/<secret>`, as `dozvon url` prints it.
    pub fn hooks(&self, platform: &str) -> String {
        let secret = of_platform(&Secret::new(self.secret.clone()), platform);
        format!("http://127.0.0.1:{}/hooks/{}/{platform}/{}", self.port, self.school, secret.reveal())
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("bridge.log")
    }

    /// Writes the configuration with the addresses of this run.
    pub fn write(&self, addresses: &Addresses) -> Result<(), String> {
        for (path, text) in FILES {
            let path = self.config().join(path.replace("@school@", &self.school));
            let text =
                text.replace("@amocrm@", &addresses.amocrm).replace("@getcourse@", &addresses.getcourse);
            let text = addresses
                .lines
                .iter()
                .fold(text, |text, (line, address)| text.replace(&format!("@{line}@"), address));
            write(&path, &text.replace("\"@smtp_port@\"", &addresses.smtp_port.to_string()))?;
        }
        Ok(())
    }

    /// The variables that the configuration names.
    pub fn environment(&self, setup: &Setup) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut pairs = vec![
            pair("DEMO_HOOK_SECRET", &self.secret),
            pair("DEMO_AMOCRM_TOKEN", &setup.amocrm_token()),
            pair("DEMO_GETCOURSE_SCHOOL_KEY", &setup.getcourse.school_key),
            pair("DEMO_GETCOURSE_DEVELOPER_KEY", &setup.getcourse.developer_key),
        ];
        let lines = setup.lines.iter().flat_map(|(_, line)| line.secrets());
        pairs.extend(lines.map(|(name, secret)| (name.to_owned(), secret)));
        pairs
    }
}

/// A port that stays free while its owner is dead: below the range that Linux uses for outgoing connections.
pub fn free_port() -> Result<u16, String> {
    let seed = random_token().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let ports = (0..PORTS.len() as u32).map(|next| PORTS.start + ((seed % 10_000 + next) % 10_000) as u16);
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(free).ok_or_else(|| format!("no free port on 127.0.0.1 in {PORTS:?}"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let describe = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(describe)?;
    }
    std::fs::write(path, text).map_err(describe)
}
