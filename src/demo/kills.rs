//! Kills the bridge and starts it again: the seed chooses the moments, most of them while a request of the
//! bridge is on its way. Kills are always `SIGKILL`, never a signal that the bridge could handle; the next
//! process starts at once on the same port, folder and store, with the driven clock where it was. Enter at
//! [`Mortal::new`].
//!
//! Webhooks interrupted by a kill come again as they do in reality: amoCRM's by its own rules, after five
//! minutes; GetCourse and the telephony never repeat, so a person presses «repeat» as soon as the bridge is
//! back (see [`super::player`]). A letter that was on its way is shown to a person, who looks into the
//! mailbox: a letter that has arrived is left alone, a missing one is sent again (see [`super::operator`]).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::child::{Child, Plan};
use super::operator::Operator;
use super::player::{Carrier, Driven, DrivenNow, Stuck};
use super::redis::Redis;
use crate::clock::stopwatch;
use crate::http::driven::Quiet;
use crate::sandbox::rng::Rng;
use crate::sandbox::serve::{Door, Fate, Gate};
use crate::sandbox::{Hook, Platform};

/// Per cent of the kills outside the stand-ins: while webhooks come in, or while idle.
const ELSEWHERE_PERCENT: usize = 10;
/// Per cent of the kills among the commits and further requests after one; those may find that everything is
/// done already.
const AMID_PERCENT: usize = 8;
/// Kills are spread over this share of the run, so that each of them can interrupt something.
const SPREAD_PERCENT: i32 = 60;
/// Letters that were on their way are reported as doubtful within this.
const LETTERS: TimeDelta = TimeDelta::minutes(10);
/// After this a kill no longer waits for its own door: any will do.
const PATIENCE: TimeDelta = TimeDelta::hours(6);

/// One kill, armed at its time; it strikes at the first moment of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kill {
    victim: Victim,
    armed: DateTime<Utc>,
    moment: Moment,
    /// How many moments of its kind it skips.
    skip: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Bridge,
    /// It is back after this many real milliseconds.
    Redis {
        after_ms: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// A request has arrived and will not be carried out.
    Before(Option<Door>),
    /// It has been carried out, its answer has not been sent.
    After(Option<Door>),
    /// This many real milliseconds after a request has arrived: among commits and further requests.
    Amid {
        ms: u64,
    },
    /// A webhook is being received.
    Receiving,
    /// A webhook has just been answered with success.
    Accepted,
    Idle,
}

impl Kill {
    fn strikes_at(&self, door: Door, now: DateTime<Utc>) -> bool {
        match self.moment {
            Moment::Before(own) | Moment::After(own) => {
                own.is_none_or(|own| own == door) || now > self.armed + PATIENCE
            }
            Moment::Amid { .. } => true,
            Moment::Receiving | Moment::Accepted | Moment::Idle => false,
        }
    }
}

/// The kills of a run, by its seed.
fn schedule(count: usize, seed: u64, start: DateTime<Utc>, end: DateTime<Utc>) -> VecDeque<Kill> {
    let mut dice = Rng::new(seed ^ 0x6b69_6c6c);
    let elsewhere = count * ELSEWHERE_PERCENT / 100;
    let amid = count * AMID_PERCENT / 100;
    let mut moments: Vec<Moment> = (0..count)
        .map(|index| match index {
            _ if index < elsewhere => {
                [Moment::Receiving, Moment::Accepted, Moment::Idle][dice.below(3) as usize]
            }
            _ if index < elsewhere + amid => Moment::Amid { ms: dice.below(5) },
            _ if dice.chance(500) => Moment::Before(door(&mut dice)),
            _ => Moment::After(door(&mut dice)),
        })
        .collect();
    for index in (1..count).rev() {
        moments.swap(index, dice.below(index as u64 + 1) as usize);
    }
    let every = (end - start) * SPREAD_PERCENT / 100 / i32::try_from(count.max(1)).unwrap_or(i32::MAX);
    let kill = |(index, moment): (usize, Moment)| {
        let armed = start + every * i32::try_from(index).unwrap_or(i32::MAX) + dice.span(every);
        // Only the stand-ins' doors are busy enough to skip some moments.
        let skip = if matches!(moment, Moment::Before(_) | Moment::After(_)) { dice.below(4) } else { 0 };
        Kill { victim: Victim::Bridge, armed, moment, skip }
    };
    moments.into_iter().enumerate().map(kill).collect()
}

/// Some kills choose one stand-in; most strike at the next request to any.
fn door(dice: &mut Rng) -> Option<Door> {
    match dice.below(10) {
        0..=5 => None,
        6 => Some(Door::Api(Platform::Amocrm)),
        7 => Some(Door::Api(Platform::Getcourse)),
        _ => Some(Door::Letter),
    }
}

/// The same for Redis; it is killed between a request and the bridge's reaction to the answer.
fn schedule_redis(count: usize, seed: u64, start: DateTime<Utc>, end: DateTime<Utc>) -> VecDeque<Kill> {
    let mut dice = Rng::new(seed ^ 0x7264_6973);
    let mut kills = schedule(count, dice.draw(), start, end);
    for kill in &mut kills {
        kill.victim = Victim::Redis { after_ms: [0, 50, 400, 1_500][dice.below(4) as usize] };
        kill.moment = Moment::Amid { ms: dice.below(5) };
    }
    kills
}

/// The results of the kills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deeds {
    pub kills: u64,
    /// Of these: while a delivery was on its way.
    pub in_flight: u64,
    /// The longest time from a kill until work was done again, real milliseconds.
    pub resumed_ms_max: u64,
    /// Orders that the watchdogs of killed bridges had repaired.
    pub repairs: u64,
    /// Letters that a person had sent again.
    pub letters_repeated: u64,
    pub redis_kills: u64,
    /// The longest time from Redis's return until work was done again, real milliseconds.
    pub redis_resumed_ms_max: u64,
}

/// The state of the bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Health {
    #[default]
    Well,
    /// Its kill is in progress.
    Doomed,
    /// Killed at this time, and not working again yet.
    Down(Instant),
    /// Its Redis came back at this time; `worked` is what it had done before that.
    Cut { since: Instant, worked: u64 },
}

#[derive(Default)]
struct State {
    kills: VecDeque<Kill>,
    deeds: Deeds,
    health: Health,
    /// Repairs and work that the running bridge has reported.
    repairs: u64,
    worked: u64,
    /// A person checks the letters until then.
    letters_until: Option<DateTime<Utc>>,
}

/// A bridge that is killed and restarted, and its Redis if that is killed too.
pub struct Mortal {
    plan: Plan,
    now: DrivenNow,
    operator: Operator,
    child: tokio::sync::Mutex<Option<Child>>,
    redis: Option<Arc<tokio::sync::Mutex<Redis>>>,
    state: Mutex<State>,
}

/// What to kill how often, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Fates {
    pub kills: usize,
    pub redis_kills: usize,
    pub seed: u64,
    pub end: DateTime<Utc>,
}

impl Mortal {
    /// Starts with a running bridge.
    pub fn new(
        (plan, child): (Plan, Child),
        redis: Option<Arc<tokio::sync::Mutex<Redis>>>,
        operator: Operator,
        now: DrivenNow,
        fates: Fates,
    ) -> Arc<Self> {
        let Fates { kills, redis_kills, seed, end } = fates;
        let mut kills = schedule(kills, seed, now.get(), end);
        kills.extend(schedule_redis(redis_kills, seed, now.get(), end));
        let state = Mutex::new(State { kills, ..State::default() });
        Arc::new(Self { plan, now, operator, child: tokio::sync::Mutex::new(Some(child)), redis, state })
    }

    /// The results, once the run is over.
    pub fn deeds(&self) -> Deeds {
        self.state().deeds
    }

    /// Asks the running bridge to stop.
    pub async fn stop(&self) -> Result<(), String> {
        match self.child.lock().await.take() {
            Some(child) => child.stop().await,
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kill that strikes now, if any; nothing is killed again before it has recovered.
    fn due(&self, strikes: impl Fn(&Kill) -> bool) -> Option<Kill> {
        let now = self.now.get();
        let mut state = self.state();
        if state.health != Health::Well {
            return None;
        }
        let found = state.kills.iter().position(|kill| kill.armed <= now && strikes(kill))?;
        let kill = &mut state.kills[found];
        if kill.skip > 0 {
            kill.skip -= 1;
            return None;
        }
        let kill = state.kills.remove(found)?;
        state.health = Health::Doomed;
        Some(kill)
    }

    /// Kills the bridge in a task of its own: the connection that asked for it may end with the bridge.
    async fn kill(self: &Arc<Self>, in_flight: InFlight) {
        let mortal = self.clone();
        let deed = tokio::spawn(async move {
            let mut slot = mortal.child.lock().await;
            let Some(child) = slot.take() else { return };
            let in_flight = match in_flight {
                InFlight::Surely => true,
                InFlight::Never => false,
                InFlight::AsItSays => child.look().await.is_ok_and(|quiet| !quiet.quiet),
            };
            child.kill().await;
            let mut state = mortal.state();
            state.health = Health::Down(stopwatch());
            state.letters_until = Some(mortal.now.get() + LETTERS);
            state.deeds.kills += 1;
            state.deeds.in_flight += u64::from(in_flight);
            state.deeds.repairs += std::mem::take(&mut state.repairs);
        });
        // It cannot panic, and nothing aborts it.
        let _ = deed.await;
    }

    /// Kills Redis, which is back after a while.
    async fn kill_redis(&self, after_ms: u64) {
        if let Some(redis) = &self.redis {
            let mut redis = redis.lock().await;
            redis.kill().await;
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            if let Err(why) = redis.start_again().await {
                // The run then stands still and reports it.
                tracing::error!(why, "Redis does not come back");
            }
        }
        let mut state = self.state();
        state.deeds.redis_kills += 1;
        state.letters_until = Some(self.now.get() + LETTERS);
        state.health = Health::Cut { since: stopwatch(), worked: state.worked };
    }

    /// The running bridge; a dead one is replaced first.
    async fn living<'a>(&self, slot: &'a mut Option<Child>) -> Result<&'a Child, Stuck> {
        match slot {
            Some(child) => Ok(child),
            None => {
                let child = Child::start(&self.plan, self.now.get()).await.map_err(Stuck)?;
                Ok(slot.insert(child))
            }
        }
    }

    /// Checks whether it is working again; then a person checks the letters that were on their way.
    async fn recover(&self, quiet: &mut Quiet) {
        let letters = {
            let mut state = self.state();
            (state.repairs, state.worked) = (quiet.repairs, quiet.worked);
            let took = |since: Instant| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            match state.health {
                Health::Down(since) if quiet.worked > 0 || quiet.quiet => {
                    state.deeds.resumed_ms_max = state.deeds.resumed_ms_max.max(took(since));
                    state.health = Health::Well;
                }
                Health::Cut { since, worked } if quiet.worked > worked || quiet.quiet => {
                    state.deeds.redis_resumed_ms_max = state.deeds.redis_resumed_ms_max.max(took(since));
                    state.health = Health::Well;
                }
                _ => {}
            }
            quiet.quiet && state.letters_until.is_some_and(|until| self.now.get() <= until)
        };
        if letters {
            match self.operator.resend_missing_letters(self.now.get()).await {
                Ok(repeated) => {
                    self.state().deeds.letters_repeated += repeated;
                    quiet.quiet &= repeated == 0;
                }
                // Each connection to a Redis that was away notices by itself that it is back.
                Err(_) => quiet.quiet = false,
            }
        }
    }
}

/// Whether a delivery is on its way at this moment.
enum InFlight {
    Surely,
    AsItSays,
    Never,
}

/// What the player drives. A handle, because kills come from other tasks at the same time.
pub struct Handle(pub Arc<Mortal>);

#[async_trait]
impl Driven for Handle {
    async fn look(&self) -> Result<Quiet, Stuck> {
        let mortal = &self.0;
        let mut quiet = {
            let mut slot = mortal.child.lock().await;
            mortal.living(&mut slot).await?.look().await?
        };
        mortal.recover(&mut quiet).await;
        if quiet.quiet && mortal.due(|kill| kill.moment == Moment::Idle).is_some() {
            mortal.kill(InFlight::Never).await;
        }
        Ok(quiet)
    }

    async fn advance(&self, to: DateTime<Utc>) -> Result<(), Stuck> {
        let mut slot = self.0.child.lock().await;
        self.0.living(&mut slot).await?.advance(to).await
    }
}

/// Kills at the stand-ins' doors.
#[async_trait]
impl Gate for Handle {
    async fn arrives(&self, door: Door) -> Fate {
        let now = self.0.now.get();
        let Some(kill) = self.0.due(|kill| kill.strikes_at(door, now)) else { return Fate::Served };
        match kill.moment {
            Moment::Before(_) => {
                self.0.kill(InFlight::Surely).await;
                Fate::Swallowed
            }
            Moment::After(_) => Fate::Struck,
            Moment::Amid { ms } => {
                let mortal = self.0.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    match kill.victim {
                        Victim::Bridge => mortal.kill(InFlight::AsItSays).await,
                        Victim::Redis { after_ms } => mortal.kill_redis(after_ms).await,
                    }
                });
                Fate::Served
            }
            // These moments are not at a door.
            Moment::Receiving | Moment::Accepted | Moment::Idle => Fate::Served,
        }
    }

    async fn strike(&self, _: Door) {
        self.0.kill(InFlight::Surely).await;
    }
}

/// The carrier of webhooks to a bridge that may be killed while receiving one.
pub struct KillableCarrier<C> {
    pub carrier: C,
    pub mortal: Arc<Mortal>,
}

#[async_trait]
impl<C: Carrier> Carrier for KillableCarrier<C> {
    async fn carry(&self, hook: &Hook) -> Option<u16> {
        if self.mortal.due(|kill| kill.moment == Moment::Receiving).is_some() {
            let (status, ()) = tokio::join!(self.carrier.carry(hook), self.mortal.kill(InFlight::AsItSays));
            return status;
        }
        let status = self.carrier.carry(hook).await;
        let good = status.is_some_and(|status| (200..300).contains(&status));
        if good && self.mortal.due(|kill| kill.moment == Moment::Accepted).is_some() {
            self.mortal.kill(InFlight::AsItSays).await;
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_spread_over_the_run_and_most_fall_on_requests() {
        let start: DateTime<Utc> = "2026-03-16T06:00:00Z".parse().unwrap();
        let end = start + TimeDelta::days(16);
        for (count, seed) in [(1, 1), (5, 2), (20, 3), (20, 4), (100, 5)] {
            let kills = schedule(count, seed, start, end);
            assert_eq!(kills.len(), count);
            assert!(kills.iter().is_sorted_by_key(|kill| kill.armed), "{kills:?}");
            assert!(kills.iter().all(|kill| kill.armed >= start && kill.armed < end), "{kills:?}");
            let requests =
                kills.iter().filter(|kill| kill.strikes_at(Door::Letter, kill.armed + PATIENCE * 2));
            assert!(requests.count() * 100 >= count * 85, "{kills:?}");
            assert_eq!(kills, schedule(count, seed, start, end), "by the seed alone");
            assert!(count < 5 || kills != schedule(count, seed + 1, start, end));
        }
    }
}
