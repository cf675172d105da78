//! Turns texts into templates: strict about variables, plain text, no stray blank lines, no-break spaces where
//! a line must not end. Contains no list of texts. Enter at [`environment`] and [`context`].

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::check::{self, Flaw, Kind, Names};
use super::head::{Fault, Head, split_at_blank};
use super::text::{LETTERS, TextId};
use super::vars::{ClientVars, ExampleVars, ManagerVars, OrderVars, SchoolVars, Vars};

/// Missing keys of `order.source` are empty: each school decides which labels its pages pass on.
#[derive(Debug)]
pub(super) struct Source(pub BTreeMap<String, String>);

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
    env.add_filter("plural", plural);
    env.add_filter("inner", inner);
    env.add_filter("quoted", quoted);
    env
}

/// A name inside «…»: «Рост» becomes „Рост“.
fn inner(text: &str) -> String {
    text.replace('«', "„").replace('»', "“")
}

/// A name in quotation marks inside «…»; it has none of its own then.
fn quoted(text: &str) -> String {
    format!("„{}“", text.replace(['«', '»', '„', '“'], ""))
}

/// «5 попыток»: the number with the one of three forms that Russian uses with it.
fn plural(number: i64, one: &str, few: &str, many: &str) -> String {
    let (tens, units) = (number.unsigned_abs() % 100 / 10, number.unsigned_abs() % 10);
    let form = match (tens, units) {
        (1, _) => many,
        (_, 1) => one,
        (_, 2..=4) => few,
        _ => many,
    };
    format!("{number}\u{a0}{form}")
}

pub(super) fn subject_of(text: &str) -> String {
    format!("{text}#subject")
}

/// The first line of a text's file below its head, counted from 1.
fn first_line(source: &str, body: &str) -> usize {
    source.lines().count().saturating_sub(body.lines().count()) + 1
}

/// A checked file of a text.
pub(super) struct Read {
    pub head: Head,
    /// Where the text begins in its file.
    pub first_line: usize,
    pub body: String,
}

pub(super) fn read_text(name: &str, source: &str) -> Result<Read, Vec<Fault>> {
    let (head, body) = Head::split(name, source)?;
    Ok(Read { first_line: first_line(source, body), body: join_tag_lines(body), head })
}

/// The text below a head that is wrong, with its first line.
pub(super) fn below_head(source: &str) -> (usize, String) {
    let (_, body) = split_at_blank(source);
    (first_line(source, body), join_tag_lines(body))
}

/// Adds a text that `faults_of` has found right.
pub(super) fn add_text(
    env: &mut Environment<'static>,
    name: &str,
    read: &Read,
) -> Result<(), minijinja::Error> {
    env.add_template_owned(name.to_owned(), read.body.clone())?;
    match &read.head.subject {
        Some(subject) => env.add_template_owned(subject_of(name), subject.clone()),
        None => Ok(()),
    }
}

/// A line that contains only one `{% … %}` leaves no line in the text. The break moves into the tag, so that
/// lines keep their numbers.
fn join_tag_lines(body: &str) -> String {
    let mut joined = String::with_capacity(body.len());
    for line in body.lines() {
        let bare = line.trim();
        let is_tag = bare.starts_with("{%") && bare.matches("{%").count() == 1 && !bare.contains("include");
        match bare.strip_suffix("%}").filter(|_| is_tag) {
            Some(tag) => {
                let (tag, sign) = tag.strip_suffix('-').map_or((tag, ""), |tag| (tag, "-"));
                joined.push_str(&format!("{tag}\n{sign}%}}"));
            }
            None => {
                joined.push_str(line.trim_end());
                joined.push('\n');
            }
        }
    }
    joined
}

/// All mistakes of a template, else the error of rendering it for an example.
pub(super) fn faults_of(env: &Environment<'_>, template: &str) -> Vec<Flaw> {
    let found = check::faults(env, template, &names());
    if !found.is_empty() {
        return found;
    }
    let trials = [Vars::full_example(), Vars::bare_example()];
    let failed = trials.iter().find_map(|vars| env.render_str(template, context(vars)).err());
    failed.iter().map(check::not_a_template).collect()
}

/// Every variable that a text may name, `order.cost`.
pub(super) fn variables() -> Vec<String> {
    names().list()
}

/// All names that a text may use: `time`, `order`, `order.number` …
fn names() -> Names {
    let mut known = BTreeMap::new();
    let kind = |value: &serde_json::Value| match value {
        serde_json::Value::String(_) => Kind::Text,
        serde_json::Value::Number(_) => Kind::Number,
        _ => Kind::Other,
    };
    if let Ok(serde_json::Value::Object(roots)) = serde_json::to_value(Vars::default()) {
        for (root, value) in roots {
            if let serde_json::Value::Object(fields) = &value {
                known.extend(fields.iter().map(|(field, value)| (format!("{root}.{field}"), kind(value))));
            }
            known.insert(root, kind(&value));
        }
    }
    let letters: Vec<&str> = LETTERS.iter().map(TextId::name).collect();
    let lists = ["letters", "leaving", "doubtful"].map(|list| (list, letters.clone()));
    Names { known, open: Some("order.source."), values: lists.into(), ..Names::default() }
}

/// The variables for the engine. Destructured field by field, so that forgetting a new one does not compile.
pub(super) fn context(vars: &Vars) -> Value {
    let Vars { school, order, client, manager, time, day, example, .. } = vars;
    let Vars { who, due, later, day_off, attempt, attempts, why, more, .. } = vars;
    let Vars { letters, leaving, doubtful, .. } = vars;
    let SchoolVars { name: school_name, zone: school_zone } = school;
    let OrderVars {
        number,
        id,
        called,
        positions,
        cost,
        paid,
        left,
        cost_sum,
        paid_sum,
        left_sum,
        payment_link,
        source,
    } = order;
    let ClientVars {
        name,
        phone,
        phone_words,
        phone_typed,
        phone_bad,
        email,
        email_typed,
        local_time,
        ahead,
        zone_known,
        first_name,
    } = client;
    let ManagerVars { name: manager_name } = manager;
    let ExampleVars { day: example_day, time: example_time } = example;
    let (cost_sum, paid_sum, left_sum) = (number_of(*cost_sum), number_of(*paid_sum), number_of(*left_sum));
    // GetCourse writes one position per line; in a sentence they are joined.
    let positions = positions.lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let source = Value::from_object(Source(source.clone()));
    context! {
        school => context! { name => school_name, zone => school_zone },
        order => context! { number, id, called, positions, cost, paid, left, cost_sum, paid_sum, left_sum, payment_link, source },
        client => context! { name, phone, phone_words, phone_typed, phone_bad, email, email_typed, local_time, ahead, zone_known, first_name },
        manager => context! { name => manager_name },
        example => context! { day => example_day, time => example_time },
        time, day, who, due, later, day_off, attempt, attempts, why, more, letters, leaving, doubtful,
    }
}

/// A whole sum has no `.0` in a text.
fn number_of(sum: f64) -> Value {
    if sum.fract() == 0.0 { Value::from(sum as i64) } else { Value::from(sum) }
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
    unbroken(lines.join("\n").trim_end())
}

/// No line ends between «№» and its number.
pub(super) fn unbroken(text: &str) -> String {
    text.replace("№ ", "№\u{a0}")
}

/// Makes one line: a subject and a lead's name must not contain a line break, whatever a client typed.
/// No-break spaces stay.
pub(super) fn one_line(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() && !"\u{a0}\u{202f}".contains(c);
    let words: Vec<&str> = text.split(ends).filter(|word| !word.is_empty()).collect();
    unbroken(&words.join(" "))
}
