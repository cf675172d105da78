//! GetCourse's way in: «Вызвать URL» processes and the Tech API's webhooks (sheet, 1.1 and 1.6).
//! Nothing is signed, so nothing can be verified here: the secret in the path is the check.
//! Enter at [`GcHooks`]; the shapes are read by `decode` and `tech`.

use sha2::{Digest, Sha256};

use super::params::Params;
use super::{Payments, Settings, decode, payments, tech};
use crate::intake::signal::Signal;
use crate::platform::{Answer, Hooks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::At;
use crate::store::Key;

/// Schools' own JSON may be long; README of the telephony sheets gives the same cap.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// What a request tells, by the last word of its address or by its field `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    OrderCreated,
    OrderStatus,
    PaymentPartial,
    PaymentFull,
    ManagerAssigned,
    UserUpdated,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::OrderCreated,
        Self::OrderStatus,
        Self::PaymentPartial,
        Self::PaymentFull,
        Self::ManagerAssigned,
        Self::UserUpdated,
    ];

    /// The last word of the address.
    pub fn tail(self) -> &'static str {
        match self {
            Self::OrderCreated => "order-created",
            Self::OrderStatus => "order-status",
            Self::PaymentPartial => "payment-partial",
            Self::PaymentFull => "payment-full",
            Self::ManagerAssigned => "manager-assigned",
            Self::UserUpdated => "user-updated",
        }
    }

    fn of_tail(tail: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tail() == tail)
    }

    /// The value of the field `event`, as administrators write it.
    fn of_word(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase().replace(['_', ' '], "-");
        Self::of_tail(&word).or(match word.as_str() {
            "created" | "order-new" | "new-order" => Some(Self::OrderCreated),
            "status" | "status-changed" | "order-status-changed" => Some(Self::OrderStatus),
            "partial" | "order-partial" | "order-part-paid" | "partial-payment" => Some(Self::PaymentPartial),
            "paid" | "order-paid" | "order-payed" | "payment" => Some(Self::PaymentFull),
            "manager" | "order-manager" => Some(Self::ManagerAssigned),
            "user" | "user-changed" => Some(Self::UserUpdated),
            _ => None,
        })
    }
}

/// The hooks of one school's GetCourse account.
pub struct GcHooks {
    settings: Settings,
}

impl GcHooks {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn kind(&self, request: &RawRequest, params: &Params) -> Result<Kind, Undecodable> {
        if request.tail != "events" {
            return Kind::of_tail(&request.tail).ok_or_else(|| Undecodable("unknown address".to_owned()));
        }
        let mut words = params.raw("event", &self.settings.fields);
        words
            .find_map(Kind::of_word)
            .ok_or_else(|| Undecodable("no known word in the field `event`".to_owned()))
    }

    /// One object and kind of event; `None` where the request does not tell them.
    fn slot(&self, request: &RawRequest, params: &Params) -> Option<String> {
        let kind = self.kind(request, params).ok()?;
        let first = |field| params.raw(field, &self.settings.fields).find_map(super::text::clean);
        if kind == Kind::UserUpdated {
            // An e-mail is personal data: only its hash goes into a key.
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

    /// GetCourse signs nothing and calls from changing addresses [observed]; the secret in the
    /// path, compared before, is the whole check. A `secret` among the parameters is ignored.
    fn verify(&self, request: RawRequest) -> Result<Verified, Refused> {
        Ok(Verified(request))
    }

    fn receive(&self, Verified(request): &Verified) -> Reception {
        let (slot, digest) = if request.tail == "hook" {
            let Ok(body) = tech::body(&request.body) else {
                return if request.body.is_empty() { Reception::Probe } else { unread(request) };
            };
            (tech::slot(&body), hash(&tech::said(&body)))
        } else {
            let Ok(params) = Params::read(request) else {
                return unread(request);
            };
            if params.is_empty() {
                return Reception::Probe;
            }
            (self.slot(request, &params), params.digest())
        };
        let slot = slot.unwrap_or_else(|| format!("gc:unknown:{}", request.tail));
        Reception::Keep(Key::SameAsLast { slot, digest })
    }

    /// Short and plain: a process may store it in a field of the order.
    fn answer(&self, _: &Verified) -> Answer {
        Answer { status: 200, content_type: "text/plain; charset=utf-8", body: b"ok".to_vec() }
    }

    fn decode(&self, request: &RawRequest, _at: At) -> Result<Vec<Signal>, Undecodable> {
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

/// A body that cannot be read is kept for a person; the same one again is a repeat.
fn unread(request: &RawRequest) -> Reception {
    let digest = hash(&String::from_utf8_lossy(&request.body));
    Reception::Keep(Key::SameAsLast { slot: format!("gc:unread:{}", request.tail), digest })
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn short_hash(text: &str) -> String {
    let mut hash = hash(text);
    hash.truncate(16);
    format!("x{hash}")
}
