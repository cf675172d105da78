//! What a manager wrote beside an attempt or a date (D5, L13), and what he is told of a letter that did not go (L11).

use chrono::TimeDelta;

use super::event::{Answer, Extent};
use super::*;

fn stepped(wait: &Wait, event: &Event) -> Step {
    let mut order = order(wait, Wrapped::No);
    // While it is called, nothing is asked yet.
    if *wait == Wait::Dialling {
        order.question.open = false;
        order.tasks.retain(|_, task| task.kind != TaskKind::Ask);
    }
    let mut client = Client::new("c-1".into());
    client.phones.push("+79000000000".to_owned());
    client.emails.push("m@client.example".to_owned());
    step(&process(), Case { order, client, desks: Desks::default(), meters: Meters::default() }, event, now())
}

fn answered(wait: &Wait, kind: AnswerKind, at: At, extent: Extent, why: &str) -> Step {
    let why = Some(why.to_owned()).filter(|why| !why.is_empty());
    let answer =
        Answer { kind, at: Some(at), extent, why, reason: None, by: None, field: None, said_at: None };
    stepped(wait, &Event::Answer(answer))
}

fn texts(done: &Step) -> String {
    let told = |command: &Command| match &command.ask {
        Ask::CreateTask(task) => Some(task.text.clone()),
        Ask::AddNote { text, .. } => Some(text.clone()),
        _ => None,
    };
    done.commands.iter().filter_map(told).collect::<Vec<_>>().join("\n")
}

/// D5: «сбросила, завтра в 10 перезвоню сама».
#[test]
fn a_time_named_beside_an_attempt_is_not_lost() {
    let at = now() + TimeDelta::hours(22);
    let told = |kind, extent, why: &str| answered(&Wait::Dialling, kind, at, extent, why);
    for why in ["перезвоню сама", "наберу ещё раз", "просила позвонить", "созвонимся", ""]
    {
        let order = told(AnswerKind::NotReached, Extent::Moment, why).case.order;
        let is_planned =
            matches!(order.promise, Some(Promise::CallBack { at: planned, .. }) if planned == at);
        assert!(is_planned && order.wait == Wait::CallBack, "{why}: {:?}", order.promise);
    }
    for why in ["перезвонит сама", "у него самолёт", "попробую снова"]
    {
        let done = told(AnswerKind::NotReached, Extent::Moment, why);
        let said = texts(&done);
        assert!(said.contains("Если нужно позвонить в это время, напишите «перезвонить "), "{why}: {said}");
        assert_eq!(done.case.order.round.attempts, 1, "{why}: it was an attempt");
    }
    let order = told(AnswerKind::Reached, Extent::Moment, "созвонимся").case.order;
    assert!(order.wait == Wait::CallBack && order.tasks.values().all(|task| task.kind != TaskKind::Ask));
    // The time may be the attempt's own.
    for extent in [Extent::TimeOfDay, Extent::Day] {
        let done = told(AnswerKind::NotReached, extent, "перезвоню сама");
        assert!(!texts(&done).contains("Если нужно позвонить"), "{extent:?}");
        assert_ne!(done.case.order.wait, Wait::CallBack);
    }
    let done = told(AnswerKind::Reached, Extent::Moment, "идёт к врачу");
    assert!(!texts(&done).contains("Если нужно позвонить"));
}

/// L13: «долгая сделка, вернуться 15 января».
#[test]
fn a_verb_of_coming_back_is_no_remark() {
    let at = now() + TimeDelta::days(20);
    let told = |why: &str| texts(&answered(&Wait::Asking, AnswerKind::LongCycle, at, Extent::Day, why));
    for why in ["вернуться", "просит вернуться к нему", "перезвонить"]
    {
        assert!(!told(why).contains("На чём остановились"), "{why}");
    }
    for why in ["вернуться после ремонта", "оплатит", "ждёт решения"] {
        assert!(told(why).contains(&format!("На чём остановились: {why}")), "{why}: {}", told(why));
    }
}

/// L11: a letter that the mail server refused has not left; one whose fate nobody knows may have.
#[test]
fn a_refused_letter_is_not_said_to_be_on_its_way() {
    let told = |why: &str| {
        let letter = TextId::Materials;
        let mut order = order(&Wait::Dialling, Wrapped::No);
        let command = CommandId::from("gc-1.7");
        let pending: super::case::Pending =
            serde_json::from_value(json!({ "ask": "send_letter", "letter": "materials" }))
                .expect("a command");
        order.unsent.insert(command.clone(), pending);
        let sent = json!({ "times": 1, "last": "2026-11-18 1" });
        order.letters.insert(letter.clone(), serde_json::from_value(sent).expect("a letter"));
        let client = Client::new("c-1".into());
        let case = Case { order, client, desks: Desks::default(), meters: Meters::default() };
        let done = step(&process(), case, &Event::Undeliverable { command, why: why.to_owned() }, now());
        (texts(&done), done.case.order.letters.get(&letter).map(|sent| sent.in_doubt))
    };
    for why in ["recipient 550 5.7.1", "content 554 5.7.1", "recipient 550, without a reason: may not relay"]
    {
        let (said, letter) = told(why);
        assert!(said.contains("не ушло: почтовый сервер его не принял"), "{why}: {said}");
        assert_eq!(letter, None, "{why}: no text says that it went");
    }
    for why in ["may already have been sent; not repeated", "lost"] {
        let (said, letter) = told(why);
        assert!(said.contains("могло не дойти"), "{why}: {said}");
        assert_eq!(letter, Some(true), "{why}");
    }
}
