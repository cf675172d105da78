//! Zadarma's signatures of events and of requests (sheet, 2 and 4). Signed values are used as decoded,
//! without normalisation. Enter at [`message`] and [`Signature`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::settings::Form;
use crate::bounded::{self, EVENT};
use crate::secret::Secret;

/// HMAC-SHA1 of one message.
pub struct Signature(Vec<u8>);

impl Signature {
    pub fn of(message: &str, secret: &Secret) -> Self {
        // HMAC accepts keys of any length.
        let mac = Hmac::<Sha1>::new_from_slice(secret.reveal().as_bytes());
        Self(mac.map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec()).unwrap_or_default())
    }

    /// Base64 of the digest in hex digits: used for requests, and by most accounts for events.
    pub fn hex(&self) -> String {
        STANDARD.encode(hex::encode(&self.0))
    }

    /// Base64 of the digest itself.
    pub fn raw(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// Whether `given` is this signature in an accepted form.
    pub fn is(&self, given: &str, form: Form) -> bool {
        let same = |wanted: String| -> bool { wanted.as_bytes().ct_eq(given.as_bytes()).into() };
        match form {
            Form::Hex => same(self.hex()),
            Form::Raw => same(self.raw()),
            Form::Any => same(self.hex()) | same(self.raw()),
        }
    }
}

/// The signed text of an event; `None` if it is not known for this kind. A missing field is empty.
pub fn message(body: &[u8]) -> Option<String> {
    let form = bounded::form(body, &EVENT).ok()?;
    let value = |wanted: &str| {
        let found = form.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.to_string()).unwrap_or_default()
    };
    let parts = match value("event").as_str() {
        "NOTIFY_START" | "NOTIFY_INTERNAL" | "NOTIFY_END" | "NOTIFY_IVR" => {
            ["caller_id", "called_did", "call_start"]
        }
        "NOTIFY_ANSWER" => ["caller_id", "destination", "call_start"],
        "NOTIFY_OUT_START" | "NOTIFY_OUT_END" => ["internal", "destination", "call_start"],
        "NOTIFY_RECORD" => ["pbx_call_id", "call_id_with_rec", ""],
        _ => return None,
    };
    Some(parts.map(value).concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_events_are_the_sheets() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/zadarma/vectors.json");
        let vectors: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let secret = Secret::new(vectors["zadarma_keys"]["secret"].as_str().unwrap());
        for vector in vectors["zadarma_webhook"].as_array().unwrap() {
            let text = |name: &str| vector[name].as_str().unwrap();
            let signature = Signature::of(text("string"), &secret);
            assert_eq!(signature.hex(), text("signature"), "{}", vector["event"]);
            assert_eq!(signature.raw(), text("signature_raw_variant"), "{}", vector["event"]);
        }
    }

    #[test]
    fn a_school_may_accept_one_form_only() {
        let signature = Signature::of("79005550101", &Secret::new("3c2b1a0f9e8d7c6b5a49"));
        let (hex, raw) = (signature.hex(), signature.raw());
        for (form, accepts) in
            [(Form::Any, [true, true]), (Form::Hex, [true, false]), (Form::Raw, [false, true])]
        {
            assert_eq!([signature.is(&hex, form), signature.is(&raw, form)], accepts, "{form:?}");
            assert!(!signature.is("", form) && !signature.is(&hex.to_lowercase(), form), "{form:?}");
        }
    }

    #[test]
    fn what_is_signed_is_as_it_was_decoded() {
        let body = "event=NOTIFY_END&caller_id=%2B79005550101&call_start=2026-01-01+11%3A00%3A00";
        assert_eq!(message(body.as_bytes()).as_deref(), Some("+790055501012026-01-01 11:00:00"));
        assert_eq!(message(b"event=NOTIFY_DANCE&caller_id=1"), None);
        assert_eq!(message(b"caller_id=1"), None);
    }
}
