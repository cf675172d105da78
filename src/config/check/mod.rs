//! Checks that the parts of a school's files fit each other. Never changes them. Enter at [`run`];
//! [`people`], [`routes`], [`process`], [`answers`], [`lines`] and the folders of the platforms contain the single
//! checks.

use std::collections::BTreeSet;

use chrono::Datelike;

use super::School;
use super::environment::Surroundings;
use super::files::Files;
use super::raw::SchoolFile;
use crate::message::library::Library;
use crate::platform::amocrm;
use crate::platform::check::{Complaints, Findings, is_public};
use crate::platform::entry::AccountSign;
use crate::platforms::Platforms;
use crate::problem::{Problem, nearest};
use crate::process::definition::{Figures, Manager, Route};
use crate::secret::{FORMER, FRESH_FIRST, is_published};

mod answers;
mod lines;
mod people;
mod platforms;
mod process;
mod routes;

pub(super) use lines::starter;

/// A school that has been read but not checked.
pub(super) struct Draft<'a> {
    pub school_file: &'a str,
    pub process_file: &'a str,
    pub file: &'a SchoolFile,
    pub platforms: &'a Platforms,
    /// Managers named in the file, readable or not: a mistake in one of them is reported once.
    pub named: &'a BTreeSet<String>,
    pub roster: &'a [Manager],
    pub routes: &'a [Route],
    pub figures: &'a Figures,
    pub texts: &'a Library,
    pub around: &'a Surroundings,
}

impl Draft<'_> {
    /// The CRM, whose pipelines the process has to fit.
    fn crm(&self) -> Option<&amocrm::Settings> {
        self.platforms.get()
    }
}

pub(super) fn run(draft: &Draft, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    let mut findings = Findings {
        wrong: Complaints { file: draft.school_file, found: problems },
        warn: Complaints { file: draft.school_file, found: warnings },
    };
    if draft.file.name.trim().is_empty() {
        findings.wrong.add("name", "empty", "the school's name as clients know it");
    }
    people::roster(draft, &mut findings);
    routes::routes(draft, &mut findings);
    platforms::platforms(draft, &mut findings);
    answers::answers(draft, &mut findings);
    lines::lines(draft, &mut findings);
    let mut findings = Findings {
        wrong: Complaints { file: draft.process_file, found: problems },
        warn: Complaints { file: draft.process_file, found: warnings },
    };
    process::figures(draft, &mut findings);
    process::pipelines(draft, &mut findings);
    texts(draft, problems, warnings);
}

/// What only shows when all schools are seen together.
pub(super) fn together(
    schools: &[School],
    url: Option<&str>,
    files: &Files,
    around: &Surroundings,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    let is_public = url.is_some_and(is_public);
    let variable = |name: &str| around.get(name).map(str::to_owned);
    let file = |school: &School| files.shown(&format!("schools/{}/school.toml", school.id));
    for (index, school) in schools.iter().enumerate() {
        if let Some(url) = url {
            let (seen, shown) = (school.as_seen_by_platforms(url.trim_end_matches('/')), file(school));
            let mut warn = Complaints { file: &shown, found: warnings };
            school.platforms.iter().for_each(|(_, settings)| settings.check_addresses(&seen, &mut warn));
        }
        if is_public {
            published(school, &file(school), problems, warnings);
        }
        for other in &schools[..index] {
            let shown = file(school);
            let mut wrong = Complaints { file: &shown, found: problems };
            if school.secrets.iter().any(|secret| other.secrets.contains(secret)) {
                let why = format!("the school {} has the same secret", other.id);
                wrong.add("secrets", why, "a secret of its own for each school");
            }
            let theirs: Vec<AccountSign> =
                other.platforms.iter().flat_map(|(_, settings)| settings.signs(&variable)).collect();
            for sign in school.platforms.iter().flat_map(|(_, settings)| settings.signs(&variable)) {
                if theirs.iter().any(|one| one.is_same(&sign)) {
                    let why = format!("the school {} works in the same account", other.id);
                    wrong.add(sign.key, why, "an account of its own for each school");
                }
            }
        }
    }
}

/// The example's secret behind a public address: anybody could send requests in the school's name.
fn published(school: &School, shown: &str, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    let known = school.secrets.iter().position(|secret| is_published(secret.reveal()));
    let why = "the example's secret, which everybody knows, behind a public address";
    match known {
        None => {}
        Some(0) => Complaints { file: shown, found: problems }.add("secrets", why, FRESH_FIRST),
        Some(_) => Complaints { file: shown, found: warnings }.add("secrets", why, FORMER),
    }
}

/// A school's own texts: whether they are used, and whether their review month has come (M2).
fn texts(draft: &Draft, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    use crate::message::text::TextId;
    let today = draft.around.now.with_timezone(&draft.file.zone);
    for (name, text) in draft.texts.texts().filter(|(_, text)| !text.shipped) {
        let shipped = !matches!(TextId::from(name), TextId::Own(_));
        let asked_for = draft.routes.iter().any(|route| route.task.text.as_deref() == Some(name));
        if !shipped && !asked_for {
            let mut wrong = Complaints { file: &text.file, found: problems };
            let known = draft.texts.texts().filter(|(_, text)| text.shipped).map(|(name, _)| name);
            let tasks = draft.routes.iter().filter_map(|route| route.task.text.as_deref());
            let meant = nearest(name, known.chain(tasks));
            let meant = meant.map(|meant| format!("is `{meant}` meant? ")).unwrap_or_default();
            let allowed = format!("{meant}a shipped name, or a `task` of a route");
            wrong.add("", "nothing uses a text of this name", allowed);
        }
        if text.head.review < (today.year(), today.month()) {
            let mut warn = Complaints { file: &text.file, found: warnings };
            let (year, month) = text.head.review;
            warn.add(
                "review",
                format!("was to be read again in {year}-{month:02}"),
                "read it, set a later month",
            );
        }
    }
}
