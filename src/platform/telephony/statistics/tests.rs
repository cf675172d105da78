//! Which listed calls are passed on, and that no range is skipped. The readings are given by the tests. Enter
//! at [`reconcile`].

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::platform::reconcile::History;
use crate::process::event::{Direction, Outcome};
use crate::process::{Client, ClientId, Order, OrderId};
use crate::signal::{KnownCall, Shown};

/// Returns the given readings one by one.
struct Listed(Mutex<Vec<Reading>>, Option<&'static str>);

#[async_trait]
impl Statistics for Listed {
    async fn read(&self, _: &TimeRange, _: At) -> Result<Reading, Fault> {
        self.0.lock().unwrap().pop().ok_or_else(|| Fault::later("nothing is left"))
    }

    fn doubt(&self) -> Option<&'static str> {
        self.1
    }
}

/// One call of this name is known.
struct Knows(&'static str, KnownCall);

#[async_trait]
impl Known for Knows {
    async fn order(&self, _: &OrderId) -> Result<Option<Order>, Fault> {
        Ok(None)
    }

    async fn client(&self, _: &ClientId) -> Result<Option<Client>, Fault> {
        Ok(None)
    }

    async fn open_orders(&self, _: Option<&str>) -> Result<(Vec<Order>, Option<String>), Fault> {
        Ok((Vec::new(), None))
    }

    async fn history(&self, _: &OrderId) -> Result<History, Fault> {
        Ok(History::default())
    }

    async fn links(&self, _: &[String]) -> Result<Vec<Option<String>>, Fault> {
        Ok(Vec::new())
    }

    async fn shown(&self, _: &str) -> Result<Shown, Fault> {
        Ok(Shown::default())
    }

    async fn call(&self, call: &str) -> Result<Option<KnownCall>, Fault> {
        Ok(Some(self.1).filter(|_| call == self.0))
    }
}

fn now() -> At {
    At::from_timestamp(1_767_254_400, 0).expect("in range")
}

fn call(name: &str, ended_min: i64, talk_seconds: u32) -> CallEvent {
    let ended_at = now() - TimeDelta::minutes(ended_min);
    let record = FinalRecord {
        direction: Some(Direction::Outbound),
        outcome: if talk_seconds > 0 { Outcome::Answered } else { Outcome::NoAnswer },
        talk_seconds: Some(talk_seconds),
        started_at: ended_at - TimeDelta::seconds(90),
        ended_at,
        client_number: Some("+79005550101".to_owned()),
        extension: Some("101".to_owned()),
        line: None,
        command: None,
        recording: None,
        rough: false,
    };
    CallEvent { call: name.to_owned(), at: ended_at, what: CallWhat::Final(record) }
}

fn told(talk_seconds: impl Into<Option<u32>>) -> KnownCall {
    KnownCall { is_exact: false, talk_seconds: talk_seconds.into() }
}

const NOBODY: Knows = Knows("", KnownCall { is_exact: true, talk_seconds: None });

fn cursor() -> Value {
    json!({ "since": now() - TimeDelta::minutes(10), "next_at": now() })
}

async fn reconcile(
    readings: Vec<Reading>,
    doubt: Option<&'static str>,
    knows: &Knows,
    cursor: &Value,
) -> Reconciled {
    let readings = readings.into_iter().rev().collect();
    let reconciler = LineReconciler::new(Box::new(Listed(Mutex::new(readings), doubt)), 10);
    reconciler.reconcile(cursor, knows, now()).await.expect("a look")
}

fn whole(calls: Vec<CallEvent>) -> Vec<Reading> {
    vec![Reading { calls, rest: Remaining::Nothing }]
}

#[tokio::test]
async fn only_what_was_not_told_or_was_told_otherwise_is_handed_on() {
    let exact = |seconds| KnownCall { is_exact: true, ..told(seconds) };
    for (why, knows, listed, expected) in [
        ("never heard of", Knows("p:2", told(0)), call("p:1", 5, 60), 1),
        ("it has only just ended", Knows("p:2", told(0)), call("p:1", 2, 60), 0),
        ("its end was never told", Knows("p:1", told(None)), call("p:1", 5, 0), 1),
        ("told so", Knows("p:1", told(0)), call("p:1", 5, 0), 0),
        ("told so, rounded", Knows("p:1", told(61)), call("p:1", 5, 60), 0),
        ("a talk was told as none", Knows("p:1", told(0)), call("p:1", 5, 60), 1),
        ("a second of talk was none", Knows("p:1", told(1)), call("p:1", 5, 0), 1),
        ("the ringing was counted", Knows("p:1", told(72)), call("p:1", 5, 60), 1),
        ("the provider's own record", Knows("p:1", exact(72)), call("p:1", 5, 60), 0),
    ] {
        let reconciled = reconcile(whole(vec![listed]), None, &knows, &cursor()).await;
        assert_eq!(reconciled.found.len(), expected, "{why}");
    }
}

/// The provider has forgotten its export: the range is read from its beginning.
#[tokio::test]
async fn a_stretch_that_cannot_go_on_begins_anew() {
    struct Forgetful;
    #[async_trait]
    impl Statistics for Forgetful {
        async fn read(&self, range: &TimeRange, _: At) -> Result<Reading, Fault> {
            match range.place.is_null() {
                true => Ok(Reading { calls: vec![call("p:1", 5, 60)], rest: Remaining::Nothing }),
                false => Err(Fault::never("no such key")),
            }
        }
    }
    let reconciler = LineReconciler::new(Box::new(Forgetful), 10);
    let mut begun = cursor();
    begun["under_way"] = json!({ "from": now() - TimeDelta::hours(1), "until": now(), "place": "key" });
    let lost = reconciler.reconcile(&begun, &NOBODY, now()).await.expect("a look");
    assert_eq!((lost.found.len(), lost.trouble.as_deref()), (0, Some("no such key")));
    let later = now() + TimeDelta::minutes(10);
    let anew = reconciler.reconcile(&lost.cursor, &NOBODY, later).await.expect("a look");
    assert_eq!((anew.found.len(), anew.trouble), (1, None));
}

#[tokio::test]
async fn what_is_handed_on_is_read_back_as_it_was_listed() {
    let listed = call("p:1", 5, 60);
    let reconciled = reconcile(whole(vec![listed.clone()]), None, &NOBODY, &cursor()).await;
    assert_eq!(found(&reconciled.found[0]), Ok(vec![Signal::CallSeen(Box::new(listed))]));
    let torn = RawRequest { body: b"{\"call\":\"+7900".to_vec(), ..reconciled.found[0].clone() };
    assert_eq!(found(&torn), Err(Undecodable("a call of the statistics: Eof".to_owned())));
}

/// A range is finished only when all of it was read.
#[tokio::test]
async fn nothing_is_passed_over() {
    let since = |reconciled: &Reconciled| {
        serde_json::from_value::<Cursor>(reconciled.cursor.clone()).expect("ours").since
    };
    let (before, later) = (now() - TimeDelta::minutes(10), now() + TimeDelta::minutes(10));
    let place = Remaining::Place { place: json!(2), again_at: now() };
    for (rest, expected, again_at) in [
        (Remaining::Nothing, now(), later),
        (Remaining::All(Some("torn".to_owned())), before, later),
        (place, before, now()),
    ] {
        let trouble = if let Remaining::All(why) = &rest { why.clone() } else { None };
        let reading = Reading { calls: vec![call("p:1", 5, 0)], rest };
        let reconciled = reconcile(vec![reading], None, &NOBODY, &cursor()).await;
        assert_eq!(
            (since(&reconciled), reconciled.again_at, reconciled.found.len()),
            (expected, again_at, 1)
        );
        assert_eq!(reconciled.trouble, trouble);
    }
}

/// If it is unproven that both use the same names, one known call proves it for good.
#[tokio::test]
async fn a_doubt_about_names_holds_all_back_until_one_call_is_recognised() {
    let doubt = Some("are the names the same?");
    let listed = || whole(vec![call("p:1", 5, 0), call("p:2", 6, 60)]);
    let held = reconcile(listed(), doubt, &NOBODY, &cursor()).await;
    assert_eq!((held.found.len(), held.trouble.as_deref()), (0, doubt));
    let mut later = held.cursor;
    later["next_at"] = json!(now());
    let reconciled = reconcile(listed(), doubt, &Knows("p:1", told(0)), &later).await;
    assert_eq!((reconciled.found.len(), reconciled.trouble), (1, None));
    let mut proven = reconciled.cursor;
    proven["next_at"] = json!(now());
    let reconciled = reconcile(listed(), doubt, &NOBODY, &proven).await;
    assert_eq!(reconciled.found.len(), 2);
}

/// A known call on a later page proves the names; calls held back before are read again.
#[tokio::test]
async fn what_was_held_back_is_not_passed_over_when_the_doubt_is_gone() {
    let doubt = Some("are the names the same?");
    let first = Reading {
        calls: vec![call("p:1", 5, 60)],
        rest: Remaining::Place { place: json!(2), again_at: now() },
    };
    let held = reconcile(vec![first], doubt, &NOBODY, &cursor()).await;
    assert_eq!(held.found.len(), 0);
    let knows = Knows("p:2", told(0));
    let reconciled = reconcile(whole(vec![call("p:2", 6, 0)]), doubt, &knows, &held.cursor).await;
    let cursor: Cursor = serde_json::from_value(reconciled.cursor).expect("ours");
    assert_eq!((cursor.since, cursor.proven, cursor.held), (now() - TimeDelta::minutes(10), true, false));
    assert_eq!(reconciled.trouble, None);
}

#[tokio::test]
async fn of_several_rows_of_a_conversation_the_talk_counts() {
    let rows = vec![call("p:1", 30, 0), call("p:1", 20, 60), call("p:1", 10, 0)];
    let reconciled = reconcile(whole(rows), None, &NOBODY, &cursor()).await;
    assert_eq!(found(&reconciled.found[0]), Ok(vec![Signal::CallSeen(Box::new(call("p:1", 20, 60)))]));
    assert_eq!(reconciled.found.len(), 1);
}
