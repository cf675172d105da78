//! Turns files into a checked configuration, and reports all problems at once. Never stops at the first
//! mistake, and never takes a secret from a file. Enter at [`Config::load`].

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::message::library::Library;
use crate::platform::amocrm;
use crate::platform::check::Complaints;
use crate::platform::entry::{OfSchool, of_platform};
use crate::platform::telephony::waits::Waits;
use crate::platforms::Platforms;
use crate::process::{Process, SchoolId};
use crate::secret::Secret;

pub mod address;
pub mod answers;
mod calendar;
mod check;
pub mod environment;
#[cfg(test)]
pub mod fake;
mod files;
mod instance;
pub mod locate;
pub mod raw;
mod read;
pub mod reference;
mod school;

pub use crate::problem::Problem;
pub use answers::Answers;
pub use environment::Surroundings;
pub use files::{Files, MARK};
pub use instance::{Instance, Notify};
pub use raw::Limits;
pub use school::is_school_name;

/// The configuration of one program.
#[derive(Debug, Clone)]
pub struct Config {
    pub instance: Instance,
    /// By name.
    pub schools: Vec<School>,
    /// Of no single school.
    warnings: Vec<Problem>,
}

/// One checked school.
#[derive(Debug, Clone)]
pub struct School {
    pub id: SchoolId,
    pub process: Process,
    pub answers: Answers,
    /// Secrets of the addresses that platforms call, one or two; the first is the one to print.
    pub secrets: Vec<Secret>,
    /// Addresses with the school's own secret, from before each platform had one, are still served.
    pub old_addresses: bool,
    pub platforms: Platforms,
    /// The provider that starts calls; `None` if none is able to.
    pub calls_by: Option<&'static str>,
    /// Facts of a new order that the rules need, as sources name them.
    pub needed: BTreeSet<String>,
    /// Who made an order is read back if its request does not say it (L3).
    pub reads_author: bool,
    /// SHA-256 over the school's files in a stable order, hex.
    pub config_hash: String,
    /// Valid settings that are probably mistakes; `check` prints them.
    pub warnings: Vec<Problem>,
}

/// The kind of the secret in a request's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The platform's own, made from the first of the school's secrets: the one that is printed.
    Own,
    /// Made from the second one; or the school's itself, which opens all its platforms.
    Old,
}

impl School {
    /// The CRM: its pipelines and reasons, for intake.
    pub fn crm(&self) -> Option<&amocrm::Settings> {
        self.platforms.get()
    }

    /// How long to wait for further events of a call; `call` is `<provider>:<key>`.
    pub fn call_waits(&self, call: &str) -> Waits {
        let provider = call.split_once(':').map(|(provider, _)| provider);
        let line = self.platforms.lines().find(|(platform, _)| Some(platform.name) == provider);
        line.map_or(Waits::new(60), |(_, settings)| settings.facts().waits)
    }

    /// Whether this secret opens the platform's addresses. Compares every valid one, so that the response time does not
    /// reveal which one almost matched.
    pub fn opened_by(&self, platform: &str, typed: &str) -> Option<Opened> {
        let (mut own, mut old) = (false, false);
        for (index, secret) in self.secrets.iter().enumerate() {
            let is_made = of_platform(secret, platform).matches(typed);
            own |= is_made & (index == 0);
            old |= is_made | (secret.matches(typed) & self.old_addresses);
        }
        match (own, old) {
            (true, _) => Some(Opened::Own),
            (false, true) => Some(Opened::Old),
            (false, false) => None,
        }
    }

    /// The school as platforms see it; `url` is the bridge's own address.
    pub fn as_seen_by_platforms<'a>(&'a self, url: &'a str) -> OfSchool<'a> {
        let Self { id, process, secrets, calls_by, .. } = self;
        OfSchool { id, process, url, secrets, calls_by: *calls_by }
    }
}

impl Config {
    /// Reads and checks a folder with `dozvon.toml` and `schools/`, with the environment of the process.
    pub fn load(folder: &Path) -> Result<Self, Vec<Problem>> {
        Self::load_with(folder, &Surroundings::real())
    }

    /// Like [`Config::load`], with a given environment and time.
    pub fn load_with(folder: &Path, surroundings: &Surroundings) -> Result<Self, Vec<Problem>> {
        Self::from_files(&Files::read(folder)?, surroundings)
    }

    /// Like [`Config::load`], from files already in memory.
    pub fn from_files(files: &Files, surroundings: &Surroundings) -> Result<Self, Vec<Problem>> {
        Self::examine(files, surroundings).map_err(|(problems, _)| problems)
    }

    /// The same; beside the mistakes stand the warnings, as far as they can be known.
    pub fn examine(files: &Files, surroundings: &Surroundings) -> Result<Self, (Vec<Problem>, Vec<Problem>)> {
        let mut problems = files.stray();
        problems.extend(files.foreign(""));
        problems.extend(files.empty());
        let mut warnings = files.unread();
        let instance = instance::read(files, surroundings, &mut problems, &mut warnings);
        let mut schools = Vec::new();
        for name in files.schools() {
            schools.extend(school::read(files, &name, surroundings, &mut problems));
        }
        if schools.is_empty() && problems.is_empty() {
            problems.push(Problem {
                file: files.shown("schools"),
                key: String::new(),
                wrong: "no school".to_owned(),
                allowed: "schools/<name>/school.toml".to_owned(),
            });
        }
        warnings.extend(files.unfilled());
        if instance.as_ref().is_some_and(|instance| instance.vault_key_old.is_some()) {
            warnings.push(Problem {
                file: "the environment".to_owned(),
                key: "DOZVON_VAULT_KEY_OLD".to_owned(),
                wrong: "a former key still opens what is stored".to_owned(),
                allowed: "run `dozvon reseal` on each machine, then remove it".to_owned(),
            });
        }
        let url = instance.as_ref().map(|instance| instance.url.as_str());
        check::together(&schools, url, files, surroundings, &mut problems, &mut warnings);
        problems.sort();
        problems.dedup();
        match instance {
            Some(instance) if problems.is_empty() => Ok(Self { instance, schools, warnings }),
            _ => {
                warnings.extend(schools.into_iter().flat_map(|school| school.warnings));
                Err((problems, warnings))
            }
        }
    }

    /// A school's texts and its name, without the rest of its configuration: no secret has to be set.
    pub fn texts(files: &Files, school: &str) -> Result<(Library, String), Vec<Problem>> {
        let folder = format!("schools/{school}/");
        let table =
            files.get(&format!("{folder}school.toml")).and_then(|text| text.parse::<toml::Table>().ok());
        let name = table.as_ref().and_then(|table| table.get("name")).and_then(toml::Value::as_str);
        let (library, mut problems) = school::texts(files, &folder);
        problems.extend(files.foreign(&folder));
        match (library, problems) {
            (library, problems) if problems.is_empty() => Ok((library, name.unwrap_or(school).to_owned())),
            (_, problems) => Err(problems),
        }
    }

    /// A school's CRM alone, while the rest of its files cannot be used yet. `None` if there is none.
    pub fn crm_alone(files: &Files, school: &str) -> Option<amocrm::Settings> {
        let text = files.get(&format!("schools/{school}/school.toml"))?;
        let mut table = text.parse::<toml::Table>().ok()?;
        let mut unsaid = Vec::new();
        let mut wrong = Complaints { file: "", found: &mut unsaid };
        read::section_with(
            table.remove(amocrm::PLATFORM.name)?,
            "",
            &mut wrong,
            amocrm::Settings::deserialize,
        )
    }

    pub fn school(&self, name: &str) -> Option<&School> {
        self.schools.iter().find(|school| school.id.as_str() == name)
    }

    /// Of the instance and of all schools.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.warnings.iter().chain(self.schools.iter().flat_map(|school| &school.warnings))
    }
}
