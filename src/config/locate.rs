//! Finds the place of a problem in its file: line, column and width, by the dotted key. Never decides what is
//! wrong, and never shows a value that may be a secret or personal. Enter at [`place`]; [`meant`] finds the
//! name that a misspelt one resembles.

use toml::de::{DeTable, DeValue};

use crate::problem::{Problem, nearest};

/// A place in a file, for people: lines and columns begin with 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// Letters to underline.
    pub width: usize,
    /// The line, without what must not be shown.
    pub text: String,
}

/// Words in a line whose value is not shown.
const HIDDEN: [&str; 12] = [
    "secret", "token", "key", "salt", "password", "auth", "store", "email", "mail", "phone", "webhook",
    "caller",
];

/// Where the problem is, as far as that can be said.
pub fn place(text: &str, problem: &Problem) -> Option<Place> {
    let span = match problem.file.ends_with(".toml") {
        true => in_toml(text, &problem.key),
        false => in_text(text, problem),
    };
    let (start, end) = span?;
    let before = text.get(..start)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let whole = text[line_start..line_end].trim_end();
    let shown = shown(whole);
    let column = text[line_start..start].chars().count() + 1;
    let width = text[start..end.clamp(start, line_end)].trim_end().chars().count().max(1);
    // Nothing is underlined beyond what is shown.
    let width = width.min(shown.chars().count().saturating_sub(column - 1).max(1));
    Some(Place { line: before.matches('\n').count() + 1, column, width, text: shown })
}

/// The name that was probably meant, among those that the problem allows.
pub fn meant(problem: &Problem) -> Option<String> {
    // It says so itself, or names the id of what is called so: «Цена» is 14820233.
    if problem.allowed.contains(" meant? ") || problem.wrong.contains("» is ") {
        return None;
    }
    let quoted = problem.wrong.split('`').nth(1);
    let name = match problem.wrong.as_str() {
        "unknown key" => problem.key.rsplit('.').next(),
        wrong if ["unknown", "no "].iter().any(|word| wrong.starts_with(word)) => quoted,
        _ => None,
    }?;
    let allowed = problem.allowed.rsplit_once(": ").map_or(&*problem.allowed, |(_, list)| list);
    let known = allowed.split([',', '|']).map(|name| {
        let name = name.trim().trim_start_matches("one of ").trim_start_matches("or ");
        let name = name.trim_matches(['`', ' ']);
        // An item of an account: its id with its name behind it, or a choice.
        let id = name.split_once(" «").map(|(id, _)| id);
        id.or_else(|| name.strip_prefix('«')?.strip_suffix('»')).unwrap_or(name)
    });
    let known = known.filter(|known| !known.contains(' ') || name.contains(' '));
    // Ids of one account are alike anyway: one slip may be one.
    let is_id = name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_digit());
    let near = nearest(name, known.filter(|known| *known != name));
    near.filter(|near| !is_id || strsim::damerau_levenshtein(name, near) == 1).map(str::to_owned)
}

fn shown(line: &str) -> String {
    let small = line.to_lowercase();
    match line.find(['=', ':']) {
        Some(cut) if HIDDEN.iter().any(|word| small.contains(word)) && cut + 1 < line.len() => {
            format!("{} …", &line[..=cut])
        }
        _ => line.to_owned(),
    }
}

/// The key, or the innermost table around it that is there.
fn in_toml(text: &str, key: &str) -> Option<(usize, usize)> {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => return error.span().map(|span| (span.start.min(text.len()), span.end.min(text.len()))),
    };
    let mut found = None;
    walk(table.get_ref(), key, &mut found);
    found
}

fn walk(table: &DeTable, key: &str, found: &mut Option<(usize, usize)>) {
    // A name may contain points itself: the longest one counts.
    let here = table.iter().filter_map(|(name, value)| Some((name, value, rest(key, name.get_ref())?)));
    let Some((name, value, rest)) = here.max_by_key(|(name, _, _)| name.get_ref().len()) else { return };
    *found = Some((name.span().start, name.span().end));
    match value.get_ref() {
        DeValue::Table(inner) if !rest.is_empty() => walk(inner, rest, found),
        DeValue::Array(list) if !rest.is_empty() => {
            for (index, item) in list.iter().enumerate() {
                let DeValue::Table(inner) = item.get_ref() else { continue };
                let named = match inner.get("name").map(|name| name.get_ref()) {
                    Some(DeValue::String(name)) => self::rest(rest, name),
                    _ => None,
                };
                if let Some(rest) = named.or_else(|| self::rest(rest, &(index + 1).to_string())) {
                    let first = inner.keys().map(|name| (name.span().start, name.span().end)).min();
                    *found = first.or(*found);
                    walk(inner, rest, found);
                    return;
                }
            }
        }
        _ => {}
    }
}

/// What follows `name` in the dotted key.
fn rest<'a>(key: &'a str, name: &str) -> Option<&'a str> {
    let quoted = format!("{name:?}");
    let rest = key.strip_prefix(name).or_else(|| key.strip_prefix(&*quoted))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// The line of a text that a problem's key names, `line 6`.
pub fn line_of(problem: &Problem) -> Option<usize> {
    problem.key.strip_prefix("line ")?.parse().ok().filter(|_| !problem.file.ends_with(".toml"))
}

/// A line of the head, or the first mention of the name that is wrong, in a line or anywhere.
fn in_text(text: &str, problem: &Problem) -> Option<(usize, usize)> {
    if let Some(number) = line_of(problem) {
        let start = text.split_inclusive('\n').take(number.checked_sub(1)?).map(str::len).sum();
        let line = text.get(start..)?.lines().next()?;
        let name = problem.wrong.split('`').nth(1).filter(|name| !name.is_empty());
        let found = name.and_then(|name| Some((line.find(name)?, name.len())));
        let (at, width) = found.unwrap_or((0, line.len()));
        return Some((start + at, start + at + width));
    }
    if !problem.key.is_empty() {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if line.strip_prefix(&*problem.key).is_some_and(|rest| rest.trim_start().starts_with(':')) {
                return Some((start, start + problem.key.len()));
            }
            start += line.len();
        }
        return None;
    }
    let name = problem.wrong.split('`').nth(1)?;
    let at = text.find(name)?;
    Some((at, at + name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "name = \"Школа\"\n\n[managers.irina]\nhaed = true\nemail = \"i@school.example\"\n\n\
                        [[routes]]\nname = \"Курс 2.0\"\nstage = \"won\"\n\n[mail]\npassword = \"tajna\"\n";

    fn problem(file: &str, key: &str, wrong: &str, allowed: &str) -> Problem {
        let text = |text: &str| text.to_owned();
        Problem { file: text(file), key: text(key), wrong: text(wrong), allowed: text(allowed) }
    }

    #[track_caller]
    fn check(key: &str, expected: Option<(usize, usize, usize, &str)>) {
        let found = place(FILE, &problem("a.toml", key, "wrong", ""));
        let found = found.as_ref().map(|at| (at.line, at.column, at.width, at.text.as_str()));
        assert_eq!(found, expected, "{key}");
    }

    #[test]
    fn a_key_is_found_with_its_line_and_a_missing_one_by_its_table() {
        check("managers.irina.haed", Some((4, 1, 4, "haed = true")));
        check("managers.irina.amocrm", Some((3, 11, 5, "[managers.irina]")));
        check("routes.Курс 2.0.stage", Some((9, 1, 5, "stage = \"won\"")));
        check("routes.1.offers", Some((8, 1, 4, "name = \"Курс 2.0\"")));
        check("nothing", None);
    }

    #[test]
    fn secrets_and_addresses_are_not_shown() {
        check("mail.password", Some((12, 1, 8, "password = …")));
        check("managers.irina.email", Some((5, 1, 5, "email = …")));
    }

    #[test]
    fn a_mistake_of_the_language_has_a_place_too() {
        let broken = place("a = 1\nb = = 2\n", &problem("a.toml", "", "not TOML", "")).expect("a place");
        assert_eq!((broken.line, broken.column), (2, 5));
        let text = "owner: Ирина\nreview: 2026-13\n\nЗаказ {{ order.nubmer }}";
        let head = place(text, &problem("a.txt", "review", "no month", "")).expect("a place");
        assert_eq!((head.line, head.column, head.width), (2, 1, 6));
        let name =
            place(text, &problem("a.txt", "", "unknown variable `order.nubmer`", "")).expect("a place");
        assert_eq!((name.line, name.column, name.width), (4, 10, 12));
        let again = format!("{text}\n{{{{ order.nubmer }}}}");
        let name = place(&again, &problem("a.txt", "line 5", "unknown variable `order.nubmer`", ""));
        assert_eq!(name.map(|at| (at.line, at.column, at.width)), Some((5, 4, 12)));
        let whole = place(&again, &problem("a.txt", "line 4", "not a template", ""));
        assert_eq!(whole.map(|at| (at.line, at.column)), Some((4, 1)));
        assert_eq!(place(&again, &problem("a.txt", "line 9", "not a template", "")), None);
    }

    #[test]
    fn the_name_that_was_meant_is_told() {
        for (key, wrong, allowed, expected) in [
            ("managers.irina.haed", "unknown key", "one of `name`, `head`, `active`", Some("head")),
            ("amocrm.urll", "unknown key", "`url`, `auth`", Some("url")),
            ("", "unknown variable `order.nubmer`", "order.number, order.cost", Some("order.number")),
            ("calls_by", "unknown variant `mongo`", "one of `telephone`, `mongol`", Some("mongol")),
            ("a", "unknown manager `irnia`", "one of: boris, irina", Some("irina")),
            ("a", "no window is named `evning`", "now, +20m, or a window: evening, noon", Some("evening")),
            ("a.b", "missing", "this key is required", None),
            ("a", "no field `901399`", "901337 «Номер, дата», 901391 «Источник»", Some("901391")),
            ("a", "no choice `ВКонтатке` in «Источник»", "«Яндекс», «ВКонтакте»", Some("ВКонтакте")),
        ] {
            assert_eq!(meant(&problem("a.toml", key, wrong, allowed)).as_deref(), expected, "{key} {wrong}");
        }
    }
}
