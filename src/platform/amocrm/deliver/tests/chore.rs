//! The courier's own work: renewing the token and checking the webhook.

use super::*;

const ADDRESS: &str = "https://bridge.example.com/hooks/rost/amocrm/0123456789abcdef/";

fn chore(script: Vec<Scene>) -> Result<At, Fault> {
    let client = AmoClient::new(BASE, Script::new(script), Arc::new(OneToken));
    let courier = AmoCourier::new(client, Arc::new(settings()), BTreeMap::new());
    let courier = courier.subscribed_to(Secret::new(ADDRESS));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(courier.chore(DateTime::from_timestamp(NOW, 0).expect("a time")))
}

#[test]
fn an_account_without_the_right_to_webhooks_is_worked_all_the_same() {
    let path = format!("/api/v4/webhooks?filter[destination]={ADDRESS}");
    let tomorrow = DateTime::from_timestamp(NOW + 86_400, 0).expect("a time");
    let refused = |status: u16| get(&path, status, json!({ "title": "Bad Request", "status": status }));
    let account = |status: u16| get("/api/v4/account", status, json!({ "status": status }));
    for status in [400, 402, 403] {
        assert_eq!(chore(vec![refused(status), account(200)]), Ok(tomorrow));
    }
    // An account that is closed altogether is another matter.
    let closed = chore(vec![refused(402), account(402)]);
    assert!(matches!(closed, Err(Fault::Denied { .. })), "{closed:?}");
    assert!(matches!(chore(vec![get(&path, 502, Value::Null)]), Err(Fault::Later { .. })));
}
