//! A platform stands in its own folder, in its stand-in's and in the lists; the rest of the code knows ports.
//! Names come from the list itself, so that a new platform is covered at once.
//! A list of exceptions here may only shrink: an entry that is needed no more fails, too.

use std::collections::BTreeSet;

use dozvon::platform::entry::{Platform, PlatformKind};
use dozvon::platforms::{self, ALL};

use crate::tidy::{Source, files};

/// The two lists, and the declarations of the folders beside them.
const LISTS: [&str; 4] = [
    "src/platforms.rs",
    "src/platform/telephony/mod.rs",
    "crates/sandbox/src/exchanges.rs",
    "crates/sandbox/src/lib.rs",
];

/// Tests that name a telephony provider outside its folders: what they say is about that one.
const TESTS_OF_ONE: &[&str] = &[
    "crates/sandbox/src/tests/mod.rs",
    "crates/sandbox/src/tests/people.rs",
    "crates/sandbox/src/tests/whole.rs",
    "src/intake/calls/lines_tests.rs",
    "src/intake/calls/tests.rs",
    "tests/it/cli.rs",
    "tests/it/config.rs",
    "tests/it/config/lines.rs",
    "tests/it/hooks.rs",
    "tests/it/lines.rs",
    "tests/it/scenarios/properties.rs",
    "tests/it/scenarios/short.rs",
    "tests/it/tidy.rs",
];

/// What the process needs of its order source and its CRM by name: one of each is all that a school has.
const BY_NAME: &[(&str, &str)] = &[
    ("amocrm", "src/config/check/answers.rs"),
    ("amocrm", "src/config/check/mod.rs"),
    ("amocrm", "src/config/mod.rs"),
    ("amocrm", "src/config/school.rs"),
    ("amocrm", "src/cli/school_file.rs"),
    ("amocrm", "src/discover/file.rs"),
    ("amocrm", "src/discover/mod.rs"),
    ("amocrm", "src/discover/shown.rs"),
];

fn sources() -> Vec<Source> {
    ["src", "crates", "tests"].into_iter().flat_map(|folder| files(folder, ".rs")).collect()
}

/// Its folder in the program.
fn folder(platform: &Platform) -> String {
    match platform.kind {
        PlatformKind::Line { .. } => format!("src/platform/telephony/{}/", platform.name),
        _ => format!("src/platform/{}/", platform.name),
    }
}

fn is_own(source: &Source, platform: &Platform) -> bool {
    let stand_in = format!("crates/sandbox/src/{}/", platform.name);
    source.path.starts_with(&folder(platform)) || source.path.starts_with(&stand_in)
}

/// Whether a source names a platform before the tests in it, in code or in words.
fn names(source: &Source, name: &str) -> bool {
    let end = source.text.find("#[cfg(test)]\nmod tests {").filter(|_| !source.is_test());
    source.text[..end.unwrap_or(source.text.len())].to_lowercase().contains(name)
}

#[test]
fn a_telephony_provider_is_named_in_its_own_places_only() {
    let (mut wrong, mut tests) = (Vec::new(), BTreeSet::new());
    let sources = sources();
    assert!(platforms::lines().count() >= 3, "too few providers are listed");
    for provider in platforms::lines() {
        for source in sources.iter().filter(|source| !is_own(source, provider)) {
            if !names(source, provider.name) || LISTS.contains(&source.path.as_str()) {
                continue;
            }
            match source.is_test() {
                true => drop(tests.insert(source.path.as_str())),
                false => wrong.push(format!("{} names {}", source.path, provider.name)),
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "a provider is named outside its folders:\n{}", wrong.join("\n"));
    assert_eq!(tests, TESTS_OF_ONE.iter().copied().collect(), "tests that name a provider");
}

/// The list has one line for a provider, and the folder above it one declaration.
#[test]
fn a_list_names_a_platform_once() {
    for list in ["src/platforms.rs", "crates/sandbox/src/exchanges.rs"] {
        let text = files(list.rsplit_once('/').expect("a folder").0, ".rs");
        let text = text.iter().find(|source| source.path == list).expect("the list").text.to_lowercase();
        for provider in platforms::lines() {
            assert_eq!(text.matches(provider.name).count(), 1, "{list} names {}", provider.name);
        }
    }
}

#[test]
fn platforms_do_not_know_each_other() {
    for own in ALL {
        let sources = files(&folder(own), ".rs");
        for other in ALL.iter().filter(|other| other.name != own.name) {
            let other = other.name;
            let words = [
                format!("platform::{other}"),
                format!("telephony::{other}"),
                format!("super::{other}::"),
                format!("super::super::{other}"),
            ];
            let knows = |line: &str| words.iter().any(|word| line.contains(word));
            for source in &sources {
                let place = source.code().find(|(_, line)| knows(line));
                assert_eq!(place, None, "{} knows {other}", source.path);
            }
        }
    }
}

/// What is not a provider of calls is imported where the process needs it by name, and by no port.
#[test]
fn the_rest_of_the_program_knows_ports() {
    let mut found = BTreeSet::new();
    for platform in ALL.iter().filter(|platform| !matches!(platform.kind, PlatformKind::Line { .. })) {
        let word = format!("platform::{}", platform.name);
        let grouped = format!("{}::", platform.name);
        for source in files("src", ".rs") {
            if source.is_test() || is_own(&source, platform) || LISTS.contains(&source.path.as_str()) {
                continue;
            }
            if source.path == "src/platform/mod.rs" || source.path.starts_with("src/demo/") {
                continue;
            }
            if source.code().any(|(_, line)| {
                line.contains(&word) || (line.contains("crate::platform::{") && line.contains(&grouped))
            }) {
                found.insert((platform.name, source.path));
            }
        }
    }
    let found: BTreeSet<(&str, &str)> = found.iter().map(|(name, path)| (*name, path.as_str())).collect();
    assert_eq!(found, BY_NAME.iter().copied().collect());
}
