//! The Tech API's JSON, in its webhooks and in the answers to reads (sheet, 1.6, 2.2, 2.5). Never trusts
//! `isPayed`, `ts` or the `Z` after a local time. Enter at [`webhook`] and [`order`].

use std::collections::BTreeSet;

use chrono_tz::Tz;
use serde_json::Value;

use super::money::{self, Amount};
use super::{dates, decode, status, text};
use crate::bounded::{self, EVENT, Unread};
use crate::email::parse_email;
use crate::platform::Undecodable;
use crate::process::event::{ClientFacts, OrderFacts, Unusable};
use crate::process::payment_link::is_web;
use crate::process::{At, Money, Phone, Status};
use crate::signal::{SeenOrder, Signal};

/// The body without its `json` wrapper.
pub fn body(bytes: &[u8]) -> Result<Value, Unread> {
    match bounded::json(bytes, &EVENT)? {
        Value::Object(mut map) if map.len() == 1 && map.contains_key("json") => {
            Ok(map.remove("json").unwrap_or_default())
        }
        other => Ok(other),
    }
}

/// `dealPaid` of `getcourse/dealPaid`.
fn event(body: &Value) -> &str {
    let name = field(body, "event_type").as_str().unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default()
}

/// Order and kind of event: a payment causes two deliveries that differ only in the event.
pub fn slot(body: &Value) -> Option<String> {
    let id = id(field(field(body, "deal"), "id"))?;
    Some(format!("gc:order:{id}:{}", event(body)))
}

/// The facts that the webhook of a new order brings, as rules name them; `None` for any other webhook.
pub fn brought(body: &Value) -> Option<BTreeSet<&'static str>> {
    let deal = Some(field(body, "deal")).filter(|deal| deal.is_object() && event(body) == "dealCreated")?;
    let facts = [
        ("offers", !offers(field(deal, "positions")).is_empty()),
        ("positions", !field(deal, "title").is_null()),
        ("cost", !field(deal, "cost").is_null()),
        ("author", !field(deal, "created_user_id").is_null()),
    ];
    Some(facts.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect())
}

/// The body's content without its times, in a stable order.
pub fn content(body: &Value) -> String {
    match body {
        Value::Object(map) if map.contains_key("deal") => {
            format!("{}\n{}", field(body, "user"), field(body, "deal"))
        }
        other => other.to_string(),
    }
}

/// The signals of a webhook. `confirmed` if the school accepts its amounts as confirmed.
pub fn webhook(body: &Value, zone: Tz, confirmed: bool) -> Result<Vec<Signal>, Undecodable> {
    let event = event(body);
    let deal = field(body, "deal");
    if !deal.is_object() {
        return Ok(vec![Signal::Nothing { what: "a GetCourse webhook without an order".to_owned() }]);
    }
    let mut seen = order(deal, zone).ok_or_else(|| Undecodable("no order id".to_owned()))?;
    seen.facts.confirmed = confirmed;
    let buyer = seen.facts.client.gc_user.take();
    seen.facts.client = client(field(body, "user"));
    seen.facts.client.gc_user = seen.facts.client.gc_user.or(buyer);
    if event == "dealPaid" && seen.facts.status.is_none() {
        seen.facts.status = Some(Status::Paid);
    }
    Ok(vec![Signal::OrderSeen(Box::new(seen))])
}

/// An order as a webhook or `deal/get-fields` shows it; `None` without its id. It contains only the buyer's
/// id of the client.
pub fn order(deal: &Value, zone: Tz) -> Option<SeenOrder> {
    let mut unclear = Vec::new();
    let gc_id = id(field(deal, "id"))?;
    let buyer = id(field(deal, "user_id"));
    let currency = text_or_number(field(deal, "currency")).unwrap_or_default();
    let status = text_or_number(field(deal, "status")).map(|word| status::parse(&word));
    if matches!(status, Some(Status::Unknown(_))) {
        unclear.push("status".to_owned());
    }
    let mut sum = |name: &str| {
        let amount = amount(field(deal, name), name, &mut unclear)?;
        Some(Money::new(amount.minor, amount.currency.unwrap_or(&currency)))
    };
    let (cost, paid) = (sum("cost"), sum("payed_value"));
    let is_unread = unclear.iter().any(|field| field == "payed_value");
    let manager_email = text_or_number(field(deal, "manager_email")).and_then(|email| parse_email(&email));
    let facts = OrderFacts {
        gc_id: Some(gc_id),
        number: text_or_number(field(deal, "number")),
        created_at: time(field(deal, "created_at"), zone, &mut unclear),
        author: decode::author_of(id(field(deal, "created_user_id")).as_deref(), buyer.as_deref()),
        status,
        offers: offers(field(deal, "positions")),
        positions: text_or_number(field(deal, "title")).map(|text| decode::positions(&text)),
        cost,
        paid,
        payment_link: text_or_number(field(deal, "payment_link")).filter(|link| is_web(link)),
        unusable: is_unread.then_some(Unusable::Paid).into_iter().collect(),
        client: ClientFacts { gc_user: buyer, ..ClientFacts::default() },
        ..OrderFacts::default()
    };
    Some(SeenOrder {
        facts,
        manager_email,
        manager_name: text_or_number(field(deal, "manager_name")),
        manager_id: id(field(deal, "manager_user_id")).and_then(|id| id.parse().ok()),
        unclear,
    })
}

/// A person as a webhook or `user/get-fields` shows them.
pub fn client(user: &Value) -> ClientFacts {
    let text = |name| text_or_number(field(user, name));
    let phone = text("phone").map(|raw| Phone::parse(&raw));
    // GetCourse's own normalised copy helps if the typed text is not a number.
    let standard = text("phone_standart").map(|raw| Phone::parse(&raw)).filter(|phone| phone.e164.is_some());
    let phone = match (phone, standard) {
        (Some(typed), _) if typed.e164.is_some() => Some(typed),
        (Some(typed), Some(standard)) => Some(Phone { raw: typed.raw, ..standard }),
        (typed, standard) => standard.or(typed),
    };
    ClientFacts {
        gc_user: id(field(user, "id")),
        name: decode::name(text("name"), text("first_name"), text("last_name")),
        first_name: text("first_name"),
        last_name: text("last_name"),
        phone,
        email: text("email").and_then(|email| parse_email(&email)),
        email_typed: text("email").filter(|email| parse_email(email).is_none()),
        zone: None,
        phone_confirmed: yes(field(user, "phone_confirmed")),
        ..ClientFacts::default()
    }
}

/// `data` of an answer: an array of one in the specification, an object in practice.
pub fn only<'a>(data: &'a Value, wanted: &str) -> Option<&'a Value> {
    match data {
        Value::Array(list) => list.iter().find(|item| id(field(item, "id")).as_deref() == Some(wanted)),
        Value::Object(_) => Some(data),
        _ => None,
    }
}

/// A field in snake case (reads) or camel case (webhooks); `Null` if it is missing.
pub fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    const ABSENT: &Value = &Value::Null;
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    value.get(name).or_else(|| value.get(&camel)).unwrap_or(ABSENT)
}

/// A positive whole number as text; 0 and empty mean «none».
pub fn id(value: &Value) -> Option<String> {
    let text = text_or_number(value)?;
    let number: u64 = text.parse().ok()?;
    (number > 0).then(|| number.to_string())
}

/// Text, or a number as text. A boolean is not text: the status «Ложный» is the string `"false"`.
fn text_or_number(value: &Value) -> Option<String> {
    match value {
        Value::String(raw) => text::clean(raw),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn amount(value: &Value, name: &str, unclear: &mut Vec<String>) -> Option<Amount> {
    let plain_number = |number| money::from_number(number).map(|minor| Amount { minor, currency: None });
    let read = match value {
        Value::Null => return None,
        Value::Number(number) => number.as_f64().ok_or(money::NotMoney).and_then(plain_number),
        Value::String(raw) => {
            let raw = text::clean(raw).filter(|raw| !money::is_none(raw))?;
            // `38500.0000`: in this API a point is always the decimal mark.
            let plain = raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
            match raw.parse::<f64>() {
                Ok(number) if plain => plain_number(number),
                _ => money::from_text(&raw),
            }
        }
        _ => Err(money::NotMoney),
    };
    if read.is_err() {
        unclear.push(name.to_owned());
    }
    read.ok()
}

fn time(value: &Value, zone: Tz, unclear: &mut Vec<String>) -> Option<At> {
    let text = text_or_number(value)?;
    let at = dates::parse(&text, zone);
    if at.is_none() {
        unclear.push("created_at".to_owned());
    }
    at
}

fn offers(positions: &Value) -> Vec<String> {
    let list = positions.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut offers: Vec<String> =
        list.iter().filter_map(|position| id(field(position, "offer_id"))).collect();
    offers.dedup();
    offers
}

/// `true`, `1`, `"1"`; `None` if the field is missing.
fn yes(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) => match text.as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
