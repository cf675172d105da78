//! Checks the managers. Enter at [`roster`].

use super::{Draft, Findings};
use crate::email::parse_email;
use crate::platform::check::repeated;
use crate::problem::Problem;

pub(super) fn roster(draft: &Draft, findings: &mut Findings) {
    let wrong = &mut findings.wrong;
    if draft.named.is_empty() {
        wrong.add("managers", "nobody", "a table [managers.<name>] for each seller");
        return;
    }
    for id in draft.named {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !id.chars().all(fits) {
            wrong.add(format!("managers.{id}"), "no short name", "a-z, 0-9, - and _");
        }
    }
    // A head whose table is unreadable, or whose `head` is misspelt, has been reported already.
    let is_misspelt = |problem: &Problem| {
        problem.file == wrong.file && problem.key.starts_with("managers.") && problem.wrong == "unknown key"
    };
    let all_read = draft.roster.len() == draft.named.len() && !wrong.found.iter().any(is_misspelt);
    let heads: Vec<&str> = draft.roster.iter().filter(|m| m.head).map(|m| m.id.as_str()).collect();
    match heads[..] {
        [_] => {}
        [] if all_read => wrong.add("managers", "no head of sales", "`head = true` for one of them"),
        [] => {}
        _ => {
            wrong.add(
                "managers",
                format!("several heads: {}", heads.join(", ")),
                "`head = true` for one of them",
            );
        }
    }
    if all_read && !draft.roster.iter().any(|manager| manager.active) {
        wrong.add("managers", "nobody is active", "`active = true` for at least one of them");
    }
    for manager in draft.roster {
        // The address is personal data and is not repeated.
        if manager.email.as_deref().is_some_and(|email| parse_email(email).is_none()) {
            let key = format!("managers.{}.email", manager.id);
            findings.wrong.add(key, "no e-mail address", "the address in GetCourse, name@school.example");
        }
    }
    doubles(draft, findings);
}

fn doubles(draft: &Draft, findings: &mut Findings) {
    let of = |pick: fn(&crate::process::definition::Manager) -> Option<String>| {
        repeated(draft.roster.iter().filter_map(pick))
    };
    for (field, twice) in [
        ("amocrm", of(|m| m.amocrm.map(|id| id.to_string()))),
        ("getcourse", of(|m| m.getcourse.map(|id| id.to_string()))),
        ("extension", of(|m| m.extension.clone())),
        // The e-mail address is personal data and is not repeated.
        ("email", of(|m| m.email.as_ref().map(|email| email.trim().to_lowercase()))),
    ] {
        for value in twice {
            let value = if field == "email" { String::new() } else { format!(" {value}") };
            findings.wrong.add("managers", format!("`{field}`{value} stands twice"), "one manager for each");
        }
    }
}
