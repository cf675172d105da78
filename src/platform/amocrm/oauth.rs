//! OAuth tokens, refreshed by one instance at a time and never lost. A new pair is stored before it is used.
//! A refresh token works once, so nothing refreshes without the lock. Enter at [`OauthTokens`]. Sources:
//! amocrm.ru/developers/content/oauth/step-by-step, github.com/amocrm/amocrm-api-php/issues/123 and /269.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::consent::{App, host_of};
use super::grant::{self, Refusal};
use super::token::TokenSource;
use crate::clock::Clock;
use crate::platform::Fault;
use crate::platform::http::Http;
use crate::platform::tokens::{TokenPair, TokenStore};
use crate::process::At;
use crate::secret::{Secret, random_token};
use crate::signal::Consent;

/// An access token lives for a day; it is renewed this long before its end.
const AHEAD: TimeDelta = TimeDelta::minutes(60);
/// After a temporary refresh failure, a token that is still valid is used for this long.
const RETRY: TimeDelta = TimeDelta::seconds(60);
/// The lock is held this much longer than the transport's own time-out: it includes waiting for the account's
/// budget and storing the new pair.
const LOCK_EXTRA_MS: u64 = 60_000;
/// How long a caller waits that finds the lock taken.
const LOCKED_MS: u64 = 1_000;

/// The rotating tokens of one account. Cheap to clone.
#[derive(Clone)]
pub struct OauthTokens(Arc<Inner>);

struct Inner {
    app: App,
    /// The account's own address, without a slash at its end.
    base: String,
    http: Arc<dyn Http>,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    lock_ttl_ms: u64,
    /// The pair as last read from the store, so that not every request has to read it.
    known: Mutex<Option<TokenPair>>,
    refresh_state: tokio::sync::Mutex<RefreshState>,
}

/// State that only the refreshing task uses.
#[derive(Default)]
struct RefreshState {
    /// Issued, but the store did not answer: stored before anything else is done.
    unsaved: Option<(Option<TokenPair>, TokenPair)>,
    /// Refused for good: not sent again until a person consents again.
    refused: Option<Secret>,
    /// A refresh failed temporarily; until then a valid token is used as it is.
    not_before: Option<At>,
}

impl OauthTokens {
    /// `timeout_s` is the transport's own time-out for one request.
    pub fn new(
        app: App,
        url: &str,
        timeout_s: u64,
        http: Arc<dyn Http>,
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Inner {
            app,
            base: url.trim_end_matches('/').to_owned(),
            http,
            store,
            clock,
            lock_ttl_ms: timeout_s.saturating_mul(1000).saturating_add(LOCK_EXTRA_MS),
            known: Mutex::new(None),
            refresh_state: tokio::sync::Mutex::default(),
        }))
    }

    /// Exchanges the code of a consent for the first pair, or for a new one after a revocation.
    pub async fn consent(&self, consent: &Consent) -> Result<(), Fault> {
        if Some(consent.host.as_str()) != host_of(&self.0.base).as_deref() {
            return Err(Fault::never("the consent came from another account"));
        }
        let (inner, code) = (self.0.clone(), consent.code.clone());
        detached(async move { inner.exchange(&code).await }).await
    }

    async fn current(&self, refused: Option<&Secret>) -> Result<Secret, Fault> {
        let known = self.0.known().clone();
        if let Some(pair) = known.filter(|pair| self.0.is_good(pair, refused)) {
            return Ok(pair.access);
        }
        let (inner, refused) = (self.0.clone(), refused.cloned());
        detached(async move { inner.renew(refused.as_ref()).await }).await
    }
}

#[async_trait]
impl TokenSource for OauthTokens {
    async fn token(&self) -> Result<Secret, Fault> {
        self.current(None).await
    }

    async fn rejected(&self, token: &Secret) -> Result<Secret, Fault> {
        self.current(Some(token)).await
    }

    async fn upkeep(&self) -> Result<Option<At>, Fault> {
        self.current(None).await?;
        let known = self.0.known().clone();
        Ok(known.map(|pair| (pair.expires_at - AHEAD).max(self.0.clock.now() + RETRY)))
    }
}

/// Runs in its own task: if a caller gives up between the answer and the store, the new pair must not be lost
/// with it.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(Fault::later("the token refresh broke off")))
}

impl Inner {
    /// The pair is replaced whole, so a panic under this lock leaves a whole one.
    fn known(&self) -> MutexGuard<'_, Option<TokenPair>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_good(&self, pair: &TokenPair, refused: Option<&Secret>) -> bool {
        Some(&pair.access) != refused && pair.expires_at - self.clock.now() > AHEAD
    }

    fn is_usable(&self, pair: &TokenPair, refused: Option<&Secret>) -> bool {
        Some(&pair.access) != refused && pair.expires_at > self.clock.now()
    }

    fn remember(&self, pair: &TokenPair) {
        *self.known() = Some(pair.clone());
    }

    async fn renew(&self, refused: Option<&Secret>) -> Result<Secret, Fault> {
        let mut state = self.refresh_state.lock().await;
        self.save_unsaved(&mut state).await?;
        let pair = self.stored().await?;
        if self.is_good(&pair, refused) {
            return Ok(pair.access);
        }
        let usable = self.is_usable(&pair, refused);
        if usable && state.not_before.is_some_and(|at| self.clock.now() < at) {
            return Ok(pair.access);
        }
        let renewed = self.renew_under_lock(&mut state, refused).await;
        match renewed {
            Err(Fault::Later { .. }) if usable => {
                state.not_before = Some(self.clock.now() + RETRY);
                Ok(pair.access)
            }
            other => other,
        }
    }

    async fn renew_under_lock(
        &self,
        state: &mut RefreshState,
        refused: Option<&Secret>,
    ) -> Result<Secret, Fault> {
        let owner = random_token();
        if !self.store.lock(&owner, self.lock_ttl_ms).await? {
            let why = "another instance refreshes the token".to_owned();
            return Err(Fault::Later { why, after_ms: Some(LOCKED_MS) });
        }
        let renewed = self.refresh(state, refused).await;
        // If this fails, the lock expires.
        let _ = self.store.unlock(&owner).await;
        renewed
    }

    /// Reads the store again first: the pair may have been renewed while we waited for the lock.
    async fn refresh(&self, state: &mut RefreshState, refused: Option<&Secret>) -> Result<Secret, Fault> {
        let old = self.stored().await?;
        if self.is_good(&old, refused) {
            return Ok(old.access);
        }
        if state.refused.as_ref() == Some(&old.refresh) {
            return Err(consent_again("amoCRM has refused the stored refresh token"));
        }
        let grant = json!({ "grant_type": "refresh_token", "refresh_token": old.refresh.reveal() });
        match self.ask(grant).await {
            Ok(new) => {
                let access = new.access.clone();
                state.unsaved = Some((Some(old), new));
                self.save_unsaved(state).await?;
                tracing::info!("amoCRM: the token was refreshed");
                Ok(access)
            }
            Err(Refusal::ForGood(why)) => {
                state.refused = Some(old.refresh);
                Err(consent_again(&why))
            }
            Err(Refusal::ForNow(fault)) => Err(fault),
        }
    }

    async fn exchange(&self, code: &str) -> Result<(), Fault> {
        let mut state = self.refresh_state.lock().await;
        let old = self.store.get().await?;
        let grant = json!({ "grant_type": "authorization_code", "code": code });
        match self.ask(grant).await {
            Ok(new) => {
                *state = RefreshState { unsaved: Some((old, new)), ..Default::default() };
                self.save_unsaved(&mut state).await?;
                tracing::info!("amoCRM: access was granted");
                Ok(())
            }
            Err(Refusal::ForGood(why)) => Err(Fault::never(format!("{why}: open the consent link again"))),
            Err(Refusal::ForNow(fault)) => Err(fault),
        }
    }

    async fn stored(&self) -> Result<TokenPair, Fault> {
        let pair = self.store.get().await?;
        let pair = pair.ok_or_else(|| consent_again("amoCRM has not been connected yet"))?;
        self.remember(&pair);
        Ok(pair)
    }

    /// Nothing is used before it is stored. If another pair was stored meanwhile (by a consent just now),
    /// both grants are valid, and all instances use the stored one.
    async fn save_unsaved(&self, state: &mut RefreshState) -> Result<(), Fault> {
        let Some((old, new)) = &state.unsaved else { return Ok(()) };
        if self.store.swap(old.as_ref(), new).await? {
            self.remember(new);
        } else {
            tracing::warn!("amoCRM: another pair of tokens was stored meanwhile and is kept");
            self.stored().await?;
        }
        state.unsaved = None;
        Ok(())
    }

    async fn ask(&self, grant: Value) -> Result<TokenPair, Refusal> {
        let request = grant::request(&self.app, &self.base, grant);
        let now = self.clock.now();
        grant::class(self.http.send(request).await, now)
    }
}

fn consent_again(why: &str) -> Fault {
    Fault::denied(format!("{why}: an administrator has to open the consent link, see `dozvon url`"))
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
