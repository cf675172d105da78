//! GetCourse's webhooks: «Вызвать URL» processes and the Tech API's webhooks (sheet, 1.1 and 1.6). Nothing is
//! signed, so nothing can be verified here: the check is the secret in the path. Enter at [`GcHooks`];
//! `decode` and `tech` read the two forms.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::kind::{HookKind, unknown};
use super::params::Params;
use super::{Payments, Settings, decode, payments, tech};
use crate::bounded::Unread;
use crate::platform::{HookAnswer, Hooks, Lacks, RawRequest, Reception, Refused, Undecodable, Verified};
use crate::process::At;
use crate::request::IdempotencyKey;
use crate::signal::Signal;

/// A school's own JSON may be long; the README of the telephony sheets gives the same limit.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The hooks of one school's GetCourse account.
pub struct GcHooks {
    settings: Settings,
}

impl GcHooks {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn kind(&self, request: &RawRequest, params: &Params) -> Result<HookKind, Undecodable> {
        if request.tail != "events" {
            return HookKind::of_tail(&request.tail).ok_or_else(|| unknown("address", &request.tail));
        }
        let words = || params.raw("event", &self.settings.fields);
        words().find_map(HookKind::of_word).ok_or_else(|| match words().next() {
            Some(word) => unknown("event", word),
            None => Undecodable("no field `event`".to_owned()),
        })
    }

    /// One object and kind of event; `None` if the request does not contain them.
    fn slot(&self, request: &RawRequest, params: &Params) -> Option<String> {
        let kind = self.kind(request, params).ok()?;
        let first = |field| params.raw(field, &self.settings.fields).find_map(super::text::clean);
        if kind == HookKind::UserUpdated {
            // An e-mail is personal data: only its hash becomes part of a key.
            let user = first("user_id").or_else(|| first("email").map(|email| short_hash(&email)))?;
            return Some(format!("gc:user:{user}"));
        }
        let order = first("order_id").or_else(|| first("number").map(|number| short_hash(&number)))?;
        Some(format!("gc:order:{order}:{}", kind.tail()))
    }

    fn confirms(&self) -> bool {
        payments(&self.settings) == Payments::Trust
    }
}

impl Hooks for GcHooks {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    /// GetCourse signs nothing and calls from changing addresses [observed]; the secret in the path, compared
    /// before, is the whole check. A `secret` among the parameters is ignored.
    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        self.reception(request)
    }

    /// Short and plain: a process may store it in a field of the order.
    fn answer(&self, _: &Verified) -> HookAnswer {
        HookAnswer { status: 200, content_type: "text/plain; charset=utf-8", body: b"ok".to_vec() }
    }

    fn decode(&self, request: &Verified, _at: At) -> Result<Vec<Signal>, Undecodable> {
        let mut signals = self.signals(request.request())?;
        for signal in &mut signals {
            if let Signal::OrderSeen(seen) = signal {
                seen.facts.trusted = seen.facts.confirmed;
            }
        }
        Ok(signals)
    }

    fn unread(&self, request: &RawRequest) -> Vec<String> {
        if request.tail == "hook" {
            return Vec::new();
        }
        Params::read(request).map(|params| params.unread(&self.settings.fields)).unwrap_or_default()
    }

    fn lacks(&self, request: &RawRequest, needed: &BTreeSet<String>) -> Option<Lacks> {
        if request.tail == "hook" {
            let body = tech::body(&request.body).ok()?;
            let brought = tech::brought(&body)?;
            let (brought, lacking) = needed.iter().cloned().partition(|name| brought.contains(&**name));
            return Some(Lacks { address: request.tail.clone(), brought, lacking });
        }
        let params = Params::read(request).ok().filter(|params| !params.is_empty())?;
        self.kind(request, &params).ok().filter(|kind| *kind == HookKind::OrderCreated)?;
        let has = |name: &str| params.has(name, &self.settings.fields);
        let is_brought = |name: &&String| match name.as_str() {
            "author" => has("author") || has("created_user_id"),
            "offers" => has("offers") || has("positions"),
            name => has(name),
        };
        let (brought, lacking) = needed.iter().partition::<Vec<_>, _>(is_brought);
        let list = |names: Vec<&String>| names.into_iter().cloned().collect();
        Some(Lacks { address: request.tail.clone(), brought: list(brought), lacking: list(lacking) })
    }

    /// Read from GetCourse itself, so its amounts are confirmed; with our own field names, not the school's.
    fn decode_found(&self, request: &RawRequest, _at: At) -> Result<Vec<Signal>, Undecodable> {
        let settings =
            Settings { payments: Some(Payments::Trust), fields: BTreeMap::new(), ..self.settings.clone() };
        Self::new(settings).signals(request)
    }
}

impl GcHooks {
    fn reception(&self, request: &RawRequest) -> Result<Reception, Refused> {
        let (slot, digest) = if request.tail == "hook" {
            let body = match tech::body(&request.body) {
                Ok(body) => body,
                Err(_) if request.body.is_empty() => return Ok(Reception::Probe),
                Err(why) => return unread(request, why),
            };
            (tech::slot(&body), hash(&tech::content(&body)))
        } else {
            let params = match Params::read(request) {
                Ok(params) => params,
                Err(why) => return unread(request, why),
            };
            if params.is_empty() {
                return Ok(Reception::Probe);
            }
            (self.slot(request, &params), params.digest())
        };
        let slot = slot.unwrap_or_else(|| format!("gc:unknown:{}", request.tail));
        Ok(Reception::Keep(IdempotencyKey::SameAsLast { slot, digest }))
    }

    fn signals(&self, request: &RawRequest) -> Result<Vec<Signal>, Undecodable> {
        if request.tail == "hook" {
            return tech::webhook(&tech::body(&request.body)?, self.settings.zone, self.confirms());
        }
        let params = Params::read(request)?;
        let kind = self.kind(request, &params)?;
        let reading =
            decode::Reading { params: &params, settings: &self.settings, confirmed: self.confirms() };
        Ok(vec![reading.signal(kind)?])
    }
}

/// A broken body is kept for a person, and the same body again is a repeat; one that is too deep or too wide is
/// no school's, and refused.
fn unread(request: &RawRequest, why: Unread) -> Result<Reception, Refused> {
    if let Unread::TooMuch(too_much) = why {
        return Err(too_much.into());
    }
    let digest = hash(&String::from_utf8_lossy(&request.body));
    let slot = format!("gc:unread:{}", request.tail);
    Ok(Reception::Keep(IdempotencyKey::SameAsLast { slot, digest }))
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn short_hash(text: &str) -> String {
    let mut hash = hash(text);
    hash.truncate(16);
    format!("x{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(settings: &str) -> GcHooks {
        GcHooks::new(toml::from_str(&format!("url = 'https://rost.getcourse.ru'\n{settings}")).unwrap())
    }

    fn request(tail: &str, query: &str, body: &str) -> RawRequest {
        let kind =
            if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        RawRequest {
            method: "POST".to_owned(),
            tail: tail.to_owned(),
            query: query.to_owned(),
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    fn key(tail: &str, query: &str, body: &str) -> (String, String) {
        let hooks = hooks("");
        let (verified, reception) = Verified::check(&hooks, request(tail, query, body)).unwrap();
        assert_eq!(hooks.answer(&verified).body, b"ok");
        match reception {
            Reception::Keep(IdempotencyKey::SameAsLast { slot, digest }) => (slot, digest),
            other => panic!("{other:?}"),
        }
    }

    fn decoded(hooks: &GcHooks, tail: &str, query: &str, body: &str) -> Result<Vec<Signal>, Undecodable> {
        let stored = Verified::stored(request(tail, query, body));
        hooks.decode(&stored, "2026-07-15T07:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_repeat_is_told_from_a_change_by_what_it_says() {
        let first = key("order-status", "secret=a&order_id=7&status=%D0%9D%D0%BE%D0%B2%D1%8B%D0%B9&ts=1", "");
        let repeat = key("order-status", "status=%D0%9D%D0%BE%D0%B2%D1%8B%D0%B9+&order_id=7&ts=2", "");
        let change = key("order-status", "order_id=7&status=%D0%92+%D1%80%D0%B0%D0%B1%D0%BE%D1%82%D0%B5", "");
        assert_eq!(first.0, "gc:order:7:order-status");
        assert_eq!(first, repeat);
        assert_eq!(first.0, change.0);
        assert_ne!(first.1, change.1);
    }

    #[test]
    fn both_deliveries_of_one_payment_are_taken_and_each_only_once() {
        let body = |event: &str, ts: u32| {
            format!(
                r#"{{"json":{{"ts64":{ts},"deal":{{"id":7,"status":"payed"}},"eventType":"getcourse/{event}"}}}}"#
            )
        };
        let paid = key("hook", "", &body("dealPaid", 1));
        let changed = key("hook", "", &body("dealStatusChanged", 1));
        assert_eq!(paid.0, "gc:order:7:dealPaid");
        assert_ne!(paid.0, changed.0);
        assert_eq!(paid, key("hook", "", &body("dealPaid", 2)));
    }

    #[test]
    fn no_personal_data_stands_in_a_key() {
        let (slot, digest) = key("user-updated", "email=m.kuznetsova%40example.ru", "");
        assert!(slot.starts_with("gc:user:x") && !slot.contains('@') && !digest.contains('@'), "{slot}");
    }

    #[test]
    fn a_request_that_says_nothing_is_a_probe() {
        let hooks = hooks("");
        for (tail, query) in [("order-created", ""), ("", "secret=k7Q2m"), ("hook", "")] {
            assert_eq!(hooks.verify(&request(tail, query, "")), Ok(Reception::Probe), "{tail}?{query}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_kept_for_a_person() {
        for (tail, query, body) in [
            ("order-deleted", "order_id=7", ""),
            ("events", "order_id=7", ""),
            ("events", "order_id=7&event=dance", ""),
            ("order-created", "number=12041", ""),
            ("order-created", "order_id=%7Bobject.id%7D", ""),
            ("order-created", "order_id=7%27--", ""),
            ("user-updated", "name=%D0%9C", ""),
            ("events", "", r#"{"event":"order_paid","positions":"Пакет "Всё сразу""}"#),
            ("hook", "", r#"{"json":{"deal":{"status":"new"}}}"#),
            ("hook", "", "order_id=7"),
        ] {
            key(tail, query, body);
            let Err(Undecodable(why)) = decoded(&hooks(""), tail, query, body) else {
                panic!("{tail}?{query} {body} was read");
            };
            assert!(!why.contains("Всё") && !why.contains("12041"), "{why}");
        }
    }

    #[test]
    fn a_mistyped_address_is_named_with_the_one_that_was_meant() {
        for (tail, expected) in [
            (
                "order-craeted",
                "cannot be decoded: unknown address `order-craeted`: is `order-created` meant?",
            ),
            ("Paymnt_Full", "cannot be decoded: unknown address `Paymnt_Full`: is `payment-full` meant?"),
        ] {
            let why = decoded(&hooks(""), tail, "order_id=7", "").unwrap_err();
            assert_eq!(why.to_string(), expected);
        }
        let why = decoded(&hooks(""), "zvonok", "order_id=7", "").unwrap_err().to_string();
        assert!(
            why.starts_with("cannot be decoded: unknown address `zvonok`; there are order-created,"),
            "{why}"
        );
        assert!(decoded(&hooks(""), "Payment_Full", "order_id=7", "").is_ok(), "one word in two writings");
        // A word in `event` likewise.
        let why = decoded(&hooks(""), "events", "order_id=7&event=orderCreted", "").unwrap_err().to_string();
        assert_eq!(why, "cannot be decoded: unknown event `orderCreted`: is `order-created` meant?");
        for (event, shown) in [
            ("ORDER_CRAETED", "unknown event `ORDER_CRAETED`: is `order-created` meant?"),
            ("Заказ создан", "unknown event `Заказ создан`; there are"),
            ("заказ_создан", "unknown event `заказ_создан`; there are"),
            ("звонок\n+79035550101", "unknown event `звонок`; there are"),
        ] {
            let body = serde_json::json!({ "order_id": "7", "event": event }).to_string();
            let why = decoded(&hooks(""), "events", "", &body).unwrap_err().to_string();
            assert!(why.starts_with(&format!("cannot be decoded: {shown}")), "{why}");
        }
    }

    #[test]
    fn names_in_any_spelling_are_read_and_the_others_are_named() {
        let query = "orderId=9002&costMoney=26+600,00+%D1%80%D1%83%D0%B1.&payedMoney=26+600,00+%D1%80%D1%83%D0%B1.\
            &leftCostMoney=0&gc_number=12&gc_user_id=77001&firstName=A&product_title=Kurs&paymentLink=https://a.ru\
            &skidka=10&utm_source=vk&ts=1&cost=";
        let hooks = hooks("");
        let signals = decoded(&hooks, "payment-full", query, "").unwrap();
        let Signal::OrderSeen(seen) = &signals[0] else { panic!() };
        let facts = &seen.facts;
        let minor = |sum: &Option<crate::process::Money>| sum.as_ref().map(|sum| sum.minor);
        assert_eq!(
            (minor(&facts.cost), minor(&facts.paid), minor(&facts.left)),
            (Some(2_660_000), Some(2_660_000), Some(0))
        );
        assert_eq!((facts.number.as_deref(), facts.client.gc_user.as_deref()), (Some("12"), Some("77001")));
        assert_eq!(
            (facts.positions.as_deref(), facts.payment_link.as_deref()),
            (Some("Kurs"), Some("https://a.ru"))
        );
        assert_eq!(hooks.unread(&request("payment-full", query, "")), ["skidka"]);
    }

    #[test]
    fn what_the_address_of_a_new_order_cannot_bring_is_named() {
        let needed = ["author", "groups", "offers", "utm_medium"].map(str::to_owned).into();
        let lacks = |tail: &str, query: &str| hooks("").lacks(&request(tail, query, ""), &needed);
        // An empty parameter is there: this order has no such fact.
        let found = lacks("order-created", "order_id=7&positions=A&utm_medium=&created_user_id=5")
            .expect("a new order");
        assert_eq!((found.lacking, found.address.as_str()), (vec!["groups".to_owned()], "order-created"));
        assert_eq!(found.brought, ["author", "offers", "utm_medium"]);
        assert_eq!(lacks("order-status", "order_id=7"), None);
        assert_eq!(lacks("hook", ""), None);
        let hook = |event: &str, more: &str| {
            let body = format!(
                r#"{{"json":{{"deal":{{"id":7,"cost":100{more}}},"eventType":"getcourse/{event}"}}}}"#
            );
            hooks("").lacks(&request("hook", "", &body), &needed).map(|lacks| lacks.lacking)
        };
        assert_eq!(
            hook("dealCreated", "").expect("a new order"),
            ["author", "groups", "offers", "utm_medium"]
        );
        let rich = r#","positions":[{"offer_id":5}],"created_user_id":9"#;
        assert_eq!(hook("dealCreated", rich).expect("a new order"), ["groups", "utm_medium"]);
        assert_eq!(hook("dealPaid", ""), None);
        let all = super::super::addresses::all("https://b.example", &hooks("").settings);
        let query = all[0].url.split_once('?').expect("a query").1;
        assert_eq!(
            lacks("order-created", query).expect("a new order").lacking,
            ["groups"],
            "nobody knows its variable"
        );
    }

    #[test]
    fn a_payment_that_brings_no_sum_is_said() {
        for (tail, query, unclear) in [
            ("payment-full", "order_id=7&summa=100", vec!["no sum in a payment"]),
            ("payment-full", "order_id=7&payed=100", vec![]),
            ("order-created", "order_id=7", vec![]),
        ] {
            let signals = decoded(&hooks(""), tail, query, "").unwrap();
            let Signal::OrderSeen(seen) = &signals[0] else { panic!() };
            assert_eq!(seen.unclear, unclear, "{tail}?{query}");
        }
    }

    #[test]
    fn a_schools_own_names_replace_ours() {
        let own = hooks("fields = { order_id = 'Заказ', cost = 'summa', event = 'chto' }");
        let signals = decoded(
            &own,
            "events",
            "%D0%97%D0%B0%D0%BA%D0%B0%D0%B7=7&order_id=8&summa=100&cost=200&chto=order_created",
            "",
        )
        .unwrap();
        let Signal::OrderSeen(seen) = &signals[0] else { panic!() };
        assert_eq!(seen.facts.gc_id.as_deref(), Some("7"));
        assert_eq!(seen.facts.cost.as_ref().map(|cost| cost.minor), Some(10_000));
    }

    #[test]
    fn a_payment_is_believed_as_the_school_says() {
        let keys = "developer_key = { env = 'A' }\nschool_key = { env = 'B' }";
        for (settings, confirmed) in [
            (String::new(), false),
            ("payments = 'trust'".to_owned(), true),
            ("payments = 'unconfirmed'".to_owned(), false),
            (keys.to_owned(), false),
            (format!("{keys}\npayments = 'trust'"), true),
            ("payments = 'read_back'".to_owned(), false),
        ] {
            let signals = decoded(&hooks(&settings), "payment-full", "order_id=7", "").unwrap();
            let Signal::OrderSeen(seen) = &signals[0] else { panic!() };
            assert_eq!(seen.facts.confirmed, confirmed, "{settings}");
        }
    }
}
