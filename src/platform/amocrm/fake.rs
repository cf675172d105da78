//! A scripted HTTP port for unit tests: each request is compared with the next line of a script. It fails at
//! the first unexpected request. Enter at [`Script`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use super::token::TokenSource;
use crate::platform::Fault;
pub use crate::platform::fake::{FakeLinks, response};
use crate::platform::http::{Http, NoResponse, Request, Response};
use crate::process::At;
use crate::secret::Secret;

/// `GET /api/v4/leads/1?with=…` and the answer to it.
pub struct Scene {
    asked: String,
    /// The whole body that must be sent; `Null` if there must be none.
    body: Value,
    answer: Result<Response, NoResponse>,
}

/// The part of the address that the script leaves out.
pub const BASE: &str = "https://shkolarost.amocrm.ru";

#[derive(Default)]
pub struct Script {
    script: Mutex<VecDeque<Scene>>,
    pub seen: Mutex<Vec<Request>>,
}

impl Script {
    pub fn new(script: Vec<Scene>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into()), seen: Mutex::default() })
    }
}

#[async_trait]
impl Http for Script {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        let path = request.url.strip_prefix(BASE).unwrap_or(&request.url);
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
        let asked = format!("{} {path}", request.method);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        self.seen.lock().unwrap().push(request);
        let Some(scene) = self.script.lock().unwrap().pop_front() else {
            panic!("nothing more was expected, but: {asked} {body}");
        };
        assert_eq!(asked, scene.asked);
        assert_eq!(body, scene.body, "body of {asked}");
        scene.answer
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let left = self.script.get_mut().unwrap();
        if !std::thread::panicking() {
            assert!(left.is_empty(), "never asked: {}", left[0].asked);
        }
    }
}

/// A request without a body, answered by status and JSON (`Null`: an empty body).
pub fn get(path: &str, status: u16, answer: Value) -> Scene {
    scene("GET", path, Value::Null, Ok(response(status, answer)))
}

pub fn post(path: &str, body: Value, status: u16, answer: Value) -> Scene {
    scene("POST", path, body, Ok(response(status, answer)))
}

pub fn patch(path: &str, body: Value, status: u16, answer: Value) -> Scene {
    scene("PATCH", path, body, Ok(response(status, answer)))
}

pub fn scene(method: &str, path: &str, body: Value, answer: Result<Response, NoResponse>) -> Scene {
    Scene { asked: format!("{method} {path}"), body, answer }
}

/// Always the same token.
pub struct OneToken;

#[async_trait]
impl TokenSource for OneToken {
    async fn token(&self) -> Result<Secret, Fault> {
        Ok(Secret::new("token"))
    }

    async fn rejected(&self, _token: &Secret) -> Result<Secret, Fault> {
        Err(Fault::denied("401"))
    }

    async fn upkeep(&self) -> Result<Option<At>, Fault> {
        Ok(None)
    }
}
