//! What arrives and is read by nothing: names of parameters, words, types of events, per platform. Each is named
//! once in the log and counted for `/health`. Never keeps a value; bounded, because a sender chooses the names.
//! Enter at [`Unread::note`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::platform::Lacks;
use crate::process::SchoolId;

/// Most names per platform, and letters of a name.
const NAMES_MAX: usize = 24;
const NAME_LETTERS_MAX: usize = 48;
/// More digits in a row may be somebody's number.
const DIGITS_MAX: usize = 4;

/// The names of one school since this process began to serve it.
#[derive(Debug, Default)]
pub struct Unread {
    names: Mutex<Names>,
    events: Mutex<Names>,
    facts: Mutex<Facts>,
}

/// Facts that rules need: those that some address brings, and the addresses that lack the others.
#[derive(Debug, Default)]
struct Facts {
    brought: BTreeSet<(String, String)>,
    /// Platform → `address: name`.
    lacking: BTreeMap<(String, String), String>,
}

/// Platform → name → how often it came.
type Names = BTreeMap<String, BTreeMap<String, u64>>;

impl Unread {
    /// Counts the names of one request, and logs those that are new.
    pub fn note(&self, school: &SchoolId, platform: &str, names: &[String]) {
        note(&self.names, school, platform, names);
    }

    /// The same for types of events that reconciliation has read.
    pub fn note_events(&self, school: &SchoolId, platform: &str, events: &[String]) {
        note(&self.events, school, platform, events);
    }

    /// Compares an address with what the rules need; what no address has brought yet is logged once.
    pub fn note_lacks(&self, school: &SchoolId, platform: &str, lacks: &Lacks) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |name: &String| (platform.to_owned(), name.clone());
        for name in &lacks.brought {
            facts.lacking.remove(&key(name));
            facts.brought.insert(key(name));
        }
        for name in &lacks.lacking {
            if facts.brought.contains(&key(name)) || facts.lacking.contains_key(&key(name)) {
                continue;
            }
            let address = &lacks.address;
            tracing::warn!(school = %school, platform, address, name, "the rules need this, and the address does not bring it");
            facts.lacking.insert(key(name), address.clone());
        }
    }

    /// Platform → `address: name` of what the rules need and no address has brought.
    pub fn lacking(&self) -> BTreeMap<String, Vec<String>> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for ((platform, name), address) in &facts.lacking {
            listed.entry(platform.clone()).or_default().push(format!("{address}: {name}"));
        }
        listed
    }

    /// Platform → names of parameters.
    pub fn names(&self) -> BTreeMap<String, Vec<String>> {
        listed(&self.names)
    }

    /// Platform → types of events.
    pub fn events(&self) -> BTreeMap<String, Vec<String>> {
        listed(&self.events)
    }

    /// Platform → name → how often it came.
    pub fn show(&self) -> Value {
        let mut all = locked(&self.names).clone();
        for (platform, events) in &*locked(&self.events) {
            all.entry(platform.clone()).or_default().extend(events.clone());
        }
        json!(all)
    }
}

fn locked(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listed(names: &Mutex<Names>) -> BTreeMap<String, Vec<String>> {
    let of = |(platform, names): (&String, &BTreeMap<String, u64>)| {
        (platform.clone(), names.keys().cloned().collect())
    };
    locked(names).iter().map(of).collect()
}

fn note(into: &Mutex<Names>, school: &SchoolId, platform: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let mut known = locked(into);
    let of_platform = known.entry(platform.to_owned()).or_default();
    for name in names.iter().filter_map(|name| shown(name)) {
        if let Some(times) = of_platform.get_mut(&name) {
            *times += 1;
        } else if of_platform.len() < NAMES_MAX {
            tracing::warn!(school = %school, platform, name, "nothing reads this: is it misspelt, or new?");
            of_platform.insert(name, 1);
        }
    }
}

/// A name as it may be shown: bounded, without what may be personal data. `None` if nothing is left.
fn shown(name: &str) -> Option<String> {
    if name.contains('@') {
        return None;
    }
    let (mut kept, mut digits) = (String::new(), 0);
    for letter in name.trim().chars().take(NAME_LETTERS_MAX) {
        digits = if letter.is_ascii_digit() { digits + 1 } else { 0 };
        match letter {
            _ if digits > DIGITS_MAX => {}
            _ if letter.is_alphanumeric() || "_-.:[] ".contains(letter) => kept.push(letter),
            _ => kept.push('?'),
        }
    }
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_bounded_and_never_personal() {
        let unread = Unread::default();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let school = SchoolId("rost".to_owned());
        unread.note(&school, "getcourse", &names(&["skidka", "m@example.ru", "+79035550127", "a\nb"]));
        unread.note(&school, "getcourse", &names(&["skidka"]));
        assert_eq!(unread.show(), json!({ "getcourse": { "skidka": 2, "?7903": 1, "a?b": 1 } }));
        let lacks = |brought: &[&str], lacking: &[&str]| Lacks {
            address: "order-created".to_owned(),
            brought: names(brought),
            lacking: names(lacking),
        };
        unread.note_lacks(&school, "getcourse", &lacks(&[], &["author", "form"]));
        assert_eq!(unread.lacking()["getcourse"], ["order-created: author", "order-created: form"]);
        // Another address brings the one of them.
        unread.note_lacks(&school, "getcourse", &lacks(&["author"], &["form"]));
        unread.note_lacks(&school, "getcourse", &lacks(&[], &["author", "form"]));
        assert_eq!(unread.lacking()["getcourse"], ["order-created: form"]);
        let many: Vec<String> = (0..100).map(|n| format!("n{n}{}", "x".repeat(100))).collect();
        unread.note(&school, "pbxa", &many);
        let shown = unread.show();
        let of_line = shown["pbxa"].as_object().map(|names| names.keys().cloned().collect::<Vec<_>>());
        let of_line = of_line.unwrap_or_default();
        assert_eq!(of_line.len(), NAMES_MAX);
        assert!(of_line.iter().all(|name| name.chars().count() <= NAME_LETTERS_MAX));
    }
}
