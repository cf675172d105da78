//! Orders that only a typed number or address made a client's (Q4): what they told of their person is kept apart, so
//! that it can be undone. Never decides who a person is: intake does. Enter at [`Client::join`] and [`Client::part`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::event::{Alike, ClientFacts, SameWay};
use super::super::value::*;
use super::unconfirmed::are_same_words;
use super::{Client, Detail};
use crate::message::library::Library;

/// Most joined orders that a client remembers; the oldest then stays the client's for good.
const JOINED_MAX: usize = 10;

/// How an order came to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// What was the same.
    pub by: BTreeSet<SameWay>,
    pub at: At,
    /// The person as this order alone tells of him: his client, if it is undone.
    pub apart: Box<Client>,
    /// What the client has from this order alone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub brought: BTreeSet<String>,
    /// It is to be undone as soon as no command of the order is under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves: bool,
}

impl Client {
    /// GetCourse has said that the order is another person's.
    pub fn is_leaving(&self, order: &OrderId) -> bool {
        self.joined.get(order).is_some_and(|joined| joined.leaves)
    }

    /// A number or an address says that the order is this client's.
    pub fn join(&mut self, order: &OrderId, by: &BTreeSet<SameWay>, now: At) {
        let apart = Box::new(Self::new(ClientId(format!("c-{order}"))));
        let joined = Joined { by: by.clone(), at: now, apart, brought: BTreeSet::new(), leaves: false };
        self.joined.entry(order.clone()).or_insert(joined);
        while self.joined.len() > JOINED_MAX {
            let oldest = self.joined.iter().min_by_key(|(_, joined)| joined.at).map(|(id, _)| id.clone());
            oldest.map(|id| self.joined.remove(&id));
        }
    }

    /// What is said of somebody with this client's number or address, and no order with it: all that is new waits, because
    /// nothing could be set apart later.
    pub fn guess(&mut self, facts: &ClientFacts, texts: &Library) {
        let numbers = facts.phone.iter().flat_map(|phone| phone.second.iter().chain(&phone.e164));
        numbers.for_each(|number| _ = self.learn_way(Detail::Phone, number, false));
        facts.email.iter().for_each(|email| _ = self.learn_way(Detail::Email, email, false));
        facts.zone().into_iter().for_each(|zone| _ = self.learn_zone(zone, false));
        let is_new = |name: &String| {
            let own = [&self.name, &self.crm_name, &self.nameless];
            !texts.is_no_name(name.trim())
                && own.into_iter().flatten().all(|known| !are_same_words(known, name))
        };
        if let Some(name) = facts.name.as_ref().filter(|name| is_new(name)) {
            self.wait(Detail::Name, name);
        }
    }

    /// Merges what a report of this order says of its person. Of a joined order it stands behind what is known, until a
    /// report names the client's own user of GetCourse; another user leaves.
    pub fn told_by(&mut self, order: &OrderId, facts: &ClientFacts, texts: &Library) -> bool {
        let user = facts.gc_user.as_ref();
        let is_own = |joined: &Joined| {
            user.is_some_and(|user| self.gc_user.as_ref() == Some(user) && !joined.brought.contains(user))
        };
        let Some(mut joined) = self.joined.remove(order).filter(|joined| !is_own(joined)) else {
            let own = values(facts);
            // Who he is in GetCourse says GetCourse alone.
            let stays = |value: &String| !own.contains(value) || (user == Some(value) && !facts.read);
            self.joined.values_mut().for_each(|joined| joined.brought.retain(stays));
            return self.told(facts, texts);
        };
        joined.apart.told(&ClientFacts { guessed: false, ..facts.clone() }, texts);
        let before = self.values();
        let changed = self.told(&ClientFacts { guessed: true, ..facts.clone() }, texts);
        joined.brought.extend(self.values().difference(&before).cloned());
        joined.leaves |= user.is_some() && self.gc_user.as_ref() != user;
        self.joined.insert(order.clone(), joined);
        changed
    }

    /// Undoes it: the order's person, with the order, who keeps what the order told of him and is never joined to this
    /// client by the same number or address. `known` is he, if GetCourse's user has been met before. `None` if the
    /// order was not joined.
    pub fn part(&mut self, order: &OrderId, known: Option<Self>) -> Option<Self> {
        let Joined { by, mut brought, apart, .. } = self.joined.remove(order)?;
        let mut other = match known {
            Some(known) => known.adopt(&apart),
            None => *apart,
        };
        for left in self.joined.values_mut() {
            let shared: Vec<String> = brought.intersection(&left.apart.values()).cloned().collect();
            for value in shared {
                brought.remove(&value);
                left.brought.insert(value);
            }
        }
        self.drop_values(&brought);
        other.orders.extend(self.orders.remove_entry(order));
        let alike = |way: &SameWay, client: &Self| Alike {
            way: *way,
            client: client.id.clone(),
            user: client.gc_user.clone(),
        };
        other.alike.extend(by.iter().map(|way| alike(way, self)));
        self.alike.extend(by.iter().map(|way| alike(way, &other)));
        Some(other)
    }

    /// What an order told of this person; what is known already stands before it.
    fn adopt(mut self, told: &Self) -> Self {
        let (has_phone, has_email) = (!self.phones.is_empty(), !self.emails.is_empty());
        told.phones.iter().rev().for_each(|phone| _ = self.learn_way(Detail::Phone, phone, !has_phone));
        told.emails.iter().rev().for_each(|email| _ = self.learn_way(Detail::Email, email, !has_email));
        self
    }

    fn values(&self) -> BTreeSet<String> {
        let single = [&self.gc_user, &self.name, &self.first_name, &self.last_name, &self.zone];
        let typed = [&self.phone_raw, &self.email_raw];
        let single = single.into_iter().chain(typed).flatten();
        let waiting = self.unconfirmed.iter().map(|one| &one.value);
        self.phones.iter().chain(&self.emails).chain(single).chain(waiting).cloned().collect()
    }

    fn drop_values(&mut self, gone: &BTreeSet<String>) {
        let is_kept = |value: &String| !gone.contains(value);
        self.phones.retain(is_kept);
        self.emails.retain(is_kept);
        self.bad.retain(is_kept);
        self.unconfirmed.retain(|one| is_kept(&one.value));
        self.phone_words.retain(|number, _| is_kept(number));
        let single = [&mut self.gc_user, &mut self.name, &mut self.first_name, &mut self.last_name];
        let typed = [&mut self.zone, &mut self.phone_raw, &mut self.email_raw];
        for value in single.into_iter().chain(typed) {
            value.take_if(|value| gone.contains(value));
        }
    }
}

fn values(facts: &ClientFacts) -> BTreeSet<String> {
    let phone = facts.phone.as_ref();
    let numbers =
        phone.into_iter().flat_map(|phone| phone.e164.iter().chain(&phone.second).chain([&phone.raw]));
    let names = [&facts.name, &facts.first_name, &facts.last_name];
    let other = [&facts.gc_user, &facts.email, &facts.email_typed, &facts.zone];
    numbers.chain(names.into_iter().chain(other).flatten()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, user: Option<&str>, phone: &str, email: &str) -> ClientFacts {
        ClientFacts {
            name: Some(name.to_owned()),
            gc_user: user.map(str::to_owned),
            phone: Some(Phone::parse(phone)),
            email: Some(email.to_owned()),
            read: true,
            ..ClientFacts::default()
        }
    }

    const PHONE: &str = "+79035550101";

    /// Мария with an order of her own, and a second order that her number made hers.
    fn joined(second: &ClientFacts) -> Client {
        let texts = Library::shipped();
        let mut client = Client::new("c-gc-1".into());
        client.told_by(&"gc-1".into(), &facts("Мария", Some("7"), PHONE, "maria@client.example"), &texts);
        client.join(&"gc-2".into(), &BTreeSet::from([SameWay::Phone]), At::UNIX_EPOCH);
        client.told_by(&"gc-2".into(), &ClientFacts { guessed: true, ..second.clone() }, &texts);
        client
    }

    #[test]
    fn what_was_joined_comes_apart_as_each_order_told_it() {
        let before = joined(&facts("Пётр", None, PHONE, "petr@client.example"));
        assert_eq!(before.emails, ["maria@client.example"], "it is only guessed");
        assert!(!before.joined[&OrderId::from("gc-2")].leaves);
        let mut maria = before;
        assert_eq!(maria.unconfirmed.len(), 2);
        let petr = maria.part(&"gc-2".into(), None).expect("joined");
        assert_eq!(maria.unconfirmed, []);
        assert_eq!(
            (&maria.emails[..], &maria.phones[..]),
            (&["maria@client.example".to_owned()][..], &[PHONE.to_owned()][..])
        );
        assert_eq!((petr.id.as_str(), petr.name.as_deref()), ("c-gc-2", Some("Пётр")));
        assert_eq!(
            (&petr.emails[..], &petr.phones[..]),
            (&["petr@client.example".to_owned()][..], &[PHONE.to_owned()][..])
        );
        assert_eq!(petr.alike[0].client, maria.id);
        assert_eq!(maria.alike[0].client, petr.id);
        assert_eq!(maria.part(&"gc-2".into(), None), None, "it is undone once");
    }

    #[test]
    fn what_the_client_tells_too_stays_his() {
        let texts = Library::shipped();
        let mut maria = joined(&facts("Мария К.", None, PHONE, "work@client.example"));
        maria.told_by(&"gc-1".into(), &facts("Мария", Some("7"), PHONE, "work@client.example"), &texts);
        maria.part(&"gc-2".into(), None).expect("joined");
        assert_eq!(maria.emails, ["work@client.example", "maria@client.example"]);

        // A third order with the same address stays joined, and so does what it tells.
        let mut maria = joined(&facts("Пётр", None, PHONE, "petr@client.example"));
        maria.join(&"gc-3".into(), &BTreeSet::from([SameWay::Phone]), At::UNIX_EPOCH);
        maria.told_by(&"gc-3".into(), &facts("Пётр", None, PHONE, "petr@client.example"), &texts);
        maria.part(&"gc-2".into(), None).expect("joined");
        assert_eq!(maria.unconfirmed.len(), 2, "the other order tells it, too");
        maria.part(&"gc-3".into(), None).expect("joined");
        assert_eq!(
            (&maria.emails[..], maria.unconfirmed.len()),
            (&["maria@client.example".to_owned()][..], 0)
        );
    }

    #[test]
    fn a_user_of_getcourse_decides_what_was_only_guessed() {
        let texts = Library::shipped();
        let typed = facts("Мария", None, PHONE, "new@client.example");
        let mut maria = joined(&typed);
        maria.told_by(
            &"gc-2".into(),
            &ClientFacts { gc_user: Some("7".to_owned()), ..typed.clone() },
            &texts,
        );
        assert!(maria.joined.is_empty(), "it is her");

        let mut maria = joined(&typed);
        maria.told_by(
            &"gc-2".into(),
            &ClientFacts { gc_user: Some("8".to_owned()), ..typed.clone() },
            &texts,
        );
        assert_eq!(maria.gc_user.as_deref(), Some("7"), "another user is not her");
        assert!(maria.joined[&OrderId::from("gc-2")].leaves);
        assert_eq!(maria.part(&"gc-2".into(), None).expect("joined").gc_user.as_deref(), Some("8"));
    }

    #[test]
    fn a_user_who_came_with_the_joined_order_leaves_with_it() {
        let texts = Library::shipped();
        let mut maria = Client::new("c-gc-1".into());
        maria.told_by(&"gc-1".into(), &facts("Мария", None, PHONE, "maria@client.example"), &texts);
        maria.join(&"gc-2".into(), &BTreeSet::from([SameWay::Phone]), At::UNIX_EPOCH);
        let petr = facts("Пётр", Some("8"), PHONE, "petr@client.example");
        maria.told_by(&"gc-2".into(), &petr, &texts);
        maria.told_by(&"gc-2".into(), &petr, &texts);
        assert_eq!((maria.gc_user.as_deref(), maria.joined.len()), (Some("8"), 1));
        maria.part(&"gc-2".into(), None).expect("joined");
        assert_eq!(maria.gc_user, None);
    }

    #[test]
    fn only_so_many_joined_orders_are_remembered() {
        let mut client = Client::new("c-gc-1".into());
        for n in 0..30 {
            let at = At::UNIX_EPOCH + chrono::TimeDelta::days(n);
            client.join(&OrderId::of_deal(n), &BTreeSet::from([SameWay::Email]), at);
        }
        assert_eq!(client.joined.len(), JOINED_MAX);
        assert!(client.joined.contains_key(&OrderId::from("gc-29")));
    }
}
