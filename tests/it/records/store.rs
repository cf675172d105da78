//! A whole embedded store as b3825df left it when it was killed in the middle of sending: it opens, and
//! all that it holds is read. Never changes the fixture: it works on a copy.

use dozvon::intake::calls::CallRecord;
use dozvon::intake::envelope::Envelope;
use dozvon::intake::item::{Inbound, Member};
use dozvon::intake::last_seen::LastSeen;
use dozvon::platform::reconcile::ReconcileState;
use dozvon::process::desks::DesksV1;
use dozvon::process::{Client, Order};
use dozvon::store::{Backend, Counts, DeliveryState};

use super::orders::folder;
use crate::support::folder::Folder;
use crate::support::program::rost;

#[tokio::test]
async fn a_store_of_v1_opens_with_all_that_it_holds() {
    let copy = Folder::new();
    std::fs::copy(folder().join("dozvon.sqlite"), copy.path().join("dozvon.sqlite")).expect("a copy");
    let store = Backend::Folder(copy.path().to_owned()).open().await.expect("it opens");
    let school = rost();
    let counts = store.counts(&school).await.expect("counts");
    assert_eq!(counts, Counts { inbox: 1, deliveries: 7, wakes: 5, dead: 1, raw: 9 });

    let entries = store.inbox(&school, None, 10).await.expect("the inbox");
    assert!(entries.iter().all(|entry| Inbound::read(&entry.body).is_ok()), "{entries:?}");
    let deliveries = store.deliveries(&school, 0, 10).await.expect("every delivery is read");
    assert_eq!(deliveries.len(), 7);
    assert!(deliveries.iter().any(|one| one.state == DeliveryState::Sending), "{deliveries:#?}");
    let raws = store.raws(&school, None, 10).await.expect("requests");
    assert!(raws.iter().all(|(_, raw)| Envelope::read(raw).is_ok()));
    let dead = store.dead(&school, 10).await.expect("letters");
    assert!(Inbound::read(&dead[0].body).is_ok(), "it can be tried again");
    let wakes = store.wakes(&school, i64::MAX, 10).await.expect("wakes");
    assert!(wakes.iter().all(|wake| Member::read(&wake.member).is_some()), "{wakes:?}");

    let mut orders = 0;
    for (key, record) in store.scan(&school, "", None, 200).await.expect("records") {
        let body = record.body.as_slice();
        let read = match key.split('/').next().unwrap_or_default() {
            "order" => {
                let order: Order = serde_json::from_slice(body).expect("an order");
                orders += 1;
                let wake = store.wake_of(&school, &format!("order:{}", order.id)).await.expect("its wake");
                let at = dozvon::process::wake(&order).map(|(at, _)| at.timestamp_millis());
                assert_eq!(wake.map(|wake| wake.at_ms), at, "{}", order.id);
                let journal = store.journal(&school, &order.id, 50).await.expect("its journal");
                !journal.is_empty()
            }
            "client" => serde_json::from_slice::<Client>(body).is_ok(),
            "desk" => serde_json::from_slice::<DesksV1>(body).is_ok(),
            "call" => serde_json::from_slice::<CallRecord>(body).is_ok(),
            "shadow" => serde_json::from_slice::<LastSeen>(body).is_ok(),
            "look" => serde_json::from_slice::<ReconcileState>(body).is_ok(),
            _ => false,
        };
        assert!(read, "{key} cannot be read");
    }
    assert_eq!(orders, 4);
}
