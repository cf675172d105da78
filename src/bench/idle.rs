//! Idle schools: what a hundred of them cost while nothing happens. Enter at [`idle`].

use super::bed::Bed;
use super::place::Kind;
use super::rounds::{Figures, Rounds};
use super::row::{Goal, Row};
use super::subject::{Schools, Subject};
use crate::clock::stopwatch;

const SCHOOLS: usize = 100;
/// Windows until the work of the start is done.
const CALM: u32 = 5;

pub async fn idle(bed: &Bed) -> Result<Vec<Row>, String> {
    if bed.kinds(&[Kind::Everysec]).is_empty() {
        return Ok(Vec::new());
    }
    let mut rounds = Rounds::new("idle.everysec", "commands");
    let schools = Schools { count: bed.amount.schools.unwrap_or(SCHOOLS), has_crm: false, ..Schools::one() };
    for _ in 0..bed.amount.rounds {
        for (side, program) in bed.programs() {
            let place = bed.place(Kind::Everysec).await?;
            let subject = Subject::start(program, &place, schools).await?;
            let process = subject.process()?;
            tokio::time::sleep(CALM * bed.amount.window).await;
            let (used, cpu_ms, began) = (place.used(process).await?, process.cpu_ms()?, stopwatch());
            tokio::time::sleep(2 * bed.amount.window).await;
            let seconds = began.elapsed().as_secs_f64();
            let used = place.used(process).await?.for_each(used, seconds);
            rounds.add(
                side,
                Figures::from([
                    ("schools", subject.health().await?.owned as f64),
                    ("commands", used.commands),
                    ("reads", used.reads),
                    ("cpu", (process.cpu_ms()? - cpu_ms) / seconds),
                    ("memory", process.memory_mb()?),
                ]),
            );
        }
    }
    Ok(vec![
        rounds.counted("schools", "schools"),
        rounds.row("commands", "1/s").goal(Goal::AtMost(120.0)),
        rounds.row("reads", "1/s"),
        rounds.row("cpu", "ms/s"),
        rounds.row("memory", "MiB").goal(Goal::AtMost(60.0)),
    ])
}
