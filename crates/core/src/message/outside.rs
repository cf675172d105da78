//! Phrases that are said outside of the process: by couriers in the CRM's cards, and on pages for the person who
//! connects an account. Never contains words. Enter at [`Outside`].

use super::library::Library;
use super::phrase::{card, consent, result};

/// One of them, with what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside<'a> {
    /// The name of a contact whose name nobody knows.
    NoName,
    /// In place of a client's number that the provider does not tell.
    HiddenNumber,
    /// A further lead of the same order.
    Continues {
        lead: u64,
    },
    /// Values that the CRM's fields do not take.
    LeftOut {
        fields: &'a str,
    },
    /// A sum in another currency than the account's leads.
    OtherCurrency {
        sum: &'a str,
        currency: &'a str,
    },
    /// A sum that the CRM's price does not hold.
    PriceTooLarge {
        sum: &'a str,
    },
    /// The result of a task that nobody needs after the payment.
    TaskOfPaid,
    ConsentGiven,
    ConsentRefused,
}

impl Library {
    /// The words of this school.
    pub fn outside(&self, what: Outside) -> String {
        let phrase = match what {
            Outside::NoName => card::no_name(),
            Outside::HiddenNumber => card::hidden_number(),
            Outside::Continues { lead } => card::continues(lead.to_string()),
            Outside::LeftOut { fields } => card::left_out(fields),
            Outside::OtherCurrency { sum, currency } => card::price(sum, card::other_currency(currency)),
            Outside::PriceTooLarge { sum } => card::price(sum, card::price_too_large()),
            Outside::TaskOfPaid => result::paid(),
            Outside::ConsentGiven => consent::given(),
            Outside::ConsentRefused => consent::refused(),
        };
        // None of them tells a time or a person.
        self.phrase(&phrase, &|_| String::new())
    }

    /// Whether this is what the bridge writes where a name is not known: in the school's words or the shipped ones.
    pub fn is_no_name(&self, name: &str) -> bool {
        let said = |library: &Library| library.outside(Outside::NoName).trim().to_lowercase();
        let name = name.trim().to_lowercase();
        name == said(self) || name == said(&Library::shipped())
    }
}
