//! A client: contact details, zone, manager, short list of orders. Never forgets a number or an address: a
//! wrong one is only marked. Enter at [`Client::learn`].

mod joined;
mod unconfirmed;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::event::{Alike, ClientFacts};
use super::free_text::is_greetable;
use super::value::*;
use crate::message::library::Library;
use crate::mutant::cut;

pub use joined::Joined;
pub use unconfirmed::{Detail, Unconfirmed};

/// Names in the CRM that are remembered.
const CRM_NAMES_MAX: usize = 4;

/// A webhook does not come later than this after the next write.
const ECHO_LATE: TimeDelta = TimeDelta::hours(1);

/// A client, across all orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Client {
    pub id: ClientId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gc_user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The contact's name in the CRM, if a route gave it another one: its echo is no news (G7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_name: Option<String>,
    /// Names that the bridge has given to the contact in the CRM, and when it did last: the echo of an earlier one may
    /// come late (G7). Bounded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crm_names: BTreeMap<String, At>,
    /// What stands in the CRM in place of a name that nobody knew: no name when it comes back, and replaced by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nameless: Option<String>,
    /// First and last name, where they were given apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// All numbers ever given, newest first; wrong ones are in `bad`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    /// The number as typed (Q1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_raw: Option<String>,
    /// What was typed beside a number: «доб. 136, после 18:00» (Q1).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phone_words: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_confirmed: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    /// What was typed in place of an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_raw: Option<String>,
    /// Bounced or wrong ones: skipped until a new one comes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub bad: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What only reports told of him (F100). Newest first, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<Unconfirmed>,
    /// Other persons with the same number or address: perhaps the same one, which only a person can say (F100).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alike: Vec<Alike>,
    /// Orders that only a number or an address made this client's (Q4): it can be undone. Bounded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joined: BTreeMap<OrderId, Joined>,
    /// The client's manager, for all orders (L8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerId>,
    /// Summaries of the orders, so that a double is recognised at once (L7). Bounded; the oldest is dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<OrderId, OrderBrief>,
}

impl Client {
    pub fn new(id: ClientId) -> Self {
        Self {
            id,
            gc_user: None,
            name: None,
            crm_name: None,
            crm_names: BTreeMap::new(),
            nameless: None,
            first_name: None,
            last_name: None,
            phones: Vec::new(),
            phone_raw: None,
            phone_words: BTreeMap::new(),
            phone_confirmed: None,
            emails: Vec::new(),
            email_raw: None,
            bad: BTreeSet::new(),
            zone: None,
            unconfirmed: Vec::new(),
            alike: Vec::new(),
            joined: BTreeMap::new(),
            manager: None,
            orders: BTreeMap::new(),
        }
    }

    /// The contact gets this name in the CRM.
    pub fn named_in_crm(&mut self, name: &str, now: At) {
        self.crm_names.insert(name.to_owned(), now);
        while self.crm_names.len() > CRM_NAMES_MAX {
            let oldest = self.crm_names.iter().min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
            oldest.map(|name| self.crm_names.remove(&name));
        }
    }

    /// The CRM tells a name of ours that another one of ours has replaced a short while ago: nobody's act (G7).
    pub fn is_late_echo(&self, name: &str, now: At) -> bool {
        let Some(given) = self.crm_names.get(name) else { return false };
        let replaced = self.crm_names.values().max().filter(|last| *last > given);
        replaced.is_some_and(|last| now - *last < ECHO_LATE) && self.name.as_deref() != Some(name)
    }

    /// Merges what a platform says. Our own words for «no name» are none, also if the record has them by mistake.
    pub fn told(&mut self, facts: &ClientFacts, texts: &Library) -> bool {
        let is_none = |name: &Option<String>| {
            let name = name.as_deref().map(str::trim).unwrap_or_default();
            let own = self.nameless.as_deref().is_some_and(|own| own.trim() == name);
            (own || texts.is_no_name(name)) && !name.is_empty() && !cut("G7.no_name")
        };
        let (healed, unnamed) = (is_none(&self.name), is_none(&facts.name));
        if healed {
            self.name = None;
        }
        match unnamed {
            true => self.learn(&ClientFacts { name: None, ..facts.clone() }) || healed,
            false => self.learn(facts) || healed,
        }
    }

    /// Merges the facts of a platform: numbers and addresses are added; absent means «not said». Placeholder
    /// addresses of the form `<digits>@…` are ignored. What is only told of a known person waits (F100). Returns whether
    /// anything that counts is new.
    pub fn learn(&mut self, facts: &ClientFacts) -> bool {
        let is_guess = facts.guessed || self.is_another(facts);
        let is_sure = self.is_sure(facts);
        let mut changed = behind(&mut self.gc_user, facts.gc_user.as_ref(), true);
        let new = facts.alike.iter().filter(|one| !self.alike.contains(one)).cloned().collect::<Vec<_>>();
        self.alike.extend(new);
        self.alike.truncate(WAYS_MAX);
        changed |= self.learn_name(facts, is_sure);
        let zone = facts.zone();
        changed |= zone.is_some_and(|zone| self.learn_zone(zone, is_sure || self.zone.is_none()));
        changed |= behind(&mut self.phone_confirmed, facts.phone_confirmed.as_ref(), !is_sure);
        if let Some(phone) = &facts.phone {
            let is_believed = is_sure || self.phones.is_empty();
            let raw = Some(&phone.raw).filter(|raw| !raw.is_empty());
            changed |= behind(&mut self.phone_raw, raw, !is_believed);
            for number in phone.second.iter().chain(&phone.e164) {
                changed |= self.learn_way(Detail::Phone, number, is_believed);
            }
            changed |= self.learn_words(phone);
        }
        changed |= behind(&mut self.email_raw, facts.email_typed.as_ref(), is_guess);
        if let Some(email) = facts.email.as_ref().filter(|email| is_address(email)) {
            changed |= self.learn_way(Detail::Email, email, is_sure || self.emails.is_empty());
            if facts.email_bad && self.emails.contains(email) {
                changed |= self.bad.insert(email.clone());
            }
        }
        changed | self.confirm(&facts.carries, is_sure)
    }

    /// The name and its parts; an echo of what a route calls the contact is no name.
    fn learn_name(&mut self, facts: &ClientFacts, is_sure: bool) -> bool {
        let is_echo = |name: &String| self.crm_name.as_ref() == Some(name) && !cut("G7.echo");
        let said = facts.name.as_ref().filter(|name| !name.trim().is_empty() && !is_echo(name)).cloned();
        let known = self.name.clone().filter(|_| !is_sure);
        match (said, known) {
            (Some(said), Some(known)) if said != known => {
                if !unconfirmed::are_same_words(&said, &known) {
                    self.wait(Detail::Name, &said);
                }
                false
            }
            (None, Some(_)) => false,
            (said, known) => {
                let parts = [&facts.first_name, &facts.last_name].into_iter().flatten();
                let is_of_name = |known: &String| unconfirmed::holds_words(known, parts);
                let has_parts = known.as_ref().is_none_or(is_of_name);
                if let Some(name) = &said {
                    self.settle(Detail::Name, name);
                }
                fill(&mut self.name, said.as_ref()) | (has_parts && self.learn_parts(facts))
            }
        }
    }

    /// The parts belong to the name as it is now: a new name without parts has none.
    fn learn_parts(&mut self, facts: &ClientFacts) -> bool {
        let (first, last) = (facts.first_name.as_ref(), facts.last_name.as_ref());
        if first.is_some() || last.is_some() {
            return fill(&mut self.first_name, first) | fill(&mut self.last_name, last);
        }
        let name = self.name.as_deref().unwrap_or_default();
        let parts = [&self.first_name, &self.last_name];
        let still = parts.into_iter().flatten().all(|part| name.contains(part.as_str()));
        if !still {
            (self.first_name, self.last_name) = (None, None);
        }
        !still
    }

    /// The name in a greeting; what is no name is not said to the owner of a typed address (F101).
    pub fn greeted(&self) -> Option<&str> {
        let first = self.first_name.as_deref().filter(|name| !name.trim().is_empty());
        first.or(self.name.as_deref()).filter(|name| is_greetable(name) || cut("M2.greets"))
    }

    /// An echo of the bare number does not erase them.
    fn learn_words(&mut self, phone: &Phone) -> bool {
        let Some(words) = phone.beside() else { return false };
        let mut changed = false;
        for number in phone.e164.iter().chain(&phone.second) {
            changed |= self.phone_words.insert(number.clone(), words.clone()).as_ref() != Some(&words);
        }
        let phones = &self.phones;
        self.phone_words.retain(|number, _| phones.contains(number));
        changed
    }

    /// The number to dial: the latest new one that is not known to be wrong.
    pub fn phone(&self) -> Option<&String> {
        self.phones.iter().find(|number| !self.bad.contains(*number))
    }

    /// What was typed beside the number to dial, or, without digits, in its place.
    pub fn phone_words(&self) -> Option<&str> {
        match self.phone() {
            Some(number) => self.phone_words.get(number).map(String::as_str),
            None => self.phone_raw.as_deref().filter(|raw| !holds_digits(raw) && says_something(raw)),
        }
    }

    /// What was typed where a number should be, if there is no number to dial.
    pub fn phone_typed(&self) -> Option<&str> {
        let raw = self.phone_raw.as_deref().filter(|raw| holds_digits(raw) && self.phone().is_none())?;
        Phone::parse(raw).e164.is_none().then_some(raw)
    }

    /// The newest number, if it and all others turned out wrong.
    pub fn phone_bad(&self) -> Option<&String> {
        self.phones.first().filter(|_| self.phone().is_none())
    }

    /// The address to write to: the latest new one that has not bounced.
    pub fn email(&self) -> Option<&String> {
        self.emails.iter().find(|email| !self.bad.contains(*email))
    }

    /// What was typed where an address should be, if there is none at all.
    pub fn email_typed(&self) -> Option<&str> {
        self.email_raw.as_deref().filter(|_| self.emails.is_empty())
    }

    /// Whether every known address has bounced: a new one is requested (L11).
    pub fn email_is_bad(&self) -> bool {
        !self.emails.is_empty() && self.email().is_none()
    }
}

fn fill<T: Clone + PartialEq>(have: &mut Option<T>, said: Option<&T>) -> bool {
    let new = said.is_some() && have.as_ref() != said;
    if new {
        *have = said.cloned();
    }
    new
}

/// What is only guessed to be of this person replaces nothing.
fn behind<T: Clone + PartialEq>(have: &mut Option<T>, said: Option<&T>, is_guess: bool) -> bool {
    fill(have, said.filter(|_| !is_guess || have.is_none()))
}

/// What people type into a field that must not stay empty.
const NOTHING: &[&str] =
    &["нет", "нету", "не указан", "нет телефона", "без телефона", "no", "none", "null", "тест", "test"];

fn says_something(raw: &str) -> bool {
    let plain = raw.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    plain.chars().any(char::is_alphabetic) && !NOTHING.contains(&plain.as_str())
}

/// Meant as a number: many digits, or any and no letter (F27).
fn holds_digits(raw: &str) -> bool {
    let digits = raw.chars().filter(|c| c.is_numeric()).count();
    digits >= 5 || (digits > 0 && !raw.chars().any(char::is_alphabetic))
}

/// Limit of numbers and addresses per client; the oldest is dropped.
const WAYS_MAX: usize = 10;

fn is_address(email: &str) -> bool {
    email.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty()
            && host.contains('.')
            && (!local.chars().all(|c| c.is_ascii_digit()) || cut("M2.placeholder"))
    })
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderBrief {
    pub offers: Vec<String>,
    pub seen_at: At,
    pub open: bool,
    pub paid: bool,
    /// Shown to the client when a double is folded into this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The last change of the paid sum, for the client's other orders (L16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_change: Option<SumChange>,
}

/// A confirmed change of an order's paid sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumChange {
    /// What came; negative if the sum fell.
    pub by: Money,
    pub at: At,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_added_and_the_newest_kept() {
        let mut client = Client::new(ClientId::from("c-1"));
        let said = |phone: &str, email: &str| ClientFacts {
            phone: Some(Phone::parse(phone)),
            email: Some(email.to_owned()),
            read: true,
            ..ClientFacts::default()
        };
        assert!(client.learn(&said("8 900 555-01-01", "maria@client.example")));
        assert!(!client.learn(&said("8 900 555-01-01", "maria@client.example")), "nothing new");
        assert!(client.learn(&said("8 900 555-01-02 / 8 900 555-01-03", "7700123@school.example")));
        assert_eq!(client.phones, ["+79005550102", "+79005550103", "+79005550101"]);
        assert_eq!(client.emails, ["maria@client.example"], "a placeholder is no address");
        assert!(!client.learn(&ClientFacts::default()), "absent means not said");
        for n in 10..10 + WAYS_MAX {
            assert!(client.learn(&said(&format!("8 900 555-02-{n}"), "")));
        }
        assert_eq!(client.phone().map(String::as_str), Some("+79005550219"), "a new one is always taken");
        assert_eq!(client.phones.len(), WAYS_MAX, "the oldest are gone");

        client.bad.insert("+79005550219".to_owned());
        assert_eq!(client.phone().map(String::as_str), Some("+79005550218"));
    }

    /// F100: the address that a stranger typed beside a known number is not written to.
    #[test]
    fn what_is_only_guessed_stands_behind_what_is_known() {
        let mut client = Client::new(ClientId::from("c-1"));
        let said = |name: &str, phone: &str, email: &str, guessed| ClientFacts {
            name: Some(name.to_owned()),
            phone: Some(Phone::parse(phone)),
            email: Some(email.to_owned()),
            guessed,
            ..ClientFacts::default()
        };
        client.learn(&said("Мария", "8 900 555-01-01", "maria@client.example", false));
        client.learn(&said("Пётр", "8 900 555-01-02", "petr@client.example", true));
        assert_eq!(client.email().map(String::as_str), Some("maria@client.example"));
        assert_eq!(client.phone().map(String::as_str), Some("+79005550101"));
        assert_eq!(client.name.as_deref(), Some("Мария"));
        assert_eq!(client.unconfirmed.len(), 3);
        let read = said("Мария", "8 900 555-01-01", "petr@client.example", false);
        client.learn(&ClientFacts { read: true, ..read });
        assert_eq!(client.emails, ["petr@client.example", "maria@client.example"]);
    }

    #[test]
    fn first_and_last_name_belong_to_the_name_that_stands() {
        let mut client = Client::new(ClientId::from("c-1"));
        let named = |name: &str, parts: Option<(&str, &str)>| ClientFacts {
            name: Some(name.to_owned()),
            first_name: parts.map(|(first, _)| first.to_owned()),
            last_name: parts.map(|(_, last)| last.to_owned()),
            read: true,
            ..ClientFacts::default()
        };
        assert!(client.learn(&named("Мария Кузнецова", Some(("Мария", "Кузнецова")))));
        assert_eq!(client.greeted(), Some("Мария"));
        assert!(!client.learn(&named("Кузнецова Мария", None)) || client.greeted() == Some("Мария"));
        assert!(client.learn(&named("Анна Белова", None)), "another person's name in the CRM");
        assert_eq!(client.greeted(), Some("Анна Белова"));
        assert_eq!(client.last_name, None);
    }

    #[test]
    fn our_words_for_no_name_are_no_name() {
        let texts = Library::shipped();
        let named = |name: &str| ClientFacts { name: Some(name.to_owned()), ..ClientFacts::default() };
        let mut client = Client::new(ClientId::from("c-1"));
        assert!(!client.told(&named(" без имени"), &texts), "the shipped words");
        client.nameless = Some("Имя не указано".to_owned());
        assert!(!client.told(&named("Имя не указано"), &texts), "what the school wrote yesterday");
        assert_eq!(client.name, None);
        client.name = Some("Без имени".to_owned());
        assert!(client.told(&ClientFacts::default(), &texts), "an older record is mended");
        assert_eq!(client.name, None);
        assert!(client.told(&named("Анна"), &texts));
        assert_eq!(client.name.as_deref(), Some("Анна"));
    }

    #[test]
    fn what_was_typed_beside_a_number_outlives_its_echo() {
        let mut client = Client::new(ClientId::from("c-1"));
        let said = |phone: &str| ClientFacts {
            phone: Some(Phone::parse(phone)),
            read: true,
            ..ClientFacts::default()
        };
        assert!(client.learn(&said("8 495 555-01-01 доб. 136 (после 18:00)")));
        assert_eq!(client.phone_words(), Some("доб. 136, после 18:00"));
        client.learn(&said("+74955550101"));
        assert_eq!(client.phone_words(), Some("доб. 136, после 18:00"), "the CRM repeats the bare number");
        client.learn(&said("8 900 555-01-02"));
        assert_eq!(client.phone_words(), None, "another number is dialled now");
    }

    #[test]
    fn what_is_no_number_is_shown_as_typed() {
        let check = |phone: &str, typed: Option<&str>, words: Option<&str>| {
            let mut client = Client::new(ClientId::from("c-1"));
            client.learn(&ClientFacts { phone: Some(Phone::parse(phone)), ..ClientFacts::default() });
            assert_eq!((client.phone_typed(), client.phone_words()), (typed, words), "{phone}");
        };
        check("1111111", Some("1111111"), None);
        check("+7 900 000-00-00", Some("+7 900 000-00-00"), None);
        for few in ["112", "903", "+7903", "+7 (903) ___-__-__", "7"] {
            check(few, Some(few), None);
        }
        check("доб. 12", None, Some("доб. 12"));
        check("пишите в телеграм @anna_2", None, Some("пишите в телеграм @anna_2"));
        check("-", None, None);
        check("Нет.", None, None);
        check("", None, None);
    }
}
