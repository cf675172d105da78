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
    println!("{of_scenarios} cases of scenarios, {} of random runs", seen.len() - of_scenarios);
    let processes: BTreeMap<String, Process> =
        schools.iter().map(|(name, school)| (name.clone(), school.process().expect("a school"))).collect();
    let candidates = candidates(seen, &processes);
    println!("{} candidates", candidates.len());
    let chosen = choose(candidates);
    write(chosen, &schools);
}

type Course = (Vec<Turn>, BTreeSet<String>, usize);

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
        for (kind, event) in events(&case, now) {
            let case = step(&processes[&school], case.clone(), &event, now).case;
            after.push(Seen { name: format!("{name} {kind}"), school: school.clone(), case, now });
        }
    }
    news(after, &mut known, &mut all);
    println!("{} records to look at", all.len());
    let done = |(seen, record, shows): (Seen, Value, BTreeSet<String>)| {
        let (courses, compulsory) = courses(&processes[&seen.school], &seen);
        Candidate { seen, record, shows, courses, compulsory }
    };
    all.into_iter().map(done).collect()
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
        say(format!("!note {key}"));
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
        ("promise", answer(A::Promise, later(48), None, None)),
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
    let ends: BTreeSet<_> = unsent.keys().next().into_iter().chain(unsent.keys().last()).collect();
    for command in ends {
        let command = command.clone();
        all.push(("receipt", Event::Receipt { command: command.clone() }));
        let why = match unsent[&command].ask.as_str() {
            "send_letter" => format!("{BOUNCED}: 5.1.1"),
            _ => "refused".to_owned(),
        };
        all.push(("undeliverable", Event::Undeliverable { command, why }));
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

fn courses(process: &Process, seen: &Seen) -> (Vec<Course>, usize) {
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
    let now = seen.now + TimeDelta::minutes(2);
    for (kind, event) in events(&seen.case, now) {
        let mut shows = BTreeSet::new();
        let mut case = seen.case.clone();
        let course = vec![turn(process, &mut case, kind, event, now, &mut shows)];
        all.push((course, shows));
    }
    let sized = all.into_iter().map(|(course, shows)| {
        let bytes = serde_json::to_string(&course).unwrap().len();
        (course, shows, bytes)
    });
    (sized.collect(), compulsory)
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
                        0 => new.len() * 700 >= *bytes,
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

fn write(chosen: Vec<(Candidate, Vec<usize>)>, schools: &BTreeMap<String, School>) {
    let mut lines: Vec<Line> = Vec::new();
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
        if another {
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
