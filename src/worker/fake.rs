//! An owner of the example school for unit tests: its site over a store in memory, with couriers that record
//! what they are asked. Never reaches a platform. Enter at [`Bench::open`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::site::{Keep, Outbound, Parts, Rhythm, Site};
use super::{chores, inbox, outbox};
use crate::clock::TokioClock;
use crate::config::fake::{noon, school};
use crate::intake::apply::{Source, delivery};
use crate::intake::item::Item;
use crate::platform::{Courier, Fault, Hooks, Links, Receipt, Room, Try};
use crate::process::case::Pending;
use crate::process::command::{AskKind, Letter};
use crate::process::{Ask, At, Command, CommandId, Order, Target, Urgency};
use crate::request::IdempotencyKey;
use crate::spool::Spool;
use crate::store::fake::FakeStore;
use crate::store::{DeadLetter, Delivery, DeliveryOp, DeliveryState, Lease, Offer, Plan, Put, Store, Unit};

/// Records what it is asked, and answers with the next of its answers, or «done». Where nothing can be
/// looked up, what may have been done needs a person, as with the real couriers.
#[derive(Default)]
pub struct FakeCourier {
    asked: Mutex<Vec<(String, Try)>>,
    answers: Mutex<VecDeque<Result<Receipt, Fault>>>,
    /// Its answers to its next chores, then «in a day»; and when each was done.
    chore_answers: Mutex<VecDeque<Result<At, Fault>>>,
    chores: Mutex<Vec<At>>,
    /// If set, each delivery waits here for its turn.
    turns: OnceLock<Semaphore>,
    turns_taken: AtomicU32,
    /// No answer comes.
    hangs: AtomicBool,
}

impl FakeCourier {
    /// The commands that it was asked to carry out, in order.
    pub fn asked(&self) -> Vec<(String, Try)> {
        lock(&self.asked).clone()
    }

    /// From now on a turn is needed for each delivery.
    pub fn gives_turns(&self, turns: usize) {
        self.turns.get_or_init(|| Semaphore::new(0)).add_permits(turns);
    }

    /// Turns with which deliveries have gone on.
    pub fn turns_taken(&self) -> u32 {
        self.turns_taken.load(Ordering::SeqCst)
    }

    /// From now on no answer comes, or answers come again.
    pub fn hangs(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::SeqCst);
    }

    pub fn answers(&self, answers: impl IntoIterator<Item = Result<Receipt, Fault>>) {
        lock(&self.answers).extend(answers);
    }

    pub fn chores_answer(&self, answers: impl IntoIterator<Item = Result<At, Fault>>) {
        lock(&self.chore_answers).extend(answers);
    }

    /// When its chores were done.
    pub fn chores(&self) -> Vec<At> {
        lock(&self.chores).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Courier for FakeCourier {
    fn room(&self) -> Room {
        Room { together: 4, alone: 4, money: 1 }
    }

    fn has_turns(&self) -> bool {
        self.turns.get().is_some()
    }

    async fn turn(&self, _: Urgency) -> Result<(), Fault> {
        if let Some(turns) = self.turns.get() {
            turns.acquire().await.map_err(|closed| Fault::later(closed.to_string()))?.forget();
            self.turns_taken.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    async fn deliver(&self, command: &Command, tried: Try, _: &dyn Links, _: At) -> Result<Receipt, Fault> {
        lock(&self.asked).push((command.id.to_string(), tried));
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if tried == Try::MayBeDone && !command.ask.target().can_look_up() {
            return Err(Fault::never("a person has to look"));
        }
        lock(&self.answers).pop_front().unwrap_or_else(|| Ok(Receipt::default()))
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        lock(&self.chores).push(now);
        lock(&self.chore_answers).pop_front().unwrap_or_else(|| Ok(now + TimeDelta::days(1)))
    }
}

/// A letter of the order that its command names.
pub fn letter(command: &str) -> Delivery {
    let id = CommandId::from(command);
    let order = id.order().expect("an order's command");
    let ask = Ask::SendLetter(Letter {
        text: "order_taken".into(),
        to: "anna@example.com".to_owned(),
        subject: "Заявка".to_owned(),
        body: "Здравствуйте!".to_owned(),
    });
    asked(command, &format!("c-{order}"), ask)
}

/// Any command of a client.
pub fn asked(command: &str, client: &str, ask: Ask) -> Delivery {
    let id = CommandId::from(command);
    let order = id.order().expect("an order's command");
    delivery(
        Command { id, order, client: client.into(), urgency: Urgency::Usual, ask },
        Source::default(),
        noon(),
    )
}

/// The delivery as the commit that lets it leave marks it.
pub fn sending(delivery: Delivery, attempts: u32) -> Delivery {
    Delivery { state: DeliveryState::Sending, attempts, ..delivery }
}

/// A site that owns its school.
pub struct Bench {
    pub site: Arc<Site>,
    pub store: Arc<FakeStore>,
    pub mail: Arc<FakeCourier>,
    pub crm: Arc<FakeCourier>,
    _stop: watch::Sender<bool>,
    working: Vec<JoinHandle<()>>,
}

impl Bench {
    pub async fn open() -> Self {
        Self::over(Arc::default(), BTreeMap::new(), None).await
    }

    /// An owner over a store that may have been another owner's.
    pub async fn over(
        store: Arc<FakeStore>,
        hooks: BTreeMap<&'static str, Arc<dyn Hooks>>,
        spool: Option<Arc<Spool>>,
    ) -> Self {
        let (mail, crm) = (Arc::new(FakeCourier::default()), Arc::new(FakeCourier::default()));
        let mut outbound = Outbound::default();
        outbound.couriers.insert(Target::Mail, mail.clone());
        outbound.couriers.insert(Target::Crm, crm.clone());
        let (stop, stopped) = watch::channel(false);
        let mut site = Site::new(Parts {
            school: Arc::new(school()),
            hooks,
            outbound,
            store: store.clone(),
            clock: Arc::new(TokioClock::starting_at(noon())),
            stop: stopped,
            // Bells are enough.
            rhythm: Rhythm { poll: Duration::from_secs(86_400), ..Rhythm::default() },
            keep: Keep { raw_days: 30, ended_days: 365 },
            record_budget: Arc::default(),
        });
        site.spool = spool;
        let plan = Plan { config: "c".to_owned(), loaded: noon() };
        let lease = site.store.lease(site.id(), &site.fence, &plan, 86_400_000).await;
        assert_eq!(lease, Ok(Lease::Held));
        Self { site: Arc::new(site), store, mail, crm, _stop: stop, working: Vec::new() }
    }

    /// Starts inbox and outbox; returns when both wait for something to do.
    pub async fn work(&mut self) {
        let (site, other) = (self.site.clone(), self.site.clone());
        self.working.push(tokio::spawn(async move { inbox::run(site).await.expect("it is the owner") }));
        self.working.push(tokio::spawn(async move { outbox::run(other).await.expect("it is the owner") }));
        self.run_for(TimeDelta::milliseconds(10)).await;
    }

    /// As [`Self::work`], with a lease that outlives every test.
    pub async fn work_for_a_day(&mut self) {
        self.work().await;
        self.site.lease.hold(crate::clock::stopwatch(), 86_400_000);
    }

    /// Starts the chores, too.
    pub async fn do_chores(&mut self) {
        let site = self.site.clone();
        self.working.push(tokio::spawn(async move { chores::run(site).await.expect("it is the owner") }));
        self.run_for(TimeDelta::milliseconds(10)).await;
    }

    /// Advances the paused time.
    pub async fn run_for(&self, span: TimeDelta) {
        self.site.clock.sleep_until(self.site.clock.now() + span).await;
    }

    /// Dies without landing anything; the school is free.
    pub async fn die(self) {
        self.working.iter().for_each(JoinHandle::abort);
        self.site.store.release(self.site.id(), &self.site.fence).await.expect("memory");
    }

    /// The owner ends in the middle of its work and takes the school again.
    pub async fn take_again(&mut self) {
        self.working.drain(..).for_each(|working| working.abort());
        self.site.forget_memory();
        self.work().await;
    }

    /// The store has lost these deliveries.
    pub async fn lose(&self, deliveries: &[&str]) {
        let forgets = deliveries.iter().map(|id| DeliveryOp::Remove((*id).into())).collect();
        let unit = Unit { deliveries: forgets, at: self.site.clock.now(), ..Unit::default() };
        self.site.store.commit(self.site.id(), &self.site.fence, unit).await.expect("applied");
    }

    pub async fn commit(&self, unit: Unit) {
        let unit = Unit { at: self.site.clock.now(), ..unit };
        self.site.commit(unit).await.expect("the owner commits");
    }

    /// An open order as a record, so that its receipts have somewhere to go.
    pub async fn put_order(&self, id: &str) {
        let mut order = Order::new(id.into(), format!("c-{id}").as_str().into(), noon());
        order.issued = 100;
        let body = serde_json::to_vec(&order).expect("an order");
        let put = vec![Put { key: format!("order/{id}"), expect: 0, body }];
        self.commit(Unit { put, ..Unit::default() }).await;
    }

    /// The order, which is stored, waits for this command from now on.
    pub async fn put_order_waiting(&self, id: &str, command: &str) {
        let key = format!("order/{id}");
        let stored = self.site.store.read(self.site.id(), std::slice::from_ref(&key)).await.expect("memory");
        let stored = stored.into_iter().flatten().next().expect("an order");
        let mut order: Order = serde_json::from_slice(&stored.body).expect("an order");
        let pending = Pending::new(AskKind::AddNote);
        order.unsent.insert(command.into(), pending);
        let body = serde_json::to_vec(&order).expect("an order");
        self.commit(Unit { put: vec![Put { key, expect: stored.version, body }], ..Unit::default() }).await;
    }

    /// An entry of the inbox that is no request.
    pub async fn append(&self, item: &Item) {
        self.commit(Unit { append: vec![item.to_bytes()], ..Unit::default() }).await;
    }

    /// A verified request, as `http::hooks` keeps it.
    pub async fn offer(&self, id: &str, raw: Vec<u8>) {
        let at = self.site.clock.now();
        let offer = Offer { id: id.to_owned(), key: IdempotencyKey::Always, at, raw };
        self.store.offer(self.site.id(), &offer).await.expect("memory");
        self.site.inbox_bell.notify_one();
    }

    pub async fn link(&self, key: String) -> Option<String> {
        self.site.store.find(self.site.id(), &[key]).await.expect("memory").pop().flatten()
    }

    /// What waits for one of the couriers here: a step may ask other platforms for something, too.
    pub async fn deliveries(&self) -> Vec<Delivery> {
        let mut all = self.site.store.deliveries(self.site.id(), 0, 100).await.expect("memory");
        all.retain(|delivery| self.site.outbound.couriers.contains_key(&delivery.command.ask.target()));
        all
    }

    pub async fn dead(&self) -> Vec<DeadLetter> {
        self.site.store.dead(self.site.id(), 100).await.expect("memory")
    }

    /// The events of an order with the places of the requests that they name, oldest first.
    pub async fn origins(&self, order: &str) -> Vec<(String, String)> {
        let journal = self.site.store.journal(self.site.id(), &order.into(), 100).await.expect("memory");
        let event = |event: &serde_json::Value| event["event"].as_str().unwrap_or_default().to_owned();
        journal.iter().map(|entry| (event(&entry.event), entry.raw.clone())).collect()
    }

    /// The requests behind the steps of an order, oldest first: what the journal names as events.
    pub async fn events(&self, order: &str) -> Vec<String> {
        let journal = self.site.store.journal(self.site.id(), &order.into(), 100).await.expect("memory");
        journal.iter().map(|entry| entry.event["event"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.working.iter().for_each(JoinHandle::abort);
    }
}
