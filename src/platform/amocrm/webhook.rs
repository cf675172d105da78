//! Requests from amoCRM: whether they are ours, whether they are repeats, what they mean. Its webhooks carry
//! no signature: the check is the secret in the path, and the account id in the body; consent and uninstall
//! are checked by an HMAC of the client secret. Enter at [`AmoHooks`]. Source:
//! amocrm.ru/developers/content/crm_platform/webhooks-format.

use std::borrow::Cow;
use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::consent::{self, App};
use super::{brackets, decode, read_entities, unread};
use crate::bounded::{self, REQUEST, TooMuch};
use crate::message::library::Library;
use crate::message::outside::Outside;
use crate::platform::{HookAnswer, Hooks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::{At, SchoolId};
use crate::request::IdempotencyKey;
use crate::secret::Secret;
use crate::signal::{Consent, Signal};

/// A contact with forty linked leads has been seen, and a note's text may be long; no real body is larger than this.
const BODY_BYTES_MAX: usize = 512 * 1024;
/// Entities in one body: as many as the platform's own pages and batches have. Each becomes work of its own.
const ENTITIES_MAX: usize = 250;
/// A code is valid for twenty minutes; a browser that reloads the page repeats it.
const CONSENT_KEEP_S: u64 = 3600;
/// Longer than amoCRM repeats a webhook.
const REPEATS_KEEP_S: u64 = 4 * 3600;

/// The webhooks of one school's account.
#[derive(Debug, Clone)]
pub struct AmoHooks {
    school: SchoolId,
    /// Decimal, as it is written in the bodies.
    account: Option<Secret>,
    /// `name.amocrm.ru`, lower case.
    host: String,
    zone_field: Option<u64>,
    /// The integration, if the bridge signs in by OAuth.
    app: Option<App>,
    /// The words of this school.
    texts: Library,
}

/// A form's pairs, decoded once for the check and the key.
type Form<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The last parts of the addresses that a school gives to amoCRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Account webhooks (`""`) and digital-pipeline calls (`pipeline`): one form, one decoder.
    Form,
    Oauth,
    Uninstall,
}

impl AmoHooks {
    pub fn new(school: SchoolId, settings: &super::Settings, app: Option<App>) -> Self {
        Self {
            school,
            account: settings.account_id.map(|id| Secret::new(id.to_string())),
            host: consent::host_of(&settings.url).unwrap_or_default(),
            zone_field: settings.zone_field,
            app,
            texts: Library::shipped(),
        }
    }

    pub fn saying(self, texts: Library) -> Self {
        Self { texts, ..self }
    }

    fn tail(request: &RawRequest) -> Result<Tail, Refused> {
        match (request.tail.trim_matches('/'), request.method.as_str()) {
            ("" | "pipeline", "POST") => Ok(Tail::Form),
            // A person or a monitor opens the address in a browser: nothing to read, nothing kept.
            ("" | "pipeline", "GET" | "HEAD") if request.body.is_empty() => Ok(Tail::Form),
            ("oauth", "GET") => Ok(Tail::Oauth),
            ("uninstall", "GET") => Ok(Tail::Uninstall),
            _ => Err(Refused::new("no such address")),
        }
    }

    /// Every account that the body names must be the school's: `account[id]`, and each entity's `account_id`,
    /// which stands alone in older bodies. A body without either is not amoCRM's.
    fn verify_form(&self, form: &Form) -> Result<(), Refused> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut named = false;
        for (_, value) in form.iter().filter(|(key, _)| names_account(key)) {
            named = true;
            if !account.matches(value) {
                return Err(another_account(value));
            }
        }
        let has_subdomain = || form.iter().any(|(key, _)| key == "account[subdomain]");
        match named {
            true => Ok(()),
            false if has_subdomain() => Err(Refused::new("the account is named without its id")),
            false => Err(Refused::new("no account named")),
        }
    }

    /// The state proves that our own link was opened. The host must be the school's account, because the
    /// client secret is sent there next.
    fn verify_consent(&self, query: &Query) -> Result<(), Refused> {
        let app = self.app.as_ref().ok_or(Refused::new("no integration is configured"))?;
        let state = query.get("state").ok_or(Refused::new("no state"))?;
        if !Secret::new(app.state(&self.school)).matches(state) {
            return Err(Refused::new("wrong state"));
        }
        if query.get("error").is_some() {
            return Ok(());
        }
        let host = query.get("referer").and_then(consent::host_of).ok_or(Refused::new("no account host"))?;
        if host != self.host {
            return Err(Refused::new("another account's host"));
        }
        query.get("code").map(|_| ()).ok_or(Refused::new("no code"))
    }

    fn verify_uninstall(&self, query: &Query) -> Result<(), Refused> {
        let app = self.app.as_ref().ok_or(Refused::new("no integration is configured"))?;
        let client =
            query.get("client_uuid").or(query.get("client_id")).ok_or(Refused::new("no client id"))?;
        let account = query.get("account_id").ok_or(Refused::new("no account named"))?;
        let signature = query.get("signature").ok_or(Refused::new("no signature"))?;
        if client != app.client_id {
            return Err(Refused::new("another integration"));
        }
        if self.account.as_ref().is_some_and(|ours| !ours.matches(account)) {
            return Err(another_account(account));
        }
        let expected = Secret::new(app.uninstall_signature(client, account));
        if expected.matches(signature) { Ok(()) } else { Err(Refused::new("wrong signature")) }
    }
}

impl Hooks for AmoHooks {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        let key = match Self::tail(request)? {
            Tail::Form if request.body.is_empty() => return Ok(Reception::Probe),
            Tail::Form => {
                let form = bounded::form(&request.body, &REQUEST)?;
                self.verify_form(&form)?;
                if entities(&form) > ENTITIES_MAX {
                    return Err(TooMuch::Values.into());
                }
                form_key(form)
            }
            Tail::Oauth => {
                self.verify_consent(&Query::of(request))?;
                let digest = hex::encode(Sha256::digest(request.query.as_bytes()));
                IdempotencyKey::Unique { key: format!("amo:consent:{digest}"), keep_s: CONSENT_KEEP_S }
            }
            Tail::Uninstall => {
                self.verify_uninstall(&Query::of(request))?;
                IdempotencyKey::Always
            }
        };
        Ok(Reception::Keep(key))
    }

    /// An empty 200 within the two seconds that amoCRM waits; a page for the person who consents.
    fn answer(&self, request: &Verified) -> HookAnswer {
        let request = request.request();
        if Self::tail(request) != Ok(Tail::Oauth) {
            return HookAnswer::empty(200);
        }
        let refused = Query::of(request).get("error").is_some();
        let words = if refused { Outside::ConsentRefused } else { Outside::ConsentGiven };
        let body = page(&self.texts.outside(words)).into_bytes();
        HookAnswer { status: 200, content_type: "text/html; charset=utf-8", body }
    }

    fn decode(&self, request: &Verified, _at: At) -> Result<Vec<Signal>, Undecodable> {
        let request = request.request();
        match Self::tail(request).map_err(|refused| Undecodable(refused.to_string()))? {
            Tail::Form => decode::signals(&brackets::parse(&request.body)?, self.zone_field),
            Tail::Oauth => Ok(vec![consent_signal(&Query::of(request))]),
            Tail::Uninstall => {
                let account = Query::of(request).get("account_id").unwrap_or_default().to_owned();
                Ok(vec![Signal::Uninstalled { account }])
            }
        }
    }

    fn unread(&self, request: &RawRequest) -> Vec<String> {
        let is_form = Self::tail(request) == Ok(Tail::Form);
        let body = is_form.then(|| brackets::parse(&request.body).ok()).flatten();
        body.map(|body| unread::names(&body)).unwrap_or_default()
    }

    fn decode_found(&self, request: &RawRequest, _at: At) -> Result<Vec<Signal>, Undecodable> {
        Ok(vec![read_entities::signal(&request.body, self.zone_field)?])
    }
}

/// How many entities a body tells of: `leads[status][0]`, and each `leads[add][]` anew.
fn entities(form: &Form) -> usize {
    let (mut listed, mut unlisted) = (HashSet::new(), 0);
    for (key, _) in form {
        let end = key.match_indices(']').nth(1).map_or(key.len(), |(at, _)| at + 1);
        match &key[..end] {
            entity if entity.ends_with("[]") => unlisted += 1,
            entity => drop(listed.insert(entity)),
        }
    }
    listed.len() + unlisted
}

/// `account[id]`, or `leads[status][0][account_id]`.
fn names_account(key: &str) -> bool {
    key == "account[id]" || (key.ends_with("][account_id]") && key.matches('[').count() == 3)
}

/// An account's id is no secret; anything else is not repeated.
fn another_account(given: &str) -> Refused {
    let is_id = (1..=12).contains(&given.len()) && given.bytes().all(|byte| byte.is_ascii_digit());
    match is_id {
        true => Refused::new(format!("it is for the amoCRM account {given}, which is not this school's")),
        false => Refused::new("it is for another amoCRM account"),
    }
}

/// A school's words are no markup.
fn page(words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<!doctype html><meta charset=\"utf-8\"><title>dozvon</title><p>{words}</p>")
}

fn consent_signal(query: &Query) -> Signal {
    let host = query.get("referer").and_then(consent::host_of);
    match (query.get("code"), query.get("state"), host) {
        (Some(code), Some(state), Some(host)) => {
            Signal::Consent(Consent { code: code.to_owned(), state: state.to_owned(), host })
        }
        _ => Signal::Nothing { what: "consent was refused".to_owned() },
    }
}

/// How a repeated form is recognised.
///
/// One entity with a time of change: a repeat if it equals any form of that entity and kind received within
/// some hours, because a repeat may come after a later change (sheet 4.1: up to 95 min later). The time is
/// part of the key, so A→B→A are three. Without a time (digital pipeline, deletion) two equal bodies may be
/// two events, and a body of several entities would need one key for each: both are always kept, which is
/// safe, because a step recognises that nothing is new.
fn form_key(form: Form) -> IdempotencyKey {
    let mut prefix = String::new();
    let (mut id, mut has_time) = (None, false);
    let mut pairs = Vec::new();
    for (key, value) in form {
        if key.starts_with("account[") {
            continue;
        }
        // `leads[status][0]` and the rest.
        let end = key.match_indices(']').nth(1).map_or(0, |(at, _)| at + 1);
        let (entity, field) = key.split_at(end);
        if prefix.is_empty() {
            prefix = entity.to_owned();
        }
        if entity.is_empty() || entity != prefix {
            return IdempotencyKey::Always;
        }
        match field {
            "[id]" => id = Some(value.clone().into_owned()),
            "[updated_at]" | "[last_modified]" => has_time = true,
            _ => {}
        }
        pairs.push((key, value));
    }
    let (Some(id), true) = (id, has_time) else { return IdempotencyKey::Always };
    // In a fixed order, each part with its length: equal digests mean equal content.
    pairs.sort_unstable();
    let mut digest = Sha256::new();
    for part in pairs.iter().flat_map(|(key, value)| [key, value]) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let kind = prefix.rsplit_once('[').map_or(prefix.as_str(), |(kind, _)| kind);
    IdempotencyKey::Unique {
        key: format!("amo:{kind}:{id}:{}", hex::encode(digest.finalize())),
        keep_s: REPEATS_KEEP_S,
    }
}

/// A decoded query; the first of equal names counts. Of one that is too wide nothing is read, so every check fails.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(request: &RawRequest) -> Self {
        let pairs = bounded::form(request.query.as_bytes(), &REQUEST).unwrap_or_default().into_iter();
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
