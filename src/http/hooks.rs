//! One webhook: limits, verification, durable acceptance, the answer that its platform expects.
//! Never decodes and never decides; never writes a body, a query or a secret to the log.
//! Enter at [`receive`].

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;

use super::quota::{BYTES_OF_ONE, Exceeded};
use super::turned::Kind;
use super::{Front, peer};
use crate::config::Opened;
use crate::intake::envelope::Envelope;
use crate::platform::{HookAnswer, Hooks, RawRequest, Reception, Refused, Verified};
use crate::process::SchoolId;
use crate::secret::random_token;
use crate::spool::{NoRoom, Saved};
use crate::store::{Accepted, Offer};
use crate::worker::site::{CountGuard, Site, count};
use crate::worker::spool_drain::announce;

/// A body from here on is long.
const LONG_BYTES: usize = 32 * 1024;
/// Longest accepted query: «Вызвать URL» puts all its fields there.
const QUERY_BYTES_MAX: usize = 32 * 1024;
/// What a sender is told to wait while nothing can be stored.
const STORE_WAIT_S: u64 = 30;

/// Why a request was refused. The text is for the sender's engineer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no such address; print the right ones with `dozvon url`")]
    Unknown,
    #[error("wrong secret in the address")]
    WrongSecret,
    /// The platform's own check failed.
    #[error(transparent)]
    Forged(Refused),
    #[error(transparent)]
    TooMuch(Refused),
    #[error("the request is larger than this platform's requests are")]
    TooLarge,
    #[error("too many requests: the quota of this school or of this sender is used up; send it again later")]
    TooMany { wait_s: u64 },
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("the body broke off")]
    Broken,
    #[error("the store does not answer; send it again")]
    NoStore,
    #[error("a defect of the bridge; send it again")]
    Defect,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Forged(_) => Self::Forged(refused),
            Refused::TooMuch(_) => Self::TooMuch(refused),
        }
    }
}

impl From<Exceeded> for Refusal {
    fn from(Exceeded { wait_s }: Exceeded) -> Self {
        Self::TooMany { wait_s }
    }
}

impl Refusal {
    /// Its class for the log: the reason without the numbers of the request.
    fn kind(&self) -> String {
        self.to_string().replace(|c: char| c.is_ascii_digit(), "")
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::WrongSecret | Self::Forged(_) => StatusCode::FORBIDDEN,
            Self::TooLarge | Self::TooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::NoStore => StatusCode::SERVICE_UNAVAILABLE,
            Self::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Answers one webhook.
pub async fn receive(request: HttpRequest, payload: web::Payload, front: web::Data<Front>) -> HttpResponse {
    let part = |name| request.match_info().get(name).unwrap_or_default().to_owned();
    let (school, platform) = (SchoolId(part("school")), part("platform"));
    let known = front.sites.get(&school).and_then(|site| {
        let (name, hooks) = site.hooks.get_key_value(platform.as_str())?;
        let (name, hooks) = (*name, hooks.clone());
        Some((site, name, hooks))
    });
    let away = |place: Option<(SchoolId, &'static str)>, why: Refusal| {
        let kind = Kind { place, what: why.kind() };
        front.turned.note(kind, &why.to_string(), peer::of(&request, &front.proxies));
        turned(why)
    };
    let Some((site, platform, hooks)) = known else { return away(None, Refusal::Unknown) };
    let _receiving = CountGuard::new(&site.tally.receiving);
    let taking = take(&site, platform, &hooks, &request, payload, &front);
    match site.guard("webhook", taking).await.unwrap_or(Err(Refusal::Defect)) {
        Ok(answer) => respond(answer),
        Err(why) => {
            match why.status() {
                StatusCode::FORBIDDEN => {
                    count(&site.tally.refused);
                    site.tally.refused_by.note(platform, site.clock.now());
                }
                StatusCode::PAYLOAD_TOO_LARGE => count(&site.tally.oversized),
                StatusCode::TOO_MANY_REQUESTS => count(&site.tally.throttled),
                _ => {}
            }
            away(Some((site.id().clone(), platform)), why)
        }
    }
}

/// Checks the secret and the limits and reads the body; [`accept`] does the rest.
async fn take(
    site: &Arc<Site>,
    platform: &'static str,
    hooks: &Arc<dyn Hooks>,
    request: &HttpRequest,
    payload: web::Payload,
    front: &Front,
) -> Result<HookAnswer, Refusal> {
    let secret = request.match_info().get("secret").unwrap_or_default();
    match site.school.opened_by(platform, secret) {
        Some(Opened::Own) => {}
        Some(Opened::Old) => site.tally.old_addresses.note(platform, site.clock.now()),
        None => return Err(Refusal::WrongSecret),
    }
    if request.query_string().len() > QUERY_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let sender = peer::of(request, &front.proxies);
    let pay = |cost| front.quotas.take(site.id(), sender, cost, site.clock.now().timestamp_millis());
    pay(1)?;
    let body = tokio::time::timeout(front.body_wait, read(payload, hooks.body_bytes_max(), pay))
        .await
        .map_err(|_| Refusal::TooSlow)??;
    accept(site, platform, hooks, raw_request(request, body)).await
}

/// Verifies a complete request, stores it, and returns the answer that its platform expects.
pub async fn accept(
    site: &Site,
    platform: &str,
    hooks: &Arc<dyn Hooks>,
    request: RawRequest,
) -> Result<HookAnswer, Refusal> {
    let (verified, reception) = verify(hooks, request).await?;
    let key = match reception {
        Reception::Probe => return Ok(hooks.answer(&verified)),
        Reception::Keep(key) => key,
    };
    let at = site.clock.now();
    let raw = Envelope::of(platform, verified.request(), at).to_bytes();
    match keep(site, Offer { id: random_token(), key, at, raw }).await {
        Ok(Saved::Stored(Accepted::New)) => {
            count(&site.tally.accepted);
            announce(site).await;
        }
        Ok(Saved::Stored(Accepted::Repeat)) => count(&site.tally.repeated),
        Ok(Saved::Spooled) => count(&site.tally.spooled),
        Err(why) => {
            tracing::error!(school = %site.id(), platform, %why, "a request could not be kept");
            return Err(Refusal::NoStore);
        }
    }
    Ok(hooks.answer(&verified))
}

/// A long body is read beside the threads that answer other requests.
async fn verify(hooks: &Arc<dyn Hooks>, request: RawRequest) -> Result<(Verified, Reception), Refusal> {
    if request.body.len() < LONG_BYTES {
        return Ok(Verified::check(&**hooks, request)?);
    }
    let hooks = hooks.clone();
    match tokio::task::spawn_blocking(move || Verified::check(&*hooks, request)).await {
        Ok(checked) => Ok(checked?),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Cancelled: the runtime is shutting down.
        Err(_) => Err(Refusal::Defect),
    }
}

/// Saves the request in the store, or in the spool if the store is away.
async fn keep(site: &Site, offer: Offer) -> Result<Saved, NoRoom> {
    match &site.spool {
        Some(spool) => spool.keep(&*site.store, site.id(), offer).await,
        None => site.store.offer(site.id(), &offer).await.map(Saved::Stored).map_err(|_| NoRoom),
    }
}

/// The body; each further 4 KiB of it are paid for as a request before they are kept.
async fn read(
    mut payload: web::Payload,
    bytes_max: usize,
    pay: impl Fn(usize) -> Result<(), Exceeded>,
) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    let paid = |bytes: usize| bytes.div_ceil(BYTES_OF_ONE).max(1);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refusal::Broken)?;
        if body.len() + chunk.len() > bytes_max {
            return Err(Refusal::TooLarge);
        }
        let more = paid(body.len() + chunk.len()) - paid(body.len());
        if more > 0 {
            pay(more)?;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn raw_request(request: &HttpRequest, body: Vec<u8>) -> RawRequest {
    let header =
        |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
    let tail = request.match_info().get("tail").unwrap_or_default();
    RawRequest {
        method: request.method().as_str().to_owned(),
        tail: tail.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"),
        query: request.query_string().to_owned(),
        headers: request.headers().iter().filter_map(header).collect(),
        body,
    }
}

fn respond(answer: HookAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).content_type(answer.content_type).body(answer.body)
}

fn turned(why: Refusal) -> HttpResponse {
    let mut answer = HttpResponse::build(why.status());
    let wait_s = match why {
        Refusal::TooMany { wait_s } => Some(wait_s),
        Refusal::NoStore => Some(STORE_WAIT_S),
        _ => None,
    };
    if let Some(wait_s) = wait_s {
        answer.insert_header((header::RETRY_AFTER, wait_s));
    }
    answer.content_type("text/plain; charset=utf-8").body(format!("{why}\n"))
}
