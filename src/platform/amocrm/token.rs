//! The source of a request's bearer token. Never prints a token and never checks its signature: only its
//! dates are read. Enter at [`TokenSource`]; [`LongLived`] is the simple one, `oauth` the rotating one.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use serde::Deserialize;

use crate::clock::Clock;
use crate::platform::Fault;
use crate::process::At;
use crate::secret::Secret;

/// A warning is logged this many days before a long-lived token ends.
const WARN_DAYS: i64 = 30;

#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that is believed to be valid.
    async fn token(&self) -> Result<Secret, Fault>;

    /// The platform answered 401 to this token: returns another, or says why there is none.
    async fn rejected(&self, token: &Secret) -> Result<Secret, Fault>;

    /// Renews ahead of time. Returns when to call again at the latest; `None` if that does not matter.
    async fn upkeep(&self) -> Result<Option<At>, Fault>;

    /// When it ends, if only a person can renew it.
    fn ends(&self) -> Option<At> {
        None
    }
}

/// A token made by hand in the account's integration; it lives from a day to five years and cannot be
/// refreshed.
pub struct LongLived {
    token: Secret,
    clock: Arc<dyn Clock>,
}

impl LongLived {
    pub fn new(token: Secret, clock: Arc<dyn Clock>) -> Self {
        Self { token, clock }
    }

    /// The days that are left, if a person should make a new one by now.
    fn ends_in_days(&self) -> Option<i64> {
        let left = expires_at(&self.token)? - self.clock.now();
        (left < TimeDelta::days(WARN_DAYS)).then(|| left.num_days().max(0))
    }
}

#[async_trait]
impl TokenSource for LongLived {
    async fn token(&self) -> Result<Secret, Fault> {
        Ok(self.token.clone())
    }

    async fn rejected(&self, _token: &Secret) -> Result<Secret, Fault> {
        Err(Fault::denied(
            "amoCRM answers 401: the long-lived token is expired or revoked, or amocrm.url is not its account; \
             make a new one in the integration",
        ))
    }

    async fn upkeep(&self) -> Result<Option<At>, Fault> {
        if let Some(days) = self.ends_in_days() {
            tracing::warn!(days, "amoCRM: the long-lived token ends in {days} days, make a new one");
        }
        Ok(None)
    }

    fn ends(&self) -> Option<At> {
        expires_at(&self.token)
    }
}

/// The end of a token by its own claims; `None` if they cannot be read.
pub fn expires_at(token: &Secret) -> Option<At> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let claims = token.reveal().split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    DateTime::from_timestamp(claims.exp as i64, 0)
}

#[cfg(test)]
mod tests {
    use dozvon_sandbox::Setup;

    use super::*;
    use crate::clock::DrivenClock;

    #[test]
    fn a_tokens_end_is_read_from_its_claims() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":1773739800,"sub":"10412345"}"#);
        let token = Secret::new(format!("head.{claims}.sign"));
        assert_eq!(expires_at(&token), DateTime::from_timestamp(1_773_739_800, 0));
        assert_eq!(expires_at(&Secret::new("not a token")), None);
    }

    #[test]
    fn the_platforms_own_token_is_warned_of_a_month_before_its_end() {
        let mut setup = Setup::default();
        setup.amocrm.long_lived_days = 40;
        let token = Secret::new(setup.amocrm_token());
        for (passed, left) in [(0, None), (9, None), (11, Some(29)), (40, Some(0)), (50, Some(0))] {
            let now = setup.start.to_utc() + TimeDelta::days(passed);
            let source = LongLived::new(token.clone(), Arc::new(DrivenClock::starting_at(now)));
            assert_eq!(source.ends_in_days(), left, "after {passed} days");
        }
    }
}
