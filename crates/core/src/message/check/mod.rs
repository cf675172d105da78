//! Finds the mistakes in a template before it is used: unknown variables, methods, filters and functions, and
//! comparisons of a text with a number, which the engine would answer without an error. Never renders a text
//! for a client. Enter at [`faults`].

mod walk;

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, machinery};

use self::walk::Walk;
use crate::problem::nearest;

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Flag,
    /// A list of texts.
    List,
    /// Another list, or a table such as `order`.
    Other,
}

/// The variables that a template may use, by their full names.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub known: BTreeMap<String, Kind>,
    /// Names that any label may follow: `order.source.`.
    pub open: Option<&'static str>,
    /// What a variable can be, or what a list can hold, where that is known: an author is `client` or `manager`.
    pub values: BTreeMap<&'static str, Vec<&'static str>>,
    /// Writes a text as this variable would hold it, where it has one form.
    pub forms: BTreeMap<&'static str, fn(&str) -> String>,
}

impl Names {
    /// What people are told to use: without the tables themselves.
    pub fn list(&self) -> Vec<String> {
        let is_table = |name: &str| self.known.keys().any(|other| other.starts_with(&format!("{name}.")));
        self.known.keys().filter(|name| !is_table(name)).cloned().collect()
    }

    fn is_known(&self, name: &str) -> bool {
        self.known.contains_key(name) || self.open.is_some_and(|open| name.starts_with(open))
    }

    fn numbers(&self) -> String {
        let numbers = self.known.iter().filter(|(_, kind)| **kind == Kind::Number);
        numbers.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// One mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Counted from 1, in the template.
    pub line: usize,
    pub wrong: String,
    pub allowed: String,
}

/// Filters that are worth naming to a person; the engine knows more.
const FILTERS: [&str; 12] = [
    "default", "first", "join", "last", "length", "lines", "lower", "plural", "replace", "split", "trim",
    "upper",
];

/// All mistakes that can be seen without rendering, in the order of lines.
pub(super) fn faults(env: &Environment<'_>, source: &str, names: &Names) -> Vec<Flaw> {
    let parsed = machinery::parse(source, "", SyntaxConfig::default());
    let (tree, unknown) = match (parsed, env.template_from_str(source)) {
        (Ok(tree), Ok(template)) => (tree, template.undeclared_variables(true)),
        (Err(error), _) | (_, Err(error)) => return vec![not_a_template(&error)],
    };
    let mut walk = Walk::new(env, names);
    walk.statement(&tree);
    let mut found = walk.found;
    for name in unknown.iter().filter(|name| !names.is_known(name) && !walk.called.contains(*name)) {
        let line = walk.lines.get(name).copied().unwrap_or(1);
        let all = names.list();
        let near = || nearest(name, all.iter().map(String::as_str)).or_else(|| below(name, &all));
        let meant = elsewhere(name, &all).or_else(near);
        let meant = meant.map(|near| format!("is `{near}` meant? There are: ")).unwrap_or_default();
        let wrong = format!("unknown variable `{name}`");
        found.push(Flaw { line, wrong, allowed: format!("{meant}{}", all.join(", ")) });
    }
    found.sort_by(|one, other| (one.line, &one.wrong).cmp(&(other.line, &other.wrong)));
    found.dedup();
    found
}

/// What other systems call otherwise: `order.price` is `order.cost`.
fn elsewhere<'n>(name: &str, all: &'n [String]) -> Option<&'n str> {
    const WORDS: [(&[&str], &str); 7] = [
        (&["price", "sum", "total", "amount"], "cost"),
        (&["price_sum", "total_sum"], "cost_sum"),
        (&["payed", "paid_money"], "paid"),
        (&["debt", "rest"], "left"),
        (&["course", "product", "offer", "title"], "positions"),
        (&["link", "url", "payment_url"], "payment_link"),
        (&["firstname", "first_name", "fio"], "name"),
    ];
    let (table, last) = name.rsplit_once('.')?;
    let (_, ours) = WORDS.iter().find(|(theirs, _)| theirs.contains(&last))?;
    all.iter().map(String::as_str).find(|known| known.rsplit_once('.') == Some((table, *ours)))
}

/// The only name that ends like this one: `source.form` for `form`.
fn below<'n>(name: &str, all: &'n [String]) -> Option<&'n str> {
    let mut ends = all.iter().filter(|known| known.rsplit_once('.').is_some_and(|(_, last)| last == name));
    let only = ends.next()?;
    ends.next().is_none().then_some(only)
}

/// The engine's own error, of parsing or of a trial.
pub(super) fn not_a_template(error: &minijinja::Error) -> Flaw {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Flaw {
        line: error.line().unwrap_or(1),
        wrong: format!("not a template: {what}"),
        allowed: "`{{ order.number }}` and `{% if … %} … {% endif %}`".to_owned(),
    }
}
