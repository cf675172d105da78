//! One school: reads its files, assembles its process, checks everything. Never stops at the first mistake:
//! the readable parts are checked further. Enter at [`read`].

use std::collections::{BTreeMap, BTreeSet};

use super::answers::Answers;
use super::check::{self, Draft};
use super::environment::Surroundings;
use super::files::Files;
use super::raw::SchoolFile;
use super::read::{parse, section, section_with};
use super::reference::table::school_keys;
use super::{School, calendar};
use crate::message::library::{Library, PHRASES_FILE, TextFile};
use crate::platform::amocrm;
use crate::platform::amocrm::settings::Pipeline;
use crate::platform::check::Complaints;
use crate::platforms::{ALL, Platforms};
use crate::problem::Problem;
use crate::process::definition::{Figures, Manager, Route};
use crate::process::value::USUAL_CURRENCY;
use crate::process::{LeadRole, ManagerId, Process, SchoolId, Stage, routing};
use crate::secret::{FORMER, FRESH_FIRST, Secret, SecretSource, weakness};

/// The process that every route of a school uses; other files are not used until a route can name them.
const PROCESS: &str = "default";

pub(super) fn read(
    files: &Files,
    name: &str,
    around: &Surroundings,
    problems: &mut Vec<Problem>,
) -> Option<School> {
    let before = problems.len();
    let mut warnings = Vec::new();
    let folder = format!("schools/{name}/");
    // A slip in one file hides no mistake in another.
    let figures = read_figures(files, &folder, problems, &mut warnings);
    let texts = read_texts(files, &folder, problems);
    let shown = files.shown(&format!("{folder}school.toml"));
    let mut wrong = Complaints { file: &shown, found: problems };
    if !is_school_name(name) {
        wrong.add("", format!("`{name}` is no name of a school"), "a folder named by a-z, 0-9 and -");
    }
    let Some(text) = files.get(&format!("{folder}school.toml")) else {
        wrong.add("", "no such file", "every folder in schools/ has a school.toml");
        return None;
    };
    let mut table = parse(text, &mut wrong)?;
    let named: BTreeSet<String> = names_in(&table);
    let platforms = read_platforms(&mut table, &mut wrong);
    let mut file: SchoolFile = section(table, "", &mut wrong)?;
    let mut routes = read_routes(std::mem::take(&mut file.routes), &mut wrong);
    let roster = roster(std::mem::take(&mut file.managers));
    let mut warn = Complaints { file: &shown, found: &mut warnings };
    let secrets = read_secrets(name, &file, around, &mut wrong, &mut warn);
    let calendar = calendar::build(
        &file.calendar,
        around.now.with_timezone(&file.zone).date_naive(),
        &mut wrong,
        &mut warn,
    );
    let process_file = files.shown(&format!("{folder}process/{PROCESS}.toml"));
    let draft = Draft {
        school_file: &shown,
        process_file: &process_file,
        file: &file,
        platforms: &platforms,
        named: &named,
        roster: &roster,
        routes: &routes,
        figures: &figures,
        texts: &texts,
        around,
    };
    check::run(&draft, problems, &mut warnings);
    if problems.len() > before {
        return None;
    }
    name_pipelines(&mut routes, platforms.get());
    let config_hash = files.hash(&folder);
    let calls_by = check::starter(file.calls_by.as_deref(), &platforms);
    let link_hosts = platforms.iter().flat_map(|(_, settings)| settings.link_hosts()).collect();
    let reads_orders = platforms.iter().any(|(_, settings)| settings.reads_orders());
    let mut needed = routing::needed(&routes, &figures, &texts);
    // What can be read back later is enough for the short path, not for the choice of a route.
    needed.retain(|name, key| name != "author" || !reads_orders || key.starts_with("routes."));
    // These are read back before the choice (G10).
    needed.retain(|name, _| !reads_orders || !["offers", "positions", "cost"].contains(&&**name));
    let reads_author = reads_orders && figures.arrival.short_path;
    let process = Process {
        school: SchoolId::from(name),
        name: file.name,
        config_hash: config_hash.clone(),
        figures,
        roster,
        routes,
        zone: file.zone,
        currency: currency(platforms.get()),
        calendar,
        pipelines: pipelines(platforms.get()),
        sales_pipelines: sales_pipelines(platforms.get()),
        reads_orders,
        link_hosts,
        dictionaries: file.dictionaries,
        texts,
    };
    Some(School {
        id: SchoolId::from(name),
        process,
        answers: Answers::new(&file.answers),
        secrets,
        old_addresses: file.old_addresses,
        platforms,
        calls_by: calls_by.map(|platform| platform.name),
        needed: needed.into_keys().collect(),
        reads_author,
        config_hash,
        warnings,
    })
}

pub fn is_school_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Managers named in the file, whether the rest of their table is readable or not.
fn names_in(table: &toml::Table) -> BTreeSet<String> {
    let managers = table.get("managers").and_then(toml::Value::as_table);
    managers.map(|managers| managers.keys().cloned().collect()).unwrap_or_default()
}

fn read_routes(tables: Vec<toml::Table>, wrong: &mut Complaints) -> Vec<Route> {
    let mut routes = Vec::new();
    for (index, mut table) in tables.into_iter().enumerate() {
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) if !name.trim().is_empty() => name,
            _ => {
                wrong.add(format!("routes.{}.name", index + 1), "missing", "a name in quotes");
                format!("{}", index + 1)
            }
        };
        if let Some(route) = section::<Route>(table, &format!("routes.{name}"), wrong) {
            routes.push(Route { name, ..route });
        }
    }
    routes
}

fn roster(managers: BTreeMap<String, Manager>) -> Vec<Manager> {
    let named = |(id, manager): (String, Manager)| Manager { id: ManagerId(id), ..manager };
    managers.into_iter().map(named).collect()
}

/// Takes the tables of platforms out of a school's file, each as its folder reads it; and the keys that
/// nobody reads, so that each is told with all that could stand there.
fn read_platforms(table: &mut toml::Table, wrong: &mut Complaints) -> Platforms {
    let known: Vec<&str> = school_keys().iter().map(|key| key.name).collect();
    let strange: Vec<String> = table.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect();
    for key in strange {
        table.remove(&key);
        wrong.add(key, "unknown key", format!("one of `{}`", known.join("`, `")));
    }
    let mut platforms = Platforms::default();
    for platform in ALL {
        let Some(value) = table.remove(platform.name) else { continue };
        if let Some(settings) = section_with(value, platform.name, wrong, platform.read) {
            platforms.push(platform, settings);
        }
    }
    platforms
}

/// One that can be guessed is a mistake; a former one is about to go, and its addresses are called meanwhile.
fn read_secrets(
    school: &str,
    file: &SchoolFile,
    around: &Surroundings,
    wrong: &mut Complaints,
    warn: &mut Complaints,
) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    let names: Vec<&str> = ALL.iter().map(|platform| platform.name).chain([school]).collect();
    if file.secrets.is_empty() || file.secrets.len() > 2 {
        let count = file.secrets.len();
        wrong.add("secrets", format!("{count} secrets"), "one, or two while addresses are being changed");
    }
    for source in &file.secrets {
        if let Some(why) = source.open_to_others(|name| around.get(name).map(str::to_owned)) {
            warn.add("secrets", why, SecretSource::CLOSE);
        }
        match source.read_with(|name| around.get(name).map(str::to_owned)) {
            Ok(secret) => {
                let is_former = !secrets.is_empty();
                match weakness(secret.reveal(), &names).map(|why| format!("{why}: it can be guessed")) {
                    Some(why) if is_former => warn.add("secrets", why, FORMER),
                    Some(why) => wrong.add("secrets", why, FRESH_FIRST),
                    None => {}
                }
                if !fits_an_address(secret.reveal()) {
                    let why = "a secret with characters that an address cannot hold";
                    wrong.add("secrets", why, "at least 16 of a-z, A-Z, 0-9, - and _");
                }
                if secrets.contains(&secret) {
                    wrong.add("secrets", "the same secret twice", "a new one and the old one");
                }
                secrets.push(secret);
            }
            Err(fault) => wrong.add("secrets", fault, SecretSource::ADVICE),
        }
    }
    secrets
}

fn fits_an_address(secret: &str) -> bool {
    secret.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn read_figures(
    files: &Files,
    folder: &str,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Figures {
    let folder = format!("{folder}process/");
    let mut figures = None;
    for (name, path, text) in files.within(&folder, ".toml") {
        let shown = files.shown(path);
        let mut wrong = Complaints { file: &shown, found: problems };
        if name == PROCESS {
            figures = parse(text, &mut wrong).and_then(|table| section(table, "", &mut wrong));
        } else {
            let mut warn = Complaints { file: &shown, found: warnings };
            warn.add("", "no route runs this process", "default.toml is what every route runs");
        }
    }
    figures.unwrap_or_default()
}

fn read_texts(files: &Files, folder: &str, problems: &mut Vec<Problem>) -> Library {
    let (library, faults) = texts(files, folder);
    problems.extend(faults);
    library
}

/// The texts and phrases of the school in this folder.
pub(super) fn texts(files: &Files, folder: &str) -> (Library, Vec<Problem>) {
    let folder = format!("{folder}texts/");
    let phrases = format!("{folder}{PHRASES_FILE}");
    let phrases = files.get(&phrases).map(|text| (PHRASES_FILE, phrases.as_str(), text));
    let own: Vec<TextFile> = files
        .within(&folder, ".txt")
        .chain(phrases)
        .map(|(name, path, text)| TextFile {
            name: name.to_owned(),
            file: files.shown(path),
            source: text.to_owned(),
        })
        .collect();
    match own.is_empty() {
        // Schools without texts of their own share it.
        true => (Library::shipped(), Vec::new()),
        false => Library::checked(&own),
    }
}

/// The stages of each role that exist in the CRM; won and lost exist in every pipeline.
/// Leads are kept in it, so it is the school's.
fn currency(crm: Option<&amocrm::settings::Settings>) -> String {
    crm.map_or_else(|| USUAL_CURRENCY.to_owned(), |crm| crm.currency.clone())
}

fn pipelines(amocrm: Option<&amocrm::settings::Settings>) -> BTreeMap<LeadRole, Vec<Stage>> {
    let all = amocrm.iter().flat_map(|settings| &settings.pipelines);
    all.map(|(role, pipeline)| (*role, stages(pipeline))).collect()
}

/// The same of the further sales pipelines, by their ids.
fn sales_pipelines(amocrm: Option<&amocrm::settings::Settings>) -> BTreeMap<u64, Vec<Stage>> {
    let all = amocrm.iter().flat_map(|settings| settings.sales_pipelines.values());
    all.map(|pipeline| (pipeline.id, stages(pipeline))).collect()
}

fn stages(pipeline: &Pipeline) -> Vec<Stage> {
    let mapped: BTreeSet<Stage> = pipeline.stages.keys().copied().chain([Stage::Won, Stage::Lost]).collect();
    mapped.into_iter().collect()
}

/// The usual pipeline has no id in the process, however a route writes it.
fn name_pipelines(routes: &mut [Route], amocrm: Option<&amocrm::settings::Settings>) {
    let Some(amocrm) = amocrm else { return };
    for route in routes {
        route.pipeline = route.pipeline.and_then(|id| amocrm.further(id));
    }
}
