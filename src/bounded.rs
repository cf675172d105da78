//! Reads bytes from outside within limits: JSON and forms of every platform. Never builds what is too deep or too
//! wide: JSON is counted before it is parsed, a form while it is decoded. Enter at [`json`], [`form`] and [`parts`].

use std::borrow::Cow;

use serde_json::Value;

/// How much bytes from outside may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nested objects and lists.
    pub depth: usize,
    /// Pairs of a form; values of JSON, also those that contain others.
    pub values: usize,
    /// Objects and lists of JSON.
    pub containers: usize,
    pub name_bytes: usize,
    /// All names together, each with the names that it stands under.
    pub names_bytes: usize,
    pub value_bytes: usize,
}

/// Requests from outside: wider than any real one, and cheap all the same.
pub const REQUEST: Bounds = Bounds {
    depth: 32,
    values: 5_000,
    containers: 2_500,
    name_bytes: 1024,
    names_bytes: 256 * 1024,
    value_bytes: 128 * 1024,
};

/// Requests about one order or one call.
pub const EVENT: Bounds = Bounds { values: 2_000, containers: 1_000, ..REQUEST };

/// Answers of platforms that we have asked: pages of hundreds of entities, tables of thousands of rows.
pub const ANSWER: Bounds = Bounds {
    depth: 32,
    values: 1_000_000,
    containers: 200_000,
    name_bytes: 4 * 1024,
    names_bytes: 64 * 1024 * 1024,
    value_bytes: 4 * 1024 * 1024,
};

/// Which limit was passed. The text quotes nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error("it is nested too deeply")]
    Depth,
    #[error("it has too many fields")]
    Values,
    #[error("one of its names is too long")]
    Name,
    #[error("its names are too long")]
    Names,
    #[error("one of its values is too long")]
    Value,
}

/// Why bytes were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// The parser's own message may quote the content; the place is enough to find the fault.
    #[error("broken JSON at line {line}, column {column}")]
    Broken { line: usize, column: usize },
    #[error("a broken multipart form: it is cut, or a part has no head")]
    Parts,
}

/// The value of a JSON text.
pub fn json(bytes: &[u8], bounds: &Bounds) -> Result<Value, Unread> {
    let bytes = without_mark(bytes);
    fits(bytes, bounds)?;
    serde_json::from_slice(bytes)
        .or_else(|error| windows(bytes).map_or(Err(error), |text| serde_json::from_str(&text)))
        .map_err(|error| Unread::Broken { line: error.line(), column: error.column() })
}

/// Whether a JSON text is within the bounds, without parsing it.
pub fn fits(bytes: &[u8], bounds: &Bounds) -> Result<(), TooMuch> {
    Scan::new(bounds).run(bytes)
}

/// Names and values of a form.
pub type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The decoded pairs of a form or a query, in their order.
pub fn form<'a>(bytes: &'a [u8], bounds: &Bounds) -> Result<Pairs<'a>, TooMuch> {
    let parts = without_mark(bytes).split(|byte| *byte == b'&').filter(|part| !part.is_empty());
    within(parts.filter_map(pair), bounds)
}

/// The fields of a multipart form, in their order, without its files. Its first line is what separates the parts.
pub fn parts<'a>(bytes: &'a [u8], bounds: &Bounds) -> Result<Pairs<'a>, Unread> {
    let bytes = bytes.trim_ascii();
    let line = bytes.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
    if line.len() <= 2 || line.len() > DELIMITER_MAX || !line.starts_with(b"--") {
        return Err(Unread::Parts);
    }
    if line == bytes && line.len() > 4 && line.ends_with(b"--") {
        return Ok(Vec::new());
    }
    let delimiter = [b"\r\n", line].concat();
    let (mut rest, mut count, mut fields) = (&bytes[line.len()..], 0, Vec::new());
    while rest != b"--" {
        count += 1;
        check(count <= bounds.values, TooMuch::Values)?;
        let (part, behind) = cut(rest, &delimiter).ok_or(Unread::Parts)?;
        let (head, value) = cut(part, b"\r\n\r\n").ok_or(Unread::Parts)?;
        check(head.len() <= HEAD_MAX + bounds.name_bytes, TooMuch::Name)?;
        fields.extend(name(&text(head)).map(|name| (name.into(), text(value))));
        rest = behind;
    }
    Ok(within(fields.into_iter(), bounds)?)
}

/// Bytes of a line between two parts, and of a part's head beside its name.
const DELIMITER_MAX: usize = 72;
const HEAD_MAX: usize = 1024;

/// What stands before and behind the first `mark`.
fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// The name of a field by the head of its part; a file has none.
fn name(head: &str) -> Option<String> {
    const LINE: &str = "content-disposition:";
    let is_meant = |line: &&str| line.get(..LINE.len()).is_some_and(|start| start.eq_ignore_ascii_case(LINE));
    let (_, mut rest) = head.lines().find(is_meant)?.split_once(';')?;
    let mut name = None;
    while let Some((word, value)) = rest.split_once('=') {
        let (value, behind) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        match word.trim_matches([' ', '\t', ';']).to_lowercase().as_str() {
            "name" => name = Some(value.trim().to_owned()),
            "filename" | "filename*" => return None,
            _ => {}
        }
        rest = behind;
    }
    name
}

/// Bytes as letters, also as old sites write them.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let old = |_| windows(bytes).map_or_else(|| String::from_utf8_lossy(bytes), Cow::from);
    std::str::from_utf8(bytes).map_or_else(old, Cow::from)
}

/// A byte order mark, which Windows writes before a text, is none of it.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

fn within<'a>(
    all: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    bounds: &Bounds,
) -> Result<Pairs<'a>, TooMuch> {
    let (mut pairs, mut names) = (Vec::new(), 0);
    for (name, value) in all {
        names += name.len();
        check(pairs.len() < bounds.values, TooMuch::Values)?;
        check(name.len() <= bounds.name_bytes, TooMuch::Name)?;
        check(names <= bounds.names_bytes, TooMuch::Names)?;
        check(value.len() <= bounds.value_bytes, TooMuch::Value)?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// What stands for letters that could not be decoded.
pub const UNDECODED: char = '\u{fffd}';

/// A pair of a form. What is not in UTF-8 is read as old sites write it, or has [`UNDECODED`] in it.
fn pair(part: &[u8]) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let (name, value) = form_urlencoded::parse(part).next()?;
    if !name.contains(UNDECODED) && !value.contains(UNDECODED) {
        return Some((name, value));
    }
    let place = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
    let old = |bytes: &[u8], decoded: Cow<'_, str>| {
        let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        windows(&percent_encoding::percent_decode(&spaced).collect::<Vec<_>>())
            .unwrap_or(decoded.into_owned())
    };
    let rest = part.get(place + 1..).unwrap_or_default();
    Some((old(&part[..place], name).into(), old(rest, value).into()))
}

/// Text in Windows-1251: not UTF-8, and its letters are Russian. A piece of UTF-8 that was cut or damaged is none.
fn windows(bytes: &[u8]) -> Option<String> {
    let utf8 = String::from_utf8_lossy(bytes);
    let broken = utf8.chars().filter(|c| *c == UNDECODED).count();
    let whole = utf8.chars().filter(|c| !c.is_ascii() && *c != UNDECODED).count();
    if broken <= whole {
        return None;
    }
    let text = encoding_rs::WINDOWS_1251.decode_without_bom_handling_and_without_replacement(bytes)?;
    let is_letter = |c: char| matches!(c, 'А'..='я' | 'Ё' | 'ё');
    let is_sign = |c: char| c.is_ascii() || "«»„“”’‘–—…№\u{a0}".contains(c);
    let fits = text.chars().any(is_letter) && text.chars().all(|c| is_letter(c) || is_sign(c));
    fits.then(|| text.into_owned())
}

fn check(fits: bool, otherwise: TooMuch) -> Result<(), TooMuch> {
    if fits { Ok(()) } else { Err(otherwise) }
}

/// Counts what a JSON text would become. Text that is no JSON is counted somehow, and refused by the parser.
struct Scan<'a> {
    bounds: &'a Bounds,
    values: usize,
    containers: usize,
    names: usize,
    /// Of each open container: whether it is an object, and the bytes of the names that it stands under.
    open: Vec<(bool, usize)>,
    /// Bytes of the names that the next value stands under.
    path: usize,
    /// The next string is a name.
    is_name: bool,
}

impl<'a> Scan<'a> {
    fn new(bounds: &'a Bounds) -> Self {
        Self { bounds, values: 0, containers: 0, names: 0, open: Vec::new(), path: 0, is_name: false }
    }

    fn run(mut self, bytes: &[u8]) -> Result<(), TooMuch> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let end = match byte {
                b'"' => {
                    let end = string_end(bytes, at);
                    self.string(end - at)?;
                    end
                }
                b'{' | b'[' => {
                    self.begin(byte == b'{')?;
                    at + 1
                }
                b'}' | b']' => {
                    self.open.pop();
                    self.is_name = false;
                    at + 1
                }
                b',' => {
                    let (is_object, path) = self.open.last().copied().unwrap_or_default();
                    (self.is_name, self.path) = (is_object, path);
                    at + 1
                }
                b':' | b' ' | b'\n' | b'\r' | b'\t' => at + 1,
                _ => {
                    let is_end = |byte: &u8| b",:]}[{\" \n\r\t".contains(byte);
                    let end = bytes[at..].iter().position(is_end).map_or(bytes.len(), |length| at + length);
                    self.value(end - at)?;
                    end
                }
            };
            at = end;
        }
        Ok(())
    }

    fn begin(&mut self, is_object: bool) -> Result<(), TooMuch> {
        self.value(0)?;
        self.containers += 1;
        check(self.containers <= self.bounds.containers, TooMuch::Values)?;
        self.open.push((is_object, self.path));
        check(self.open.len() <= self.bounds.depth, TooMuch::Depth)?;
        self.is_name = is_object;
        Ok(())
    }

    fn string(&mut self, length: usize) -> Result<(), TooMuch> {
        if !self.is_name {
            return self.value(length);
        }
        self.is_name = false;
        check(length <= self.bounds.name_bytes, TooMuch::Name)?;
        self.path += length;
        self.names += self.path;
        check(self.names <= self.bounds.names_bytes, TooMuch::Names)
    }

    fn value(&mut self, length: usize) -> Result<(), TooMuch> {
        self.values += 1;
        check(self.values <= self.bounds.values, TooMuch::Values)?;
        check(length <= self.bounds.value_bytes, TooMuch::Value)
    }
}

/// The place behind the string that begins at `start`; the end of the text if it is never closed.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// F11: a site's own backend may write Windows-1251, raw or percent-encoded.
    #[test]
    fn old_letters_are_read_and_damaged_ones_are_not_guessed() {
        let encoded = |text: &str| encoding_rs::WINDOWS_1251.encode(text).0.into_owned();
        let value = |bytes: &[u8]| {
            let body = [b"a=1&&name=", bytes, b"&b=2"].concat();
            let pairs = form(&body, &REQUEST).unwrap();
            assert_eq!((pairs.len(), &*pairs[2].1), (3, "2"));
            pairs[1].1.clone().into_owned()
        };
        for name in ["Мария", "Ёлкина Ольга", "ООО «Рост» — №1", "я"] {
            assert_eq!(value(&encoded(name)), name);
            let percent: String = encoded(name).iter().map(|byte| format!("%{byte:02X}")).collect();
            assert_eq!(value(percent.as_bytes()), name);
            assert_eq!(value(name.as_bytes()), name, "UTF-8 stays as it is");
        }
        assert_eq!(value(&[&encoded("Анна+Белова")[..], b"%21"].concat()), "Анна Белова!");
        // UTF-8 that was cut, bytes of no language.
        let cut = &"Мария".as_bytes()[..9];
        assert_eq!(value(cut), format!("Мари{UNDECODED}"));
        assert!(value(b"%FF%80%90").contains(UNDECODED));
        let old = encoded(r#"{"name":"Мария"}"#);
        assert_eq!(super::json(&old, &REQUEST).unwrap(), json!({ "name": "Мария" }));
        assert!(super::json(b"{\"name\":\"\xff\x80\x90\"}", &REQUEST).is_err());
    }

    #[test]
    fn parts_are_read_within_the_bounds_and_files_are_left_out() {
        let body = |parts: &[&str]| {
            let part = |part: &&str| format!("--b\r\n{part}\r\n");
            parts.iter().map(part).chain(["--b--\r\n".to_owned()]).collect::<String>()
        };
        let head = "Content-Disposition: form-data; name=";
        let check = |parts: &[&str], expected: Result<&[(&str, &str)], Unread>| {
            let body = body(parts);
            let read = super::parts(body.as_bytes(), &SMALL);
            let owned = |all: &[(&str, &str)]| {
                all.iter()
                    .map(|(name, value)| ((*name).to_owned().into(), (*value).to_owned().into()))
                    .collect()
            };
            assert_eq!(read, expected.map(owned), "{body}");
        };
        let one = |name: &str, value: &str| format!("{head}{name}\r\n\r\n{value}");
        check(&[], Ok(&[]));
        check(&[&one("\"a\"", "1"), &one("b", "")], Ok(&[("a", "1"), ("b", "")]));
        check(&[&one("\"a;b\"", "\r\n--")], Ok(&[("a;b", "\r\n--")]));
        let long = "x".repeat(50);
        let file = one("\"a\"; filename=\"a.txt\"", &long);
        let other = one("\"a\"; filename*=utf-8''a", &long);
        let typed = "Content-Type: text/plain\r\ncontent-disposition: FORM-DATA ; Name = \"a\"\r\n\r\n7";
        check(&[&file, &other, typed], Ok(&[("a", "7")]));
        check(&["\r\n\r\n1"], Ok(&[]));
        check(&[&one("\"a\"", "123456789")], Err(TooMuch::Value.into()));
        check(&[&one("\"abcdefghi\"", "1")], Err(TooMuch::Name.into()));
        check(&[&*one("\"a\"", "1"); 7], Err(TooMuch::Values.into()));
        check(&["no head"], Err(Unread::Parts));
        for body in ["", "a=1", "--b", "--b\r\n", &format!("--b\r\n{head}a\r\n\r\n1\r\n--b"), &long] {
            assert_eq!(super::parts(body.as_bytes(), &SMALL), Err(Unread::Parts), "{body}");
        }
        // Windows-1251, as elsewhere.
        let name = encoding_rs::WINDOWS_1251.encode("Мария").0.into_owned();
        let old = [b"--b\r\n", head.as_bytes(), b"n\r\n\r\n", &name, b"\r\n--b--"].concat();
        assert_eq!(super::parts(&old, &REQUEST).unwrap()[0].1, "Мария");
    }

    /// Windows writes a byte order mark before a text.
    #[test]
    fn a_mark_before_the_text_is_left_out() {
        assert_eq!(super::json("\u{feff}{\"a\":1}".as_bytes(), &REQUEST).unwrap(), json!({ "a": 1 }));
        assert_eq!(form("\u{feff}a=1".as_bytes(), &REQUEST).unwrap()[0].0, "a");
    }

    const SMALL: Bounds =
        Bounds { depth: 3, values: 6, containers: 4, name_bytes: 8, names_bytes: 24, value_bytes: 8 };

    #[track_caller]
    fn check_json(text: &str, expected: Result<Value, Unread>) {
        assert_eq!(super::json(text.as_bytes(), &SMALL), expected, "{text}");
    }

    #[test]
    fn json_is_counted_before_it_is_parsed() {
        check_json(r#"{"a":[1,"b",null]}"#, Ok(json!({ "a": [1, "b", null] })));
        check_json("7", Ok(json!(7)));
        check_json("[[[1]]]", Ok(json!([[[1]]])));
        check_json("[[[[1]]]]", Err(TooMuch::Depth.into()));
        check_json("[1,2,3,4,5]", Ok(json!([1, 2, 3, 4, 5])));
        check_json("[1,2,3,4,5,6]", Err(TooMuch::Values.into()));
        check_json("[[],[],[],[]]", Err(TooMuch::Values.into()));
        check_json(r#"{"abcdefg":1}"#, Err(TooMuch::Name.into()));
        check_json(r#"{"abcdef":1}"#, Ok(json!({ "abcdef": 1 })));
        check_json(r#"["abcdefg"]"#, Err(TooMuch::Value.into()));
        check_json("[1234567890]", Err(TooMuch::Value.into()));
        // Each name counts with those that it stands under: 8 + 16 + 8.
        check_json(r#"{"abcdef":{"abcdef":1}}"#, Ok(json!({ "abcdef": { "abcdef": 1 } })));
        check_json(r#"{"abcdef":{"abcdef":1},"a":1}"#, Err(TooMuch::Names.into()));
        // The parser would not get so far.
        check_json("[[[[", Err(TooMuch::Depth.into()));
        check_json(r#"{"a" "b"}"#, Err(Unread::Broken { line: 1, column: 6 }));
        check_json("", Err(Unread::Broken { line: 1, column: 0 }));
        check_json(r#"{"a\"b":"{[,"}"#, Ok(json!({ "a\"b": "{[," })));
    }

    #[test]
    fn a_form_is_counted_while_it_is_decoded() {
        let check = |text: &str, expected: Result<usize, TooMuch>| {
            assert_eq!(form(text.as_bytes(), &SMALL).map(|pairs| pairs.len()), expected, "{text}");
        };
        check("a=1&b=2&&c", Ok(3));
        check("", Ok(0));
        check("a&b&c&d&e&f", Ok(6));
        check("a&b&c&d&e&f&g", Err(TooMuch::Values));
        check("abcdefghi=1", Err(TooMuch::Name));
        check("a=abcdefghi", Err(TooMuch::Value));
        check("a=%61%61%61%61%61%61%61%61", Ok(1));
        check("abcdefgh&abcdefgh&abcdefgh&a", Err(TooMuch::Names));
    }

    /// What a parsed value consists of: values, containers, depth.
    fn size(value: &Value) -> (usize, usize, usize) {
        let inner: Vec<_> = match value {
            Value::Object(map) => map.values().map(size).collect(),
            Value::Array(list) => list.iter().map(size).collect(),
            _ => return (1, 0, 0),
        };
        let sum = |part: fn(&(usize, usize, usize)) -> usize| inner.iter().map(part).sum::<usize>() + 1;
        (sum(|one| one.0), sum(|one| one.1), 1 + inner.iter().map(|one| one.2).max().unwrap_or_default())
    }

    proptest! {
        #[test]
        fn what_is_read_is_within_the_bounds(text in "[\\[\\]{}\",: \\\\a1]{0,60}", bytes: Vec<u8>) {
            if let Ok(value) = super::json(text.as_bytes(), &SMALL) {
                let (values, containers, depth) = size(&value);
                prop_assert!(values <= SMALL.values && containers <= SMALL.containers && depth <= SMALL.depth);
            }
            let _ = super::json(&bytes, &SMALL);
            let _ = form(&bytes, &SMALL);
        }

        #[test]
        fn damaged_parts_are_read_within_the_bounds_or_refused(
            text in "--b(\r\n|--b|--|\r\n\r\n|content-disposition: form-data|; ?(file)?name=|\"|[a;=é]){0,24}(--b--)?",
            cut: prop::sample::Index,
            bytes: Vec<u8>,
        ) {
            let cut = &text.as_bytes()[..cut.index(text.len())];
            for bytes in [text.as_bytes(), cut, &bytes] {
                let Ok(pairs) = super::parts(bytes, &SMALL) else { continue };
                prop_assert!(pairs.len() <= SMALL.values);
                prop_assert!(pairs.iter().all(|(name, value)| name.len() <= 8 && value.len() <= 8));
            }
        }

        /// What is cut anywhere before its end is never taken for a shorter one.
        #[test]
        fn a_form_that_was_cut_is_not_read(values in prop::collection::vec("[a-z&= \r\n-]{0,8}", 1..5), at: prop::sample::Index) {
            let part = |value: &String| format!("--xyz\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n{value}\r\n");
            let body = values.iter().map(part).collect::<String>() + "--xyz--";
            let read = super::parts(body.as_bytes(), &REQUEST).unwrap();
            prop_assert_eq!(read.iter().map(|pair| pair.1.to_string()).collect::<Vec<_>>(), values);
            let cut = super::parts(&body.as_bytes()[..at.index(body.len())], &REQUEST);
            prop_assert_eq!(cut, Err(Unread::Parts));
        }

        #[test]
        fn what_fits_is_what_the_parser_reads(text in "\\[?\\{(\"[a-z]{0,3}\":(\\[1,2\\]|\"x\"|\\{\\}),?){0,5}\\}\\]?") {
            let parsed = serde_json::from_str::<Value>(&text).ok();
            prop_assert_eq!(super::json(text.as_bytes(), &REQUEST).ok(), parsed);
        }
    }
}
