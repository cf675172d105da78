//! Shows on a terminal that long work goes on, and for how long. Nothing is shown where standard error is no
//! terminal, so that files and logs stay plain. Enter at [`spinner`].

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that moves until it is dropped.
pub struct Spinner(ProgressBar);

/// Begins to show what goes on.
pub fn spinner(what: &str) -> Spinner {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    Spinner(bar)
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
