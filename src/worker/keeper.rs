//! Keeps the schools of this instance: says often, and once for all of them, that the process lives, and looks at what is
//! cheap to know of each. Decides which school is looked at whole (`worker::school`), soon after a sign of change and
//! otherwise seldom. Never takes a school and never judges a loss. Enter at [`Keeper::run`] and [`Keeper::keep`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::lease_view::Ownership;
use super::site::{Rhythm, Site, count};
use crate::clock::stopwatch;
use crate::panics::caught;
use crate::process::SchoolId;
use crate::store::{Glance, Life, SchoolGlance, Store, StoreError, StoreResult, Word};

/// Between two whole looks at a school that works. A loss is noticed within 5 s, and one sign of it has to be seen twice.
const WORKING: Duration = Duration::from_secs(2);

/// At a school at rest: what tells of a loss there without a look is gone within this time.
const AT_REST: Duration = Duration::from_secs(60);

/// Shared by the schools of one instance.
pub struct Keeper {
    store: Arc<dyn Store>,
    rhythm: Rhythm,
    state: Mutex<State>,
    tells: AtomicBool,
}

struct State {
    life: Life,
    /// The last word that was sent, and the last one that was heard in this life.
    word: u64,
    heard: Option<u64>,
    /// When that one was sent.
    heard_at: Instant,
    /// The last glance, and whose lists stood in it.
    last: Option<Last>,
    kept: BTreeMap<SchoolId, Kept>,
}

/// What the next glance is compared with.
struct Last {
    /// Whose lists were counted.
    owned: Vec<SchoolId>,
    evicted: u64,
    standing: u64,
}

/// What is told to every school.
struct Told<'a> {
    life: &'a Life,
    asked: Instant,
    is_alarm: bool,
}

struct Kept {
    site: Arc<Site>,
    place: Option<u64>,
    /// Something has moved since the last whole look.
    has_moved: bool,
    looked: Option<Instant>,
    /// Between two looks at rest: not all schools are looked at together.
    rest: Duration,
}

/// A school is kept as long as this value lives.
pub struct Keeping<'a>(&'a Keeper, SchoolId);

impl Drop for Keeping<'_> {
    fn drop(&mut self) {
        self.0.state().kept.remove(&self.1);
    }
}

impl Keeper {
    pub fn new(store: Arc<dyn Store>, rhythm: Rhythm) -> Self {
        let state = State {
            life: Life::of(rhythm.lease_ms),
            word: 0,
            heard: None,
            heard_at: stopwatch(),
            last: None,
            kept: BTreeMap::new(),
        };
        Self { store, rhythm, state: Mutex::new(state), tells: AtomicBool::new(false) }
    }

    /// Runs until it is dropped.
    pub async fn run(&self) {
        loop {
            if let Err(panicked) = caught(self.round()).await {
                tracing::error!(%panicked, "ALARM: the keeper of leases panicked; each school renews its own");
                self.tells.store(false, Ordering::SeqCst);
            }
            tokio::time::sleep(self.rhythm.renew).await;
        }
    }

    /// From now on the school is looked at.
    pub fn keep(&self, site: Arc<Site>) -> Keeping<'_> {
        let id = site.id().clone();
        let kept = Kept { site, place: None, has_moved: true, looked: None, rest: rest_of(&id) };
        self.state().kept.insert(id.clone(), kept);
        Keeping(self, id)
    }

    /// Whether schools are told when to look; otherwise each renews its own lease.
    pub fn tells(&self) -> bool {
        self.tells.load(Ordering::SeqCst)
    }

    /// The life on which a lease may depend now, and since when: nothing but its words prolongs it.
    pub fn life(&self) -> Option<(Life, Instant)> {
        let state = self.state();
        (self.tells() && state.heard.is_some()).then(|| (state.life.clone(), state.heard_at))
    }

    async fn round(&self) {
        let Some(schools) = self.schools() else { return };
        let asked = stopwatch();
        match self.ask(&schools, false).await {
            // The life had ended: leases that depended on it may be others' by now, and all are taken anew.
            Ok(Some(Glance { found: None, .. })) => match self.ask(&schools, true).await {
                Ok(Some(glance)) => self.heard(&glance, &schools, asked, true),
                Ok(None) => {}
                Err(error) => self.missed(&error),
            },
            Ok(Some(glance)) => self.heard(&glance, &schools, asked, false),
            Ok(None) => self.tells.store(false, Ordering::SeqCst),
            Err(error) => self.missed(&error),
        }
    }

    /// The schools, and whether this instance owns them; `None` without any.
    fn schools(&self) -> Option<Vec<(SchoolId, bool)>> {
        let state = self.state();
        let owns = |kept: &Kept| kept.site.lease.ownership() == Ownership::Owner;
        let schools: Vec<_> = state.kept.iter().map(|(id, kept)| (id.clone(), owns(kept))).collect();
        (!schools.is_empty()).then_some(schools)
    }

    async fn ask(&self, schools: &[(SchoolId, bool)], has_ended: bool) -> StoreResult<Option<Glance>> {
        let (life, n, is_first) = {
            let mut state = self.state();
            if has_ended {
                (state.life, state.heard) = (Life::of(self.rhythm.lease_ms), None);
            }
            state.word += 1;
            (state.life.clone(), state.word, state.heard.is_none())
        };
        self.store.glance(&Word { life, n, is_first }, schools).await
    }

    /// Nothing is known: everything is looked at when the store answers again, and until then by each school.
    fn missed(&self, error: &StoreError) {
        let mut state = self.state();
        state.last = None;
        self.tells.store(false, Ordering::SeqCst);
        for kept in state.kept.values() {
            kept.site.store_watch.heard(&Err::<(), _>(error.clone()));
            kept.site.waits_for_store("the lease", error);
            kept.site.store_watch.look.notify_one();
        }
    }

    fn heard(&self, glance: &Glance, schools: &[(SchoolId, bool)], asked: Instant, is_new: bool) {
        let state = &mut *self.state();
        let is_older = glance.found < state.heard;
        let now = Last {
            owned: schools.iter().filter(|(_, is_owned)| *is_owned).map(|(id, _)| id.clone()).collect(),
            evicted: glance.evicted,
            standing: glance.standing,
        };
        let is_alarm = is_new || is_older || state.last.as_ref().is_none_or(|last| last.has_lost(&now));
        state.last = Some(now);
        (state.heard, state.heard_at) = (Some(state.word), asked);
        self.tells.store(true, Ordering::SeqCst);
        let told = Told { life: &state.life, asked, is_alarm };
        for ((id, _), school) in schools.iter().zip(&glance.schools) {
            if let Some(kept) = state.kept.get_mut(id) {
                kept.heard(school, &told);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn has_lost(&self, now: &Self) -> bool {
        self.evicted != now.evicted || (self.owned == now.owned && now.standing < self.standing)
    }
}

impl Kept {
    fn heard(&mut self, school: &SchoolGlance, told: &Told<'_>) {
        let (site, now) = (&self.site, stopwatch());
        let is_ours = school.lease.as_ref().is_some_and(|lease| lease.is_of(&site.fence, told.life));
        if is_ours {
            site.lease.extend(told.asked, told.life.ms);
        }
        if school.place != self.place {
            self.has_moved = true;
            // Another instance may have accepted a request.
            site.inbox_bell.notify_one();
            count(&site.tally.stirred);
        }
        let has_fallen = school.place < self.place;
        self.place = school.place;
        let may_change = match site.lease.ownership() {
            Ownership::Owner => !is_ours,
            Ownership::Unknown => true,
            Ownership::Elsewhere | Ownership::Outdated => {
                school.lease.as_ref().is_none_or(|lease| !lease.lives)
            }
        };
        let is_working = self.has_moved || site.lanes().waiting() > 0;
        let pause = if is_working { WORKING } else { self.rest };
        let is_due = self.looked.is_none_or(|looked| now - looked >= pause);
        let is_wrong = told.is_alarm || has_fallen || !school.is_marked || site.store_watch.wants_look();
        if may_change || is_wrong || is_due {
            (self.looked, self.has_moved) = (Some(now), false);
            site.store_watch.look.notify_one();
        }
    }
}

/// From a half of the longest on.
fn rest_of(school: &SchoolId) -> Duration {
    let sum = school.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    AT_REST / 2 + AT_REST / 2 * (sum % 64) / 64
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::store::Standing;
    use crate::worker::fake::Bench;
    use crate::worker::school::own;

    /// A word before this one is always heard.
    const HEARD: u64 = u64::MAX;

    fn shown(bench: &Bench) -> Glance {
        let lease = Some(Standing { fence: bench.site.fence.clone(), life: None, lives: true });
        let school = SchoolGlance { lease, place: Some(4), is_marked: true };
        Glance { found: Some(HEARD), evicted: 0, standing: 7, schools: vec![school] }
    }

    /// An owner whose store shows that all is as it was.
    async fn at_rest() -> (Bench, [JoinHandle<()>; 2]) {
        let mut bench = Bench::open().await;
        bench.store.shows(shown(&bench));
        let keeper = Arc::new(Keeper::new(bench.store.clone(), bench.site.rhythm));
        let site = Arc::get_mut(&mut bench.site).expect("nothing runs yet");
        site.keeper = Some(keeper.clone());
        let tasks = [tokio::spawn(async move { keeper.run().await }), tokio::spawn(own(bench.site.clone()))];
        bench.run_for(TimeDelta::seconds(10)).await;
        (bench, tasks)
    }

    #[tokio::test(start_paused = true)]
    async fn a_school_at_rest_is_held_and_looked_at_once_a_minute() {
        let (bench, tasks) = at_rest().await;
        let before = bench.store.renewals();
        for _ in 0..120 {
            bench.run_for(TimeDelta::seconds(1)).await;
            assert!(bench.site.lease.holds());
        }
        let looks = bench.store.renewals() - before;
        assert!((2..=4).contains(&looks), "{looks} looks in two minutes");
        tasks.iter().for_each(JoinHandle::abort);
    }

    /// What a change of the glance brings within a second.
    #[tokio::test(start_paused = true)]
    async fn a_sign_of_a_loss_brings_a_look_at_once() {
        type Change = fn(&mut Glance);
        let changes: [(&str, Change); 7] = [
            ("nothing", |_| {}),
            ("an evicted key", |glance| glance.evicted = 1),
            ("a list less", |glance| glance.standing = 6),
            ("an older word", |glance| glance.found = Some(0)),
            ("an ended life", |glance| glance.found = None),
            ("an earlier place", |glance| glance.schools[0].place = Some(3)),
            ("no lease", |glance| glance.schools[0].lease = None),
        ];
        for (what, change) in changes {
            let (bench, tasks) = at_rest().await;
            let before = bench.store.renewals();
            let mut glance = shown(&bench);
            change(&mut glance);
            bench.store.shows(glance);
            bench.run_for(TimeDelta::seconds(1)).await;
            assert_eq!(bench.store.renewals() > before, what != "nothing", "{what}");
            tasks.iter().for_each(JoinHandle::abort);
        }
    }

    /// What tells of a loss has to be seen twice within 5 s.
    #[tokio::test(start_paused = true)]
    async fn a_school_that_works_is_looked_at_every_two_seconds() {
        let (bench, tasks) = at_rest().await;
        let before = bench.store.renewals();
        let began = stopwatch();
        for place in 5..15 {
            let mut glance = shown(&bench);
            glance.schools[0].place = Some(place);
            bench.store.shows(glance);
            bench.run_for(TimeDelta::seconds(1)).await;
        }
        let looks = bench.store.renewals() - before;
        assert!((3..=6).contains(&looks), "{looks} looks in {:?}", began.elapsed());
        tasks.iter().for_each(JoinHandle::abort);
    }
}
