//! Waits until a person or a supervisor tells the program to stop. Enter at [`told`].

use tokio::signal::unix::{SignalKind, signal};

/// Returns at Ctrl-C or SIGTERM.
pub async fn told() {
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
