//! The demo's material, built into the executable: the school's files, the stand-ins' setup, raw requests,
//! and for each order what its people do and what the bridge is expected to do. It never decides whether an
//! expectation held. Enter at [`Material::load`].

use serde::Deserialize;

use super::expect::Expect;
use super::forms::Form;
use crate::platform::getcourse::addresses::{self, Address};
use crate::platform::getcourse::{HookKind, Settings};
use crate::process::event::Author;
use crate::sandbox::Setup;
use crate::sandbox::script::OrderScript;
use crate::sandbox::setup::{ProcessForm, ProcessSetup, SubscriptionSetup};

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!("../../fixtures/demo/", $path))
    };
}

const WORLD: &str = fixture!("world.toml");
const SCHOOL: &str = fixture!("school/school.toml");

const ORDERS: [(&str, &str); 8] = [
    ("arrival.toml", fixture!("orders/arrival.toml")),
    ("phone.toml", fixture!("orders/phone.toml")),
    ("dialling.toml", fixture!("orders/dialling.toml")),
    ("talk.toml", fixture!("orders/talk.toml")),
    ("promise.toml", fixture!("orders/promise.toml")),
    ("payment.toml", fixture!("orders/payment.toml")),
    ("refusal.toml", fixture!("orders/refusal.toml")),
    ("desk.toml", fixture!("orders/desk.toml")),
];

const SUBSCRIPTIONS: [(&str, &str); 2] = [
    ("tech-status-changed.http", fixture!("getcourse/tech-status-changed.http")),
    ("tech-paid.http", fixture!("getcourse/tech-paid.http")),
];

const CALLS: [(&str, &str); 4] = [
    ("call.http", fixture!("calls/call.http")),
    ("summary.http", fixture!("calls/summary.http")),
    ("recording.http", fixture!("calls/recording.http")),
    ("record-added.http", fixture!("calls/record-added.http")),
];

/// Files of the school's configuration: path in its folder, text with `@name@` placeholders.
pub const FILES: [(&str, &str); 3] = [
    ("dozvon.toml", fixture!("school/dozvon.toml")),
    ("schools/@school@/school.toml", SCHOOL),
    ("schools/@school@/process/default.toml", fixture!("school/process.toml")),
];

/// The events that amoCRM sends to the bridge.
const CRM_EVENTS: [&str; 9] = [
    "add_lead",
    "update_lead",
    "status_lead",
    "responsible_lead",
    "delete_lead",
    "update_contact",
    "add_task",
    "update_task",
    "delete_task",
];

/// A fixture that cannot be read: the file and what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("fixtures/demo/{file}: {wrong}")]
pub struct FixtureError {
    file: String,
    wrong: String,
}

/// One order: what its people do, how it ends, what is expected.
#[derive(Clone, Debug)]
pub struct Script {
    pub order: OrderScript,
    /// One line for people.
    pub about: String,
    pub end: Ending,
    /// Deliveries that are expected to become dead letters: a letter to an address that does not exist.
    pub dead_letters: usize,
    pub expect: Vec<Expect>,
}

/// How an order ends, as the store shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Won,
    Refused,
    NotReached,
    NoPhone,
    Cancelled,
    /// The money was given back.
    Refunded,
    False,
    Duplicate,
    /// Still being worked when the run ends.
    Open,
}

impl Ending {
    /// The text for tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Won => "оплачен",
            Self::Refused => "отказ",
            Self::NotReached => "не дозвонились",
            Self::NoPhone => "нет телефона",
            Self::Cancelled => "отменён",
            Self::Refunded => "возврат",
            Self::False => "ложный",
            Self::Duplicate => "дубль",
            Self::Open => "в работе",
        }
    }
}

/// The complete material.
#[derive(Clone, Debug)]
pub struct Material {
    pub setup: Setup,
    pub scripts: Vec<Script>,
}

impl Material {
    /// Reads everything. `hooks` returns the address for the school's requests of a platform:
    /// `http://127.0.0.1:8080/hooks/rost/`, the platform and the secret.
    pub fn load(hooks: &dyn Fn(&str) -> String) -> Result<Self, FixtureError> {
        let slip = |file: &str, wrong: String| FixtureError { file: file.to_owned(), wrong };
        let mut setup = Setup::from_toml(WORLD).map_err(|error| slip("world.toml", error.to_string()))?;
        let getcourse = hooks("getcourse");
        let settings = getcourse_settings().map_err(|wrong| slip("school/school.toml", wrong))?;
        setup.getcourse.processes = addresses::all(&getcourse, &settings).iter().map(process).collect();
        for (file, text) in SUBSCRIPTIONS {
            let form = Form::parse(text, &getcourse).and_then(|form| form.subscription());
            setup.getcourse.subscriptions.push(form.map_err(|wrong| slip(file, wrong))?);
        }
        let mut forms = Vec::new();
        for (file, text) in CALLS {
            let form = Form::parse(text, "").and_then(|form| form.event());
            let (path, json) = form.map_err(|wrong| slip(file, wrong))?;
            forms.push((path, json));
        }
        let chosen = setup.line;
        for (_, exchange) in setup.lines.iter_mut().filter(|(line, _)| *line == chosen) {
            exchange.tell(hooks(chosen.name()));
            forms.drain(..).for_each(|(path, json)| exchange.set_form(path, json));
        }
        let settings = CRM_EVENTS.iter().map(|event| (*event).to_owned()).collect();
        setup.amocrm.hooks.push(SubscriptionSetup { url: hooks("amocrm"), settings });
        let mut scripts = Vec::new();
        for (file, text) in ORDERS {
            scripts.extend(read_orders(text).map_err(|wrong| slip(&format!("orders/{file}"), wrong))?);
        }
        setup.orders = scripts.iter().map(|script| script.order.clone()).collect();
        Ok(Self { setup, scripts })
    }
}

/// The school's own table, as the bridge reads it.
fn getcourse_settings() -> Result<Settings, String> {
    let school: toml::Table = SCHOOL.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let table = school.get("getcourse").cloned().ok_or("no [getcourse]")?;
    table.try_into().map_err(|error: toml::de::Error| error.to_string())
}

/// Names that other schools write instead of ours.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("order_id", "dealId"),
    ("number", "gc_number"),
    ("user_id", "gc_user_id"),
    ("cost", "costMoney"),
    ("left", "leftCostMoney"),
    ("payed", "payedMoney"),
    ("positions", "product_title"),
];

/// The same address as other schools use it: a form, JSON, and JSON with names and an event word of their own.
pub fn other_forms(address: &Address) -> Vec<ProcessForm> {
    let Some((base, query)) = address.url.split_once('?') else { return Vec::new() };
    let Some((prefix, tail)) = base.rsplit_once('/') else { return Vec::new() };
    let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let quoted = |(name, value): &(&str, &str)| format!("\"{name}\":\"{value}\"");
    let object =
        |pairs: &[(&str, &str)]| format!("{{{}}}", pairs.iter().map(quoted).collect::<Vec<_>>().join(","));
    let other = |name: &str| OTHER_NAMES.iter().find(|(ours, _)| *ours == name).map(|(_, other)| *other);
    let word = tail.replace('-', ".");
    let mut named: Vec<(&str, &str)> = vec![("event", &word)];
    named.extend(pairs.iter().map(|(name, value)| (other(name).unwrap_or(name), *value)));
    let form = |url: &str, content_type: &str, body: String| ProcessForm {
        url: url.to_owned(),
        body,
        content_type: content_type.to_owned(),
    };
    vec![
        form(base, "application/x-www-form-urlencoded", query.to_owned()),
        form(base, "application/json", object(&pairs)),
        form(&format!("{prefix}/events"), "application/json; charset=utf-8", object(&named)),
    ]
}

/// A printed address as the school's administrator sets it up: a GET, or one of the other forms, some time
/// after its event.
fn process(address: &Address) -> ProcessSetup {
    let (event, delay_s) = match (address.kind, address.author) {
        (HookKind::OrderCreated, Some(Author::Manager)) => ("order_created:manager", (1, 2)),
        (HookKind::OrderCreated, Some(Author::Client)) => ("order_created:client", (1, 2)),
        (HookKind::OrderCreated, None) => ("order_created", (1, 2)),
        (HookKind::OrderStatus, _) => ("status", (300, 900)),
        (HookKind::PaymentPartial, _) => ("payment_partial", (30, 120)),
        (HookKind::PaymentFull, _) => ("payment_full", (30, 120)),
        (HookKind::ManagerAssigned, _) => ("manager_assigned", (10, 40)),
        (HookKind::UserUpdated, _) => ("user_updated", (10, 40)),
    };
    ProcessSetup {
        event: event.to_owned(),
        url: address.url.clone(),
        method: "GET".to_owned(),
        body: None,
        content_type: String::new(),
        others: other_forms(address),
        headers: Vec::new(),
        plus: false,
        delay_s,
        once: false,
    }
}

/// `[[order]]` tables: some keys are ours, the rest are the sandbox's.
fn read_orders(text: &str) -> Result<Vec<Script>, String> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let orders = table.remove("order").and_then(|orders| orders.as_array().cloned()).unwrap_or_default();
    if let Some(stray) = table.keys().next() {
        return Err(format!("unknown key `{stray}`"));
    }
    orders.into_iter().map(read_order).collect()
}

fn read_order(order: toml::Value) -> Result<Script, String> {
    let toml::Value::Table(mut order) = order else { return Err("an order is a table".to_owned()) };
    let id = order.get("id").and_then(toml::Value::as_str).unwrap_or("?").to_owned();
    let within = |error: toml::de::Error| format!("order {id}: {}", error.message());
    let about = order.remove("about").and_then(|about| about.as_str().map(str::to_owned)).unwrap_or_default();
    let end = order.remove("end").ok_or_else(|| format!("order {id}: no `end`"))?;
    let dead_letters = order.remove("dead_letters").and_then(|count| count.as_integer()).unwrap_or(0);
    let expect = order.remove("expect").unwrap_or_else(|| toml::Value::Array(Vec::new()));
    let mut all = Vec::new();
    for (index, expect) in expect.as_array().cloned().unwrap_or_default().into_iter().enumerate() {
        let wrong =
            |error: toml::de::Error| format!("order {id}, expectation {}: {}", index + 1, error.message());
        all.push(expect.try_into::<Expect>().map_err(wrong)?);
    }
    Ok(Script {
        about,
        end: end.try_into().map_err(within)?,
        dead_letters: usize::try_from(dead_letters).unwrap_or(0),
        expect: all,
        order: toml::Value::Table(order).try_into().map_err(within)?,
    })
}
