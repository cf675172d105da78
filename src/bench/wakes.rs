//! Wakes: orders whose timers are all due at once are fired, stepped and committed, beside empty jobs of BullMQ. The
//! bridge's time stands still: it takes the orders, stops, starts again, and its time is moved to when all of them
//! are due. Enter at [`wakes`] and [`burst`].

use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use super::bed::Bed;
use super::bullmq::BullMq;
use super::load::{Load, Until, post};
use super::place::{Kind, Place};
use super::rounds::{Figures, Rounds, Side};
use super::row::{Goal, Row};
use super::subject::{Health, Program, Schools, Subject};
use crate::clock::wall_now;
use crate::process::At;

/// Orders of one round, and jobs of the reference.
const ORDERS: usize = 10_000;
const JOBS: usize = 40_000;
/// Orders of a burst.
const BURST: usize = 100_000;
/// Until the timer of a new order, and until all of them are due.
const PAUSE_MINUTES: u32 = 1;
const DUE: TimeDelta = TimeDelta::minutes(2);

pub async fn wakes(bed: &Bed) -> Result<Vec<Row>, String> {
    if bed.kinds(&[Kind::Everysec]).is_empty() {
        return Ok(Vec::new());
    }
    let mut rounds = Rounds::new("wakes.everysec", "rate");
    let filled = Filled::of(bed, bed.orders(ORDERS)).await?;
    let bullmq = BullMq::install(&bed.folder()).await;
    for _ in 0..bed.amount.rounds {
        if let Some(bullmq) = &bullmq {
            let place = bed.place(Kind::Everysec).await?;
            rounds.add(Side::Reference, bullmq.fire(&place, bed.orders(JOBS)).await?);
        }
        filled.fire(bed, &mut rounds).await?;
    }
    Ok(rows_of(&rounds))
}

/// One round of many more: what a school's backlog costs when all of it is due.
pub async fn burst(bed: &Bed) -> Result<Vec<Row>, String> {
    if bed.kinds(&[Kind::Everysec]).is_empty() {
        return Ok(Vec::new());
    }
    let mut rounds = Rounds::new("burst.everysec", "rate");
    Filled::of(bed, bed.orders(BURST)).await?.fire(bed, &mut rounds).await?;
    Ok(vec![
        rounds.counted("orders", "orders"),
        rounds.counted("fired", "wakes"),
        rounds.row("rate", "1/s"),
        rounds.row("time", "s").goal(Goal::AtMost(10.0)).far(Goal::AtMost(4.0)),
        rounds.row("cpu", "us"),
        rounds.row("redis_cpu", "us"),
        rounds.row("peak_memory", "MiB").goal(Goal::AtMost(250.0)),
    ])
}

/// Stores in which the timers of so many orders wait, one of each build.
struct Filled<'b> {
    schools: Schools,
    due: At,
    orders: usize,
    folders: Vec<(Side, &'b Program, PathBuf)>,
}

impl<'b> Filled<'b> {
    async fn of(bed: &'b Bed, orders: usize) -> Result<Self, String> {
        let taken_at = wall_now();
        let schools = Schools { pause_minutes: PAUSE_MINUTES, stands_at: Some(taken_at), ..Schools::one() };
        let mut folders = Vec::new();
        for (side, program) in bed.programs() {
            let place = bed.place(Kind::Everysec).await?;
            let folder = place.folder.clone();
            fill(program, place, schools, orders).await?;
            folders.push((side, program, folder));
        }
        Ok(Self { schools, due: taken_at + DUE, orders, folders })
    }

    /// Fires a copy of each.
    async fn fire(&self, bed: &Bed, rounds: &mut Rounds) -> Result<(), String> {
        for (side, program, filled) in &self.folders {
            let folder = bed.folder();
            copy(filled, &folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            let place = Place::open(Kind::Everysec, &folder).await?;
            rounds.add(*side, fire(program, place, self.schools, self.due, self.orders).await?);
        }
        Ok(())
    }
}

fn rows_of(rounds: &Rounds) -> Vec<Row> {
    let rate = rounds.row("rate", "1/s").goal(Goal::RatioAtLeast(1.5)).far(Goal::AtLeast(25_000.0));
    let to_peer = rounds.row_to_peer("rate", "1/s").map(|row| row.goal(Goal::RatioAtLeast(5.0)));
    let mut rows = vec![rounds.counted("orders", "orders"), rounds.counted("fired", "wakes"), rate];
    rows.extend(to_peer);
    rows.extend([
        rounds.row("time", "s"),
        rounds.row("cpu", "us"),
        rounds.row("redis_cpu", "us"),
        rounds.row("commands", "commands"),
        rounds.row("reads", "reads"),
        rounds.row("written", "bytes").goal(Goal::AtMost(1_536.0)),
        rounds.row("peak_memory", "MiB"),
    ]);
    rows
}

/// Takes the orders and stops, so that their timers wait in the store.
async fn fill(program: &Program, place: Place, schools: Schools, orders: usize) -> Result<(), String> {
    let subject = Subject::start(program, &place, schools).await?;
    post(Load::new(&subject.target, Until::Sent(orders))).await?;
    let looks = subject.until(|health| health.inbox == 0).await?;
    let wakes = looks[looks.len() - 1].wakes;
    if wakes < orders as u64 {
        return Err(format!("{wakes} of {orders} orders wait for their time"));
    }
    subject.stop().await?;
    place.close().await;
    Ok(())
}

/// Starts on a filled store, moves the time to `due` and waits until all timers have fired: each adds one command, a
/// task, and none leaves, because the CRM is away.
async fn fire(
    program: &Program,
    place: Place,
    schools: Schools,
    due: At,
    orders: usize,
) -> Result<Figures, String> {
    let subject = Subject::start(program, &place, schools).await?;
    let process = subject.process()?;
    let (unused, cpu_ms) = (place.used_by_redis().await?, process.cpu_ms()?);
    let before = subject.health().await?;
    subject.advance(due).await?;
    let fired = |health: &Health| health.outbox.saturating_sub(before.outbox);
    let looks = subject.until(|health| fired(health) >= orders as u64).await?;
    let last = looks[looks.len() - 1];
    let used = place.used_by_redis().await?.for_each(unused, orders as f64);
    let seconds = (last.at - before.at).as_secs_f64().max(1e-3);
    Ok(Figures::from([
        ("orders", orders as f64),
        ("fired", fired(&last) as f64),
        ("rate", fired(&last) as f64 / seconds),
        ("time", seconds),
        ("cpu", (process.cpu_ms()? - cpu_ms) / orders as f64 * 1000.0),
        ("redis_cpu", used.cpu_ms * 1000.0),
        ("commands", used.commands),
        ("reads", used.reads),
        ("written", used.written_bytes),
        ("peak_memory", process.peak_mb()?),
    ]))
}

/// A folder with everything in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
