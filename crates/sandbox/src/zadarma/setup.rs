//! What the Zadarma stand-in is made of.
//! It never says whether people call over it: that is the world's setup.
//! Enter at [`ZadarmaSetup`].

use chrono_tz::Tz;
use serde::Deserialize;

use super::Pbx;
use crate::calls::Employee;
use crate::lines::{Exchange, ExchangeSetup};

/// The Zadarma account with its PBX.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZadarmaSetup {
    pub key: String,
    pub secret: String,
    /// Where events go; empty: nothing is sent.
    pub hooks_url: String,
    pub line: String,
    /// Events are signed over the digest's bytes (sheet 2: one official client does it so).
    pub signature_raw: bool,
    /// Events say which leg of a call-back they are of (sheet 3: undocumented).
    pub call_type: bool,
    /// Who answers is told (sheet 3.4: not sure for outgoing calls).
    pub answers: bool,
    /// Outgoing calls end twice, as one kind of event and as the other (sheet 3.3: seen by one client).
    pub ends_twice: bool,
    pub per_minute: usize,
    pub statistics_per_minute: usize,
}

impl Default for ZadarmaSetup {
    fn default() -> ZadarmaSetup {
        ZadarmaSetup {
            key: "b7f1a2c3d4e5f6071829".into(),
            secret: "3c2b1a0f9e8d7c6b5a49".into(),
            hooks_url: String::new(),
            line: "74955550000".into(),
            signature_raw: false,
            call_type: true,
            answers: true,
            ends_twice: false,
            per_minute: 100,
            statistics_per_minute: 3,
        }
    }
}

impl ExchangeSetup for ZadarmaSetup {
    fn open(&self, employees: Vec<Employee>, zone: Tz) -> Box<dyn Exchange> {
        Box::new(Pbx::new(self.clone(), employees, zone))
    }

    fn tell(&mut self, url: String) {
        self.hooks_url = url;
    }

    fn hooks_url(&self) -> &str {
        &self.hooks_url
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![("DEMO_ZADARMA_KEY", self.key.clone()), ("DEMO_ZADARMA_SECRET", self.secret.clone())]
    }

    fn school_table(&self, _: &[&str]) -> String {
        "[zadarma]\nkey = { env = \"DEMO_ZADARMA_KEY\" }\nsecret = { env = \"DEMO_ZADARMA_SECRET\" }\n"
            .to_owned()
    }

    /// Whatever the sheet marks as seen by few, the other way round.
    fn vary(&mut self) {
        (self.signature_raw, self.call_type) = (true, false);
        (self.answers, self.ends_twice) = (false, true);
    }

    fn boxed(&self) -> Box<dyn ExchangeSetup> {
        Box::new(self.clone())
    }
}
