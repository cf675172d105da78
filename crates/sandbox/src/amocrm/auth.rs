//! The token endpoint and the Bearer check (sheet 1.3, 1.5, 1.7). It never accepts a refresh token twice.
//! Enter at [`Auth::token`] and [`Auth::check`].

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rng::Rng;
use crate::setup::AmocrmSetup;
use crate::wire::{WireAnswer, WireRequest};

/// A refresh token lives three months.
const REFRESH_LIFE_DAYS: i64 = 90;

/// All tokens of the installation.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Access tokens with their end.
    access: BTreeMap<String, DateTime<Utc>>,
    /// Refresh tokens that are still valid, with their end.
    refresh: BTreeMap<String, DateTime<Utc>>,
    used: BTreeSet<String>,
    code: Option<String>,
    /// As it is typed by hand; it also signs the token that amoCRM makes.
    long_lived: String,
    /// Number of token pairs issued.
    pub issued: u32,
}

impl Auth {
    pub fn new(setup: &AmocrmSetup, start: DateTime<Utc>) -> Auth {
        let mut refresh = BTreeMap::new();
        if !setup.refresh_token.is_empty() {
            refresh.insert(setup.refresh_token.clone(), start + TimeDelta::days(REFRESH_LIFE_DAYS));
        }
        Auth {
            access: BTreeMap::new(),
            refresh,
            used: BTreeSet::new(),
            code: Some(setup.code.clone()).filter(|code| !code.is_empty()),
            long_lived: setup.long_lived_token.clone(),
            issued: 0,
        }
    }

    /// `POST /oauth2/access_token`.
    pub fn token(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        setup: &AmocrmSetup,
        rng: &mut Rng,
        api_domain: &str,
    ) -> WireAnswer {
        let Some(body) = request.json() else {
            return refused(400, None);
        };
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or("");
        if text("client_id") != setup.client_id || text("client_secret") != setup.client_secret {
            return refused(401, Some("Check the `client_id` parameter"));
        }
        if text("redirect_uri") != setup.redirect_uri {
            return refused(400, None);
        }
        let hint = match text("grant_type") {
            "authorization_code" => self.spend_code(text("code")),
            "refresh_token" => self.spend_refresh(text("refresh_token"), now),
            _ => return refused(400, None),
        };
        if let Err(hint) = hint {
            return refused(401, Some(hint));
        }
        self.issue(now, setup, rng, api_domain)
    }

    fn spend_code(&mut self, code: &str) -> Result<(), &'static str> {
        if self.code.as_deref() == Some(code) {
            self.used.insert(code.to_owned());
            self.code = None;
            return Ok(());
        }
        Err(if self.used.contains(code) {
            "Authorization code has been revoked"
        } else {
            "Cannot decrypt the authorization code"
        })
    }

    fn spend_refresh(&mut self, token: &str, now: DateTime<Utc>) -> Result<(), &'static str> {
        match self.refresh.remove(token) {
            Some(end) if end > now => {
                self.used.insert(token.to_owned());
                Ok(())
            }
            Some(_) => Err("Token has been revoked"),
            None if self.used.contains(token) => Err("Token has been revoked"),
            None => Err("Invalid refresh token"),
        }
    }

    fn issue(
        &mut self,
        now: DateTime<Utc>,
        setup: &AmocrmSetup,
        rng: &mut Rng,
        api_domain: &str,
    ) -> WireAnswer {
        self.issued += 1;
        let end = now + TimeDelta::seconds(setup.token_life_s);
        let access = format!("{}.{}", jwt(setup, (now, end), rng.hex(32), api_domain), rng.hex(64));
        let refresh = format!("def502{}", rng.hex(90));
        self.access.insert(access.clone(), end);
        self.refresh.insert(refresh.clone(), now + TimeDelta::days(REFRESH_LIFE_DAYS));
        WireAnswer::json(
            200,
            &json!({"token_type": "Bearer", "expires_in": setup.token_life_s, "server_time": now.timestamp(),
                    "access_token": access, "refresh_token": refresh}),
        )
    }

    /// Whether the request has a valid token.
    pub fn check(&self, now: DateTime<Utc>, request: &WireRequest) -> Result<(), WireAnswer> {
        let token = request.bearer().unwrap_or("");
        let by_hand = !self.long_lived.is_empty() && token == self.long_lived;
        if by_hand || self.is_long_lived(now, token) || self.access.get(token).is_some_and(|end| *end > now) {
            return Ok(());
        }
        Err(super::checks::problem(401, "Unauthorized", "Неверный логин или пароль"))
    }

    /// Whether it is the long-lived token as amoCRM makes it, and has not ended.
    fn is_long_lived(&self, now: DateTime<Utc>, token: &str) -> bool {
        let Some((claims, sign)) = token.rsplit_once('.') else { return false };
        let read = || -> Option<i64> {
            let claims = URL_SAFE_NO_PAD.decode(claims.split_once('.')?.1).ok()?;
            serde_json::from_slice::<Value>(&claims).ok()?["exp"].as_i64()
        };
        let signed = !self.long_lived.is_empty() && sign == signature(&self.long_lived, claims);
        signed && read().is_some_and(|end| now.timestamp() < end)
    }

    /// Whether this refresh token is valid; asking does not use it up (sheet 1.4).
    pub fn knows_refresh(&self, now: DateTime<Utc>, token: &str) -> bool {
        self.refresh.get(token).is_some_and(|end| *end > now)
    }

    /// Switches the integration off: every token becomes invalid.
    pub fn revoke_all(&mut self) {
        self.used.extend(std::mem::take(&mut self.refresh).into_keys());
        self.access.clear();
        self.long_lived.clear();
        self.code = None;
    }
}

/// The long-lived token as amoCRM makes it, with an end (sheet 1.5).
pub(crate) fn long_lived(setup: &AmocrmSetup, start: DateTime<Utc>) -> String {
    let end = start + TimeDelta::days(setup.long_lived_days);
    let claims = jwt(setup, (start, end), "0".repeat(32), "api-a.amocrm.ru");
    format!("{claims}.{}", signature(&setup.long_lived_token, &claims))
}

/// Head and claims of a token, which anybody can read (sheet 1.3). `id` is its own.
fn jwt(
    setup: &AmocrmSetup,
    (from, end): (DateTime<Utc>, DateTime<Utc>),
    id: String,
    api_domain: &str,
) -> String {
    let claims = json!({
        "aud": setup.client_id, "jti": id, "iat": from.timestamp(), "nbf": from.timestamp(),
        "exp": end.timestamp(), "sub": setup.token_user.to_string(), "grant_type": "",
        "account_id": setup.account_id, "base_domain": "amocrm.ru", "version": 2, "scopes": ["crm"],
        "api_domain": api_domain,
    });
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}", part(r#"{"typ":"JWT","alg":"RS256"}"#), part(&claims.to_string()))
}

/// The real one is of another kind, and nobody but amoCRM can check it.
fn signature(key: &str, claims: &str) -> String {
    hex::encode(Sha256::digest(format!("{key}.{claims}")))
}

fn refused(status: u16, hint: Option<&str>) -> WireAnswer {
    let mut body = json!({
        "title": "Некорректный запрос", "type": "https://developers.amocrm.ru/v3/errors/OAuthProblemJson",
        "status": status, "detail": "В запросе отсутствует ряд параметров или параметры невалидны",
    });
    if let Some(hint) = hint {
        body["hint"] = json!(hint);
    }
    WireAnswer::json(status, &body)
}
