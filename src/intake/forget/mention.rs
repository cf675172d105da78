//! Whether a text mentions a person: by phone numbers, e-mail addresses, or the platforms' ids. Never keeps
//! the text; in doubt the answer is yes. Enter at [`Mention::is_in`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::intake::identity;
use crate::link;
use crate::process::client::Detail;
use crate::process::{Client, ClientId, Phone};

/// Only this many last digits of a number are compared: the prefix is written in many ways.
const TAIL: usize = 10;
/// Shorter ids would be found in every text.
const ID_DIGITS_MIN: usize = 5;

/// The identifiers of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// E.164.
    pub phones: BTreeSet<String>,
    /// Lower case.
    pub emails: BTreeSet<String>,
    /// Ids that the platforms gave to the person and to their orders, leads and tasks.
    pub ids: BTreeSet<String>,
    /// If not empty, only these persons are meant: others have the same number or address.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub clients: BTreeSet<ClientId>,
}

impl Mention {
    /// From what a person typed; the error says what is wrong with it.
    pub fn typed(phone: Option<&str>, email: Option<&str>) -> Result<Self, String> {
        let mut mention = Self::default();
        if let Some(phone) = phone {
            // A number that counts as a fake today may be kept from before.
            let e164 = Phone::of_line(phone);
            mention.phones.insert(e164.ok_or("the number is not complete: give it with its country, +7…")?);
        }
        if let Some(email) = email {
            let email = email.trim().to_lowercase();
            if !email.contains('@') {
                return Err("the e-mail address has no @".to_owned());
            }
            mention.emails.insert(email);
        }
        if mention == Self::default() { Err("give --phone or --email".to_owned()) } else { Ok(mention) }
    }

    pub fn of(client: &Client) -> Self {
        let mut mention = Self::default();
        mention.learn(client);
        mention
    }

    /// Adds every identifier in the client's record.
    pub fn learn(&mut self, client: &Client) {
        self.phones.extend(client.phones.iter().cloned());
        self.emails.extend(client.emails.iter().map(|email| email.to_lowercase()));
        for one in &client.unconfirmed {
            match one.detail {
                Detail::Phone => drop(self.phones.insert(one.value.clone())),
                Detail::Email => drop(self.emails.insert(one.value.to_lowercase())),
                Detail::Name | Detail::Zone => {}
            }
        }
        client.joined.values().for_each(|joined| self.learn(&joined.apart));
    }

    /// Whether only an unconfirmed report gave the client one of these numbers or addresses (F100).
    pub fn is_unconfirmed(&self, client: &Client) -> bool {
        let mut told = client
            .unconfirmed
            .iter()
            .filter(|one| matches!(one.detail, Detail::Phone | Detail::Email))
            .map(|one| &one.value);
        told.any(|value| self.phones.contains(value) || self.emails.contains(&value.to_lowercase()))
    }

    /// The index keys of the person's numbers and addresses.
    pub fn keys(&self) -> Vec<String> {
        let phones = self.phones.iter().map(|phone| link::phone(phone));
        phones.chain(self.emails.iter().map(|email| link::email(email))).collect()
    }

    /// The index entries that name everybody with these numbers and addresses, for [`Mention::persons`] and
    /// [`Mention::keep_own`].
    pub fn entries(&self) -> Vec<String> {
        self.keys().iter().flat_map(|key| identity::entries(key)).collect()
    }

    /// The persons who are meant: those who were chosen, else all whom `found` names, which is what the index has under
    /// [`Mention::entries`].
    pub fn persons(&self, found: &[Option<String>]) -> BTreeSet<ClientId> {
        if !self.clients.is_empty() {
            return self.clients.clone();
        }
        identity::named(found).into_iter().collect()
    }

    /// Drops each number and address that somebody else has, too: what mentions it may be of the other person.
    pub fn keep_own(&mut self, persons: &BTreeSet<ClientId>, found: &[Option<String>]) {
        let by_key = self.keys().into_iter().zip(found.chunks(2));
        let shared: BTreeSet<String> = by_key
            .filter(|(_, found)| identity::named(found).iter().any(|owner| !persons.contains(owner)))
            .map(|(key, _)| key)
            .collect();
        self.phones.retain(|phone| !shared.contains(&link::phone(phone)));
        self.emails.retain(|email| !shared.contains(&link::email(email)));
    }

    /// The same keys in the mirror of the CRM.
    pub fn mirror_keys(&self) -> Vec<String> {
        link::mirror_keys(&self.phones, &self.emails)
    }

    /// `text` is a query, a form or JSON, as it came.
    pub fn is_in(&self, text: &str) -> bool {
        let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy().to_lowercase();
        self.emails.iter().any(|email| text.contains(email.as_str())) || self.has_number(&text)
    }

    fn has_number(&self, text: &str) -> bool {
        let tails: Vec<&str> =
            self.phones.iter().map(|phone| &phone[phone.len().saturating_sub(TAIL)..]).collect();
        // `joined` continues over the characters that people put between digits, `plain` does not.
        let (mut joined, mut plain) = (String::new(), String::new());
        for c in text.chars().chain(['\n']) {
            if c.is_ascii_digit() {
                joined.push(c);
                plain.push(c);
                continue;
            }
            if plain.len() >= ID_DIGITS_MIN && self.ids.contains(&plain) {
                return true;
            }
            plain.clear();
            if !matches!(c, ' ' | '(' | ')' | '-' | '+' | '.') {
                if tails.iter().any(|tail| joined.contains(tail)) {
                    return true;
                }
                joined.clear();
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::event::ClientFacts;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let mention = Mention {
            phones: BTreeSet::from(["+79035550212".to_owned()]),
            emails: BTreeSet::from(["anna@example.com".to_owned()]),
            ids: BTreeSet::from(["41290077".to_owned(), "12".to_owned()]),
            clients: BTreeSet::new(),
        };
        assert_eq!(mention.is_in(text), expected, "{text}");
    }

    #[test]
    fn a_person_is_found_however_the_platform_writes_him() {
        check("phone=%2B7+%28903%29+555-02-12&x=1", true);
        check("{\"to\":{\"number\":\"79035550212\"}}", true);
        check("8 903 555 02 12", true);
        check("email=Anna%40Example.com", true);
        check("leads%5Bupdate%5D%5B0%5D%5Bid%5D=41290077&x", true);
        check("phone=%2B79035550213", false);
        check("id=412900771", false);
        check("n=12", false);
        check("", false);
    }

    #[test]
    fn what_only_a_report_or_a_joined_order_told_is_of_the_person_too() {
        let (mut client, texts) = (Client::new("c-1".into()), crate::message::library::Library::shipped());
        let told = |email: &str, guessed| ClientFacts {
            email: Some(email.to_owned()),
            guessed,
            ..ClientFacts::default()
        };
        client.told_by(&"gc-1".into(), &told("anna@example.com", false), &texts);
        client.told_by(&"gc-1".into(), &told("new@example.com", false), &texts);
        client.join(&"gc-2".into(), &BTreeSet::new(), crate::process::At::UNIX_EPOCH);
        client.told_by(&"gc-2".into(), &told("petr@example.com", true), &texts);
        client.unconfirmed.retain(|one| one.value != "petr@example.com");
        let known = Mention::of(&client);
        let all: Vec<&str> = known.emails.iter().map(String::as_str).collect();
        assert_eq!(all, ["anna@example.com", "new@example.com", "petr@example.com"]);
        for (email, waits) in
            [("New@example.com", true), ("anna@example.com", false), ("x@example.com", false)]
        {
            let typed = Mention::typed(None, Some(email)).expect("an address");
            assert_eq!(typed.is_unconfirmed(&client), waits, "{email}");
        }
    }

    #[test]
    fn what_is_typed_is_checked() {
        assert!(Mention::typed(None, None).is_err());
        assert!(Mention::typed(Some("12"), None).is_err());
        assert!(Mention::typed(None, Some("anna")).is_err());
        let typed = Mention::typed(Some("8 (903) 555-02-12"), Some("Anna@example.com")).expect("right");
        assert_eq!(typed.keys(), ["phone:+79035550212", "email:anna@example.com"]);
    }
}
