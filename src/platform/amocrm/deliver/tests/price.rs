//! Prices and tags of a lead: never a wrong number, never another tag touched.

use super::*;
use crate::process::Money;

fn note(text: &str) -> Scene {
    let body = json!([{ "entity_id": 41290077, "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": format!("{text} ·gc-55.3") } }]);
    post("/api/v4/leads/notes", body, 200, made("notes", 1))
}

#[test]
fn g2_a_sum_that_is_no_price_of_this_account_is_a_note() {
    let check = |sum: Money, script: Vec<Scene>| {
        let ask = Ask::SetPrice { role: LeadRole::Sales, price: sum };
        assert_eq!(deliver(ask, Try::First, &[LEAD], script), Ok(Receipt::default()));
    };
    let price = |sum: i64| patch("/api/v4/leads/41290077", json!({ "price": sum }), 200, json!({}));
    check(Money::new(3_850_000, "RUB"), vec![price(38_500)]);
    // The former price does not stay.
    let noted = |text: &str| vec![price(0), note(text)];
    check(
        Money::new(4_990, "USD"),
        noted("Сумма заказа: 49,90\u{a0}USD. В цену сделки не записана: сделки ведутся в RUB."),
    );
    check(
        Money::new(300_000_000_000, "RUB"),
        noted(
            "Сумма заказа: 3\u{a0}000\u{a0}000\u{a0}000\u{a0}₽. В цену сделки не записана: она больше, чем принимает CRM.",
        ),
    );
}

#[test]
fn l16_tags_come_and_go_beside_the_others() {
    let tags = |add: &[&str], remove: &[&str]| Ask::SetTags {
        role: LeadRole::Sales,
        add: add.iter().map(|tag| (*tag).to_owned()).collect(),
        remove: remove.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    let body = json!({ "tags_to_add": [{ "name": "возврат" }] });
    let script = vec![patch("/api/v4/leads/41290077", body, 200, json!({}))];
    assert_eq!(deliver(tags(&["возврат"], &[]), Try::First, &[LEAD], script), Ok(Receipt::default()));
    let body = json!({ "tags_to_delete": [{ "name": "возврат" }] });
    let script = vec![patch("/api/v4/leads/41290077", body, 200, json!({}))];
    assert_eq!(deliver(tags(&[], &["возврат"]), Try::First, &[LEAD], script), Ok(Receipt::default()));
}
