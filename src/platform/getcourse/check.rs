//! What is wrong with a school's `[getcourse]`. Never asks GetCourse. Enter at [`check`].

use super::Settings;
use super::addresses::is_parameter;
use super::fields::FIELDS;
use super::reconcile::COLUMNS;
use super::settings::Payments;
use crate::platform::check::{self, Beside, Findings};

pub fn check(settings: &Settings, beside: &Beside, findings: &mut Findings) {
    check::address(&settings.url, "getcourse.url", findings);
    check::secret(beside, settings.school_key.as_ref(), "getcourse.school_key", findings);
    check::secret(beside, settings.developer_key.as_ref(), "getcourse.developer_key", findings);
    check::rate(settings.requests_per_second, check::RATE_MAX, "getcourse.requests_per_second", findings);
    check::timeout(settings.timeout_s, "getcourse.timeout_s", findings);
    check::reconcile_minutes(settings.look_back_min, "getcourse.look_back_min", findings);
    let columns: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    for column in settings.export_columns.keys().filter(|name| !columns.contains(&name.as_str())) {
        let key = format!("getcourse.export_columns.{column}");
        findings.wrong.add(key, "unknown column", format!("one of: {}", columns.join(", ")));
    }
    if settings.developer_key.is_some() && settings.school_key.is_none() {
        let why = "missing: the developer's key opens nothing without it";
        findings.wrong.add("getcourse.school_key", why, "the school's API key");
    }
    let reads = settings.school_key.is_some() && settings.developer_key.is_some();
    if settings.payments == Some(Payments::ReadBack) && !reads {
        let why = "nothing can be read back without both keys";
        findings.wrong.add("getcourse.payments", why, "unconfirmed, trust, or school_key and developer_key");
    }
    if settings.payments.is_none() && !reads {
        let why = "not set: without the Tech API each payment waits for the head of sales";
        let allowed =
            "both keys; \"unconfirmed\", if that is meant; \"trust\", to believe every request as before";
        findings.warn.add("getcourse.payments", why, allowed);
    }
    if reads && beside.figures.feed.comments && settings.comment_author.is_none() {
        let why = "missing: GetCourse takes no comment without its author, each becomes a dead letter";
        findings.warn.add("getcourse.comment_author", why, "a user's id, or feed.comments = false");
    }
    variables(settings, findings);
    link_hosts(settings, findings);
    let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    for field in settings.fields.keys().filter(|field| !known.contains(&field.as_str())) {
        let key = format!("getcourse.fields.{field}");
        findings.wrong.add(key, "unknown field", format!("one of: {}", known.join(", ")));
    }
}

/// Hosts under which anybody can have a page of his own.
const SHARED: [&str; 3] = ["getcourse.ru", "getcourse.io", "gcfiles.net"];

/// F105: each entry is a host that is the school's alone.
fn link_hosts(settings: &Settings, findings: &mut Findings) {
    for host in &settings.link_hosts {
        let lower = host.trim().to_lowercase();
        let bare = lower.trim_start_matches("https://").trim_start_matches("http://");
        let bare = bare.split(['/', ':']).next().unwrap_or_default().trim_start_matches("*.").to_owned();
        let is_host = |host: &str| host.contains('.') && check::host_fault(host).is_none();
        if SHARED.contains(&bare.as_str()) {
            let allowed = "the school's own name, \"school.getcourse.ru\"";
            findings.wrong.add("getcourse.link_hosts", format!("`{host}` is shared by all schools"), allowed);
        } else if !is_host(&host.to_lowercase()) {
            let allowed = match is_host(&bare) {
                true => format!("\"{bare}\""),
                false => "names of hosts: \"pay.school.ru\"".to_owned(),
            };
            findings.wrong.add("getcourse.link_hosts", format!("`{host}` is no name of a host"), allowed);
        }
    }
}

/// What would break a printed address, or be read by nothing.
fn variables(settings: &Settings, findings: &mut Findings) {
    for (name, value) in &settings.variables {
        let key = format!("getcourse.variables.{name}");
        if !is_parameter(name) {
            let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
            let allowed = format!("utm_…, custom_utm_…, or one of: {}", known.join(", "));
            findings.wrong.add(key.clone(), "unknown field", allowed);
        }
        let breaks = |letter: char| letter.is_control() || letter == '&' || letter == '#';
        if value.trim().is_empty() || value.contains(breaks) || value.contains('{') != value.contains('}') {
            findings.wrong.add(key, "no variable", "\"{object.deal_utm_source}\", or a fixed text");
        }
    }
}
