//! Custom fields: what requests may write, what reads and webhooks show (sheet 3.0, 4.3). It never stores
//! anything itself. Enter at [`FieldBook`].

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::checks::Flaw;
use super::model::{FieldValue, Fields};
use crate::setup::{EnumSetup, FieldSetup};

/// The field definitions of one kind of entity.
#[derive(Clone, Debug)]
pub struct FieldBook(pub Vec<FieldSetup>);

/// The field changes of a request: values to set, empty to clear.
pub type FieldChanges = Vec<(i64, Vec<FieldValue>)>;

impl FieldBook {
    /// The definitions of contacts: PHONE and EMAIL and the given ones.
    pub fn of_contacts(more: &[FieldSetup]) -> FieldBook {
        let choice = |id, code: &str| EnumSetup { id, value: code.into(), code: Some(code.into()) };
        let phone = ["WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER"];
        let phone_ids = [512_301, 512_303, 512_305, 512_307, 512_309, 512_311];
        let email_ids = [512_313, 512_315, 512_317];
        let multitext = |id, name: &str, code: &str, enums| FieldSetup {
            id,
            name: name.into(),
            code: Some(code.into()),
            kind: "multitext".into(),
            enums,
        };
        let mut book = vec![
            multitext(
                884_201,
                "Телефон",
                "PHONE",
                phone.iter().zip(phone_ids).map(|(code, id)| choice(id, code)).collect(),
            ),
            multitext(
                884_203,
                "Email",
                "EMAIL",
                ["WORK", "PRIV", "OTHER"].iter().zip(email_ids).map(|(code, id)| choice(id, code)).collect(),
            ),
        ];
        book.extend_from_slice(more);
        FieldBook(book)
    }

    /// A definition by id.
    pub fn by_id(&self, id: i64) -> Option<&FieldSetup> {
        self.0.iter().find(|field| field.id == id)
    }

    /// A definition by code, or by name as people see it.
    pub fn by_name(&self, name: &str) -> Option<&FieldSetup> {
        let by_code = self.0.iter().find(|field| field.code.as_deref() == Some(name));
        by_code.or_else(|| self.0.iter().find(|field| field.name == name))
    }

    /// Reads `custom_fields_values`; flaws name the dotted path.
    pub fn read(&self, value: Option<&Value>, flaws: &mut Vec<Flaw>) -> FieldChanges {
        let Some(value) = value else {
            return Vec::new();
        };
        let items = match value {
            Value::Null => return Vec::new(),
            Value::Array(items) => items,
            _ => {
                flaws.push(Flaw::kind("custom_fields_values", "array"));
                return Vec::new();
            }
        };
        let mut changes = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("custom_fields_values.{index}");
            let Some(item) = item.as_object() else {
                flaws.push(Flaw::kind(&path, "object"));
                continue;
            };
            match self.named(item) {
                Some(field) => {
                    if let Some(values) = read_values(field, item.get("values"), &path, flaws) {
                        changes.push((field.id, values));
                    }
                }
                None if item.contains_key("field_id") => flaws.push(Flaw::choice(format!("{path}.field_id"))),
                None if item.contains_key("field_code") => {
                    flaws.push(Flaw::choice(format!("{path}.field_code")))
                }
                None => flaws.push(Flaw::missing(format!("{path}.field_id"))),
            }
        }
        changes
    }

    fn named(&self, item: &Map<String, Value>) -> Option<&FieldSetup> {
        if let Some(id) = item.get("field_id").and_then(Value::as_i64) {
            return self.by_id(id);
        }
        let code = item.get("field_code")?.as_str()?;
        self.0.iter().find(|field| field.code.as_deref() == Some(code))
    }

    /// A text that a person typed or chose, as a value of the field.
    pub fn typed(&self, name: &str, text: &str) -> Option<(i64, Vec<FieldValue>)> {
        let field = self.by_name(name)?;
        if text.is_empty() {
            return Some((field.id, Vec::new()));
        }
        let value = match field.kind.as_str() {
            "date" | "date_time" | "birthday" => json!(text.parse::<i64>().ok()?),
            "checkbox" => json!(matches!(text, "1" | "true" | "да" | "Да")),
            _ => json!(text),
        };
        let choice = field.enums.iter().find(|choice| choice.value == text);
        if choice.is_none() && is_choice(&field.kind) {
            return None;
        }
        let enum_id = choice.map(|choice| choice.id).or_else(|| field.enums.first().map(|choice| choice.id));
        Some((field.id, vec![FieldValue { value, enum_id }]))
    }

    /// `custom_fields_values` of a read; `null` if there are none.
    pub fn show(&self, fields: &Fields) -> Value {
        let shown: Vec<Value> = self
            .0
            .iter()
            .filter_map(|field| Some((field, fields.get(&field.id).filter(|values| !values.is_empty())?)))
            .map(|(field, values)| {
                let values: Vec<Value> = values.iter().map(|value| show_value(field, value)).collect();
                json!({"field_id": field.id, "field_name": field.name, "field_code": field.code,
                       "field_type": field.kind, "values": values})
            })
            .collect();
        if shown.is_empty() { Value::Null } else { Value::Array(shown) }
    }

    /// The same as webhooks show it: pairs of a bracketed suffix and a text.
    pub fn show_in_hook(&self, fields: &Fields) -> Vec<(String, String)> {
        let filled = self
            .0
            .iter()
            .filter_map(|field| Some((field, fields.get(&field.id).filter(|values| !values.is_empty())?)));
        let mut pairs = Vec::new();
        for (index, (field, values)) in filled.enumerate() {
            let prefix = format!("[custom_fields][{index}]");
            pairs.push((format!("{prefix}[id]"), field.id.to_string()));
            pairs.push((format!("{prefix}[name]"), field.name.clone()));
            for (place, value) in values.iter().enumerate() {
                push_hook_value(&mut pairs, &prefix, field, place, value);
            }
            if let Some(code) = &field.code {
                pairs.push((format!("{prefix}[code]"), code.clone()));
            }
        }
        pairs
    }
}

fn push_hook_value(
    pairs: &mut Vec<(String, String)>,
    prefix: &str,
    field: &FieldSetup,
    place: usize,
    value: &FieldValue,
) {
    let at = match field.kind.as_str() {
        "date" | "date_time" => {
            return pairs.push((format!("{prefix}[values][{place}]"), value.text()));
        }
        "radiobutton" => format!("{prefix}[values]"),
        _ => format!("{prefix}[values][{place}]"),
    };
    pairs.push((format!("{at}[value]"), value.text()));
    if let Some(id) = value.enum_id {
        pairs.push((format!("{at}[enum]"), id.to_string()));
    }
}

fn is_choice(kind: &str) -> bool {
    matches!(kind, "select" | "radiobutton" | "multiselect" | "category")
}

/// `None` if something is wrong; the flaw is recorded.
fn read_values(
    field: &FieldSetup,
    values: Option<&Value>,
    path: &str,
    flaws: &mut Vec<Flaw>,
) -> Option<Vec<FieldValue>> {
    let items = match values {
        Some(Value::Null) => return Some(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => {
            flaws.push(Flaw::kind(format!("{path}.values"), "array"));
            return None;
        }
        None => {
            flaws.push(Flaw::missing(format!("{path}.values")));
            return None;
        }
    };
    let before = flaws.len();
    let mut read = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}.values.{index}");
        match item.as_object() {
            Some(item) => read.extend(read_value(field, item, &path, flaws)),
            None => flaws.push(Flaw::kind(path, "object")),
        }
    }
    (flaws.len() == before).then_some(read)
}

fn read_value(
    field: &FieldSetup,
    item: &Map<String, Value>,
    path: &str,
    flaws: &mut Vec<Flaw>,
) -> Option<FieldValue> {
    let value = item.get("value").cloned().unwrap_or(Value::Null);
    if is_choice(&field.kind) {
        let found = find_choice(field, item);
        let Some(choice) = found else {
            let key = if item.contains_key("enum_id") { "enum_id" } else { "value" };
            flaws.push(Flaw::choice(format!("{path}.{key}")));
            return None;
        };
        return Some(FieldValue { value: json!(choice.value), enum_id: Some(choice.id) });
    }
    let wrong = match field.kind.as_str() {
        "checkbox" => (!value.is_boolean()).then_some("bool"),
        "date" | "date_time" | "birthday" => {
            let text = value.as_str().is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok());
            (!value.is_i64() && !text).then_some("int")
        }
        _ => (!value.is_string() && !value.is_number()).then_some("string"),
    };
    if let Some(wanted) = wrong {
        flaws.push(Flaw::kind(format!("{path}.value"), wanted));
        return None;
    }
    if field.kind != "multitext" {
        return Some(FieldValue { value: as_stored(field, value), enum_id: None });
    }
    let named = item.contains_key("enum_id") || item.contains_key("enum_code");
    let choice = if named { find_choice(field, item) } else { field.enums.first() };
    if choice.is_none() {
        flaws.push(Flaw::choice(format!("{path}.enum_code")));
    }
    Some(FieldValue { value: as_stored(field, value), enum_id: choice.map(|choice| choice.id) })
}

fn find_choice<'a>(field: &'a FieldSetup, item: &Map<String, Value>) -> Option<&'a EnumSetup> {
    if let Some(id) = item.get("enum_id").filter(|id| !id.is_null()) {
        return field.enums.iter().find(|choice| Some(choice.id) == id.as_i64());
    }
    if let Some(code) = item.get("enum_code").and_then(Value::as_str) {
        return field.enums.iter().find(|choice| choice.code.as_deref() == Some(code));
    }
    let value = item.get("value").and_then(Value::as_str)?;
    field.enums.iter().find(|choice| choice.value == value)
}

/// Dates become Unix seconds; everything except dates and checkboxes becomes text.
fn as_stored(field: &FieldSetup, value: Value) -> Value {
    match (field.kind.as_str(), &value) {
        ("date" | "date_time" | "birthday", Value::String(text)) => {
            DateTime::parse_from_rfc3339(text).map_or(Value::Null, |moment| json!(moment.timestamp()))
        }
        ("date" | "date_time" | "birthday" | "checkbox", _) => value,
        (_, Value::Number(number)) => json!(number.to_string()),
        _ => value,
    }
}

fn show_value(field: &FieldSetup, value: &FieldValue) -> Value {
    let mut shown = json!({"value": value.value});
    if let Some(id) = value.enum_id {
        let code = field.enums.iter().find(|choice| choice.id == id).and_then(|choice| choice.code.clone());
        shown["enum_id"] = json!(id);
        shown["enum_code"] = json!(code);
    }
    shown
}
