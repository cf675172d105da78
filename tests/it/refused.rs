//! A lead that the CRM refuses: nobody else waits for it, a person has it made after the cause is mended, and
//! the order then treats it as its own. The whole bridge under paused time.

use chrono::TimeDelta;
use dozvon::intake::item::Item;
use dozvon::process::LeadRole;
use dozvon::sandbox::amocrm::model::{LOST, WON};
use dozvon::store::{DeadLetter, Unit};

use crate::support::inproc::World;
use crate::support::school::School;
use crate::support::story::{order, play};

/// The first order's lead is refused for three hours; the same client orders again later, and pays the first.
const PEOPLE: &str = r#"
[first]
events = [{ at = "+7h", do = "pay" }]
[again]
at = "+5h"
phone = "+79035550100"
email = "first@example.com"
"#;

/// Takes the stages out of the account, as an administrator may; returns them.
fn without_stages(world: &World) -> Vec<dozvon::sandbox::setup::PipelineSetup> {
    let mut sandbox = world.sandbox();
    let pipelines = &mut sandbox.amocrm_mut().setup.pipelines;
    let before = pipelines.clone();
    pipelines
        .iter_mut()
        .for_each(|pipeline| pipeline.statuses.retain(|stage| [WON, LOST].contains(&stage.id)));
    before
}

async fn dead(world: &World) -> Vec<DeadLetter> {
    world.site.store.dead(world.site.id(), 100).await.expect("memory")
}

/// As `dozvon dead retry`.
async fn retry(world: &World, letter: &DeadLetter) {
    let append = vec![Item::Retry { letter: letter.id.clone() }.to_bytes()];
    let unit = Unit { append, at: world.now(), ..Unit::default() };
    world.site.commit(unit).await.expect("the owner commits");
}

#[test]
fn a_refused_lead_holds_nobody_up_and_is_the_orders_own_when_it_is_made_late() {
    play(
        &School::changed(|_, text| text),
        PEOPLE,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::seconds(30)).await;
            let stages = without_stages(world);
            world.run_for(TimeDelta::hours(3)).await;
            let first = order(world, "first").await;
            world.breaks(&first.id);
            assert!(world.sandbox().leads_of("first").is_empty(), "the CRM refuses it");
            let waiting = world.site.store.deliveries(world.site.id(), 0, 100).await.expect("memory");
            assert!(waiting.is_empty(), "nothing waits for a lead that is dead: {waiting:#?}");

            world.sandbox().amocrm_mut().setup.pipelines = stages;
            let letters = dead(world).await;
            let lead = letters.iter().rev().find(|letter| letter.why.contains("status_id"));
            let lead = lead.unwrap_or_else(|| panic!("the refused lead: {letters:#?}"));
            retry(world, lead).await;
            world.run_for(TimeDelta::minutes(1)).await;
            assert_eq!(world.sandbox().leads_of("first").len(), 1, "it goes at once");
            assert!(
                order(world, "first").await.leads.contains_key(&LeadRole::Sales),
                "and the order knows it"
            );

            world.run_for(TimeDelta::hours(2) + TimeDelta::minutes(5)).await;
            assert_eq!(world.sandbox().leads_of("again").len(), 1, "the client's next order goes on");
            let again = order(world, "again").await;
            world.breaks(&again.id);
            world.run_for(TimeDelta::hours(3)).await;
            let sandbox = world.sandbox();
            assert!(sandbox.leads_of("first").iter().all(|lead| lead.status_id == WON), "paid: it is won");
            let open = sandbox.tasks_of("first").into_iter().filter(|task| !task.is_completed).count();
            assert_eq!(open, 0, "and nobody is asked to call");
        },
    );
}

/// Every dead letter is tried again, the tasks before the lead: none of them stays open for a client who paid.
#[test]
fn a_task_that_is_made_after_the_payment_is_closed() {
    let people = "[first]\nevents = [{ at = \"+4h\", do = \"pay\" }]";
    play(
        &School::changed(|_, text| text),
        people,
        |_| {},
        async |world| {
            world.run_for(TimeDelta::seconds(30)).await;
            let stages = without_stages(world);
            world.run_for(TimeDelta::hours(5)).await;
            let first = order(world, "first").await;
            world.breaks(&first.id);
            assert!(first.is_won(), "{first:#?}");
            world.sandbox().amocrm_mut().setup.pipelines = stages;
            for _ in 0..2 {
                for letter in dead(world).await {
                    retry(world, &letter).await;
                }
                world.run_for(TimeDelta::minutes(10)).await;
            }
            let sandbox = world.sandbox();
            let leads = sandbox.leads_of("first");
            assert!(leads.len() == 1 && leads[0].status_id == WON, "{leads:#?}");
            let open: Vec<_> =
                sandbox.tasks_of("first").into_iter().filter(|task| !task.is_completed).collect();
            assert!(open.is_empty(), "{open:#?}");
        },
    );
}
