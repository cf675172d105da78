//! `dozvon discover`: what a school's accounts have, and which ids, types and choices of its files they lack.
//! Never changes anything. Enter at [`discover`].

use clap::Args;
use serde_json::json;

use super::check::{self, Found, mismatches};
use super::{Folder, StoreArgs, names, place};
use crate::discover::{Report, compare, shown};
use crate::out::{self, Stop};

#[derive(Args)]
pub struct Discover {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
    school: String,
}

pub async fn discover(args: Discover) -> Result<(), Stop> {
    let (files, config) = check::read(&args.folder.config)?;
    let school = config.school(&args.school);
    let school = school.ok_or_else(|| format!("no school {}; there are: {}", args.school, names(&config)))?;
    let report = compare(&config, school, &files, &place(&args.store, &config)).await;
    let Report { account, wrong, warnings } = report;
    let found = Found { wrong, warnings };
    let refused = !found.wrong.is_empty();
    if args.json {
        let report =
            json!({ "ok": !refused, "account": account, "findings": found.as_json(Some(&files)) });
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
