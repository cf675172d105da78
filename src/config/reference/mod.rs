//! The printed reference: every key of every file, every variable, every text, with defaults that are read
//! from the structs. Never repeats a default by hand; a test compares the texts with the structs. Enter at
//! [`reference`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;
use toml::{Table, Value};

use super::answers::{REASONS, WORDS};
use super::environment::VARIABLES;
use super::raw::{AnswersFile, CalendarFile, InstanceFile};
use crate::json;
use crate::message::library::Library;
use crate::message::phrase::PHRASES;
use crate::message::text::{LETTERS, PARTS, SCRIPTS, TASKS, TextId};
use crate::platforms::ALL;
use crate::process::SECTIONS;
use crate::process::definition::{Figures, Manager, Route};

mod process;
pub mod table;

use table::{File, Key, Section};

/// All keys, variables and texts, as Markdown.
pub fn reference() -> String {
    let mut text = String::from("# Reference\n");
    let defaults = defaults();
    let mut file = None;
    for section in table::sections() {
        if file != Some(section.file) {
            file = Some(section.file);
            let _ = write!(text, "\n## {}\n", section.file.name());
        }
        print_section(&mut text, section, &defaults);
    }
    print_rules(&mut text);
    print_words(&mut text);
    print_texts(&mut text);
    text.push_str("\n## Environment\n\n");
    for variable in VARIABLES {
        let _ = writeln!(text, "- `{}` (default {}): {}", variable.name, variable.default, variable.about);
    }
    text
}

/// The part of the reference under one heading; the error names all headings.
pub fn of(name: &str) -> Result<String, Vec<String>> {
    let name = name.trim_matches(['[', ']']).to_lowercase();
    let whole = reference();
    let (mut text, mut level, mut known) = (String::new(), None, Vec::new());
    for line in whole.lines() {
        let depth = line.chars().take_while(|c| *c == '#').count();
        if depth > 0 {
            let heading = line.trim_start_matches('#').trim().trim_matches(['[', ']']).to_lowercase();
            let is_meant = heading == name || heading.rsplit('/').next() == Some(&*name);
            if level.is_some_and(|level| depth <= level) {
                level = None;
            }
            if is_meant && level.is_none() {
                level = Some(depth);
            }
            if depth > 1 {
                known.push(heading);
            }
        }
        if level.is_some() {
            text.push_str(line);
            text.push('\n');
        }
    }
    if text.is_empty() { Err(known) } else { Ok(text) }
}

fn print_section(text: &mut String, section: &Section, defaults: &Defaults) {
    if section.path.is_empty() {
        let _ = write!(text, "\n{}\n\n", section.about);
    } else {
        let _ = write!(text, "\n### [{}]\n\n{}\n\n", section.path, section.about);
    }
    for key in section.keys {
        let _ = writeln!(text, "- `{}` ({}): {}", key.name, kind(section, key, defaults), key.about);
    }
}

/// Type, and the default if there is one.
fn kind(section: &Section, key: &Key, defaults: &Defaults) -> String {
    match default_of(section, key, defaults) {
        Some(default) => format!("{}, default {default}", key.kind),
        None => key.kind.to_owned(),
    }
}

fn default_of(section: &Section, key: &Key, defaults: &Defaults) -> Option<String> {
    if key.required() {
        return None;
    }
    match defaults.get(&(section.file, section.path))?.get(key.name)? {
        // The keys of a table are described in its own section.
        Value::Table(table) if table.is_empty() || section.path.is_empty() => None,
        Value::Array(list) if list.is_empty() => None,
        value => Some(format!("`{value}`")),
    }
}

/// Section → key → default.
type Defaults = BTreeMap<(File, &'static str), Table>;

fn defaults() -> Defaults {
    let mut defaults = Defaults::new();
    let instance = table_of(&InstanceFile::default());
    if let Some(Value::Table(limits)) = instance.get("limits") {
        defaults.insert((File::Instance, "limits"), limits.clone());
    }
    if let Some(Value::Table(notify)) = instance.get("notify") {
        defaults.insert((File::Instance, "notify"), notify.clone());
    }
    defaults.insert((File::Instance, ""), instance);
    defaults.insert((File::School, "answers"), table_of(&AnswersFile::default()));
    defaults.insert((File::School, "calendar"), table_of(&CalendarFile::default()));
    if let Ok(manager) = toml::from_str::<Manager>("name = 'x'") {
        defaults.insert((File::School, "managers.<name>"), table_of(&manager));
    }
    if let Ok(route) = toml::from_str::<Route>("") {
        defaults.insert((File::School, "[routes]"), table_of(&route));
    }
    for (section, figures) in table_of(&Figures::default()) {
        let path = table::sections().find(|known| known.file == File::Process && known.path == section);
        if let (Some(known), Value::Table(figures)) = (path, figures) {
            defaults.insert((File::Process, known.path), figures);
        }
    }
    for platform in ALL {
        let pairs = (platform.defaults)().into_iter().map(|(name, value)| (name.to_owned(), value));
        defaults.insert((File::School, platform.name), pairs.collect());
    }
    defaults
}

fn table_of(value: &impl Serialize) -> Table {
    Table::try_from(value).unwrap_or_default()
}

/// The sections of the process as `step` asks them, with their rules.
fn print_rules(text: &mut String) {
    text.push_str("\n## Rules of the process\n\nIn the order in which an event is looked at.\n\n");
    for section in SECTIONS.iter().filter(|section| !section.rules.is_empty()) {
        let _ = writeln!(text, "- {}: {}", section.name, section.rules.join(", "));
    }
}

fn print_words(text: &mut String) {
    text.push_str("\n## Built-in words of answers\n\n");
    for (kind, words) in WORDS {
        let _ = writeln!(text, "- {}: {}", json::name(kind), words.join(", "));
    }
    text.push_str("\n## Built-in words of refusals\n\n");
    for reason in crate::process::RefusalReason::ALL {
        let more =
            REASONS.iter().filter(|(of, _)| *of == reason).flat_map(|(_, words)| words.iter().copied());
        let words: Vec<&str> = std::iter::once(reason.label()).chain(more).collect();
        let _ = writeln!(text, "- {}: {}", json::name(&reason), words.join(", "));
    }
}

fn print_texts(text: &mut String) {
    text.push_str("\n## Texts\n\n");
    for (title, names) in [("Letters", LETTERS), ("Tasks", TASKS), ("Scripts", SCRIPTS), ("Parts", PARTS)] {
        let names: Vec<&str> = names.iter().map(TextId::name).collect();
        let _ = writeln!(text, "- {title}: {}", names.join(", "));
    }
    let tables: BTreeSet<&str> =
        PHRASES.iter().filter_map(|phrase| Some(phrase.key.split_once('.')?.0)).collect();
    let tables: Vec<&str> = tables.into_iter().collect();
    let _ = writeln!(text, "- Phrases, tables of texts/phrases.toml: {}", tables.join(", "));
    let _ = writeln!(
        text,
        "- Variables: {}; `order.source.` goes on with a label, utm_source",
        Library::variables().join(", ")
    );
}

#[cfg(test)]
mod tests;
