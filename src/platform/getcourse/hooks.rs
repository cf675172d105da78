//! GetCourse's webhooks: «Вызвать URL» processes and the Tech API's webhooks (sheet, 1.1 and 1.6). Nothing is
//! signed, so nothing can be verified here: the check is the secret in the path. Enter at [`GcHooks`];
//! `decode` and `tech` read the two forms.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::kind::{HookKind, unknown};
use super::params::Params;
use super::{Payments, Settings, decode, payments, tech};
use crate::bounded::Unread;
use crate::platform::{HookAnswer, Hooks, Lacks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::At;
use crate::request::IdempotencyKey;
use crate::signal::Signal;

/// A school's own JSON may be long; the README of the telephony sheets gives the same limit.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The hooks of one school's GetCourse account.
pub struct GcHooks {
    settings: Settings,
}

impl GcHooks {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn kind(&self, request: &RawRequest, params: &Params) -> Result<HookKind, Undecodable> {
        if request.tail != "events" {
            return HookKind::of_tail(&request.tail).ok_or_else(|| unknown("address", &request.tail));
        }
        let words = || params.raw("event", &self.settings.fields);
        words().find_map(HookKind::of_word).ok_or_else(|| match words().next() {
            Some(word) => unknown("event", word),
            None => Undecodable("no field `event`".to_owned()),
        })
    }

    /// One object and kind of event; `None` if the request does not contain them.
    fn slot(&self, request: &RawRequest, params: &Params) -> Option<String> {
        let kind = self.kind(request, params).ok()?;
        let first = |field| params.raw(field, &self.settings.fields).find_map(super::text::clean);
        if kind == HookKind::UserUpdated {
            // An e-mail is personal data: only its hash becomes part of a key.
            let user = first("user_id").or_else(|| first("email").map(|email| short_hash(&email)))?;
            return Some(format!("gc:user:{user}"));
        }
        let order = first("order_id").or_else(|| first("number").map(|number| short_hash(&number)))?;
        Some(format!("gc:order:{order}:{}", kind.tail()))
    }

    fn confirms(&self) -> bool {
        payments(&self.settings) == Payments::Trust
    }
}

impl Hooks for GcHooks {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    /// GetCourse signs nothing and calls from changing addresses [observed]; the secret in the path, compared
    /// before, is the whole check. A `secret` among the parameters is ignored.
    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        self.reception(request)
    }

    /// Short and plain: a process may store it in a field of the order.
    fn answer(&self, _: &Verified) -> HookAnswer {
        HookAnswer { status: 200, content_type: "text/plain; charset=utf-8", body: b"ok".to_vec() }
    }

    fn decode(&self, request: &Verified, _at: At) -> Result<Vec<Signal>, Undecodable> {
        let mut signals = self.signals(request.request())?;
        for signal in &mut signals {
            if let Signal::OrderSeen(seen) = signal {
                seen.facts.trusted = seen.facts.confirmed;
            }
        }
        Ok(signals)
    }

    fn unread(&self, request: &RawRequest) -> Vec<String> {
        if request.tail == "hook" {
            return Vec::new();
        }
        Params::read(request).map(|params| params.unread(&self.settings.fields)).unwrap_or_default()
    }

    fn lacks(&self, request: &RawRequest, needed: &BTreeSet<String>) -> Option<Lacks> {
        if request.tail == "hook" {
            let body = tech::body(&request.body).ok()?;
            let brought = tech::brought(&body)?;
            let (brought, lacking) = needed.iter().cloned().partition(|name| brought.contains(&**name));
            return Some(Lacks { address: request.tail.clone(), brought, lacking });
        }
        let params = Params::read(request).ok().filter(|params| !params.is_empty())?;
        self.kind(request, &params).ok().filter(|kind| *kind == HookKind::OrderCreated)?;
        let has = |name: &str| params.has(name, &self.settings.fields);
        let is_brought = |name: &&String| match name.as_str() {
            "author" => has("author") || has("created_user_id"),
            "offers" => has("offers") || has("positions"),
            name => has(name),
        };
        let (brought, lacking) = needed.iter().partition::<Vec<_>, _>(is_brought);
        let list = |names: Vec<&String>| names.into_iter().cloned().collect();
        Some(Lacks { address: request.tail.clone(), brought: list(brought), lacking: list(lacking) })
    }

    /// Read from GetCourse itself, so its amounts and persons are confirmed; with our own field names, not the school's.
    fn decode_found(&self, request: &RawRequest, _at: At) -> Result<Vec<Signal>, Undecodable> {
        let settings =
            Settings { payments: Some(Payments::Trust), fields: BTreeMap::new(), ..self.settings.clone() };
        let mut signals = Self::new(settings).signals(request)?;
        for signal in &mut signals {
            match signal {
                Signal::OrderSeen(seen) => seen.facts.client.read = true,
                Signal::ClientSeen(facts) => facts.read = true,
                _ => {}
            }
        }
        Ok(signals)
    }
}

impl GcHooks {
    fn reception(&self, request: &RawRequest) -> Result<Reception, Refused> {
        let (slot, digest) = if request.tail == "hook" {
            let body = match tech::body(&request.body) {
                Ok(body) => body,
                Err(_) if request.body.is_empty() => return Ok(Reception::Probe),
                Err(why) => return unread(request, why),
            };
            (tech::slot(&body), hash(&tech::content(&body)))
        } else {
            let params = match Params::read(request) {
                Ok(params) => params,
                Err(why) => return unread(request, why),
            };
            if params.is_empty() {
                return Ok(Reception::Probe);
            }
            (self.slot(request, &params), params.digest())
        };
        let slot = slot.unwrap_or_else(|| format!("gc:unknown:{}", request.tail));
        Ok(Reception::Keep(IdempotencyKey::SameAsLast { slot, digest }))
    }

    fn signals(&self, request: &RawRequest) -> Result<Vec<Signal>, Undecodable> {
        if request.tail == "hook" {
            return tech::webhook(&tech::body(&request.body)?, self.settings.zone, self.confirms());
        }
        let params = Params::read(request)?;
        let kind = self.kind(request, &params)?;
        let reading =
            decode::Reading { params: &params, settings: &self.settings, confirmed: self.confirms() };
        Ok(vec![reading.signal(kind)?])
    }
}

/// A broken body is kept for a person, and the same body again is a repeat; one that is too deep or too wide is
/// no school's, and refused.
fn unread(request: &RawRequest, why: Unread) -> Result<Reception, Refused> {
    if let Unread::TooMuch(too_much) = why {
        return Err(too_much.into());
    }
    let digest = hash(&String::from_utf8_lossy(&request.body));
    let slot = format!("gc:unread:{}", request.tail);
    Ok(Reception::Keep(IdempotencyKey::SameAsLast { slot, digest }))
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn short_hash(text: &str) -> String {
    let mut hash = hash(text);
    hash.truncate(16);
    format!("x{hash}")
}

#[cfg(test)]
mod tests;
