//! A CRM that is away for days, or that lets the bridge in no longer: what was decided meanwhile is
//! done afterwards, and nobody has to dig it out. The whole bridge under paused time.

use chrono::{TimeDelta, Utc};
use dozvon::sandbox::Setup;
use dozvon::sandbox::faults::{Outage, RequestFault};

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

/// The account is blocked for four days, and the first requests after it fail once more.
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
