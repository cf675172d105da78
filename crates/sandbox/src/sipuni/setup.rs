//! What the Sipuni stand-in is made of.
//! It never says whether people call over it: that is the world's setup.
//! Enter at [`SipuniSetup`].

use chrono_tz::Tz;
use serde::Deserialize;

use super::Cabinet;
use crate::calls::Employee;
use crate::lines::{Exchange, ExchangeSetup};

/// The Sipuni cabinet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipuniSetup {
    pub user: String,
    pub key: String,
    /// Where events go; empty: nothing is sent.
    pub hooks_url: String,
    /// GET or POST.
    pub method: String,
    pub line: String,
    /// Events of our call starts bring the answer's id (sheet 2.1: seen by one client).
    pub callback_id: bool,
    /// 0: no limit; Sipuni publishes none.
    pub per_second: usize,
}

impl Default for SipuniSetup {
    fn default() -> SipuniSetup {
        SipuniSetup {
            user: "012345".into(),
            key: "0.abcdef12345".into(),
            hooks_url: String::new(),
            method: "GET".into(),
            line: "74955550000".into(),
            callback_id: true,
            per_second: 0,
        }
    }
}

impl ExchangeSetup for SipuniSetup {
    fn open(&self, employees: Vec<Employee>, zone: Tz) -> Box<dyn Exchange> {
        Box::new(Cabinet::new(self.clone(), employees, zone))
    }

    fn tell(&mut self, url: String) {
        self.hooks_url = url;
    }

    fn hooks_url(&self) -> &str {
        &self.hooks_url
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![("DEMO_SIPUNI_KEY", self.key.clone())]
    }

    fn school_table(&self, _: &[&str]) -> String {
        format!("[sipuni]\nuser = \"{}\"\nkey = {{ env = \"DEMO_SIPUNI_KEY\" }}\n", self.user)
    }

    /// Events of our call starts without the answer's id.
    fn vary(&mut self) {
        self.callback_id = false;
    }

    fn boxed(&self) -> Box<dyn ExchangeSetup> {
        Box::new(self.clone())
    }
}
