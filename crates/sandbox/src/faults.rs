//! Faults on demand: which requests and webhooks fail, how, and how often, chosen by the seed. With all rates
//! at 0 nothing fails and no random numbers are drawn. Enter at [`Faults`] and [`FaultRule`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::lines::Line;
use super::rng::Rng;
use super::wire::Platform;

/// The rules of all stand-ins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Faults {
    pub amocrm: FaultRule,
    pub getcourse: FaultRule,
    /// Only `per_mille` applies: a letter is refused with 451.
    pub mail: FaultRule,
    /// Of exchanges, by their names.
    #[serde(flatten)]
    pub lines: BTreeMap<Line, FaultRule>,
}

/// Nothing goes wrong.
static NONE: LazyLock<FaultRule> = LazyLock::new(FaultRule::default);

impl Faults {
    /// The rule of a platform.
    pub fn of(&self, platform: Platform) -> &FaultRule {
        match platform {
            Platform::Amocrm => &self.amocrm,
            Platform::Getcourse => &self.getcourse,
            Platform::Line(line) => self.lines.get(&line).unwrap_or(&NONE),
        }
    }

    /// The same, to be changed during a run.
    pub fn of_mut(&mut self, platform: Platform) -> &mut FaultRule {
        match platform {
            Platform::Amocrm => &mut self.amocrm,
            Platform::Getcourse => &mut self.getcourse,
            Platform::Line(line) => self.lines.entry(line).or_default(),
        }
    }
}

/// How often and how one stand-in fails.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultRule {
    /// Requests out of a thousand that fail.
    pub per_mille: u32,
    /// The possible faults, all equally likely.
    pub kinds: Vec<RequestFault>,
    /// Delay of a slow answer, milliseconds.
    pub slow_ms: u64,
    /// Webhooks out of a thousand that fail.
    pub hook_per_mille: u32,
    pub hook_kinds: Vec<HookFault>,
    /// Longest delay of a delayed or doubled webhook, seconds.
    pub hook_delay_s: u32,
    /// In these periods everything fails with 503.
    pub outages: Vec<Outage>,
    /// In these periods no webhook is sent, and changes are never reported.
    pub silences: Vec<Outage>,
    /// No webhooks for changes made by requests: the caller receives no echo of its own changes.
    pub echoes_untold: bool,
}

impl Default for FaultRule {
    fn default() -> FaultRule {
        use RequestFault::{BadGateway, BrokenOff, GatewayTimeout, ServerError, Slow, TooMany, Unavailable};
        FaultRule {
            per_mille: 0,
            kinds: vec![TooMany, ServerError, BadGateway, Unavailable, GatewayTimeout, Slow, BrokenOff],
            slow_ms: 3000,
            hook_per_mille: 0,
            hook_kinds: vec![HookFault::Doubled, HookFault::Delayed, HookFault::Withheld],
            hook_delay_s: 90,
            outages: Vec::new(),
            silences: Vec::new(),
            echoes_untold: false,
        }
    }
}

/// A period in which a stand-in is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Outage {
    fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.to
    }
}

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RequestFault {
    /// The account is moved or mended: so it answers to everything.
    #[serde(rename = "404")]
    Missing,
    #[serde(rename = "423")]
    Locked,
    #[serde(rename = "429")]
    TooMany,
    #[serde(rename = "500")]
    ServerError,
    #[serde(rename = "502")]
    BadGateway,
    #[serde(rename = "503")]
    Unavailable,
    /// The request may have been carried out: in half of the cases it is.
    #[serde(rename = "504")]
    GatewayTimeout,
    #[serde(rename = "slow")]
    Slow,
    /// Carried out, but the connection drops before the answer.
    #[serde(rename = "broken_off")]
    BrokenOff,
}

/// How a webhook fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookFault {
    /// Sent twice.
    Doubled,
    /// Sent later than webhooks of later changes.
    Delayed,
    /// Never sent.
    Withheld,
}

impl FaultRule {
    /// The fault of this request; `None` for none.
    pub fn for_request(&self, now: DateTime<Utc>, rng: &mut Rng) -> Option<RequestFault> {
        if self.outages.iter().any(|outage| outage.holds(now)) {
            return Some(RequestFault::Unavailable);
        }
        (rng.chance(self.per_mille) && !self.kinds.is_empty()).then(|| pick(&self.kinds, rng))
    }

    /// The fault of this webhook; `None` for none.
    pub fn for_hook(&self, now: DateTime<Utc>, rng: &mut Rng) -> Option<HookFault> {
        if self.silences.iter().any(|silence| silence.holds(now)) {
            return Some(HookFault::Withheld);
        }
        (rng.chance(self.hook_per_mille) && !self.hook_kinds.is_empty()).then(|| pick(&self.hook_kinds, rng))
    }

    /// A random delay of a webhook.
    pub fn hook_delay(&self, rng: &mut Rng) -> TimeDelta {
        TimeDelta::seconds(1) + rng.span(TimeDelta::seconds(i64::from(self.hook_delay_s)))
    }
}

fn pick<T: Copy>(kinds: &[T], rng: &mut Rng) -> T {
    kinds[usize::try_from(rng.below(kinds.len() as u64)).unwrap_or(0)]
}

/// A budget over a sliding window of length `window`.
#[derive(Clone, Debug)]
pub struct Budget {
    most: usize,
    window: TimeDelta,
    taken: VecDeque<DateTime<Utc>>,
}

impl Budget {
    /// `most` requests within `window`; 0 for no limit.
    pub fn new(most: usize, window: TimeDelta) -> Budget {
        Budget { most, window, taken: VecDeque::new() }
    }

    /// `most` requests in each sliding second.
    pub fn per_second(most: usize) -> Budget {
        Budget::new(most, TimeDelta::seconds(1))
    }

    /// Counts one request, or refuses it; refused requests do not count.
    pub fn take(&mut self, now: DateTime<Utc>) -> Result<(), Exceeded> {
        while self.taken.front().is_some_and(|first| *first + self.window <= now) {
            self.taken.pop_front();
        }
        if self.most > 0 && self.taken.len() >= self.most {
            return Err(Exceeded);
        }
        self.taken.push_back(now);
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded;
