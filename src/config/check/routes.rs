//! Checks the routes (G1–G7, G10): conditions, templates, what they name, and which of them nothing can reach.
//! Never chooses one. Enter at [`routes`].

use std::collections::{BTreeMap, BTreeSet};

use super::answers::OF_ANSWERS;
use super::{Draft, Findings};
use crate::message::condition::{self, Condition};
use crate::platform::check::repeated;
use crate::problem::nearest;
use crate::process::definition::{Assign, Route};
use crate::process::{LeadRole, ManagerId, Stage, routing};

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
            if let Some(other) = offers.get(&**offer) {
                let why = format!("offer {offer} is taken by the route «{other}» already");
                findings.wrong.add(key("offers"), why, "one route for an offer, the last of those with it");
            } else if route.when.is_none() {
                offers.insert(offer, &route.name);
            }
        }
        if let Some(line) = &route.line {
            let told = condition::told_line(line);
            if told != *line {
                findings.wrong.add(key("line"), "calls never tell the line so", format!("\"{told}\""));
            }
            if let Some(other) = lines.get(&**line) {
                let why = format!("the line is taken by the route «{other}» already");
                findings.wrong.add(key("line"), why, "one route for a line, the last of those with it");
            } else if route.when.is_none() {
                lines.insert(line, &route.name);
            }
        }
        // A condition under a wrong name was meant to be one.
        let has_mistake = findings.wrong.found.iter().any(|problem| problem.key.starts_with(&key("")));
        if route.is_rest() && !has_mistake {
            if let Some(other) = rest {
                let why = format!("nothing can reach it: «{other}» takes what is left over");
                findings.wrong.add(
                    key("offers"),
                    why,
                    "`when`, offers or a line; only one route takes the rest",
                );
            }
            rest = rest.or(Some(&route.name));
        }
        one_route(draft, route, findings);
    }
    unmapped_stages(draft, findings);
    unbrought(draft, findings);
    if rest.is_none() {
        let why = "no route takes an order whose offer is not named";
        findings.warn.add("routes", why, "a last route without `when`, `offers` and `line`");
    }
}

/// G10: what a route needs and no printed address brings stays unknown.
fn unbrought(draft: &Draft, findings: &mut Findings) {
    for (platform, brought) in
        draft.platforms.iter().filter_map(|(platform, settings)| Some((platform.name, settings.brings()?)))
    {
        let needed = routing::needed(draft.routes, draft.figures, draft.texts);
        for (name, key) in
            needed.iter().filter(|(name, key)| key.starts_with("routes.") && !brought.contains(*name))
        {
            let meant = nearest(name, brought.iter().map(String::as_str));
            let meant = meant.map(|near| format!("is `{near}` meant? Otherwise ")).unwrap_or_default();
            let why = format!("no address that `dozvon url` prints brings `{name}`");
            let allowed = format!("{meant}a variable for it in [{platform}.variables]");
            findings.warn.add(key.clone(), why, allowed);
        }
    }
}

/// A lead without its own status is created in the pipeline's first one.
fn unmapped_stages(draft: &Draft, findings: &mut Findings) {
    let Some(crm) = draft.crm() else { return };
    for (table, pipeline) in crm.all_pipelines() {
        let usual = crm.pipelines.get(&LeadRole::Sales).map(|sales| sales.id);
        let missing = |route: &&Route| {
            let of = route.pipeline.or(usual);
            of == Some(pipeline.id) && route.stage < Stage::Won && !pipeline.stages.contains_key(&route.stage)
        };
        let routes: Vec<&str> = draft.routes.iter().filter(missing).map(|route| &*route.name).collect();
        if !routes.is_empty() {
            let why = format!("new leads of these routes appear in the first stage: {}", routes.join(", "));
            let allowed = "a status for the `stage` of each route";
            findings.warn.add(format!("{table}.stages"), why, allowed);
        }
    }
}

fn one_route(draft: &Draft, route: &Route, findings: &mut Findings) {
    let key = |field: &str| format!("routes.{}.{field}", route.name);
    for (field, manager) in managers_of(route) {
        if !draft.named.contains(manager.as_str()) {
            let all = draft.named.iter().cloned().collect::<Vec<_>>().join(", ");
            let why = format!("unknown manager `{manager}`");
            findings.wrong.add(key(field), why, format!("one of: {all}"));
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
    conditions(route, findings);
    dictionaries(draft, route, findings);
    pipeline(draft, route, findings);
    if let Some(task) = &route.task.text
        && (!task.starts_with("task_") || !draft.texts.has(task))
    {
        let why = format!("no text of a task is named `{task}`");
        findings.wrong.add(key("task"), why, "a shipped `task_…` or a file in texts/");
    }
    if route.task.minutes > TASK_MINUTES_MAX {
        let why = format!("{} minutes", route.task.minutes);
        findings.wrong.add(
            key("task.minutes"),
            why,
            format!("at most {TASK_MINUTES_MAX}, a day of the team"),
        );
    }
    if route.stage >= Stage::Won {
        findings.wrong.add(key("stage"), "a new lead cannot be closed", "a stage before won and lost");
    }
}

/// The first task of an order does not wait longer than a day of the team.
const TASK_MINUTES_MAX: u32 = 720;

fn templates(draft: &Draft, route: &Route, findings: &mut Findings) {
    let key = |field: &str| format!("routes.{}.{field}", route.name);
    let names = [("lead_name", Some(&route.lead_name)), ("contact_name", route.contact_name.as_ref())];
    for (field, template) in names {
        if let Some(Err((why, allowed))) = template.map(|template| draft.texts.check_inline(template)) {
            findings.wrong.add(key(field), why, allowed);
        }
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
            if table == "fields" && draft.file.answers.fields().any(|known| known.to_string() == *field) {
                findings.wrong.add(key.clone(), OF_ANSWERS, "another field");
            }
            if let Err((why, allowed)) = draft.texts.check_inline(template) {
                findings.wrong.add(key, why, allowed);
            }
        }
    }
}

/// G10, G2: the expressions, which the program itself evaluates later.
fn conditions(route: &Route, findings: &mut Findings) {
    let when = route.when.iter().flat_map(|when| condition::faults(when.text()));
    let price = route.price.iter().flat_map(|price| condition::price_faults(price));
    let found = when.map(|fault| ("when", fault)).chain(price.map(|fault| ("price", fault)));
    for (field, (why, allowed)) in found {
        findings.wrong.add(format!("routes.{}.{field}", route.name), why, allowed);
    }
    let sound = route.when.as_ref().filter(|when| condition::faults(when.text()).is_empty());
    let (why, allowed) = match sound.and_then(Condition::always) {
        Some(true) => {
            ("it holds whatever the order is", "a comparison that only some orders fit, or no `when`")
        }
        Some(false) => ("no order fits it", "a comparison that some orders fit"),
        None => return,
    };
    findings.warn.add(format!("routes.{}.when", route.name), why, allowed);
}

/// G10: what a route sets is a value of a dictionary. A template is filled in later; a value that the
/// dictionary does not have is left out then.
fn dictionaries(draft: &Draft, route: &Route, findings: &mut Findings) {
    for (name, value) in &route.set {
        let key = format!("routes.{}.set.{name}", route.name);
        let Some(dictionary) = draft.file.dictionaries.get(name) else {
            let all = draft.file.dictionaries.keys().cloned().collect::<Vec<_>>().join(", ");
            let why = format!("unknown dictionary `{name}`");
            let allowed = match all.is_empty() {
                true => "a table [dictionaries.<name>] with its `values`".to_owned(),
                false => format!("one of: {all}"),
            };
            findings.wrong.add(key, why, allowed);
            continue;
        };
        if let Err((why, allowed)) = draft.texts.check_inline(value) {
            findings.wrong.add(key, why, allowed);
        } else if !value.contains("{{") && !value.contains("{%") && !dictionary.values.contains(value) {
            let why = format!("unknown value `{value}`");
            findings.wrong.add(key, why, format!("one of: {}", dictionary.values.join(", ")));
        } else if dictionary.field.is_some_and(|field| route.fields.contains_key(&field.to_string())) {
            let why = "the route's `fields` write the same field of the lead";
            findings.wrong.add(key, why, "one of the two");
        }
    }
}

/// G1: the pipeline is one whose stages are known.
fn pipeline(draft: &Draft, route: &Route, findings: &mut Findings) {
    let (Some(id), Some(crm)) = (route.pipeline, draft.crm()) else { return };
    if crm.sales().any(|pipeline| pipeline.id == id) {
        return;
    }
    let known: Vec<String> = crm.sales().map(|pipeline| pipeline.id.to_string()).collect();
    let why = format!("no sales pipeline of [amocrm] has the id {id}");
    let allowed =
        format!("a table [amocrm.sales_pipelines.<name>] with its id and stages, or {}", known.join(", "));
    findings.wrong.add(format!("routes.{}.pipeline", route.name), why, allowed);
}

fn managers_of(route: &Route) -> BTreeSet<(&'static str, ManagerId)> {
    let mut all: BTreeSet<(&'static str, ManagerId)> = match &route.responsible {
        Assign::Load | Assign::FreePool => BTreeSet::new(),
        Assign::Fixed { manager } => BTreeSet::from([("responsible.manager", manager.clone())]),
        Assign::Queue { managers } => {
            managers.iter().map(|id| ("responsible.managers", id.clone())).collect()
        }
        Assign::Product { offers } => offers.values().map(|id| ("responsible.offers", id.clone())).collect(),
    };
    all.extend(route.contact_responsible.iter().map(|id| ("contact_responsible", id.clone())));
    all.extend(route.task.to.iter().map(|id| ("task.to", id.clone())));
    all
}
