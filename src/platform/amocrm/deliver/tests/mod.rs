//! Tests of deliveries: which requests a command makes, and what each answer leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use serde_json::{Value, json};

use super::*;
use crate::platform::amocrm::fake::*;
use crate::platform::http::NoResponse;
use crate::process::{Order, ReadBack, Urgency};

mod chore;
mod feed;
mod lead;
mod mirror;
mod next_note;
mod person;
mod price;
mod read_back;
mod stage;
mod task;

const NOW: i64 = 1_773_738_000;

fn settings() -> Settings {
    toml::from_str(
        r#"
        url = "https://shkolarost.amocrm.ru"
        order_number_field = 901337
        auth = { by = "long_lived", token = { env = "AMO_TOKEN" } }
        loss_reasons = { price = 14820233 }
        task_types = { call = 1, ask = 2731190 }
        [pipelines.sales]
        id = 8123410
        stages = { new = 66104106, in_work = 66104110, talked = 66104114 }
        [sales_pipelines.ads]
        id = 8123420
        stages = { in_work = 66105110, talked = 66105114 }
        [pipelines.fulfilment]
        id = 8123499
        stages = { new = 66109901 }
        "#,
    )
    .expect("good settings")
}

fn command(ask: Ask) -> Command {
    Command {
        id: crate::process::CommandId("gc-55.3".to_owned()),
        order: "gc-55".into(),
        client: "c-gc-55".into(),
        urgency: Urgency::Hot,
        ask,
    }
}

fn courier(http: Arc<Script>) -> AmoCourier {
    let client = AmoClient::new(BASE, http, Arc::new(OneToken));
    let managers = BTreeMap::from([("irina".into(), 10_412_345)]);
    AmoCourier::new(client, Arc::new(settings()), managers)
}

fn deliver(ask: Ask, tried: Try, links: &[(&str, &str)], script: Vec<Scene>) -> Result<Receipt, Fault> {
    deliver_with(FakeLinks::of(links), ask, tried, script)
}

/// In doubt, with the record of the order.
fn deliver_of(order: Order, ask: Ask, links: &[(&str, &str)], script: Vec<Scene>) -> Result<Receipt, Fault> {
    deliver_with(FakeLinks(FakeLinks::of(links).0, Some(order)), ask, Try::MayBeDone, script)
}

fn deliver_with(links: FakeLinks, ask: Ask, tried: Try, script: Vec<Scene>) -> Result<Receipt, Fault> {
    let http = Script::new(script);
    let courier = courier(http.clone());
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let result = runtime.block_on(courier.deliver(&command(ask), tried, &links, now));
    assert!(
        http.seen.lock().unwrap().iter().all(|request| request.urgency == Urgency::Hot),
        "urgency is passed on"
    );
    result
}

/// The first try is told 404, which is believed when a later one hears the same.
fn deliver_again(ask: Ask, links: &[(&str, &str)], script: Vec<Scene>) -> Result<Receipt, Fault> {
    let courier = courier(Script::new(script));
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    let (links, ask) = (FakeLinks::of(links), command(ask));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let first = courier.deliver(&ask, Try::First, &links, now).await;
        let (after_ms, tried) = match first {
            Err(Fault::Later { after_ms, .. }) => (after_ms.expect("a pause"), Try::First),
            Err(Fault::Unclear { .. }) => (30_000, Try::MayBeDone),
            other => panic!("{other:?}"),
        };
        tokio::time::advance(std::time::Duration::from_millis(after_ms)).await;
        courier.deliver(&ask, tried, &links, now).await
    })
}

/// Since when it is not known whether a command was done is remembered until the command is out of the
/// outbox.
#[tokio::test]
async fn a_doubt_ends_with_its_delivery() {
    let note = json!([{ "entity_id": 41290077, "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "Оплата ·gc-55.3" } }]);
    let broken = Err(NoResponse::BrokenOff("reset".to_owned()));
    let courier = courier(Script::new(vec![scene("POST", "/api/v4/leads/notes", note, broken)]));
    let command = command(Ask::AddNote { role: LeadRole::Sales, text: "Оплата".to_owned() });
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    let done = courier.deliver(&command, Try::First, &FakeLinks::of(&[LEAD]), now).await;
    assert!(matches!(done, Err(Fault::Unclear { .. })), "{done:?}");
    assert_eq!(courier.doubts().get(&command.id), Some(&now));
    courier.forget(&command.id);
    assert!(courier.doubts().is_empty());
}

/// Of a delivery that another instance has settled nobody hears here.
#[test]
fn doubts_are_bounded_and_the_oldest_end_first() {
    let courier = courier(Script::new(Vec::new()));
    let id = |n: usize| CommandId(format!("gc-{n}.1"));
    let at = |n: usize| DateTime::from_timestamp(NOW + n as i64, 0).expect("a time");
    (0..DOUBTS_MAX).for_each(|n| courier.doubt(&id(n), at(n)));
    courier.doubt(&id(0), at(DOUBTS_MAX));
    assert_eq!(courier.doubts().get(&id(0)), Some(&at(0)), "a doubt begins once");
    courier.doubt(&id(DOUBTS_MAX), at(DOUBTS_MAX));
    let doubts = courier.doubts();
    assert_eq!((doubts.len(), doubts.get(&id(0))), (DOUBTS_MAX, None));
    assert!(doubts.contains_key(&id(1)) && doubts.contains_key(&id(DOUBTS_MAX)));
}

const LEAD: (&str, &str) = ("lead:gc-55:sales", "41290077");
const TASK: (&str, &str) = ("task:t2·gc-55", "7710455");

fn lead(id: u64, pipeline: u64, status: u64, number: &str) -> Value {
    json!({ "id": id, "name": "Заказ", "price": 24900, "pipeline_id": pipeline, "status_id": status,
        "loss_reason_id": null, "created_at": NOW - 60, "custom_fields_values": [
            { "field_id": 901337, "values": [{ "value": number }] },
            { "field_id": 901339, "values": [{ "value": "Базовый", "enum_id": 1 }] },
        ], "_embedded": { "tags": [{ "id": 1, "name": "GetCourse" }], "contacts": [{ "id": 52311847, "is_main": true }] } })
}

fn made(name: &str, id: u64) -> Value {
    json!({ "_embedded": { name: [{ "id": id, "request_id": "gc-55.3" }] } })
}

const WITH: &str = "with=contacts,loss_reason";

fn read_lead(id: u64, status: u16, body: Value) -> Scene {
    get(&format!("/api/v4/leads/{id}?{WITH}"), status, body)
}
