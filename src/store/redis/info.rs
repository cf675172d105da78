//! What a node of Redis says about itself in `INFO`. Never asks it. Enter at [`fact`].

use crate::store::Weakness;

/// A server that uses this share of its permitted memory is nearly full.
const FULL_PERCENT: u64 = 90;

/// The value of a line of `INFO`; empty if there is none.
pub fn fact<'a>(node: &'a str, name: &str) -> &'a str {
    node.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("").trim()
}

/// The same as a number; 0 if there is none.
pub fn number(node: &str, name: &str) -> u64 {
    fact(node, name).parse().unwrap_or_default()
}

/// What a node's `INFO` says against it.
pub fn weak(node: &str) -> Vec<Weakness> {
    let mut found = Vec::new();
    if fact(node, "aof_enabled") == "0" {
        found.push(Weakness::NotDurable);
    }
    let policy = fact(node, "maxmemory_policy");
    if !policy.is_empty() && policy != "noeviction" {
        found.push(Weakness::Evicts(policy.to_owned()));
    }
    let (used, most) = (number(node, "used_memory"), number(node, "maxmemory"));
    if most > 0 && used.saturating_mul(100) / most >= FULL_PERCENT {
        found.push(Weakness::Full { percent: used.saturating_mul(100) / most });
    }
    found
}
