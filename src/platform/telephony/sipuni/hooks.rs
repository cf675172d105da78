//! Sipuni's webhooks: events as a query or a form, without a signature (sheet, 1 and 2). Every answer is the
//! one word of success, because Sipuni suspends a feed that gets another answer. The only check is the secret
//! in the path, which has been compared before. Enter at its [`FormEvents`].

use super::{Settings, decode};
use crate::platform::telephony::Fields;
use crate::platform::telephony::form_hooks::FormEvents;
use crate::platform::{HookAnswer, RawRequest, Refused, Undecodable, Verified};
use crate::process::At;
use crate::signal::Signal;

impl FormEvents for Settings {
    const NAME: &'static str = "sipuni";
    const EVENTS: (&'static str, &'static [&'static str]) = ("event", &["1", "2", "3", "4", "5", "6"]);

    const KNOWN: &'static [&'static str] = &[
        "event",
        "call_id",
        "callbackid",
        "src_num",
        "src_type",
        "dst_num",
        "dst_type",
        "short_src_num",
        "short_dst_num",
        "pbxdstnum",
        "timestamp",
        "status",
        "call_start_timestamp",
        "call_answer_timestamp",
        "call_record_link",
        "treename",
        "treenumber",
        "channel",
        "user_id",
        "user",
        "last_called",
        "transfer_from",
        "is_inner_call",
        "roistat*",
    ];

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
