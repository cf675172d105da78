//! The command line: one executable, its roles as subcommands. Never changes the store directly: what a
//! command asks for becomes an entry of the inbox. Enter at [`main`].

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::app::{Bridge, Options, Time};
use crate::clock::DrivenClock;
use crate::config::{self, Config, Files, Surroundings, unusable};
use crate::intake::forget::Mention;
use crate::intake::item::Item;
use crate::process::{At, SchoolId};
use crate::secret::Secret;
use crate::store::{Backend, DeadLetter, Store};
#[cfg(feature = "sandbox")]
use crate::{bench, demo, sandbox};
use crate::{reload, telemetry, texts};

/// The token that moves a driven bridge's clock; only the demo sets it.
const DRIVEN_TOKEN: &str = "DOZVON_DRIVEN_TOKEN";

#[derive(Parser)]
#[command(version, about = "A webhook bridge between GetCourse, amoCRM and cloud telephony")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the bridge until it is told to stop.
    Serve(Serve),
    /// Measure the bridge and print the figures beside their references.
    #[cfg(feature = "sandbox")]
    Bench(bench::Options),
    /// Show 16 days of a school in a minute: sandbox, scripted people, the real bridge.
    #[cfg(feature = "sandbox")]
    Demo(demo::Options),
    /// Stand-ins of amoCRM, GetCourse, the telephony providers and a mail server on loopback.
    #[cfg(feature = "sandbox")]
    Sandbox(SandboxArgs),
    /// Report all mistakes of a configuration.
    Check(Folder),
    /// Print the addresses to paste into GetCourse, amoCRM and the telephony cabinet.
    Url(Url),
    /// List, show or retry dead letters.
    Dead(Dead),
    /// Export or erase the data of a person.
    Person(Person),
    /// Read the ids of a school's amoCRM account, and report ids of the configuration that it lacks.
    Discover(Discover),
    /// List, show or fill in the texts that people read.
    Texts(texts::Options),
    /// Print every key of the configuration.
    Reference,
}

// Common options may be given before or after the action of `dead` and `person`.

#[derive(Args)]
struct Folder {
    /// Folder with `dozvon.toml` and `schools/`.
    #[arg(long, global = true, env = "DOZVON_CONFIG", default_value = "config")]
    config: PathBuf,
}

#[derive(Args)]
struct StoreArgs {
    /// Redis, `redis://host:6379/0`. Without it the embedded store is used.
    #[arg(long, global = true)]
    store: Option<String>,
    /// Folder of the embedded store and of the instance's own files.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
    /// `host:port`; port 0 means any free port.
    #[arg(long)]
    listen: Option<String>,
    /// Start of driven time (the demo's); needs its token in the environment.
    #[arg(long, hide = true)]
    driven_from: Option<At>,
}

#[cfg(feature = "sandbox")]
#[derive(Args)]
struct SandboxArgs {
    /// The setup's file. Without it: `deploy/sandbox.toml`, which fits the school of `deploy/example`.
    #[arg(long)]
    setup: Option<PathBuf>,
    /// The address of the bridge, which receives the webhooks.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    bridge: String,
    /// First of the ports in a row: amoCRM, GetCourse, then the telephony providers.
    #[arg(long, default_value_t = 18081)]
    port: u16,
    #[arg(long, default_value_t = 18025)]
    smtp_port: u16,
    /// Seed for delays and errors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after this many minutes.
    #[arg(long)]
    minutes: Option<u64>,
}

#[derive(Args)]
struct Url {
    #[command(flatten)]
    folder: Folder,
    /// Only this school.
    school: Option<String>,
}

#[derive(Args)]
struct Discover {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
    school: String,
}

#[derive(Args)]
struct Dead {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: DeadAction,
}

#[derive(Subcommand)]
enum DeadAction {
    /// One line per dead letter, the newest first: id, time, order, reason.
    List {
        school: String,
        /// Maximum number of lines.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        max: u16,
    },
    /// One dead letter with its body. Bodies contain personal data.
    Show { school: String, id: String },
    /// Try it again.
    Retry { school: String, id: String },
}

#[derive(Args)]
struct Person {
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
    /// Let the owner erase it. Data in amoCRM, GetCourse and the telephony stay there.
    Erase(Who),
}

#[derive(Args)]
struct Who {
    school: String,
    /// With the country code: +7…
    #[arg(long)]
    phone: Option<String>,
    #[arg(long)]
    email: Option<String>,
}

/// The definition of the command line, for tests that compare documents with it.
pub fn grammar() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the command line, runs the command, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime cannot be started: {error}")),
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve(args).await,
            #[cfg(feature = "sandbox")]
            Command::Demo(options) => demo::run(options).await,
            #[cfg(feature = "sandbox")]
            Command::Bench(options) => bench::run(options).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => stand_in(args).await,
            Command::Check(folder) => check(&folder),
            Command::Url(args) => url(&args),
            Command::Dead(args) => dead(args).await,
            Command::Person(args) => person(args).await,
            Command::Discover(args) => discover(args).await,
            Command::Texts(options) => texts::run(&options),
            Command::Reference => {
                print!("{}", config::reference::reference());
                Ok(())
            }
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

async fn serve(args: Serve) -> Result<(), String> {
    let files = Files::read(&args.folder.config).map_err(|problems| unusable(&problems))?;
    let mut config =
        Config::from_files(&files, &Surroundings::real()).map_err(|problems| unusable(&problems))?;
    if let Some(data) = &args.store.data {
        config.instance.data.clone_from(data);
    }
    telemetry::init(&config.instance.log, config.instance.log_format);
    for warning in config.warnings() {
        tracing::warn!(%warning, "the configuration");
    }
    let time = match args.driven_from {
        None => Time::Wall,
        Some(from) => {
            let token = std::env::var(DRIVEN_TOKEN).map_err(|_| format!("{DRIVEN_TOKEN} is not set"))?;
            Time::Driven { clock: DrivenClock::starting_at(from), token: Secret::new(token) }
        }
    };
    let driven = matches!(time, Time::Driven { .. });
    let listen = args.listen.unwrap_or_else(|| config.instance.listen.to_string());
    let store = place(&args.store, &config);
    let mut bridge =
        Bridge::start(Options { config, listen, store, time }).await.map_err(|error| error.to_string())?;
    println!("listening on http://{}", bridge.address);
    tokio::select! {
        () = stop_signal() => {}
        () = player_gone(), if driven => {}
        () = reload::watch(&mut bridge, args.folder.config, files), if !driven => {}
    }
    tracing::info!("stopping: no more requests are taken, what is on its way lands");
    bridge.stop().await;
    Ok(())
}

/// The player holds the other end of standard input: a driven bridge ends with it.
async fn player_gone() {
    let (tell, gone) = tokio::sync::oneshot::channel();
    // A thread, because reading standard input blocks; it ends with the program.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = tell.send(());
    });
    let _ = gone.await;
}

/// Waits for Ctrl-C or a supervisor's signal.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(feature = "sandbox")]
async fn stand_in(args: SandboxArgs) -> Result<(), String> {
    let SandboxArgs { setup, bridge, port, smtp_port, seed, minutes } = args;
    let ports = sandbox::serve::Ports {
        amocrm: port,
        getcourse: port.saturating_add(1),
        lines: port.saturating_add(2),
        smtp: smtp_port,
    };
    let options = sandbox::serve::Options { file: setup, bridge, ports, seed, minutes };
    let now = std::sync::Arc::new(crate::clock::wall_now);
    sandbox::serve::run(options, now).await.map_err(|error| error.to_string())
}

fn load(folder: &Folder) -> Result<Config, String> {
    Config::load(&folder.config).map_err(|problems| unusable(&problems))
}

/// The command line takes precedence over the environment, the environment over the file.
fn place(args: &StoreArgs, config: &Config) -> Backend {
    let data = args.data.clone().unwrap_or_else(|| config.instance.data.clone());
    match args.store.clone().map(Secret::new).or_else(|| config.instance.store.clone()) {
        Some(address) => Backend::Redis(address),
        None => Backend::Folder(data),
    }
}

fn check(folder: &Folder) -> Result<(), String> {
    let config = load(folder)?;
    for warning in config.warnings() {
        println!("warning: {warning}");
    }
    println!("{} school(s), no problems", config.schools.len());
    Ok(())
}

fn url(args: &Url) -> Result<(), String> {
    let config = load(&args.folder)?;
    let mut found = false;
    for school in &config.schools {
        if args.school.as_deref().is_none_or(|name| name == school.id.as_str()) {
            found = true;
            print!("{}", config::address::urls(&config, school));
        }
    }
    if found { Ok(()) } else { Err(format!("no such school; there are: {}", names(&config))) }
}

fn names(config: &Config) -> String {
    config.schools.iter().map(|school| school.id.as_str()).collect::<Vec<_>>().join(", ")
}

async fn discover(args: Discover) -> Result<(), String> {
    let config = load(&args.folder)?;
    let school = config.school(&args.school);
    let school = school.ok_or_else(|| format!("no school {}; there are: {}", args.school, names(&config)))?;
    let (found, mismatches) =
        crate::discover::discover(&config, school, &place(&args.store, &config)).await?;
    print!("{found}");
    match mismatches.len() {
        0 => Ok(()),
        count => {
            Err(format!("{count} to mend in schools/{}/school.toml:\n{}", school.id, mismatches.join("\n")))
        }
    }
}

async fn dead(args: Dead) -> Result<(), String> {
    let config = load(&args.folder)?;
    let (DeadAction::List { school, .. }
    | DeadAction::Show { school, .. }
    | DeadAction::Retry { school, .. }) = &args.action;
    let (school, store) = visit(school, &args.store, &config).await?;
    let find = async |id: &str| {
        let found = store.letter(&school, id).await.map_err(|error| error.to_string())?;
        found.ok_or(format!("no dead letter {id} in {school}"))
    };
    match &args.action {
        DeadAction::List { max, .. } => {
            let letters = store.dead(&school, (*max).into()).await.map_err(|error| error.to_string())?;
            let all = store.counts(&school).await.map_err(|error| error.to_string())?.dead;
            letters.iter().for_each(|letter| println!("{}", line(letter)));
            match all.saturating_sub(letters.len() as u64) {
                0 => println!("{all} dead letter(s)"),
                older => println!("{all} dead letter(s), {older} older ones not listed: see --max"),
            }
        }
        DeadAction::Show { id, .. } => {
            let letter = find(id).await?;
            println!("{}\n{}", line(&letter), String::from_utf8_lossy(&letter.body));
        }
        DeadAction::Retry { id, .. } => {
            if find(id).await?.body.is_empty() {
                return Err(format!(
                    "{id} holds nothing to try again: limits.raw_days says how long it does"
                ));
            }
            let item = Item::Retry { letter: id.clone() };
            let now = crate::clock::wall_now();
            store.append(&school, &item.to_bytes(), now).await.map_err(|error| error.to_string())?;
            store.ring(&school).await.map_err(|error| error.to_string())?;
            println!("{id} will be tried again by the bridge that owns {school}");
        }
    }
    Ok(())
}

async fn person(args: Person) -> Result<(), String> {
    let config = load(&args.folder)?;
    let (PersonAction::Export(who) | PersonAction::Erase(who)) = &args.action;
    let mention = Mention::typed(who.phone.as_deref(), who.email.as_deref())?;
    let (school, store) = visit(&who.school, &args.store, &config).await?;
    match &args.action {
        PersonAction::Export(_) => {
            let kept = crate::person::export(&*store, &school, mention).await;
            println!("{:#}", kept.map_err(|error| error.to_string())?);
        }
        PersonAction::Erase(_) => {
            crate::person::erase(&*store, &school, mention).await.map_err(|error| error.to_string())?;
            println!(
                "The bridge that owns {school} forgets the person now. Delete the contact, its leads and calls in amoCRM, GetCourse and the telephony too: what they hold is theirs."
            );
        }
    }
    Ok(())
}

/// The store of a configured school, opened while a bridge may be working on it.
async fn visit(
    school: &str,
    store: &StoreArgs,
    config: &Config,
) -> Result<(SchoolId, Arc<dyn Store>), String> {
    let school = SchoolId(school.to_owned());
    if !config.schools.iter().any(|known| known.id == school) {
        return Err(format!("no school {school}; there are: {}", names(config)));
    }
    let store = place(store, config).visit().await.map_err(|error| error.to_string())?;
    Ok((school, store))
}

fn line(letter: &DeadLetter) -> String {
    let order = letter.order.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    format!("{}  {}  {order}  {}", letter.id, letter.at.format("%Y-%m-%d %H:%M"), letter.why)
}
