//! An order's status: label, code or one of their variants (sheet, 2.1). Never guesses: a word that is not in
//! the table stays as it came. Enter at [`parse`] and [`code`].

use crate::process::Status;

/// Spellings → status, normalised: lower case, «е» for «ё», one space, no `_` or `-`.
const SPELLINGS: [(&str, Status); 50] = [
    ("новый", Status::New),
    ("новая", Status::New),
    ("new", Status::New),
    ("created", Status::New),
    ("в работе", Status::InWork),
    ("in work", Status::InWork),
    ("processing", Status::InWork),
    ("in progress", Status::InWork),
    ("ожидаем оплаты", Status::PaymentWaiting),
    ("ожидает оплаты", Status::PaymentWaiting),
    ("payment waiting", Status::PaymentWaiting),
    ("pending payment", Status::PaymentWaiting),
    ("частично оплачен", Status::PartPaid),
    ("частично оплачена", Status::PartPaid),
    ("частично оплачено", Status::PartPaid),
    ("part payed", Status::PartPaid),
    ("part paid", Status::PartPaid),
    ("partially paid", Status::PartPaid),
    ("partial", Status::PartPaid),
    ("завершен", Status::Paid),
    ("завершена", Status::Paid),
    ("завершено", Status::Paid),
    ("оплачен", Status::Paid),
    ("оплачена", Status::Paid),
    ("оплачено", Status::Paid),
    ("payed", Status::Paid),
    ("paid", Status::Paid),
    ("completed", Status::Paid),
    ("ожидаем возврата", Status::WaitingForReturn),
    ("ожидает возврата", Status::WaitingForReturn),
    ("waiting for return", Status::WaitingForReturn),
    ("pending refund", Status::WaitingForReturn),
    ("не подтвержден", Status::NotConfirmed),
    ("не подтверждена", Status::NotConfirmed),
    ("не подтверждено", Status::NotConfirmed),
    ("not confirmed", Status::NotConfirmed),
    ("отложен", Status::Postponed),
    ("отложена", Status::Postponed),
    ("отложено", Status::Postponed),
    ("pending", Status::Postponed),
    ("postponed", Status::Postponed),
    ("отменен", Status::Cancelled),
    ("отменена", Status::Cancelled),
    ("отменено", Status::Cancelled),
    ("cancelled", Status::Cancelled),
    ("canceled", Status::Cancelled),
    ("ложный", Status::False),
    ("ложная", Status::False),
    ("ложно", Status::False),
    ("false", Status::False),
];

/// A status in any spelling of the sheet; any other text is `Unknown`.
pub fn parse(text: &str) -> Status {
    let normal = text.to_lowercase().replace('ё', "е").replace(['_', '-', '\u{a0}'], " ");
    let normal = normal.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = SPELLINGS.iter().find(|(spelling, _)| *spelling == normal);
    found.map_or_else(|| Status::Unknown(text.trim().to_owned()), |(_, status)| status.clone())
}

/// The code that both APIs write; `None` for a status that they do not have.
pub fn code(status: &Status) -> Option<&'static str> {
    Some(match status {
        Status::New => "new",
        Status::InWork => "in_work",
        Status::PaymentWaiting => "payment_waiting",
        Status::PartPaid => "part_payed",
        Status::Paid => "payed",
        Status::WaitingForReturn => "waiting_for_return",
        Status::NotConfirmed => "not_confirmed",
        Status::Postponed => "pending",
        Status::Cancelled => "cancelled",
        Status::False => "false",
        Status::Unknown(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_codes_and_variants_mean_the_same() {
        for (text, status) in [
            ("Новый", Status::New),
            ("  в   работе ", Status::InWork),
            ("Ожидает оплаты", Status::PaymentWaiting),
            ("Частично\u{a0}оплачен", Status::PartPaid),
            ("Завершён", Status::Paid),
            ("ОПЛАЧЕНО", Status::Paid),
            ("waiting-for-return", Status::WaitingForReturn),
            ("Не подтверждён", Status::NotConfirmed),
            ("Отложен", Status::Postponed),
            ("отменён", Status::Cancelled),
            ("Ложный", Status::False),
            ("False", Status::False),
        ] {
            assert_eq!(parse(text), status, "{text:?}");
        }
    }

    #[test]
    fn every_label_and_code_reads_back_as_itself() {
        for (_, status) in SPELLINGS {
            assert_eq!(parse(status.label()), status);
            assert_eq!(code(&status).map(parse), Some(status));
        }
    }

    #[test]
    fn an_unknown_word_is_kept_and_never_guessed() {
        for text in ["Оплата?", "завершен вчера", "Завершенный", "1"] {
            assert_eq!(parse(text), Status::Unknown(text.to_owned()));
            assert_eq!(code(&parse(text)), None);
        }
    }
}
