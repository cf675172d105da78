//! The stored form of a verified request, in the store and in the spool: a line of JSON, then the body as
//! received. `Debug` does not show the content. Enter at [`Envelope::of`] and [`Envelope::read`].
//!
//! The first version stored one JSON object with the body in base64. It contains no line feed, so the two
//! forms cannot be confused; both are read.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Serialize};

use crate::json;
use crate::platform::Verified;
use crate::process::At;
use crate::request::RawRequest;

/// A verified request, stored as received. `Debug` does not show its content.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Name of the platform's folder: `getcourse`, `amocrm` …
    pub platform: String,
    pub at: At,
    pub method: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// Found by reconciliation, not delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found: bool,
    /// Place of the stored request, where it is not the entry's own: a dead letter that is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<u64>,
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// The form of the first version.
#[derive(Deserialize)]
struct First {
    #[serde(flatten)]
    envelope: Envelope,
    #[serde(default)]
    body: String,
}

impl Envelope {
    /// The envelope of a delivered request; [`Self::found`] is set for a found one.
    pub fn of(platform: &str, request: &RawRequest, at: At) -> Self {
        Self {
            platform: platform.to_owned(),
            at,
            method: request.method.clone(),
            tail: request.tail.clone(),
            query: request.query.clone(),
            content_type: request.header("content-type").unwrap_or_default().to_owned(),
            found: false,
            raw: None,
            body: request.body.clone(),
        }
    }

    /// The form for [`crate::store::Store::offer`], which is also that of an inbox entry.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = json::bytes(self);
        bytes.reserve(1 + self.body.len());
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads both forms.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            let First { envelope, body } = serde_json::from_slice(bytes)?;
            let body =
                STANDARD.decode(body).map_err(|_| serde_json::Error::custom("a body that is no base64"))?;
            return Ok(Self { body, ..envelope });
        };
        let head: Self = serde_json::from_slice(&bytes[..end])?;
        Ok(Self { body: bytes[end + 1..].to_vec(), ..head })
    }

    /// The request for the platform's decoder.
    pub fn request(&self) -> RawRequest {
        RawRequest {
            method: self.method.clone(),
            tail: self.tail.clone(),
            query: self.query.clone(),
            headers: vec![("content-type".to_owned(), self.content_type.clone())],
            body: self.body.clone(),
        }
    }

    /// The same for a delivered request: only verified ones are stored.
    pub fn verified(&self) -> Verified {
        Verified::stored(self.request())
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request of {} at {}", self.method, self.platform, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(body: &[u8]) -> Envelope {
        let request = RawRequest {
            method: "POST".to_owned(),
            tail: "events/call".to_owned(),
            query: "a=1".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_vec(),
        };
        Envelope::of("pbxa", &request, At::from_timestamp(1_795_000_000, 0).expect("in range"))
    }

    #[test]
    fn a_body_comes_back_byte_by_byte_whatever_it_holds() {
        for body in [&b""[..], b"{}", b"line\nline\n", b"\n", &[0, 255, 10, 13, 0]] {
            let kept = envelope(body);
            assert_eq!(Envelope::read(&kept.to_bytes()).ok(), Some(kept));
        }
    }

    #[test]
    fn the_first_form_is_read_with_and_without_a_body() {
        let first = r#"{"platform":"pbxa","at":"2026-11-18T11:06:40Z","method":"POST","tail":"events/call","query":"a=1","content_type":"application/json","body":"bGluZQo="}"#;
        let read = Envelope::read(first.as_bytes()).expect("the first form");
        assert_eq!(read, envelope(b"line\n"));
        let bare = r#"{"platform":"pbxa","at":"2026-11-18T11:06:40Z","method":"GET","found":true}"#;
        let read = Envelope::read(bare.as_bytes()).expect("the first form");
        assert!(read.found && read.body.is_empty(), "{read:?}");
        // A truncated request is not an empty one.
        assert!(Envelope::read(first.replace("bGluZQo=", "bGluZQo").as_bytes()).is_err());
        assert!(Envelope::read(br#"{"platform":"pbxa"}"#).is_err());
    }
}
