//! L14: the bridge does not answer itself. After a step, neither a wake at the same moment nor the news of its own
//! commands asks for anything more, on any day of two years and for any date that is named.

use chrono::TimeDelta;

use super::*;

/// A chain of timers that are due together may take a few wakes.
const WAKES_MAX: usize = 6;

/// What the CRM tells of a command of ours.
fn news(command: &Command, now: At) -> Vec<Event> {
    let told = |task: &TaskId, due: Option<At>, done: bool| {
        let change = json!({ "event": "task", "task": task, "due": due, "done": done, "at": now });
        serde_json::from_value::<Event>(change).expect("an event")
    };
    let mut news = vec![Event::Receipt { command: command.id.clone() }];
    match &command.ask {
        Ask::CreateTask(task) => news.push(told(&task.task, Some(task.due), false)),
        Ask::MoveTask { task, due, .. } => news.push(told(task, *due, false)),
        Ask::CloseTask { task, .. } => news.push(told(task, None, true)),
        _ => {}
    }
    news
}

/// Steps until nothing more is asked for.
#[track_caller]
fn settle(process: &Process, case: Case, event: &Event, now: At, what: &str) -> Case {
    let first = step(process, case, event, now);
    let (mut case, mut asked) = (first.case, first.commands);
    for _ in 0..WAKES_MAX {
        let told: Vec<Event> = asked.iter().flat_map(|command| news(command, now)).collect();
        asked = Vec::new();
        for event in told.iter().chain([&Event::Wake]) {
            let next = step(process, case, event, now);
            asked.extend(next.commands);
            case = next.case;
        }
        if asked.is_empty() {
            assert_eq!(case.order.repairs, 0, "{what} at {now}");
            return case;
        }
    }
    panic!("{what} at {now}: it still asks for {asked:?}");
}

/// Schools whose days off differ: the usual ones, one that works each day, one that closes for the summer.
fn schools() -> [Process; 3] {
    let mut daily = process();
    daily.calendar.weekdays = (1..=7).map(|day| (day, true)).collect();
    let mut summer = process();
    let first = chrono::NaiveDate::from_ymd_opt(2026, 6, 10).expect("a day");
    summer.calendar.nonworking = first.iter_days().take(70).map(|day| day.to_string()).collect();
    [process(), daily, summer]
}

fn days() -> impl Iterator<Item = At> {
    // 2026-01-01, at a time that moves through the day.
    let first = At::from_timestamp(1_767_214_800, 0).expect("in range");
    (0..730).map(move |day| first + TimeDelta::days(day) + TimeDelta::minutes(day * 97 % 1440))
}

const KINDS: [&str; 8] =
    ["call_back", "promise", "instalment", "long_cycle", "doubt", "special_terms", "own_try", "paid"];
const DAYS_AHEAD: [Option<i64>; 7] = [None, Some(1), Some(29), Some(31), Some(38), Some(45), Some(190)];

/// A named date comes to rest, and at each of its next wakes. Each day has its own kinds and dates.
#[test]
fn a_named_date_comes_to_rest_on_every_day() {
    let schools = schools();
    for (index, now) in days().enumerate() {
        let process = &schools[index % schools.len()];
        for turn in 0..3 {
            let kind = if turn == 0 { "long_cycle" } else { KINDS[(index + 3 * turn) % KINDS.len()] };
            let days =
                DAYS_AHEAD[(index / KINDS.len() + 6 * usize::from(turn == 0) + turn) % DAYS_AHEAD.len()];
            let at = days.map(|days| now + TimeDelta::days(days));
            let event = json!({ "event": "answer", "kind": kind, "at": at, "why": "так" });
            let event: Event = serde_json::from_value(event).expect("an event");
            let what = format!("{kind} in {days:?} days");
            let mut asking = case(&Wait::Asking, Wrapped::No, now);
            asking.order.timers = Timers::default();
            (asking.order.tasks, asking.order.promise) = (BTreeMap::new(), None);
            let mut case = settle(process, asking, &event, now, &what);
            for _ in 0..2 {
                let Some((at, _)) = wake(&case.order) else { break };
                assert!(at > now, "{what} at {now}: wakes at {at}");
                case = settle(process, case, &Event::Wake, at, &what);
            }
        }
    }
}

/// So does an order in any state whose timers are all due.
#[test]
fn every_state_comes_to_rest_on_every_day() {
    let (schools, states) = (schools(), states());
    for (index, now) in days().enumerate() {
        let state = &states[index % states.len()];
        let wrapped = if index / states.len() % 3 == 0 { Wrapped::Yes } else { Wrapped::No };
        let what = format!("{state:?}");
        settle(&schools[index % schools.len()], case(state, wrapped, now), &Event::Wake, now, &what);
    }
}

fn case(state: &Wait, wrapped: Wrapped, now: At) -> Case {
    let mut client = Client::new("c-1".into());
    client.phones.push("+79005550101".to_owned());
    Case { order: order_at(state, wrapped, now), client, desks: Desks::default(), meters: Meters::default() }
}
