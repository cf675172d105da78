//! Basic values: ids, money, phones, statuses. A platform's own spelling of a value is translated in the
//! platform's folder.
//! Enter at [`Money`], [`Phone`], [`Status`].

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use super::order_id::OrderId;

/// An instant in UTC; time zones are used only in `calendar`.
pub type At = DateTime<Utc>;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

id!(
    /// A school's name: `[a-z0-9-]`, as in its folder and its addresses.
    SchoolId
);
id!(
    /// Our id of a client: `c-` and the id of the order that introduced him. Never personal data.
    ClientId
);
id!(
    /// A manager's key in the school's file, for example `irina`.
    ManagerId
);
id!(
    /// One command of one order: `<order>.<n>-<digest>`, see [`CommandId::new`]. Commands of older versions have no
    /// digest.
    CommandId
);
id!(
    /// Our id of a task: `t<n>·<order>`. It is a marker at the end of the task's text.
    TaskId
);

impl CommandId {
    /// Which of its order's commands it is; 0 if it does not say.
    pub fn number(&self) -> u64 {
        let own = self.0.rsplit_once('.').map_or("", |(_, own)| own);
        own.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The order that it is of.
    pub fn order(&self) -> Option<OrderId> {
        self.0.rsplit_once('.').map(|(order, _)| OrderId::from(order))
    }
}

impl TaskId {
    /// The order that it is of.
    pub fn order(&self) -> Option<OrderId> {
        self.0.split_once('·').map(|(_, order)| OrderId::from(order))
    }
}

/// The currency of a sum where nobody has said one.
pub const USUAL_CURRENCY: &str = "RUB";

/// An amount in minor units (kopecks) with its currency's ISO code. Of facts from outside the code is empty where no
/// currency was said, see `money::in_currency_of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: String,
}

impl Money {
    pub fn new(minor: i64, currency: &str) -> Self {
        Self { minor, currency: currency.to_owned() }
    }

    /// Only then they may be compared or added (F78). Nothing is the same in all currencies.
    pub fn is_like(&self, other: &Money) -> bool {
        self.minor == 0 || other.minor == 0 || self.currency == other.currency
    }

    /// In roubles, for comparisons: 38500.4.
    pub fn major(&self) -> f64 {
        self.minor as f64 / 100.0
    }

    /// For people: `38 500 ₽`, `15 000,40 ₽`; other currencies by code.
    pub fn text(&self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let whole = (self.minor.unsigned_abs() / 100).to_string();
        let cents = self.minor.unsigned_abs() % 100;
        let mut grouped = String::new();
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                grouped.push('\u{a0}');
            }
            grouped.push(digit);
        }
        let tail = if cents == 0 { String::new() } else { format!(",{cents:02}") };
        let unit = if self.currency == "RUB" { "₽" } else { &self.currency };
        format!("{sign}{grouped}{tail}\u{a0}{unit}")
    }
}

/// A phone as typed, and the numbers found in it (rule Q1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// `+79035550127`; `None` if the text holds no usable number.
    pub e164: Option<String>,
    /// The digits of «доб. 123».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// A second number found in the same field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// What was typed beside the numbers: «после 18:00», «кв. 12», «ватсап».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    pub raw: String,
}

/// GetCourse's status of an order (sheet, 2.1). It may change in any direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    New,
    InWork,
    PaymentWaiting,
    PartPaid,
    Paid,
    WaitingForReturn,
    NotConfirmed,
    Postponed,
    Cancelled,
    False,
    /// A text that the sheet does not list: shown and journalled, not interpreted.
    Unknown(String),
}

impl Status {
    /// «В работе»: the label that people see.
    pub fn label(&self) -> &str {
        match self {
            Self::New => "Новый",
            Self::InWork => "В работе",
            Self::PaymentWaiting => "Ожидаем оплаты",
            Self::PartPaid => "Частично оплачен",
            Self::Paid => "Завершен",
            Self::WaitingForReturn => "Ожидаем возврата",
            Self::NotConfirmed => "Не подтвержден",
            Self::Postponed => "Отложен",
            Self::Cancelled => "Отменен",
            Self::False => "Ложный",
            Self::Unknown(raw) => raw,
        }
    }
}

/// The stage of a lead. The order of the variants is the order of the pipeline: a lead only moves forward
/// (K2). A school maps each stage to a status id of its CRM; stages without one are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    New,
    InWork,
    Dialling,
    Talked,
    Promised,
    PartPaid,
    Won,
    Lost,
}

/// The purpose of a lead; each role has its own pipeline in the school's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadRole {
    Sales,
    Fulfilment,
    Revival,
}

impl LeadRole {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Fulfilment => "fulfilment",
            Self::Revival => "revival",
        }
    }
}

/// Why the client did not buy (R1). «Ошибка» and «дубль» are deliberately not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    Price,
    Timing,
    Instalment,
    Format,
    NotNow,
    Thinking,
    Competitor,
    NotReached,
}

impl RefusalReason {
    pub const ALL: [Self; 8] = [
        Self::Price,
        Self::Timing,
        Self::Instalment,
        Self::Format,
        Self::NotNow,
        Self::Thinking,
        Self::Competitor,
        Self::NotReached,
    ];

    /// The text that managers see.
    pub fn label(self) -> &'static str {
        match self {
            Self::Price => "цена",
            Self::Timing => "сроки",
            Self::Instalment => "рассрочка",
            Self::Format => "формат",
            Self::NotNow => "не сейчас",
            Self::Thinking => "подумать",
            Self::Competitor => "у конкурента",
            Self::NotReached => "не дозвонились",
        }
    }
}
