//! Three seeds of the demo come to what they came to in version b3825df: the same table, and per order
//! the same tasks and letters (`fixtures/demo/outcome`). Times are left out, see `dozvon::demo::outcome`.
//! Never writes: a fixture is what that version writes by
//! `dozvon demo --seed <n> --outcome fixtures/demo/outcome/<n>.json`.

use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use dozvon::config::Surroundings;
use dozvon::demo::outcome::Outcome;
use dozvon::demo::scripts::Material;

use crate::support::inproc::World;
use crate::support::school::{SECRET, School};

const DAYS: i64 = 16;

#[test]
fn seed_7_comes_to_what_it_came_to() {
    check(7);
}

#[test]
fn seed_1_comes_to_what_it_came_to() {
    check(1);
}

#[test]
fn seed_2_comes_to_what_it_came_to() {
    check(2);
}

fn check(seed: u64) {
    let file = format!("fixtures/demo/outcome/{seed}.json");
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&file));
    let was: Outcome = serde_json::from_str(&text.expect("the fixture")).expect("an outcome");
    let is = play(&School::prepare(), seed);
    let mut wrong = differs(&was.table, &is.table);
    assert!(was.orders.keys().eq(is.orders.keys()), "other orders than in {file}");
    for ((id, was), is) in was.orders.iter().zip(is.orders.values()) {
        wrong.extend(differs(was, is).into_iter().map(|line| format!("{id}: {line}")));
    }
    assert!(wrong.is_empty(), "another outcome than in {file}:\n{}", wrong.join("\n"));
}

/// Lines that one of the two has more often than the other.
fn differs(was: &[String], is: &[String]) -> Vec<String> {
    let more = |one: &[String], other: &[String], word: &str| -> Vec<String> {
        let mut left = other.to_vec();
        let lines = one.iter().filter(|line| match left.iter().position(|known| known == *line) {
            Some(place) => {
                left.swap_remove(place);
                false
            }
            None => true,
        });
        lines.map(|line| format!("{word} {line}")).collect()
    };
    [more(was, is, "was"), more(is, was, "is ")].concat()
}

fn play(school: &School, seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let hooks = |platform: &str| format!("http://bridge/hooks/rost/{platform}/{SECRET}");
        let material = Material::load(&hooks).expect("the demo's fixtures are right");
        let start = material.setup.start.with_timezone(&Utc);
        let surroundings = Surroundings::new(Default::default(), start);
        let world = World::start(material.setup.clone(), &school.files, &surroundings, seed);
        world.run_for(TimeDelta::days(DAYS)).await;
        let (store, id) = (world.site.store.clone(), world.site.id().clone());
        let seen = world.sandbox().clone();
        let outcome = Outcome::of(&*store, id, &seen, &material, start + TimeDelta::days(DAYS));
        let outcome = outcome.await.expect("memory");
        world.finish(seed).await;
        outcome
    })
}
