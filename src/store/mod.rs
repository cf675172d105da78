//! The store port: everything that is kept, and the one way to change it.
//! Knows no rule of the process and no platform; records are bytes to it.
//! Enter at [`Store`] and [`Unit`]; `redis` and `embedded` implement it, `body` says how
//! bytes lie there.

pub mod backend;
mod beat;
mod body;
pub mod embedded;
mod error;
#[cfg(test)]
pub mod fake;
pub mod key;
mod life;
pub mod redis;
mod unit;

pub use backend::Backend;
pub use beat::Beat;
pub use error::{StoreError, StoreResult};
pub use life::{Glance, Life, SchoolGlance, Standing, Term, Word};
pub use unit::{
    DeadLetter, DeadOp, Delivery, DeliveryOp, DeliveryState, Forget, JournalEntry, Put, Record, Unit, Wake,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::json;
use crate::process::{At, CommandId, OrderId, SchoolId};
use crate::request::IdempotencyKey;

/// How a store can lose or refuse data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weakness {
    /// A restart loses what was confirmed.
    NotDurable,
    /// Keys are removed when memory is short, by this policy.
    Evicts(String),
    /// Its user may not have the files written anew: an erased person stays in them until the server does so itself.
    KeepsErased,
    /// So much of the permitted memory is used.
    Full { percent: u64 },
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiping {
    /// A person: nothing of him may be found.
    Person,
    /// What is past its time; the store's own tidying is enough, but is not waited for.
    Past,
}

/// Whether the files are written anew, or will be at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wiped {
    Done,
    /// Not now: ask again.
    Later(String),
    /// The store's user may not ask for it.
    Refused(String),
}

/// Most entries, records, wakes, deliveries or letters of one call, whatever `max` says.
pub const BATCH_MAX: usize = 1_000;

/// [`Store::inbox`] returns fewer entries if their bodies exceed this, but at least one.
pub const INBOX_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An order's journal keeps this many entries, the last ones.
pub const JOURNAL_MAX: usize = 2_000;

/// How long, in seconds, the last digest of a slot ([`IdempotencyKey::SameAsLast`]) is kept: a slot that was
/// silent for longer says nothing about repeats, and slots must not pile up.
pub const LAST_KEPT_S: u64 = 30 * 24 * 3600;

/// A budget used further ahead than this, and than two of its intervals, means that the clock was set back.
const BUDGET_AHEAD_MS_MAX: f64 = 10_000.0;

/// Why a commit was refused. Nothing of the unit was applied, except with `Unreachable`, after which the unit
/// may have been applied or not: open the records again and check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A record has another version than expected, or a delivery, entry or letter named by the unit no longer
    /// exists. Open the records again and repeat the step.
    #[error("changed meanwhile: {0}")]
    Conflict(String),
    /// Another instance owns the school now. Stop working for it.
    #[error("another instance owns this school")]
    Fenced,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For each row of a unit's deliveries: the place given to an added one, or the former place of one that
/// was revoked or removed; `None` for an update, and where the row changed nothing.
pub type Places = Vec<Option<u64>>;

/// Place of an entry in a school's inbox; later entries compare greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// An entry of the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: Seq,
    /// When it was accepted or appended.
    pub at: At,
    /// What was offered or appended; bytes that cannot be unpacked are given as they lie.
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    New,
    Repeat,
}

/// How long, in seconds, an offered request is recognised by its own id: however long it waits in the spool
/// of a process that is down, it is not accepted twice within this time.
pub const OFFER_KEPT_S: u64 = 24 * 3600;

/// A verified request that may be offered more than once: after a lost answer, from a spool, or because the
/// store was restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The id of this request alone, made by the instance that received it.
    pub id: String,
    pub key: IdempotencyKey,
    pub at: At,
    /// Bytes of an `intake::envelope::Envelope`.
    pub raw: Vec<u8>,
}

/// An [`Offer`] without its body, for the spool.
#[derive(Serialize, Deserialize)]
struct OfferHead {
    id: String,
    key: IdempotencyKey,
    at: At,
}

impl Offer {
    /// The form in a spool: a line of JSON, then the body as it is.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = OfferHead { id: self.id.clone(), key: self.key.clone(), at: self.at };
        let mut bytes = json::bytes(&head);
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.raw);
        bytes
    }

    /// `None` for bytes that no version of this program has written.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let OfferHead { id, key, at } = serde_json::from_slice(&bytes[..end]).ok()?;
        Some(Self { id, key, at, raw: bytes[end + 1..].to_vec() })
    }
}

/// Proof of owning a school: a random token, compared for equality only. The part before a `/` names the
/// instance: the lease of a former run of the same instance is taken at once, because that run is dead (see
/// [`crate::instance`]); commits still on their way from it are refused because their token differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fence(pub String);

impl Fence {
    /// A new one for this instance.
    pub fn of(instance: &str) -> Self {
        Self(format!("{instance}/{}", crate::secret::random_token()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    Held,
    /// Another owner has it.
    Elsewhere,
    /// It is free, but the last owner worked with another configuration that was loaded later.
    Outdated,
}

/// A school's configuration as an instance has it. If two differ, the one loaded later counts: an instance
/// that missed a change must not work with an outdated configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Hash of the school's files.
    pub config: String,
    /// When this instance read them, by its wall clock.
    pub loaded: At,
}

/// A platform account's budget, paced evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests per second.
    pub per_second: f64,
    /// Requests that may leave at once.
    pub burst: u32,
}

impl Rate {
    /// Milliseconds from one request to the next; for an invalid rate, that of the slowest one.
    fn interval_ms(self) -> f64 {
        1000.0 / self.per_second.clamp(0.001, 1_000_000.0).max(0.001)
    }

    /// The longest credible wait beyond the burst: few callers wait for one account at a time.
    fn ahead_ms_max(self) -> f64 {
        BUDGET_AHEAD_MS_MAX.max(2.0 * self.interval_ms())
    }
}

/// The number of a school's stored objects, for tables, tests and the driven clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub inbox: u64,
    pub deliveries: u64,
    pub wakes: u64,
    pub dead: u64,
    pub raw: u64,
}

/// Whether a store is still the same one, and how much of a school it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// A random token of the store's own, made when the school is first asked for. Another one means that the
    /// store was emptied or replaced.
    pub token: String,
    /// The last place that was given; it never becomes smaller in the same store.
    pub place: u64,
    /// `None` if counting is not cheap; such a store confirms only what is on the disk.
    pub kinds: Option<Kinds>,
    /// What the renewal before this one left; `None` if nothing is there, or if the store keeps none.
    #[serde(default)]
    pub found: Option<Beat>,
    /// What stands there now.
    #[serde(default)]
    pub left: Option<Beat>,
}

/// The number of a school's stored objects by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    pub orders: u64,
    pub deliveries: u64,
    pub wakes: u64,
    /// Records of every kind, with the orders.
    pub records: u64,
    /// Index entries.
    pub links: u64,
    /// Dead letters.
    #[serde(default)]
    pub dead: u64,
    /// What an owner leaves for good; `None` in a note of an older version.
    #[serde(default)]
    pub signs: Option<Signs>,
}

/// Whether what always stands somewhere stands there: the canary among the wakes, the run of the store among
/// the records and in the index, a sign of the store's own in the other lists. If one vanishes, everything around it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signs {
    pub wakes: bool,
    pub records: bool,
    pub links: bool,
    /// The promised wakes.
    #[serde(default)]
    pub promised: bool,
    #[serde(default)]
    pub inbox: bool,
    /// The deliveries.
    #[serde(default)]
    pub out: bool,
    /// The dead letters.
    #[serde(default)]
    pub dead: bool,
}

impl Signs {
    /// Whether something stood in `before` and does not stand here.
    pub fn has_lost_of(&self, before: &Self) -> bool {
        let all = |signs: &Self| {
            let Self { wakes, records, links, promised, inbox, out, dead } = *signs;
            [wakes, records, links, promised, inbox, out, dead]
        };
        all(before).into_iter().zip(all(self)).any(|(stood, stands)| stood && !stands)
    }
}

/// Where the search for what is gone goes on; the default is the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookFrom {
    /// After this name of a record.
    pub name: Option<String>,
    /// After this place of a delivery.
    pub place: u64,
}

/// What was listed and is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// Names of records.
    pub records: Vec<String>,
    pub deliveries: Vec<CommandId>,
    pub next: LookFrom,
}

/// The store. All keys of a school live together; each call for one school is atomic, and only
/// [`Store::commit`] changes more than one thing.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// [`Store::renew`] for a caller that needs only the lease.
    async fn lease(&self, school: &SchoolId, fence: &Fence, plan: &Plan, ttl_ms: u64) -> StoreResult<Lease> {
        Ok(self.renew(school, fence, plan, &Term::Ms(ttl_ms)).await?.0)
    }

    /// Settings and states of the store in which it can lose what it has confirmed. An error if it does not
    /// answer.
    async fn weaknesses(&self) -> StoreResult<Vec<Weakness>> {
        self.ping().await.map(|()| Vec::new())
    }

    /// Appends a verified request to the inbox and keeps its raw form, unless its key says that it is a
    /// repeat. Durable when it returns. The inbox gives it back as it is; it stays readable by
    /// [`Store::raw`] after the entry is acknowledged. Once for each id: offered again, it is a repeat
    /// whatever its key says.
    async fn offer(&self, school: &SchoolId, offer: &Offer) -> StoreResult<Accepted>;

    /// The store's epoch: another answer than before means that the store was restarted or replaced by
    /// another server, and that it may have lost the last seconds of what it had confirmed. `None` if that
    /// cannot happen.
    async fn epoch(&self) -> StoreResult<Option<String>>;

    /// Appends an entry that is not a request, for example one that a command line asks for.
    async fn append(&self, school: &SchoolId, body: &[u8], at: At) -> StoreResult<()>;

    /// Unacknowledged entries after `after`, oldest first, at most `max`; fewer if their bodies are large,
    /// but at least one.
    async fn inbox(&self, school: &SchoolId, after: Option<Seq>, max: usize) -> StoreResult<Vec<Entry>>;

    /// Records by key; `None` where there is none.
    async fn read(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<Record>>>;

    /// Index entries by key.
    async fn find(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<String>>>;

    /// Keys and records whose key starts with `prefix`, in key order, after `after`; a damaged record is
    /// returned as it is, so that it does not hide the others.
    async fn scan(
        &self,
        school: &SchoolId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> StoreResult<Vec<(String, Record)>>;

    /// Applies the unit if `fence` still owns the school and every expectation holds. Units of a school that
    /// are sent without waiting are applied in the order in which they were sent. Says of each row of
    /// `unit.deliveries` which place it gave or took away; see [`Places`].
    async fn commit(&self, school: &SchoolId, fence: &Fence, unit: Unit) -> Result<Places, CommitError>;

    /// Wakes due at or before `until_ms`, promised ones first, each part ordered by time; at most `max` of
    /// each part, so that neither hides the other.
    async fn wakes(&self, school: &SchoolId, until_ms: i64, max: usize) -> StoreResult<Vec<Wake>>;

    /// The wake of one member, if it has one.
    async fn wake_of(&self, school: &SchoolId, member: &str) -> StoreResult<Option<Wake>>;

    /// The earliest wake of the school.
    async fn next_wake(&self, school: &SchoolId) -> StoreResult<Option<Wake>>;

    /// Pending deliveries after place `after`, oldest first, at most `max`.
    async fn deliveries(&self, school: &SchoolId, after: u64, max: usize) -> StoreResult<Vec<Delivery>>;

    /// Pending deliveries that this version cannot read, oldest first: their ids and stored bytes.
    /// [`Store::deliveries`] fails if it meets one.
    async fn unreadable(&self, school: &SchoolId) -> StoreResult<Vec<(CommandId, Vec<u8>)>>;

    /// The journal of an order, oldest first, at most the last `max`.
    async fn journal(&self, school: &SchoolId, order: &OrderId, max: usize)
    -> StoreResult<Vec<JournalEntry>>;

    /// A stored request by the place of its entry.
    async fn raw(&self, school: &SchoolId, seq: &Seq) -> StoreResult<Option<Vec<u8>>>;

    /// Stored requests after a place, oldest first, at most `max`.
    async fn raws(
        &self,
        school: &SchoolId,
        after: Option<Seq>,
        max: usize,
    ) -> StoreResult<Vec<(Seq, Vec<u8>)>>;

    /// The newest dead letters, newest first, at most `max`.
    async fn dead(&self, school: &SchoolId, max: usize) -> StoreResult<Vec<DeadLetter>>;

    /// Dead letters with their places, after a place, oldest first, at most `max`. Only an empty page is the
    /// last one.
    async fn letters(&self, school: &SchoolId, after: u64, max: usize)
    -> StoreResult<Vec<(u64, DeadLetter)>>;

    /// Looks at the next names of records and at the next deliveries, forgets those of which only the entry in a list
    /// is left, and returns them, also records that were lost and have been written again since the last call. A
    /// store that loses no single ones finds none.
    async fn unlist_gone(&self, _school: &SchoolId, _from: &LookFrom) -> StoreResult<Unlisted> {
        Ok(Unlisted::default())
    }

    /// After a loss: records that stand and whose names are lost are scanned again. A store that loses no single
    /// keys has nothing to do.
    async fn relist(&self, _school: &SchoolId) -> StoreResult<()> {
        Ok(())
    }

    /// The pending deliveries of these ids; with place 0 if the list of deliveries has lost it.
    async fn pending(&self, school: &SchoolId, ids: &[CommandId]) -> StoreResult<Vec<Option<Delivery>>>;

    /// A dead letter by its id.
    async fn letter(&self, school: &SchoolId, id: &str) -> StoreResult<Option<DeadLetter>>;

    async fn counts(&self, school: &SchoolId) -> StoreResult<Counts>;

    /// Takes or renews the lease of the school; says also whether the store is still the same one. The store's own
    /// clock counts, because owners' clocks differ.
    async fn renew(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        term: &Term,
    ) -> StoreResult<(Lease, Contents)>;

    /// Says that this process lives, which renews every lease that depends on it, and looks at what is cheap to know about
    /// these schools; `true` for those that it owns. `None` if the store has no leases that depend on a life.
    async fn glance(&self, _word: &Word, _schools: &[(SchoolId, bool)]) -> StoreResult<Option<Glance>> {
        Ok(None)
    }

    async fn release(&self, school: &SchoolId, fence: &Fence) -> StoreResult<()>;

    /// Whether a lease of the school is alive.
    async fn is_owned(&self, school: &SchoolId) -> StoreResult<bool>;

    /// Tells the other instances that the school's inbox has a new entry. A hint that may be lost: owners
    /// also poll.
    async fn ring(&self, school: &SchoolId) -> StoreResult<()>;

    /// Calls `heard` for each [`Store::ring`] of another instance, until the connection to the store breaks;
    /// waits for ever if there can be no other instance.
    async fn listen(&self, heard: &(dyn Fn(SchoolId) + Send + Sync)) -> StoreResult<()>;

    /// Takes one slot of an account's budget (GCRA) and returns how long to wait before using it, in
    /// milliseconds. `now_ms` is for driven time; without it the store's own clock counts.
    async fn budget(&self, account: &str, rate: Rate, now_ms: Option<i64>) -> StoreResult<u64>;

    /// A stored secret (already encrypted by the caller).
    async fn secret(&self, name: &str) -> StoreResult<Option<Vec<u8>>>;

    /// Replaces a secret if it still equals `old`; otherwise returns false.
    async fn swap_secret(&self, name: &str, old: Option<&[u8]>, new: &[u8]) -> StoreResult<bool>;

    /// A short lock over all instances; false if another caller holds it.
    async fn lock(&self, name: &str, token: &str, ttl_ms: u64) -> StoreResult<bool>;

    async fn unlock(&self, name: &str, token: &str) -> StoreResult<()>;

    /// Removes raw requests older than `before`, at most `max`; returns how many. Goes from the oldest place
    /// on and stops at the first request that is newer or still waits in the inbox.
    async fn forget_raw(&self, school: &SchoolId, before: At, max: usize) -> StoreResult<u64>;

    /// Removes from memory and files what is deleted already, so that nobody finds it there. A store that keeps
    /// nothing of it has nothing to do.
    async fn wipe(&self, _school: &SchoolId, _what: Wiping) -> StoreResult<Wiped> {
        Ok(Wiped::Done)
    }

    /// Checks that the store answers.
    async fn ping(&self) -> StoreResult<()>;
}
