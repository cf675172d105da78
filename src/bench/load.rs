//! Sends requests as fast as they are answered, or at a given rate, over connections that stay open. Never waits for
//! anything but answers. Enter at [`post`]; [`Connection`] asks one after another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::shapes;
use crate::clock::stopwatch;

/// Connections that send at the same time.
const CONNECTIONS: usize = 64;

/// Numbers of orders: none is sent twice.
static NUMBERS: AtomicUsize = AtomicUsize::new(1_000);

/// The number of the next order.
pub fn number() -> usize {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// The address that orders are posted to.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    /// Up to and without the last part.
    pub path: String,
}

impl Target {
    /// An order of a new client.
    pub fn order(&self) -> Vec<u8> {
        let shape = shapes::ordinary(number());
        let head = format!(
            "POST {}{} HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n",
            self.path,
            shape.tail,
            shape.body.len()
        );
        [head.into_bytes(), shape.body].concat()
    }
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    Sent(usize),
    Past(Duration),
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Load {
    pub target: Target,
    pub until: Until,
    /// Requests per second; without it as many as are answered.
    pub per_second: Option<f64>,
    /// This request again and again, instead of a new order each time.
    pub again: Option<Arc<[u8]>>,
}

impl Load {
    pub fn new(target: &Target, until: Until) -> Self {
        Self { target: target.clone(), until, per_second: None, again: None }
    }
}

/// How a load was answered; every answer was 200.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    pub count: usize,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Sends the load and returns when everything is answered. Dropped, it stops.
pub async fn post(load: Load) -> Result<Answered, String> {
    let (load, sent, began) = (Arc::new(load), Arc::new(AtomicUsize::new(0)), stopwatch());
    let mut senders = JoinSet::new();
    for index in 0..CONNECTIONS {
        senders.spawn(send(load.clone(), index, sent.clone(), began));
    }
    let mut took_us = Vec::new();
    while let Some(ended) = senders.join_next().await {
        took_us.extend(ended.map_err(|error| error.to_string())??);
    }
    let took = began.elapsed().as_secs_f64();
    took_us.sort_unstable();
    let percentile = |per_cent: usize| {
        let place = (took_us.len() * per_cent / 100).min(took_us.len().saturating_sub(1));
        took_us.get(place).map_or(0.0, |us| f64::from(*us) / 1000.0)
    };
    let count = took_us.len();
    Ok(Answered { count, per_second: count as f64 / took, p50_ms: percentile(50), p99_ms: percentile(99) })
}

/// One connection of a load; returns the microseconds of each answer.
async fn send(
    load: Arc<Load>,
    index: usize,
    sent: Arc<AtomicUsize>,
    began: Instant,
) -> Result<Vec<u32>, String> {
    let mut connection = Connection::open(load.target.address).await?;
    // The connections take turns.
    let pause = |rate: f64| {
        let [first, period] = [index, CONNECTIONS].map(|turns| Duration::from_secs_f64(turns as f64 / rate));
        tokio::time::interval_at(began + first, period)
    };
    let mut pause = load.per_second.map(pause);
    let mut took_us = Vec::new();
    loop {
        if let Some(pause) = &mut pause {
            pause.tick().await;
        }
        let is_over = match load.until {
            Until::Sent(most) => sent.fetch_add(1, Ordering::Relaxed) >= most,
            Until::Past(time) => began.elapsed() >= time,
        };
        if is_over {
            return Ok(took_us);
        }
        let status;
        let asked;
        if let Some(again) = &load.again {
            asked = stopwatch();
            status = connection.ask(again).await?;
        } else {
            let order = load.target.order();
            asked = stopwatch();
            status = connection.ask(&order).await?;
        }
        if status != 200 {
            return Err(format!("an order was answered with {status}"));
        }
        took_us.push(asked.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
    }
}

/// A connection that stays open.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// Where the body of the last answer begins.
    body: usize,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, String> {
        let lost = |error: std::io::Error| format!("{address} cannot be reached: {error}");
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        Ok(Self { stream, answer: Vec::with_capacity(4096), body: 0 })
    }

    /// Sends one request and returns the status of the answer.
    pub async fn ask(&mut self, request: &[u8]) -> Result<u16, String> {
        let lost = |error: std::io::Error| format!("the bridge does not answer: {error}");
        // A refusal may come before everything is sent.
        let sent = self.stream.write_all(request).await;
        self.answer.clear();
        loop {
            let length = self.stream.read_buf(&mut self.answer).await.map_err(lost)?;
            if let Some((status, body, end)) = head(&self.answer)
                && self.answer.len() >= end
            {
                self.body = body;
                return status.ok_or_else(|| "the answer has no status".to_owned());
            }
            if length == 0 {
                sent.map_err(lost)?;
                return Err("the answer broke off".to_owned());
            }
        }
    }

    /// Asks for a page and returns its status; the body is [`Self::body`].
    pub async fn get(&mut self, path: &str) -> Result<u16, String> {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: bridge\r\n\r\n").as_bytes()).await
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.answer[self.body..]
    }
}

/// Of an answer whose head is whole: its status, where its body begins and where it ends.
fn head(answer: &[u8]) -> Option<(Option<u16>, usize, usize)> {
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..body]).unwrap_or_default();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Some((status, body, body + length.unwrap_or_default()))
}
