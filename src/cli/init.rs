//! `dozvon init`: writes the files of a first school, from the example that the tests check, with what the flags
//! say and marks where a person has to go on. Asks nothing and never overwrites. Enter at [`init`].

use std::path::{Path, PathBuf};

use clap::Args;

use crate::out::{self, Stop};
use crate::platform::entry::PlatformKind;
use crate::platforms::ALL;
use crate::secret::random_token;

const INSTANCE: &str = include_str!("../../deploy/example/dozvon.toml");
const SCHOOL: &str = include_str!("../../deploy/example/schools/rost/school.toml");

/// Stands where a person has to write something.
const MARK: &str = "ЗАПОЛНИТЕ";

const PROCESS: &str = "# The figures of the process. Every one has a default that works: write only what differs.\n\
                       # `dozvon reference dialling` prints the keys of [dialling] with their defaults.\n";

#[derive(Args)]
pub struct Init {
    /// Is created; may exist if it has no `dozvon.toml`.
    folder: PathBuf,
    /// The school's short name in addresses: a-z, 0-9 and -.
    #[arg(long, default_value = "school", value_parser = short_name)]
    school: String,
    /// The school's name for clients.
    #[arg(long)]
    name: Option<String>,
    /// IANA zone.
    #[arg(long, default_value = "Europe/Moscow")]
    zone: chrono_tz::Tz,
    /// The https address at which platforms reach the bridge.
    #[arg(long)]
    url: Option<String>,
    /// The account's address, https://….amocrm.ru.
    #[arg(long)]
    amocrm: Option<String>,
    /// The school's address in GetCourse.
    #[arg(long)]
    getcourse: Option<String>,
}

fn short_name(text: &str) -> Result<String, String> {
    match crate::config::is_school_name(text) {
        true => Ok(text.to_owned()),
        false => Err("a-z, 0-9 and - only".to_owned()),
    }
}

pub fn init(args: &Init) -> Result<(), Stop> {
    let school = format!("schools/{}", args.school);
    let files = [
        ("dozvon.toml".to_owned(), instance(args)),
        (format!("{school}/school.toml"), of_school(args)),
        (format!("{school}/process/default.toml"), PROCESS.to_owned()),
        ("env".to_owned(), variables(args)),
    ];
    // All or nothing: what is there belongs to somebody.
    if let Some((file, _)) = files.iter().find(|(file, _)| args.folder.join(file).exists()) {
        return Err(
            format!("{} is there already: choose another folder", args.folder.join(file).display()).into()
        );
    }
    for (file, text) in &files {
        write(&args.folder.join(file), text).map_err(|error| format!("{file}: {error}"))?;
    }
    let folder = args.folder.display();
    out::print(&format!(
        "Written: {folder}. What comes next:\n\
         1. In {folder}/{school}/school.toml go to each «{MARK}»; `dozvon discover` prints the ids of the CRM.\n\
         2. In {folder}/env write the keys, and keep the file to yourself.\n\
         3. set -a && . {folder}/env && set +a && dozvon check --config {folder}\n\
         4. dozvon url --config {folder}\n"
    ))
}

/// Only the owner may read it: one of the files holds keys.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn instance(args: &Init) -> String {
    let url = args.url.as_deref().unwrap_or(MARK);
    INSTANCE.replace("url = \"http://127.0.0.1:8080\"", &format!("url = \"{url}\""))
}

/// `MY_SCHOOL_` for the school `my-school`.
fn prefix(args: &Init) -> String {
    format!("{}_", args.school.to_uppercase().replace('-', "_"))
}

/// The lines of the variables that the school's file names.
fn variables(args: &Init) -> String {
    let mut text = "# Keys of the school: fill in each line, and never publish this file.\n".to_owned();
    let of_school = of_school(args);
    let lines = of_school.lines().filter(|line| !line.starts_with('#'));
    for name in
        lines.flat_map(|line| line.split("env = \"").skip(1)).filter_map(|rest| rest.split('"').next())
    {
        let value = if name.ends_with("_URL_SECRET") { random_token() } else { String::new() };
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

fn of_school(args: &Init) -> String {
    // The example's own head speaks of invented ids.
    let (_, body) = SCHOOL.split_once("\n\n").unwrap_or(("", SCHOOL));
    let mut text = format!(
        "# {}: written by `dozvon init`. Go to each «{MARK}», then run `dozvon check`.\n",
        args.school
    );
    let mut is_off = false;
    let mut table = "";
    for line in body.lines() {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']).split('.').next().unwrap_or_default();
            let kind = ALL.iter().find(|platform| platform.name == table).map(|platform| platform.kind);
            // To be switched on when the account is there.
            is_off = matches!(kind, Some(PlatformKind::Line { .. } | PlatformKind::Channel));
        }
        let line = filled(args, table, line);
        let comment = if is_off && !line.is_empty() && !line.starts_with('#') { "#" } else { "" };
        text.push_str(&format!("\n{comment}{line}"));
    }
    text.push('\n');
    text
}

/// One line, with what the flags say, or with a mark.
fn filled(args: &Init, table: &str, line: &str) -> String {
    let line = line.replace("DEMO_", &prefix(args));
    let given = |value: &Option<String>| value.clone().unwrap_or_else(|| MARK.to_owned());
    let key = line.split(" = ").next().unwrap_or_default();
    match (table, key) {
        ("", "name") => format!("name = {:?}", args.name.clone().unwrap_or_else(|| args.school.clone())),
        ("" | "getcourse", "zone") => format!("zone = \"{}\"", args.zone),
        ("amocrm", "url") => format!("url = {:?}", given(&args.amocrm)),
        ("getcourse", "url") => format!("url = {:?}", given(&args.getcourse)),
        _ if !line.starts_with('#') && is_invented(&line) => format!("{line} # {MARK}"),
        _ => line,
    }
}

/// Ids, numbers and addresses of the example.
fn is_invented(line: &str) -> bool {
    let mut digits = 0;
    let has_id = line.chars().any(|c| {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        digits >= 6
    });
    has_id || line.contains("@rost.example") || line.starts_with("extension")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_example_is_left_unmarked() {
        let args = Init {
            folder: PathBuf::new(),
            school: "my-school".to_owned(),
            name: Some("Школа «Моя»".to_owned()),
            zone: chrono_tz::Asia::Omsk,
            url: None,
            amocrm: Some("https://moja.amocrm.ru".to_owned()),
            getcourse: None,
        };
        let text = of_school(&args);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        for part in ["DEMO_", "127.0.0.1", "«Рост»"] {
            assert!(lines.iter().all(|line| !line.contains(part)), "{part}: {text}");
        }
        for line in ["name = \"Школа «Моя»\"", "zone = \"Asia/Omsk\"", "url = \"https://moja.amocrm.ru\""]
        {
            assert!(lines.contains(&line), "{line}: {text}");
        }
        assert!(lines.contains(&"account_id = 31877554 # ЗАПОЛНИТЕ"), "{text}");
        let variables = variables(&args);
        assert!(variables.contains("\nMY_SCHOOL_AMOCRM_TOKEN=\n"), "{variables}");
        assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    }
}
