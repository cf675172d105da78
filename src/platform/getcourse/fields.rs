//! The names of GetCourse's parameters: which of them fills which of our fields. Never reads a value; the decoder
//! does. Enter at [`FIELDS`].

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

/// One field of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Our name: the key in `[getcourse.fields]`, and the parameter in the printed address.
    pub name: &'static str,
    /// GetCourse's variable in a process on orders; empty if none is known.
    pub variable: &'static str,
    /// The same in a process on users.
    pub user_variable: &'static str,
    /// Other names seen in schools' own addresses, tried in this order after `name`.
    pub synonyms: &'static [&'static str],
}

impl Field {
    /// As they are written, the best first.
    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.synonyms.iter().copied())
    }
}

const fn field(
    name: &'static str,
    variable: &'static str,
    user_variable: &'static str,
    synonyms: &'static [&'static str],
) -> Field {
    Field { name, variable, user_variable, synonyms }
}

/// Every field that a webhook may contain, in the order of the printed address.
pub const FIELDS: [Field; 30] = [
    field("order_id", "{object.id}", "", &["deal_id"]),
    field("number", "{object.number}", "", &["order_number", "deal_number", "gc_number"]),
    field("user_id", "{object.user.id}", "{object.id}", &["gc_user_id", "getcourse_id"]),
    field("first_name", "{object.user.first_name}", "{object.first_name}", &["user_first_name"]),
    field("last_name", "{object.user.last_name}", "{object.last_name}", &["user_last_name"]),
    field("name", "", "", &["user_name", "full_name"]),
    field("email", "{object.user.email}", "{object.email}", &["user_email"]),
    field("phone", "{object.user.phone}", "{object.phone}", &["user_phone", "phone_standart"]),
    field(
        "positions",
        "{object.positions}",
        "",
        &[
            "deal_positions",
            "offer",
            "product_title",
            "title",
            // Of a JSON body whose positions or offers are objects.
            "positions_title",
            "offers_title",
            "offer_title",
        ],
    ),
    field("offers", "{object.offers}", "", &["offer_id", "offer_ids", "offers_id"]),
    field(
        "cost",
        "{object.cost_money_value}",
        "",
        &["cost_money_value", "cost_money", "cost_text", "deal_cost"],
    ),
    field("left", "{object.left_cost_money}", "", &["left_cost_money"]),
    field("payed", "{object.payed_money}", "", &["payed_money", "paid"]),
    field("currency", "", "", &["deal_currency"]),
    field("status", "{object.status}", "", &["deal_status"]),
    field("payment_link", "{object.payment_link}", "", &["link"]),
    field("promocode", "{object.promocode}", "", &[]),
    field("manager", "{object.manager}", "", &["manager_name"]),
    field("manager_email", "{object.manager_email}", "", &[]),
    field("created_at", "{object.created_at format='Y-m-d H:i:s'}", "", &["deal_created_at"]),
    field("created_user_id", "", "", &[]),
    field("author", "", "", &["created_by"]),
    field("zone", "", "", &["timezone"]),
    field("page", "", "", &["referer", "url"]),
    field("form", "", "", &["form_name"]),
    // A school's own field: only GetCourse's API contains it.
    field("phone_confirmed", "", "", &["phone_checked"]),
    field("city", "{object.user.city}", "{object.city}", &["user_city"]),
    // The sheet knows no variable for either: a school's process may add them as a fixed text.
    field("groups", "", "", &["user_groups"]),
    field("tags", "", "", &["deal_tags"]),
    field("event", "", "", &["event_type"]),
];

/// Objects of a school's own JSON that contain the fields of an order: `order_cost` is `cost`.
const ABOVE: [&str; 2] = ["order", "deal"];

/// Names that mean something else there: of the order itself, its page in GetCourse, its id.
const ONLY_ALONE: [&str; 7] = ["name", "full_name", "url", "link", "getcourse_id", "event", "event_type"];

/// A name as it is compared: administrators write `left_cost_money`, `leftCostMoney`, `left-cost-money`, and PHP
/// `left[cost]`.
pub fn folded(name: &str) -> String {
    let kept = name.trim().chars().filter(|letter| !matches!(letter, '_' | '-' | ' ' | '[' | ']'));
    kept.flat_map(char::to_lowercase).collect()
}

/// The names of one of our fields as they are compared, the best first.
pub fn names_of(field: &str) -> &'static [String] {
    static NAMES: LazyLock<BTreeMap<&str, Vec<String>>> = LazyLock::new(|| {
        let own: HashSet<String> = FIELDS.iter().flat_map(Field::names).map(folded).collect();
        let names = |field: &Field| {
            let inner = field.names().filter(|name| !ONLY_ALONE.contains(name));
            let inner = inner.flat_map(|name| ABOVE.map(|above| folded(&format!("{above}_{name}"))));
            field.names().map(folded).chain(inner.filter(|name| !own.contains(name))).collect()
        };
        FIELDS.iter().map(|field| (field.name, names(field))).collect()
    });
    NAMES.get(field).map_or(&[], Vec::as_slice)
}

/// Whether one of our fields has this folded name.
pub fn is_known(folded: &str) -> bool {
    static KNOWN: LazyLock<HashSet<&str>> =
        LazyLock::new(|| FIELDS.iter().flat_map(|field| names_of(field.name)).map(String::as_str).collect());
    KNOWN.contains(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_two_fields() {
        let mut names: Vec<&String> = FIELDS.iter().flat_map(|field| names_of(field.name)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
