//! Writes `others.jsonl`: what the bridge writes while it works for the demo's school.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, LazyLock, Mutex};

use chrono::{TimeDelta, Utc};
use dozvon::config::Surroundings;
use dozvon::demo::inside::WRAP;
use dozvon::intake::calls::CallRecord;
use dozvon::intake::forget::Mention;
use dozvon::platform::RawRequest;
use dozvon::store::record::{Envelope, Item};
use dozvon::store::{Key, Offer};
use serde::Deserialize;
use serde_json::Value;

use super::orders::folder;
use super::others::{Kind, Line, call_says};
use super::tape::{Tape, Written};
use crate::support::inproc::World;
use crate::support::school::School;
use crate::support::story::play;

static WRITTEN: LazyLock<Arc<Mutex<Written>>> = LazyLock::new(Arc::default);

const PEOPLE: &str = r#"
[again]
events = [{ at = "+1h", do = "pay" }, { at = "+40d", do = "status", value = "in_work" }]

[merged]
events = [{ at = "+5m", do = "merge_lead" }, { at = "+3h", do = "pay" }]

[noted]
by = "sergey"
events = [{ at = "+5m", do = "note", value = "Отказ: цена, вернёмся осенью" }]

[called]
events = [{ at = "+4h", do = "pay" }]

[stranger]
no_order = true
phone = ""
email = ""
events = [{ at = "+10m", do = "make_lead", value = "Новая заявка", manager = "irina" }]

[late]
at = "+39d"
"#;

#[test]
fn write_others() {
    if std::env::var_os("DOZVON_WRITE").is_none() {
        return;
    }
    *WRAP.lock().unwrap() = Some(|store| Arc::new(Tape(store, WRITTEN.clone())));
    let began = std::time::Instant::now();
    demo(7);
    println!("the demo inside: {:?}", began.elapsed());
    let school = School::changed(|path, text| match path {
        "dozvon.toml" => format!("{text}\n[limits]\nraw_days = 2\nended_days = 30\n"),
        _ => text.replace("[amocrm]\n", "[amocrm]\nby_hand = [\"new\"]\n"),
    });
    play(&school, PEOPLE, |_| {}, async |world| {
        undecodable(world).await;
        world.run_for(TimeDelta::hours(5)).await;
        let site = world.site.clone();
        let dead = site.store.dead(site.id(), 9).await.unwrap();
        let retry = Item::Retry { letter: dead[0].id.clone() };
        site.store.append(site.id(), &retry.to_bytes(), site.clock.now()).await.unwrap();
        site.store.ring(site.id()).await.unwrap();
        world.run_for(TimeDelta::days(36)).await;
        let mention = Mention::typed(Some("+79035550103"), Some("called@example.com")).unwrap();
        let erase = Item::Erase { mention };
        site.store.append(site.id(), &erase.to_bytes(), site.clock.now()).await.unwrap();
        site.store.ring(site.id()).await.unwrap();
        world.run_for(TimeDelta::days(4)).await;
    });
    for one in [
        crate::lines::calls_of_managers_are_attempts_and_talks_over_every_line as fn(),
        crate::lines::calls_that_the_bridge_starts_are_attempts_and_talks_over_every_line,
        crate::lines::a_missed_call_of_the_client_is_called_back_over_every_line,
        crate::lines::a_manager_who_does_not_pick_up_keeps_his_task,
        crate::lines::a_start_whose_answer_is_lost_is_never_repeated,
        crate::lines::lost_doubled_and_late_events_leave_no_call_open,
        crate::lines::calls_that_were_never_told_are_read_from_the_statistics_of_every_line,
        crate::two_way::what_people_do_by_hand_changes_the_order_and_shows_on_the_other_side,
        crate::two_way::a_lead_that_a_person_deletes_comes_back_and_the_second_time_a_day_later,
        crate::look_back::what_getcourse_never_told_is_read_where_the_tech_api_is_there,
        crate::look_back::what_getcourse_never_told_is_read_from_exports_alone,
        crate::look_back::an_export_that_never_gets_ready_is_given_up_and_said,
        crate::look_back::what_amocrm_never_told_is_read_from_its_log,
        crate::look_back::calls_that_mango_never_told_are_read_from_its_statistics,
    ] {
        one();
    }
    *WRAP.lock().unwrap() = None;
    let written = std::mem::take(&mut *WRITTEN.lock().unwrap());
    write(written);
}

fn demo(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let school = School::prepare();
        let setup = school.material.clone();
        let surroundings = Surroundings::new(Default::default(), setup.start.with_timezone(&Utc));
        let world = World::start(setup, &school.files, &surroundings, seed);
        world.run_for(TimeDelta::days(16)).await;
    });
}

async fn undecodable(world: &World) {
    let site = &world.site;
    let request = RawRequest {
        method: "POST".to_owned(),
        tail: "order-created".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: b"phone=%2B79035550299&status=%D0%9D%D0%BE%D0%B2%D1%8B%D0%B9".to_vec(),
    };
    let now = site.clock.now();
    let raw = Envelope::of("getcourse", &request, now).to_bytes();
    let offer = Offer { id: "undecodable".to_owned(), key: Key::Always, at: now, raw };
    site.store.offer(site.id(), &offer).await.unwrap();
}

/// Paths and words of a value: what makes one record another kind than the next.
fn shows(value: &Value, path: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = if key.chars().any(|c| c.is_ascii_digit()) { "*" } else { key };
                shows(value, &format!("{path}.{key}"), all);
            }
        }
        Value::Array(list) => {
            all.insert(format!("{path}[{}]", list.len().min(3)));
            list.iter().for_each(|value| shows(value, &format!("{path}[]"), all));
        }
        Value::String(text) if text.len() < 24 && text.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
            all.insert(format!("{path} = {text}"));
        }
        Value::Bool(is) => {
            all.insert(format!("{path} = {is}"));
        }
        other => {
            all.insert(format!("{path} {}", other.is_null()));
        }
    }
}

fn pick(kind: Kind, records: Vec<(String, Value)>, most: usize, bytes_max: usize) -> Vec<Line> {
    let mut known = HashSet::new();
    let mut candidates: Vec<(String, Value, BTreeSet<String>)> = Vec::new();
    let mut alike = HashSet::new();
    for (key, stored) in records {
        let mut all = BTreeSet::new();
        shows(&stored, "", &mut all);
        // Kind of entry and of what is in it, together with everything else.
        let tag: Vec<&str> = ["/item", "/signal/signal", "/event/event", "/command/ask", "/state/state", "/platform", "/tail"]
            .iter()
            .filter_map(|path| stored.pointer(path).and_then(Value::as_str))
            .collect();
        let tag = tag.join(" ");
        all.insert(tag.clone());
        all = all.into_iter().map(|text| format!("{}|{text}", if kind == Kind::Item || kind == Kind::Journal { &tag } else { "" })).collect();
        if alike.insert(all.clone()) {
            candidates.push((key, stored, all));
        }
    }
    let mut lines: Vec<Line> = Vec::new();
    let mut bytes = 0;
    while lines.len() < most {
        let value = |(_, stored, all): &(String, Value, BTreeSet<String>)| {
            let fresh = all.iter().filter(|text| !known.contains(*text)).count();
            fresh as f64 / (stored.to_string().len() + 200) as f64
        };
        let best = candidates.iter().enumerate().map(|(n, one)| (value(one), n));
        let Some((value, n)) = best.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))) else { break };
        if value == 0.0 {
            break;
        }
        let (key, stored, all) = candidates.swap_remove(n);
        known.extend(all);
        bytes += stored.to_string().len();
        if bytes > bytes_max {
            break;
        }
        let expect = match kind {
            Kind::Call => call_says(CallRecord::deserialize(&stored).unwrap()),
            _ => Value::Null,
        };
        lines.push(Line { kind, key, stored, expect });
    }
    println!("{kind:?}: {} lines, {bytes} bytes", lines.len());
    lines
}

fn write(written: Written) {
    let of = |prefix: &str| -> Vec<(String, Value)> {
        let records = written.records.iter().filter(|(key, ..)| key.starts_with(prefix));
        records.map(|(key, body, _)| (key.clone(), body.clone())).collect()
    };
    let bare = |list: &[Value]| list.iter().map(|value| (String::new(), value.clone())).collect::<Vec<_>>();
    let prefixes: BTreeSet<&str> =
        written.records.iter().map(|(key, ..)| key.split('/').next().unwrap()).collect();
    println!("records: {prefixes:?}");
    let mut lines = pick(Kind::Call, of("call/"), 90, 60_000);
    lines.extend(pick(Kind::Shadow, of("shadow/"), 60, 30_000));
    lines.extend(pick(Kind::Look, of("look/"), 16, 30_000));
    lines.extend(pick(Kind::Item, bare(&written.items), 120, 120_000));
    lines.extend(pick(Kind::Delivery, bare(&written.deliveries), 90, 100_000));
    lines.extend(pick(Kind::Journal, bare(&written.journal), 90, 90_000));
    let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    std::fs::write(folder().join("others.jsonl"), &text).unwrap();
    println!("{} lines, {} bytes; {} letters", lines.len(), text.len(), written.letters.len());
}
