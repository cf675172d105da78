//! Damaged and invented bytes for everything that reads bytes: decoders of all platforms, stored records, spool,
//! configuration. Nothing may panic, and what is read has to be as small as what was sent. `PROPTEST_CASES=100000
//! cargo test --lib fuzz` looks longer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::bounded::{self, ANSWER, REQUEST};
use crate::config::fake::noon;
use crate::config::{Config, Files, Surroundings};
use crate::intake::calls::CallRecord;
use crate::intake::envelope::Envelope;
use crate::intake::item::{Inbound, Item, Member};
use crate::intake::last_seen::LastSeen;
use crate::link;
use crate::message::library::Library;
use crate::platform::getcourse::{dates, money, status, text};
use crate::platform::{Hooks, RawRequest, Verified};
use crate::platforms::ALL;
use crate::process::{Client, Order, Phone, SchoolId};
use crate::store::{Delivery, Offer};

/// Every captured request, beside the hooks of its platform.
static CAPTURED: LazyLock<Vec<(Arc<dyn Hooks>, RawRequest)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut captured = Vec::new();
    for platform in ALL {
        let Ok(table) = std::fs::read_to_string(root.join(platform.name).join("settings.toml")) else {
            continue;
        };
        let table = toml::Value::Table(table.parse().expect("a table"));
        let settings = (platform.read)(table).expect("its settings");
        let hooks =
            settings.hooks(&SchoolId::from("rost"), &Library::shipped()).expect("its keys").expect("hooks");
        for file in below(&root.join(platform.name), "http") {
            captured.push((hooks.clone(), request(&std::fs::read_to_string(file).expect("a text"))));
        }
    }
    captured
});

/// Every recorded value of the store.
static RECORDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/records");
    let mut records = Vec::new();
    for file in below(&folder, "jsonl") {
        for line in std::fs::read_to_string(file).expect("a text").lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let stored = [&line["stored"], &line["record"]["order"], &line["record"]["client"]];
            records.extend(stored.into_iter().filter(|value| !value.is_null()).map(crate::json::bytes));
        }
    }
    records
});

fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(below(&path, ending)),
            false if path.extension().is_some_and(|have| have == ending) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

fn request(text: &str) -> RawRequest {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
    let target = first.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers.lines().filter_map(|line| line.split_once(':'));
    RawRequest {
        method: first.split(' ').next().unwrap_or_default().to_owned(),
        tail: path.splitn(6, '/').nth(5).unwrap_or_default().to_owned(),
        query: query.to_owned(),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect(),
        body: body.trim_end().as_bytes().to_vec(),
    }
}

/// One change of a text.
#[derive(Debug, Clone)]
enum Change {
    Cut(Index, usize),
    Repeat(Index, usize, usize),
    Put(Index, Vec<u8>),
    Flip(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let word = prop_oneof![
        "[\\[\\]{}\",:&=%+0-9a-fA-F\\\\<>;'-]{1,12}".prop_map(String::into_bytes),
        "(%[0-9A-F]{2}|\\[\\]|\\[0\\]|&amp;|null|-1|1e999|99999999999999999999|\u{202e}|\u{0}|Ёж|🙂)"
            .prop_map(String::into_bytes),
        vec(any::<u8>(), 1..8),
    ];
    prop_oneof![
        (any::<Index>(), 1..64_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (any::<Index>(), 1..64_usize, 1..40_usize)
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        (any::<Index>(), word).prop_map(|(at, word)| Change::Put(at, word)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
    ]
}

fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match change {
            Change::Cut(at, length) => {
                let from = place(at);
                bytes.drain(from..(from + length).min(bytes.len()));
            }
            Change::Repeat(at, length, times) => {
                let from = place(at);
                let part = bytes[from..(from + length).min(bytes.len())].repeat(*times);
                bytes.splice(from..from, part);
            }
            Change::Put(at, word) => {
                let from = place(at);
                bytes.splice(from..from, word.iter().copied());
            }
            Change::Flip(at, byte) => {
                let from = place(at);
                if let Some(old) = bytes.get_mut(from) {
                    *old = *byte;
                }
            }
        }
    }
    bytes
}

/// All that the bridge does with a request before it becomes a step. Also without its signature, as from the store.
fn read_all(hooks: &dyn Hooks, request: &RawRequest) {
    let _ = Verified::check(hooks, request.clone());
    let signals = hooks.decode(&Verified::stored(request.clone()), noon());
    if let Ok(signals) = signals {
        let sent = request.query.len() + request.body.len();
        let read = serde_json::to_vec(&signals).expect("signals are stored").len();
        assert!(read <= 32 * sent + 16_384, "{sent} bytes became {read}");
    }
    let _ = hooks.decode_found(request, noon());
    let _ = hooks.unread(request);
    let _ = hooks.lacks(request, &["author".to_owned()].into());
}

proptest! {
    #[test]
    fn damaged_requests_are_read_or_refused(
        which: Index,
        query in vec(change(), 0..4),
        body in vec(change(), 0..6),
        tail in prop_oneof![4 => Just(None), 1 => "[a-z/%-]{0,12}".prop_map(Some)],
    ) {
        let (hooks, request) = &CAPTURED[which.index(CAPTURED.len())];
        let query = String::from_utf8_lossy(&changed(request.query.as_bytes(), &query)).into_owned();
        let tail = tail.unwrap_or_else(|| request.tail.clone());
        read_all(&**hooks, &RawRequest { query, tail, body: changed(&request.body, &body), ..request.clone() });
    }

    #[test]
    fn invented_requests_are_read_or_refused(
        which: Index,
        json in "(\\{|\\[|\\}|\\]|,|:|\"(id|deal|json|a|status|cost|phone)\"|-?[0-9]{1,25}|1e[0-9]{1,4}|null|true|\"[а-я\\\\u0-9]{0,9}\"){0,40}",
        form in "((leads|contacts|task|account|order_id|phone|json|event|utm_a)(\\[(add|update|note|0|9{20}||id|values)\\]){0,9}=[0-9a-zа-я%+.-]{0,9}&){0,20}",
        bytes in vec(any::<u8>(), 0..64),
    ) {
        let (hooks, request) = &CAPTURED[which.index(CAPTURED.len())];
        for body in [json.into_bytes(), form.into_bytes(), bytes] {
            read_all(&**hooks, &RawRequest { body, ..request.clone() });
        }
    }

    #[test]
    fn words_of_platforms_are_read_or_not(word in "(\\PC{0,40}|[0-9 .,:/TZ+-]{0,40}|[0-9]{1,60}|&#?[a-z0-9]{0,12};|[0-9 .,]{1,30}(руб|₽|р|EUR|€|k)?)") {
        let _ = dates::parse(&word, chrono_tz::Europe::Moscow);
        let _ = money::from_text(&word);
        let _ = status::parse(&word);
        let _ = text::clean(&word);
        let _ = Phone::parse(&word);
        let _ = crate::email::parse_email(&word);
        let _ = bounded::json(word.as_bytes(), &ANSWER);
        let _ = bounded::form(word.as_bytes(), &REQUEST);
    }

    #[test]
    fn damaged_records_are_read_or_named(which: Index, changes in vec(change(), 0..4), bytes: Vec<u8>) {
        let damaged = changed(&RECORDS[which.index(RECORDS.len())], &changes);
        for bytes in [damaged, bytes] {
            let _ = Inbound::read(&bytes);
            let _ = Item::read(&bytes);
            let _ = Envelope::read(&bytes).map(|envelope| envelope.request());
            let _ = Offer::from_bytes(&bytes);
            let _ = serde_json::from_slice::<Order>(&bytes);
            let _ = serde_json::from_slice::<Client>(&bytes);
            let _ = serde_json::from_slice::<Delivery>(&bytes);
            let _ = serde_json::from_slice::<LastSeen>(&bytes);
            let _ = serde_json::from_slice::<CallRecord>(&bytes);
            let text = String::from_utf8_lossy(&bytes);
            let _ = Member::read(&text);
            let _ = link::read_lead_of(&text);
            let _ = link::contacts(Some(&text));
        }
    }
}

proptest! {
    // A configuration is checked as a whole, with all texts: milliseconds each.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_configuration_is_refused_in_words(which: Index, changes in vec(change(), 1..4)) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/example");
        let mut files = Files::read(&folder).expect("the example");
        let names: Vec<String> = files.texts_mut().keys().cloned().collect();
        let text = files.texts_mut().get_mut(which.get(&names)).expect("a text");
        *text = String::from_utf8_lossy(&changed(text.as_bytes(), &changes)).into_owned();
        if let Err(problems) = Config::from_files(&files, &Surroundings::new(BTreeMap::new(), noon())) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
        }
    }
}
