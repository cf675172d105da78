//! Users, orders and payments of the GetCourse stand-in, and the names of their values in callbacks (sheet
//! 1.2, 2). It never sends anything. Enter at [`Order`], [`User`] and [`label`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// The ten status codes with their Russian labels (sheet 2.1).
pub const STATUSES: [(&str, &str); 10] = [
    ("new", "Новый"),
    ("in_work", "В работе"),
    ("payment_waiting", "Ожидаем оплаты"),
    ("part_payed", "Частично оплачен"),
    ("payed", "Завершен"),
    ("waiting_for_return", "Ожидаем возврата"),
    ("not_confirmed", "Не подтвержден"),
    ("pending", "Отложен"),
    ("cancelled", "Отменен"),
    ("false", "Ложный"),
];

pub fn label(code: &str) -> &'static str {
    STATUSES.iter().find(|(known, _)| *known == code).map_or("", |(_, label)| label)
}

/// A person in the school.
#[derive(Clone, Debug, Default, Serialize)]
pub struct User {
    pub id: i64,
    pub email: String,
    /// As typed.
    pub phone: String,
    pub first_name: String,
    pub last_name: String,
    pub city: String,
    /// The groups he is in, with the time at which he was added.
    pub groups: BTreeMap<String, DateTime<Utc>>,
    /// Comments of staff.
    pub comments: Vec<Comment>,
    pub personal_manager: Option<i64>,
    pub created_at: DateTime<Utc>,
    pub fields: BTreeMap<String, String>,
    /// Earlier phones with the time of the change.
    pub phone_history: Vec<(DateTime<Utc>, String)>,
}

impl User {
    /// First and last name together.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

/// A group of users.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub id: i64,
    pub name: String,
    pub last_added_at: Option<DateTime<Utc>>,
}

/// A line of an order.
#[derive(Clone, Debug, Serialize)]
pub struct Position {
    pub id: i64,
    pub offer_id: i64,
    pub title: String,
    pub quantity: i64,
    /// Kopecks, of one.
    pub price: i64,
}

/// A payment that was received (negative if it was returned).
#[derive(Clone, Debug, Serialize)]
pub struct Payment {
    pub id: i64,
    pub at: DateTime<Utc>,
    /// Kopecks.
    pub amount: i64,
    pub status: &'static str,
    pub kind: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Comment {
    pub at: DateTime<Utc>,
    pub user_id: i64,
    pub text: String,
}

/// A status and when it began; set by the bridge or by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusTurn {
    pub at: DateTime<Utc>,
    pub status: String,
    pub by_api: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Order {
    pub id: i64,
    pub number: String,
    /// The script it comes from.
    pub script: Option<String>,
    pub user_id: i64,
    pub offer_id: i64,
    pub title: String,
    /// Kopecks.
    pub cost: i64,
    /// Kopecks.
    pub payed: i64,
    pub status: String,
    pub manager_user_id: Option<i64>,
    pub created_by: i64,
    pub promocode: String,
    pub utm_source: String,
    pub cancel_reason_id: Option<i64>,
    pub cancel_reason_comment: String,
    pub tags: Vec<String>,
    pub fields: BTreeMap<String, String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub status_updated_at: DateTime<Utc>,
    pub payed_at: Option<DateTime<Utc>>,
    pub payments: Vec<Payment>,
    pub positions: Vec<Position>,
    pub comments: Vec<Comment>,
    pub history: Vec<StatusTurn>,
}

impl Order {
    /// Whether a client would pay it: something is left, and it is not over.
    pub fn takes_money(&self) -> bool {
        let is_over = matches!(self.status.as_str(), "cancelled" | "false" | "waiting_for_return");
        !is_over && self.payed < self.cost
    }

    /// Title and cost follow the positions (sheet 2.2: a line for each, with the quantity).
    pub fn follow_positions(&mut self) {
        let line = |position: &Position| match position.quantity {
            1 => position.title.clone(),
            many => format!("{} x {many}", position.title),
        };
        self.title = self.positions.iter().map(line).collect::<Vec<_>>().join("\n");
        self.cost = self.positions.iter().map(|position| position.price * position.quantity).sum();
    }

    /// The offers' ids as the callback writes them.
    pub fn offers(&self) -> String {
        let ids = self.positions.iter().map(|position| position.offer_id.to_string());
        ids.collect::<Vec<_>>().join(",")
    }
}

/// Kopecks from roubles.
pub fn kopecks(roubles: f64) -> i64 {
    (roubles * 100.0).round().clamp(-1e15, 1e15) as i64
}

/// Roubles as a number for JSON: whole ones without a fraction.
pub fn roubles(kopecks: i64) -> serde_json::Value {
    if kopecks % 100 == 0 {
        serde_json::json!(kopecks / 100)
    } else {
        serde_json::json!(kopecks as f64 / 100.0)
    }
}

/// An amount as people see it: `38 500`, `15 000,40`, with the given space and suffix.
pub fn money_text(kopecks: i64, space: &str, suffix: &str) -> String {
    let whole = (kopecks.abs() / 100).to_string();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push_str(space);
        }
        grouped.push(digit);
    }
    let sign = if kopecks < 0 { "-" } else { "" };
    let rest = kopecks.abs() % 100;
    let cents = if rest == 0 { String::new() } else { format!(",{rest:02}") };
    format!("{sign}{grouped}{cents}{suffix}")
}
