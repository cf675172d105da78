//! The same world behind real sockets.
//! No test sleeps: each waits for an answer only.
//! Enter at [`the_sockets_answer_as_the_world_does`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{SETUP, world};
use crate::faults::RequestFault;
use crate::serve::{Now, Ports, Sender, drive, stand};
use crate::{Platform, Setup, World};

/// A clock that starts at a fixed moment and advances with each reading.
fn running() -> Now {
    let ms = AtomicI64::new(1_773_738_000_000);
    Arc::new(move || DateTime::from_timestamp_millis(ms.fetch_add(1, Ordering::Relaxed)).unwrap_or_default())
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sockets_answer_as_the_world_does() {
    let world = Arc::new(Mutex::new(world(SETUP, 1)));
    let start = world.lock().map(|world| world.start()).unwrap_or_default();
    let stand = stand(Arc::clone(&world), Arc::new(move || start), Ports::default())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let url = format!("http://{}/api/v4/account", stand.amocrm);
    let get = || client().get(&url).header("Authorization", "Bearer sandbox-long-lived-token").send();
    let answer = get().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(
        answer.headers().get("content-type").and_then(|value| value.to_str().ok()),
        Some("application/hal+json")
    );
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap_or_default()).unwrap_or_default();
    assert_eq!(body["subdomain"], "shkolarost");
    if let Ok(mut world) = world.lock() {
        let rule = world.faults_mut().of_mut(Platform::Amocrm);
        (rule.per_mille, rule.kinds) = (1000, vec![RequestFault::BrokenOff]);
    }
    let broken = get().await;
    assert!(broken.as_ref().is_err_and(|error| error.is_request()), "{broken:?}");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_come_over_smtp() {
    let world = Arc::new(Mutex::new(world(SETUP, 1)));
    let stand = stand(Arc::clone(&world), running(), Ports::default())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let stream = tokio::net::TcpStream::connect(stand.smtp).await.unwrap_or_else(|error| panic!("{error}"));
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let talk = [
        ("", "220"),
        ("EHLO bridge", "250 AUTH"),
        ("AUTH PLAIN AGEAYg==", "235"),
        ("MAIL FROM:<school@example.ru>", "250"),
        ("RCPT TO:<gone@example.ru>", "550"),
        ("RCPT TO:<m@example.ru>", "250"),
        ("DATA", "354"),
        ("Subject: Hello\r\n\r\nText\r\n..dot\r\n.", "250"),
        ("QUIT", "221"),
    ];
    for (command, wanted) in talk {
        if !command.is_empty() {
            let _ = write.write_all(format!("{command}\r\n").as_bytes()).await;
        }
        let mut line = String::new();
        while !line.starts_with(wanted) {
            line = lines
                .next_line()
                .await
                .ok()
                .flatten()
                .unwrap_or_else(|| panic!("no {wanted} after {command}"));
            assert!(line.starts_with(wanted) || line.as_bytes().get(3) == Some(&b'-'), "{command}: {line}");
        }
    }
    let letters: Vec<(String, String)> = world
        .lock()
        .map(|world| {
            world.letters().iter().map(|letter| (letter.subject.clone(), letter.text.clone())).collect()
        })
        .unwrap_or_default();
    assert_eq!(letters, [("Hello".to_owned(), "Text\n.dot".to_owned())]);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_driver_sends_webhooks_in_real_time() {
    let bridge = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("{error}"));
    let port = bridge.local_addr().map(|address| address.port()).unwrap_or(0);
    let text = SETUP.replace("127.0.0.1:1/", &format!("127.0.0.1:{port}/")).replacen(
        "at = \"12:00\"",
        "at = \"+0m\"",
        1,
    );
    let mut setup = Setup::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    setup.start = running()().fixed_offset();
    let world = Arc::new(Mutex::new(World::new(setup, 1)));
    let stand = stand(Arc::clone(&world), running(), Ports::default())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let driver = tokio::spawn(drive(
        stand.shared(),
        Sender::new(Duration::from_secs(2)).unwrap_or_else(|error| panic!("{error}")),
    ));
    let (mut stream, _) = bridge.accept().await.unwrap_or_else(|error| panic!("{error}"));
    let mut buffer = [0u8; 2048];
    let count = stream.read(&mut buffer).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&buffer[..count]).into_owned();
    assert!(
        head.starts_with("GET /gc/created?id=700100200&phone=8%20%28903%29%20555-01-27&name=%D0%9C"),
        "{head}"
    );
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    driver.abort();
    stand.stop().await;
}
