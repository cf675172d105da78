//! The event of a GetCourse request, from the last word of its address or from its field `event`. Never reads the
//! facts. Enter at [`HookKind`].

use crate::platform::Undecodable;
use crate::problem::nearest;

/// Letters of an unknown address that are compared and shown.
const TAIL_LETTERS_MAX: usize = 40;
/// Figures of an unknown word that are shown: more may be a phone number.
const FIGURES_SHOWN_MAX: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookKind {
    OrderCreated,
    OrderStatus,
    PaymentPartial,
    PaymentFull,
    ManagerAssigned,
    UserUpdated,
}

impl HookKind {
    pub const ALL: [Self; 6] = [
        Self::OrderCreated,
        Self::OrderStatus,
        Self::PaymentPartial,
        Self::PaymentFull,
        Self::ManagerAssigned,
        Self::UserUpdated,
    ];

    /// The last word of the address.
    pub fn tail(self) -> &'static str {
        match self {
            Self::OrderCreated => "order-created",
            Self::OrderStatus => "order-status",
            Self::PaymentPartial => "payment-partial",
            Self::PaymentFull => "payment-full",
            Self::ManagerAssigned => "manager-assigned",
            Self::UserUpdated => "user-updated",
        }
    }

    /// The last word of an address, however it is joined and whatever its case.
    pub fn of_tail(tail: &str) -> Option<Self> {
        let letters = letters(tail);
        Self::ALL.into_iter().find(|kind| self::letters(kind.tail()) == letters)
    }

    pub fn is_payment(self) -> bool {
        matches!(self, Self::PaymentPartial | Self::PaymentFull)
    }

    /// The name that is most like this word, if any is.
    fn nearest(word: &str) -> Option<&'static str> {
        let known = Self::ALL.map(|kind| (letters(kind.tail()), kind.tail()));
        let near = nearest(&letters(word), known.iter().map(|(letters, _)| &**letters))?;
        known.iter().find(|(letters, _)| letters == near).map(|(_, tail)| *tail)
    }

    /// The value of the field `event`, as administrators write it.
    pub fn of_word(word: &str) -> Option<Self> {
        let word = letters(word);
        let word = word.strip_prefix("deal").map_or(word.clone(), |rest| format!("order{rest}"));
        Self::of_tail(&word).or(match word.as_str() {
            "created" | "ordernew" | "neworder" => Some(Self::OrderCreated),
            "status" | "statuschanged" | "orderstatuschanged" | "ordercancelled" | "ordercanceled" => {
                Some(Self::OrderStatus)
            }
            "partial" | "orderpartial" | "orderpartpaid" | "partialpayment" => Some(Self::PaymentPartial),
            "paid" | "orderpaid" | "orderpayed" | "payment" | "paymentreceived" => Some(Self::PaymentFull),
            "manager" | "ordermanager" => Some(Self::ManagerAssigned),
            "user" | "userchanged" => Some(Self::UserUpdated),
            _ => None,
        })
    }
}

/// Letters and figures of a word in lower case: `ORDER_CREATED`, `orderCreated` and `order.created` are one word.
fn letters(word: &str) -> String {
    let letters = word.chars().filter(|letter| letter.is_alphanumeric());
    letters.take(TAIL_LETTERS_MAX).flat_map(char::to_lowercase).collect()
}

/// An address or a word in `event` that no table has, and the word that was probably meant. What the sender wrote is
/// shown on one line and without what may be a number of a person.
pub fn unknown(what: &str, word: &str) -> Undecodable {
    let has_number = word.chars().filter(char::is_ascii_digit).count() > FIGURES_SHOWN_MAX;
    let is_shown = |letter: char| match letter {
        '0'..='9' => !has_number,
        letter => letter.is_alphanumeric() || "-_./: ".contains(letter),
    };
    let shown: String =
        word.trim().chars().filter(|letter| is_shown(*letter)).take(TAIL_LETTERS_MAX).collect();
    let meant = match HookKind::nearest(word) {
        Some(near) => format!(": is `{near}` meant?"),
        None => format!("; there are {}", HookKind::ALL.map(HookKind::tail).join(", ")),
    };
    Undecodable(format!("unknown {what} `{shown}`{meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_words_are_read_however_they_are_joined() {
        for (word, tail) in [
            ("order.created", "order-created"),
            ("order.paid", "payment-full"),
            ("Deal:Created", "order-created"),
            ("order status changed", "order-status"),
            ("user.updated", "user-updated"),
            ("orderCreated", "order-created"),
            ("payment.received", "payment-full"),
            ("order_cancelled", "order-status"),
            ("ORDER_CREATED", "order-created"),
            ("ORDER.CREATED", "order-created"),
            ("OrderCREATED", "order-created"),
            ("ORDERCREATED", "order-created"),
            ("PAYMENT_FULL", "payment-full"),
            ("DEAL-PAID", "payment-full"),
        ] {
            assert_eq!(HookKind::of_word(word).map(HookKind::tail), Some(tail), "{word}");
        }
    }
}
