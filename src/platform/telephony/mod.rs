//! What telephony providers have in common: fields of a query or form, the idempotency key of an unsigned
//! event, names of our own lines. Contains nothing specific to a provider. Enter at [`provider`] (a provider
//! as a value), [`Fields`] (events), [`start`] (call starts) and [`statistics`] (reconciliation).

pub mod extensions;
pub mod form_hooks;
pub mod mango;
pub mod provider;
pub mod settings;
pub mod sipuni;
pub mod start;
pub mod statistics;
pub mod telphin;
pub mod waits;
pub mod zadarma;

use sha2::{Digest, Sha256};

use super::RawRequest;
use crate::bounded::{self, EVENT, TooMuch};
use crate::process::Phone;
use crate::request::IdempotencyKey;

/// Repeats come within minutes; two days also cover a replay by hand.
const KEEP_S: u64 = 48 * 3600;

/// Named values of one event, from the query of a GET or from a form. Names are compared without case; the
/// first value of a name counts; an empty value is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn read(request: &RawRequest) -> Result<Self, TooMuch> {
        let said = [request.query.as_bytes(), request.body.as_slice()];
        let clean = |text: &str| text.trim().to_owned();
        let mut fields = Vec::new();
        for bytes in said {
            let pairs = bounded::form(bytes, &EVENT)?.into_iter();
            fields.extend(pairs.map(|(name, value)| (name.trim().to_lowercase(), clean(&value))));
        }
        Ok(Self(fields))
    }

    /// All names, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// `name` in lower case.
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(have, value)| have == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A client's number in E.164.
    pub fn phone(&self, name: &str) -> Option<String> {
        phone(self.text(name)?)
    }

    /// Equal for two requests with the same fields, in any order and by any method: a provider without event
    /// ids repeats an event word for word.
    pub fn key(&self, provider: &str) -> IdempotencyKey {
        let mut said: Vec<&(String, String)> = self.0.iter().collect();
        said.sort();
        let mut hash = Sha256::new();
        for (name, value) in said {
            // Lengths prevent two different lists from giving the same bytes.
            hash.update(format!("{}:{name}={}:{value}", name.len(), value.len()));
        }
        IdempotencyKey::Unique { key: format!("{provider}:{}", hex::encode(hash.finalize())), keep_s: KEEP_S }
    }
}

/// A client's number in E.164; `None` for addresses, extensions and hidden callers.
pub fn phone(text: &str) -> Option<String> {
    Phone::of_line(text)
}

/// A word of a provider's table without case, blanks, `_` and `-`: `No_Answer` → `noanswer`.
pub fn folded(word: &str) -> String {
    let kept = word.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, '_' | '-'));
    kept.flat_map(char::to_lowercase).collect()
}

/// Our own line as E.164 if it is a number (also an 800 number, unlike a client's), else its name: a SIP
/// trunk has one.
pub fn line(text: &str) -> String {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = digits.len() == 11 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let national = digits.strip_prefix(['7', '8']).filter(|_| is_number);
    national.map_or_else(|| text.to_owned(), |national| format!("+7{national}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, query: &str, body: &str) -> RawRequest {
        RawRequest {
            method: method.to_owned(),
            tail: String::new(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn one_event_has_one_key_however_it_is_sent() {
        let key = |query: &str, body: &str| Fields::read(&request("GET", query, body)).unwrap().key("x");
        assert_eq!(key("event=1&call_id=7", ""), key("", "call_id=7&event=1"));
        assert_eq!(key("Event=1", ""), key("event=1", ""));
        assert_ne!(key("event=1&call_id=7", ""), key("event=1&call_id=8", ""));
        assert_ne!(key("a=1&b=2", ""), key("a=1%26b%3D2", ""));
    }

    #[test]
    fn a_line_is_a_number_or_a_name() {
        for (said, expected) in [
            ("74955550000", "+74955550000"),
            ("+74955550000", "+74955550000"),
            ("88005550000", "+78005550000"),
            ("trunk-1", "trunk-1"),
            ("74955550000_id1", "74955550000_id1"),
        ] {
            assert_eq!(line(said), expected);
        }
    }
}
