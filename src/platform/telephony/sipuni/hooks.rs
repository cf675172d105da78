//! Sipuni's way in: events as a query or as a form, without any signature (sheet, 1 and 2).
//! Never answers anything but its one word of success: a feed that is answered otherwise is
//! suspended. The secret in the path, compared before this module is asked, is the only check
//! there is. Enter at its [`FormEvents`].

use super::{Settings, decode};
use crate::platform::telephony::Fields;
use crate::platform::telephony::form_hooks::FormEvents;
use crate::platform::{HookAnswer, RawRequest, Refused, Undecodable, Verified};
use crate::process::At;
use crate::signal::Signal;

impl FormEvents for Settings {
    const NAME: &'static str = "sipuni";
    /// «Save» in the cabinet tries the address without a call (1).
    const MARKS: &'static [&'static str] = &["event", "call_id"];

    fn verify(&self, _: &RawRequest, _: &Fields) -> Result<(), Refused> {
        Ok(())
    }

    fn answer(&self, _: &Verified) -> HookAnswer {
        HookAnswer { status: 200, content_type: "application/json", body: br#"{"success":true}"#.to_vec() }
    }

    fn signals(&self, fields: Fields, at: At) -> Result<Vec<Signal>, Undecodable> {
        Ok(vec![decode::signal(fields, &self.users(), at)?])
    }
}
