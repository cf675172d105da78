//! Text as GetCourse puts it into an address: HTML entities, blanks, unresolved variables (sheet, 1.4). Never
//! decodes an entity twice and never keeps a word that means «nothing». Enter at [`clean`].

use serde_json::Value;

use crate::bounded::{self, REQUEST};

/// Words that mean that a value is missing.
const MISSING: [&str; 5] = ["null", "none", "(empty)", "-", "undefined"];

/// A usable value: entities decoded once, outer spaces cut; `None` if it is empty.
pub fn clean(raw: &str) -> Option<String> {
    let text = decode_entities(raw);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{a0}');
    let missing =
        text.is_empty() || MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) || is_variable(text);
    (!missing).then(|| text.to_owned())
}

/// Nothing was typed, where a variable was replaced: there is none.
pub fn is_none(raw: &str) -> bool {
    clean(raw).is_none() && !is_variable(decode_entities(raw).trim())
}

/// What stands in a list: JSON, lines, or text with commas, semicolons or bars; the separator is not documented.
pub fn items(text: &str) -> Vec<String> {
    let json = text.starts_with('[').then(|| bounded::json(text.as_bytes(), &REQUEST).ok()).flatten();
    let listed = json.as_ref().and_then(Value::as_array).map(|list| {
        let word = |one: &Value| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
        list.iter().map(word).collect::<Vec<_>>()
    });
    let listed =
        listed.unwrap_or_else(|| text.split([',', ';', '|', '\n', '\r']).map(str::to_owned).collect());
    listed.iter().filter_map(|one| clean(one)).collect()
}

/// `{object.status}` or `{object.created_at format='Y-m-d'}`: the variable itself arrived.
pub fn is_variable(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return false;
    };
    let name = inner.split_once(' ').map_or(inner, |(name, format)| {
        let format = format.trim();
        if format.starts_with("format='") && format.ends_with('\'') { name } else { "" }
    });
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

/// Decodes HTML entities once; other text is unchanged.
pub fn decode_entities(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(10).position(|byte| byte == b';');
        match end.and_then(|end| entity(&rest[1..end]).map(|found| (found, end))) {
            Some((found, end)) => {
                text.push(found);
                rest = &rest[end + 1..];
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    Some(match name {
        "nbsp" => '\u{a0}',
        "quot" => '"',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "apos" => '\'',
        "laquo" => '«',
        "raquo" => '»',
        "mdash" => '—',
        "ndash" => '–',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_split_however_it_is_told() {
        for text in [
            "gr1, Горячий лид",
            "gr1;Горячий лид",
            "gr1 | Горячий лид|",
            "gr1\nГорячий лид",
            r#"["gr1","Горячий лид"]"#,
        ] {
            assert_eq!(items(text), ["gr1", "Горячий лид"], "{text}");
        }
        assert_eq!(items("[5, 6]"), ["5", "6"]);
        assert_eq!(items("[закрытая] группа"), ["[закрытая] группа"]);
    }

    #[test]
    fn empty_values_are_absent() {
        for raw in [
            "",
            "  ",
            "\u{a0}",
            "&nbsp;",
            "null",
            "None",
            "(empty)",
            "-",
            "{object.status}",
            "{object.user.phone}",
            "{object.created_at format='Y-m-d H:i:s'}",
            "{status}",
        ] {
            assert_eq!(clean(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn entities_are_decoded_once_and_the_rest_is_kept() {
        for (raw, text) in [
            ("Набор &quot;Свет &amp; цвет&quot;, часть 1", "Набор \"Свет & цвет\", часть 1"),
            ("&amp;quot;", "&quot;"),
            ("&#160;38&#xA0;500&nbsp;", "38\u{a0}500"),
            ("R&D; AT&T & Co", "R&D; AT&T & Co"),
            ("{object.a} и ещё", "{object.a} и ещё"),
            ("{}", "{}"),
            ("{ без точки }", "{ без точки }"),
            ("&#0;&#1114112;", "\0&#1114112;"),
            ("a&ы;", "a&ы;"),
        ] {
            assert_eq!(clean(raw).as_deref(), Some(text), "{raw:?}");
        }
    }
}
