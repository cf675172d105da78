//! What no single key can say: whether the parts of a school's files fit each other.
//! Never changes what it looks at. Enter at [`run`]; [`people`], [`process`], [`platforms`]
//! and [`lines`] hold the single questions.

use std::collections::BTreeSet;

use chrono::Datelike;
use url::{Host, Url};

use super::environment::Surroundings;
use super::raw::SchoolFile;
use super::read::Complaints;
use crate::message::library::Library;
use crate::problem::Problem;
use crate::process::definition::{Figures, Manager, Route};

mod lines;
mod people;
mod platforms;
mod process;

pub(super) use lines::starter;

/// A school that has been read and not yet been believed.
pub(super) struct Draft<'a> {
    pub school_file: &'a str,
    pub process_file: &'a str,
    pub file: &'a SchoolFile,
    /// Managers named in the file, readable or not: a slip in one of them is told once.
    pub named: &'a BTreeSet<String>,
    pub roster: &'a [Manager],
    pub routes: &'a [Route],
    pub figures: &'a Figures,
    pub texts: &'a Library,
    pub around: &'a Surroundings,
}

/// Where what was found goes: mistakes stop the program, warnings do not.
pub(super) struct Findings<'a> {
    pub wrong: Complaints<'a>,
    pub warn: Complaints<'a>,
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
    people::routes(draft, &mut findings);
    platforms::getcourse(draft, &mut findings);
    platforms::amocrm(draft, &mut findings);
    platforms::answers(draft, &mut findings);
    lines::lines(draft, &mut findings);
    platforms::mail(draft, &mut findings);
    let mut findings = Findings {
        wrong: Complaints { file: draft.process_file, found: problems },
        warn: Complaints { file: draft.process_file, found: warnings },
    };
    process::figures(draft, &mut findings);
    process::pipelines(draft, &mut findings);
    texts(draft, problems, warnings);
}

/// A school's own texts: used at all, and read again when their month has come (M2).
fn texts(draft: &Draft, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    use crate::message::text::TextId;
    let today = draft.around.now.with_timezone(&draft.file.zone);
    for (name, text) in draft.texts.texts().filter(|(_, text)| !text.shipped) {
        let shipped = !matches!(TextId::from(name), TextId::Own(_));
        let asked_for = draft.routes.iter().any(|route| route.task.as_deref() == Some(name));
        if !shipped && !asked_for {
            let mut wrong = Complaints { file: &text.file, found: problems };
            wrong.add("", "nothing uses a text of this name", "a shipped name, or a `task` of a route");
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

/// What is wrong with the address of a platform or of ourselves: https, except on this machine.
pub(super) fn address_fault(address: &str) -> Option<(String, &'static str)> {
    let allowed = "https://name.example without a path; http only for loopback";
    let Ok(url) = Url::parse(address) else {
        return Some((format!("`{address}` is no address"), allowed));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("the address holds a name or password".to_owned(), allowed));
    }
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(address));
    if !safe {
        return Some((format!("`{address}` is not https"), allowed));
    }
    let bare = url.query().is_none() && url.fragment().is_none() && url.path().trim_matches('/').is_empty();
    (!bare).then(|| (format!("`{address}` goes on behind the host"), allowed))
}

/// Does this address lead to this machine?
fn is_loopback(address: &str) -> bool {
    match Url::parse(address).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Values that stand more than once, each named once.
fn repeated<T: Ord + Clone>(values: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    values.filter(|value| !seen.insert(value.clone())).collect()
}
