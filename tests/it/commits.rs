//! How often one event of the outside is written down, with all that follows from it: counted at the
//! store, on both stores, with the whole bridge against the whole sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dozvon::clock::{Clock, DrivenClock};
use dozvon::config::Surroundings;
use dozvon::demo::inside::{Door, Inside, Straight, stand_ins};
use dozvon::demo::player::{Carrier, DrivenNow, Player};
use dozvon::sandbox::faults::Faults;
use dozvon::sandbox::moment::Span;
use dozvon::sandbox::{Hook, Platform};
use dozvon::store::Store;
use dozvon::store::embedded::Embedded;
use dozvon::store::redis::RedisStore;

use crate::support::counting::Counting;
use crate::support::redis_server::RedisServer;
use crate::support::school::School;
use crate::support::story::scripts;

/// One who pays, one whose task a manager closes with an answer, one who calls. Each acts while nothing
/// else happens; managers do nothing by themselves.
const PEOPLE: &str = r#"
[paid]
at = "+1m"
events = [{ at = "+60m", do = "pay" }]

[closed]
at = "+120m"
events = [{ at = "+60m", do = "close_task", value = "Отказ: цена" }]

[called]
at = "+240m"
events = [{ at = "+60m", do = "call_in", outcome = "talk 60" }]
"#;

/// GetCourse tells a payment up to three times; here once.
struct Once(Straight);

#[async_trait]
impl Carrier for Once {
    async fn carry(&self, hook: &Hook) -> Option<u16> {
        let is_repeat = hook.platform == Platform::Getcourse
            && (hook.url.contains("/hook")
                && String::from_utf8_lossy(&hook.body).contains("dealStatusChanged")
                || hook.url.contains("order-status")
                || hook.url.contains("payment-full"));
        if is_repeat { Some(200) } else { self.0.carry(hook).await }
    }
}

struct Road {
    player: Player<Once>,
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
        setup.managers.iter_mut().for_each(|manager| manager.lag = Span(TimeDelta::days(2)));
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
        let inside = Inside::over(
            store.clone(),
            Arc::new(|_| {}),
            shared.clone(),
            driven,
            &school.files,
            &surroundings,
        )
        .expect("the school's files are right");
        let site = inside.site.clone();
        let player = Player::new(shared, DrivenNow::starting_at(start), Once(Straight(site.clone())));
        Self { player, door: Door { site, clock }, inside, store, start }
    }

    /// What is written between two minutes of the run.
    async fn between(&mut self, from: i64, to: i64) -> Vec<String> {
        for minute in [from, to] {
            let end = self.start + TimeDelta::minutes(minute);
            self.player.play(&self.door, end, |_, _| {}).await.expect("it moves");
            if minute == from {
                self.store.take();
            }
        }
        self.store.take()
    }

    /// The first step of each journal that has a request names it, and a receipt's step has none.
    async fn steps_name_their_requests(&self) {
        let (site, store) = (&self.door.site, &self.store);
        let orders = store.scan(site.id(), "order/", None, 9).await.expect("the store answers");
        let mut named = 0;
        for (name, _) in orders {
            let id = name.trim_start_matches("order/").into();
            for entry in store.journal(site.id(), &id, 99).await.expect("the store answers") {
                let event = entry.event["event"].as_str().unwrap_or_default().to_owned();
                if matches!(event.as_str(), "answer" | "task" | "call") {
                    assert!(entry.raw.starts_with("raw:"), "{id} steps {event} without its request");
                    named += 1;
                }
            }
        }
        assert!(named >= 3, "an answer, its task and a call: {named}");
    }
}

fn shown(lines: &[String]) -> String {
    let lines = lines.iter().enumerate().map(|(n, line)| format!("{:>3}. {line}\n", n + 1));
    lines.collect()
}

/// A command costs two commits at most: the mark (of its own for a letter, which waits for its turn first), or the settlement of the one before it that marks it, and
/// its own settlement. The rest is the request, its step, and the steps of what it asks for.
async fn counted(store: Arc<dyn Store>) {
    let mut road = Road::over(store).await;
    let most = [
        ("a payment", road.between(59, 64).await, 14),
        ("a timer", road.between(130, 138).await, 3),
        ("a closed task", road.between(179, 184).await, 12),
        ("a call with its six events", road.between(299, 305).await, 24),
    ];
    for (what, written, most) in &most {
        println!("{what} costs {} commits:\n{}", written.len(), shown(written));
        assert!(!written.is_empty() && written.len() <= *most, "{what}: at most {most}");
    }
    for (what, written, _) in &most {
        let settled = |line: &&String| line.contains("settle ");
        let alone = written.iter().filter(settled).filter(|line| !line.contains("steps")).count();
        assert_eq!(alone, 0, "{what}: a settlement without its order's step:\n{}", shown(written));
        let commands = written.iter().map(|line| line.matches("add ").count()).sum::<usize>();
        let marks = written.iter().filter(|line| line.starts_with("Sending ")).count();
        let settlements = written.iter().filter(settled).count();
        assert!(commands > 0 && settlements == commands && marks <= commands, "{what}:\n{}", shown(written));
    }
    road.steps_name_their_requests().await;
    road.inside.abandon();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_embedded_store_each_road_costs_few_commits() {
    counted(Arc::new(Embedded::in_memory().expect("memory"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_redis_each_road_costs_few_commits() {
    let redis = RedisServer::start();
    counted(Arc::new(RedisStore::connect(&redis.url()).await.expect("it answers"))).await;
}
