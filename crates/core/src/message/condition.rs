//! The condition of a route (G10), one expression of the template language: `offer in ['551'] and cost_sum >=
//! 30000`. It never chooses a route. Enter at [`Condition::holds`]; [`faults`] finds what is wrong before anything is
//! asked, [`Condition::always`] whether it decides anything, [`needed`] names the variables of an expression.
//!
//! An order may have several offers: `offer` is each of them in turn, and one that fits is enough. What nobody has
//! told is unknown, and not empty: it makes the condition fail, also under `not`, and the journal says so. Told is
//! what a report carried, also as an empty text; of an order's utm marks all are told as soon as one is. A caller
//! has ordered nothing, so his texts are empty.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::Value;
use minijinja::{Environment, Expression, context};
use serde::{Deserialize, Serialize};

use super::check::{self, Flaw, Kind, Names};
use super::template::{Source, environment};
use super::trials;
use super::truth::{self, Truth};

/// What is known of an order, or of an unknown caller, when its route is chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    pub offers: Vec<String>,
    pub positions: String,
    /// In whole units of the currency.
    pub cost_sum: Option<f64>,
    /// `client`, `manager`, or empty.
    pub author: String,
    /// Our line that was called; empty for an order.
    pub line: String,
    /// utm, form, page, promocode, city.
    pub source: BTreeMap<String, String>,
    pub tags: Option<Vec<String>>,
    pub groups: Option<Vec<String>>,
}

impl Facts {
    /// Nobody has said whether the order has this: a variable of a condition.
    fn is_untold(&self, name: &str) -> bool {
        let is_caller = !self.line.is_empty();
        match name {
            "cost_sum" => self.cost_sum.is_none(),
            "tags" => self.tags.is_none(),
            "groups" => self.groups.is_none(),
            _ if is_caller => false,
            "offer" | "offers" => self.offers.is_empty(),
            "positions" => self.positions.is_empty(),
            "author" => self.author.is_empty(),
            "source" => self.source.is_empty(),
            _ => name.strip_prefix("source.").is_some_and(|label| !is_told(label, &self.source)),
        }
    }
}

/// Whether a report has carried this label of a source: marks of a visit come together, and an absent one is none.
pub fn is_told(label: &str, source: &BTreeMap<String, String>) -> bool {
    let is_mark = |name: &str| name.starts_with("utm_");
    source.contains_key(label) || (is_mark(label) && source.keys().any(|told| is_mark(told)))
}

/// The variables of a condition. Any label may follow `source.`; these are the usual ones.
const VARIABLES: [(&str, Kind); 18] = [
    ("offer", Kind::Text),
    ("offers", Kind::List),
    ("positions", Kind::Text),
    ("cost_sum", Kind::Number),
    ("author", Kind::Text),
    ("line", Kind::Text),
    ("tags", Kind::List),
    ("groups", Kind::List),
    ("source", Kind::Other),
    ("source.utm_source", Kind::Text),
    ("source.utm_medium", Kind::Text),
    ("source.utm_campaign", Kind::Text),
    ("source.utm_term", Kind::Text),
    ("source.utm_content", Kind::Text),
    ("source.form", Kind::Text),
    ("source.page", Kind::Text),
    ("source.promocode", Kind::Text),
    ("source.city", Kind::Text),
];

/// Who can have made an order.
pub(super) const AUTHORS: [&str; 2] = ["client", "manager"];

/// Letters of a condition.
const LETTERS_MAX: usize = 2000;

/// A condition as a school has written it, read once: every order is asked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Condition(Arc<Parsed>);

struct Parsed {
    text: String,
    /// The variables that it names.
    needed: BTreeSet<String>,
    /// Else the engine's words: it is no expression.
    truth: Result<Truth<Question>, String>,
}

/// A part of a condition that is true or false in itself.
struct Question {
    needed: BTreeSet<String>,
    expression: Result<Expression<'static, 'static>, String>,
}

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(environment);

impl Condition {
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let question = |part: &str| Question { needed: needed(part), expression: compiled(part) };
        let truth = compiled(&text).map(|_| truth::read(&text, &question));
        Self(Arc::new(Parsed { needed: needed(&text), truth, text }))
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The variables that it names.
    pub fn needed(&self) -> &BTreeSet<String> {
        &self.0.needed
    }

    /// Whether it holds; otherwise why that cannot be said.
    pub fn holds(&self, facts: &Facts) -> Result<bool, String> {
        let truth = self.0.truth.as_ref().map_err(Clone::clone)?;
        let (mut failed, mut is_known) = (None, true);
        for offer in each(&facts.offers) {
            let mut answer = |part: &Question| {
                if part.needed.iter().any(|name| facts.is_untold(name)) {
                    return None;
                }
                let expression = part.expression.as_ref().map_err(Clone::clone);
                let asked = expression.and_then(|one| asked(one, facts, offer).map_err(|error| said(&error)));
                asked.map_err(|why| failed = Some(why)).ok()
            };
            match truth.known(&mut answer) {
                Some(true) => return Ok(true),
                Some(false) => {}
                None => is_known = false,
            }
        }
        match is_known {
            true => Ok(false),
            false => Err(self.untold(facts).or(failed).unwrap_or_default()),
        }
    }

    /// What it says of every order, if it says the same of all; `None` if it decides something, or nobody can tell.
    pub fn always(&self) -> Option<bool> {
        let said = trials::of(self.text(), self.needed())?.into_iter().map(|facts| self.holds(&facts).ok());
        let said: Vec<Option<bool>> = said.collect();
        let first = *said.iter().flatten().next()?;
        // Of an order that lacks what it asks for it does not hold.
        said.iter().all(|one| one.unwrap_or(false) == first).then_some(first)
    }

    /// The variables that it needs and nobody has said.
    fn untold(&self, facts: &Facts) -> Option<String> {
        let names = self.needed().iter().filter(|name| facts.is_untold(name));
        let names: Vec<&str> = names.map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

impl From<String> for Condition {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text().to_owned()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.text(), f)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// The value of an expression that has to be a number; `None` if it is not.
pub fn number(expression: &str, cost_sum: Option<f64>) -> Option<f64> {
    let facts = Facts { cost_sum, ..Facts::default() };
    let value = compiled(expression).ok()?.eval(variables(&facts, "")).ok()?;
    f64::try_from(value).ok().filter(|number| number.is_finite() && *number >= 0.0)
}

/// A line of ours as calls tell it: `+74955550000`; a trunk keeps its name.
pub fn told_line(typed: &str) -> String {
    let is_number = typed.chars().all(|one| one.is_ascii_digit() || " +-()".contains(one));
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix(['7', '8']).filter(|national| is_number && national.len() == 10);
    national.map_or_else(|| typed.to_owned(), |national| format!("+7{national}"))
}

/// All mistakes of a condition: what is wrong, and what is allowed.
pub fn faults(when: &str) -> Vec<(String, String)> {
    faults_of(when, &names(), &|expression| asked(expression, &example(), "5512874").map(drop))
}

/// The same of an expression that gives the price of a lead.
pub fn price_faults(price: &str) -> Vec<(String, String)> {
    let names = Names { known: BTreeMap::from([("cost_sum".to_owned(), Kind::Number)]), ..Names::default() };
    let found = faults_of(price, &names, &|expression| expression.eval(variables(&example(), "")).map(drop));
    match found.is_empty() && number(price, example().cost_sum).is_none() {
        true => vec![("not a number".to_owned(), "`cost_sum * 0.9`, or a number in quotes".to_owned())],
        false => found,
    }
}

/// The variables that an expression names: `source.utm_medium`, `groups`. Empty if it cannot be read.
pub fn needed(expression: &str) -> BTreeSet<String> {
    let found = compiled(expression).map(|expression| expression.undeclared_variables(true));
    found.unwrap_or_default().into_iter().collect()
}

fn compiled(expression: &str) -> Result<Expression<'static, 'static>, String> {
    ENGINE.compile_expression_owned(expression.to_owned()).map_err(|error| said(&error))
}

/// What `offer` is in turn; an order without offers is asked about once.
fn each(offers: &[String]) -> impl Iterator<Item = &str> {
    let none = offers.is_empty().then_some("");
    offers.iter().map(String::as_str).chain(none)
}

fn asked(expression: &Expression<'_, '_>, facts: &Facts, offer: &str) -> Result<bool, minijinja::Error> {
    expression.eval(variables(facts, offer)).map(|value| value.is_true())
}

/// What nobody has said stays undefined, so that asking for it is an error.
fn variables(facts: &Facts, offer: &str) -> Value {
    let Facts { offers, positions, cost_sum, author, line, source, tags, groups } = facts;
    let list =
        |list: &Option<Vec<String>>| list.as_ref().map_or(Value::UNDEFINED, |list| Value::from(list.clone()));
    context! {
        offer, offers, positions, author, line,
        cost_sum => cost_sum.map_or(Value::UNDEFINED, Value::from),
        source => Value::from_object(Source(source.clone())),
        tags => list(tags),
        groups => list(groups),
    }
}

fn faults_of(
    source: &str,
    names: &Names,
    trial: &dyn Fn(&Expression<'_, '_>) -> Result<(), minijinja::Error>,
) -> Vec<(String, String)> {
    let allowed = "offer in ['5512874'] and source.utm_medium == 'cpc' and cost_sum >= 30000";
    if source.chars().count() > LETTERS_MAX {
        return vec![("too long".to_owned(), format!("at most {LETTERS_MAX} letters"))];
    }
    let expression = match ENGINE.compile_expression(source) {
        Ok(expression) => expression,
        Err(error) => {
            let hint = if has_lone_sign(source) { "`==` compares, `=` does not: " } else { "" };
            return vec![(format!("not an expression: {}", said(&error)), format!("{hint}{allowed}"))];
        }
    };
    // A template around it is walked like any other.
    let found = check::faults(&ENGINE, &format!("{{{{ {source} }}}}"), names);
    if !found.is_empty() {
        return found.into_iter().map(|Flaw { wrong, allowed, .. }| (wrong, allowed)).collect();
    }
    match trial(&expression) {
        Ok(()) => Vec::new(),
        Err(error) => vec![(format!("cannot be evaluated: {}", said(&error)), allowed.to_owned())],
    }
}

/// A `=` outside of quotes that belongs to no `==`, `!=`, `<=` or `>=`.
fn has_lone_sign(source: &str) -> bool {
    let (mut quote, mut before) = (None, ' ');
    let mut letters = source.chars().peekable();
    while let Some(letter) = letters.next() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            None if letter == '=' && !"=!<>".contains(before) && letters.peek() != Some(&'=') => return true,
            _ => {}
        }
        before = letter;
    }
    false
}

fn names() -> Names {
    let known = VARIABLES.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    let forms = BTreeMap::from([("line", told_line as fn(&str) -> String)]);
    Names { known, open: Some("source."), values: BTreeMap::from([("author", AUTHORS.to_vec())]), forms }
}

/// The engine's own words; they may repeat a part of the condition, never a value.
fn said(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

fn example() -> Facts {
    let text = str::to_owned;
    Facts {
        offers: vec![text("5512874")],
        positions: text("Курс"),
        cost_sum: Some(38_500.0),
        author: text("client"),
        line: text("+74955550100"),
        source: BTreeMap::from([(text("utm_source"), text("vk"))]),
        tags: Some(vec![text("вебинар")]),
        groups: Some(vec![text("ученики")]),
    }
}

#[cfg(test)]
mod tests;
