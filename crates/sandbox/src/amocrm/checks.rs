//! Reads the items of a request, with the documented validation errors (sheet 2.3). It never changes
//! anything: one invalid item rejects its whole batch before anything is stored. Enter at [`Reader`] and
//! [`batch`].

use serde_json::{Map, Value, json};

use crate::wire::{WireAnswer, WireRequest};

/// One line of `validation-errors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub code: &'static str,
    pub path: String,
    pub detail: String,
}

impl Flaw {
    /// An id or choice that does not exist.
    pub fn choice(path: impl Into<String>) -> Flaw {
        Flaw {
            code: "NotSupportedChoice",
            path: path.into(),
            detail: "The value you selected is not a valid choice.".into(),
        }
    }

    /// A value of another type.
    pub fn kind(path: impl Into<String>, wanted: &str) -> Flaw {
        Flaw {
            code: "InvalidType",
            path: path.into(),
            detail: format!("This value should be of type {wanted}."),
        }
    }

    /// A required field that is missing.
    pub fn missing(path: impl Into<String>) -> Flaw {
        Flaw { code: "FieldMissing", path: path.into(), detail: "This field is missing.".into() }
    }

    /// A text beyond its limit.
    pub fn long(path: impl Into<String>, most: usize) -> Flaw {
        let detail = format!("This value is too long. It should have {most} characters or less.");
        Flaw { code: "TooLong", path: path.into(), detail }
    }
}

/// Reads one item and collects its errors.
pub struct Reader<'a> {
    item: &'a Map<String, Value>,
    pub flaws: Vec<Flaw>,
}

impl<'a> Reader<'a> {
    pub fn new(item: &'a Map<String, Value>) -> Reader<'a> {
        Reader { item, flaws: Vec::new() }
    }

    /// A raw value; absent for a missing key.
    pub fn raw(&self, key: &str) -> Option<&'a Value> {
        self.item.get(key)
    }

    /// A whole number; `null` counts as absent.
    pub fn int(&mut self, key: &str) -> Option<i64> {
        match self.item.get(key) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = value.as_i64();
                if number.is_none() {
                    self.flaws.push(Flaw::kind(key, "int"));
                }
                number
            }
        }
    }

    /// A text; `null` counts as absent.
    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.item.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.flaws.push(Flaw::kind(key, "string"));
                None
            }
        }
    }

    /// A boolean.
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        match self.item.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(on)) => Some(*on),
            Some(_) => {
                self.flaws.push(Flaw::kind(key, "bool"));
                None
            }
        }
    }

    /// Records that a value is not one of the known ones.
    pub fn not_a_choice(&mut self, path: &str) {
        self.flaws.push(Flaw::choice(path));
    }
}

/// An item of a batch with its `request_id`.
pub type BatchItem = (String, Map<String, Value>);

/// The items of a request that takes an array, with their `request_id` (default: the index).
pub fn batch(request: &WireRequest, most: usize) -> Result<Vec<BatchItem>, WireAnswer> {
    let Some(Value::Array(items)) = request.json() else {
        return Err(problem(400, "Bad Request", "Unexpected JSON: an array is needed"));
    };
    if items.is_empty() || items.len() > most {
        return Err(problem(400, "Bad Request", &format!("From 1 to {most} items are needed")));
    }
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let Value::Object(item) = item else {
            return Err(problem(400, "Bad Request", "Each item is an object"));
        };
        let id = match item.get("request_id") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => index.to_string(),
        };
        read.push((id, item));
    }
    Ok(read)
}

/// Reads every item of a request that takes an array; one invalid item rejects them all.
pub fn read_batch<T>(
    request: &WireRequest,
    most: usize,
    mut read: impl FnMut(&Map<String, Value>) -> Result<T, Vec<Flaw>>,
) -> Result<Vec<(String, T)>, WireAnswer> {
    let (mut good, mut flawed) = (Vec::new(), Vec::new());
    for (request_id, item) in batch(request, most)? {
        match read(&item) {
            Ok(read) => good.push((request_id, read)),
            Err(flaws) => flawed.push((request_id, flaws)),
        }
    }
    if flawed.is_empty() { Ok(good) } else { Err(rejected(&flawed)) }
}

/// The id of an item of an edit; 0 is not a valid id.
pub fn id_of(item: &Map<String, Value>) -> i64 {
    item.get("id").and_then(Value::as_i64).unwrap_or(0)
}

/// The answer to a batch with invalid items.
pub fn rejected(flawed: &[(String, Vec<Flaw>)]) -> WireAnswer {
    let errors: Vec<Value> = flawed
        .iter()
        .map(|(request_id, flaws)| {
            let lines: Vec<Value> = flaws
                .iter()
                .map(|flaw| json!({"code": flaw.code, "path": flaw.path, "detail": flaw.detail}))
                .collect();
            json!({"request_id": request_id, "errors": lines})
        })
        .collect();
    let body = json!({
        "validation-errors": errors, "title": "Bad Request", "type": "https://httpstatus.es/400",
        "status": 400, "detail": "Request validation failed",
    });
    WireAnswer::of(400, "application/problem+json", body.to_string())
}

/// An error without validation lines.
pub fn problem(status: u16, title: &str, detail: &str) -> WireAnswer {
    let body = json!({"title": title, "type": format!("https://httpstatus.es/{status}"), "status": status, "detail": detail});
    WireAnswer::of(status, "application/problem+json", body.to_string())
}

/// A success in the API's format.
pub fn hal(status: u16, body: &Value) -> WireAnswer {
    WireAnswer::of(status, "application/hal+json", body.to_string())
}

/// Cuts a list to the requested page: `_page`, `_links`, `_embedded`; 204 if it is empty.
pub fn page(
    request: &WireRequest,
    name: &str,
    items: Vec<Value>,
    limits: (usize, usize),
    base: &str,
) -> WireAnswer {
    page_of(request, name, items, limits, base, |shown| shown)
}

/// The same for entities; only those of the page are read.
pub fn page_of<T>(
    request: &WireRequest,
    name: &str,
    items: Vec<T>,
    limits: (usize, usize),
    base: &str,
    show: impl FnMut(T) -> Value,
) -> WireAnswer {
    let query = request.query();
    let positive = |key: &str| {
        query.int(key).and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0)
    };
    let limit = positive("limit").unwrap_or(limits.0).min(limits.1);
    let number = positive("page").unwrap_or(1);
    let start = (number - 1).saturating_mul(limit);
    if start >= items.len() {
        return WireAnswer::empty(204);
    }
    let more = start + limit < items.len();
    let shown: Vec<Value> = items.into_iter().skip(start).take(limit).map(show).collect();
    let href = |page: usize| {
        let mut pairs: Vec<(String, String)> =
            query.0.iter().filter(|(key, _)| key != "page").cloned().collect();
        pairs.push(("page".into(), page.to_string()));
        json!({"href": format!("{base}{}?{}", request.path_only(), crate::wire::form_body(&pairs))})
    };
    let mut links = json!({"self": href(number)});
    if more {
        links["next"] = href(number + 1);
    }
    if number > 1 {
        links["prev"] = href(number - 1);
        links["first"] = href(1);
    }
    hal(200, &json!({"_page": number, "_links": links, "_embedded": {name: shown}}))
}
