//! What «Вызвать URL» and the Tech API send, request by request.

use super::*;
use crate::process::event::Unusable;

fn hooks(settings: &str) -> GcHooks {
    GcHooks::new(toml::from_str(&format!("url = 'https://rost.getcourse.ru'\n{settings}")).unwrap())
}

fn request(tail: &str, query: &str, body: &str) -> RawRequest {
    let kind = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
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
        ("order-craeted", "cannot be decoded: unknown address `order-craeted`: is `order-created` meant?"),
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
        &leftCostMoney=0&gc_number=12&gc_user_id=77001&firstName=A&product_title=Kurs&paymentLink=HTTPS://a.ru\
        &skidka=10&utm_source=vk&ts=1&cost=&name=Anna+&+Petrova";
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
        (Some("Kurs"), Some("HTTPS://a.ru"))
    );
    assert_eq!(hooks.unread(&request("payment-full", query, "")), ["skidka"]);
}

/// A school's own JSON: order and client are objects.
#[test]
fn what_stands_under_the_order_is_the_orders() {
    for order in ["order", "deal"] {
        let body = format!(
            r#"{{"{order}":{{"id":7,"number":12041,"name":"Course","cost":"38500","payed_money":500,"offers":[{{"id":5512874,"title":"Курс П"}}],
            "status":"Новый","link":"https://a.example","created_at":"2026-07-15 10:00:00","url":"x","manager":{{"email":"o@example.ru"}}}},
            "user":{{"id":77001,"email":"m@example.ru","phone":"+79035550127"}}}}"#
        );
        let hooks = hooks("");
        let signals = decoded(&hooks, "order-created", "", &body).unwrap();
        let Signal::OrderSeen(seen) = &signals[0] else { panic!() };
        let facts = &seen.facts;
        let minor = |sum: &Option<crate::process::Money>| sum.as_ref().map(|sum| sum.minor);
        assert_eq!((facts.gc_id.as_deref(), facts.number.as_deref()), (Some("7"), Some("12041")));
        assert_eq!((minor(&facts.cost), minor(&facts.paid)), (Some(3_850_000), Some(50_000)));
        assert_eq!(
            (facts.offers.as_slice(), facts.positions.as_deref()),
            (&["5512874".to_owned()][..], Some("Курс П"))
        );
        assert!(facts.status.is_some() && facts.created_at.is_some());
        assert_eq!(facts.client.gc_user.as_deref(), Some("77001"));
        assert!(facts.client.email.is_some() && facts.client.phone.is_some());
        assert_eq!(seen.manager_email.as_deref(), Some("o@example.ru"));
        // An order's own name, page or link is not the client's, the form's or the payment's.
        assert_eq!((&facts.client.name, &facts.payment_link), (&None, &None));
        let unread = hooks.unread(&request("order-created", "", &body));
        assert_eq!(unread, ["link", "name", "url"].map(|name| format!("{order}_{name}")));
    }
}

/// `id` alone may be anybody's: a user's in a process on users.
#[test]
fn an_id_of_nobody_is_no_order() {
    for (query, body) in [("id=7", ""), ("user[id]=7", ""), ("", r#"{"user":{"id":7}}"#), ("", r#"{"id":7}"#)]
    {
        let why = decoded(&hooks(""), "order-created", query, body).unwrap_err().to_string();
        let is_named = why.contains("`order_id=` instead of `id=`");
        assert_eq!(is_named, !query.contains("user") && !body.contains("user"), "{why}");
        assert!(why.contains("no order id") && why.contains("order_id="), "{why}");
    }
    let own = hooks("fields = { order_id = 'id' }");
    assert!(decoded(&own, "order-created", "id=7", "").is_ok());
}

#[test]
fn what_the_address_of_a_new_order_cannot_bring_is_named() {
    let needed = ["author", "groups", "offers", "utm_medium"].map(str::to_owned).into();
    let lacks = |tail: &str, query: &str| hooks("").lacks(&request(tail, query, ""), &needed);
    // An empty parameter is there: this order has no such fact.
    let found =
        lacks("order-created", "order_id=7&positions=A&utm_medium=&created_user_id=5").expect("a new order");
    assert_eq!((found.lacking, found.address.as_str()), (vec!["groups".to_owned()], "order-created"));
    assert_eq!(found.brought, ["author", "offers", "utm_medium"]);
    assert_eq!(lacks("order-status", "order_id=7"), None);
    assert_eq!(lacks("hook", ""), None);
    let hook = |event: &str, more: &str| {
        let body =
            format!(r#"{{"json":{{"deal":{{"id":7,"cost":100{more}}},"eventType":"getcourse/{event}"}}}}"#);
        hooks("").lacks(&request("hook", "", &body), &needed).map(|lacks| lacks.lacking)
    };
    assert_eq!(hook("dealCreated", "").expect("a new order"), ["author", "groups", "offers", "utm_medium"]);
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

/// L4: a sum that nobody can read is known as one, so that people are told.
#[test]
fn a_paid_sum_that_is_not_read_is_known() {
    for (query, unusable) in [
        ("order_id=7&cost=38500&payed=тысяч%20десять", vec![Unusable::Paid]),
        ("order_id=7&cost=38500&payed=10000", vec![]),
        ("order_id=7&cost=38500&payed=0", vec![]),
        ("order_id=7&cost=38500&payed=", vec![]),
        ("order_id=7&cost=38500&payed=-", vec![]),
        ("order_id=7&cost=38500&payed=%E2%80%94", vec![]),
        ("order_id=7&cost=38500&payed=%D0%BD%D0%B5%D1%82", vec![]),
        ("order_id=7&cost=38500", vec![]),
    ] {
        let signals = decoded(&hooks(""), "payment-partial", query, "").unwrap();
        let Signal::OrderSeen(seen) = &signals[0] else { panic!() };
        assert_eq!(seen.facts.unusable.iter().copied().collect::<Vec<_>>(), unusable, "{query}");
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
