//! Requests to the account's REST API: address, token, body, and the class of the answer. Never paces itself
//! (the HTTP port does) and never follows a link of an answer. It refreshes a refused token once, and once
//! the account has been denied it does not send requests that were already waiting. It believes no single 404, which
//! an account that is moved, or a server that is changed, answers for some seconds. Enter at [`AmoClient::send`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::classify::{RepeatSafety, Reply, Verdict, classify};
use super::token::TokenSource;
use crate::clock::stopwatch;
use crate::platform::Fault;
use crate::platform::http::{BudgetRequest, Granted, Http, Request};
use crate::process::Urgency;
use crate::secret::Secret;

/// What every account answers while it works.
pub(super) const ACCOUNT: &str = "/api/v4/account";

/// A 404 is believed if this much later a further one says the same.
const GONE_MS: u64 = 30_000;
/// Requests that were answered with 404 and are remembered; the oldest is forgotten first.
const GONE_MAX: usize = 1_000;

pub(super) const USER_AGENT: &str = concat!("dozvon/", env!("CARGO_PKG_VERSION"));

/// One account.
#[derive(Clone)]
pub struct AmoClient {
    http: Arc<dyn Http>,
    tokens: Arc<dyn TokenSource>,
    /// `https://name.amocrm.ru`, without a slash at its end.
    base: String,
    denials: Arc<Mutex<Denials>>,
    /// Requests that are answered with 404, and since when.
    gone: Arc<Mutex<BTreeMap<String, Instant>>>,
}

/// How many times the account has been denied so far, and the last reason.
#[derive(Debug, Default)]
struct Denials {
    count: u64,
    why: String,
}

/// The number of denials when a request was made: if it has grown since, the request is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked(u64);

/// One request before it has a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub method: &'static str,
    /// Path with its query, `/api/v4/leads/1?with=contacts`.
    pub path: String,
    pub body: Option<Value>,
    pub repeat: RepeatSafety,
    pub urgency: Urgency,
    /// Deliveries that wait for the answer; 0 for a chore.
    pub deliveries: u64,
}

impl Call {
    /// `query` is encoded here, brackets included.
    pub fn get(path: &str, query: &[(&str, &str)], urgency: Urgency) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        Self { method: "GET", path, body: None, repeat: RepeatSafety::Repeatable, urgency, deliveries: 1 }
    }

    /// The same request on behalf of this many deliveries.
    pub fn for_deliveries(self, deliveries: u64) -> Self {
        Self { deliveries, ..self }
    }

    /// A change that can be repeated without a further effect.
    pub fn patch(path: impl Into<String>, body: Value, urgency: Urgency) -> Self {
        let path = path.into();
        Self {
            method: "PATCH",
            path,
            body: Some(body),
            repeat: RepeatSafety::Repeatable,
            urgency,
            deliveries: 1,
        }
    }

    /// Removes what its body names; if it is gone already, that counts as done.
    pub fn delete(path: impl Into<String>, body: Value, urgency: Urgency) -> Self {
        Self { method: "DELETE", ..Self::patch(path, body, urgency) }
    }

    /// A create: never sent again without looking first.
    pub fn create(path: impl Into<String>, body: Value, urgency: Urgency) -> Self {
        Self {
            method: "POST",
            path: path.into(),
            body: Some(body),
            repeat: RepeatSafety::Once,
            urgency,
            deliveries: 1,
        }
    }

    /// A POST that can be repeated without a further effect.
    pub fn post(path: impl Into<String>, body: Value, urgency: Urgency) -> Self {
        Self { repeat: RepeatSafety::Repeatable, ..Self::create(path, body, urgency) }
    }

    /// It makes a lead or a contact.
    fn names_nothing(&self) -> bool {
        const PATHS: [&str; 3] = ["/api/v4/leads", "/api/v4/leads/complex", "/api/v4/contacts"];
        self.method == "POST" && PATHS.contains(&self.path.as_str())
    }
}

impl AmoClient {
    /// `url` as in the school's settings.
    pub fn new(url: &str, http: Arc<dyn Http>, tokens: Arc<dyn TokenSource>) -> Self {
        Self {
            http,
            tokens,
            base: url.trim_end_matches('/').to_owned(),
            denials: Arc::default(),
            gone: Arc::default(),
        }
    }

    pub fn tokens(&self) -> &dyn TokenSource {
        self.tokens.as_ref()
    }

    /// Waits for the account's budget and sends the request.
    pub async fn send(&self, call: &Call) -> Result<Reply, Fault> {
        let asked = self.asked();
        self.turn(Self::budget_request(call)).await?;
        self.send_now(call, asked).await
    }

    pub fn asked(&self) -> Asked {
        Asked(self.denials().count)
    }

    fn denials(&self) -> MutexGuard<'_, Denials> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn of the account's budget.
    pub async fn turn(&self, request: BudgetRequest) -> Result<Granted, Fault> {
        self.http.turn(request).await.map_err(|silence| Fault::later(silence.to_string()))
    }

    /// Sends the request within a turn that was granted. After a 401 it sends once more with another token: a
    /// request answered with 401 has changed nothing.
    pub async fn send_now(&self, call: &Call, asked: Asked) -> Result<Reply, Fault> {
        if self.asked() != asked {
            return Err(Fault::denied(self.denials().why.clone()));
        }
        let settled = self.settle(call).await;
        if let Err(Fault::Denied { why }) = &settled {
            let mut denials = self.denials();
            (denials.count, denials.why) = (denials.count + 1, why.clone());
        }
        settled
    }

    async fn settle(&self, call: &Call) -> Result<Reply, Fault> {
        match self.signed(call).await? {
            Reply::Rejected(rejection) if rejection.status == 404 && call.names_nothing() => {
                Err(Fault::later("amoCRM answers 404 to what names nothing that could be gone"))
            }
            Reply::Rejected(rejection) if rejection.status == 404 && !call.path.starts_with(ACCOUNT) => {
                self.believe(call).await?;
                Ok(Reply::Rejected(rejection))
            }
            reply => {
                self.gone().remove(&key(call));
                Ok(reply)
            }
        }
    }

    /// What a 404 names is missing if the account answers, and if the same was said a while ago.
    async fn believe(&self, call: &Call) -> Result<(), Fault> {
        let account = Call::get(ACCOUNT, &[], call.urgency).for_deliveries(0);
        self.turn(Self::budget_request(&account)).await?;
        if let Reply::Rejected(rejection) = self.signed(&account).await? {
            return Err(Fault::later(format!("amoCRM answers {} for the account, too", rejection.status)));
        }
        let (mut gone, key) = (self.gone(), key(call));
        if gone.len() >= GONE_MAX && !gone.contains_key(&key) {
            let oldest = gone.iter().min_by_key(|(_, since)| **since).map(|(call, _)| call.clone());
            oldest.and_then(|oldest| gone.remove(&oldest));
        }
        let since = *gone.entry(key).or_insert_with(stopwatch);
        let is_believed = since.elapsed() >= Duration::from_millis(GONE_MS);
        if is_believed { Ok(()) } else { Err(not_believed_yet()) }
    }

    fn gone(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request; a second one with another token if the first was refused.
    async fn signed(&self, call: &Call) -> Result<Reply, Fault> {
        let token = self.tokens.token().await?;
        let verdict = match self.attempt(call, &token).await {
            Verdict::TokenRefused => {
                let fresh = self.tokens.rejected(&token).await?;
                self.turn(Self::budget_request(call)).await?;
                self.attempt(call, &fresh).await
            }
            settled => settled,
        };
        match verdict {
            Verdict::Reply(reply) => Ok(reply),
            Verdict::Fault(fault) => Err(fault),
            Verdict::TokenRefused => Err(Fault::denied(
                "amoCRM answers 401 to a fresh token: is the integration switched off, or the account renamed?",
            )),
        }
    }

    fn budget_request(call: &Call) -> BudgetRequest {
        BudgetRequest { urgency: call.urgency, deliveries: call.deliveries, group: None }
    }

    /// Reads one entity or one page: `None` for 204 and for an unknown id.
    pub async fn read(&self, call: &Call) -> Result<Option<Value>, Fault> {
        let asked = self.asked();
        self.turn(Self::budget_request(call)).await?;
        self.read_now(call, asked).await
    }

    /// The same within a turn that was granted.
    pub async fn read_now(&self, call: &Call, asked: Asked) -> Result<Option<Value>, Fault> {
        match self.send_now(call, asked).await? {
            Reply::Body(body) => Ok(Some(body)),
            Reply::Nothing => Ok(None),
            Reply::Rejected(rejection) if rejection.status == 404 => Ok(None),
            Reply::Rejected(rejection) => Err(rejection.fault()),
        }
    }

    /// Writes; a rejection is a [`Fault::Never`] that names the refused paths.
    pub async fn write(&self, call: &Call) -> Result<Value, Fault> {
        match self.send(call).await? {
            Reply::Body(body) => Ok(body),
            Reply::Nothing => Ok(Value::Null),
            Reply::Rejected(rejection) => Err(rejection.fault()),
        }
    }

    async fn attempt(&self, call: &Call, token: &Secret) -> Verdict {
        let mut request = Request::new(call.method, format!("{}{}", self.base, call.path))
            .header("authorization", format!("Bearer {}", token.reveal()))
            .header("user-agent", USER_AGENT)
            .header("accept", "application/hal+json")
            .urgency(call.urgency)
            .in_turn(call.deliveries);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        classify(call.repeat, self.http.send(request).await)
    }
}

pub(super) fn not_believed_yet() -> Fault {
    let why = "amoCRM answers 404; it is asked again before that is believed".to_owned();
    Fault::Later { why, after_ms: Some(GONE_MS) }
}

/// The same request, whatever its body.
fn key(call: &Call) -> String {
    format!("{} {}", call.method, call.path)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::platform::amocrm::fake::{BASE, Scene, Script, get, post};
    use crate::process::At;

    /// Gives the next token each time one is refused.
    struct Tokens(Mutex<u32>);

    #[async_trait]
    impl TokenSource for Tokens {
        async fn token(&self) -> Result<Secret, Fault> {
            Ok(Secret::new(format!("token-{}", self.0.lock().unwrap())))
        }

        async fn rejected(&self, _token: &Secret) -> Result<Secret, Fault> {
            *self.0.lock().unwrap() += 1;
            self.token().await
        }

        async fn upkeep(&self) -> Result<Option<At>, Fault> {
            Ok(None)
        }
    }

    #[track_caller]
    fn check(script: Vec<Scene>, expected: &[&str]) -> Result<Reply, Fault> {
        let http = Script::new(script);
        let client = AmoClient::new(&format!("{BASE}/"), http.clone(), Arc::new(Tokens(Mutex::new(1))));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let reply = runtime.block_on(client.send(&Call::get("/api/v4/account", &[], Urgency::Usual)));
        let seen = http.seen.lock().unwrap();
        let sent = |request: &Request| {
            let header = request.headers.iter().find(|(name, _)| name == "authorization");
            header.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(seen.iter().map(sent).collect::<Vec<_>>(), expected);
        reply
    }

    fn client(script: Vec<Scene>) -> AmoClient {
        AmoClient::new(BASE, Script::new(script), Arc::new(Tokens(Mutex::new(1))))
    }

    /// A server that is changed answers 404 for some seconds, also to what is there.
    #[tokio::test(start_paused = true)]
    async fn a_404_is_believed_when_the_account_answers_and_later_says_the_same() {
        const LEAD: &str = "/api/v4/leads/1";
        let gone = |path| get(path, 404, json!({ "title": "Not Found", "status": 404 }));
        let there = |path| get(path, 200, json!({ "id": 1 }));
        let call = Call::get(LEAD, &[], Urgency::Usual);
        let pause = || tokio::time::advance(Duration::from_millis(GONE_MS));
        let is_later = |told: Result<Option<Value>, Fault>| matches!(told, Err(Fault::Later { .. }));

        let amo = client(vec![gone(LEAD), gone(ACCOUNT)]);
        assert!(is_later(amo.read(&call).await));

        let amo = client(vec![gone(LEAD), there(ACCOUNT), gone(LEAD), there(ACCOUNT), there(LEAD)]);
        assert!(is_later(amo.read(&call).await));
        assert!(is_later(amo.read(&call).await), "a second one at once says nothing more");
        pause().await;
        assert_eq!(amo.read(&call).await, Ok(Some(json!({ "id": 1 }))));

        let amo = client(vec![gone(LEAD), there(ACCOUNT), there(LEAD), gone(LEAD), there(ACCOUNT)]);
        assert!(is_later(amo.read(&call).await));
        assert!(amo.read(&call).await.is_ok());
        pause().await;
        assert!(is_later(amo.read(&call).await), "it was there meanwhile");

        let amo = client(vec![gone(LEAD), there(ACCOUNT), gone(LEAD), there(ACCOUNT)]);
        let Err(Fault::Later { after_ms: Some(after_ms), .. }) = amo.read(&call).await else {
            panic!("later")
        };
        tokio::time::advance(Duration::from_millis(after_ms)).await;
        assert_eq!(amo.read(&call).await, Ok(None));
    }

    #[tokio::test]
    async fn a_404_to_what_makes_something_new_waits() {
        for path in ["/api/v4/leads/complex", "/api/v4/tasks", "/api/v4/leads/notes"] {
            let gone = json!({ "title": "Not Found", "status": 404 });
            let mut script = vec![post(path, json!([]), 404, gone)];
            if path != "/api/v4/leads/complex" {
                script.push(get(ACCOUNT, 200, json!({ "id": 1 })));
            }
            let made = client(script).write(&Call::create(path, json!([]), Urgency::Usual)).await;
            assert!(matches!(made, Err(Fault::Later { .. })), "{path}: {made:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn remembered_404s_are_bounded() {
        let paths: Vec<String> = (0..GONE_MAX + 5).map(|id| format!("/api/v4/tasks/{id}")).collect();
        let scenes = |path: &String| [get(path, 404, Value::Null), get(ACCOUNT, 200, json!({ "id": 1 }))];
        let amo = client(paths.iter().chain([&paths[5]]).flat_map(scenes).collect());
        for path in &paths {
            let told = amo.read(&Call::get(path, &[], Urgency::Usual)).await;
            assert!(matches!(told, Err(Fault::Later { .. })));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(amo.gone().len(), GONE_MAX);
        let oldest = amo.gone().iter().min_by_key(|(_, since)| **since).map(|(call, _)| call.clone());
        assert_eq!(oldest.as_deref(), Some("GET /api/v4/tasks/5"));
        tokio::time::advance(Duration::from_millis(GONE_MS)).await;
        assert_eq!(amo.read(&Call::get("/api/v4/tasks/5", &[], Urgency::Usual)).await, Ok(None));
    }

    #[test]
    fn a_refused_token_is_replaced_once() {
        let refused = || get("/api/v4/account", 401, json!({ "status": 401 }));
        let taken = || get("/api/v4/account", 200, json!({ "id": 31877554 }));
        let reply = check(vec![taken()], &["Bearer token-1"]);
        assert_eq!(reply, Ok(Reply::Body(json!({ "id": 31877554 }))));
        let reply = check(vec![refused(), taken()], &["Bearer token-1", "Bearer token-2"]);
        assert_eq!(reply, Ok(Reply::Body(json!({ "id": 31877554 }))));
        let reply = check(vec![refused(), refused()], &["Bearer token-1", "Bearer token-2"]);
        assert!(matches!(reply, Err(Fault::Denied { .. })), "{reply:?}");
    }
}
