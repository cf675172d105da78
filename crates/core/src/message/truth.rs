//! Whether a condition holds where not everything is known: one alternative that holds is enough, wherever it stands,
//! and so is one part of an `and` that does not. Never asks for a variable itself. Enter at [`of`].

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

type Word<'a> = (Token<'a>, Span);

/// Whether the expression is true, if what is known is enough to say so. `ask` tells it of a part without `and`, `or`
/// and `not`, as it is written.
pub(super) fn of(expression: &str, ask: &mut dyn FnMut(&str) -> Option<bool>) -> Option<bool> {
    let words: Result<Vec<Word<'_>>, _> = tokenize(expression, true, SyntaxConfig::default()).collect();
    weigh(&words.ok()?, expression, ask)
}

fn weigh(words: &[Word<'_>], whole: &str, ask: &mut dyn FnMut(&str) -> Option<bool>) -> Option<bool> {
    let is_choice = has(words, "if");
    // The side that decides alone: a true one of an `or`, a false one of an `and`.
    for (joint, decides) in [("or", true), ("and", false)] {
        if !is_choice && has(words, joint) {
            let sides = split(words, joint).map(|side| weigh(side, whole, ask)).collect::<Vec<_>>();
            return match sides.contains(&Some(decides)) {
                true => Some(decides),
                false if sides.contains(&None) => None,
                false => Some(!decides),
            };
        }
    }
    match words {
        [(Token::Ident("not"), _), rest @ ..] if !is_choice => weigh(rest, whole, ask).map(|known| !known),
        [(Token::ParenOpen, _), inside @ .., (Token::ParenClose, _)]
            if is_closed(inside) && !is_tuple(inside) =>
        {
            weigh(inside, whole, ask)
        }
        [(_, first), ..] => {
            let last = words.last().map_or(first, |(_, last)| last);
            ask(whole.get(first.start_offset as usize..last.end_offset as usize)?)
        }
        [] => None,
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
            let said = of(&text, &mut |part| {
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
