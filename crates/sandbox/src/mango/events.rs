//! Events as Mango writes them: key order, absent fields, signature (sheet 2, 3).
//! It never parses anything back.
//! Enter at [`signed_body`]; the structs are the JSON bodies.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::wire::form_body;

/// A side of a leg.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Side {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_from_call_id: Option<String>,
}

/// Call tracking, always none here.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Dct {
    #[serde(rename = "type")]
    pub kind: u8,
}

/// `events/call`.
#[derive(Clone, Debug, Serialize)]
pub struct CallEvent {
    pub entry_id: String,
    pub call_id: String,
    pub timestamp: i64,
    pub seq: u32,
    pub call_state: &'static str,
    pub location: &'static str,
    pub from: Side,
    pub to: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_reason: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dct: Option<Dct>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_initiator: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
}

/// `events/summary`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub entry_id: String,
    pub call_direction: u8,
    pub from: Side,
    pub to: Side,
    pub line_number: String,
    pub create_time: i64,
    pub forward_time: i64,
    pub talk_time: i64,
    pub end_time: i64,
    pub entry_result: u8,
    pub disconnect_reason: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dct: Option<Dct>,
}

/// `events/recording`, completed.
#[derive(Clone, Debug, Serialize)]
pub struct Recording {
    pub recording_id: String,
    pub recording_state: &'static str,
    pub seq: u32,
    pub entry_id: String,
    pub call_id: String,
    pub extension: String,
    pub timestamp: i64,
    pub completion_code: u16,
    pub recipient: &'static str,
}

/// `events/record/added`.
#[derive(Clone, Debug, Serialize)]
pub struct RecordAdded {
    pub entry_id: String,
    pub product_id: i64,
    pub user_id: i64,
    pub timestamp: i64,
    pub recording_id: String,
}

/// `result/callback`.
#[derive(Clone, Debug, Serialize)]
pub struct CommandResult {
    pub command_id: String,
    pub result: u16,
}

/// Exact JSON of an event.
pub fn json<T: Serialize>(event: &T) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

/// Lower-case hex of `sha256(key + json + salt)`.
pub fn sign(key: &str, json: &str, salt: &str) -> String {
    hex::encode(Sha256::digest(format!("{key}{json}{salt}")))
}

/// The form of three fields in which everything travels.
pub fn signed_body(key: &str, salt: &str, json: &str) -> String {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    form_body(&[pair("vpbx_api_key", key), pair("sign", &sign(key, json, salt)), pair("json", json)])
}
