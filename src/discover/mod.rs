//! Asks the accounts of a school what they have of the things that its files name: `discover` and `check
//! --online`. Never changes anything there. Enter at [`compare`]; [`account`] reads amoCRM alone.

use std::sync::Arc;

use crate::clock::WallClock;
use crate::config::{Config, Files, Problem, School};
use crate::json;
use crate::outbound::{Builder, RealNetwork, Wiring};
use crate::platform::Fault;
use crate::platform::amocrm::compare::{Meaning, Wanted, WantedAnswers};
use crate::platform::amocrm::discover::Found;
use crate::platform::amocrm::settings::Auth;
use crate::platform::amocrm::{self, Settings};
use crate::platform::check::{Complaints, Findings};
use crate::platform::survey::Named;
use crate::process::{RefusalReason, SchoolId};
use crate::progress::{self, Spinner};
use crate::store::embedded::Embedded;
use crate::store::{Backend, Store};

pub mod file;
pub mod shown;

/// What the accounts of one school answered.
#[derive(Default)]
pub struct Report {
    /// amoCRM, if it could be read.
    pub account: Option<Found>,
    pub wrong: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

/// What a terminal shows meanwhile.
const READING: &str = "reading the accounts";

/// What every question needs: the budgets of the accounts and their tokens are in the store. Before there is
/// one, a long-lived token works without it.
struct Asking {
    wiring: Wiring,
    /// Why there is no store.
    no_store: Option<String>,
    /// A large account takes a while.
    _shown: Spinner,
}

impl Asking {
    async fn of(config: &Config, backend: &Backend) -> Result<Self, String> {
        let visited = backend.visit().await;
        let no_store = visited.as_ref().err().map(ToString::to_string);
        let store = match visited {
            Ok(store) => store,
            Err(_) => in_memory()?,
        };
        let wiring = Wiring {
            store,
            clock: Arc::new(WallClock),
            vault: config.instance.vault(),
            data: config.instance.data.clone(),
            url: config.instance.url.clone(),
        };
        Ok(Self { wiring, no_store, _shown: progress::spinner(READING) })
    }

    async fn crm(&self, settings: &Settings, school: &SchoolId) -> Result<Found, Unasked> {
        if let (Auth::Oauth { .. }, Some(why)) = (&settings.auth, &self.no_store) {
            return Err(Unasked::here(why.clone()));
        }
        let network = RealNetwork::default();
        let mut builder = Builder::new(&network, &self.wiring, None);
        let client = amocrm::client(settings, school, &mut builder).map_err(Unasked::here)?;
        Ok(amocrm::discover::discover(&client).await?)
    }
}

fn in_memory() -> Result<Arc<dyn Store>, String> {
    Ok(Arc::new(Embedded::in_memory().map_err(|error| error.to_string())?))
}

/// An account was not asked, or did not answer as it should.
struct Unasked {
    /// The key below the platform's table that probably has to be mended.
    key: &'static str,
    why: String,
    todo: &'static str,
    /// The account said when to come back: nothing is to mend.
    passes: bool,
}

impl Unasked {
    fn here(why: String) -> Self {
        Self { key: "", why, todo: "mend it here, then ask again", passes: false }
    }

    fn complain(self, platform: &str, findings: &mut Findings<'_>) {
        let key = format!("{platform}.{}", self.key);
        let (key, why) = (key.trim_end_matches('.'), self.why);
        match self.passes {
            true => findings.warn.add(key, format!("not compared: {why}"), self.todo),
            false => findings.wrong.add(key, format!("cannot be compared: {why}"), self.todo),
        }
    }
}

impl From<Fault> for Unasked {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Denied { why } => {
                Self { key: "auth", why, todo: "mend the account or its keys, then ask again", passes: false }
            }
            Fault::Later { why, after_ms: Some(_) } => {
                Self { key: "", why, todo: "ask again later", passes: true }
            }
            Fault::Later { why, .. }
            | Fault::Soon { why }
            | Fault::Unclear { why }
            | Fault::Never { why }
            | Fault::Missing { why } => Self {
                key: "url",
                why,
                todo: "the account's own address; if it is right, ask again later",
                passes: false,
            },
        }
    }
}

/// The settings of an account by its address and a variable with a token.
pub fn settings(url: &str, variable: &str) -> Result<Settings, String> {
    if let Some((wrong, allowed)) = crate::platform::check::address_fault(url) {
        return Err(format!("{wrong}; {allowed}"));
    }
    let variable = file::quoted(variable);
    let table = format!(
        "url = {}\nauth = {{ by = 'long_lived', token = {{ env = {variable} }} }}\npipelines = {{}}",
        file::quoted(url.trim_end_matches('/'))
    );
    toml::from_str(&table).map_err(|error| error.to_string())
}

/// An account that no configuration describes yet.
pub async fn account(settings: &Settings) -> Result<Found, String> {
    let wiring = Wiring {
        store: in_memory()?,
        clock: Arc::new(WallClock),
        vault: None,
        data: std::path::PathBuf::new(),
        url: String::new(),
    };
    let asking = Asking { wiring, no_store: None, _shown: progress::spinner(READING) };
    Ok(asking.crm(settings, &SchoolId::from("new")).await?)
}

/// The account of a school.
pub async fn account_of(
    config: &Config,
    school: &School,
    settings: &Settings,
    backend: &Backend,
) -> Result<Found, String> {
    Ok(Asking::of(config, backend).await?.crm(settings, &school.id).await?)
}

impl From<Unasked> for String {
    fn from(Unasked { key, why, todo, .. }: Unasked) -> Self {
        let key = format!("amocrm.{key}");
        format!("{}: {why}; {todo}", key.trim_end_matches('.'))
    }
}

/// Compares everything that a school's files name with all of its accounts that can be asked.
pub async fn compare(config: &Config, school: &School, files: &Files, backend: &Backend) -> Report {
    let mut report = Report::default();
    let file = files.school_file(school.id.as_str());
    let mut findings = Findings {
        wrong: Complaints { file: &file, found: &mut report.wrong },
        warn: Complaints { file: &file, found: &mut report.warnings },
    };
    let asking = match Asking::of(config, backend).await {
        Ok(asking) => asking,
        Err(why) => {
            Unasked::here(why).complain("", &mut findings);
            return report;
        }
    };
    if let Some(settings) = school.crm() {
        match asking.crm(settings, &school.id).await {
            Ok(found) => {
                crm(&found, settings, school, &mut findings);
                report.account = Some(found);
            }
            Err(unasked) => unasked.complain("amocrm", &mut findings),
        }
    }
    others(&asking, school, &mut findings).await;
    report
}

fn crm(found: &Found, settings: &Settings, school: &School, findings: &mut Findings) {
    let [field, date_field, why_field, reason_field] = school.answers.named_fields().map(|(_, id)| id);
    let answer = |choice: &str| match school.answers.of_choice(choice) {
        Ok(_) => Meaning::Known,
        Err(near) => unknown(choice, near.map(|near| json::name(&near)), answers()),
    };
    let reason = |choice: &str| match school.answers.of_reason(choice) {
        Ok(_) => Meaning::Known,
        Err(near) => {
            let all = RefusalReason::ALL.iter().map(json::name).collect();
            unknown(choice, near.map(|near| json::name(&near)), all)
        }
    };
    let stages = school.answers.stages();
    let (answer, reason) = (&answer, &reason);
    let answers = WantedAnswers { field, date_field, why_field, reason_field, stages, answer, reason };
    let (roster, routes) = (&school.process.roster, &school.process.routes);
    let dictionaries = &school.process.dictionaries;
    found.against(&Wanted { settings, roster, routes, dictionaries, answers }, findings);
}

fn unknown(choice: &str, nearest: Option<String>, all: Vec<String>) -> Meaning {
    let line = |answer| format!("{:?} = {answer:?}", choice.to_lowercase());
    Meaning::Unknown { nearest: nearest.map(line), all: all.join(", ") }
}

/// The names of all answers.
pub(crate) fn answers() -> Vec<String> {
    crate::config::answers::WORDS.iter().map(|(kind, _)| json::name(kind)).collect()
}

/// The platforms that list what they have.
async fn others(asking: &Asking, school: &School, findings: &mut Findings<'_>) {
    let seen = school.as_seen_by_platforms(&asking.wiring.url);
    let named = Named { roster: &school.process.roster, routes: &school.process.routes };
    for (platform, settings) in school.platforms.iter() {
        let survey = settings.survey(&seen, &mut Builder::new(&RealNetwork::default(), &asking.wiring, None));
        let asked = match survey {
            Ok(None) => continue,
            Ok(Some(survey)) => survey.compare(named, findings).await.map_err(Unasked::from),
            Err(why) => Err(Unasked::here(why)),
        };
        if let Err(unasked) = asked {
            // How other platforms sign in has many keys; their table is the place.
            let unasked = Unasked { key: if unasked.key == "url" { "url" } else { "" }, ..unasked };
            unasked.complain(platform.name, findings);
        }
    }
}
