//! The Lua scripts, one per operation, read from the files next to this one. Never builds a script at run
//! time: Redis knows a script by its hash, and it is loaded again if Redis has lost it. Enter at [`Scripts`].

use redis::Script;

use super::group::Group;

pub struct Scripts {
    pub accept: Group,
    pub append: Script,
    pub budget: Script,
    pub commit: Group,
    pub copy_stream: Script,
    pub counts: Script,
    pub forget_raw: Script,
    pub inbox: Script,
    pub lease: Script,
    pub life: Script,
    pub lock: Script,
    pub may_wipe: Script,
    pub next_wake: Script,
    pub release: Script,
    pub relist: Script,
    pub swap_secret: Script,
    pub unlist: Script,
    pub unlock: Script,
    pub wake_of: Script,
    pub wakes: Script,
}

impl Scripts {
    pub fn new() -> Self {
        Self {
            accept: Group::of(with_kinds(include_str!("scripts/accept.lua"))),
            append: with_places(include_str!("scripts/append.lua")),
            budget: Script::new(include_str!("scripts/budget.lua")),
            commit: Group::of(with_kinds(include_str!("scripts/commit.lua"))),
            copy_stream: Script::new(include_str!("scripts/copy_stream.lua")),
            counts: Script::new(include_str!("scripts/counts.lua")),
            forget_raw: with_places(include_str!("scripts/forget_raw.lua")),
            inbox: Script::new(include_str!("scripts/inbox.lua")),
            lease: Script::new(include_str!("scripts/lease.lua")),
            life: Script::new(include_str!("scripts/life.lua")),
            lock: Script::new(include_str!("scripts/lock.lua")),
            may_wipe: Script::new(include_str!("scripts/may_wipe.lua")),
            next_wake: Script::new(include_str!("scripts/next_wake.lua")),
            relist: Script::new(include_str!("scripts/relist.lua")),
            release: Script::new(include_str!("scripts/release.lua")),
            swap_secret: Script::new(include_str!("scripts/swap_secret.lua")),
            unlist: Script::new(include_str!("scripts/unlist.lua")),
            unlock: Script::new(include_str!("scripts/unlock.lua")),
            wake_of: Script::new(include_str!("scripts/wake_of.lua")),
            wakes: Script::new(include_str!("scripts/wakes.lua")),
        }
    }
}

/// With the functions of `place.lua`.
fn with_places(code: &str) -> Script {
    with(code, &[include_str!("scripts/place.lua")])
}

/// With those of `kinds.lua`, too.
fn with_kinds(code: &str) -> Script {
    with(code, &[include_str!("scripts/place.lua"), include_str!("scripts/kinds.lua")])
}

/// Inserts functions after the first line, which must stay the first.
fn with(code: &str, functions: &[&str]) -> Script {
    let (first, rest) = code.split_once('\n').unwrap_or((code, ""));
    Script::new(&[first, "\n", &functions.concat(), rest].concat())
}
