//! Orders and callers made of the texts and numbers of a condition: one that says the same of all of them decides nothing.
//! Never evaluates it. Enter at [`of`].

use std::collections::BTreeSet;

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::condition::{AUTHORS, Facts};

/// More are not tried: nobody can tell then.
const TRIALS_MAX: usize = 1_000;
/// All lists of so many texts are tried.
const LISTED_MAX: usize = 5;
/// Longest text or list that is made for a condition on a length.
const LENGTH_MAX: usize = 1_000;
/// What no condition names.
const OTHER: &str = "~";

/// Orders that differ in all that `needed` names, and callers if it names their line; `None` if these are too many.
pub(super) fn of(when: &str, needed: &BTreeSet<String>) -> Option<Vec<Facts>> {
    let told = Told::of(when)?;
    let nobody = Facts { offers: vec![OTHER.to_owned()], author: AUTHORS[0].to_owned(), ..Facts::default() };
    let mut all = vec![Facts { positions: OTHER.to_owned(), cost_sum: Some(1.0), ..nobody }];
    for name in needed.iter().filter(|name| *name != "offer" || !needed.contains("offers")) {
        all = told.varied(name, &all)?;
    }
    if needed.contains("line") {
        let lines = told.texts.iter().map(String::as_str).chain([OTHER]).filter(|line| !line.is_empty());
        all.extend(lines.map(|line| Facts { line: line.to_owned(), ..Facts::default() }));
    }
    Some(all)
}

/// The texts and numbers that a condition is written with.
struct Told {
    texts: BTreeSet<String>,
    numbers: Vec<f64>,
    /// Texts that matter by their length or as a number.
    counted: Vec<String>,
}

impl Told {
    fn of(when: &str) -> Option<Self> {
        let mut told = Self { texts: BTreeSet::new(), numbers: vec![0.0, 1e9], counted: Vec::new() };
        for word in tokenize(when, true, SyntaxConfig::default()) {
            match word.ok()?.0 {
                Token::Str(text) => drop(told.texts.insert(text.to_owned())),
                Token::String(text) => drop(told.texts.insert(text.into())),
                Token::Float(number) => told.numbers.extend([number - 1.0, number, number + 1.0]),
                Token::Int(number) => {
                    let near = [number.saturating_sub(1), number, number.saturating_add(1)];
                    told.numbers.extend(near.map(|number| number as f64));
                    told.counted.extend(near.map(|number| number.to_string()));
                    let lengths = near.into_iter().filter_map(|number| usize::try_from(number).ok());
                    let lengths = lengths.filter(|length| *length <= LENGTH_MAX);
                    told.counted.extend(lengths.map(|length| OTHER.repeat(length)));
                }
                _ => {}
            }
        }
        Some(told)
    }

    /// Each of the facts with each value of this variable; `None` if they are too many, or it is no variable of one order.
    fn varied(&self, name: &str, all: &[Facts]) -> Option<Vec<Facts>> {
        let varied = match name {
            "line" => all.to_vec(),
            "offer" => each(all, &self.words(), |facts, text| facts.offers = vec![text]),
            // What no report has carried is unknown, which is neither one text nor another.
            "positions" => each(all, &or_unknown(self.words()), |facts, text| facts.positions = text),
            "author" => {
                let authors = AUTHORS.map(str::to_owned).to_vec();
                each(all, &or_unknown(authors), |facts, author| facts.author = author)
            }
            "cost_sum" => each(all, &self.numbers, |facts, number| facts.cost_sum = Some(number.max(0.0))),
            "offers" => {
                let lists: Vec<_> = self.lists()?.into_iter().filter(|list| !list.is_empty()).collect();
                each(all, &lists, |facts, list| facts.offers = list)
            }
            "tags" => each(all, &self.lists()?, |facts, list| facts.tags = Some(list)),
            "groups" => each(all, &self.lists()?, |facts, list| facts.groups = Some(list)),
            name => {
                let label = name.strip_prefix("source.")?;
                let texts = or_unknown(self.words());
                let told = each(all, &texts, |facts, text| drop(facts.source.insert(label.to_owned(), text)));
                [all, &told].concat()
            }
        };
        (varied.len() <= TRIALS_MAX).then_some(varied)
    }

    /// Texts that are not empty: each of the condition, all in one, and another.
    fn words(&self) -> Vec<String> {
        let joined = self.texts.iter().cloned().collect::<Vec<_>>().join(" ");
        let all = self.texts.iter().cloned().chain([joined, OTHER.to_owned()]).chain(self.counted.clone());
        all.filter(|text| !text.is_empty()).collect()
    }

    /// Every list of the condition's texts and another one, and long lists for a condition on their length.
    fn lists(&self) -> Option<Vec<Vec<String>>> {
        let texts = Some(&self.texts).filter(|texts| texts.len() <= LISTED_MAX)?;
        let mut lists = vec![Vec::new()];
        for text in texts.iter().map(String::as_str).chain([OTHER]) {
            let with = |list: &Vec<String>| [list.clone(), vec![text.to_owned()]].concat();
            lists.extend(lists.iter().map(with).collect::<Vec<_>>());
        }
        let lengths =
            self.numbers.iter().map(|number| *number as usize).filter(|length| *length <= LENGTH_MAX);
        lists.extend(lengths.map(|length| vec![OTHER.to_owned(); length]));
        Some(lists)
    }
}

fn or_unknown(texts: Vec<String>) -> Vec<String> {
    [vec![String::new()], texts].concat()
}

fn each<T: Clone>(all: &[Facts], values: &[T], set: impl Fn(&mut Facts, T)) -> Vec<Facts> {
    let with = |facts: &Facts, value: &T| {
        let mut facts = facts.clone();
        set(&mut facts, value.clone());
        facts
    };
    values
        .iter()
        .flat_map(|value| all.iter().map(move |facts| (facts, value)))
        .map(|(facts, value)| with(facts, value))
        .collect()
}
