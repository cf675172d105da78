//! Checks managers and the routes that name them (G1–G7).

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Findings};
use crate::email::parse_email;
use crate::platform::check::repeated;
use crate::problem::Problem;
use crate::process::definition::{Assign, Route};
use crate::process::{LeadRole, ManagerId, Stage};

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

pub(super) fn routes(draft: &Draft, findings: &mut Findings) {
    for name in repeated(draft.routes.iter().map(|route| route.name.clone())) {
        findings.wrong.add(format!("routes.{name}.name"), "two routes of this name", "a name of its own");
    }
    let mut offers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut lines: BTreeMap<&str, &str> = BTreeMap::new();
    let mut rest: Option<&str> = None;
    for route in draft.routes {
        let key = |field: &str| format!("routes.{}.{field}", route.name);
        for offer in &route.offers {
            if let Some(other) = offers.insert(offer, &route.name) {
                let why = format!("offer {offer} is taken by the route «{other}» already");
                findings.wrong.add(key("offers"), why, "one route for an offer");
            }
        }
        if let Some(line) = &route.line
            && let Some(other) = lines.insert(line, &route.name)
        {
            let why = format!("the line is taken by the route «{other}» already");
            findings.wrong.add(key("line"), why, "one route for a line");
        }
        if route.offers.is_empty() && route.line.is_none() {
            if let Some(other) = rest {
                let why = format!("nothing can reach it: «{other}» takes what is left over");
                findings.wrong.add(key("offers"), why, "offers or a line; only one route takes the rest");
            }
            rest = rest.or(Some(&route.name));
        }
        one_route(draft, route, findings);
    }
    unmapped_stages(draft, findings);
    if rest.is_none() {
        let why = "no route takes an order whose offer is not named";
        findings.warn.add("routes", why, "a last route without `offers` and `line`");
    }
}

/// A lead without its own status is created in the pipeline's first one.
fn unmapped_stages(draft: &Draft, findings: &mut Findings) {
    let pipelines = draft.crm().map(|amocrm| &amocrm.pipelines);
    let Some(sales) = pipelines.and_then(|pipelines| pipelines.get(&LeadRole::Sales)) else { return };
    let missing = |route: &&Route| route.stage < Stage::Won && !sales.stages.contains_key(&route.stage);
    let routes: Vec<&str> = draft.routes.iter().filter(missing).map(|route| route.name.as_str()).collect();
    if !routes.is_empty() {
        let why = format!("new leads of these routes appear in the first stage: {}", routes.join(", "));
        let allowed = "a status for the `stage` of each route";
        findings.warn.add("amocrm.pipelines.sales.stages", why, allowed);
    }
}

fn one_route(draft: &Draft, route: &Route, findings: &mut Findings) {
    let key = |field: &str| format!("routes.{}.{field}", route.name);
    for (field, manager) in managers_of(route) {
        if !draft.named.contains(manager.as_str()) {
            let all = draft.named.iter().cloned().collect::<Vec<_>>().join(", ");
            let why = format!("unknown manager `{manager}`");
            findings.wrong.add(key(&format!("responsible.{field}")), why, format!("one of: {all}"));
        }
    }
    if let Assign::Queue { managers } = &route.responsible
        && managers.is_empty()
    {
        findings.wrong.add(key("responsible.managers"), "an empty queue", "at least one manager");
    }
    if let Assign::Product { offers } = &route.responsible {
        for offer in offers.keys().filter(|offer| !route.offers.is_empty() && !route.offers.contains(offer)) {
            let why = format!("offer {offer} never takes this route");
            findings.warn.add(key("responsible.offers"), why, "one of the route's `offers`");
        }
    }
    templates(draft, route, findings);
    if let Some(task) = &route.task
        && (!task.starts_with("task_") || !draft.texts.has(task))
    {
        let why = format!("no text of a task is named `{task}`");
        findings.wrong.add(key("task"), why, "a shipped `task_…` or a file in texts/");
    }
    if route.stage >= Stage::Won {
        findings.wrong.add(key("stage"), "a new lead cannot be closed", "a stage before won and lost");
    }
}

fn templates(draft: &Draft, route: &Route, findings: &mut Findings) {
    let key = |field: &str| format!("routes.{}.{field}", route.name);
    if let Err((why, allowed)) = draft.texts.check_inline(&route.lead_name) {
        findings.wrong.add(key("lead_name"), why, allowed);
    }
    for (table, fields) in [("fields", &route.fields), ("contact_fields", &route.contact_fields)] {
        for (field, template) in fields {
            let key = key(&format!("{table}.{field}"));
            if field.parse::<u64>().is_err() {
                findings.wrong.add(
                    key.clone(),
                    "no id of a field",
                    "a number, as `dozvon discover` shows it",
                );
            }
            if let Err((why, allowed)) = draft.texts.check_inline(template) {
                findings.wrong.add(key, why, allowed);
            }
        }
    }
}

fn managers_of(route: &Route) -> BTreeSet<(&'static str, ManagerId)> {
    match &route.responsible {
        Assign::Load | Assign::FreePool => BTreeSet::new(),
        Assign::Fixed { manager } => BTreeSet::from([("manager", manager.clone())]),
        Assign::Queue { managers } => managers.iter().map(|id| ("managers", id.clone())).collect(),
        Assign::Product { offers } => offers.values().map(|id| ("offers", id.clone())).collect(),
    }
}
