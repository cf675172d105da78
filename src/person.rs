//! Everything stored about one person: exported, or erased on request. Never changes a record itself: erasing
//! is an entry in the inbox, carried out by the school's owner. Enter at [`export`] and [`erase`].

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::clock::wall_now;
use crate::intake::envelope::Envelope;
use crate::intake::forget::{Mention, held_request, mentioned_by, mentions};
use crate::intake::item::Item;
use crate::process::meters::counted_as;
use crate::process::{Client, ClientId, OrderId, SchoolId};
use crate::store::key;
use crate::store::{JOURNAL_MAX, Seq, Store, StoreResult};

/// Records and requests read at a time.
const PAGE: usize = 200;

/// Everything stored about the person with this number or address, as JSON.
pub async fn export(store: &dyn Store, school: &SchoolId, mut mention: Mention) -> StoreResult<Value> {
    let mut clients = Vec::new();
    let ids = persons(store, school, &mention).await?;
    for client in &ids {
        let record = store.read(school, &[key::client(client)]).await?;
        if let Some(record) = record.into_iter().next().flatten() {
            if let Ok(known) = serde_json::from_slice(&record.body) {
                mention.learn(&known);
            }
            clients.push(json_of(&record.body));
        }
    }
    mention.keep_own(&ids, &store.find(school, &mention.entries()).await?);
    let orders = pages(store, school, "order/", |order| {
        order["client"].as_str().is_some_and(|client| ids.contains(&client.into()))
    });
    let mut orders = orders.await?;
    for order in &mut orders {
        let id = OrderId::from(order["id"].as_str().unwrap_or_default());
        mention.ids.extend(order["gc_id"].as_str().map(str::to_owned));
        let journal = store.journal(school, &id, JOURNAL_MAX).await?;
        order["journal"] = crate::json::value(&journal);
    }
    let calls = pages(store, school, "call/", |call| mention.is_in(&call.to_string())).await?;
    let known: BTreeSet<OrderId> =
        orders.iter().filter_map(|order| order["id"].as_str().map(OrderId::from)).collect();
    Ok(json!({
        "clients": clients, "orders": orders, "calls": calls,
        "deliveries": deliveries(store, school, &mention, &known).await?,
        "dead_letters": letters(store, school, &mention, &known).await?,
        "requests": requests(store, school, &mention).await?,
        "counted": counted(store, school, &mention).await?,
    }))
}

/// How often the person's addresses and numbers were written to and called.
async fn counted(store: &dyn Store, school: &SchoolId, mention: &Mention) -> StoreResult<Vec<Value>> {
    let ways = mention.phones.iter().chain(&mention.emails);
    let keys: BTreeSet<String> = ways.map(|way| key::meter(&counted_as(way))).collect();
    let keys: Vec<String> = keys.into_iter().collect();
    let found = store.read(school, &keys).await?;
    Ok(found.into_iter().flatten().map(|record| json_of(&record.body)).collect())
}

/// Everybody with this number or address, or those of them who are chosen.
pub async fn persons(
    store: &dyn Store,
    school: &SchoolId,
    mention: &Mention,
) -> StoreResult<BTreeSet<ClientId>> {
    Ok(mention.persons(&store.find(school, &mention.entries()).await?))
}

/// Those whom only an unconfirmed report gave this number or address: no index leads to them (F100).
pub async fn unconfirmed(
    store: &dyn Store,
    school: &SchoolId,
    mention: &Mention,
) -> StoreResult<BTreeSet<ClientId>> {
    let is_meant = |record: &Value| {
        serde_json::from_value(record.clone()).is_ok_and(|client: Client| mention.is_unconfirmed(&client))
    };
    let found = pages(store, school, "client/", is_meant).await?;
    Ok(found.iter().filter_map(|client| client["id"].as_str().map(ClientId::from)).collect())
}

/// Each of them with what tells them apart, for the person who has to choose.
pub async fn described(
    store: &dyn Store,
    school: &SchoolId,
    persons: &BTreeSet<ClientId>,
) -> StoreResult<Vec<String>> {
    let mut lines = Vec::new();
    for client in persons {
        let record = store.read(school, &[key::client(client)]).await?.pop().flatten();
        let known = record.map_or(Value::Null, |record| json_of(&record.body));
        let user = known["gc_user"].as_str().unwrap_or("unknown");
        let orders = known["orders"].as_object().map_or(0, serde_json::Map::len);
        let joined = joined_of(&known).len();
        let joined =
            if joined == 0 { String::new() } else { format!(", {joined} joined by a number or an address") };
        lines.push(format!("{client}: GetCourse user {user}, {orders} order(s){joined}"));
    }
    Ok(lines)
}

/// The orders that only a number or an address made this client's, with what it was and when (Q4).
pub fn joined_of(client: &Value) -> Vec<(OrderId, String)> {
    let joined = client["joined"].as_object().into_iter().flatten();
    let shown = joined.map(|(order, how)| {
        let by: Vec<&str> = how["by"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let at = how["at"].as_str().unwrap_or_default();
        (OrderId::from(order.as_str()), format!("joined by {} at {at}", by.join(" and ")))
    });
    shown.collect()
}

/// Whose the order is, and how it came to him if it was joined. `None` if there is no such order.
pub async fn owner(
    store: &dyn Store,
    school: &SchoolId,
    order: &OrderId,
) -> StoreResult<Option<(ClientId, Option<String>)>> {
    let Some(record) = store.read(school, &[key::order(order)]).await?.pop().flatten() else {
        return Ok(None);
    };
    let client = ClientId::from(json_of(&record.body)["client"].as_str().unwrap_or_default());
    let record = store.read(school, &[key::client(&client)]).await?.pop().flatten();
    let known = record.map_or(Value::Null, |record| json_of(&record.body));
    let how = joined_of(&known).into_iter().find(|(joined, _)| joined == order);
    Ok(Some((client, how.map(|(_, how)| how))))
}

/// Asks the school's owner to give the order a client of its own.
pub async fn split(store: &dyn Store, school: &SchoolId, order: OrderId) -> StoreResult<()> {
    store.append(school, &Item::Split { order }.to_bytes(), wall_now()).await?;
    store.ring(school).await
}

/// Whether the index or the mirror of contacts still leads to the person.
pub async fn is_known(store: &dyn Store, school: &SchoolId, mention: &Mention) -> StoreResult<bool> {
    let found = store.find(school, &mention.entries()).await?;
    let named = crate::intake::identity::named(&found);
    if named.iter().any(|client| mention.clients.is_empty() || mention.clients.contains(client)) {
        return Ok(true);
    }
    let mut own = mention.clone();
    own.keep_own(&mention.clients, &found);
    Ok(store.find(school, &own.mirror_keys()).await?.iter().any(Option::is_some))
}

/// Asks the school's owner to erase the person.
pub async fn erase(store: &dyn Store, school: &SchoolId, mention: Mention) -> StoreResult<()> {
    store.append(school, &Item::Erase { mention, is_last: false }.to_bytes(), wall_now()).await?;
    store.ring(school).await
}

/// Whether the store's files are still to be written anew after an erasure.
pub async fn is_in_files(store: &dyn Store, school: &SchoolId) -> StoreResult<bool> {
    Ok(store.read(school, &[key::WIPE.to_owned()]).await?.into_iter().flatten().next().is_some())
}

async fn pages(
    store: &dyn Store,
    school: &SchoolId,
    prefix: &str,
    is_meant: impl Fn(&Value) -> bool,
) -> StoreResult<Vec<Value>> {
    let (mut after, mut found): (Option<String>, _) = (None, Vec::new());
    loop {
        let page = store.scan(school, prefix, after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(last.clone());
        found.extend(page.iter().map(|(_, record)| json_of(&record.body)).filter(&is_meant));
    }
}

/// Waiting deliveries for the person's orders, or that mention the person.
async fn deliveries(
    store: &dyn Store,
    school: &SchoolId,
    mention: &Mention,
    known: &BTreeSet<OrderId>,
) -> StoreResult<Vec<Value>> {
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let page = store.deliveries(school, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.seq;
        let shown = page.iter().map(|delivery| (delivery, crate::json::value(delivery)));
        let meant = shown.filter(|(delivery, shown)| {
            known.contains(&delivery.command.order) || mention.is_in(&shown.to_string())
        });
        found.extend(meant.map(|(_, shown)| shown));
    }
}

async fn letters(
    store: &dyn Store,
    school: &SchoolId,
    mention: &Mention,
    known: &BTreeSet<OrderId>,
) -> StoreResult<Vec<Value>> {
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let page = store.letters(school, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = *last;
        for (_, letter) in page {
            if letter.order.as_ref().is_some_and(|order| known.contains(order))
                || mentioned_by(mention, &letter)
            {
                let held = held_request(&letter).map_or_else(|| json_of(&letter.body), |held| shown(&held));
                found.push(json!({ "id": letter.id, "at": letter.at, "why": letter.why, "body": held }));
            }
        }
    }
}

async fn requests(store: &dyn Store, school: &SchoolId, mention: &Mention) -> StoreResult<Vec<Value>> {
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = store.raws(school, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(Seq(last.0));
        let meant = page.iter().filter(|(_, raw)| mentions(mention, raw));
        found.extend(meant.filter_map(|(_, raw)| Some(shown(&Envelope::read(raw).ok()?))));
    }
}

/// A request as it came.
fn shown(envelope: &Envelope) -> Value {
    json!({
        "at": envelope.at, "platform": envelope.platform, "what": envelope.tail,
        "query": envelope.query, "body": String::from_utf8_lossy(&envelope.body),
    })
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
