//! What the Telphin stand-in is made of.
//! It never says whether people call over it: that is the world's setup.
//! Enter at [`TelphinSetup`].

use chrono_tz::Tz;
use serde::Deserialize;

use super::{Office, extension_id};
use crate::calls::Employee;
use crate::lines::{Exchange, ExchangeSetup};

/// The Telphin office. Extensions have ids of 200000 and their short number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelphinSetup {
    pub client_id: String,
    pub client_secret: String,
    /// Everything is subscribed to for this address at the start; empty: the bridge subscribes.
    pub hooks_url: String,
    pub line: String,
    /// Stands before extensions: `20000*101`.
    pub client_number: String,
    pub token_life_s: i64,
    /// Call-backs show the manager's leg too (sheet 4.1: not sure).
    pub manager_leg: bool,
    pub per_second: usize,
}

impl Default for TelphinSetup {
    fn default() -> TelphinSetup {
        TelphinSetup {
            client_id: "0123456789abcdef0123456789abcdef".into(),
            client_secret: "fedcba9876543210fedcba9876543210".into(),
            hooks_url: String::new(),
            line: "74955550000".into(),
            client_number: "20000".into(),
            token_life_s: 3600,
            manager_leg: true,
            per_second: 0,
        }
    }
}

impl ExchangeSetup for TelphinSetup {
    fn open(&self, employees: Vec<Employee>, _: Tz) -> Box<dyn Exchange> {
        Box::new(Office::new(self.clone(), employees))
    }

    /// The bridge subscribes by itself.
    fn tell(&mut self, _: String) {}

    fn hooks_url(&self) -> &str {
        &self.hooks_url
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![("DEMO_TELPHIN_SECRET", self.client_secret.clone())]
    }

    fn school_table(&self, extensions: &[&str]) -> String {
        let ids: Vec<String> = extensions
            .iter()
            .filter_map(|extension| Some(format!("{extension} = {}", extension_id(extension)?)))
            .collect();
        format!(
            "[telphin]\nclient_id = \"{}\"\nclient_secret = {{ env = \"DEMO_TELPHIN_SECRET\" }}\n\
             extensions = {{ {} }}\n",
            self.client_id,
            ids.join(", ")
        )
    }

    /// Call-backs without the manager's leg.
    fn vary(&mut self) {
        self.manager_leg = false;
    }

    fn boxed(&self) -> Box<dyn ExchangeSetup> {
        Box::new(self.clone())
    }
}
