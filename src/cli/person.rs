//! `dozvon person`: the data of one person, exported or erased; an order that was taken for his, set apart. Never
//! changes anything itself: the school's owner does, and this waits for it. Enter at [`person`].

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Folder, StoreArgs, data, load, place, visit};
use crate::clock::stopwatch;
use crate::config::Config;
use crate::intake::forget::Mention;
use crate::out::{self, Stop};
use crate::process::{ClientId, OrderId, SchoolId};
use crate::progress;
use crate::spool;
use crate::store::{Backend, Store, Weakness};

/// Between two looks whether it is done.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Args)]
pub struct Person {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: PersonAction,
}

#[derive(Subcommand)]
enum PersonAction {
    /// Print everything as JSON: orders, journal, calls, requests.
    Export(Who),
    /// Erase it here. Data in amoCRM, GetCourse and the telephony stay there.
    Erase(Erase),
    /// Undo that a number or an address joined an order to a client: it gets a client of its own.
    Split(Split),
}

#[derive(Args)]
struct Who {
    school: String,
    /// With the country code: +7…
    #[arg(long)]
    phone: Option<String>,
    #[arg(long)]
    email: Option<String>,
    /// Only this person, if several have the number or the address: `c-gc-…`, as the question names them.
    #[arg(long)]
    client: Option<String>,
    /// All of them: they are one person.
    #[arg(long, conflicts_with = "client")]
    all: bool,
}

#[derive(Args)]
struct Erase {
    #[command(flatten)]
    who: Who,
    /// Only count what would be erased.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Wait so many seconds for the bridge that owns the school; if it is not done by then, the exit code is 3.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=3600))]
    wait: u64,
}

#[derive(Args)]
struct Split {
    school: String,
    /// With the country code: +7…
    #[arg(long, conflicts_with = "order")]
    phone: Option<String>,
    #[arg(long, conflicts_with = "order")]
    email: Option<String>,
    /// The order, as the note in the CRM names it: `gc-…`. Without it the joined orders of the person are listed.
    #[arg(long)]
    order: Option<String>,
    /// Wait so many seconds for the bridge that owns the school; if it is not done by then, the exit code is 3.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=3600))]
    wait: u64,
}

pub async fn person(args: Person) -> Result<(), Stop> {
    let config = load(&args.folder)?;
    let who = match &args.action {
        PersonAction::Split(split) => return set_apart(split, &args.store, &config).await,
        PersonAction::Export(who) | PersonAction::Erase(Erase { who, .. }) => who,
    };
    let mut mention = Mention::typed(who.phone.as_deref(), who.email.as_deref())?;
    let (school, store) = visit(&who.school, &args.store, &config).await?;
    mention.clients = chosen(who, &*store, &school, &mention).await?;
    let kept = export(&*store, &school, &mention).await?;
    let backend = place(&args.store, &config);
    let done = match &args.action {
        PersonAction::Erase(erase) => forget(erase, &*store, &backend, &school, &mention, &kept).await,
        PersonAction::Export(_) | PersonAction::Split(_) => {
            let printed = out::line(format_args!("{kept:#}"));
            if printed.is_ok() && all(&kept) == 0 {
                out::complain(&format!("Nothing about this person was found {backend}."));
            }
            printed
        }
    };
    beside_the_store(&backend, &data(&args.store, &config), &school);
    done
}

/// What this command does not read: requests on the disks of the instances.
fn beside_the_store(store: &Backend, data: &Path, school: &SchoolId) {
    for file in spool::kept_beside(data, school) {
        out::complain(&format!(
            "{} is not read here and may hold requests of this person: the bridge gives a .log to the store, then repeat the command; look at a .damaged and remove it.",
            file.display()
        ));
    }
    if matches!(store, Backend::Redis(_)) {
        out::complain(&format!(
            "Not reached: the data folders of other instances that use this store. Name each with --data FOLDER on its machine: a spool/{school}.log there may hold requests of this person until its instance has given them to the store; then repeat the command. Remove a spool/{school}.damaged."
        ));
    }
}

/// Q4: the joined orders of a person, or one of them set apart.
async fn set_apart(args: &Split, place: &StoreArgs, config: &Config) -> Result<(), Stop> {
    let Some(order) = &args.order else { return list_joined(args, place, config).await };
    let order = match order.chars().all(|c| c.is_ascii_digit()) {
        true => OrderId::of_deal(order),
        false => OrderId::from(order.as_str()),
    };
    let (school, store) = visit(&args.school, place, config).await?;
    let look = async || {
        let found =
            crate::person::owner(&*store, &school, &order).await.map_err(|error| error.to_string())?;
        found.ok_or_else(|| {
            format!("{school} has no order {order}: give its id as the note in the CRM names it, gc-…, not its number")
        })
    };
    let (client, how) = look().await?;
    let Some(how) = how else {
        return Err(format!(
            "Order {order} was not joined to {client} by a number or an address alone: there is nothing to undo."
        )
        .into());
    };
    crate::person::split(&*store, &school, order.clone()).await.map_err(|error| error.to_string())?;
    let began = stopwatch();
    let _shown = progress::spinner("the bridge sets it apart");
    loop {
        let (owner, _) = look().await?;
        if owner != client {
            return out::line(format_args!(
                "Order {order} ({how}) is not {client}'s any more: its client is {owner}, and its lead gets a contact of its own.\nWhat it had brought into the former contact in amoCRM stays there: remove a number or an address that is not the client's by hand."
            ));
        }
        if began.elapsed() >= Duration::from_secs(args.wait) {
            return Err(Stop::NotYet(format!(
                "Not yet: {}, once no command of the order is on its way.",
                awaited(&*store, &school).await?
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn list_joined(who: &Split, place: &StoreArgs, config: &Config) -> Result<(), Stop> {
    let mention = Mention::typed(who.phone.as_deref(), who.email.as_deref())
        .map_err(|why| format!("{why}, or --order with the order's id"))?;
    let (school, store) = visit(&who.school, place, config).await?;
    let kept = export(&*store, &school, &mention).await?;
    let clients = kept["clients"].as_array().into_iter().flatten();
    let joined = clients.flat_map(|client| {
        let id = client["id"].as_str().unwrap_or_default();
        let orders = crate::person::joined_of(client).into_iter();
        orders.map(move |(order, how)| format!("{order}: {how} to {id}"))
    });
    let joined: Vec<String> = joined.collect();
    match joined.is_empty() {
        true => out::line(format_args!(
            "No order of {school} was joined to this person by a number or an address alone."
        )),
        false => out::line(format_args!("{}\nTo undo one: --order with its id.", joined.join("\n"))),
    }
}

/// Several persons may have one number or address, or only a report says that somebody has it (F100): whose data it is, a
/// person says. Empty: there is one.
async fn chosen(
    who: &Who,
    store: &dyn Store,
    school: &SchoolId,
    mention: &Mention,
) -> Result<BTreeSet<ClientId>, Stop> {
    let told = crate::person::unconfirmed(store, school, mention).await.map_err(|error| error.to_string())?;
    let mut persons =
        crate::person::persons(store, school, mention).await.map_err(|error| error.to_string())?;
    persons.extend(told.iter().cloned());
    if let Some(client) = who.client.as_deref().map(ClientId::from) {
        return match persons.contains(&client) {
            true => Ok(BTreeSet::from([client])),
            false => Err(format!("{client} has not this number or address in {school}").into()),
        };
    }
    if told.is_empty() && (persons.len() < 2 || who.all) {
        return Ok(BTreeSet::new());
    }
    if who.all {
        return Ok(persons);
    }
    let lines = crate::person::described(store, school, &persons).await.map_err(|error| error.to_string())?;
    if !told.is_empty() {
        let told = told.iter().map(ClientId::as_str).collect::<Vec<_>>().join(", ");
        return Err(format!(
            "Only an unconfirmed report gave this number or address to {told}: it may be a stranger's. Persons in {school} with it, or said to have it:\n  {}\nGive --client with one of them once you know who asks, or --all if they are one person.",
            lines.join("\n  ")
        )
        .into());
    }
    Err(format!(
        "{} persons in {school} have this number or address:\n  {}\nGive --client with one of them, or --all if they are one person.",
        persons.len(),
        lines.join("\n  ")
    )
    .into())
}

async fn export(store: &dyn Store, school: &SchoolId, mention: &Mention) -> Result<Value, Stop> {
    let kept = crate::person::export(store, school, mention.clone()).await;
    kept.map_err(|error| error.to_string().into())
}

async fn forget(
    args: &Erase,
    store: &dyn Store,
    place: &Backend,
    school: &SchoolId,
    mention: &Mention,
    kept: &Value,
) -> Result<(), Stop> {
    let known = crate::person::is_known(store, school, mention).await.map_err(|error| error.to_string())?;
    if all(kept) == 0 && !known {
        return out::line(format_args!(
            "Nothing is stored in {school} about this person ({place}): check the number with its country code, or try the other of --phone and --email."
        ));
    }
    let joined = kept["clients"].as_array().into_iter().flatten().map(crate::person::joined_of);
    let joined = joined.flatten().map(|(order, how)| format!("{order} ({how})")).collect::<Vec<_>>();
    if !joined.is_empty() {
        out::line(format_args!(
            "Of these orders a number or an address alone says that they are this person's: {}. If one is not, set it apart first: dozvon person split {school} --order ID",
            joined.join(", ")
        ))?;
    }
    if args.dry_run {
        return out::line(format_args!("Would be erased in {school}: {}.", counts(kept)));
    }
    if !args.yes && !agreed(school, kept)? {
        return Err("Nothing was erased.".into());
    }
    crate::person::erase(store, school, mention.clone()).await.map_err(|error| error.to_string())?;
    let began = stopwatch();
    let is_over = || began.elapsed() >= Duration::from_secs(args.wait);
    let _shown = progress::spinner("the bridge erases");
    loop {
        let left = export(store, school, mention).await?;
        let known =
            crate::person::is_known(store, school, mention).await.map_err(|error| error.to_string())?;
        if all(&left) == 0 && !known {
            out::line(format_args!(
                "Erased in {school}: {}.\nDelete the contact, its leads and calls in amoCRM, GetCourse and the telephony too: what they hold is theirs.",
                counts(kept)
            ))?;
            break;
        }
        if is_over() {
            return Err(Stop::NotYet(format!(
                "Not erased yet: {}, after what came before it. Still stored: {}.",
                awaited(store, school).await?,
                counts(&left)
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
    while crate::person::is_in_files(store, school).await.map_err(|error| error.to_string())? {
        if is_over() {
            return Err(Stop::NotYet(
                "The store's files may still hold the person: the bridge has them written anew as soon as the store can, and its log says when."
                    .to_owned(),
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
    let weak = store.weaknesses().await.map_err(|error| error.to_string())?;
    match weak.contains(&Weakness::KeepsErased) {
        true => Err(STAYS.into()),
        false => Ok(()),
    }
}

/// Who does what waits in the inbox.
async fn awaited(store: &dyn Store, school: &SchoolId) -> Result<String, Stop> {
    let is_owned = store.is_owned(school).await.map_err(|error| error.to_string())?;
    Ok(match is_owned {
        true => format!("the bridge that owns {school} runs and does it"),
        false => format!("no bridge owns {school} now: the next one that runs does it"),
    })
}

/// The records are gone, and Redis' files are as they were.
const STAYS: &str = "But Redis' files still hold the person until Redis writes them anew: the bridge's user may not ask for it. \
     Run BGREWRITEAOF and BGSAVE as an administrator, and for the next time give the user +bgrewriteaof +bgsave (README, «Stores»).";

const PARTS: [(&str, &str); 6] = [
    ("clients", "client record(s)"),
    ("orders", "order(s)"),
    ("calls", "call(s)"),
    ("deliveries", "unsent command(s)"),
    ("dead_letters", "dead letter(s)"),
    ("requests", "stored request(s)"),
];

fn count(kept: &Value, part: &str) -> usize {
    kept[part].as_array().map_or(0, Vec::len)
}

fn all(kept: &Value) -> usize {
    PARTS.iter().map(|(part, _)| count(kept, part)).sum()
}

fn counts(kept: &Value) -> String {
    let shown = PARTS.iter().map(|(part, words)| format!("{} {words}", count(kept, part)));
    shown.collect::<Vec<_>>().join(", ")
}

/// Asks at the terminal; without one the answer has to be given beforehand.
fn agreed(school: &SchoolId, kept: &Value) -> Result<bool, Stop> {
    if !std::io::stdin().is_terminal() {
        return Err(format!(
            "To be erased in {school}: {}. It cannot be undone: repeat with --yes, or with --dry-run to look.",
            counts(kept)
        )
        .into());
    }
    out::print(&format!("Erase in {school}: {}? It cannot be undone. Type yes: ", counts(kept)))?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && answer.trim() == "yes")
}
