//! What arrives and is read by nothing: names of parameters, words, types of events, per platform. Each is named
//! once in the log and counted for `/health`. Never keeps a value, nor what does not look like a name, which is only
//! counted; bounded, because a sender chooses the names: the most frequent are shown, and how many there are beside them.
//! Enter at [`Unread::note`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::platform::Lacks;
use crate::process::SchoolId;

/// Most names per platform that are shown, and that are counted; and letters of a name.
const NAMES_MAX: usize = 24;
const COUNTED_MAX: usize = 256;
const NAME_LETTERS_MAX: usize = 48;
/// Beyond the shown ones a name is logged when it has come so often, and no more lines are written than these.
const OFTEN: u64 = 10;
const LINES_MAX: usize = 96;
/// More digits in a row may be somebody's number.
const DIGITS_MAX: usize = 4;
/// Stands in `/health` for what came in the place of a name and does not look like one.
const NAMELESS: &str = "no names";

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

/// By platform.
type Names = BTreeMap<String, Counted>;

/// The names of one platform.
#[derive(Debug, Default)]
struct Counted {
    /// How often each came, and how many had come before it first did.
    times: BTreeMap<String, (u64, u64)>,
    come: u64,
    /// Names that came once and gave their place to others.
    left: u64,
    /// How often something came that does not look like a name.
    nameless: u64,
    lines: usize,
}

impl Counted {
    /// Returns whether it should be logged.
    fn note(&mut self, name: String) -> bool {
        if !self.times.contains_key(&name) && self.times.len() >= COUNTED_MAX {
            // Junk comes once, a parameter of an address again and again.
            let once = self.times.iter().filter(|(_, (times, _))| *times == 1);
            let once = once.min_by_key(|(_, (_, come))| *come).map(|(name, _)| name.clone());
            self.left += 1;
            match once {
                Some(once) => drop(self.times.remove(&once)),
                None => return false,
            }
        }
        let is_early = self.times.len() < NAMES_MAX && self.left == 0;
        self.come += 1;
        let (times, _) = self.times.entry(name).or_insert((0, self.come));
        *times += 1;
        let is_news = if is_early { *times == 1 } else { *times == OFTEN };
        let is_told = is_news && self.lines < LINES_MAX;
        self.lines += usize::from(is_told);
        is_told
    }

    /// The most frequent names, and the number of the others.
    fn shown(&self) -> (Vec<(&String, u64)>, u64) {
        let mut names: Vec<(&String, u64)> =
            self.times.iter().map(|(name, (times, _))| (name, *times)).collect();
        names.sort_by_key(|(name, times)| (std::cmp::Reverse(*times), *name));
        let others = names.len().saturating_sub(NAMES_MAX) as u64 + self.left;
        names.truncate(NAMES_MAX);
        (names, others)
    }
}

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

    /// Platform → name → how often it came; `and more` is the number of the names that are not shown.
    pub fn show(&self) -> Value {
        let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for names in [&self.names, &self.events] {
            for (platform, counted) in &*locked(names) {
                let (names, others) = counted.shown();
                let of_platform = all.entry(platform.clone()).or_default();
                of_platform.extend(names.into_iter().map(|(name, times)| (name.clone(), times)));
                for (what, times) in [("and more", others), (NAMELESS, counted.nameless)] {
                    if times > 0 {
                        *of_platform.entry(what.to_owned()).or_default() += times;
                    }
                }
            }
        }
        json!(all)
    }
}

fn locked(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listed(names: &Mutex<Names>) -> BTreeMap<String, Vec<String>> {
    let of = |(platform, counted): (&String, &Counted)| {
        let (names, others) = counted.shown();
        let more = (others > 0).then(|| format!("and {others} more"));
        let nameless = (counted.nameless > 0).then(|| format!("{} that are no names", counted.nameless));
        let names = names.into_iter().map(|(name, _)| name.clone());
        (platform.clone(), names.chain(more).chain(nameless).collect())
    };
    locked(names).iter().map(of).collect()
}

fn note(into: &Mutex<Names>, school: &SchoolId, platform: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let mut known = locked(into);
    let of_platform = known.entry(platform.to_owned()).or_default();
    for name in names {
        let Some(name) = shown(name) else {
            of_platform.nameless += 1;
            if of_platform.nameless == 1 {
                tracing::warn!(school = %school, platform, "something stands in the place of a name and is not shown: is a value not encoded?");
            }
            continue;
        };
        let had_room = of_platform.times.len() <= NAMES_MAX;
        if of_platform.note(name.clone()) {
            tracing::warn!(school = %school, platform, name, "nothing reads this: is it misspelt, or new?");
        }
        if had_room && of_platform.times.len() > NAMES_MAX {
            tracing::warn!(school = %school, platform, "nothing reads many more names: `unread` in /health shows the most frequent");
        }
    }
}

/// A name as it may be shown: bounded, and without what may be somebody's number. `None` if it does not look like one:
/// it may be a piece of a value.
fn shown(name: &str) -> Option<String> {
    let name = name.trim();
    // Words of ours before a word of theirs.
    let theirs = name.strip_prefix("event type ").unwrap_or(name).replacen(": ", ":", 1);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_-.:[]/".contains(letter);
    if !theirs.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        || !theirs.chars().all(is_name)
    {
        return None;
    }
    let mut digits = 0;
    let is_kept = |letter: &char| {
        digits = if letter.is_ascii_digit() { digits + 1 } else { 0 };
        digits <= DIGITS_MAX
    };
    Some(name.chars().take(NAME_LETTERS_MAX).filter(is_kept).collect())
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
        // The rest of a value with a bare `&`, and pieces of bodies of another kind.
        let pieces = ["Петрова", "Anna Petrova", "name\"\r\n\r\nAnna", "903-555-01-27"];
        unread.note(&school, "getcourse", &names(&pieces));
        assert_eq!(unread.show(), json!({ "getcourse": { "skidka": 2, NAMELESS: 7 } }));
        assert_eq!(unread.names()["getcourse"], ["skidka", "7 that are no names"]);
        let ours = ["event: 77", "leads.price_2", "user[a-b]", "_1", "order_700100200_x", "events/call"];
        unread.note(&school, "pbxb", &names(&ours));
        unread.note_events(&school, "pbxb", &names(&["event type ai_summary"]));
        let shown = unread.show();
        let shown: Vec<&str> = shown["pbxb"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut kept = ours.to_vec();
        kept[4] = "order_7001_x";
        kept.push("event type ai_summary");
        kept.sort_unstable();
        assert_eq!(shown, kept);
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
        assert_eq!((of_line.len(), &shown["pbxa"]["and more"]), (NAMES_MAX + 1, &json!(100 - NAMES_MAX)));
        assert!(of_line.iter().all(|name| name.chars().count() <= NAME_LETTERS_MAX));
    }

    /// F6: a stranger's names do not hide the misspelt one.
    #[test]
    fn a_name_that_comes_again_and_again_is_shown_beside_a_flood() {
        let (unread, school) = (Unread::default(), SchoolId("rost".to_owned()));
        for n in 0..2_000 {
            unread.note(&school, "getcourse", &[format!("junk-{}x{}", n % 100, n / 100)]);
            if n > 1_000 && n % 50 == 49 {
                unread.note(&school, "getcourse", &["cots".to_owned()]);
            }
        }
        let names = &unread.names()["getcourse"];
        assert_eq!((names.len(), names[0].as_str()), (NAMES_MAX + 1, "cots"));
        assert_eq!(names[NAMES_MAX], "and 1977 more");
    }
}
