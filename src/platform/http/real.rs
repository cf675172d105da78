//! The HTTP port over reqwest: rustls with ring, the system's certificates, TLS 1.2 and 1.3. Never follows a
//! redirect (a POST would lose its body, a key would go to another host), never uses a proxy from the
//! environment, never keeps an answer that is too long. Enter at [`RealHttp::new`].

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use url::{Host, Url};

use super::{Http, NoResponse, Request, Response};
use crate::tls::install_provider;

/// A host that does not even accept the connection is given up sooner than a slow one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Larger than any answer that the couriers read.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One client for all requests with the same total time-out; clones share its connections.
#[derive(Debug, Clone)]
pub struct RealHttp {
    client: reqwest::Client,
}

impl RealHttp {
    /// `timeout` covers one request from its start to the end of the answer's body. The error is for an
    /// engineer, for example when the system has no usable certificates.
    pub fn new(timeout: Duration) -> Result<Self, String> {
        install_provider();
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| format!("the HTTP client cannot be made: {error:?}"))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Http for RealHttp {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        let request = built(&self.client, request)?;
        let mut answer = self.client.execute(request).await.map_err(silence)?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(silence)? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(NoResponse::BrokenOff("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }
}

fn built(client: &reqwest::Client, request: Request) -> Result<reqwest::Request, NoResponse> {
    // The address may contain a key, so errors never repeat it.
    let not_sent = |why: &str| NoResponse::NotSent(why.to_owned());
    let url = Url::parse(&request.url).map_err(|_| not_sent("the address cannot be read"))?;
    if url.scheme() != "https" && !is_loopback(&url) {
        return Err(not_sent("plain http is only allowed on this machine: use https"));
    }
    let method =
        reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| not_sent("no such method"))?;
    let mut builder = client.request(method, url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    if !request.body.is_empty() {
        builder = builder.body(request.body);
    }
    builder.build().map_err(|error| NoResponse::NotSent(describe(error)))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Only a connection that was never made proves that nothing was done.
fn silence(error: reqwest::Error) -> NoResponse {
    if error.is_connect() || error.is_builder() {
        NoResponse::NotSent(describe(error))
    } else {
        NoResponse::BrokenOff(describe(error))
    }
}

/// The error and its causes, without the address.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers every connection with these bytes and closes it; `None` keeps it open and silent.
    async fn server(answer: Option<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/secret-path?key=k7Q2m", listener.local_addr().unwrap());
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                match &answer {
                    Some(bytes) => {
                        let _ = stream.write_all(bytes).await;
                        let _ = stream.shutdown().await;
                    }
                    None => open.push(stream),
                }
            }
        });
        (url, seen)
    }

    async fn send(url: &str) -> Result<Response, NoResponse> {
        let http = RealHttp::new(Duration::from_millis(300)).unwrap();
        http.send(Request::new("POST", url).form("a=1".to_owned())).await
    }

    #[tokio::test]
    async fn an_answer_is_complete_and_a_redirect_is_not_followed() {
        let (url, seen) = server(Some(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nhi"
                .to_vec(),
        ))
        .await;
        let answer = send(&url).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (302, b"hi".as_slice()));
        assert_eq!(answer.retry_after_ms(), Some(7000));
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_refused_connection_means_that_nothing_was_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        assert!(matches!(send(&url).await, Err(NoResponse::NotSent(_))));
    }

    #[tokio::test]
    async fn any_failure_after_the_connection_may_have_been_done() {
        let long = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; BODY_BYTES_MAX + 1]].concat();
        for answer in [
            Some(Vec::new()),
            Some(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec()),
            Some(b"not http at all\r\n\r\n".to_vec()),
            Some(long),
            None,
        ] {
            let (url, _) = server(answer).await;
            let silence = send(&url).await.unwrap_err();
            assert!(matches!(silence, NoResponse::BrokenOff(_)), "{silence:?}");
            let text = silence.to_string();
            assert!(!text.contains("k7Q2m") && !text.contains("secret-path"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_key_never_leaves_over_plain_http() {
        for url in
            ["http://school.example/pl/api?key=k7Q2m", "http://192.0.2.1/", "ftp://127.0.0.1/", "no address"]
        {
            let Err(NoResponse::NotSent(why)) = send(url).await else {
                panic!("{url} was sent");
            };
            assert!(!why.contains("k7Q2m"), "{why}");
        }
    }
}
