//! Positions of an order, groups, purchases and trainings of a user over the Tech API. No test sleeps: time is a
//! parameter. Enter at [`check`].

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Client;

/// Sends requests of the Tech API in their order; each answer has a value at a place.
fn check(client: &mut Client, cases: &[(&str, &str, Value, &str, Value)]) {
    for (method, path, body, pointer, wanted) in cases {
        let answer = client.tech(method, path, body);
        assert_eq!(answer.value().pointer(pointer), Some(wanted), "{method} {path}: {}", answer.text());
    }
}

#[test]
fn positions_change_the_cost() {
    let mut client = Client::new();
    client.until(TimeDelta::zero());
    let order = json!({"dealId": 700_100_200});
    let with = |key: &str, value: Value| {
        let mut body = order.clone();
        body[key] = value;
        body
    };
    let read = "deal/get-fields?dealId=700100200";
    let two = json!([{"offerId": 5_512_875, "quantity": 2, "price": 900}]);
    check(
        &mut client,
        &[
            ("GET", read, Value::Null, "/data/0/positions/0/id", json!(701_100_200)),
            ("POST", "deal/add-positions", with("positions", two), "/data", json!([])),
            ("GET", read, Value::Null, "/data/0/cost", json!(40_300)),
            (
                "GET",
                read,
                Value::Null,
                "/data/0/title",
                json!("Дизайн интерьера: база. Пакет «Всё сразу»\nРазбор x 2"),
            ),
            ("POST", "deal/add-positions", with("positions", json!([{"offerId": 1}])), "/code", json!(400)),
            ("POST", "deal/remove-positions", with("positionIds", json!([701_100_200])), "/data", json!([])),
            ("GET", read, Value::Null, "/data/0/cost", json!(1_800)),
            (
                "POST",
                "deal/remove-positions",
                with("positionIds", json!([1_700_000_001])),
                "/code",
                json!(400),
            ),
        ],
    );
}

#[test]
fn groups_trainings_and_purchases_of_a_user() {
    let mut client = Client::new();
    client.until(TimeDelta::zero());
    let groups = |ids: Value| json!({"userId": 400_300_100, "groups": ids});
    let (mine, none) = ("user/get-groups?userId=400300100", Value::Null);
    let chat = json!({"userId": 400_300_100, "customFields": {"telegram_chat_id": "77"}});
    check(
        &mut client,
        &[
            ("GET", "common/get-groups", none.clone(), "/data/0/name", json!("Вебинар")),
            ("GET", "common/get-trainings", none.clone(), "/data/1/id", json!(92)),
            ("GET", "common/get-departments", none.clone(), "/data", json!([])),
            ("POST", "user/add-groups", groups(json!([2_300_101])), "/data/0/id", json!(2_300_101)),
            ("POST", "user/add-groups", groups(json!([5])), "/code", json!(400)),
            ("GET", mine, none.clone(), "/data/0/name", json!("Вебинар")),
            ("POST", "user/remove-groups", groups(json!([2_300_101])), "/data", json!([])),
            ("GET", mine, none.clone(), "/data", json!([])),
            ("POST", "user/set-groups", groups(json!([2_300_101])), "/data/0/id", json!(2_300_101)),
            ("GET", "user/get-trainings?userId=400300100", none.clone(), "/data", json!([])),
            ("POST", "user/update-custom-fields", chat, "/data", json!([])),
            (
                "GET",
                "user/get-user-by-telegram-chat-id?chatId=77",
                none.clone(),
                "/data/0/id",
                json!(400_300_100),
            ),
            ("GET", "user/get-user-by-telegram-chat-id?chatId=78", none.clone(), "/data", json!([])),
            (
                "POST",
                "user/add-comment",
                json!({"userId": 400_300_100, "authorId": 300_200_100, "text": "x"}),
                "/data/result",
                json!(true),
            ),
        ],
    );
    client.until(TimeDelta::hours(2));
    check(
        &mut client,
        &[
            (
                "GET",
                "user/get-trainings?userId=400300100",
                none.clone(),
                "/data/0/title",
                json!("Дизайн интерьера"),
            ),
            (
                "GET",
                "user/get-purchases?email=m.kuznetsova@example.ru",
                none,
                "/data/0/money_sum",
                json!(38_500),
            ),
        ],
    );
}
