//! One thing that is wrong with a configuration, said so that a person can mend it.
//! Enter at [`Problem`].

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
