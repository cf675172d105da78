//! The hooks of providers whose events are a query or a form, without their field names. Never decides
//! whether an event is authentic: each provider does. Enter at [`FormHooks`]; a provider implements
//! [`FormEvents`].

use std::fmt;

use super::{Fields, statistics};
use crate::platform::{HookAnswer, Hooks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::At;
use crate::signal::Signal;

const BODY_BYTES_MAX: usize = 64 * 1024;

/// The events of one provider.
pub trait FormEvents: fmt::Debug + Send + Sync {
    /// Prefix of the idempotency keys.
    const NAME: &'static str;
    /// The field that says what an event is, and every value of it that its documentation shows, read or not.
    const EVENTS: (&'static str, &'static [&'static str]);

    /// Every field of an event that its documentation or a capture shows, read or not; in lower case. A name with
    /// `*` at its end is a beginning. A request without any of them tries the address.
    const KNOWN: &'static [&'static str];

    /// Whether this event is authentic. The path's secret has already been compared.
    fn verify(&self, request: &RawRequest, fields: &Fields) -> Result<(), Refused>;

    /// The answer that the provider expects.
    fn answer(&self, request: &Verified) -> HookAnswer;

    /// The event as signals. `at` is when it was accepted.
    fn signals(&self, fields: Fields, at: At) -> Result<Vec<Signal>, Undecodable>;
}

fn is_known<E: FormEvents>(name: &str) -> bool {
    E::KNOWN.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => *known == name,
    })
}

/// The hooks of one school's account.
#[derive(Debug)]
pub struct FormHooks<E>(pub E);

impl<E: FormEvents> Hooks for FormHooks<E> {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        let fields = Fields::read(request)?;
        if !fields.names().any(|name| is_known::<E>(name) && fields.text(name).is_some()) {
            return Ok(Reception::Probe);
        }
        self.0.verify(request, &fields)?;
        Ok(Reception::Keep(fields.key(E::NAME)))
    }

    fn answer(&self, request: &Verified) -> HookAnswer {
        self.0.answer(request)
    }

    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable> {
        self.0.signals(Fields::read(request.request())?, at)
    }

    fn unread(&self, request: &RawRequest) -> Vec<String> {
        let fields = Fields::read(request).unwrap_or_default();
        let (field, events) = E::EVENTS;
        let event = fields.text(field).filter(|event| !events.contains(event));
        let event = event.map(|event| format!("{field}: {event}"));
        event
            .into_iter()
            .chain(fields.names().filter(|name| !is_known::<E>(name)).map(str::to_owned))
            .collect()
    }

    fn decode_found(&self, request: &RawRequest, _: At) -> Result<Vec<Signal>, Undecodable> {
        statistics::found(request)
    }
}
