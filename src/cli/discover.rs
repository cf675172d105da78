//! `dozvon discover`: what a school's accounts have, and which ids, types and choices of its files they lack.
//! Never changes anything. Enter at [`discover`].

use clap::Args;
use serde_json::json;

use super::check::{self, Found, mismatches};
use super::school_file::SchoolFile;
use super::{Folder, StoreArgs, names, place};
use crate::config::{Config, Files, School};
use crate::discover::file::Access;
use crate::discover::{Report, account, account_of, compare, shown};
use crate::out::{self, Stop};
use crate::platform::entry::PlatformKind;
use crate::store::Backend;

#[derive(Args)]
pub struct Discover {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
    /// Print a school's file that is written from its amoCRM account, to begin anew.
    #[arg(long, conflicts_with = "json")]
    toml: bool,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
    school: String,
}

pub async fn discover(args: Discover) -> Result<(), Stop> {
    let (files, config) = match check::read(&args.folder.config) {
        Ok(read) => read,
        Err(stop) => return Err(alone(&args, stop).await),
    };
    let school = config.school(&args.school);
    let school = school.ok_or_else(|| format!("no school {}; there are: {}", args.school, names(&config)))?;
    if args.toml {
        return toml(&config, school, &place(&args.store, &config)).await;
    }
    let report = compare(&config, school, &files, &place(&args.store, &config)).await;
    let Report { account, wrong, warnings } = report;
    let found = Found { wrong, warnings };
    let refused = !found.wrong.is_empty();
    if args.json {
        let report = json!({ "ok": !refused, "account": account, "findings": found.as_json(Some(&files)) });
        out::line(format_args!("{report:#}"))?;
        return if refused { Err(Stop::Told) } else { Ok(()) };
    }
    if let Some(account) = &account {
        out::print(&shown::account(account))?;
    } else if school.crm().is_none() {
        out::line(format_args!("school {} has no [amocrm]", school.id))?;
    }
    found.print_warnings(Some(&files))?;
    match refused {
        false => Ok(()),
        true => Err(Stop::Because(mismatches(Some(&files), &found.wrong, 0))),
    }
}

async fn toml(config: &Config, school: &School, backend: &Backend) -> Result<(), Stop> {
    let settings = school.crm().ok_or_else(|| format!("school {} has no [amocrm]", school.id))?;
    let found = account_of(config, school, settings, backend).await?;
    let mut orders = school.platforms.iter().filter(|(platform, _)| platform.kind == PlatformKind::Orders);
    let file = SchoolFile {
        school: school.id.as_str(),
        name: &school.process.name,
        zone: school.process.zone,
        crm: Some(&settings.url),
        orders: orders.next().and_then(|(_, settings)| settings.account()),
        account: Some((&found, Access { url: &settings.url, auth: &settings.auth })),
        by: "dozvon discover --toml",
    };
    out::print(&file.text())
}

/// The ids are needed before the files can be right: the account is listed, and then what is wrong is said.
async fn alone(args: &Discover, stop: Stop) -> Stop {
    let Ok(files) = Files::read(&args.folder.config) else { return stop };
    let Some(settings) = Config::crm_alone(&files, &args.school).filter(|_| !args.json && !args.toml) else {
        return stop;
    };
    match account(&settings).await.map(|found| out::print(&shown::account(&found))) {
        Ok(Ok(())) => stop,
        Ok(Err(unread)) => unread,
        Err(why) => match stop {
            Stop::Because(text) => Stop::Because(format!("{text}\n{why}")),
            told => told,
        },
    }
}
