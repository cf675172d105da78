//! One token pair for all instances: a refresh by one of them serves all, and a refresh token is never used
//! twice. Over a real Redis.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use dozvon::clock::{Clock, WallClock, wall_now};
use dozvon::platform::Fault;
use dozvon::platform::amocrm::consent::App;
use dozvon::platform::amocrm::oauth::OauthTokens;
use dozvon::platform::amocrm::token::TokenSource;
use dozvon::platform::http::{Http, NoResponse, Request, Response};
use dozvon::platform::tokens::{TokenPair, TokenStore};
use dozvon::secret::{Secret, Vault};
use dozvon::store::Backend;
use dozvon::tokens::StoredTokens;
use serde_json::{Value, json};

use crate::support::folder::Folder;
use crate::support::redis_server::RedisServer;

const INSTANCES: usize = 4;

/// The account's token endpoint: each refresh token works once, and a second use ends the grant.
#[derive(Default)]
struct Endpoint {
    /// The number of requests, and of those with a used token.
    asked: Mutex<(u32, u32)>,
}

#[async_trait]
impl Http for Endpoint {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        // Lets other tasks run meanwhile.
        tokio::task::yield_now().await;
        let mut asked = self.asked.lock().expect("no panic under this lock");
        let good = body["refresh_token"] == format!("refresh-{}", asked.0);
        asked.0 += u32::from(good);
        asked.1 += u32::from(!good);
        let issued = json!({
            "access_token": format!("access-{}", asked.0), "refresh_token": format!("refresh-{}", asked.0),
            "expires_in": 86_400,
        });
        let refused = json!({ "hint": "Token has been revoked" });
        let (status, body) = if good { (200, issued) } else { (401, refused) };
        Ok(Response { status, headers: Vec::new(), body: body.to_string().into_bytes() })
    }
}

async fn stored(redis: &RedisServer, folder: &Path) -> StoredTokens {
    StoredTokens {
        store: Backend::Redis(Secret::new(redis.url())).visit().await.expect("the store"),
        vault: Vault::new(&Secret::new("key")),
        name: "amocrm:rost".to_owned(),
        file: folder.join("amocrm-rost"),
    }
}

/// As a delivery does: waits while another instance refreshes.
async fn token(tokens: &OauthTokens) -> Secret {
    loop {
        match tokens.token().await {
            Ok(token) => return token,
            Err(Fault::Later { .. }) => tokio::task::yield_now().await,
            Err(fault) => panic!("{fault}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_instances_one_refreshes_the_token() {
    let redis = RedisServer::start();
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let endpoint = Arc::new(Endpoint::default());
    let folders: Vec<Folder> = (0..INSTANCES).map(|_| Folder::new()).collect();
    let spent = TokenPair {
        access: Secret::new("access-0"),
        refresh: Secret::new("refresh-0"),
        expires_at: wall_now() - TimeDelta::minutes(1),
    };
    assert_eq!(stored(&redis, folders[0].path()).await.swap(None, &spent).await, Ok(true));
    let mut instances = Vec::new();
    for folder in &folders {
        let app = App {
            client_id: "app".to_owned(),
            client_secret: Secret::new("secret"),
            redirect_uri: "https://bridge.example/oauth".to_owned(),
        };
        let store = Arc::new(stored(&redis, folder.path()).await);
        let url = "https://rost.amocrm.example";
        instances.push(OauthTokens::new(app, url, 20, endpoint.clone(), store, clock.clone()));
    }
    let given = futures_util::future::join_all(instances.iter().map(token)).await;
    assert!(given.iter().all(|token| token.reveal() == "access-1"), "one pair for all");
    assert_eq!(*endpoint.asked.lock().expect("no panic under this lock"), (1, 0));
}
