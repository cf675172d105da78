//! The command line: one executable, its roles as subcommands. Never changes the store directly: what a
//! command asks for becomes an entry of the inbox. Enter at [`main`].

mod check;
mod discover;
mod init;
mod person;
mod reseal;
mod school_file;
mod texts;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use crate::app::{Bridge, Options, Time};
use crate::clock::DrivenClock;
use crate::config::{self, Config};
use crate::intake::item::Item;
use crate::out::{self, Stop};
use crate::private;
use crate::process::{At, SchoolId};
use crate::secret::{Secret, random_token};
use crate::store::{Backend, DeadLetter, Store};
#[cfg(feature = "sandbox")]
use crate::{bench, demo, sandbox};
use crate::{reload, telemetry};

/// The token that moves a driven bridge's clock; only the demo sets it.
const DRIVEN_TOKEN: &str = "DOZVON_DRIVEN_TOKEN";

#[derive(Parser)]
#[command(version, about = "A webhook bridge between GetCourse, amoCRM and cloud telephony")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Colours of the log; auto: where a terminal shows them and NO_COLOR is not set.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    fn in_log(self) -> bool {
        use std::io::IsTerminal;
        let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match self {
            Self::Auto => is_wanted && std::io::stderr().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
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
    Check(check::Check),
    /// Print the addresses to paste into GetCourse, amoCRM and the telephony cabinet.
    Url(Url),
    /// List, show or retry dead letters.
    Dead(Dead),
    /// Export or erase the data of a person.
    Person(person::Person),
    /// Print a fresh secret: for addresses, or as a vault key.
    Secret,
    /// Seal the stored tokens with the present vault key, while the former one still opens them.
    Reseal(reseal::Reseal),
    /// Print a school's amoCRM account, and report what its files name and its accounts lack.
    Discover(discover::Discover),
    /// List, show or fill in the texts that people read.
    Texts(texts::Options),
    /// Print every key of the configuration.
    Reference {
        /// Only what stands under this heading: a file or a table, as in `limits`.
        section: Option<String>,
    },
    /// Write the files of a first school, to be filled in.
    Init(init::Init),
    /// Print the completions for a shell.
    Completions { shell: clap_complete::Shell },
    /// Write the man pages into a folder, a file for each command.
    Man { folder: PathBuf },
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
    /// The same for the people who run the bridge: /readyz, /metrics, /health.
    #[arg(long)]
    operation: Option<String>,
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
        /// One JSON object: `total`, and `letters` with id, at, order, why, folded.
        #[arg(long)]
        json: bool,
    },
    /// One dead letter with its body. Bodies contain personal data.
    Show { school: String, id: String },
    /// Try it again.
    Retry { school: String, id: String },
}

/// The definition of the command line, for tests that compare documents with it.
pub fn grammar() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the command line, runs the command, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help is output like any other: a full disk is told.
        Err(told) if !told.use_stderr() => return ended(out::print(&told.to_string())),
        Err(mistake) => mistake.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Stop::Because(format!("the runtime cannot be started: {error}")).told(),
    };
    ended(runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve(args, cli.color).await,
            #[cfg(feature = "sandbox")]
            Command::Demo(options) => demo::run(options).await,
            #[cfg(feature = "sandbox")]
            Command::Bench(options) => bench::run(options).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => stand_in(args).await,
            Command::Check(args) => check::check(args).await,
            Command::Url(args) => url(&args),
            Command::Dead(args) => dead(args).await,
            Command::Person(args) => person::person(args).await,
            Command::Secret => out::line(format_args!("{}", random_token())),
            Command::Reseal(args) => reseal::reseal(args).await,
            Command::Discover(args) => discover::discover(args).await,
            Command::Texts(options) => texts::run(&options),
            Command::Reference { section } => reference(section.as_deref()),
            Command::Init(args) => init::init(&args).await,
            Command::Completions { shell } => completions(shell),
            Command::Man { folder } => man(&folder),
        }
    }))
}

fn ended(result: Result<(), Stop>) -> ExitCode {
    result.map_or_else(|stop| stop.told(), |()| ExitCode::SUCCESS)
}

async fn serve(args: Serve, color: Color) -> Result<(), Stop> {
    private::keep_to_ourselves();
    let (files, mut config) = check::read(&args.folder.config)?;
    if let Some(data) = &args.store.data {
        config.instance.data.clone_from(data);
    }
    telemetry::init(&config.instance.log, config.instance.log_format, color.in_log());
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
    let operation = args.operation.unwrap_or_else(|| config.instance.operation.to_string());
    let store = place(&args.store, &config);
    let options = Options { config, listen, operation, store, time };
    let mut bridge = Bridge::start(options).await.map_err(|error| error.to_string())?;
    // A supervisor may have closed its output: the bridge works all the same.
    let addresses = format!(
        "listening on http://{}
operation on http://{}
",
        bridge.address, bridge.operation
    );
    let _ = out::print(&addresses);
    tokio::select! {
        () = crate::interrupt::told() => {}
        // The player holds the other end of the input: a driven bridge ends with it.
        () = crate::interrupt::input_ended(), if driven => {}
        () = reload::watch(&mut bridge, args.folder.config, files), if !driven => {}
    }
    tracing::info!("stopping: what is on its way lands, requests are kept until then");
    bridge.stop().await;
    Ok(())
}

#[cfg(feature = "sandbox")]
async fn stand_in(args: SandboxArgs) -> Result<(), Stop> {
    let SandboxArgs { setup, bridge, port, smtp_port, seed, minutes } = args;
    let ports = sandbox::serve::Ports {
        amocrm: port,
        getcourse: port.saturating_add(1),
        lines: port.saturating_add(2),
        smtp: smtp_port,
    };
    let options = sandbox::serve::Options { file: setup, bridge, ports, seed, minutes };
    let now = std::sync::Arc::new(crate::clock::wall_now);
    Ok(sandbox::serve::run(options, now).await.map_err(|error| error.to_string())?)
}

fn load(folder: &Folder) -> Result<Config, Stop> {
    Ok(check::read(&folder.config)?.1)
}

fn reference(section: Option<&str>) -> Result<(), Stop> {
    let Some(name) = section else { return out::print(&config::reference::reference()) };
    match config::reference::of(name) {
        Ok(text) => out::print(&text),
        Err(known) => {
            let near = crate::problem::nearest(name, known.iter().map(String::as_str));
            let hint = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            Err(format!("the reference has no `{name}`; {hint}there are: {}", known.join(", ")).into())
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Stop> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut grammar(), "dozvon", &mut text);
    out::print(&String::from_utf8_lossy(&text))
}

fn man(folder: &std::path::Path) -> Result<(), Stop> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(grammar(), folder).map_err(failed)?;
    out::line(format_args!(
        "Written: {}; read one with `man {}/dozvon.1`",
        folder.display(),
        folder.display()
    ))
}

/// The command line takes precedence over the environment, the environment over the file.
fn data(args: &StoreArgs, config: &Config) -> PathBuf {
    args.data.clone().unwrap_or_else(|| config.instance.data.clone())
}

fn place(args: &StoreArgs, config: &Config) -> Backend {
    match args.store.clone().map(Secret::new).or_else(|| config.instance.store.clone()) {
        Some(address) => Backend::Redis(address),
        None => Backend::Folder(data(args, config)),
    }
}

fn url(args: &Url) -> Result<(), Stop> {
    let config = load(&args.folder)?;
    let mut found = false;
    for school in &config.schools {
        if args.school.as_deref().is_none_or(|name| name == school.id.as_str()) {
            found = true;
            out::print(&config::address::urls(&config, school))?;
        }
    }
    if found { Ok(()) } else { Err(format!("no such school; there are: {}", names(&config)).into()) }
}

fn names(config: &Config) -> String {
    config.schools.iter().map(|school| school.id.as_str()).collect::<Vec<_>>().join(", ")
}

async fn dead(args: Dead) -> Result<(), Stop> {
    let config = load(&args.folder)?;
    let (DeadAction::List { school, .. }
    | DeadAction::Show { school, .. }
    | DeadAction::Retry { school, .. }) = &args.action;
    let (school, store) = visit(school, &args.store, &config).await?;
    let place = place(&args.store, &config);
    let find = async |id: &str| {
        let found = store.letter(&school, id).await.map_err(|error| error.to_string())?;
        found.ok_or(format!("no dead letter {id} of {school} {place}"))
    };
    match &args.action {
        DeadAction::List { max, json, .. } => {
            let letters = store.dead(&school, (*max).into()).await.map_err(|error| error.to_string())?;
            let all = store.counts(&school).await.map_err(|error| error.to_string())?.dead;
            if *json {
                let letters: Vec<Value> = letters.iter().map(as_json).collect();
                return out::line(json!({ "total": all, "letters": letters }));
            }
            letters.iter().try_for_each(|letter| out::line(line(letter)))?;
            if letters.iter().any(|letter| letter.folded > 0) {
                out::line(format_args!("{FOLDED}"))?;
            }
            match all.saturating_sub(letters.len() as u64) {
                0 => out::line(format_args!("{all} dead letter(s) {place}"))?,
                older => {
                    out::line(format_args!(
                        "{all} dead letter(s) {place}, {older} older ones not listed: see --max"
                    ))?;
                }
            }
        }
        DeadAction::Show { id, .. } => {
            let letter = find(id).await?;
            let body = String::from_utf8_lossy(&letter.body);
            let body = if letter.folded > 0 { FOLDED } else { &body };
            out::line(format_args!("{}\n{body}", line(&letter)))?;
        }
        DeadAction::Retry { id, .. } => {
            let letter = find(id).await?;
            if letter.folded > 0 {
                return Err(format!(
                    "{id} counts {} entries and holds none of them.\n{FOLDED}",
                    letter.folded
                )
                .into());
            }
            if letter.body.is_empty() {
                return Err(format!(
                    "{id} holds nothing to try again: limits.raw_days says how long it does"
                )
                .into());
            }
            let item = Item::Retry { letter: id.clone() };
            let now = crate::clock::wall_now();
            store.append(&school, &item.to_bytes(), now).await.map_err(|error| error.to_string())?;
            store.ring(&school).await.map_err(|error| error.to_string())?;
            out::line(format_args!("{id} will be tried again by the bridge that owns {school}"))?;
        }
    }
    Ok(())
}

/// The store of a configured school, opened while a bridge may be working on it.
async fn visit(school: &str, store: &StoreArgs, config: &Config) -> Result<(SchoolId, Arc<dyn Store>), Stop> {
    let school = SchoolId(school.to_owned());
    if !config.schools.iter().any(|known| known.id == school) {
        return Err(format!("no school {school}; there are: {}", names(config)).into());
    }
    // SQLite may make its log anew.
    private::keep_to_ourselves();
    let store = place(store, config).visit().await.map_err(|error| error.to_string())?;
    Ok((school, store))
}

/// What to do about entries that were only counted.
const FOLDED: &str = "Of entries with one reason a thousand a day become letters (of orders that GetCourse does not have, twenty), the rest is counted in in-more-…: mend the reason, then retry the letters with it that are kept whole. What the counted ones said of orders, leads and calls, reconciliation reads within its look_back_min; what it does not read, their sender has to send again.";

fn as_json(letter: &DeadLetter) -> Value {
    let DeadLetter { id, at, why, order, body: _, folded } = letter;
    json!({ "id": id, "at": at, "order": order, "why": why, "folded": folded })
}

fn line(letter: &DeadLetter) -> String {
    let order = letter.order.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let more = match letter.folded {
        0 => String::new(),
        count => format!("{count} more with the reason that follows, only counted: "),
    };
    format!("{}  {}  {order}  {more}{}", letter.id, letter.at.format("%Y-%m-%d %H:%M"), letter.why)
}
