//! Reads a lead and turns it into a webhook's signal: a digital-pipeline call leaves out fields, responsible
//! and loss reason. Never decides what the lead means. Enter at [`read_lead`].

use chrono::DateTime;
use serde_json::Value;

use super::card::{list, number};
use super::client::{AmoClient, Call};
use crate::platform::Fault;
use crate::process::Urgency;
use crate::signal::{FieldValue, SeenLead, Signal};

/// [`Signal::LeadSeen`], or [`Signal::LeadGone`] if the account no longer has it.
pub async fn read_lead(client: &AmoClient, lead: u64, urgency: Urgency) -> Result<Signal, Fault> {
    let call = Call::get(&format!("/api/v4/leads/{lead}"), &[("with", "contacts,loss_reason")], urgency);
    let found = client.read(&call).await?.filter(|body| body["is_deleted"] != Value::Bool(true));
    Ok(found.map_or(Signal::LeadGone { lead, looked: true }, |body| {
        Signal::LeadSeen(Box::new(seen(lead, &body)))
    }))
}

/// A read shows all filled fields, so a missing field is empty.
pub(super) fn seen(lead: u64, body: &Value) -> SeenLead {
    let fields = list(&body["custom_fields_values"]).iter();
    SeenLead {
        lead,
        pipeline: number(&body["pipeline_id"]),
        status: number(&body["status_id"]),
        responsible: number(&body["responsible_user_id"]),
        loss_reason: number(&body["loss_reason_id"]),
        fields: Some(fields.filter_map(field).collect()),
        updated_at: number(&body["updated_at"]).and_then(|at| DateTime::from_timestamp(at, 0)),
        changed_by: number(&body["updated_by"]),
        partial: false,
        read: true,
        made: false,
    }
}

fn field(field: &Value) -> Option<(u64, Vec<FieldValue>)> {
    Some((number(&field["field_id"])?, list(&field["values"]).iter().map(value).collect()))
}

/// Webhooks write every value as text, a checkbox as 1 or 0.
fn value(value: &Value) -> FieldValue {
    let text = match &value["value"] {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => u8::from(*yes).to_string(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    FieldValue { value: text, choice: number(&value["enum_id"]) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::platform::amocrm::fake::{BASE, OneToken, Script, get};

    #[track_caller]
    fn check(status: u16, body: Value, expected: Signal) {
        let script = vec![get("/api/v4/leads/41290077?with=contacts,loss_reason", status, body)];
        let client = AmoClient::new(BASE, Script::new(script), Arc::new(OneToken));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(read_lead(&client, 41_290_077, Urgency::Usual)), Ok(expected));
    }

    #[test]
    fn a_read_lead_gives_the_signal_of_a_webhook() {
        let body = json!({ "id": 41290077, "status_id": 143, "pipeline_id": 8123410, "responsible_user_id": 10412345,
            "loss_reason_id": 14820233, "updated_by": 10412345, "updated_at": 1773738000, "is_deleted": false,
            "custom_fields_values": [
                { "field_id": 901339, "values": [{ "value": "Стандарт", "enum_id": 650021 }] },
                { "field_id": 901341, "values": [{ "value": 1773694800 }] },
                { "field_id": 901343, "values": [{ "value": true }] },
            ] });
        let value = |text: &str, choice| vec![FieldValue { value: text.to_owned(), choice }];
        let expected = SeenLead {
            lead: 41_290_077,
            pipeline: Some(8_123_410),
            status: Some(143),
            responsible: Some(10_412_345),
            loss_reason: Some(14_820_233),
            fields: Some(vec![
                (901_339, value("Стандарт", Some(650_021))),
                (901_341, value("1773694800", None)),
                (901_343, value("1", None)),
            ]),
            updated_at: DateTime::from_timestamp(1_773_738_000, 0),
            changed_by: Some(10_412_345),
            partial: false,
            read: true,
            made: false,
        };
        check(200, body, Signal::LeadSeen(Box::new(expected)));
        check(204, Value::Null, Signal::LeadGone { lead: 41_290_077, looked: true });
        check(
            200,
            json!({ "id": 41290077, "is_deleted": true }),
            Signal::LeadGone { lead: 41_290_077, looked: true },
        );
    }
}
