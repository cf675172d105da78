//! Each telephony provider in both directions: its events become one attempt or one talk of the right order,
//! the bridge starts calls over it, and a failed start leaves the task with a person. The whole bridge in one
//! thread against the whole sandbox, without sockets.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use dozvon::config::Surroundings;
use dozvon::process::{Order, OrderId};
use dozvon::sandbox::calls::Call;
use dozvon::sandbox::faults::{FaultRule, HookFault, Outage, RequestFault};
use dozvon::sandbox::lines::{Line, Lines};
use dozvon::sandbox::telphin::TelphinSetup;
use dozvon::sandbox::{Platform, Setup};

use crate::support::inproc::World;
use crate::support::school::{SECRET, School};

/// The provider that starts the calls of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Managers,
    Bridge,
}

/// The demo's school with another provider, and one order of a made-up client.
struct Play {
    line: Line,
    by: By,
    /// The order's script: `calls = […]` and other keys.
    script: &'static str,
    hours: i64,
}

impl Play {
    fn school(&self) -> School {
        let (line, by) = (self.line, self.by);
        School::changed(move |path, text| match path {
            "schools/@school@/school.toml" => with_line(text, line),
            "schools/@school@/process/default.toml" if by == By::Bridge => starting(text),
            _ => text,
        })
    }

    fn setup(&self, school: &School) -> Setup {
        let mut setup = school.material.clone();
        let order = format!(
            "[[orders]]\nid = \"one\"\nat = \"+1m\"\nname = \"Мария\"\nphone = \"+7 903 555-01-27\"\n\
             email = \"maria@example.com\"\noffer = 501\n{}",
            self.script
        );
        setup.orders = Setup::from_toml(&order).expect("a script").orders;
        setup.line = self.line;
        for (line, exchange) in setup.lines.iter_mut() {
            exchange.tell(format!("http://bridge/hooks/rost/{}/{SECRET}/", line.name()));
        }
        setup
    }

    /// Plays it and passes the world to `check` before the final assertions; returns the order.
    fn run(&self, change: impl FnOnce(&mut Setup), look: impl FnOnce(&World)) -> Order {
        self.run_on(change, |_| {}, look)
    }

    /// The same; `midway` runs some minutes after the start, before the first call.
    fn run_on(
        &self,
        change: impl FnOnce(&mut Setup),
        midway: impl FnOnce(&World),
        look: impl FnOnce(&World),
    ) -> Order {
        let school = self.school();
        let mut setup = self.setup(&school);
        change(&mut setup);
        let surroundings = Surroundings::new(BTreeMap::new(), setup.start.with_timezone(&chrono::Utc));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let world = World::start(setup, &school.files, &surroundings, 1);
            world.run_for(TimeDelta::minutes(10)).await;
            midway(&world);
            world.run_for(TimeDelta::hours(self.hours)).await;
            look(&world);
            let id = world.sandbox().order_of("one").map(|order| OrderId::of_deal(order.id));
            let order = world.orders().await.into_iter().find(|order| Some(&order.id) == id.as_ref());
            world.finish(1).await;
            order.expect("the order is known")
        })
    }
}

/// The demo's own provider gives way to this one.
fn with_line(text: String, line: Line) -> String {
    let from = text.find(&format!("[{}]\n", Line::default().name())).expect("the demo's school has calls");
    let to = text.find("[mail]\n").expect("and mail behind it");
    let lines = Lines::default();
    let (_, setup) = lines.iter().find(|(known, _)| *known == line).expect("of the list");
    let extensions = ["101", "102", "103", "104", "105"];
    format!("{}{}{}", &text[..from], setup.school_table(&extensions), &text[to..])
}

fn starting(text: String) -> String {
    match text.contains("[dialling]\n") {
        true => text.replace("[dialling]\n", "[dialling]\nstart_calls = true\n"),
        false => format!("{text}\n[dialling]\nstart_calls = true\n"),
    }
}

#[test]
fn calls_of_managers_are_attempts_and_talks_over_every_line() {
    for line in Line::all() {
        let script = "calls = [\"no_answer\", \"busy\", \"talk 60\"]\ncalls_default = \"ignore\"";
        let play = Play { line, by: By::Managers, script, hours: 12 };
        let order = play.run(
            |_| {},
            |world| {
                let sandbox = world.sandbox();
                let calls: Vec<&str> = sandbox.calls().iter().map(|call| call.outcome.as_str()).collect();
                assert_eq!(calls, ["no_answer", "busy", "talk"], "{line:?}");
                assert!(sandbox.calls().iter().all(|call| call.command_id.is_none()), "{line:?}");
            },
        );
        assert_eq!((order.attempts, order.talks, order.calls.len()), (2, 1, 3), "{line:?}: {order:#?}");
        assert_eq!(order.calls[2].talk_seconds, Some(60), "{line:?}");
    }
}

#[test]
fn calls_that_the_bridge_starts_are_attempts_and_talks_over_every_line() {
    for line in Line::all() {
        for varied in [false, true] {
            let script = "calls = [\"no_answer\", \"busy\", \"talk 60\"]\ncalls_default = \"ignore\"";
            let play = Play { line, by: By::Bridge, script, hours: 12 };
            let order = play.run(
                |setup| {
                    if varied {
                        setup.lines.iter_mut().for_each(|(_, exchange)| exchange.vary());
                    }
                },
                |world| {
                    let sandbox = world.sandbox();
                    let calls: Vec<&str> = sandbox.calls().iter().map(|call| call.outcome.as_str()).collect();
                    assert_eq!(calls, ["no_answer", "busy", "talk"], "{line:?} {varied}");
                    assert!(
                        sandbox.calls().iter().all(|call| call.command_id.is_some()),
                        "{line:?} {varied}"
                    );
                    assert!(sandbox.troubles().is_empty(), "{line:?} {varied}: {:?}", sandbox.troubles());
                },
            );
            let told = (order.attempts, order.talks, order.calls.len());
            assert_eq!(told, (2, 1, 3), "{line:?} {varied}: {order:#?}");
            assert_eq!(order.calls[2].talk_seconds, Some(60), "{line:?} {varied}");
        }
    }
}

#[test]
fn a_missed_call_of_the_client_is_called_back_over_every_line() {
    for line in Line::all() {
        let script = "events = [{ at = \"+2m\", do = \"call_in\" }]\ncalls = [\"talk 45\"]\ncalls_default = \"ignore\"";
        let play = Play { line, by: By::Managers, script, hours: 5 };
        let order = play.run(
            |_| {},
            |world| {
                let sandbox = world.sandbox();
                let calls: Vec<u8> = sandbox.calls().iter().map(|call| call.direction).collect();
                assert_eq!(calls, [1, 2], "{line:?}: the client's call, and the call back");
            },
        );
        assert_eq!((order.attempts, order.talks), (0, 1), "{line:?}: {order:#?}");
    }
}

/// The manager's phone rings without an answer: no attempt, nothing is started again for it, and the manager
/// calls from their own phone later.
#[test]
fn a_manager_who_does_not_pick_up_keeps_his_task() {
    for line in Line::all() {
        let script = "calls = [\"manager_missed\", \"talk 60\"]\ncalls_default = \"ignore\"";
        let play = Play { line, by: By::Bridge, script, hours: 12 };
        let order = play.run(
            |_| {},
            |world| {
                let sandbox = world.sandbox();
                let calls: Vec<(&str, bool)> = sandbox
                    .calls()
                    .iter()
                    .map(|call| (call.outcome.as_str(), call.command_id.is_some()))
                    .collect();
                assert_eq!(calls, [("manager_missed", true), ("talk", false)], "{line:?}");
            },
        );
        assert_eq!((order.attempts, order.talks), (0, 1), "{line:?}: {order:#?}");
    }
}

/// The connection breaks off after the provider accepted the start: the start is not repeated, a dead letter
/// says why, and the call that took place is counted all the same.
#[test]
fn a_start_whose_answer_is_lost_is_never_repeated() {
    for line in Line::all() {
        let script = "calls = [\"talk 60\"]\ncalls_default = \"ignore\"";
        let play = Play { line, by: By::Bridge, script, hours: 5 };
        let broken = |world: &World| {
            let mut sandbox = world.sandbox();
            let rule = sandbox.faults_mut().of_mut(Platform::Line(line));
            (rule.per_mille, rule.kinds) = (1000, vec![RequestFault::BrokenOff]);
        };
        // Signed in before anything fails, so that the answer to the start itself is lost.
        let signed_in = |setup: &mut Setup| {
            if let Some(telphin) = setup.lines.get_mut::<TelphinSetup>() {
                telphin.token_life_s = 86_400;
            }
        };
        let order = play.run_on(signed_in, broken, |world| {
            let sandbox = world.sandbox();
            let started = sandbox.calls().iter().filter(|call| call.command_id.is_some()).count();
            assert_eq!((started, sandbox.calls().len()), (1, 1), "{line:?}");
        });
        assert_eq!((order.attempts, order.talks), (0, 1), "{line:?}: {order:#?}");
    }
}

/// Events lost, doubled and late: each call still ends in a clear state, and the order continues.
#[test]
fn lost_doubled_and_late_events_leave_no_call_open() {
    for line in Line::all() {
        for kinds in [vec![HookFault::Withheld], vec![HookFault::Doubled, HookFault::Delayed]] {
            let script = "calls = [\"no_answer\", \"talk 60\", \"busy\"]\ncalls_default = \"no_answer\"";
            let play = Play { line, by: By::Bridge, script, hours: 48 };
            let spoil = |setup: &mut Setup| {
                let rule = setup.faults.of_mut(Platform::Line(line));
                (rule.hook_per_mille, rule.hook_kinds) = (400, kinds.clone());
            };
            let order = play.run(spoil, |_| {});
            assert!(order.attempts + order.talks > 0, "{line:?} {kinds:?}: {order:#?}");
        }
    }
}

/// Applies faults to the exchange's events; a run without faults first shows when people call.
fn untold(line: Line, spoil: impl Fn(&mut FaultRule, &[Call])) -> Order {
    let script = "calls = [\"no_answer\", \"busy\", \"talk 60\"]\ncalls_default = \"ignore\"";
    let play = Play { line, by: By::Managers, script, hours: 12 };
    let mut calls = Vec::new();
    play.run(|_| {}, |world| calls = world.sandbox().calls().to_vec());
    let faults = |setup: &mut Setup| spoil(setup.faults.of_mut(Platform::Line(line)), &calls);
    play.run(faults, |world| {
        let made: Vec<String> = world.sandbox().calls().iter().map(|call| call.outcome.clone()).collect();
        assert_eq!(made, ["no_answer", "busy", "talk"], "{line:?}");
    })
}

/// After its first call, or in the middle of a talk, the exchange stops sending events for good: its later
/// statistics are read, and each call counts once.
#[test]
fn calls_that_were_never_told_are_read_from_the_statistics_of_every_line() {
    for line in Line::all() {
        for from in [|calls: &[Call]| Some(calls[0].ended_at), |calls: &[Call]| calls[2].answered_at] {
            let order = untold(line, |rule, calls| {
                let from = from(calls).expect("it was answered") + TimeDelta::seconds(1);
                rule.silences = vec![Outage { from, to: from + TimeDelta::days(1) }];
            });
            let told = (order.attempts, order.talks, order.calls.len());
            assert_eq!(told, (2, 1, 3), "{line:?}: {order:#?}");
            assert_eq!(order.calls[2].talk_seconds, Some(60), "{line:?}");
        }
    }
}

/// Every event comes, up to an hour after the statistics were read.
#[test]
fn an_event_that_comes_after_its_call_was_read_changes_nothing() {
    // The first line's statistics are tested in `reconcile`.
    for line in Line::all().filter(|line| *line != Line::default()) {
        let order = untold(line, |rule, _| {
            (rule.hook_per_mille, rule.hook_kinds, rule.hook_delay_s) =
                (1_000, vec![HookFault::Delayed], 3_600);
        });
        let told = (order.attempts, order.talks, order.calls.len());
        assert_eq!(told, (2, 1, 3), "{line:?}: {order:#?}");
    }
}
