//! Leaves out what a validation error names and what can be left out, so that a removed field or
//! a deactivated user does not hold up a whole lead.
//! Never leaves out a stage, a pipeline or an entity: those mean a broken mapping, and a person.
//! Enter at [`send`].

use serde_json::Value;

use super::card::{number, text};
use super::client::{AmoClient, Call};
use super::judge::{Named, Reply};
use crate::platform::Fault;

/// A value may first need another type, then have to go; more rounds than this help nobody.
const ROUNDS: usize = 3;

/// A field's value that the account did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub field: u64,
    pub value: String,
}

/// Sends a write of one item. A 400 stores nothing, so sending again without the named part is
/// safe. What was left out comes back, to be shown to a person.
pub async fn send(client: &AmoClient, mut call: Call) -> Result<(Reply, Vec<LeftOut>), Fault> {
    let mut left_out = Vec::new();
    for _ in 1..ROUNDS {
        let reply = client.send(&call).await?;
        let Reply::Rejected(rejection) = &reply else { return Ok((reply, left_out)) };
        let named = rejection.named();
        let mended = call.body.as_mut().and_then(|body| mend(body, &named));
        let (false, Some(mut gone)) = (named.is_empty(), mended) else { return Ok((reply, left_out)) };
        for one in &named {
            tracing::warn!(code = %one.code, path = %one.path, "amoCRM refused a part of a write: {} at {}", one.code, one.path);
        }
        left_out.append(&mut gone);
    }
    Ok((client.send(&call).await?, left_out))
}

/// As [`send`], where any rejection that is left is final.
pub async fn write(client: &AmoClient, call: Call) -> Result<(Value, Vec<LeftOut>), Fault> {
    match send(client, call).await? {
        (Reply::Body(body), left_out) => Ok((body, left_out)),
        (Reply::Nothing, left_out) => Ok((Value::Null, left_out)),
        (Reply::Rejected(rejection), _) => Err(rejection.fault()),
    }
}

/// `None` if one of the named parts cannot be left out.
fn mend(body: &mut Value, named: &[Named]) -> Option<Vec<LeftOut>> {
    let item = if body.is_array() { body.get_mut(0)? } else { body };
    let mut gone = Vec::new();
    // From the back, so that the indexes before stay true.
    let mut paths: Vec<Vec<&str>> = named.iter().map(|one| segments(&one.path)).collect();
    paths.sort_by_key(|path| std::cmp::Reverse(field_at(path).map(|(_, index)| index)));
    let mut last = None;
    for path in paths {
        let place = field_at(&path).map(|(at, index)| (path[..at].join("."), index));
        if place.is_some() && place == last {
            continue;
        }
        match field_at(&path) {
            Some((at, index)) => {
                let holder = path[..at].iter().try_fold(&mut *item, |value, part| child(value, part))?;
                gone.extend(mend_field(holder, index)?);
            }
            None => {
                let (name, holder) = droppable(&path)?;
                let holder = holder.iter().try_fold(&mut *item, |value, part| child(value, part))?;
                holder.as_object_mut()?.remove(name)?;
            }
        }
        last = place;
    }
    Some(gone)
}

/// Sends a text as the yes or the number that it is; what is neither goes.
fn mend_field(holder: &mut Value, index: usize) -> Option<Option<LeftOut>> {
    let fields = holder["custom_fields_values"].as_array_mut()?;
    let field = fields.get_mut(index)?;
    if let Some(value) = field.pointer_mut("/values/0/value") {
        let typed = match value.as_str() {
            Some("true") => Some(Value::Bool(true)),
            Some("false") => Some(Value::Bool(false)),
            Some(text) => text.parse::<i64>().ok().map(Value::from),
            None => None,
        };
        if let Some(typed) = typed {
            *value = typed;
            return Some(None);
        }
    }
    let field = fields.remove(index);
    let value = match &field["values"][0]["value"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A field named by its code is the platform's own and is never left out silently.
    Some(number(&field["field_id"]).map(|id| LeftOut { field: id, value }))
}

/// A leading index is the item's own place in the request.
fn segments(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.split('.').collect();
    if parts.first().is_some_and(|part| part.parse::<usize>().is_ok()) {
        parts.remove(0);
    }
    parts
}

fn field_at(path: &[&str]) -> Option<(usize, usize)> {
    let at = path.iter().position(|part| *part == "custom_fields_values")?;
    Some((at, path.get(at + 1)?.parse().ok()?))
}

fn droppable<'a>(path: &'a [&'a str]) -> Option<(&'a str, &'a [&'a str])> {
    const NAMES: [&str; 5] =
        ["responsible_user_id", "created_by", "loss_reason_id", "tags_to_add", "call_responsible"];
    let at = path.iter().position(|part| NAMES.contains(part))?;
    Some((path[at], &path[..at]))
}

fn child<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        Value::Object(_) => value.get_mut(part),
        _ => None,
    }
}

/// A line for the feed, so that what a field did not take is not lost.
pub fn line(left_out: &[LeftOut]) -> Option<String> {
    let listed: Vec<String> =
        left_out.iter().map(|one| format!("поле {}: {}", one.field, one.value)).collect();
    (!listed.is_empty()).then(|| format!("Не записано в поля amoCRM: {}", listed.join("; ")))
}

/// The legacy code of `errors[]` in answers of the calls method.
pub fn call_errors(body: &Value) -> Vec<u64> {
    super::card::list(&body["errors"])
        .iter()
        .filter_map(|error| number(&error["status"]).or_else(|| text(&error["code"]).parse().ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(path: &str) -> Named {
        Named { code: "NotSupportedChoice".to_owned(), path: path.to_owned() }
    }

    #[test]
    fn a_refused_field_is_left_out_and_told() {
        let mut body = json!([{ "name": "Заказ", "status_id": 1, "responsible_user_id": 9, "custom_fields_values": [
            { "field_id": 11, "values": [{ "value": "true" }] },
            { "field_id": 12, "values": [{ "value": "Стандарт" }] },
            { "field_id": 13, "values": [{ "value": "остаётся" }] },
        ] }]);
        let gone = mend(
            &mut body,
            &[
                named("custom_fields_values.0.values.0.value"),
                named("custom_fields_values.1.field_id"),
                named("custom_fields_values.1.values.0.value"),
                named("responsible_user_id"),
            ],
        );
        assert_eq!(gone, Some(vec![LeftOut { field: 12, value: "Стандарт".to_owned() }]));
        assert_eq!(
            body,
            json!([{ "name": "Заказ", "status_id": 1, "custom_fields_values": [
                { "field_id": 11, "values": [{ "value": true }] },
                { "field_id": 13, "values": [{ "value": "остаётся" }] },
            ] }])
        );
    }

    #[test]
    fn a_contacts_field_inside_a_lead_is_found() {
        let mut body = json!([{ "_embedded": { "contacts": [{ "custom_fields_values": [
            { "field_id": 21, "values": [{ "value": "Europe/Moscow" }] }] }] } }]);
        let gone = mend(&mut body, &[named("0._embedded.contacts.0.custom_fields_values.0.field_id")]);
        assert_eq!(gone, Some(vec![LeftOut { field: 21, value: "Europe/Moscow".to_owned() }]));
    }

    #[test]
    fn a_stage_is_never_left_out() {
        let mut body = json!({ "status_id": 1, "pipeline_id": 2 });
        assert_eq!(mend(&mut body, &[named("status_id")]), None);
    }
}
