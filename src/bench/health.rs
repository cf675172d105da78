//! The page of health with many orders on the embedded store: how long it takes beside an answer of the same server
//! that looks at nothing, and what asking for it costs the webhooks. Enter at [`health`].

use super::bed::Bed;
use super::load::{Connection, Load, Until, post};
use super::place::Kind;
use super::rounds::{Figures, Rounds, Side};
use super::row::{Goal, Row};
use super::subject::{Schools, Subject};
use crate::clock::stopwatch;

const ORDERS: usize = 32_000;
/// Answers of one round.
const TIMES: usize = 100;
/// Webhooks per second beside it.
const PER_SECOND: f64 = 500.0;

pub async fn health(bed: &Bed) -> Result<Vec<Row>, String> {
    let orders = bed.orders(ORDERS);
    let mut rounds = Rounds::new("health.embedded", "time");
    let mut running = Vec::new();
    for (side, program) in bed.programs() {
        let place = bed.place(Kind::Embedded).await?;
        let subject = Subject::start(program, &place, Schools::one()).await?;
        post(Load::new(&subject.target, Until::Sent(orders))).await?;
        subject.until(|health| health.inbox == 0).await?;
        running.push((side, subject, place));
    }
    for _ in 0..bed.amount.rounds {
        for (side, subject, _) in &running {
            let mut figures =
                Figures::from([("orders", orders as f64), ("time", p50(subject, "/health").await?)]);
            let load = Load {
                per_second: Some(PER_SECOND),
                ..Load::new(&subject.target, Until::Past(bed.amount.window))
            };
            figures.insert("webhook_p99_alone", post(load.clone()).await?.p99_ms);
            let asked = tokio::select! {
                answered = post(load) => answered?,
                asking = ask_on(subject) => return Err(asking),
            };
            figures.insert("webhook_p99", asked.p99_ms);
            rounds.add(*side, figures);
            if *side == Side::Own {
                rounds.add(Side::Reference, Figures::from([("time", p50(subject, "/livez").await?)]));
            }
        }
    }
    let alone = rounds.row("webhook_p99_alone", "ms").value;
    Ok(vec![
        rounds.counted("orders", "orders"),
        rounds.row("time", "ms").goal(Goal::AtMost(1.0)),
        rounds.row("webhook_p99", "ms").beside(alone),
    ])
}

/// The median time of an answer, milliseconds.
async fn p50(subject: &Subject, path: &str) -> Result<f64, String> {
    let mut connection = subject.operation().await?;
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let began = stopwatch();
        connection.get(path).await?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[TIMES / 2])
}

/// Asks again and again; returns only what went wrong.
async fn ask_on(subject: &Subject) -> String {
    let asking = async {
        let mut connection: Connection = subject.operation().await?;
        loop {
            connection.get("/health").await?;
        }
    };
    let ended: Result<std::convert::Infallible, String> = asking.await;
    match ended {
        Err(why) => why,
        Ok(never) => match never {},
    }
}
