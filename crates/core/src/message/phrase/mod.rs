//! Phrases: the short lines that people read in a lead's feed, in GetCourse's comments and in the journal.
//! Each is a function here, with typed arguments; its words are in `texts/phrases.toml`, and a school may
//! replace them. Never contains words. Enter at [`Phrase`]; the list is in `list`.

use chrono::{DateTime, Utc};

use super::check::Kind;

/// A line that is said, with what it is about. Its words come from the library (`Library::phrase`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// `payment.won`: the table and the key in the file.
    pub(super) key: &'static str,
    pub(super) args: Vec<(&'static str, Arg)>,
}

impl Phrase {
    /// No words at all.
    pub(crate) const NONE: Self = Self { key: "", args: Vec::new() };
}

/// An argument. What depends on the school or on another phrase is turned into words when the phrase is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arg {
    Text(String),
    Number(i64),
    Flag(bool),
    Phrase(Phrase),
    Told(Told),
}

/// What only the process can put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Time(DateTime<Utc>),
    Day(DateTime<Utc>),
    OnDay(DateTime<Utc>),
    /// A manager's key.
    Manager(String),
}

/// A text, a sum, or another phrase; empty if there is none.
pub struct Words(Arg);

/// Somebody's own words, which stand in «…»: one line, not too long.
pub struct Quote(String);

pub struct Number(i64);

/// Yes or no, for `{% if … %}`.
pub struct Flag(bool);

/// «24 ноября в 11:00».
pub struct Time(DateTime<Utc>);

/// «во вторник, 24 ноября, в 11:00».
pub struct OnDay(DateTime<Utc>);

/// «24 ноября».
pub struct Day(DateTime<Utc>);

/// The name of a manager; empty if there is none.
pub struct Manager(Option<String>);

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self(Arg::Text(text.to_owned()))
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self(Arg::Text(text))
    }
}

impl From<Phrase> for Words {
    fn from(phrase: Phrase) -> Self {
        Self(Arg::Phrase(phrase))
    }
}

impl<T: Into<Words>> From<Option<T>> for Words {
    fn from(words: Option<T>) -> Self {
        words.map_or_else(|| Self::from(""), T::into)
    }
}

impl From<Option<&str>> for Quote {
    fn from(typed: Option<&str>) -> Self {
        Self(typed.map(quotable).unwrap_or_default())
    }
}

impl From<&str> for Quote {
    fn from(typed: &str) -> Self {
        Self(quotable(typed))
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Flag {
    fn from(flag: bool) -> Self {
        Self(flag)
    }
}

impl From<DateTime<Utc>> for Time {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl From<DateTime<Utc>> for OnDay {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl From<DateTime<Utc>> for Day {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl<T: ToString> From<&T> for Manager {
    fn from(manager: &T) -> Self {
        Self(Some(manager.to_string()))
    }
}

impl<T: ToString> From<Option<&T>> for Manager {
    fn from(manager: Option<&T>) -> Self {
        Self(manager.map(T::to_string))
    }
}

impl From<Words> for Arg {
    fn from(words: Words) -> Self {
        words.0
    }
}

impl From<Quote> for Arg {
    fn from(quote: Quote) -> Self {
        Self::Text(quote.0)
    }
}

impl From<Number> for Arg {
    fn from(number: Number) -> Self {
        Self::Number(number.0)
    }
}

impl From<Flag> for Arg {
    fn from(flag: Flag) -> Self {
        Self::Flag(flag.0)
    }
}

impl From<Time> for Arg {
    fn from(time: Time) -> Self {
        Self::Told(Told::Time(time.0))
    }
}

impl From<OnDay> for Arg {
    fn from(time: OnDay) -> Self {
        Self::Told(Told::OnDay(time.0))
    }
}

impl From<Day> for Arg {
    fn from(day: Day) -> Self {
        Self::Told(Told::Day(day.0))
    }
}

impl From<Manager> for Arg {
    fn from(manager: Manager) -> Self {
        manager.0.map_or_else(|| Self::Text(String::new()), |key| Self::Told(Told::Manager(key)))
    }
}

/// More of what a person typed is not put into a text.
const QUOTE_CHARS_MAX: usize = 120;

/// Somebody's words in one line between quotation marks, not too long.
pub fn quotable(typed: &str) -> String {
    let line = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('«', "„").replace('»', "“").chars().take(QUOTE_CHARS_MAX).collect()
}

/// A phrase as the file must have it.
#[derive(Debug)]
pub struct Declared {
    pub key: &'static str,
    /// The variables that its words may use.
    pub(super) args: &'static [(&'static str, Kind)],
}

macro_rules! kind {
    (Number) => {
        Kind::Number
    };
    (Flag) => {
        Kind::Flag
    };
    ($other:ident) => {
        Kind::Text
    };
}

/// One function for each phrase. An unused one is a warning of the compiler, one without words (or words
/// without a function) fails the library's test.
macro_rules! phrases {
    ($($(#[$doc:meta])* $table:ident {
        $($(#[$about:meta])* $key:ident$(($($arg:ident: $kind:ident),+))?;)+
    })+) => {
        $($(#[$doc])*
        pub(crate) mod $table {
            #[allow(unused_imports)]
            use super::*;
            $($(#[$about])*
            pub(crate) fn $key($($($arg: impl Into<$kind>),+)?) -> Phrase {
                Phrase {
                    key: concat!(stringify!($table), ".", stringify!($key)),
                    args: vec![$($((stringify!($arg), $arg.into().into())),+)?],
                }
            })+
        })+

        /// Every phrase.
        pub const PHRASES: &[Declared] = &[$($(Declared {
            key: concat!(stringify!($table), ".", stringify!($key)),
            args: &[$($((stringify!($arg), kind!($kind))),+)?],
        },)+)+];
    };
}

mod list;

pub use list::PHRASES;
pub(crate) use list::*;
