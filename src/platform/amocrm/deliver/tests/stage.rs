//! Stages and the other single changes of a lead.

use super::*;
use crate::process::{RefusalReason, Stage};

fn set_stage(stage: Stage, reason: Option<RefusalReason>, script: Vec<Scene>) -> Result<Receipt, Fault> {
    deliver(
        Ask::SetStage { role: LeadRole::Sales, pipeline: None, stage, reason, refunded: false },
        Try::First,
        &[LEAD],
        script,
    )
}

#[test]
fn k2_a_lead_only_moves_forward() {
    const SALES: u64 = 8123410;
    let moved = |status: u64| {
        patch("/api/v4/leads/41290077", json!({ "pipeline_id": SALES, "status_id": status }), 200, json!({}))
    };
    let at = |pipeline, status| read_lead(41290077, 200, lead(41290077, pipeline, status, "GC-100482"));
    let check =
        |stage, script| assert_eq!(set_stage(stage, None, script), Ok(Receipt::default()), "{stage:?}");
    check(Stage::InWork, vec![at(SALES, 66104106), moved(66104110)]);
    check(Stage::InWork, vec![at(SALES, 66104114)]);
    check(Stage::InWork, vec![at(SALES, 66104110)]);
    check(Stage::InWork, vec![at(SALES, 142)]);
    check(Stage::InWork, vec![at(SALES, 143)]);
    check(Stage::InWork, vec![at(7000000, 1)]);
    check(Stage::Lost, vec![at(SALES, 142)]);
    // L4: a payment overrides everything and is sent without reading the lead.
    check(Stage::Won, vec![moved(142)]);
    // Without an entry in the file: skipped.
    check(Stage::Promised, vec![]);

    // A status that only the account knows: its own order decides.
    let statuses = json!({ "_embedded": { "statuses": [
        { "id": 66104110, "sort": 30 }, { "id": 66104112, "sort": 40 }, { "id": 66104114, "sort": 50 }] } });
    let order = || get("/api/v4/leads/pipelines/8123410/statuses", 200, statuses.clone());
    check(Stage::InWork, vec![at(SALES, 66104112), order()]);
    check(Stage::Talked, vec![at(SALES, 66104112), order(), moved(66104114)]);
}

/// G1: the lead of a route with a pipeline of its own moves within that one.
#[test]
fn k2_forward_is_within_the_pipeline_where_the_lead_was_made() {
    let set = |pipeline, stage, script| {
        let ask = Ask::SetStage {
            role: LeadRole::Sales,
            pipeline: Some(pipeline),
            stage,
            reason: None,
            refunded: false,
        };
        deliver(ask, Try::First, &[LEAD], script)
    };
    let moved = |pipeline: u64, status: u64| {
        let body = json!({ "pipeline_id": pipeline, "status_id": status });
        patch("/api/v4/leads/41290077", body, 200, json!({}))
    };
    let at = |pipeline, status| read_lead(41290077, 200, lead(41290077, pipeline, status, "GC-100482"));
    let done = || Ok(Receipt::default());
    assert_eq!(set(8123420, Stage::Talked, vec![at(8123420, 66105110), moved(8123420, 66105114)]), done());
    assert_eq!(set(8123420, Stage::InWork, vec![at(8123420, 66105114)]), done());
    // A person moved it into the usual pipeline: it stays there.
    assert_eq!(set(8123420, Stage::Talked, vec![at(8123410, 66104106)]), done());
    assert_eq!(set(8123420, Stage::Won, vec![moved(8123420, 142)]), done());
    // The pipeline has left the school's file: a payment still wins.
    assert_eq!(set(8123421, Stage::Won, vec![moved(8123421, 142)]), done());
    let gone = set(8123421, Stage::Talked, vec![]);
    assert!(matches!(gone, Err(Fault::Never { why }) if why.contains("8123421")));
}

#[test]
fn r2_a_loss_carries_its_reason_and_nothing_else_does() {
    let at = |status| read_lead(41290077, 200, lead(41290077, 8123410, status, "GC-100482"));
    let lost = json!({ "pipeline_id": 8123410, "status_id": 143, "loss_reason_id": 14820233 });
    let script = vec![at(66104110), patch("/api/v4/leads/41290077", lost, 200, json!({}))];
    assert_eq!(set_stage(Stage::Lost, Some(RefusalReason::Price), script), Ok(Receipt::default()));

    let unmapped = json!({ "pipeline_id": 8123410, "status_id": 143 });
    let script = vec![at(66104110), patch("/api/v4/leads/41290077", unmapped, 200, json!({}))];
    assert_eq!(set_stage(Stage::Lost, Some(RefusalReason::Format), script), Ok(Receipt::default()));

    let forward = json!({ "pipeline_id": 8123410, "status_id": 66104114 });
    let script = vec![at(66104110), patch("/api/v4/leads/41290077", forward, 200, json!({}))];
    assert_eq!(set_stage(Stage::Talked, Some(RefusalReason::Price), script), Ok(Receipt::default()));
}

#[test]
fn l16_a_refund_closes_the_won_lead_and_no_other() {
    let lost = |status, script: Vec<Scene>| {
        let stage = Stage::Lost;
        let ask =
            Ask::SetStage { role: LeadRole::Sales, pipeline: None, stage, reason: None, refunded: true };
        let at = read_lead(41290077, 200, lead(41290077, 8123410, status, "GC-100482"));
        let script = std::iter::once(at).chain(script).collect();
        assert_eq!(deliver(ask, Try::First, &[LEAD], script), Ok(Receipt::default()), "{status}");
    };
    let body = json!({ "pipeline_id": 8123410, "status_id": 143 });
    lost(142, vec![patch("/api/v4/leads/41290077", body, 200, json!({}))]);
    let reason = json!({ "pipeline_id": 8123410, "status_id": 143 });
    lost(66104110, vec![patch("/api/v4/leads/41290077", reason, 200, json!({}))]);
}

#[test]
fn a_lead_that_is_not_made_is_missing_and_a_deleted_one_is_not_there_for_good() {
    let ask = || Ask::SetStage {
        role: LeadRole::Sales,
        pipeline: None,
        stage: Stage::InWork,
        reason: None,
        refunded: false,
    };
    assert!(matches!(deliver(ask(), Try::First, &[], vec![]), Err(Fault::Missing { .. })));
    let script = vec![read_lead(41290077, 204, Value::Null)];
    assert!(matches!(deliver(ask(), Try::First, &[LEAD], script), Err(Fault::Never { .. })));
}

/// The index was lost and the record of the order was not: the lead is found by its number, and is listed again.
#[test]
fn a_lead_whose_entry_was_lost_is_found_by_the_number_of_its_order() {
    let clear = || Ask::ClearField { role: LeadRole::Sales, field: 901_350 };
    let mut order =
        Order::new("gc-55".into(), "c-gc-55".into(), DateTime::from_timestamp(NOW, 0).expect("a time"));
    order.number = Some("GC-100482".to_owned());
    assert!(
        matches!(deliver_of(order.clone(), clear(), &[], vec![]), Err(Fault::Missing { .. })),
        "it has none"
    );
    order.leads.insert(LeadRole::Sales, Stage::InWork);
    let body = json!({ "custom_fields_values": [{ "field_id": 901350, "values": null }] });
    let hits = json!({ "_embedded": { "leads": [
        lead(41290070, 8123410, 66104110, "GC-1004"), lead(41290077, 8123410, 66104110, "GC-100482")] } });
    let script = vec![
        get("/api/v4/leads?query=GC-100482&with=contacts&limit=50&order[id]=desc", 200, hits),
        patch("/api/v4/leads/41290077", body, 200, json!({})),
    ];
    let links = vec![
        ("lead:gc-55:sales".to_owned(), "41290077".to_owned()),
        ("crm-lead:41290077".to_owned(), "gc-55:sales".to_owned()),
    ];
    assert_eq!(deliver_of(order, clear(), &[], script), Ok(Receipt { links, signals: Vec::new() }));
}

#[test]
fn l13_an_answer_is_cleared_by_a_null() {
    let body = json!({ "custom_fields_values": [{ "field_id": 901350, "values": null }] });
    let ask = Ask::ClearField { role: LeadRole::Sales, field: 901_350 };
    let script = vec![patch("/api/v4/leads/41290077", body, 200, json!({}))];
    assert_eq!(deliver(ask, Try::First, &[LEAD], script), Ok(Receipt::default()));
}

#[test]
fn l10_a_manager_without_a_user_is_said_so() {
    let to = |manager: &str| Ask::SetResponsible { role: LeadRole::Sales, manager: manager.into() };
    let script =
        vec![patch("/api/v4/leads/41290077", json!({ "responsible_user_id": 10412345 }), 200, json!({}))];
    assert_eq!(deliver(to("irina"), Try::First, &[LEAD], script), Ok(Receipt::default()));
    assert!(matches!(deliver(to("oleg"), Try::First, &[LEAD], vec![]), Err(Fault::Never { .. })));
}
