//! Telphin's webhooks: events as a query or a form, without a signature (sheet, 3). The only check is the
//! secret in the path, which has been compared before; the sender's address is not checked, because the
//! published networks change. Enter at its [`FormEvents`].

use super::{Settings, decode};
use crate::platform::telephony::Fields;
use crate::platform::telephony::form_hooks::FormEvents;
use crate::platform::{HookAnswer, RawRequest, Refused, Undecodable, Verified};
use crate::process::At;
use crate::signal::Signal;

impl FormEvents for Settings {
    const NAME: &'static str = "telphin";
    const EVENTS: (&'static str, &'static [&'static str]) =
        ("eventtype", &["dial-in", "dial-out", "answer", "hangup", "message-in", "message-out", "voicemail"]);

    const KNOWN: &'static [&'static str] = &[
        "eventtype",
        "callid",
        "subcallid",
        "calleridnum",
        "calleridname",
        "calleddid",
        "callednumber",
        "calledextension",
        "calledextensionid",
        "callerextension",
        "callerextensionid",
        "callstatus",
        "callflow",
        "callapiid",
        "callbackid",
        "eventtime",
        "duration",
        "bridgedduration",
        "bridged",
        "transfered",
        "recid",
        "remotenumber",
        "tag",
    ];

    fn verify(&self, _: &RawRequest, _: &Fields) -> Result<(), Refused> {
        Ok(())
    }

    /// Telphin reads only the status; a body could be taken as a call scenario.
    fn answer(&self, _: &Verified) -> HookAnswer {
        HookAnswer::empty(200)
    }

    fn signals(&self, fields: Fields, at: At) -> Result<Vec<Signal>, Undecodable> {
        decode::signals(fields, self, at)
    }
}
