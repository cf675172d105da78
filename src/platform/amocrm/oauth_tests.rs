//! Tests of tokens: one refresh, nothing lost, no useless requests.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::DateTime;

use super::*;
use crate::clock::DrivenClock;
use crate::platform::fake::{FakeHttp, response};
use crate::platform::http::{NoResponse, Response};
use crate::process::Urgency;

const NOW: i64 = 1_773_738_000;
const URL: &str = "https://shkolarost.amocrm.ru";

fn at(seconds: i64) -> At {
    DateTime::from_timestamp(NOW + seconds, 0).expect("a time")
}

fn tokens_of(name: &str, expires_in: i64) -> TokenPair {
    TokenPair {
        access: Secret::new(format!("access-{name}")),
        refresh: Secret::new(format!("refresh-{name}")),
        expires_at: at(expires_in),
    }
}

fn issued(name: &str) -> Result<Response, NoResponse> {
    Ok(response(
        200,
        json!({ "token_type": "Bearer", "expires_in": 86400, "server_time": NOW,
            "access_token": format!("access-{name}"), "refresh_token": format!("refresh-{name}") }),
    ))
}

fn refused(status: u16, hint: &str) -> Result<Response, NoResponse> {
    Ok(response(status, json!({ "hint": hint, "title": "Некорректный запрос", "status": status })))
}

#[derive(Default)]
struct Kept {
    pair: Mutex<Option<TokenPair>>,
    locked: Mutex<Option<String>>,
    /// Stored by another instance at the moment when the lock becomes free.
    meanwhile: Mutex<Option<TokenPair>>,
    /// This many swaps fail as if the store did not answer.
    failing: AtomicUsize,
}

#[async_trait]
impl TokenStore for Kept {
    async fn get(&self) -> Result<Option<TokenPair>, Fault> {
        Ok(self.pair.lock().unwrap().clone())
    }

    async fn swap(&self, old: Option<&TokenPair>, new: &TokenPair) -> Result<bool, Fault> {
        if self.failing.load(Ordering::SeqCst) > 0 {
            self.failing.fetch_sub(1, Ordering::SeqCst);
            return Err(Fault::later("the store does not answer"));
        }
        let mut pair = self.pair.lock().unwrap();
        let same = pair.as_ref() == old;
        if same {
            *pair = Some(new.clone());
        }
        Ok(same)
    }

    async fn lock(&self, owner: &str, ttl_ms: u64) -> Result<bool, Fault> {
        assert!(ttl_ms > 20_000, "longer than one request may take");
        let mut locked = self.locked.lock().unwrap();
        let free = locked.is_none();
        if free {
            *locked = Some(owner.to_owned());
            if let Some(pair) = self.meanwhile.lock().unwrap().take() {
                *self.pair.lock().unwrap() = Some(pair);
            }
        }
        Ok(free)
    }

    async fn unlock(&self, owner: &str) -> Result<(), Fault> {
        let mut locked = self.locked.lock().unwrap();
        if locked.as_deref() == Some(owner) {
            *locked = None;
        }
        Ok(())
    }
}

struct World {
    endpoint: Arc<FakeHttp>,
    kept: Arc<Kept>,
    clock: DrivenClock,
}

impl World {
    fn new(pair: Option<TokenPair>, answers: Vec<Result<Response, NoResponse>>) -> Self {
        let kept = Kept { pair: Mutex::new(pair), ..Default::default() };
        Self {
            endpoint: FakeHttp::answering(answers),
            kept: Arc::new(kept),
            clock: DrivenClock::starting_at(at(0)),
        }
    }

    /// One instance of the bridge; several share the store.
    fn instance(&self) -> OauthTokens {
        let app = App {
            client_id: "4c1c7f0a-9d2e-4b53-8f6e-2a7be0c4d915".to_owned(),
            client_secret: Secret::new("Zk3-demo-client-secret-91"),
            redirect_uri: "https://bridge.example.com/amo/callback".to_owned(),
        };
        OauthTokens::new(app, URL, 20, self.endpoint.clone(), self.kept.clone(), Arc::new(self.clock.clone()))
    }

    /// The bodies of the requests.
    fn bodies(&self) -> Vec<Value> {
        let asked = self.endpoint.asked().into_iter().map(|request| {
            assert_eq!(request.url, format!("{URL}/oauth2/access_token"));
            assert_eq!(request.urgency, Urgency::Money);
            serde_json::from_slice(&request.body).expect("JSON")
        });
        asked.collect()
    }

    fn asked(&self) -> Vec<String> {
        let token =
            |body: &Value| body["refresh_token"].as_str().or(body["code"].as_str()).map(str::to_owned);
        self.bodies().iter().filter_map(token).collect()
    }
}

fn access(name: &str) -> Result<Secret, Fault> {
    Ok(Secret::new(format!("access-{name}")))
}

#[tokio::test]
async fn a_good_token_is_used_without_asking() {
    let world = World::new(Some(tokens_of("a", 7200)), vec![]);
    assert_eq!(world.instance().token().await, access("a"));
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn a_token_is_refreshed_before_its_end_with_all_that_the_endpoint_compares() {
    let world = World::new(Some(tokens_of("a", 1800)), vec![issued("b")]);
    let tokens = world.instance();
    assert_eq!(tokens.token().await, access("b"));
    assert_eq!(tokens.token().await, access("b"));
    assert_eq!(*world.kept.pair.lock().unwrap(), Some(tokens_of("b", 86400)));
    let expected = json!({ "grant_type": "refresh_token", "refresh_token": "refresh-a",
        "client_id": "4c1c7f0a-9d2e-4b53-8f6e-2a7be0c4d915", "client_secret": "Zk3-demo-client-secret-91",
        "redirect_uri": "https://bridge.example.com/amo/callback" });
    assert_eq!(world.bodies(), [expected]);
    assert_eq!(tokens.upkeep().await, Ok(Some(at(86400 - 3600))));
}

#[tokio::test]
async fn many_askers_of_one_instance_refresh_once() {
    let world = World::new(Some(tokens_of("a", -10)), vec![issued("b")]);
    let tokens = world.instance();
    let got = futures_util::future::join_all((0..20).map(|_| tokens.token())).await;
    assert!(got.iter().all(|token| *token == access("b")));
    assert_eq!(world.asked(), ["refresh-a"]);
}

#[tokio::test]
async fn two_instances_never_spend_the_same_token() {
    let world = World::new(Some(tokens_of("a", -10)), vec![issued("b")]);
    let (one, other) = (world.instance(), world.instance());
    let (first, second) = tokio::join!(one.token(), other.token());
    assert_eq!(first, access("b"));
    assert!(matches!(second, Err(Fault::Later { after_ms: Some(_), .. })), "{second:?}");
    assert_eq!(other.token().await, access("b"));
    assert_eq!(world.asked(), ["refresh-a"]);
}

#[tokio::test]
async fn a_pair_that_came_while_waiting_for_the_lock_is_used() {
    let world = World::new(Some(tokens_of("a", -10)), vec![]);
    *world.kept.meanwhile.lock().unwrap() = Some(tokens_of("b", 86400));
    assert_eq!(world.instance().token().await, access("b"));
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn a_401_renews_only_the_token_that_was_refused() {
    let world = World::new(Some(tokens_of("a", 7200)), vec![issued("b")]);
    let (one, other) = (world.instance(), world.instance());
    assert_eq!(one.token().await, access("a"));
    assert_eq!(other.token().await, access("a"));
    assert_eq!(one.rejected(&Secret::new("access-a")).await, access("b"));
    // The other instance finds the new pair in the store.
    assert_eq!(other.rejected(&Secret::new("access-a")).await, access("b"));
    assert_eq!(world.asked(), ["refresh-a"]);
}

#[tokio::test]
async fn a_pair_that_could_not_be_stored_is_stored_before_it_is_used() {
    let world = World::new(Some(tokens_of("a", -10)), vec![issued("b")]);
    world.kept.failing.store(2, Ordering::SeqCst);
    let tokens = world.instance();
    assert!(matches!(tokens.token().await, Err(Fault::Later { .. })));
    assert!(matches!(tokens.token().await, Err(Fault::Later { .. })));
    assert_eq!(tokens.token().await, access("b"));
    assert_eq!(*world.kept.pair.lock().unwrap(), Some(tokens_of("b", 86400)));
    assert_eq!(world.asked(), ["refresh-a"], "the new token is not lost and the old one not spent again");
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_take_the_new_pair_along() {
    let world = World::new(Some(tokens_of("a", -10)), vec![issued("b")]);
    let tokens = world.instance();
    let gives_up = tokens.clone();
    let asking = tokio::spawn(async move { gives_up.token().await });
    while world.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    asking.abort();
    assert!(asking.await.is_err(), "gave up while the answer was on its way");
    assert_eq!(tokens.token().await, access("b"));
    assert_eq!(world.asked(), ["refresh-a"]);
}

#[tokio::test]
async fn a_revoked_token_is_asked_for_once_until_somebody_consents_again() {
    let world =
        World::new(Some(tokens_of("a", -10)), vec![refused(401, "Token has been revoked"), issued("c")]);
    let tokens = world.instance();
    let Err(Fault::Denied { why }) = tokens.token().await else { panic!("not denied") };
    assert!(why.contains("Token has been revoked") && why.contains("consent link"), "{why}");
    assert!(matches!(tokens.token().await, Err(Fault::Denied { .. })));
    assert_eq!(world.asked(), ["refresh-a"]);

    let consent = Consent {
        code: "def50200".to_owned(),
        state: String::new(),
        host: "shkolarost.amocrm.ru".to_owned(),
    };
    assert_eq!(tokens.consent(&consent).await, Ok(()));
    assert_eq!(tokens.token().await, access("c"));
    assert_eq!(world.asked(), ["refresh-a", "def50200"]);
}

#[tokio::test]
async fn a_consent_of_another_account_is_never_exchanged() {
    let world = World::new(None, vec![]);
    let consent = Consent { code: "x".to_owned(), state: String::new(), host: "evil.example".to_owned() };
    assert!(matches!(world.instance().consent(&consent).await, Err(Fault::Never { .. })));
    assert!(matches!(world.instance().token().await, Err(Fault::Denied { .. })));
}

#[tokio::test]
async fn trouble_for_the_moment_keeps_the_old_token() {
    let troubles = || {
        vec![
            Ok(response(500, Value::Null)),
            Ok(response(429, Value::Null)),
            Err(NoResponse::NotSent("dns".to_owned())),
            Err(NoResponse::BrokenOff("reset".to_owned())),
            Ok(response(200, json!("nonsense"))),
        ]
    };
    for trouble in troubles() {
        // Still valid for a while: used, and no new request within a minute.
        let world = World::new(Some(tokens_of("a", 600)), vec![trouble.clone(), issued("b")]);
        let tokens = world.instance();
        assert_eq!(tokens.token().await, access("a"));
        assert_eq!(tokens.token().await, access("a"));
        world.clock.advance(at(61));
        assert_eq!(tokens.token().await, access("b"));
        assert_eq!(world.asked(), ["refresh-a", "refresh-a"]);

        // Expired: retried later, with the same refresh token.
        let world = World::new(Some(tokens_of("a", -10)), vec![trouble, issued("b")]);
        let tokens = world.instance();
        assert!(matches!(tokens.token().await, Err(Fault::Later { .. })));
        assert_eq!(tokens.token().await, access("b"));
    }
}

#[tokio::test]
async fn a_block_by_the_gateway_is_no_verdict_on_the_token() {
    let page = Ok(Response { status: 403, headers: Vec::new(), body: b"<html>403</html>".to_vec() });
    let world = World::new(Some(tokens_of("a", -10)), vec![page, issued("b")]);
    let tokens = world.instance();
    assert!(matches!(tokens.token().await, Err(Fault::Denied { .. })));
    assert_eq!(tokens.token().await, access("b"));
}

#[test]
fn a_pair_survives_its_stored_form() {
    let pair = tokens_of("a", 600);
    assert_eq!(TokenPair::from_bytes(&pair.to_bytes()), Some(pair));
    assert_eq!(TokenPair::from_bytes(b"{}"), None);
}
