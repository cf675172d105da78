//! Whether a condition holds where not everything is known: one alternative that holds is enough, wherever it stands,
//! and so is one part of an `and` that does not. Never asks for a variable itself. Enter at [`read`].

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

type Word<'a> = (Token<'a>, Span);

/// An expression by its `and`, `or` and `not`; `Q` stands for the questions that are left.
#[derive(Debug, Clone)]
pub(super) enum Truth<Q> {
    /// One of these is so.
    Any(Vec<Truth<Q>>),
    /// All of these are so.
    All(Vec<Truth<Q>>),
    Not(Box<Truth<Q>>),
    Ask(Q),
    Unknown,
}

/// Reads an expression; `ask` makes a question of a part without `and`, `or` and `not`, as it is written.
pub(super) fn read<Q>(expression: &str, ask: &dyn Fn(&str) -> Q) -> Truth<Q> {
    let words: Result<Vec<Word<'_>>, _> = tokenize(expression, true, SyntaxConfig::default()).collect();
    words.map_or(Truth::Unknown, |words| part(&words, expression, ask))
}

impl<Q> Truth<Q> {
    /// Whether it is so, if what is known is enough to say that.
    pub fn known(&self, answer: &mut dyn FnMut(&Q) -> Option<bool>) -> Option<bool> {
        // The side that decides alone: a true one of an `or`, a false one of an `and`.
        let (sides, decides) = match self {
            Self::Any(sides) => (sides, true),
            Self::All(sides) => (sides, false),
            Self::Not(inside) => return inside.known(answer).map(|known| !known),
            Self::Ask(question) => return answer(question),
            Self::Unknown => return None,
        };
        let said: Vec<_> = sides.iter().map(|side| side.known(answer)).collect();
        match said.contains(&Some(decides)) {
            true => Some(decides),
            false if said.contains(&None) => None,
            false => Some(!decides),
        }
    }
}

fn part<Q>(words: &[Word<'_>], whole: &str, ask: &dyn Fn(&str) -> Q) -> Truth<Q> {
    let is_choice = has(words, "if");
    let sides = |joint| split(words, joint).map(|side| part(side, whole, ask)).collect();
    match words {
        _ if !is_choice && has(words, "or") => Truth::Any(sides("or")),
        _ if !is_choice && has(words, "and") => Truth::All(sides("and")),
        [(Token::Ident("not"), _), rest @ ..] if !is_choice => Truth::Not(Box::new(part(rest, whole, ask))),
        [(Token::ParenOpen, _), inside @ .., (Token::ParenClose, _)]
            if is_closed(inside) && !is_tuple(inside) =>
        {
            part(inside, whole, ask)
        }
        [(_, first), ..] => {
            let last = words.last().map_or(first, |(_, last)| last);
            whole
                .get(first.start_offset as usize..last.end_offset as usize)
                .map_or(Truth::Unknown, |part| Truth::Ask(ask(part)))
        }
        [] => Truth::Unknown,
    }
}

/// How many brackets are open behind each word.
fn depths<'w>(words: &'w [Word<'_>]) -> impl Iterator<Item = i32> + 'w {
    words.iter().scan(0, |depth, (word, _)| {
        *depth += match word {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => -1,
            _ => 0,
        };
        Some(*depth)
    })
}

/// The brackets of these words open and close among themselves.
fn is_closed(words: &[Word<'_>]) -> bool {
    depths(words).all(|depth| depth >= 0) && depths(words).last().unwrap_or(0) == 0
}

/// A comma parts them: brackets around them make one value of both.
fn is_tuple(words: &[Word<'_>]) -> bool {
    words.iter().zip(depths(words)).any(|((word, _), depth)| depth == 0 && matches!(word, Token::Comma))
}

/// The places of a word outside of brackets.
fn places<'w>(words: &'w [Word<'_>], name: &'w str) -> impl Iterator<Item = usize> + 'w {
    let is_it = move |word: &Token<'_>| matches!(word, Token::Ident(one) if *one == name);
    let at = words.iter().zip(depths(words)).enumerate();
    at.filter(move |(_, ((word, _), depth))| *depth == 0 && is_it(word)).map(|(place, _)| place)
}

fn has(words: &[Word<'_>], name: &str) -> bool {
    places(words, name).next().is_some()
}

/// The parts between the places of a word.
fn split<'w, 'a>(words: &'w [Word<'a>], name: &'w str) -> impl Iterator<Item = &'w [Word<'a>]> {
    let ends = places(words, name).chain([words.len()]);
    ends.scan(0, |start, end| {
        let part = words.get(*start..end);
        *start = end + 1;
        part
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use minijinja::Environment;
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn expression() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(&["a", "b", "c", "(d)", "a in [b, c]", "d not in [a]"][..]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} and {other}")),
                (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} or {other}")),
                inner.clone().prop_map(|one| format!("not {one}")),
                inner.prop_map(|one| format!("({one})")),
            ]
        })
    }

    proptest! {
        /// The engine says the same, whatever the unknown variables turn out to be.
        #[test]
        fn what_is_said_holds_whatever_the_rest_is(
            text in expression(),
            known in prop::collection::btree_map(prop::sample::select(&NAMES[..]), any::<bool>(), 0..=4),
        ) {
            let env = Environment::new();
            let eval = |part: &str, with: &BTreeMap<&str, bool>| {
                env.compile_expression(part).and_then(|part| part.eval(with)).map(|value| value.is_true())
            };
            let needs = |part: &str| {
                env.compile_expression(part).map(|part| part.undeclared_variables(false)).unwrap_or_default()
            };
            let said = read(&text, &str::to_owned).known(&mut |part| {
                let is_known = needs(part).iter().all(|name| known.contains_key(name.as_str()));
                is_known.then(|| eval(part, &known).expect("it is an expression"))
            });
            prop_assert!(said.is_some() || known.len() < NAMES.len(), "{}", text);
            for bits in 0..1 << NAMES.len() {
                let mut all: BTreeMap<&str, bool> = NAMES.iter().enumerate().map(|(at, name)| (*name, bits >> at & 1 == 1)).collect();
                all.extend(&known);
                let whole = eval(&text, &all).expect("it is an expression");
                prop_assert!(said.is_none_or(|said| said == whole), "{} {:?}", text, all);
            }
        }
    }
}
