//! Writes `fixtures/records/v1` out of runs of this version. Run once, by
//! `DOZVON_WRITE=1 cargo test --test it write_records`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use chrono::TimeDelta;
use dozvon::process::command::BOUNCED;
use dozvon::process::event::{
    Answer, AnswerKind, CallResult, ClientFacts, Direction, LeadChange, OrderFacts, Outcome, Reached,
    TaskChange,
};
use dozvon::process::{
    At, Case, Event, LeadRole, ManagerId, Money, News, OrderId, Phone, Process, RefusalReason, Stage, Status,
    Timer, step,
};
use serde_json::{Value, json};

use super::orders::{ANOTHER, Line, School, Stored, Turn, decided, folder};
use crate::scenarios;

/// A case as a step has left it.
#[derive(Clone)]
pub struct Seen {
    pub name: String,
    pub school: String,
    pub case: Case,
    pub now: At,
}

const BYTES_MAX: usize = 720_000;

#[test]
fn write_records() {
    if std::env::var_os("DOZVON_WRITE").is_none() {
        return;
    }
    let mut schools: BTreeMap<String, School> = BTreeMap::new();
    let mut seen = Vec::new();
    scenarios::record(&mut schools, &mut seen);
    let of_scenarios = seen.len();
    scenarios::properties::record(&mut schools, &mut seen);
    seen.extend(two_clients(&schools["plain"].process().unwrap()));
    println!("{of_scenarios} cases of scenarios, {} of random runs", seen.len() - of_scenarios);
    let processes: BTreeMap<String, Process> =
        schools.iter().map(|(name, school)| (name.clone(), school.process().expect("a school"))).collect();
    let two: Vec<Seen> = seen.iter().filter(|seen| seen.name.starts_with("two")).cloned().collect();
    let candidates = candidates(seen, &processes);
    println!("{} candidates", candidates.len());
    // Desks on which a stranger's order goes to somebody else than it would by half of what they know.
    let mut strangers = BTreeMap::new();
    for seen in two.iter().chain(candidates.iter().map(|one| &one.seen)) {
        let process = &processes[&seen.school];
        let goes_to = |desk: dozvon::process::Desk| {
            let client = dozvon::process::Client::new("c-2".into());
            let case = Case::new(OrderId::from(ANOTHER), client, desk, seen.now);
            step(process, case, &order(None, None, true), seen.now).case.order.responsible
        };
        let desk = &seen.case.desk;
        let own = goes_to(desk.clone());
        let without_load = goes_to(dozvon::process::Desk { load: BTreeMap::new(), ..desk.clone() });
        let without_times = goes_to(dozvon::process::Desk { given_at: BTreeMap::new(), ..desk.clone() });
        let kind = (own != without_load, own != without_times);
        let list: &mut Vec<_> = strangers.entry(kind).or_default();
        if list.len() < 6 && !list.iter().any(|(_, _, known, _)| known == desk) {
            let name = format!("{}, another client's order", seen.name);
            list.push((name, seen.school.clone(), desk.clone(), seen.now));
        }
    }
    for (kind, list) in &strangers {
        println!("desks where load, times count {kind:?}: {}", list.len());
    }
    let strangers: Vec<_> = strangers.into_values().flatten().collect();
    println!("{} desks", strangers.len());
    let chosen = choose(candidates);
    write(chosen, strangers, &schools);
}

type Course = (Vec<Turn>, BTreeSet<String>, usize);

/// Two clients with a manager each; the younger order is over soon: its manager has less to do, and was
/// given something last.
fn two_clients(process: &Process) -> Vec<Seen> {
    let mut now: At = "2026-11-20T08:00:00Z".parse().unwrap();
    let mut desk = dozvon::process::Desk::default();
    let mut all = Vec::new();
    for n in 1..4 {
        let client = dozvon::process::Client::new(format!("c-{}", n + 10).as_str().into());
        let mut case = Case::new(OrderId(format!("gc-{}", n + 10)), client, desk, now);
        let paid = order(Some(Status::Paid), Some(3_850_000), true);
        let events = [order(None, None, true), paid];
        for event in events.into_iter().take(if n == 2 { 2 } else { 1 }) {
            case = step(process, case, &event, now).case;
            now += TimeDelta::minutes(3);
            let name = format!("two clients {n} {}", all.len());
            all.push(Seen { name, school: "plain".to_owned(), case: case.clone(), now });
        }
        desk = case.desk;
    }
    all
}

struct Candidate {
    /// So many of the courses are kept whatever they show.
    compulsory: usize,
    seen: Seen,
    record: Value,
    /// What the record itself shows; what each course shows.
    shows: BTreeSet<String>,
    courses: Vec<Course>,
}

/// Records that show something that fewer than three before them have shown; then what comes of these
/// by whatever may happen to them next.
fn candidates(seen: Vec<Seen>, processes: &BTreeMap<String, Process>) -> Vec<Candidate> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut all = Vec::new();
    let first = news(seen, &mut known, &mut all);
    println!("{} records that were met", all.len());
    let mut after = Vec::new();
    for (name, school, case, now) in first {
        after.extend(refused(&processes[&school], &name, &school, &case, now));
        let timers: Vec<At> = case.order.timers.iter().map(|(_, at)| at).collect();
        for at in timers.iter().min().into_iter().chain(timers.iter().max()) {
            let now = now.max(*at);
            let case = step(&processes[&school], case.clone(), &Event::Wake, now).case;
            after.push(Seen { name: format!("{name} wake"), school: school.clone(), case, now });
        }
        for (kind, event) in events(&case, now) {
            let case = step(&processes[&school], case.clone(), &event, now).case;
            let last = case.order.timers.iter().map(|(_, at)| at).max();
            if let (Some(last), "promise" | "doubt" | "own_try") = (last, kind) {
                let now = now.max(last);
                let case = step(&processes[&school], case.clone(), &Event::Wake, now).case;
                after.push(Seen { name: format!("{name} {kind} wake"), school: school.clone(), case, now });
            }
            after.push(Seen { name: format!("{name} {kind}"), school: school.clone(), case, now });
        }
    }
    news(after, &mut known, &mut all);
    println!("{} records to look at", all.len());
    let mut found = HashMap::new();
    let done = |(seen, record, shows): (Seen, Value, BTreeSet<String>)| {
        let (courses, compulsory) = courses(&processes[&seen.school], &seen, &mut found);
        Candidate { seen, record, shows, courses, compulsory }
    };
    let all = all.into_iter().map(done).collect();
    println!("losses found: {found:?}");
    all
}

/// A task or a lead that cannot be made, again and again.
fn refused(process: &Process, name: &str, school: &str, case: &Case, now: At) -> Vec<Seen> {
    let (mut all, mut case, mut now) = (Vec::new(), case.clone(), now);
    for n in 0..5 {
        let made = case.order.unsent.iter().find(|(_, made)| made.ask == "create_task" || made.ask == "save_lead");
        let Some((command, _)) = made else { break };
        let event = Event::Undeliverable { command: command.clone(), why: "refused".to_owned() };
        case = step(process, case, &event, now).case;
        let seen = |case: &Case, now| Seen {
            name: format!("{name} refused {n}"),
            school: school.to_owned(),
            case: case.clone(),
            now,
        };
        all.push(seen(&case, now));
        let Some((at, _)) = case.order.timers.wake() else { break };
        now = now.max(at);
        case = step(process, case, &Event::Wake, now).case;
        all.push(seen(&case, now));
    }
    all
}

type First = (String, String, Case, At);

fn news(
    seen: Vec<Seen>,
    known: &mut HashMap<String, usize>,
    all: &mut Vec<(Seen, Value, BTreeSet<String>)>,
) -> Vec<First> {
    let mut first = Vec::new();
    for seen in seen {
        let record = serde_json::to_value(&seen.case.order).unwrap();
        let shows = shows(&seen.case, &record);
        if shows.iter().all(|text| known.get(text).is_some_and(|count| *count >= 3)) {
            continue;
        }
        for text in &shows {
            *known.entry(text.clone()).or_default() += 1;
        }
        let now = seen.now + TimeDelta::minutes(1);
        first.push((seen.name.clone(), seen.school.clone(), seen.case.clone(), now));
        all.push((seen, record, shows));
    }
    first
}

fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value).unwrap() {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn shows(case: &Case, record: &Value) -> BTreeSet<String> {
    let order = &case.order;
    let phase = word(&order.phase);
    let mut shows = BTreeSet::from([format!("!phase {phase}")]);
    let mut say = |text: String| {
        shows.insert(text);
    };
    for (key, value) in &order.notes {
        let key = if key.starts_with("letter ") { "letter" } else { key };
        say(format!("!note {key} open {}", order.is_open()));
        say(format!("phase {phase} note {key}"));
        if ["phone_ask", "give_up", "follow_up", "confirm", "unanswered", "failed", "unseen"].contains(&key) {
            let value = if value.parse::<u32>().is_ok_and(|n| n > 3) { "many" } else { value };
            say(format!("!note {key} = {value}"));
        }
    }
    for (timer, _) in order.timers.iter() {
        say(format!("!timer {}", word(&timer)));
        say(format!("phase {phase} timer {}", word(&timer)));
    }
    for (timer, _) in order.held.iter() {
        say(format!("!held {}", word(&timer)));
        say(format!("phase {phase} held {}", word(&timer)));
    }
    if order.payment_unconfirmed {
        say(format!("!unconfirmed in {phase}"));
    }
    for task in order.tasks.values() {
        say(format!("!task {}", task.text));
        say(format!("!task {} {} {}", word(&task.kind), task.reminded, task.escalated));
        say(format!("phase {phase} task {}", task.text));
        say(format!("task about: {}", task.about.is_some()));
    }
    for pending in order.unsent.values() {
        say(format!("!unsent {}", pending.ask));
        say(format!("phase {phase} unsent {}", pending.ask));
        say(format!("unsent letter {:?}", pending.letter));
        say(format!("unsent role {:?}", pending.role));
    }
    if !order.revoked.is_empty() {
        say(format!("!revoked in {phase}"));
    }
    if let Some(end) = &order.end {
        let end = serde_json::to_value(end).unwrap();
        say(format!("!end {} {}", end["end"], end["reason"]));
    }
    if let Some(promise) = serde_json::to_value(&order.promise).unwrap().as_object() {
        say(format!("!promise {} why {} in {phase}", promise["promise"], !promise["why"].is_null()));
    }
    if let Some(start) = &order.start {
        say(format!("!start again {} under way {}", start.again_at.is_some(), start.under_way.is_some()));
    }
    for key in record.as_object().unwrap().keys() {
        say(format!("!field {key}"));
        say(format!("phase {phase} field {key}"));
    }
    for (key, value) in record["round"].as_object().unwrap() {
        say(format!("!round {key}"));
        if ["task", "last_outcome", "number", "missed"].contains(&key.as_str()) {
            say(format!("round {key} = {value}"));
        }
    }
    for (role, stage) in &order.leads {
        say(format!("lead {} {}", word(role), word(stage)));
    }
    say(format!("status {:?} said {:?}", order.status, order.said_status));
    say(format!("author {:?}", order.author));
    for key in serde_json::to_value(&case.client).unwrap().as_object().unwrap().keys() {
        say(format!("!client {key}"));
    }
    for (id, brief) in &case.client.orders {
        let brief = serde_json::to_value(brief).unwrap();
        let own = *id == order.id;
        say(format!("brief own {own} open {} {:?}", brief["open"], brief.as_object().unwrap().keys()));
    }
    say(format!("confirmed phone {:?}", case.client.phone_confirmed));
    say(format!("!desk busy {} load {}", case.desk.busy.len(), case.desk.load.len()));
    shows
}

fn call(now: At, outcome: Outcome, reached: Reached, direction: Direction, seconds: u32) -> Event {
    Event::Call(CallResult {
        call: "mango:901".to_owned(),
        direction,
        outcome,
        reached,
        talk_seconds: seconds,
        started_at: now - TimeDelta::seconds(i64::from(seconds) + 20),
        ended_at: now,
        number: Some("+79005550101".to_owned()),
        line: None,
        manager: Some(ManagerId::from("oleg")),
        command: None,
        recording: None,
    })
}

fn answer(kind: AnswerKind, at: Option<At>, why: Option<&str>, reason: Option<RefusalReason>) -> Event {
    let (why, by) = (why.map(str::to_owned), Some(ManagerId::from("irina")));
    Event::Answer(Answer { kind, at, why, reason, by, field: Some(7) })
}

fn order(status: Option<Status>, paid: Option<i64>, confirmed: bool) -> Event {
    Event::Order(Box::new(OrderFacts {
        number: Some("1001".to_owned()),
        status,
        offers: vec!["101".to_owned()],
        cost: Some(Money::new(3_850_000, "RUB")),
        paid: paid.map(|minor| Money::new(minor, "RUB")),
        payment_link: Some("https://school.example/pay/1".to_owned()),
        confirmed,
        client: ClientFacts {
            phone: Some(Phone::parse("8 900 555-01-01")),
            email: Some("maria@client.example".to_owned()),
            ..ClientFacts::default()
        },
        ..OrderFacts::default()
    }))
}

fn lead(at: At, stage: Option<Stage>, manager: Option<&str>, reason: Option<RefusalReason>) -> Event {
    let responsible = manager.map(ManagerId::from);
    Event::Lead(LeadChange { role: LeadRole::Sales, stage, responsible, reason, at })
}

/// What may happen to it next.
fn events(case: &Case, now: At) -> Vec<(&'static str, Event)> {
    use AnswerKind as A;
    use Outcome as O;
    let (out, inbound) = (Direction::Outbound, Direction::Inbound);
    let later = |hours: i64| Some(now + TimeDelta::hours(hours));
    let other = OrderId::from("gc-7");
    let mut all = vec![
        ("not_reached", call(now, O::NoAnswer, Reached::Client, out, 0)),
        ("invalid", call(now, O::InvalidNumber, Reached::Client, out, 0)),
        ("failed", call(now, O::Failed, Reached::Nobody, out, 0)),
        ("voicemail", call(now, O::Voicemail, Reached::Client, out, 20)),
        ("manager_only", call(now, O::NoAnswer, Reached::ManagerOnly, out, 0)),
        ("talk", call(now, O::Answered, Reached::Client, out, 60)),
        ("missed", call(now, O::NoAnswer, Reached::Nobody, inbound, 0)),
        ("talk_in", call(now, O::Answered, Reached::Client, inbound, 60)),
        ("call_back", answer(A::CallBack, later(20), Some("на работе"), None)),
        ("call_back_when", answer(A::CallBack, None, None, None)),
        ("promise", answer(A::Promise, later(48), Some("после зарплаты"), None)),
        ("refusal", answer(A::Refusal, None, Some("дорого"), Some(RefusalReason::Price))),
        ("doubt", answer(A::Doubt, None, Some("думает"), None)),
        ("own_try", answer(A::OwnTry, later(26), None, None)),
        ("instalment", answer(A::Instalment, None, None, None)),
        ("long_cycle", answer(A::LongCycle, later(50), None, None)),
        ("special", answer(A::SpecialTerms, None, Some("скидка"), None)),
        ("duplicate", answer(A::Duplicate, None, None, None)),
        ("mistake", answer(A::Mistake, None, None, None)),
        ("wrong_number", answer(A::WrongNumber, None, None, None)),
        ("said_paid", answer(A::Paid, None, None, None)),
        ("reached", answer(A::Reached, None, None, None)),
        ("not_reached_said", answer(A::NotReached, None, None, None)),
        ("paid", order(Some(Status::Paid), Some(3_850_000), true)),
        ("paid_said", order(None, Some(3_850_000), false)),
        ("part", order(None, Some(1_500_000), true)),
        ("part_said", order(None, Some(1_500_000), false)),
        ("unpaid", order(None, Some(0), true)),
        ("cancelled", order(Some(Status::Cancelled), None, true)),
        ("false", order(Some(Status::False), None, true)),
        ("returned", order(Some(Status::WaitingForReturn), Some(1_500_000), true)),
        ("lead_won", lead(now, Some(Stage::Won), None, None)),
        ("lead_lost", lead(now, Some(Stage::Lost), None, Some(RefusalReason::Timing))),
        ("lead_talked", lead(now, Some(Stage::Talked), None, None)),
        ("lead_back", lead(now, Some(Stage::New), None, None)),
        ("given_on", lead(now, None, Some("irina"), None)),
        ("lead_gone", Event::LeadGone { role: LeadRole::Sales }),
        ("talked_elsewhere", Event::Sibling(News::Talked { order: other.clone(), at: now })),
        ("paid_elsewhere", Event::Sibling(News::Paid { order: other.clone() })),
        ("double_of", Event::Sibling(News::DuplicateOf { order: other.clone() })),
        ("double_found", Event::Sibling(News::DuplicateFound { order: other })),
        ("new_phone", client(Some("8 900 555-01-77"), false)),
        ("bad_address", client(None, true)),
    ];
    let tasks = &case.order.tasks;
    for task in tasks.keys().take(2) {
        let change = |done, result: Option<&str>, due, gone| {
            let result = result.map(str::to_owned);
            Event::Task(TaskChange { task: task.clone(), done, result, due, responsible: None, gone })
        };
        all.push(("task_done", change(true, Some("сделал"), None, false)));
        all.push(("task_closed", change(true, None, None, false)));
        all.push(("task_put_back", change(false, None, later(49), false)));
        all.push(("task_gone", change(false, None, None, true)));
    }
    let unsent = &case.order.unsent;
    let kinds: BTreeMap<_, _> =
        unsent.iter().map(|(id, pending)| ((&pending.ask, pending.role), id.clone())).collect();
    for command in kinds.into_values() {
        all.push(("receipt", Event::Receipt { command: command.clone() }));
        let why = match unsent[&command].ask.as_str() {
            "send_letter" => format!("{BOUNCED}: 5.1.1"),
            _ => "refused".to_owned(),
        };
        let doubt = Event::Undeliverable { command: command.clone(), why: "unclear".to_owned() };
        all.push(("doubt_about_it", doubt));
        all.push(("undeliverable", Event::Undeliverable { command, why }));
    }
    if let Some(set) = case.order.responsible_at {
        all.push(("given_on_before", lead(set - TimeDelta::seconds(10), None, Some("irina"), None)));
    }
    all.push(("said_again", order(case.order.said_status.clone(), None, true)));
    for manager in ["irina", "oleg"] {
        if let Event::Order(mut facts) = order(None, None, true) {
            facts.manager = Some(ManagerId::from(manager));
            all.push(("gc_manager", Event::Order(facts)));
        }
    }
    if let Event::Order(mut facts) = order(None, None, true) {
        facts.client.phone = Some(Phone::parse("8 900 555-01-99"));
        facts.cost = Some(Money::new(2_000_000, "RUB"));
        facts.offers = vec!["102".to_owned()];
        all.push(("changed", Event::Order(facts)));
    }
    if let Some(command) = case.order.revoked.keys().next() {
        all.push(("late_receipt", Event::Receipt { command: command.clone() }));
    }
    if let Some(start) = case.order.start.as_ref().and_then(|start| start.under_way.as_ref()) {
        let command = Some(start.command.to_string());
        if let Event::Call(done) = call(now, O::Answered, Reached::Client, out, 45) {
            all.push(("started", Event::Call(CallResult { command, ..done })));
        }
    }
    all
}

fn client(phone: Option<&str>, email_bad: bool) -> Event {
    let phone = phone.map(Phone::parse);
    let email = Some("maria@client.example".to_owned());
    Event::Client(ClientFacts { phone, email, email_bad, ..ClientFacts::default() })
}

fn turn(
    process: &Process,
    case: &mut Case,
    kind: &str,
    event: Event,
    now: At,
    shows: &mut BTreeSet<String>,
) -> Turn {
    let phase = word(&case.order.phase);
    let due: Vec<Timer> =
        case.order.timers.iter().filter(|(_, at)| *at <= now).map(|(timer, _)| timer).collect();
    let kind = if kind == "wake" { format!("wake {due:?}") } else { kind.to_owned() };
    let stepped = step(process, case.clone(), &event, now);
    shows.insert(format!("{phase}: {kind}"));
    for line in &stepped.journal {
        shows.insert(format!("{phase}: {kind}: {}", line.rule));
        let text: String = line.text.chars().filter(|c| !c.is_ascii_digit()).take(24).collect();
        shows.insert(format!("!says {} {text}", line.rule));
    }
    for command in &stepped.commands {
        shows.insert(format!("!asks {} in {phase}", command.ask.name()));
        let asked = serde_json::to_value(command).unwrap();
        shows.insert(format!("!{} {}", command.ask.name(), asked["text"].as_str().unwrap_or_default().chars().filter(|c| !c.is_ascii_digit()).take(24).collect::<String>()));
    }
    if !stepped.revoke.is_empty() {
        shows.insert(format!("revokes in {phase}: {kind}"));
    }
    if !stepped.tell.is_empty() {
        shows.insert(format!("!tells in {phase}: {kind}"));
    }
    shows.insert(format!("!{phase} to {}", word(&stepped.case.order.phase)));
    let expect = decided(&stepped);
    *case = stepped.case;
    Turn { now, event, expect }
}

/// What a careless reader might lose, as `name → path`.
fn losses(record: &Stored) -> Vec<(String, Stored)> {
    let (order, client, desk) = (record.order.clone().unwrap(), record.client.clone(), record.desk.clone());
    let mut all = Vec::new();
    let mut lose = |name: String, part: usize, path: &[&str]| {
        let mut parts = [order.clone(), client.clone(), desk.clone()];
        let last = path[path.len() - 1];
        let mut place = &mut parts[part];
        for step in &path[..path.len() - 1] {
            let Some(next) = place.get_mut(*step) else { return };
            place = next;
        }
        if place.as_object_mut().and_then(|map| map.remove(last)).is_some() {
            let [order, client, desk] = parts;
            all.push((name, Stored { order: Some(order), client, desk }));
        }
    };
    for key in order.as_object().unwrap().keys() {
        lose(format!("order.{key}"), 0, &[key]);
    }
    for part in ["round", "notes", "timers", "held"] {
        for key in order.get(part).and_then(Value::as_object).into_iter().flat_map(|map| map.keys()) {
            let name = if key.starts_with("letter ") { "letter" } else { key };
            lose(format!("{part}.{name}"), 0, &[part, key]);
        }
    }
    for part in ["tasks", "unsent"] {
        for (id, one) in order.get(part).and_then(Value::as_object).into_iter().flatten() {
            for key in one.as_object().unwrap().keys() {
                lose(format!("{part}.{key}"), 0, &[part, id, key]);
            }
        }
    }
    for key in client.as_object().unwrap().keys() {
        lose(format!("client.{key}"), 1, &[key]);
    }
    for key in desk.as_object().unwrap().keys() {
        lose(format!("desk.{key}"), 2, &[key]);
    }
    all
}

/// Which of these losses a course would show; those that many courses show are left out.
fn detects(
    process: &Process,
    whole: &Case,
    lost: &[(String, Case)],
    course: &[Turn],
    shows: &mut BTreeSet<String>,
) {
    let mut steps = Vec::new();
    let mut case = whole.clone();
    for turn in course {
        let stepped = step(process, case, &turn.event, turn.now);
        case = stepped.case.clone();
        steps.push(stepped);
    }
    for (name, case) in lost {
        let mut case = case.clone();
        for (turn, was) in course.iter().zip(&steps) {
            let stepped = step(process, case, &turn.event, turn.now);
            if stepped.commands != was.commands
                || stepped.journal != was.journal
                || stepped.revoke != was.revoke
                || stepped.tell != was.tell
                || stepped.case.order.timers.wake() != was.case.order.timers.wake()
            {
                shows.insert(format!("!detects {name}"));
                break;
            }
            case = stepped.case;
        }
    }
}

/// What is lost unseen unless a course is chosen for it.
const HIDDEN: &[&str] = &[
    "order.answered_at", "order.gc_manager", "order.responsible_at", "order.said_status", "order.source",
    "order.talks", "order.left", "order.offers", "order.parts_paid", "order.revoked", "round.by_word",
    "round.task", "round.last_outcome", "round.missed", "notes.failed", "notes.letter", "notes.round_why",
    "notes.won_by_hand", "notes.lead_gone", "notes.call_revoked", "unsent.role", "client.phone_confirmed",
    "desk.busy",
];

/// So many candidates for each are enough.
const FOUND_MAX: usize = 6;

fn courses(process: &Process, seen: &Seen, found: &mut HashMap<String, usize>) -> (Vec<Course>, usize) {
    let mut all = Vec::new();
    let wake = |all: &mut Vec<(Vec<Turn>, BTreeSet<String>)>, at: At, before: Option<Event>| {
        let (mut shows, mut case, mut course) = (BTreeSet::new(), seen.case.clone(), Vec::new());
        let mut at = at;
        if let Some(event) = before {
            course.push(turn(process, &mut case, "unpaid", event, at, &mut shows));
            at = case.order.timers.iter().map(|(_, at)| at).max().unwrap_or(at).max(at);
        }
        course.push(turn(process, &mut case, "wake", Event::Wake, at, &mut shows));
        all.push((course, shows));
    };
    // The next wake; one so late that everything is due; the same once a hold is over.
    let timers: Vec<At> = seen.case.order.timers.iter().map(|(_, at)| at).collect();
    if let Some(next) = timers.iter().min() {
        wake(&mut all, seen.now.max(*next), None);
    }
    if let Some(last) = timers.iter().max().filter(|_| timers.len() > 1) {
        wake(&mut all, seen.now.max(*last), None);
    }
    if !seen.case.order.held.is_empty() {
        wake(&mut all, seen.now, Some(order(None, Some(0), true)));
    }
    if timers.is_empty() {
        let (now, mut shows) = (seen.now + TimeDelta::minutes(2), BTreeSet::new());
        let event = order(Some(Status::Paid), Some(3_850_000), true);
        let course = vec![turn(process, &mut seen.case.clone(), "paid", event, now, &mut shows)];
        all.push((course, shows));
    }
    let compulsory = all.len();
    let now = seen.now + TimeDelta::seconds(30);
    for (kind, event) in events(&seen.case, now) {
        let mut shows = BTreeSet::new();
        let mut case = seen.case.clone();
        let mut course = vec![turn(process, &mut case, kind, event, now, &mut shows)];
        // What is made again is made by a timer.
        let last = case.order.timers.iter().map(|(_, at)| at).max();
        if let (Some(last), "undeliverable") = (last, kind) {
            course.push(turn(process, &mut case, "wake", Event::Wake, now.max(last), &mut shows));
        }
        all.push((course, shows));
    }
    let record = Stored {
        order: Some(serde_json::to_value(&seen.case.order).unwrap()),
        client: serde_json::to_value(&seen.case.client).unwrap(),
        desk: serde_json::to_value(&seen.case.desk).unwrap(),
    };
    let lost: Vec<(String, Case)> = losses(&record)
        .into_iter()
        .filter(|(name, _)| HIDDEN.contains(&name.as_str()))
        .filter(|(name, _)| found.get(name).copied().unwrap_or(0) < FOUND_MAX)
        .filter_map(|(name, lost)| Some((name, lost.read(seen.now).ok()?)))
        .filter(|(_, case)| *case != seen.case)
        .collect();
    let sized = all.into_iter().map(|(course, mut shows)| {
        if !lost.is_empty() {
            detects(process, &seen.case, &lost, &course, &mut shows);
        }
        let bytes = serde_json::to_string(&course).unwrap().len();
        (course, shows, bytes)
    });
    let sized: Vec<Course> = sized.collect();
    for (name, _) in &lost {
        if sized.iter().any(|(_, shows, _)| shows.contains(&format!("!detects {name}"))) {
            *found.entry(name.clone()).or_default() += 1;
        }
    }
    (sized, compulsory)
}

/// Greedily: first the records that show most of what has to be shown (`!`), then the rest.
fn choose(mut candidates: Vec<Candidate>) -> Vec<(Candidate, Vec<usize>)> {
    let mut ids: HashMap<String, usize> = HashMap::new();
    let mut id = |text: &String| {
        let next = ids.len();
        *ids.entry(text.clone()).or_insert(next)
    };
    type Plain = (usize, Vec<usize>, Vec<(Vec<usize>, usize)>);
    let mut plain: Vec<Plain> = candidates
        .iter()
        .map(|one| {
            let courses = one.courses.iter().map(|(_, shows, bytes)| (shows.iter().map(&mut id).collect(), *bytes));
            let courses = courses.collect();
            let size = one.record.to_string().len() + 700;
            (size, one.shows.iter().map(&mut id).collect(), courses)
        })
        .collect();
    let must: Vec<bool> = {
        let mut must = vec![false; ids.len()];
        ids.iter().for_each(|(text, id)| must[*id] = text.starts_with('!'));
        must
    };
    let mut done = vec![false; ids.len()];
    let mut chosen: Vec<(Candidate, Vec<usize>)> = Vec::new();
    let mut bytes = 0;
    let loss: Vec<bool> = {
        let mut loss = vec![false; ids.len()];
        ids.iter().for_each(|(text, id)| loss[*id] = text.starts_with("!detects"));
        loss
    };
    let own: Vec<bool> = {
        let mut own = vec![false; ids.len()];
        plain.iter().flat_map(|(_, shows, _)| shows).for_each(|id| own[*id] = true);
        own
    };
    for (round, bytes_max) in [(0, BYTES_MAX), (1, BYTES_MAX), (2, BYTES_MAX + 50_000)] {
        loop {
            let mut best: Option<(f64, usize, Vec<usize>, usize)> = None;
            for (n, (base, shows, courses)) in plain.iter().enumerate() {
                let compulsory = candidates[n].compulsory;
                let mut size = *base;
                let counts = |id: &usize| !done[*id] && (round == 2 || [must[*id], own[*id]][round]);
                let mut fresh: Vec<usize> = shows.iter().copied().filter(|id| counts(id)).collect();
                let mut taken = Vec::new();
                for (m, (shows, bytes)) in courses.iter().enumerate() {
                    let new: Vec<usize> =
                        shows.iter().copied().filter(|id| counts(id) && !fresh.contains(id)).collect();
                    let worth = match round {
                        0 => new.len() * 700 >= *bytes || new.iter().any(|id| loss[*id]),
                        1 => false,
                        _ => new.len() * 400 >= *bytes,
                    };
                    if m < compulsory || worth {
                        fresh.extend(new);
                        size += bytes;
                        taken.push(m);
                    }
                }
                let value = fresh.len() as f64 / size as f64;
                if !fresh.is_empty() && best.as_ref().is_none_or(|(most, ..)| value > *most) {
                    best = Some((value, n, taken, size));
                }
            }
            let Some((value, n, taken, size)) = best else { break };
            let least = [0.0, 0.0002, 0.0006][round];
            if bytes + size > bytes_max || value < least {
                break;
            }
            bytes += size;
            let candidate = candidates.swap_remove(n);
            let (_, shows, courses) = plain.swap_remove(n);
            shows.iter().for_each(|id| done[*id] = true);
            taken.iter().for_each(|m| courses[*m].0.iter().for_each(|id| done[*id] = true));
            chosen.push((candidate, taken));
        }
        println!("{} records after round {round}, {bytes} bytes", chosen.len());
    }
    let shown: BTreeSet<String> =
        ids.iter().filter(|(_, id)| done[**id]).map(|(text, _)| text.clone()).collect();
    let mut report = String::new();
    for text in &shown {
        let _ = writeln!(report, "{text}");
    }
    std::fs::write(std::env::temp_dir().join("shown.txt"), report).unwrap();
    let missing: BTreeSet<&String> = candidates
        .iter()
        .flat_map(|candidate| candidate.shows.iter())
        .filter(|text| text.starts_with('!') && !shown.contains(*text))
        .collect();
    println!("not shown: {missing:#?}");
    chosen
}

fn write(
    chosen: Vec<(Candidate, Vec<usize>)>,
    strangers: Vec<(String, String, dozvon::process::Desk, At)>,
    schools: &BTreeMap<String, School>,
) {
    let mut lines: Vec<Line> = Vec::new();
    let mut kinds = 0;
    let mut desks = BTreeSet::new();
    for (candidate, taken) in chosen {
        let Candidate { seen, record, courses, .. } = candidate;
        let client = serde_json::to_value(&seen.case.client).unwrap();
        let desk = serde_json::to_value(&seen.case.desk).unwrap();
        // A new order of the same client, where client or desk is of a new kind.
        let kind = (
            seen.case.client.manager.clone(),
            seen.case.client.orders.len(),
            seen.case.client.bad.is_empty(),
            seen.case.client.zone.clone(),
            word(&seen.case.desk.load),
        );
        let another = desks.insert(kind);
        let courses = courses.into_iter().enumerate().filter(|(n, _)| taken.contains(n));
        let courses = courses.map(|(_, (course, ..))| course).collect();
        if another && kinds < 20 {
            kinds += 1;
            let now = seen.now + TimeDelta::minutes(5);
            lines.push(Line {
                name: format!("{}, another order", seen.name),
                school: seen.school.clone(),
                record: Stored { order: None, client: client.clone(), desk: desk.clone() },
                courses: vec![vec![Turn { now, event: order(None, None, true), expect: json!({}) }]],
            });
        }
        lines.push(Line {
            name: seen.name,
            school: seen.school,
            record: Stored { order: Some(record), client, desk },
            courses,
        });
    }
    for (name, school, desk, now) in strangers {
        let client = serde_json::to_value(dozvon::process::Client::new("c-2".into())).unwrap();
        let desk = serde_json::to_value(desk).unwrap();
        let turn = Turn { now, event: order(None, None, true), expect: json!({}) };
        let record = Stored { order: None, client, desk };
        lines.push(Line { name, school, record, courses: vec![vec![turn]] });
    }
    for line in lines.iter_mut().filter(|line| line.record.order.is_none()) {
        let process = schools[&line.school].process().unwrap();
        let turn = &mut line.courses[0][0];
        if let Event::Order(facts) = &mut turn.event {
            facts.number = Some("1009".to_owned());
        }
        let case = line.record.read(turn.now).unwrap();
        assert_eq!(case.order.id.as_str(), ANOTHER);
        turn.expect = decided(&step(&process, case, &turn.event, turn.now));
    }
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::write(folder().join("orders.jsonl"), &text).unwrap();
    let used: BTreeSet<&String> = lines.iter().map(|line| &line.school).collect();
    let used: BTreeMap<&String, &School> = schools.iter().filter(|(name, _)| used.contains(name)).collect();
    std::fs::write(folder().join("schools.toml"), toml::to_string(&used).unwrap()).unwrap();
    println!("{} lines, {} bytes", lines.len(), text.len());
}
