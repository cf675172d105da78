//! `dozvon check`: all mistakes of a configuration, each with its place, the line and the name that was meant;
//! `--online` also asks the store, the accounts and the running bridge. Never changes anything. Enter at
//! [`check`].

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{Folder, StoreArgs, names, place};
use crate::config::locate::{line_of, meant};
use crate::config::{Config, Files, Problem, Surroundings};
use crate::out::{self, Stop};
use crate::platform::http::{Http, RealHttp, Request};
use crate::private;
use crate::trouble::Weight;

/// A bridge on this machine answers within this, seconds.
const ANSWER_S: u64 = 5;

#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
    /// Warnings count as mistakes.
    #[arg(long)]
    strict: bool,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
    /// Ask the store, the accounts of all schools and the running bridge, too.
    #[arg(long)]
    online: bool,
}

/// Mistakes and warnings, of files or of accounts.
#[derive(Default)]
pub struct Found {
    pub wrong: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl Found {
    /// All of them as JSON, the mistakes first.
    pub fn as_json(&self, files: Option<&Files>) -> Vec<Value> {
        let wrong = self.wrong.iter().map(|problem| ("error", problem));
        let warned = self.warnings.iter().map(|problem| ("warning", problem));
        wrong.chain(warned).map(|(severity, problem)| as_json(files, severity, problem)).collect()
    }

    /// Prints the warnings; a mistake is for the end.
    pub fn print_warnings(&self, files: Option<&Files>) -> Result<(), Stop> {
        self.warnings.iter().try_for_each(|warning| {
            out::line(format_args!("warning: {}", shown(files, warning).trim_start()))
        })
    }
}

/// What was heard online that has no place in a file.
#[derive(Default)]
struct Asked {
    wrong: Vec<String>,
    /// What deserves a look and stops nothing.
    notes: Vec<String>,
    /// Where no bridge answers: it need not run while its files are being checked.
    silent: Option<SocketAddr>,
}

/// Reads a folder; the error is the whole report for a person.
pub fn read(folder: &Path) -> Result<(Files, Config), Stop> {
    let files = Files::read(folder).map_err(|problems| unusable(None, &problems))?;
    let config = Config::from_files(&files, &Surroundings::real());
    let config = config.map_err(|problems| unusable(Some(&files), &problems))?;
    Ok((files, config))
}

/// The report that ends a command.
pub fn unusable(files: Option<&Files>, problems: &[Problem]) -> Stop {
    let mut text = format!("The configuration cannot be used, {} to mend:", problems.len());
    for problem in problems {
        text.push('\n');
        text.push_str(&shown(files, problem));
    }
    Stop::Because(text)
}

pub async fn check(args: Check) -> Result<(), Stop> {
    let (mut found, mut config) = (Found::default(), None);
    let files = Files::read(&args.folder.config);
    match &files {
        Err(problems) => found.wrong.clone_from(problems),
        Ok(files) => match Config::examine(files, &Surroundings::real()) {
            Err((wrong, warnings)) => found = Found { wrong, warnings },
            Ok(read) => {
                found.warnings = read.warnings().cloned().collect();
                found.warnings.extend(open_data(&args.store, &read));
                config = Some(read);
            }
        },
    }
    let files = files.as_ref().ok();
    let schools = config.as_ref().map_or(0, |config| config.schools.len());
    let is_usable = config.is_some();
    let asked = match (&config, files) {
        (Some(config), Some(files)) if args.online => online(&args, config, files, &mut found).await,
        _ => Asked::default(),
    };
    let Asked { wrong: asked, notes, silent } = asked;
    let Found { wrong, warnings } = &found;
    let warned = warnings.len() + notes.len();
    let refused = !wrong.is_empty() || !asked.is_empty() || (args.strict && warned > 0);
    if args.json {
        let list = found.as_json(files);
        let data = config.as_ref().map(|config| whole_data(&args.store, config));
        let report = json!({
            "ok": !refused, "schools": schools, "data": data, "findings": list, "online": asked, "notes": notes,
        });
        out::line(format_args!("{report:#}"))?;
        return if refused { Err(Stop::Told) } else { Ok(()) };
    }
    found.print_warnings(files)?;
    notes.iter().try_for_each(|note| out::line(format_args!("warning: {note}")))?;
    silent.iter().try_for_each(|address| {
        out::line(format_args!("note: no bridge answers at {address}, so its troubles are not known"))
    })?;
    if !is_usable {
        return Err(unusable(files, wrong));
    }
    if !wrong.is_empty() || !asked.is_empty() {
        let lines = asked.iter().map(|line| format!("\n  {line}")).collect::<String>();
        return Err(Stop::Because(format!("{}{lines}", mismatches(files, wrong, asked.len()))));
    }
    if refused {
        return Err(format!("{warned} warning(s), and --strict permits none").into());
    }
    let data = config.as_ref().map(|config| whole_data(&args.store, config));
    data.iter().try_for_each(|data| out::line(format_args!("data: {}", data.display())))?;
    match warned {
        0 => out::line(format_args!("{schools} school(s), no problems")),
        count => out::line(format_args!("{schools} school(s), can be used, {count} warning(s)")),
    }
}

/// The folder of the store and the tokens, wherever the program starts.
fn whole_data(store: &StoreArgs, config: &Config) -> PathBuf {
    let data = super::data(store, config);
    std::path::absolute(&data).unwrap_or(data)
}

/// Others of this machine can read what the bridge keeps.
fn open_data(store: &StoreArgs, config: &Config) -> Option<Problem> {
    let data = super::data(store, config);
    private::open_to_others(&data).map(|why| Problem {
        file: data.display().to_string(),
        key: String::new(),
        wrong: format!("other users of this machine can read it, or it holds a link: {why}"),
        allowed: "0700 for folders, 0600 for files".to_owned(),
    })
}

/// What the accounts lack; `more` findings follow.
pub fn mismatches(files: Option<&Files>, wrong: &[Problem], more: usize) -> String {
    let mut text = format!("Asked online, {} to mend:", wrong.len() + more);
    for problem in wrong {
        text.push('\n');
        text.push_str(&shown(files, problem));
    }
    text
}

/// `file:line:column`, key, what is wrong, what is allowed; the line with a mark below; the name that was meant.
fn shown(files: Option<&Files>, problem: &Problem) -> String {
    let place = files.and_then(|files| files.place(problem));
    let mut text = format!("  {}", problem.file);
    if let Some(place) = &place {
        let _ = write!(text, ":{}:{}", place.line, place.column);
    }
    // A line that stands there already is not said again.
    if !problem.key.is_empty() && (place.is_none() || line_of(problem).is_none()) {
        let _ = write!(text, ", {}", problem.key);
    }
    let _ = write!(text, ": {}; {}", problem.wrong, problem.allowed);
    if let Some(place) = &place {
        let number = place.line.to_string();
        let _ = write!(text, "\n    {number} | {}", place.text);
        let (left, mark) = (" ".repeat(place.column - 1), "^".repeat(place.width));
        let _ = write!(text, "\n    {} | {left}{mark}", " ".repeat(number.len()));
    }
    if let Some(name) = meant(problem) {
        let _ = write!(text, "\n    did you mean `{name}`?");
    }
    text
}

fn as_json(files: Option<&Files>, severity: &str, problem: &Problem) -> Value {
    let place = files.and_then(|files| files.place(problem));
    json!({
        "severity": severity, "file": problem.file, "key": problem.key,
        "line": place.as_ref().map(|place| place.line), "column": place.as_ref().map(|place| place.column),
        "wrong": problem.wrong, "allowed": problem.allowed, "meant": meant(problem),
    })
}

/// What is wrong outside of the files: with a place in `findings`, the rest a line each.
async fn online(args: &Check, config: &Config, files: &Files, findings: &mut Found) -> Asked {
    let (mut found, mut noted) = (Vec::new(), Vec::new());
    let backend = place(&args.store, config);
    let is_new = matches!(&backend, crate::store::Backend::Folder(folder) if !folder.exists());
    if !is_new {
        match backend.visit().await {
            Ok(store) => {
                let troubles = crate::worker::troubles::store(&*store, crate::clock::wall_now()).await;
                for trouble in troubles {
                    let (id, detail) = (trouble.id.id(), &trouble.detail);
                    let line = format!("{id}: {}. {} ({detail})", trouble.what, trouble.todo);
                    if trouble.weight == Weight::Note { noted.push(line) } else { found.push(line) }
                }
            }
            Err(error) => found.push(error.to_string()),
        }
    }
    for school in &config.schools {
        let report = crate::discover::compare(config, school, files, &backend).await;
        findings.wrong.extend(report.wrong);
        findings.warnings.extend(report.warnings);
    }
    let Asked { wrong, notes, silent } = running(config).await;
    found.extend(wrong);
    noted.extend(notes);
    let mut seen = BTreeSet::new();
    found.retain(|line| seen.insert(line.clone()));
    Asked { wrong: found, notes: noted, silent }
}

/// The troubles of the bridge that runs on this machine.
async fn running(config: &Config) -> Asked {
    let mut address = config.instance.operation;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let mut asked = Asked::default();
    let answer = match RealHttp::new(Duration::from_secs(ANSWER_S)) {
        Ok(http) => http.send(Request::new("GET", format!("http://{address}/readyz"))).await.ok(),
        Err(_) => None,
    };
    let Some(body) = answer.and_then(|answer| answer.json().ok()) else {
        asked.silent = Some(address);
        return asked;
    };
    let known: BTreeSet<String> = names(config).split(", ").map(str::to_owned).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let troubles = body["troubles"].as_array().cloned().unwrap_or_default();
    let ours =
        troubles.iter().filter(|one| one["school"].as_str().is_none_or(|school| known.contains(school)));
    for one in ours {
        let place = [text(&one["school"]), text(&one["platform"])];
        let place = place.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        let place = if place.is_empty() { "the bridge".to_owned() } else { place };
        let (what, todo, why) = (text(&one["what"]), text(&one["todo"]), text(&one["detail"]));
        let line =
            format!("{place}: {}: {what} since {}. {todo} ({why})", text(&one["id"]), text(&one["since"]));
        if one["weight"] == "note" { asked.notes.push(line) } else { asked.wrong.push(line) }
    }
    asked
}
