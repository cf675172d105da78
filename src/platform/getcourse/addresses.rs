//! The addresses that a school's administrator pastes into «Вызвать URL» (sheet, end of 1.5): the one source of
//! `dozvon url`, the demo and the sandbox's example. Never reads a request. Enter at [`all`].

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use super::fields::FIELDS;
use super::kind::HookKind;
use super::params::SOURCES;
use crate::process::event::Author;

/// The tags of a person's first visit [observed]; those of an order differ from school to school, and
/// `[getcourse.variables]` names them.
const TAGS: [(&str, &str); 5] = [
    ("utm_source", "{object.user.utm_source}"),
    ("utm_medium", "{object.user.utm_medium}"),
    ("utm_campaign", "{object.user.utm_campaign}"),
    ("utm_term", "{object.user.utm_term}"),
    ("utm_content", "{object.user.utm_content}"),
];

/// One address, with the process in GetCourse that calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub kind: HookKind,
    /// The process is for orders of one author only (L3): no variable names him.
    pub author: Option<Author>,
    pub url: String,
}

/// Every address of a school; `base` ends with the secret. Spaces and braces stay as they are: GetCourse fills
/// them in before it calls.
pub fn all(base: &str, settings: &Settings) -> Vec<Address> {
    let names_author =
        ["author", "created_user_id"].iter().any(|name| settings.variables.contains_key(*name));
    let of = |kind: HookKind| {
        let authors = match kind {
            HookKind::OrderCreated if !names_author => vec![Some(Author::Client), Some(Author::Manager)],
            _ => vec![None],
        };
        authors.into_iter().map(move |author| Address {
            kind,
            author,
            url: url(base, kind, author, settings),
        })
    };
    HookKind::ALL.into_iter().flat_map(of).collect()
}

fn url(base: &str, kind: HookKind, author: Option<Author>, settings: &Settings) -> String {
    let mut pairs: Vec<String> =
        parameters(settings, kind).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.extend(author.map(|author| format!("author={}", crate::json::name(&author))));
    format!("{}/{}?{}", base.trim_end_matches('/'), kind.tail(), pairs.join("&"))
}

/// Names and variables of one address, the school's own before ours.
fn parameters(settings: &Settings, kind: HookKind) -> Vec<(String, String)> {
    let of_user = kind == HookKind::UserUpdated;
    let own = |name: &str| {
        let value = settings.variables.get(name)?;
        match of_user {
            // A process on users has the person himself as its object.
            true => value.strip_prefix("{object.user.").map(|rest| format!("{{object.{rest}")),
            false => Some(escaped(value)),
        }
    };
    let usual = FIELDS.iter().map(|field| {
        let usual = if of_user { field.user_variable } else { field.variable };
        (field.name, own(field.name).unwrap_or_else(|| usual.to_owned()))
    });
    let usual = usual.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value));
    let is_field = |name: &str| FIELDS.iter().any(|field| field.name == name);
    let mut tags: BTreeMap<&str, String> = BTreeMap::new();
    if !of_user {
        tags.extend(TAGS.map(|(name, value)| (name, value.to_owned())));
        let own = settings.variables.keys().filter(|name| !is_field(name));
        tags.extend(own.filter_map(|name| Some((name.as_str(), escaped(settings.variables.get(name)?)))));
    }
    usual.chain(tags.into_iter().map(|(name, value)| (name.to_owned(), value))).collect()
}

/// A variable stays as it is; a fixed text becomes a part of an address.
fn escaped(value: &str) -> String {
    match value.contains('{') {
        true => value.to_owned(),
        false => form_urlencoded::byte_serialize(value.as_bytes()).collect(),
    }
}

/// What a new order's printed addresses bring, and what the school says that its own do.
pub fn brought(settings: &Settings) -> BTreeSet<String> {
    let printed = parameters(settings, HookKind::OrderCreated).into_iter().map(|(name, _)| name);
    printed.chain(settings.fields.keys().cloned()).chain(["author".to_owned()]).collect()
}

/// Our fields that no printed address brings, because no variable for them is known.
pub fn absent(settings: &Settings) -> Vec<&'static str> {
    let brought = brought(settings);
    ["page", "form", "groups", "tags", "zone"].into_iter().filter(|name| !brought.contains(*name)).collect()
}

/// Whether a name may stand in `[getcourse.variables]`.
pub fn is_parameter(name: &str) -> bool {
    FIELDS.iter().any(|field| field.name == name)
        || SOURCES.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://bridge.example.org/hooks/rost/getcourse/k7Q2m/";

    fn settings(more: &str) -> Settings {
        toml::from_str(&format!("url = 'https://rost.getcourse.ru'\n{more}")).expect("settings")
    }

    #[test]
    fn the_printed_addresses_ask_for_all_that_the_rules_need() {
        let all = all(BASE, &settings(""));
        assert_eq!(all.len(), HookKind::ALL.len() + 1, "a new order has two: L3");
        for (address, author) in all.iter().zip(["client", "manager"]) {
            let url = &address.url;
            assert!(url.starts_with(&format!("{}order-created?order_id={{object.id}}&", BASE)), "{url}");
            assert!(url.ends_with(&format!("&author={author}")), "{url}");
            for part in [
                "manager_email={object.manager_email}",
                "offers={object.offers}",
                "promocode={object.promocode}",
                "city={object.user.city}",
                "utm_medium={object.user.utm_medium}",
                "created_at={object.created_at format='Y-m-d H:i:s'}",
            ] {
                assert!(url.contains(part), "{part} in {url}");
            }
        }
        let user = &all.last().expect("the user's").url;
        assert!(user.contains("user_id={object.id}") && !user.contains("object.user."), "{user}");
        assert!(!user.contains("utm_") && user.contains("city={object.city}"), "{user}");
    }

    #[test]
    fn a_school_names_its_own_variables() {
        let own = settings(
            "variables = { utm_source = '{object.deal_utm_source}', zone = '{object.user.tz}', form = 'Вебинар 5', \
             custom_utm_x = '{object.x}', created_user_id = '{object.author_id}' }",
        );
        let all = all(BASE, &own);
        assert_eq!(all.len(), HookKind::ALL.len(), "the author is told by a variable");
        let (order, user) = (&all[0].url, &all.last().expect("the user's").url);
        for part in [
            "&utm_source={object.deal_utm_source}",
            "&zone={object.user.tz}",
            "&form=%D0%92%D0%B5%D0%B1%D0%B8%D0%BD%D0%B0%D1%80+5&",
            "&custom_utm_x={object.x}",
            "&created_user_id={object.author_id}",
        ] {
            assert!(order.contains(part), "{part} in {order}");
        }
        assert!(user.contains("&zone={object.tz}") && !user.contains("form="), "{user}");
        assert_eq!(absent(&own), ["page", "groups", "tags"]);
    }
}
