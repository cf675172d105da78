//! The courier against a scripted GetCourse: which requests it makes, and what each answer leads to.

use super::*;
use crate::platform::fake::{FakeHttp, FakeLinks, class};
use crate::platform::http::{NoResponse, Request, Response};
use crate::process::{ClientId, CommandId, RefusalReason};
use crate::secret::Secret;

fn settings() -> Settings {
    toml::from_str(
        "url = 'https://rost.getcourse.ru/'\ncomment_author = 400300900\ncancel_reasons = { 'цена' = 7 }",
    )
    .unwrap()
}

fn keys() -> Option<Keys> {
    Some(Keys { developer: Secret::new("dev1"), school: Secret::new("sch2") })
}

fn roster() -> Vec<Manager> {
    let mut irina: Manager = toml::from_str("name = 'Ирина'\ngetcourse = 400300901").unwrap();
    irina.id = ManagerId::from("irina");
    let mut oleg: Manager = toml::from_str("name = 'Олег'").unwrap();
    oleg.id = ManagerId::from("oleg");
    vec![irina, oleg]
}

struct Run {
    result: Result<Receipt, Fault>,
    asked: Vec<Request>,
}

impl Run {
    fn paths(&self) -> Vec<String> {
        let path = |url: &str| url.split_once("/pl/api/").map_or("", |(_, path)| path).to_owned();
        self.asked.iter().map(|request| format!("{} {}", request.method, path(&request.url))).collect()
    }

    fn body(&self, request: usize) -> Value {
        serde_json::from_slice(&self.asked[request].body).unwrap()
    }

    fn class(&self) -> &'static str {
        class(&self.result)
    }
}

async fn run_as(
    keys: Option<Keys>,
    order: &str,
    ask: Ask,
    tried: Try,
    links: FakeLinks,
    answers: Vec<Result<Response, NoResponse>>,
) -> Run {
    let script = FakeHttp::answering(answers);
    let courier = GcCourier::new(settings(), keys, &roster(), script.clone());
    let command = Command {
        id: CommandId(format!("{order}.7")),
        order: OrderId::from(order),
        client: ClientId::from("c-gc-700100200"),
        urgency: Urgency::Money,
        ask,
    };
    let result = courier.deliver(&command, tried, &links, "2026-07-14T15:05:33Z".parse().unwrap()).await;
    let asked = script.asked();
    for request in &asked {
        assert!(!request.url.contains("sch2") && !request.url.contains("dev1"), "a key in an address");
        assert_eq!(request.urgency, Urgency::Money);
    }
    Run { result, asked }
}

async fn run(ask: Ask, tried: Try, answers: Vec<Result<Response, NoResponse>>) -> Run {
    run_as(
        keys(),
        "gc-700100200",
        ask,
        tried,
        FakeLinks::of(&[("gc-user:400300100", "c-gc-700100200")]),
        answers,
    )
    .await
}

fn ok(data: Value) -> Result<Response, NoResponse> {
    answer(200, &json!({"status": true, "code": 200, "errors": [], "data": data}))
}

fn answer(status: u16, body: &Value) -> Result<Response, NoResponse> {
    Ok(Response { status, headers: Vec::new(), body: body.to_string().into_bytes() })
}

fn deal(status: &str, paid: f64) -> Value {
    json!({
        "id": 700100200, "number": 12041, "user_id": 400300100, "created_user_id": 400300900,
        "manager_user_id": 400300901, "cost": 38500.0, "payed_value": paid, "currency": "RUB", "status": status,
        "created_at": "2026-07-14 18:05:33", "title": "Дизайн",
    })
}

fn to(status: Status) -> Ask {
    Ask::SetStatus { status, reason: None }
}

fn shown(run: &Run) -> &SeenOrder {
    match &run.result {
        Ok(Receipt { signals, .. }) => match signals.as_slice() {
            [Signal::OrderSeen(seen)] => seen,
            other => panic!("{other:?}"),
        },
        Err(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn an_order_read_back_is_confirmed_in_either_shape() {
    for data in [json!([deal("payed", 38500.0)]), deal("payed", 38500.0)] {
        let run = run(Ask::ReadBack(ReadBack::Order), Try::First, vec![ok(data)]).await;
        assert_eq!(run.paths(), ["GET v1/deal/get-fields?dealId=700100200"]);
        let authorization = run.asked[0].headers.iter().find(|(name, _)| name == "authorization").unwrap();
        assert_eq!(authorization.1, "Bearer dev1_sch2");
        let facts = &shown(&run).facts;
        assert!(facts.confirmed);
        assert_eq!(
            (facts.status.clone(), facts.author),
            (Some(Status::Paid), Some(crate::process::event::Author::Manager))
        );
        assert_eq!(facts.paid.as_ref().map(|paid| paid.minor), Some(3_850_000));
        assert_eq!(shown(&run).manager_id, Some(400300901));
    }
}

#[tokio::test]
async fn an_unknown_buyer_is_read_too_but_money_does_not_wait_for_him() {
    let ask = |answers| {
        run_as(
            keys(),
            "gc-700100200",
            Ask::ReadBack(ReadBack::Order),
            Try::First,
            FakeLinks::default(),
            answers,
        )
    };
    let user = json!([{"id": 400300100, "first_name": "Мария", "phone": "8 903 555-01-27", "email": "M@Example.ru", "phone_confirmed": 1}]);
    let run = ask(vec![ok(deal("payed", 38500.0)), ok(user)]).await;
    assert_eq!(run.paths()[1], "GET v1/user/get-fields?userId=400300100");
    let client = &shown(&run).facts.client;
    assert_eq!(client.phone.as_ref().and_then(|phone| phone.e164.as_deref()), Some("+79035550127"));
    assert_eq!((client.email.as_deref(), client.phone_confirmed), (Some("m@example.ru"), Some(true)));

    let run = ask(vec![ok(deal("payed", 38500.0)), answer(500, &json!({}))]).await;
    assert_eq!(shown(&run).facts.client.gc_user.as_deref(), Some("400300100"));
}

#[tokio::test]
async fn a_status_is_set_once_and_with_its_reason() {
    let cancel =
        Ask::SetStatus { status: Status::Cancelled, reason: Some(RefusalReason::Price.label().to_owned()) };
    let run1 = run(cancel.clone(), Try::First, vec![ok(deal("in_work", 0.0)), ok(json!({}))]).await;
    assert_eq!(run1.paths()[1], "POST v1/deal/update-fields");
    assert_eq!(
        run1.body(1),
        json!({"dealId": 700100200, "status": "cancelled", "cancel_reason_comment": "цена", "cancel_reason_id": 7})
    );
    let again = run(cancel, Try::MayBeDone, vec![ok(deal("cancelled", 0.0))]).await;
    assert_eq!(again.result, Ok(Receipt::default()));
}

#[tokio::test]
async fn an_order_paid_or_ended_meanwhile_is_not_touched_and_is_shown_instead() {
    for (ask, now) in [
        (to(Status::Cancelled), deal("payed", 38500.0)),
        (to(Status::InWork), deal("payed", 38500.0)),
        (to(Status::Postponed), deal("payed", 100.0)),
        (to(Status::Cancelled), deal("part_payed", 15000.4)),
        (to(Status::False), deal("in_work", 0.01)),
        (to(Status::InWork), deal("cancelled", 0.0)),
        (to(Status::Postponed), deal("false", 0.0)),
    ] {
        let run = run(ask, Try::First, vec![ok(now)]).await;
        assert!(shown(&run).facts.confirmed);
        assert_eq!(run.asked.len(), 1);
    }
}

#[tokio::test]
async fn a_status_of_money_is_never_set() {
    for status in [Status::Paid, Status::PartPaid, Status::Unknown("Оплата?".to_owned())] {
        let run = run(to(status), Try::First, vec![]).await;
        assert_eq!(run.class(), "never");
    }
}

#[tokio::test]
async fn postponed_goes_by_the_import_with_number_and_email() {
    let user = ok(json!({"id": 400300100, "email": "m.kuznetsova@example.ru"}));
    let done = answer(
        200,
        &json!({"success": true, "result": {"success": true, "error": false, "deal_id": 700100200}}),
    );
    let run1 = run(to(Status::Postponed), Try::First, vec![ok(deal("in_work", 0.0)), user, done]).await;
    assert_eq!(run1.class(), "done");
    assert_eq!(run1.paths()[2], "POST deals");
    let form: BTreeMap<String, String> = form_urlencoded::parse(&run1.asked[2].body).into_owned().collect();
    assert_eq!((form["action"].as_str(), form["key"].as_str()), ("add", "sch2"));
    let params = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &form["params"]).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&params).unwrap(),
        json!({
            "user": {"email": "m.kuznetsova@example.ru"}, "system": {"refresh_if_exists": 1},
            "deal": {"deal_number": "12041", "deal_status": "pending"},
        })
    );
    let nobody = ok(json!({"id": 400300100}));
    let run2 = run(to(Status::Postponed), Try::First, vec![ok(deal("in_work", 0.0)), nobody]).await;
    assert_eq!(run2.class(), "never");
}

#[tokio::test]
async fn a_comment_carries_its_mark_and_is_found_by_it() {
    let comment = || Ask::AddComment { text: "Дозвонились, 4 мин".to_owned() };
    let first = run(comment(), Try::First, vec![ok(json!({"result": true}))]).await;
    assert_eq!(
        first.body(0),
        json!({"dealId": 700100200, "userId": 400300900, "text": "Дозвонились, 4 мин\n[gc-700100200.7]"})
    );
    let there = json!([{"id": 1, "text": "Дозвонились, 4 мин\n[gc-700100200.7]"}]);
    let found = run(comment(), Try::MayBeDone, vec![ok(there)]).await;
    assert_eq!((found.class(), found.asked.len()), ("done", 1));
    let other = json!([{"id": 1, "text": "[gc-700100200.71]"}]);
    let missing = run(comment(), Try::MayBeDone, vec![ok(other), ok(json!({}))]).await;
    assert_eq!((missing.class(), missing.asked.len()), ("done", 2));
}

#[tokio::test]
async fn a_manager_is_set_by_his_id_in_the_roster() {
    let set = |name: &str| Ask::SetOrderManager { manager: ManagerId::from(name) };
    let run1 = run(set("irina"), Try::First, vec![ok(json!({}))]).await;
    assert_eq!(run1.body(0), json!({"dealId": 700100200, "manager_user_id": 400300901}));
    assert_eq!(run(set("oleg"), Try::First, vec![]).await.class(), "never");
}

#[tokio::test]
async fn a_lost_answer_to_a_write_is_looked_up_and_a_refusal_stops_the_account() {
    let comment = || Ask::AddComment { text: "Звонок".to_owned() };
    let broken = || Err(NoResponse::BrokenOff("reset".to_owned()));
    let refused = || Err(NoResponse::NotSent("refused".to_owned()));
    for (ask, answers, class) in [
        (comment(), vec![broken()], "unclear"),
        (comment(), vec![refused()], "later"),
        (comment(), vec![answer(502, &json!({}))], "unclear"),
        (comment(), vec![answer(429, &json!({}))], "later"),
        (comment(), vec![answer(403, &json!({"status": false}))], "denied"),
        (comment(), vec![answer(200, &json!({"status": false, "code": 404}))], "never"),
        (Ask::ReadBack(ReadBack::Order), vec![broken()], "later"),
        (Ask::ReadBack(ReadBack::Order), vec![ok(json!([]))], "never"),
        (Ask::ReadBack(ReadBack::Order), vec![ok(json!({"id": 700100299, "status": "new"}))], "never"),
        (to(Status::InWork), vec![ok(deal("new", 0.0)), broken()], "unclear"),
        (Ask::ClearField { role: crate::process::LeadRole::Sales, field: 1 }, vec![], "never"),
    ] {
        let run = run(ask, Try::First, answers).await;
        assert_eq!(run.class(), class, "{:?}", run.result);
    }
}

#[tokio::test]
async fn without_keys_nothing_is_written_and_without_a_deal_nothing_is_asked() {
    let comment = || Ask::AddComment { text: "Звонок".to_owned() };
    let keyless = |ask| run_as(None, "gc-700100200", ask, Try::First, FakeLinks::default(), vec![]);
    assert_eq!(keyless(comment()).await.result, Ok(Receipt::default()));
    assert_eq!(keyless(Ask::ReadBack(ReadBack::Order)).await.class(), "never");
    for order in ["line-pbx:E1", "lead-77", "gc-", "gc-12x"] {
        let run = run_as(keys(), order, comment(), Try::First, FakeLinks::default(), vec![]).await;
        assert_eq!(run.result, Ok(Receipt::default()));
    }
}

/// The process knows an order that is not there from a read that failed (L14).
#[tokio::test]
async fn an_order_that_is_not_there_is_told_apart() {
    let missing = || answer(404, &json!({"status": false, "message": "Объект не найден"}));
    let comment = || Ask::AddComment { text: "Звонок".to_owned() };
    let status = || Ask::SetStatus { status: Status::InWork, reason: None };
    for (ask, tried, answers) in [
        (Ask::ReadBack(ReadBack::Order), Try::First, vec![ok(json!([]))]),
        (Ask::ReadBack(ReadBack::Order), Try::First, vec![missing()]),
        (Ask::ReadBack(ReadBack::Person), Try::First, vec![missing()]),
        (status(), Try::First, vec![missing()]),
        (status(), Try::First, vec![ok(deal("new", 0.0)), missing()]),
        (comment(), Try::First, vec![missing()]),
        (comment(), Try::MayBeDone, vec![missing()]),
        (Ask::SetOrderManager { manager: "irina".into() }, Try::First, vec![missing()]),
    ] {
        let run = run(ask, tried, answers).await;
        let Err(Fault::Never { why }) = &run.result else { panic!("{:?}", run.result) };
        assert!(why.starts_with(NO_ORDER), "{why}");
    }
}
