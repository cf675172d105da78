//! amoCRM that does what it is asked and keeps the answer to itself: so a test knows that requests
//! are under way. Never changes what is done. Enter at [`Hold::at`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use dozvon::sandbox::serve::{Door, Fate, Gate};
use dozvon::sandbox::{Platform, World};
use tokio::sync::watch;

use super::program::TestBed;

/// Holds back answers to what made something while it is shut.
pub struct Hold {
    shut: watch::Sender<bool>,
    held: AtomicUsize,
    /// Leads, tasks and notes when the request came.
    before: AtomicUsize,
    made: Box<dyn Fn() -> usize + Send + Sync>,
}

impl Hold {
    /// Before the bench's amoCRM, and open.
    pub fn at(bench: &TestBed) -> Arc<Self> {
        let shared = bench.shared();
        let hold = Arc::new(Self {
            shut: watch::Sender::new(false),
            held: AtomicUsize::new(0),
            before: AtomicUsize::new(0),
            made: Box::new({
                let shared = shared.clone();
                move || made(&shared.world())
            }),
        });
        shared.guard(hold.clone());
        hold
    }

    /// From now on answers are held back.
    pub fn shut(&self) {
        self.shut.send_replace(true);
    }

    /// All that were held back leave.
    pub fn open(&self) {
        self.shut.send_replace(false);
    }

    /// Requests that are carried out and not answered.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

/// What the bridge has made in amoCRM.
pub fn made(world: &World) -> usize {
    world.leads().count() + world.tasks().count() + world.notes().count()
}

#[async_trait]
impl Gate for Hold {
    /// amoCRM's stand-in has one thread and carries out before it waits: what is noted here is this request's.
    async fn arrives(&self, door: Door) -> Fate {
        if door != Door::Api(Platform::Amocrm) {
            return Fate::Served;
        }
        self.before.store((self.made)(), Ordering::SeqCst);
        Fate::Struck
    }

    async fn strike(&self, _: Door) {
        if !*self.shut.borrow() || (self.made)() == self.before.load(Ordering::SeqCst) {
            return;
        }
        self.held.fetch_add(1, Ordering::SeqCst);
        let _ = self.shut.subscribe().wait_for(|shut| !shut).await;
        self.held.fetch_sub(1, Ordering::SeqCst);
    }
}
