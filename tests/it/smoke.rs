//! The whole bridge in one thread under paused time, against the whole sandbox, for many seeds: different
//! people, answers and faults each time, and the same claims after every run. Never opens a socket. Repeat a
//! failing seed with `DOZVON_SEED=<n>`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::TimeDelta;
use dozvon::config::Surroundings;
use dozvon::sandbox::script::OrderScript;
use dozvon::sandbox::{Platform, Setup};
use dozvon::worker::site::Outbound;
use serde::Deserialize;

use crate::support::inproc::World;
use crate::support::lying::Lie;
use crate::support::school::School;

/// Runs of the suite; `DOZVON_SEEDS=1000` looks longer. Each is a school's week with a few orders.
const SEEDS: u64 = 60;
const DAYS: i64 = 6;
const ORDERS: u64 = 3;

#[test]
fn nothing_is_lost_or_doubled_whatever_the_seed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let all = || (1..=number("DOZVON_SEEDS").unwrap_or(SEEDS)).collect();
    let seeds: Vec<u64> = number("DOZVON_SEED").map_or_else(all, |seed| vec![seed]);
    let school = School::prepare();
    // Two halves in parallel; each run still has one thread of its own.
    let (first, second) = seeds.split_at(seeds.len() / 2);
    std::thread::scope(|scope| {
        for half in [first, second] {
            let school = &school;
            scope.spawn(move || half.iter().for_each(|seed| drop(run(school, *seed))));
        }
    });
}

/// The same seed must give the same run, otherwise a failure could not be investigated.
#[test]
fn a_seed_reproduces_its_run() {
    let school = School::prepare();
    assert_eq!(run(&school, 5), run(&school, 5));
    assert_ne!(run(&school, 5), run(&school, 6));
}

/// A bridge whose couriers lie would pass if the oracle looked at the bridge alone.
#[test]
fn couriers_that_lie_are_found_out() {
    let school = School::prepare();
    for (lie, sign) in [(Lie::Done, "has no lead"), (Lie::Never, "dead letter out-")] {
        let wrong = paused(async {
            let (setup, surroundings) = material(&school, 5);
            let change = Arc::new(move |outbound: &mut Outbound| lie.take_over(outbound));
            let world = World::start_changed(setup, &school.files, &surroundings, 5, change);
            world.run_for(TimeDelta::days(DAYS)).await;
            world.wrong().await
        });
        assert!(wrong.iter().any(|what| what.contains(sign)), "{lie:?}: {wrong:#?}");
    }
}

fn paused<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(run)
}

fn material(school: &School, seed: u64) -> (Setup, Surroundings) {
    let setup = setup(school, seed);
    let surroundings = Surroundings::new(BTreeMap::new(), setup.start.with_timezone(&chrono::Utc));
    (setup, surroundings)
}

/// Plays one seed and asserts; gives what the sandbox shows in the end.
fn run(school: &School, seed: u64) -> String {
    paused(async {
        let (setup, surroundings) = material(school, seed);
        let world = World::start(setup, &school.files, &surroundings, seed);
        world.run_for(TimeDelta::days(DAYS)).await;
        let seen = world.sandbox().view().to_string();
        world.finish(seed).await;
        seen
    })
}

/// People, faults and hours of one seed.
fn setup(school: &School, seed: u64) -> Setup {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut setup = school.material.clone();
    setup.orders = (0..ORDERS).map(|n| order(&mut dice, n)).collect();
    let per_mille = [0, 20, 60][dice.below(3) as usize];
    for platform in [Platform::Amocrm, Platform::Getcourse, Platform::Line(setup.line)] {
        let rule = setup.faults.of_mut(platform);
        rule.per_mille = per_mille;
        rule.hook_per_mille = per_mille;
    }
    setup.faults.mail.per_mille = per_mille;
    setup
}

#[derive(Deserialize)]
struct Orders {
    orders: Vec<OrderScript>,
}

/// One order, with varying behaviour of its people.
fn order(dice: &mut Dice, n: u64) -> OrderScript {
    let mut toml = String::from("[[orders]]\n");
    let minutes = dice.below(24 * 60);
    let phone =
        ["+7 903 555 0{n}-27", "8 (903) 5550{n}27", "", "не знаю"][dice.below(4).saturating_sub(1) as usize];
    let phone = phone.replace("{n}", &format!("{n}"));
    // At most two orders share a contact: repeated orders of one client are part of the test.
    let who = dice.below(3);
    let _ = writeln!(toml, "id = \"o{n}\"\nat = \"+{minutes}m\"\nname = \"Клиент {who}\"");
    let _ = writeln!(toml, "phone = \"{}\"", phone.replacen("555", &format!("55{who}"), 1));
    let _ = writeln!(toml, "email = \"client{who}@example.com\"\noffer = {}", 501 + dice.below(6));
    if dice.below(6) == 0 {
        toml.push_str("by = \"irina\"\n");
    }
    let calls = [
        "no_answer",
        "busy",
        "talk 40",
        "talk 5",
        "rejected",
        "voicemail",
        "invalid",
        "ignore",
        "manager_missed",
    ];
    let list: Vec<String> =
        (0..dice.below(7)).map(|_| format!("\"{}\"", calls[dice.below(9) as usize])).collect();
    let _ = writeln!(toml, "calls = [{}]", list.join(", "));
    let answers = [
        "Перезвонить",
        "Обещал оплатить",
        "Отказ",
        "Сомневается",
        "Неверный номер",
        "Дубль",
        "Оплачено",
        "Ошибка",
    ];
    if dice.below(3) > 0 {
        let answer = answers[dice.below(8) as usize];
        let _ = writeln!(
            toml,
            "answers = [{{ after_talk = 1, field = \"Что дальше?\", value = \"{answer}\", date = \"+{}d 11:00\" }}]",
            1 + dice.below(3)
        );
    }
    let at = 1 + dice.below(4 * 24 * 60);
    let events = [
        format!("{{ at = \"+{at}m\", do = \"pay\" }}"),
        format!(
            "{{ at = \"+{at}m\", do = \"pay\", amount = 1000 }}, {{ at = \"+{}m\", do = \"pay\" }}",
            at + 3000
        ),
        format!("{{ at = \"+{at}m\", do = \"cancel\" }}"),
        format!("{{ at = \"+{at}m\", do = \"false\" }}"),
        format!("{{ at = \"+{at}m\", do = \"call_in\", outcome = \"talk 60\" }}"),
        format!("{{ at = \"+{at}m\", do = \"phone\", value = \"+7903555{n:02}77\" }}"),
        format!("{{ at = \"+{at}m\", do = \"lose\", value = \"Цена\" }}"),
        String::new(),
    ];
    let _ = writeln!(toml, "events = [{}]", events[dice.below(8) as usize]);
    let parsed: Orders = toml::from_str(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    parsed.orders.into_iter().next().expect("one order")
}

/// A small generator: the same numbers for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}
