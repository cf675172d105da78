//! Steps: how many events of new orders are stepped and committed in a second, alone and while webhooks come in as
//! fast as they are answered. The platforms are away. Enter at [`steps`].

use std::pin::pin;

use super::bed::Bed;
use super::load::{Load, Until, post};
use super::place::{Kind, Place};
use super::rounds::{Figures, Rounds};
use super::row::{Goal, Row};
use super::subject::{Health, LOOK, Program, Schools, Subject};

/// Orders of one round.
const ORDERS: usize = 6_000;

pub async fn steps(bed: &Bed) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for kind in bed.kinds(&[Kind::Everysec, Kind::Embedded]) {
        let mut rounds = Rounds::new(format!("steps.{}", kind.name()), "rate");
        for _ in 0..bed.amount.rounds {
            for (side, program) in bed.programs() {
                rounds.add(side, round(bed, program, &bed.place(kind).await?).await?);
            }
        }
        rows.push(rounds.counted("orders", "orders"));
        rows.push(rounds.counted("committed", "orders"));
        rows.push(rounds.counted("stepped", "events"));
        rows.push(rounds.row("rate", "1/s"));
        rows.extend(rounds.row_to_peer("rate", "1/s").map(|row| row.goal(Goal::RatioAtLeast(4.0))));
        rows.push(rounds.row("cpu", "us"));
        if kind != Kind::Embedded {
            rows.push(rounds.row("redis_cpu", "us"));
            rows.push(rounds.row("commands", "commands"));
            rows.push(rounds.row("reads", "reads"));
        }
        let written = rounds.row("written_a_webhook", "bytes");
        rows.push(if kind == Kind::Embedded { written } else { written.goal(Goal::AtMost(3_072.0)) });
        rows.push(rounds.row("behind_at_half", "s").goal(Goal::AtMost(1.0)));
        let alone = rounds.row("rate", "1/s").value;
        rows.push(rounds.row("saturated", "1/s").beside(alone).goal(Goal::RatioAtLeast(0.6)));
        rows.push(rounds.row("saturated_intake", "1/s"));
    }
    Ok(rows)
}

async fn round(bed: &Bed, program: &Program, place: &Place) -> Result<Figures, String> {
    let subject = Subject::start(program, place, Schools::one()).await?;
    let process = subject.process()?;
    let orders = bed.orders(ORDERS);
    let unused = place.used(process).await?;
    let began = subject.health().await?;
    post(Load::new(&subject.target, Until::Sent(orders))).await?;
    let (used, cpu_ms) = (place.used(process).await?, process.cpu_ms()?);
    let looks = subject.until(|health| health.inbox == 0).await?;
    let (first, last) = (looks[0], looks[looks.len() - 1]);
    let stepped = last.done() - first.done();
    let since_posted = place.used(process).await?;
    let for_step = since_posted.for_each(used, stepped);
    let rate = alone(&began, &looks);
    let mut figures = Figures::from([
        ("orders", orders as f64),
        ("committed", last.done() - began.done()),
        // More than the orders where a refused commit had some stepped again.
        ("stepped", (last.stepped - began.stepped) as f64),
        ("rate", rate),
        ("cpu", (process.cpu_ms()? - cpu_ms) / stepped * 1000.0),
        ("redis_cpu", for_step.cpu_ms * 1000.0),
        ("commands", for_step.commands),
        ("reads", for_step.reads),
        ("written_a_webhook", since_posted.for_each(unused, orders as f64).written_bytes),
    ]);
    let until = Until::Past(bed.amount.window);
    let half = Load { per_second: Some(rate / 2.0), ..Load::new(&subject.target, until) };
    let (_, looks) = watched(&subject, half).await?;
    let deepest = looks.iter().map(|health| health.inbox).max().unwrap_or_default();
    figures.insert("behind_at_half", deepest as f64 / rate);
    let (intake, looks) = watched(&subject, Load::new(&subject.target, until)).await?;
    figures.insert("saturated", looks[looks.len() - 1].rate_since(&looks[0]));
    figures.insert("saturated_intake", intake);
    Ok(figures)
}

/// The rate after everything has been posted, up to the last look at which something was left. Where the orders
/// were done before, the rate since the beginning.
fn alone(began: &Health, looks: &[Health]) -> f64 {
    let last = looks[looks.len() - 1];
    match looks.iter().rev().find(|health| health.inbox > 0) {
        Some(left) if left.done() > looks[0].done() => left.rate_since(&looks[0]),
        Some(_) => last.rate_since(&looks[0]),
        None => last.rate_since(began),
    }
}

/// Posts a load and looks meanwhile, first at its beginning and last at its end; returns the rate of the answers.
async fn watched(subject: &Subject, load: Load) -> Result<(f64, Vec<Health>), String> {
    let mut looks = vec![subject.health().await?];
    let mut posting = pin!(post(load));
    loop {
        tokio::select! {
            answered = &mut posting => {
                looks.push(subject.health().await?);
                return Ok((answered?.per_second, looks));
            }
            () = tokio::time::sleep(LOOK) => looks.push(subject.health().await?),
        }
    }
}
