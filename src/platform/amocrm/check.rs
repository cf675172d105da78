//! What is wrong with a school's `[amocrm]`. Never asks amoCRM. Enter at [`check`].

use std::collections::BTreeMap;

use super::Settings;
use super::entry::NAME;
use super::settings::Auth;
use crate::json;
use crate::platform::check::{self, Beside, Complaints, Findings};
use crate::platform::entry::OfSchool;
use crate::process::{LeadRole, RefusalReason, Stage};
use crate::secret::SecretSource;

/// Closed as won and as lost, the same in every pipeline of amoCRM.
pub const CLOSED: [(Stage, u64); 2] = [(Stage::Won, 142), (Stage::Lost, 143)];

/// What amoCRM allows, requests per second.
const RATE_MAX: f64 = 7.0;

pub fn check(settings: &Settings, beside: &Beside, findings: &mut Findings) {
    check::address(&settings.url, "amocrm.url", findings);
    check::rate(settings.requests_per_second, RATE_MAX, "amocrm.requests_per_second", findings);
    check::timeout(settings.timeout_s, "amocrm.timeout_s", findings);
    check::reconcile_minutes(settings.look_back_min, "amocrm.look_back_min", findings);
    match &settings.auth {
        Auth::LongLived { token } => check::secret(beside, Some(token), "amocrm.auth.token", findings),
        Auth::Oauth { client_secret, redirect_uri, .. } => {
            check::secret(beside, Some(client_secret), "amocrm.auth.client_secret", findings);
            let host = redirect_uri.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            check::address(&host, "amocrm.auth.redirect_uri", findings);
            if !SecretSource::is_given("DOZVON_VAULT_KEY", beside.variable) {
                let why = "OAuth tokens are stored encrypted, and DOZVON_VAULT_KEY is not set";
                findings.wrong.add("amocrm.auth", why, "set DOZVON_VAULT_KEY to a long random text");
            }
        }
    }
    if settings.account_id.is_none() {
        let why = "missing: webhooks of another account would be taken too";
        let allowed = "the account's numeric id, which `dozvon discover` prints: account_id = 31877554";
        findings.wrong.add("amocrm.account_id", why, allowed);
    }
    if settings.order_number_field.is_none() {
        let why = "missing: a lead cannot be found again by its order";
        findings.warn.add("amocrm.order_number_field", why, "id of a text field of leads");
    }
    if settings.currency.len() != 3 || !settings.currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        findings.wrong.add("amocrm.currency", "no ISO code", "three capital letters, as RUB or KZT");
    }
    if settings.by_hand.iter().any(|stage| matches!(stage, Stage::Won | Stage::Lost)) {
        let allowed = "new, in_work, dialling, talked, promised, part_paid";
        findings.wrong.add("amocrm.by_hand", "a closed lead enters no process", allowed);
    }
    pipelines(settings, findings);
    let sales = settings.pipelines.get(&LeadRole::Sales);
    for stage in settings.by_hand.iter().filter(|stage| **stage < Stage::Won) {
        if sales.is_some_and(|sales| !sales.stages.contains_key(stage)) {
            let why = format!("no status stands for `{}`", json::name(stage));
            findings.warn.add("amocrm.by_hand", why, "a stage of [amocrm.pipelines.sales]");
        }
    }
    let missing = RefusalReason::ALL.iter().filter(|reason| !settings.loss_reasons.contains_key(reason));
    let missing: Vec<String> = missing.map(json::name).collect();
    if !missing.is_empty() {
        let why = format!("lost leads get no reason for: {}", missing.join(", "));
        findings.warn.add("amocrm.loss_reasons", why, "an id of the account for each");
    }
    managers(beside, findings);
}

fn managers(beside: &Beside, findings: &mut Findings) {
    for manager in beside.roster.iter().filter(|manager| manager.active && manager.amocrm.is_none()) {
        let why = "missing: amoCRM's tasks cannot be given to this manager";
        findings.wrong.add(format!("managers.{}.amocrm", manager.id), why, "the user's id in amoCRM");
    }
}

/// The consent comes to an address of ours, which has to change with the secret that it contains. The addresses are
/// not repeated here: they hold the secret.
pub fn redirect(settings: &Settings, school: &OfSchool, warn: &mut Complaints) {
    let Auth::Oauth { redirect_uri, .. } = &settings.auth else { return };
    let is_ours = redirect_uri.starts_with(&format!("{}/hooks/", school.url));
    if is_ours && *redirect_uri != format!("{}/oauth", school.hooks_address(NAME)) {
        warn.add(
            "amocrm.auth.redirect_uri",
            "it is not the address of now: a consent that comes there is refused, or will be when the former secret goes",
            "what `dozvon url` prints, here and in the integration, as its redirect and as its address for being \
             switched off",
        );
    }
}

fn pipelines(settings: &Settings, findings: &mut Findings) {
    if !settings.pipelines.contains_key(&LeadRole::Sales) {
        findings.wrong.add("amocrm.pipelines.sales", "missing", "the pipeline of first sales");
    }
    for id in check::repeated(settings.all_pipelines().map(|(_, pipeline)| pipeline.id)) {
        findings.wrong.add("amocrm.pipelines", format!("pipeline {id} stands twice"), "one for each role");
    }
    let mut seen: BTreeMap<u64, String> = BTreeMap::new();
    for (table, pipeline) in settings.all_pipelines() {
        for (stage, id) in &pipeline.stages {
            let key = format!("{table}.stages.{}", json::name(stage));
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
