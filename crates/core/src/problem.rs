//! One thing that is wrong with a configuration, said so that a person can mend it.
//! Enter at [`Problem`]; [`nearest`] finds the name that was meant.

use std::fmt;

/// File, key, what is wrong, what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path as the person gave it.
    pub file: String,
    /// Dotted key, `amocrm.pipelines.sales.id`; empty where the whole file is meant.
    pub key: String,
    pub wrong: String,
    /// What may stand there instead.
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { String::new() } else { format!(", {}", self.key) };
        write!(f, "{}{key}: {}; {}", self.file, self.wrong, self.allowed)
    }
}

/// The known name that a misspelt one resembles most, if any does.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let scored =
        known.into_iter().map(|known| (strsim::damerau_levenshtein(&name, &known.to_lowercase()), known));
    // One slip in three letters, and no name for a wholly different word.
    let near = scored.filter(|(slips, known)| *slips <= (known.chars().count().max(3) / 3));
    near.min_by_key(|(slips, _)| *slips).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_none_is_invented() {
        let known = ["head", "active", "amocrm", "getcourse", "extension"];
        for (name, near) in [
            ("haed", Some("head")),
            ("actve", Some("active")),
            ("AmoCRM", Some("amocrm")),
            ("extention", Some("extension")),
            ("phone", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), near, "{name}");
        }
    }
}
