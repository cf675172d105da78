//! Checks the school's telephony providers: which of them see calls, and which one starts them.

use super::{Draft, Findings};
use crate::platform::entry::{CallerId, Platform, PlatformKind};
use crate::platforms::{self, Platforms};

pub(super) fn lines(draft: &Draft, findings: &mut Findings) {
    let names: Vec<&str> = platforms::lines().map(|platform| platform.name).collect();
    if draft.platforms.lines().next().is_none() {
        let why = "missing: calls are not seen, managers' words count";
        findings.warn.add(
            names.first().copied().unwrap_or_default(),
            why,
            format!("a table {}", either(&names)),
        );
    }
    if let Some(named) = draft.file.calls_by.as_deref().filter(|named| !names.contains(named)) {
        let allowed = format!("one of `{}`", names.join("`, `"));
        findings.wrong.add("calls_by", format!("unknown variant `{named}`"), allowed);
    }
    starts(draft, &names, findings);
}

/// The provider that starts calls: the named one, else the only one that is able to.
pub(in crate::config) fn starter(named: Option<&str>, platforms: &Platforms) -> Option<&'static Platform> {
    let able = able(platforms);
    match (named, able.as_slice()) {
        (Some(named), _) => able.into_iter().find(|platform| platform.name == named),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

fn able(platforms: &Platforms) -> Vec<&'static Platform> {
    let able = platforms.lines().filter(|(_, line)| line.can_start());
    able.map(|(platform, _)| platform).collect()
}

/// D9: it has to be certain which provider starts calls.
fn starts(draft: &Draft, known: &[&str], findings: &mut Findings) {
    let able: Vec<&str> = able(draft.platforms).iter().map(|platform| platform.name).collect();
    let named = draft.file.calls_by.as_deref().filter(|named| known.contains(named));
    if let Some(named) = named.filter(|named| !able.contains(named)) {
        let why = format!("[{named}] is missing, or lacks the keys that start calls");
        let allowed = if able.is_empty() { "no provider can here".to_owned() } else { able.join(" or ") };
        findings.wrong.add("calls_by", why, allowed);
    }
    if named.is_none() && able.len() > 1 && draft.figures.dialling.start_calls {
        findings.wrong.add("calls_by", "missing: several providers could start calls", able.join(" or "));
    }
    let shows = draft.routes.iter().find(|route| route.caller_id.is_some());
    if let (Some(route), Some(starter)) = (shows, starter(named, draft.platforms))
        && let PlatformKind::Line { caller_id: CallerId::Fixed(instead), .. } = starter.kind
    {
        let why = format!("{} lets no line be chosen for a call: clients see {instead}", starter.name);
        findings.warn.add(format!("routes.{}.caller_id", route.name), why, "leave it out");
    }
    if able.is_empty() && draft.figures.dialling.start_calls {
        let why = "dialling.start_calls is on, and no provider can start a call";
        findings.wrong.add("calls_by", why, format!("keys for {}, or start_calls = false", either(known)));
    }
}

/// `[a], [b] or [c]`.
fn either(names: &[&str]) -> String {
    let tables: Vec<String> = names.iter().map(|name| format!("[{name}]")).collect();
    match tables.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => tables.concat(),
    }
}
