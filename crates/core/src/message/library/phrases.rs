//! The words of phrases: the shipped file, line by line replaced by a school's own. Never decides what is said.
//! Enter at [`Phrases::render`].

use std::collections::BTreeMap;

use minijinja::Environment;
use minijinja::value::Value;

use super::{TextFile, problem};
use crate::message::check::{self, Flaw, Kind, Names};
use crate::message::phrase::{Arg, Declared, PHRASES, Phrase, Told};
use crate::message::template::{environment, unbroken};
use crate::problem::{Problem, nearest};

/// The name of the file, with its ending: no text has this name.
pub const PHRASES_FILE: &str = "phrases.toml";

/// Path inside the source tree, for people.
const SHIPPED_FILE: &str = "texts/phrases.toml";
const SHIPPED: &str = include_str!("../texts/phrases.toml");

#[derive(Debug)]
pub(super) struct Phrases {
    env: Environment<'static>,
    texts: BTreeMap<&'static str, PhraseText>,
}

/// One phrase in this library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhraseText {
    pub file: String,
    /// False if the school's own line replaces the shipped one.
    pub shipped: bool,
    pub words: String,
    /// The variables that it may use.
    pub variables: Vec<&'static str>,
    declared: &'static [(&'static str, Kind)],
}

impl Phrases {
    pub fn build(own: Option<&TextFile>, problems: &mut Vec<Problem>) -> Self {
        let mut texts = BTreeMap::new();
        let shipped = (SHIPPED_FILE, SHIPPED, true);
        let own = own.map(|own| (own.file.as_str(), own.source.as_str(), false));
        for (file, source, shipped) in std::iter::once(shipped).chain(own) {
            for (key, words) in lines(file, source, problems) {
                let Some(Declared { key, args }) = PHRASES.iter().find(|phrase| phrase.key == key) else {
                    problems.push(unknown(file, key));
                    continue;
                };
                let (file, variables) = (file.to_owned(), args.iter().map(|(name, _)| *name).collect());
                texts.insert(*key, PhraseText { file, shipped, words, variables, declared: args });
            }
        }
        let mut env = environment();
        for (key, text) in &texts {
            // What is wrong with a template is found by `check`.
            let _ = env.add_template_owned(*key, text.words.clone());
        }
        Self { env, texts }
    }

    /// If that fails, the phrase's name: a step is total, and `check` has rendered every phrase before.
    pub fn render(&self, phrase: &Phrase, told: &dyn Fn(&Told) -> String) -> String {
        match self.texts.get(phrase.key) {
            Some(text) if !text.words.contains('{') => unbroken(&text.words),
            _ => {
                let args = phrase.args.iter().map(|(name, arg)| (*name, self.value(arg, told)));
                self.rendered(phrase.key, args.collect()).unwrap_or_else(|_| phrase.key.to_owned())
            }
        }
    }

    fn value(&self, arg: &Arg, told: &dyn Fn(&Told) -> String) -> Value {
        match arg {
            Arg::Text(text) => Value::from(text.as_str()),
            Arg::Number(number) => Value::from(*number),
            Arg::Flag(flag) => Value::from(*flag),
            Arg::Phrase(phrase) => Value::from(self.render(phrase, told)),
            Arg::Told(what) => Value::from(told(what)),
        }
    }

    fn rendered(&self, key: &str, args: BTreeMap<&str, Value>) -> Result<String, minijinja::Error> {
        let words = self.env.get_template(key)?.render(Value::from(args))?;
        Ok(unbroken(&words))
    }

    /// With an example for every variable, or with empty ones.
    pub fn sample(&self, key: &str, full: bool) -> String {
        let args = self.texts.get(key).map(|text| trial(text, full)).unwrap_or_default();
        self.rendered(key, args).unwrap_or_default()
    }

    /// With an example for every variable but one.
    #[cfg(test)]
    pub fn sample_without(&self, key: &str, empty: &str) -> String {
        let (mut full, bare) =
            self.texts.get(key).map(|text| (trial(text, true), trial(text, false))).unwrap_or_default();
        full.extend(bare.into_iter().filter(|(name, _)| *name == empty));
        self.rendered(key, full).unwrap_or_default()
    }

    pub fn all(&self) -> impl Iterator<Item = (&str, &PhraseText)> {
        self.texts.iter().map(|(key, text)| (*key, text))
    }

    pub fn check(&self) -> Vec<Problem> {
        let faults = |(key, text): (&&'static str, &PhraseText)| {
            let (key, file) = ((*key).to_owned(), text.file.clone());
            self.faults(text).into_iter().map(move |flaw| problem(&file, key.clone(), flaw))
        };
        self.texts.iter().flat_map(faults).collect()
    }

    fn faults(&self, text: &PhraseText) -> Vec<Flaw> {
        let known = text.declared.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        let mut found = check::faults(&self.env, &text.words, &Names { known, ..Names::default() });
        if text.declared.is_empty() {
            for flaw in &mut found {
                flaw.allowed = "plain words: this phrase has no variables".to_owned();
            }
        }
        if !found.is_empty() {
            return found;
        }
        let trials = [true, false].map(|full| trial(text, full));
        let failed =
            trials.into_iter().find_map(|args| self.env.render_str(&text.words, Value::from(args)).err());
        failed.iter().map(check::not_a_template).collect()
    }
}

/// All variables of a phrase, filled in or empty.
fn trial(text: &PhraseText, full: bool) -> BTreeMap<&'static str, Value> {
    let value = |(name, kind): &(&'static str, Kind)| {
        let value = match kind {
            Kind::Number => Value::from(if full { 3 } else { 0 }),
            Kind::Flag => Value::from(full),
            Kind::Text | Kind::List | Kind::Other => Value::from(if full { example(name) } else { "" }),
        };
        (*name, value)
    };
    text.declared.iter().map(value).collect()
}

/// What stands for a variable of this name in an example.
fn example(name: &str) -> &'static str {
    match name {
        "at" | "due" | "until" | "offered" => "24\u{a0}ноября в\u{a0}11:00",
        "day" => "24\u{a0}ноября",
        "example" => "24.11 11:00",
        "manager" => "Ирина Соколова",
        "sum" | "paid" => "15\u{a0}000\u{a0}₽",
        "cost" => "38\u{a0}500\u{a0}₽",
        "letter" => "Материалы",
        "lead" => "Дизайн интерьера: база · 12041",
        "outcome" => "нет ответа",
        "status" => "Отложен",
        "length" => "1\u{a0}мин 35\u{a0}с",
        "number" => "12049",
        "reason" => "цена",
        "typed" => "1111111",
        "bad" => "+79035550128",
        "recording" => "https://calls.example/700.mp3",
        "what" => "сменить этап сделки",
        _ => "просит после работы",
    }
}

/// `payment.won` and its words, for every line of a file.
fn lines(file: &str, source: &str, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let shape = || "`[table]`, then lines `key = \"words\"`".to_owned();
    let mut wrong = |key: &str, wrong: String| {
        problems.push(Problem { file: file.to_owned(), key: key.to_owned(), wrong, allowed: shape() });
    };
    let tables = match source.trim_start_matches('\u{feff}').parse::<toml::Table>() {
        Ok(tables) => tables,
        Err(error) => {
            wrong("", format!("not TOML: {}", error.message()));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for (table, value) in tables {
        let toml::Value::Table(rows) = value else {
            wrong(&table, "a line outside of a table".to_owned());
            continue;
        };
        for (key, words) in rows {
            let key = format!("{table}.{key}");
            match words {
                toml::Value::String(words) if !words.trim().is_empty() => found.push((key, words)),
                _ => wrong(&key, "no words".to_owned()),
            }
        }
    }
    found
}

fn unknown(file: &str, key: String) -> Problem {
    let allowed = match nearest(&key, PHRASES.iter().map(|phrase| phrase.key)) {
        Some(near) => format!("is `{near}` meant? `dozvon texts list` names all"),
        None => "a phrase that `dozvon texts list` names".to_owned(),
    };
    Problem { file: file.to_owned(), wrong: format!("unknown phrase `{key}`"), key, allowed }
}
