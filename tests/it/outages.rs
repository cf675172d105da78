//! A CRM that is away for days, that denies access, or that refuses one item of many: the decisions made
//! meanwhile are carried out afterwards without manual work. The whole bridge under paused time.

use chrono::{TimeDelta, Utc};
use dozvon::sandbox::Setup;
use dozvon::sandbox::faults::{Outage, RequestFault};
use dozvon::sandbox::wire::Platform;

use crate::support::inproc::World;
use crate::support::school::School;
use crate::support::story::{order, play};

const PEOPLE: &str = r#"
[first]
[second]
at = "+26h"
[third]
at = "+50h"
"#;

const SCRIPTS: [&str; 3] = ["first", "second", "third"];

async fn everything_was_done(world: &World) {
    for script in SCRIPTS {
        assert_eq!(world.sandbox().leads_of(script).len(), 1, "the lead of {script}");
        let order = order(world, script).await;
        assert!(order.is_open(), "{order:#?}");
    }
    let dead = world.site.store.dead(world.site.id(), 100).await.expect("memory");
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn three_days_without_the_crm_lose_nothing_and_need_nobody() {
    let away = |setup: &mut Setup| {
        let from = setup.start.with_timezone(&Utc);
        setup.faults.amocrm.outages = vec![Outage { from, to: from + TimeDelta::days(3) }];
    };
    play(&School::changed(|_, text| text), PEOPLE, away, async |world| {
        world.run_for(TimeDelta::hours(74)).await;
        everything_was_done(world).await;
    });
}

/// The account is blocked for four days, and the first requests after that fail once more.
#[test]
fn what_waited_for_a_denied_account_survives_the_next_fault() {
    play(
        &School::changed(|_, text| text),
        PEOPLE,
        |_| {},
        async |world| {
            world.sandbox().amocrm_mut().blocked = true;
            world.run_for(TimeDelta::hours(96)).await;
            {
                let mut sandbox = world.sandbox();
                let rule = &mut sandbox.faults_mut().amocrm;
                (rule.per_mille, rule.kinds) = (1_000, vec![RequestFault::ServerError]);
                sandbox.amocrm_mut().blocked = false;
            }
            world.run_for(TimeDelta::hours(2)).await;
            world.sandbox().faults_mut().amocrm.per_mille = 0;
            world.run_for(TimeDelta::hours(2)).await;
            everything_was_done(world).await;
        },
    );
}

/// The account is moved for an hour, and says so to everything: also to reads, which would find no lead, and to changes
/// of a lead, which would be given up.
#[test]
fn an_account_that_is_moved_is_waited_for() {
    let answers =
        |setup: &mut Setup| setup.faults.amocrm.kinds = vec![RequestFault::Missing, RequestFault::Locked];
    play(&School::changed(|_, text| text), PEOPLE, answers, async |world| {
        for wait_h in [0, 1, 25, 24] {
            world.run_for(TimeDelta::hours(wait_h)).await;
            world.sandbox().faults_mut().amocrm.per_mille = 1_000;
            world.run_for(TimeDelta::hours(1)).await;
            world.sandbox().faults_mut().amocrm.per_mille = 0;
        }
        world.run_for(TimeDelta::hours(2)).await;
        everything_was_done(world).await;
    });
}

/// Twelve orders of one minute and an account so slow that their writes leave together; the lead of one of
/// them has been deleted, without a webhook.
#[test]
fn one_that_is_refused_harms_none_of_those_with_it() {
    let mut people: String = (1..12).map(|n| format!("[good_{n}]\nat = \"+61m\"\n")).collect();
    people += "[bad]\nat = \"+61m\"\nevents = [{ at = \"+5m\", do = \"delete_lead\", untold = true }]\n";
    let school = School::changed(|_, text| {
        let text = text.replace("[amocrm]\n", "[amocrm]\nrequests_per_second = 0.1\n");
        text.replace("look_back_min = 120", "look_back_min = 0")
    });
    play(
        &school,
        &people,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::minutes(75)).await;
            let asked = |world: &World| world.sandbox().counters().get(Platform::Amocrm).requests;
            let before = asked(world);
            world.run_for(TimeDelta::minutes(15)).await;
            assert!(asked(world) - before < 60, "they leave together: {}", asked(world) - before);
            {
                let sandbox = world.sandbox();
                for n in 1..12 {
                    let tasks = sandbox.tasks_of(&format!("good_{n}"));
                    let first = tasks.iter().filter(|task| task.text.contains("первый звонок")).count();
                    assert_eq!(first, 1, "the first call task of good_{n}: {tasks:#?}");
                }
            }
            let bad = order(world, "bad").await;
            world.breaks(&bad.id);
            let dead = world.site.store.dead(world.site.id(), 100).await.expect("memory");
            assert!(dead.iter().any(|letter| letter.why.contains("entity_id")), "its task: {dead:#?}");
            assert!(dead.iter().all(|letter| letter.order.as_ref() == Some(&bad.id)), "{dead:#?}");
            assert!(bad.is_open() && dozvon::process::wake(&bad).is_some(), "it has a next step: {bad:#?}");
        },
    );
}
