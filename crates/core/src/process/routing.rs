//! The choice of an order's route, and why it was this one (G10). Never chooses a responsible and makes no lead.
//! Enter at [`choose`]; [`needed`] says what the rules ask for, [`reads_first`] and [`lacking`] what an order lacks
//! of it.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Order;
use super::definition::{Assign, Figures, Process, Route};
use super::event::{Author, OrderFacts};
use super::value::*;
use crate::message::condition::{self, Condition, Facts};
use crate::message::library::Library;
use crate::message::phrase::{Phrase, routes};
use crate::mutant::cut;

/// A route with its reason, and the routes that were passed over because nobody knows whether they fit.
pub(super) struct Chosen<'p> {
    pub route: Option<&'p Route>,
    pub why: Phrase,
    pub unsure: Vec<Phrase>,
}

/// The first route from the top whose conditions hold, else the first one without conditions.
pub(super) fn choose<'p>(process: &'p Process, facts: &Facts) -> Chosen<'p> {
    let mut unsure = Vec::new();
    for route in process.routes.iter().filter(|route| !route.is_rest()) {
        match fits(route, facts) {
            Ok(Some(why)) => return Chosen { route: Some(route), why, unsure },
            Ok(None) => {}
            Err(unknown) => unsure.push(routes::unsure(&*route.name, &*unknown)),
        }
    }
    let route = process.routes.iter().find(|route| route.is_rest());
    let rest = |route: &Route| match unsure.is_empty() {
        true => routes::rest(&*route.name),
        false => routes::for_now(&*route.name),
    };
    let why = route.map_or_else(routes::none, rest);
    Chosen { route, why, unsure }
}

/// The reason for this route; `None` if it does not fit, an error if that cannot be said.
fn fits(route: &Route, facts: &Facts) -> Result<Option<Phrase>, String> {
    let name = &*route.name;
    let (by_offer, by_line) = (short_offer(route, facts), short_line(route, facts));
    let is_short = !route.offers.is_empty() || route.line.is_some();
    let short = by_offer.map(|offer| routes::by_offer(name, offer));
    let short = short.or_else(|| by_line.map(|line| routes::by_line(name, line)));
    // A caller has ordered nothing, so nothing is unknown of it.
    let is_order = facts.line.is_empty() && !cut("G10.unsure");
    if is_short && short.is_none() {
        let unknown = is_order && !route.offers.is_empty() && facts.offers.is_empty();
        return if unknown { Err("offers".to_owned()) } else { Ok(None) };
    }
    let Some(when) = &route.when else { return Ok(short) };
    let holds = match when.holds(facts) {
        Err(_) if !is_order => false,
        holds => holds? && !cut("G10.when"),
    };
    Ok(holds.then(|| routes::by_condition(name, when.text())))
}

fn short_offer<'r>(route: &'r Route, facts: &Facts) -> Option<&'r str> {
    route.offers.iter().find(|offer| facts.offers.contains(offer)).map(String::as_str)
}

fn short_line<'r>(route: &'r Route, facts: &Facts) -> Option<&'r str> {
    let line = route.line.as_deref()?;
    (line == facts.line && !cut("L8.by_line")).then_some(line)
}

impl Process {
    /// Unknown callers of this line become orders (L8): a route is for it, by its name or by a condition that
    /// asks for the line.
    pub fn takes_callers_of(&self, line: &str) -> bool {
        let facts = Facts { line: line.to_owned(), ..Facts::default() };
        let asks_for_line = |route: &Route| {
            route.line.is_some() || route.when.iter().any(|when| when.needed().contains("line"))
        };
        let mut routes = self.routes.iter().filter(|route| asks_for_line(route));
        routes.any(|route| matches!(fits(route, &facts), Ok(Some(_))))
    }
}

/// The facts of a new order that the school's rules ask for, as sources name them, each with the key of the
/// file that asks first.
pub fn needed(routes: &[Route], figures: &Figures, texts: &Library) -> BTreeMap<String, String> {
    let mut needed = BTreeMap::new();
    let mut add = |name: &str, key: &str| {
        if let Some(name) = name_of_fact(name) {
            needed.entry(name.to_owned()).or_insert_with(|| key.to_owned());
        }
    };
    for route in routes {
        let key = |field: &str| format!("routes.{}.{field}", route.name);
        if !route.offers.is_empty() {
            add("offers", &key("offers"));
        }
        let named = route.when.iter().flat_map(|when| when.needed().clone());
        let named = named.chain(route.price.iter().flat_map(|price| condition::needed(price)));
        named.for_each(|name| add(&name, &key("when")));
        let templates =
            [("fields", &route.fields), ("contact_fields", &route.contact_fields), ("set", &route.set)];
        let templates = templates.into_iter().flat_map(|(table, all)| {
            all.iter().map(move |(name, template)| (format!("{table}.{name}"), template))
        });
        let names = std::iter::once(("lead_name".to_owned(), &route.lead_name));
        let names = names.chain(route.contact_name.iter().map(|name| ("contact_name".to_owned(), name)));
        for (field, template) in templates.chain(names) {
            let named = texts.variables_of(template);
            let sources = named.iter().filter_map(|name| name.strip_prefix("order."));
            sources.filter(|name| name.starts_with("source.")).for_each(|name| add(name, &key(&field)));
        }
    }
    if figures.arrival.short_path {
        add("author", "arrival.short_path");
    }
    needed
}

/// A variable of a condition, as sources name the fact.
fn name_of_fact(variable: &str) -> Option<&str> {
    match variable {
        "offer" => Some("offers"),
        "cost_sum" => Some("cost"),
        "offers" | "positions" | "author" | "tags" | "groups" => Some(variable),
        _ => variable.strip_prefix("source."),
    }
}

/// The facts on which the choice of a route and of its manager hangs.
fn decisive(process: &Process) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for route in &process.routes {
        let by_product = matches!(route.responsible, Assign::Product { .. });
        if by_product || !route.offers.is_empty() {
            facts.insert("offers".to_owned());
        }
        let asked = route.when.iter().flat_map(Condition::needed);
        facts.extend(asked.filter_map(|name| name_of_fact(name).map(str::to_owned)));
    }
    facts
}

/// A new order whose first report lacks what decides its route is read back before it is decided (G10): what can
/// be read of these facts. Empty if nothing can be read, or nothing hangs on it.
pub fn reads_first(process: &Process, facts: &OrderFacts) -> BTreeSet<String> {
    let ended = matches!(facts.status, Some(Status::Cancelled | Status::False));
    if !process.reads_orders || facts.is_read_back() || ended {
        return BTreeSet::new();
    }
    let lacks = |name: &String| match name.as_str() {
        "offers" => facts.offers.is_empty(),
        "positions" => facts.positions.is_none(),
        "cost" => facts.cost.is_none(),
        _ => false,
    };
    decisive(process).into_iter().filter(lacks).collect()
}

/// What decides a route, and nobody has said of this order.
pub(super) fn lacking(process: &Process, order: &Order) -> BTreeSet<String> {
    let is_said = |name: &String| match name.as_str() {
        "offers" => !order.offers.is_empty(),
        "positions" => order.positions.is_some(),
        "cost" => order.cost.is_some(),
        "author" => order.author.is_some(),
        name => condition::is_told(name, &order.source),
    };
    decisive(process).into_iter().filter(|name| !is_said(name)).collect()
}

/// Whether a report has told for the first time what decides the route.
pub(super) fn is_told_more(process: &Process, before: &Order, now: &Order) -> bool {
    let unknown = |order: &Order| (order.offers.is_empty(), lacking(process, order).len());
    unknown(before) != unknown(now)
}

/// What is known of an order when its route is chosen; `line` is the one that an unknown person called.
pub(super) fn facts(order: &Order, line: Option<&str>) -> Facts {
    let list = |name: &str| {
        let text = order.source.get(name)?;
        Some(text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect())
    };
    let author = match order.author {
        Some(Author::Client) => "client",
        Some(Author::Manager) => "manager",
        None => "",
    };
    Facts {
        offers: order.offers.clone(),
        positions: order.positions.clone().unwrap_or_default(),
        cost_sum: order.cost.as_ref().map(Money::major),
        author: author.to_owned(),
        line: line.unwrap_or_default().to_owned(),
        source: order.source.clone(),
        tags: list("tags"),
        groups: list("groups"),
    }
}
