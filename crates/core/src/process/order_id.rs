//! Our id of an order: the platform it came from, and its id there. Contains no personal data.
//! Enter at [`OrderId`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stored, shown and compared as text: `gc-700100200`, `lead-41290077`, `line-3fa2…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum OrderId {
    /// GetCourse's id of the deal.
    Getcourse(String),
    /// amoCRM's id of a lead that a person created (G9).
    Lead(String),
    /// A digest of an unknown caller's call (L8).
    Line(String),
    /// A kind that this version does not know.
    Other(String),
}

impl OrderId {
    pub fn of_deal(deal: impl fmt::Display) -> Self {
        Self::Getcourse(deal.to_string())
    }

    pub fn of_lead(lead: u64) -> Self {
        Self::Lead(lead.to_string())
    }

    /// Names the read of a contact that is nobody's; no order is made of it.
    pub fn of_contact(contact: u64) -> Self {
        Self::Other(format!("contact-{contact}"))
    }

    /// Its id in GetCourse, if it came from there.
    pub fn deal(&self) -> Option<&str> {
        match self {
            Self::Getcourse(deal) => Some(deal),
            _ => None,
        }
    }

    /// The lead from which it was made.
    pub fn lead(&self) -> Option<u64> {
        match self {
            Self::Lead(lead) => lead.parse().ok(),
            _ => None,
        }
    }

    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Getcourse(deal) => write!(f, "gc-{deal}"),
            Self::Lead(lead) => write!(f, "lead-{lead}"),
            Self::Line(call) => write!(f, "line-{call}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<&str> for OrderId {
    fn from(text: &str) -> Self {
        let name = |of: &str| text.strip_prefix(of).map(str::to_owned);
        let known = name("gc-").map(Self::Getcourse).or_else(|| name("lead-").map(Self::Lead));
        known.or_else(|| name("line-").map(Self::Line)).unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl From<String> for OrderId {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_stored_as_the_text_that_it_always_was() {
        let all = ["gc-", "gc-10", "gc-9", "lead-10", "lead-9", "line-3fa2", "line-a:1"];
        let ids: Vec<OrderId> = all.iter().map(|text| OrderId::from(*text)).collect();
        assert!(ids.is_sorted(), "in the order of their texts");
        for (id, text) in ids.iter().zip(all) {
            assert_eq!(serde_json::to_value(id).expect("a text"), text);
            assert!(id.is_known());
        }
        assert_eq!((ids[1].deal(), ids[3].lead(), ids[3].deal()), (Some("10"), Some(10), None));
        assert!(!OrderId::from("o").is_known());
    }
}
