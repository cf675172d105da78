//! Mango Office's format: the signed form, and its JSON, read leniently because numbers may be text (sheet,
//! 2, 3 and 8). Signed bytes are never re-serialised. Enter at [`Form::read`] and [`sign`].

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::platform::telephony;
use crate::secret::Secret;

/// The three fields of every request, byte by byte as they were decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    pub key: Vec<u8>,
    pub sign: Vec<u8>,
    pub json: Vec<u8>,
}

impl Form {
    /// Decodes a form body; the first value of a name counts.
    pub fn read(body: &[u8]) -> Self {
        let value = |wanted: &str| {
            let mut pairs = body.split(|byte| *byte == b'&').map(|pair| {
                let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
                (&pair[..at], pair.get(at + 1..).unwrap_or_default())
            });
            pairs
                .find(|(name, _)| *name == wanted.as_bytes())
                .map(|(_, value)| decoded(value))
                .unwrap_or_default()
        };
        Self { key: value("vpbx_api_key"), sign: value("sign"), json: value("json") }
    }
}

/// `+` is a space, `%XX` a byte; the result need not be valid text.
fn decoded(value: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_encoding::percent_decode(&spaced).collect()
}

/// `lowercase_hex(sha256(key + json + salt))`, in both directions.
pub fn sign(key: &Secret, json: &[u8], salt: &Secret) -> String {
    let mut hash = Sha256::new();
    hash.update(key.reveal());
    hash.update(json);
    hash.update(salt.reveal());
    hex::encode(hash.finalize())
}

/// Text or a number, as text; empty is absent.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number, also as text.
pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A client's number in E.164; `None` for SIP addresses, extensions and hidden callers.
pub fn phone(value: &Value) -> Option<String> {
    telephony::phone(&text(value)?)
}

/// Our own line: a number, or the name of a SIP trunk.
pub fn line(value: &Value) -> Option<String> {
    text(value).map(|text| telephony::line(&text))
}
