//! `dozvon check`: all mistakes of a configuration, each with its place, the line and the name that was meant;
//! `--online` also asks the store, the accounts and the running bridge. Never changes anything. Enter at
//! [`check`].

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{Folder, StoreArgs, names, place};
use crate::config::locate::meant;
use crate::config::{Config, Files, Problem, Surroundings};
use crate::out::{self, Stop};
use crate::platform::http::{Http, RealHttp, Request};

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
    /// Ask the store, the CRM and the running bridge, too.
    #[arg(long)]
    online: bool,
}

/// A finding with its severity.
struct Finding<'a> {
    severity: &'static str,
    problem: &'a Problem,
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
    let (mut schools, mut warnings, mut config) = (0, Vec::new(), None);
    let files = Files::read(&args.folder.config);
    let problems = match &files {
        Err(problems) => problems.clone(),
        Ok(files) => match Config::from_files(files, &Surroundings::real()) {
            Err(problems) => problems,
            Ok(read) => {
                schools = read.schools.len();
                warnings = read.warnings().cloned().collect();
                config = Some(read);
                Vec::new()
            }
        },
    };
    let files = files.as_ref().ok();
    let asked = match &config {
        Some(config) if args.online => online(&args, config).await,
        _ => Vec::new(),
    };
    let wrong = problems.iter().map(|problem| Finding { severity: "error", problem });
    let warned = warnings.iter().map(|problem| Finding { severity: "warning", problem });
    let findings: Vec<Finding> = wrong.chain(warned).collect();
    let refused = !problems.is_empty() || !asked.is_empty() || (args.strict && !warnings.is_empty());
    if args.json {
        let list: Vec<Value> = findings.iter().map(|finding| as_json(files, finding)).collect();
        let report = json!({ "ok": !refused, "schools": schools, "findings": list, "online": asked });
        out::line(format_args!("{report:#}"))?;
        return if refused { Err(Stop::Told) } else { Ok(()) };
    }
    for warning in &warnings {
        out::line(format_args!("warning: {}", shown(files, warning).trim_start()))?;
    }
    if !problems.is_empty() {
        return Err(unusable(files, &problems));
    }
    if !asked.is_empty() {
        return Err(format!("Asked online, {} to mend:\n  {}", asked.len(), asked.join("\n  ")).into());
    }
    if refused {
        return Err(format!("{} warning(s), and --strict permits none", warnings.len()).into());
    }
    out::line(format_args!("{schools} school(s), no problems"))
}

/// `file:line:column`, key, what is wrong, what is allowed; the line with a mark below; the name that was meant.
fn shown(files: Option<&Files>, problem: &Problem) -> String {
    let place = files.and_then(|files| files.place(problem));
    let mut text = format!("  {}", problem.file);
    if let Some(place) = &place {
        let _ = write!(text, ":{}:{}", place.line, place.column);
    }
    let is_said = place.is_some() && problem.key.starts_with("line ");
    if !problem.key.is_empty() && !is_said {
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

fn as_json(files: Option<&Files>, Finding { severity, problem }: &Finding) -> Value {
    let place = files.and_then(|files| files.place(problem));
    json!({
        "severity": severity, "file": problem.file, "key": problem.key,
        "line": place.as_ref().map(|place| place.line), "column": place.as_ref().map(|place| place.column),
        "wrong": problem.wrong, "allowed": problem.allowed, "meant": meant(problem),
    })
}

/// What is wrong outside of the files, a line each.
async fn online(args: &Check, config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let backend = place(&args.store, config);
    let is_new = matches!(&backend, crate::store::Backend::Folder(folder) if !folder.exists());
    if !is_new {
        match backend.visit().await {
            Ok(store) => {
                let troubles = crate::worker::troubles::store(&*store, crate::clock::wall_now()).await;
                found.extend(troubles.iter().map(|trouble| {
                    format!("{}: {}. {} ({})", trouble.id.id(), trouble.what, trouble.todo, trouble.detail)
                }));
            }
            Err(error) => found.push(error.to_string()),
        }
    }
    for school in config.schools.iter().filter(|school| school.crm().is_some()) {
        match crate::discover::discover(config, school, &backend).await {
            Ok((_, mismatches)) => {
                let file = |line: &String| format!("{}: {}", school.id, line.trim());
                found.extend(mismatches.iter().map(file));
            }
            Err(why) => found.push(format!("{}: {why}", school.id)),
        }
    }
    found.extend(running(config).await);
    let mut seen = BTreeSet::new();
    found.retain(|line| seen.insert(line.clone()));
    found
}

/// The troubles of the bridge that runs on this machine, if one does.
async fn running(config: &Config) -> Vec<String> {
    let mut address = config.instance.operation;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let Ok(http) = RealHttp::new(Duration::from_secs(ANSWER_S)) else { return Vec::new() };
    let answer = http.send(Request::new("GET", format!("http://{address}/readyz"))).await;
    let Some(body) = answer.ok().and_then(|answer| answer.json().ok()) else {
        // It need not run while its files are being checked.
        return Vec::new();
    };
    let known: BTreeSet<String> = names(config).split(", ").map(str::to_owned).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let troubles = body["troubles"].as_array().cloned().unwrap_or_default();
    let ours = troubles.iter().filter(|one| {
        one["weight"] != "note" && one["school"].as_str().is_none_or(|school| known.contains(school))
    });
    ours.map(|one| {
        let place = [text(&one["school"]), text(&one["platform"])];
        let place = place.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        let place = if place.is_empty() { "the bridge".to_owned() } else { place };
        let (what, todo, why) = (text(&one["what"]), text(&one["todo"]), text(&one["detail"]));
        format!("{place}: {}: {what} since {}. {todo} ({why})", text(&one["id"]), text(&one["since"]))
    })
    .collect()
}
