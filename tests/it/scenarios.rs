//! Scenarios of the process: each file under `fixtures/scenarios` proves one rule, which is in its name,
//! and has to fail without it: with the figures of `off`, and with each cut of `mutants` (a guard
//! `cut("L4.wins")` in the core, compiled for tests only). To write one, copy the nearest; `short.rs` has
//! the forms of events, `expect.rs` the possible expectations; `SCENARIO=L4_ cargo test --test it scenarios
//! -- --nocapture` tells how they fail.

mod expect;
mod properties;
mod reading;
pub mod school;
mod short;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dozvon_core::mutant::with_cut;
use reading::{Fault, Scenario};

use crate::tidy::files as files_below;

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("fixtures/scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn every_scenario_holds_and_fails_without_its_rule() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut wrong = Vec::new();
    for path in files().iter().filter(|path| name(path).contains(&only)) {
        let name = name(path);
        match read(path) {
            Ok(scenario) => {
                let faults = faults(&scenario, &name, !only.is_empty());
                wrong.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
            }
            Err(fault) => wrong.push(format!("{name}: {fault}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn read(path: &Path) -> Result<Scenario, toml::de::Error> {
    toml::from_str(&fs::read_to_string(path).expect("a scenario"))
}

/// What is wrong with a scenario. `tells` prints how it fails without its rule.
fn faults(scenario: &Scenario, name: &str, tells: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let rule = &scenario.rule;
    if !name.starts_with(&format!("{rule}_")) {
        wrong.push(format!("proves {rule}, so its name has to start with it"));
    }
    if scenario.what.is_empty() {
        wrong.push("`what` says nothing".to_owned());
    }
    if scenario.off.is_empty() && scenario.mutants.is_empty() {
        wrong.push("cannot fail: it names neither `off` nor `mutants`".to_owned());
    }
    let as_shipped = toml::Table::new();
    if let Err(fault) = scenario.run(&as_shipped) {
        wrong.push(fault.to_string());
        return wrong;
    }
    let switched = (!scenario.off.is_empty())
        .then(|| (format!("the rule is off by {}", scenario.off), scenario.run(&scenario.off)));
    let cut = scenario.mutants.iter().map(|mutant| {
        if !mutant.starts_with(&format!("{rule}.")) {
            wrong.push(format!("`{mutant}` is no mutant of {rule}"));
        }
        (format!("`{mutant}` is cut"), with_cut(mutant, || scenario.run(&as_shipped)))
    });
    let without: Vec<_> = switched.into_iter().chain(cut).collect();
    for (how, ran) in without {
        match ran {
            Ok(()) => wrong.push(format!("holds although {how}")),
            Err(Fault::Unplayable(why)) => wrong.push(format!("cannot be played when {how}: {why}")),
            Err(Fault::Broken(why)) if tells => println!("{name} fails when {how}: {why}"),
            Err(Fault::Broken(_)) => {}
        }
    }
    wrong
}

/// A cut is proved by a scenario, and a scenario names cuts that exist.
#[test]
fn the_cuts_of_the_core_are_those_that_scenarios_name() {
    let sources = files_below("crates/core/src", ".rs");
    let core = sources.iter().filter(|source| !source.is_test() && !source.path.ends_with("/mutant.rs"));
    let code = core.flat_map(|source| source.code().map(|(_, line)| line));
    let mut cuts: Vec<&str> = code.flat_map(|line| line.split("cut(\"").skip(1)).map(up_to_quote).collect();
    cuts.sort_unstable();
    let once: BTreeSet<&str> = cuts.iter().copied().collect();
    assert_eq!(cuts, Vec::from_iter(once.iter().copied()), "a cut stands at one place");
    let scenarios: Vec<Scenario> = files().iter().filter_map(|path| read(path).ok()).collect();
    let named = scenarios.iter().flat_map(|scenario| scenario.mutants.iter().map(String::as_str));
    assert_eq!(once, named.collect(), "cuts of the core, and cuts that scenarios name");
}

fn up_to_quote(text: &str) -> &str {
    text.split('"').next().unwrap_or_default()
}

/// Nothing that ships can lose a rule: only the tests' own dependencies switch the feature on.
#[test]
fn cuts_are_compiled_for_tests_only() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut own: toml::Table = fs::read_to_string(own).expect("ours").parse().expect("a manifest");
    let tests = own.remove("dev-dependencies").expect("what tests need");
    assert_eq!(tests["dozvon-core"]["features"].as_array().expect("features").len(), 1);
    assert!(!own.to_string().contains("mutants"), "the program itself switches cuts on");
    for member in files_below("crates", "Cargo.toml") {
        let lines: Vec<&str> = member.text.lines().filter(|line| line.contains("mutants")).collect();
        let declared: &[&str] = if member.path == "crates/core/Cargo.toml" { &["mutants = []"] } else { &[] };
        assert_eq!(lines, declared, "{}", member.path);
    }
}

#[test]
fn every_rule_of_the_process_has_a_scenario() {
    let names: Vec<String> = files().iter().map(|path| name(path)).collect();
    let without: Vec<&str> = dozvon::process::rules()
        .into_iter()
        .filter(|rule| !names.iter().any(|name| name.starts_with(&format!("{rule}_"))))
        .collect();
    assert!(without.is_empty(), "no scenario proves {without:?}");
}
