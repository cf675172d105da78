//! Settings of the telephony providers: which of them sees calls, which of them starts them.

use super::platforms::{RATE_MAX, address, look_back, rate, secret, timeout};
use super::{Draft, Findings, repeated};
use crate::config::raw::SchoolFile;
use crate::platform::telephony::Provider;

/// Mango allows so many call starts a second.
const MANGO_RATE_MAX: f64 = 4.0;

pub(super) fn lines(draft: &Draft, findings: &mut Findings) {
    let file = draft.file;
    if file.mango.is_none() && file.sipuni.is_none() && file.telphin.is_none() {
        let why = "missing: calls are not seen, managers' words count";
        findings.warn.add("mango", why, "a table [mango], [sipuni] or [telphin]");
    }
    mango(draft, findings);
    sipuni(draft, findings);
    telphin(draft, findings);
    starts(draft, findings);
}

/// The provider that starts calls: the named one, else the only one that has what it takes.
pub(in crate::config) fn starter(file: &SchoolFile) -> Option<Provider> {
    let able = able(file);
    match (file.calls_by, able.as_slice()) {
        (Some(named), _) => Some(named).filter(|named| able.contains(named)),
        (None, [only]) => Some(*only),
        (None, _) => None,
    }
}

fn able(file: &SchoolFile) -> Vec<Provider> {
    let telphin = file.telphin.as_ref();
    let telphin = telphin.filter(|line| line.client_id.is_some() && line.client_secret.is_some());
    let all = [
        file.mango.as_ref().map(|_| Provider::Mango),
        file.sipuni.as_ref().and_then(|line| line.key.as_ref()).map(|_| Provider::Sipuni),
        telphin.map(|_| Provider::Telphin),
    ];
    all.into_iter().flatten().collect()
}

fn mango(draft: &Draft, findings: &mut Findings) {
    let Some(settings) = &draft.file.mango else { return };
    secret(draft, Some(&settings.api_key), "mango.api_key", findings);
    secret(draft, Some(&settings.api_salt), "mango.api_salt", findings);
    waits("mango", settings.final_wait_s, settings.stuck_s, findings);
    address(&settings.url, "mango.url", findings);
    look_back(settings.look_back_min, "mango.look_back_min", findings);
    rate(settings.requests_per_second, MANGO_RATE_MAX, "mango.requests_per_second", findings);
    timeout(settings.timeout_s, "mango.timeout_s", findings);
}

fn sipuni(draft: &Draft, findings: &mut Findings) {
    let Some(settings) = &draft.file.sipuni else { return };
    for (key, user) in std::iter::once(("sipuni.user", &settings.user))
        .chain(settings.other_users.iter().map(|user| ("sipuni.other_users", user)))
    {
        if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_digit()) {
            findings.wrong.add(key, format!("`{user}`"), "the cabinet's number, with its leading zero");
        }
    }
    secret(draft, settings.key.as_ref(), "sipuni.key", findings);
    waits("sipuni", settings.final_wait_s, settings.stuck_s, findings);
    address(&settings.url, "sipuni.url", findings);
    look_back(settings.look_back_min, "sipuni.look_back_min", findings);
    rate(settings.requests_per_second, RATE_MAX, "sipuni.requests_per_second", findings);
    timeout(settings.timeout_s, "sipuni.timeout_s", findings);
}

fn telphin(draft: &Draft, findings: &mut Findings) {
    let Some(settings) = &draft.file.telphin else { return };
    secret(draft, settings.client_secret.as_ref(), "telphin.client_secret", findings);
    if settings.client_id.is_some() != settings.client_secret.is_some() {
        let why = "client_id and client_secret belong together";
        findings.wrong.add("telphin.client_id", why, "both or neither");
    }
    for id in repeated(settings.extensions.values().copied()) {
        findings.wrong.add("telphin.extensions", format!("id {id} stands twice"), "one id for one extension");
    }
    let known = |extension: &str| settings.extensions.contains_key(extension);
    for manager in draft.roster.iter().filter(|manager| manager.active) {
        if let Some(extension) = manager.extension.as_deref().filter(|extension| !known(extension)) {
            let why =
                format!("no id for extension {extension}: no events are subscribed to, no call is started");
            findings.warn.add("telphin.extensions", why, "the extension's numeric id");
        }
    }
    waits("telphin", settings.final_wait_s, settings.stuck_s, findings);
    address(&settings.url, "telphin.url", findings);
    look_back(settings.look_back_min, "telphin.look_back_min", findings);
    let is_company = |byte: u8| byte.is_ascii_alphanumeric() || b"@_-".contains(&byte);
    if settings.company.is_empty() || !settings.company.bytes().all(is_company) {
        let why = format!("`{}`", settings.company);
        findings.wrong.add("telphin.company", why, "the company's id, or @me");
    }
    rate(settings.requests_per_second, RATE_MAX, "telphin.requests_per_second", findings);
    timeout(settings.timeout_s, "telphin.timeout_s", findings);
}

/// D9: who starts calls has to be sure before any is started.
fn starts(draft: &Draft, findings: &mut Findings) {
    let able: Vec<&str> = able(draft.file).into_iter().map(Provider::as_str).collect();
    if let Some(named) = draft.file.calls_by
        && !able.contains(&named.as_str())
    {
        let why = format!("[{}] is missing, or lacks the keys that start calls", named.as_str());
        let allowed = if able.is_empty() { "no provider can here".to_owned() } else { able.join(" or ") };
        findings.wrong.add("calls_by", why, allowed);
    }
    if draft.file.calls_by.is_none() && able.len() > 1 && draft.figures.dialling.start_calls {
        findings.wrong.add("calls_by", "missing: several providers could start calls", able.join(" or "));
    }
    let shows = draft.routes.iter().find(|route| route.caller_id.is_some());
    if let Some(route) = shows.filter(|_| starter(draft.file) == Some(Provider::Sipuni)) {
        let why = "sipuni lets no line be chosen for a call: clients see that of the cabinet's scheme";
        findings.warn.add(format!("routes.{}.caller_id", route.name), why, "leave it out");
    }
    if able.is_empty() && draft.figures.dialling.start_calls {
        let why = "dialling.start_calls is on, and no provider can start a call";
        findings.wrong.add(
            "calls_by",
            why,
            "keys for [mango], [sipuni] or [telphin], or start_calls = false",
        );
    }
}

fn waits(provider: &str, final_wait_s: u32, stuck_s: u32, findings: &mut Findings) {
    if !(1..=3600).contains(&final_wait_s) {
        findings.wrong.add(format!("{provider}.final_wait_s"), format!("{final_wait_s}"), "1 to 3600");
    }
    if !(600..=86_400).contains(&stuck_s) {
        findings.wrong.add(format!("{provider}.stuck_s"), format!("{stuck_s}"), "600 to 86400");
    }
}
