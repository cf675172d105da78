//! A way to a server on which all connections can fall silent: they stand, and nothing comes any more, as behind a
//! router that has lost its memory. New ones work. Never reads what it forwards. Enter at [`Deaf::before`].

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub struct Deaf {
    pub port: u16,
    falls_silent: watch::Sender<u32>,
    serving: JoinHandle<()>,
}

impl Deaf {
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let here = listener.local_addr().expect("bound").port();
        let falls_silent = watch::Sender::new(0);
        let silence = falls_silent.clone();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, silence.subscribe()));
            }
        });
        Self { port: here, falls_silent, serving }
    }

    /// Everything that is connected now hears nothing more.
    pub fn falls_silent(&self) {
        self.falls_silent.send_modify(|times| *times += 1);
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn carry(mut client: TcpStream, port: u16, mut silence: watch::Receiver<u32>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        // Both stay open; until the other end of the watch is gone, with the test.
        Ok(()) = silence.changed() => while silence.changed().await.is_ok() {},
    }
}
