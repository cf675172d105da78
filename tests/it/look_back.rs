//! Reconciliation: what a platform never told is found by reading and applied once, also where the
//! webhook comes after all. The whole bridge against the whole sandbox under paused time.

use chrono::TimeDelta;
use dozvon::config::Surroundings;
use dozvon::process::{End, Order};
use dozvon::sandbox::Setup;
use dozvon::sandbox::amocrm::model::{LOST, WON};

use crate::support::inproc::World;
use crate::support::school::School;

const SEED: u64 = 7;

/// Plays the demo's school with these people, and asserts what holds for every run.
fn play<T>(
    school: &School,
    people: &str,
    change: impl FnOnce(&mut Setup),
    story: impl AsyncFnOnce(&World) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut setup = school.material.clone();
        let parsed: People = toml::from_str(people).unwrap_or_else(|error| panic!("{error}\n{people}"));
        setup.orders = parsed.orders;
        change(&mut setup);
        let surroundings = Surroundings::new(Default::default(), setup.start.with_timezone(&chrono::Utc));
        let world = World::start(setup, &school.files, &surroundings, SEED);
        let told = story(&world).await;
        world.finish(SEED).await;
        told
    })
}

#[derive(serde::Deserialize)]
struct People {
    orders: Vec<dozvon::sandbox::script::OrderScript>,
}

/// Without the Tech API: rows of exports are all there is.
fn exports_only() -> School {
    School::changed(|_, text| {
        let lines =
            text.lines().filter(|line| !line.starts_with("developer_key") && !line.starts_with("payments ="));
        lines.collect::<Vec<_>>().join("\n")
    })
}

async fn order(world: &World, script: &str) -> Order {
    let id = world.sandbox().order_of(script).map(|order| format!("gc-{}", order.id));
    let id = id.unwrap_or_else(|| panic!("no order of {script}"));
    let found = world.orders().await.into_iter().find(|order| order.id.as_str() == id);
    found.unwrap_or_else(|| panic!("the bridge does not know {script}"))
}

const GETCOURSE: &str = r#"
[[orders]]
id = "made"
at = "+1m"
name = "Клиент Первый"
phone = "+79035550101"
email = "client-1@example.com"
offer = 501
untold = true

[[orders]]
id = "paid"
at = "+1m"
name = "Клиент Второй"
phone = "+79035550102"
email = "client-2@example.com"
offer = 502
events = [{ at = "+20m", do = "pay", untold = true }]

[[orders]]
id = "parts"
at = "+1m"
name = "Клиент Третий"
phone = "+79035550103"
email = "client-3@example.com"
offer = 502
events = [
    { at = "+10m", do = "pay", amount = 1000 },
    { at = "+4h", do = "pay", amount = 1000, untold = true },
]

[[orders]]
id = "cancelled"
at = "+1m"
name = "Клиент Четвёртый"
phone = "+79035550104"
email = "client-4@example.com"
offer = 502
events = [{ at = "+20m", do = "cancel", value = "Передумал", untold = true }]

[[orders]]
id = "assigned"
at = "+1m"
name = "Клиент Пятый"
phone = "+79035550105"
email = "client-5@example.com"
offer = 502
events = [
    { at = "+5m", do = "assign", manager = "pavel" },
    { at = "+30m", do = "assign", manager = "irina", untold = true },
]
"#;

fn getcourse_is_read(school: &School) {
    play(
        school,
        GETCOURSE,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::hours(7)).await;
            let made = order(world, "made").await;
            assert!(made.is_open() && world.sandbox().leads_of("made").len() == 1);
            let paid = order(world, "paid").await;
            assert!(matches!(paid.end, Some(End::Won { .. })), "{paid:#?}");
            assert_eq!(world.sandbox().leads_of("paid")[0].status_id, WON);
            let parts = order(world, "parts").await;
            assert_eq!((parts.parts_paid, parts.paid.map(|paid| paid.minor)), (2, Some(200_000)));
            let cancelled = order(world, "cancelled").await;
            assert!(matches!(cancelled.end, Some(End::Cancelled { .. })), "{cancelled:#?}");
            assert_eq!(world.sandbox().leads_of("cancelled")[0].status_id, LOST);
            let assigned = order(world, "assigned").await;
            assert_eq!(assigned.responsible.as_ref().map(|manager| manager.as_str()), Some("irina"));
        },
    );
}

#[test]
fn what_getcourse_never_told_is_read_where_the_tech_api_is_there() {
    getcourse_is_read(&School::prepare());
}

#[test]
fn what_getcourse_never_told_is_read_from_exports_alone() {
    getcourse_is_read(&exports_only());
}
