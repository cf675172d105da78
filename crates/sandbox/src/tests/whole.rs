//! Letters, faults, seeds, markers and the parsing of setups. No test sleeps: time is a parameter. Start at
//! any test: they only share the small bridge.

use chrono::TimeDelta;
use serde_json::json;

use super::{Bridge, SETUP, world};
use crate::faults::{HookFault, RequestFault};
use crate::{Letter, Platform, Setup, marker};

#[test]
fn letters_are_kept_bounced_or_delayed() {
    let mut world = world(SETUP, 1);
    let raw = "Message-ID: <d-1@bridge>\r\nSubject: =?utf-8?b?0JfQsNGP0LLQutCw?= =?utf-8?q?_42?=\r\nContent-Type: multipart/alternative;\r\n boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=D0=94=D0=B0, =\r\nready\r\n--b1\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--b1--\r\n";
    let letter =
        |to: &str| Letter { from: "school@example.ru".into(), to: to.into(), raw: raw.as_bytes().to_vec() };
    let start = world.start();
    let mut send =
        |to: &str, seconds: i64| world.receive_mail(start + TimeDelta::seconds(seconds), letter(to)).code;
    let codes = [
        send("m@example.ru", 0),
        send("gone@example.ru", 0),
        send("a@slow.example", 0),
        send("a@slow.example", 100),
        send("a@slow.example", 300),
        send("m@example.ru", 9),
    ];
    assert_eq!(codes, [250, 550, 451, 451, 250, 250]);
    let first = &world.letters()[0];
    assert_eq!(
        (first.subject.as_str(), first.text.as_str(), first.message_id.as_str()),
        ("Заявка 42", "Да, ready", "<d-1@bridge>")
    );
    let doubled: Vec<&str> = world.duplicates().iter().map(|found| found.kind).collect();
    assert_eq!(doubled, ["letter"]);
    assert_eq!(world.refused_letters().len(), 3);
}

#[test]
fn a_seed_reproduces_a_run_with_faults() {
    let run = |seed: u64| {
        let mut bridge = Bridge::new(SETUP, seed);
        let rule = bridge.world.faults_mut().of_mut(Platform::Amocrm);
        (rule.per_mille, rule.hook_per_mille) = (300, 500);
        bridge.until(TimeDelta::days(4));
        (bridge.seen.clone(), bridge.world.view())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
}

#[test]
fn faults_are_done_as_asked() {
    let cases = [
        (RequestFault::Missing, 404, 0),
        (RequestFault::Locked, 423, 0),
        (RequestFault::TooMany, 429, 0),
        (RequestFault::ServerError, 500, 0),
        (RequestFault::BadGateway, 502, 0),
        (RequestFault::Unavailable, 503, 0),
        (RequestFault::Slow, 200, 1),
        (RequestFault::BrokenOff, 200, 1),
    ];
    for (kind, status, made) in cases {
        let mut bridge = Bridge::new(SETUP, 1);
        let rule = bridge.world.faults_mut().of_mut(Platform::Amocrm);
        (rule.per_mille, rule.kinds) = (1000, vec![kind]);
        let answer = bridge.ask("POST", "/api/v4/leads", &json!([{"name": "x"}]));
        assert_eq!((answer.status, bridge.world.leads().count()), (status, made), "{kind:?}");
        assert_eq!(answer.broken_off, kind == RequestFault::BrokenOff);
        assert_eq!(answer.delay_ms > 0, kind == RequestFault::Slow);
    }
    for (kind, count) in [(HookFault::Doubled, 2), (HookFault::Withheld, 0), (HookFault::Delayed, 1)] {
        let mut bridge = Bridge::new(SETUP, 1);
        let rule = bridge.world.faults_mut().of_mut(Platform::Getcourse);
        (rule.hook_per_mille, rule.hook_kinds) = (1000, vec![kind]);
        bridge.until(TimeDelta::hours(3) + TimeDelta::minutes(5));
        assert_eq!(
            bridge.seen.iter().filter(|line| line.ends_with("/gc/created")).count(),
            count,
            "{kind:?}"
        );
    }
}

#[test]
fn markers_stand_at_the_end_in_brackets() {
    let cases = [
        ("Позвонить [t3·gc-700100200]", Some("t3·gc-700100200")),
        ("Позвонить [t3·gc-700100200] \n", Some("t3·gc-700100200")),
        ("Позвонить [завтра утром]", None),
        ("[t3·gc-1] позвонить", None),
        ("Позвонить []", None),
        ("", None),
    ];
    for (text, wanted) in cases {
        assert_eq!(marker(text), wanted, "{text}");
    }
}

#[test]
fn wrong_scripts_say_what_is_wrong() {
    let cases = [
        ("at = \"noon\"", "is not a moment"),
        ("at = \"12:00\"\ncalls = [\"sings\"]", "is not the way a call ends"),
        ("at = \"12:00\"\nnonsense = 1", "unknown field"),
    ];
    for (line, wanted) in cases {
        let text = format!("[[orders]]\nid = \"x\"\nname = \"x\"\noffer = 1\n{line}\n");
        let error = Setup::from_toml(&text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn the_example_is_right_and_mistakes_are_told_at_once() {
    let example = Setup::example("http://127.0.0.1:8080/");
    assert_eq!(example.orders.len(), 4, "the example can be read");
    assert_eq!(example.problems(), Vec::<String>::new());
    let (_, mango) = example.lines.iter().next().expect("the first of the list");
    assert_eq!(mango.hooks_url(), "http://127.0.0.1:8080/hooks/demo/mango/secret/");
    let mut wrong = example;
    wrong.managers[0].days_off.push("someday".into());
    wrong.orders[1].by = "nobody".into();
    wrong.orders[1].answers[0].value = Some("Подумать".into());
    wrong.orders[2].events[0].at = wrong.orders[2].events[1].at;
    let problems = wrong.problems();
    let parts = ["someday", "no manager «nobody»", "no choice «Подумать»", "exactly one of at"];
    assert_eq!(problems.len(), parts.len(), "{problems:?}");
    for (problem, part) in problems.iter().zip(parts) {
        assert!(problem.contains(part), "{problem}");
    }
}
