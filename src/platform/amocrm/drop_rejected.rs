//! Drops what a validation error names, if it can be dropped, so that a removed field or a deactivated user
//! does not block a whole lead. Never drops a stage, a pipeline or an entity: those errors mean a wrong
//! mapping, which needs a person. Enter at [`send`].

use serde_json::Value;

use super::batch_writes::{Write, WriteBatcher, WriteResult};
use super::card::{number, text};
use super::classify::{Named, Reply};
use crate::platform::Fault;

/// A value may first need another type and then have to be dropped; more rounds do not help.
const ROUNDS: usize = 3;

const RESPONSIBLE: &str = "responsible_user_id";

/// A field value that the account did not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The field's id, or its name if it is one of the platform's own.
    pub field: String,
    pub value: String,
}

/// Sends a write of one item. A 400 stores nothing, so it is safe to send again without the named part, or with
/// the next of `instead` as responsible. Returns what was dropped, to be shown to a person.
pub async fn send(batcher: &WriteBatcher, mut write: Write) -> Result<(Reply, Vec<LeftOut>), Fault> {
    let mut left_out = Vec::new();
    let mut instead = std::mem::take(&mut write.instead).into_iter();
    for _ in 1..ROUNDS + instead.len() {
        let reply = batcher.send(write.clone()).await?;
        let Reply::Rejected(rejection) = &reply else { return Ok((reply, left_out)) };
        let named = rejection.named();
        let fixed = fix(&mut write.item, &named);
        let (false, Some(mut gone)) = (named.is_empty(), fixed) else { return Ok((reply, left_out)) };
        for one in &named {
            tracing::warn!(code = %one.code, path = %one.path, "amoCRM refused a part of a write: {} at {}", one.code, one.path);
        }
        if let Some(at) =
            gone.iter().position(|one| one.field == RESPONSIBLE && write.item[RESPONSIBLE].is_null())
            && let Some(user) = instead.next()
        {
            gone.remove(at);
            write.item[RESPONSIBLE] = user.into();
        }
        left_out.append(&mut gone);
    }
    Ok((batcher.send(write).await?, left_out))
}

/// As [`send`], but any remaining rejection is final.
pub async fn write(batcher: &WriteBatcher, write: Write) -> Result<(Value, Vec<LeftOut>), Fault> {
    let (reply, left_out) = send(batcher, write).await?;
    Ok((taken(Ok(reply))?, left_out))
}

/// The item's part of the answer; a rejection is a [`Fault::Never`] that names the refused paths.
pub fn taken(outcome: WriteResult) -> Result<Value, Fault> {
    match outcome? {
        Reply::Body(body) => Ok(body),
        Reply::Nothing => Ok(Value::Null),
        Reply::Rejected(rejection) => Err(rejection.fault()),
    }
}

/// `None` if one of the named parts cannot be dropped.
fn fix(item: &mut Value, named: &[Named]) -> Option<Vec<LeftOut>> {
    let mut gone = Vec::new();
    let mut places = Vec::new();
    for one in named {
        let path = segments(&one.path);
        match ValuePath::of(&path) {
            Some(place) => places.push(place),
            None => {
                let (name, holder) = droppable(&path)?;
                let value = inside(item, holder)?.as_object_mut()?.remove(name)?;
                gone.push(LeftOut { field: name.to_owned(), value: value.to_string() });
            }
        }
    }
    // From the end, so that earlier indexes stay valid; a whole field before its values.
    places.sort_by(|one, other| other.cmp(one));
    places.dedup();
    let mut whole = None;
    for place in places {
        let field = (place.holder.clone(), place.field);
        if whole.as_ref() == Some(&field) {
            continue;
        }
        let holder: Vec<&str> = place.holder.iter().map(String::as_str).collect();
        let fields = inside(item, &holder)?.get_mut(FIELDS)?.as_array_mut()?;
        match fix_field(fields, &place)? {
            Fixed::Typed => {}
            Fixed::Value(left_out) => gone.push(left_out),
            Fixed::Field(left_out) => {
                gone.push(left_out);
                whole = Some(field);
            }
        }
    }
    Some(gone)
}

const FIELDS: &str = "custom_fields_values";

/// What a path points to: a field of the item or of something embedded, or one value of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ValuePath {
    holder: Vec<String>,
    field: usize,
    /// `usize::MAX` for the whole field.
    value: usize,
}

impl ValuePath {
    fn of(path: &[&str]) -> Option<Self> {
        let at = path.iter().position(|part| *part == FIELDS)?;
        let value = match path.get(at + 2) {
            Some(&"values") => path.get(at + 3).and_then(|index| index.parse().ok()),
            _ => None,
        };
        Some(Self {
            holder: path[..at].iter().map(|part| (*part).to_owned()).collect(),
            field: path.get(at + 1)?.parse().ok()?,
            value: value.unwrap_or(usize::MAX),
        })
    }
}

enum Fixed {
    Typed,
    Value(LeftOut),
    Field(LeftOut),
}

/// Sends a text as the boolean or number that it means; of several values only the named one is dropped, and
/// a field whose only value is refused is dropped as a whole.
fn fix_field(fields: &mut Vec<Value>, place: &ValuePath) -> Option<Fixed> {
    let field = fields.get_mut(place.field)?;
    let name = match number::<u64>(&field["field_id"]) {
        Some(id) => id.to_string(),
        None => text(&field["field_code"]).to_owned(),
    };
    let left_out = |value: &Value| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        LeftOut { field: name.clone(), value }
    };
    let values = field["values"].as_array_mut()?;
    if values.len() > 1 && place.value < values.len() {
        let gone = values.remove(place.value);
        return Some(Fixed::Value(left_out(&gone["value"])));
    }
    if let [only] = values.as_mut_slice()
        && let Some(typed) = typed(&only["value"])
    {
        only["value"] = typed;
        return Some(Fixed::Typed);
    }
    let gone = fields.remove(place.field);
    Some(Fixed::Field(left_out(&gone["values"][0]["value"])))
}

fn typed(value: &Value) -> Option<Value> {
    match value.as_str()? {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        text => text.parse::<i64>().ok().map(Value::from),
    }
}

/// A leading index is the item's own position in the request.
fn segments(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.split('.').collect();
    if parts.first().is_some_and(|part| part.parse::<usize>().is_ok()) {
        parts.remove(0);
    }
    parts
}

fn droppable<'a>(path: &'a [&'a str]) -> Option<(&'a str, &'a [&'a str])> {
    const NAMES: [&str; 5] = [RESPONSIBLE, "created_by", "loss_reason_id", "tags_to_add", "call_responsible"];
    let at = path.iter().position(|part| NAMES.contains(part))?;
    Some((path[at], &path[..at]))
}

fn inside<'a>(item: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(item, |value, part| match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        Value::Object(_) => value.get_mut(*part),
        _ => None,
    })
}

/// For the feed, so that a value that a field did not accept is not lost.
pub fn line(left_out: &[LeftOut]) -> Option<String> {
    let listed: Vec<String> = left_out.iter().map(|one| format!("{}: {}", one.field, one.value)).collect();
    (!listed.is_empty()).then(|| listed.join("; "))
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
        let mut body = json!({ "name": "Заказ", "status_id": 1, "responsible_user_id": 9, "custom_fields_values": [
            { "field_id": 11, "values": [{ "value": "true" }] },
            { "field_id": 12, "values": [{ "value": "Стандарт" }] },
            { "field_id": 13, "values": [{ "value": "остаётся" }] },
        ] });
        let gone = fix(
            &mut body,
            &[
                named("custom_fields_values.0.values.0.value"),
                named("custom_fields_values.1.field_id"),
                named("custom_fields_values.1.values.0.value"),
                named("responsible_user_id"),
            ],
        );
        let left_out =
            |field: &str, value: &str| LeftOut { field: field.to_owned(), value: value.to_owned() };
        assert_eq!(gone, Some(vec![left_out("responsible_user_id", "9"), left_out("12", "Стандарт")]));
        assert_eq!(
            body,
            json!({ "name": "Заказ", "status_id": 1, "custom_fields_values": [
                { "field_id": 11, "values": [{ "value": true }] },
                { "field_id": 13, "values": [{ "value": "остаётся" }] },
            ] })
        );
    }

    #[test]
    fn a_contacts_field_inside_a_lead_is_found() {
        let mut body = json!({ "_embedded": { "contacts": [{ "custom_fields_values": [
            { "field_id": 21, "values": [{ "value": "Europe/Moscow" }] }] }] } });
        let gone = fix(&mut body, &[named("0._embedded.contacts.0.custom_fields_values.0.field_id")]);
        assert_eq!(gone, Some(vec![LeftOut { field: "21".to_owned(), value: "Europe/Moscow".to_owned() }]));
    }

    #[test]
    fn of_several_numbers_only_the_refused_one_is_left_out() {
        let mut body = json!({ "custom_fields_values": [
            { "field_code": "PHONE", "values": [{ "value": "+79165550137" }, { "value": "x" }, { "value": "y" }] }] });
        let gone = fix(
            &mut body,
            &[named("custom_fields_values.0.values.1.value"), named("custom_fields_values.0.values.2.value")],
        );
        let left_out = |value: &str| LeftOut { field: "PHONE".to_owned(), value: value.to_owned() };
        assert_eq!(gone, Some(vec![left_out("y"), left_out("x")]));
        let kept = json!({ "custom_fields_values": [
            { "field_code": "PHONE", "values": [{ "value": "+79165550137" }] }] });
        assert_eq!(body, kept);
    }

    #[test]
    fn a_stage_is_never_left_out() {
        let mut body = json!({ "status_id": 1, "pipeline_id": 2 });
        assert_eq!(fix(&mut body, &[named("status_id")]), None);
    }
}
