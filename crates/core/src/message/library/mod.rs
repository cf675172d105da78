//! The text library of one school: shipped texts, overridden by the school's own files. Never renders a text
//! with an unknown variable: that is an error when the library is built. Enter at [`Library::render`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use minijinja::Environment;

use super::head::Head;
use super::template::{
    add_text, context, environment, faults_of, not_a_template, one_line, subject_of, tidy, variables,
};
use super::text::{SHIPPED, TextId};
use crate::problem::Problem;

pub use super::vars::Vars;

/// Checked texts, ready to render. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {
    env: Arc<Environment<'static>>,
    texts: Arc<BTreeMap<String, Text>>,
    /// Names of texts whose file cannot be read: their mistake is reported, and what names them is none.
    broken: Arc<BTreeSet<String>>,
}

/// A text file of a school: `texts/<name>.txt`.
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
}

/// A text with all its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Empty if the text has no subject (a task, a note).
    pub subject: String,
    pub body: String,
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
        let (mut texts, mut broken) = (BTreeMap::new(), BTreeSet::new());
        let shipped = SHIPPED.iter().map(|text| (text.name, text.file, text.source, true));
        let own = files.iter().map(|text| (&*text.name, &*text.file, &*text.source, false));
        for (name, file, source, shipped) in shipped.chain(own) {
            match add_text(&mut env, name, source) {
                Ok(head) => {
                    texts.insert(name.to_owned(), Text { file: file.to_owned(), head, shipped });
                }
                Err(faults) => {
                    broken.insert(name.to_owned());
                    problems.extend(faults.into_iter().map(|fault| fault.at(file)));
                }
            }
        }
        (Self { env: Arc::new(env), texts: Arc::new(texts), broken: Arc::new(broken) }, problems)
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

    /// Renders a template of the school's files (a lead's name, a field's value) into one line;
    /// a failure, which `check` has ruled out, gives an empty line.
    pub fn inline(&self, template: &str, vars: &Vars) -> String {
        self.env.render_str(template, context(vars)).map(|line| one_line(&line)).unwrap_or_default()
    }

    /// The mistake in a template of the school's files: what is wrong, and what is allowed.
    pub fn check_inline(&self, template: &str) -> Result<(), (String, String)> {
        let parsed = self.env.template_from_str(template).map_err(|error| not_a_template(&error))?;
        faults_of(&parsed).into_iter().next().map_or(Ok(()), Err)
    }

    /// Every variable that a text may name, `order.cost`; `order.source.` is followed by any label.
    pub fn variables() -> Vec<String> {
        variables()
    }

    /// Whether a text of this name exists.
    pub fn has(&self, text: &str) -> bool {
        self.texts.contains_key(text) || self.broken.contains(text)
    }

    /// All texts by name, with owner, review month and purpose.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text))
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, text) in self.texts.iter() {
            for (part, key) in [(name.clone(), ""), (subject_of(name), "subject")] {
                let Ok(template) = self.env.get_template(&part) else { continue };
                problems.extend(faults_of(&template).into_iter().map(|(wrong, allowed)| Problem {
                    file: text.file.clone(),
                    key: key.to_owned(),
                    wrong,
                    allowed,
                }));
            }
        }
        problems
    }
}

impl Default for Library {
    fn default() -> Self {
        Self::shipped()
    }
}

#[cfg(test)]
mod tests;
