//! Turns a «Вызвать URL» request into one signal (sheet, 1.4 and 1.5). Never invents a fact: a missing value
//! stays absent, and a value that was not understood is listed as unclear. Enter at [`Reading::signal`].

use std::collections::BTreeMap;

use super::kind::HookKind;
use super::money::{self, Amount};
use super::params::{Params, SOURCES};
use super::{Payments, Settings, dates, payments, status, text};
use crate::bounded::{self, REQUEST};
use crate::email::parse_email;
use crate::platform::Undecodable;
use crate::process::event::{Author, ClientFacts, OrderFacts, Unusable};
use crate::process::payment_link::is_web;
use crate::process::{Money, Phone, Status};
use crate::signal::{SeenOrder, Signal};

/// Most offers of one order that are kept.
const OFFERS_MAX: usize = 100;

/// The request that is being read.
pub struct Reading<'a> {
    pub params: &'a Params,
    pub settings: &'a Settings,
    /// The school accepts a webhook's amounts as confirmed.
    pub confirmed: bool,
}

impl Reading<'_> {
    pub fn signal(&self, kind: HookKind) -> Result<Signal, Undecodable> {
        if kind == HookKind::UserUpdated {
            let mut unclear = Vec::new();
            let client = self.client(&mut unclear);
            let known = client.gc_user.is_some() || client.email.is_some() || client.phone.is_some();
            return if known {
                Ok(Signal::ClientSeen(client))
            } else {
                Err(Undecodable("a user without id, e-mail and phone".to_owned()))
            };
        }
        let id = self.value("order_id").ok_or_else(|| self.no_order_id())?;
        if id.len() > 20 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Undecodable("the order id is not a number".to_owned()));
        }
        Ok(Signal::OrderSeen(Box::new(self.order(kind, id))))
    }

    /// A lone `id` is not guessed at: in a process on users it is a person's.
    fn no_order_id(&self) -> Undecodable {
        let unread = self.params.unread(&self.settings.fields);
        let instead = if unread.iter().any(|name| name == "id") { " instead of `id=`" } else { "" };
        let name = self.settings.fields.get("order_id").map_or("order_id", String::as_str);
        Undecodable(format!("no order id: write `{name}=`{instead}"))
    }

    fn order(&self, kind: HookKind, id: String) -> SeenOrder {
        let mut unclear = Vec::new();
        if self.params.undecoded {
            unclear.push("letters that are not in UTF-8".to_owned());
        }
        let sums = self.sums(&mut unclear);
        let is_unread = unclear.iter().any(|field| field == "payed");
        let stated = self.value("status").map(|word| status::parse(&word));
        if matches!(stated, Some(Status::Unknown(_))) {
            unclear.push("status".to_owned());
        }
        // What is read back brings its sums itself.
        let is_told = payments(self.settings) != Payments::ReadBack;
        if is_told && kind.is_payment() && sums == Sums::default() {
            unclear.push("no sum in a payment".to_owned());
        }
        let created_at = self.time("created_at", &mut unclear);
        let facts = OrderFacts {
            gc_id: Some(id),
            number: self.value("number"),
            created_at,
            author: self.author(),
            status: status_by_address(kind, stated, &sums),
            offers: self.offers(),
            positions: self.texts("positions").find(|text| !is_number(text)).map(|text| positions(&text)),
            cost: sums.cost,
            paid: sums.paid,
            left: sums.left,
            payment_link: self.value("payment_link").filter(|link| is_web(link)),
            manager: None,
            pipeline: None,
            source: self.source(),
            confirmed: self.confirmed,
            trusted: false,
            // Whenever it arrives, it tells of the beginning: a payment may have come before it.
            told_at: created_at.filter(|_| kind == HookKind::OrderCreated),
            unusable: is_unread.then_some(Unusable::Paid).into_iter().collect(),
            client: self.client(&mut unclear),
        };
        let manager_email = self.value("manager_email").and_then(|email| parse_email(&email));
        SeenOrder { facts, manager_email, manager_name: self.value("manager"), manager_id: None, unclear }
    }

    /// The first usable value of a field, cleaned.
    fn value(&self, field: &str) -> Option<String> {
        self.params.raw(field, &self.settings.fields).find_map(text::clean)
    }

    fn time(&self, field: &str, unclear: &mut Vec<String>) -> Option<crate::process::At> {
        let text = self.value(field)?;
        let at = dates::parse(&text, self.settings.zone);
        if at.is_none() {
            unclear.push(field.to_owned());
        }
        at
    }

    /// Cost, paid and left. A currency that is written next to a sum is of that sum; the separate one is of the others.
    /// If none is said, the order's is meant (F78).
    fn sums(&self, unclear: &mut Vec<String>) -> Sums {
        let [cost, paid, left] = ["cost", "payed", "left"].map(|field| self.amount(field, unclear));
        let currency = self.value("currency").map(|code| code.to_uppercase());
        let currency = currency.filter(|code| code.len() == 3).unwrap_or_default();
        let money = |amount: Option<Amount>| {
            amount.map(|amount| Money::new(amount.minor, amount.currency.unwrap_or(&currency)))
        };
        Sums { cost: money(cost), paid: money(paid), left: money(left) }
    }

    /// The first spelling of an amount that is understood; if there is none, the field is listed as unclear. A word that
    /// says that there is none is no amount.
    fn amount(&self, field: &'static str, unclear: &mut Vec<String>) -> Option<Amount> {
        let told = self.texts(field).filter(|text| !money::is_none(text));
        let read: Vec<_> = told.map(|text| money::from_text(&text)).collect();
        let Some(amount) = read.iter().flatten().next() else {
            if !read.is_empty() {
                unclear.push(field.to_owned());
            }
            return None;
        };
        // Another spelling of the same sum may name its currency.
        let currency = read
            .iter()
            .flatten()
            .filter(|other| other.minor == amount.minor)
            .find_map(|amount| amount.currency);
        Some(Amount { currency, ..*amount })
    }

    fn texts(&self, field: &'static str) -> impl Iterator<Item = String> + '_ {
        self.params.raw(field, &self.settings.fields).filter_map(text::clean)
    }

    /// The author as stated, or derived from a creator who is not the buyer (L3).
    fn author(&self) -> Option<Author> {
        match self.value("author").map(|word| word.to_lowercase()).as_deref() {
            Some("manager" | "менеджер") => return Some(Author::Manager),
            Some("client" | "user" | "клиент") => return Some(Author::Client),
            _ => {}
        }
        author_of(self.value("created_user_id").as_deref(), self.value("user_id").as_deref())
    }

    fn client(&self, unclear: &mut Vec<String>) -> ClientFacts {
        let email = self.value("email");
        let good = email.as_deref().and_then(parse_email);
        if email.is_some() && good.is_none() {
            unclear.push("email".to_owned());
        }
        ClientFacts {
            gc_user: self.value("user_id"),
            name: name(self.value("name"), self.value("first_name"), self.value("last_name")),
            first_name: self.value("first_name"),
            last_name: self.value("last_name"),
            phone: self.phone(),
            email_typed: email.filter(|_| good.is_none()),
            email: good,
            zone: self.value("zone").filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok()),
            phone_confirmed: self.value("phone_confirmed").as_deref().and_then(yes_word),
            ..ClientFacts::default()
        }
    }

    /// The ids of the offers; a bare number under the name of what was ordered is one, too.
    fn offers(&self) -> Vec<String> {
        let named = self.value("offers").map(|text| offers(&text));
        named
            .or_else(|| self.texts("positions").find(|text| is_number(text)).map(|id| vec![id]))
            .unwrap_or_default()
    }

    fn phone(&self) -> Option<Phone> {
        let mut raws = self.params.raw("phone", &self.settings.fields);
        raws.find_map(|raw| text::clean(raw).map(|clean| Phone::parse(&restore_plus(raw, clean))))
    }

    /// The source's facts for the lead's note (G5).
    fn source(&self) -> BTreeMap<String, String> {
        let mut source = self.params.starting(&SOURCES);
        for field in FACTS {
            let told = self.value(field).map(|value| match LISTS.contains(&field) {
                true => text::items(&value).join(", "),
                false => value,
            });
            // Carried empty: there is none, which a condition may ask for (G10).
            let is_none = || self.params.raw(field, &self.settings.fields).any(text::is_none);
            if let Some(value) = told.or_else(|| is_none().then(String::new)) {
                source.insert(field.to_owned(), value);
            }
        }
        source
    }
}

/// Fields that are facts of an order's source under their own names.
pub const FACTS: [&str; 6] = ["promocode", "page", "form", "city", "groups", "tags"];

/// Those that are lists.
const LISTS: [&str; 2] = ["groups", "tags"];

/// An order's cost, and how much of it is paid and left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    pub cost: Option<Money>,
    pub paid: Option<Money>,
    pub left: Option<Money>,
}

/// One address per event is more reliable than the status text, which lags and is localised (pitfall 9): a
/// payment's address overrides an unpaid status, unless the amounts contradict it.
fn status_by_address(kind: HookKind, stated: Option<Status>, sums: &Sums) -> Option<Status> {
    let settled =
        matches!(stated, Some(Status::Paid | Status::WaitingForReturn | Status::Cancelled | Status::False));
    if settled {
        return stated;
    }
    let known = |sum: &Option<Money>| sum.as_ref().map(|sum| sum.minor);
    // Only sums of one currency are compared (F78); one without is taken for the other's.
    let is_other = |one: &Money, other: &Money| {
        !one.is_like(other) && !one.currency.is_empty() && !other.currency.is_empty()
    };
    let is_apart = sums.paid.iter().zip(&sums.cost).any(|(paid, cost)| is_other(paid, cost));
    let part_paid = match (known(&sums.paid), known(&sums.cost), known(&sums.left)) {
        _ if is_apart => None,
        (Some(paid), Some(cost), _) if cost > 0 => Some(paid < cost),
        (_, _, Some(left)) => Some(left > 0),
        _ => None,
    };
    let paid_something = known(&sums.paid).is_none_or(|paid| paid > 0);
    match kind {
        HookKind::PaymentFull if part_paid != Some(true) => Some(Status::Paid),
        HookKind::PaymentPartial if part_paid != Some(false) && paid_something => Some(Status::PartPaid),
        _ => stated,
    }
}

/// `1`, `да`, `0`, `нет`: the school's own field, filled in by hand (L12).
fn yes_word(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "yes" | "да" => Some(true),
        "0" | "false" | "no" | "нет" => Some(false),
        _ => None,
    }
}

/// A creator who is not the buyer is a manager; if they are equal or missing, nothing follows (L3).
pub fn author_of(creator: Option<&str>, buyer: Option<&str>) -> Option<Author> {
    let (creator, buyer) = (creator?, buyer?);
    let differ = creator != buyer && creator != "0" && buyer != "0";
    differ.then_some(Author::Manager)
}

/// The full name, or its parts.
pub fn name(full: Option<String>, first: Option<String>, last: Option<String>) -> Option<String> {
    full.or_else(|| {
        let parts: Vec<String> = first.into_iter().chain(last).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    })
}

/// A `+` that was not encoded arrives as a space: it is restored before 11 to 15 digits (1.4).
fn restore_plus(raw: &str, clean: String) -> String {
    let digits = clean.chars().filter(char::is_ascii_digit).count();
    let starts = raw.starts_with(' ') && clean.starts_with(|c: char| c.is_ascii_digit());
    if starts && (11..=15).contains(&digits) { format!("+{clean}") } else { clean }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Offer ids: a list in text, or JSON inside text; the separator is not documented.
pub fn offers(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
        .filter(|id| !id.is_empty())
        .take(OFFERS_MAX)
        .map(str::to_owned)
        .collect()
}

/// What was ordered, in one line; JSON has been seen here as well as text.
pub fn positions(text: &str) -> String {
    let list = bounded::json(text.as_bytes(), &REQUEST).ok();
    if let Some(list) = list.and_then(|list| serde_json::from_value::<Vec<String>>(list).ok()) {
        return list.join(", ");
    }
    let lines = text.split(['\n', '\r']).flat_map(|line| line.split("\\n"));
    lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}
