//! The whole bridge and the whole sandbox in one thread under paused time: no socket, no process. A seed
//! gives the same run every time; at the end, [`World::finish`] asserts what must hold for any run. Enter at
//! [`World::start`].

use std::sync::{Arc, MutexGuard};

use chrono::{TimeDelta, Utc};
use dozvon::clock::{Clock, TokioClock};
use dozvon::config::{Files, Surroundings};
use dozvon::demo::inside::{Inside, deliver, stand_ins};
use dozvon::intake::calls::CallRecord;
use dozvon::link;
use dozvon::process::{Order, OrderId};
use dozvon::sandbox::serve::Shared;
use dozvon::sandbox::{Setup, World as Sandbox};
use dozvon::worker::site::Site;
use tokio::task::JoinHandle;

/// A bridge of one school and the world around it.
pub struct World {
    clock: TokioClock,
    inside: Inside,
    pub site: Arc<Site>,
    hooks: JoinHandle<()>,
}

impl World {
    /// Starts everything at the setup's first moment. `files` are the school's configuration.
    pub fn start(setup: Setup, files: &Files, surroundings: &Surroundings, seed: u64) -> Self {
        let clock = TokioClock::starting_at(setup.start.with_timezone(&Utc));
        let shared: Arc<dyn Clock> = Arc::new(clock);
        let stage = stand_ins(setup, seed, &shared);
        let inside = Inside::start(stage, shared, files, surroundings).expect("the school's files are right");
        let site = inside.site.clone();
        let hooks = tokio::spawn(send_hooks(inside.shared.clone(), clock, site.clone()));
        Self { clock, inside, site, hooks }
    }

    /// Kills the bridge and starts it again over the same store.
    pub async fn kill(&mut self) {
        self.hooks.abort();
        self.inside.kill().await.expect("memory");
        self.site = self.inside.site.clone();
        self.hooks = tokio::spawn(send_hooks(self.inside.shared.clone(), self.clock, self.site.clone()));
    }

    pub fn sandbox(&self) -> MutexGuard<'_, Sandbox> {
        self.inside.shared.world()
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

    /// Stops the bridge and asserts what must hold for every run: nothing lost, nothing doubled, every open
    /// order has its wake, no repair was needed.
    pub async fn finish(self, seed: u64) {
        let now = self.clock.now();
        let orders = self.orders().await;
        for order in orders.iter().filter(|order| order.is_open()) {
            let wake = dozvon::process::wake(order);
            assert!(wake.is_some(), "seed {seed}: {} is open without a next step", order.id);
            let overdue = wake.is_some_and(|(at, _)| at < now - TimeDelta::minutes(5));
            assert!(!overdue, "seed {seed}: {} has an overdue wake: {wake:?}", order.id);
        }
        assert!(orders.iter().all(|order| order.repairs == 0), "seed {seed}: L14 needed a repair");
        for (name, record) in
            self.site.store.scan(self.site.id(), "call/", None, 1_000).await.expect("memory")
        {
            let call: CallRecord = serde_json::from_slice(&record.body).expect("a call");
            let overdue = call.wake().is_some_and(|at| at < now - TimeDelta::minutes(5));
            assert!(!overdue, "seed {seed}: {name} is still open: {:?}", call.wake());
        }
        let held = self.site.store.counts(self.site.id()).await.expect("memory");
        assert_eq!(held.inbox, 0, "seed {seed}: accepted and not worked");
        let dead = self.site.store.dead(self.site.id(), 100).await.expect("memory");
        assert!(dead.iter().all(|letter| letter.id.starts_with("out-")), "seed {seed}: {dead:#?}");
        let sandbox = self.sandbox().duplicates();
        assert!(sandbox.is_empty(), "seed {seed}: made twice: {sandbox:#?}");
        let told: Vec<_> = self.sandbox().orders().map(|order| OrderId::of_deal(order.id)).collect();
        let retired: Vec<_> = told.iter().map(link::gone).collect();
        let retired = self.site.store.find(self.site.id(), &retired).await.expect("memory");
        for (id, retired) in told.iter().zip(retired) {
            let known = retired.is_some() || orders.iter().any(|known| known.id == *id);
            assert!(known, "seed {seed}: order {id} is lost");
        }
        self.inside.stop().await.expect("the owner ends");
        self.hooks.abort();
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
