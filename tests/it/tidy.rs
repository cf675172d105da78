//! The code base's own invariants, from ARCHITECTURE.md: what must not occur where, how large things may be,
//! what is at the top of a file. A list of exceptions here may only shrink: an unused entry fails too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Hard ceiling of a file, lines.
const FILE_LINES_MAX: usize = 500;
/// Hard ceiling of a function, lines.
const FUNCTION_LINES_MAX: usize = 70;

/// Files above the ceiling.
const LARGE_FILES: &[&str] = &[];

/// Functions above the ceiling: `file function`.
const LONG_FUNCTIONS: &[&str] = &["src/config/school.rs read"];

/// A source file of ours.
pub struct Source {
    /// Relative to the root, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// Tests next to the code, and everything under `tests/`.
    pub fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
            || name == "fake.rs"
    }

    /// Lines of code before the tests in the file, numbered, without comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every file below a folder whose name has this ending.
pub fn files(folder: &str, ending: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.to_string_lossy().ends_with(ending) {
                let path = entry.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                found.push(Source { path, text: std::fs::read_to_string(&entry).expect("a text") });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "nothing below {folder}");
    found
}

fn rust() -> Vec<Source> {
    ["src", "crates", "tests"].into_iter().flat_map(|folder| files(folder, ".rs")).collect()
}

/// Fails and lists every line of code for which `wrong` returns true.
#[track_caller]
fn none(sources: &[Source], rule: &str, wrong: impl Fn(&str) -> bool) {
    let places: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            source
                .code()
                .filter(|(_, line)| wrong(line))
                .map(move |(at, line)| format!("{}:{at}: {}", source.path, line.trim()))
        })
        .collect();
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

fn holds_any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

/// `step` is pure: no clock, no network, no files, no waiting.
#[test]
fn the_core_does_nothing_but_decide() {
    let core: Vec<Source> = files("crates/core/src/process", ".rs");
    let words = [
        "tokio",
        "reqwest",
        "redis",
        "rusqlite",
        "actix",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::time",
        "async ",
        ".await",
        "Utc::now",
        "Local::now",
        "getrandom",
        "rand::",
        "println!",
        "tracing",
    ];
    none(&core, "the core decides and does nothing else", |line| holds_any(line, &words));
}

#[test]
fn only_the_clock_reads_the_clock() {
    let mut sources: Vec<Source> =
        ["src", "crates"].into_iter().flat_map(|folder| files(folder, ".rs")).collect();
    sources.retain(|source| source.path != "src/clock.rs");
    let words = ["Utc::now", "Local::now", "Instant::now", "SystemTime::now"];
    none(&sources, "only clock.rs reads the clock", |line| holds_any(line, &words));
}

/// A request is decoded only after its platform's check, now or before it was stored.
#[test]
fn only_what_the_store_held_counts_as_verified_without_a_check() {
    let mut sources: Vec<Source> = files("src", ".rs");
    sources.retain(|source| !source.is_test() && source.path != "src/intake/envelope.rs");
    none(&sources, "only stored requests count as verified", |line| line.contains("Verified::stored("));
}

/// What people read stands in the library of texts, where a school may change it. Russian words stay only where
/// they are typed by people or given by a platform, where dates are written, and in a default of the
/// configuration.
#[test]
fn the_process_says_nothing_in_its_own_words() {
    const VOCABULARY: [&str; 19] = [
        "calendar.rs",
        "client.rs",
        "dates.rs",
        "dates/ahead.rs",
        "dates/choice.rs",
        "dates/clock.rs",
        "dates/day.rs",
        "dates/part.rs",
        "dates/span.rs",
        "dates/stray.rs",
        "dates/token.rs",
        "dates/unread.rs",
        "dates/words.rs",
        "dates/zone.rs",
        "definition/route.rs",
        "number.rs",
        "number/text.rs",
        "number/words.rs",
        "value.rs",
    ];
    let russian = |line: &str| {
        let code = line.split(" // ").next().unwrap_or_default();
        code.chars().any(|letter| ('\u{400}'..='\u{4ff}').contains(&letter))
    };
    let mut sources = files("crates/core/src/process", ".rs");
    sources.retain(|source| !source.is_test() && !source.path.ends_with("number/properties.rs"));
    let (vocabulary, others): (Vec<Source>, Vec<Source>) = sources
        .into_iter()
        .partition(|source| VOCABULARY.iter().any(|name| source.path.ends_with(&format!("process/{name}"))));
    none(&others, "people read this: put it into message/texts", russian);
    let used = |source: &&Source| source.code().any(|(_, line)| russian(line));
    assert_eq!(
        vocabulary.iter().filter(used).count(),
        VOCABULARY.len(),
        "a file needs no exception any more"
    );
}

/// The demo measures real durations for people; decisions in it use the driven clock.
#[test]
fn the_demo_reads_only_how_long_things_take() {
    none(&files("src/demo", ".rs"), "the demo's time is driven", |line| {
        holds_any(line, &["Utc::now", "Local::now", "SystemTime::now"])
    });
}

#[test]
fn every_file_says_at_its_top_what_it_is() {
    let without: Vec<String> = rust()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert!(without.is_empty(), "no `//!` at the top: {without:#?}");
}

#[test]
fn files_and_functions_stay_small() {
    let mut large = BTreeSet::new();
    let mut long = BTreeSet::new();
    for source in rust() {
        if source.text.lines().count() > FILE_LINES_MAX {
            large.insert(source.path.clone());
        }
        if source.is_test() && !source.path.starts_with("tests/") {
            // Tables of cases are data.
            continue;
        }
        for (name, lines) in functions(&source.text) {
            if lines > FUNCTION_LINES_MAX {
                long.insert(format!("{} {name}", source.path));
            }
        }
    }
    assert_eq!(
        large,
        LARGE_FILES.iter().map(|path| (*path).to_owned()).collect(),
        "files over {FILE_LINES_MAX} lines"
    );
    assert_eq!(
        long,
        LONG_FUNCTIONS.iter().map(|name| (*name).to_owned()).collect(),
        "functions over {FUNCTION_LINES_MAX} lines"
    );
}

/// Names and lengths; the formatter closes a function at the indentation at which it begins.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some((before, rest)) = code.split_once("fn ") else { continue };
        let is_head = before.split_whitespace().all(|word| {
            word.starts_with("pub") || ["async", "const", "unsafe", "crate::sandbox)"].contains(&word)
        });
        if !is_head || code.ends_with(';') {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[start..].iter().position(|line| *line == close).map_or(1, |end| end + 1);
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        found.push((name.to_owned(), length));
    }
    found
}

/// What panics ends only what is caught around it, and that is caught by unwinding.
#[test]
fn panics_unwind() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    assert!(!manifest.contains("panic ="), "supervision needs unwinding in every profile");
}

/// What cannot be written as JSON is never kept empty: one file writes it, and says so loudly.
#[test]
fn json_is_written_in_one_place() {
    const OTHERS: [&str; 3] = ["src/demo/", "src/bench/", "src/json.rs"];
    let of_bridge = |source: &Source| !OTHERS.iter().any(|other| source.path.starts_with(other));
    let sources: Vec<Source> = files("src", ".rs").into_iter().filter(of_bridge).collect();
    let sources: Vec<Source> = sources.into_iter().filter(|source| !source.is_test()).collect();
    none(&sources, "json.rs writes JSON", |line| line.contains("serde_json::to_"));
}

/// A reader that has gone or a full disk is no panic: one file prints.
#[test]
fn output_is_written_in_one_place() {
    let mut sources: Vec<Source> =
        ["src", "crates"].into_iter().flat_map(|folder| files(folder, ".rs")).collect();
    sources.retain(|source| !source.is_test());
    let words: Vec<String> = ["print", "eprint"]
        .into_iter()
        .flat_map(|word| [format!("{word}!("), format!("{word}ln!(")])
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    none(&sources, "out.rs prints", |line| holds_any(line, &words));
}

/// A task of its own ends unseen when it panics, unless something begins it again or waits for its result.
#[test]
fn every_task_is_watched() {
    // A task of the mail server's only takes leave of it; the callers of the last two hear that theirs ended.
    const WATCHED: [&str; 7] = [
        "src/app.rs",
        "src/schools.rs",
        "src/worker/pacer.rs",
        "src/platform/amocrm/oauth.rs",
        "src/platform/mail/smtp.rs",
        "src/store/redis/group.rs",
        "src/store/redis/reach.rs",
    ];
    let of_bridge = |source: &Source| !source.path.starts_with("src/demo/") && !source.is_test();
    let sources = files("src", ".rs").into_iter().filter(of_bridge);
    let sources: Vec<Source> = sources.filter(|source| !WATCHED.contains(&source.path.as_str())).collect();
    none(&sources, "who sees it when this task panics?", |line| line.contains("tokio::spawn("));
}

#[test]
fn nothing_is_left_half_done() {
    // Assembled here, so that this file does not match.
    let words: Vec<String> = ["todo", "unimplemented", "dbg"].iter().map(|word| format!("{word}!")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let sources = rust();
    none(&sources, "half done", |line| holds_any(line, &words));
    let ignored = format!("#[{}", "ignore");
    none(&sources, "a test that is not run proves nothing", |line| line.contains(&ignored));
}

/// Tests wait for an event, never for a fixed time. The only pause is in `until`, which asks again.
#[test]
fn tests_do_not_sleep() {
    let sleep = format!("time::{}(", "sleep");
    let sources: Vec<Source> = rust().into_iter().filter(Source::is_test).collect();
    none(&sources, "a test that sleeps is slow or lies", |line| {
        holds_any(line, &[&sleep, &format!("thread::{}", "sleep")])
    });
}

/// Invented people and secrets, and none that look real.
#[test]
fn fixtures_hold_no_real_persons_and_no_real_secrets() {
    let fixtures: Vec<Source> =
        [".http", ".json", ".toml"].into_iter().flat_map(|ending| files("fixtures", ending)).collect();
    for source in &fixtures {
        let text = source.text.replace("%40", "@").replace("%2B", "+");
        for word in ["eyJ0eX", "eyJhbGci", "def50200", "BEGIN PRIVATE", "Bearer ey", "sk_live", "xoxb-"] {
            assert!(!text.contains(word), "{}: `{word}` looks like a secret", source.path);
        }
        for address in addresses(&text) {
            let host = address.rsplit('@').next().unwrap_or_default().to_lowercase();
            let invented = host.starts_with("example.")
                || host.ends_with(".example")
                || ["school.mangosip.ru", "sipproxy.telphin.ru", "myschool.ru"].contains(&host.as_str());
            assert!(invented, "{}: {address} may be a real person's", source.path);
        }
        for number in mobiles(&text) {
            assert!(number.contains("555"), "{}: {number} may be a real person's", source.path);
        }
    }
}

fn addresses(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !".-_@".contains(c));
    words
        .filter(|word| {
            word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        })
        .collect()
}

/// Eleven digits that begin like a Russian mobile number, standing alone.
fn mobiles(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let digits = words.filter(|word| word.len() == 11 && word.chars().all(|c| c.is_ascii_digit()));
    digits.filter(|number| number.starts_with("79") || number.starts_with("89")).collect()
}

/// What SECURITY.md says that nobody can do is held by the tests and scenarios that it names.
#[test]
fn the_table_of_security_names_what_holds_it() {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).expect("a text");
    let tests: String = rust().iter().map(|source| source.text.as_str()).collect();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let mut named = 0;
    for row in rows {
        let held_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        for name in held_by.split('`').skip(1).step_by(2) {
            let is_file = [format!("fixtures/scenarios/{name}.toml"), name.to_owned()];
            let is_file = is_file.iter().any(|path| root().join(path).exists());
            // Several tests may share a beginning.
            let test = match name.strip_suffix('…') {
                Some(beginning) => format!("fn {beginning}"),
                None => format!("fn {name}("),
            };
            assert!(is_file || tests.contains(&test), "nothing is called `{name}`");
            named += 1;
        }
    }
    assert!(named > 8, "the table has been read");
}
