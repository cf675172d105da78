//! Benchmarks: figures of the bridge next to a reference, measured in one run. Every figure has a reference,
//! and a run leaves no files behind. Enter at [`run`]; each family of figures is a module that returns
//! [`Row`]s.

mod abuse;
mod launch;
mod row;
mod shapes;

pub use abuse::abuse;
pub use launch::{Launch, Size, launch};
pub use row::{Goal, Row, table};

use std::path::PathBuf;

use crate::out::{self, Stop};
use crate::progress;

/// `dozvon bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only this family of figures.
    #[arg(long, value_enum)]
    only: Option<Family>,
    /// Writes the rows into this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Orders of the launch: fewer, for a quick look.
    #[arg(long, hide = true, default_value_t = launch::ORDERS)]
    orders: usize,
}

/// The families of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Family {
    /// Ten thousand orders of new clients into amoCRM, with payments in the middle; driven time.
    Launch,
    /// Hostile requests beside an ordinary order, and a school beside one that is flooded; real time, on Linux.
    Abuse,
}

impl Family {
    const ALL: [Self; 2] = [Self::Launch, Self::Abuse];
}

/// Measures, prints and writes the figures. The error is for a person: what could not be measured, or which
/// goal was missed.
pub async fn run(options: Options) -> Result<(), Stop> {
    options.json.iter().try_for_each(|file| out::writable(file))?;
    let mut rows = Vec::new();
    for family in Family::ALL.into_iter().filter(|family| options.only.is_none_or(|only| only == *family)) {
        rows.extend(match family {
            Family::Launch => {
                let _shown = progress::spinner("launch");
                launch(Size::of(options.orders)).await?.rows()
            }
            Family::Abuse => {
                let _shown = progress::spinner("abuse");
                abuse().await?
            }
        });
    }
    out::line(table(&rows))?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "rows": rows }));
        let text = text.map_err(|error| error.to_string())?;
        std::fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let missed: Vec<&str> = rows.iter().filter(|row| row.met() == Some(false)).map(|row| row.name).collect();
    if missed.is_empty() { Ok(()) } else { Err(format!("goals missed: {}", missed.join(", ")).into()) }
}
