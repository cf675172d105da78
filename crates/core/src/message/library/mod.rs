//! The text library of one school: shipped texts and phrases, overridden by the school's own files. Never
//! renders a text with an unknown variable: that is an error when the library is built. Enter at
//! [`Library::render`] and [`Library::phrase`].

mod phrases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use minijinja::Environment;

use self::phrases::Phrases;
use super::check::Flaw;
use super::head::Head;
use super::phrase::{Phrase, Told};
use super::template::{
    add_text, below_head, context, environment, faults_of, one_line, read_text, subject_of, tidy, variables,
};
use super::text::{SHIPPED, TextId};
use crate::problem::Problem;

pub use self::phrases::{PHRASES_FILE, PhraseText};
pub use super::vars::Vars;

/// Checked texts, ready to render. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {
    env: Arc<Environment<'static>>,
    texts: Arc<BTreeMap<String, Text>>,
    phrases: Arc<Phrases>,
    /// Names of texts whose file cannot be read: their mistake is reported, and what names them is none.
    broken: Arc<BTreeMap<String, Body>>,
}

/// A text file of a school: `texts/<name>.txt`, or `texts/phrases.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    pub name: String,
    /// Path as the person gave it, for problems.
    pub file: String,
    pub source: String,
}

/// Facts about a text (M2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub file: String,
    pub head: Head,
    /// False if the school's own file replaces the shipped one.
    pub shipped: bool,
    pub source: String,
    body: String,
    first_line: usize,
}

/// A text with all its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Empty if the text has no subject (a task, a note).
    pub subject: String,
    pub body: String,
}

/// What stands below a wrong head, and the line where it begins.
#[derive(Debug, Clone)]
struct Body {
    file: String,
    at: (usize, String),
}

impl Library {
    /// The built-in texts, built once.
    pub fn shipped() -> Self {
        static MADE: OnceLock<Library> = OnceLock::new();
        // A test below proves that they are valid.
        MADE.get_or_init(|| Self::build(&[]).0).clone()
    }

    /// The shipped texts, overridden by a school's own files; each is rendered once with all variables and
    /// once with the fewest (M2).
    pub fn with_overrides(files: &[TextFile]) -> Result<Self, Vec<Problem>> {
        let (library, problems) = Self::checked(files);
        if problems.is_empty() { Ok(library) } else { Err(problems) }
    }

    /// The same with what is readable, besides all problems: one wrong text does not hide the others.
    pub fn checked(files: &[TextFile]) -> (Self, Vec<Problem>) {
        let (library, mut problems) = Self::build(files);
        problems.extend(library.check());
        (library, problems)
    }

    fn build(files: &[TextFile]) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut env = environment();
        let (mut texts, mut broken) = (BTreeMap::new(), BTreeMap::new());
        let (own_phrases, own): (Vec<&TextFile>, Vec<&TextFile>) =
            files.iter().partition(|file| file.name == PHRASES_FILE);
        let shipped = SHIPPED.iter().map(|text| (text.name, text.file, text.source, true));
        let own = own.into_iter().map(|text| (&*text.name, &*text.file, &*text.source, false));
        for (name, file, source, shipped) in shipped.chain(own) {
            let read = match read_text(name, source) {
                Ok(read) => read,
                Err(faults) => {
                    broken.insert(name.to_owned(), Body { file: file.to_owned(), at: below_head(source) });
                    problems.extend(faults.into_iter().map(|fault| fault.at(file)));
                    continue;
                }
            };
            // What is wrong with a template is found by `check`.
            let _ = add_text(&mut env, name, &read);
            let (file, source) = (file.to_owned(), source.to_owned());
            let (head, body, first_line) = (read.head, read.body, read.first_line);
            texts.insert(name.to_owned(), Text { file, head, shipped, source, body, first_line });
        }
        let phrases = Phrases::build(own_phrases.first().copied(), &mut problems);
        let (texts, phrases) = (Arc::new(texts), Arc::new(phrases));
        (Self { env: Arc::new(env), texts, phrases, broken: Arc::new(broken) }, problems)
    }

    /// Renders a text. If that fails, the body is the text's name: a step is total, and `check` has rendered
    /// every text before.
    pub fn render(&self, text: &TextId, vars: &Vars) -> Rendered {
        let (text, context) = (text.name(), context(vars));
        let body = self.env.get_template(text).and_then(|template| template.render(context.clone()));
        let subject = self.env.get_template(&subject_of(text)).and_then(|template| template.render(context));
        Rendered {
            subject: subject.map(|line| one_line(&line)).unwrap_or_default(),
            body: body.map(|body| tidy(&body)).unwrap_or_else(|_| text.to_owned()),
        }
    }

    /// A phrase in words; `told` says what depends on the school: times in its zone, names of managers.
    pub fn phrase(&self, phrase: &Phrase, told: &dyn Fn(&Told) -> String) -> String {
        self.phrases.render(phrase, told)
    }

    /// What a text is called for people: its own title, else the one that the shipped text of this name has.
    pub fn title<'t>(&'t self, text: &'t TextId) -> &'t str {
        let own = self.texts.get(text.name()).and_then(|text| text.head.title.as_deref());
        own.unwrap_or_else(|| text.title())
    }

    /// Renders a template of the school's files (a lead's name, a field's value) into one line;
    /// a failure, which `check` has ruled out, gives an empty line.
    pub fn inline(&self, template: &str, vars: &Vars) -> String {
        self.env.render_str(template, context(vars)).map(|line| one_line(&line)).unwrap_or_default()
    }

    /// The mistake in a template of the school's files: what is wrong, and what is allowed.
    pub fn check_inline(&self, template: &str) -> Result<(), (String, String)> {
        let flaw = faults_of(&self.env, template).into_iter().next();
        flaw.map_or(Ok(()), |flaw| Err((flaw.wrong, flaw.allowed)))
    }

    /// The variables that a template of the school's files names, `order.source.form`.
    pub fn variables_of(&self, template: &str) -> BTreeSet<String> {
        let read = self.env.template_from_str(template).map(|template| template.undeclared_variables(true));
        read.unwrap_or_default().into_iter().collect()
    }

    /// Every variable that a text may name, `order.cost`; `order.source.` is followed by any label.
    pub fn variables() -> Vec<String> {
        variables()
    }

    /// Whether a text of this name exists.
    pub fn has(&self, text: &str) -> bool {
        self.texts.contains_key(text) || self.broken.contains_key(text)
    }

    /// All texts by name, with owner, review month and purpose.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text))
    }

    /// All phrases by name.
    pub fn phrases(&self) -> impl Iterator<Item = (&str, &PhraseText)> {
        self.phrases.all()
    }

    /// A phrase with an example for every variable, or with empty ones.
    pub fn phrase_example(&self, name: &str, full: bool) -> String {
        self.phrases.sample(name, full)
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = self.phrases.check();
        for text in self.texts.values() {
            let at = |line: usize| format!("line {}", text.first_line + line - 1);
            let subject = text.head.subject.iter().flat_map(|subject| faults_of(&self.env, subject));
            let body = faults_of(&self.env, &text.body).into_iter();
            let found = subject.map(|flaw| ("subject".to_owned(), flaw));
            let found = found.chain(body.map(|flaw| (at(flaw.line), flaw)));
            problems.extend(found.map(|(key, flaw)| problem(&text.file, key, flaw)));
        }
        for Body { file, at: (first_line, body) } in self.broken.values() {
            let found = faults_of(&self.env, body).into_iter();
            problems.extend(
                found.map(|flaw| problem(file, format!("line {}", first_line + flaw.line - 1), flaw)),
            );
        }
        problems
    }
}

fn problem(file: &str, key: String, Flaw { wrong, allowed, .. }: Flaw) -> Problem {
    Problem { file: file.to_owned(), key, wrong, allowed }
}

impl Default for Library {
    fn default() -> Self {
        Self::shipped()
    }
}

#[cfg(test)]
mod tests;
