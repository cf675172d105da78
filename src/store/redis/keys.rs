//! Names of the keys in Redis. All keys of a school have one hash tag, so that they live on one node of a
//! Cluster and a unit of work is atomic there. Never reads anything. Enter at [`SchoolKeys`].
//!
//! | key after `dz:{school}:` | holds |
//! | --- | --- |
//! | `lease` | the owner's fence, and the life on which it depends, or with a time of its own |
//! | `plan` | hash: `config` that the school was last worked with, `loaded` in microseconds |
//! | `token` | the store's own random token: another one means that it was emptied or replaced |
//! | `beat` | what the last renewal of the lease left |
//! | `n` | counter of places: entries, deliveries and dead letters |
//! | `inbox` | sorted set of unacknowledged places |
//! | `raw` | stream of accepted requests, id `<place>-0`, `a` microseconds, `b` body |
//! | `items` | the same of appended entries, until they are acknowledged |
//! | `raw:new`, `items:new` | a copy of one of them that will take its place |
//! | `seen:<hash>` | idempotency key: empty, or the last digest of a slot |
//! | `r:<key>` | record: `<version>:<body>` |
//! | `names` | sorted set of the records' keys, for scans |
//! | `links` | hash of the index |
//! | `wake`, `promised` | sorted sets of wakes by milliseconds |
//! | `out` | sorted set of deliveries by place |
//! | `d:<id>` | delivery: `r` (may be revoked) or `s` (has left), then its body |
//! | `j:<order>` | list: the order's journal |
//! | `dead`, `x:<id>` | sorted set of dead letters by place, and one of them |
//!
//! `promised`, `inbox`, `out` and `dead` also hold the member `sign`, which always stands there (`lease.lua`).
//!
//! Outside of schools: `dz:life:<id>` (a process that lives: the number of its last word), `dz:budget:<account>`, `dz:secret:<name>`, `dz:lock:<name>`, `dz:probe`, and the channel
//! `dz:bell`, whose messages are names of schools.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::process::SchoolId;

/// The prefix of every key of the bridge, so that a Redis may also hold other data.
const HEAD: &str = "dz";

/// The channel on which instances announce new entries.
pub const BELL: &str = "dz:bell";

/// A key that is written and removed at the start, to see whether the user may.
pub const PROBE: &str = "dz:probe";

/// What to do if the user may not; the README has the whole rule.
pub const RIGHTS: &str = "the Redis user needs the keys `~dz:*`, the channel `&dz:bell` and the commands listed in the README, «Stores»";

/// The keys of one school.
pub struct SchoolKeys(String);

impl SchoolKeys {
    pub fn of(school: &SchoolId) -> Self {
        Self(format!("{HEAD}:{{{school}}}:"))
    }

    /// A key that the school has once.
    pub fn one(&self, name: &str) -> String {
        [&self.0, name].concat()
    }

    pub fn many<const N: usize>(&self, names: [&str; N]) -> [String; N] {
        names.map(|name| self.one(name))
    }

    /// Hashed: keys from outside may be long and may contain personal data.
    pub fn seen(&self, kind: &str, key: &str) -> String {
        [&self.0, "seen:", &short_hash(kind, key)].concat()
    }

    pub fn record(&self, key: &str) -> String {
        [&self.0, "r:", key].concat()
    }

    pub fn delivery(&self, id: &str) -> String {
        [&self.0, "d:", id].concat()
    }

    pub fn journal(&self, order: &str) -> String {
        [&self.0, "j:", order].concat()
    }

    pub fn letter(&self, id: &str) -> String {
        [&self.0, "x:", id].concat()
    }
}

pub fn life(id: &str) -> String {
    format!("{HEAD}:life:{id}")
}

pub fn budget(account: &str) -> String {
    format!("{HEAD}:budget:{account}")
}

pub fn secret(name: &str) -> String {
    format!("{HEAD}:secret:{name}")
}

pub fn lock(name: &str) -> String {
    format!("{HEAD}:lock:{name}")
}

/// 22 characters: half of a SHA-256.
pub fn short_hash(kind: &str, text: &str) -> String {
    let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize();
    URL_SAFE_NO_PAD.encode(&hash[..16])
}
