//! Waits until a person or a supervisor tells the program to stop, or its parent has gone. Enter at [`told`].

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

/// Returns when standard input ends, whose other end the parent holds.
pub async fn input_ended() {
    let (tell, gone) = tokio::sync::oneshot::channel();
    // A thread, because reading standard input blocks; it ends with the program.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = tell.send(());
    });
    let _ = gone.await;
}
