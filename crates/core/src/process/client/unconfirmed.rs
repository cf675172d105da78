//! What only a report told of a known person (F100): whoever knows an address of the bridge can send one. It counts for
//! nothing, and is shown as unconfirmed, until it was read in GetCourse, or a person wrote it into the contact in the CRM.
//! Never asks anybody: `sections/orders.rs` does. Enter at [`Client::is_sure`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::event::ClientFacts;
use super::{Client, WAYS_MAX};
use crate::mutant::cut;

/// A value that waits for a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    pub detail: Detail,
    pub value: String,
    /// People were told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    Phone,
    Email,
    Name,
    Zone,
}

impl Client {
    /// The facts name another user of GetCourse: they are another person's.
    pub fn is_another(&self, facts: &ClientFacts) -> bool {
        facts.gc_user.as_ref().zip(self.gc_user.as_ref()).is_some_and(|(said, known)| said != known)
    }

    /// Whether what is new in the facts counts at once: a platform was asked, and it is this person whom it shows. A user
    /// whom only a joined order names may be somebody else (Q4).
    pub fn is_sure(&self, facts: &ClientFacts) -> bool {
        let is_brought = |user: &String| self.joined.values().any(|joined| joined.brought.contains(user));
        let is_his = !self.is_another(facts) && !facts.gc_user.as_ref().is_some_and(is_brought);
        (facts.read && !facts.guessed && is_his) || cut("L11.told")
    }

    /// Whether something waits that did not wait in `before`.
    pub fn has_new_to_confirm(&self, before: &Client) -> bool {
        let is_old = |one: &Unconfirmed| {
            before.unconfirmed.iter().any(|old| (old.detail, &old.value) == (one.detail, &one.value))
        };
        !self.unconfirmed.iter().all(is_old)
    }

    /// A number or an address. A new one that is believed goes first; a known one keeps its position: platforms repeat
    /// old and new values in any order, and an echo must not change the order.
    pub(super) fn learn_way(&mut self, detail: Detail, new: &str, is_believed: bool) -> bool {
        let have = match detail {
            Detail::Phone => &mut self.phones,
            Detail::Email => &mut self.emails,
            Detail::Name | Detail::Zone => return false,
        };
        if have.iter().any(|known| known == new) {
            return false;
        }
        if !is_believed {
            self.wait(detail, new);
            return false;
        }
        have.insert(0, new.to_owned());
        have.truncate(WAYS_MAX);
        self.settle(detail, new);
        true
    }

    pub(super) fn learn_zone(&mut self, new: &str, is_believed: bool) -> bool {
        if self.zone.as_deref() == Some(new) {
            return false;
        }
        if !is_believed {
            self.wait(Detail::Zone, new);
            return false;
        }
        self.zone = Some(new.to_owned());
        self.settle(Detail::Zone, new);
        true
    }

    /// Whether it was not believed that his number is confirmed, or that it is not (L12). People have no field for it.
    pub fn is_doubted(&self, facts: &ClientFacts) -> bool {
        facts.phone_confirmed.is_some_and(|said| self.phone_confirmed != Some(said))
    }

    pub(super) fn wait(&mut self, detail: Detail, value: &str) {
        if self.unconfirmed.iter().all(|one| (one.detail, one.value.as_str()) != (detail, value)) {
            // Of very many nothing more is told: somebody plays.
            let noted = self.unconfirmed.len() >= WAYS_MAX;
            self.unconfirmed.insert(0, Unconfirmed { detail, value: value.to_owned(), noted });
            self.unconfirmed.truncate(WAYS_MAX);
        }
    }

    /// It counts now.
    pub(super) fn settle(&mut self, detail: Detail, value: &str) {
        self.unconfirmed.retain(|one| one.detail != detail || one.value != value);
    }

    /// What waits and stands in the contact, where a person wrote it: the bridge does not.
    pub(super) fn confirm(&mut self, carried: &BTreeSet<String>, is_sure: bool) -> bool {
        let stands = |one: &&Unconfirmed| is_sure && carried.contains(&one.value);
        let confirmed: Vec<Unconfirmed> = self.unconfirmed.iter().filter(stands).cloned().collect();
        confirmed.iter().fold(false, |changed, one| self.learn_way(one.detail, &one.value, true) | changed)
    }
}

/// «Мария Кузнецова» and «Кузнецова Мария» are one name.
pub(super) fn are_same_words(one: &str, other: &str) -> bool {
    words(one) == words(other)
}

/// Whether the parts are of this name.
pub(super) fn holds_words<'a>(name: &str, parts: impl Iterator<Item = &'a String>) -> bool {
    let known = words(name);
    parts.flat_map(|part| words(part)).all(|word| known.contains(&word))
}

fn words(name: &str) -> Vec<String> {
    let plain = name.to_lowercase().replace('\u{451}', "\u{435}");
    let mut words: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::process::value::{ClientId, Phone};

    fn said(read: bool, user: &str, name: &str, phone: &str, email: &str) -> ClientFacts {
        ClientFacts {
            gc_user: Some(user.to_owned()),
            name: Some(name.to_owned()),
            first_name: Some(name.to_owned()),
            phone: Some(Phone::parse(phone)),
            email: Some(email.to_owned()),
            read,
            ..ClientFacts::default()
        }
    }

    fn maria() -> Client {
        let mut client = Client::new(ClientId::from("c-1"));
        assert!(client.learn(&said(false, "7", "Мария", "8 900 555-01-01", "maria@client.example")));
        assert_eq!(client.unconfirmed, [], "the first report is believed");
        client
    }

    #[test]
    fn what_is_only_told_waits_until_it_is_read() {
        let mut client = maria();
        let told = said(false, "7", "Вор", "8 900 555-01-02", "thief@evil.example");
        let before = Client { unconfirmed: Vec::new(), ..client.clone() };
        assert!(!client.learn(&told), "nothing that counts");
        assert!(client.has_new_to_confirm(&before));
        assert_eq!(Client { unconfirmed: Vec::new(), ..client.clone() }, before);
        assert_eq!(client.unconfirmed.len(), 3);
        let once = client.clone();
        client.learn(&told);
        assert_eq!((client.unconfirmed.len(), client.has_new_to_confirm(&once)), (3, false), "once");

        let mut asked = client.clone();
        assert!(!asked.learn(&said(true, "7", "Мария", "8 900 555-01-01", "maria@client.example")));
        assert_eq!(asked, client, "GetCourse does not know it");
        assert!(client.learn(&said(true, "7", "Мария", "8 900 555-01-02", "thief@evil.example")));
        assert_eq!(client.emails, ["thief@evil.example", "maria@client.example"]);
        assert_eq!(client.phones, ["+79005550102", "+79005550101"]);
        assert_eq!(client.unconfirmed.len(), 1, "the name still waits");
    }

    #[test]
    fn another_user_of_getcourse_tells_nothing_of_him() {
        let mut client = maria();
        client.learn(&said(true, "666", "Вор", "8 900 555-01-02", "thief@evil.example"));
        assert_eq!((client.gc_user.as_deref(), client.name.as_deref()), (Some("7"), Some("Мария")));
        assert_eq!((client.emails.len(), client.phones.len(), client.unconfirmed.len()), (1, 1, 3));
    }

    #[test]
    fn what_a_person_writes_into_the_contact_is_confirmed() {
        let mut client = maria();
        client.learn(&said(false, "7", "Мария", "8 900 555-01-02", "new@client.example"));
        let carries = BTreeSet::from(["new@client.example".to_owned(), "strange@client.example".to_owned()]);
        let mut contact = ClientFacts { carries, ..ClientFacts::default() };
        assert!(!client.learn(&contact), "it was not read in the CRM");
        contact.read = true;
        assert!(client.learn(&contact));
        assert_eq!(client.emails, ["new@client.example", "maria@client.example"]);
        assert_eq!(client.unconfirmed.len(), 1, "the number waits");
    }

    #[test]
    fn the_same_words_are_no_other_name() {
        let mut client = Client::new(ClientId::from("c-1"));
        let named = |name: &str, first: Option<&str>| ClientFacts {
            name: Some(name.to_owned()),
            first_name: first.map(str::to_owned),
            ..ClientFacts::default()
        };
        client.learn(&named("Алёна Белова", None));
        client.learn(&named("белова алена", None));
        assert_eq!((client.name.as_deref(), client.unconfirmed.len()), (Some("Алёна Белова"), 0));
        client.learn(&named("Алёна Белова", Some("Срочно")));
        assert_eq!(client.first_name, None, "no part of the name");
        client.learn(&named("Алёна Белова", Some("Алёна")));
        assert_eq!(client.first_name.as_deref(), Some("Алёна"));
    }

    #[test]
    fn a_zone_and_a_confirmed_number_wait_like_an_address() {
        let said = |read: bool, zone: &str, phone_confirmed: bool| ClientFacts {
            gc_user: Some("7".to_owned()),
            zone: Some(zone.to_owned()),
            phone_confirmed: Some(phone_confirmed),
            read,
            ..ClientFacts::default()
        };
        let mut client = maria();
        assert!(client.learn(&said(false, "Asia/Omsk", false)), "the first one is believed");
        let told = said(false, "Asia/Vladivostok", true);
        let before = client.clone();
        assert!(!client.learn(&told), "nothing that counts");
        assert!(client.has_new_to_confirm(&before) && client.is_doubted(&told));
        assert_eq!((client.zone.as_deref(), client.phone_confirmed), (Some("Asia/Omsk"), Some(false)));
        assert!(client.learn(&ClientFacts { zone: None, ..said(true, "", true) }));
        assert_eq!(
            (client.phone_confirmed, client.unconfirmed.len()),
            (Some(true), 1),
            "GetCourse shows no zone"
        );
        let contact =
            ClientFacts { gc_user: None, phone_confirmed: None, ..said(true, "Asia/Vladivostok", true) };
        assert!(client.learn(&contact), "a person wrote it");
        assert_eq!((client.zone.as_deref(), client.unconfirmed.len()), (Some("Asia/Vladivostok"), 0));
    }

    proptest! {
        /// Whatever is told of a known client, and however often: what counts stays.
        #[test]
        fn no_report_changes_what_counts(
            told in prop::collection::vec(("[67]", "[А-Я][а-я]{1,5}", 0..99_u32, "[a-z]{1,4}@(evil|client)\\.example"), 0..30),
        ) {
            let mut client = maria();
            let known = (Some("Asia/Omsk".to_owned()), Some(false));
            (client.zone, client.phone_confirmed) = known;
            let before = client.clone();
            for (user, name, number, email) in told {
                let (zone, phone_confirmed) = (Some(format!("Etc/GMT-{}", number % 15)), Some(number % 2 == 0));
                let said = said(false, &user, &name, &format!("8 900 555-02-{number:02}"), &email);
                client.learn(&ClientFacts { zone, phone_confirmed, ..said });
                prop_assert!(client.unconfirmed.len() <= WAYS_MAX);
            }
            client.unconfirmed.clear();
            prop_assert_eq!(client, before);
        }
    }
}
