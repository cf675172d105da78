//! The account's webhook subscription: it exists, is switched on, has the events that we follow, and is our
//! only one, because two would send everything twice. Never prints the address (it contains a secret) and
//! never stops deliveries: an account without this right is worked without webhooks. Enter at [`ensure`].
//! Source: amocrm.ru/developers/content/crm_platform/webhooks-api.

use serde_json::{Value, json};

use super::card::{list, page, text};
use super::client::{AmoClient, Call};
use crate::platform::Fault;
use crate::process::Urgency;
use crate::secret::Secret;

/// The smallest set that the process needs: leads and their stages, notes, contacts (all of their events, for
/// the mirror), tasks.
pub const EVENTS: [&str; 14] = [
    "add_lead",
    "update_lead",
    "status_lead",
    "responsible_lead",
    "delete_lead",
    "restore_lead",
    "note_lead",
    "add_contact",
    "update_contact",
    "delete_contact",
    "restore_contact",
    "update_task",
    "responsible_task",
    "delete_task",
];

const PATH: &str = "/api/v4/webhooks";

/// Checks the subscription, and subscribes again if something is missing. amoCRM switches a webhook off after
/// a hundred bad answers in two hours, and only a check shows that.
pub async fn ensure(client: &AmoClient, destination: &Secret) -> Result<(), Fault> {
    // Some accounts refuse an address without a slash at its end.
    let address = format!("{}/", destination.reveal().trim_end_matches('/'));
    let asked = [("filter[destination]", address.as_str())];
    let found = client.read(&Call::get(PATH, &asked, Urgency::Usual).for_deliveries(0)).await?;
    let ours =
        found.as_ref().and_then(|body| page(body, "webhooks").iter().find(|hook| leads_to(hook, &address)));
    if !ours.is_some_and(is_whole) {
        subscribe(client, &address).await?;
    }
    unsubscribe_old(client, &address).await
}

async fn subscribe(client: &AmoClient, address: &str) -> Result<(), Fault> {
    let body = json!({ "destination": address, "settings": EVENTS, "sort": 10 });
    let made = client.write(&Call::post(PATH, body, Urgency::Usual).for_deliveries(0)).await?;
    if made["disabled"] == Value::Bool(true) {
        tracing::warn!("amoCRM: the webhook is switched off, switch it on in the account's settings");
    } else {
        tracing::info!("amoCRM: the webhook was subscribed");
    }
    Ok(())
}

/// Removes our addresses with another secret. Requests already on their way to them are still accepted as
/// long as the school's file lists that secret.
async fn unsubscribe_old(client: &AmoClient, address: &str) -> Result<(), Fault> {
    let path_of_ours = address.trim_end_matches('/').rsplit_once('/').map_or(address, |(path, _)| path);
    let found = client.read(&Call::get(PATH, &[("limit", "250")], Urgency::Usual)).await?;
    for hook in found.as_ref().map(|body| page(body, "webhooks")).unwrap_or_default() {
        let destination = text(&hook["destination"]);
        let secret = destination.strip_prefix(path_of_ours).and_then(|rest| rest.strip_prefix('/'));
        let is_ours = secret.is_some_and(|secret| !secret.trim_end_matches('/').contains('/'));
        if is_ours && !leads_to(hook, address) {
            let body = json!({ "destination": destination });
            client.read(&Call::delete(PATH, body, Urgency::Usual)).await?;
            tracing::info!("amoCRM: the subscription of an earlier secret was removed");
        }
    }
    Ok(())
}

fn leads_to(hook: &Value, address: &str) -> bool {
    text(&hook["destination"]).trim_end_matches('/') == address.trim_end_matches('/')
}

fn is_whole(hook: &Value) -> bool {
    let have = list(&hook["settings"]);
    hook["disabled"] != Value::Bool(true) && EVENTS.iter().all(|event| have.iter().any(|one| one == event))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::platform::amocrm::fake::{BASE, OneToken, Scene, Script, get, post, response, scene};

    const ADDRESS: &str = "https://bridge.example.com/hooks/rost/amocrm/0123456789abcdef";

    #[track_caller]
    fn check(script: Vec<Scene>) {
        let client = AmoClient::new(BASE, Script::new(script), Arc::new(OneToken));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(ensure(&client, &Secret::new(ADDRESS))), Ok(()));
    }

    #[test]
    fn a_subscription_is_renewed_when_it_is_missing_off_or_too_small() {
        let asked = format!("/api/v4/webhooks?filter[destination]={ADDRESS}/");
        let found = |destination: &str, disabled: bool, settings: &[&str]| {
            let hook = json!({ "destination": destination, "disabled": disabled, "settings": settings });
            get(&asked, 200, json!({ "_embedded": { "webhooks": [hook] } }))
        };
        let subscribed = || {
            let body = json!({ "destination": format!("{ADDRESS}/"), "settings": EVENTS, "sort": 10 });
            post("/api/v4/webhooks", body, 201, json!({ "id": 1, "disabled": false }))
        };
        let alone = || all(&[ADDRESS]);
        check(vec![found(ADDRESS, false, &EVENTS), alone()]);
        check(vec![get(&asked, 204, Value::Null), subscribed(), alone()]);
        check(vec![found(ADDRESS, true, &EVENTS), subscribed(), alone()]);
        check(vec![found(ADDRESS, false, &EVENTS[1..]), subscribed(), alone()]);
        check(vec![found("https://other.example.com/", false, &EVENTS), subscribed(), alone()]);
    }

    fn all(destinations: &[&str]) -> Scene {
        let hooks: Vec<Value> = destinations.iter().map(|one| json!({ "destination": one })).collect();
        get("/api/v4/webhooks?limit=250", 200, json!({ "_embedded": { "webhooks": hooks } }))
    }

    /// After a change of the secret only the new address is subscribed; other people's subscriptions stay.
    #[test]
    fn an_earlier_secrets_subscription_is_taken_away() {
        let old = "https://bridge.example.com/hooks/rost/amocrm/fedcba9876543210/";
        let others = [
            "https://bridge.example.com/hooks/other/amocrm/fedcba9876543210/",
            "https://widget.example.com/",
        ];
        let asked = format!("/api/v4/webhooks?filter[destination]={ADDRESS}/");
        let ours = json!({ "destination": format!("{ADDRESS}/"), "disabled": false, "settings": EVENTS });
        let removed = scene(
            "DELETE",
            "/api/v4/webhooks",
            json!({ "destination": old }),
            Ok(response(204, Value::Null)),
        );
        check(vec![
            get(&asked, 200, json!({ "_embedded": { "webhooks": [ours] } })),
            all(&[others[0], &format!("{ADDRESS}/"), old, others[1]]),
            removed,
        ]);
    }
}
