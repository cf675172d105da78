//! What the Mango stand-in is made of.
//! It never says whether people call over it: that is the world's setup.
//! Enter at [`MangoSetup`].

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Deserialize;

use super::Vpbx;
use crate::calls::Employee;
use crate::lines::{Exchange, ExchangeSetup};

/// The Mango exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MangoSetup {
    pub api_key: String,
    pub api_salt: String,
    /// The base URL to which sub-paths are appended; empty: nothing is sent.
    pub hooks_url: String,
    pub line: String,
    /// 2026: the result is in the answer; 2017: it comes as `result/callback`.
    pub edition: u16,
    /// Sent before each final record: whether recordings are stored.
    pub recordings: bool,
    pub per_second: usize,
    pub callbacks_per_second: usize,
    /// So often a result of statistics is not ready yet (204).
    pub statistics_waits: u32,
    /// Wire forms of the events' JSON by sub-path (`events/summary`), where not the sheet's own: see `form`.
    pub forms: BTreeMap<String, String>,
}

impl Default for MangoSetup {
    fn default() -> MangoSetup {
        MangoSetup {
            api_key: "a1b2c3d4e5f60718293a4b5c6d7e8f90".into(),
            api_salt: "0f9e8d7c6b5a49382716051423324150".into(),
            hooks_url: String::new(),
            line: "74955550000".into(),
            edition: 2026,
            recordings: true,
            per_second: 10,
            callbacks_per_second: 4,
            statistics_waits: 1,
            forms: BTreeMap::new(),
        }
    }
}

impl ExchangeSetup for MangoSetup {
    fn open(&self, employees: Vec<Employee>, zone: Tz) -> Box<dyn Exchange> {
        Box::new(Vpbx { zone, ..Vpbx::new(self.clone(), employees) })
    }

    fn tell(&mut self, url: String) {
        self.hooks_url = url;
    }

    fn hooks_url(&self) -> &str {
        &self.hooks_url
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![("DEMO_MANGO_KEY", self.api_key.clone()), ("DEMO_MANGO_SALT", self.api_salt.clone())]
    }

    fn school_table(&self, _: &[&str]) -> String {
        "[mango]\napi_key = { env = \"DEMO_MANGO_KEY\" }\napi_salt = { env = \"DEMO_MANGO_SALT\" }\n"
            .to_owned()
    }

    /// The edition before this one.
    fn vary(&mut self) {
        self.edition = 2017;
    }

    fn set_form(&mut self, path: String, json: String) {
        self.forms.insert(path, json);
    }

    fn boxed(&self) -> Box<dyn ExchangeSetup> {
        Box::new(self.clone())
    }
}
