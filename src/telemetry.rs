//! Logs: English, structured, without anything personal; identifiers only. Panics are logged without
//! their text.
//! Enter at [`init`].

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::config::raw::LogFormat;

/// Starts logging to standard error. A filter that cannot be read counts as `info`.
pub fn init(filter: &str, format: LogFormat, colour: bool) {
    crate::panics::log_panics();
    let filter: Targets = filter.parse().unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    // A second start in one process (tests) keeps the first one's settings.
    let _ = match format {
        LogFormat::Text => tracing_subscriber::registry().with(logs.with_filter(filter)).try_init(),
        LogFormat::Json => tracing_subscriber::registry().with(logs.json().with_filter(filter)).try_init(),
    };
}
