//! Stages that we set ourselves, and what a person does with them.

use super::*;
use crate::process::case::OwnMove;

/// F20: a stage that we set comes back whenever the CRM says so; it is no manager's answer. One that a person brings
/// the lead back to is.
#[tokio::test]
async fn our_own_move_is_no_answer_however_late() {
    const PROMISED: u64 = 66_104_110;
    const IN_WORK: u64 = 66_104_107;
    let links = [(link::crm_lead(41), "gc-1:sales"), (link::lead(&"gc-1".into(), LeadRole::Sales), "41")];
    let at = |seconds| noon() + TimeDelta::seconds(seconds);
    let lead = |status, seconds| {
        Signal::LeadSeen(Box::new(SeenLead {
            lead: 41,
            pipeline: Some(8_123_410),
            status: Some(status),
            updated_at: Some(at(seconds)),
            read: true,
            ..SeenLead::default()
        }))
    };
    let own = |left: Option<i64>| OwnMove {
        command: "gc-1.9".into(),
        stage: Stage::Promised,
        left_at: left.map(at),
    };
    // What is known of our moves, the shown stages with their times, and the last one's answers.
    let check =
        async |own: Option<OwnMove>, is_unsent: bool, shown: &[(u64, i64)], answers: usize, what: &str| {
            let mut known = Known::of(&[("gc-1", "c-1", true)], &links).await;
            let mut record = order("gc-1", "c-1", true);
            record.own_moves.extend(own);
            if is_unsent {
                let pending = Pending::new(AskKind::SetStage);
                record.unsent.insert("gc-1.9".into(), pending);
            }
            let (fence, key) = (Fence("owner".to_owned()), key::order(&"gc-1".into()));
            let unit =
                Unit { put: vec![Put { expect: 1, ..put(key, &record) }], at: noon(), ..Unit::default() };
            known.store.commit(&known.school.id, &fence, unit).await.expect("a unit");
            let mut last = 0;
            for (status, seconds) in shown {
                let aims = known.aims(lead(*status, *seconds)).await;
                last = aims.aims.iter().filter(|aim| matches!(aim.event, Event::Answer(_))).count();
                let unit = Unit { put: aims.puts, at: noon(), ..Unit::default() };
                known.store.commit(&known.school.id, &fence, unit).await.expect("a unit");
            }
            assert_eq!(last, answers, "{what}");
        };
    check(None, false, &[(IN_WORK, 0), (PROMISED, 300)], 1, "a manager's own").await;
    check(Some(own(Some(300))), false, &[(IN_WORK, 0), (PROMISED, 299)], 0, "ours").await;
    check(Some(own(Some(300))), false, &[(IN_WORK, 0), (PROMISED, 900)], 0, "ours, found by the look-back")
        .await;
    check(Some(own(None)), true, &[(IN_WORK, 0), (PROMISED, 900)], 0, "ours, its receipt is still to come")
        .await;
    check(Some(own(None)), false, &[(IN_WORK, 0), (PROMISED, 900)], 1, "ours was revoked").await;
    let back = [(PROMISED, 299), (IN_WORK, 600), (PROMISED, 700)];
    check(Some(own(Some(300))), false, &back, 1, "brought back by a person").await;
    check(Some(own(Some(300))), false, &[(IN_WORK, 600), (PROMISED, 700)], 1, "the same, ours unseen").await;
}
