//! The parameters of a «Вызвать URL» request, wherever its administrator put them: query, form or JSON
//! (sheet, 1.1 and pitfall 25). Never shows the secret that may be among them. Enter at [`Params::read`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fields::{FIELDS, folded};
use super::text;
use crate::platform::{RawRequest, Undecodable};

/// Not part of a request's content: the secret, and times that differ in every repeat.
const IGNORED: [&str; 6] = ["secret", "ts", "ts64", "time", "timestamp", "rand"];

/// Beginnings of the names of an order's source (G5).
pub const SOURCES: [&str; 4] = ["utm_", "user_utm_", "deal_utm_", "custom_utm_"];

/// Names and raw values, the body's before the query's; nested JSON names are joined by `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn read(request: &RawRequest) -> Result<Self, Undecodable> {
        let mut pairs = body(request)?;
        pairs.extend(form(request.query.as_bytes()));
        pairs.retain(|(name, _)| name != "secret");
        Ok(Self(pairs))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Raw values of one of our fields, the best name first. A name given by the school replaces all of our
    /// names.
    pub fn raw<'a>(
        &'a self,
        field: &'a str,
        given: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let names: Vec<String> = match given.get(field) {
            Some(name) => vec![folded(name)],
            None => FIELDS
                .iter()
                .filter(|known| known.name == field)
                .flat_map(|known| std::iter::once(known.name).chain(known.synonyms.iter().copied()))
                .map(folded)
                .collect(),
        };
        names.into_iter().flat_map(|name| {
            self.0.iter().filter(move |(have, _)| folded(have) == name).map(|(_, value)| value.as_str())
        })
    }

    /// Names that nothing reads, also with the school's own names.
    pub fn unread(&self, given: &BTreeMap<String, String>) -> Vec<String> {
        let own = given.values().map(String::as_str);
        let ours =
            FIELDS.iter().flat_map(|known| std::iter::once(known.name).chain(known.synonyms.iter().copied()));
        let read: BTreeSet<String> = ours.chain(IGNORED).chain(own).map(folded).collect();
        let is_source = |name: &str| SOURCES.iter().any(|beginning| name.starts_with(beginning));
        let names = self.0.iter().map(|(name, _)| name);
        names.filter(|name| !is_source(name) && !read.contains(&folded(name))).cloned().collect()
    }

    /// Whether a request of this address can bring this fact: the parameter is there, empty or not.
    pub fn has(&self, name: &str, given: &BTreeMap<String, String>) -> bool {
        let is_source = SOURCES.iter().any(|beginning| name.starts_with(beginning));
        self.raw(name, given).next().is_some()
            || (is_source && self.0.iter().any(|(have, _)| folded(have) == folded(name)))
    }

    /// All parameters whose name has one of these beginnings, cleaned, by name.
    pub fn starting(&self, beginnings: &[&str]) -> BTreeMap<String, String> {
        self.0
            .iter()
            .filter(|(name, _)| beginnings.iter().any(|beginning| name.starts_with(beginning)))
            .filter_map(|(name, value)| Some((name.clone(), text::clean(value)?)))
            .collect()
    }

    /// Equal for two requests with the same content, whatever their order and encoding.
    pub fn digest(&self) -> String {
        let mut content: Vec<(&str, String)> = self
            .0
            .iter()
            .filter(|(name, _)| !IGNORED.contains(&name.as_str()))
            .filter_map(|(name, value)| Some((name.as_str(), text::clean(value)?)))
            .collect();
        content.sort();
        let mut hash = Sha256::new();
        for (name, value) in content {
            // Lengths keep two different lists from looking alike.
            hash.update(format!("{}:{name}={}:", name.len(), value.len()));
            hash.update(value);
        }
        hex::encode(hash.finalize())
    }
}

fn body(request: &RawRequest) -> Result<Vec<(String, String)>, Undecodable> {
    let first = request.body.iter().find(|byte| !byte.is_ascii_whitespace());
    let says_json = request.header("content-type").is_some_and(|kind| kind.contains("json"));
    match first {
        None => Ok(Vec::new()),
        Some(b'{' | b'[') => json(&request.body),
        Some(_) if says_json => json(&request.body),
        Some(_) => Ok(form(&request.body).collect()),
    }
}

fn form(bytes: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    form_urlencoded::parse(bytes).map(|(name, value)| (name.trim().to_lowercase(), value.into_owned()))
}

fn json(body: &[u8]) -> Result<Vec<(String, String)>, Undecodable> {
    // The parser's own message may quote the body; the position is enough to find the fault.
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Undecodable(format!("broken JSON at line {}, column {}", error.line(), error.column()))
    })?;
    let mut pairs = Vec::new();
    flatten("", &value, &mut pairs);
    Ok(pairs)
}

fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.trim().to_lowercase();
                let full = if name.is_empty() { key } else { format!("{name}_{key}") };
                flatten(&full, value, pairs);
            }
        }
        Value::Array(list) => {
            let items: Vec<String> = list.iter().filter_map(scalar).collect();
            pairs.push((name.to_owned(), items.join(", ")));
        }
        other => pairs.extend(scalar(other).map(|text| (name.to_owned(), text))),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str, content_type: &str, body: &str) -> RawRequest {
        RawRequest {
            method: "POST".to_owned(),
            tail: "events".to_owned(),
            query: query.to_owned(),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_same_facts_are_the_same_request_in_every_form() {
        let query = request("number=12041&phone=%2B79035550127&secret=k7Q2m&ts=1", "", "");
        let digest = Params::read(&query).unwrap().digest();
        for other in [
            request("phone=%2B79035550127&number=12041+&secret=other", "", ""),
            request("", "application/x-www-form-urlencoded", "number=12041&phone=%2B79035550127&city="),
            request("", "application/json", r#"{"number":12041,"phone":"+79035550127","city":null}"#),
            request("", "text/plain", r#" {"number":"12041","phone":"+79035550127"}"#),
        ] {
            assert_eq!(Params::read(&other).unwrap().digest(), digest, "{other:?}");
        }
        let changed = request("number=12041&phone=%2B79035550199", "", "");
        assert_ne!(Params::read(&changed).unwrap().digest(), digest);
    }

    #[test]
    fn the_secret_is_never_among_the_parameters() {
        let params =
            Params::read(&request("secret=k7Q2m", "application/json", r#"{"secret":"k7Q2m"}"#)).unwrap();
        assert!(params.is_empty());
        assert!(!format!("{params:?}").contains("k7Q2m"));
    }

    #[test]
    fn json_broken_by_a_quote_is_said_without_its_content() {
        let broken =
            request("", "application/json", r#"{"positions":"Пакет "Всё сразу"","email":"m@example.ru"}"#);
        let Undecodable(why) = Params::read(&broken).unwrap_err();
        assert!(why.contains("broken JSON") && !why.contains("example"), "{why}");
    }
}
