//! What a run has come to, without its times: the table, and per order its tasks and letters as the
//! stand-ins hold them. Two versions that behave alike come to the same, whatever moved by seconds.
//! It never judges. Enter at [`DemoOutcome::of`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::facts::{self, Run, Wanted};
use super::kills::{Deeds, Fates};
use super::names::Names;
use super::report;
use super::scripts::{Material, Script};
use crate::process::SchoolId;
use crate::sandbox::{World, marker};
use crate::store::{Store, StoreResult};

/// Of each text so much is shown.
const HEAD_CHARS: usize = 120;

/// Nothing in it depends on when exactly something happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemoOutcome {
    /// Lines of the table that the demo ends with.
    pub table: Vec<String>,
    /// By the script's id: a line for each task (amoCRM's type, the key of the one who has it in the end,
    /// text) and each letter (subject, text), sorted; what is there twice stands there twice.
    pub orders: BTreeMap<String, Vec<String>>,
    /// What a run of this version would not end well for: expectations that were not met, what is lost or doubled.
    /// Not kept in a fixture.
    #[serde(skip)]
    pub troubles: Vec<String>,
}

impl DemoOutcome {
    /// Of a bridge that is at rest, and the world that it worked in.
    pub async fn of(
        store: &dyn Store,
        school: SchoolId,
        world: &World,
        material: &Material,
        end: DateTime<Utc>,
    ) -> StoreResult<Self> {
        let fates = Fates { kills: 0, redis_kills: 0, seed: 0, end };
        let deeds = Wanted { fates, deeds: Deeds::default() };
        let run = Run { store, school, world, material, taken: &[], repairs: 0, deeds, end };
        let (facts, rows) = facts::count(&run).await?;
        let names = Names::of(&material.setup);
        let held = |script: &Script| (script.order.id.clone(), held(world, &names, &script.order.id));
        let orders = material.scripts.iter().map(held).collect();
        let table = report::table(&rows);
        let troubles = facts.troubles;
        Ok(Self { table: table.lines().map(str::to_owned).collect(), orders, troubles })
    }

    /// As a fixture keeps it.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn held(world: &World, names: &Names, script: &str) -> Vec<String> {
    let tasks = world.tasks_of(script).into_iter().map(|task| {
        let (person, text) = (names.manager(task.responsible_user_id), short(&unmarked(&task.text)));
        format!("task {} {person}: {text}", task.task_type_id)
    });
    let letters = world.letters_of(script).into_iter();
    let letters = letters.map(|letter| format!("letter {}: {}", letter.subject, short(&letter.text)));
    let mut lines: Vec<String> = tasks.chain(letters).collect();
    lines.sort();
    lines
}

/// The marker counts commands: another version may count others.
fn unmarked(text: &str) -> String {
    match marker(text) {
        Some(marker) => text.replace(&format!("[{marker}]"), ""),
        None => text.to_owned(),
    }
}

/// Lines of tasks that tell the moment of the task, of what led to it, or what is counted from it: of
/// these the minute is left out. Any other time was promised or planned, and stays.
const OF_THE_MOMENT: [&str; 5] =
    ["Последний звонок:", "Клиент звонил", "Следующий шаг:", "Срок был:", "Ответ нужен до:"];

/// The beginning of a text, and the digest of all of it.
fn short(text: &str) -> String {
    let plain: Vec<String> = text.trim_end().lines().map(timeless).collect();
    let plain = plain.join("\n");
    let head: String = plain.chars().take(HEAD_CHARS).collect();
    let digest = hex::encode(Sha256::digest(plain.as_bytes()));
    format!("{head} #{}", &digest[..16])
}

fn timeless(line: &str) -> String {
    if !OF_THE_MOMENT.iter().any(|start| line.starts_with(start)) {
        return line.to_owned();
    }
    let word = |word: &str| match word.split_once(':') {
        Some((hour, rest)) if hour.len() == 2 && hour.bytes().all(|digit| digit.is_ascii_digit()) => {
            format!("··:··{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit()))
        }
        _ => word.to_owned(),
    };
    // Also no-break spaces stand between words.
    line.split_inclusive(char::is_whitespace).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_minute_of_the_moment_is_left_out() {
        assert_eq!(
            timeless("Последний звонок: 19 марта, 10:10, нет ответа."),
            "Последний звонок: 19 марта, ··:··, нет ответа."
        );
        assert_eq!(
            timeless("Срок был: 18\u{a0}марта в\u{a0}17:26."),
            "Срок был: 18\u{a0}марта в\u{a0}··:··."
        );
        assert_eq!(
            timeless("Клиент звонил 18\u{a0}марта в\u{a0}10:35 и не дозвонился."),
            "Клиент звонил 18\u{a0}марта в\u{a0}··:·· и не дозвонился."
        );
        assert_eq!(timeless("Перезвонить: 17 марта, 11:00"), "Перезвонить: 17 марта, 11:00");
        assert_eq!(unmarked("Что дальше?\n\n[t4·gc-1]"), "Что дальше?\n\n");
        assert_ne!(short(&"а".repeat(200)), short(&"а".repeat(201)), "the end counts, too");
    }
}
