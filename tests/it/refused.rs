//! A lead that the CRM refuses: nobody else waits for it, a person has it made after the cause is mended, and
//! the order then treats it as its own. The whole bridge under paused time.

use chrono::TimeDelta;
use dozvon::intake::item::Item;
use dozvon::process::LeadRole;
use dozvon::sandbox::amocrm::model::{LOST, WON};
use dozvon::sandbox::setup::PipelineSetup;
use dozvon::store::{DeadLetter, Unit};

use crate::support::inproc::World;
use crate::support::school::School;
use crate::support::story::{order, play};

/// The pipeline of sales.
const SALES: i64 = 8_123_410;

/// The status of the only sales lead of a script.
fn stands(world: &World, script: &str) -> Option<i64> {
    let sandbox = world.sandbox();
    let leads = sandbox.leads_of(script).into_iter().filter(|lead| lead.pipeline_id == SALES);
    let stands: Vec<i64> = leads.map(|lead| lead.status_id).collect();
    assert!(stands.len() < 2, "{script} has one lead: {stands:?}");
    stands.first().copied()
}

fn open_tasks(world: &World, script: &str) -> Vec<String> {
    let sandbox = world.sandbox();
    let open = sandbox.tasks_of(script).into_iter().filter(|task| !task.is_completed);
    open.map(|task| task.text.clone()).collect()
}

/// Takes the stages of sales out of the account, as an administrator may; returns all pipelines as they were.
fn without_stages(world: &World) -> Vec<PipelineSetup> {
    let mut sandbox = world.sandbox();
    let pipelines = &mut sandbox.amocrm_mut().setup.pipelines;
    let before = pipelines.clone();
    let sales = pipelines.iter_mut().find(|pipeline| pipeline.id == SALES).expect("the school sells");
    sales.statuses.retain(|stage| [WON, LOST].contains(&stage.id));
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

/// The first order's lead is refused for three hours; the same client orders again later, and pays the first.
const PEOPLE: &str = r#"
[first]
events = [{ at = "+7h", do = "pay" }]
[again]
at = "+5h"
offer = 501
phone = "+79035550100"
email = "first@example.com"
"#;

#[test]
fn a_refused_lead_holds_nobody_up_and_is_the_orders_own_when_it_is_made_late() {
    let story = async |world: &mut World| {
        world.run_for(TimeDelta::seconds(30)).await;
        let stages = without_stages(world);
        world.run_for(TimeDelta::hours(3)).await;
        let first = order(world, "first").await;
        world.breaks(&first.id);
        assert_eq!(stands(world, "first"), None, "the CRM refuses it");
        let waiting = world.site.store.deliveries(world.site.id(), 0, 100).await.expect("memory");
        assert!(waiting.is_empty(), "nothing waits for a lead that is dead: {waiting:#?}");

        world.sandbox().amocrm_mut().setup.pipelines = stages;
        let letters = dead(world).await;
        let lead = letters.iter().rev().find(|letter| letter.why.contains("status_id"));
        let lead = lead.unwrap_or_else(|| panic!("the refused lead: {letters:#?}"));
        retry(world, lead).await;
        world.run_for(TimeDelta::minutes(1)).await;
        assert!(stands(world, "first").is_some(), "it goes at once");
        assert!(order(world, "first").await.leads.contains_key(&LeadRole::Sales), "and the order knows it");

        world.run_for(TimeDelta::hours(2) + TimeDelta::minutes(5)).await;
        assert!(stands(world, "again").is_some(), "the client's next order goes on");
        world.run_for(TimeDelta::hours(3)).await;
        assert_eq!(stands(world, "first"), Some(WON), "paid: it is won");
        assert_eq!(open_tasks(world, "first"), [""; 0], "and nobody is asked to call");
    };
    play(&School::changed(|_, text| text), PEOPLE, |_| {}, story);
}

/// Every dead letter is tried again, the tasks before the lead: none of them stays open for a client who paid.
#[test]
fn a_task_that_is_made_after_the_payment_is_closed() {
    let people = "[first]\nevents = [{ at = \"+4h\", do = \"pay\" }]";
    let story = async |world: &mut World| {
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
        assert_eq!(stands(world, "first"), Some(WON));
        assert_eq!(open_tasks(world, "first"), [""; 0]);
        let made = world.sandbox().tasks_of("first").len();
        assert!(made > 0, "the refused call task was made after all");
    };
    play(&School::changed(|_, text| text), people, |_| {}, story);
}
