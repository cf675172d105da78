//! One address in front of several bridges, like a school's proxy: connections go to the next bridge whose
//! `/livez` answers in time. Never reads the data that it forwards. Enter at [`Balancer::start`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::program::get;

/// A bridge that does not answer within this is skipped until it does.
const PATIENCE: Duration = Duration::from_millis(400);

/// A request without an answer within this is cut off.
const ANSWER: Duration = Duration::from_secs(2);

pub struct Balancer {
    serving: JoinHandle<()>,
    looking: JoinHandle<()>,
}

impl Balancer {
    pub async fn start(port: u16, behind: Vec<u16>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let well = Arc::new(Mutex::new(behind.clone()));
        let looking = tokio::spawn(look(behind, well.clone()));
        let serving = tokio::spawn(async move {
            let turn = AtomicUsize::new(0);
            while let Ok((client, _)) = listener.accept().await {
                let next = {
                    let well = well.lock().expect("no panic under this lock");
                    let turn = turn.fetch_add(1, Ordering::SeqCst);
                    well.get(turn % well.len().max(1)).copied()
                };
                // No bridge is healthy: the connection is closed, and the sender tries again.
                if let Some(port) = next {
                    tokio::spawn(carry(client, port));
                }
            }
        });
        Self { serving, looking }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.serving.abort();
        self.looking.abort();
    }
}

async fn carry(mut client: TcpStream, port: u16) {
    if let Ok(mut bridge) = TcpStream::connect(("127.0.0.1", port)).await {
        let _ = tokio::time::timeout(ANSWER, tokio::io::copy_bidirectional(&mut client, &mut bridge)).await;
    }
}

/// Checks all of them repeatedly.
async fn look(behind: Vec<u16>, well: Arc<Mutex<Vec<u16>>>) {
    let mut pause = tokio::time::interval(PATIENCE);
    loop {
        pause.tick().await;
        let asked = behind.iter().map(|port| async move {
            let url = format!("http://127.0.0.1:{port}/livez");
            let said = tokio::time::timeout(PATIENCE, get(&url)).await;
            said.ok().flatten().filter(|said| said.status == 200).map(|_| *port)
        });
        let answers: Vec<Option<u16>> = futures_util::future::join_all(asked).await;
        *well.lock().expect("no panic under this lock") = answers.into_iter().flatten().collect();
    }
}
