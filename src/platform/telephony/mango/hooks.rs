//! Mango Office's webhooks: every notification is signed over the exact bytes of its `json` field (sheet, 2
//! and 3). Never accepts an unsigned body; the empty probe of the cabinet's button is answered and dropped.
//! Enter at [`MangoHooks`].

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::decode;
use super::wire::{self, Form};
use crate::bounded::{self, EVENT};
use crate::platform::telephony::statistics;
use crate::platform::{HookAnswer, Hooks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::At;
use crate::request::IdempotencyKey;
use crate::secret::Secret;
use crate::signal::Signal;

const BODY_BYTES_MAX: usize = 256 * 1024;

/// Repeats and late recordings come within minutes; two days also cover a replay by hand.
const KEEP_S: u64 = 48 * 3600;

/// The documented fields of `events/call` and `events/summary`, read or not.
const KNOWN: [&str; 23] = [
    "entry_id",
    "call_id",
    "timestamp",
    "seq",
    "call_state",
    "location",
    "locaton",
    "from",
    "to",
    "dct",
    "disconnect_reason",
    "transfer",
    "sip_call_id",
    "command_id",
    "task_id",
    "callback_initiator",
    "call_direction",
    "line_number",
    "create_time",
    "forward_time",
    "talk_time",
    "end_time",
    "entry_result",
];

/// The hooks of one school's Mango Office account.
#[derive(Debug)]
pub struct MangoHooks {
    key: Secret,
    salt: Secret,
}

impl MangoHooks {
    pub fn new(key: Secret, salt: Secret) -> Self {
        Self { key, salt }
    }
}

/// Events that Mango's documentation has besides the two that become calls.
const OTHER_EVENTS: [&str; 6] = [
    "events/dtmf",
    "events/sms",
    "events/recording",
    "events/record/added",
    "events/record/tagged",
    "events/recognized/offline",
];

impl Hooks for MangoHooks {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        if is_probe(request) {
            return Ok(Reception::Probe);
        }
        let form = Form::read(&request.body);
        let key = std::str::from_utf8(&form.key).map_err(|_| Refused::new("another key"))?;
        if !self.key.matches(key) {
            return Err(Refused::new("another key"));
        }
        let wanted = wire::sign(&self.key, &form.json, &self.salt);
        let same: bool = wanted.as_bytes().ct_eq(&form.sign.to_ascii_lowercase()).into();
        if !same {
            return Err(Refused::new("wrong signature"));
        }
        bounded::fits(&form.json, &EVENT)?;
        let mut hash = Sha256::new();
        hash.update(path(&request.tail));
        hash.update([b'|']);
        hash.update(&form.json);
        let key = format!("mango:{}", hex::encode(hash.finalize()));
        Ok(Reception::Keep(IdempotencyKey::Unique { key, keep_s: KEEP_S }))
    }

    /// Mango reads only the status (3).
    fn answer(&self, _: &Verified) -> HookAnswer {
        HookAnswer::empty(200)
    }

    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable> {
        let request = request.request();
        let json = Form::read(&request.body).json;
        let body = bounded::json(&json, &EVENT)?;
        Ok(vec![decode::signal(&path(&request.tail), &body, at)?])
    }

    /// Parameters only of the two events that become calls.
    fn unread(&self, request: &RawRequest) -> Vec<String> {
        match path(&request.tail).as_str() {
            "events/call" | "events/summary" => {}
            tail if tail.starts_with("result/") || OTHER_EVENTS.contains(&tail) => return Vec::new(),
            tail => return vec![tail.to_owned()],
        }
        let body = bounded::json(&Form::read(&request.body).json, &EVENT).unwrap_or_default();
        let names = body.as_object().into_iter().flat_map(|fields| fields.keys());
        names.filter(|name| !KNOWN.contains(&name.as_str())).cloned().collect()
    }

    fn decode_found(&self, request: &RawRequest, _: At) -> Result<Vec<Signal>, Undecodable> {
        statistics::found(request)
    }
}

/// «Check connection» posts an empty body to the base address (1).
fn is_probe(request: &RawRequest) -> bool {
    request.body.is_empty()
}

/// Mango appends its path to the address as typed, so doubled slashes are accepted.
fn path(tail: &str) -> String {
    tail.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
