//! Checks that the figures of the process fit each other (D1–D13, R2, W1).

use super::{Draft, Findings};
use crate::platform::check::is_loopback;
use crate::process::definition::LadderStep;
use crate::process::hours::Hours;
use crate::process::{LeadRole, Phone};

/// No client is called outside these hours of the client's own time, whatever a school configures.
const OUTERMOST: Hours = Hours::from_hm(8, 0, 22, 0);

pub(super) fn figures(draft: &Draft, findings: &mut Findings) {
    let figures = draft.figures;
    let hard = figures.contact.hard;
    let inside = |hours: &Hours| hours.from >= hard.from && hours.to <= hard.to;
    let hard_text = format!("inside contact.hard, {}", String::from(hard));
    let mut hours = vec![("contact.calls".to_owned(), Some(figures.contact.calls))];
    hours.push(("contact.calls_off_days".to_owned(), figures.contact.calls_off_days));
    for (name, window) in &figures.dialling.windows {
        hours.push((format!("dialling.windows.{name}"), Some(*window)));
    }
    for (key, hours) in hours {
        if let Some(hours) = hours.filter(|hours| !inside(hours)) {
            findings.wrong.add(
                key,
                format!("{} lies outside the hard hours", String::from(hours)),
                hard_text.clone(),
            );
        }
    }
    for (name, window) in &figures.dialling.windows {
        let calls = figures.contact.calls;
        if inside(window) && (window.to <= calls.from || window.from >= calls.to) {
            let why = format!("no call is permitted in it: contact.calls is {}", String::from(calls));
            findings.wrong.add(format!("dialling.windows.{name}"), why, "a window that meets contact.calls");
        }
    }
    overlaps(draft, findings);
    // Only the sandbox's people may be called at any hour.
    let real = draft.crm().is_some_and(|amocrm| !is_loopback(&amocrm.url));
    if real && (hard.from < OUTERMOST.from || hard.to > OUTERMOST.to) {
        let why = format!("{} lets clients be called at night", String::from(hard));
        findings.wrong.add("contact.hard", why, format!("inside {}", String::from(OUTERMOST)));
    }
    let reminder = figures.promise.reminder_at;
    if reminder < hard.from || reminder >= hard.to {
        let why = format!("{} lies outside the hard hours", String::from(reminder));
        findings.wrong.add("promise.reminder_at", why, hard_text);
    }
    ladder(draft, findings);
    never_zero(draft, findings);
    limits(draft, findings);
    countries(draft, findings);
}

/// F101, F102: a limit of a day below that of an hour was meant otherwise.
fn limits(draft: &Draft, findings: &mut Findings) {
    let limits = &draft.figures.contact_limits;
    for (name, hour, day) in [
        ("letters_per_address", limits.letters_per_address_hour, limits.letters_per_address_day),
        ("first_letters", limits.first_letters_hour, limits.first_letters_day),
        ("letters", limits.letters_hour, limits.letters_day),
        ("calls_per_number", limits.calls_per_number_hour, limits.calls_per_number_day),
        ("calls", limits.calls_hour, limits.calls_day),
    ] {
        if hour == 0 {
            findings.wrong.add(format!("contact_limits.{name}_hour"), "0", "1 or more");
        }
        if day < hour {
            let why = format!("{day} is less than contact_limits.{name}_hour, {hour}");
            findings.wrong.add(format!("contact_limits.{name}_day"), why, format!("{hour} or more"));
        }
    }
}

/// F102: whatever is called by itself is named, and by a code that some country has.
fn countries(draft: &Draft, findings: &mut Findings) {
    let dialling = &draft.figures.dialling;
    for code in &dialling.call_countries {
        if !Phone::is_country(code) {
            let bare = code.trim_start_matches(['+', '0']);
            let allowed = match Phone::is_country(bare) {
                true => format!("\"{bare}\""),
                false => "codes of countries without a plus: \"7\", \"375\"; satellites and paid services are not called".to_owned(),
            };
            findings.wrong.add("dialling.call_countries", format!("`{code}` is no country's code"), allowed);
        }
    }
    if dialling.start_calls && dialling.call_countries.is_empty() {
        let allowed = "[\"7\"], or start_calls = false";
        findings.wrong.add("dialling.call_countries", "no country, so nobody is called", allowed);
    }
}

/// An attempt of one window could fall into the other one, too.
fn overlaps(draft: &Draft, findings: &mut Findings) {
    let windows: Vec<_> = draft.figures.dialling.windows.iter().collect();
    for (index, (name, window)) in windows.iter().enumerate() {
        for (other, before) in &windows[..index] {
            if window.meet(**before).is_some() {
                let why =
                    format!("{} overlaps `{other}`, {}", String::from(**window), String::from(**before));
                findings.warn.add(format!("dialling.windows.{name}"), why, "windows that do not overlap");
            }
        }
    }
}

fn ladder(draft: &Draft, findings: &mut Findings) {
    let dialling = &draft.figures.dialling;
    for step in dialling.ladder.iter().flatten() {
        if let LadderStep::Window(name) = step
            && !dialling.windows.contains_key(name)
        {
            let names = dialling.windows.keys().cloned().collect::<Vec<_>>().join(", ");
            let allowed = format!("now, +20m, +2h30m, or a window: {names}");
            findings.wrong.add("dialling.ladder", format!("no window is named `{name}`"), allowed);
        }
    }
    if dialling.every_minutes > 0 {
        return;
    }
    if dialling.ladder.is_empty() || dialling.ladder.iter().any(Vec::is_empty) {
        findings.wrong.add("dialling.ladder", "a day without an attempt", "at least one step for each day");
    }
    let steps: usize = dialling.ladder.iter().map(Vec::len).sum();
    let days = usize::try_from(dialling.days).unwrap_or(usize::MAX);
    if dialling.ladder.len() < days {
        let why = format!("{} days are listed, but dialling lasts {days}", dialling.ladder.len());
        findings.warn.add("dialling.ladder", why, "a list for each of `dialling.days`");
    } else if steps < usize::try_from(dialling.attempts_min).unwrap_or(usize::MAX) {
        let why = format!("{} attempts are asked for, the ladder has {steps} steps", dialling.attempts_min);
        findings.warn.add("dialling.attempts_min", why, "at most as many as the ladder has steps");
    }
}

/// Figures that would mean «never» or «at once, forever» if they were zero.
fn never_zero(draft: &Draft, findings: &mut Findings) {
    let figures = draft.figures;
    for (key, value) in [
        ("arrival.free_pool_minutes", figures.arrival.free_pool_minutes),
        ("phone.check_days", figures.phone.check_days),
        ("phone.postponed_days", figures.phone.postponed_days),
        ("phone.last_days", figures.phone.last_days),
        ("dialling.gap_minutes", figures.dialling.gap_minutes),
        ("dialling.days", figures.dialling.days),
        ("dialling.attempts_min", figures.dialling.attempts_min),
        ("dialling.give_up_hours", figures.dialling.give_up_hours),
        ("dialling.missed_minutes", figures.dialling.missed_minutes),
        ("dialling.failed_retry_minutes", figures.dialling.failed_retry_minutes),
        ("dialling.task_minutes", figures.dialling.task_minutes),
        ("dialling.start_wait_s", figures.dialling.start_wait_s),
        ("talk.answer_minutes", figures.talk.answer_minutes),
        ("talk.doubt_days", figures.talk.doubt_days),
        ("talk.follow_up_days", figures.talk.follow_up_days),
        ("talk.special_hours", figures.talk.special_hours),
        ("task.late_minutes", figures.task.late_minutes),
        ("task.escalate_minutes", figures.task.escalate_minutes),
        ("payment.confirm_minutes", figures.payment.confirm_minutes),
        ("payment.part_days", figures.payment.part_days),
        ("refund.answer_work_hours", figures.refund.answer_work_hours),
        ("next_note.update_minutes", figures.next_note.update_minutes),
    ] {
        if value == 0 {
            findings.wrong.add(key, "0", "1 or more");
        }
    }
    for (key, value, most) in [
        ("next_note.update_minutes", figures.next_note.update_minutes, 120),
        ("talk.answer_minutes", figures.talk.answer_minutes, 5 * 24 * 60),
        ("payment.part_days", figures.payment.part_days, 366),
    ] {
        if value > most {
            findings.wrong.add(key, value.to_string(), format!("{most} or less"));
        }
    }
    let every = figures.dialling.every_minutes;
    if every > 0 && every < figures.dialling.gap_minutes {
        let why = format!("{every} is less than dialling.gap_minutes");
        findings.wrong.add("dialling.every_minutes", why, "0, or at least dialling.gap_minutes");
    }
}

/// A section that opens a lead needs the pipeline to open it in (R2, W1).
pub(super) fn pipelines(draft: &Draft, findings: &mut Findings) {
    let Some(amocrm) = draft.crm() else { return };
    for (key, on, role) in [
        ("refusal.revival", draft.figures.refusal.revival, LeadRole::Revival),
        ("payment.fulfilment", draft.figures.payment.fulfilment, LeadRole::Fulfilment),
    ] {
        if on && !amocrm.pipelines.contains_key(&role) {
            let allowed = format!("false, or [amocrm.pipelines.{}] in school.toml", role.as_str());
            findings.wrong.add(key, "there is no pipeline for it", allowed);
        }
        if !on && amocrm.pipelines.contains_key(&role) {
            let wrong = format!("false, so no lead is made in [amocrm.pipelines.{}]", role.as_str());
            findings.warn.add(key, wrong, "true, or a school.toml without that pipeline");
        }
    }
}
