//! The one cleaning of free text from outside: names, numbers, labels of a source, answers, notes. Every signal of
//! every platform passes here before anything is decided from it (F101, F112). Never changes what a value means; text
//! that is too long is cut, and its field is named. Enter at [`clean`].

use std::collections::BTreeMap;

use crate::process::Phone;
use crate::process::event::{ClientFacts, OrderFacts};
use crate::process::free_text::{Cleaned, lines, one_line};
use crate::process::value::Status;
use crate::signal::{CallEvent, CallWhat, SeenOrder, Signal};

/// Longest texts of one line: a name and its parts, ids, what was typed in place of a phone or an address, what was
/// ordered, a label of the source.
const NAME_MAX: usize = 100;
const ID_MAX: usize = 64;
const TYPED_MAX: usize = 200;
const ORDERED_MAX: usize = 1_000;
const LABEL_MAX: usize = 300;
const LINK_MAX: usize = 2_000;
/// Longer addresses do not exist (RFC 5321, 4.5.3.1).
const EMAIL_MAX: usize = 254;
/// Notes, results of tasks, fields of a lead: the CRM's own limit of a note.
const NOTE_MAX: usize = 20_000;
/// Offers of an order, and labels of its source.
const OFFERS_MAX: usize = 100;
const LABELS_MAX: usize = 60;

/// Cleans all free text of a signal; returns the fields of which something was cut.
pub fn clean(signal: &mut Signal) -> Vec<&'static str> {
    let mut broom = Broom::default();
    match signal {
        Signal::OrderSeen(seen) => broom.order(seen),
        Signal::ClientSeen(facts) | Signal::ContactSeen { facts, .. } => broom.client(facts),
        Signal::CallSeen(event) => broom.call(event),
        Signal::LeadSeen(seen) => {
            let values = seen.fields.iter_mut().flatten().flat_map(|(_, values)| values);
            values.for_each(|value| broom.lines("field", &mut value.value));
        }
        Signal::LeadMade(made) => {
            broom.line("lead", &mut made.name, ORDERED_MAX);
            broom.number(&mut made.number);
            broom.client(&mut made.facts);
        }
        Signal::NoteSeen(seen) => broom.lines("note", &mut seen.text),
        Signal::TaskSeen(seen) => {
            broom.lines("task", &mut seen.text);
            if let Some(result) = &mut seen.result {
                broom.lines("result", result);
            }
        }
        Signal::CommandAnswered { command, why, .. } => {
            broom.line("command", command, TYPED_MAX);
            broom.line("why", why, ORDERED_MAX);
        }
        Signal::Uninstalled { account } => broom.line("account", account, ID_MAX),
        Signal::Nothing { what } => broom.line("what", what, TYPED_MAX),
        Signal::LeadGone { .. }
        | Signal::ContactGone { .. }
        | Signal::ContactsRead(_)
        | Signal::TaskGone { .. }
        | Signal::Consent(_) => {}
    }
    broom.cut
}

#[derive(Default)]
struct Broom {
    cut: Vec<&'static str>,
}

impl Broom {
    fn order(&mut self, seen: &mut SeenOrder) {
        self.optional("manager_email", &mut seen.manager_email, TYPED_MAX);
        self.optional("manager", &mut seen.manager_name, NAME_MAX);
        let OrderFacts {
            gc_id,
            number,
            status,
            offers,
            positions,
            payment_link,
            source,
            client,
            // Without text of others.
            created_at: _,
            author: _,
            cost: _,
            paid: _,
            left: _,
            manager: _,
            pipeline: _,
            confirmed: _,
            trusted: _,
            told_at: _,
            unusable: _,
        } = &mut seen.facts;
        self.optional("order_id", gc_id, ID_MAX);
        self.number(number);
        if let Some(Status::Unknown(word)) = status {
            self.line("status", word, ID_MAX);
        }
        self.shorten("offers", offers.len(), OFFERS_MAX);
        offers.truncate(OFFERS_MAX);
        offers.iter_mut().for_each(|offer| self.line("offers", offer, ID_MAX));
        self.optional("positions", positions, ORDERED_MAX);
        self.link(payment_link);
        self.labels(source);
        self.client(client);
    }

    fn client(&mut self, facts: &mut ClientFacts) {
        let ClientFacts {
            gc_user,
            name,
            first_name,
            last_name,
            phone,
            email,
            email_typed,
            zone,
            phone_confirmed: _,
            email_bad: _,
            guessed: _,
            read: _,
            // Only compared.
            carries: _,
            by: _,
            alike: _,
        } = facts;
        self.optional("user_id", gc_user, ID_MAX);
        self.optional("name", name, NAME_MAX);
        self.optional("first_name", first_name, NAME_MAX);
        self.optional("last_name", last_name, NAME_MAX);
        self.optional("email", email_typed, TYPED_MAX);
        self.optional("zone", zone, ID_MAX);
        if let Some(phone) = phone {
            self.phone(phone);
        }
        // An address is good as it is, or it is none.
        if let Some(wrong) = email.take_if(|email| !is_clean(email, EMAIL_MAX)) {
            let mut typed = Some(wrong);
            self.optional("email", &mut typed, TYPED_MAX);
            *email_typed = typed;
        }
    }

    /// A number that another text would give is read again from the text that stays.
    fn phone(&mut self, phone: &mut Phone) {
        let Cleaned { text, cut } = one_line(&phone.raw, TYPED_MAX);
        if text != phone.raw {
            self.shorten("phone", usize::from(cut), 0);
            *phone = Phone::parse(&text);
        }
    }

    /// Not a formula: it is written into a field, and leads are found by it.
    fn number(&mut self, number: &mut Option<String>) {
        self.optional("number", number, ID_MAX);
        if let Some(text) = number {
            let bare = text.trim_start_matches(|c: char| "=+-@＝＋－＠".contains(c) || c.is_whitespace());
            *number = Some(bare.to_owned()).filter(|bare| !bare.is_empty());
        }
    }

    /// A link that was cut leads nowhere.
    fn link(&mut self, link: &mut Option<String>) {
        let is_sound = |link: &str| is_clean(link, LINK_MAX) && !link.contains(char::is_whitespace);
        if link.take_if(|link| !is_sound(link)).is_some() {
            self.cut.push("payment_link");
        }
    }

    fn labels(&mut self, source: &mut BTreeMap<String, String>) {
        self.shorten("source", source.len(), LABELS_MAX);
        let labels = std::mem::take(source).into_iter().take(LABELS_MAX);
        *source = labels
            .map(|(mut name, mut value)| {
                self.line("source", &mut name, ID_MAX);
                self.line("source", &mut value, LABEL_MAX);
                (name, value)
            })
            .filter(|(name, _)| !name.is_empty())
            .collect();
    }

    fn call(&mut self, event: &mut CallEvent) {
        self.line("call", &mut event.call, TYPED_MAX);
        match &mut event.what {
            CallWhat::Leg(leg) => {
                self.line("leg", &mut leg.leg, TYPED_MAX);
                for value in [&mut leg.client_number, &mut leg.extension, &mut leg.line] {
                    self.optional("number", value, ID_MAX);
                }
                for value in [&mut leg.taken_from, &mut leg.command] {
                    self.optional("leg", value, TYPED_MAX);
                }
            }
            CallWhat::Final(record) => {
                for value in [&mut record.client_number, &mut record.extension, &mut record.line] {
                    self.optional("number", value, ID_MAX);
                }
                self.optional("command", &mut record.command, TYPED_MAX);
                self.optional("recording", &mut record.recording, LINK_MAX);
            }
            CallWhat::Recording { recording } => self.line("recording", recording, LINK_MAX),
        }
    }

    /// What has nothing left is absent.
    fn optional(&mut self, field: &'static str, value: &mut Option<String>, max: usize) {
        if let Some(text) = value {
            self.line(field, text, max);
        }
        value.take_if(|text| text.is_empty());
    }

    fn line(&mut self, field: &'static str, text: &mut String, max: usize) {
        self.put(field, text, one_line(text, max));
    }

    fn lines(&mut self, field: &'static str, text: &mut String) {
        self.put(field, text, lines(text, NOTE_MAX));
    }

    fn put(&mut self, field: &'static str, text: &mut String, cleaned: Cleaned) {
        self.shorten(field, usize::from(cleaned.cut), 0);
        *text = cleaned.text;
    }

    fn shorten(&mut self, field: &'static str, has: usize, max: usize) {
        if has > max && !self.cut.contains(&field) {
            self.cut.push(field);
        }
    }
}

/// Whether nothing of it is cleaned away or cut.
fn is_clean(text: &str, max: usize) -> bool {
    let cleaned = one_line(text, max);
    !cleaned.cut && cleaned.text == text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn seen(dirt: &str) -> Signal {
        let text = || Some(dirt.to_owned());
        let client = ClientFacts {
            gc_user: text(),
            name: text(),
            first_name: text(),
            last_name: text(),
            phone: Some(Phone::parse(dirt)),
            email: text(),
            email_typed: text(),
            zone: text(),
            ..ClientFacts::default()
        };
        let facts = OrderFacts {
            number: text(),
            status: Some(Status::Unknown(dirt.to_owned())),
            offers: vec![dirt.to_owned(); OFFERS_MAX + 1],
            positions: text(),
            payment_link: text(),
            source: (0..=LABELS_MAX).map(|n| (format!("utm_{n}{dirt}"), dirt.to_owned())).collect(),
            client,
            ..OrderFacts::default()
        };
        Signal::OrderSeen(Box::new(SeenOrder { facts, manager_name: text(), ..SeenOrder::default() }))
    }

    #[test]
    fn a_typed_name_is_one_short_line_and_its_field_is_named() {
        let mut signal = seen(&format!("Мария\r\n\r\nВаш приз{}", "!".repeat(180_000)));
        let cut = clean(&mut signal);
        let Signal::OrderSeen(seen) = &signal else { panic!("{signal:?}") };
        let name = seen.facts.client.name.as_deref().unwrap_or_default();
        assert!(name.starts_with("Мария Ваш приз!") && name.ends_with('…'), "{name}");
        assert_eq!(name.chars().count(), NAME_MAX);
        for field in ["name", "positions", "phone", "source", "offers", "payment_link"] {
            assert!(cut.contains(&field), "{field} of {cut:?}");
        }
        assert_eq!(seen.facts.client.email, None, "no address at all");
        assert_eq!(seen.facts.payment_link, None, "a link that was cut leads nowhere");
        assert_eq!((seen.facts.offers.len(), seen.facts.source.len()), (OFFERS_MAX, LABELS_MAX));
    }

    #[test]
    fn no_address_is_longer_than_addresses_are() {
        for (name, is_address) in
            [(254 - "@client.example".len(), true), (255 - "@client.example".len(), false)]
        {
            let email = format!("{}@client.example", "a".repeat(name));
            let mut signal =
                Signal::ClientSeen(ClientFacts { email: Some(email.clone()), ..ClientFacts::default() });
            clean(&mut signal);
            let Signal::ClientSeen(facts) = signal else { panic!() };
            assert_eq!((facts.email.is_some(), facts.email_typed.is_some()), (is_address, !is_address));
        }
    }

    #[test]
    fn what_is_clean_stays_as_it_is() {
        let mut signal = seen("Мария 8 (903) 555-01-27");
        let Signal::OrderSeen(seen) = &mut signal else { panic!() };
        seen.facts.client.email = Some("m@client.example".to_owned());
        seen.facts.payment_link = Some("https://pay.school.example/?a=1&b=2".to_owned());
        seen.facts.offers.truncate(2);
        seen.facts.source = [("utm_term".to_owned(), "+курс +дизайн".to_owned())].into();
        let before = signal.clone();
        assert_eq!(clean(&mut signal), Vec::<&str>::new());
        assert_eq!(signal, before);
    }

    #[test]
    fn a_marker_of_ours_survives_in_a_long_task() {
        let text = format!("{}\r\n[t3·gc-1]", "Позвонить. ".repeat(900));
        let task =
            crate::signal::SeenTask { text, result: Some("нет\u{202e}".to_owned()), ..Default::default() };
        let mut signal = Signal::TaskSeen(Box::new(task));
        clean(&mut signal);
        let Signal::TaskSeen(task) = signal else { panic!() };
        assert!(crate::platform::marker::task_in(&task.text).is_some());
        assert_eq!(task.result.as_deref(), Some("нет"));
    }

    fn is_unsafe(c: char) -> bool {
        c.is_control() || "\u{202e}\u{200b}\u{2028}\u{feff}".contains(c)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever was typed: nothing of it breaks a line or turns its direction, and all of it is bounded.
        #[test]
        fn every_field_is_safe_and_bounded(dirt in "(.|\\n|\\r|\\p{C}|[=+@\\-]|https://a.example/){0,400}") {
            let mut signal = seen(&dirt);
            clean(&mut signal);
            let said = serde_json::to_value(&signal).unwrap();
            prop_assert!(said.to_string().len() < 200_000);
            // The texts themselves: a typed backslash looks like a line break in JSON.
            let mut open = vec![&said];
            while let Some(value) = open.pop() {
                match value {
                    Value::String(text) => prop_assert!(!text.contains(is_unsafe), "{:?}", text),
                    Value::Array(items) => open.extend(items),
                    Value::Object(fields) => open.extend(fields.values()),
                    _ => {}
                }
            }
            let again = signal.clone();
            clean(&mut signal);
            prop_assert_eq!(signal, again);
        }
    }
}
