//! A school's settings for its GetCourse account. Enter at [`Settings`].

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::platform::reference::{Section, key};
use crate::secret::SecretSource;

/// `[getcourse]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address that the school serves directly: redirects are not followed.
    pub url: String,
    /// The school's API key. Without it nothing is read or written, only webhooks are accepted.
    #[serde(default)]
    pub school_key: Option<SecretSource>,
    /// The developer's key of the Tech API.
    #[serde(default)]
    pub developer_key: Option<SecretSource>,
    /// How a payment is verified: `read_back` reads it from GetCourse (default with Tech API access),
    /// `unconfirmed` asks the head of sales (default without), `trust` believes the webhook.
    #[serde(default)]
    pub payments: Option<Payments>,
    /// Hosts beside that of `url` to which a letter may link for a payment.
    #[serde(default)]
    pub link_hosts: Vec<String>,
    /// IANA zone of GetCourse's times.
    #[serde(default = "zone")]
    pub zone: chrono_tz::Tz,
    /// Our field → the name of the parameter in the school's own «Вызвать URL» addresses.
    /// Names printed by `dozvon url` need no entry.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Our field, or a label of an order's source → the variable or fixed text in the addresses that
    /// `dozvon url` prints: GetCourse documents no variable for some of them.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Id of the user who writes the comments.
    #[serde(default)]
    pub comment_author: Option<u64>,
    /// Cancel reasons: our word → the account's id.
    #[serde(default)]
    pub cancel_reasons: BTreeMap<String, u64>,
    /// Minutes between two rounds of reconciliation; 0 switches it off. It needs the school's key; exports
    /// take additional time, see `reconcile`.
    #[serde(default = "look_back_min")]
    pub look_back_min: u32,
    /// Our name of a column → its title in the school's exports, if it differs.
    #[serde(default)]
    pub export_columns: BTreeMap<String, String>,
    /// Requests per second; the platform publishes no limit, clients use 5.
    #[serde(default = "requests_per_second")]
    pub requests_per_second: f64,
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payments {
    ReadBack,
    Unconfirmed,
    Trust,
}

fn zone() -> chrono_tz::Tz {
    chrono_tz::Europe::Moscow
}

fn look_back_min() -> u32 {
    30
}

fn requests_per_second() -> f64 {
    4.0
}

fn timeout_s() -> u64 {
    20
}

/// The reference texts of its tables.
pub const SECTIONS: &[Section] = &[Section {
    path: "getcourse",
    about: "The GetCourse account.",
    keys: &[
        key(
            "url",
            "https address, required",
            "The address that the school serves directly: redirects are not followed.",
        ),
        key(
            "school_key",
            "secret",
            "The school's API key. Absent: webhooks are accepted, nothing is read or written.",
        ),
        key("developer_key", "secret", "The developer's key of the Tech API."),
        key(
            "payments",
            "read_back | unconfirmed | trust",
            "Read a payment back from GetCourse, have the head of sales confirm it, or believe the webhook: then whoever knows the address can win orders. Absent: read_back with both keys, else unconfirmed.",
        ),
        key(
            "link_hosts",
            "list of hosts",
            "Where payment links of letters may lead beside the host of `url`, [\"pay.school.ru\"], with the names below it. A link to any other host is left out, and shown as a trouble.",
        ),
        key("zone", "IANA zone", "The zone of GetCourse's times."),
        key(
            "fields",
            "our field = parameter",
            "Names in the school's own addresses, if they differ from those that `dozvon url` prints.",
        ),
        key(
            "variables",
            "our field = variable",
            "In the addresses that `dozvon url` prints: a variable, \"{object.deal_utm_source}\", or a fixed text. For utm_… and for page, form, city, zone, groups, tags, phone_confirmed, author.",
        ),
        key("comment_author", "user id", "The author of comments."),
        key("cancel_reasons", "our word = reason id", "Reasons of cancellation in the account's dictionary."),
        key(
            "look_back_min",
            "minutes",
            "Between two rounds of reconciliation by exports (24 requests in 2 h at most); needs `school_key`. 0: off.",
        ),
        key(
            "export_columns",
            "our name = title",
            "Titles of the school's exports, if they differ: order_id, number, status, payed, payment_order …",
        ),
        key("requests_per_second", "number", "Budget; GetCourse publishes no limit."),
        key("timeout_s", "seconds", "Timeout of one request."),
    ],
}];
