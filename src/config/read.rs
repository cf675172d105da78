//! Reads a table into a struct and continues after each mistake, so that a person sees all of them. Never
//! repeats a secret that was written into a file. Enter at [`section`] and [`section_with`].

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::platform::check::Complaints;

/// The whole text as a table; a syntax error names its line.
pub(super) fn parse(text: &str, complaints: &mut Complaints) -> Option<Table> {
    match text.parse::<Table>() {
        Ok(table) => Some(table),
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            // The parser's message quotes the file only for syntax errors.
            let message = error.message();
            let twice = error.span().filter(|_| message.contains("duplicate key"));
            match twice.and_then(|span| text.get(span)) {
                Some(key) => {
                    let wrong = format!("not TOML, line {line}: `{}` stands twice", key.trim());
                    complaints.add("", wrong, "each key and each table once");
                }
                None => complaints.add("", format!("not TOML, line {line}: {message}"), "key = value"),
            }
            None
        }
    }
}

/// Reads `table`, found at `prefix` of the file. An unreadable key is reported and removed, and the rest is
/// read again: the result is the readable part.
pub(super) fn section<T: DeserializeOwned>(
    table: Table,
    prefix: &str,
    complaints: &mut Complaints,
) -> Option<T> {
    section_with(Value::Table(table), prefix, complaints, T::deserialize)
}

/// Like [`section`], with a custom reader.
pub(super) fn section_with<T>(
    mut value: Value,
    prefix: &str,
    complaints: &mut Complaints,
    read: impl Fn(Value) -> Result<T, toml::de::Error>,
) -> Option<T> {
    let mut taken: Vec<String> = Vec::new();
    loop {
        let error = match read(value.clone()) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let nothing = Table::new();
        let fault = Fault::of(&error, value.as_table().unwrap_or(&nothing));
        let key = join(prefix, &fault.path);
        // A key that is missing because it was removed has been reported already.
        if !taken.contains(&fault.path.join(".")) {
            complaints.add(key, fault.wrong, fault.allowed);
        }
        let removed = value.as_table_mut().is_some_and(|table| remove(table, &fault.take_out));
        if fault.take_out.is_empty() || !removed {
            return None;
        }
        taken.push(fault.take_out.join("."));
    }
}

/// One error of the deserializer, translated.
struct Fault {
    path: Vec<String>,
    wrong: String,
    allowed: String,
    /// The key to remove so that the rest may be readable; empty if there is nothing left to try.
    take_out: Vec<String>,
}

impl Fault {
    fn of(error: &toml::de::Error, table: &Table) -> Self {
        let mut path = path_of(error);
        let message = error.message();
        if let Some(name) = between(message, "missing field `", "`") {
            let take_out = path.clone();
            path.push(name.to_owned());
            let wrong = "missing".to_owned();
            return Self { path, wrong, allowed: "this key is required".to_owned(), take_out };
        }
        let unknown = between(message, "unknown field `", "`").or(between(message, "unknown variant `", "`"));
        if let Some(name) = unknown.filter(|name| holds(table, &path, name)) {
            path.push(name.to_owned());
            let allowed = message.split_once(", expected ").map_or("nothing", |(_, rest)| rest);
            let wrong = "unknown key".to_owned();
            return Self { take_out: path.clone(), path, wrong, allowed: allowed.to_owned() };
        }
        let take_out = path.clone();
        if message.contains("`env` or `file`") || looks_secret(&path) {
            let wrong = "not the source of a secret".to_owned();
            let allowed = "{ env = \"NAME\" } or { file = \"/path\" }".to_owned();
            return Self { path, wrong, allowed, take_out };
        }
        let cut = [", expected ", "; "].iter().find_map(|mark| message.split_once(mark));
        let (wrong, allowed) = cut.unwrap_or((message, "see `dozvon reference`"));
        let allowed = if message.contains("timezone") { "a zone, Europe/Moscow" } else { plain(allowed) };
        Self { path, wrong: wrong.to_owned(), allowed: allowed.to_owned(), take_out }
    }
}

/// The deserializer's type names, in words for a person.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more, without quotes",
        "f32" | "f64" => "a number without quotes",
        "a string" => "text in quotes",
        "a boolean" => "true or false, without quotes",
        "a sequence" => "a list, [ … ]",
        "a map" => "a table",
        other if other.starts_with("struct ") || other.starts_with("internally tagged enum ") => "a table",
        other => other,
    }
}

/// toml does not expose the path of an error; it only prints it, in the last line.
fn path_of(error: &toml::de::Error) -> Vec<String> {
    let text = error.to_string();
    let path = text.rsplit_once("in `").and_then(|(_, tail)| tail.trim_end().strip_suffix('`'));
    path.map(|path| path.split('.').map(str::to_owned).collect()).unwrap_or_default()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

fn looks_secret(path: &[String]) -> bool {
    path.last()
        .is_some_and(|key| ["secret", "token", "key", "salt", "password"].iter().any(|w| key.contains(w)))
}

fn join(prefix: &str, path: &[String]) -> String {
    let path = path.join(".");
    if prefix.is_empty() || path.is_empty() { format!("{prefix}{path}") } else { format!("{prefix}.{path}") }
}

fn holds(table: &Table, path: &[String], key: &str) -> bool {
    let mut here = table;
    for step in path {
        match here.get(step).and_then(Value::as_table) {
            Some(inner) => here = inner,
            None => return false,
        }
    }
    here.contains_key(key)
}

fn remove(table: &mut Table, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut here = table;
    for step in parents {
        match here.get_mut(step).and_then(Value::as_table_mut) {
            Some(inner) => here = inner,
            None => return false,
        }
    }
    here.remove(last).is_some()
}
