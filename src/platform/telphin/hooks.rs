//! Telphin's way in: events as a query or as a form, without any signature (sheet, 3).
//! Never asks who sends: the secret in the path, compared before this module is asked, is the only
//! check there is, and the published networks change. Enter at [`TelphinHooks`].

use super::{Settings, decode};
use crate::platform::telephony::{Fields, statistics};
use crate::platform::{Answer, Hooks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::At;
use crate::signal::Signal;

const BODY_BYTES_MAX: usize = 64 * 1024;

/// The hooks of one school's Telphin account.
#[derive(Debug)]
pub struct TelphinHooks {
    settings: Settings,
}

impl TelphinHooks {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Hooks for TelphinHooks {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        let fields = Fields::read(request);
        // A browser that tries the address, or an empty form.
        if fields.text("eventtype").is_none() && fields.text("callid").is_none() {
            return Ok(Reception::Probe);
        }
        Ok(Reception::Keep(fields.key("telphin")))
    }

    /// Only the status is read; an answer with a body could be taken for a call scenario.
    fn answer(&self, _: &Verified) -> Answer {
        Answer::empty(200)
    }

    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable> {
        decode::signals(Fields::read(request.request()), &self.settings, at)
    }

    fn decode_found(&self, request: &RawRequest, _: At) -> Result<Vec<Signal>, Undecodable> {
        statistics::found(request)
    }
}
