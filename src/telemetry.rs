//! Logs: English, structured, without anything personal; identifiers only. Panics are logged like
//! everything else: without their texts.
//! Enter at [`init`].

use tracing_subscriber::EnvFilter;

use crate::config::raw::LogFormat;

/// Starts logging to standard error. A filter that cannot be read counts as `info`.
pub fn init(filter: &str, format: LogFormat) {
    crate::panics::watch();
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first one's settings.
    let _ = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
}
