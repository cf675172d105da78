//! The setup of a sandbox: accounts, dictionaries, people, faults; read from TOML. It does not change after
//! the start: changing data are in the states of the stand-ins. Enter at [`Setup::from_toml`].

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use serde::Deserialize;

use super::amocrm::auth::long_lived;
use super::faults::Faults;
use super::lines::{Line, Lines};
use super::script::{ManagerScript, OrderScript, PeopleScript};

/// The whole sandbox.
#[derive(Clone, Debug, Deserialize)]
pub struct Setup {
    /// The first moment of the run; offsets of scripts count from its day. Default: 2026-03-16 09:00 Moscow.
    #[serde(default = "default_start")]
    pub start: DateTime<FixedOffset>,
    /// The school's zone.
    #[serde(default = "default_zone")]
    pub zone: Tz,
    #[serde(default)]
    pub amocrm: AmocrmSetup,
    #[serde(default)]
    pub getcourse: GetcourseSetup,
    /// Over which exchange the people call.
    #[serde(default)]
    pub line: Line,
    /// A table for each exchange, by its name.
    #[serde(flatten)]
    pub lines: Lines,
    #[serde(default)]
    pub mail: MailSetup,
    #[serde(default)]
    pub faults: Faults,
    #[serde(default)]
    pub people: PeopleScript,
    /// The school's managers: users of amoCRM, staff of GetCourse, employees of the exchanges at once.
    #[serde(default)]
    pub managers: Vec<ManagerScript>,
    #[serde(default)]
    pub orders: Vec<OrderScript>,
}

impl Setup {
    /// Reads a setup in which `{bridge}` stands for the bridge's address, such as `http://127.0.0.1:8080`.
    pub fn from_toml_for(text: &str, bridge: &str) -> Result<Setup, toml::de::Error> {
        Setup::from_toml(&text.replace("{bridge}", bridge.trim_end_matches('/')))
    }

    /// The school that ships with the sandbox; see `example.toml` beside this file.
    pub fn example(bridge: &str) -> Setup {
        Setup::from_toml_for(include_str!("example.toml"), bridge).unwrap_or_default()
    }

    /// The sandbox of `deploy/example`: what `dozvon sandbox` runs by itself.
    pub fn shipped(bridge: &str) -> Setup {
        Setup::from_toml_for(include_str!("../../../deploy/sandbox.toml"), bridge).unwrap_or_default()
    }

    /// The account's long-lived token as amoCRM makes it; by hand, the shorter one of the setup works as well.
    pub fn amocrm_token(&self) -> String {
        let mut amocrm = self.amocrm.clone();
        if amocrm.token_user == 0 {
            amocrm.token_user = self.managers.first().map_or(0, |manager| manager.amocrm_user);
        }
        long_lived(&amocrm, self.start.to_utc())
    }

    /// Reads a setup; the error says line and key. What it cannot see is told by [`Setup::problems`].
    pub fn from_toml(text: &str) -> Result<Setup, toml::de::Error> {
        toml::from_str(text)
    }
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            start: default_start(),
            zone: default_zone(),
            amocrm: AmocrmSetup::default(),
            getcourse: GetcourseSetup::default(),
            line: Line::default(),
            lines: Lines::default(),
            mail: MailSetup::default(),
            faults: Faults::default(),
            people: PeopleScript::default(),
            managers: Vec::new(),
            orders: Vec::new(),
        }
    }
}

fn default_start() -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339("2026-03-16T09:00:00+03:00").unwrap_or_default()
}

fn default_zone() -> Tz {
    chrono_tz::Europe::Moscow
}

/// An entry of a dictionary.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    pub id: i64,
    pub name: String,
}

/// The amoCRM account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AmocrmSetup {
    pub account_id: i64,
    pub subdomain: String,
    pub name: String,
    pub client_id: String,
    pub client_secret: String,
    pub redirect_uri: String,
    /// The authorisation code of the first exchange.
    pub code: String,
    /// A token that works for the whole run, by hand; empty for none. [`Setup::amocrm_token`] is the same
    /// as amoCRM makes it, with an end.
    pub long_lived_token: String,
    /// Life of the long-lived token, days: what a person chose when it was made (sheet 1.5).
    pub long_lived_days: i64,
    /// False: the token's user was no administrator, so users, roles and webhooks answer 403 (sheet 1.1).
    pub token_admin: bool,
    /// A refresh token that is valid from the start; empty for none.
    pub refresh_token: String,
    /// Life of an access token, seconds (sheet 1.3: 86400).
    pub token_life_s: i64,
    /// Requests a second (sheet 2.1: 7).
    pub per_second: usize,
    /// So many 429 within a minute block the account with 403 pages; 0 for never.
    pub block_after: usize,
    /// Whether the paid filters on leads and contacts work; when not they are ignored (sheet 2.2).
    pub is_api_filter_enabled: bool,
    /// How long a new contact is not found by `query` yet, in milliseconds.
    pub search_lag_ms: i64,
    /// From a change to its webhook, in milliseconds.
    pub hook_lag_ms: i64,
    /// Most items in one webhook.
    pub hook_items_max: usize,
    /// The user whom the token stands for; 0 for the first manager.
    pub token_user: i64,
    /// Users besides the managers.
    pub users: Vec<UserSetup>,
    pub pipelines: Vec<PipelineSetup>,
    pub loss_reasons: Vec<Named>,
    pub roles: Vec<Named>,
    pub lead_fields: Vec<FieldSetup>,
    /// Fields of contacts besides PHONE and EMAIL, which are always there.
    pub contact_fields: Vec<FieldSetup>,
    /// Code or name of the lead's field with the order number: the natural key of leads.
    pub order_field: String,
    /// Subscriptions that exist from the start.
    pub hooks: Vec<SubscriptionSetup>,
}

impl Default for AmocrmSetup {
    fn default() -> AmocrmSetup {
        AmocrmSetup {
            account_id: 31_877_554,
            subdomain: "shkolarost".into(),
            name: "Школа Рост".into(),
            client_id: "4c1c7f0a-9d2e-4b53-8f6e-2a7be0c4d915".into(),
            client_secret: "sandbox-client-secret".into(),
            redirect_uri: "https://bridge.example.com/amo/callback".into(),
            code: "def502-sandbox-code".into(),
            long_lived_token: "sandbox-long-lived-token".into(),
            long_lived_days: 365,
            token_admin: true,
            refresh_token: String::new(),
            token_life_s: 86_400,
            per_second: 7,
            block_after: 0,
            is_api_filter_enabled: false,
            search_lag_ms: 0,
            hook_lag_ms: 400,
            hook_items_max: 1,
            token_user: 0,
            users: Vec::new(),
            pipelines: vec![PipelineSetup::example()],
            loss_reasons: vec![Named { id: 14_820_233, name: "Цена".into() }],
            roles: vec![Named { id: 56_101, name: "Менеджер".into() }],
            lead_fields: vec![FieldSetup::text(901_337, "Номер заказа", "GC_ORDER_ID")],
            contact_fields: Vec::new(),
            order_field: "GC_ORDER_ID".into(),
            hooks: Vec::new(),
        }
    }
}

/// A user of amoCRM who is no manager of a script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSetup {
    pub id: i64,
    pub name: String,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub phone: Option<String>,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub admin: bool,
}

fn yes() -> bool {
    true
}

/// A pipeline; 142 and 143 are added by themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSetup {
    pub id: i64,
    pub name: String,
    /// The first pipeline is the main one when none says so.
    #[serde(default)]
    pub main: bool,
    pub statuses: Vec<Named>,
}

impl PipelineSetup {
    fn example() -> PipelineSetup {
        let named = |id, name: &str| Named { id, name: name.into() };
        PipelineSetup {
            id: 8_123_410,
            name: "Продажи курсов".into(),
            main: true,
            statuses: vec![named(66_104_106, "Новая заявка"), named(66_104_110, "Счёт выставлен")],
        }
    }
}

/// A custom field.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSetup {
    pub id: i64,
    pub name: String,
    #[serde(default)]
    pub code: Option<String>,
    /// As amoCRM names it: text, numeric, checkbox, select, radiobutton, multiselect, date, date_time, url,
    /// textarea …
    #[serde(rename = "type", default = "text_type")]
    pub kind: String,
    #[serde(default)]
    pub enums: Vec<EnumSetup>,
}

impl FieldSetup {
    /// A text field.
    pub fn text(id: i64, name: &str, code: &str) -> FieldSetup {
        FieldSetup { id, name: name.into(), code: Some(code.into()), kind: text_type(), enums: Vec::new() }
    }
}

fn text_type() -> String {
    "text".into()
}

/// A choice of a field.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnumSetup {
    pub id: i64,
    pub value: String,
    #[serde(default)]
    pub code: Option<String>,
}

/// A webhook subscription that exists from the start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSetup {
    pub url: String,
    pub settings: Vec<String>,
}

/// The GetCourse school.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GetcourseSetup {
    pub account_id: i64,
    pub domain: String,
    pub developer_key: String,
    pub school_key: String,
    /// Requests a second; 0 for no limit (none is published).
    pub per_second: usize,
    /// `deal/get-fields` and `user/get-fields` answer an array (as specified) or an object (as observed).
    pub get_fields_array: bool,
    /// Exports within two hours (sheet 4.3: 100).
    pub export_requests_max: usize,
    /// How long an export is built, seconds.
    pub export_build_s: i64,
    /// Exports that never get ready, counted from the first of the run.
    pub exports_stuck: u32,
    /// The space inside an amount: an ordinary or a non-breaking one.
    pub money_space: String,
    pub money_suffix: String,
    pub offers: Vec<OfferSetup>,
    pub cancel_reasons: Vec<Named>,
    /// Groups that exist from the start.
    pub groups: Vec<Named>,
    pub trainings: Vec<TrainingSetup>,
    /// The operations «Вызвать URL» of the school's processes.
    pub processes: Vec<ProcessSetup>,
    /// Tech API subscriptions that exist from the start.
    pub subscriptions: Vec<TechSubscription>,
}

impl Default for GetcourseSetup {
    fn default() -> GetcourseSetup {
        GetcourseSetup {
            account_id: 1368,
            domain: "myschool.getcourse.ru".into(),
            developer_key: "sandbox-developer-key".into(),
            school_key: "sandbox-school-key".into(),
            per_second: 0,
            get_fields_array: true,
            export_requests_max: 100,
            export_build_s: 20,
            exports_stuck: 0,
            money_space: " ".into(),
            money_suffix: " руб.".into(),
            offers: Vec::new(),
            cancel_reasons: Vec::new(),
            groups: Vec::new(),
            trainings: Vec::new(),
            processes: Vec::new(),
            subscriptions: Vec::new(),
        }
    }
}

/// An offer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferSetup {
    pub id: i64,
    pub title: String,
    /// Roubles.
    #[serde(default)]
    pub price: f64,
    /// Its short name, by which an import may call it.
    #[serde(default)]
    pub code: Option<String>,
}

/// A training, and the offers that open it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSetup {
    pub id: i64,
    pub title: String,
    #[serde(default)]
    pub offers: Vec<i64>,
}

/// One operation «Вызвать URL» as an administrator typed it (sheet 1.1–1.5).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSetup {
    /// `order_created`, `order_created:client`, `order_created:manager`, `status`, `status:<code>`,
    /// `payment_partial`, `payment_full`, `manager_assigned`, `user_updated`.
    pub event: String,
    /// With `{object.…}` variables.
    pub url: String,
    #[serde(default = "get")]
    pub method: String,
    /// Text of a POST body with variables; absent: the data is all in the URL.
    #[serde(default)]
    pub body: Option<String>,
    /// Content type of `body`.
    #[serde(default = "form_type")]
    pub content_type: String,
    /// The same operation written in other ways; the seed chooses one of all for each object.
    #[serde(default)]
    pub others: Vec<ProcessForm>,
    /// Own headers, for a shared secret.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Spaces as `+` instead of `%20`.
    #[serde(default)]
    pub plus: bool,
    /// From the event to the request, seconds: least and most. A real periodic check takes 300–900.
    #[serde(default)]
    pub delay_s: (u32, u32),
    /// Each object passes once for ever, and only if it still matches when checked (the real periodic mode).
    #[serde(default)]
    pub once: bool,
}

/// Another way to write an operation: a POST.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessForm {
    pub url: String,
    pub body: String,
    #[serde(default = "form_type")]
    pub content_type: String,
}

impl ProcessSetup {
    /// The operation in its `way`: 0 as it stands, then each of the others.
    pub fn written(mut self, way: usize) -> ProcessSetup {
        if let Some(form) = way.checked_sub(1).and_then(|way| self.others.get(way)).cloned() {
            self.method = "POST".into();
            (self.url, self.body, self.content_type) = (form.url, Some(form.body), form.content_type);
        }
        self
    }
}

fn get() -> String {
    "GET".into()
}

fn form_type() -> String {
    "application/x-www-form-urlencoded".into()
}

/// A Tech API webhook (sheet 1.6).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TechSubscription {
    pub uri: String,
    #[serde(default = "orders_object")]
    pub event_object_id: i64,
    pub event_id: i64,
    /// The body's wire form, if not the sheet's own: see `form`.
    #[serde(default)]
    pub form: Option<String>,
}

fn orders_object() -> i64 {
    2
}

/// The mail relay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSetup {
    /// Addresses that do not exist: 550 5.1.1.
    pub bounces: Vec<String>,
    /// Addresses or domains (`@slow.example`) that refuse the first attempt: 451 4.7.1.
    pub greylist: Vec<String>,
    /// How long greylisting lasts, seconds.
    pub greylist_s: i64,
}
