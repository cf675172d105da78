//! Tests of batching: which writes share a request, and that each item gets its own answer.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::*;
use crate::panics::caught;
use crate::platform::amocrm::client::not_believed_yet;
use crate::platform::amocrm::fake::{BASE, OneToken, Scene, Script, get, patch, post, scene};
use crate::platform::http::{Http, NoResponse, Request, Response};

/// Groups all callers of one moment into one request, as a short budget does.
struct Crowd {
    inner: Arc<Script>,
    waiting: Mutex<VecDeque<(u64, oneshot::Sender<Granted>)>>,
}

#[async_trait]
impl Http for Crowd {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        self.inner.send(request).await
    }

    async fn turn(&self, request: BudgetRequest) -> Result<Granted, NoResponse> {
        let Some(group) = request.group else { return Ok(Granted::Send(Vec::new())) };
        let (go, turn) = oneshot::channel();
        self.waiting.lock().unwrap().push_back((group.item, go));
        tokio::task::yield_now().await;
        let crowd: Vec<_> = self.waiting.lock().unwrap().drain(..).collect();
        let items: Vec<u64> = crowd.iter().map(|(item, _)| *item).collect();
        for (place, (_, go)) in crowd.into_iter().enumerate() {
            let _ = go.send(if place == 0 { Granted::Send(items.clone()) } else { Granted::SentByPeer });
        }
        Ok(turn.await.expect("each caller gets an answer"))
    }
}

fn write(kind: WriteKind, to: WriteTo, id: &str) -> Write {
    Write {
        kind,
        to,
        id: id.to_owned(),
        item: json!({ "name": id }),
        instead: Vec::new(),
        urgency: Urgency::Usual,
    }
}

/// Sends all writes at once and compares the result of each.
#[track_caller]
fn check(writes: Vec<Write>, script: Vec<Scene>, expected: Vec<WriteResult>) {
    let http = Arc::new(Crowd { inner: Script::new(script), waiting: Mutex::default() });
    let batcher = WriteBatcher::new(AmoClient::new(BASE, http, Arc::new(OneToken)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let heard = runtime.block_on(join_all(writes.into_iter().map(|write| batcher.send(write))));
    assert_eq!(heard, expected);
}

fn leads(ids: &[&str]) -> Vec<Write> {
    ids.iter().map(|id| write(WriteKind::Lead, WriteTo::New, id)).collect()
}

fn array(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "name": id, "request_id": id })).collect()
}

fn made(name: &str, entries: &[(u64, &str)]) -> Value {
    let entries: Vec<Value> =
        entries.iter().map(|(id, who)| json!({ "id": id, "request_id": who })).collect();
    json!({ "_embedded": { name: entries } })
}

fn part(id: u64, who: &str) -> WriteResult {
    Ok(Reply::Body(json!({ "id": id, "request_id": who })))
}

fn line(who: &str, path: &str) -> Value {
    json!({ "request_id": who, "errors": [{ "code": "NotSupportedChoice", "path": path }] })
}

fn own_rejection(who: &str, path: &str) -> WriteResult {
    let body = json!({ "validation-errors": [line(who, path)], "status": 400 });
    Ok(Reply::Rejected(Rejection { status: 400, body }))
}

#[test]
fn answers_are_matched_by_id_in_any_order() {
    let script = vec![post(
        "/api/v4/leads",
        array(&["a", "b", "c"]),
        200,
        made("leads", &[(3, "c"), (1, "a"), (2, "b")]),
    )];
    check(leads(&["a", "b", "c"]), script, vec![part(1, "a"), part(2, "b"), part(3, "c")]);
}

/// Two orders that the CRM puts on one lead share an entry; an item that is not named is looked up again.
#[test]
fn complex_may_answer_shorter() {
    let writes = ["a", "b", "c"].map(|id| write(WriteKind::LeadWithContact, WriteTo::New, id)).to_vec();
    let entry = json!({ "id": 1, "contact_id": 9, "request_id": ["a", "c"], "merged": true });
    let script = vec![post("/api/v4/leads/complex", array(&["a", "b", "c"]), 200, json!([entry]))];
    let shared = Ok(Reply::Body(entry));
    let unclear = Err(Fault::unclear("amoCRM's answer does not name what was to be made"));
    check(writes, script, vec![shared.clone(), unclear, shared]);
}

#[test]
fn named_items_are_refused_and_the_others_are_sent_again() {
    let refusal = json!({ "validation-errors": [line("b", "status_id")], "status": 400 });
    let script = vec![
        post("/api/v4/leads", array(&["a", "b", "c"]), 400, refusal),
        post("/api/v4/leads", array(&["a", "c"]), 200, made("leads", &[(1, "a"), (3, "c")])),
    ];
    check(leads(&["a", "b", "c"]), script, vec![part(1, "a"), own_rejection("b", "status_id"), part(3, "c")]);
}

#[test]
fn an_unnamed_bad_item_is_found_by_halving() {
    let nameless = || json!({ "title": "Bad Request", "status": 400 });
    let script = vec![
        post("/api/v4/leads", array(&["a", "b", "c"]), 400, nameless()),
        post("/api/v4/leads", array(&["a"]), 200, made("leads", &[(1, "a")])),
        post("/api/v4/leads", array(&["b", "c"]), 400, nameless()),
        post("/api/v4/leads", array(&["b"]), 400, nameless()),
        post("/api/v4/leads", array(&["c"]), 200, made("leads", &[(3, "c")])),
    ];
    let refused = Ok(Reply::Rejected(Rejection { status: 400, body: nameless() }));
    check(leads(&["a", "b", "c"]), script, vec![part(1, "a"), refused, part(3, "c")]);
}

#[test]
fn an_unknown_outcome_applies_to_the_whole_batch() {
    let script = vec![scene(
        "POST",
        "/api/v4/leads",
        array(&["a", "b"]),
        Err(NoResponse::BrokenOff("504".to_owned())),
    )];
    let unclear = || Err(Fault::unclear("the answer never came"));
    check(leads(&["a", "b"]), script, vec![unclear(), unclear()]);
}

/// amoCRM does not document a batch's answer for a deleted entity; it documents the single request's.
#[test]
fn a_change_of_a_deleted_entity_is_retried_alone() {
    let change = |lead, id| write(WriteKind::Lead, WriteTo::Known(lead), id);
    let item = |lead: u64, id: &str| json!({ "id": lead, "name": id, "request_id": id });
    let gone = json!({ "title": "Not Found", "status": 404 });
    let once = || patch("/api/v4/leads/2", json!({ "name": "b" }), 404, gone.clone());
    let not_yet = || Err(not_believed_yet());
    let alone = || [once(), get("/api/v4/account", 200, json!({ "id": 1 }))];
    let own_part = |id: u64| Ok(Reply::Body(json!({ "id": id })));
    let answer = json!({ "_embedded": { "leads": [{ "id": 1 }] } });

    // The error names its id.
    let refusal = json!({ "validation-errors": [line("b", "id")], "status": 400 });
    let mut script = vec![
        patch("/api/v4/leads", json!([item(1, "a"), item(2, "b")]), 400, refusal),
        patch("/api/v4/leads/1", json!({ "name": "a" }), 200, json!({ "id": 1 })),
    ];
    script.extend(alone());
    check(vec![change(1, "a"), change(2, "b")], script, vec![own_part(1), not_yet()]);

    // The answer leaves it out.
    let mut script = vec![patch("/api/v4/leads", json!([item(1, "a"), item(2, "b")]), 200, answer)];
    script.extend(alone());
    check(vec![change(1, "a"), change(2, "b")], script, vec![own_part(1), not_yet()]);
}

#[test]
fn a_call_without_a_card_harms_no_other() {
    let calls = || ["a", "b"].map(|id| write(WriteKind::Call, WriteTo::New, id)).to_vec();
    for status in [200, 400] {
        let answer = json!({ "errors": [{ "status": 263, "request_id": "b" }],
            "_embedded": { "calls": [{ "id": 7, "request_id": "a" }] } });
        let script = vec![post("/api/v4/calls", array(&["a", "b"]), status, answer)];
        check(calls(), script, vec![part(7, "a"), Ok(Reply::Body(Value::Null))]);
    }
}

#[test]
fn kinds_do_not_mix() {
    let mixed = [write(WriteKind::Lead, WriteTo::New, "a"), write(WriteKind::Task, WriteTo::New, "b")];
    let groups: Vec<usize> = mixed.iter().map(Write::group).collect();
    assert_ne!(groups[0], groups[1]);
    assert_ne!(write(WriteKind::Lead, WriteTo::Known(1), "a").group(), groups[0]);
}

/// Panics on every answer.
struct Breaks(Crowd);

#[async_trait]
impl Http for Breaks {
    async fn send(&self, _: Request) -> Result<Response, NoResponse> {
        panic!("an answer that breaks its reader");
    }

    async fn turn(&self, request: BudgetRequest) -> Result<Granted, NoResponse> {
        self.0.turn(request).await
    }
}

/// Only one delivery is at fault; after a few halved batches it is sent alone.
#[test]
fn a_panic_over_a_batch_is_unclear_for_the_others_and_the_next_batch_is_smaller() {
    let crowd = Crowd { inner: Script::new(Vec::new()), waiting: Mutex::default() };
    let batcher = WriteBatcher::new(AmoClient::new(BASE, Arc::new(Breaks(crowd)), Arc::new(OneToken)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let writes = leads(&["a", "b", "c", "d"]).into_iter().map(|write| caught(batcher.send(write)));
    let heard = runtime.block_on(join_all(writes));
    assert!(heard[0].is_err(), "the caller that sends the batch panics");
    let unclear = |one: &Result<WriteResult, _>| matches!(one, Ok(Err(Fault::Unclear { .. })));
    assert!(heard[1..].iter().all(unclear), "{heard:#?}");
    let group = write(WriteKind::Lead, WriteTo::New, "a").group();
    assert_eq!(batcher.most[group].load(Ordering::SeqCst), 2);
    assert!(batcher.waiting().is_empty());
}
