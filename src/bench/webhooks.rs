//! Webhooks: how many are acknowledged in a second while the bridge works them, beside bare handlers on the same
//! store. Never waits for the work. Enter at [`webhooks`].

use std::sync::Arc;

use super::bed::Bed;
use super::load::{Connection, Load, Target, Until, post};
use super::machine::Process;
use super::place::{Kind, Place};
use super::reference::Reference;
use super::rounds::{Figures, Rounds, Side};
use super::row::{Goal, Row};
use super::subject::{Schools, Subject};

pub async fn webhooks(bed: &Bed) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for kind in bed.kinds(&[Kind::Everysec, Kind::Always, Kind::Embedded]) {
        let mut rounds = Rounds::new(format!("webhooks.{}", kind.name()), "rate");
        for _ in 0..bed.amount.rounds {
            let place = bed.place(kind).await?;
            let reference = Reference::start(&place).await?;
            rounds.add(Side::Reference, figures(bed, &reference.target, reference.process()?, &place).await?);
            drop((reference, place));
            for (side, program) in bed.programs() {
                let place = bed.place(kind).await?;
                let subject = Subject::start(program, &place, Schools::one()).await?;
                rounds.add(side, figures(bed, &subject.target, subject.process()?, &place).await?);
            }
        }
        rows.extend(rows_of(kind, &rounds));
    }
    Ok(rows)
}

fn rows_of(kind: Kind, rounds: &Rounds) -> Vec<Row> {
    let (rate, cpu) = match kind {
        Kind::Everysec | Kind::Always => (0.85, 1.6),
        Kind::Embedded => (0.6, 2.0),
    };
    let far = Goal::RatioAtLeast(0.8);
    let mut rows = vec![
        rounds.row("rate", "1/s").goal(Goal::RatioAtLeast(rate)).far(far),
        rounds.row("p50", "ms"),
        rounds.row("p99", "ms").goal(Goal::RatioAtMost(2.0)).far(Goal::AtMost(5.0)),
        rounds.row("cpu", "us").goal(Goal::RatioAtMost(cpu)),
    ];
    if kind != Kind::Embedded {
        rows.push(rounds.row("redis_cpu", "us"));
        rows.push(rounds.row("commands", "commands"));
        rows.push(rounds.row("reads", "reads"));
    }
    rows.push(rounds.row("written", "bytes"));
    rows.push(rounds.row("repeated", "1/s").goal(Goal::RatioAtLeast(0.9)));
    rows
}

/// First the same request again and again, then orders that are all new. CPU, commands and bytes are for each
/// acknowledged order and include what is worked meanwhile.
async fn figures(bed: &Bed, target: &Target, process: Process, place: &Place) -> Result<Figures, String> {
    let until = Until::Past(bed.amount.window);
    let again: Arc<[u8]> = target.order().into();
    Connection::open(target.address).await?.ask(&again).await?;
    let repeated = post(Load { again: Some(again), ..Load::new(target, until) }).await?;
    let (used, cpu_ms) = (place.used(process).await?, process.cpu_ms()?);
    let answered = post(Load::new(target, until)).await?;
    let count = answered.count as f64;
    let cpu_ms = (process.cpu_ms()? - cpu_ms) / count;
    let used = place.used(process).await?.for_each(used, count);
    Ok(Figures::from([
        ("rate", answered.per_second),
        ("p50", answered.p50_ms),
        ("p99", answered.p99_ms),
        ("cpu", cpu_ms * 1000.0),
        ("redis_cpu", used.cpu_ms * 1000.0),
        ("commands", used.commands),
        ("reads", used.reads),
        ("written", used.written_bytes),
        ("repeated", repeated.per_second),
    ]))
}
