//! Captured requests in `fixtures/<platform>/*.http`, and next to each the signals that are expected of it.
//! `FIXTURES=write` writes the decoder's present output: read it before you commit it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dozvon::message::library::Library;
use dozvon::platform::entry::{Platform, PlatformKind};
use dozvon::platform::{Hooks, RawRequest, Reception, Verified};
use dozvon::platforms::ALL;
use dozvon::process::At;

/// The hooks of an invented school, whose table of this platform stands in its `settings.toml`.
fn hooks(platform: &Platform) -> Option<Arc<dyn Hooks>> {
    let file = fixtures(platform).join("settings.toml");
    let table = fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
    let settings = (platform.read)(toml::Value::Table(table.parse().unwrap()));
    settings
        .unwrap_or_else(|why| panic!("{}: {why}", file.display()))
        .hooks(&"shkolarost".into(), &Library::shipped())
        .unwrap()
}

fn fixtures(platform: &Platform) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(platform.name)
}

/// A raw request: head, blank line, body. The path is `/hooks/<school>/<platform>/<secret>/…`.
fn parsed(file: &Path) -> RawRequest {
    let text = fs::read_to_string(file).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap_or((text.as_str(), ""));
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parts = path.splitn(6, '/').skip(1);
    assert_eq!(parts.next(), Some("hooks"), "{}", file.display());
    let tail = parts.nth(3).unwrap_or_default().trim_matches('/');
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    RawRequest {
        method: method.to_owned(),
        tail: tail.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.trim_end_matches('\n').as_bytes().to_vec(),
    }
}

fn check(hooks: &dyn Hooks, file: &Path) {
    let request = parsed(file);
    let (verified, reception) =
        Verified::check(hooks, request).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    assert!(matches!(reception, Reception::Keep(_)), "{}: taken for a probe", file.display());
    assert_eq!(hooks.answer(&verified).status, 200, "{}", file.display());
    let at: At = "2026-07-15T07:00:00Z".parse().unwrap();
    let signals = hooks.decode(&verified, at).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let found = serde_json::to_value(&signals).unwrap();
    let beside = file.with_extension("signals.json");
    if std::env::var("FIXTURES").is_ok_and(|wish| wish == "write") {
        fs::write(&beside, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        return;
    }
    let expected = fs::read_to_string(&beside).unwrap_or_else(|_| panic!("{} is missing", beside.display()));
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(found, expected, "{}\n{}", file.display(), serde_json::to_string_pretty(&found).unwrap());
    // The stored form in the inbox decodes to the same signals.
    let stored: Vec<dozvon::signal::Signal> = serde_json::from_value(found).unwrap();
    assert_eq!(stored, signals, "{}", file.display());
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn each_captured_request_gives_the_signals_in_its_file() {
    let mut checked = 0;
    for platform in ALL.iter().filter(|platform| platform.kind != PlatformKind::Channel) {
        let hooks = hooks(platform).unwrap_or_else(|| panic!("{} takes nothing", platform.name));
        let before = checked;
        for file in entries(&fixtures(platform)) {
            if file.extension().is_some_and(|end| end == "http") {
                check(&*hooks, &file);
                checked += 1;
            }
        }
        assert!(checked > before, "{} has no fixtures", platform.name);
    }
    assert!(checked >= 30, "only {checked} fixtures were found");
}
