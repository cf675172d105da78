//! Calls whose end, or whose summary, never comes; calls of a campaign.

use super::*;

/// The end of the menu's leg and the summary are lost; a phone that takes the call over keeps it open.
#[test]
fn a_talk_that_ended_is_told_although_a_leg_that_only_rang_never_ends() {
    let mut record = unheard();
    let menu = json!({"location": "ivr"});
    record.merge(&leg("I", 1, 0, "Appeared", client(), json!({"line_number": "74955550000"}), menu), at(0));
    record.merge(&leg("B", 1, 9, "Connected", client(), employee("102"), json!({})), at(9));
    let ended = leg("B", 2, 69, "Disconnected", client(), employee("102"), reason(1110));
    assert_eq!(record.merge(&ended, at(69)), Merged::Waiting { wake: at(69 + 60) });
    let mut other = record.clone();
    let found = result(record.on_wake(at(69 + 60))).unwrap();
    check("lost end", &found, (Direction::Inbound, Outcome::Answered, Reached::Client, 60, Some("102")));
    let taken = json!({"number": CLIENT, "taken_from_call_id": "B"});
    let transfer = leg("C", 1, 69, "Appeared", taken, employee("101"), json!({}));
    assert_eq!(other.merge(&transfer, at(70)), Merged::Waiting { wake: at(70 + 4 * 3600) });
}

#[test]
fn a_talk_whose_end_never_comes_is_a_talk_of_unknown_length() {
    let mut record = unheard();
    record.merge(&leg("B", 1, 9, "Connected", client(), employee("102"), json!({})), at(9));
    let found = result(record.on_wake(at(9 + 4 * 3600))).unwrap().result;
    assert_eq!(
        (found.outcome, found.reached, found.talk_seconds),
        (Outcome::Answered, Reached::Client, None)
    );
}

#[test]
fn a_call_of_a_campaign_is_outgoing() {
    let task = || json!({"task_id": 77});
    let end = json!({"task_id": 77, "disconnect_reason": 1110});
    let events = [
        leg("A", 1, 0, "Appeared", client(), employee("102"), task()),
        leg("A", 2, 30, "Disconnected", client(), employee("102"), end),
    ];
    let found = play(&events, &[]).remove(0);
    check("campaign", &found, (Direction::Outbound, Outcome::NoAnswer, Reached::Client, 0, Some("102")));
}
