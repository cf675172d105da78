//! The floors: which part of the code may import which. There is one rule: following the `use` arrows from
//! any file never leads back to it. Tests are not checked. Enter at [`the_floors_have_no_cycle`].

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{Source, files};

/// Importer → imported.
type Arrows = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_floors_have_no_cycle() {
    let sources = code_below("src");
    let files = arrows(&sources, "src");
    let mut folders = Arrows::new();
    for (from, to) in &files {
        let from = top(from);
        // The program's own file and the list of modules are above everything else.
        if ["main", "lib"].contains(&from) {
            continue;
        }
        let others = to.iter().map(|to| top(to)).filter(|to| *to != from && *to != "lib").map(str::to_owned);
        folders.entry(from.to_owned()).or_default().extend(others);
    }
    assert!(folders.len() > 15, "too few folders were seen: {folders:?}");
    assert_eq!(cycle(&folders), None, "the top folders import each other in a circle");
}

/// The compiler keeps the packages apart; this test says which of them depend on no other.
#[test]
fn core_and_sandbox_depend_on_no_other_member() {
    for member in ["core", "sandbox"] {
        let manifest = files(&format!("crates/{member}"), "Cargo.toml").remove(0).text;
        assert!(!manifest.contains("path ="), "crates/{member} depends on another member:\n{manifest}");
    }
}

#[test]
fn a_cycle_is_found_by_its_arrows() {
    let arrows = |pairs: &[(&str, &str)]| {
        let mut arrows = Arrows::new();
        for (from, to) in pairs {
            arrows.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        arrows
    };
    assert_eq!(cycle(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = cycle(&arrows(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]));
    assert_eq!(found, Some(["b", "c", "d", "b"].map(str::to_owned).to_vec()));
}

/// The files below a folder, without tests.
fn code_below(folder: &str) -> Vec<Source> {
    files(folder, ".rs").into_iter().filter(|source| !source.is_test()).collect()
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The imports of each module. A name that a parent re-exports (`pub use`) leads to the module that defines
/// it, and a parent's list of its children is not an arrow.
fn arrows(sources: &[Source], root: &str) -> Arrows {
    let modules: BTreeMap<String, &Source> =
        sources.iter().map(|source| (module_of(&source.path, root), source)).collect();
    let passed_on = passed_on(&modules);
    let mut arrows = Arrows::new();
    for (module, source) in &modules {
        let into = arrows.entry(module.clone()).or_default();
        for path in imports(source, module) {
            let target = target(&path, &modules, &passed_on);
            into.extend(target.filter(|target| target != module));
        }
    }
    arrows
}

/// `process::talk` for `…/process/talk.rs`, `process` for `…/process/mod.rs`.
fn module_of(path: &str, root: &str) -> String {
    let inner = path.trim_start_matches(root).trim_start_matches('/').trim_end_matches(".rs");
    inner.trim_end_matches("/mod").replace('/', "::")
}

/// The file that defines what a path names.
fn target(
    path: &str,
    modules: &BTreeMap<String, &Source>,
    passed_on: &BTreeMap<String, String>,
) -> Option<String> {
    let mut path = path.to_owned();
    while let Some(further) = passed_on.get(&path) {
        path = further.clone();
    }
    loop {
        if modules.contains_key(&path) {
            return Some(path);
        }
        path.truncate(path.rfind("::")?);
    }
}

/// `process::At` → `process::value::At`, for every re-exported name.
fn passed_on(modules: &BTreeMap<String, &Source>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (module, source) in modules {
        for statement in statements(source).filter(|statement| statement.starts_with("pub use ")) {
            for path in leaves(statement.trim_start_matches("pub use ")) {
                let path = absolute(&path, module, modules);
                let Some((from, name)) = path.rsplit_once("::") else { continue };
                let names = match (name, modules.get(from)) {
                    ("*", Some(source)) => defined(source),
                    _ => vec![name.to_owned()],
                };
                found.extend(
                    names.into_iter().map(|name| (format!("{module}::{name}"), format!("{from}::{name}"))),
                );
            }
        }
    }
    found
}

/// Names of the items that a file defines for others.
fn defined(source: &Source) -> Vec<String> {
    let kinds = ["struct", "enum", "fn", "type", "const", "trait"];
    let words = source.code().map(|(_, line)| line).filter(|line| line.starts_with("pub"));
    words
        .filter_map(|line| {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.find(|word| kinds.contains(word))?;
            words.next().map(str::to_owned)
        })
        .collect()
}

/// Every path that a file uses: its `use` statements, and `crate::…` within code.
fn imports(source: &Source, module: &str) -> Vec<String> {
    let none = BTreeMap::new();
    let mut found = Vec::new();
    for statement in statements(source).filter(|statement| !statement.starts_with("pub use ")) {
        let Some(tree) = statement.split_once("use ").map(|(_, tree)| tree) else { continue };
        found.extend(leaves(tree).iter().map(|path| absolute(path, module, &none)));
    }
    for (_, line) in source.code().filter(|(_, line)| !line.trim_start().starts_with("use ")) {
        for rest in line.split("crate::").skip(1) {
            let path = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next();
            found.extend(path.map(|path| path.trim_end_matches(':').to_owned()));
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

/// `use` statements, each on one line, whatever their visibility.
fn statements(source: &Source) -> impl Iterator<Item = String> {
    let code: Vec<&str> = source.code().map(|(_, line)| line).collect();
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in code {
        let line = line.trim();
        let begins = ["use ", "pub use ", "pub(super) use ", "pub(crate) use "];
        if open.is_none() && begins.iter().any(|begin| line.starts_with(begin)) {
            open = Some(String::new());
        }
        if let Some(mut statement) = open.take() {
            statement.push_str(line);
            match line.ends_with(';') {
                true => found.push(statement.trim_end_matches(';').to_owned()),
                false => open = Some(statement),
            }
        }
    }
    found.into_iter()
}

/// `a::{b, c::{d, e}}` → `a::b`, `a::c::d`, `a::c::e`.
fn leaves(tree: &str) -> Vec<String> {
    let Some((before, inside)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        return vec![path.trim_end_matches("::self").to_owned()];
    };
    let inside = inside.rsplit_once('}').map_or(inside, |(inside, _)| inside);
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for c in inside.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| leaves(&format!("{before}{}", part.trim()))).collect()
}

/// Relative to the crate's root, without `crate::`; a path into another crate is returned as it is and
/// matches no file.
fn absolute(path: &str, module: &str, modules: &BTreeMap<String, &Source>) -> String {
    if let Some(path) = path.strip_prefix("crate::") {
        return path.to_owned();
    }
    let mut base = module.to_owned();
    let mut rest = path.strip_prefix("self::").unwrap_or(path);
    let mut is_relative = rest != path;
    while let Some(above) = rest.strip_prefix("super::") {
        base.truncate(base.rfind("::").unwrap_or(0));
        (rest, is_relative) = (above, true);
    }
    let child = format!("{module}::{}", rest.split("::").next().unwrap_or(rest));
    match is_relative || modules.contains_key(&child) {
        true => format!("{base}::{rest}").trim_start_matches(':').to_owned(),
        false => rest.to_owned(),
    }
}

/// One cycle, with its first module repeated at the end.
fn cycle(arrows: &Arrows) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|from| walk(from, arrows, &mut Vec::new(), &mut done))
}

fn walk<'a>(
    at: &'a str,
    arrows: &'a Arrows,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(first) = path.iter().position(|seen| *seen == at) {
        return Some(path[first..].iter().chain([&at]).map(|module| (*module).to_owned()).collect());
    }
    if done.contains(at) {
        return None;
    }
    path.push(at);
    let found = arrows.get(at).into_iter().flatten().find_map(|to| walk(to, arrows, path, done));
    path.pop();
    done.insert(at);
    found
}
