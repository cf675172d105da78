//! Actions of a person have the same consequences as scripted actions. No test sleeps: time is a parameter.
//! Enter at [`ask`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::wire::Query;
use crate::{Platform, Setup, WireRequest, World};

fn world() -> (World, DateTime<Utc>) {
    let setup = Setup::shipped("http://bridge");
    assert_eq!(setup.problems(), Vec::<String>::new());
    assert!(!setup.orders.is_empty(), "deploy/sandbox.toml can be read");
    let mut world = World::new(setup, 1);
    let now = world.start() + TimeDelta::seconds(1);
    world.advance(now);
    (world, now)
}

fn ask(world: &mut World, now: DateTime<Utc>, method: &str, path: &str, form: &str) -> (u16, Value) {
    let request = WireRequest {
        platform: Platform::Getcourse,
        method: method.into(),
        path: path.into(),
        headers: vec![],
        body: form.into(),
    };
    let answer = world.handle(now, &request);
    (answer.status, answer.value())
}

/// Paths of the webhooks that are sent within a minute.
fn sent(world: &mut World, now: DateTime<Utc>) -> Vec<String> {
    let hooks = world.advance(now + TimeDelta::minutes(1));
    let last_word =
        |url: &str| url.split('?').next().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    hooks.iter().filter(|hook| hook.body.is_empty()).filter_map(|hook| last_word(&hook.url)).collect()
}

#[test]
fn the_order_of_the_printed_line_stands_there_and_was_not_told() {
    let (mut world, now) = world();
    let (_, orders) = ask(&mut world, now, "GET", "/sandbox/orders", "");
    assert_eq!((&orders[0]["id"], &orders[0]["number"]), (&json!(700_100_200), &json!("12041")));
    assert_eq!(world.hooks_open(), 0);
}

/// The printed line for a payment is of an order that can be paid, also after a run.
#[test]
fn the_printed_payment_is_accepted() {
    let (mut world, now) = world();
    let mut paid = Vec::new();
    for _ in 0..3 {
        let (_, order) = ask(&mut world, now, "POST", "/sandbox/orders", "name=A&cost=100");
        paid.push(order["number"].as_str().unwrap_or_default().to_owned());
    }
    ask(&mut world, now, "POST", &format!("/sandbox/orders/{}/cancel", paid[2]), "");
    for _ in 0..3 {
        let hints = world.hints("", "");
        let line = hints.iter().find(|line| line.ends_with("/pay")).expect("a line for a payment");
        let path = line.rsplit(' ').next().unwrap_or_default();
        assert_eq!(ask(&mut world, now, "POST", path, "").0, 200, "{line}");
    }
    // Where none takes money any more, the lines work one after the other.
    let ids: Vec<i64> = world.getcourse.orders.keys().copied().collect();
    for id in ids {
        ask(&mut world, now, "POST", &format!("/sandbox/orders/{id}/pay"), "");
    }
    let hints = world.hints("", "");
    let path = |line: &String| line.rsplit(' ').next().unwrap_or_default().to_owned();
    assert_eq!(ask(&mut world, now, "POST", &path(&hints[0]), "").0, 200);
    // The call is one of the same client.
    let phone = world.setup.orders.last().map(|order| order.phone.replace('+', "client="));
    let phone = phone.unwrap_or_default();
    assert!(
        hints.iter().any(|line| line.contains(&phone) && line.contains("no_answer")),
        "{phone} {hints:?}"
    );
    let line = hints.iter().find(|line| line.ends_with("/pay")).expect("a line for a payment");
    assert_eq!(ask(&mut world, now, "POST", &path(line), "").0, 200, "{line}");
}

#[test]
fn orders_payments_and_cancellations_are_told_as_in_life() {
    let (mut world, now) = world();
    let (status, order) =
        ask(&mut world, now, "POST", "/sandbox/orders", "name=%D0%92%D0%B5%D1%80%D0%B0&cost=100");
    assert_eq!((status, &order["cost"]), (200, &json!(100)));
    let pay = format!("/sandbox/orders/{}/pay", order["number"].as_str().unwrap_or_default());
    assert_eq!(ask(&mut world, now, "POST", &pay, "amount=40").1["status"], "part_payed");
    assert_eq!(ask(&mut world, now, "POST", &pay, "").1["status"], "payed");
    assert_eq!(ask(&mut world, now, "POST", &pay, "").0, 409, "nothing is left to pay");
    assert_eq!(ask(&mut world, now, "POST", "/sandbox/orders/700100200/cancel", "").1["status"], "cancelled");
    let sent = sent(&mut world, now);
    for event in ["order-created", "payment-partial", "payment-full", "order-status"] {
        assert!(sent.iter().any(|path| path == event), "{event} is missing: {sent:?}");
    }
}

#[test]
fn a_call_by_hand_has_just_ended_and_is_signed() {
    let (mut world, now) = world();
    let form = "extension=102&client=8+903+555-01-27&outcome=talk+60";
    let (status, call) = ask(&mut world, now, "POST", "/sandbox/calls", form);
    assert_eq!((status, &call["client"]), (200, &json!("79035550127")));
    let hooks = world.advance(now);
    let summary = hooks.iter().find(|hook| hook.url.ends_with("/events/summary")).map(|hook| &hook.body);
    let fields = Query::parse(summary.map_or(&[][..], Vec::as_slice));
    let summary: Value = serde_json::from_str(fields.get("json").unwrap_or_default()).unwrap_or_default();
    assert_eq!(summary["end_time"].as_i64(), Some(now.timestamp()));
    assert_eq!(fields.get("sign").map(str::len), Some(64));
}

#[test]
fn a_slip_of_the_hand_is_told() {
    let (mut world, now) = world();
    for (method, path, form, status) in [
        ("POST", "/sandbox/calls", "client=79035550127&extension=999", 400),
        ("POST", "/sandbox/calls", "extension=102", 400),
        ("POST", "/sandbox/calls", "client=79035550127&outcome=maybe", 400),
        ("POST", "/sandbox/orders/1/pay", "", 404),
        ("POST", "/sandbox/orders", "by=nobody", 400),
        ("POST", "/sandbox/orders", "offer=99", 400),
        ("POST", "/sandbox/orders", "utm_source=vk", 400),
        ("GET", "/sandbox/nothing", "", 404),
    ] {
        assert_eq!(ask(&mut world, now, method, path, form).0, status, "{path} {form}");
    }
}
