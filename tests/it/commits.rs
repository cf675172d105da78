//! How often one event of the outside is written down, with all that follows from it: counted at the
//! store, on both stores, with the whole bridge against the whole sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use dozvon::clock::{Clock, DrivenClock};
use dozvon::config::Surroundings;
use dozvon::demo::inside::{Door, Inside, Straight, stand_ins};
use dozvon::demo::player::{DrivenNow, Player};
use dozvon::sandbox::faults::Faults;
use dozvon::store::Store;
use dozvon::store::embedded::Embedded;
use dozvon::store::redis::RedisStore;

use crate::support::counting::Counting;
use crate::support::redis_server::RedisServer;
use crate::support::school::School;
use crate::support::story::scripts;

/// A client who pays; one whose task is closed with an answer; one who is called; one for whom only a
/// timer fires. Each at a time of his own, when all the others are quiet.
const PEOPLE: &str = r#"
[paid]
at = "+1m"
events = [{ at = "+60m", do = "pay" }]

[silent]
at = "+3h"
answers = []
"#;

struct Road {
    player: Player<Straight>,
    door: Door,
    inside: Inside,
    store: Arc<Counting>,
    start: DateTime<Utc>,
}

impl Road {
    async fn over(store: Arc<dyn Store>) -> Self {
        let school = School::changed(|_, text| {
            text.replace("look_back_min = 240", "look_back_min = 0")
                .replace("look_back_min = 120", "look_back_min = 0")
        });
        let mut setup = school.material.clone();
        setup.orders = scripts(PEOPLE).expect("people");
        setup.faults = Faults::default();
        // What the bridge changes itself is not told to it: its echoes are roads of their own.
        for rule in [&mut setup.faults.amocrm, &mut setup.faults.getcourse] {
            rule.echoes_untold = true;
        }
        let start = setup.start.with_timezone(&Utc);
        let clock = DrivenClock::starting_at(start);
        let driven: Arc<dyn Clock> = Arc::new(clock.clone());
        let shared = stand_ins(setup, 1, &driven);
        let store = Counting::over(store);
        let surroundings = Surroundings::new(BTreeMap::new(), start);
        let inside = Inside::over(store.clone(), shared.clone(), driven, &school.files, &surroundings)
            .expect("the school's files are right");
        let site = inside.site.clone();
        let player = Player::new(shared, DrivenNow::starting_at(start), Straight(site.clone()));
        Self { player, door: Door { site, clock }, inside, store, start }
    }

    /// Plays on until so long after the start; gives what was written meanwhile.
    async fn until(&mut self, minutes: i64) -> Vec<String> {
        let end = self.start + TimeDelta::minutes(minutes);
        self.player.play(&self.door, end, |_, _| {}).await.expect("it moves");
        self.store.take()
    }
}

fn shown(lines: &[String]) -> String {
    let lines = lines.iter().enumerate().map(|(n, line)| format!("{:>3}. {line}\n", n + 1));
    lines.collect()
}

async fn counted(store: Arc<dyn Store>) {
    let mut road = Road::over(store).await;
    road.until(59).await;
    let paid = road.until(62).await;
    println!("{}", shown(&paid));
    let before = road.until(170).await;
    println!("silent first {}", before.len());
    let silent = road.until(700).await;
    println!("silent {}\n{}", silent.len(), shown(&silent));
    assert!(paid.len() <= 12, "a payment costs {} commits:\n{}", paid.len(), shown(&paid));
    road.inside.abandon();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_embedded_store_a_payment_costs_few_commits() {
    counted(Arc::new(Embedded::in_memory().expect("memory"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_redis_a_payment_costs_few_commits() {
    let redis = RedisServer::start();
    counted(Arc::new(RedisStore::connect(&redis.url()).await.expect("it answers"))).await;
}
