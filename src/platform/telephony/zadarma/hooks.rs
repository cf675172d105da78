//! Zadarma's webhooks: events as a form, with a signature over two or three fields in a header (sheet, 1 to
//! 3). Never answers an event with a body, which could redirect or end the call. Enter at [`Account`].

use chrono_tz::Tz;

use super::decode;
use super::settings::Form;
use super::signature::{Signature, message};
use crate::bounded::{self, EVENT};
use crate::platform::telephony::Fields;
use crate::platform::telephony::form_hooks::FormEvents;
use crate::platform::{HookAnswer, RawRequest, Refused, Undecodable, Verified};
use crate::process::At;
use crate::secret::Secret;
use crate::signal::Signal;

/// Longest value that is echoed.
const ECHO_MAX: usize = 128;

/// The settings for checking and decoding one account's events.
#[derive(Debug)]
pub struct Account {
    pub secret: Secret,
    pub form: Form,
    pub zone: Tz,
}

impl FormEvents for Account {
    const NAME: &'static str = "zadarma";
    const EVENTS: (&'static str, &'static [&'static str]) = (
        "event",
        &[
            "NOTIFY_START",
            "NOTIFY_INTERNAL",
            "NOTIFY_ANSWER",
            "NOTIFY_END",
            "NOTIFY_OUT_START",
            "NOTIFY_OUT_END",
            "NOTIFY_RECORD",
            "NOTIFY_IVR",
        ],
    );

    const KNOWN: &'static [&'static str] = &[
        "event",
        "call_start",
        "pbx_call_id",
        "caller_id",
        "called_did",
        "internal",
        "last_internal",
        "destination",
        "duration",
        "disposition",
        "status_code",
        "is_recorded",
        "call_id_with_rec",
        "calltype",
        "wait_dtmf",
        "ivr_saydigits",
        "ivr_saynumber",
    ];

    fn verify(&self, request: &RawRequest, _: &Fields) -> Result<(), Refused> {
        let header = request.headers.iter().find(|(name, _)| name == "signature");
        let (_, given) = header.ok_or(Refused::new("no signature"))?;
        let message =
            message(&request.body).ok_or(Refused::new("an event of which no signature is known"))?;
        let fits = Signature::of(&message, &self.secret).is(given.trim(), self.form);
        if fits { Ok(()) } else { Err(Refused::new("wrong signature")) }
    }

    /// The cabinet's check of the address expects its value as the whole answer.
    fn answer(&self, request: &Verified) -> HookAnswer {
        let request = request.request();
        let query = bounded::form(request.query.as_bytes(), &EVENT).unwrap_or_default();
        let echo = query.into_iter().find(|(name, _)| name == "zd_echo");
        let body = echo.map(|(_, value)| value.into_owned()).filter(|value| is_echo(value));
        HookAnswer { body: body.unwrap_or_default().into_bytes(), ..HookAnswer::empty(200) }
    }

    fn signals(&self, fields: Fields, at: At) -> Result<Vec<Signal>, Undecodable> {
        decode::signals(fields, self.zone, at)
    }
}

/// Only characters that cannot form markup.
fn is_echo(value: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=ECHO_MAX).contains(&value.len()) && value.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::telephony::form_hooks::FormHooks;
    use crate::platform::{Hooks, Reception};

    const END: &str = "event=NOTIFY_OUT_END&call_start=2026-01-01+11%3A00%3A00&pbx_call_id=out_3f&caller_id=74955550000\
        &destination=79005550101&internal=101&duration=60&disposition=answered&status_code=16";
    const SIGNED: &str = "MjFmMTNhYjI1ZGUyNDM1NmEwNGMxZGUyZmM0M2M0N2Q2OGZlNDE5Mw==";

    fn hooks() -> FormHooks<Account> {
        let secret = Secret::new("3c2b1a0f9e8d7c6b5a49");
        FormHooks(Account { secret, form: Form::Any, zone: chrono_tz::Europe::Moscow })
    }

    fn request(query: &str, signature: Option<&str>, body: &str) -> RawRequest {
        let headers = signature.map(|signature| ("signature".to_owned(), signature.to_owned()));
        RawRequest {
            method: if body.is_empty() { "GET" } else { "POST" }.to_owned(),
            tail: String::new(),
            query: query.to_owned(),
            headers: headers.into_iter().collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_is_not_signed_or_was_changed_is_refused() {
        assert!(hooks().verify(&request("", Some(SIGNED), END)).is_ok());
        for (signature, body) in [
            (None, END.to_owned()),
            (Some(""), END.to_owned()),
            (Some("MjFmMTNhYjI1ZGUyNDM1NmEwNGMxZGUyZmM0M2M0N2Q2OGZlNDE5NA=="), END.to_owned()),
            (Some(SIGNED), END.replace("internal=101", "internal=102")),
            (Some(SIGNED), END.replace("79005550101", "79005550102")),
            (Some(SIGNED), END.replace("11%3A00%3A00", "11%3A00%3A01")),
            (Some(SIGNED), END.replace("NOTIFY_OUT_END", "NOTIFY_END")),
            (Some(SIGNED), END.replace("NOTIFY_OUT_END", "NOTIFY_DANCE")),
            (Some(SIGNED), END.replace("event=NOTIFY_OUT_END&", "")),
        ] {
            assert!(hooks().verify(&request("", signature, &body)).is_err(), "{signature:?} {body}");
        }
    }

    #[test]
    fn the_cabinets_check_gets_its_value_back_and_nothing_is_kept() {
        for (query, expected) in [
            ("zd_echo=a1b2.c3_d4-E5", "a1b2.c3_d4-E5"),
            ("zd_echo=%3Cscript%3E", ""),
            ("zd_echo=", ""),
            ("", ""),
        ] {
            let (verified, reception) = Verified::check(&hooks(), request(query, None, "")).unwrap();
            assert_eq!(reception, Reception::Probe, "{query}");
            let answer = hooks().answer(&verified);
            assert_eq!((answer.status, answer.body.as_slice()), (200, expected.as_bytes()), "{query}");
            assert!(answer.content_type.starts_with("text/plain"), "{query}");
        }
        let event = Verified::check(&hooks(), request("", Some(SIGNED), END)).unwrap().0;
        assert_eq!(hooks().answer(&event), HookAnswer::empty(200));
    }
}
