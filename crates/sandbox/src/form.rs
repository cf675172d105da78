//! Templates of wire bodies: JSON with `{path}` where a stand-in fills in a value. It never invents a value:
//! a key without a value in the event is left out, as the platforms do. Enter at [`fill`].

use serde_json::{Map, Value};

/// The template filled from `event`; `None` if the template is not JSON.
pub fn fill(form: &str, event: &Value) -> Option<String> {
    let form: Value = serde_json::from_str(form).ok()?;
    Some(filled(&form, event)?.to_string())
}

fn filled(form: &Value, event: &Value) -> Option<Value> {
    match form {
        Value::String(text) => match place(text) {
            Some(path) => path.split('.').try_fold(event, |here, name| here.get(name)).cloned(),
            None => Some(form.clone()),
        },
        Value::Object(keys) => {
            let filled: Map<String, Value> =
                keys.iter().filter_map(|(key, value)| Some((key.clone(), filled(value, event)?))).collect();
            Some(Value::Object(filled))
        }
        other => Some(other.clone()),
    }
}

/// `from.extension` of `{from.extension}`.
fn place(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_filled_with_their_types_and_missing_ones_left_out() {
        let form =
            r#"{"a": "{a}", "side": {"number": "{to.number}", "extension": "{to.extension}"}, "fixed": "x"}"#;
        let event = json!({"a": 7, "to": {"number": "79035550127"}});
        let body: Value = serde_json::from_str(&fill(form, &event).unwrap()).unwrap();
        assert_eq!(body, json!({"a": 7, "side": {"number": "79035550127"}, "fixed": "x"}));
        assert_eq!(fill("no json", &event), None);
    }
}
