//! A launch: thousands of orders of new clients within seconds, into one amoCRM account at its budget, with
//! payments in the middle. Driven time, the real bridge, the sandbox's platforms. Figures are measured on the
//! stand-ins, never taken from the bridge. Enter at [`launch`].

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::row::{Goal, Row};
use crate::clock::{Clock, DrivenClock, stopwatch};
use crate::config::Surroundings;
use crate::demo::inside::{Door, Inside, Straight, school_files, stand_ins};
use crate::demo::player::{DrivenNow, Player};
use crate::demo::scripts::Material;
use crate::sandbox::amocrm::model::{Entity, Lead, WON};
use crate::sandbox::faults::Faults;
use crate::sandbox::moment::{Moment, Span};
use crate::sandbox::script::OrderScript;
use crate::sandbox::wire::Platform;
use crate::sandbox::{Setup, World};
use crate::secret::random_token;

/// Orders of a full launch.
pub const ORDERS: usize = 10_000;
/// Orders per second, until all have been created.
const ORDERS_PER_SECOND: usize = 500;
/// From the start of the run to the orders that exist before the launch, and to the launch itself.
const BEFORE: TimeDelta = TimeDelta::minutes(120);
const LAUNCH: TimeDelta = TimeDelta::minutes(130);
/// If the queue has not drained after this, something is stuck.
const LONGEST: TimeDelta = TimeDelta::minutes(60);
/// Driven time between two checks whether everything is done.
const LOOK: TimeDelta = TimeDelta::seconds(2);
/// Driven milliseconds that are treated as one moment.
const GRAIN_MS: i64 = 5;
/// The account's budget: the default of `amocrm.requests_per_second`.
const PER_SECOND: f64 = 6.0;
/// Items of a full request.
const BATCH: usize = 50;

/// The size of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Orders of the launch, all of new clients.
    pub orders: usize,
    /// Clients who ordered before the launch and pay in the middle of it.
    pub before: usize,
    /// Clients of the launch itself who pay in the middle of it.
    pub within: usize,
}

impl Size {
    /// About two dozen payments in a full launch.
    pub fn of(orders: usize) -> Self {
        Self { orders, before: 12.min(orders / 100), within: 12.min(orders / 100) }
    }

    /// Seconds of the launch at which the clients pay: spread over its middle half.
    fn pays_at(&self, place: usize) -> i64 {
        let batches = 3 * self.orders.div_ceil(BATCH);
        let whole = batches as f64 / PER_SECOND;
        let step = whole / 2.0 / (self.before + self.within).max(1) as f64;
        (whole / 4.0 + step * place as f64) as i64
    }
}

/// The result of a launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    pub size: Size,
    /// Leads created from the first order until everything is done; each lead of a new client brings its
    /// contact.
    pub leads: usize,
    pub tasks: usize,
    pub notes: usize,
    /// From the first order until lead, contact, task and first note of all orders exist, seconds.
    pub drain_s: f64,
    /// Requests to amoCRM until then, and those answered with 429.
    pub requests: u64,
    pub refused: u64,
    /// From each payment until its tasks are closed and its stage is won, seconds, sorted.
    pub paid_s: Vec<f64>,
    /// Real seconds that the run took.
    pub took_s: f64,
}

impl Launch {
    /// Requests that are needed for everything that was written, if all of them are full.
    fn full_batches(&self) -> usize {
        [self.leads, self.tasks, self.notes].map(|count| count.div_ceil(BATCH)).iter().sum()
    }

    fn paid(&self, per_cent: usize) -> f64 {
        let last = self.paid_s.len().saturating_sub(1);
        self.paid_s.get((self.paid_s.len() * per_cent / 100).min(last)).copied().unwrap_or(f64::INFINITY)
    }

    pub fn rows(&self) -> Vec<Row> {
        let full = self.full_batches() as f64;
        // Lead and contact count as two requests, as they would without batches and without `complex`.
        let single = (2 * self.leads + self.tasks + self.notes) as f64;
        let entities = |name, count: usize| Row::without_goal(name, count as f64, "entities");
        vec![
            entities("launch.leads_with_contacts", self.leads),
            entities("launch.tasks", self.tasks),
            entities("launch.notes", self.notes),
            Row::without_goal("launch.drain", self.drain_s, "s")
                .beside(full / PER_SECOND)
                .goal(Goal::RatioAtMost(1.15))
                .far(Goal::RatioAtMost(1.2)),
            Row::without_goal("launch.one_request_per_entity", single / PER_SECOND, "s")
                .beside(full / PER_SECOND),
            Row::without_goal("launch.requests", self.requests as f64, "requests").beside(full),
            Row::without_goal("launch.refused_429", self.refused as f64, "requests").goal(Goal::AtMost(0.0)),
            Row::without_goal("launch.payments", self.paid_s.len() as f64, "payments"),
            Row::without_goal("launch.payment_p50", self.paid(50), "s"),
            Row::without_goal("launch.payment_p99", self.paid(99), "s").goal(Goal::AtMost(2.0)),
            Row::without_goal("launch.payment_max", self.paid(100), "s"),
            Row::without_goal("launch.real_time", self.took_s, "s"),
        ]
    }
}

/// Plays one launch until everything is done and every client who paid is won.
pub async fn launch(size: Size) -> Result<Launch, String> {
    let began = stopwatch();
    let folder = std::env::temp_dir().join(format!("dozvon-bench-{}", &random_token()[..8]));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let played = play(size, &folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    Ok(Launch { took_s: began.elapsed().as_secs_f64(), ..played? })
}

async fn play(size: Size, folder: &std::path::Path) -> Result<Launch, String> {
    let secret = random_token();
    let setup = setup(size, &|platform| format!("http://bridge/hooks/rost/{platform}/{secret}"))?;
    let files = school_files(folder, &setup, &secret, without_pause).map_err(|error| error.to_string())?;
    let start = setup.start.with_timezone(&Utc);
    let clock = DrivenClock::starting_at(start);
    let driven: Arc<dyn Clock> = Arc::new(clock.clone());
    let shared = stand_ins(setup, 1, &driven);
    let surroundings = Surroundings::new(BTreeMap::new(), start);
    let inside = Inside::start(shared.clone(), driven, &files, &surroundings)?;
    let site = inside.site.clone();
    let mut player = Player::new(shared, DrivenNow::starting_at(start), Straight(site.clone()));
    player.grain_ms = GRAIN_MS;
    let door = Door { site, clock };
    let launch_at = start + LAUNCH;
    let mut until = launch_at;
    let mut before = None;
    let played = loop {
        if let Err(stuck) = player.play(&door, until, |_, _| {}).await {
            break Err(stuck.to_string());
        }
        player.taken.clear();
        let world = player.shared.world();
        let requests = world.counters().get(Platform::Amocrm);
        let before = *before.get_or_insert(requests);
        if let Some(launch) = measure(&world, size, launch_at) {
            let (requests, refused) =
                (requests.requests - before.requests, requests.refused_429 - before.refused_429);
            break Ok(Launch { requests, refused, ..launch });
        }
        if until > launch_at + LONGEST {
            break Err(format!("the launch has not drained: {}", summary(&world)));
        }
        until += LOOK;
    };
    inside.abandon();
    played
}

/// The state of the stand-ins when nothing moves any more.
fn summary(world: &World) -> String {
    let account = world.amocrm();
    let (leads, tasks, notes) = (account.leads.len(), account.tasks.len(), account.notes.len());
    format!("{leads} leads, {tasks} tasks, {notes} notes stand")
}

/// The demo's school with the launch's orders and without faults.
fn setup(size: Size, hooks: &dyn Fn(&str) -> String) -> Result<Setup, String> {
    let mut setup = Material::load(hooks).map_err(|slip| slip.to_string())?.setup;
    let template = setup.orders.first().cloned().ok_or("the demo has no order")?;
    setup.faults = Faults::default();
    // The bridge subscribes on its own.
    setup.amocrm.hooks.clear();
    // The tasks must stay open while they are being created.
    setup.managers.iter_mut().for_each(|manager| manager.lag = Span(TimeDelta::days(2)));
    let launched = (0..size.orders).map(|place| {
        let at = LAUNCH + TimeDelta::milliseconds((place * 1000 / ORDERS_PER_SECOND) as i64);
        // Spread over the first half, so that they are at different positions of the queue.
        let pays = place.checked_rem(size.orders / 2 / size.within.max(1)).filter(|rest| *rest == 0);
        let nth = place / (size.orders / 2 / size.within.max(1)).max(1);
        let pays = pays.filter(|_| nth < size.within).map(|_| size.pays_at(2 * nth));
        order(&template, size.before + place, at, pays.map(|at_s| LAUNCH + TimeDelta::seconds(at_s)))
    });
    let before = (0..size.before).map(|place| {
        let pays = LAUNCH + TimeDelta::seconds(size.pays_at(2 * place + 1));
        order(&template, place, BEFORE + TimeDelta::seconds(place as i64), Some(pays))
    });
    setup.orders = before.chain(launched).collect();
    Ok(setup)
}

/// One order of a new client.
fn order(template: &OrderScript, number: usize, at: TimeDelta, pays: Option<TimeDelta>) -> OrderScript {
    let mut order = OrderScript {
        id: format!("n{number}"),
        at: Moment::After(at),
        name: format!("Клиент {number}"),
        phone: format!("+7903{:07}", 2_310_000 + number),
        email: format!("client{number}@client.example"),
        offer: 501,
        utm_source: "launch".to_owned(),
        order_id: Some(ORDER_FIRST + number as i64),
        ..template.clone()
    };
    let paying = pays.map(|pays| crate::sandbox::script::EventScript::pay(Moment::After(pays - at)));
    order.events = paying.into_iter().collect();
    (order.answers, order.calls, order.cost) = (Vec::new(), Vec::new(), None);
    order
}

const ORDER_FIRST: i64 = 800_000_000;

/// Calls begin at once: the pause for paying without a call is not what is measured.
fn without_pause(path: &str, text: String) -> String {
    if path.ends_with("process/default.toml") { "[arrival]\npause_minutes = 0\n".to_owned() } else { text }
}

/// The figures; `None` until everything is done.
fn measure(world: &World, size: Size, launch_at: DateTime<Utc>) -> Option<Launch> {
    let account = world.amocrm();
    let whole = size.orders + size.before;
    if account.leads.len() < whole || account.notes.len() < whole || account.tasks.len() < size.orders {
        return None;
    }
    let mut first_note = BTreeMap::new();
    for note in account.notes.values().filter(|note| note.entity.0 == Entity::Leads) {
        first_note.entry(note.entity.1).or_insert(note.created_at);
    }
    let (mut drained, mut paid_s) = (launch_at, Vec::new());
    let sales = account.main_pipeline()?.id;
    let leads = account.leads.values().filter(|lead| lead.first_pipeline_id == sales);
    for lead in leads.clone() {
        let (number, paid_at) = buyer(world, lead)?;
        let tasks: Vec<_> = account.tasks_of(Entity::Leads, lead.id).collect();
        if let Some(paid_at) = paid_at {
            let closed = tasks.iter().map(|task| task.is_completed.then_some(task.updated_at));
            let won = lead.closed_at.filter(|_| lead.status_id == WON);
            let done = closed.chain([won]).collect::<Option<Vec<_>>>()?.into_iter().max()?;
            paid_s.push(seconds(done - paid_at));
        }
        if number >= size.before {
            // A client who pays before the task is created needs none.
            let task = tasks.first().map(|task| task.created_at).or(paid_at)?;
            drained = drained.max(lead.created_at).max(*first_note.get(&lead.id)?).max(task);
        }
    }
    if leads.count() < whole || paid_s.len() < size.before + size.within {
        return None;
    }
    paid_s.sort_by(f64::total_cmp);
    let meanwhile = |at: DateTime<Utc>| (launch_at..=drained).contains(&at);
    Some(Launch {
        size,
        leads: account.leads.values().filter(|lead| meanwhile(lead.created_at)).count(),
        tasks: account.tasks.values().filter(|task| meanwhile(task.created_at)).count(),
        notes: account.notes.values().filter(|note| meanwhile(note.created_at)).count(),
        drain_s: seconds(drained - launch_at),
        requests: 0,
        refused: 0,
        paid_s,
        took_s: 0.0,
    })
}

/// The client whose lead it is, and when they paid.
fn buyer(world: &World, lead: &Lead) -> Option<(usize, Option<DateTime<Utc>>)> {
    let contact = world.amocrm().contacts.get(&lead.contacts.first()?.0)?;
    let number = contact.name.rsplit(' ').next()?.parse::<usize>().ok()?;
    let order = world.getcourse().orders.get(&(ORDER_FIRST + number as i64))?;
    Some((number, order.payments.first().map(|payment| payment.at)))
}

fn seconds(span: TimeDelta) -> f64 {
    span.num_milliseconds() as f64 / 1000.0
}
