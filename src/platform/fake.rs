//! The ports of the platforms for tests: HTTP that gives its answers in order, and an index in memory. Never
//! opens a connection, and never answers twice. Enter at [`FakeHttp::answering`] and [`FakeLinks::of`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::http::{Http, NoResponse, Request, Response};
use super::{Fault, Links};
use crate::process::{Order, OrderId};

/// The class of a failure in one word, `done` for none.
pub fn class<T>(judged: &Result<T, Fault>) -> &'static str {
    match judged {
        Ok(_) => "done",
        Err(Fault::Later { .. }) => "later",
        Err(Fault::Never { .. }) => "never",
        Err(Fault::Unclear { .. }) => "unclear",
        Err(Fault::Denied { .. }) => "denied",
        Err(Fault::Missing { .. }) => "missing",
        Err(Fault::Soon { .. }) => "soon",
    }
}

/// Gives its answers in order and keeps the requests. The test fails on a request too many, and on an answer
/// that was not asked for.
pub struct FakeHttp {
    answers: Mutex<VecDeque<Result<Response, NoResponse>>>,
    asked: Mutex<Vec<Request>>,
}

impl FakeHttp {
    pub fn answering(answers: impl IntoIterator<Item = Result<Response, NoResponse>>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { answers, asked: Mutex::default() })
    }

    /// The requests so far, in order.
    pub fn asked(&self) -> Vec<Request> {
        lock(&self.asked).clone()
    }
}

#[async_trait]
impl Http for FakeHttp {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        let asked = format!("{} {}", request.method, request.url);
        lock(&self.asked).push(request);
        // Other tasks run while the request is on its way.
        tokio::task::yield_now().await;
        let answer = lock(&self.answers).pop_front();
        answer.unwrap_or_else(|| panic!("nothing more was expected, but: {asked}"))
    }
}

impl Drop for FakeHttp {
    fn drop(&mut self) {
        let left = lock(&self.answers).len();
        assert!(left == 0 || std::thread::panicking(), "{left} answers were not asked for");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer with a JSON body; `Null` is an empty one.
pub fn response(status: u16, body: Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Response { status, headers: Vec::new(), body }
}

/// An index in memory, and the record of the order.
#[derive(Default)]
pub struct FakeLinks(pub BTreeMap<String, String>, pub Option<Order>);

impl FakeLinks {
    pub fn of(entries: &[(&str, &str)]) -> Self {
        let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Self(entries.collect(), None)
    }
}

#[async_trait]
impl Links for FakeLinks {
    async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        Ok(self.0.get(key).cloned())
    }

    async fn order(&self, _: &OrderId) -> Result<Option<Order>, Fault> {
        Ok(self.1.clone())
    }
}
