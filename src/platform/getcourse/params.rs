//! The parameters of a «Вызвать URL» request, wherever its administrator put them: query, form, multipart form or
//! JSON (sheet, 1.1 and pitfall 25). Never shows the secret that may be among them. Enter at [`Params::read`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fields::{folded, is_known, names_of};
use super::text;
use crate::bounded::{self, EVENT, TooMuch, UNDECODED, Unread};
use crate::platform::RawRequest;

/// Not part of a request's content: the secret, and times that differ in every repeat.
const IGNORED: [&str; 6] = ["secret", "ts", "ts64", "time", "timestamp", "rand"];

/// Beginnings of the names of an order's source (G5).
pub const SOURCES: [&str; 4] = ["utm_", "user_utm_", "deal_utm_", "custom_utm_"];

/// Labels of an order's source that are kept, and the letters of each name and value.
const LABELS_MAX: usize = 32;
const LABEL_NAME_MAX: usize = 64;
const LABEL_MAX: usize = 512;

/// Names and raw values, the body's before the query's; nested JSON names are joined by `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
    /// Folded name → its places in `pairs`: a field is looked up under many names.
    places: HashMap<String, Vec<usize>>,
    /// Letters in no known encoding were left out.
    pub undecoded: bool,
}

impl Params {
    pub fn read(request: &RawRequest) -> Result<Self, Unread> {
        let mut pairs = body(request)?;
        pairs.extend(form(request.query.as_bytes())?);
        if pairs.len() > EVENT.values {
            return Err(TooMuch::Values.into());
        }
        pairs.retain(|(name, _)| name != "secret");
        let mut undecoded = false;
        for (name, value) in &mut pairs {
            undecoded |= value.contains(UNDECODED);
            name.retain(|c| c != UNDECODED);
            value.retain(|c| c != UNDECODED);
        }
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, (name, _)) in pairs.iter().enumerate() {
            places.entry(folded(name)).or_default().push(place);
        }
        Ok(Self { pairs, places, undecoded })
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Raw values of one of our fields, the best name first. A name given by the school replaces all of our
    /// names.
    pub fn raw<'a>(
        &'a self,
        field: &'a str,
        given: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let own = given.get(field).map(|name| self.places.get(&folded(name)));
        let names = if own.is_some() { &[] } else { names_of(field) };
        let places = own.flatten().into_iter().chain(names.iter().filter_map(|name| self.places.get(name)));
        places.flatten().map(|place| self.pairs[*place].1.as_str())
    }

    /// Names that nothing reads, also with the school's own names. One without a value may be the rest of a value
    /// with a bare `&` in it.
    pub fn unread(&self, given: &BTreeMap<String, String>) -> Vec<String> {
        let own = given.values().map(String::as_str);
        let own: BTreeSet<String> = own.chain(IGNORED).map(folded).collect();
        let is_source = |name: &str| SOURCES.iter().any(|beginning| name.starts_with(beginning));
        let unread = self.places.iter().filter(|(name, _)| !is_known(name) && !own.contains(*name));
        let mut places: Vec<usize> = unread.flat_map(|(_, places)| places).copied().collect();
        places.sort_unstable();
        let pairs = places.into_iter().map(|place| &self.pairs[place]);
        let told = pairs.filter(|(name, value)| !value.is_empty() && !is_source(name));
        told.map(|(name, _)| name.clone()).collect()
    }

    /// Whether a request of this address can bring this fact: the parameter is there, empty or not.
    pub fn has(&self, name: &str, given: &BTreeMap<String, String>) -> bool {
        let is_source = SOURCES.iter().any(|beginning| name.starts_with(beginning));
        self.raw(name, given).next().is_some() || (is_source && self.places.contains_key(&folded(name)))
    }

    /// The parameters whose name has one of these beginnings, cleaned and cut, by name, also empty ones; of too many the first.
    pub fn starting(&self, beginnings: &[&str]) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (name, value) in &self.pairs {
            let is_meant = beginnings.iter().any(|beginning| name.starts_with(beginning));
            if !is_meant || name.chars().nth(LABEL_NAME_MAX).is_some() {
                continue;
            }
            let value = text::clean(value).or_else(|| text::is_none(value).then(String::new));
            if let Some(value) = value
                && (!value.is_empty() || !found.contains_key(name))
                && (found.len() < LABELS_MAX || found.contains_key(name))
            {
                found.insert(name.clone(), value.chars().take(LABEL_MAX).collect());
            }
        }
        found
    }

    /// Equal for two requests with the same content, whatever their order and encoding.
    pub fn digest(&self) -> String {
        let mut content: Vec<(&str, String)> = self
            .pairs
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

fn body(request: &RawRequest) -> Result<Vec<(String, String)>, Unread> {
    let body = bounded::without_mark(&request.body);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let kind = request.header("content-type").unwrap_or_default().to_lowercase();
    match first {
        None => Ok(Vec::new()),
        Some(b'{' | b'[') => json(body),
        Some(_) if kind.contains("json") => json(body),
        Some(_) if kind.contains("multipart/form-data") => Ok(named(bounded::parts(body, &EVENT)?)),
        Some(_) => Ok(form(body)?),
    }
}

fn form(bytes: &[u8]) -> Result<Vec<(String, String)>, TooMuch> {
    Ok(named(bounded::form(bytes, &EVENT)?))
}

fn named(pairs: bounded::Pairs<'_>) -> Vec<(String, String)> {
    let named = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        (without_entity(name.trim()).to_lowercase(), value.into_owned())
    };
    let (listed, mut others): (Vec<_>, Vec<_>) =
        pairs.into_iter().map(named).partition(|(name, _)| list(name).is_some());
    let listed = listed.into_iter().filter_map(|(name, value)| Some((list(&name)?.to_owned(), value)));
    others.extend(joined(listed.collect()));
    others
}

/// The known name of a list that PHP writes as `offers[]` or `offers[0]`.
fn list(name: &str) -> Option<&str> {
    let (name, index) = name.strip_suffix(']')?.rsplit_once('[')?;
    let is_index = index.bytes().all(|byte| byte.is_ascii_digit());
    (is_index && is_known(&folded(name))).then_some(name)
}

/// An address that was copied from a page has `&amp;` between its parameters.
fn without_entity(name: &str) -> &str {
    name.strip_prefix("amp;").unwrap_or(name)
}

fn json(body: &[u8]) -> Result<Vec<(String, String)>, Unread> {
    let value = bounded::json(body, &EVENT)?;
    let mut pairs = Vec::new();
    flatten("", &value, &mut pairs);
    Ok(pairs)
}

/// The names are bounded: [`bounded::json`] counts each with those that it stands under.
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
            let mut inside = Vec::new();
            list.iter().for_each(|one| flatten(name, one, &mut inside));
            if inside.is_empty() {
                inside.push((name.to_owned(), String::new()));
            }
            pairs.extend(joined(inside));
        }
        other => pairs.extend(scalar(other).map(|text| (name.to_owned(), text))),
    }
}

/// What the entries of a list say under one name is one list: `positions_title`.
fn joined(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (name, value) in pairs {
        match places.get(&name) {
            Some(place) => joined[*place].1 += &format!(", {value}"),
            None => {
                places.insert(name.clone(), joined.len());
                joined.push((name, value));
            }
        }
    }
    joined
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

    /// What curl and PHP make of fields and a file.
    fn parts(fields: &[(&str, &str)], delimiter: &str) -> String {
        let file = r#"name="check"; filename="check.txt""#;
        let field = |(name, value): &(&str, &str)| (format!("name=\"{name}\""), (*value).to_owned());
        let all = fields.iter().map(field).chain([(file.to_owned(), "email=m@example.ru".to_owned())]);
        let part = |(head, value)| {
            format!("{delimiter}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
        };
        all.map(part).chain([format!("{delimiter}--\r\n")]).collect()
    }

    #[test]
    fn the_same_facts_are_the_same_request_in_every_form() {
        let query = request("number=12041&phone=%2B79035550127&secret=k7Q2m&ts=1", "", "");
        let digest = Params::read(&query).unwrap().digest();
        let fields = [("number", "12041"), ("phone", "+79035550127"), ("city", "")];
        for other in [
            request("phone=%2B79035550127&number=12041+&secret=other", "", ""),
            request("number=12041&amp;phone=%2B79035550127&amp;secret=k7Q2m", "", ""),
            request("", "application/x-www-form-urlencoded", "number=12041&phone=%2B79035550127&city="),
            request("", "application/json", r#"{"number":12041,"phone":"+79035550127","city":null}"#),
            request("", "text/plain", r#" {"number":"12041","phone":"+79035550127"}"#),
            request("", "application/json", "\u{feff}{\"number\":12041,\"phone\":\"+79035550127\"}"),
            request("", "", "\u{feff}number=12041&phone=%2B79035550127"),
            request("", "multipart/form-data; boundary=\"-x\"", &parts(&fields, "---x")),
            request("secret=k7Q2m", "Multipart/Form-Data", &parts(&fields, "--b")),
        ] {
            assert_eq!(Params::read(&other).unwrap().digest(), digest, "{other:?}");
        }
        let changed = request("number=12041&phone=%2B79035550199", "", "");
        assert_ne!(Params::read(&changed).unwrap().digest(), digest);
    }

    /// F6, F8: what stands in lists of objects is read, or named as unread.
    #[test]
    fn objects_in_a_list_are_parameters() {
        let body = r#"{"order_id":1,"positions":[{"title":"Курс П","cost":100},{"title":"Курс Р","cost":200}],
            "offers":[{"id":5512875},{"id":77}],"tags":["a",{"x":{"y":1}},["b"]]}"#;
        let params = Params::read(&request("", "application/json", body)).unwrap();
        let none = BTreeMap::new();
        let told = |field| params.raw(field, &none).collect::<Vec<_>>();
        assert_eq!(told("positions"), ["Курс П, Курс Р"]);
        assert_eq!((told("offers"), told("tags")), (vec!["5512875, 77"], vec!["a, b"]));
        assert_eq!(params.unread(&none), ["positions_cost", "tags_x_y"]);
        let one = r#"{"order_id":1,"offer":{"id":5512875,"title":"Курс У"}}"#;
        let params = Params::read(&request("", "application/json", one)).unwrap();
        let told = |field| params.raw(field, &none).collect::<Vec<_>>();
        assert_eq!((told("positions"), told("offers")), (vec!["Курс У"], vec!["5512875"]));
    }

    /// PHP writes what is nested into the names of a form.
    #[test]
    fn brackets_are_joined_as_nested_json_is() {
        let none = BTreeMap::new();
        for (body, unread) in [
            (
                "order[id]=7&order[offers][0]=5512874&order[offers][1]=77&tags[]=a&tags[]=b&user[id]=9&user[skidka]=1",
                "user[skidka]",
            ),
            (
                r#"{"order":{"id":7,"offers":[5512874,77]},"tags":["a","b"],"user":{"id":9,"skidka":1}}"#,
                "user_skidka",
            ),
        ] {
            let params = Params::read(&request("", "", body)).unwrap();
            let told = |field| params.raw(field, &none).collect::<Vec<_>>();
            assert_eq!((told("order_id"), told("user_id")), (vec!["7"], vec!["9"]), "{body}");
            assert_eq!((told("offers"), told("tags")), (vec!["5512874, 77"], vec!["a, b"]), "{body}");
            assert_eq!(params.unread(&none), [unread], "{body}");
        }
    }

    #[test]
    fn broken_parts_are_said_without_their_content() {
        for body in ["--b", "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAnna & Petrova"] {
            let why = Params::read(&request("", "multipart/form-data; boundary=b", body)).unwrap_err();
            assert!(matches!(why, Unread::Parts), "{why}");
        }
        let empty = request("", "multipart/form-data; boundary=b", "--b--\r\n");
        assert!(Params::read(&empty).unwrap().is_empty());
    }

    #[test]
    fn the_secret_is_never_among_the_parameters() {
        let params =
            Params::read(&request("secret=k7Q2m", "application/json", r#"{"secret":"k7Q2m"}"#)).unwrap();
        assert!(params.is_empty());
        assert!(!format!("{params:?}").contains("k7Q2m"));
    }

    #[test]
    fn labels_of_a_source_are_bounded() {
        let many: String = (0..100).map(|n| format!("utm_{n:03}={}&", "a".repeat(600))).collect();
        let named = format!("utm_{}=1&utm_source=vk", "n".repeat(80));
        let params = Params::read(&request("", "", &format!("utm_medium=cpc&{many}{named}"))).unwrap();
        let labels = params.starting(&SOURCES);
        assert_eq!((labels.len(), labels["utm_medium"].as_str()), (LABELS_MAX, "cpc"));
        assert!(labels.values().all(|value| value.len() <= LABEL_MAX));
    }

    #[test]
    fn a_body_that_is_too_deep_or_too_wide_is_not_built() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
        let names = format!(
            r#"{{"{0}":{{"{0}":{{{1}}}}}}}"#,
            "n".repeat(900),
            r#""k":1,"#.repeat(200).trim_end_matches(',')
        );
        for (body, expected) in [
            (deep, TooMuch::Depth),
            (format!("[{}]", "[],".repeat(4_000).trim_end_matches(',')), TooMuch::Values),
            (format!("[{}]", "0,".repeat(6_000).trim_end_matches(',')), TooMuch::Values),
            (names, TooMuch::Names),
            (format!(r#"{{"{}":1}}"#, "n".repeat(2_000)), TooMuch::Name),
            ("a=1&".repeat(6_000), TooMuch::Values),
            (format!("a={}", "x".repeat(200_000)), TooMuch::Value),
        ] {
            assert_eq!(Params::read(&request("", "", &body)), Err(expected.into()));
        }
        let both = request(&"b=1&".repeat(1_500), "", &"a=1&".repeat(1_500));
        assert_eq!(Params::read(&both), Err(TooMuch::Values.into()));
    }

    #[test]
    fn json_broken_by_a_quote_is_said_without_its_content() {
        let broken =
            request("", "application/json", r#"{"positions":"Пакет "Всё сразу"","email":"m@example.ru"}"#);
        let why = Params::read(&broken).unwrap_err().to_string();
        assert!(why.contains("broken JSON") && !why.contains("example"), "{why}");
    }
}
