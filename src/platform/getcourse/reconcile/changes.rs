//! Whether an order as GetCourse shows it contains anything that was not delivered. Never acts on it: a
//! change enters as a request. Enter at [`is_change`].

use sha2::{Digest, Sha256};

use crate::process::definition::{Manager, named};
use crate::process::{Client, ManagerId, Money, Order, Status};
use crate::signal::SeenOrder;

/// Compares what events would have reported: status, money, price, manager, and the client's phone and
/// e-mail. A client without a record was lost with the store.
pub fn is_change(order: &Order, client: Option<&Client>, seen: &SeenOrder, roster: &[Manager]) -> bool {
    let facts = &seen.facts;
    let status = facts.status.as_ref().filter(|status| !matches!(status, Status::Unknown(_)));
    let differs = |known: &Option<Money>, shown: &Option<Money>| {
        shown.as_ref().is_some_and(|shown| match known {
            // A sum without a currency is in that of the order (F78).
            Some(known) => shown.minor != known.minor || !(shown.currency.is_empty() || shown.is_like(known)),
            None => shown.minor != 0,
        })
    };
    status.is_some_and(|status| order.said_status.as_ref() != Some(status))
        || differs(&order.paid, &facts.paid)
        || differs(&order.cost, &facts.cost)
        || manager(seen, roster).is_some_and(|manager| order.gc_manager.as_ref() != Some(&manager))
        || client.is_none_or(|client| is_reached_otherwise(client, seen))
}

fn is_reached_otherwise(client: &Client, seen: &SeenOrder) -> bool {
    let facts = &seen.facts.client;
    let phone = facts.phone.as_ref().and_then(|phone| phone.e164.as_ref());
    phone.is_some_and(|phone| !client.phones.contains(phone))
        || facts.email.as_ref().is_some_and(|email| !client.emails.contains(email))
}

/// An export contains the manager's name, a read the id; a manager who is not in the roster is not a change.
fn manager(seen: &SeenOrder, roster: &[Manager]) -> Option<ManagerId> {
    let same = |name: &str| named(roster, name);
    let by_id = seen.manager_id.and_then(|id| roster.iter().find(|manager| manager.getcourse == Some(id)));
    by_id.or_else(|| seen.manager_name.as_deref().and_then(same)).map(|manager| manager.id.clone())
}

/// Equal for two states of an order with the same content: a difference that a step did not take over once is
/// not handed on again and again. A hash, because it is stored and covers a phone.
pub fn digest(seen: &SeenOrder) -> String {
    let facts = &seen.facts;
    let content = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        (&facts.status, &facts.paid, &facts.cost),
        (&seen.manager_id, &seen.manager_name),
        facts.client.phone.as_ref().map(|phone| &phone.e164),
        facts.client.email,
        facts.number,
    );
    let mut hash = hex::encode(Sha256::digest(content.as_bytes()));
    hash.truncate(16);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::event::{ClientFacts, OrderFacts};
    use crate::process::{At, ClientId, OrderId, Phone};

    fn known() -> (Order, Client) {
        let mut order = Order::new(OrderId::from("gc-7"), ClientId::from("c-gc-7"), At::UNIX_EPOCH);
        order.said_status = Some(Status::InWork);
        order.paid = Some(Money::new(1_500_040, "RUB"));
        order.cost = Some(Money::new(3_850_000, "RUB"));
        order.gc_manager = Some(ManagerId::from("irina"));
        let mut client = Client::new(order.client.clone());
        client.phones = vec!["+79035550127".to_owned()];
        client.emails = vec!["client-1@example.com".to_owned()];
        (order, client)
    }

    fn shown(change: impl FnOnce(&mut SeenOrder)) -> SeenOrder {
        let facts = OrderFacts {
            status: Some(Status::InWork),
            paid: Some(Money::new(1_500_040, "RUB")),
            cost: Some(Money::new(3_850_000, "RUB")),
            client: ClientFacts {
                phone: Some(Phone::parse("8 903 555-01-27")),
                email: Some("client-1@example.com".to_owned()),
                ..ClientFacts::default()
            },
            ..OrderFacts::default()
        };
        let mut seen =
            SeenOrder {
                facts, manager_name: Some("Ирина Соколова".to_owned()), ..SeenOrder::default()
            };
        change(&mut seen);
        seen
    }

    #[test]
    fn only_what_an_event_would_have_reported_is_a_change() {
        let irina = Manager { name: "ирина соколова".to_owned(), ..roster("irina") };
        let managers = [irina, Manager { name: "Павел Орлов".to_owned(), ..roster("pavel") }];
        let check = |wanted: bool, what: &str, change: &dyn Fn(&mut SeenOrder)| {
            let (order, client) = known();
            let seen = shown(change);
            assert_eq!(is_change(&order, Some(&client), &seen, &managers), wanted, "{what}");
            assert_eq!(
                digest(&seen) != digest(&shown(|_| {})),
                wanted || what.starts_with("other"),
                "{what}"
            );
        };
        check(false, "the same", &|_| {});
        check(true, "a status", &|seen| seen.facts.status = Some(Status::Cancelled));
        check(false, "other: a word that is not a status", &|seen| {
            seen.facts.status = Some(Status::Unknown("?".to_owned()));
        });
        check(true, "a second part", &|seen| seen.facts.paid = Some(Money::new(2_000_000, "RUB")));
        check(true, "a price", &|seen| seen.facts.cost = Some(Money::new(1, "RUB")));
        check(true, "a currency", &|seen| seen.facts.cost = Some(Money::new(3_850_000, "KZT")));
        check(false, "other: no currency", &|seen| seen.facts.cost = Some(Money::new(3_850_000, "")));
        check(false, "other: a name turned", &|seen| {
            seen.manager_name = Some("Соколова  Ирина".to_owned());
        });
        check(true, "a manager", &|seen| seen.manager_name = Some("Павел Орлов".to_owned()));
        check(false, "other: an unknown manager", &|seen| seen.manager_name = Some("Робот".to_owned()));
        check(true, "a phone", &|seen| seen.facts.client.phone = Some(Phone::parse("+79035550128")));
        check(false, "other: no amounts", &|seen| seen.facts.paid = None);
        assert!(is_change(&known().0, None, &shown(|_| {}), &managers), "a client whose record was lost");
    }

    fn roster(id: &str) -> Manager {
        let manager: Manager = toml::from_str("name = 'x'").expect("a manager");
        Manager { id: ManagerId::from(id), ..manager }
    }
}
