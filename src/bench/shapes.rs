//! Request bodies that cost more than they look: deep, wide, long, repeated. Each is within the byte limit of its
//! platform, so only what is read of it may refuse it. Never contains anything personal. Enter at [`all`].

use chrono::TimeDelta;

use crate::clock::wall_now;

/// Bytes that the platforms accept.
const ORDERS_BYTES: usize = 256 * 1024;
const CRM_BYTES: usize = 512 * 1024;
const LINE_BYTES: usize = 64 * 1024;
const QUERY_BYTES: usize = 32 * 1024;

/// The platform that a shape is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    Orders,
    Crm,
    Line,
}

/// One kind of request.
#[derive(Clone, Debug)]
pub struct Shape {
    pub to: To,
    /// Last part of the address, with its query.
    pub tail: String,
    pub is_json: bool,
    pub body: Vec<u8>,
}

const FORM: bool = false;
const JSON: bool = true;

/// What a shape is made of: `begin`, as many repetitions as fit, `end`. `#` in a repetition is its number.
struct Pattern {
    name: &'static str,
    begin: &'static str,
    again: &'static str,
    end: &'static str,
    /// At most so many repetitions.
    most: usize,
}

const fn pattern(name: &'static str, begin: &'static str, again: &'static str, end: &'static str) -> Pattern {
    Pattern { name, begin, again, end, most: usize::MAX }
}

const fn few(
    name: &'static str,
    most: usize,
    begin: &'static str,
    again: &'static str,
    end: &'static str,
) -> Pattern {
    Pattern { name, begin, again, end, most }
}

/// JSON; `order_id` makes those that are within the limits an order.
const JSONS: [Pattern; 18] = [
    pattern("objects in objects", "", "{\"a\":", ""),
    pattern("lists in lists", "", "[", ""),
    pattern("numbers", "{\"order_id\":1,\"a\":[0", ",0", "]}"),
    few("numbers, as many as fit", 1_950, "{\"order_id\":1,\"a\":[0", ",1234567890123456", "]}"),
    pattern("empty lists", "[[]", ",[]", "]"),
    few("empty objects", 950, "{\"order_id\":1,\"a\":[{}", ",{}", "]}"),
    pattern("many names", "{\"order_id\":1", ",\"k#\":1", "}"),
    few(
        "many names, as many as fit",
        1_950,
        "{\"order_id\":1",
        ",\"name_of_a_field_#\":\"a value of it\"",
        "}",
    ),
    few("labels of a source", 1_950, "{\"order_id\":1", ",\"utm_#\":\"a label that is kept\"", "}"),
    pattern("one name again", "{\"order_id\":1", ",\"cost\":1", "}"),
    few("small objects", 480, "{\"order_id\":1,\"a\":[1", ",{\"b\":1,\"c\":{\"d\":1}}", "]}"),
    few(
        "long names",
        480,
        "{\"order_id\":1,\"a\":[1",
        ",{\"a_name_that_is_longer_than_names_are_and_longer\":{\"and_another_one_like_it\":1}}",
        "]}",
    ),
    pattern("blanks", "{\"order_id\":1", " ", "}"),
    pattern("one long text", "{\"order_id\":1,\"positions\":\"", "word ", "\"}"),
    few("long escapes", 20_000, "{\"order_id\":1,\"positions\":\"", "\\u0430", "\"}"),
    pattern("quotes", "{\"order_id\":1,\"positions\":\"", "\\\"", "\"}"),
    pattern("digits", "{\"order_id\":1,\"cost\":1", "0", "}"),
    pattern("broken at the end", "{\"order_id\":1,\"a\":[0", ",\"ab\"", "]"),
];

/// Forms of orders.
const FORMS: [Pattern; 12] = [
    pattern("pairs", "order_id=1", "&a=1", ""),
    few("pairs, as many as fit", 1_950, "order_id=1", "&name_of_a_field_#=a+value+of+it", ""),
    few("labels of a source in a form", 1_950, "order_id=1", "&utm_#=a+label+that+is+kept", ""),
    few("one name in many spellings", 1_950, "order_id=1", "&left-Cost_money-#=1", ""),
    pattern("empty pairs", "order_id=1", "&", ""),
    pattern("encoded text", "order_id=1&positions=", "%D0%B0", ""),
    pattern("entities", "order_id=1&positions=", "%26amp%3B", ""),
    few("a long number of a telephone", 100_000, "order_id=1&phone=%2B7", "9", ""),
    few("numbers in a telephone", 20_000, "order_id=1&phone=", "+7903,", ""),
    few("offers", 60_000, "order_id=1&offers=1", ",1", ""),
    few("a list within a text", 1_900, "order_id=1&positions=[\"a\"", ",\"a\"", "]"),
    few("lines", 60_000, "order_id=1&positions=a", "%0Aa", ""),
];

/// Webhooks of the API of orders.
const HOOKS: [Pattern; 1] =
    [few("positions", 950, "{\"json\":{\"deal\":{\"id\":1,\"positions\":[1", ",{}", "]}}}")];

/// Queries.
const QUERIES: [Pattern; 1] = [pattern("a query", "order_id=1", "&name_of_a_field_#=a", "")];

/// Bracket lists of the CRM.
const BRACKETS: [Pattern; 10] = [
    pattern("list items", "account[id]=31877554", "&leads[][id]=1", ""),
    few("list items, as many as fit", 240, "account[id]=31877554", "&leads[add][][a]=1", ""),
    few("items behind names", 120, "account[id]=31877554", "&leads[add][n#]=1&leads[add][]=1", ""),
    pattern("brackets in brackets", "account[id]=31877554&leads", "[a]", "=1"),
    few("long ways", 240, "account[id]=31877554", "&leads[add][#][a][b][c][d][e][f][g]=1", ""),
    few(
        "fields",
        1_600,
        "account[id]=31877554&leads[update][0][id]=1&leads[update][0][updated_at]=1767254600",
        "&leads[update][0][custom_fields][#][id]=#&leads[update][0][custom_fields][#][values][0][value]=a",
        "",
    ),
    few("leads", 240, "account[id]=31877554", "&leads[update][#][id]=#&leads[update][#][price]=100", ""),
    few("many leads", 2_400, "account[id]=31877554", "&leads[update][#][id]=#", ""),
    pattern("accounts", "account[id]=31877554", "&leads[update][0][account_id]=31877554", ""),
    few(
        "a long note",
        60_000,
        "account[id]=31877554&leads[note][0][note][id]=1&leads[note][0][note][text]=",
        "a+",
        "",
    ),
];

const LINES: [Pattern; 3] = [
    pattern("fields of a call", "event=1", "&a=1", ""),
    pattern("a long field of a call", "event=", "%D0%B0", ""),
    pattern("a long signed text", "json=", "[", ""),
];

/// One of the kinds: where it goes and what it is made of.
pub struct Kind {
    pub to: To,
    tail: &'static str,
    is_json: bool,
    pattern: &'static Pattern,
}

/// All kinds.
pub fn all() -> Vec<Kind> {
    let groups: [(&'static [Pattern], To, &'static str, bool); 6] = [
        (&JSONS, To::Orders, "/order-created", JSON),
        (&HOOKS, To::Orders, "/hook", JSON),
        (&FORMS, To::Orders, "/order-created", FORM),
        (&QUERIES, To::Orders, "/order-created?", FORM),
        (&BRACKETS, To::Crm, "", FORM),
        (&LINES, To::Line, "", FORM),
    ];
    let kinds = groups.into_iter().flat_map(|(patterns, to, tail, is_json)| {
        patterns.iter().map(move |pattern| Kind { to, tail, is_json, pattern })
    });
    kinds.collect()
}

impl Kind {
    pub fn name(&self) -> &'static str {
        self.pattern.name
    }

    /// One request of this kind; `nonce` makes those that are kept differ.
    pub fn shape(&self, nonce: usize) -> Shape {
        let Self { to, tail, is_json, pattern } = *self;
        let is_query = tail.ends_with('?');
        let bytes = match to {
            To::Orders if is_query => QUERY_BYTES,
            To::Orders => ORDERS_BYTES,
            To::Crm => CRM_BYTES,
            To::Line => LINE_BYTES,
        };
        let text = filled(pattern, bytes, nonce);
        let (tail, body) = match is_query {
            true => (format!("{tail}{text}"), Vec::new()),
            false => (tail.to_owned(), text.into_bytes()),
        };
        Shape { to, tail, is_json, body }
    }
}

/// What a school really gets: an order of a new client, made now.
pub fn ordinary(nonce: usize) -> Shape {
    let moscow = wall_now() + TimeDelta::hours(3);
    let body = format!(
        "order_id={}&number={nonce}&gc_user_id={}&name=%D0%9A%D0%BB%D0%B8%D0%B5%D0%BD%D1%82&email=client{nonce}%40client.example\
         &phone=%2B7903{:07}&positions=%D0%9A%D1%83%D1%80%D1%81&cost=24900&payed=0&left=24900&currency=RUB\
         &status=%D0%9D%D0%BE%D0%B2%D1%8B%D0%B9&utm_source=vk&utm_medium=cpc&offers=501\
         &created_at={}",
        900_000_000 + nonce,
        700_000 + nonce,
        nonce % 10_000_000,
        moscow.format("%Y-%m-%d+%H%%3A%M%%3A%S")
    );
    let (to, tail) = (To::Orders, "/order-created".to_owned());
    Shape { to, tail, is_json: FORM, body: body.into_bytes() }
}

fn filled(pattern: &Pattern, bytes: usize, nonce: usize) -> String {
    let Pattern { begin, again, end, most, .. } = pattern;
    let mut text = begin.replacen("order_id=1", &format!("order_id={nonce}"), 1);
    text = text.replacen("\"order_id\":1", &format!("\"order_id\":{nonce}"), 1);
    for number in 0..*most {
        let before = text.len();
        text.push_str(&again.replace('#', &number.to_string()));
        if text.len() + end.len() > bytes {
            text.truncate(before);
            break;
        }
    }
    text + end
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::fake::school;
    use crate::platform::{RawRequest, Refused, Verified};

    /// Each is read or refused, and none is refused for its bytes.
    #[test]
    fn there_are_forty_and_each_is_answered() {
        // A provider of calls needs keys from the environment.
        let school = school();
        let hooks: BTreeMap<_, _> = school
            .platforms
            .iter()
            .filter_map(|(platform, settings)| {
                Some((platform.name, settings.hooks(&school.id, &school.process.texts).ok()??))
            })
            .collect();
        assert!(all().len() >= 40, "{}", all().len());
        let mut too_much = BTreeMap::new();
        for kind in all() {
            let shape = kind.shape(7);
            let platform = match shape.to {
                To::Orders => "getcourse",
                To::Crm => "amocrm",
                To::Line => continue,
            };
            let hooks = &hooks[platform];
            assert!(shape.body.len() <= hooks.body_bytes_max(), "{}", kind.name());
            let (tail, query) = shape.tail.split_once('?').unwrap_or((&shape.tail, ""));
            let kind = if shape.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            let request = RawRequest {
                method: "POST".to_owned(),
                tail: tail.trim_matches('/').to_owned(),
                query: query.to_owned(),
                headers: vec![("content-type".to_owned(), kind.to_owned())],
                body: shape.body,
            };
            match Verified::check(&**hooks, request.clone()) {
                Ok((verified, _)) => drop(hooks.decode(&verified, crate::config::fake::noon())),
                Err(Refused::TooMuch(_)) => *too_much.entry(platform).or_insert(0) += 1,
                Err(Refused::Forged(_)) => {}
            }
            let _ = hooks.unread(&request);
        }
        assert!(too_much["getcourse"] > 10 && too_much["amocrm"] > 2, "{too_much:?}");
    }
}
