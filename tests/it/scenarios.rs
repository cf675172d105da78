//! Scenarios of the process: each file under `fixtures/scenarios` proves one rule, which is in its name. A
//! scenario with `off` must fail if its rule is switched off. To write one, copy the nearest; `short.rs` has
//! the forms of events, `expect.rs` the possible expectations.

mod expect;
mod properties;
mod reading;
pub mod school;
mod short;
mod world;

use std::fs;
use std::path::PathBuf;

use reading::Scenario;

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

fn name(path: &std::path::Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn every_scenario_holds_and_fails_when_its_rule_is_off() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut wrong = Vec::new();
    for path in files().iter().filter(|path| name(path).contains(&only)) {
        let name = name(path);
        let text = fs::read_to_string(path).expect("a scenario");
        let scenario: Scenario = match toml::from_str(&text) {
            Ok(scenario) => scenario,
            Err(fault) => {
                wrong.push(format!("{name}: {fault}"));
                continue;
            }
        };
        if !name.starts_with(&format!("{}_", scenario.rule)) {
            wrong.push(format!("{name}: proves {}, so its name has to start with it", scenario.rule));
        }
        if scenario.what.is_empty() {
            wrong.push(format!("{name}: `what` says nothing"));
        }
        if let Err(fault) = scenario.run(&toml::Table::new()) {
            wrong.push(format!("{name}: {fault}"));
        } else if !scenario.off.is_empty() && scenario.run(&scenario.off).is_ok() {
            wrong.push(format!("{name}: holds although the rule is off"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
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
