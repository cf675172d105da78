//! Settings of the platforms: addresses, secrets that can be read, ids that fit each other.

use std::collections::BTreeMap;

use super::{Draft, Findings, address_fault, repeated};
use crate::platform::amocrm::settings::{Auth, Pipeline};
use crate::platform::getcourse::fields::FIELDS;
use crate::platform::getcourse::reconcile::COLUMNS;
use crate::platform::getcourse::settings::Payments;
use crate::platform::mail::settings::Tls;
use crate::process::{LeadRole, RefusalReason, Stage};
use crate::secret::SecretSource;

/// Closed as won and as lost, the same in every pipeline of amoCRM.
const CLOSED: [(Stage, u64); 2] = [(Stage::Won, 142), (Stage::Lost, 143)];

/// What amoCRM allows, requests per second.
const AMOCRM_RATE_MAX: f64 = 7.0;

/// No platform is asked more often than this, requests per second.
pub(super) const RATE_MAX: f64 = 50.0;

pub(super) fn getcourse(draft: &Draft, findings: &mut Findings) {
    let Some(settings) = &draft.file.getcourse else {
        let why = "missing: no orders come in, no status and no comment is written";
        findings.warn.add("getcourse", why, "a table [getcourse]");
        return;
    };
    address(&settings.url, "getcourse.url", findings);
    secret(draft, settings.school_key.as_ref(), "getcourse.school_key", findings);
    secret(draft, settings.developer_key.as_ref(), "getcourse.developer_key", findings);
    rate(settings.requests_per_second, RATE_MAX, "getcourse.requests_per_second", findings);
    timeout(settings.timeout_s, "getcourse.timeout_s", findings);
    look_back(settings.look_back_min, "getcourse.look_back_min", findings);
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
        findings.wrong.add("getcourse.payments", why, "trust, or school_key and developer_key");
    }
    if settings.payments.is_none() && !reads {
        let why = "not set: without the Tech API a payment is believed on the webhook's word";
        findings.warn.add("getcourse.payments", why, "trust, if that is meant, or both keys");
    }
    if reads && draft.figures.feed.comments && settings.comment_author.is_none() {
        let why = "missing: GetCourse takes no comment without its author, each becomes a dead letter";
        findings.warn.add("getcourse.comment_author", why, "a user's id, or feed.comments = false");
    }
    let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    for field in settings.fields.keys().filter(|field| !known.contains(&field.as_str())) {
        let key = format!("getcourse.fields.{field}");
        findings.wrong.add(key, "unknown field", format!("one of: {}", known.join(", ")));
    }
}

pub(super) fn amocrm(draft: &Draft, findings: &mut Findings) {
    let Some(settings) = &draft.file.amocrm else {
        findings.warn.add("amocrm", "missing: no leads and no tasks are made", "a table [amocrm]");
        return;
    };
    address(&settings.url, "amocrm.url", findings);
    rate(settings.requests_per_second, AMOCRM_RATE_MAX, "amocrm.requests_per_second", findings);
    timeout(settings.timeout_s, "amocrm.timeout_s", findings);
    look_back(settings.look_back_min, "amocrm.look_back_min", findings);
    match &settings.auth {
        Auth::LongLived { token } => secret(draft, Some(token), "amocrm.auth.token", findings),
        Auth::Oauth { client_secret, redirect_uri, .. } => {
            secret(draft, Some(client_secret), "amocrm.auth.client_secret", findings);
            let host = redirect_uri.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            address(&host, "amocrm.auth.redirect_uri", findings);
            if draft.around.get("DOZVON_VAULT_KEY").is_none() {
                let why = "OAuth tokens are stored encrypted, and DOZVON_VAULT_KEY is not set";
                findings.wrong.add("amocrm.auth", why, "set DOZVON_VAULT_KEY to a long random text");
            }
        }
    }
    if settings.account_id.is_none() {
        let why = "missing: webhooks of another account would be taken too";
        findings.warn.add("amocrm.account_id", why, "the account's numeric id");
    }
    if settings.order_number_field.is_none() {
        let why = "missing: a lead cannot be found again by its order";
        findings.warn.add("amocrm.order_number_field", why, "id of a text field of leads");
    }
    if settings.by_hand.iter().any(|stage| matches!(stage, Stage::Won | Stage::Lost)) {
        let allowed = "new, in_work, dialling, talked, promised, part_paid";
        findings.wrong.add("amocrm.by_hand", "a closed lead enters no process", allowed);
    }
    pipelines(&settings.pipelines, findings);
    let missing = RefusalReason::ALL.iter().filter(|reason| !settings.loss_reasons.contains_key(reason));
    let missing: Vec<String> = missing.map(name_of).collect();
    if !missing.is_empty() {
        let why = format!("lost leads get no reason for: {}", missing.join(", "));
        findings.warn.add("amocrm.loss_reasons", why, "an id of the account for each");
    }
}

fn pipelines(pipelines: &BTreeMap<LeadRole, Pipeline>, findings: &mut Findings) {
    if !pipelines.contains_key(&LeadRole::Sales) {
        findings.wrong.add("amocrm.pipelines.sales", "missing", "the pipeline of first sales");
    }
    for id in repeated(pipelines.values().map(|pipeline| pipeline.id)) {
        findings.wrong.add("amocrm.pipelines", format!("pipeline {id} stands twice"), "one for each role");
    }
    let mut seen: BTreeMap<u64, String> = BTreeMap::new();
    for (role, pipeline) in pipelines {
        for (stage, id) in &pipeline.stages {
            let key = format!("amocrm.pipelines.{}.stages.{}", role.as_str(), name_of(stage));
            let closed = CLOSED.iter().find(|(closed, number)| closed == stage || number == id);
            if let Some((closed, number)) = closed {
                if (closed, number) != (stage, id) {
                    let allowed = "won is 142 and lost is 143 in every pipeline; leave them out";
                    findings.wrong.add(key, format!("{id} does not fit"), allowed);
                }
            } else if let Some(other) = seen.insert(*id, key.clone()) {
                let why = format!("status {id} is mapped twice, by {other} too");
                findings.wrong.add(key, why, "one stage for a status; a stage may be left out");
            }
        }
    }
}

pub(super) fn answers(draft: &Draft, findings: &mut Findings) {
    let answers = &draft.file.answers;
    for status in answers.stages.keys() {
        let key = format!("answers.stages.{status}");
        match status.parse::<u64>() {
            Err(_) => findings.wrong.add(key, "no id of a status", "a number, as `dozvon discover` shows it"),
            Ok(id) if CLOSED.iter().any(|(_, number)| *number == id) => {
                findings.wrong.add(key, "a closed lead is no answer", "any status but 142 and 143");
            }
            Ok(_) => {}
        }
    }
    for (table, words) in [
        ("words", answers.words.keys().collect::<Vec<_>>()),
        ("reasons", answers.reasons.keys().collect::<Vec<_>>()),
    ] {
        for text in words.into_iter().filter(|text| crate::config::answers::words_of(text).is_empty()) {
            findings.wrong.add(format!("answers.{table}.{text:?}"), "no words", "at least one word");
        }
    }
    let fields = [answers.field, answers.date_field, answers.why_field, answers.reason_field];
    for id in repeated(fields.into_iter().flatten()) {
        findings.wrong.add("answers", format!("field {id} stands twice"), "a field of its own for each");
    }
    let used = fields[1..].iter().any(Option::is_some);
    if used && answers.field.is_none() {
        findings.wrong.add("answers.field", "missing", "the list field with the answer itself");
    }
}

pub(super) fn mail(draft: &Draft, findings: &mut Findings) {
    let Some(settings) = &draft.file.mail else {
        findings.warn.add("mail", "missing: no letters are sent", "a table [mail]");
        return;
    };
    secret(draft, settings.password.as_ref(), "mail.password", findings);
    if settings.user.is_some() != settings.password.is_some() {
        findings.wrong.add("mail.user", "user and password belong together", "both or neither");
    }
    let loopback = ["localhost", "127.0.0.1", "::1"].contains(&settings.host.as_str());
    if settings.tls == Tls::None && !loopback {
        findings.wrong.add(
            "mail.tls",
            "no protection on the way",
            "starttls or wrapped; none only for loopback",
        );
    }
    if settings.host.trim().is_empty() {
        findings.wrong.add("mail.host", "empty", "the name of the mail server");
    }
    for (key, address) in [("mail.from", Some(&settings.from)), ("mail.reply_to", settings.reply_to.as_ref())]
    {
        if address.is_some_and(|address| address.parse::<lettre::message::Mailbox>().is_err()) {
            findings.wrong.add(key, "no address of a sender", "Школа «Рост» <order@school.example>");
        }
    }
    rate(settings.letters_per_second, RATE_MAX, "mail.letters_per_second", findings);
    timeout(settings.timeout_s, "mail.timeout_s", findings);
}

pub(super) fn address(url: &str, key: &str, findings: &mut Findings) {
    if let Some((wrong, allowed)) = address_fault(url) {
        findings.wrong.add(key, wrong, allowed);
    }
}

pub(super) fn secret(draft: &Draft, source: Option<&SecretSource>, key: &str, findings: &mut Findings) {
    let read = source.map(|source| source.read_with(|name| draft.around.get(name).map(str::to_owned)));
    if let Some(Err(fault)) = read {
        findings.wrong.add(key, fault, "set it, see `.env.example`");
    }
}

/// A day without a look is as good as none; 0 says so openly.
pub(super) fn look_back(minutes: u32, key: &str, findings: &mut Findings) {
    if minutes > 24 * 60 {
        findings.wrong.add(key, format!("{minutes} is out of range"), "1 to 1440 minutes, or 0 for off");
    }
}

pub(super) fn rate(value: f64, most: f64, key: &str, findings: &mut Findings) {
    if !(value > 0.0 && value <= most) {
        findings.wrong.add(key, format!("{value} is out of range"), format!("more than 0, at most {most}"));
    }
}

pub(super) fn timeout(seconds: u64, key: &str, findings: &mut Findings) {
    if !(1..=120).contains(&seconds) {
        findings.wrong.add(key, format!("{seconds} is out of range"), "1 to 120 seconds");
    }
}

/// A unit variant as the files spell it.
fn name_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
}
