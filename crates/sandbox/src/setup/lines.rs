//! What the telephony stand-ins are made of.
//! It never says over which of them people call: that is the world's setup.
//! Enter at [`MangoSetup`] and its siblings.

use std::collections::BTreeMap;

use serde::Deserialize;

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
