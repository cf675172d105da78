//! What a script expects of its order, and whether it happened: each expectation names the rules that it
//! proves and can fail. It never reads the store, and an order that never appeared fails. Enter at
//! [`Expect::check`].

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde::Deserialize;

use super::scene::{Scene, See, Sighting};
use crate::sandbox::moment::{Moment, Span, hours};

/// One expectation. Sightings of `see` are filtered by `has`, then one is picked by `nth`, then they are
/// filtered by times; the rest is counted (at least one, unless a count is given).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Ids of the rules that this proves: `D2`, or several.
    pub rule: Rules,
    pub see: See,
    /// Word (or `text`) → part of it, case ignored; with `=` the whole word; with `!` not a part of it.
    #[serde(default)]
    pub has: BTreeMap<String, Strings>,
    /// Only the n-th of them, from 1; -1 is the last.
    #[serde(default)]
    pub nth: Option<i32>,
    /// Seen at or after this.
    #[serde(default)]
    pub from: Option<Instant>,
    /// Seen at or before this.
    #[serde(default)]
    pub to: Option<Instant>,
    /// Further times (`due`, `closed`): from, to.
    #[serde(default)]
    pub times: BTreeMap<String, (Instant, Instant)>,
    /// Time (`at`, `due`, …) → hours of the client's day, `18:00-20:00`.
    #[serde(default)]
    pub hours: BTreeMap<String, String>,
    #[serde(default)]
    pub count: Option<usize>,
    #[serde(default)]
    pub min: Option<usize>,
    #[serde(default)]
    pub max: Option<usize>,
    /// As many as there are of another kind.
    #[serde(default)]
    pub as_many_as: Option<See>,
    /// No silence longer than this between the order's appearance and its end.
    #[serde(default)]
    pub gap_max: Option<Span>,
    /// Each one is further in the pipeline than the one before (K2).
    #[serde(default)]
    pub forward: Option<Forward>,
}

/// `"L4"` or `["L4", "W1"]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Strings {
    One(String),
    All(Vec<String>),
}

pub type Rules = Strings;

impl Strings {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::All(all) => all.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}

/// `forward = "only"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    Only,
}

/// A moment counted from something that was seen: `+15m` and `order +15m` from the order's appearance,
/// `call.2 +20m` from the second call's end, `task(на линии) +5m` from the first task with these words,
/// `payment.-1` from the last payment, `end` from the order's last closing.
#[derive(Clone, Debug, PartialEq)]
pub struct Instant {
    pub anchor: Anchor,
    after: After,
}

/// What a moment is counted from.
#[derive(Clone, Debug, PartialEq)]
pub enum Anchor {
    Order,
    End,
    Nth(See, i32),
    With(See, String),
}

#[derive(Clone, Debug, PartialEq)]
enum After {
    Span(TimeDelta),
    Moment(Moment),
}

impl TryFrom<String> for Instant {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        let (anchor, rest) = match text.find(|letter: char| !letter.is_ascii_alphabetic()) {
            Some(0) => (Anchor::Order, text),
            None => (anchor(text, "")?.0, ""),
            Some(end) => anchor(&text[..end], &text[end..])?,
        };
        let rest = rest.trim();
        let after = match rest.strip_prefix('-') {
            _ if rest.is_empty() => After::Span(TimeDelta::zero()),
            Some(span) => After::Span(-span.parse::<Span>()?.0),
            None => After::Moment(rest.parse()?),
        };
        Ok(Self { anchor, after })
    }
}

/// The anchor of a name, and the text after it.
fn anchor<'a>(name: &str, rest: &'a str) -> Result<(Anchor, &'a str), String> {
    match name {
        "order" => return Ok((Anchor::Order, rest)),
        "end" => return Ok((Anchor::End, rest)),
        _ => {}
    }
    let see = toml::Value::String(name.to_owned())
        .try_into::<See>()
        .map_err(|_| format!("«{name}» is not an anchor"))?;
    if let Some(inner) = rest.strip_prefix('(') {
        let (part, rest) = inner.split_once(')').ok_or_else(|| format!("«{rest}» has no closing bracket"))?;
        return Ok((Anchor::With(see, part.to_owned()), rest));
    }
    let Some(number) = rest.strip_prefix('.') else { return Ok((Anchor::Nth(see, 1), rest)) };
    let end = number.find(' ').unwrap_or(number.len());
    let nth = number[..end].parse().map_err(|_| format!("«{number}» is not the number of a sighting"))?;
    Ok((Anchor::Nth(see, nth), &number[end..]))
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Instant {
    /// `None` if its anchor was never seen.
    pub fn resolve(&self, scene: &Scene) -> Option<DateTime<Utc>> {
        let moment = |seen: &Sighting| seen.at_of("ended").unwrap_or(seen.at);
        let base = match &self.anchor {
            Anchor::Order => scene.appeared,
            Anchor::End => scene.ended(),
            Anchor::Nth(see, nth) => pick(scene.all(*see).collect(), *nth).map(moment),
            Anchor::With(see, part) => scene.all(*see).find(|seen| contains(&seen.text, part)).map(moment),
        }?;
        Some(match &self.after {
            After::Span(span) => base + *span,
            After::Moment(moment) => moment.resolve(scene.start, base, scene.zone),
        })
    }
}

fn pick(seen: Vec<&Sighting>, nth: i32) -> Option<&Sighting> {
    let index = match nth {
        1.. => usize::try_from(nth - 1).ok()?,
        _ => seen.len().checked_sub(usize::try_from(-nth).ok()?)?,
    };
    seen.get(index).copied()
}

/// Compares like a reader: ignores case and the kind of a space.
fn contains(text: &str, part: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace('\u{a0}', " ");
    plain(text).contains(&plain(part))
}

impl Expect {
    /// `Err` says what was seen instead, for the person who fixes the script or the bridge.
    pub fn check(&self, scene: &Scene) -> Result<(), String> {
        if scene.appeared.is_none() {
            return Err("the order never appeared".to_owned());
        }
        // «Never» proves nothing about an order that was not worked on.
        if self.max == Some(0) && self.see != See::Lead && scene.all(See::Lead).next().is_none() {
            return Err("the order has no lead".to_owned());
        }
        let fitting: Vec<&Sighting> = scene.all(self.see).filter(|seen| self.fits(seen)).collect();
        let picked = match self.nth {
            Some(nth) => pick(fitting.clone(), nth).into_iter().collect(),
            None => fitting.clone(),
        };
        let mut left = Vec::new();
        for seen in picked {
            if self.in_time(scene, seen)? {
                left.push(seen);
            }
        }
        self.judge(scene, &left).map_err(|why| format!("{why}; seen: {}", shown(scene, &fitting)))
    }

    fn fits(&self, seen: &Sighting) -> bool {
        self.has.iter().all(|(word, parts)| {
            let value = match word.as_str() {
                "text" => seen.text.as_str(),
                other => seen.words.get(other).map_or("", String::as_str),
            };
            parts.iter().all(|part| match (part.strip_prefix('='), part.strip_prefix('!')) {
                (Some(whole), _) => value == whole,
                (_, Some(part)) => !contains(value, part),
                _ => contains(value, part),
            })
        })
    }

    fn in_time(&self, scene: &Scene, seen: &Sighting) -> Result<bool, String> {
        let resolve = |instant: &Instant| {
            instant.resolve(scene).ok_or_else(|| format!("what {instant:?} counts from was never seen"))
        };
        if let Some(from) = &self.from
            && seen.at < resolve(from)?
        {
            return Ok(false);
        }
        if let Some(to) = &self.to
            && seen.at > resolve(to)?
        {
            return Ok(false);
        }
        for (name, (from, to)) in &self.times {
            let (from, to) = (resolve(from)?, resolve(to)?);
            if !seen.at_of(name).is_some_and(|at| from <= at && at <= to) {
                return Ok(false);
            }
        }
        for (name, text) in &self.hours {
            let (from, to) = hours(text)?;
            let Some(at) = seen.at_of(name) else { return Ok(false) };
            let local = at.with_timezone(&scene.zone).time();
            // Seconds do not count: for a person 20:00:30 is still 20:00.
            let local = local.with_second(0).unwrap_or(local);
            if local < from || local > to {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn judge(&self, scene: &Scene, left: &[&Sighting]) -> Result<(), String> {
        let others = self.as_many_as.map(|other| scene.all(other).count());
        if others == Some(0) {
            return Err("none of what they are compared with".to_owned());
        }
        let wanted = others.or(self.count);
        let (min, max) = match wanted {
            Some(count) => (count, count),
            None => (self.min.unwrap_or(usize::from(self.max != Some(0))), self.max.unwrap_or(usize::MAX)),
        };
        // The bounds of a «never» must have been seen, otherwise it proves nothing.
        for instant in [&self.from, &self.to].into_iter().flatten() {
            instant.resolve(scene).ok_or_else(|| format!("what {instant:?} counts from was never seen"))?;
        }
        if left.len() < min || left.len() > max {
            return Err(format!("{} instead of {}", left.len(), bounds(min, max)));
        }
        if let Some(longest) = self.gap_max {
            silence(scene, left, longest.0)?;
        }
        if self.forward.is_some() {
            forward(left)?;
        }
        Ok(())
    }
}

fn bounds(min: usize, max: usize) -> String {
    match (min, max) {
        (min, max) if min == max => min.to_string(),
        (min, usize::MAX) => format!("at least {min}"),
        (0, max) => format!("at most {max}"),
        (min, max) => format!("{min} to {max}"),
    }
}

/// L14: between appearance and end, something happens at least this often.
fn silence(scene: &Scene, left: &[&Sighting], longest: TimeDelta) -> Result<(), String> {
    let end = scene.ended().unwrap_or(scene.end);
    let mut last = scene.appeared.unwrap_or(scene.start);
    let moments = left.iter().map(|seen| seen.at).filter(|at| *at <= end).chain([end]);
    for at in moments {
        if at - last > longest {
            return Err(format!("silence of {} h before {}", (at - last).num_hours(), at));
        }
        last = at;
    }
    Ok(())
}

fn forward(left: &[&Sighting]) -> Result<(), String> {
    let place = |seen: &&Sighting| seen.words.get("place").and_then(|place| place.parse::<usize>().ok());
    let places: Vec<usize> = left.iter().filter_map(place).collect();
    match places.windows(2).all(|pair| pair[0] < pair[1]) {
        true => Ok(()),
        false => Err("a stage went back".to_owned()),
    }
}

/// The matching sightings, in short.
fn shown(scene: &Scene, seen: &[&Sighting]) -> String {
    let local = |at: DateTime<Utc>| at.with_timezone(&scene.zone).format("%d %H:%M:%S").to_string();
    let lines: Vec<String> = seen
        .iter()
        .take(12)
        .map(|seen| {
            let first = seen.text.lines().next().unwrap_or("");
            let words = seen.words.iter().filter(|(name, value)| !value.is_empty() && *name != "body");
            let words: Vec<String> = words.map(|(name, value)| format!("{name}={value}")).collect();
            let times = seen.times.iter().map(|(name, at)| format!("{name}={}", local(*at)));
            let more: Vec<String> = words.into_iter().chain(times).collect();
            format!("[{} «{first}» {}]", local(seen.at), more.join(" "))
        })
        .collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join(" ") }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::Moscow;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn scene() -> Scene {
        let seen = |see, when: &str, text: &str| Sighting::new(see, at(when), text);
        Scene {
            start: at("2026-03-16T06:00:00Z"),
            end: at("2026-03-20T06:00:00Z"),
            zone: Moscow,
            appeared: Some(at("2026-03-16T07:00:00Z")),
            sightings: vec![
                seen(See::Lead, "2026-03-16T07:00:01Z", "Курс"),
                seen(See::Letter, "2026-03-16T07:00:02Z", "Заявка принята"),
                seen(See::Task, "2026-03-16T07:15:00Z", "Позвонить: первый звонок"),
                seen(See::Call, "2026-03-16T07:16:00Z", "no_answer"),
                seen(See::Task, "2026-03-16T15:05:00Z", "Позвонить: ещё одна"),
            ],
        }
    }

    fn check(text: &str) -> Result<(), String> {
        toml::from_str::<Expect>(text).unwrap().check(&scene())
    }

    #[test]
    fn what_was_seen_in_time_holds_and_anything_else_does_not() {
        let held = [
            "rule='L1'\nsee='letter'\nhas={text='заявка'}\nto='order +3s'",
            "rule='D2'\nsee='task'\nnth=-1\nhours={at='18:00-20:00'}\nfrom='call.1 +20m'",
            "rule=['L4','D1']\nsee='task'\nfrom='task(ещё одна) +1s'\nmax=0",
            "rule='L14'\nsee='task'\ngap_max='4d'",
            "rule='K6'\nsee='call'\nas_many_as='letter'",
            "rule='D2'\nsee='task'\nhas={text='!первый'}\ncount=1\nfrom='+0d 18:00'",
        ];
        let failed = [
            "rule='L1'\nsee='letter'\nhas={text='заявка'}\nto='order +1s'",
            "rule='L1'\nsee='letter'\nhas={text='=заявка'}",
            "rule='D2'\nsee='task'\nnth=1\nhours={at='18:00-20:00'}",
            "rule='L4'\nsee='task'\nfrom='payment +1s'\nmax=0",
            "rule='L14'\nsee='task'\ngap_max='20m'",
            "rule='K6'\nsee='call'\nas_many_as='task'",
            "rule='D5'\nsee='letter'\ntimes={due=['+0m','+1d']}",
        ];
        for text in held {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in failed {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_slip_in_a_script_is_an_error() {
        for text in [
            "rule='L1'\nsee='dream'",
            "rule='L1'\nsee='task'\nfrom='dream.1 +5m'",
            "rule='L1'\nsee='task'\nhs={}",
        ] {
            assert!(toml::from_str::<Expect>(text).is_err(), "{text}");
        }
    }
}
