//! Telphin's way in: events as a query or as a form, without any signature (sheet, 3).
//! Never asks who sends: the secret in the path, compared before this module is asked, is the only
//! check there is, and the published networks change. Enter at its [`FormEvents`].

use super::{Settings, decode};
use crate::platform::telephony::Fields;
use crate::platform::telephony::form_hooks::FormEvents;
use crate::platform::{HookAnswer, RawRequest, Refused, Undecodable, Verified};
use crate::process::At;
use crate::signal::Signal;

impl FormEvents for Settings {
    const NAME: &'static str = "telphin";
    const MARKS: &'static [&'static str] = &["eventtype", "callid"];

    fn verify(&self, _: &RawRequest, _: &Fields) -> Result<(), Refused> {
        Ok(())
    }

    /// Only the status is read; an answer with a body could be taken for a call scenario.
    fn answer(&self, _: &Verified) -> HookAnswer {
        HookAnswer::empty(200)
    }

    fn signals(&self, fields: Fields, at: At) -> Result<Vec<Signal>, Undecodable> {
        decode::signals(fields, self, at)
    }
}
