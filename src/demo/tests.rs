//! The demo's own material can be read, every expectation in it can fail, and the player keeps time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::expect::{Anchor, Expect};
use super::facts::rules_played;
use super::names::Names;
use super::player::{Carrier, Driven, DrivenNow, Player, Stuck};
use super::scene::{Scene, See, Sighting};
use super::scripts::{Material, Script};
use crate::http::driven::Quiet;
use crate::sandbox::serve::{Ports, stand};
use crate::sandbox::{Hook, Setup, World};

fn material() -> Material {
    Material::load(&|platform| format!("http://127.0.0.1:1/hooks/rost/{platform}/secret")).unwrap()
}

/// Every expectation that holds in `world`, over all scripts.
fn held(world: &World, material: &Material) -> Vec<String> {
    let names = Names::of(&material.setup);
    let mut held = Vec::new();
    for script in &material.scripts {
        let scene = Scene::of(world, &names, &script.order, world.start() + TimeDelta::days(16));
        let good = script.expect.iter().enumerate().filter(|(_, expect)| expect.check(&scene).is_ok());
        held.extend(good.map(|(index, _)| format!("{} {}", script.order.id, index + 1)));
    }
    held
}

#[test]
fn the_scripts_are_many_and_name_every_rule_and_no_other() {
    let material = material();
    let ids: BTreeSet<&str> = material.scripts.iter().map(|script| script.order.id.as_str()).collect();
    assert_eq!(ids.len(), material.scripts.len(), "ids are unique");
    let bought = material.scripts.iter().filter(|script| !script.order.no_order).count();
    assert!(bought >= 40, "{bought} orders");
    let named: BTreeSet<&str> = material
        .scripts
        .iter()
        .flat_map(|script| script.expect.iter())
        .flat_map(|expect| expect.rule.iter())
        .collect();
    assert_eq!(named, rules_played().collect(), "rules named by expectations and rules of the process");
    let bare: Vec<&Script> = material.scripts.iter().filter(|script| script.about.is_empty()).collect();
    assert!(bare.is_empty(), "every script says what it is about: {bare:?}");
}

/// Every reader is exercised: each form says the same, and the seeds choose all of them.
#[test]
fn an_address_is_called_in_every_form_and_each_says_the_same() {
    let processes = material().setup.getcourse.processes;
    assert!(processes.iter().all(|process| process.others.len() == 3), "query, form, JSON, JSON of others");
    let mut kinds = BTreeSet::new();
    for seed in 0..4 {
        let mut world = World::new(material().setup, seed);
        let end = world.start() + TimeDelta::days(2);
        while let Some(next) = world.next_due().filter(|next| *next < end) {
            for hook in world.advance(next) {
                if hook.url.contains("/getcourse/") && !hook.url.ends_with("/hook") {
                    let json = hook.headers.iter().any(|(_, value)| value.contains("json"));
                    kinds.insert((hook.method.clone(), json, hook.url.ends_with("/events")));
                    let body = String::from_utf8_lossy(&hook.body);
                    assert!(!json || serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
                }
                world.hook_answered(hook.id, Some(200), next);
            }
        }
    }
    let kind = |method: &str, json, events| (method.to_owned(), json, events);
    let all = [
        kind("GET", false, false),
        kind("POST", false, false),
        kind("POST", true, false),
        kind("POST", true, true),
    ];
    assert_eq!(kinds, BTreeSet::from(all));
}

#[test]
fn nothing_holds_in_a_world_where_nothing_has_happened() {
    let material = material();
    let world = World::new(material.setup.clone(), 1);
    assert_eq!(held(&world, &material), Vec::<String>::new());
}

#[test]
fn nothing_holds_in_a_world_without_a_bridge() {
    let material = material();
    let mut world = World::new(material.setup.clone(), 1);
    let end = world.start() + TimeDelta::days(16);
    while let Some(next) = world.next_due().filter(|next| *next < end) {
        for hook in world.advance(next) {
            world.hook_answered(hook.id, Some(200), next);
        }
    }
    assert!(world.orders().count() >= 40, "the people have acted");
    assert_eq!(held(&world, &material), Vec::<String>::new());
}

/// A scene with everything that an expectation counts from, and a lead.
fn stage(expect: &Expect) -> Scene {
    let start: DateTime<Utc> = "2026-03-16T06:00:00Z".parse().unwrap();
    let mut sightings = vec![Sighting::new(See::Lead, start, "сделка")];
    for instant in [&expect.from, &expect.to].into_iter().flatten() {
        match &instant.anchor {
            Anchor::Order | Anchor::End => {}
            Anchor::Nth(see, nth) => {
                for _ in 0..nth.unsigned_abs() {
                    sightings.push(Sighting::new(*see, start, ""));
                }
            }
            Anchor::With(see, text) => sightings.push(Sighting::new(*see, start, text.clone())),
        }
    }
    Scene {
        start,
        end: start + TimeDelta::days(16),
        zone: chrono_tz::Europe::Moscow,
        appeared: Some(start),
        sightings,
    }
}

/// A sighting that the expectation forbids, at a moment at which it forbids it.
fn denied(expect: &Expect, scene: &Scene) -> Sighting {
    let from = expect.from.as_ref().and_then(|from| from.resolve(scene)).unwrap_or(scene.start);
    let mut sighting = Sighting::new(expect.see, from + TimeDelta::seconds(1), "");
    for (word, parts) in &expect.has {
        let words: Vec<&str> = parts
            .iter()
            .filter(|part| !part.starts_with('!'))
            .map(|part| part.trim_start_matches('='))
            .collect();
        match word.as_str() {
            "text" => sighting.text = words.join(" "),
            other => {
                sighting.words.insert(other.to_owned(), words.join(" "));
            }
        }
    }
    sighting
}

#[test]
fn whatever_is_denied_is_seen_when_it_happens() {
    let material = material();
    let mut denials = 0;
    for script in &material.scripts {
        for expect in script.expect.iter().filter(|expect| expect.max == Some(0)) {
            denials += 1;
            let mut scene = stage(expect);
            assert_eq!(expect.check(&scene), Ok(()), "{}: {expect:?}", script.order.id);
            scene.sightings.push(denied(expect, &scene));
            assert!(expect.check(&scene).is_err(), "{}: {expect:?}", script.order.id);
        }
    }
    assert!(denials > 10, "{denials}");
}

/// A bridge that wakes at intervals and is busy for a few looks after each move.
struct Sleepy {
    now_ms: AtomicI64,
    every: TimeDelta,
    busy: AtomicU64,
    turns: AtomicU64,
    wakes: Mutex<Vec<DateTime<Utc>>>,
    stuck: bool,
}

impl Sleepy {
    fn new(start: DateTime<Utc>, stuck: bool) -> Self {
        Self {
            now_ms: AtomicI64::new(start.timestamp_millis()),
            every: TimeDelta::minutes(30),
            busy: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            wakes: Mutex::default(),
            stuck,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms.load(Ordering::SeqCst)).unwrap()
    }
}

#[async_trait]
impl Driven for Sleepy {
    async fn look(&self) -> Result<Quiet, Stuck> {
        let busy = self.busy.load(Ordering::SeqCst);
        if busy > 0 {
            self.busy.store(busy - 1, Ordering::SeqCst);
            self.turns.fetch_add(1, Ordering::SeqCst);
        }
        let now = self.now();
        let turns = self.turns.load(Ordering::SeqCst);
        let quiet = busy == 0 && !self.stuck;
        Ok(Quiet { now, quiet, next_due: Some(now + self.every), turns, worked: turns, repairs: 0 })
    }

    async fn advance(&self, to: DateTime<Utc>) -> Result<(), Stuck> {
        assert_eq!(self.busy.load(Ordering::SeqCst), 0, "the time moves only when all is quiet");
        self.now_ms.store(to.timestamp_millis(), Ordering::SeqCst);
        self.busy.store(3, Ordering::SeqCst);
        self.wakes.lock().unwrap().push(to);
        Ok(())
    }
}

/// Accepts every webhook and remembers it.
#[derive(Clone, Default)]
struct Basket(Arc<Mutex<Vec<Hook>>>);

#[async_trait]
impl Carrier for Basket {
    async fn carry(&self, hook: &Hook) -> Option<u16> {
        self.0.lock().unwrap().push(hook.clone());
        Some(200)
    }
}

const SMALL: &str = r#"
[[orders]]
id = "one"
at = "10:00"
name = "Мария Котова"
phone = "+79005550101"
offer = 501
cost = 1000.0
events = [{ at = "+40m", do = "pay" }]

[getcourse]
processes = [
  { event = "order_created", url = "http://bridge/created?id={object.id}" },
  { event = "payment_full", url = "http://bridge/paid?id={object.id}" },
]
"#;

async fn play(stuck: bool) -> (Result<(), Stuck>, Player<Basket>, Sleepy, Basket) {
    let setup = Setup::from_toml(SMALL).unwrap();
    let start = setup.start.with_timezone(&Utc);
    let now = DrivenNow::starting_at(start);
    let clock = now.clone();
    let world = Arc::new(Mutex::new(World::new(setup, 1)));
    let stand = stand(world, Arc::new(move || clock.get()), Ports::default()).await.unwrap();
    let basket = Basket::default();
    let mut player = Player::new(stand.shared(), now, basket.clone());
    player.stall = Duration::from_millis(40);
    let bridge = Sleepy::new(start, stuck);
    let played = player.play(&bridge, start + TimeDelta::hours(3), |_, _| {}).await;
    stand.stop().await;
    (played, player, bridge, basket)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_brings_every_webhook_and_misses_no_due_time() {
    let (played, player, bridge, basket) = play(false).await;
    assert_eq!(played, Ok(()));
    let urls: Vec<String> = basket.0.lock().unwrap().iter().map(|hook| hook.url.clone()).collect();
    assert_eq!(urls.len(), 2, "{urls:?}");
    assert!(urls[0].contains("created") && urls[1].contains("paid"), "{urls:?}");
    assert_eq!(player.taken.len(), 2);
    let wakes = bridge.wakes.lock().unwrap().clone();
    let steps: Vec<TimeDelta> = wakes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        steps.iter().all(|step| *step > TimeDelta::zero() && *step <= TimeDelta::minutes(30)),
        "{steps:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_never_comes_to_rest_is_an_error_that_says_when() {
    let (played, ..) = play(true).await;
    let Stuck(why) = played.unwrap_err();
    assert!(why.contains("nothing has moved") && why.contains("quiet = false"), "{why}");
}
