//! An amoCRM that carries out requests but holds back the answers, so a test knows that requests are in
//! progress. Never changes a request. Enter at [`Hold::at`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use dozvon::sandbox::serve::{Door, Fate, Gate};
use dozvon::sandbox::{Platform, World};
use tokio::sync::watch;

use super::program::TestBed;

/// While it is shut, holds back answers to requests that created something.
pub struct Hold {
    shut: watch::Sender<bool>,
    held: AtomicUsize,
    /// Number of leads, tasks and notes when the request came.
    before: AtomicUsize,
    made: Box<dyn Fn() -> usize + Send + Sync>,
}

impl Hold {
    /// In front of the test bed's amoCRM, and open.
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

    /// Sends all answers that were held back.
    pub fn open(&self) {
        self.shut.send_replace(false);
    }

    /// Requests that were carried out and not answered.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

/// Number of entities that the bridge has created in amoCRM.
pub fn made(world: &World) -> usize {
    world.leads().count() + world.tasks().count() + world.notes().count()
}

#[async_trait]
impl Gate for Hold {
    /// amoCRM's stand-in has one thread and carries out a request before it waits: a change seen here belongs
    /// to this request.
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
