//! The whole bridge and the whole sandbox in one thread under paused time: no socket, no process. A seed
//! gives the same run every time; at the end, [`World::finish`] asserts what must hold for any run. Enter at
//! [`World::start`].

use std::sync::{Arc, MutexGuard};

use chrono::{TimeDelta, Utc};
use dozvon::clock::{Clock, TokioClock};
use dozvon::config::{Files, Surroundings};
use dozvon::demo::inside::{Change, Inside, deliver, stand_ins};
use dozvon::process::{At, Order};
use dozvon::sandbox::serve::Shared;
use dozvon::sandbox::{Setup, World as Sandbox};
use dozvon::store::embedded::Embedded;
use dozvon::worker::site::Site;
use tokio::task::JoinHandle;

use super::oracle;

/// A bridge of one school and the world around it.
pub struct World {
    clock: TokioClock,
    /// `None` once it is finished.
    inside: Option<Inside>,
    pub site: Arc<Site>,
    hooks: JoinHandle<()>,
}

impl World {
    /// Starts everything at the setup's first moment. `files` are the school's configuration.
    pub fn start(setup: Setup, files: &Files, surroundings: &Surroundings, seed: u64) -> Self {
        Self::start_changed(setup, files, surroundings, seed, Arc::new(|_| {}))
    }

    /// The same with other ways out.
    pub fn start_changed(
        setup: Setup,
        files: &Files,
        surroundings: &Surroundings,
        seed: u64,
        change: Change,
    ) -> Self {
        let clock = TokioClock::starting_at(setup.start.with_timezone(&Utc));
        let shared: Arc<dyn Clock> = Arc::new(clock);
        let stage = stand_ins(setup, seed, &shared);
        let store = Arc::new(Embedded::in_memory().expect("memory"));
        let inside = Inside::over(store, change, stage, shared, files, surroundings);
        let inside = inside.expect("the school's files are right");
        let site = inside.site.clone();
        let hooks = tokio::spawn(send_hooks(inside.shared.clone(), clock, site.clone()));
        Self { clock, inside: Some(inside), site, hooks }
    }

    /// Kills the bridge and starts it again over the same store.
    pub async fn kill(&mut self) {
        self.hooks.abort();
        let inside = self.inside.as_mut().expect("it is not finished");
        inside.kill().await.expect("memory");
        self.site = inside.site.clone();
        self.hooks = tokio::spawn(send_hooks(inside.shared.clone(), self.clock, self.site.clone()));
    }

    pub fn sandbox(&self) -> MutexGuard<'_, Sandbox> {
        self.inside().shared.world()
    }

    /// Advances time; it jumps from one due moment to the next.
    pub async fn run_for(&self, span: TimeDelta) {
        self.clock.sleep_until(self.clock.now() + span).await;
    }

    /// Every order in the store.
    pub async fn orders(&self) -> Vec<Order> {
        let page = self.site.store.scan(self.site.id(), "order/", None, 1_000).await.expect("memory");
        page.iter().map(|(_, record)| serde_json::from_slice(&record.body).expect("an order")).collect()
    }

    pub fn now(&self) -> At {
        self.clock.now()
    }

    /// Asserts what holds for every run, see `oracle`, and stops the bridge.
    pub async fn finish(mut self, seed: u64) {
        let wrong = oracle::wrong(&self).await;
        assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
        let inside = self.inside.take();
        inside.expect("it is finished once").stop().await.expect("the owner ends");
    }

    /// Stops a world that went wrong on purpose; returns what the oracle says of it.
    pub async fn wrong(mut self) -> Vec<String> {
        let wrong = oracle::wrong(&self).await;
        self.inside.take().expect("it is finished once").abandon();
        wrong
    }

    fn inside(&self) -> &Inside {
        self.inside.as_ref().expect("it is not finished")
    }
}

/// A world that nobody finished was not checked.
impl Drop for World {
    fn drop(&mut self) {
        self.hooks.abort();
        let is_checked = self.inside.is_none() || std::thread::panicking();
        assert!(is_checked, "a world ends with `finish`, which checks it");
    }
}

/// Sends the sandbox's webhooks to the bridge when they are due, as the platforms do.
async fn send_hooks(shared: Arc<Shared>, clock: TokioClock, site: Arc<Site>) {
    loop {
        let due = shared.world().next_due();
        match due {
            Some(at) if at > clock.now() => {
                tokio::select! {
                    biased;
                    () = shared.changed() => continue,
                    () = clock.sleep_until(at) => {}
                }
            }
            Some(_) => {}
            None => {
                shared.changed().await;
                continue;
            }
        }
        let hooks = shared.world().advance(clock.now());
        for hook in hooks {
            let status = deliver(&site, &hook).await;
            shared.world().hook_answered(hook.id, status, clock.now());
        }
    }
}
