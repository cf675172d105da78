//! What a school's file says of its Telphin account.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[telphin]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Short number of an extension → its numeric id in the account, which does not change.
    #[serde(default)]
    pub extensions: BTreeMap<String, u64>,
    /// Seconds after the first hang-up of a talk, or after the last of all, in which further legs
    /// are waited for: there is no final record.
    #[serde(default = "final_wait_s")]
    pub final_wait_s: u32,
    /// Seconds after which a call whose end was never told counts as ended.
    #[serde(default = "stuck_s")]
    pub stuck_s: u32,
}

impl Settings {
    /// The short number of an extension's id.
    pub fn extension(&self, id: u64) -> Option<&str> {
        self.extensions.iter().find(|(_, known)| **known == id).map(|(short, _)| short.as_str())
    }
}

fn final_wait_s() -> u32 {
    30
}

fn stuck_s() -> u32 {
    7_200
}
