//! Requests, answers and webhooks as plain values, and the small codecs that all stand-ins share.
//! It never opens a socket and knows nothing of any platform's rules.
//! Enter at [`WireRequest`], [`WireAnswer`] and [`Hook`].

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::lines::Line;

/// Everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which stand-in a request is for, or a webhook comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    Amocrm,
    Getcourse,
    Line(Line),
}

impl Platform {
    /// As it stands in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Platform::Amocrm => "amocrm",
            Platform::Getcourse => "getcourse",
            Platform::Line(line) => line.name(),
        }
    }

    /// By the name that it has in addresses.
    pub fn named(name: &str) -> Option<Platform> {
        match name {
            "amocrm" => Some(Platform::Amocrm),
            "getcourse" => Some(Platform::Getcourse),
            name => Line::named(name).map(Platform::Line),
        }
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One API request of the bridge.
#[derive(Clone, Debug)]
pub struct WireRequest {
    pub platform: Platform,
    /// Upper case.
    pub method: String,
    /// With the query, without the host.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl WireRequest {
    /// The path without the query and without a slash at its end.
    pub fn path_only(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or("");
        if path.len() > 1 { path.trim_end_matches('/') } else { path }
    }

    /// The decoded pairs of the query.
    pub fn query(&self) -> Query {
        Query::parse(self.path.split_once('?').map_or("", |(_, query)| query).as_bytes())
    }

    /// The decoded pairs of a form body; none of a body that says it is something else.
    pub fn form(&self) -> Query {
        match self.header("content-type") {
            Some(kind) if !kind.starts_with("application/x-www-form-urlencoded") => Query::default(),
            _ => Query::parse(&self.body),
        }
    }

    /// A header by its name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What follows `Bearer ` in the header `Authorization`.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ").map(str::trim)
    }
}

/// The pairs of a query or a form, in their order.
#[derive(Clone, Debug, Default)]
pub struct Query(pub Vec<(String, String)>);

impl Query {
    /// Decodes `a=b&c=d`; `+` is a space.
    pub fn parse(bytes: &[u8]) -> Query {
        let pairs = form_urlencoded::parse(bytes);
        Query(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The value of a name; the last one where a name is repeated, as PHP reads it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A number by its name.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.trim().parse().ok()
    }

    /// What PHP makes of `name`, `name[]`, `name[0]` and `name[word]`: brackets make a list, in which `[]` is a
    /// new item and a repeated index replaces the earlier one; a plain value replaces all before it.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let (mut found, mut next, mut plain) = (Vec::<(String, &str)>::new(), 0, false);
        for (key, value) in self.0.iter().map(|(key, value)| (key, value.as_str())) {
            let Some(rest) = key.strip_prefix(name) else { continue };
            let index = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let index = match index {
                None if rest.is_empty() => {
                    (found, plain) = (vec![(String::new(), value)], true);
                    continue;
                }
                Some(index) if !index.contains(['[', ']']) => index,
                _ => continue,
            };
            if std::mem::take(&mut plain) {
                (found, next) = (Vec::new(), 0);
            }
            let index = if index.is_empty() { next.to_string() } else { index.to_owned() };
            next = index.parse::<u64>().map_or(next, |index| next.max(index.saturating_add(1)));
            found.retain(|(known, _)| *known != index);
            found.push((index, value));
        }
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// A list whose items may also stand in one value with commas between them.
    pub fn words(&self, name: &str) -> Vec<&str> {
        let items = self.list(name).into_iter().flat_map(|text| text.split(','));
        items.map(str::trim).filter(|word| !word.is_empty()).collect()
    }

    /// Least and most of `name[from]` and `name[to]`; a plain value is the least.
    pub fn range(&self, name: &str) -> (Option<i64>, Option<i64>) {
        let edge = |word: &str| self.int(&format!("{name}[{word}]"));
        (edge("from").or_else(|| self.int(name)), edge("to"))
    }

    /// The pairs of `name[0][a]`, `name[0][b]`, `name[1][a]` … for the keys `a` and `b`.
    pub fn pairs(&self, name: &str, (first, second): (&str, &str)) -> Vec<(Option<&str>, Option<&str>)> {
        let indexes: std::collections::BTreeSet<&str> = self
            .0
            .iter()
            .filter_map(|(key, _)| key.strip_prefix(name)?.strip_prefix('[')?.split_once("]["))
            .map(|(index, _)| index)
            .collect();
        let of = |index: &str, key: &str| self.get(&format!("{name}[{index}][{key}]"));
        indexes.into_iter().map(|index| (of(index, first), of(index, second))).collect()
    }
}

/// What a stand-in answers.
#[derive(Clone, Debug, Default)]
pub struct WireAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The request was carried out, but the connection drops before the answer.
    pub broken_off: bool,
    /// How long the answer waits, in milliseconds.
    pub delay_ms: u64,
}

impl WireAnswer {
    /// A status without a body.
    pub fn empty(status: u16) -> WireAnswer {
        WireAnswer { status, ..WireAnswer::default() }
    }

    /// A body of some content type.
    pub fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> WireAnswer {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        WireAnswer { status, headers, body: body.into(), ..WireAnswer::default() }
    }

    /// `application/json`.
    pub fn json(status: u16, value: &Value) -> WireAnswer {
        WireAnswer::of(status, "application/json", value.to_string())
    }

    /// A page as gateways send it.
    pub fn html(status: u16, title: &str) -> WireAnswer {
        let page = format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        WireAnswer::of(status, "text/html", page)
    }

    /// The body as JSON; `Null` where it is none. For tests and expectations.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// A webhook on its way to the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// Ours, for [`super::World::hook_answered`]; a repeated delivery keeps it.
    pub id: u64,
    pub platform: Platform,
    pub url: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// Percent-encodes with `%20` for a space, upper-case hex.
pub fn percent(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Percent-encodes as forms do: `+` for a space.
pub fn form_text(text: &str) -> String {
    percent(text).replace("%20", "+")
}

/// A form body from its pairs, keys and values encoded.
pub fn form_body(pairs: &[(String, String)]) -> String {
    let parts: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}={}", form_text(key), form_text(value))).collect();
    parts.join("&")
}

/// The digits of a text.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The last ten digits of a phone: what amoCRM matches calls by. `None` for fewer than ten.
pub fn phone_key(text: &str) -> Option<String> {
    let digits = digits(text);
    (digits.len() >= 10).then(|| digits[digits.len() - 10..].to_owned())
}

/// A phone as an exchange writes it: `7XXXXXXXXXX`, no plus.
pub fn phone_dialled(text: &str) -> String {
    let digits = digits(text);
    match digits.len() {
        11 if digits.starts_with('8') => format!("7{}", &digits[1..]),
        10 => format!("7{digits}"),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_read_as_php_reads_them() {
        for (query, wanted) in [
            ("id=1&id=2", vec!["2"]),
            ("id[]=1&id[]=2", vec!["1", "2"]),
            ("id[0]=1&id[0]=2", vec!["2"]),
            ("id[1]=1&id[]=2&id[0]=3", vec!["1", "2", "3"]),
            ("id[]=1&id=2", vec!["2"]),
            ("id=1&id[]=2", vec!["2"]),
            ("id[a]=1&ids[]=2&id[x][y]=3", vec!["1"]),
        ] {
            assert_eq!(Query::parse(query.as_bytes()).list("id"), wanted, "{query}");
        }
        let query = Query::parse(b"at=5&till[from]=1&till[to]=2&a=1&a=2&w=x,y&s[0][p]=1&s[0][q]=2&s[1][p]=3");
        assert_eq!((query.range("at"), query.range("till")), ((Some(5), None), (Some(1), Some(2))));
        assert_eq!((query.get("a"), query.words("w")), (Some("2"), vec!["x", "y"]));
        assert_eq!(query.pairs("s", ("p", "q")), [(Some("1"), Some("2")), (Some("3"), None)]);
    }
}
