//! How often people were written to and called, over all orders of a school, and what of it was held back. A form that
//! anybody fills in must not become a mailer or a caller (F101, F102). Never decides what follows from a limit, and
//! knows nothing of orders but their ids. Enter at [`Meters::letter`] and [`Meters::call`].

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::value::*;

/// How many letters and started calls any hour and any day may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactLimits {
    /// Letters to one address.
    pub letters_per_address_hour: u32,
    pub letters_per_address_day: u32,
    /// Letters to addresses that the school has never written to.
    pub first_letters_hour: u32,
    pub first_letters_day: u32,
    /// All letters of the school.
    pub letters_hour: u32,
    pub letters_day: u32,
    /// Started calls to one number.
    pub calls_per_number_hour: u32,
    pub calls_per_number_day: u32,
    /// All started calls of the school.
    pub calls_hour: u32,
    pub calls_day: u32,
}

impl Default for ContactLimits {
    /// One person seldom needs more; a launch of thousands of people passes.
    fn default() -> Self {
        Self {
            letters_per_address_hour: 6,
            letters_per_address_day: 12,
            first_letters_hour: 10_000,
            first_letters_day: 30_000,
            letters_hour: 20_000,
            letters_day: 60_000,
            calls_per_number_hour: 4,
            calls_per_number_day: 16,
            calls_hour: 1_000,
            calls_day: 6_000,
        }
    }
}

/// What was counted for the ways to this client, and for the school.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meters {
    /// By address and by number. One that is absent was never used.
    pub ways: BTreeMap<String, Meter>,
    pub school: SchoolMeter,
}

/// What was counted of one thing in the last hour and in the last day.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, from = "StoredMeter")]
pub struct Meter {
    #[serde(skip_serializing_if = "Window::is_empty")]
    hours: Window,
    #[serde(skip_serializing_if = "Window::is_empty")]
    days: Window,
    /// The order that used it last, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<(OrderId, At)>,
}

/// A meter as stored now, or as stored before windows slid: with a count since a moment.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredMeter {
    hours: Window,
    days: Window,
    hour: Option<Span>,
    day: Option<Span>,
    last: Option<(OrderId, At)>,
}

#[derive(Clone, Copy, Deserialize)]
struct Span {
    since: At,
    count: u32,
}

impl From<StoredMeter> for Meter {
    fn from(stored: StoredMeter) -> Self {
        let StoredMeter { mut hours, mut days, hour, day, last } = stored;
        hours.0.extend(hour.and_then(|span| span.as_part(HOUR)));
        days.0.extend(day.and_then(|span| span.as_part(DAY)));
        Self { hours, days, last }
    }
}

impl Span {
    /// What is counted may have happened at the end of the span.
    fn as_part(self, length: TimeDelta) -> Option<Part> {
        let end = self.since + length - TimeDelta::seconds(1);
        (self.count > 0).then(|| Part(self.since.timestamp_millis(), end.timestamp_millis(), self.count))
    }
}

/// Counts of a sliding window, the oldest first, in parts of it: whatever the number, memory is bounded. What is
/// counted counts for the whole length, and for an eighth of it more at most.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Window(Vec<Part>);

/// First and last moment in milliseconds, and the count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Part(i64, i64, u32);

const PARTS: i64 = 8;
/// More parts than a window can have, unless the clock was set back.
const PARTS_MAX: usize = 12;

impl Window {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn counted(&self, now: At, length: TimeDelta) -> u32 {
        let live = self.0.iter().filter(|part| part.is_live(now, length));
        live.fold(0, |sum, part| sum.saturating_add(part.2))
    }

    fn count(&mut self, now: At, length: TimeDelta) {
        self.0.retain(|part| part.is_live(now, length));
        let at = now.timestamp_millis();
        match self.0.last_mut() {
            Some(Part(first, last, count)) if (at - *first).abs() < length.num_milliseconds() / PARTS => {
                (*last, *count) = (at.max(*last), count.saturating_add(1));
            }
            _ => self.0.push(Part(at, at, 1)),
        }
        if self.0.len() > PARTS_MAX {
            let Part(_, last, count) = self.0.remove(0);
            let next = &mut self.0[0];
            (next.1, next.2) = (next.1.max(last), next.2.saturating_add(count));
        }
    }
}

impl Part {
    fn is_live(&self, now: At, length: TimeDelta) -> bool {
        // Also if the clock was set back by more than the whole window.
        now.timestamp_millis().abs_diff(self.1) < length.num_milliseconds().unsigned_abs()
    }
}

const HOUR: TimeDelta = TimeDelta::hours(1);
const DAY: TimeDelta = TimeDelta::days(1);

impl Meter {
    fn is_full(&self, hour: u32, day: u32, now: At) -> bool {
        self.hours.counted(now, HOUR) >= hour || self.days.counted(now, DAY) >= day
    }

    fn count(&mut self, now: At) {
        self.hours.count(now, HOUR);
        self.days.count(now, DAY);
    }
}

/// What was counted of the whole school.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SchoolMeter {
    letters: Meter,
    first_letters: Meter,
    calls: Meter,
    /// What was held back, by its limit.
    pub held: BTreeMap<Limit, Held>,
}

/// Why a letter or a call was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    LettersPerAddress,
    FirstLetters,
    Letters,
    CallsPerNumber,
    Calls,
    /// A country or a service that the school does not call.
    CallCountry,
    /// A payment link that leads to a host that is not the school's (F105).
    PaymentLink,
}

/// How much was held back since the last quiet hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub count: u64,
    pub since: At,
    pub last: At,
}

impl Held {
    /// It happened within the last hour.
    pub fn is_fresh(&self, now: At) -> bool {
        (now - self.last).abs() < HOUR
    }
}

/// What a way is counted as: a mailbox has many spellings, a number one. Never who somebody is: two people may share
/// what is counted as one.
pub fn counted_as(way: &str) -> String {
    let way = way.to_lowercase();
    let Some((local, host)) = way.rsplit_once('@') else { return way };
    // «name+anything» is a mailbox's own label (RFC 5233).
    let local = local.split_once('+').map_or(local, |(local, _)| local);
    match host {
        // support.google.com/mail/answer/7436150, /10313: dots are not read, and both hosts are one.
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        // yandex.com/support/id/authorization/email.html: a name is the same mailbox on all hosts of Yandex. Dots and
        // hyphens are taken for each other: too much counted together is no harm.
        host if YANDEX.contains(&host) => format!("{}@yandex.ru", local.replace('.', "-")),
        host => format!("{local}@{host}"),
    }
}

const YANDEX: [&str; 8] =
    ["yandex.ru", "ya.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.uz", "narod.ru"];

impl Meters {
    /// Counts a letter to this address; the limit that forbids it, if one does.
    pub fn letter(&mut self, to: &str, limits: &ContactLimits, now: At) -> Result<(), Limit> {
        let to = counted_as(to);
        let (school, way) = (&mut self.school, self.ways.get(&to));
        let is_first = way.is_none();
        let (hour, day) = (limits.letters_per_address_hour, limits.letters_per_address_day);
        let reached = if way.is_some_and(|way| way.is_full(hour, day, now)) {
            Some(Limit::LettersPerAddress)
        } else if school.letters.is_full(limits.letters_hour, limits.letters_day, now) {
            Some(Limit::Letters)
        } else if is_first
            && school.first_letters.is_full(limits.first_letters_hour, limits.first_letters_day, now)
        {
            Some(Limit::FirstLetters)
        } else {
            None
        };
        if let Some(limit) = reached {
            self.hold(limit, now);
            return Err(limit);
        }
        school.letters.count(now);
        if is_first {
            school.first_letters.count(now);
        }
        self.ways.entry(to).or_default().count(now);
        Ok(())
    }

    /// The limit that forbids a call of this number now, if one does.
    pub fn call_limit(&self, number: &str, limits: &ContactLimits, now: At) -> Option<Limit> {
        let (hour, day) = (limits.calls_per_number_hour, limits.calls_per_number_day);
        if self.ways.get(number).is_some_and(|way| way.is_full(hour, day, now)) {
            Some(Limit::CallsPerNumber)
        } else if self.school.calls.is_full(limits.calls_hour, limits.calls_day, now) {
            Some(Limit::Calls)
        } else {
            None
        }
    }

    /// Whether another order had this number called less than `gap` ago.
    pub fn was_called_for_another(&self, number: &str, order: &OrderId, gap: TimeDelta, now: At) -> bool {
        let last = self.ways.get(number).and_then(|way| way.last.as_ref());
        last.is_some_and(|(other, at)| other != order && (now - *at).abs() < gap)
    }

    /// Counts a started call.
    pub fn call(&mut self, number: &str, order: &OrderId, now: At) {
        self.school.calls.count(now);
        let way = self.ways.entry(number.to_owned()).or_default();
        way.count(now);
        way.last = Some((order.clone(), now));
    }

    /// Counts what was held back.
    pub fn hold(&mut self, limit: Limit, now: At) {
        self.school.held.retain(|_, held| held.is_fresh(now));
        let held = self.school.held.entry(limit).or_insert(Held { count: 0, since: now, last: now });
        (held.count, held.last) = (held.count.saturating_add(1), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(minute: i64) -> At {
        At::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    #[test]
    fn a_mailbox_is_counted_whatever_its_spelling() {
        for (way, counted) in [
            ("bomb+7@example.org", "bomb@example.org"),
            ("BOMB@Example.org", "bomb@example.org"),
            ("b.o.mb+x@gmail.com", "bomb@gmail.com"),
            ("bomb@googlemail.com", "bomb@gmail.com"),
            ("b.omb@example.org", "b.omb@example.org"),
            ("m.kuz@ya.ru", "m-kuz@yandex.ru"),
            ("m-kuz+a@yandex.by", "m-kuz@yandex.ru"),
            ("+79035550101", "+79035550101"),
        ] {
            assert_eq!(counted_as(way), counted, "{way}");
            assert_eq!(counted_as(counted), counted, "once is enough");
        }
        let (mut meters, limits) = (Meters::default(), ContactLimits::default());
        let sent = (0..20).filter(|n| {
            let to = format!("bomb+{n}@example.org");
            meters.letter(&to, &limits, At::UNIX_EPOCH).is_ok()
        });
        assert_eq!(sent.count(), 6);
    }

    #[test]
    fn thirty_letters_to_one_address_are_six_and_the_rest_is_counted() {
        let (mut meters, limits) = (Meters::default(), ContactLimits::default());
        let sent = |meters: &mut Meters, minute| {
            (0..30).filter(|_| meters.letter("a@client.example", &limits, at(minute)).is_ok()).count()
        };
        assert_eq!(sent(&mut meters, 0), 6);
        let held = &meters.school.held[&Limit::LettersPerAddress];
        assert_eq!((held.count, held.since), (24, at(0)));
        assert_eq!(sent(&mut meters, 59), 0);
        assert_eq!(sent(&mut meters, 61), 6, "the next hour");
        assert_eq!(sent(&mut meters, 200), 0, "the day is full");
        assert_eq!(sent(&mut meters, 24 * 60 + 61), 6, "the next day");
        assert!(meters.letter("b@client.example", &limits, at(0)).is_ok(), "another address");
    }

    #[test]
    fn a_launch_of_thousands_passes_and_only_new_addresses_are_counted_as_such() {
        let (mut meters, limits) = (Meters::default(), ContactLimits::default());
        for n in 0..9_000 {
            assert!(meters.letter(&format!("{n}@client.example"), &limits, at(n / 200)).is_ok(), "{n}");
        }
        let narrow = ContactLimits { first_letters_hour: 1, ..limits };
        let mut meters = Meters::default();
        assert!(meters.letter("a@client.example", &narrow, at(0)).is_ok());
        assert_eq!(meters.letter("b@client.example", &narrow, at(1)), Err(Limit::FirstLetters));
        assert!(meters.letter("a@client.example", &narrow, at(1)).is_ok(), "a known one");
        assert!(meters.letter("b@client.example", &narrow, at(61)).is_ok(), "in the next hour");
    }

    #[test]
    fn what_was_held_back_is_forgotten_after_a_quiet_hour() {
        let mut meters = Meters::default();
        meters.hold(Limit::Calls, at(0));
        meters.hold(Limit::Calls, at(50));
        assert_eq!(meters.school.held[&Limit::Calls].count, 2);
        meters.hold(Limit::CallCountry, at(115));
        assert_eq!(meters.school.held.keys().collect::<Vec<_>>(), [&Limit::CallCountry]);
    }

    #[test]
    fn orders_of_one_number_do_not_call_it_at_once() {
        let (mut meters, gap) = (Meters::default(), TimeDelta::minutes(20));
        let (one, other, number) = (OrderId::from("gc-1"), OrderId::from("gc-2"), "+79035550127");
        meters.call(number, &one, at(0));
        assert!(meters.was_called_for_another(number, &other, gap, at(5)));
        assert!(!meters.was_called_for_another(number, &one, gap, at(5)), "its own next attempt");
        assert!(!meters.was_called_for_another(number, &other, gap, at(20)));
        assert_eq!(meters.call_limit(number, &ContactLimits::default(), at(5)), None);
        (0..3).for_each(|_| meters.call(number, &one, at(6)));
        assert_eq!(meters.call_limit(number, &ContactLimits::default(), at(7)), Some(Limit::CallsPerNumber));
    }

    #[test]
    fn two_adjoining_hours_do_not_hold_twice_the_limit() {
        let (mut meters, limits) = (Meters::default(), ContactLimits::default());
        let mut sent = |minute, wanted: usize| {
            (0..wanted).filter(|_| meters.letter("a@client.example", &limits, at(minute)).is_ok()).count()
        };
        assert_eq!([sent(0, 1), sent(50, 5)], [1, 5]);
        assert_eq!(sent(65, 6), 1, "five of the last hour are counted still");
        assert_eq!(sent(112, 6), 5);
    }

    #[test]
    fn a_meter_stored_before_is_read() {
        let stored = r#"{"hour":{"since":"2024-10-04T00:00:00Z","count":6},"day":{"since":"2024-10-04T00:00:00Z","count":7}}"#;
        let meter: Meter = serde_json::from_str(stored).expect("a meter");
        assert!(meter.is_full(6, 99, at(1)) && meter.is_full(6, 99, at(59)));
        assert!(meter.is_full(6, 99, at(119)), "it may have been counted at the end of the hour");
        assert!(!meter.is_full(6, 8, at(121)) && meter.is_full(99, 7, at(2 * 1440 - 1)));
        let empty: Meter = serde_json::from_str("{}").expect("a meter");
        assert_eq!(empty, Meter::default());
    }

    proptest! {
        /// However the letters are spread: never more than the limit within any hour or day, and what is old holds
        /// nothing back.
        #[test]
        fn no_hour_and_no_day_has_more_than_its_limit(minutes in prop::collection::vec(0..30_i64, 1..200)) {
            let (mut meters, limits) = (Meters::default(), ContactLimits::default());
            let (mut now, mut sent): (i64, Vec<i64>) = (0, Vec::new());
            for step in minutes {
                now += step;
                let since = |length: i64| sent.iter().filter(|minute| now - **minute < length).count();
                let (hour, day) = (since(60 + 8) < 6, since(1440 + 180) < 12);
                let is_sent = meters.letter("a@client.example", &limits, at(now)).is_ok();
                prop_assert!(is_sent || !(hour && day), "held back without need at {}", now);
                sent.extend(is_sent.then_some(now));
            }
            for from in &sent {
                let within = |length: i64| sent.iter().filter(|minute| (*from..from + length).contains(*minute)).count();
                prop_assert!(within(60) <= limits.letters_per_address_hour as usize);
                prop_assert!(within(1440) <= limits.letters_per_address_day as usize);
            }
        }

        /// Whatever the clock does, a meter stays small and counts what it was told.
        #[test]
        fn a_meter_is_small(minutes in prop::collection::vec(-3_000..3_000_i64, 1..300)) {
            let mut meter = Meter::default();
            for minute in minutes {
                meter.count(at(minute));
                prop_assert!(meter.hours.0.len() <= PARTS_MAX && meter.days.0.len() <= PARTS_MAX);
                prop_assert!(meter.hours.counted(at(minute), HOUR) >= 1);
            }
        }

        #[test]
        fn it_reads_back_as_it_was(letters in 0..5_usize, calls in 0..5_usize) {
            let mut meters = Meters::default();
            (0..letters).for_each(|_| assert!(meters.letter("a", &ContactLimits::default(), at(1)).is_ok()));
            (0..calls).for_each(|_| meters.call("a", &OrderId::from("gc-1"), at(2)));
            meters.hold(Limit::Calls, at(3));
            let school: SchoolMeter = serde_json::from_str(&serde_json::to_string(&meters.school).unwrap()).unwrap();
            prop_assert_eq!(&school, &meters.school);
            for way in meters.ways.values() {
                let read: Meter = serde_json::from_str(&serde_json::to_string(way).unwrap()).unwrap();
                prop_assert_eq!(&read, way);
            }
        }
    }
}
