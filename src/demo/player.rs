//! The player: lets the people act, brings their webhooks to the bridge, and advances the time when all is
//! quiet. It never sleeps in driven time and never advances the time while anything is in progress. Enter at
//! [`Player::play`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::clock::stopwatch;
use crate::http::driven::Quiet;
use crate::sandbox::serve::Shared;
use crate::sandbox::{Hook, Platform, World};

/// A run without progress for this long is stuck, real time.
const STALL: Duration = Duration::from_secs(30);
/// Real time between two looks.
const LOOK: Duration = Duration::from_micros(500);
/// Steps of the time when it follows the wall clock.
const STAY: Duration = Duration::from_millis(250);
/// Due times within this are processed together.
const GRAIN_MS: i64 = 200;

/// The control interface of a bridge whose time is driven.
#[async_trait]
pub trait Driven: Send + Sync {
    async fn look(&self) -> Result<Quiet, Stuck>;
    async fn advance(&self, to: DateTime<Utc>) -> Result<(), Stuck>;
}

/// Brings a platform's webhook to the bridge; returns the status, or `None`.
#[async_trait]
pub trait Carrier: Send + Sync {
    async fn carry(&self, hook: &Hook) -> Option<u16>;
}

#[async_trait]
impl Carrier for crate::sandbox::serve::Sender {
    async fn carry(&self, hook: &Hook) -> Option<u16> {
        self.send(hook).await
    }
}

/// The run cannot continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Stuck(pub String);

/// The time of the stand-ins.
#[derive(Clone, Debug)]
pub struct DrivenNow(Arc<Mutex<DateTime<Utc>>>);

impl DrivenNow {
    pub fn starting_at(at: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(at)))
    }

    pub fn get(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, to: DateTime<Utc>) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = to.max(*now);
    }
}

/// A webhook that the bridge acknowledged.
#[derive(Clone, Debug)]
pub struct Taken(pub Hook);

pub struct Player<C> {
    pub shared: Arc<Shared>,
    pub now: DrivenNow,
    pub carrier: C,
    /// The webhooks that the bridge has accepted so far.
    pub taken: Vec<Taken>,
    /// Orders that the watchdog repaired, over all bridges of the run.
    pub repairs: u64,
    /// Number of times that the clock was advanced.
    pub moves: u64,
    /// Interrupted webhooks of a platform that never repeats: a person presses «repeat».
    again: Vec<Hook>,
    /// If nothing has moved for this long in real time, something is stuck.
    pub stall: Duration,
    /// Due times within this are processed together, milliseconds.
    pub grain_ms: i64,
}

impl<C: Carrier> Player<C> {
    pub fn new(shared: Arc<Shared>, now: DrivenNow, carrier: C) -> Self {
        Self {
            shared,
            now,
            carrier,
            taken: Vec::new(),
            repairs: 0,
            moves: 0,
            again: Vec::new(),
            stall: STALL,
            grain_ms: GRAIN_MS,
        }
    }

    /// Plays until `end`; `each` is called after every moment, with the state of the world.
    pub async fn play(
        &mut self,
        bridge: &dyn Driven,
        end: DateTime<Utc>,
        mut each: impl FnMut(&World, DateTime<Utc>),
    ) -> Result<(), Stuck> {
        loop {
            let quiet = self.settle(bridge).await?;
            let now = self.now.get();
            let people = self.shared.with(|world, _| {
                each(world, now);
                world.next_due()
            });
            let next = [people, quiet.next_due].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next < end && now < end) else {
                self.repairs += quiet.repairs;
                return Ok(());
            };
            let next = grain(next.max(now + TimeDelta::milliseconds(1)), self.grain_ms);
            self.move_to(bridge, next.min(end)).await?;
        }
    }

    /// Continues in real time, so that a person can look around; returns only when stuck.
    pub async fn follow(&mut self, bridge: &dyn Driven) -> Stuck {
        let mut last = stopwatch();
        loop {
            tokio::time::sleep(STAY).await;
            let now = self.now.get() + TimeDelta::from_std(last.elapsed()).unwrap_or_default();
            last = stopwatch();
            let moved = self.move_to(bridge, now).await;
            let hooks = self.shared.with(|world, now| world.advance(now));
            self.bring(hooks).await;
            if let Err(stuck) = moved {
                return stuck;
            }
        }
    }

    async fn move_to(&mut self, bridge: &dyn Driven, to: DateTime<Utc>) -> Result<(), Stuck> {
        self.moves += 1;
        self.now.set(to);
        bridge.advance(to).await
    }

    /// Lets people act, brings webhooks and waits for the bridge, until nothing is left to do now.
    async fn settle(&mut self, bridge: &dyn Driven) -> Result<Quiet, Stuck> {
        let mut watch = Watch::new(self.stall);
        let mut last: Option<u64> = None;
        loop {
            let mut hooks = std::mem::take(&mut self.again);
            hooks.extend(self.shared.with(|world, now| world.advance(now)));
            if !hooks.is_empty() {
                self.bring(hooks).await;
                last = None;
            }
            let quiet = bridge.look().await?;
            let requests = self.shared.with(|world, now| {
                let idle = world.next_due().is_none_or(|due| due > now);
                idle.then(|| requests(world))
            });
            let Some(requests) = requests else { continue };
            let turns = quiet.turns.wrapping_mul(1 << 20).wrapping_add(requests);
            if self.again.is_empty()
                && quiet.quiet
                && quiet.next_due.is_none_or(|due| due > self.now.get())
                && last == Some(turns)
            {
                return Ok(quiet);
            }
            last = quiet.quiet.then_some(turns);
            watch.check(turns, &quiet)?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Sends all webhooks at once, as platforms do, and remembers those that the bridge accepted. Webhooks
    /// that no platform would repeat are repeated by a person, as soon as the bridge answers.
    async fn bring(&mut self, hooks: Vec<Hook>) {
        let statuses = join_all(hooks.iter().map(|hook| self.carrier.carry(hook))).await;
        for (hook, status) in hooks.into_iter().zip(statuses) {
            self.shared.with(|world, now| world.hook_answered(hook.id, status, now));
            match status {
                Some(200..300) => self.taken.push(Taken(hook)),
                None | Some(500..) if hook.platform != Platform::Amocrm => self.again.push(hook),
                _ => {}
            }
        }
    }
}

/// Number of requests of the bridge to the platforms.
fn requests(world: &World) -> u64 {
    let asked: u64 = world.counters().of.values().map(|count| count.requests).sum();
    asked + (world.letters().len() + world.refused_letters().len()) as u64
}

/// Rounded up to the next full grain.
fn grain(at: DateTime<Utc>, grain_ms: i64) -> DateTime<Utc> {
    let ms = at.timestamp_millis() + i64::from(!at.timestamp_subsec_nanos().is_multiple_of(1_000_000));
    let up = (ms + grain_ms - 1).div_euclid(grain_ms) * grain_ms;
    DateTime::from_timestamp_millis(up).unwrap_or(at)
}

/// Checks whether anything moves at all.
struct Watch {
    turns: u64,
    since: Instant,
    patience: Duration,
}

impl Watch {
    fn new(patience: Duration) -> Self {
        Self { turns: 0, since: stopwatch(), patience }
    }

    fn check(&mut self, turns: u64, quiet: &Quiet) -> Result<(), Stuck> {
        if turns != self.turns {
            (self.turns, self.since) = (turns, stopwatch());
        }
        if self.since.elapsed() < self.patience {
            return Ok(());
        }
        let due = quiet.next_due.map_or("nothing".to_owned(), |due| due.to_rfc3339());
        Err(Stuck(format!(
            "nothing has moved for {} s at {}: the bridge says quiet = {}, next due {due}, {} turns",
            self.patience.as_secs_f32(),
            quiet.now.to_rfc3339(),
            quiet.quiet,
            quiet.turns,
        )))
    }
}
