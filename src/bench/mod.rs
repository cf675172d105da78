//! Benchmarks: figures of the bridge next to a reference, measured in one run. Every figure has a reference,
//! and a run leaves no files behind. Enter at [`run`]; each family of figures is a module that returns
//! [`Row`]s.

mod abuse;
mod bed;
mod bullmq;
mod health;
mod idle;
mod launch;
mod load;
mod machine;
mod place;
mod reference;
mod rounds;
mod row;
mod shapes;
mod steps;
mod subject;
mod wakes;
mod webhooks;

pub use abuse::abuse;
pub use launch::{Launch, Size, launch};
pub use row::{Goal, Row, table};

use std::path::PathBuf;
use std::time::Duration;

use self::bed::{Amount, Bed};
use crate::out::{self, Stop};
use crate::{interrupt, progress};

/// `dozvon bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only this family of figures.
    #[arg(long, value_enum)]
    only: Option<Family>,
    /// Writes the rows into this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Another build of the bridge, measured in turn with this one.
    #[arg(long, value_name = "BINARY")]
    peer: Option<PathBuf>,
    /// Kept for figures that take hours.
    #[arg(long, hide = true)]
    long: bool,
    /// Orders of each family: fewer, for a quick look.
    #[arg(long, hide = true)]
    orders: Option<usize>,
    /// Idle schools.
    #[arg(long, hide = true)]
    schools: Option<usize>,
    #[arg(long, hide = true, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// Milliseconds for which a load is sent.
    #[arg(long, hide = true, default_value_t = 2_000)]
    window_ms: u64,
    /// Serve as the bare handler on a store; only the command itself starts it.
    #[arg(long, hide = true)]
    reference: Option<String>,
}

/// The families of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Family {
    /// Ten thousand orders of new clients into amoCRM, with payments in the middle; driven time.
    Launch,
    /// Hostile requests beside an ordinary order, and a school beside one that is flooded; real time, on Linux.
    Abuse,
    /// Acknowledged webhooks on each store, beside bare handlers; from here on Linux, too.
    Webhooks,
    /// Events of new orders stepped and committed, alone and while webhooks come in.
    Steps,
    /// Ten thousand orders whose timers are due at once, beside empty jobs of BullMQ where node is installed.
    Wakes,
    /// A hundred thousand orders whose timers are due at once; one round.
    Burst,
    /// A hundred schools in which nothing happens.
    Idle,
    /// The page of health with 32,000 orders.
    Health,
}

impl Family {
    const ALL: [Self; 8] = [
        Self::Launch,
        Self::Abuse,
        Self::Webhooks,
        Self::Steps,
        Self::Wakes,
        Self::Burst,
        Self::Idle,
        Self::Health,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Abuse => "abuse",
            Self::Webhooks => "webhooks",
            Self::Steps => "steps",
            Self::Wakes => "wakes",
            Self::Burst => "burst",
            Self::Idle => "idle",
            Self::Health => "health",
        }
    }

    async fn rows(self, bed: &Bed) -> Result<Vec<Row>, String> {
        match self {
            Self::Launch => Ok(launch(Size::of(bed.orders(launch::ORDERS))).await?.rows()),
            Self::Abuse => abuse().await,
            Self::Webhooks => webhooks::webhooks(bed).await,
            Self::Steps => steps::steps(bed).await,
            Self::Wakes => wakes::wakes(bed).await,
            Self::Burst => wakes::burst(bed).await,
            Self::Idle => idle::idle(bed).await,
            Self::Health => health::health(bed).await,
        }
    }
}

/// Measures, prints and writes the figures. The error is for a person: what could not be measured, or which
/// goal was missed.
pub async fn run(options: Options) -> Result<(), Stop> {
    if let Some(place) = &options.reference {
        return Ok(reference::serve(place).await?);
    }
    options.json.iter().try_for_each(|file| out::writable(file))?;
    // What is dropped ends its processes and removes its folder.
    let rows = tokio::select! {
        rows = measure(&options) => rows?,
        () = interrupt::told() => return Err("interrupted".into()),
    };
    out::print(&table(&rows))?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "rows": rows }));
        let text = text.map_err(|error| error.to_string())?;
        std::fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let missed: Vec<&str> =
        rows.iter().filter(|row| row.met() == Some(false)).map(|row| row.name.as_str()).collect();
    if missed.is_empty() { Ok(()) } else { Err(format!("goals missed: {}", missed.join(", ")).into()) }
}

async fn measure(options: &Options) -> Result<Vec<Row>, String> {
    let amount = Amount {
        orders: options.orders,
        schools: options.schools,
        rounds: options.rounds.into(),
        window: Duration::from_millis(options.window_ms),
    };
    let bed = Bed::new(options.peer.as_deref(), amount).await?;
    let mut rows = Vec::new();
    for family in Family::ALL.into_iter().filter(|family| options.only.is_none_or(|only| only == *family)) {
        let _shown = progress::spinner(family.name());
        rows.extend(family.rows(&bed).await?);
    }
    Ok(rows)
}
