//! The printed reference names every key of the structs, and nothing else.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor, value};

use super::super::raw::{Limits, NotifyFile, SchoolFile};
use super::*;
use crate::platform::amocrm::settings::{Auth, Pipeline};
use crate::platform::entry::PlatformKind;
use crate::process::definition as process;

/// Gets the key names of a struct: serde passes them to the deserializer.
struct Recorder<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Recorder<'_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(value::Error::custom("only structs have keys"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, value::Error> {
        self.0.extend(fields);
        Err(value::Error::custom("the names are all that is wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn keys_of<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut keys = Vec::new();
    let _ = T::deserialize(Recorder(&mut keys));
    assert!(!keys.is_empty(), "{} has keys", std::any::type_name::<T>());
    keys
}

/// The keys that the reference names for a section, in its order.
fn told(file: File, path: &str) -> Vec<&'static str> {
    let section = table::sections().find(|section| section.file == file && section.path == path);
    let section = section.unwrap_or_else(|| panic!("no section [{path}]"));
    section.keys.iter().map(|key| key.name).collect()
}

#[test]
fn the_reference_names_the_keys_that_the_structs_take() {
    fn check<T: DeserializeOwned>(file: File, path: &str, seen: &mut BTreeSet<(File, String)>) {
        let told: BTreeSet<&str> = told(file, path).into_iter().collect();
        let mut taken: BTreeSet<&str> = keys_of::<T>().into_iter().collect();
        if path == "[routes]" {
            // Removed from the table before the rest is read.
            taken.insert("name");
        }
        assert_eq!(told, taken, "[{path}] of {}", file.name());
        seen.insert((file, path.to_owned()));
    }
    let mut seen = BTreeSet::new();
    check::<InstanceFile>(File::Instance, "", &mut seen);
    check::<Limits>(File::Instance, "limits", &mut seen);
    check::<NotifyFile>(File::Instance, "notify", &mut seen);
    // The rest of the file without the platforms' tables.
    let all: BTreeSet<&str> = told(File::School, "").into_iter().collect();
    let own: BTreeSet<&str> =
        keys_of::<SchoolFile>().into_iter().chain(ALL.iter().map(|one| one.name)).collect();
    assert_eq!(all, own, "the top of {}", File::School.name());
    seen.insert((File::School, String::new()));
    check::<Manager>(File::School, "managers.<name>", &mut seen);
    check::<Route>(File::School, "[routes]", &mut seen);
    check::<AnswersFile>(File::School, "answers", &mut seen);
    check::<CalendarFile>(File::School, "calendar", &mut seen);
    for platform in ALL {
        let nonsense: Table = "nonsense = 1".parse().expect("a table");
        let error = (platform.read)(Value::Table(nonsense)).expect_err("no such key");
        let told: BTreeSet<String> =
            told(File::School, platform.name).into_iter().map(str::to_owned).collect();
        assert_eq!(told, expected_in(&error), "[{}]", platform.name);
        seen.insert((File::School, platform.name.to_owned()));
    }
    check::<Pipeline>(File::School, "amocrm.pipelines.<role>", &mut seen);
    check::<Pipeline>(File::School, "amocrm.sales_pipelines.<name>", &mut seen);
    check::<process::Dictionary>(File::School, "dictionaries.<name>", &mut seen);
    let nonsense: Table = "nonsense = 1".parse().expect("a table");
    let error = Value::Table(nonsense).try_into::<process::FirstTask>().expect_err("no such key");
    let keys: BTreeSet<String> = told(File::School, "routes.task").into_iter().map(str::to_owned).collect();
    assert_eq!(keys, expected_in(&error), "[routes.task]");
    seen.insert((File::School, "routes.task".to_owned()));
    check::<process::Arrival>(File::Process, "arrival", &mut seen);
    check::<process::PhoneAsk>(File::Process, "phone", &mut seen);
    check::<process::ContactHours>(File::Process, "contact", &mut seen);
    check::<process::ContactLimits>(File::Process, "contact_limits", &mut seen);
    check::<process::Dialling>(File::Process, "dialling", &mut seen);
    check::<process::Talk>(File::Process, "talk", &mut seen);
    check::<process::Promise>(File::Process, "promise", &mut seen);
    check::<process::TaskRules>(File::Process, "task", &mut seen);
    check::<process::Refusal>(File::Process, "refusal", &mut seen);
    check::<process::Payment>(File::Process, "payment", &mut seen);
    check::<process::Refund>(File::Process, "refund", &mut seen);
    check::<process::Feed>(File::Process, "feed", &mut seen);
    check::<process::NextNote>(File::Process, "next_note", &mut seen);
    assert_eq!(told(File::Text, ""), crate::message::head::LETTER_KEYS);
    // Enums are checked below.
    for path in ["routes.responsible", "amocrm.auth"] {
        seen.insert((File::School, path.to_owned()));
    }
    seen.insert((File::Text, String::new()));
    let all = table::sections().map(|section| (section.file, section.path.to_owned())).collect();
    assert_eq!(seen, all, "every section is compared with its struct");
    let sections: BTreeSet<&str> = keys_of::<Figures>().into_iter().collect();
    let told: BTreeSet<&str> =
        table::sections().filter(|s| s.file == File::Process).map(|s| s.path).collect();
    assert_eq!(told, sections, "sections of the process");
}

/// What is said of figures names rules that the sections of the process have.
#[test]
fn the_rules_that_the_reference_names_are_those_of_the_process() {
    let texts = table::sections().filter(|section| section.file == File::Process);
    let texts = texts
        .flat_map(|section| std::iter::once(section.about).chain(section.keys.iter().map(|key| key.about)));
    let named: BTreeSet<String> = texts.flat_map(rules_in).collect();
    assert!(named.len() > 20, "{named:?}");
    let rules = crate::process::rules();
    let unknown: Vec<&String> = named.iter().filter(|rule| !rules.contains(&rule.as_str())).collect();
    assert!(unknown.is_empty(), "no section has {unknown:?}");
}

/// `L1`, and `L1–L3` as each of the three.
fn rules_in(text: &str) -> Vec<String> {
    let number = |word: &str| {
        let letter = word.chars().next().filter(char::is_ascii_uppercase)?;
        Some((letter, word[1..].parse::<u32>().ok()?))
    };
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '–');
    let ranges = words.filter_map(|word| {
        let (from, to) = word.split_once('–').unwrap_or((word, word));
        Some((number(from)?, number(to)?))
    });
    ranges.flat_map(|((letter, from), (_, to))| (from..=to).map(move |n| format!("{letter}{n}"))).collect()
}

/// The names in backquotes after `expected`.
fn expected_in(error: &toml::de::Error) -> BTreeSet<String> {
    let list = error.message().split_once("expected").map(|(_, list)| list).unwrap_or_default();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_variants_that_a_table_names_are_those_that_it_takes() {
    fn check<T: DeserializeOwned + std::fmt::Debug>(path: &str, examples: &[&str]) {
        let error = toml::from_str::<T>("by = 'nonsense'").expect_err("no such variant");
        let told: BTreeSet<String> =
            examples.iter().filter_map(|example| Some(example.split('\'').nth(1)?.to_owned())).collect();
        assert_eq!(told, expected_in(&error), "variants of {path}");
        let mut keys = BTreeSet::from(["by".to_owned()]);
        for example in examples {
            toml::from_str::<T>(example).unwrap_or_else(|error| panic!("{example}: {error}"));
            let with_more = format!("{example}\nnonsense = 1");
            if let Err(error) = toml::from_str::<T>(&with_more) {
                keys.extend(expected_in(&error));
            }
        }
        let named: BTreeSet<String> = told_keys(path);
        assert_eq!(named, keys, "keys of {path}");
        let kinds =
            table::sections().find(|section| section.path == path).map(|section| section.keys[0].kind);
        let kinds = kinds.and_then(|kind| kind.strip_suffix(", required")).unwrap_or_default();
        assert_eq!(kinds.split(" | ").map(str::to_owned).collect::<BTreeSet<_>>(), told, "{path}");
    }
    fn told_keys(path: &str) -> BTreeSet<String> {
        told(File::School, path).into_iter().map(str::to_owned).collect()
    }
    check::<process::Assign>(
        "routes.responsible",
        &[
            "by = 'load'",
            "by = 'free_pool'",
            "by = 'fixed'\nmanager = 'irina'",
            "by = 'queue'\nmanagers = ['irina']",
            "by = 'product'\noffers = { 1 = 'irina' }",
        ],
    );
    check::<Auth>(
        "amocrm.auth",
        &[
            "by = 'long_lived'\ntoken = { env = 'X' }",
            "by = 'oauth'\nclient_id = 'x'\nclient_secret = { env = 'X' }\nredirect_uri = 'https://x.example'",
        ],
    );
}

#[test]
fn what_is_called_required_is_and_nothing_else() {
    fn check<T: DeserializeOwned>(path: &str, least: &str) {
        check_with(path, least, |table| T::deserialize(Value::Table(table)).is_ok());
    }
    fn check_with(path: &str, least: &str, can_be_read: impl Fn(Table) -> bool) {
        let least: Table = least.parse().expect("an example");
        assert!(can_be_read(least.clone()), "the least of [{path}]");
        for key in least.keys() {
            let mut less = least.clone();
            less.remove(key);
            assert!(!can_be_read(less), "[{path}] goes without {key}");
        }
        let section = table::sections().find(|section| section.file == File::School && section.path == path);
        let section = section.expect("a section");
        let required =
            section.keys.iter().filter(|key| key.required() && (path, key.name) != ("[routes]", "name"));
        let required: BTreeSet<&str> = required.map(|key| key.name).collect();
        assert_eq!(required, least.keys().map(String::as_str).collect(), "[{path}]");
    }
    check::<SchoolFile>("", "name = 'x'\nzone = 'Europe/Moscow'\nsecrets = []");
    check::<Manager>("managers.<name>", "name = 'x'");
    check::<Route>("[routes]", "");
    check::<AnswersFile>("answers", "");
    check::<CalendarFile>("calendar", "");
    check::<Pipeline>("amocrm.pipelines.<role>", "id = 1\nstages = {}");
    check::<process::Dictionary>("dictionaries.<name>", "values = []");
    for platform in ALL {
        check_with(platform.name, platform.least, |table| (platform.read)(Value::Table(table)).is_ok());
    }
}

#[test]
fn one_heading_is_printed_alone() {
    let limits = of("limits").expect("a table");
    assert!(limits.starts_with("### [limits]\n") && limits.contains("`drain_s`"), "{limits}");
    assert!(!limits.contains("`listen`") && !limits.contains("notify"), "{limits}");
    let file = of("dozvon.toml").expect("a file");
    assert!(file.contains("`listen`") && file.contains("[limits]") && !file.contains("`zone`"), "{file}");
    let known = of("nothing").expect_err("no such heading");
    assert!(known.contains(&"amocrm.auth".to_owned()), "{known:?}");
}

#[test]
fn defaults_are_printed_as_they_are_written() {
    let text = reference();
    for line in [
        "- `listen` (address and port, default `\"127.0.0.1:8080\"`): ",
        "- `body_s` (seconds, default `10`): ",
        "- `pause_minutes` (minutes, default `15`): ",
        "- `hard` (HH:MM-HH:MM, default `\"09:00-21:00\"`): ",
        "- `calls_off_days` (HH:MM-HH:MM): ",
        "- `ladder` (list of lists, default `[[\"now\", \"+20m\", \"+2h30m\", \"evening\"]",
        "- `active` (true | false, default `true`): ",
        "- `url` (https address, required): ",
        "- `requests_per_second` (number, default `6.0`): ",
        "- `tls` (starttls | wrapped | none, default `\"starttls\"`): ",
        "- payment: L4, W1",
        "- call_back: перезвонить",
        "- price: цена, дорого",
        "DOZVON_VAULT_KEY",
        "order.payment_link",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    assert!(!text.contains("\n\n\n") && !text.contains("required, default"));
    for line in ALL.iter().filter(|platform| matches!(platform.kind, PlatformKind::Line { .. })) {
        let section = of(line.name).expect("a table");
        for key in ["url", "stuck_s", "requests_per_second", "look_back_min", "timeout_s"] {
            let row = section.lines().find(|row| row.starts_with(&format!("- `{key}` ("))).expect(key);
            assert!(row.contains(", default `"), "{}: {row}", line.name);
        }
    }
}
