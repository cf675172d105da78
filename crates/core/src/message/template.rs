//! Turns texts into templates: strict about variables, plain text, no stray blank lines. Contains no list of
//! texts. Enter at [`environment`] and [`context`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{AutoEscape, Environment, Template, UndefinedBehavior, context};

use super::head::{Fault, Head};
use super::vars::{ClientVars, ManagerVars, OrderVars, SchoolVars, Vars};

/// Missing keys of `order.source` are empty: each school decides which labels its pages pass on.
#[derive(Debug)]
struct Source(BTreeMap<String, String>);

impl Object for Source {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = key.as_str().and_then(|key| self.0.get(key));
        Some(Value::from(found.map_or("", String::as_str)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Value::from(key.as_str())).collect())
    }
}

pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    // Letters and tasks are plain text.
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env
}

pub(super) fn subject_of(text: &str) -> String {
    format!("{text}#subject")
}

pub(super) fn add_text(env: &mut Environment<'static>, name: &str, source: &str) -> Result<Head, Vec<Fault>> {
    let (head, body) = Head::split(name, source)?;
    let broken = |key: &'static str| move |error| vec![Fault::new(key, not_a_template(&error))];
    env.add_template_owned(name.to_owned(), join_tag_lines(body)).map_err(broken(""))?;
    if let Some(subject) = &head.subject {
        env.add_template_owned(subject_of(name), subject.clone()).map_err(broken("subject"))?;
    }
    Ok(head)
}

/// A line that contains only one `{% … %}` leaves no line in the text.
fn join_tag_lines(body: &str) -> String {
    let mut joined = String::with_capacity(body.len());
    for line in body.lines() {
        let bare = line.trim();
        let is_tag = bare.starts_with("{%")
            && bare.ends_with("%}")
            && bare.matches("{%").count() == 1
            && !bare.contains("include");
        joined.push_str(if is_tag { bare } else { line.trim_end() });
        if !is_tag {
            joined.push('\n');
        }
    }
    joined
}

pub(super) fn not_a_template(error: &minijinja::Error) -> (String, String) {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    (format!("not a template: {what}"), "`{{ order.number }}` and `{% if … %} … {% endif %}`".to_owned())
}

/// All unknown variables of a template, else the error of rendering it.
pub(super) fn faults_of(template: &Template<'_, '_>) -> Vec<(String, String)> {
    let known = known_variables();
    let mut unknown: Vec<String> = template
        .undeclared_variables(true)
        .into_iter()
        .filter(|name| !known.contains(name) && !name.starts_with("order.source."))
        .collect();
    unknown.sort();
    if !unknown.is_empty() {
        let all = variables().join(", ");
        return unknown.into_iter().map(|name| (format!("unknown variable `{name}`"), all.clone())).collect();
    }
    for vars in [Vars::full_example(), Vars::bare_example()] {
        if let Err(error) = template.render(context(&vars)) {
            return vec![not_a_template(&error)];
        }
    }
    Vec::new()
}

/// Every variable that a text may name, `order.cost`.
pub(super) fn variables() -> Vec<String> {
    let known = known_variables();
    known.iter().filter(|name| name.contains('.') || !has_fields(name, &known)).cloned().collect()
}

fn has_fields(name: &str, known: &BTreeSet<String>) -> bool {
    known.iter().any(|other| other.starts_with(&format!("{name}.")))
}

/// All names that a text may use: `time`, `order`, `order.number` …
fn known_variables() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    if let Ok(serde_json::Value::Object(roots)) = serde_json::to_value(Vars::default()) {
        for (root, value) in roots {
            if let serde_json::Value::Object(fields) = &value {
                known.extend(fields.keys().map(|field| format!("{root}.{field}")));
            }
            known.insert(root);
        }
    }
    known
}

/// The variables for the engine. Destructured field by field, so that forgetting a new one does not compile.
pub(super) fn context(vars: &Vars) -> Value {
    let Vars { school, order, client, manager, time, why, more, letters } = vars;
    let SchoolVars { name: school_name } = school;
    let OrderVars { number, id, positions, cost, paid, left, payment_link, source } = order;
    let ClientVars { name, phone, phone_words, phone_typed, phone_bad, email, local_time } = client;
    let ManagerVars { name: manager_name } = manager;
    // GetCourse writes one position per line; in a sentence they are joined.
    let positions = positions.lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let number = if number.is_empty() { id } else { number };
    let source = Value::from_object(Source(source.clone()));
    context! {
        school => context! { name => school_name },
        order => context! { number, id, positions, cost, paid, left, payment_link, source },
        client => context! { name, phone, phone_words, phone_typed, phone_bad, email, local_time },
        manager => context! { name => manager_name },
        time, why, more, letters,
    }
}

/// Removes repeated blank lines and trailing spaces.
pub(super) fn tidy(body: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in body.lines().map(str::trim_end) {
        let doubled = line.is_empty() && lines.last().is_none_or(|last| last.is_empty());
        if !doubled {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

/// Makes one line: a subject and a lead's name must not contain a line break, whatever a client typed.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
