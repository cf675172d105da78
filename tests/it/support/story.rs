//! Plays a story of a few people with the whole bridge and the whole sandbox in one thread. Never checks the
//! story's own claims. Enter at [`play`].

use chrono::Utc;
use dozvon::config::Surroundings;
use dozvon::process::{Order, OrderId};
use dozvon::sandbox::Setup;
use dozvon::sandbox::faults::Faults;
use dozvon::sandbox::script::OrderScript;
use serde::Deserialize;

use super::inproc::World;
use super::school::School;

const SEED: u64 = 7;

/// Plays the demo's school with these people (a table of [`OrderScript`]s by id), and asserts what holds for
/// every run.
pub fn play<T>(
    school: &School,
    people: &str,
    change: impl FnOnce(&mut Setup),
    story: impl AsyncFnOnce(&mut World) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut setup = school.material.clone();
        setup.orders = scripts(people).unwrap_or_else(|error| panic!("{error}\n{people}"));
        // Only the faults of the story itself happen.
        setup.faults = Faults::default();
        change(&mut setup);
        let surroundings = Surroundings::new(Default::default(), setup.start.with_timezone(&Utc));
        let mut world = World::start(setup, &school.files, &surroundings, SEED);
        let told = story(&mut world).await;
        world.finish(SEED).await;
        told
    })
}

/// One person a table; what a story does not care about is filled in.
pub fn scripts(people: &str) -> Result<Vec<OrderScript>, toml::de::Error> {
    let people: toml::Table = toml::from_str(people)?;
    let filled = people.into_iter().enumerate().map(|(n, (id, said))| {
        let mut script = toml::toml! {
            at = "+1m"
            offer = 502
        };
        script.insert("name".to_owned(), format!("Клиент {id}").into());
        script.insert("phone".to_owned(), format!("+790355501{n:02}").into());
        script.insert("email".to_owned(), format!("{id}@example.com").into());
        script.insert("id".to_owned(), id.into());
        script.extend(said.as_table().cloned().unwrap_or_default());
        OrderScript::deserialize(script)
    });
    filled.collect()
}

/// The bridge's record of a script's order.
pub async fn order(world: &World, script: &str) -> Order {
    let id = world.sandbox().order_of(script).map(|order| OrderId::of_deal(order.id));
    let id = id.unwrap_or_else(|| panic!("no order of {script}"));
    let found = world.orders().await.into_iter().find(|order| order.id == id);
    found.unwrap_or_else(|| panic!("the bridge does not know {script}"))
}
