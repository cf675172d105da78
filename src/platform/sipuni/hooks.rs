//! Sipuni's way in: events as a query or as a form, without any signature (sheet, 1 and 2).
//! Never answers anything but its one word of success: a feed that is answered otherwise is
//! suspended. The secret in the path, compared before this module is asked, is the only check
//! there is. Enter at [`SipuniHooks`].

use super::{Settings, decode};
use crate::platform::telephony::{Fields, statistics};
use crate::platform::{Answer, Hooks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::At;
use crate::signal::Signal;

const BODY_BYTES_MAX: usize = 64 * 1024;

/// The hooks of one school's Sipuni cabinets.
#[derive(Debug)]
pub struct SipuniHooks {
    users: Vec<String>,
}

impl SipuniHooks {
    pub fn new(settings: &Settings) -> Self {
        Self { users: settings.users() }
    }
}

impl Hooks for SipuniHooks {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        let fields = Fields::read(request);
        // «Save» in the cabinet tries the address without a call (1).
        if fields.text("event").is_none() && fields.text("call_id").is_none() {
            return Ok(Reception::Probe);
        }
        Ok(Reception::Keep(fields.key("sipuni")))
    }

    fn answer(&self, _: &Verified) -> Answer {
        Answer { status: 200, content_type: "application/json", body: br#"{"success":true}"#.to_vec() }
    }

    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable> {
        Ok(vec![decode::signal(Fields::read(request.request()), &self.users, at)?])
    }

    fn decode_found(&self, request: &RawRequest, _: At) -> Result<Vec<Signal>, Undecodable> {
        statistics::found(request)
    }
}
