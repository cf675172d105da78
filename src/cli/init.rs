//! `dozvon init`: writes the files of a first school, with what the flags say, what the CRM's account has where a
//! token is given, and marks where a person has to go on. Asks no person and never overwrites. Enter at [`init`].

use std::path::{Path, PathBuf};

use clap::Args;

use super::school_file::SchoolFile;
use crate::config::MARK;
use crate::discover::account;
use crate::discover::file::Access;
use crate::out::{self, Stop};
use crate::private;
use crate::secret::random_token;

const INSTANCE: &str = include_str!("../../deploy/example/dozvon.toml");

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
    /// IANA zone. Without it: that of the account, or Europe/Moscow.
    #[arg(long, value_parser = zone)]
    zone: Option<chrono_tz::Tz>,
    /// The https address at which platforms reach the bridge.
    #[arg(long, value_parser = address)]
    url: Option<String>,
    /// The account's address, https://….amocrm.ru.
    #[arg(long, value_parser = address)]
    amocrm: Option<String>,
    /// Variable with a long-lived token of that account: managers, pipelines and fields are read from there.
    #[arg(long, requires = "amocrm")]
    token_env: Option<String>,
    /// The school's address in GetCourse, https://….getcourse.ru.
    #[arg(long, value_parser = address)]
    getcourse: Option<String>,
}

fn short_name(text: &str) -> Result<String, String> {
    match crate::config::is_school_name(text) {
        true => Ok(text.to_owned()),
        false => Err("a-z, 0-9 and - only".to_owned()),
    }
}

fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse().map_err(|_| "no IANA zone; write one as in Europe/Moscow or Asia/Omsk".to_owned())
}

/// Without a slash at its end.
fn address(text: &str) -> Result<String, String> {
    match crate::platform::check::address_fault(text) {
        Some((wrong, allowed)) => Err(format!("{wrong}; {allowed}")),
        None => Ok(text.trim_end_matches('/').to_owned()),
    }
}

pub async fn init(args: &Init) -> Result<(), Stop> {
    let school = format!("schools/{}", args.school);
    let of_school = of_school(args).await?;
    let files = [
        ("dozvon.toml".to_owned(), instance(args)),
        (format!("{school}/school.toml"), of_school.clone()),
        (format!("{school}/process/default.toml"), PROCESS.to_owned()),
        ("env".to_owned(), variables(&args.folder, &of_school)),
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
         1. In {folder}/env write the keys, keep the file to yourself, and load it:\n\
         \x20  set -a && . {folder}/env && set +a\n\
         2. In {folder}/{school}/school.toml go to each «{MARK}»; `dozvon discover {}` prints the ids of the CRM.\n\
         3. dozvon check, and when it is content: dozvon check --online\n\
         4. dozvon url\n",
        args.school
    ))
}

/// Only the owner may read it: one of the files holds keys.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        private::folder(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn instance(args: &Init) -> String {
    let url = args.url.as_deref().unwrap_or(MARK);
    INSTANCE.replace("url = \"http://127.0.0.1:8080\"", &format!("url = \"{url}\""))
}

fn whole(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// The lines of the variables that the school's file names, and the folder for all commands.
fn variables(folder: &Path, of_school: &str) -> String {
    let folder = whole(folder);
    let mut text = format!(
        "# Keys of the school: fill in each line, and never publish this file. A variable that more sections of\n\
         # its file name (telephony, mail) gets a line here, too.\nDOZVON_CONFIG='{}'\n",
        folder.display()
    );
    let lines = of_school.lines().filter(|line| !line.starts_with('#'));
    for name in
        lines.flat_map(|line| line.split("env = \"").skip(1)).filter_map(|rest| rest.split('"').next())
    {
        let value = if name.ends_with("_URL_SECRET") { random_token() } else { String::new() };
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

/// The school's file; the account is asked before anything is written.
async fn of_school(args: &Init) -> Result<String, Stop> {
    let settings = match (&args.amocrm, &args.token_env) {
        (Some(url), Some(variable)) => Some(crate::discover::settings(url, variable)?),
        _ => None,
    };
    let found = match &settings {
        Some(settings) => Some(account(settings).await?),
        None => None,
    };
    let account = found.as_ref().zip(settings.as_ref());
    let account =
        account.map(|(found, settings)| (found, Access { url: &settings.url, auth: &settings.auth }));
    let zone = found.as_ref().and_then(|found| found.zone.parse().ok());
    let file = SchoolFile {
        school: &args.school,
        name: args.name.as_deref().unwrap_or(&args.school),
        zone: args.zone.or(zone).unwrap_or(chrono_tz::Europe::Moscow),
        crm: args.amocrm.as_deref(),
        orders: args.getcourse.as_deref(),
        account,
        by: "dozvon init",
    };
    Ok(with_offers(&file.text()))
}

/// Pipelines of further roles that the account has by their names, each with what switches it on. The process of a
/// new school makes no leads there, and nobody has said that it should.
const OFFERED: [(&str, &str, &str); 2] =
    [("fulfilment", "payment", "fulfilment"), ("revival", "refusal", "revival")];

/// They stand there as comments.
fn with_offers(text: &str) -> String {
    let (mut written, mut offered) = (String::new(), None);
    for line in text.lines() {
        if line.starts_with('[') {
            let role =
                OFFERED.iter().find(|(role, ..)| line.starts_with(&format!("[amocrm.pipelines.{role}")));
            if let Some((role, section, key)) = role.filter(|(role, ..)| offered != Some(*role)) {
                written.push_str(&format!(
                    "# If leads should be made there, take the signs # away up to the next table, and write\n\
                     # [{section}] {key} = true in process/default.toml: {role}.\n"
                ));
            }
            offered = role.map(|(role, ..)| *role);
        }
        let is_offered = offered.is_some() && !line.is_empty();
        match line.strip_prefix("# ").filter(|_| is_offered) {
            Some(comment) => written.push_str(&format!("#   {}", comment.replace(MARK, "?"))),
            None if is_offered => written.push_str(&format!("#{}", line.replace(MARK, "?"))),
            None => written.push_str(line),
        }
        written.push('\n');
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_of_further_roles_are_offered_and_not_switched_on() {
        let text = "[amocrm.pipelines.sales]\nid = 1\n\n[amocrm.pipelines.revival]\nid = 2 # Возврат\n\n\
                    # In order.\n[amocrm.pipelines.revival.stages]\nnew = 3\n# ЗАПОЛНИТЕ: is 4 one of them?\n\n\
                    [amocrm.loss_reasons]\n";
        let written = with_offers(text);
        let table: toml::Table = written.parse().expect("it is TOML");
        let crm = &table["amocrm"];
        assert!(crm["pipelines"].get("revival").is_none() && crm.get("loss_reasons").is_some(), "{written}");
        assert!(written.contains("[refusal] revival = true") && !written.contains(MARK), "{written}");
        assert!(written.contains("\n#new = 3\n"), "{written}");
    }

    #[test]
    fn nothing_of_the_example_is_left_unmarked() {
        let args = Init {
            folder: PathBuf::new(),
            school: "my-school".to_owned(),
            name: Some("Школа «Моя»".to_owned()),
            zone: Some(chrono_tz::Asia::Omsk),
            url: None,
            amocrm: Some("https://moja.amocrm.ru".to_owned()),
            token_env: None,
            getcourse: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let text = runtime.block_on(of_school(&args)).expect("nobody is asked");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        for part in ["DEMO_", "127.0.0.1", "«Рост»"] {
            assert!(lines.iter().all(|line| !line.contains(part)), "{part}: {text}");
        }
        for line in [
            "name = \"Школа «Моя»\"",
            "zone = \"Asia/Omsk\"",
            "url = \"https://moja.amocrm.ru\"",
            "old_addresses = false",
            "link_hosts = []",
        ] {
            assert!(lines.contains(&line), "{line}: {text}");
        }
        assert!(lines.contains(&"account_id = 31877554 # ЗАПОЛНИТЕ"), "{text}");
        let variables = variables(Path::new("/etc/dozvon"), &text);
        assert!(variables.contains("\nMY_SCHOOL_AMOCRM_TOKEN=\n"), "{variables}");
        assert!(variables.contains("\nDOZVON_CONFIG='/etc/dozvon'\n"), "{variables}");
        assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    }
}
