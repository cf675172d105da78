//! The payment state of an order, from its sums and its status together: a status alone is not trusted.
//! What follows from it is decided by the section `payment`.
//! Enter at [`payment_state`] and [`judge`].

use super::case::Order;
use super::event::OrderFacts;
use super::value::*;
use crate::mutant::cut;

/// The payment state by sums and status (GetCourse sheet, 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    Unpaid,
    Part,
    Full,
    /// Cost 0 and finished: won without a payment.
    Free,
    /// «Отменён» or «Ложный», whatever the sums are.
    Void,
    /// More money was reported; it is being read back.
    Unconfirmed,
}

/// The payment data of an order before the present facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    pub paid: i64,
    pub parts_paid: u32,
    pub status: Option<Status>,
    pub ended: bool,
    /// What the sales lead's price was made of.
    pub worth: Option<Money>,
}

impl Before {
    pub fn of(order: &Order) -> Self {
        Self {
            paid: minor(&order.paid),
            parts_paid: order.parts_paid,
            status: order.status.clone(),
            ended: !order.is_open(),
            worth: worth(order).cloned(),
        }
    }

    /// What was paid in another currency is no part of what is paid now (F78).
    pub fn beside(mut self, paid: &Option<Money>, order: &Order) -> Self {
        if !are_like(paid, &order.paid) {
            self.paid = 0;
        }
        self
    }
}

/// The sum of an order; where none was told, what is paid.
pub fn worth(order: &Order) -> Option<&Money> {
    let is_sum = |money: &&Money| money.minor > 0;
    let (cost, paid) = (order.cost.as_ref(), order.paid.as_ref());
    cost.filter(is_sum).or(paid.filter(is_sum)).or(cost)
}

pub fn payment_state(order: &Order) -> PaymentState {
    sums(order.status.as_ref(), &order.cost, &order.paid, &order.left)
}

/// Whatever the status says: a refund is not settled yet (L16).
pub fn by_sums(order: &Order) -> PaymentState {
    sums(None, &order.cost, &order.paid, &order.left)
}

fn sums(
    status: Option<&Status>,
    cost: &Option<Money>,
    paid: &Option<Money>,
    left: &Option<Money>,
) -> PaymentState {
    let sum = |money: &Option<Money>| money.as_ref().map(|money| money.minor);
    let is_comparable = are_like(cost, paid);
    let left = sum(left).filter(|_| are_like(left, paid));
    let (cost, paid) = (sum(cost), minor(paid));
    match status {
        Some(Status::Cancelled | Status::False) => return PaymentState::Void,
        Some(Status::Paid) if cost == Some(0) && paid <= 0 => return PaymentState::Free,
        Some(Status::Paid) => return PaymentState::Full,
        // A refund is under way (L16): the sums are still the old ones.
        Some(Status::WaitingForReturn) if paid > 0 => return PaymentState::Part,
        _ => {}
    }
    let nothing_left = left.is_none_or(|left| left <= 0);
    match cost {
        Some(cost) if cost > 0 && is_comparable && paid >= cost && nothing_left => PaymentState::Full,
        None if paid > 0 && left == Some(0) => PaymentState::Full,
        _ if paid > 0 || status == Some(&Status::PartPaid) => PaymentState::Part,
        _ => PaymentState::Unpaid,
    }
}

/// A status that takes a payment back (L16).
pub fn is_return(status: Option<&Status>) -> bool {
    matches!(status, Some(Status::WaitingForReturn | Status::Cancelled | Status::False))
}

/// Facts that take known money back and were not read back (L16): they change nothing by themselves. The end of
/// an order may be trusted by the school's setting, a smaller sum may not.
pub fn is_doubtful(order: &Order, facts: &OrderFacts) -> bool {
    if !order.has_money() || facts.is_read_back() || cut("L16.read_back") {
        return false;
    }
    let is_less = |paid: &Money| are_like(&facts.paid, &order.paid) && paid.minor < minor(&order.paid);
    let less = facts.paid.as_ref().is_some_and(is_less);
    let status = facts.status.as_ref().filter(|status| order.status.as_ref() != Some(status));
    let returns = match status {
        Some(Status::WaitingForReturn) => true,
        status => is_return(status) && !facts.confirmed,
    };
    less || returns
}

/// A sum without a currency is in that of the order (F78); of an order that is not known, in that of the report's other
/// sums, else of the school.
pub fn in_currency_of(order: &Order, school: &str, mut facts: OrderFacts) -> OrderFacts {
    let said =
        |sum: &Option<Money>| sum.as_ref().map(|sum| sum.currency.clone()).filter(|code| !code.is_empty());
    let told = || order.told.as_ref().and_then(|told| said(&told.cost));
    let known = said(&order.cost).or_else(|| said(&order.paid)).or_else(told);
    let others = || said(&facts.left).or_else(|| said(&facts.paid));
    let usual = said(&facts.cost).or(known).or_else(others).unwrap_or_else(|| school.to_owned());
    for sum in [&mut facts.cost, &mut facts.paid, &mut facts.left].into_iter().flatten() {
        if sum.currency.is_empty() {
            sum.currency.clone_from(&usual);
        }
    }
    facts
}

/// Nothing speaks against comparing them (F78).
pub fn are_like(one: &Option<Money>, other: &Option<Money>) -> bool {
    one.as_ref().zip(other.as_ref()).is_none_or(|(one, other)| one.is_like(other))
}

pub fn minor(money: &Option<Money>) -> i64 {
    money.as_ref().map_or(0, |money| money.minor)
}

/// The comparison of reported money with known money.
pub enum Judged {
    /// Confirmed and stored.
    Confirmed(PaymentState),
    /// More than known, but not confirmed: it has to be read back.
    More,
    /// Less than known, or a refund, but not confirmed (L16).
    Less(PaymentState),
    /// Not more than known.
    NoMore(PaymentState),
    /// Paid in another currency than the order's sum (F78): a person has to look, even if it was read back.
    OtherCurrency { paid: Money, known: Money },
}

/// The sum of the order, with which a reported payment cannot be compared (F78).
pub fn in_other_currency(order: &Order, facts: &OrderFacts) -> Option<(Money, Money)> {
    let paid = facts.paid.as_ref()?;
    // A person has confirmed this very sum.
    let is_confirmed = order.paid.as_ref() == Some(paid);
    let known = worth(order).filter(|known| !known.is_like(paid) && !is_confirmed)?;
    Some((paid.clone(), known.clone()))
}

/// More than is known, or in another currency.
fn is_more(paid: &Option<Money>, known: &Option<Money>) -> bool {
    !are_like(paid, known) || minor(paid) > minor(known)
}

/// Stores the reported money if it is confirmed (design, «Money without a signature»).
pub fn judge(order: &mut Order, facts: &OrderFacts) -> Judged {
    if let Some((paid, known)) = in_other_currency(order, facts).filter(|_| !cut("L4.currency")) {
        return Judged::OtherCurrency { paid, known };
    }
    let status = facts.status.as_ref().or(order.status.as_ref());
    let paid = facts.paid.clone().or(order.paid.clone());
    let left = facts.left.clone().or(order.left.clone());
    let says = sums(status, &order.cost, &paid, &left);
    let doubtful = is_doubtful(order, facts);
    if facts.confirmed && !doubtful || cut("L4.confirmed_only") {
        (order.paid, order.left) = (paid, left);
        order.doubted = None;
        return Judged::Confirmed(says);
    }
    if doubtful {
        let known = if order.is_held() { PaymentState::Unconfirmed } else { payment_state(order) };
        return Judged::Less(known);
    }
    let more = match says {
        _ if order.is_won() => false,
        _ if order.refund().is_some() => is_more(&paid, &order.paid),
        PaymentState::Full | PaymentState::Free => true,
        PaymentState::Part => is_more(&paid, &order.paid) || order.parts_paid == 0,
        // Nobody is called about an order in a refund (L16), whatever is known of its money.
        _ if order.is_open() && !cut("L16.read_first") => {
            facts.status == Some(Status::WaitingForReturn) && order.status != facts.status
        }
        _ => false,
    };
    let void = matches!(order.status, Some(Status::Cancelled | Status::False));
    match (more, order.is_held() && !void) {
        (true, _) => Judged::More,
        (false, true) => Judged::NoMore(PaymentState::Unconfirmed),
        (false, false) => Judged::NoMore(payment_state(order)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::value::{ClientId, OrderId};

    #[test]
    fn money_is_judged_by_sums_and_status_together() {
        let check = |status: Status, cost: i64, paid: Option<i64>, left: Option<i64>, want: PaymentState| {
            let now = At::UNIX_EPOCH;
            let mut order = Order::new(OrderId::from("gc-1"), ClientId::from("c-1"), now);
            let money = |sum: i64| Money::new(sum, "RUB");
            order.status = Some(status.clone());
            order.cost = Some(money(cost));
            (order.paid, order.left) = (paid.map(money), left.map(money));
            assert_eq!(payment_state(&order), want, "{status:?} cost {cost} paid {paid:?} left {left:?}");
        };
        check(Status::New, 100, None, None, PaymentState::Unpaid);
        check(Status::New, 100, Some(0), Some(100), PaymentState::Unpaid);
        check(Status::InWork, 100, Some(40), Some(60), PaymentState::Part);
        check(Status::PartPaid, 100, None, None, PaymentState::Part);
        check(Status::New, 100, Some(100), None, PaymentState::Full);
        check(Status::New, 100, Some(100), Some(0), PaymentState::Full);
        check(Status::New, 100, Some(100), Some(20), PaymentState::Part);
        check(Status::Paid, 100, Some(100), Some(0), PaymentState::Full);
        check(Status::Paid, 100, Some(95), Some(5), PaymentState::Full);
        check(Status::Paid, 0, Some(0), Some(0), PaymentState::Free);
        check(Status::New, 0, Some(0), Some(0), PaymentState::Unpaid);
        check(Status::Cancelled, 100, Some(100), Some(0), PaymentState::Void);
        check(Status::False, 100, Some(40), None, PaymentState::Void);
        check(Status::WaitingForReturn, 100, Some(100), Some(0), PaymentState::Part);
    }

    /// F78: sums of two currencies are neither compared nor told as one.
    #[test]
    fn another_currency_is_not_believed() {
        let check = |known: &str, cost: Option<&str>, paid: &str, left: Option<&str>, want: &str| {
            let mut order = Order::new(OrderId::from("gc-1"), ClientId::from("c-1"), At::UNIX_EPOCH);
            let money = |said: &str| {
                let (sum, currency) = said.split_once(' ').unwrap_or((said, ""));
                Money::new(sum.parse().expect("a sum"), currency)
            };
            order.cost = Some(money(known));
            let facts = OrderFacts {
                cost: cost.map(money),
                paid: Some(money(paid)),
                left: left.map(money),
                status: Some(Status::Paid),
                confirmed: true,
                ..OrderFacts::default()
            };
            let facts = in_currency_of(&order, "RUB", facts);
            order.cost = facts.cost.clone().or(order.cost);
            let judged = match judge(&mut order, &facts) {
                Judged::Confirmed(PaymentState::Full) => {
                    format!("full {}", order.paid.expect("a sum").currency)
                }
                Judged::OtherCurrency { paid, known } => {
                    assert_eq!((order.paid, order.left), (None, None), "{known:?}");
                    format!("{} {}, {} {}", paid.minor, paid.currency, known.minor, known.currency)
                }
                _ => "else".to_owned(),
            };
            assert_eq!(judged, want, "{known}: {cost:?} {paid} {left:?}");
        };
        check("38500 RUB", Some("38500 RUB"), "500 USD", Some("0"), "500 USD, 38500 RUB");
        check("38500 RUB", Some("38500 RUB"), "38500 USD", None, "38500 USD, 38500 RUB");
        check("38500 RUB", Some("38500"), "500 USD", Some("38000"), "500 USD, 38500 RUB");
        check("38500 RUB", None, "500 USD", None, "500 USD, 38500 RUB");
        check("500 USD", Some("500 USD"), "500 RUB", Some("0"), "500 RUB, 500 USD");
        check("500 USD", Some("500"), "500", Some("0"), "full USD");
        check("38500 RUB", Some("38500"), "38500", Some("0 USD"), "full RUB");
        check("38500 RUB", Some("500 USD"), "500", None, "full USD");
        check("0 RUB", None, "500 USD", None, "full USD");
    }
}
