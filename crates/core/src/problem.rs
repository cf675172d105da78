//! One thing that is wrong with a configuration, said so that a person can mend it.
//! Enter at [`Problem`] and [`nearest`].

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

/// The name that is probably meant by a mistyped one: at most a third of its letters differ.
pub fn nearest<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let far = |name: &'n str| (strsim::damerau_levenshtein(&typed.to_lowercase(), name), name);
    let (steps, name) = names.into_iter().map(far).min()?;
    (steps <= name.chars().count() / 3).then_some(name)
}
